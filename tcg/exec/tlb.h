// The softmmu TLB of one hart: which guest page is where in host memory, for which address space, privilege and SUM. Filled from mmu_translate()
// alone (exec/softmmu.cpp, and the fetch paths of the executors).
//
// Rules
// - One compare answers everything: permission, A/D, PMP, "not MMIO", "not a code page" (for stores), "not watched". What the compare can't
//   say yes to goes the slow path. A miss never faults by itself: a page or access fault comes only from a fresh walk.
// - Contexts: a set of tables for each mode. U and SumS have one for each address space (satp's MODE and ASID; Bare is one of its own), from a pool
//   whose least recently selected one is used again. S is one context for all ASIDs: the kernel's global pages outlive changes of process. A page
//   that is not global makes it end with the ASID. M, physical addresses, is one context.
// - A write of satp selects contexts (select()) and flushes nothing in them: what a guest must fence it has to fence (Privileged, "SFENCE.VMA").
//   An entry never outlives a fence that covers it; it may leave earlier.
// - What the TLB keeps is a function of the guest alone: no host address and no host timing decides it (a guest can see stale entries after editing
//   page tables without a fence).
// - Main context only. From handler context queue a flush with async_run_on_cpu().
// - An access of `size` bytes at vaddr hits where vaddr - tag <= 4096 - size (unsigned): the page and "does not cross it" in one compare.
//   host = vaddr + addend for a hit; misaligned accesses inside the page hit too.
// - An empty entry holds the tag of a page that can't be in its slot, so emptiness needs no test of its own. Zeroed memory is an empty table but for
//   the first entry, so a table costs memory only where it was used.
// - Generated code reads `current` and `slots` at their fixed place in the hart.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace monochord {

struct CodePage;  // tcg/interp/code_cache.h
struct TbPage;    // tcg/jit/tb_cache.h
struct TbExit;    // tcg/jit/tb.h

struct TlbEntry {
  uint64_t tag;  // guest page address (low 12 bits 0)
  uintptr_t addend;
};

// Instruction fetch: where the decoded instructions of a page are, and its units of generated code. Hits where the tag is the page; either may be
// null (nobody asked yet).
struct FetchEntry {
  uint64_t tag;
  CodePage* page = nullptr;
  TbPage* code = nullptr;
};

// Where generated code for the instruction at `va` begins. Hits where va is equal.
struct JumpEntry {
  uint64_t va;
  const void* code;
};

// A mode of access. MXR is not part of it: changing it flushes. Fetches know no SUM: they use kTlbS for S mode. Jump caches go by the data mode.
enum TlbMode : uint8_t { kTlbU = 0, kTlbS = 1, kTlbSumS = 2, kTlbM = 3, kTlbModes = 4 };

class Tlb {
 public:
  static constexpr unsigned kEntries = 4096;      // a mode and direction; direct mapped by page number
  static constexpr unsigned kJumpEntries = 4096;       // direct mapped by (va >> 1)
  static constexpr unsigned kJumpEntriesOfS = 1 << 15; // one context for all of a kernel, which jumps to more places than a process
  static constexpr unsigned jump_entries(TlbMode mode) { return mode == kTlbS ? kJumpEntriesOfS : kJumpEntries; }
  static constexpr unsigned kSiteSlots = 4096;    // a mode
  static constexpr unsigned kFilterEntries = 4096;  // by page number
  static constexpr unsigned kSpaces = 16;         // address spaces that have contexts at a time
  static constexpr uint64_t kPageMask = 4095;

  struct Tables {
    TlbEntry read[kEntries];
    TlbEntry write[kEntries];
    FetchEntry fetch[kEntries];
    // Physical pages behind the entries, for reservations. Valid where the entry is.
    uint64_t read_paddr[kEntries];
    uint64_t write_paddr[kEntries];
    JumpEntry jump[kJumpEntries];  // the last member: that of S has more of them
  };

  // The tables of each mode under the satp of now; changed by select() alone.
  struct Current {
    TlbEntry* read[kTlbModes];
    TlbEntry* write[kTlbModes];
    FetchEntry* fetch[kTlbModes];
    JumpEntry* jump[kTlbModes];
  };
  Current current;

  static constexpr unsigned filter_index(uint64_t vaddr) { return (vaddr >> 12) & (kFilterEntries - 1); }
  // Pages that may be there: a word by the lower bits of the page's number, in it a bit by all above those.
  struct PageFilter {
    uint32_t words[kFilterEntries];
    static constexpr uint32_t bit(uint64_t vaddr) { return uint32_t{1} << ((vaddr >> 24) * 0x9e3779b97f4a7c15 >> 59); }
    void add(uint64_t vaddr) { words[filter_index(vaddr)] |= bit(vaddr); }
    bool may_have(uint64_t vaddr) const { return (words[filter_index(vaddr)] & bit(vaddr)) != 0; }
  };

