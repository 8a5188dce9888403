#include "port/posix/posix_host.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bql.h"
#include "core/guest_time.h"
#include "core/main_loop.h"
#include "port/posix/fd_flags.h"
#include "port/posix/posix_timer_host.h"
#include "port/posix/signals.h"
#include "port/posix/terminal.h"

namespace monochord {

namespace {

short poll_events(unsigned events) {
  return static_cast<short>(((events & kFdRead) ? POLLIN : 0) | ((events & kFdWrite) ? POLLOUT : 0));
}

// The default action of a stop or of a crash comes after these; the hook of a failed CHECK.
void restore_before_abort() {
  terminal_restore();
  fd_flags_restore();
}

// Destructors and atexit functions are main's: a request is how a callback ends the process.
void check_exit() { CHECK_MSG(!in_handler_context(), "exit() in handler context: use qemu_system_shutdown_request"); }

}  // namespace

void ensure_standard_fds() {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // Reading gives the end of the file; writing fails, which tells whoever writes that nobody reads.
    int opened = open("/dev/null", O_RDONLY);
    if (opened < 0) {
      int ends[2];
      if (pipe(ends) != 0) continue;
      // The lowest free number is `fd`, so ends[0] is it. Without its writer it is at its end.
      opened = ends[0];
      close(ends[1]);
    }
    if (opened != fd && opened >= 0) {
      dup2(opened, fd);
      close(opened);
    }
  }
}

PosixHost::~PosixHost() { uninstall(); }

void PosixHost::install() {
  CHECK(!installed_);
  static bool exit_is_checked = false;
  if (!exit_is_checked) atexit(check_exit);
  exit_is_checked = true;
  sigset_t ours;
  fill_our_signals(&ours);
  install_signal_handlers();
  posix_timer_host_set_signal_hook(
      [](void*, void* ucontext) {
        kick_interrupted_code(ucontext);
        // The callbacks wait for the end of the slice: it has to come.
        if (counted_time()) bql_signal_kick();
      },
      nullptr);
  // Whoever started us may have left some of them blocked.
  sigprocmask(SIG_UNBLOCK, &ours, nullptr);
  set_check_hook(restore_before_abort);
  timer_set_check_hook(restore_before_abort);
  installed_ = true;
}

void PosixHost::uninstall() {
  if (!installed_) return;
  installed_ = false;
  sigset_t ours;
  fill_our_signals(&ours);
  sigprocmask(SIG_BLOCK, &ours, nullptr);
  posix_timer_host_set_signal_hook(nullptr, nullptr);
  fd_flags_forget();
  terminal_forget();
  restore_signal_handlers();
  set_check_hook(nullptr);
  timer_set_check_hook(nullptr);
}

void PosixHost::idle_wait(bool (*has_work)(void* opaque), void* opaque) {
  CHECK(bql_locked() && !in_handler_context());
  polled_ = watched_;
  struct Work {
    bool (*has_work)(void* opaque);
    void* opaque;
  } work = {has_work, opaque};
  // Opening the mask first runs what is pending; then the signals are blocked for real, and nothing comes between the look and the wait.
  bql_unlock();
  const int ready = posix_timer_host_wait(
      polled_.data(), static_cast<unsigned>(polled_.size()),
      [](void* both) {
        const Work& asked = *static_cast<Work*>(both);
        return fd_hint || asked.has_work(asked.opaque);
      },
      &work);
  if (ready > 0) fd_hint = 1;
  bql_lock();
}

Status PosixHost::watch_fd(int fd, unsigned events) {
  auto entry = std::find_if(watched_.begin(), watched_.end(), [fd](const pollfd& p) { return p.fd == fd; });
  if (events == 0) {
    if (entry != watched_.end()) watched_.erase(entry);
    return {};
  }
  if (entry != watched_.end()) {
    entry->events = poll_events(events);
    return {};
  }
  if (!fd_flags_set(fd, true)) return errorf("file descriptor %d can't be watched: %s", fd, strerror(errno));
  watched_.push_back({fd, poll_events(events), 0});
  return {};
}

bool PosixHost::take_fd_hint() {
  if (!fd_hint) return false;
  fd_hint = 0;
  return true;
}

unsigned PosixHost::poll_fd(int fd, unsigned events) {
  pollfd p = {fd, poll_events(events), 0};
  int ready;
  do {
    ready = poll(&p, 1, 0);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0 || (p.revents & POLLNVAL)) return 0;
  unsigned result = 0;
  if (p.revents & POLLIN) result |= kFdRead;
  if (p.revents & POLLOUT) result |= kFdWrite;
  if (p.revents & (POLLHUP | POLLERR)) result |= kFdHangup;
  return result;
}

bool wait_writable(int fd) {
  // The signals that end us must end this wait, so it is written like the idle wait.
  sigset_t ours, before, open_mask;
  fill_our_signals(&ours);
  sigprocmask(SIG_BLOCK, &ours, &before);
  open_mask = before;
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT, SIGQUIT}) sigdelset(&open_mask, signal);
  pollfd p = {fd, POLLOUT, 0};
  int ready = 0;
  while (ready <= 0 && !qemu_shutdown_requested()) ready = ppoll(&p, 1, nullptr, &open_mask);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return (p.revents & POLLOUT) && !qemu_shutdown_requested();
}

}  // namespace monochord
