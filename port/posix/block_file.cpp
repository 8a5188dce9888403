#include "port/posix/block_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "core/log.h"

namespace monochord {

namespace {

constexpr uint64_t kSectorSize = 512;

// --- locks --------------------------------------------------------------------------------------------------
// One byte a permission: a lock at kUsed + p says "I use p", at kUnshared + p "nobody else may use p". All are shared locks; who wants to know
// asks whether an exclusive one would be possible.
constexpr off_t kUsed = 100;
constexpr off_t kUnshared = 200;
constexpr int kPermRead = 0;
constexpr int kPermWrite = 1;
constexpr int kPermResize = 3;

bool set_lock(int fd, off_t byte) {
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

void unlock_all(int fd) {
  struct flock lock = {};
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  (void)fcntl(fd, F_OFD_SETLK, &lock);
}

bool somebody_else_locks(int fd, off_t byte) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// False when another process has the image in a way that does not go with ours. Filesystems without locks are taken as they are.
// `own_fd`: locks that we hold already through another descriptor are given up first.
bool lock_image(int fd, bool writes, int own_fd = -1) {
  if (own_fd >= 0) unlock_all(own_fd);
  std::vector<int> used = {kPermRead};
  if (writes) used.push_back(kPermWrite);
  for (int perm : used) {
    if (!set_lock(fd, kUsed + perm)) return errno != EAGAIN && errno != EACCES;
  }
  for (int perm : {kPermWrite, kPermResize}) (void)set_lock(fd, kUnshared + perm);
  for (int perm : used) {
    if (somebody_else_locks(fd, kUnshared + perm)) return false;
  }
  return !somebody_else_locks(fd, kUsed + kPermWrite) && !somebody_else_locks(fd, kUsed + kPermResize);
}

// --- whole transfers ----------------------------------------------------------------------------------------
// What lies past the end of the file reads as zeros; `got_all` says whether that happened.
int read_all(int fd, uint64_t offset, uint8_t* bytes, size_t size, bool* got_all) {
  *got_all = true;
  while (size > 0) {
    const ssize_t got = pread(fd, bytes, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) {
      *got_all = false;
      memset(bytes, 0, size);
      return 0;
    }
    bytes += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return 0;
}

int write_all_at(int fd, uint64_t offset, const uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t put = pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    if (put == 0) return ENOSPC;
    bytes += put;
    offset += static_cast<uint64_t>(put);
    size -= static_cast<size_t>(put);
  }
  return 0;
}

class BlockFile;
std::vector<BlockFile*>& open_files() {
  static std::vector<BlockFile*> list;
  return list;
}

// --- the backend --------------------------------------------------------------------------------------------
class BlockFile final : public BlockBackend {
 public:
  BlockFile(int fd, int overlay_fd, uint64_t file_size, const BlockFileOptions& options)
      : fd_(fd), overlay_fd_(overlay_fd), file_size_(file_size), options_(options) {
    if (overlay_fd_ >= 0) written_.resize((size_bytes() / kSectorSize + 63) / 64);
    open_files().push_back(this);
  }
  ~BlockFile() override {
    open_files().erase(std::find(open_files().begin(), open_files().end(), this));
    close(fd_);
    if (overlay_fd_ >= 0) close(overlay_fd_);
  }

  uint64_t size_bytes() const override { return (file_size_ + kSectorSize - 1) / kSectorSize * kSectorSize; }
  bool read_only() const override { return options_.read_only; }
  const std::string& id() const override { return options_.id; }

  int read(uint64_t offset, void* buffer, size_t size) override {
    if (!in_range(offset, size)) return EIO;
    uint8_t* bytes = static_cast<uint8_t*>(buffer);
    if (overlay_fd_ < 0) return report(read_base(offset, bytes, size), "read");
    while (size > 0) {
      const bool from_overlay = is_written(offset / kSectorSize);
      const size_t part = run_length(offset, size, from_overlay);
      bool got_all;
      const int error = from_overlay ? read_all(overlay_fd_, offset, bytes, part, &got_all) : read_base(offset, bytes, part);
      if (error != 0) return report(error, "read");
      bytes += part;
      offset += part;
      size -= part;
    }
    return 0;
  }

  int write(uint64_t offset, const void* buffer, size_t size) override {
    if (options_.read_only) return EROFS;
    if (!in_range(offset, size)) return EIO;
    const uint8_t* bytes = static_cast<const uint8_t*>(buffer);
    if (overlay_fd_ < 0) return report(write_all_at(fd_, offset, bytes, size), "write");
    if (offset % kSectorSize != 0 || size % kSectorSize != 0) return EIO;
    const int error = write_all_at(overlay_fd_, offset, bytes, size);
    if (error == 0) mark_written(offset, size);
    return report(error, "write");
  }

  int flush() override {
    if (options_.read_only || overlay_fd_ >= 0) return 0;
    int result;
    do {
      result = fdatasync(fd_);
    } while (result != 0 && errno == EINTR);
    return report(result == 0 ? 0 : errno, "flush");
  }

  bool is_snapshot() const { return overlay_fd_ >= 0; }
  const std::string& path() const { return options_.path; }

  int commit() override {
    if (!is_snapshot()) return flush();
    const int base = open(options_.path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (base < 0) return report(errno, "commit");
    int error = options_.locking && !lock_image(base, true, fd_) ? EBUSY : 0;
    std::array<uint8_t, 64 * 1024> bytes;
    for (uint64_t offset = 0; offset < size_bytes() && error == 0;) {
      const bool changed = is_written(offset / kSectorSize);
      const size_t part = run_length(offset, static_cast<size_t>(std::min<uint64_t>(bytes.size(), size_bytes() - offset)), changed);
      bool got_all;
      if (changed) error = read_all(overlay_fd_, offset, bytes.data(), part, &got_all);
      if (changed && error == 0) error = write_all_at(base, offset, bytes.data(), part);
      offset += part;
    }
    if (error == 0 && fdatasync(base) != 0) error = errno;
    close(base);
    if (options_.locking) (void)lock_image(fd_, false);
    return report(error, "commit");
  }

  int discard(uint64_t offset, uint64_t size) override {
    if (options_.read_only) return EROFS;
    if (!in_range(offset, size)) return EIO;
    // The guest only says that it does not need the bytes; where the host can't give them back, they stay.
    if (overlay_fd_ < 0) (void)fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size));
    return 0;
  }

  int write_zeroes(uint64_t offset, uint64_t size) override {
    if (options_.read_only) return EROFS;
    if (!in_range(offset, size)) return EIO;
    if (overlay_fd_ < 0 &&
        fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size)) == 0) {
      return 0;
    }
    static const std::array<uint8_t, 64 * 1024> zeros{};
    while (size > 0) {
      const size_t part = static_cast<size_t>(std::min<uint64_t>(size, zeros.size()));
      const int error = write(offset, zeros.data(), part);
      if (error != 0) return error;
      offset += part;
      size -= part;
    }
    return 0;
  }

