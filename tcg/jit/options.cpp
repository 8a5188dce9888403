#include "tcg/jit/options.h"

#include <cstdlib>
#include <cstring>

namespace monochord {

JitOptions& jit_options() {
  static JitOptions options;
  return options;
}

namespace {

struct Switch {
  const char* name;
  bool JitOptions::*field;
  const char* help;
};
constexpr Switch kSwitches[] = {
    {"one-insn-per-tb", &JitOptions::one_insn, "units of one instruction (default off)"},
    {"x-chain", &JitOptions::chain, "units jump to each other directly (default on)"},
    {"x-slots", &JitOptions::slots, "each access of U and M mode remembers its page (default on)"},
    {"x-groups", &JitOptions::groups, "one check for accesses off one register (default on)"},
    {"x-follow", &JitOptions::follow, "units go on behind direct jumps (default on)"},
    {"x-look", &JitOptions::look, "each unit looks at the budget (default on where the guest's own instructions end a slice: -icount, -replay)"},
    {"x-count", &JitOptions::count, "instructions are counted (default on; off is for benchmarks, with x-slots=off: what depends on the count is wrong)"},
};

constexpr uint64_t kCacheMiBMin = 1, kCacheMiBMax = 1024;

}  // namespace

std::string jit_option_help() {
  std::string text = stringf("  %-22s %s\n", "tb-size=MiB", "room for generated code (default 32)");
  for (const Switch& s : kSwitches) text += stringf("  %-22s %s\n", stringf("%s=on|off", s.name).c_str(), s.help);
  return text + stringf("  %-22s %s\n", "x-tlb-entries=N", "a TLB of so many entries, a power of two up to 64, or 4096 (default)") +
         stringf("  %-22s %s\n", "x-units=N", "so many units in each half of the room for code, for tests");
}

const char* jit_option_names() { return "tb-size=MiB, one-insn-per-tb=, x-chain=, x-slots=, x-groups=, x-follow=, x-look=, x-count=, x-tlb-entries=N, x-units=N"; }

Status set_jit_option(JitOptions& options, const std::string& key, const std::string& value) {
  for (const Switch& s : kSwitches) {
    if (key != s.name) continue;
    if (value != "on" && value != "off") return errorf("-accel tcg,%s=%s: on or off", key.c_str(), value.c_str());
    options.*s.field = value == "on";
    return {};
  }
  char* end = nullptr;
  const unsigned long long number = strtoull(value.c_str(), &end, 10);
  const bool is_number = !value.empty() && *end == 0 && value[0] != '-';
  if (key == "tb-size") {
    if (!is_number || number < kCacheMiBMin || number > kCacheMiBMax) return errorf("-accel tcg,tb-size=%s: a number of MiB from 1 to 1024", value.c_str());
    options.cache_bytes = number << 20;
    return {};
  }
  if (key == "x-tlb-entries") {
    const bool fits = is_number && (number == 4096 || (number >= 1 && number <= 64 && (number & (number - 1)) == 0));
    if (!fits) return errorf("-accel tcg,x-tlb-entries=%s: a power of two up to 64, or 4096", value.c_str());
    options.tlb_entries = static_cast<unsigned>(number);
    return {};
  }
  if (key == "x-units") {
    if (!is_number || number < 1 || number > 1 << 20) return errorf("-accel tcg,x-units=%s: a number of units from 1 on", value.c_str());
    options.units_max = static_cast<unsigned>(number);
    return {};
  }
  return errorf("-accel tcg: unknown key '%s'; there are %s", key.c_str(), jit_option_names());
}

Status set_check(JitOptions& options, const std::string& value) {
  if (value == "unit") {
    options.check = kCheckUnit;
    return {};
  }
  char* end = nullptr;
  const unsigned long long number = strtoull(value.c_str(), &end, 10);
  if (value.empty() || value[0] < '0' || value[0] > '9' || *end != 0 || number < 1 || number > kCheckMax)
    return errorf("-check %s: 'unit', or a number of instructions from 1 to %llu", value.c_str(), static_cast<unsigned long long>(kCheckMax));
  options.check = number;
  return {};
}

Status set_accelerator(JitOptions& options, const std::string& name) {
  if (name != "tcg" && name != "interp") return errorf("-accel %s: only 'tcg' and 'interp' exist here: there is one thread and no hypervisor", name.c_str());
  options.enabled = name == "tcg";
  return {};
}

}  // namespace monochord
