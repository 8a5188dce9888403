// What somebody does who uses the library for the first time: each mistake ends in a line that says what to do. Without a fixture: nothing is set up.
#include <gtest/gtest.h>
#include <qemu/timer.h>

#include "port/virtual/virtual_timer_host.h"

namespace monochord {
namespace {

void nothing(void*) {}

class TimerMisuseDeathTest : public ::testing::Test {
 protected:
  QEMUTimer timer{};
};

TEST_F(TimerMisuseDeathTest, no_host) {
  timer_host_detach();
  EXPECT_DEATH(init_clocks(nullptr), "^timer/host.cpp:[0-9]+: check failed: .*no host: call timer_host_install");
}

TEST_F(TimerMisuseDeathTest, no_clocks) {
  virtual_timer_host_install(kVirtualMaskLazy);
  EXPECT_DEATH(timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, nothing, nullptr), "^timer/timers.cpp:[0-9]+: .*timer_init before init_clocks");
  EXPECT_DEATH(qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true), "before init_clocks");
  EXPECT_DEATH(qemu_clock_has_timers(QEMU_CLOCK_VIRTUAL), "before init_clocks");
  EXPECT_DEATH(qemu_clock_expired(QEMU_CLOCK_VIRTUAL), "before init_clocks");
  EXPECT_DEATH(qemu_clock_run_all_timers(), "before init_clocks");
}

// A timer of a group of one's own that was never made.
TEST_F(TimerMisuseDeathTest, no_group) {
  virtual_timer_host_start(kVirtualMaskLazy);
  QEMUTimerListGroup group{};
  EXPECT_DEATH(timer_init_full(&timer, &group, QEMU_CLOCK_HOST, 1, 0, nothing, nullptr), "before timerlistgroup_init");
  EXPECT_DEATH(timerlistgroup_run_timers(&group), "no such timer list: .*timerlistgroup_init");
  EXPECT_DEATH(timerlistgroup_deadline_ns(&group), "no such timer list");
  EXPECT_DEATH(timerlistgroup_deinit(&group), "no such timer list");
  EXPECT_DEATH(timer_init_ns(&timer, QEMU_CLOCK_HOST, nullptr, nullptr), "timer without a callback");
  EXPECT_DEATH(qemu_clock_enable(QEMU_CLOCK_MAX, true), "no such clock");
  timer_reset();
}

TEST_F(TimerMisuseDeathTest, a_test_that_does_not_end_with_timer_reset) {
  virtual_timer_host_start(kVirtualMaskLazy);
  EXPECT_DEATH(virtual_timer_host_start(kVirtualMaskLazy), "init_clocks called twice: end each test with timer_reset");
  timer_reset();
}

TEST_F(TimerMisuseDeathTest, a_device_of_the_test_before) {
  QEMUTimer idle{};
  virtual_timer_host_start(kVirtualMaskLazy);
  timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_init_ns(&idle, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_mod(&timer, 10);
  timer_reset();
  virtual_timer_host_start(kVirtualMaskLazy);
  EXPECT_DEATH(timer_mod(&timer, 10), "armed before timer_init, or after timer_deinit or timer_reset");
  EXPECT_DEATH(timer_mod(&idle, 10), "timer of before timer_reset armed: call timer_init again");
  timer_init_ns(&idle, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_mod(&idle, 10);
  EXPECT_EQ(virtual_timer_host_advance_ns(10), 1);
  timer_reset();
}

TEST_F(TimerMisuseDeathTest, enter_and_leave_that_do_not_match) {
  for (VirtualMasking masking : {kVirtualMaskLazy, kVirtualMaskStrict}) {
    virtual_timer_host_start(masking);
    EXPECT_DEATH(
        {
          timer_mask_leave();
          virtual_timer_host_signal();
        },
        "timer_mask_leave without its timer_mask_enter");
    EXPECT_DEATH(
        {
          timer_mask_enter();
          timer_reset();
        },
        "timer_reset with the mask closed");
    timer_reset();
  }
}

TEST_F(TimerMisuseDeathTest, an_observer_that_arms) {
  virtual_timer_host_start(kVirtualMaskLazy);
  timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_set_observer([](void* opaque, const TimerEvent*) { timer_mod(static_cast<QEMUTimer*>(opaque), 5); }, &timer);
  EXPECT_DEATH(timer_mod(&timer, 10), "the observer armed, cancelled or ran timers");
  timer_reset();
}

TEST_F(TimerMisuseDeathTest, time_moved_in_a_callback_or_back) {
  virtual_timer_host_start(kVirtualMaskLazy);
  timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, [](void*) { virtual_timer_host_advance_ns(1); }, nullptr);
  timer_mod(&timer, 10);
  EXPECT_DEATH(virtual_timer_host_advance_ns(10), "^port/virtual/virtual_timer_host.cpp:[0-9]+: .*virtual_timer_host_advance_ns in a callback");
  EXPECT_DEATH(virtual_timer_host_advance_ns(-1), "advance_ns backwards");
  timer_reset();
}

// Not a mistake: to the end of time, and what start() starts.
TEST(TimerVirtualHost, starts_the_clocks_and_gets_to_the_end_of_time) {
  virtual_timer_host_start(kVirtualMaskLazy);
  EXPECT_TRUE(cpu_ticks_enabled());
  int fired = 0;
  QEMUTimer timer{};
  timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, [](void* opaque) { ++*static_cast<int*>(opaque); }, &fired);
  timer_mod(&timer, 1000);
  virtual_timer_host_advance_ns(999);
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(virtual_timer_host_advance_ns(INT64_MAX), 1);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), INT64_MAX - 1);
  timer_reset();
}

TEST(TimerVirtualHost, says_how_many_signals_of_a_script_are_left) {
  virtual_timer_host_start(kVirtualMaskLazy);
  virtual_timer_host_signal_in_window(kMaskWindowOpen, 2);
  virtual_timer_host_signal_in_window(kMaskWindowAfterRun, 1);
  timer_mask_enter();
  timer_mask_leave();
  EXPECT_EQ(virtual_timer_host_signals_left(kMaskWindowOpen), 1);
  EXPECT_EQ(virtual_timer_host_signals_left(kMaskWindowAfterRun), 1) << "nothing was pending";
  timer_reset();
}

}  // namespace
}  // namespace monochord
