#include "port/posix/fd_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <unistd.h>

#include "core/log.h"
#include "core/main_loop.h"
#include "port/posix/fd_flags.h"
#include "port/posix/posix_host.h"

namespace monochord {

namespace {
constexpr size_t kQueueMax = 64 * 1024;  // bytes
constexpr size_t kReadMax = 4096;        // bytes a call: bounded work a wake
constexpr int kFlushMs = 1000;
}  // namespace

void FdChannel::open(int in_fd, int out_fd, const std::string& what, bool lossy) {
  close();
  in_fd_ = in_fd;
  out_fd_ = out_fd;
  what_ = what;
  lossy_ = lossy;
  gone_ = out_fd < 0;
  closed_told_ = false;
  if (out_fd >= 0 && !fd_flags_set(out_fd, false)) output_gone(errno);
  if (in_fd >= 0 && in_fd != out_fd && !fd_flags_set(in_fd, false)) in_fd_ = -1;  // a closed stdin is an empty one
  reading_ = in_fd_ >= 0;
  watch();
}

void FdChannel::close() {
  if (in_fd_ >= 0) qemu_set_fd_handler(in_fd_, nullptr, nullptr, nullptr);
  if (out_fd_ >= 0 && out_fd_ != in_fd_) qemu_set_fd_handler(out_fd_, nullptr, nullptr, nullptr);
  in_fd_ = out_fd_ = -1;
  reading_ = false;
  gone_ = true;
  queue_.clear();
}

void FdChannel::set_handlers(int fd, bool read, bool write) {
  qemu_set_fd_handler(fd, read ? on_readable : nullptr, write ? on_writable : nullptr, this);
}

void FdChannel::watch() {
  const bool writing = !queue_.empty();
  if (in_fd_ >= 0 && in_fd_ == out_fd_) {
    set_handlers(in_fd_, reading_, writing);
    return;
  }
  if (in_fd_ >= 0) set_handlers(in_fd_, reading_, false);
  if (out_fd_ >= 0) set_handlers(out_fd_, false, writing);
}

void FdChannel::accept_input() {
  if (reading_ || in_fd_ < 0) return;
  reading_ = true;
  watch();
}

void FdChannel::read_input() {
  const CharReceiver& receiver = *owner_.receiver;
  const size_t room = receiver.receive != nullptr ? receiver.can_receive(receiver.opaque) : 0;
  if (room == 0) {
    // Not watched until it calls accept_input(): what is ready all the time would keep the loop busy.
    reading_ = false;
    watch();
    return;
  }
  uint8_t bytes[kReadMax];
  const ssize_t got = read(in_fd_, bytes, std::min(room, sizeof bytes));
  if (got > 0) {
    receiver.receive(receiver.opaque, bytes, static_cast<size_t>(got));
    return;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // The end of the file, or a terminal that is gone.
  reading_ = false;
  watch();
  if (!closed_told_ && owner_.closed != nullptr) {
    closed_told_ = true;
    owner_.closed(owner_.opaque);
  }
}

void FdChannel::output_gone(int error) {
  if (!lossy_ && !warned_) {
    warned_ = true;
    warn_report("%s: %s; its output is dropped", what_.c_str(), strerror(error));
  }
  queue_.clear();
  // A full disk may have room again; the others stay gone.
  if (error != ENOSPC && error != EDQUOT) gone_ = true;
}

// Returns how much went out, or was dropped for good.
size_t FdChannel::write_now(const uint8_t* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t put = ::write(out_fd_, bytes + done, size - done);
    if (put > 0) {
      done += static_cast<size_t>(put);
    } else if (put < 0 && errno == EINTR) {
      continue;
    } else if (put == 0 || errno == EAGAIN) {
      break;
    } else {
      output_gone(errno);
      return size;
    }
  }
  return done;
}

void FdChannel::write(const uint8_t* bytes, size_t size) {
  if (gone_ || size == 0) return;
  size_t done = queue_.empty() ? write_now(bytes, size) : 0;
  while (done < size && !gone_) {
    const size_t room = kQueueMax - std::min(queue_.size(), kQueueMax);
    const size_t part = std::min(room, size - done);
    const bool was_empty = queue_.empty();
    queue_.insert(queue_.end(), bytes + done, bytes + done + part);
    done += part;
    if (was_empty) watch();
    if (done == size) break;
    // The queue is full: the guest waits, it does not see why.
    if (!wait_writable(out_fd_)) {
      if (!qemu_shutdown_requested()) output_gone(EPIPE);
      return;
    }
    write_queue();
  }
}

void FdChannel::write_queue() {
  while (!queue_.empty()) {
    uint8_t bytes[kReadMax];
    const size_t size = std::min(queue_.size(), sizeof bytes);
    std::copy_n(queue_.begin(), size, bytes);
    const size_t done = write_now(bytes, size);
    if (gone_ || queue_.empty()) break;
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(done));
    if (done < size) break;
  }
  if (queue_.empty()) watch();
}

void FdChannel::flush() {
  while (!queue_.empty() && !gone_) {
    pollfd p = {out_fd_, POLLOUT, 0};
    const int ready = poll(&p, 1, kFlushMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      gone_ = true;  // nobody reads, and we want to end
      break;
    }
    write_queue();
  }
}

}  // namespace monochord
