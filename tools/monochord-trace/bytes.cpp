#include "tools/monochord-trace/bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace monochord::trace {

namespace {

class FileBytes final : public Bytes {
 public:
  FileBytes(int fd, uint64_t size) : fd_(fd), size_(size) {}
  ~FileBytes() override { close(fd_); }
  uint64_t size() const override { return size_; }
  bool read(uint64_t offset, void* to, size_t size) override {
    if (offset > size_ || size > size_ - offset) return false;
    for (char* at = static_cast<char*>(to); size > 0;) {
      const ssize_t got = pread(fd_, at, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += got;
      offset += static_cast<uint64_t>(got);
      size -= static_cast<size_t>(got);
    }
    return true;
  }

 private:
  int fd_;
  uint64_t size_;
};

class MemoryBytes final : public Bytes {
 public:
  explicit MemoryBytes(std::string content) : content_(std::move(content)) {}
  uint64_t size() const override { return content_.size(); }
  bool read(uint64_t offset, void* to, size_t size) override {
    if (offset > content_.size() || size > content_.size() - offset) return false;
    if (size > 0) memcpy(to, content_.data() + offset, size);  // nothing may go nowhere
    return true;
  }

 private:
  std::string content_;
};

}  // namespace

Result<std::unique_ptr<Bytes>> open_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hold us up
  if (fd < 0) return errorf("%s: %s", path.c_str(), strerror(errno));
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return errorf("%s: not a regular file; a trace is read more than once, so store it in one first", path.c_str());
  }
  return std::unique_ptr<Bytes>(new FileBytes(fd, static_cast<uint64_t>(info.st_size)));
}

std::unique_ptr<Bytes> memory_bytes(std::string content) { return std::make_unique<MemoryBytes>(std::move(content)); }

}  // namespace monochord::trace
