#include "port/posix/posix_timer_host.h"

#include <errno.h>
#include <qemu/timer.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static_assert(sizeof(void*) == 8 && sizeof(time_t) == 8, "the raw timer system calls below take 64-bit times");

namespace {

constexpr size_t kMinStackBytes = 256 * 1024;
constexpr int kSignals[] = {SIGALRM, SIGIO, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};

// The kernel's struct sigevent; libcs spell its thread id differently.
constexpr int kSigevThreadId = 4;
struct KernelSigevent {
  union {
    int number;
    void* pointer;
  } value;
  int signal;
  int notify;
  int thread_id;
  int padding[11];
};
static_assert(sizeof(KernelSigevent) == 64);

struct Stack {
  char* mapping = nullptr;
  size_t mapping_bytes = 0;
  char* base = nullptr;
  size_t bytes = 0;
};

struct Host {
  TimerHostOps ops = {};
  bool installed = false;
  bool has_timer = false;  // else setitimer
  int timer_id = 0;
  Stack stack;
  stack_t old_stack = {};
  struct sigaction old_action = {};
  bool was_blocked = false;  // strict masking: SIGALRM was blocked by somebody else already
  void (*kick)(void*) = nullptr;
  void* kick_opaque = nullptr;
  void (*signal_hook)(void*, void*) = nullptr;
  void* signal_hook_opaque = nullptr;
  PosixTimerHostCounters counters = {};
  char message[160] = {};
};
Host host;

int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

int64_t monotonic_ns(void*) { return clock_ns(CLOCK_MONOTONIC); }
int64_t wall_ns(void*) { return clock_ns(CLOCK_REALTIME); }

int64_t host_ticks(void*) {
#if defined(__x86_64__)
  return static_cast<int64_t>(__rdtsc());
#elif defined(__aarch64__)
  int64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return clock_ns(CLOCK_MONOTONIC);
#endif
}

void set_timer(int64_t deadline_ns) {
  struct itimerspec spec = {};
  if (deadline_ns != INT64_MAX) {
    // A value of 0 would disarm.
    const int64_t at_ns = deadline_ns > 0 ? deadline_ns : 1;
    spec.it_value.tv_sec = at_ns / NANOSECONDS_PER_SECOND;
    spec.it_value.tv_nsec = at_ns % NANOSECONDS_PER_SECOND;
  }
  syscall(SYS_timer_settime, host.timer_id, TIMER_ABSTIME, &spec, nullptr);
}

void set_itimer(int64_t deadline_ns) {
  struct itimerval value = {};
  if (deadline_ns != INT64_MAX) {
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    int64_t delta_us = 1;
    // Rounded up: an alarm that comes early finds nothing due.
    if (deadline_ns > now_ns) delta_us = (deadline_ns - now_ns) / 1000 + 1;
    value.it_value.tv_sec = static_cast<time_t>(delta_us / 1000000);
    value.it_value.tv_usec = static_cast<suseconds_t>(delta_us % 1000000);
  }
  setitimer(ITIMER_REAL, &value, nullptr);
}

void arm(void*, int64_t deadline_ns) {
  host.counters.settime_calls++;
  if (host.has_timer) {
    set_timer(deadline_ns);
  } else {
    set_itimer(deadline_ns);
  }
}

void set_masked(void*, bool masked) {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  if (masked) {
    sigset_t before;
    sigprocmask(SIG_BLOCK, &alarm, &before);
    host.was_blocked = sigismember(&before, SIGALRM) == 1;
  } else if (!host.was_blocked) {
    sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  }
}

void kick(void*) {
  if (host.kick != nullptr) host.kick(host.kick_opaque);
}

void on_alarm(int, siginfo_t*, void* ucontext) {
  const int saved_errno = errno;
  host.counters.signals++;
  if (host.signal_hook != nullptr) host.signal_hook(host.signal_hook_opaque, ucontext);
  if (timer_host_signal()) host.counters.signals_run++;
  errno = saved_errno;
}

const char* fail(const char* what) {
  snprintf(host.message, sizeof host.message, "timer host: %s: %s", what, strerror(errno));
  return host.message;
}

// False: the kernel has none for us (ENOSYS, EPERM in a jail), or no room (EAGAIN).
bool create_timer() {
  KernelSigevent event = {};
  event.signal = SIGALRM;
  event.notify = kSigevThreadId;
  event.thread_id = static_cast<int>(syscall(SYS_gettid));
  host.has_timer = syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &host.timer_id) == 0;
  return host.has_timer;
}

