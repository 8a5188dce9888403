// What the TLB, the site slots and the jump caches may still say after page tables changed: everything that was true at some time since the last
// fence that covers it, and nothing else (Privileged manual, "Supervisor Memory-Management Fence Instruction"). Random edits of page tables of every
// level, fences in all forms, changes of satp, SUM and MXR, against a list of all translations that may still be cached.
#include <algorithm>
#include <random>

#include "tcg/exec/softmmu.h"
#include "tcg/interp/interpreter.h"
#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kV = 1, kR = 2, kW = 4, kX = 8, kU = 16, kG = 32, kAD = 0xc0;
constexpr unsigned kBare = 0, kSv39 = 8, kSv48 = 9;

class TlbModel : public HartTest {
 protected:
  struct Space {
    unsigned mode;
    uint64_t asid, root;
  };
  // What one page is in one address space.
  struct Meaning {
    bool valid = false;
    uint64_t paddr = 0, flags = 0;
    uint64_t first = 0, last = 0;  // what the leaf maps
    bool operator==(const Meaning&) const = default;
  };
  struct Record {
    size_t space;
    uint64_t page;
    Meaning meaning;
    bool live;  // it is what the tables say now
  };
  struct Site {
    bool store;
    unsigned slot;
  };

  std::mt19937_64 random_{20240412};
  std::vector<Space> spaces_;
  std::vector<uint64_t> pages_;        // the virtual pages that are looked at
  uint64_t focus_[3] = {};             // ... most often, for a while
  std::vector<uint64_t> leaf_tables_, mid_tables_, root_tables_;
  std::vector<Record> records_;
  size_t space_ = 0;
  std::vector<Site> sites_;
  uint64_t stale_hits_ = 0, foreign_hits_ = 0, slot_hits_ = 0, jump_hits_ = 0, large_hits_ = 0;

  uint64_t pick(uint64_t n) { return random_() % n; }
  bool one_in(uint64_t n) { return pick(n) == 0; }
  template <typename T>
  const T& any(const std::vector<T>& of) { return of[pick(of.size())]; }
  uint64_t any_page() { return one_in(4) ? any(pages_) : focus_[pick(3)]; }
  // A page, the one that has its place in the tables, and any.
  void new_focus() {
    const size_t i = pick(pages_.size());
    focus_[0] = pages_[i];
    focus_[1] = pages_[(i + pages_.size() / 4) % pages_.size()];
    focus_[2] = any(pages_);
  }
  Tlb& tlb() { return hart().tlb; }

  // --- the world: three trees of page tables with three levels, one with four, and more address spaces than the TLB has places for ---
  TlbModel() {
    open_pmp();
    csrw(0x30a, kMenvcfgAdue);
    for (const uint64_t region : {uint64_t{0x10000000}, uint64_t{0x11000000}, ~uint64_t{0} << 38, (~uint64_t{0} << 38) + 0x1000000})
      for (const uint64_t offset : {0, 0x1000, 0x11000, 0xff000}) pages_.push_back(region + offset);
    uint64_t next = kRamBase + 0x10000;
    const auto table = [&] { return std::exchange(next, next + kPage); };
    for (unsigned tree = 0; tree < 4; tree++) {
      const uint64_t root = table();
      uint64_t top = root;
      if (tree == 3) word(root) = word(root + 8 * 511) = pointer(top = table());  // one third level for both halves
      root_tables_.push_back(top);
      for (const uint64_t page : pages_) {
        uint64_t& mid = word(top + 8 * (page >> 30 & 511));
        if (mid == 0) mid_tables_.push_back(table()), mid = pointer(mid_tables_.back());
        uint64_t& low = word((mid >> 10 << 12) + 8 * (page >> 21 & 511));
        if (low == 0) leaf_tables_.push_back(table()), low = pointer(leaf_tables_.back());
      }
      // ASIDs 0, 7 and 0xffff have a root in each tree, the others belong to one.
      for (unsigned n = 0; n < (tree == 3 ? 3 : 8); n++) spaces_.push_back({tree == 3 ? kSv48 : kSv39, n == 7 ? 0xffff : n < 2 ? n * 7 : n * 7 + tree, root});
    }
    spaces_.push_back({kBare, 0, 0});
    EXPECT_LT(next, kRamBase + kRamSize / 2);
    for (size_t i = 0; i < spaces_.size(); i++)
      for (const uint64_t page : pages_) records_.push_back({i, page, walk(spaces_[i], page), true});
    for (unsigned i = 0; i < 96; i++) sites_.push_back({one_in(3), i * 42 + static_cast<unsigned>(pick(42))});
    select(0);
  }
  static uint64_t pointer(uint64_t table) { return table >> 12 << 10 | kV; }

