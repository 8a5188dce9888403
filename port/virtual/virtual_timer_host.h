// The virtual host of the timer library: time moves when a test says so, signals arrive where it says. Nothing sleeps. C11 and C++.
//
// Example:
//   virtual_timer_host_start(kVirtualMaskLazy);
//   timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, callback, NULL);
//   timer_mod_ns(&timer, 100);
//   virtual_timer_host_advance_ns(100);   // the callback runs at 100
//   timer_reset();                        // the end of the test, while its timers still exist
//
// Rules
// - It behaves as a host with one alarm and one signal: the alarm fires once and is then not armed; a signal that finds the signal blocked (in the
//   handler, or strict masking) arrives when it is opened; several of them count as one.
// - The ticks of the host (cpu_get_host_ticks) are its monotonic ns plus an offset; the calendar is, too.
// - Main context only, but for virtual_timer_host_signal, which callbacks and window hooks may call.
#ifndef PORT_VIRTUAL_VIRTUAL_TIMER_HOST_H
#define PORT_VIRTUAL_VIRTUAL_TIMER_HOST_H

#include <timer/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum VirtualMasking { kVirtualMaskLazy, kVirtualMaskStrict } VirtualMasking;

// Installs the host at monotonic time 0, calendar 0, ticks 0, with all counters 0 and no scripts. Call timer_reset() between two tests.
void virtual_timer_host_install(VirtualMasking masking);
// What most tests begin with: installs, makes the clocks, and starts VIRTUAL (init_clocks, cpu_enable_ticks, qemu_clock_enable), which then shows the
// host's monotonic time. After init_clocks alone VIRTUAL stands still and its timers never fire.
void virtual_timer_host_start(VirtualMasking masking);

// --- time -----------------------------------------------------------------------------------------------------
// Moves the monotonic clock without delivering anything.
void virtual_timer_host_set_ns(int64_t now_ns);
int64_t virtual_timer_host_ns(void);
// Moves it forward, stopping at each deadline of the alarm to deliver the signal. Returns how many signals were delivered. An alarm that is always due
// is delivered at most 64 times at one instant. Not in callbacks, and not back: checked.
int virtual_timer_host_advance_ns(int64_t delta_ns);
// Delivers the alarm if it is due now; returns whether it was.
bool virtual_timer_host_deliver_due(void);

void virtual_timer_host_set_wall_ns(int64_t wall_ns);  // a step of the calendar
void virtual_timer_host_set_ticks(int64_t ticks);      // the host's counter jumps, also back

// --- signals --------------------------------------------------------------------------------------------------
// The alarm's signal arrives now, whether the alarm is due or not. Returns whether callbacks could run at once.
bool virtual_timer_host_signal(void);
// The next `count` times that the outermost leave passes this window, a signal arrives there. The last two windows are passed only when something is
// pending; virtual_timer_host_signals_left says how many of them have not arrived yet.
void virtual_timer_host_signal_in_window(TimerMaskWindow window, int count);
int virtual_timer_host_signals_left(TimerMaskWindow window);
// Called at each window (after the scripted signals); NULL: no more.
void virtual_timer_host_on_window(void (*hook)(void* opaque, TimerMaskWindow window), void* opaque);

// --- what happened ----------------------------------------------------------------------------------------------
typedef struct VirtualTimerHostCounters {
  int arm_calls;       // ops->arm, disarming included
  int disarm_calls;
  int signals;         // delivered
  int signals_run;     // of those, callbacks could run at once
  int kicks;
  int mask_calls;      // strict masking: calls that block or open
} VirtualTimerHostCounters;
VirtualTimerHostCounters virtual_timer_host_counters(void);
void virtual_timer_host_clear_counters(void);

// What the alarm is armed for; INT64_MAX: not armed.
int64_t virtual_timer_host_armed_ns(void);
// Strict masking: whether the signal is blocked now.
bool virtual_timer_host_blocked(void);

// --- options; the defaults are those of a host without limits ---------------------------------------------------------
void virtual_timer_host_set_floor_ns(int64_t rearm_floor_ns);  // starvation floor; 0: none
void virtual_timer_host_set_ptimer_floor(bool on);             // ptimer's 10 us floor
void virtual_timer_host_set_kick(void (*kick)(void* opaque), void* opaque);

#ifdef __cplusplus
}
#endif
#endif
