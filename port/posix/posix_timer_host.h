// The timer library's host on Linux: one POSIX timer, one thread-directed SIGALRM, one signal stack. C11 and C++.
//
// Rules
// - The thread that installs it is the emulator's; the alarm comes to no other.
// - The handler runs on its own guarded stack (shared with whoever installs a handler with SA_ONSTACK), with the emulator's other asynchronous
//   signals blocked: handlers don't nest. errno is as it was; MXCSR and the FPU are, too (the kernel saves them, and starts the handler with its
//   defaults, so callbacks never see the guest's rounding mode there).
// - System calls that it interrupts are restarted (SA_RESTART).
// - timer_create is a raw system call (a libc's wrapper may bring threads); where it fails, setitimer takes its place.
// - All functions are main context unless they say otherwise.
#ifndef PORT_POSIX_POSIX_TIMER_HOST_H
#define PORT_POSIX_POSIX_TIMER_HOST_H

#include <poll.h>
#include <signal.h>
#include <timer/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum PosixMasking {
  kPosixMaskLazy,    // a counter; what everybody uses
  kPosixMaskStrict,  // sigprocmask at the outermost enter and leave; for tests
} PosixMasking;

// Starvation floor: after a run of the handler the alarm is armed no sooner than this from its end. Tests may change it (0: none).
#define POSIX_TIMER_HOST_FLOOR_NS 50000
void posix_timer_host_set_floor_ns(int64_t floor_ns);

// Takes SIGALRM, the signal stack and the timer. NULL, or a message (nothing is installed then). Once until uninstalled.
const char* posix_timer_host_install(PosixMasking masking);
// Disarms, deletes the timer, gives SIGALRM and the signal stack back. Not for handler context. Idempotent.
void posix_timer_host_uninstall(void);

// In the child of a fork (timers are not inherited): makes its own timer and arms it. NULL or a message.
const char* posix_timer_host_after_fork(void);

// For TimerHostOps::kick: asks the loop that runs the guest to leave. Any context. May be NULL.
void posix_timer_host_set_kick(void (*kick)(void* opaque), void* opaque);
// Called first in every alarm's handler, with its ucontext (who edits the interrupted context does it here). Handler, over any code. May be NULL.
void posix_timer_host_set_signal_hook(void (*hook)(void* opaque, void* ucontext), void* opaque);

// Waits for a signal of the emulator or a ready fd, without losing a wakeup: blocks the signals for real, looks whether `has_work` (may be NULL)
// or a timer has something to do, then calls ppoll with the signals open. The mask is open on entry (timer_mask.depth is 0). Returns what ppoll
// returned; 0 when there was work; -1 (errno EINTR) when a signal came.
int posix_timer_host_wait(struct pollfd* fds, unsigned nfds, bool (*has_work)(void* opaque), void* opaque);

// The emulator's asynchronous signals: SIGALRM SIGIO SIGTERM SIGINT SIGHUP SIGQUIT SIGTSTP SIGCONT.
void posix_timer_host_signals(sigset_t* set);

// --- what happened ----------------------------------------------------------------------------------------------
typedef struct PosixTimerHostCounters {
  uint64_t settime_calls;    // timer_settime or setitimer
  uint64_t signals;          // SIGALRM handlers begun
  uint64_t signals_run;      // of those, the timers ran in the handler itself
} PosixTimerHostCounters;
PosixTimerHostCounters posix_timer_host_counters(void);
bool posix_timer_host_uses_setitimer(void);
// The lowest address of the signal stack and its size, without the guard pages.
void posix_timer_host_stack(void** base, size_t* size_bytes);

#ifdef __cplusplus
}
#endif
#endif
