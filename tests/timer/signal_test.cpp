// Behaviours 61-68, 77, 80, 81 and 83 under the virtual host, with either masking: the mask, deferred signals, the windows, the alarm.
#include <cerrno>
#include <random>

#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerSignal : public MaskingFixture {
 protected:
  VirtualTimerHostCounters counters() { return virtual_timer_host_counters(); }
};
INSTANTIATE_TEST_SUITE_P(Masking, TimerSignal, ::testing::Values(kVirtualMaskLazy, kVirtualMaskStrict), masking_name);

TEST_P(TimerSignal, alarm_runs_timers_at_their_time) {
  Probe a(this, 'a'), r(this, 'r', QEMU_CLOCK_REALTIME);
  std::vector<int64_t> times;
  a.action = r.action = [&] { times.push_back(virtual_timer_host_ns()); };
  a.mod(1000);
  r.mod(300);
  EXPECT_EQ(advance(5000), 2);
  EXPECT_EQ(fired, "ra");
  EXPECT_EQ(times, (std::vector<int64_t>{300, 1000}));
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
}

TEST_P(TimerSignal, B61_masked_signal_deferred) {
  Probe a(this, 'a');
  a.mod(1000);
  timer_mask_enter();
  advance(10 * SCALE_MS);
  EXPECT_EQ(fired, "");
  timer_mask_leave();
  EXPECT_EQ(fired, "a") << "before leave returns";
}

TEST_P(TimerSignal, B62_nested_guard) {
  Probe a(this, 'a');
  a.mod(1000);
  timer_mask_enter();
  timer_mask_enter();
  advance(2000);
  timer_mask_leave();
  EXPECT_EQ(fired, "");
  timer_mask_leave();
  EXPECT_EQ(fired, "a");
  EXPECT_EQ(timer_mask.depth, 0);
}

// Random guards, timers and signals in every window: nothing runs inside a guard, nothing is lost.
TEST_P(TimerSignal, B63_no_run_inside_guard_stress) {
  static std::mt19937 random;
  random.seed(7);
  static int runs;
  static bool inside;
  static bool violated;
  runs = 0;
  inside = violated = false;
  QEMUTimer timer{};
  timer_init_ns(&timer, QEMU_CLOCK_REALTIME, [](void*) {
    runs++;
    violated |= inside || !timer_in_handler();
  }, nullptr);
  // Time moves, and the alarm may come, in the windows, too.
  virtual_timer_host_on_window([](void*, TimerMaskWindow) {
    if (random() % 4 == 0) virtual_timer_host_signal();
    if (random() % 4 == 0) virtual_timer_host_set_ns(virtual_timer_host_ns() + 3);
    virtual_timer_host_deliver_due();
  }, nullptr);
  int armed = 0;
  for (int i = 0; i < 50000; i++) {
    const int depth = 1 + static_cast<int>(random() % 3);
    for (int d = 0; d < depth; d++) timer_mask_enter();
    inside = true;
    if (!timer_pending(&timer)) {
      timer_mod_ns(&timer, virtual_timer_host_ns() + static_cast<int>(random() % 40));
      armed++;
    }
    virtual_timer_host_set_ns(virtual_timer_host_ns() + static_cast<int>(random() % 20));
    if (random() % 3 == 0) virtual_timer_host_signal();
    virtual_timer_host_deliver_due();
    inside = false;
    for (int d = 0; d < depth; d++) timer_mask_leave();
    if (random() % 8 == 0) advance(static_cast<int>(random() % 40));
  }
  virtual_timer_host_on_window(nullptr, nullptr);
  advance(1000);
  EXPECT_FALSE(violated);
  EXPECT_EQ(runs, armed) << "each arming fired once";
  EXPECT_GT(armed, 10000);
  EXPECT_EQ(timer_mask.depth, 0);
}

TEST_P(TimerSignal, B64_pending_set_in_window) {
  for (TimerMaskWindow window : {kMaskWindowBeforeOpen, kMaskWindowOpen, kMaskWindowBeforePending, kMaskWindowAfterRun}) {
    Probe a(this, 'a');
    fired.clear();
    timer_mask_enter();
    // The pending windows are only passed when something is pending.
    if (window >= kMaskWindowBeforePending) virtual_timer_host_signal();
    a.mod(virtual_timer_host_ns());
    virtual_timer_host_signal_in_window(window, 1);
    timer_mask_leave();
    EXPECT_EQ(fired, "a") << "exactly one run, window " << window;
    EXPECT_EQ(timer_mask.pending, 0);
    EXPECT_EQ(timer_mask.depth, 0);
  }
}

