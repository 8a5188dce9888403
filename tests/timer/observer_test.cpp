// The observer, names and numbers, the walk over all timers; and that nothing is allocated.
#include "tests/timer/alloc_count.h"
#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerObservation : public TimerFixture {
 protected:
  struct Seen {
    TimerEventKind kind;
    int clock;
    std::string name;
    int64_t deadline_ns;
    int64_t now_ns;
  };
  static inline std::vector<Seen> seen;
  static void record(void*, const TimerEvent* event) {
    seen.push_back({event->kind, event->clock, event->name != nullptr ? event->name : "", event->deadline_ns, event->now_ns});
  }
  static std::vector<TimerEventKind> kinds() {
    std::vector<TimerEventKind> result;
    for (const Seen& event : seen) result.push_back(event.kind);
    return result;
  }
};

TEST_F(TimerObservation, one_timer_from_armed_to_returned) {
  Probe a(this, 'a');
  timer_set_name(a, "test.a");
  seen.clear();
  timer_set_observer(record, nullptr);
  a.mod(100);
  advance(100);
  EXPECT_EQ(kinds(), (std::vector<TimerEventKind>{kTimerEventArmed, kTimerEventHostArmed, kTimerEventSignalRun, kTimerEventFired,
                                                  kTimerEventReturned}));
  EXPECT_EQ(seen[3].name, "test.a");
  EXPECT_EQ(seen[3].clock, QEMU_CLOCK_VIRTUAL);
  EXPECT_EQ(seen[3].deadline_ns, 100);
  EXPECT_EQ(seen[3].now_ns, 100);
  seen.clear();
  a.mod(200);
  timer_del(a);
  timer_del(a);
  EXPECT_EQ(seen.back().kind, kTimerEventCancelled);
  EXPECT_EQ(seen.size(), 3u) << "armed, host armed, cancelled once";
  seen.clear();
  timer_mask_enter();
  virtual_timer_host_signal();
  timer_mask_leave();
  EXPECT_EQ(kinds(), (std::vector<TimerEventKind>{kTimerEventSignalDeferred, kTimerEventSignalRun, kTimerEventHostArmed}));
  timer_set_observer(nullptr, nullptr);
  seen.clear();
  a.mod(300);
  EXPECT_TRUE(seen.empty());
}

TEST_F(TimerObservation, lateness_is_seen) {
  Probe a(this, 'a');
  timer_set_observer(record, nullptr);
  a.mod(100);
  timer_mask_enter();
  advance(130);
  seen.clear();
  timer_mask_leave();
  ASSERT_GE(seen.size(), 2u);
  EXPECT_EQ(seen[1].kind, kTimerEventFired);
  EXPECT_EQ(seen[1].now_ns - seen[1].deadline_ns, 30);
}

class TimerNames : public TimerFixture {
 protected:
  static std::vector<TimerInfo> all() {
    std::vector<TimerInfo> list;
    timer_for_each([](void* context, const TimerInfo* info) { static_cast<std::vector<TimerInfo>*>(context)->push_back(*info); }, &list);
    return list;
  }
};

TEST_F(TimerNames, armed_and_named_idle_timers_are_listed) {
  Probe a(this, 'a', QEMU_CLOCK_HOST), b(this, 'b'), c(this, 'c'), d(this, 'd');
  timer_set_name(a, "dev.idle");
  timer_set_name(b, "dev.armed");
  b.mod(77);
  c.mod(88);
  std::vector<TimerInfo> list = all();
  ASSERT_EQ(list.size(), 3u) << "d is idle and has no name";
  EXPECT_STREQ(list[0].name, "dev.armed");
  EXPECT_TRUE(list[0].armed);
  EXPECT_EQ(list[0].expire_time_ns, 77);
  EXPECT_EQ(list[0].clock, QEMU_CLOCK_VIRTUAL);
  EXPECT_TRUE(list[0].main_group);
  EXPECT_EQ(list[1].name, nullptr);
  EXPECT_EQ(list[1].number, c.timer.number);
  EXPECT_STREQ(list[2].name, "dev.idle");
  EXPECT_FALSE(list[2].armed);
  EXPECT_EQ(list[2].expire_time_ns, -1);
  EXPECT_EQ(list[2].clock, QEMU_CLOCK_HOST);
  EXPECT_EQ(list[2].opaque, a.timer.opaque);
  timer_deinit(a);
  EXPECT_EQ(all().size(), 2u);
  timer_set_name(b, nullptr);
}

TEST_F(TimerNames, numbers_follow_the_order_of_creation) {
  Probe a(this, 'a'), b(this, 'b');
  EXPECT_EQ(b.timer.number, a.timer.number + 1);
}

// Devices re-initialise their timers at reset: a name goes and the list of names stays whole.
TEST_F(TimerNames, init_again_takes_the_name_away) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  timer_set_name(a, "x.a");
  timer_set_name(b, "x.b");
  timer_set_name(c, "x.c");
  timer_init_ns(&b.timer, QEMU_CLOCK_VIRTUAL, b.timer.cb, b.timer.opaque);
  std::vector<TimerInfo> list = all();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_STREQ(list[0].name, "x.c");
  EXPECT_STREQ(list[1].name, "x.a");
  timer_set_name(a, "x.renamed");
  EXPECT_STREQ(all()[0].name, "x.renamed");
  timer_set_name(a, nullptr);
  timer_set_name(c, nullptr);
  EXPECT_TRUE(all().empty());
}

TEST_F(TimerNames, arming_cancelling_and_firing_allocate_nothing) {
  std::vector<QEMUTimer> timers(300);
  for (QEMUTimer& timer : timers) timer_init_ns(&timer, QEMU_CLOCK_VIRTUAL, [](void*) {}, nullptr);
  const long before = allocations;
  for (size_t i = 0; i < timers.size(); i++) timer_mod_ns(&timers[i], static_cast<int64_t>(i * 7919 % 1000));
  for (size_t i = 0; i < timers.size(); i += 3) timer_del(&timers[i]);
  timer_set_name(&timers[0], "x.y");
  advance(2000);
  timer_set_name(&timers[0], nullptr);
  EXPECT_FALSE(qemu_clock_has_timers(QEMU_CLOCK_VIRTUAL));
  EXPECT_EQ(allocations, before);
  void* volatile control = malloc(1);
  EXPECT_EQ(allocations, before + 1) << "the count counts";
  free(control);
}

}  // namespace
}  // namespace monochord
