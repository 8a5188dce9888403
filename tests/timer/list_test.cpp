// Behaviours 1-20: one list, its order, arming and cancelling.
#include <algorithm>
#include <random>

#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerList : public TimerFixture {};
using TimerListDeathTest = TimerList;

TEST_F(TimerList, B01_idle_after_init) {
  Probe a(this, 'a');
  EXPECT_FALSE(a.pending());
  EXPECT_EQ(timer_expire_time_ns(a), UINT64_MAX);
  EXPECT_EQ(a.timer.expire_time, -1);
  EXPECT_FALSE(run());
}

TEST_F(TimerList, B02_arm_future) {
  set_ns(1000);
  Probe a(this, 'a');
  a.mod(1001);
  EXPECT_EQ(deadline(), 1);
  EXPECT_FALSE(run());
  EXPECT_TRUE(a.pending());
  EXPECT_EQ(timer_expire_time_ns(a), 1001u);
}

TEST_F(TimerList, B03_arm_now) {
  set_ns(1000);
  Probe a(this, 'a');
  a.mod(1000);
  EXPECT_TRUE(run());
  EXPECT_FALSE(a.pending());
  EXPECT_FALSE(run());
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerList, B04_arm_past) {
  set_ns(1000);
  Probe a(this, 'a');
  a.mod(995);
  EXPECT_EQ(deadline(), 0);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerList, B05_negative) {
  Probe a(this, 'a');
  a.mod(-5);
  EXPECT_TRUE(a.pending());
  EXPECT_EQ(timer_expire_time_ns(a), 0u);
  EXPECT_TRUE(run()) << "time is 0";
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerList, B06_fifo_equal) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  a.mod(500);
  b.mod(500);
  c.mod(500);
  set_ns(500);
  run();
  EXPECT_EQ(fired, "abc");
}

TEST_F(TimerList, B07_negative_lifo) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  a.mod(-1);
  b.mod(-1);
  c.mod(-7);
  run();
  EXPECT_EQ(fired, "cba");
  fired.clear();
  a.mod(0);
  b.mod(-1);
  c.mod(0);
  run();
  EXPECT_EQ(fired, "bac");
}

TEST_F(TimerList, B08_remod_same_time) {
  Probe a(this, 'a'), b(this, 'b');
  a.mod(100);
  b.mod(100);
  a.mod(100);
  set_ns(100);
  run();
  EXPECT_EQ(fired, "ba");
}

TEST_F(TimerList, B09_anticipate_same) {
  Probe a(this, 'a'), b(this, 'b');
  a.mod(100);
  b.mod(100);
  timer_mod_anticipate_ns(a, 100);
  set_ns(100);
  run();
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerList, B10_anticipate_later) {
  Probe a(this, 'a');
  a.mod(5000);
  timer_mod_anticipate_ns(a, 6000);
  EXPECT_EQ(timer_expire_time_ns(a), 5000u);
}

TEST_F(TimerList, B11_anticipate_earlier) {
  Probe a(this, 'a');
  a.mod(5000);
  timer_mod_anticipate_ns(a, 4000);
  EXPECT_EQ(timer_expire_time_ns(a), 4000u);
}

TEST_F(TimerList, B12_anticipate_idle) {
  Probe a(this, 'a');
  timer_mod_anticipate_ns(a, 4000);
  EXPECT_TRUE(a.pending());
  EXPECT_EQ(timer_expire_time_ns(a), 4000u);
}

// A timer stored at 0 is later than a raw negative time: it goes to the front.
TEST_F(TimerList, B12_anticipate_negative_before_zero) {
  Probe a(this, 'a'), b(this, 'b');
  b.mod(-1);
  a.mod(0);
  timer_mod_anticipate_ns(a, -5);
  run();
  EXPECT_EQ(fired, "ab");
}