TEST_P(TimerSignal, B65_signal_during_run_pending) {
  Probe a(this, 'a'), b(this, 'b');
  int depth = 0, max_depth = 0;
  a.action = [&] {
    max_depth = std::max(max_depth, ++depth);
    b.mod(1);  // due, but armed after the alarm's time was read: this pass runs it, too
    virtual_timer_host_signal();
    virtual_timer_host_signal();
    depth--;
  };
  static int passes;
  passes = 0;
  timer_set_observer([](void*, const TimerEvent* event) { passes += event->kind == kTimerEventSignalRun; }, nullptr);
  a.mod(1);
  timer_mask_enter();
  advance(10);
  timer_mask_leave();
  EXPECT_EQ(fired, "ab");
  EXPECT_EQ(passes, 2) << "one more pass, however many signals came";
  EXPECT_EQ(max_depth, 1) << "no recursion";
}

// The same when the callback runs in the signal handler itself.
TEST_P(TimerSignal, B65_signal_during_handler) {
  Probe a(this, 'a');
  static int passes;
  passes = 0;
  timer_set_observer([](void*, const TimerEvent* event) { passes += event->kind == kTimerEventSignalRun; }, nullptr);
  a.action = [&] {
    virtual_timer_host_signal();
    virtual_timer_host_signal();
    EXPECT_EQ(passes, 1) << "not nested";
  };
  a.mod(1);
  advance(10);
  EXPECT_EQ(passes, 2);
  EXPECT_EQ(fired, "a");
}

TEST_P(TimerSignal, B66_coalesce) {
  Probe a(this, 'a');
  timer_mask_enter();
  for (int i = 0; i < 100; i++) a.mod(1000 - i);
  EXPECT_EQ(counters().arm_calls, 0);
  for (int i = 0; i < 5; i++) virtual_timer_host_signal();
  advance(5000);
  timer_mask_leave();
  EXPECT_EQ(fired, "a");
  EXPECT_LE(counters().arm_calls, 1);
}

TEST_P(TimerSignal, B66_coalesce_arms_once) {
  Probe a(this, 'a');
  timer_mask_enter();
  for (int i = 0; i < 100; i++) a.mod(1000 - i);
  timer_mask_leave();
  EXPECT_EQ(counters().arm_calls, 1);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 901);
  EXPECT_EQ(fired, "");
}

TEST_P(TimerSignal, B67_empty_list_signal) {
  Probe a(this, 'a');
  a.mod(1000);
  timer_del(a);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 1000) << "cancelling makes no call";
  EXPECT_EQ(advance(2000), 1);
  EXPECT_EQ(fired, "");
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  EXPECT_EQ(timer_host_armed_ns(), INT64_MAX);
  // A signal that is not the alarm's takes the stale alarm away, too.
  a.mod(9000);
  timer_del(a);
  virtual_timer_host_signal();
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  virtual_timer_host_signal();
  EXPECT_EQ(fired, "");
}

TEST_P(TimerSignal, B68_always_due_timer) {
  Probe a(this, 'a');
  a.action = [&] {
    fired.clear();
    a.mod(0);
  };
  a.mod(0);
  EXPECT_TRUE(run());
  EXPECT_LE(a.count, 100) << "one pass is bounded";
  EXPECT_TRUE(a.pending());
  a.count = 0;
  EXPECT_GT(advance(1000), 0) << "comes back: time goes on meanwhile";
  EXPECT_GT(a.count, 0);
  a.action = nullptr;
}

// Whatever is due when the pass begins is run, however much it is.
TEST_P(TimerSignal, B68_bound_is_above_what_was_due) {
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; i++) probes.push_back(std::make_unique<Probe>(this, 'x'));
  for (auto& probe : probes) probe->mod(0);
  run();
  EXPECT_EQ(fired.size(), 500u);
}

TEST_P(TimerSignal, B68_starvation_floor) {
  virtual_timer_host_set_floor_ns(50000);
  Probe a(this, 'a', QEMU_CLOCK_REALTIME);
  a.action = [&] { a.mod(virtual_timer_host_ns() + 1); };
  a.mod(1000);
  advance(1000);
  EXPECT_EQ(a.count, 1);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 51000) << "50 us from the end of the run";
  timer_del(a);
  a.mod(2000);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 51000) << "also when main arms";
  advance(1000000);
  EXPECT_EQ(a.count, 21) << "1 at 1000, then every 50 us up to 1 001 000";
  a.action = nullptr;
}

