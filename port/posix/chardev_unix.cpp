// A unix stream socket: server (one client at a time, another may come when it is gone) or client.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"
#include "core/main_loop.h"
#include "port/posix/chardev.h"
#include "port/posix/fd_channel.h"
#include "port/posix/signals.h"

namespace monochord {

namespace {

class UnixChardev final : public CharBackend {
 public:
  UnixChardev(int listen_fd, const std::string& path)
      : listen_fd_(listen_fd), path_(path), channel_({&receiver_, &UnixChardev::on_closed, this}) {
    if (listen_fd_ >= 0) qemu_set_fd_handler(listen_fd_, on_connection, nullptr, this);
  }
  ~UnixChardev() override {
    channel_.flush();
    disconnect();
    if (listen_fd_ < 0) return;
    qemu_set_fd_handler(listen_fd_, nullptr, nullptr, nullptr);
    close(listen_fd_);
    unlink(path_.c_str());
  }
  void write(const uint8_t* bytes, size_t size) override { channel_.write(bytes, size); }
  void accept_input() override { channel_.accept_input(); }
  void flush() override { channel_.flush(); }

  void connected(int fd) {
    fd_ = fd;
    channel_.open(fd, fd, path_, true);
    send_event(CharEvent::kOpened);
  }

 private:
  static void on_connection(void* opaque) { static_cast<UnixChardev*>(opaque)->accept_one(); }
  static void on_closed(void* opaque) {
    UnixChardev& self = *static_cast<UnixChardev*>(opaque);
    self.disconnect();
    self.send_event(CharEvent::kClosed);
    if (self.listen_fd_ >= 0) qemu_set_fd_handler(self.listen_fd_, on_connection, nullptr, opaque);
  }

  void accept_one() {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;  // it went away again
    qemu_set_fd_handler(listen_fd_, nullptr, nullptr, nullptr);
    connected(fd);
  }
  void disconnect() {
    channel_.close();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int listen_fd_;
  const std::string path_;
  int fd_ = -1;
  FdChannel channel_;
};

// Waits for a client; a signal that asks us to end ends it.
bool wait_for_client(int fd) {
  sigset_t ours, before, open_mask;
  fill_our_signals(&ours);
  sigprocmask(SIG_BLOCK, &ours, &before);
  open_mask = before;
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT, SIGQUIT}) sigdelset(&open_mask, signal);
  pollfd p = {fd, POLLIN, 0};
  bool ready = false;
  while (!ready && !qemu_shutdown_requested()) ready = ppoll(&p, 1, nullptr, &open_mask) > 0;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return ready;
}

}  // namespace

Result<std::unique_ptr<CharBackend>> make_unix_chardev(const UnixSocketOptions& options, const std::string& label) {
  const char* path = options.path.c_str();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.path.empty()) return errorf("%s: unix: needs a path", label.c_str());
  if (options.path.size() >= sizeof address.sun_path) {
    return errorf("%s: the socket's path is longer than %zu bytes; choose a shorter one", path, sizeof address.sun_path - 1);
  }
  memcpy(address.sun_path, path, options.path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errorf("%s: no socket: %s", path, strerror(errno));
  const auto fail = [fd, path](const char* what) {
    const int error = errno;
    close(fd);
    return errorf("%s: can't %s: %s", path, what, strerror(error));
  };
  if (!options.server) {
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail("connect (server=on waits for others)");
    std::unique_ptr<UnixChardev> chardev(new UnixChardev(-1, options.path));
    chardev->connected(fd);
    return std::unique_ptr<CharBackend>(std::move(chardev));
  }
  // A socket that an earlier run left behind is in the way; anything else is somebody's file.
  struct stat existing;
  if (lstat(path, &existing) == 0 && S_ISSOCK(existing.st_mode)) unlink(path);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail("make the socket");
  if (listen(fd, 1) != 0) return fail("listen");
  if (options.wait) {
    warn_report("%s: waiting for a connection on unix:%s", label.c_str(), path);
    if (!wait_for_client(fd)) {
      close(fd);
      unlink(path);
      return errorf("%s: interrupted while waiting for a connection", path);
    }
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return std::unique_ptr<CharBackend>(new UnixChardev(fd, options.path));
}

}  // namespace monochord
