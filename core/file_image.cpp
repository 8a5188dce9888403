#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/loader.h"

namespace monochord {

namespace {

// For file systems that can't map: reads all of it. False with errno set.
bool read_whole(int fd, uint8_t* data, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(fd, data + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;  // it became shorter
    if (got <= 0) return false;
    done += static_cast<uint64_t>(got);
  }
  return true;
}

}  // namespace

Result<FileImage> FileImage::open(const std::string& path) {
  FileImage file;
  file.path_ = path;
  if (path.empty()) return errorf("the name of a file is missing");
  // Not blocking: opening a pipe would wait for its writer.
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file.fd_ < 0) return errorf("can't open %s: %s; name an existing file that you may read", path.c_str(), strerror(errno));
  struct stat info;
  if (fstat(file.fd_, &info) != 0) return errorf("can't look at %s: %s", path.c_str(), strerror(errno));
  if (S_ISDIR(info.st_mode)) return errorf("%s is a directory; name the file in it", path.c_str());
  if (!S_ISREG(info.st_mode)) return errorf("%s is a pipe or a device; images are read again at each reset, so save it to a file first", path.c_str());
  if (info.st_size <= 0) return errorf("%s is empty; was its download or build cut short?", path.c_str());
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd_, 0);
  if (data != MAP_FAILED) {
    file.data_ = static_cast<uint8_t*>(data);
    file.size_ = size;
    return file;
  }
  data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return errorf("%s: no memory for its %llu bytes", path.c_str(), static_cast<unsigned long long>(size));
  file.data_ = static_cast<uint8_t*>(data);
  file.size_ = size;
  if (!read_whole(file.fd_, file.data_, size)) return errorf("can't read %s: %s", path.c_str(), strerror(errno));
  ::close(file.fd_);
  file.fd_ = -1;  // copied: it can't be mapped
  return file;
}

FileImage::FileImage(FileImage&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FileImage& FileImage::operator=(FileImage&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileImage::~FileImage() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace monochord