TEST_F(TimerList, B13_order_across) {
  struct Entry {
    QEMUTimer timer{};
    int64_t time = 0;
    int order = 0;
    std::vector<Entry*>* log = nullptr;
  };
  std::vector<Entry*> log;
  std::vector<Entry> entries(1000);
  std::mt19937 random(1);
  int order = 0;
  for (Entry& entry : entries) {
    entry.time = static_cast<int64_t>(random() % 300);  // many equals
    entry.order = order++;
    entry.log = &log;
    timer_init_ns(&entry.timer, QEMU_CLOCK_VIRTUAL, [](void* opaque) {
      Entry* entry = static_cast<Entry*>(opaque);
      entry->log->push_back(entry);
    }, &entry);
    timer_mod_ns(&entry.timer, entry.time);
  }
  set_ns(1000);
  EXPECT_TRUE(run());
  ASSERT_EQ(log.size(), entries.size());
  EXPECT_TRUE(std::is_sorted(log.begin(), log.end(), [](const Entry* x, const Entry* y) {
    return x->time != y->time ? x->time < y->time : x->order < y->order;
  }));
}

TEST_F(TimerList, B14_del_idle) {
  Probe a(this, 'a');
  timer_del(a);
  EXPECT_FALSE(a.pending());
  a.mod(10);
  timer_del(a);
  timer_del(a);
  EXPECT_FALSE(a.pending());
  set_ns(100);
  EXPECT_FALSE(run());
}

TEST_F(TimerList, B15_del_middle) {
  Probe a(this, 'a'), b(this, 'b'), c(this, 'c');
  a.mod(1);
  b.mod(2);
  c.mod(3);
  timer_del(b);
  set_ns(10);
  run();
  EXPECT_EQ(fired, "ac");
}

TEST_F(TimerList, B16_del_head_deadline) {
  Probe a(this, 'a'), b(this, 'b');
  a.mod(100);
  b.mod(250);
  notifies = 0;
  timer_del(a);
  EXPECT_EQ(deadline(), 250);
  EXPECT_EQ(notifies, 0);
}

TEST_F(TimerList, B17_free_null) { timer_free(nullptr); }

TEST_F(TimerList, B17_free_armed) {
  static int calls;
  calls = 0;
  QEMUTimer* timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, [](void*) { calls++; }, nullptr);
  timer_mod_ns(timer, 10);
  timer_free(timer);
  set_ns(100);
  EXPECT_FALSE(run());
  EXPECT_EQ(calls, 0);
}

TEST_F(TimerList, B18_deinit_then_del) {
  Probe a(this, 'a');
  timer_deinit(a);
  timer_del(a);
  EXPECT_FALSE(a.pending());
}

TEST_F(TimerListDeathTest, B18_deinit_armed) {
  Probe a(this, 'a');
  a.mod(10);
  EXPECT_DEATH(timer_deinit(a), "timer_deinit of a timer that is armed");
}

TEST_F(TimerListDeathTest, mod_before_init_is_an_assertion) {
  QEMUTimer timer{};
  timer.expire_time = -1;
  EXPECT_DEATH(timer_mod_ns(&timer, 1), "armed before timer_init");
}

TEST_F(TimerListDeathTest, init_of_an_armed_timer_is_an_assertion) {
  Probe a(this, 'a');
  a.mod(10);
  EXPECT_DEATH(timer_init_ns(a, QEMU_CLOCK_VIRTUAL, nullptr, nullptr), "timer_init of a timer that is armed");
}

// What devices do at each reset; memory that was never set is no problem either.
TEST_F(TimerList, init_again_while_idle_and_over_garbage) {
  Probe a(this, 'a');
  a.mod(10);
  timer_del(a);
  timer_init_ns(a, QEMU_CLOCK_VIRTUAL, a.timer.cb, a.timer.opaque);
  a.mod(5);
  QEMUTimer stale = a.timer;  // a copy that claims to be armed, but isn't
  timer_init_ns(&stale, QEMU_CLOCK_VIRTUAL, a.timer.cb, nullptr);
  EXPECT_FALSE(timer_pending(&stale));
  set_ns(5);
  run();
  EXPECT_EQ(fired, "a");
}

TEST_F(TimerList, B19_expired_idle_quirk) {
  Probe a(this, 'a');
  EXPECT_TRUE(timer_expired(a, 0));
  EXPECT_TRUE(timer_expired(a, -1));
  EXPECT_FALSE(timer_expired(a, -2));
}

TEST_F(TimerList, B20_expired_scaled) {
  Probe a(this, 'a', QEMU_CLOCK_VIRTUAL, 0, nullptr, SCALE_MS);
  timer_mod(a, 3);
  EXPECT_FALSE(timer_expired(a, 2));
  EXPECT_TRUE(timer_expired(a, 3));
}

}  // namespace
}  // namespace monochord
