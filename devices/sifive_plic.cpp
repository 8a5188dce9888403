#include "devices/sifive_plic.h"

#include <bit>

#include "core/fdt.h"
#include "core/log.h"

namespace monochord {
namespace {

uint32_t bit(unsigned source) { return uint32_t{1} << (source % 32); }

}  // namespace

SifivePlic::SifivePlic(unsigned contexts) : Device(kInfo), contexts_(contexts), lines_(new IrqLine[contexts]) {
  CHECK(contexts > 0 && kContextBase + contexts * kContextStride <= kInfo.size);
  state_.contexts.resize(contexts);
  region_.init_io(kInfo.name, &kOps, this, kInfo.size);
}

void SifivePlic::connect(IrqLine& line, unsigned number) {
  CHECK(number >= 1 && number <= kSources);
  line.connect(&source_changed, this, static_cast<int>(number), "plic");
}

void SifivePlic::reset() {
  state_ = State{};
  state_.contexts.resize(contexts_);
  // A device that keeps its line up through reset asks again.
  state_.pending = level_;
  update();
}

std::string SifivePlic::register_rows() const {
  return "0x000000+4*source              priority             rw\n"
         "0x001000+4*word                pending              r-\n"
         "0x002000+0x80*context+4*word   enable               rw\n"
         "0x200000+0x1000*context        threshold            rw\n"
         "0x200004+0x1000*context        claim/complete       rw\n";
}

void SifivePlic::fdt(FdtBuilder& fdt, const std::string& node) const { fdt.set_cells(node, "riscv,ndev", {kSources}); }

void SifivePlic::source_changed(void* opaque, int source, int level) {
  SifivePlic& s = *static_cast<SifivePlic*>(opaque);
  uint32_t& word = s.level_[source / 32];
  if (level) {
    word |= bit(source);
    s.state_.pending[source / 32] |= bit(source);
    s.update();
  } else {
    word &= ~bit(source);
  }
}

void SifivePlic::pulse(unsigned number) {
  CHECK(number >= 1 && number <= kSources);
  const bool up = (level_[number / 32] & bit(number)) != 0;
  source_changed(this, static_cast<int>(number), 1);
  if (!up) source_changed(this, static_cast<int>(number), 0);
}

unsigned SifivePlic::best(const Context& context) const {
  unsigned source_best = 0;
  uint32_t priority_best = context.threshold;
  for (unsigned word = 0; word < kWords; word++) {
    uint32_t candidates = state_.pending[word] & ~state_.claimed[word] & context.enable[word];
    for (; candidates != 0; candidates &= candidates - 1) {
      const unsigned source = word * 32 + std::countr_zero(candidates);
      if (state_.priority[source] > priority_best) {
        source_best = source;
        priority_best = state_.priority[source];
      }
    }
  }
  return source_best;
}

unsigned SifivePlic::claim(Context& context) {
  const unsigned source = best(context);
  if (source != 0) {
    state_.pending[source / 32] &= ~bit(source);
    state_.claimed[source / 32] |= bit(source);
  }
  update();
  return source;
}

void SifivePlic::complete(unsigned source) {
  state_.claimed[source / 32] &= ~bit(source);
  state_.pending[source / 32] |= level_[source / 32] & bit(source);
  update();
}

void SifivePlic::update() {
  for (unsigned i = 0; i < contexts_; i++) lines_[i].set(best(state_.contexts[i]) != 0);
}

MemTxResult SifivePlic::read(void* opaque, uint64_t offset, unsigned, uint64_t* value) {
  SifivePlic& s = *static_cast<SifivePlic*>(opaque);
  *value = 0;
  if (offset < 4 * (kSources + 1)) {
    *value = s.state_.priority[offset / 4];
    return MemTxResult::kOk;
  }
  if (offset >= kPendingBase && offset < kPendingBase + 4 * kWords) {
    *value = s.state_.pending[(offset - kPendingBase) / 4];
    return MemTxResult::kOk;
  }
  if (offset >= kEnableBase && offset < kEnableBase + s.contexts_ * kEnableStride) {
    const uint64_t word = (offset - kEnableBase) % kEnableStride / 4;
    if (word < kWords) *value = s.state_.contexts[(offset - kEnableBase) / kEnableStride].enable[word];
    return MemTxResult::kOk;  // bits of sources that don't exist read as 0
  }
  if (offset >= kContextBase && offset < kContextBase + s.contexts_ * kContextStride) {
    Context& context = s.state_.contexts[(offset - kContextBase) / kContextStride];
    const uint64_t reg = (offset - kContextBase) % kContextStride;
    if (reg == 0 || reg == 4) {
      *value = reg == 0 ? context.threshold : s.claim(context);
      return MemTxResult::kOk;
    }
  }
  qemu_log_mask(kLogGuestError, "%s: read of offset 0x%llx, where nothing is", kInfo.name, (unsigned long long)offset);
  return MemTxResult::kOk;
}

MemTxResult SifivePlic::write(void* opaque, uint64_t offset, unsigned, uint64_t value) {
  SifivePlic& s = *static_cast<SifivePlic*>(opaque);
  if (offset >= 4 && offset < 4 * (kSources + 1)) {
    s.state_.priority[offset / 4] = value & kPriorityMax;
    s.update();
    return MemTxResult::kOk;
  }
  if (offset >= kEnableBase && offset < kEnableBase + s.contexts_ * kEnableStride) {
    const uint64_t word = (offset - kEnableBase) % kEnableStride / 4;
    if (word < kWords) s.state_.contexts[(offset - kEnableBase) / kEnableStride].enable[word] = value;
    s.update();
    return MemTxResult::kOk;
  }
  if (offset >= kContextBase && offset < kContextBase + s.contexts_ * kContextStride) {
    Context& context = s.state_.contexts[(offset - kContextBase) / kContextStride];
    const uint64_t reg = (offset - kContextBase) % kContextStride;
    if (reg == 0) {
      context.threshold = value & kPriorityMax;
      s.update();
      return MemTxResult::kOk;
    }
    if (reg == 4) {
      value &= 0xffffffff;
      if (value <= kSources) s.complete(value);
      return MemTxResult::kOk;
    }
  }
  qemu_log_mask(kLogGuestError, "%s: write of 0x%llx to offset 0x%llx, which can't be written", kInfo.name, (unsigned long long)value,
                (unsigned long long)offset);
  return MemTxResult::kOk;
}

}  // namespace monochord
