#include "tcg/exec/tlb.h"

#include <algorithm>
#include <bit>

namespace monochord {

namespace {

// A page number whose index is another slot's.
constexpr uint64_t empty_tag(unsigned slot) { return slot == 0 ? 4096 : 0; }

template <typename Entry>
void clear(Entry* table, unsigned slot) {
  table[slot] = Entry{empty_tag(slot), {}};
}

}  // namespace

Tlb::Tlb() : tables_(new Tables[kTlbModes]) {
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (unsigned slot = 0; slot < kEntries; slot++) {
      clear(tables_[mode].read, slot);
      clear(tables_[mode].write, slot);
      clear(tables_[mode].fetch, slot);
    }
  }
}

void Tlb::note_fill(TlbMode mode, Direction direction, uint64_t vaddr, unsigned leaf_bits) {
  fills++;
  touched_[mode][direction] |= uint64_t{1} << (index(vaddr) / kSegmentEntries);
  if (leaf_bits <= 12) return;
  const uint64_t mask = leaf_bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << leaf_bits) - 1;
  Interval& interval = large_[vaddr >> 63];
  interval.first = std::min(interval.first, vaddr & ~mask);
  interval.last = std::max(interval.last, vaddr | mask);
}

void Tlb::fill_read(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits) {
  const uint64_t page = vaddr & ~kPageMask;
  tables_[mode].read[index(vaddr)] = {page, reinterpret_cast<uintptr_t>(host_page) - page};
  tables_[mode].read_paddr[index(vaddr)] = paddr & ~kPageMask;
  note_fill(mode, kRead, vaddr, leaf_bits);
}

void Tlb::fill_write(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits) {
  const uint64_t page = vaddr & ~kPageMask;
  tables_[mode].write[index(vaddr)] = {page, reinterpret_cast<uintptr_t>(host_page) - page};
  tables_[mode].write_paddr[index(vaddr)] = paddr & ~kPageMask;
  note_fill(mode, kWrite, vaddr, leaf_bits);
}

void Tlb::fill_fetch(TlbMode mode, uint64_t vaddr, CodePage* page, unsigned leaf_bits) {
  tables_[mode].fetch[index(vaddr)] = {vaddr & ~kPageMask, page};
  note_fill(mode, kFetch, vaddr, leaf_bits);
}

template <typename Entry>
void Tlb::flush_table(Entry* table, uint64_t& touched) {
  for (; touched != 0; touched &= touched - 1) {
    const unsigned first = static_cast<unsigned>(std::countr_zero(touched)) * kSegmentEntries;
    for (unsigned slot = first; slot < first + kSegmentEntries; slot++) clear(table, slot);
  }
}

void Tlb::flush_all() {
  flushes++;
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    flush_table(tables_[mode].read, touched_[mode][kRead]);
    flush_table(tables_[mode].write, touched_[mode][kWrite]);
    flush_table(tables_[mode].fetch, touched_[mode][kFetch]);
  }
  large_[0] = large_[1] = {};
}

void Tlb::flush_page(uint64_t vaddr) {
  const Interval& interval = large_[vaddr >> 63];
  if (vaddr >= interval.first && vaddr <= interval.last) {
    flush_all();
    return;
  }
  page_flushes++;
  const unsigned slot = index(vaddr);
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    clear(tables_[mode].read, slot);
    clear(tables_[mode].write, slot);
    clear(tables_[mode].fetch, slot);
  }
}

void Tlb::flush_fetch() {
  for (unsigned mode = 0; mode < kTlbModes; mode++) flush_table(tables_[mode].fetch, touched_[mode][kFetch]);
}

void Tlb::protect_code_page(uint8_t* host_page) {
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (uint64_t left = touched_[mode][kWrite]; left != 0; left &= left - 1) {
      const unsigned first = static_cast<unsigned>(std::countr_zero(left)) * kSegmentEntries;
      TlbEntry* table = tables_[mode].write;
      for (unsigned slot = first; slot < first + kSegmentEntries; slot++) {
        if (table[slot].tag + table[slot].addend == reinterpret_cast<uintptr_t>(host_page)) clear(table, slot);
      }
    }
  }
}

void Tlb::drop_code_page(const CodePage* page) {
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (uint64_t left = touched_[mode][kFetch]; left != 0; left &= left - 1) {
      const unsigned first = static_cast<unsigned>(std::countr_zero(left)) * kSegmentEntries;
      FetchEntry* table = tables_[mode].fetch;
      for (unsigned slot = first; slot < first + kSegmentEntries; slot++) {
        if (table[slot].page == page) clear(table, slot);
      }
    }
  }
}

}  // namespace monochord
