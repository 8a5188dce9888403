// Decoded instructions, kept by physical page: one array of slots a page, a slot for each halfword where an instruction may start.
//
// Rules
// - A page's slots are decoded one run at a time, when they are first reached; a slot holds the handler and the operands, nothing of the virtual
//   address or of the hart, so all harts of an address space share one cache and every mapping of a page shares its slots.
// - Stores to a page that is here take the slow path (Tlb::protect_code_page) and come to written(): the slots that the bytes touch are decoded anew.
//   A page that is only stored to is dropped. DMA marks a page stale in handler context; main forgets its slots before the next block.
// - A page object is never freed while the cache lives, only used again for another page: an instruction that overwrites itself, or the last one of a
//   dropped page, still returns into valid slots (they then look their pc up again).
// - Main context with the BQL held, but for the DMA hook.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/memory.h"
#include "tcg/interp/insn.h"
#include "tcg/jit/tb_cache.h"
#include "tcg/riscv/config.h"

namespace monochord {

struct CodePage {
  static constexpr unsigned kSlots = 2048;
  Insn insns[kSlots + 1];       // the last one leads to the next page
  uint64_t paddr = 0;
  uint8_t* host = nullptr;
  unsigned cold_stores = 0;     // stores since something was decoded here
  bool live = false;            // in the cache
  bool stale = false;           // written by DMA
};

class CodeCache {
 public:
  // The cache of this address space; made by its first hart, gone with the last. All harts of an address space have the same configuration.
  static CodeCache& acquire(AddressSpace& as, const CpuConfig& config, Interpreter& hart);
  static void release(CodeCache& cache, Interpreter& hart);

  // Null where the page holds no decoded code.
  CodePage* find(uint64_t paddr) const {
    const uint64_t bit = (paddr >> 12) % kFilterBits;
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0 ? look_up(paddr) : nullptr;
  }
  // The page of paddr; `host` is its first byte. May take over another page's object.
  CodePage* get(uint64_t paddr, uint8_t* host);

  // Somebody made something of the code in this page: decoded instructions or generated code.
  bool has_code(uint64_t paddr) const { return find(paddr) != nullptr || (tbs_ != nullptr && tbs_->has_code(paddr)); }
  // Generated code of this address space; null where there is none. `hart` is one of its harts.
  TbCache* tb_cache(RiscvCpu& hart);

  // A hart's store, GDB's or a page-table update wrote these bytes.
  void written(uint64_t paddr, uint64_t size);
  // Something was decoded in the page.
  void decoded(CodePage& page) { page.cold_stores = 0; }
  void flush();
  // Before a hart's next block after DMA; with x-strict-fencei only FENCE.I (`fence`) makes anything new visible to fetch.
  void forget_stale(bool fence);

  // The hart that runs from now on: a change of hart ends reservations.
  void hart_runs(const Interpreter* hart) {
    if (hart != running_) change_hart(hart);
  }

  size_t live_pages() const { return by_paddr_.size(); }
  uint64_t pages_made = 0, pages_dropped = 0, slots_forgotten = 0;  // for counters

 private:
  // 8 MiB of guest code; a page costs 32 KiB of host memory when it is used.
  static constexpr size_t kPagesMax = 2048;
  // Beside the JIT only odd instructions are decoded here.
  static constexpr size_t kPagesBesideJit = 64;
  static constexpr unsigned kColdStoresMax = 32;

  static constexpr size_t kFilterBits = 1 << 16;

  CodeCache(AddressSpace& as, const CpuConfig& config);
  CodePage* look_up(uint64_t paddr) const;
  ~CodeCache();
  static void dma_written(void* opaque, uint64_t addr, uint64_t size);
  void change_hart(const Interpreter* hart);
  void forget(CodePage& page, unsigned first, unsigned last);
  void drop(CodePage& page);
  CodePage* take_page();

  AddressSpace& as_;
  const CpuConfig config_;
  const bool strict_fencei_;
  std::vector<Interpreter*> harts_;
  const Interpreter* running_ = nullptr;
  std::unordered_map<uint64_t, CodePage*> by_paddr_;
  uint64_t filter_[kFilterBits / 64] = {};  // pages that may be in the map: the answer is nearly always no
  std::vector<std::unique_ptr<CodePage>> pages_;
  std::vector<CodePage*> free_;
  size_t next_victim_ = 0;
  bool any_stale_ = false;
  std::unique_ptr<TbCache> tbs_;
};

}  // namespace monochord
