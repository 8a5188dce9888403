#include "port/posix/signals.h"

#include <cerrno>
#include <cstring>
#include <ucontext.h>
#include <unistd.h>

#include "core/bql.h"
#include "core/check.h"
#include "core/host.h"
#include "core/main_loop.h"
#include "port/posix/fd_flags.h"
#include "port/posix/posix_timer_host.h"
#include "port/posix/terminal.h"

namespace monochord {

volatile sig_atomic_t fd_hint = 0;

namespace {

constexpr int kEnds[] = {SIGTERM, SIGINT, SIGHUP};
constexpr int kCrashes[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGXCPU, SIGXFSZ};
constexpr int kIgnored[] = {SIGPIPE, SIGWINCH};

struct Saved {
  struct sigaction action;
  bool taken;
};
Saved saved[NSIG];

volatile sig_atomic_t ends_seen = 0;

// A handler may have interrupted anything: what it calls may not change what that sees.
class ErrnoGuard {
 public:
  ~ErrnoGuard() { errno = saved_; }

 private:
  const int saved_ = errno;
};

void say_terminating(int signal) {
  char line[] = "monochord: terminating on signal 00\n";
  const size_t digits = sizeof line - 4;
  size_t size = sizeof line - 1;
  if (signal >= 10) {
    line[digits] = static_cast<char>('0' + signal / 10);
    line[digits + 1] = static_cast<char>('0' + signal % 10);
  } else {
    line[digits] = static_cast<char>('0' + signal);
    line[digits + 1] = '\n';
    size--;
  }
  if (write(STDERR_FILENO, line, size) < 0) return;  // nobody to tell
}

void on_io(int, siginfo_t*, void* ucontext) {
  const ErrnoGuard guard;
  kick_interrupted_code(ucontext);
  fd_hint = 1;
  bql_signal_kick();
}

void on_end(int signal, siginfo_t*, void* ucontext) {
  const ErrnoGuard guard;
  kick_interrupted_code(ucontext);
  if (ends_seen) {
    terminal_restore();
    fd_flags_restore();
    _exit(128 + signal);
  }
  ends_seen = 1;
  say_terminating(signal);
  qemu_system_shutdown_request(ShutdownCause::kHostSignal, 0);
}

void set_default(int signal) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
}

// Raises `signal` with its default action, although its handler runs. Comes back when the process is continued, or where there is no default
// action (PID 1).
void default_action(int signal) {
  struct sigaction ours;
  sigaction(signal, nullptr, &ours);
  set_default(signal);
  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, signal);
  raise(signal);
  sigprocmask(SIG_UNBLOCK, &only, &before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  sigaction(signal, &ours, nullptr);
}

void on_stop(int signal) {
  const ErrnoGuard guard;
  terminal_restore();
  fd_flags_restore();
  default_action(signal);
  fd_flags_apply();
  terminal_apply();
  // Edges that came meanwhile went to nobody.
  fd_hint = 1;
  bql_signal_kick();
}

void on_continue(int) {
  const ErrnoGuard guard;
  fd_flags_apply();
  terminal_apply();
  fd_hint = 1;
  bql_signal_kick();
}

void on_crash(int signal, siginfo_t* info, void* ucontext) {
#if defined(__x86_64__)
  greg_t* const registers = static_cast<ucontext_t*>(ucontext)->uc_mcontext.gregs;
  if (const uintptr_t to = signal == SIGSEGV || signal == SIGBUS ? code_recover(static_cast<uintptr_t>(registers[REG_RIP])) : 0) {
    registers[REG_RIP] = static_cast<greg_t>(to);
    return;
  }
#endif
  terminal_restore();
  fd_flags_restore();
  run_crash_hook();
  const struct sigaction& before = saved[signal].action;
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, ucontext);
    return;
  }
  default_action(signal);
  _exit(128 + signal);  // PID 1 has no default actions
}

void take(int signal, const struct sigaction& wanted) {
  struct sigaction action = wanted;
  fill_our_signals(&action.sa_mask);
  sigaction(signal, &action, &saved[signal].action);
  saved[signal].taken = true;
}
void take(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  take(signal, action);
}
void take(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO;
  take(signal, action);
}

}  // namespace

void kick_interrupted_code(void* ucontext) {
#if defined(__x86_64__)
  greg_t* const registers = static_cast<ucontext_t*>(ucontext)->uc_mcontext.gregs;
  static_assert(sizeof(greg_t) == sizeof(int64_t));
  code_kick(static_cast<uintptr_t>(registers[REG_RIP]), reinterpret_cast<int64_t*>(&registers[REG_R15]));
#else
  (void)ucontext;
#endif
}

void fill_our_signals(sigset_t* set) { posix_timer_host_signals(set); }

void install_signal_handlers() {
  ends_seen = 0;
  take(SIGIO, on_io, SA_RESTART | SA_ONSTACK);
  for (int signal : kEnds) take(signal, on_end, SA_RESTART | SA_ONSTACK);
  take(SIGTSTP, on_stop, SA_RESTART | SA_ONSTACK);
  take(SIGCONT, on_continue, SA_RESTART | SA_ONSTACK);
  for (int signal : kCrashes) {
    struct sigaction now;
    sigaction(signal, nullptr, &now);
    // A sanitizer's handler knows more than ours, but for the faults of generated code; it gets the others.
    const bool default_now = !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
    const bool may_be_code = (signal == SIGSEGV || signal == SIGBUS) && (now.sa_flags & SA_SIGINFO);
    if (default_now || may_be_code) take(signal, on_crash, SA_ONSTACK);
  }
  for (int signal : kIgnored) take(signal, SIG_IGN, 0);
}

void restore_signal_handlers() {
  for (int signal = 1; signal < NSIG; signal++) {
    if (!saved[signal].taken) continue;
    sigaction(signal, &saved[signal].action, nullptr);
    saved[signal].taken = false;
  }
}

}  // namespace monochord
