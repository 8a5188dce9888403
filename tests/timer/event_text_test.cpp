// timer_event_text: each kind of event as a line. That these are the emulator's own lines: TraceTimersTest in tests/core.
#include <cstring>

#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerEventText : public TimerFixture {
 protected:
  static std::string text_of(const TimerEvent& event) {
    char text[TIMER_EVENT_TEXT_MAX];
    const int length = timer_event_text(text, sizeof text, &event);
    EXPECT_EQ(static_cast<size_t>(length), strlen(text));
    return text;
  }
  static void record(void*, const TimerEvent* event) {
    const std::string text = text_of(*event);
    if (!text.empty()) lines += text + "\n";
  }
  static inline std::string lines;
  void SetUp() override {
    TimerFixture::SetUp();
    lines.clear();
    timer_set_observer(record, nullptr);
  }
};

TEST_F(TimerEventText, a_timer_that_the_guest_sees) {
  Probe a(this, 'a');
  timer_set_name(a, "dev.a");
  a.mod(100);
  advance(100);
  a.mod(200);
  timer_del(a);
  EXPECT_EQ(lines,
            "timer_armed timer=dev.a clock=virtual deadline=100ns\n"
            "alarm_armed deadline=100ns\n"
            "alarm_raised\n"
            "alarm_delivered late=0ns\n"
            "timer_fired timer=dev.a clock=virtual deadline=100ns late=0ns\n"
            "timer_returned timer=dev.a clock=virtual\n"
            "timer_armed timer=dev.a clock=virtual deadline=200ns\n"
            "alarm_armed deadline=200ns\n"
            "timer_cancelled timer=dev.a clock=virtual deadline=200ns\n");
}

TEST_F(TimerEventText, timers_that_it_does_not_see_and_one_without_a_name) {
  Probe outside(this, 'o', QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_EXTERNAL), real(this, 'r', QEMU_CLOCK_REALTIME), wall(this, 'h', QEMU_CLOCK_HOST);
  Probe rt(this, 't', QEMU_CLOCK_VIRTUAL_RT);
  timer_set_name(outside, "dev.o");
  timer_set_name(wall, "dev.h");
  timer_set_name(rt, "dev.t");
  timer_mask_enter();
  outside.mod(10);
  real.mod(20);
  wall.mod(30);
  rt.mod(40);
  timer_del(outside);
  timer_del(real);
  timer_del(wall);
  timer_del(rt);
  EXPECT_EQ(lines, "host_timer_armed timer=dev.o clock=virtual deadline=10ns\n"
                   "host_timer_armed timer=timer" + std::to_string(real.timer.number) + " clock=realtime deadline=20ns\n"
                   "host_timer_armed timer=dev.h clock=host deadline=30ns\n"
                   "host_timer_armed timer=dev.t clock=virtual_rt deadline=40ns\n"
                   "host_timer_cancelled timer=dev.o clock=virtual deadline=10ns\n"
                   "host_timer_cancelled timer=timer" + std::to_string(real.timer.number) + " clock=realtime deadline=20ns\n"
                   "host_timer_cancelled timer=dev.h clock=host deadline=30ns\n"
                   "host_timer_cancelled timer=dev.t clock=virtual_rt deadline=40ns\n");
  timer_mask_leave();
}

// From the first of several signals; a pass that follows at once counts anew.
TEST_F(TimerEventText, a_signal_that_found_the_mask_closed) {
  Probe a(this, 'a');
  timer_set_name(a, "dev.a");
  timer_mask_enter();
  virtual_timer_host_signal();
  set_ns(70);
  virtual_timer_host_signal();
  set_ns(100);
  timer_mask_leave();
  virtual_timer_host_signal();
  EXPECT_EQ(lines, "alarm_raised\nalarm_deferred masked=100ns\nalarm_raised\nalarm_delivered late=0ns\n");
  // What came while nobody listened is nobody's.
  timer_set_observer(nullptr, nullptr);
  timer_mask_enter();
  virtual_timer_host_signal();
  set_ns(500);
  lines.clear();
  timer_set_observer(record, nullptr);
  timer_mask_leave();
  EXPECT_EQ(lines, "alarm_raised\nalarm_delivered late=0ns\n");
}

TEST_F(TimerEventText, clocks_and_what_has_no_line) {
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  qemu_clock_enable(QEMU_CLOCK_HOST, false);
  cpu_disable_ticks();
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(lines, "clock_enabled clock=virtual enabled=0\nclock_enabled clock=virtual enabled=1\n");
  TimerEvent event{};
  event.kind = kTimerEventSignalDeferred;
  EXPECT_EQ(timer_event_text(nullptr, 0, &event), 0);
}

TEST_F(TimerEventText, a_buffer_that_is_too_small) {
  TimerEvent event{};
  event.kind = kTimerEventFired;
  event.clock = QEMU_CLOCK_VIRTUAL;
  event.name = "a.timer.with.a.name.of.32.letters";
  event.deadline_ns = INT64_MIN + 1;
  event.now_ns = 0;
  const std::string whole = text_of(event);
  EXPECT_EQ(whole, "timer_fired timer=a.timer.with.a.name.of.32.letters clock=virtual deadline=-9223372036854775807ns late=9223372036854775807ns");
  char small[9] = "????????";
  EXPECT_EQ(timer_event_text(small, 8, &event), static_cast<int>(whole.size()));
  EXPECT_STREQ(small, "timer_f");
  EXPECT_EQ(timer_event_text(nullptr, 0, &event), static_cast<int>(whole.size()));
}

}  // namespace
}  // namespace monochord
