// Behaviours 40-60: clocks, lists and groups, notifications, sources of time.
#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerClock : public TimerFixture {};
using TimerClockDeathTest = TimerClock;

// Right after init_clocks: nothing was enabled.
class FreshClock : public TimerFixture {
  void SetUp() override {}
};

TEST_F(FreshClock, B40_virtual_starts_disabled) {
  Probe probes[] = {{this, 'r', QEMU_CLOCK_REALTIME}, {this, 'v', QEMU_CLOCK_VIRTUAL}, {this, 'h', QEMU_CLOCK_HOST},
                    {this, 't', QEMU_CLOCK_VIRTUAL_RT}};
  for (Probe& probe : probes) probe.mod(0);
  EXPECT_EQ(timerlist_deadline_ns(main_loop_tlg.tl[QEMU_CLOCK_VIRTUAL]), -1);
  EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL), -1);
  EXPECT_FALSE(qemu_clock_run_timers(QEMU_CLOCK_VIRTUAL));
  EXPECT_TRUE(qemu_clock_run_all_timers());
  EXPECT_EQ(fired, "rht");
}

TEST_F(TimerClock, B41_disabled_keeps_timers) {
  Probe a(this, 'a');
  a.mod(5);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  set_ns(10);
  EXPECT_TRUE(qemu_clock_has_timers(QEMU_CLOCK_VIRTUAL));
  EXPECT_TRUE(qemu_clock_expired(QEMU_CLOCK_VIRTUAL));
  EXPECT_EQ(deadline(), -1);
  EXPECT_FALSE(run());
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(deadline(), 0);
  EXPECT_TRUE(run());
}

TEST_F(TimerClock, B42_enable_notifies_once) {
  int other_notifies = 0;
  QEMUTimerList* other = timerlist_new(QEMU_CLOCK_VIRTUAL, [](void* count, QEMUClockType) { ++*static_cast<int*>(count); }, &other_notifies);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  EXPECT_EQ(notifies, 0);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(notifies, 1);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(notifies, 1);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  EXPECT_EQ(notifies, 1);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(notifies, 2);
  EXPECT_EQ(other_notifies, 2) << "each list of the clock";
  timerlist_free(other);
}

TEST_F(TimerClock, B43_all_lists) {
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, count_notify, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, &group);
    a.mod(700);
    EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL), 700);
    EXPECT_FALSE(qemu_clock_has_timers(QEMU_CLOCK_VIRTUAL));
    EXPECT_EQ(timerlistgroup_deadline_ns(&group), 700);
    set_ns(700);
    EXPECT_FALSE(run());
    EXPECT_TRUE(timerlistgroup_run_timers(&group));
    EXPECT_EQ(fired, "a");
  }
  timerlistgroup_deinit(&group);
}

TEST_F(TimerClock, B44_attr_filter) {
  Probe external(this, 'e', QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_EXTERNAL), plain(this, 'p');
  external.mod(500);
  plain.mod(800);
  EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL), 500);
  EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, ~QEMU_TIMER_ATTR_EXTERNAL), 800);
  EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, 0), 800);
  timer_del(plain);
  EXPECT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, ~QEMU_TIMER_ATTR_EXTERNAL), -1);
}

TEST_F(TimerClock, B45_group_deadline) {
  Probe r(this, 'r', QEMU_CLOCK_REALTIME), v(this, 'v');
  r.mod(500);
  v.mod(300);
  EXPECT_EQ(timerlistgroup_deadline_ns(&main_loop_tlg), 300);
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  EXPECT_EQ(timerlistgroup_deadline_ns(&main_loop_tlg), 500);
  EXPECT_FALSE(qemu_clock_use_for_deadline(QEMU_CLOCK_VIRTUAL));
  EXPECT_TRUE(qemu_clock_use_for_deadline(QEMU_CLOCK_VIRTUAL_RT));
}