  static Meaning leaf(uint64_t pte, uint64_t va, unsigned bits) {
    const uint64_t mask = (uint64_t{1} << bits) - 1, paddr = pte >> 10 << 12;
    if (paddr & mask) return {};
    return {true, paddr | (va & mask), pte & (kR | kW | kX | kU | kG), va & ~mask, va | mask};
  }
  // 0 where a larger leaf, or nothing, is above it.
  uint64_t leaf_table(const Space& space, uint64_t va) {
    if (space.mode == kBare) return 0;
    uint64_t at = space.root;
    for (unsigned bits = space.mode == kSv39 ? 30 : 39; bits > 12; bits -= 9) {
      const uint64_t pte = word(at + 8 * (va >> bits & 511));
      if ((pte & kV) == 0 || (pte & (kR | kX))) return 0;
      at = pte >> 10 << 12;
    }
    return at;
  }
  Meaning walk(const Space& space, uint64_t va) {
    if (space.mode == kBare) return {va >> 56 == 0, va, kR | kW | kX | kU | kG, va, va | 0xfff};
    uint64_t at = space.root, global = 0;
    for (unsigned bits = space.mode == kSv39 ? 30 : 39;; bits -= 9) {
      const uint64_t pte = word(at + 8 * (va >> bits & 511));
      if ((pte & kV) == 0 || (pte & (kR | kW)) == kW) return {};
      global |= pte & kG;
      if (pte & (kR | kX)) return leaf(pte | global, va, bits);
      if (bits == 12) return {};
      at = pte >> 10 << 12;
    }
  }

  // --- what happens ---
  void select(size_t i) {
    space_ = i;
    csrw(0x180, uint64_t{spaces_[i].mode} << 60 | spaces_[i].asid << 44 | spaces_[i].root >> 12);
  }
  void edit() {
    uint64_t flags = kV | kAD;
    for (const uint64_t flag : {kR, kW, kX, kU}) flags |= one_in(4) ? 0 : flag;
    if (flags & kW) flags |= kR;
    if (one_in(4)) flags &= ~kV;
    // A supervisor's page may be global, a user's one most often not; that several trees disagree is for the hart to survive.
    if (!(flags & kU) ? one_in(2) : one_in(8)) flags |= kG;
    const uint64_t page = any_page();
    const uint64_t data = kRamBase + 0x80000 + pick(64) * kPage;
    if (one_in(10)) {
      uint64_t& pte = word(any(mid_tables_) + 8 * (page >> 21 & 511));
      if (pte != 0) pte = one_in(2) ? kRamBase >> 12 << 10 | flags | kR : pointer(any(leaf_tables_)) | (one_in(6) ? kG : 0);
    } else if (one_in(30)) {
      uint64_t& pte = word(any(root_tables_) + 8 * (page >> 30 & 511));
      if (pte != 0) pte = one_in(3) ? kRamBase >> 12 << 10 | flags | kR : pointer(any(mid_tables_));
    } else {
      const uint64_t here = leaf_table(spaces_[space_], page);
      word((here != 0 && !one_in(4) ? here : any(leaf_tables_)) + 8 * (page >> 12 & 511)) = data >> 12 << 10 | flags;
    }
    std::vector<Record> fresh;
    for (Record& record : records_) {
      if (!record.live) continue;
      const Meaning now = walk(spaces_[record.space], record.page);
      if (now == record.meaning) continue;
      record.live = false;
      fresh.push_back({record.space, record.page, now, true});
    }
    records_.insert(records_.end(), fresh.begin(), fresh.end());
  }
  void fence() {
    const bool has_va = one_in(2), has_asid = one_in(2);
    const uint64_t va = any_page() + (one_in(4) ? pick(256) * kPage : 0) + pick(kPage);
    const uint64_t asid = one_in(3) ? any(spaces_).asid : spaces_[space_].asid;
    // Bits above ASIDMAX are ignored.
    EXPECT_FALSE(helper_sfence_vma(hart(), 0x12000073, has_va, va, has_asid, asid | pick(2) << 16));
    std::erase_if(records_, [&](const Record& r) {
      if (r.live) return false;
      if (has_va && (va < r.meaning.first || va > r.meaning.last)) return false;
      return !has_asid || ((r.meaning.flags & kG) == 0 && spaces_[r.space].asid == asid);
    });
  }

