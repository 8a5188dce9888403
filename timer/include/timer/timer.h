// Timer: a QEMUTimer that cancels itself, for the devices of this project. Embed it by value; it does not move.
//
// Rules
// - `name` is "device.timer", static; `info timers` and traces show it.
// - mod_ns() replaces any earlier deadline; a deadline in the past fires on the next run of the timers.
// - The callback may mod_ns() or del() its own timer, and any other. It runs in handler context (see timer/host.h).
// - After del() returns, the callback will not run. The destructor calls del().
// - Clock times are ns of the timer's clock.
#pragma once

#include <qemu/timer.h>

namespace monochord {

class Timer {
 public:
  Timer(const char* name, QEMUClockType clock, QEMUTimerCB* callback, void* opaque, int attributes = 0) {
    timer_.expire_time = -1;  // zero-filled memory would read as armed
    timer_.timer_list = nullptr;
    timer_init_full(&timer_, nullptr, clock, SCALE_NS, attributes, callback, opaque);
    timer_set_name(&timer_, name);
  }
  ~Timer() {
    timer_del(&timer_);
    timer_deinit(&timer_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void mod_ns(int64_t expire_time_ns) { timer_mod_ns(&timer_, expire_time_ns); }
  void mod_anticipate_ns(int64_t expire_time_ns) { timer_mod_anticipate_ns(&timer_, expire_time_ns); }
  void del() { timer_del(&timer_); }
  bool pending() const { return timer_pending(&timer_); }
  // -1: idle.
  int64_t expire_time_ns() const { return timer_.expire_time; }
  const char* name() const { return timer_.name; }

  // For functions that want QEMU's type.
  QEMUTimer* qemu() { return &timer_; }

 private:
  QEMUTimer timer_;
};

// A member function as a callback: Timer alarm_{"rtc.alarm", QEMU_CLOCK_HOST, timer_callback<&Rtc::alarm>, this}.
template <auto Method>
struct TimerCallback;
template <typename Owner, void (Owner::*Method)()>
struct TimerCallback<Method> {
  static void call(void* opaque) { (static_cast<Owner*>(opaque)->*Method)(); }
};
template <auto Method>
inline constexpr QEMUTimerCB* timer_callback = &TimerCallback<Method>::call;

}  // namespace monochord