  // Site slots: each access of generated code may own one, and copies an entry of its mode's current table into it: the same hit rule without an
  // index. Whoever fills one adds slot_class(slot) to slot_filter[mode][filter_index(vaddr)] and sets slot_groups[mode][slot / kGroupSlots] to 1,
  // so that finding what has to go costs what was filled, not what there is. They go when the entry that they were copied from would have to.
  // An empty slot can't be told by an index, and every tag is the address of some access: kEmptySlot is a page that no guest can have (beyond 56 bits
  // as a physical address, not sign-extended in Sv39, Sv48 and Sv57), and the addend 0 leaves its address as it is, which is none on an x86-64 host
  // either (not canonical). So an access to that page through an empty slot touches nothing: the host raises SIGSEGV, which generated code has to
  // take as a miss of the site.
  static constexpr uint64_t kEmptySlot = 0x7e5a3c96d2b41000;  // no pattern that programs are fond of
  TlbEntry slots[kTlbModes][kSiteSlots];
  static constexpr unsigned kGroupSlots = 8;
  static constexpr unsigned kClassSlots = kSiteSlots / 32;
  static constexpr uint32_t slot_class(unsigned slot) { return uint32_t{1} << (slot / kClassSlots); }
  uint32_t slot_filter[kTlbModes][kFilterEntries] = {};  // by filter_index(): a bit for each class of slots that may hold such a page
  alignas(8) uint8_t slot_groups[kTlbModes][kSiteSlots / kGroupSlots] = {};

  Tlb();
  Tlb(const Tlb&) = delete;
  Tlb& operator=(const Tlb&) = delete;

  Tables& tables(TlbMode mode) { return context_[mode]->tables; }

  static constexpr unsigned index(uint64_t vaddr) { return (vaddr >> 12) & (kEntries - 1); }
  static constexpr unsigned jump_index(TlbMode mode, uint64_t va) { return (va >> 1) & (jump_entries(mode) - 1); }
  static constexpr bool hit(const TlbEntry& entry, uint64_t vaddr, unsigned size) { return vaddr - entry.tag <= 4096 - size; }

  // Enters the page of vaddr, which is the 4 KiB at host_page / paddr, for the current address space. leaf_bits: log2 of what the page-table leaf
  // maps. global: it is the same in all address spaces (G; physical addresses, too).
  void fill_read(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits, bool global = false);
  void fill_write(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits, bool global = false);
  void fill_fetch(TlbMode mode, uint64_t vaddr, CodePage* page, unsigned leaf_bits, bool global = false);
  void fill_fetch(TlbMode mode, uint64_t vaddr, TbPage* code, unsigned leaf_bits, bool global = false);
  // `mode` is the data mode that the code is made for. Only while fill_fetch's entry for va is there (in kTlbS for kTlbSumS). `straddles`: the code's
  // first instruction reaches into the next page, whose fence ends the entry, too.
  void fill_jump(TlbMode mode, uint64_t va, const void* code, bool straddles = false);
  // A direct jump of generated code to `va`, in S or M mode: `undo` is called when an entry of the jump cache for va would have to go, once, and
  // when all code goes (flush_jump).
  using UndoLink = void (*)(TbExit& exit);
  void add_link(TlbMode mode, uint64_t va, TbExit& exit, UndoLink undo);

  // satp was written (a supported mode).
  void select(uint64_t satp);

  // SFENCE.VMA in its four forms. Physical addresses (M, Bare) are nothing to a fence.
  void fence_all();
  void fence_asid(uint64_t asid);  // what is not global
  void fence_page(uint64_t vaddr);
  void fence_page_asid(uint64_t vaddr, uint64_t asid);

  // PMP, MXR, envcfg and memory map changes, reset: everything there is.
  void flush_all();
  // Instruction fetch only (breakpoints): fetch tables and jump caches.
  void flush_fetch();
  // Generated code goes away: all jump caches.
  void flush_jump();
  // Stores to this physical page must take the slow path from now on (it holds decoded code).
  void protect_code_page(uint8_t* host_page);
  // The decoded page goes away.
  void drop_code_page(const CodePage* page);

  // For tests: tables that hold at most so many entries, a power of two up to 64 (kEntries: as usual). Entries stay where they are looked for; a new
  // one drives out the one that shares its place in the small table.
  void set_entries_for_test(unsigned entries);

  // The stretch of RAM that the last walk or fill was in, whole pages only: spares the search of the memory map.
  struct RamWindow {
    uint64_t first = 0, size = 0;
    uint8_t* host = nullptr;
    uint64_t generation = 0;
  };
  mutable RamWindow ram_window;

  // For counters.
  uint64_t flushes = 0, page_flushes = 0, fills = 0;  // contexts emptied, pages looked for in a context, entries made
  uint64_t selects = 0, recycled = 0, slot_wipes = 0;

