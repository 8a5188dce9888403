// What the timer subsystem needs from the host that it runs on: clocks, one alarm, and the mask.
//
// The mask is the lowest thing in the house. "Masked" means: the alarm's handler may not run timers now. It stands where QEMU
// has the BQL, the locks of the timer lists and the sequence lock of the clocks: there is one thread, so the only other party is
// the handler, and keeping it out is all that a lock would do.
//
// Rules
// - timer_mask_enter() and timer_mask_leave() nest; only the outermost leave opens the mask and runs what came in between.
// - Lazy masking (ops->set_masked is NULL): entering and leaving write a counter, no system call. A signal that finds the mask closed only
//   marks itself pending.
// - Strict masking (ops->set_masked is set): the outermost enter and leave really block and unblock the signal. For tests.
// - Arming the host's alarm is work for the outermost leave, too: timer_mod() in a masked section only notes that a sooner deadline came, and
//   the leave makes one call of ops->arm, however many timers moved. Who waits with the mask closed calls timer_host_commit() first.
// - Handler context is a flag, not a stack: timer_mask.in_handler is set while callbacks run, in the signal handler itself or
//   from timer_mask_leave(). The depth is then at least 1, so a callback that enters and leaves the mask runs nothing.
// - All functions here may be called from main or handler context, unless they say otherwise. C11 and C++.
#ifndef TIMER_HOST_H
#define TIMER_HOST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Places inside leaving the mask where a test may want a signal to arrive.
typedef enum TimerMaskWindow {
  kMaskWindowBeforeOpen,     // outermost leave, depth still 1
  kMaskWindowOpen,           // depth 0, pending not yet looked at
  kMaskWindowBeforePending,  // about to run what is pending, flag not yet cleared
  kMaskWindowAfterRun,       // callbacks ran, depth about to go back to 0
} TimerMaskWindow;

// The host, as a table of functions. `opaque` is what was given to timer_host_install().
typedef struct TimerHostOps {
  // Nanoseconds of a clock that never jumps; the origin has no meaning.
  int64_t (*monotonic_ns)(void* opaque);
  // Nanoseconds since 1970-01-01 UTC; may jump in both directions.
  int64_t (*wall_ns)(void* opaque);
  // A cycle counter of the host (QEMU's cpu_get_host_ticks).
  int64_t (*host_ticks)(void* opaque);
  // Arms the one host timer for `deadline_ns` on the monotonic clock; INT64_MAX disarms it. A deadline in the past fires at once.
  void (*arm)(void* opaque, int64_t deadline_ns);
  // Strict masking: blocks (true) or unblocks (false) the signal for real. NULL: lazy masking.
  void (*set_masked)(void* opaque, bool masked);
  // Test hook, called in each window of an outermost leave. NULL in production.
  void (*mask_window)(void* opaque, TimerMaskWindow window);
  // Asks the loop that runs the guest to leave at its next check (core hands this in; NULL without an emulator).
  void (*kick)(void* opaque);
  // After a run of the handler the timer is armed no sooner than this many ns from its end (starvation floor); 0: no floor.
  int64_t rearm_floor_ns;
  // True on hosts where ptimer slows very short periods (its 10 µs floor).
  bool ptimer_floor;
} TimerHostOps;

// Installs the host; `ops` is not copied and must outlive every use. Call before init_clocks(), or between two runs of a test.
void timer_host_install(const TimerHostOps* ops, void* opaque);

typedef struct TimerMask {
  volatile sig_atomic_t depth;       // 0: open
  volatile sig_atomic_t pending;     // the outermost leave has work: a signal came while it was closed, or the alarm must move
  volatile sig_atomic_t in_handler;  // callbacks are running
  volatile sig_atomic_t slow;        // strict masking or a window hook is installed: take the out-of-line path
} TimerMask;
extern TimerMask timer_mask;

void timer_mask_enter_slow(void);  // out of line part of timer_mask_enter
void timer_mask_leave_slow(void);  // out of line part of timer_mask_leave: strict masking and window hooks
void timer_mask_run_pending(void); // runs pending callbacks in handler context; the mask is open on entry and on return

