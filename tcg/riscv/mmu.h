// Address translation: Sv39/48/57 page walks with Svadu/Svade, Svpbmt, Svnapot, and PMP. The TLB (tcg/exec/tlb.h) is filled from here only.
// Main context, BQL held (page tables are guest memory: A/D updates are stores). A fault comes only from a fresh walk.
// Source: Privileged manual, chapters 12.3-12.6 (Supervisor), 3.7 (PMP); Svadu, Svpbmt, Svnapot, Svinval chapters.
#pragma once

#include "tcg/riscv/bits.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

// How an access is checked: decided by privilege, MPRV, SUM and MXR. One TLB each.
struct MmuMode {
  uint8_t priv;   // effective privilege (MPRV applied for loads and stores)
  bool sum;
  bool mxr;
};
inline MmuMode mmu_mode(const RiscvCpu& cpu, AccessType type) {
  const HartState& state = cpu.state;
  uint8_t priv = state.priv;
  if (type != AccessType::kFetch && (state.mstatus & kMstatusMprv))
    priv = static_cast<uint8_t>((state.mstatus & kMstatusMpp) >> kMstatusMppShift);
  return {priv, (state.mstatus & kMstatusSum) != 0, (state.mstatus & kMstatusMxr) != 0};
}

struct Translation {
  Trap trap;                 // set: nothing else is valid
  uint64_t paddr = 0;
  // What the whole 4 KiB page allows under this mode, so that a TLB entry may answer for it: permission, A/D and PMP included. A page that PMP
  // cuts into pieces allows nothing here (each access walks).
  bool page_readable = false;
  bool page_writable = false;   // D is set, so stores need no walk
  bool page_executable = false;
  // log2 of the bytes that one leaf PTE maps around vaddr (12 where nothing is translated): a fence for any of them is a fence for all.
  unsigned leaf_bits = 12;
  bool global = true;  // the same in all address spaces
};

// The host byte of paddr where its whole page is RAM, else null (ROM, devices, pages that RAM does not fill: ask the AddressSpace).
uint8_t* find_ram_page(const RiscvCpu& cpu, uint64_t paddr);
inline uint8_t* ram_page_host(const RiscvCpu& cpu, uint64_t paddr) {
  const Tlb::RamWindow& window = cpu.tlb.ram_window;
  if (paddr - window.first < window.size && window.generation == cpu.as.generation()) return window.host + (paddr - window.first);
  return find_ram_page(cpu, paddr);
}

// Translates and checks one access of `size` bytes that does not cross a page; sets A/D where Svadu says so.
Translation mmu_translate(RiscvCpu& cpu, uint64_t vaddr, unsigned size, AccessType type, const MmuMode& mode);

// The same without side effects and permission checks, for GDB and the monitor. False where it does not translate.
bool mmu_debug_translate(const RiscvCpu& cpu, uint64_t vaddr, uint64_t* paddr);

// PMP alone: whether [paddr, paddr+size) may be accessed at this privilege.
bool pmp_check(const HartState& state, uint64_t paddr, uint64_t size, AccessType type, uint8_t priv);

}  // namespace monochord
