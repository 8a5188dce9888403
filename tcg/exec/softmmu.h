// Memory as a hart's slow path sees it: translation, TLB fill, devices, page-crossing and misaligned accesses, stores to pages with decoded code.
// Main context, BQL held. Never called on a TLB hit. Traps come back as values; nothing is stored before both halves of a crossing access are allowed.
// Source: RISC-V Privileged, chapters "Virtual Memory Fault Cause" (which address is reported) and "PMA"; Unprivileged, "A" (alignment).
#pragma once

#include "tcg/riscv/cpu.h"
#include "tcg/riscv/mmu.h"

namespace monochord {

class CodeCache;

// The tables that answer for this kind of access now.
TlbMode tlb_mode(const MmuMode& mode);
TlbMode data_tlb_mode(const RiscvCpu& cpu);
TlbMode fetch_tlb_mode(const RiscvCpu& cpu);

struct LoadResult {
  Trap trap;
  uint64_t value = 0;
};
// `size` 1, 2, 4 or 8, at any address; the value is zero-extended.
LoadResult softmmu_load(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size);
Trap softmmu_store(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size, uint64_t value);

// Where an access that does not cross a page goes.
struct HostAccess {
  Trap trap;
  uint64_t paddr = 0;
  uint8_t* host = nullptr;   // null: a device, or nobody
  bool writable = false;     // RAM; false for ROM
};
// Translates and fills the TLB. For AMO, LR and SC: alignment is the caller's.
HostAccess softmmu_access(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size, AccessType type);

}  // namespace monochord