TEST_F(TimerClock, B46_run_all_order) {
  Probe probes[] = {{this, '3', QEMU_CLOCK_VIRTUAL_RT}, {this, '1', QEMU_CLOCK_VIRTUAL}, {this, '0', QEMU_CLOCK_REALTIME},
                    {this, '2', QEMU_CLOCK_HOST}};
  for (Probe& probe : probes) probe.mod(0);
  EXPECT_TRUE(qemu_clock_run_all_timers());
  EXPECT_EQ(fired, "0123");
}

TEST_F(TimerClock, B47_run_all_icount) {
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  Probe r(this, 'r', QEMU_CLOCK_REALTIME), v(this, 'v');
  r.mod(0);
  v.mod(0);
  EXPECT_TRUE(qemu_clock_run_all_timers());
  EXPECT_EQ(fired, "r");
  EXPECT_TRUE(timerlistgroup_run_timers(&main_loop_tlg)) << "a group is not filtered";
  EXPECT_EQ(fired, "rv");
}

TEST_F(TimerClockDeathTest, B48_init_twice) { EXPECT_DEATH(init_clocks(nullptr), "init_clocks called twice"); }

TEST_F(TimerClockDeathTest, B49_timerlist_free_with_active) {
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, nullptr, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_HOST, 0, &group);
    a.mod(1);
    EXPECT_DEATH(timerlistgroup_deinit(&group), "timerlist_free of a list with active timers");
  }
  timerlistgroup_deinit(&group);
}

TEST_F(TimerClockDeathTest, a_list_is_not_freed_under_its_own_run) {
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, nullptr, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_HOST, 0, &group);
    a.action = [&] { EXPECT_DEATH(timerlist_free(group.tl[QEMU_CLOCK_HOST]), "being run"); };
    a.mod(0);
    timerlistgroup_run_timers(&group);
    EXPECT_EQ(fired, "a");
  }
  timerlistgroup_deinit(&group);
}

TEST_F(TimerClock, B50_notify_counts) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c'), d(this, 'd');
  a.mod(100);
  EXPECT_EQ(notifies, 1) << "first";
  b.mod(200);
  EXPECT_EQ(notifies, 1) << "later";
  c.mod(100);
  EXPECT_EQ(notifies, 1) << "equal";
  d.mod(50);
  EXPECT_EQ(notifies, 2) << "earlier";
  timer_del(b);
  EXPECT_EQ(notifies, 2) << "cancelled";
  d.mod(60);
  EXPECT_EQ(notifies, 3) << "the head moved, and is the head still";
}

TEST_F(TimerClock, B51_notify_null_cb) {
  static int calls;
  calls = 0;
  timer_set_default_notify([] { calls++; });
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, nullptr, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, &group);
    a.mod(10);
    EXPECT_EQ(calls, 1);
  }
  timer_set_default_notify(nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, &group);
    a.mod(10);
    EXPECT_EQ(calls, 1);
  }
  timerlistgroup_deinit(&group);
}

TEST_F(TimerClock, B52_notify_after_insert) {
  static QEMUTimerList* list;
  static int64_t seen;
  seen = -2;
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, [](void*, QEMUClockType type) {
    if (type == QEMU_CLOCK_VIRTUAL) seen = timerlist_deadline_ns(list);
  }, nullptr);
  list = group.tl[QEMU_CLOCK_VIRTUAL];
  {
    Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, &group);
    a.mod(123);
    EXPECT_EQ(seen, 123);
  }
  timerlistgroup_deinit(&group);
}

class AdvanceVirtual : public TimerFixture {
 protected:
  static inline int64_t now;
  void SetUp() override {
    start_virtual();
    now = 1000;
    cpus_register_virtual_clock([] { return now; }, [](int64_t t) { now = t; });
  }
};

TEST_F(AdvanceVirtual, B53_advance_virtual) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  std::vector<int64_t> times;
  for (Probe* probe : {&a, &b, &c})
    probe->action = [&] { times.push_back(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)); };
  a.mod(2000);
  b.mod(2500);
  c.mod(9000);
  EXPECT_EQ(qemu_clock_advance_virtual_time(3000), 3000);
  EXPECT_EQ(fired, "ab");
  EXPECT_EQ(times, (std::vector<int64_t>{2000, 2500}));
  EXPECT_TRUE(c.pending());
}

