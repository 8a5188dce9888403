#include "port/posix/terminal.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

namespace monochord {

namespace {

// One terminal: the user's. Written before `fd` says so.
termios before;
termios raw;
volatile int terminal_fd = -1;
volatile sig_atomic_t is_raw = 0;

// Setting a terminal from the background would stop us (SIGTTOU).
bool in_foreground(int fd) {
  const pid_t group = tcgetpgrp(fd);
  return group < 0 || group == getpgrp();  // below 0: not our controlling terminal, no job control
}

bool set(int fd, const termios& settings) {
  sigset_t stop, mask;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTTOU);
  sigprocmask(SIG_BLOCK, &stop, &mask);
  int result;
  do {
    result = tcsetattr(fd, TCSANOW, &settings);
  } while (result != 0 && errno == EINTR);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  return result == 0;
}

void at_exit() { terminal_restore(); }

}  // namespace

Status terminal_raw(int fd, TerminalMode mode) {
  if (!isatty(fd)) return {};
  if (terminal_fd >= 0 && terminal_fd != fd) return errorf("only one terminal can be raw");
  static bool registered = false;
  if (!registered) {
    registered = true;
    atexit(at_exit);
  }
  if (terminal_fd < 0 && tcgetattr(fd, &before) != 0) {
    return errorf("the terminal does not tell its settings: %s", strerror(errno));
  }
  raw = before;
  raw.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  // Messages of ours still end in a newline alone.
  raw.c_oflag |= OPOST;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
  if (mode == TerminalMode::kRawKeys) raw.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  raw.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  terminal_fd = fd;
  terminal_apply();
  return {};
}

void terminal_restore() {
  const int fd = terminal_fd;
  if (fd < 0 || !is_raw) return;
  // In the background the terminal is another job's; the shell puts back what it wants when we end.
  if (in_foreground(fd)) set(fd, before);
  is_raw = 0;
}

void terminal_apply() {
  const int fd = terminal_fd;
  if (fd < 0 || !in_foreground(fd)) return;
  if (set(fd, raw)) is_raw = 1;
}

void terminal_forget() {
  terminal_restore();
  terminal_fd = -1;
}

}  // namespace monochord
