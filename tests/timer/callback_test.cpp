// Behaviours 28-39: what callbacks may do.
#include "tests/timer/fixture.h"
#include "timer/timer.h"

namespace monochord {
namespace {

class TimerCallbacks : public TimerFixture {};

TEST_F(TimerCallbacks, B28_self_idle_in_cb) {
  Probe a(this, 'a');
  bool pending = true;
  a.action = [&] { pending = a.pending(); };
  a.mod(0);
  run();
  EXPECT_FALSE(pending);
}

TEST_F(TimerCallbacks, B29_rearm_past_in_cb) {
  Probe a(this, 'a');
  a.action = [&] {
    if (a.count < 4) a.mod(0);
  };
  a.mod(0);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "aaaa") << "again in the same pass";
}

TEST_F(TimerCallbacks, B30_rearm_next_ns) {
  set_ns(100);
  Probe a(this, 'a');
  a.action = [&] { a.mod(101); };
  a.mod(100);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "a");
  EXPECT_TRUE(a.pending());
}

TEST_F(TimerCallbacks, B31_cb_deletes_due) {
  Probe a(this, 'a'), b(this, 'b');
  a.action = [&] { timer_del(b); };
  a.mod(1);
  b.mod(2);
  set_ns(10);
  run();
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerCallbacks, B32_cb_deletes_future) {
  Probe a(this, 'a'), b(this, 'b');
  a.action = [&] { timer_del(b); };
  a.mod(1);
  b.mod(50);
  set_ns(10);
  run();
  set_ns(100);
  EXPECT_FALSE(run());
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerCallbacks, B32_cb_arms_other_past) {
  Probe a(this, 'a'), b(this, 'b');
  a.action = [&] { b.mod(3); };
  a.mod(1);
  set_ns(10);
  run();
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerCallbacks, B33_cb_frees_itself) {
  static QEMUTimer* timer;
  static int calls;
  calls = 0;
  timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, [](void*) {
    calls++;
    timer_free(timer);
  }, nullptr);
  timer_set_name(timer, "test.frees_itself");
  timer_mod_ns(timer, 0);
  EXPECT_TRUE(run());
  EXPECT_EQ(calls, 1);
}

TEST_F(TimerCallbacks, B34_cb_frees_other_due) {
  static int calls;
  calls = 0;
  QEMUTimer* victim = timer_new_ns(QEMU_CLOCK_VIRTUAL, [](void*) { calls++; }, nullptr);
  Probe a(this, 'a');
  a.action = [&] { timer_free(victim); };
  a.mod(0);
  timer_mod_ns(victim, 0);
  run();
  EXPECT_EQ(fired, "a");
  EXPECT_EQ(calls, 0);
}

TEST_F(TimerCallbacks, B35_nested_run) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  bool inner = false;
  a.action = [&] {
    fired += '(';
    inner = run();
    fired += ')';
  };
  a.mod(1);
  b.mod(2);
  c.mod(3);
  set_ns(10);
  EXPECT_TRUE(run());
  EXPECT_TRUE(inner);
  EXPECT_EQ(fired, "a(bc)");
}

TEST_F(TimerCallbacks, B36_clock_moves_in_cb) {
  Probe a(this, 'a'), b(this, 'b');
  a.action = [&] { set_ns(100); };
  a.mod(1);
  b.mod(50);
  set_ns(10);
  run();
  EXPECT_EQ(fired, "a");
  run();
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerCallbacks, B37_cb_disables_own_clock) {
  Probe a(this, 'a'), b(this, 'b');
  a.action = [&] { qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false); };
  a.mod(1);
  b.mod(2);
  set_ns(10);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "a");
  EXPECT_FALSE(run());
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerCallbacks, B38_cb_changes_cb_or_opaque) {
  Probe b(this, 'b');
  Probe a(this, 'a');
  a.action = [&] {
    // The next firing calls b's letter through a's timer.
    timer_init_ns(&a.timer, QEMU_CLOCK_VIRTUAL, a.timer.cb, &b);
    a.mod(20);
  };
  a.mod(10);
  set_ns(10);
  run();
  set_ns(20);
  run();
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerCallbacks, B39_progress_flag) {
  Probe a(this, 'a');
  EXPECT_FALSE(run());
  a.mod(10);
  EXPECT_FALSE(run());
  set_ns(10);
  EXPECT_TRUE(run());
  EXPECT_FALSE(run());
  EXPECT_FALSE(qemu_clock_run_all_timers());
}

// Callbacks are handler context however they were reached.
TEST_F(TimerCallbacks, handler_context_also_when_main_runs_the_list) {
  Probe a(this, 'a');
  bool in_handler = false;
  a.action = [&] { in_handler = timer_in_handler(); };
  a.mod(0);
  EXPECT_FALSE(timer_in_handler());
  run();
  EXPECT_TRUE(in_handler);
  EXPECT_FALSE(timer_in_handler());
  EXPECT_EQ(timer_mask.depth, 0);
}

// The wrapper for our own devices.
struct Device {
  int calls = 0;
  void alarm() { calls++; }
  Timer timer{"device.alarm", QEMU_CLOCK_VIRTUAL, timer_callback<&Device::alarm>, this};
};

TEST_F(TimerCallbacks, wrapper_knows_its_callback_by_name) {
  Device device;
  std::string name;
  timer_for_each([](void* context, const TimerInfo* info) { *static_cast<std::string*>(context) = info->callback_name; }, &name);
  EXPECT_EQ(name, "Device::alarm");
}

TEST_F(TimerCallbacks, wrapper_calls_a_member_and_cancels_itself) {
  {
    Device device;
    EXPECT_FALSE(device.timer.pending());
    EXPECT_EQ(device.timer.expire_time_ns(), -1);
    EXPECT_STREQ(device.timer.name(), "device.alarm");
    device.timer.mod_ns(10);
    device.timer.mod_anticipate_ns(20);
    EXPECT_EQ(device.timer.expire_time_ns(), 10);
    set_ns(10);
    run();
    EXPECT_EQ(device.calls, 1);
    device.timer.mod_ns(50);
    device.timer.del();
    EXPECT_FALSE(device.timer.pending());
    device.timer.mod_ns(60);
  }
  set_ns(100);
  EXPECT_FALSE(run()) << "the destructor cancelled it";
}

}  // namespace
}  // namespace monochord
