// The softmmu TLB of one hart: which guest page is where in host memory, under which mode. Filled from mmu_translate() alone (exec/softmmu.cpp).
//
// Rules
// - One compare answers everything: permission, A/D, PMP, "not MMIO", "not a code page" (for stores), "not watched". What the compare can't
//   say yes to goes the slow path. A miss never faults by itself: a page or access fault comes only from a fresh walk.
// - What the TLB keeps is a function of the guest alone: no host address and no host timing decides it (a guest can see stale entries after editing
//   page tables without a flush).
// - Main context only. From handler context queue a flush with async_run_on_cpu().
// - An access of `size` bytes at vaddr hits where vaddr - tag <= 4096 - size (unsigned): the page and "does not cross it" in one compare.
//   host = vaddr + addend for a hit; misaligned accesses inside the page hit too.
// - An empty entry holds the tag of a page that can't be in its slot, so emptiness needs no test of its own.
#pragma once

#include <cstdint>
#include <memory>

namespace monochord {

struct CodePage;  // tcg/interp/code_cache.h

struct TlbEntry {
  uint64_t tag;  // guest page address (low 12 bits 0)
  uintptr_t addend;
};

// Instruction fetch: where the decoded instructions of a page are. Hits where the tag is the page.
struct FetchEntry {
  uint64_t tag;
  CodePage* page;
};

// One set of tables for a mode of access. MXR is not part of the mode: changing it flushes.
enum TlbMode : uint8_t { kTlbU = 0, kTlbS = 1, kTlbSumS = 2, kTlbM = 3, kTlbModes = 4 };

class Tlb {
 public:
  static constexpr unsigned kEntries = 4096;  // a mode and direction; direct mapped by page number
  static constexpr uint64_t kPageMask = 4095;

  struct Tables {
    TlbEntry read[kEntries];
    TlbEntry write[kEntries];
    FetchEntry fetch[kEntries];
    // Physical pages behind the entries, for reservations. Valid where the entry is.
    uint64_t read_paddr[kEntries];
    uint64_t write_paddr[kEntries];
  };

  Tlb();
  Tables& tables(TlbMode mode) { return tables_[mode]; }

  static constexpr unsigned index(uint64_t vaddr) { return (vaddr >> 12) & (kEntries - 1); }
  static constexpr bool hit(const TlbEntry& entry, uint64_t vaddr, unsigned size) { return vaddr - entry.tag <= 4096 - size; }

  // Enters the page of vaddr, which is the 4 KiB at host_page / paddr. leaf_bits: log2 of what the page-table leaf maps.
  void fill_read(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits);
  void fill_write(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits);
  void fill_fetch(TlbMode mode, uint64_t vaddr, CodePage* page, unsigned leaf_bits);

  // SFENCE.VMA in its forms, satp writes, PMP and MXR changes, memory map changes.
  void flush_all();
  void flush_page(uint64_t vaddr);  // all modes; everything where a leaf larger than a page may map vaddr
  // Instruction fetch only, all modes (breakpoints).
  void flush_fetch();
  // Stores to this physical page must take the slow path from now on (it holds decoded code).
  void protect_code_page(uint8_t* host_page);
  // The decoded page goes away.
  void drop_code_page(const CodePage* page);

  uint64_t flushes = 0, page_flushes = 0, fills = 0;  // for counters

 private:
  enum Direction { kRead, kWrite, kFetch, kDirections };
  static constexpr unsigned kSegmentEntries = 64;
  // Addresses that leaves larger than a page map, one interval for each half of the address space: a fence inside one concerns entries elsewhere.
  struct Interval {
    uint64_t first = ~uint64_t{0}, last = 0;
  };

  void note_fill(TlbMode mode, Direction direction, uint64_t vaddr, unsigned leaf_bits);
  template <typename Entry>
  void flush_table(Entry* table, uint64_t& touched);

  std::unique_ptr<Tables[]> tables_;
  static_assert(kEntries == 64 * kSegmentEntries);
  uint64_t touched_[kTlbModes][kDirections] = {};  // a bit for each segment of entries that was filled since the last flush
  Interval large_[2];
};

}  // namespace monochord
