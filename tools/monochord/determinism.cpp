#include "tools/monochord/determinism.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdlib>
#include <cstring>

#include "core/guest_time.h"
#include "core/loader.h"
#include "core/log.h"
#include "tools/monochord-trace/commands.h"

namespace monochord {

#ifdef MONOCHORD_NO_PROCESSES

int check_determinism(const Options&, int (*)(const Options&)) {
  error_report("--check-determinism starts a process for each run, and this build knows no way to start one; use the normal build");
  return 1;
}

#else

namespace {

// A folder for the runs' traces and consoles, gone at the end.
class Scratch {
 public:
  Status make() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/monochord-determinism-XXXXXX";
    if (mkdtemp(path_.data()) != nullptr) return {};
    const Error error = errorf("--check-determinism: can't make %s: %s; set TMPDIR to a folder with room", path_.c_str(), strerror(errno));
    path_.clear();
    return error;
  }
  ~Scratch() {
    if (path_.empty()) return;
    for (const std::string& file : files_) unlink(file.c_str());
    rmdir(path_.c_str());
  }
  std::string file(unsigned run, const char* what) {
    files_.push_back(path_ + stringf("/%u.%s", run, what));
    return files_.back();
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

struct Run {
  std::string trace, console, inputs;
  int status = 0;
};

bool replace_fd(int fd, const char* path, int flags) {
  const int opened = open(path, flags | O_CLOEXEC, 0600);
  return opened >= 0 && dup2(opened, fd) == fd;
}

// In the child: nobody types, the console goes to a file, and every event of the guest is traced.
int run_child(Options options, const Run& run, int (*run_once)(const Options&)) {
  if (!replace_fd(STDIN_FILENO, "/dev/null", O_RDONLY) || !replace_fd(STDOUT_FILENO, run.console.c_str(), O_WRONLY | O_CREAT | O_TRUNC)) return 1;
  options.trace = TraceRequest{};
  for (unsigned event = 0; event < kTraceEventCount; event++)
    if (kTraceEvents[event].stream == TraceStream::kGuest) options.trace.events |= uint64_t{1} << event;
  options.trace.file = run.trace;
  const int status = run_once(options);
  // What reached the guest from outside after all.
  if (const int fd = open(run.inputs.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); fd >= 0) {
    const std::string count = std::to_string(guest_inputs());
    write_all(fd, count.data(), count.size());
    close(fd);
  }
  return status;
}

std::string content(const std::string& path) {
  const Result<FileImage> file = FileImage::open(path);
  if (!file) return "";  // an empty one, too
  return std::string(reinterpret_cast<const char*>(file.value().data()), file.value().size());
}

// False: the child was killed, as said.
bool wait_for(pid_t child, unsigned number, Run& run) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  if (WIFSIGNALED(status)) {
    error_report("--check-determinism: run %u was ended by signal %d", number, WTERMSIG(status));
    return false;
  }
  run.status = WEXITSTATUS(status);
  return true;
}

bool is_same(const Run& first, const Run& other, unsigned number) {
  const std::string_view files[] = {first.trace, other.trace};
  if (trace::diff_command(files) != trace::kSame) {
    error_report("--check-determinism: run %u is not the same as run 1 (first difference above)", number);
    return false;
  }
  if (content(first.console) != content(other.console)) {
    error_report("--check-determinism: run %u printed something else than run 1", number);
    return false;
  }
  if (first.status == other.status) return true;
  error_report("--check-determinism: run %u ended with status %d, run 1 with %d", number, other.status, first.status);
  return false;
}

}  // namespace

int check_determinism(const Options& options, int (*run_once)(const Options&)) {
  Scratch scratch;
  if (Status ok = scratch.make(); !ok) {
    error_report("%s", ok.error().message.c_str());
    return 1;
  }
  Run first;
  for (unsigned number = 1; number <= options.check_determinism; number++) {
    Run run{scratch.file(number, "trace"), scratch.file(number, "console"), scratch.file(number, "inputs"), 0};
    const pid_t child = fork();
    if (child < 0) {
      error_report("--check-determinism: can't start run %u: %s", number, strerror(errno));
      return 1;
    }
    if (child == 0) _exit(run_child(options, run, run_once));
    if (!wait_for(child, number, run)) return 1;
    const std::string inputs = content(run.inputs);
    if (inputs.empty()) {
      error_report("--check-determinism: run %u did not come to its end", number);
      return 1;
    }
    error_report("run %u of %u: status %d, inputs from outside: %s", number, options.check_determinism, run.status, inputs.c_str());
    if (number == 1) {
      const std::string console = content(run.console);
      write_all(STDOUT_FILENO, console.data(), console.size());
      first = run;
    } else if (!is_same(first, run, number)) {
      return 1;
    }
  }
  error_report("--check-determinism: %u runs, all the same", options.check_determinism);
  return 0;
}

#endif

}  // namespace monochord
