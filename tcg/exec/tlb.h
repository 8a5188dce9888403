// The softmmu TLB of one hart: which guest page is where in host memory, under which mode. Filled from mmu_translate() alone.
//
// Rules
// - One compare answers everything: permission, A/D, PMP, "not MMIO", "not a code page" (for stores), "not watched". What the compare can't
//   say yes to goes the slow path. A miss never faults by itself: a page or access fault comes only from a fresh walk.
// - What the TLB keeps is a function of the guest alone: no host address and no host timing decides it (a guest can see stale entries after editing
//   page tables without a flush).
// - Main context only. From handler context queue a flush with async_run_on_cpu().
// - host = vaddr + addend for a hit; misaligned accesses inside the page hit too, page-crossing ones don't.
#pragma once

#include <cstdint>
#include <memory>

namespace monochord {

struct TlbEntry {
  uint64_t tag = ~uint64_t{0};  // guest page address (low 12 bits 0); all ones: empty
  uintptr_t addend = 0;
};

// One set of tables for a mode of access. MXR is not part of the mode: changing it flushes.
enum TlbMode : uint8_t { kTlbU = 0, kTlbS = 1, kTlbSumS = 2, kTlbM = 3, kTlbModes = 4 };

class Tlb {
 public:
  static constexpr unsigned kEntries = 1024;  // a mode and direction; direct mapped by page number

  struct Tables {
    TlbEntry read[kEntries];
    TlbEntry write[kEntries];
    TlbEntry fetch[kEntries];
  };

  Tlb();
  Tables& tables(TlbMode mode) { return tables_[mode]; }

  static unsigned index(uint64_t vaddr) { return (vaddr >> 12) & (kEntries - 1); }

  // SFENCE.VMA in its forms, satp writes, PMP and MXR changes, memory map changes.
  void flush_all();
  void flush_page(uint64_t vaddr);  // all modes; large pages are entered in 4 KiB pieces, so a fence inside one flushes all (flag in tlb.cpp)
  // Stores to this physical page must take the slow path from now on (it holds decoded code).
  void protect_code_page(uint8_t* host_page);

  uint64_t flushes = 0;  // for counters

 private:
  std::unique_ptr<Tables[]> tables_;
};

}  // namespace monochord
