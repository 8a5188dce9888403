// Generated code: units by physical address and mode, their links, and the buffer that holds them. One cache an address space, beside the
// interpreter's CodeCache, which owns it.
//
// Rules
// - This class alone makes and ends units, links their exits and unlinks them. A unit that ended stays readable until its half of the buffer is used
//   again, so code that is still on its way out of it may do so.
// - A unit that ended can't be entered: exits that led to it lead to their stubs again, it is in no list, and what a jump cache still holds meets a
//   jump back to the run loop in place of its first instruction.
// - The buffer has two halves. When one is full the other is emptied and filled: what was made last lives on.
// - Stores to a page that holds code come to written() (the write TLB never answers for it) and end the units that the bytes touch. DMA marks the page
//   in handler context; main looks before the next unit.
// - Main context with the BQL held, but for dma_written() and the questions about host addresses, which a signal handler asks.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/host.h"
#include "core/memory.h"
#include "tcg/emit/uop.h"
#include "tcg/jit/counters.h"
#include "tcg/jit/options.h"
#include "tcg/jit/tb.h"
#include "tcg/riscv/config.h"
#include "tcg/x86_64/host_registers.h"
#include "tcg/x86_64/thunks.h"
#include "tcg/x86_64/unit_emitter.h"

namespace monochord {

class RiscvCpu;

// A page of guest memory that code was run from. Never freed while the cache lives.
struct TbPage final : x86_64::SiteHints {
  uint64_t paddr = 0;
  uint8_t* host = nullptr;
  uint64_t granules = 0;            // pieces of 64 bytes that units were made from
  TranslationBlock* tbs = nullptr;
  uint64_t missing[2048 / 64] = {}; // sites that always miss their slots, by halfword
  std::vector<TranslationBlock*> straddlers;  // units of the page before whose instruction ends here
  bool stale = false;               // written, and fetch does not know yet
  std::unique_ptr<uint8_t[]> seen;  // x-strict-fencei: what fetch saw first, until the next FENCE.I

  bool always_misses(uint16_t offset) const override { return missing[offset / 128] >> (offset / 2 % 64) & 1; }
  void set_always_misses(uint16_t offset) { missing[offset / 128] |= uint64_t{1} << (offset / 2 % 64); }
};

class TbCache {
 public:
  // Null where the host allows no code to be made; the reason has been said.
  static std::unique_ptr<TbCache> create(const CpuConfig& config, RiscvCpu& hart);
  ~TbCache();

  void add_hart(RiscvCpu& hart);
  void remove_hart(RiscvCpu& hart);

  const x86_64::Thunks& thunks() const { return thunks_; }
  const x86_64::FrameLayout& layout() const { return layout_; }

  TbPage* page(uint64_t paddr, uint8_t* host);
  bool has_code(uint64_t paddr) const {
    const TbPage* page = find_page(paddr);
    return page != nullptr && (page->granules != 0 || page->seen != nullptr);
  }
  // The page as fetch sees it.
  const uint8_t* code(TbPage& page);

  // The unit at `offset` of the page; made if there is none. `next`: the page that follows in the address space, for an instruction that reaches into
  // it. Null where the code can't be a unit (its first instruction reaches out of the page and `next` is null).
  TranslationBlock* get(TbPage& page, uint16_t offset, uint8_t mode, bool grouped, TbPage* next);
  void link(TbExit& exit, TranslationBlock& to);
  // A far exit of a unit that runs at `page_va` leads to `code` at `va`, which the hart's TLB knows.
  void link_far(RiscvCpu& hart, TbExit& exit, uint64_t page_va, uint64_t va, const uint8_t* code);
  // The hart's jump cache learns of the units that the page has for this mode, which it came to at `page_va`.
  void fill_jumps(RiscvCpu& hart, const TbPage& page, uint64_t page_va, uint8_t mode);

  void written(uint64_t paddr, uint64_t size);
  void dma_written(uint64_t paddr, uint64_t size, bool* any);
  void forget_stale(bool fence);
  void flush();
  // A site of this page missed too often: its units are made anew.
  void site_always_misses(TbPage& page, uint16_t offset);