static inline void timer_signal_fence(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

static inline void timer_mask_enter(void) {
  if (__builtin_expect(timer_mask.slow != 0, 0)) {
    timer_mask_enter_slow();
    return;
  }
  timer_mask.depth = timer_mask.depth + 1;
  timer_signal_fence();
}

static inline void timer_mask_leave(void) {
  if (__builtin_expect(timer_mask.slow != 0, 0)) {
    timer_mask_leave_slow();
    return;
  }
  timer_signal_fence();
  // A plain decrement is enough: a handler always leaves the counter as it found it.
  timer_mask.depth = timer_mask.depth - 1;
  timer_signal_fence();
  if (__builtin_expect(timer_mask.depth == 0 && timer_mask.pending, 0)) timer_mask_run_pending();
}

static inline bool timer_in_handler(void) { return timer_mask.in_handler != 0; }

// The body of the host's alarm handler (or of a virtual host's "signal now"): runs the timers in handler context when the mask is
// open, else marks the signal pending. Returns whether it ran them. Preserves errno.
bool timer_host_signal(void);

// Runs what is due in main_loop_tlg and the driven groups now, without waiting for the signal; returns whether a callback ran. Main context, with or
// without the BQL; the callbacks are in handler context. Cheaper than timer_host_signal(): the alarm is not armed anew.
bool timer_host_run_due(void);

// Recomputes the host alarm from all lists now, also to a later time (after the clocks were paused or resumed).
void timer_host_rearm(void);

// Arms what a masked section left to its leave. For code that waits for the alarm with the mask closed and the signal blocked.
void timer_host_commit(void);

// The alarm is gone (the child of a fork): arms it anew.
void timer_host_rearm_lost(void);

// Forgets the host, as before the first timer_host_install. For a host that is taken away; arms and disarms nothing.
void timer_host_detach(void);

// True when the alarm's signal came while the mask was closed and has not been acted on. Any context.
bool timer_host_signalled(void);

// What the alarm is armed for, on the monotonic clock; INT64_MAX: not armed.
int64_t timer_host_armed_ns(void);

// Called by timerlist_notify for lists that were made without a callback (QEMU's qemu_notify_event). NULL: nothing.
void timer_set_default_notify(void (*notify)(void));

// Lets the handler arm for and run the lists of a further group, after main_loop_tlg. Without it the group's owner runs it.
struct QEMUTimerListGroup;
void timer_host_drive_group(struct QEMUTimerListGroup* group, bool driven);

// Undoes init_clocks() and everything that was set since: active timers become idle, all state is as at process start but for the installed
// host and the counter that numbers timers. For tests and a clean end. Armed timers must still be there, other groups must be gone; a timer of
// before it must be initialised again: checked. Not with the mask closed.
void timer_reset(void);

// Called when one of the library's own checks fails, before it aborts (to restore a terminal). May be NULL.
void timer_set_check_hook(void (*hook)(void));

// Hears what a guest did wrong to a timer of the library ("ptimer: period 0, stopped"), for a log. NULL: nobody.
void timer_set_message_hook(void (*hook)(const char* message));

// --- observer: sees every timer event, for traces ---------------------------------------------------------------
typedef enum TimerEventKind {
  kTimerEventArmed,           // deadline_ns: on its clock
  kTimerEventCancelled,       // an armed timer was cancelled; not sent when timer_mod moves one
  kTimerEventFired,           // now_ns: what the clock showed when the pass began; lateness is now_ns - deadline_ns
  kTimerEventReturned,        // its callback came back; the timer itself may be gone
  kTimerEventClockEnabled,    // a clock was enabled
  kTimerEventClockDisabled,
  kTimerEventTicksEnabled,    // cpu_enable_ticks
  kTimerEventTicksDisabled,
  kTimerEventHostArmed,       // deadline_ns: monotonic; INT64_MAX: disarmed
  kTimerEventSignalRun,       // a pass over all timers begins; now_ns, deadline_ns (what the alarm was armed for): monotonic; masked_ns
  kTimerEventSignalDeferred,  // the signal found the mask closed. Sent from the signal handler over any code: no libc, no locks
} TimerEventKind;

typedef struct TimerEvent {
  TimerEventKind kind;
  int clock;             // QEMUClockType; -1: none
  const char* name;      // the timer's; NULL: none
  uint64_t number;       // the timer's, by order of creation; 0: not about a timer
  int64_t deadline_ns;
  int64_t now_ns;
  int attributes;        // the timer's (QEMU_TIMER_ATTR_...)
  int64_t masked_ns;     // SignalRun: for how long the mask had kept the signal out; -1: it came with the mask open
} TimerEvent;

typedef void TimerObserver(void* opaque, const TimerEvent* event);
// One observer; NULL takes it away. Called with the mask closed; it must not arm or cancel timers (checked).
void timer_set_observer(TimerObserver* observer, void* opaque);

// Whether a guest can see the event's timer: it is of VIRTUAL and not external. Traces call its events timer_..., the others' host_timer_...
bool timer_event_of_guest(const TimerEvent* event);
// The event in the words of Monochord's own trace, without newline: "timer_fired timer=uart.rx clock=virtual deadline=1000ns late=20ns". SignalRun is
// two lines (alarm_raised, and alarm_delivered or alarm_deferred). Returns the length of the whole text, as snprintf does; 0 for an event that has no
// line: ticks, clocks other than VIRTUAL, SignalDeferred (its SignalRun says it). Calls snprintf, but not for SignalDeferred: any context.
int timer_event_text(char* text, size_t size, const TimerEvent* event);
#define TIMER_EVENT_TEXT_MAX 160  // enough with a name of up to 32 characters

#ifdef __cplusplus
}
#endif
#endif