bool map_stack(Stack* stack) {
  size_t bytes = kMinStackBytes;
#ifdef AT_MINSIGSTKSZ
  // The frame alone takes this (12 KB with AVX-512); callbacks want room beside it.
  bytes += getauxval(AT_MINSIGSTKSZ);
#endif
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes = (bytes + page - 1) / page * page;
  stack->mapping_bytes = bytes + 2 * page;
  void* mapping = mmap(nullptr, stack->mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return false;
  stack->mapping = static_cast<char*>(mapping);
  stack->base = stack->mapping + page;
  stack->bytes = bytes;
  if (mprotect(stack->base, bytes, PROT_READ | PROT_WRITE) == 0) return true;
  munmap(mapping, stack->mapping_bytes);
  return false;
}

}  // namespace

const char* posix_timer_host_install(PosixMasking masking) {
  if (host.installed) return "timer host: installed already";
  host = Host();
  if (!map_stack(&host.stack)) return fail("no memory for the signal stack");
  stack_t stack = {};
  stack.ss_sp = host.stack.base;
  stack.ss_size = host.stack.bytes;
  if (sigaltstack(&stack, &host.old_stack) != 0) {
    const char* message = fail("sigaltstack");
    munmap(host.stack.mapping, host.stack.mapping_bytes);
    return message;
  }
  create_timer();
  prctl(PR_SET_TIMERSLACK, 1);  // of waits with a timeout; the default is 50 us

  host.ops.monotonic_ns = monotonic_ns;
  host.ops.wall_ns = wall_ns;
  host.ops.host_ticks = host_ticks;
  host.ops.arm = arm;
  host.ops.set_masked = masking == kPosixMaskStrict ? set_masked : nullptr;
  host.ops.kick = kick;
  host.ops.rearm_floor_ns = POSIX_TIMER_HOST_FLOOR_NS;
  host.ops.ptimer_floor = true;

  struct sigaction action = {};
  action.sa_sigaction = on_alarm;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  posix_timer_host_signals(&action.sa_mask);
  sigaction(SIGALRM, &action, &host.old_action);
  host.installed = true;
  // The parent may have left it blocked.
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  timer_host_install(&host.ops, nullptr);
  return nullptr;
}

void posix_timer_host_uninstall(void) {
  if (!host.installed) return;
  // Blocked while it is taken apart; a signal that is under way is thrown away with SIG_IGN.
  sigset_t alarm, before;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm, &before);
  arm(nullptr, INT64_MAX);
  if (host.has_timer) syscall(SYS_timer_delete, host.timer_id);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGALRM, &ignore, nullptr);
  sigaction(SIGALRM, &host.old_action, nullptr);
  sigaltstack(&host.old_stack, nullptr);
  munmap(host.stack.mapping, host.stack.mapping_bytes);
  host.installed = false;
  timer_host_detach();
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

const char* posix_timer_host_after_fork(void) {
  if (!host.installed) return "timer host: not installed";
  create_timer();
  timer_host_rearm_lost();
  return nullptr;
}

void posix_timer_host_set_floor_ns(int64_t floor_ns) {
  timer_mask_enter();
  host.ops.rearm_floor_ns = floor_ns;
  timer_mask_leave();
}

void posix_timer_host_set_kick(void (*new_kick)(void* opaque), void* opaque) {
  timer_mask_enter();
  host.kick = new_kick;
  host.kick_opaque = opaque;
  timer_mask_leave();
}

void posix_timer_host_set_signal_hook(void (*hook)(void* opaque, void* ucontext), void* opaque) {
  // Not the mask: the hook runs while it is closed, too.
  host.signal_hook = nullptr;
  timer_signal_fence();
  host.signal_hook_opaque = opaque;
  timer_signal_fence();
  host.signal_hook = hook;
}

int posix_timer_host_wait(struct pollfd* fds, unsigned nfds, bool (*has_work)(void* opaque), void* opaque) {
  sigset_t ours, before;
  posix_timer_host_signals(&ours);
  sigprocmask(SIG_BLOCK, &ours, &before);
  int result = 0;
  // Only now: what came before the block is seen here, what comes after it ends ppoll.
  if (!timer_mask.pending && !(has_work != nullptr && has_work(opaque))) {
    sigset_t open = before;
    for (int signal : kSignals) sigdelset(&open, signal);
    result = ppoll(fds, nfds, nullptr, &open);
  }
  const int saved_errno = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = saved_errno;
  return result;
}

void posix_timer_host_signals(sigset_t* set) {
  sigemptyset(set);
  for (int signal : kSignals) sigaddset(set, signal);
}

PosixTimerHostCounters posix_timer_host_counters(void) { return host.counters; }

bool posix_timer_host_uses_setitimer(void) { return host.installed && !host.has_timer; }

void posix_timer_host_stack(void** base, size_t* size_bytes) {
  *base = host.stack.base;
  *size_bytes = host.stack.bytes;
}