  // --- what is allowed ---
  bool allows(const Meaning& m, TlbMode mode, AccessType type) {
    if (!m.valid) return false;
    if (spaces_[space_].mode == kBare) return true;
    if (mode == kTlbU ? !(m.flags & kU) : (m.flags & kU) && (type == AccessType::kFetch || mode != kTlbSumS)) return false;
    if (type == AccessType::kFetch) return m.flags & kX;
    if (type == AccessType::kStore) return m.flags & kW;
    return (m.flags & kR) || ((m.flags & kX) && (state().mstatus & kMstatusMxr));
  }
  // A cached answer for the page has to be one of those.
  void expect_explained(TlbMode mode, uint64_t page, AccessType type, uint64_t paddr, const char* what) {
    bool stale = true, foreign = true, found = false, large = false;
    for (const Record& r : records_) {
      if (r.page != page || spaces_[r.space].mode != spaces_[space_].mode || r.meaning.paddr != paddr || !allows(r.meaning, mode, type)) continue;
      // Another root under the same ASID is not another address space.
      const bool own = spaces_[r.space].asid == spaces_[space_].asid;
      if (!own && (r.meaning.flags & kG) == 0) continue;
      found = true;
      if (r.live && r.space == space_) stale = false;
      if (own) foreign = false;
      large |= r.meaning.last - r.meaning.first > 0xfff;
    }
    ASSERT_TRUE(found) << what << " in mode " << mode << std::hex << ", page " << page << " as " << paddr << ", type " << static_cast<int>(type)
                       << ", satp " << state().satp;
    stale_hits_ += stale;
    foreign_hits_ += foreign;
    large_hits_ += large;
  }
  uint64_t paddr_of(uintptr_t host) { return host - reinterpret_cast<uintptr_t>(ram()) + kRamBase; }

  // Everything that the present contexts hold.
  void check_all() {
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS}) {
      const Tlb::Tables& tables = tlb().tables(mode);
      ASSERT_EQ(tlb().current.read[mode], tables.read);
      for (const uint64_t page : pages_) {
        const TlbEntry& read = tables.read[Tlb::index(page)];
        const TlbEntry& write = tables.write[Tlb::index(page)];
        const FetchEntry& fetch = tables.fetch[Tlb::index(page)];
        if (read.tag == page) expect_explained(mode, page, AccessType::kLoad, paddr_of(page + read.addend), "read");
        if (write.tag == page) expect_explained(mode, page, AccessType::kStore, paddr_of(page + write.addend), "write");
        if (fetch.tag == page) expect_explained(mode, page, AccessType::kFetch, reinterpret_cast<uintptr_t>(fetch.page), "fetch");
        for (const uint64_t offset : {0, 0x2, 0xffe}) {
          const JumpEntry& jump = tlb().current.jump[mode][Tlb::jump_index(mode, page + offset)];
          if (jump.va == page + offset) {
            expect_explained(mode, page, AccessType::kFetch, reinterpret_cast<uintptr_t>(jump.code) - offset, "jump");
            jump_hits_++;
          }
        }
      }
      for (const Site& site : sites_) {
        const TlbEntry& slot = tlb().slots[mode][site.slot];
        if (slot.tag == Tlb::kEmptySlot) continue;
        expect_explained(mode, slot.tag, site.store ? AccessType::kStore : AccessType::kLoad, paddr_of(slot.tag + slot.addend), "slot");
        slot_hits_++;
      }
      if (HasFatalFailure()) return;
    }
  }

  // --- what an executor does ---
  TlbMode enter_any_mode() {
    state().priv = one_in(2) ? kPrivU : kPrivS;
    (one_in(2) ? csrrs(0x100, kMstatusSum) : csrrc(0x100, kMstatusSum));
    return data_tlb_mode(hart());
  }
  // A miss walks afresh: what it answers is what the tables say now.
  void expect_live(TlbMode mode, uint64_t page, AccessType type, const Trap& trap, uint64_t paddr) {
    const auto live = std::find_if(records_.begin(), records_.end(), [&](const Record& r) { return r.live && r.space == space_ && r.page == page; });
    ASSERT_NE(live, records_.end());
    ASSERT_EQ(!trap, allows(live->meaning, mode, type)) << std::hex << page;
    if (!trap) {
      ASSERT_EQ(paddr & ~uint64_t{0xfff}, live->meaning.paddr);
    }
  }
  void data_access() {
    state().priv = kPrivS;
    const TlbMode mode = enter_any_mode();
    const Site site = any(sites_);
    const uint64_t page = any_page();
    const uint64_t va = page + pick(512) * 8;
    const TlbEntry* entry = &(site.store ? tlb().current.write : tlb().current.read)[mode][Tlb::index(va)];
    TlbEntry& slot = tlb().slots[mode][site.slot];
    if (Tlb::hit(slot, va, 8)) return;  // check_all() has seen it
    const AccessType type = site.store ? AccessType::kStore : AccessType::kLoad;
    if (!Tlb::hit(*entry, va, 8)) {
      const HostAccess at = softmmu_access(hart(), hart().interpreter().code(), va, 8, type);
      expect_live(mode, page, type, at.trap, at.paddr);
      return;
    }
    if (one_in(2)) return;
    slot = *entry;
    tlb().slot_filter[mode][Tlb::filter_index(va)] |= Tlb::slot_class(site.slot);
    tlb().slot_groups[mode][site.slot / Tlb::kGroupSlots] = 1;
  }
  void jump() {
    state().priv = kPrivS;
    const TlbMode mode = enter_any_mode();
    const TlbMode fetch_mode = fetch_tlb_mode(hart());
    const uint64_t page = any_page();
    const uint64_t va = page + (one_in(2) ? 0 : one_in(2) ? 0x2 : 0xffe);
    if (tlb().current.jump[mode][Tlb::jump_index(mode, va)].va == va) return;
    FetchEntry& entry = tlb().current.fetch[fetch_mode][Tlb::index(va)];
    if (entry.tag != page) {
      const Translation t = mmu_translate(hart(), va, 2, AccessType::kFetch, mmu_mode(hart(), AccessType::kFetch));
      expect_live(fetch_mode, page, AccessType::kFetch, t.trap, t.paddr);
      if (t.trap) return;
      tlb().fill_fetch(fetch_mode, va, reinterpret_cast<CodePage*>(t.paddr & ~uint64_t{0xfff}), t.leaf_bits, t.global);
    }
    if (one_in(2)) tlb().fill_jump(mode, va, reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(entry.page) + va - page));
  }
  // No store may get past the page.
  void protect() {
    uint8_t* host = ram() + 0x80000 + pick(64) * kPage;
    tlb().protect_code_page(host);
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS}) {
      for (const uint64_t page : pages_) {
        const TlbEntry& entry = tlb().tables(mode).write[Tlb::index(page)];
        ASSERT_FALSE(entry.tag == page && page + entry.addend == reinterpret_cast<uintptr_t>(host));
      }
      for (const Site& site : sites_) {
        const TlbEntry& slot = tlb().slots[mode][site.slot];
        ASSERT_FALSE(site.store && slot.tag + slot.addend == reinterpret_cast<uintptr_t>(host));
      }
    }
  }
  void anything(int step) {
    if (step % 256 == 0) new_focus();
    switch (pick(40)) {
      case 0: case 1: case 2: state().priv = kPrivM; edit(); break;
      case 3: case 4: state().priv = kPrivM; fence(); break;
      case 5: state().priv = kPrivM; select(one_in(2) ? pick(spaces_.size()) : pick(4)); break;
      case 6: if (one_in(20)) state().priv = kPrivM, one_in(2) ? csrrs(0x300, kMstatusMxr) : csrrc(0x300, kMstatusMxr); break;
      case 7: if (one_in(4)) protect(); break;
      case 8: case 9: case 10: case 11: case 12: jump(); break;
      default: data_access();
    }
    if (!HasFatalFailure()) check_all();
    if (HasFatalFailure()) ADD_FAILURE() << "step " << step;
  }
};

