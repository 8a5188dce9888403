// Behaviours 84, 85, 87, 88, 93, 94: the arithmetic and the options of icount; 97 and 98: the hook of replay.
#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class Icount : public TimerFixture {
 protected:
  static std::string error_of(const char* text) {
    IcountOptions options;
    const char* error = icount_parse(text, &options);
    return error != nullptr ? error : "";
  }
};

TEST_F(Icount, B84_shift_to_ns) {
  ASSERT_EQ(icount_configure("shift=3"), nullptr);
  icount_advance(1000);
  EXPECT_EQ(icount_get_raw(), 1000);
  EXPECT_EQ(icount_get(), 8000);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 8000);
  EXPECT_EQ(icount_to_ns(5), 40);
  EXPECT_EQ(icount_round(9), 2);
  EXPECT_EQ(icount_round(8), 1);
  EXPECT_EQ(icount_round(1), 1);
  EXPECT_EQ(icount_round(0), 0);
}

TEST_F(Icount, B85_option_errors) {
  EXPECT_NE(error_of("shift=11"), "");
  EXPECT_NE(error_of("shift=-1"), "");
  EXPECT_NE(error_of("shift=x"), "");
  EXPECT_NE(error_of("shift="), "");
  EXPECT_NE(error_of("shift=3x"), "");
  EXPECT_NE(error_of("shift=99999999999999999999"), "");
  EXPECT_NE(error_of("align=on"), "");
  EXPECT_NE(error_of("align=off"), "");
  EXPECT_NE(error_of("sleep=off"), "");
  EXPECT_NE(error_of("shift=3,align=on,sleep=off"), "");
  EXPECT_NE(error_of("shift=auto,align=on"), "");
  EXPECT_NE(error_of("shift=auto,sleep=off"), "");
  EXPECT_NE(error_of("shift=3,bogus=1"), "");
  EXPECT_NE(error_of("shift=3,sleep=maybe"), "");
  EXPECT_NE(error_of("shift=11").find("'11'"), std::string::npos) << "names the value";
  EXPECT_NE(icount_configure("shift=11"), nullptr);
  EXPECT_EQ(icount_enabled(), ICOUNT_DISABLED) << "an error changes nothing";
}

TEST_F(Icount, B85_options_that_are_fine) {
  IcountOptions options;
  ASSERT_EQ(icount_parse("shift=0x7,sleep=off", &options), nullptr);
  EXPECT_EQ(options.mode, ICOUNT_PRECISE);
  EXPECT_EQ(options.shift, 7);
  EXPECT_FALSE(options.sleep);
  EXPECT_FALSE(options.align);
  ASSERT_EQ(icount_parse("shift=10,align=on", &options), nullptr);
  EXPECT_EQ(options.shift, 10);
  EXPECT_TRUE(options.sleep);
  EXPECT_TRUE(options.align);
  ASSERT_EQ(icount_parse("auto", &options), nullptr);
  EXPECT_EQ(options.mode, ICOUNT_ADAPTATIVE);
  EXPECT_EQ(options.shift, 3);
  ASSERT_EQ(icount_parse("align=off,shift=2", &options), nullptr);
  EXPECT_EQ(options.shift, 2);
  ASSERT_EQ(icount_parse("", &options), nullptr);
  EXPECT_EQ(options.mode, ICOUNT_DISABLED);
}

TEST_F(Icount, B87_budget_cap) {
  ASSERT_EQ(icount_configure("shift=1"), nullptr);
  EXPECT_EQ(icount_deadline_ns(), INT32_MAX);
  EXPECT_EQ(icount_limit(), (int64_t{INT32_MAX} + 1) / 2);
  Probe far(this, 'f', QEMU_CLOCK_VIRTUAL);
  far.mod(int64_t{INT32_MAX} * 10);
  EXPECT_EQ(icount_deadline_ns(), INT32_MAX);
  Probe r(this, 'r', QEMU_CLOCK_REALTIME);
  r.mod(501);
  EXPECT_EQ(icount_deadline_ns(), 501) << "a REALTIME timer shortens it";
  EXPECT_EQ(icount_limit(), 251);
}

TEST_F(Icount, B88_percpu) {
  EXPECT_EQ(icount_percpu_budget(10, 3), 3);
  EXPECT_EQ(icount_percpu_budget(2, 3), 2);
  EXPECT_EQ(icount_percpu_budget(0, 3), 0);
}

TEST_F(Icount, B93_adjust_continuity) {
  ASSERT_EQ(icount_configure("shift=auto"), nullptr);
  icount_advance(100 * 1000 * 1000);  // 0.8 s ahead of real time
  const int64_t before = icount_get();
  icount_adjust();
  EXPECT_EQ(icount_options().shift, 2);
  EXPECT_EQ(icount_get(), before);
  icount_advance(10);
  EXPECT_EQ(icount_get(), before + 40);
  cpu_disable_ticks();
  icount_adjust();
  EXPECT_EQ(icount_options().shift, 2) << "only while the machine runs";
}

