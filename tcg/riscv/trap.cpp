// Traps, and the interrupt lines of a hart. Source: see trap.h.
#include "tcg/riscv/trap.h"

#include <algorithm>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace.h"
#include "core/trace_format.h"
#include "tcg/riscv/bits.h"

namespace monochord {

namespace {

// Highest first (3.1.9): MEI, MSI, MTI, SEI, SSI, STI.
constexpr uint8_t kPriority[] = {kIrqMExternal, kIrqMSoft, kIrqMTimer, kIrqSExternal, kIrqSSoft, kIrqSTimer};

const char* const kExceptionNames[16] = {
    "instruction address misaligned", "instruction access fault", "illegal instruction", "breakpoint",
    "load address misaligned", "load access fault", "store address misaligned", "store access fault",
    "ecall from U", "ecall from S", "?", "ecall from M", "instruction page fault", "load page fault", "?", "store page fault"};

// What interrupts of `pending` would be taken now, those for M mode first.
uint64_t takable(const HartState& state, uint64_t pending) {
  const bool m_on = state.priv != kPrivM || (state.mstatus & kMstatusMie) != 0;
  const bool s_on = state.priv == kPrivU || (state.priv == kPrivS && (state.mstatus & kMstatusSie) != 0);
  const uint64_t for_m = m_on ? pending & ~state.mideleg : 0;
  if (for_m != 0) return for_m;
  return s_on ? pending & state.mideleg : 0;
}

// Each hash goes on from the one before: equal hashes, equal states at all of these traps.
void trace_state(RiscvCpu& cpu) {
  constexpr uint32_t kTrapsPerHash = 64;
  if (++cpu.traps_traced % kTrapsPerHash != 0) return;
  const HartState& state = cpu.state;
  uint64_t words[5 + 32 + 32] = {state.pc, state.priv, state.mstatus, state.mcause, state.scause};
  std::copy_n(state.x.begin(), 32, words + 5);
  std::copy_n(state.f.begin(), 32, words + 5 + 32);
  cpu.state_hash = trace_hash(cpu.state_hash, reinterpret_cast<const uint8_t*>(words), sizeof words);
  trace_state_hash(cpu.cpu_index, cpu.state_hash);
}

// Enters the handler of a trap at `to` (S or M). `cause` with its interrupt bit.
void enter(RiscvCpu& cpu, uint8_t to, uint64_t cause, uint64_t tval) {
  HartState& state = cpu.state;
  const uint8_t from = state.priv;
  uint64_t tvec;
  if (to == kPrivS) {
    const uint64_t sie = state.mstatus & kMstatusSie;
    state.mstatus &= ~(kMstatusSpp | kMstatusSpie | kMstatusSie);
    if (from == kPrivS) state.mstatus |= kMstatusSpp;
    if (sie) state.mstatus |= kMstatusSpie;
    state.sepc = state.pc;
    state.scause = cause;
    state.stval = tval;
    tvec = state.stvec;
  } else {
    const uint64_t mie = state.mstatus & kMstatusMie;
    state.mstatus &= ~(kMstatusMpp | kMstatusMpie | kMstatusMie);
    state.mstatus |= uint64_t{from} << kMstatusMppShift;
    if (mie) state.mstatus |= kMstatusMpie;
    state.mepc = state.pc;
    state.mcause = cause;
    state.mtval = tval;
    tvec = state.mtvec;
  }
  state.priv = to;
  state.pc = tvec & ~uint64_t{3};
  if ((cause & kCauseInterrupt) && (tvec & 1)) state.pc += 4 * (cause & ~kCauseInterrupt);
  trace_trap_entered(cpu.cpu_index, from, to, state.pc);
  if (trace_event_on(kTrace_state_hash)) trace_state(cpu);
}

// A trap or a return may open the door for an interrupt that waited.
void look_for_interrupts(RiscvCpu& cpu) {
  if (pending_interrupt(cpu) >= 0) cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
}

Trap illegal(uint32_t insn) { return {Exception::kIllegalInst, insn}; }

// IALIGN is 32 without C: the second bit of an xepc written while C is off reads as 0.
uint64_t aligned_epc(const RiscvCpu& cpu, uint64_t epc) { return epc & (cpu.config.has(Ext::kC) ? ~uint64_t{1} : ~uint64_t{3}); }

}  // namespace

// --- taking traps -------------------------------------------------------------------------------------------------
void take_exception(RiscvCpu& cpu, const Trap& trap) {
  HartState& state = cpu.state;
  const uint64_t cause = static_cast<uint64_t>(trap.cause);
  CHECK(cause < 16);
  const uint8_t to = state.priv != kPrivM && ((state.medeleg >> cause) & 1) ? kPrivS : kPrivM;
  state.traps_counted++;
  if (log_enabled(kLogInt)) {
    qemu_log_mask(kLogInt, "hart %d: exception %u (%s) at 0x%llx, tval 0x%llx, %c -> %c", cpu.cpu_index, static_cast<unsigned>(cause),
                  kExceptionNames[cause], static_cast<unsigned long long>(state.pc), static_cast<unsigned long long>(trap.tval),
                  "US?M"[state.priv], "US?M"[to]);
  }
  trace_exception_taken(cpu.cpu_index, cause, state.pc, trap.tval);
  enter(cpu, to, cause, trap.tval);
  look_for_interrupts(cpu);
}

int pending_interrupt(const RiscvCpu& cpu) {
  const uint64_t pending = takable(cpu.state, cpu.mip() & cpu.state.mie);
  if (pending == 0) return -1;
  for (uint8_t irq : kPriority)
    if ((pending >> irq) & 1) return irq;
  return -1;
}

bool take_interrupt(RiscvCpu& cpu) {
  HartState& state = cpu.state;
  const int irq = pending_interrupt(cpu);
  if (irq < 0) {
    cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD);
    return false;
  }
  const uint8_t to = (state.mideleg >> irq) & 1 ? kPrivS : kPrivM;
  if (log_enabled(kLogInt)) {
    qemu_log_mask(kLogInt, "hart %d: interrupt %d at 0x%llx, %c -> %c", cpu.cpu_index, irq, static_cast<unsigned long long>(state.pc),
                  "US?M"[state.priv], "US?M"[to]);
  }
  if (trace_event_on(kTrace_interrupt_taken))
    trace_interrupt_taken(cpu.cpu_index, irq, state.pc, total_instructions() - cpu.pending_since[static_cast<size_t>(irq)]);
  enter(cpu, to, kCauseInterrupt | static_cast<uint64_t>(irq), 0);
  // What is still pending is masked by the entry, but for M mode's interrupts over an S-mode handler.
  if (pending_interrupt(cpu) < 0) cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD);
  return true;
}