TEST_P(TimerSignal, B68_endless_signals_leave_the_mask) {
  Probe a(this, 'a');
  a.mod(0);
  virtual_timer_host_signal_in_window(kMaskWindowAfterRun, 1 << 30);
  timer_mask_enter();
  virtual_timer_host_signal();
  timer_mask_leave();
  EXPECT_EQ(fired, "a");
  virtual_timer_host_signal_in_window(kMaskWindowAfterRun, 0);
  // Strict: the signal was blocked in that window and came, as a handler of its own, when it was opened.
  const bool lazy = GetParam() == kVirtualMaskLazy;
  EXPECT_EQ(counters().kicks, lazy ? 1 : 0) << "the loop is asked to leave";
  EXPECT_EQ(timer_mask.pending, lazy ? 1 : 0);
  timer_mask_enter();
  timer_mask_leave();
  EXPECT_EQ(timer_mask.pending, 0);
}

TEST_P(TimerSignal, B77_errno_preserved) {
  Probe a(this, 'a');
  a.action = [] { errno = ENOENT; };
  a.mod(10);
  errno = EXDEV;
  advance(100);
  EXPECT_EQ(errno, EXDEV) << "run by the signal";
  a.mod(200);
  timer_mask_enter();
  advance(100);
  errno = EXDEV;
  timer_mask_leave();
  EXPECT_EQ(fired, "aa");
  EXPECT_EQ(errno, EXDEV) << "run by the leave";
}

TEST_P(TimerSignal, B80_only_an_earlier_head_reprograms) {
  Probe a(this, 'a'), b(this, 'b');
  a.mod(1000);
  EXPECT_EQ(counters().arm_calls, 1);
  b.mod(2000);
  EXPECT_EQ(counters().arm_calls, 1) << "later head does not";
  b.mod(500);
  EXPECT_EQ(counters().arm_calls, 2) << "earlier head does";
  b.mod(3000);
  EXPECT_EQ(counters().arm_calls, 2) << "a later one is found out when the signal comes early";
  EXPECT_EQ(virtual_timer_host_armed_ns(), 500);
  advance(600);
  EXPECT_EQ(fired, "");
  EXPECT_EQ(virtual_timer_host_armed_ns(), 1000);
}

TEST_P(TimerSignal, B80_a_sooner_head_that_went_again_does_not) {
  Probe a(this, 'a'), b(this, 'b');
  a.mod(1000);
  virtual_timer_host_clear_counters();
  timer_mask_enter();
  b.mod(500);
  timer_del(b);
  timer_mask_leave();
  EXPECT_EQ(counters().arm_calls, 0);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(counters().arm_calls, 0);
}

TEST_P(TimerSignal, B81_zero_delay_is_not_disarm) {
  Probe a(this, 'a', QEMU_CLOCK_REALTIME);
  a.mod(0);
  EXPECT_NE(virtual_timer_host_armed_ns(), INT64_MAX);
  EXPECT_TRUE(virtual_timer_host_deliver_due());
  EXPECT_EQ(fired, "a");
}

TEST_P(TimerSignal, B83_host_clock_step) {
  virtual_timer_host_set_wall_ns(1000 * NANOSECONDS_PER_SECOND);
  Probe a(this, 'a', QEMU_CLOCK_HOST);
  a.mod((1000 + 3600) * NANOSECONDS_PER_SECOND);
  EXPECT_EQ(virtual_timer_host_armed_ns(), NANOSECONDS_PER_SECOND) << "sleeps at most a second";
  advance(NANOSECONDS_PER_SECOND / 2);
  virtual_timer_host_set_wall_ns((1000 + 3600) * NANOSECONDS_PER_SECOND);
  EXPECT_EQ(fired, "");
  advance(NANOSECONDS_PER_SECOND / 2);
  EXPECT_EQ(fired, "a");
}

TEST_P(TimerSignal, alarms_of_all_four_clocks) {
  virtual_timer_host_set_wall_ns(NANOSECONDS_PER_SECOND);
  Probe r(this, 'r', QEMU_CLOCK_REALTIME), v(this, 'v'), h(this, 'h', QEMU_CLOCK_HOST), t(this, 't', QEMU_CLOCK_VIRTUAL_RT);
  r.mod(400);
  v.mod(300);
  h.mod(NANOSECONDS_PER_SECOND + 200);
  t.mod(100);
  advance(1000);
  EXPECT_EQ(fired, "thvr");
}

