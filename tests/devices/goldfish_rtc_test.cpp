// Goldfish RTC against the Goldfish documentation and the numbered behaviours 104-106.
#include "devices/goldfish_rtc.h"

#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRtc = 0x101000;
enum : uint64_t { kTimeLow = 0, kTimeHigh = 4, kAlarmLow = 8, kAlarmHigh = 0xc, kIrqEnabled = 0x10, kClearAlarm = 0x14, kAlarmStatus = 0x18, kClearInterrupt = 0x1c };

class Rtc : public DeviceFixture {
 protected:
  void make(int64_t guest_ns, QEMUClockType clock = QEMU_CLOCK_VIRTUAL) {
    rtc = std::make_unique<GoldfishRtc>(clock, guest_ns);
    map(kRtc, *rtc);
    line.watch(rtc->irqs()[0]);
    rtc->reset();
  }
  uint32_t get(uint64_t offset) { return read(kRtc + offset, 4); }
  void put(uint64_t offset, uint32_t value) { write(kRtc + offset, 4, value); }
  uint64_t time() {
    const uint64_t low = get(kTimeLow);
    return low | uint64_t{get(kTimeHigh)} << 32;
  }
  void alarm(uint64_t ns) {
    put(kAlarmHigh, ns >> 32);
    put(kAlarmLow, ns);
  }
  std::unique_ptr<GoldfishRtc> rtc;
  LineProbe line;
};

TEST_F(Rtc, B104_time_high_is_latched_by_the_last_read_of_time_low) {
  make(0x1'ffffff00);
  EXPECT_EQ(get(kTimeLow), 0xffffff00u);
  advance_ns(0x200);  // the low half wraps
  EXPECT_EQ(get(kTimeHigh), 1u);
  EXPECT_EQ(get(kTimeLow), 0x100u);
  EXPECT_EQ(get(kTimeHigh), 2u);
}

TEST_F(Rtc, B105_an_alarm_in_the_past_fires_at_once) {
  make(1'000'000);
  put(kIrqEnabled, 1);
  alarm(1'000'000);  // now counts as past
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(get(kAlarmStatus), 0u);
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), -1);
  put(kClearInterrupt, 1);
  EXPECT_EQ(line.level, 0);
  alarm(999'999);
  EXPECT_EQ(line.level, 1);
}

TEST_F(Rtc, B106_alarm_high_alone_does_not_arm) {
  make(0);
  put(kIrqEnabled, 1);
  put(kAlarmHigh, 1);
  EXPECT_EQ(get(kAlarmStatus), 0u);
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), -1);
  EXPECT_EQ(line.level, 0);
  put(kAlarmLow, 5);
  EXPECT_EQ(get(kAlarmStatus), 1u);
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), 0x1'00000005);
}

TEST_F(Rtc, an_alarm_fires_at_its_ns_and_once) {
  make(500);
  alarm(2000);
  put(kIrqEnabled, 1);
  advance_ns(1499);
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(get(kAlarmStatus), 1u);
  advance_ns(1);
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(get(kAlarmStatus), 0u);
  put(kIrqEnabled, 0);  // irq = pending and enabled
  EXPECT_EQ(line.level, 0);
  put(kIrqEnabled, 3);
  EXPECT_EQ(get(kIrqEnabled), 1u);
  EXPECT_EQ(line.level, 1);
  put(kClearInterrupt, 0);  // any write
  EXPECT_EQ(line.level, 0);
}

TEST_F(Rtc, clear_alarm_cancels) {
  make(0);
  put(kIrqEnabled, 1);
  alarm(100);
  put(kClearAlarm, 1);
  EXPECT_EQ(get(kAlarmStatus), 0u);
  advance_ns(200);
  EXPECT_EQ(line.level, 0);
}

TEST_F(Rtc, setting_the_time_moves_it_and_does_not_move_an_armed_alarm) {
  make(1000);
  alarm(5000);
  put(kTimeHigh, 7);
  put(kTimeLow, 100);
  EXPECT_EQ(time(), 0x7'00000064u);
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), 4000);
  advance_ns(50);
  EXPECT_EQ(time(), 0x7'00000096u);
  rtc->reset();
  EXPECT_EQ(time(), 0x7'00000096u);  // reset keeps the time
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), -1);
}

TEST_F(Rtc, an_alarm_beyond_what_the_clock_counts_never_comes) {
  make(0);
  alarm(UINT64_MAX);
  EXPECT_EQ(deadline("goldfish_rtc.alarm"), INT64_MAX);
  EXPECT_EQ(line.level, 0);
}

TEST_F(Rtc, host_clock_follows_a_step_of_the_calendar_and_virtual_does_not) {
  virtual_timer_host_set_wall_ns(1'700'000'000'000'000'000);
  make(qemu_clock_get_ns(QEMU_CLOCK_HOST), QEMU_CLOCK_HOST);
  EXPECT_EQ(time(), 1'700'000'000'000'000'000u);
  virtual_timer_host_set_wall_ns(1'800'000'000'000'000'000);
  EXPECT_EQ(time(), 1'800'000'000'000'000'000u);
  GoldfishRtc other(QEMU_CLOCK_VIRTUAL, 1000);
  map(kRtc + 0x1000, other);
  virtual_timer_host_set_wall_ns(1'900'000'000'000'000'000);
  EXPECT_EQ(read(kRtc + 0x1000, 4), 1000u);
  unmap(other);
}

}  // namespace
}  // namespace monochord
