// monochord: a RISC-V machine on one thread. main() puts the rooms together: host, timers, machine; then the loop runs.
#include <fcntl.h>
#include <qemu/timer.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/bql.h"
#include "core/guest_time.h"
#include "core/host.h"
#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace_session.h"
#include "port/posix/posix_host.h"
#include "port/posix/posix_timer_host.h"
#include "tcg/jit/perf_map.h"
#include "tools/monochord/determinism.h"
#include "tools/monochord/machine.h"
#include "tools/monochord/options.h"
#include "tools/monochord/recording.h"

namespace monochord {
namespace {

// Prints to stdout; a full disk or a closed pipe is an error, too.
int print_and_exit(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t size = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      error_report("can't write to stdout: %s", strerror(errno));
      return 1;
    }
    done += static_cast<size_t>(size);
  }
  return 0;
}

class PidFile {
 public:
  Status write(const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return errorf("-pidfile %s: %s", path.c_str(), strerror(errno));
    const std::string text = stringf("%d\n", getpid());
    const ssize_t written = ::write(fd, text.data(), text.size());
    close(fd);
    if (written != static_cast<ssize_t>(text.size())) return errorf("-pidfile %s: can't write it: %s", path.c_str(), strerror(errno));
    path_ = path;
    return {};
  }
  ~PidFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

 private:
  std::string path_;
};

int run_machine(const Options& given) {
  Options options = given;
  if (!options.log_file.empty())
    if (Status ok = open_log_file(options.log_file.c_str()); !ok) {
      error_report("%s", ok.error().message.c_str());
      return 1;
    }
  if (!options.log_items.empty()) log_mask = parse_log_items(options.log_items.c_str()).value();
  jit_options() = options.jit;
  if (log_enabled(kLogNoChain) || options.jit.check == kCheckUnit) jit_options().chain = false;
  std::unique_ptr<PerfMap> names;
  if (options.perfmap) {
    Result<std::unique_ptr<PerfMap>> opened = PerfMap::open(PerfMap::default_path());
    if (!opened) {
      error_report("%s", opened.error().message.c_str());
      return 1;
    }
    names = std::move(*opened);
    perf_map = names.get();
  }
  PidFile pidfile;
  if (!options.pidfile.empty())
    if (Status ok = pidfile.write(options.pidfile); !ok) {
      error_report("%s", ok.error().message.c_str());
      return 1;
    }

  if (const char* error = posix_timer_host_install(options.strict_masking ? kPosixMaskStrict : kPosixMaskLazy)) {
    error_report("%s", error);
    return 1;
  }
  posix_timer_host_set_kick(qemu_kick_current, nullptr);
  init_clocks(qemu_timer_notify_cb);
  static PosixHost host;
  host.install();
  set_host(&host);
  bql_lock();
  int status = 1;
  const Status recording = start_record_or_replay(options);
  guest_time_start(options.icount);
  // Slices are short and end in the middle of anything: the interpreter had too much of them.
  jit_options().look |= slices_are_exact;
  Result<std::unique_ptr<Machine>> machine = recording ? Machine::create(options) : Result<std::unique_ptr<Machine>>(recording.error());
  if (!machine) error_report("%s", machine.error().message.c_str());
  else if (!options.dumpdtb.empty()) status = 0;
  else if (Status ok = trace_start(options.trace); !ok) error_report("%s", ok.error().message.c_str());
  else status = trace_finish((*machine)->run());
  // Disarmed and blocked, then the terminal, then (at the end of this scope) the machine. The BQL stays held: no callback runs any more.
  host.uninstall();
  posix_timer_host_uninstall();
  return status;
}

int run(int argc, char** argv) {
  ensure_standard_fds();
  const Result<Options> parsed = parse_options(argc, argv);
  if (!parsed) {
    error_report("%s", parsed.error().message.c_str());
    return 1;
  }
  const Options& options = parsed.value();
  if (options.action == Options::Action::kPrintAndExit) return print_and_exit(options.text);
  return options.check_determinism != 0 ? check_determinism(options, run_machine) : run_machine(options);
}

}  // namespace
}  // namespace monochord

int main(int argc, char** argv) { return monochord::run(argc, argv); }
