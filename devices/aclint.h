// ACLINT: software interrupts (MSWI) and the machine timer (MTIMER) of N harts, laid out as the older CLINT, which drivers still ask for.
//
//   MSWI    0x0000 + 4*hart   msip, bit 0
//   MTIMER  0x0000 + 8*hart   mtimecmp        0x7ff8  mtime
//
// Rules
// - mtime = floor(VIRTUAL * frequency / 1e9) + delta, modulo 2^64; a write of mtime changes delta and compares for every hart again.
// - The timer of a hart is armed for the exact ns at which mtime reaches mtimecmp (TimeSource, core/riscv_hart.h): never early, never wrapped.
// - Reset puts mtime to 0 and msip to 0 and keeps mtimecmp, which is 0 at power-on: MTIP is then up until the firmware writes it (as in QEMU).
// - Both are reached from MMIO in main context with the BQL held; the timers run in handler context. read_time() needs no lock.
// Source: RISC-V ACLINT Specification 1.0-rc4 (chapters MTIMER, MSWI); SiFive CLINT.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/riscv_hart.h"
#include "timer/timer.h"

namespace monochord {

class AclintMswi final : public Device {
 public:
  static constexpr DeviceInfo kInfo{"riscv.aclint.swi", "RISC-V ACLINT software interrupts", nullptr, nullptr, 0x4000, 4, 4};

  explicit AclintMswi(unsigned harts);
  IrqLine& irq(unsigned hart) { return lines_[hart]; }
  void reset() override;
  std::string register_rows() const override { return "0x000+4*hart msip                 rw\n"; }

 private:
  static MemTxResult read(void* opaque, uint64_t offset, unsigned size, uint64_t* value);
  static MemTxResult write(void* opaque, uint64_t offset, unsigned size, uint64_t value);
  static constexpr MemoryRegionOps kOps{&read, &write, kInfo.access_size_min, kInfo.access_size_max, false};

  const unsigned harts_;
  std::unique_ptr<IrqLine[]> lines_;
};

class AclintMtimer final : public Device {
 public:
  static constexpr DeviceInfo kInfo{"riscv.aclint.mtimer", "RISC-V ACLINT machine timer", nullptr, nullptr, 0x8000, 4, 8};
  static constexpr uint64_t kMtimeOffset = 0x7ff8;
  // Called when mtime was written, once for each hart.
  struct TimeListener {
    void (*time_changed)(void* opaque);
    void* opaque;
  };

  AclintMtimer(unsigned harts, uint32_t frequency_hz);
  IrqLine& irq(unsigned hart) { return lines_[hart]; }
  void add_listener(TimeListener listener) { listeners_.push_back(listener); }
  void reset() override;
  std::string register_rows() const override;

  uint64_t read_time() const;
  // VIRTUAL ns at which read_time() first answers `timecmp` or more; the present where it does already.
  int64_t virtual_deadline_ns(uint64_t timecmp) const;
  TimeSource time_source();

 private:
  struct Hart {
    AclintMtimer* owner;
    unsigned index;
    uint64_t timecmp = 0;
    std::string timer_name;
    std::unique_ptr<Timer> timer;
  };
  static MemTxResult read(void* opaque, uint64_t offset, unsigned size, uint64_t* value);
  static MemTxResult write(void* opaque, uint64_t offset, unsigned size, uint64_t value);
  static void timer_expired(void* opaque);
  uint64_t raw_time() const;
  void write_time(uint64_t value);
  void compare(Hart& hart);
  static constexpr MemoryRegionOps kOps{&read, &write, kInfo.access_size_min, kInfo.access_size_max, false};

  const uint32_t frequency_hz_;
  uint64_t delta_ = 0;  // modulo 2^64
  std::vector<Hart> harts_;
  std::unique_ptr<IrqLine[]> lines_;
  std::vector<TimeListener> listeners_;
};

}  // namespace monochord
