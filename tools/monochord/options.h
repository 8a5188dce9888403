// The command line of `qemu-system-riscv64`, for what exists here. Parsing only: nothing is opened or built.
//
// Rules
// - `-opt` and `--opt` are alike. Values are QEMU's: key=value lists with `,` between and `,,` for a comma.
// - An unknown option is an error that names the nearest accepted one; an option that makes no sense on one thread without a display is refused
//   with the reason. Every error is one line.
#pragma once

#include <qemu/timer.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/schedule.h"
#include "core/trace_session.h"
#include "tcg/jit/options.h"

namespace monochord {

// "type,key=value,key2": what stands before the first `=`-less item is `head` (only where the option has one).
class OptionList {
 public:
  // `implied`: the key that the first value belongs to when it is given without one ("file" of "-drive F"); null for none.
  static OptionList parse(std::string_view text, const char* implied);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  // The value, or `fallback` where the key is absent.
  std::string get(std::string_view key, std::string_view fallback = {}) const;
  // A key whose value isn't in `allowed` keys: the error names it and the nearest one.
  Status check_keys(const char* option, std::initializer_list<std::string_view> allowed) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  const std::string* find(std::string_view key) const;
  std::vector<std::pair<std::string, std::string>> items_;
};

// "on", "off", "yes", "no", "true", "false"; `what` is for the message ("-drive readonly").
Result<bool> parse_bool(const std::string& what, const std::string& text);
// Decimal, 0x hex or octal; the whole text must be the number.
std::optional<uint64_t> parse_u64(std::string_view text);
// A size with an optional suffix B K M G T (powers of 1024); a number without one is in units of `unit` bytes.
Result<uint64_t> parse_size(const std::string& what, const std::string& text, uint64_t unit);

struct Options {
  enum class Action { kRun, kPrintAndExit };
  Action action = Action::kRun;
  std::string text;                     // what kPrintAndExit prints

  std::string dumpdtb;                  // -M virt,dumpdtb=F
  std::string cpu = "rv64";
  uint64_t ram_bytes = 128ull << 20;
  std::string bios = "default";
  std::string kernel, initrd, dtb;
  std::optional<std::string> append;
  std::vector<std::string> search_dirs;         // -L
  std::vector<OptionList> devices;              // -device, the type under key "driver"
  std::vector<OptionList> drives;               // -drive, -blockdev is refused
  std::vector<OptionList> chardevs;             // -chardev, the backend under key "backend"
  std::vector<std::string> serials;             // -serial
  std::optional<std::string> monitor;           // -monitor
  std::vector<std::string> gdb;                 // -gdb, -s
  bool nographic = false;
  bool freeze = false;                          // -S
  bool no_reboot = false;
  bool no_shutdown = false;
  std::string log_items, log_file;              // -d, -D
  TraceRequest trace;                           // -trace, -d trace:
  std::string name, pidfile;
  std::string rtc_base, rtc_clock;              // -rtc; empty: the default, see defaults_of_time()
  IcountOptions icount = {ICOUNT_DISABLED, 0, true, false};
  unsigned check_determinism = 0;               // --check-determinism: so many runs; 0: off
  std::string record, replay;                   // -record, -replay, -icount rr=,rrfile=
  std::string command_line;                     // as it was given, for messages and recordings
  std::optional<int64_t> rtc_base_ns;           // what a recording says instead of rtc_base
  Schedule schedule;                            // --interrupt-at, --hold-interrupt
  std::optional<uint64_t> seed;                 // -seed: of everything random that the guest sees
  JitOptions jit;                               // -accel, -machine accel=
  bool force_legacy = true;                     // -global virtio-mmio.force-legacy
  bool stats = false;                           // --stats: instructions per second and what the JIT did, at the end
  bool perfmap = false;                         // -perfmap
  bool strict_masking = false;                  // --strict-masking: sigprocmask instead of the lazy mask
};

Result<Options> parse_options(int argc, char** argv);

}  // namespace monochord
