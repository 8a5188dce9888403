// Goldfish RTC: nanoseconds since 1970 and one alarm.
//   0x00 TIME_LOW         reading latches the high half     0x10 IRQ_ENABLED     bit 0
//   0x04 TIME_HIGH        the latched high half             0x14 CLEAR_ALARM     any write cancels
//   0x08 ALARM_LOW        writing arms (write HIGH first)   0x18 ALARM_STATUS    1: armed
//   0x0c ALARM_HIGH                                         0x1c CLEAR_INTERRUPT any write acknowledges
//
// Rules
// - The time is clock + tick_offset. The clock is chosen once (-rtc clock=): HOST follows the calendar and its steps, REALTIME runs on while the
//   machine is stopped, VIRTUAL stops with it. Writing the time moves tick_offset and does not re-arm; reset keeps tick_offset.
// - An alarm at or before the present (unsigned) interrupts at once.
// - BQL held (MMIO) or handler context (the alarm). update_irq() is the only place that drives the line.
// Source: Android goldfish RTC documentation (GOLDFISH-VIRTUAL-HARDWARE).
#pragma once

#include "core/device.h"
#include "timer/timer.h"

namespace monochord {

class GoldfishRtc final : public RegisterDevice<GoldfishRtc> {
 public:
  static constexpr DeviceInfo kInfo{"goldfish_rtc", "Goldfish real-time clock", "rtc", "google,goldfish-rtc", 0x24, 4, 4};

  // `guest_ns` is the time that the guest reads now.
  GoldfishRtc(QEMUClockType clock, int64_t guest_ns);
  static std::span<const Reg<GoldfishRtc>> registers();
  void reset() override;
  std::span<IrqLine> irqs() override { return {&irq_, 1}; }

 private:
  uint64_t latch_time_low();
  uint64_t read_time_high() { return state_.time_high; }
  uint64_t read_alarm_low() { return static_cast<uint32_t>(state_.alarm_next); }
  uint64_t read_alarm_high() { return state_.alarm_next >> 32; }
  uint64_t read_irq_enabled() { return state_.irq_enabled; }
  uint64_t read_alarm_status() { return state_.alarm_running; }
  void write_time_low(uint64_t value);
  void write_time_high(uint64_t value);
  void write_alarm_low(uint64_t value);
  void write_alarm_high(uint64_t value);
  void write_irq_enabled(uint64_t value);
  void write_clear_alarm(uint64_t value);
  void write_clear_interrupt(uint64_t value);

  uint64_t count() const;
  void set_alarm();
  static void alarm_expired(void* opaque);
  void update_irq() { irq_.set(state_.irq_pending && state_.irq_enabled); }

  struct State {
    uint64_t alarm_next = 0;
    uint32_t time_high = 0;
    bool alarm_running = false;
    bool irq_pending = false;
    bool irq_enabled = false;
  };
  const QEMUClockType clock_;
  uint64_t tick_offset_;  // modulo 2^64
  State state_;
  IrqLine irq_;
  Timer alarm_;
};

}  // namespace monochord
