// CSR access. Each CSR is one line of csr.inc: number, name, read, write, the extension that brings it, and what a write ends.
// Main context. helper_csr() takes the BQL itself where the CSR needs it (mip, mie, satp, stimecmp ...); reads of plain registers don't.
// Counters are read by an instruction that cpu.instructions() already counts: it sees the count without itself.
// Source: Privileged manual chapter 2 (numbers, privilege), 3 and 12 (fields).
#pragma once

#include "tcg/riscv/cpu.h"

namespace monochord {

enum class CsrOp : uint8_t { kWrite, kSet, kClear };

struct CsrAccess {
  Trap trap;                 // illegal instruction: absent CSR, privilege, read-only, TVM, counters not enabled, FS off
  uint64_t old_value = 0;
};

// One csrrw/csrrs/csrrc. `read` false: rd is x0 of csrrw (no read side effect); `write` false: rs1 is x0 of csrrs/csrrc.
// `insn` is the instruction's bits (tval of the trap).
CsrAccess helper_csr(RiscvCpu& cpu, unsigned csr, CsrOp op, uint64_t operand, bool read, bool write, uint32_t insn);

// A write to this CSR ends the block: it may enable an interrupt, change translation or the privilege of data accesses.
bool csr_ends_block(unsigned csr);

// What the constructor and reset() of RiscvCpu call for the privileged half. csr_init(): once, when the clocks exist (it makes Sstc's timer).
// csr_reset(): the values that reset gives `state` and the STIP line; pc and priv are set too. Both take the BQL if it is free.
void csr_init(RiscvCpu& cpu);
void csr_reset(RiscvCpu& cpu);

// For GDB and `info registers`: no privilege check, no side effects. False where the hart has no such CSR.
bool csr_debug_read(const RiscvCpu& cpu, unsigned csr, uint64_t* value);
bool csr_debug_write(RiscvCpu& cpu, unsigned csr, uint64_t value);
const char* csr_name(unsigned csr);        // null where unknown
unsigned csr_from_index(unsigned index);   // walks the table; 0xffff at its end

}  // namespace monochord