// --- interrupt lines ------------------------------------------------------------------------------------------------
namespace {

// Bit `irq` of mip, as the guest reads it, has changed.
void mip_changed(RiscvCpu& cpu, int irq, bool level) {
  if (!level) {
    trace_interrupt_cleared(cpu.cpu_index, irq);
    return;
  }
  cpu.pending_since[static_cast<size_t>(irq)] = total_instructions();
  trace_interrupt_pending(cpu.cpu_index, irq);
}

}  // namespace

void set_soft_interrupts(RiscvCpu& cpu, uint64_t mip_soft) {
  DCHECK(bql_locked());
  const uint64_t changed = (cpu.state.mip_soft ^ mip_soft) & ~cpu.irq_lines;
  cpu.state.mip_soft = mip_soft;
  for (const uint8_t irq : kPriority)
    if (changed >> irq & 1) mip_changed(cpu, irq, mip_soft >> irq & 1);
}

void RiscvCpu::set_irq_line(int irq, int level) {
  DCHECK(bql_locked());
  CHECK(irq >= 0 && irq < 64 && ((kMipAll >> irq) & 1));
  const uint64_t bit = uint64_t{1} << irq;
  const uint64_t lines = irq_lines;
  if (((lines & bit) != 0) == (level != 0)) return;
  irq_lines = level != 0 ? lines | bit : lines & ~bit;
  if ((state.mip_soft & bit) == 0) mip_changed(*this, irq, level != 0);
  if (level != 0) cpu_interrupt(*this, CPU_INTERRUPT_HARD);
}

