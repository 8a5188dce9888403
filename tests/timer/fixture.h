// What the tests of the timer library share: a virtual host, fresh clocks, timers that write down that they fired.
//
// Tests are named after the numbered behaviours of the specification: B06_fifo_equal is number 6.
#pragma once

#include <gtest/gtest.h>
#include <qemu/timer.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "port/virtual/virtual_timer_host.h"

namespace monochord {

// Clocks over the virtual host at time 0. VIRTUAL is enabled and runs with the host's clock: time moves by set_ns (nothing is delivered) or advance.
class TimerFixture : public ::testing::Test {
 protected:
  explicit TimerFixture(VirtualMasking masking = kVirtualMaskLazy) {
    virtual_timer_host_install(masking);
    init_clocks(count_notify);
    notifies = 0;
  }
  ~TimerFixture() override { timer_reset(); }

  void SetUp() override { start_virtual(); }

  void start_virtual() {
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    notifies = 0;
    virtual_timer_host_clear_counters();
  }

  void set_ns(int64_t now) { virtual_timer_host_set_ns(now); }
  int advance(int64_t ns) { return virtual_timer_host_advance_ns(ns); }
  bool run() { return qemu_clock_run_timers(QEMU_CLOCK_VIRTUAL); }
  static int64_t deadline() { return timerlist_deadline_ns(main_loop_tlg.tl[QEMU_CLOCK_VIRTUAL]); }

  static void count_notify(void*, QEMUClockType) { notifies++; }
  static inline int notifies = 0;

  std::string fired;  // one letter a callback

  // A timer that appends its letter and then does what the test says.
  struct Probe {
    Probe(TimerFixture* test, char letter, QEMUClockType clock = QEMU_CLOCK_VIRTUAL, int attributes = 0, QEMUTimerListGroup* group = nullptr,
          int scale = SCALE_NS)
        : test(test), letter(letter) {
      timer_init_full(&timer, group, clock, scale, attributes, [](void* opaque) { static_cast<Probe*>(opaque)->call(); }, this);
    }
    ~Probe() {
      if (timer.timer_list != nullptr) timer_del(&timer);
    }
    Probe(const Probe&) = delete;
    void call() {
      test->fired += letter;
      count++;
      if (action) action();
    }
    void mod(int64_t ns) { timer_mod_ns(&timer, ns); }
    bool pending() const { return timer_pending(&timer); }
    operator QEMUTimer*() { return &timer; }

    TimerFixture* test;
    char letter;
    int count = 0;
    std::function<void()> action;
    QEMUTimer timer{};
  };
};

// The same with either masking.
class MaskingFixture : public TimerFixture, public ::testing::WithParamInterface<VirtualMasking> {
 protected:
  MaskingFixture() : TimerFixture(GetParam()) {}
};

inline std::string masking_name(const ::testing::TestParamInfo<VirtualMasking>& info) {
  return info.param == kVirtualMaskLazy ? "lazy" : "strict";
}

}  // namespace monochord
