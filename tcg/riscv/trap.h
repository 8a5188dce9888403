// Traps: taking exceptions and interrupts, and returning from them. Main context, BQL held.
// Source: Privileged manual 3.1.6-3.1.9 (mstatus, delegation, mip), 3.3.2 (MRET, SRET, WFI), 3.1.15 (mcause priorities), 12.1.
#pragma once

#include "tcg/riscv/cpu.h"

namespace monochord {

// Enters the handler of an exception raised by the instruction at `state.pc` (delegation, xepc, xcause, xtval, xstatus, pc, priv).
void take_exception(RiscvCpu& cpu, const Trap& trap);
// Takes the highest pending and enabled interrupt if there is one. `state.pc` is where it interrupts. Clears CPU_INTERRUPT_HARD when nothing is pending.
bool take_interrupt(RiscvCpu& cpu);
// The interrupt that take_interrupt would take now, or -1.
int pending_interrupt(const RiscvCpu& cpu);

// Software writes its bits of mip (HartState::mip_soft).
void set_soft_interrupts(RiscvCpu& cpu, uint64_t mip_soft);

// The privileged instructions; `state.pc` is theirs. On success state.pc is where execution goes on; otherwise a Trap.
Trap helper_mret(RiscvCpu& cpu, uint32_t insn);
Trap helper_sret(RiscvCpu& cpu, uint32_t insn);
// WFI: may trap (TW, U mode). Otherwise the executor halts the hart unless it has work.
Trap helper_wfi(RiscvCpu& cpu, uint32_t insn);
// SFENCE.VMA, SINVAL.VMA and (has_operands = false) the two fences of Svinval: privilege check, then the TLB flush.
Trap helper_sfence_vma(RiscvCpu& cpu, uint32_t insn, bool has_vaddr, uint64_t vaddr, bool has_asid, uint64_t asid);
// CBO.INVAL/CLEAN/FLUSH/ZERO: whether envcfg allows it at this privilege. The access itself is the executor's.
enum class Cbo : uint8_t { kInval, kClean, kFlush, kZero };
Trap helper_cbo_check(RiscvCpu& cpu, Cbo op, uint32_t insn);

}  // namespace monochord