TEST_F(AdvanceVirtual, B54_advance_past) {
  Probe a(this, 'a');
  a.mod(1000);
  notifies = 0;
  EXPECT_EQ(qemu_clock_advance_virtual_time(500), 1000);
  EXPECT_EQ(fired, "");
  EXPECT_EQ(notifies, 1);
}

TEST_F(AdvanceVirtual, runs_lists_of_other_groups) {
  QEMUTimerListGroup group{};
  timerlistgroup_init(&group, nullptr, nullptr);
  {
    Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, &group);
    a.mod(1500);
    EXPECT_EQ(qemu_clock_advance_virtual_time(2000), 2000);
    EXPECT_EQ(fired, "a");
  }
  timerlistgroup_deinit(&group);
}

// Without an owner of VIRTUAL the machine's own clock is moved.
TEST_F(TimerClock, advance_virtual_without_a_registered_clock) {
  Probe a(this, 'a');
  a.mod(2000);
  EXPECT_EQ(qemu_clock_advance_virtual_time(3000), 3000);
  EXPECT_EQ(fired, "a");
  EXPECT_EQ(virtual_timer_host_ns(), 0);
}

TEST_F(FreshClock, B55_ticks_idempotent) {
  set_ns(100);
  cpu_enable_ticks();
  set_ns(150);
  cpu_enable_ticks();
  EXPECT_EQ(cpu_get_clock(), 50);
  EXPECT_EQ(cpu_get_ticks(), 50);
  cpu_disable_ticks();
  set_ns(200);
  cpu_disable_ticks();
  EXPECT_EQ(cpu_get_clock(), 50);
}

TEST_F(FreshClock, B56_ticks_excludes_stop) {
  cpu_enable_ticks();
  set_ns(100);
  cpu_disable_ticks();
  EXPECT_EQ(cpu_get_clock(), 100);
  set_ns(5000);
  EXPECT_EQ(cpu_get_clock(), 100);
  EXPECT_EQ(cpu_get_ticks(), 100);
  cpu_enable_ticks();
  EXPECT_EQ(cpu_get_clock(), 100);
  set_ns(5010);
  EXPECT_EQ(cpu_get_clock(), 110);
  EXPECT_EQ(cpu_get_ticks(), 110);
}

TEST_F(FreshClock, B57_ticks_monotonic) {
  virtual_timer_host_set_ticks(1000);
  cpu_enable_ticks();
  virtual_timer_host_set_ticks(1500);
  EXPECT_EQ(cpu_get_ticks(), 500);
  virtual_timer_host_set_ticks(1200);
  EXPECT_EQ(cpu_get_ticks(), 500) << "the value holds";
  virtual_timer_host_set_ticks(1210);
  EXPECT_EQ(cpu_get_ticks(), 510) << "and goes on from there: the offset grew";
}

TEST_F(FreshClock, B58_virtual_zero_at_start) {
  set_ns(123456);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 0);
  cpu_enable_ticks();
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 0);
  set_ns(123457);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 1);
}

TEST_F(TimerClock, B59_host_is_wallclock) {
  set_ns(1000);
  virtual_timer_host_set_wall_ns(1700000000000000000);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), 1700000000000000000);
  EXPECT_EQ(get_clock_realtime(), 1700000000000000000);
  virtual_timer_host_set_wall_ns(1600000000000000000);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_HOST), 1600000000000000000);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), 1000) << "the calendar does not move it";
}

TEST_F(FreshClock, B60_virtual_rt_equals_virtual) {
  for (int64_t now : {0, 10, 20, 30, 40}) {
    set_ns(now);
    if (now == 10 || now == 30) cpu_enable_ticks();
    if (now == 20) cpu_disable_ticks();
    EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT)) << now;
  }
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 20);
}

}  // namespace
}  // namespace monochord