// While ticks are disabled a frozen clock must not bring the alarm again and again.
TEST_P(TimerSignal, stopped_machine_arms_no_virtual_deadline) {
  Probe v(this, 'v'), t(this, 't', QEMU_CLOCK_VIRTUAL_RT), r(this, 'r', QEMU_CLOCK_REALTIME);
  advance(50);
  cpu_disable_ticks();
  v.mod(60);
  t.mod(70);
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  EXPECT_EQ(advance(1000), 0);
  r.mod(2000);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 2000);
  cpu_enable_ticks();
  EXPECT_EQ(virtual_timer_host_armed_ns(), 1060) << "10 ns after the machine goes on";
  advance(1000);
  EXPECT_EQ(fired, "vtr");
}

TEST_P(TimerSignal, disabled_clock_arms_nothing_and_enabling_arms) {
  Probe v(this, 'v');
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  v.mod(100);
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 100);
}

TEST_P(TimerSignal, registered_clock_arms_only_what_is_due) {
  static int64_t now;
  now = 1000;
  cpus_register_virtual_clock([] { return now; }, [](int64_t t) { now = t; });
  Probe v(this, 'v');
  v.mod(1500);
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  cpus_set_virtual_clock(1500);
  EXPECT_TRUE(virtual_timer_host_deliver_due());
  EXPECT_EQ(fired, "v");
}

TEST_P(TimerSignal, icount_arms_no_virtual_deadline) {
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  Probe v(this, 'v'), r(this, 'r', QEMU_CLOCK_REALTIME);
  v.mod(0);
  EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX);
  r.mod(100);
  advance(200);
  EXPECT_EQ(fired, "r");
  EXPECT_EQ(advance(1000), 0);
}

TEST_P(TimerSignal, driven_group_is_run_after_the_main_one) {
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, nullptr, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_REALTIME, 0, &group), b(this, 'b', QEMU_CLOCK_VIRTUAL_RT);
    a.mod(100);
    EXPECT_EQ(virtual_timer_host_armed_ns(), INT64_MAX) << "its owner runs it";
    timer_host_drive_group(&group, true);
    EXPECT_EQ(virtual_timer_host_armed_ns(), 100);
    b.mod(100);
    advance(100);
    EXPECT_EQ(fired, "ba");
  }
  timerlistgroup_deinit(&group);
}

// A callback may make and drop lists while the handler walks them.
TEST_P(TimerSignal, callbacks_may_change_the_lists) {
  QEMUTimerListGroup group{}, made{};
  timerlistgroup_init(&group, nullptr, nullptr);
  timer_host_drive_group(&group, true);
  bool have = true, have_made = false;
  Probe a(this, 'a');
  Probe b(this, 'b', QEMU_CLOCK_REALTIME);
  b.action = [&] {
    timerlistgroup_deinit(&group);
    have = false;
    timerlistgroup_init(&made, nullptr, nullptr);
    timer_host_drive_group(&made, true);
    have_made = true;
  };
  b.mod(100);
  a.mod(100);
  advance(100);
  EXPECT_EQ(fired, "ba");
  EXPECT_FALSE(have);
  if (have_made) timerlistgroup_deinit(&made);
}

TEST_P(TimerSignal, rearm_also_makes_it_later_and_commit_arms_under_the_mask) {
  Probe a(this, 'a');
  a.mod(100);
  a.mod(500);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 100);
  timer_host_rearm();
  EXPECT_EQ(virtual_timer_host_armed_ns(), 500);
  timer_mask_enter();
  a.mod(300);
  EXPECT_EQ(virtual_timer_host_armed_ns(), 500);
  timer_host_commit();
  EXPECT_EQ(virtual_timer_host_armed_ns(), 300);
  timer_mask_leave();
}

TEST_P(TimerSignal, run_due_runs_without_a_signal) {
  Probe a(this, 'a');
  a.mod(100);
  EXPECT_FALSE(timer_host_run_due());
  virtual_timer_host_clear_counters();
  set_ns(100);
  timer_mask_enter();
  EXPECT_TRUE(timer_host_run_due());
  timer_mask_leave();
  EXPECT_EQ(fired, "a");
  EXPECT_EQ(counters().arm_calls, 0);
}

TEST_P(TimerSignal, counts_of_the_mask) {
  for (int i = 0; i < 10; i++) {
    timer_mask_enter();
    timer_mask_enter();
    timer_mask_leave();
    timer_mask_leave();
  }
  EXPECT_EQ(counters().mask_calls, GetParam() == kVirtualMaskStrict ? 20 : 0) << "lazy masking calls nobody";
  EXPECT_FALSE(virtual_timer_host_blocked());
}

}  // namespace
}  // namespace monochord