 private:
  bool in_range(uint64_t offset, uint64_t size) const { return offset <= size_bytes() && size <= size_bytes() - offset; }

  // Zeros past the file's own end are the rounding of its size; a file that became shorter than it was is an error.
  int read_base(uint64_t offset, uint8_t* bytes, size_t size) const {
    const uint64_t inside = offset < file_size_ ? std::min<uint64_t>(size, file_size_ - offset) : 0;
    bool got_all;
    const int error = read_all(fd_, offset, bytes, static_cast<size_t>(inside), &got_all);
    if (error != 0) return error;
    if (!got_all) return EIO;
    memset(bytes + inside, 0, size - static_cast<size_t>(inside));
    return 0;
  }

  bool is_written(uint64_t sector) const { return written_[sector / 64] >> (sector % 64) & 1; }
  void mark_written(uint64_t offset, size_t size) {
    for (uint64_t sector = offset / kSectorSize; sector < (offset + size) / kSectorSize; sector++) {
      written_[sector / 64] |= uint64_t{1} << (sector % 64);
    }
  }
  // How many of the bytes from `offset` on come from the same place.
  size_t run_length(uint64_t offset, size_t size, bool from_overlay) const {
    const uint64_t end = offset + size;
    uint64_t next = (offset / kSectorSize + 1) * kSectorSize;
    while (next < end && is_written(next / kSectorSize) == from_overlay) next += kSectorSize;
    return static_cast<size_t>(std::min(next, end) - offset);
  }

