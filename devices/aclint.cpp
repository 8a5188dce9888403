#include "devices/aclint.h"

#include "core/cpu.h"
#include "core/log.h"

namespace monochord {

// --- MSWI ---------------------------------------------------------------------------------------------------------

AclintMswi::AclintMswi(unsigned harts) : Device(kInfo), harts_(harts), lines_(new IrqLine[harts]) {
  region_.init_io(kInfo.name, &kOps, this, kInfo.size);
}

void AclintMswi::reset() {
  for (unsigned hart = 0; hart < harts_; hart++) lines_[hart].lower();
}

MemTxResult AclintMswi::read(void* opaque, uint64_t offset, unsigned, uint64_t* value) {
  AclintMswi& s = *static_cast<AclintMswi*>(opaque);
  const uint64_t hart = offset / 4;
  *value = 0;
  if (hart < s.harts_)
    *value = s.lines_[hart].level();
  else
    qemu_log_mask(kLogGuestError, "%s: read of msip of hart %llu, which isn't there", kInfo.name, (unsigned long long)hart);
  return MemTxResult::kOk;
}

MemTxResult AclintMswi::write(void* opaque, uint64_t offset, unsigned, uint64_t value) {
  AclintMswi& s = *static_cast<AclintMswi*>(opaque);
  const uint64_t hart = offset / 4;
  if (hart < s.harts_) {
    if (value & 1) trace_ipi(current_cpu != nullptr ? current_cpu->cpu_index : -1, static_cast<int>(hart));
    s.lines_[hart].set(value & 1);
  } else {
    qemu_log_mask(kLogGuestError, "%s: write of msip of hart %llu, which isn't there", kInfo.name, (unsigned long long)hart);
  }
  return MemTxResult::kOk;
}

// --- MTIMER -------------------------------------------------------------------------------------------------------

AclintMtimer::AclintMtimer(unsigned harts, uint32_t frequency_hz)
    : Device(kInfo), frequency_hz_(frequency_hz), harts_(harts), lines_(new IrqLine[harts]) {
  CHECK(frequency_hz > 0 && 8 * uint64_t{harts} <= kMtimeOffset);
  for (unsigned i = 0; i < harts; i++) {
    Hart& hart = harts_[i];
    hart.owner = this;
    hart.index = i;
    hart.timer_name = stringf("aclint.mtimer%u", i);
    hart.timer = std::make_unique<Timer>(hart.timer_name.c_str(), QEMU_CLOCK_VIRTUAL,
                                         NamedTimerCallback{&timer_expired, "AclintMtimer::timer_expired"}, &hart);
  }
  region_.init_io(kInfo.name, &kOps, this, kInfo.size);
}

std::string AclintMtimer::register_rows() const {
  return "0x000+8*hart mtimecmp             rw\n0x7ff8       mtime                rw\n";
}

uint64_t AclintMtimer::raw_time() const {
  const unsigned __int128 now = static_cast<uint64_t>(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
  return static_cast<uint64_t>(now * frequency_hz_ / NANOSECONDS_PER_SECOND);
}

uint64_t AclintMtimer::read_time() const { return raw_time() + delta_; }

int64_t AclintMtimer::virtual_deadline_ns(uint64_t timecmp) const {
  const uint64_t raw = raw_time();
  const uint64_t time = raw + delta_;
  if (timecmp <= time) return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  // In ticks of the raw counter, where nothing wraps; the first ns at which floor(ns * f / 1e9) reaches the target is the ceiling of its inverse.
  const unsigned __int128 target = static_cast<unsigned __int128>(raw) + (timecmp - time);
  const unsigned __int128 ns = (target * NANOSECONDS_PER_SECOND + frequency_hz_ - 1) / frequency_hz_;
  return ns > INT64_MAX ? INT64_MAX : static_cast<int64_t>(ns);
}

TimeSource AclintMtimer::time_source() {
  return TimeSource{
      [](void* opaque) { return static_cast<AclintMtimer*>(opaque)->read_time(); },
      [](void* opaque, uint64_t timecmp) { return static_cast<AclintMtimer*>(opaque)->virtual_deadline_ns(timecmp); },
      this,
      frequency_hz_,
  };
}

void AclintMtimer::compare(Hart& hart) {
  const bool reached = hart.timecmp <= read_time();
  if (reached)
    hart.timer->del();
  else
    hart.timer->mod_ns(virtual_deadline_ns(hart.timecmp));
  lines_[hart.index].set(reached);
}

void AclintMtimer::timer_expired(void* opaque) {
  Hart& hart = *static_cast<Hart*>(opaque);
  hart.owner->compare(hart);  // compares again: the clock may have been set back meanwhile
}

void AclintMtimer::write_time(uint64_t value) {
  delta_ = value - raw_time();
  for (Hart& hart : harts_) compare(hart);
  for (const TimeListener& listener : listeners_) listener.time_changed(listener.opaque);
}

void AclintMtimer::reset() { write_time(0); }

MemTxResult AclintMtimer::read(void* opaque, uint64_t offset, unsigned size, uint64_t* value) {
  AclintMtimer& s = *static_cast<AclintMtimer*>(opaque);
  const uint64_t base = offset & ~uint64_t{7};
  uint64_t whole = 0;
  if (base == kMtimeOffset)
    whole = s.read_time();
  else if (base / 8 < s.harts_.size())
    whole = s.harts_[base / 8].timecmp;
  else
    qemu_log_mask(kLogGuestError, "%s: read of offset 0x%llx, where nothing is", kInfo.name, (unsigned long long)offset);
  *value = size == 8 ? whole : static_cast<uint32_t>(offset & 4 ? whole >> 32 : whole);
  return MemTxResult::kOk;
}

MemTxResult AclintMtimer::write(void* opaque, uint64_t offset, unsigned size, uint64_t value) {
  AclintMtimer& s = *static_cast<AclintMtimer*>(opaque);
  const uint64_t base = offset & ~uint64_t{7};
  const auto merge = [&](uint64_t old) {
    if (size == 8) return value;
    const unsigned shift = offset & 4 ? 32 : 0;
    return (old & ~(uint64_t{0xffffffff} << shift)) | ((value & 0xffffffff) << shift);
  };
  if (base == kMtimeOffset) {
    s.write_time(merge(s.read_time()));
  } else if (base / 8 < s.harts_.size()) {
    Hart& hart = s.harts_[base / 8];
    hart.timecmp = merge(hart.timecmp);
    s.compare(hart);
  } else {
    qemu_log_mask(kLogGuestError, "%s: write of offset 0x%llx, where nothing is", kInfo.name, (unsigned long long)offset);
  }
  return MemTxResult::kOk;
}

}  // namespace monochord
