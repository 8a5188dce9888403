#include "tcg/riscv/stimer.h"

#include <cstdio>

#include "core/check.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

void StimerDeleter::operator()(Stimer* stimer) const { delete stimer; }

Stimer::Stimer(RiscvCpu& cpu) : cpu_(cpu) {
  snprintf(name_, sizeof name_, "riscv.stimer%d", cpu.cpu_index);
  timer_init_ns(&timer_, QEMU_CLOCK_VIRTUAL, expired, this);
  timer_set_name(&timer_, name_);
  timer_set_callback_name(&timer_, "Stimer::expired");
}

Stimer::~Stimer() {
  timer_del(&timer_);
  timer_deinit(&timer_);
}

void Stimer::set(uint64_t timecmp, bool enabled) {
  // The callback may come between two plain stores where the BQL is free.
  DCHECK(bql_locked());
  timecmp_ = timecmp;
  enabled_ = enabled;
  evaluate();
}

void Stimer::evaluate() {
  const TimeSource& source = cpu_.time_source();
  if (!enabled_ || timecmp_ == ~uint64_t{0} || source.read == nullptr) {
    timer_del(&timer_);
    cpu_.set_irq_line(kIrqSTimer, 0);
    return;
  }
  if (cpu_.time() >= timecmp_) {
    timer_del(&timer_);
    cpu_.set_irq_line(kIrqSTimer, 1);
    return;
  }
  cpu_.set_irq_line(kIrqSTimer, 0);
  timer_mod_ns(&timer_, source.virtual_deadline_ns(source.opaque, timecmp_));
}

void Stimer::expired(void* opaque) { static_cast<Stimer*>(opaque)->evaluate(); }

}  // namespace monochord