  // One line a kind of error; the guest gets ENOSPC as it is, and EIO for everything else.
  int report(int error, const char* what) {
    if (error == 0) return 0;
    const int shown = error == EDQUOT ? ENOSPC : error;
    if (std::find(reported_.begin(), reported_.end(), shown) == reported_.end()) {
      reported_.push_back(shown);
      error_report("%s (drive %s): %s error: %s; the guest sees an I/O error", options_.path.c_str(), options_.id.c_str(), what, strerror(error));
    }
    return shown == ENOSPC ? ENOSPC : EIO;
  }

  const int fd_;
  const int overlay_fd_;
  const uint64_t file_size_;
  const BlockFileOptions options_;
  std::vector<uint64_t> written_;   // a bit a sector that is in the overlay
  std::vector<int> reported_;
};

Result<uint64_t> image_size(int fd, const char* path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return errorf("%s: %s", path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return errorf("%s: is a directory, not a disk image", path);
  if (S_ISBLK(info.st_mode)) {
    uint64_t size = 0;
    if (ioctl(fd, BLKGETSIZE64, &size) != 0) return errorf("%s: the block device does not tell its size: %s", path, strerror(errno));
    return size;
  }
  if (!S_ISREG(info.st_mode)) return errorf("%s: is neither a file nor a block device", path);
  return static_cast<uint64_t>(info.st_size);
}

// A file without a name, where there is room for it.
Result<int> open_overlay() {
  const char* const tmpdir = getenv("TMPDIR");
  std::string tried;
  for (const char* folder : {tmpdir, "/var/tmp", "/tmp"}) {
    if (folder == nullptr || *folder == '\0') continue;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    std::string name = std::string(folder) + "/monochord-XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) {
      unlink(name.c_str());
      return fd;
    }
    tried += stringf("%s%s: %s", tried.empty() ? "" : ", ", folder, strerror(errno));
  }
  return errorf("snapshot=on needs a folder for a temporary file (%s); set TMPDIR", tried.c_str());
}

}  // namespace

Result<std::unique_ptr<BlockBackend>> open_block_file(const BlockFileOptions& options) {
  const char* path = options.path.c_str();
  const bool writes = !options.read_only && !options.snapshot;
  const int fd = open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) {
    if (errno == EISDIR) return errorf("%s: is a directory, not a disk image", path);
    if (writes && (errno == EACCES || errno == EROFS || errno == EPERM)) {
      return errorf("%s: can't be written: %s; use readonly=on or snapshot=on", path, strerror(errno));
    }
    return errorf("%s: %s", path, strerror(errno));
  }
  Result<uint64_t> size = image_size(fd, path);
  if (!size) {
    close(fd);
    return size.error();
  }
  if (options.locking && !lock_image(fd, writes)) {
    close(fd);
    return errorf("%s: another process uses this image; end it, or use snapshot=on,file.locking=off", path);
  }
  int overlay = -1;
  if (options.snapshot) {
    Result<int> made = open_overlay();
    if (!made) {
      close(fd);
      return made.error();
    }
    overlay = *made;
  }
  return std::unique_ptr<BlockBackend>(new BlockFile(fd, overlay, *size, options));
}

void commit_all_block_files() {
  for (BlockFile* file : open_files()) {
    if (!file->is_snapshot()) continue;
    if (file->commit() == 0) warn_report("%s (drive %s): the snapshot's changes are in the image now", file->path().c_str(), file->id().c_str());
  }
}

}  // namespace monochord
