// A pseudo terminal: the user attaches a terminal program to /dev/pts/N.
//
// While nobody has the slave open, the master is in the state "hung up" all the time: output is dropped, and the master isn't watched. inotify tells
// when somebody opens it; without inotify it is noticed at the next output.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/log.h"
#include "core/main_loop.h"
#include "port/posix/chardev.h"
#include "port/posix/fd_channel.h"

namespace monochord {

namespace {

class PtyChardev final : public CharBackend {
 public:
  PtyChardev(int master, const std::string& slave, const std::string& label)
      : master_(master), slave_(slave), label_(label), channel_({&receiver_, &PtyChardev::on_closed, this}) {
    notify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notify_ < 0) return;
    if (inotify_add_watch(notify_, slave_.c_str(), IN_OPEN) < 0) {
      close(notify_);
      notify_ = -1;
      return;
    }
    qemu_set_fd_handler(notify_, on_opened, nullptr, this);
  }
  ~PtyChardev() override {
    channel_.flush();
    channel_.close();
    if (notify_ >= 0) {
      qemu_set_fd_handler(notify_, nullptr, nullptr, nullptr);
      close(notify_);
    }
    close(master_);
  }
  void write(const uint8_t* bytes, size_t size) override {
    // The kernel would keep what is written now for whoever opens it next, and stop when that is much.
    if (hung_up()) {
      if (channel_.is_open()) on_closed(this);
      return;
    }
    if (channel_.output_is_gone()) connect();
    channel_.write(bytes, size);
  }
  void accept_input() override { channel_.accept_input(); }
  void flush() override { channel_.flush(); }
  bool is_terminal() const override { return true; }

 private:
  static void on_opened(void* opaque) {
    PtyChardev& self = *static_cast<PtyChardev*>(opaque);
    alignas(inotify_event) char events[4096];
    while (read(self.notify_, events, sizeof events) > 0) {
    }
    if (self.channel_.output_is_gone() && !self.hung_up()) self.connect();
  }
  static void on_closed(void* opaque) {
    PtyChardev& self = *static_cast<PtyChardev*>(opaque);
    self.channel_.close();
    self.send_event(CharEvent::kClosed);
  }
  bool hung_up() const {
    pollfd p = {master_, 0, 0};
    return poll(&p, 1, 0) < 0 || (p.revents & POLLHUP);
  }
  void connect() {
    const bool was_open = channel_.is_open();  // it was closed and opened before we looked
    channel_.open(master_, master_, label_, true);
    if (!was_open) send_event(CharEvent::kOpened);
  }

  const int master_;
  const std::string slave_;
  const std::string label_;
  int notify_ = -1;
  FdChannel channel_;
};

}  // namespace

Result<std::unique_ptr<CharBackend>> make_pty_chardev(const std::string& label) {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (master < 0) return errorf("%s: no pseudo terminal: /dev/ptmx: %s", label.c_str(), strerror(errno));
  int unlock = 0;
  unsigned number = 0;
  if (ioctl(master, TIOCSPTLCK, &unlock) != 0 || ioctl(master, TIOCGPTN, &number) != 0) {
    const int error = errno;
    close(master);
    return errorf("%s: no pseudo terminal: %s", label.c_str(), strerror(error));
  }
  const std::string slave = stringf("/dev/pts/%u", number);
  // Raw, so that nothing is echoed before a terminal program sets it up. Through an open slave once, so that the master hangs up from here on.
  const int fd = open(slave.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    close(master);
    return errorf("%s: %s: %s", label.c_str(), slave.c_str(), strerror(error));
  }
  termios settings;
  if (tcgetattr(fd, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(fd, TCSANOW, &settings);
  }
  close(fd);
  std::unique_ptr<CharBackend> chardev(new PtyChardev(master, slave, label));
  const std::string line = stringf("char device redirected to %s (label %s)\n", slave.c_str(), label.c_str());
  write_all(STDERR_FILENO, line.data(), line.size());
  return chardev;
}

}  // namespace monochord
