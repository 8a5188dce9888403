// What the files of the timer library share. Not installed. The caller holds the mask unless a function says otherwise.
#pragma once

#include <qemu/timer.h>
#include <timer/host.h>

#include "timer/check.h"
#include "timer/heap.h"

struct QEMUTimerList {
  monochord::TimerHeap active;
  QEMUClockType type;
  QEMUTimerListNotifyCB* notify_cb;
  void* notify_opaque;
  QEMUTimerList* next;  // of the same clock, newest first
  bool driven;          // the handler arms for it and runs it
  int running;          // nesting of timerlist_run_timers
  uint32_t pass;        // the last pass of the handler that ran it
};

namespace monochord {

struct QEMUClock {
  QEMUTimerList* lists = nullptr;
  bool enabled = false;
};
extern QEMUClock clocks[QEMU_CLOCK_MAX];

class MaskGuard {
 public:
  MaskGuard() { timer_mask_enter(); }
  ~MaskGuard() { timer_mask_leave(); }
  MaskGuard(const MaskGuard&) = delete;
  MaskGuard& operator=(const MaskGuard&) = delete;
};

// A group that was never made, or main_loop_tlg before init_clocks().
inline void check_list(const QEMUTimerList* list) {
  TIMER_CHECK(list != nullptr, "no such timer list: init_clocks (for a group of your own: timerlistgroup_init) comes first");
}

inline int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? INT64_MIN : INT64_MAX;
}
inline int64_t saturating_sub(int64_t a, int64_t b) {
  int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? INT64_MAX : INT64_MIN;
}
inline int64_t saturating_scale(int64_t time, int scale) {
  int64_t product;
  if (!__builtin_mul_overflow(time, static_cast<int64_t>(scale), &product)) return product;
  return (time < 0) == (scale < 0) ? INT64_MAX : INT64_MIN;
}

// host.cpp
const TimerHostOps& host_ops();
void* host_opaque();
// The head of a driven list moved, a clock was enabled, ticks run again: the alarm may have to come sooner.
void host_alarm_wanted();
// The same for a new head of `list`; cheap when the alarm is soon enough already.
void host_alarm_wanted_for(QEMUTimerList* list);
void host_reset();

// timers.cpp
void timers_reset();

// clocks.cpp
// Of main_loop_tlg; a check before init_clocks().
QEMUTimerList* main_list(QEMUClockType type);

// timers_state.cpp
// VIRTUAL and VIRTUAL_RT deadlines on the monotonic clock are `expire - ticks_clock_offset()` while ticks are enabled.
int64_t ticks_clock_offset();
bool virtual_clock_registered();
void ticks_reset();

// icount.cpp
void icount_reset();

// names.cpp
void name_forget(QEMUTimer* timer);
void names_reset();

// observer.cpp
extern TimerObserver* observer;
void observe_now(const TimerEvent& event);
inline void observe(TimerEventKind kind, int clock, const char* name, uint64_t number, int64_t deadline_ns, int64_t now_ns, int attributes = 0) {
  if (__builtin_expect(observer != nullptr, 0)) observe_now({kind, clock, name, number, deadline_ns, now_ns, attributes, -1});
}
// The signal found the mask closed. From the handler, over any code.
void observe_deferred();
// The pass over all timers begins.
void observe_pass(int64_t armed_ns);

// run.cpp
// Runs every driven list of every clock: what the handler does.
bool run_driven_lists();
void replay_reset();

}  // namespace monochord