void riscv_cpu_irq(void* opaque, int n, int level) { static_cast<RiscvCpu*>(opaque)->set_irq_line(n, level); }

// What ends wfi: pending and enabled in mie, whatever mstatus and mideleg say (3.3.3).
bool RiscvCpu::has_work() const { return (mip() & state.mie) != 0; }

// --- privileged instructions ------------------------------------------------------------------------------------------
Trap helper_mret(RiscvCpu& cpu, uint32_t insn) {
  HartState& state = cpu.state;
  if (state.priv != kPrivM) return illegal(insn);
  const uint8_t to = static_cast<uint8_t>((state.mstatus & kMstatusMpp) >> kMstatusMppShift);
  const bool mie = (state.mstatus & kMstatusMpie) != 0;
  state.mstatus &= ~(kMstatusMie | kMstatusMpp);
  if (mie) state.mstatus |= kMstatusMie;
  state.mstatus |= kMstatusMpie;
  if (to != kPrivM) state.mstatus &= ~kMstatusMprv;
  state.priv = to;
  state.pc = aligned_epc(cpu, state.mepc);
  trace_mret(cpu.cpu_index, to, state.pc);
  look_for_interrupts(cpu);
  return {};
}

Trap helper_sret(RiscvCpu& cpu, uint32_t insn) {
  HartState& state = cpu.state;
  if (state.priv == kPrivU || (state.priv == kPrivS && (state.mstatus & kMstatusTsr))) return illegal(insn);
  const uint8_t to = (state.mstatus & kMstatusSpp) ? kPrivS : kPrivU;
  const bool sie = (state.mstatus & kMstatusSpie) != 0;
  state.mstatus &= ~(kMstatusSie | kMstatusSpp | kMstatusMprv);
  if (sie) state.mstatus |= kMstatusSie;
  state.mstatus |= kMstatusSpie;
  state.priv = to;
  state.pc = aligned_epc(cpu, state.sepc);
  trace_sret(cpu.cpu_index, to, state.pc);
  look_for_interrupts(cpu);
  return {};
}

Trap helper_wfi(RiscvCpu& cpu, uint32_t insn) {
  const HartState& state = cpu.state;
  // In U mode it would have to end within a bounded time of its own; the manual allows to trap at once (3.3.3).
  if (state.priv == kPrivU || (state.priv == kPrivS && (state.mstatus & kMstatusTw))) return illegal(insn);
  return {};
}

Trap helper_sfence_vma(RiscvCpu& cpu, uint32_t insn, bool has_vaddr, uint64_t vaddr, bool has_asid, uint64_t asid) {
  const HartState& state = cpu.state;
  if (state.priv == kPrivU) return illegal(insn);
  // SFENCE.W.INVAL and SFENCE.INVAL.IR only order; every SINVAL.VMA has done its work at once.
  const bool orders_only = (insn >> 25) == 0x0c;
  if (orders_only) return {};
  if (state.priv == kPrivS && (state.mstatus & kMstatusTvm)) return illegal(insn);
  if (has_vaddr) {
    has_asid ? cpu.tlb.fence_page_asid(vaddr, asid) : cpu.tlb.fence_page(vaddr);
  } else {
    has_asid ? cpu.tlb.fence_asid(asid) : cpu.tlb.fence_all();
  }
  return {};
}

Trap helper_cbo_check(RiscvCpu& cpu, Cbo op, uint32_t insn) {
  const HartState& state = cpu.state;
  uint64_t bits = 0;
  switch (op) {
    case Cbo::kInval: bits = kEnvcfgCbie; break;
    case Cbo::kClean:
    case Cbo::kFlush: bits = kEnvcfgCbcfe; break;
    case Cbo::kZero: bits = kEnvcfgCbze; break;
  }
  if (state.priv != kPrivM && (state.menvcfg & bits) == 0) return illegal(insn);
  if (state.priv == kPrivU && (state.senvcfg & bits) == 0) return illegal(insn);
  return {};
}

}  // namespace monochord
