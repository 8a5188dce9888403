#include "devices/goldfish_rtc.h"

#include "core/guest_time.h"

namespace monochord {

std::span<const Reg<GoldfishRtc>> GoldfishRtc::registers() {
  using D = GoldfishRtc;
  static constexpr Reg<D> kRegs[] = {
      {0x00, "TIME_LOW", &D::latch_time_low, &D::write_time_low},
      {0x04, "TIME_HIGH", &D::read_time_high, &D::write_time_high},
      {0x08, "ALARM_LOW", &D::read_alarm_low, &D::write_alarm_low},
      {0x0c, "ALARM_HIGH", &D::read_alarm_high, &D::write_alarm_high},
      {0x10, "IRQ_ENABLED", &D::read_irq_enabled, &D::write_irq_enabled},
      {0x14, "CLEAR_ALARM", nullptr, &D::write_clear_alarm},
      {0x18, "ALARM_STATUS", &D::read_alarm_status, nullptr},
      {0x1c, "CLEAR_INTERRUPT", nullptr, &D::write_clear_interrupt},
  };
  return kRegs;
}

GoldfishRtc::GoldfishRtc(QEMUClockType clock, int64_t guest_ns)
    : clock_(clock),
      tick_offset_(static_cast<uint64_t>(guest_ns) - static_cast<uint64_t>(qemu_clock_get_ns(clock))),
      alarm_("goldfish_rtc.alarm", clock, {&alarm_expired, "GoldfishRtc::alarm_expired"}, this) {}

void GoldfishRtc::reset() {
  alarm_.del();
  state_ = State{};
  update_irq();
}

uint64_t GoldfishRtc::count() const { return tick_offset_ + static_cast<uint64_t>(qemu_clock_get_ns(clock_)); }

uint64_t GoldfishRtc::latch_time_low() {
  const uint64_t now = count();
  if (clock_ != QEMU_CLOCK_VIRTUAL) guest_time_saw_host();
  state_.time_high = now >> 32;
  return static_cast<uint32_t>(now);
}

void GoldfishRtc::write_time_low(uint64_t value) {
  const uint64_t now = count();
  tick_offset_ += ((now & ~uint64_t{0xffffffff}) | (value & 0xffffffff)) - now;
}

void GoldfishRtc::write_time_high(uint64_t value) {
  const uint64_t now = count();
  tick_offset_ += ((now & 0xffffffff) | value << 32) - now;
}

void GoldfishRtc::write_alarm_low(uint64_t value) {
  state_.alarm_next = (state_.alarm_next & ~uint64_t{0xffffffff}) | (value & 0xffffffff);
  set_alarm();
}

void GoldfishRtc::write_alarm_high(uint64_t value) {
  state_.alarm_next = (state_.alarm_next & 0xffffffff) | value << 32;
}

void GoldfishRtc::set_alarm() {
  if (state_.alarm_next <= count()) {
    alarm_.del();
    state_.alarm_running = false;
    state_.irq_pending = true;
  } else {
    // Beyond what the clock can count the alarm never comes.
    const uint64_t expire = state_.alarm_next - tick_offset_;
    alarm_.mod_ns(expire > INT64_MAX ? INT64_MAX : static_cast<int64_t>(expire));
    state_.alarm_running = true;
  }
  update_irq();
}

void GoldfishRtc::alarm_expired(void* opaque) {
  GoldfishRtc& s = *static_cast<GoldfishRtc*>(opaque);
  s.state_.alarm_running = false;
  s.state_.irq_pending = true;
  s.update_irq();
}

void GoldfishRtc::write_irq_enabled(uint64_t value) {
  state_.irq_enabled = value & 1;
  update_irq();
}

void GoldfishRtc::write_clear_alarm(uint64_t) {
  alarm_.del();
  state_.alarm_running = false;
}

void GoldfishRtc::write_clear_interrupt(uint64_t) {
  state_.irq_pending = false;
  update_irq();
}

}  // namespace monochord