TEST_F(TlbModel, NothingIsCachedThatAFenceHasCovered) {
  for (int step = 0; step < 500000 && !HasFailure(); step++) anything(step);
  // The run must come by what it is for.
  EXPECT_GT(stale_hits_, 20000u);
  EXPECT_GT(foreign_hits_, 10000u);
  EXPECT_GT(slot_hits_, 100000u);
  EXPECT_GT(jump_hits_, 100000u);
  EXPECT_GT(large_hits_, 10000u);
  EXPECT_GT(tlb().recycled, 300u);
}

TEST_F(TlbModel, NorInATinyOne) {
  tlb().set_entries_for_test(16);
  for (int step = 0; step < 50000 && !HasFailure(); step++) {
    anything(step);
    // One entry for each place of the small table.
    const auto expect_one_a_place = [](const auto* table, auto holds) {
      for (unsigned place : {0u, 1u, 15u}) {
        unsigned entries = 0;
        for (unsigned i = place; i < Tlb::kEntries; i += 16) entries += holds(table[i]);
        ASSERT_LE(entries, 1u);
      }
    };
    if (step % 16 != 0) continue;
    const Tlb::Tables& tables = tlb().tables(step % 32 == 0 ? kTlbS : kTlbU);
    expect_one_a_place(tables.read, [](const TlbEntry& entry) { return entry.addend != 0; });
    expect_one_a_place(tables.write, [](const TlbEntry& entry) { return entry.addend != 0; });
    expect_one_a_place(tables.fetch, [](const FetchEntry& entry) { return entry.page != nullptr; });
  }
}

}  // namespace
}  // namespace monochord
