// A lamp that is switched every half second while it is on.
#pragma once

#include <timer/timer.h>

class Blinker {
 public:
  static constexpr int64_t kHalfNs = 500 * SCALE_MS;

  void start() {
    next_ns_ = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + kHalfNs;
    timer_.mod_ns(next_ns_);
  }
  void stop() { timer_.del(); }
  bool lit() const { return lit_; }

 private:
  void toggle() {
    lit_ = !lit_;
    next_ns_ += kHalfNs;  // from the deadline: it keeps its beat however late the callback is
    timer_.mod_ns(next_ns_);
  }

  bool lit_ = false;
  int64_t next_ns_ = 0;
  monochord::Timer timer_{"blinker.toggle", QEMU_CLOCK_VIRTUAL, monochord::timer_callback<&Blinker::toggle>, this};
};