TEST_F(Icount, B94_adjust_bounds_and_wobble) {
  constexpr int64_t ms = SCALE_MS;
  EXPECT_EQ(icount_adjust_shift(49 * ms, 0, 5), 5);
  EXPECT_EQ(icount_adjust_shift(50 * ms, 0, 5), 5);
  EXPECT_EQ(icount_adjust_shift(51 * ms, 0, 5), 4);
  EXPECT_EQ(icount_adjust_shift(-50 * ms, 0, 5), 5);
  EXPECT_EQ(icount_adjust_shift(-51 * ms, 0, 5), 6);
  EXPECT_EQ(icount_adjust_shift(51 * ms, 0, 0), 0);
  EXPECT_EQ(icount_adjust_shift(-51 * ms, 0, 10), 10);
  EXPECT_EQ(icount_adjust_shift(60 * ms, 30 * ms, 5), 5) << "it was that far ahead before";
  EXPECT_EQ(icount_adjust_shift(INT64_MAX, 0, 5), 4);
  EXPECT_EQ(icount_adjust_shift(INT64_MIN, 0, 5), 6);
}

TEST_F(Icount, a_registered_counter_is_read) {
  static int64_t instructions;
  instructions = 12;
  icount_register_counter([] { return instructions; });
  ASSERT_EQ(icount_configure("shift=2"), nullptr);
  EXPECT_EQ(icount_get(), 48);
  instructions = 20;
  EXPECT_EQ(icount_get(), 80);
  icount_add_bias(1000);
  EXPECT_EQ(icount_get(), 1080);
}

TEST_F(Icount, advance_virtual_time_under_icount_moves_the_bias) {
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  Probe a(this, 'a');
  a.mod(500);
  EXPECT_EQ(qemu_clock_advance_virtual_time(800), 800);
  EXPECT_EQ(fired, "a");
  EXPECT_EQ(icount_get_raw(), 0);
}

TEST_F(Icount, notify_cb_kicks_for_a_new_budget_only_under_icount) {
  qemu_timer_notify_cb(nullptr, QEMU_CLOCK_VIRTUAL);
  EXPECT_EQ(virtual_timer_host_counters().kicks, 0);
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  qemu_timer_notify_cb(nullptr, QEMU_CLOCK_REALTIME);
  EXPECT_EQ(virtual_timer_host_counters().kicks, 0);
  qemu_timer_notify_cb(nullptr, QEMU_CLOCK_VIRTUAL);
  EXPECT_EQ(virtual_timer_host_counters().kicks, 1);
}

TEST_F(Icount, B97_replay_refuses_virtual) {
  timer_set_replay_checkpoint([](void*, QEMUClockType) { return false; }, nullptr);
  Probe external(this, 'e', QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_EXTERNAL), plain(this, 'p'), late(this, 'l', QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_EXTERNAL);
  external.mod(1);
  plain.mod(2);
  late.mod(3);
  set_ns(10);
  EXPECT_TRUE(run());
  EXPECT_EQ(fired, "e") << "the refused one ends the pass";
  timer_set_replay_checkpoint(nullptr, nullptr);
  run();
  EXPECT_EQ(fired, "epl");
}

TEST_F(Icount, B98_replay_host_once) {
  int calls = 0;
  timer_set_replay_checkpoint([](void* count, QEMUClockType) {
    ++*static_cast<int*>(count);
    return true;
  }, &calls);
  EXPECT_FALSE(qemu_clock_run_timers(QEMU_CLOCK_HOST));
  EXPECT_EQ(calls, 0) << "the list is empty";
  Probe a(this, 'a', QEMU_CLOCK_HOST), b(this, 'b', QEMU_CLOCK_HOST);
  a.mod(0);
  b.mod(0);
  EXPECT_TRUE(qemu_clock_run_timers(QEMU_CLOCK_HOST));
  EXPECT_EQ(calls, 1);
  b.mod(100);
  EXPECT_FALSE(qemu_clock_run_timers(QEMU_CLOCK_HOST));
  EXPECT_EQ(calls, 2) << "once for each run, even if nothing is due";
  Probe v(this, 'v'), w(this, 'w');
  v.mod(0);
  w.mod(0);
  EXPECT_TRUE(run());
  EXPECT_EQ(calls, 4) << "VIRTUAL: before each timer";
  Probe r(this, 'r', QEMU_CLOCK_REALTIME);
  r.mod(0);
  EXPECT_TRUE(qemu_clock_run_timers(QEMU_CLOCK_REALTIME));
  EXPECT_EQ(calls, 4) << "REALTIME: never";
}

}  // namespace
}  // namespace monochord
