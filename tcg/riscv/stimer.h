// Sstc: the comparison of stimecmp with the board's time, which drives STIP. One a hart, made by csr_init().
//
// Rules
// - STIP is a level: time >= stimecmp while menvcfg.STCE is set, else low. All ones never comes: the timer is deleted.
// - It keeps its own copy of stimecmp, because its callback runs in handler context, where the hart's registers are off limits.
// - The deadline is exact (TimeSource::virtual_deadline_ns): never early. The callback looks again all the same, in case the time was moved.
// - set() is main context, evaluate() either; BQL held.
// Source: Privileged manual, chapter "Sstc".
#pragma once

#include <qemu/timer.h>

#include <cstdint>

namespace monochord {

class RiscvCpu;

class Stimer {
 public:
  explicit Stimer(RiscvCpu& cpu);
  ~Stimer();
  Stimer(const Stimer&) = delete;
  Stimer& operator=(const Stimer&) = delete;

  // stimecmp or menvcfg.STCE was written.
  void set(uint64_t timecmp, bool enabled);
  // Compares again: the time may have jumped.
  void evaluate();

  const QEMUTimer& timer() const { return timer_; }

 private:
  static void expired(void* opaque);

  RiscvCpu& cpu_;
  QEMUTimer timer_;
  char name_[24];  // "riscv.stimerN"
  uint64_t timecmp_ = ~uint64_t{0};
  bool enabled_ = false;
};

}  // namespace monochord