  // Counts what ended units, so that a slow path sees whether its own may be among them.
  uint64_t ended() const { return ended_; }
  // Counts emptied halves: exits and units from before are gone.
  uint64_t evictions() const { return counters.evictions; }

  // --- any context ---
  bool holds(uintptr_t host_pc) const { return host_pc - begin_ < size_; }
  // In code where the budget is in its register.
  bool budget_is_live(uintptr_t host_pc) const;
  // Where code goes on after a fault at host_pc (an empty slot answered); 0: it is not one of ours.
  uintptr_t recover(uintptr_t host_pc) const;

  JitCounters counters;

 private:
  // Code grows from its beginning, what is known of it (units, exits, sites) from its end.
  struct Half {
    uint8_t *begin, *end;
    uint8_t *code, *meta;
    std::vector<TranslationBlock*> tbs;
  };
  // Open addressing: a look-up is one cache line. Twice as many places as units fit into the largest usual cache. It lies in the buffer, behind the
  // thunks: in the huge page that is there anyway.
  static constexpr size_t kHashBits = 17, kHashSize = 1 << kHashBits;
  struct HashEntry {
    uint32_t tag;  // of the key; 0: empty
    uint32_t at;   // of the unit, from the beginning of the buffer
  };
  static constexpr size_t kHashBytes = kHashSize * sizeof(HashEntry);
  static constexpr size_t kFilterBits = 1 << 16;

  TbCache(const CpuConfig& config, uint8_t* memory, size_t size, RiscvCpu& hart);
  void make_layout(RiscvCpu& hart);
  TbPage* find_page(uint64_t paddr) const {
    const uint64_t bit = (paddr >> 12) % kFilterBits;
    if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) return nullptr;
    const auto found = pages_.find(paddr >> 12);
    return found == pages_.end() ? nullptr : found->second.get();
  }
  static uint64_t key_of(uint64_t paddr, uint8_t mode, bool grouped) { return paddr << 4 | uint64_t{mode} << 1 | uint64_t{grouped} << 3 | 1; }
  static uint64_t key_of(const TranslationBlock& tb) { return key_of(tb.page_paddr | tb.start, tb.mode, tb.grouped); }
  static size_t place_of(uint64_t key) { return (key * 0x9e3779b97f4a7c15) >> (64 - kHashBits); }
  static uint32_t tag_of(uint64_t key) { return static_cast<uint32_t>(key); }  // odd; paddrs 256 MiB apart share it
  TranslationBlock* unit_at(const HashEntry& entry) const { return reinterpret_cast<TranslationBlock*>(begin_ + entry.at); }
  void enter(TranslationBlock& tb);
  void remove(TranslationBlock& tb);
  TranslationBlock* find(const TbPage& page, uint16_t offset, uint8_t mode, bool grouped, const TbPage* next);
  TranslationBlock* make(TbPage& page, uint16_t offset, uint8_t mode, bool grouped, TbPage* next);
  void make_room();
  // Tells whoever asked for it (unit_log.h).
  void tell(const TranslationBlock& tb, const x86_64::CodeMarks& marks) const;
  void end(TranslationBlock& tb, TbEnd why);
  void end_touched(TbPage& page, uint64_t granules, TbEnd why);
  void forget(TbPage& page, TbEnd why);

  const CpuConfig config_;
  const JitOptions options_;
  Host& host_;
  const uintptr_t begin_;
  const size_t size_;
  x86_64::FrameLayout layout_{};
  x86_64::Thunks thunks_;
  Half halves_[2];
  int current_ = 0;
  x86_64::SlotAllocator slots_[kTlbModes] = {};
  std::vector<RiscvCpu*> harts_;
  HashEntry* const hash_;
  size_t hashed_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<TbPage>> pages_;
  uint64_t filter_[kFilterBits / 64] = {};
  bool any_stale_ = false;
  uint64_t ended_ = 0;
  std::unique_ptr<Unit> unit_;
};

}  // namespace monochord
