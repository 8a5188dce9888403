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

// A callback and what to call it in lists of timers (null: nothing).
struct NamedTimerCallback {
  QEMUTimerCB* callback;
  const char* name;
  constexpr NamedTimerCallback(QEMUTimerCB* callback, const char* name = nullptr) : callback(callback), name(name) {}
  constexpr operator QEMUTimerCB*() const { return callback; }
};

// A member function as a callback: Timer alarm_{"rtc.alarm", QEMU_CLOCK_HOST, timer_callback<&Rtc::alarm>, this}.
template <auto Method>
class TimerCallback;
template <typename Owner, void (Owner::*Method)()>
class TimerCallback<Method> {
 public:
  static void call(void* opaque) { (static_cast<Owner*>(opaque)->*Method)(); }
  static constexpr const char* name() { return kName.text; }

 private:
  // "Class::method", cut out of the compiler's signature of this function: "...[with ... Method = &space::Class::method; ...]".
  struct Name {
    char text[96] = {};
    constexpr Name() {
      const char* begin = __PRETTY_FUNCTION__;
      for (const char* c = begin; *c != '\0'; c++)
        if (*c == '&') begin = c + 1;
      const char* scopes[2] = {begin, begin};  // the last two
      const char* end = begin;
      for (; *end != '\0' && *end != ']' && *end != ';'; end++) {
        if (end[0] != ':' || end[1] != ':') continue;
        scopes[0] = scopes[1];
        scopes[1] = end + 2;
      }
      size_t length = 0;
      for (const char* c = scopes[0]; c != end && length < sizeof text - 1; c++) text[length++] = *c;
    }
  };
  static constexpr Name kName{};
};
template <auto Method>
inline constexpr NamedTimerCallback timer_callback{&TimerCallback<Method>::call, TimerCallback<Method>::name()};

class Timer {
 public:
  Timer(const char* name, QEMUClockType clock, NamedTimerCallback callback, void* opaque, int attributes = 0) {
    timer_.expire_time = -1;  // zero-filled memory would read as armed
    timer_.timer_list = nullptr;
    timer_init_full(&timer_, nullptr, clock, SCALE_NS, attributes, callback, opaque);
    timer_set_name(&timer_, name);
    timer_set_callback_name(&timer_, callback.name);
  }
  Timer(const char* name, QEMUClockType clock, QEMUTimerCB* callback, void* opaque, int attributes = 0)
      : Timer(name, clock, NamedTimerCallback(callback), opaque, attributes) {}
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

}  // namespace monochord