 private:
  enum Direction { kRead, kWrite, kFetch, kJump, kDirections };
  static constexpr unsigned kSegmentEntries = 64;
  static_assert(kEntries == 64 * kSegmentEntries && kJumpEntries == kEntries);

  // A set of host pages or code pages that may be there, hashed by address.
  struct PageSet {
    uint64_t bits[64];
    static uint64_t hash(const void* page) { return reinterpret_cast<uintptr_t>(page) >> 12; }
    void add(const void* page) { bits[hash(page) / 64 % 64] |= uint64_t{1} << (hash(page) % 64); }
    bool may_have(const void* page) const { return bits[hash(page) / 64 % 64] >> (hash(page) % 64) & 1; }
  };

  // Addresses that leaves larger than a page map: a fence for one of them concerns entries elsewhere.
  struct LargeLeaves {
    static constexpr unsigned kRanges = 8;
    struct Range {
      uint64_t first, last;
      bool has(uint64_t vaddr) const { return vaddr >= first && vaddr <= last; }
    };
    unsigned count;
    Range ranges[kRanges];
    const Range* find(uint64_t vaddr) const;
    void add(Range range);
  };

  // Made of zeroed memory (make_context), so no initialisers.
  struct Context {
    TlbMode mode;
    uint32_t holder;                // its bit in holders_
    bool used;                      // something was filled since it was emptied
    bool any_local;                 // ... that is not global
    uint64_t touched[kDirections];  // ... a bit for each segment of entries
    LargeLeaves large;
    PageSet written, fetched;       // what the write and fetch tables may lead to; also the slots that were copied from them
    PageFilter jump_filter;
    PageFilter link_filter;           // pages that links lead to, and whose fence ends what straddles into them
    uint16_t small[kDirections][64];  // set_entries_for_test: where the entry of each place is
    Tables tables;                    // last: see Tables::jump
  };
  struct Free {
    void operator()(void* memory) const { free(memory); }
  };
  using ContextPtr = std::unique_ptr<Context, Free>;
  static ContextPtr make_context(TlbMode mode, unsigned holder);

  struct Space {
    uint32_t key = kNoKey;
    uint64_t selected = 0;  // the how manieth select() it was
    ContextPtr u, sum_s;
  };
  // Of an address space: satp's MODE above its ASID; 0 for Bare.
  static constexpr uint32_t kNoKey = ~uint32_t{0}, kAsidMask = 0xffff;
  static uint32_t key_of(uint64_t satp);
  bool has_asid(uint32_t key, uint64_t asid) const { return key != kNoKey && key > kAsidMask && (key & kAsidMask) == (asid & kAsidMask); }

  void note_fill(Context& context, Direction direction, uint64_t vaddr, unsigned leaf_bits, bool global);
  void make_room(Context& context, Direction direction, unsigned slot);
  Space& space_for(uint32_t key);
  void install(Space& space);
  template <typename Function>
  void for_each_context(Function function);
  template <typename Function>
  void for_each_space(Function function);
  template <typename Function>
  void for_each_filled_group(TlbMode mode, Function function);
  void empty(Context& context);
  void empty_fetch(Context& context);
  void empty_jump(Context& context);
  void drop_page(uint32_t holders, uint64_t vaddr);
  bool drop_page(Context& context, uint64_t vaddr);
  void drop_jump_page(Context& context, uint64_t vaddr);
  void drop_links_to(Context& context, uint64_t vaddr);
  void drop_links(TlbMode mode);
  void drop_slot_page(TlbMode mode, uint64_t vaddr);
  void wipe_slots(TlbMode mode);

  uint32_t key_ = 0;
  uint32_t small_entries_ = kEntries;
  Context* context_[kTlbModes];
  ContextPtr s_, m_;
  Space spaces_[kSpaces];
  struct Link {
    uint64_t va;
    TbExit* exit;
  };
  // Of S and M, which have one context each; by page number, so that the fence of a page looks at few.
  static constexpr unsigned kLinkBuckets = 256;
  std::vector<Link>& links_of(TlbMode mode, uint64_t vaddr) { return links_[mode == kTlbM][(vaddr >> 12) % kLinkBuckets]; }
  std::vector<Link> links_[2][kLinkBuckets];
  bool linked_[kTlbModes] = {};
  UndoLink undo_link_ = nullptr;
  // Who may hold something of a page, by filter_index(): a bit for each of spaces_, and S. Most fences are for a page that nobody holds.
  static constexpr unsigned kHolderS = kSpaces, kHolderM = kSpaces + 1;
  uint32_t holders_[kFilterEntries] = {};
  uint32_t large_holders_ = 0;  // who may hold something of leaves larger than a page
};

}  // namespace monochord
