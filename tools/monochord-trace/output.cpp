#include "tools/monochord-trace/output.h"

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace monochord::trace {

Result<Output> Output::open(const std::string& path) {
  Output output;
  if (path.empty() || path == "-") {
    output.file_ = stdout;
    return output;
  }
  output.path_ = path;
  if (char* real = realpath(path.c_str(), nullptr)) {  // through a link: the file changes, not the link
    output.path_ = real;
    free(real);
  }
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    output.file_ = fopen(path.c_str(), "we");  // /dev/null and the like are written as they are
  } else {
    std::string name = output.path_ + ".XXXXXX";  // beside it, so that rename() can put it there
    const int fd = mkstemp(name.data());
    if (fd >= 0) {
      const mode_t mask = umask(0);
      umask(mask);
      fchmod(fd, stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0666 & ~mask);
      output.temporary_ = name;
      output.file_ = fdopen(fd, "w");
    }
  }
  if (output.file_ == nullptr) return errorf("cannot write %s: %s", path.c_str(), strerror(errno));
  return output;
}

Output::Output(Output&& other) noexcept
    : file_(other.file_), path_(std::move(other.path_)), temporary_(std::move(other.temporary_)), failed_(other.failed_), error_(other.error_) {
  other.file_ = nullptr;
  other.temporary_.clear();
}

Output::~Output() {
  if (file_ != nullptr && file_ != stdout) fclose(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void Output::note_failure() {
  failed_ = true;
  error_ = errno;
}

void Output::print(const char* format, ...) {
  va_list args;
  va_start(args, format);
  write(vstringf(format, args));
  va_end(args);
}

Status Output::finish() {
  if (!failed_ && fflush(file_) != 0) note_failure();
  if (file_ != stdout) {
    if (!failed_ && !temporary_.empty() && fsync(fileno(file_)) != 0 && errno != EINVAL) note_failure();
    if (fclose(file_) != 0 && !failed_) note_failure();
    file_ = nullptr;
  }
  if (!failed_ && !temporary_.empty()) {
    if (rename(temporary_.c_str(), path_.c_str()) != 0)
      note_failure();
    else
      temporary_.clear();
  }
  if (!failed_) return {};
  if (error_ == EPIPE && path_.empty()) return Error{""};
  return errorf("cannot write %s: %s", path_.empty() ? "standard output" : path_.c_str(), strerror(error_));
}

}  // namespace monochord::trace
