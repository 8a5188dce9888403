// The TLB: what hits, what a flush takes away, what a code page does to stores; and that what it keeps depends on the guest alone.
#include "tcg/exec/tlb.h"

#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

class TlbTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kSv39 = uint64_t{8} << 60;
  static constexpr CodePage* kNoCode = nullptr;
  Tlb tlb;
  TlbTest() { tlb.select(kSv39); }
  alignas(4096) uint8_t page[8192];
  bool reads(TlbMode mode, uint64_t vaddr, unsigned size = 1) { return Tlb::hit(tlb.tables(mode).read[Tlb::index(vaddr)], vaddr, size); }
  bool writes(TlbMode mode, uint64_t vaddr, unsigned size = 1) { return Tlb::hit(tlb.tables(mode).write[Tlb::index(vaddr)], vaddr, size); }
  bool jumps(TlbMode mode, uint64_t va) { return tlb.current.jump[mode][Tlb::jump_index(mode, va)].va == va; }
  static uint64_t satp(uint64_t asid, uint64_t mode = 8) { return mode << 60 | asid << 44; }
  // As generated code does.
  void copy_to_slot(TlbMode mode, unsigned slot, uint64_t vaddr) {
    tlb.slots[mode][slot] = tlb.current.read[mode][Tlb::index(vaddr)];
    tlb.slot_filter[mode][Tlb::filter_index(vaddr)] |= Tlb::slot_class(slot);
    tlb.slot_groups[mode][slot / Tlb::kGroupSlots] = 1;
  }
  bool slot_hits(TlbMode mode, unsigned slot, uint64_t vaddr) { return Tlb::hit(tlb.slots[mode][slot], vaddr, 8); }
  bool fetches(TlbMode mode, uint64_t vaddr) { return tlb.tables(mode).fetch[Tlb::index(vaddr)].tag == (vaddr & ~Tlb::kPageMask); }
};

TEST_F(TlbTest, EmptyHitsNowhere) {
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (uint64_t slot = 0; slot < Tlb::kEntries; slot++) {
      for (const uint64_t base : {uint64_t{0}, uint64_t{0x400000}, ~uint64_t{0x3fffff}, uint64_t{1} << 38}) {
        for (const uint64_t offset : {0, 1, 4088, 4095}) {
          const uint64_t vaddr = base + slot * 4096 + offset;
          EXPECT_FALSE(reads(static_cast<TlbMode>(mode), vaddr)) << std::hex << vaddr;
          EXPECT_FALSE(writes(static_cast<TlbMode>(mode), vaddr));
          EXPECT_FALSE(fetches(static_cast<TlbMode>(mode), vaddr));
        }
      }
    }
  }
}

TEST_F(TlbTest, AHitIsInsideThePageToItsLastByte) {
  const uint64_t vaddr = 0xffffffff80001000;
  tlb.fill_read(kTlbS, vaddr + 0x123, page, 0x80001000, 12);
  for (const unsigned size : {1, 2, 4, 8}) {
    EXPECT_TRUE(reads(kTlbS, vaddr, size));
    EXPECT_TRUE(reads(kTlbS, vaddr + 4096 - size, size));
    EXPECT_FALSE(reads(kTlbS, vaddr + 4096 - size + 1, size)) << size;
    EXPECT_FALSE(reads(kTlbS, vaddr - 1, size));
  }
  EXPECT_FALSE(reads(kTlbU, vaddr));
  EXPECT_FALSE(writes(kTlbS, vaddr));
  const TlbEntry& entry = tlb.tables(kTlbS).read[Tlb::index(vaddr)];
  EXPECT_EQ(reinterpret_cast<uint8_t*>(vaddr + 5 + entry.addend), page + 5);
  EXPECT_EQ(tlb.tables(kTlbS).read_paddr[Tlb::index(vaddr)], 0x80001000u);
}

TEST_F(TlbTest, FlushAllEmptiesEveryModeAndDirection) {
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (unsigned i = 0; i < Tlb::kEntries; i += 37) {
      tlb.fill_read(static_cast<TlbMode>(mode), i * 4096, page, 0, 12);
      tlb.fill_write(static_cast<TlbMode>(mode), i * 4096, page, 0, 12);
      tlb.fill_fetch(static_cast<TlbMode>(mode), i * 4096, kNoCode, 12);
    }
  }
  tlb.flush_all();
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (unsigned i = 0; i < Tlb::kEntries; i++) {
      EXPECT_FALSE(reads(static_cast<TlbMode>(mode), i * 4096));
      EXPECT_FALSE(writes(static_cast<TlbMode>(mode), i * 4096));
      EXPECT_FALSE(fetches(static_cast<TlbMode>(mode), i * 4096));
    }
  }
}

TEST_F(TlbTest, AFenceForOneAddressTakesThatPageAndLeavesTheNeighbours) {
  tlb.fill_read(kTlbU, 0x1000, page, 0, 12);
  tlb.fill_write(kTlbSumS, 0x1000, page, 0, 12);
  tlb.fill_read(kTlbU, 0x2000, page, 0, 12);
  tlb.fence_page(0x1234);
  EXPECT_FALSE(reads(kTlbU, 0x1000));
  EXPECT_FALSE(writes(kTlbSumS, 0x1000));
  EXPECT_TRUE(reads(kTlbU, 0x2000));
}

// Privileged, "Supervisor Memory-Management Fence Instruction": what each of the four forms is for, and no more.
TEST_F(TlbTest, EachFormOfTheFenceTakesWhatItNames) {
  const auto left_by = [this](auto&& fence) {
    for (const uint64_t asid : {1, 2}) {
      tlb.select(satp(asid));
      for (const uint64_t vaddr : {0x1000, 0x2000}) tlb.fill_read(kTlbU, vaddr, page, 0, 12);
    }
    // The kernel's: one for all, one for ASID 2.
    tlb.fill_read(kTlbS, 0x1000, page, 0, 12, true);
    tlb.fill_read(kTlbM, 0x1000, page, 0, 12, true);
    fence();
    std::string left;
    for (const uint64_t asid : {1, 2}) {
      tlb.select(satp(asid));
      for (const uint64_t vaddr : {0x1000, 0x2000})
        if (reads(kTlbU, vaddr)) left += std::to_string(asid) + (vaddr == 0x1000 ? "a " : "b ");
    }
    if (reads(kTlbS, 0x1000)) left += "S ";
    if (reads(kTlbM, 0x1000)) left += "M";
    return left;
  };
  EXPECT_EQ(left_by([] {}), "1a 1b 2a 2b S M");
  EXPECT_EQ(left_by([this] { tlb.fence_all(); }), "M");
  EXPECT_EQ(left_by([this] { tlb.fence_asid(1); }), "2a 2b S M");
  EXPECT_EQ(left_by([this] { tlb.fence_asid(2); }), "1a 1b S M");
  EXPECT_EQ(left_by([this] { tlb.fence_asid(3); }), "1a 1b 2a 2b S M");
  EXPECT_EQ(left_by([this] { tlb.fence_page(0x1abc); }), "1b 2b M");
  EXPECT_EQ(left_by([this] { tlb.fence_page(0x1000 + (uint64_t{1} << 38)); }), "1a 1b 2a 2b S M") << "other upper bits: another page";
  EXPECT_EQ(left_by([this] { tlb.fence_page_asid(0x1fff, 2); }), "1a 1b 2b S M");
  EXPECT_EQ(left_by([this] { tlb.fence_page_asid(0x3000, 2); }), "1a 1b 2a 2b S M");
}

TEST_F(TlbTest, ASupervisorsPageThatIsNotGlobalEndsWithItsAsid) {
  tlb.select(satp(1));
  tlb.fill_read(kTlbS, 0x1000, page, 0, 12, true);
  tlb.select(satp(2));
  EXPECT_TRUE(reads(kTlbS, 0x1000));
  tlb.fill_read(kTlbS, 0x2000, page, 0, 12, false);
  tlb.fence_page_asid(0x2000, 1);
  EXPECT_TRUE(reads(kTlbS, 0x2000));
  tlb.fence_page_asid(0x2000, 2);
  EXPECT_FALSE(reads(kTlbS, 0x2000));
  tlb.fill_read(kTlbS, 0x2000, page, 0, 12, false);
  tlb.fence_asid(2);
  EXPECT_FALSE(reads(kTlbS, 0x2000));
  tlb.fill_read(kTlbS, 0x2000, page, 0, 12, false);
  tlb.select(satp(2) | 0x1234);
  EXPECT_TRUE(reads(kTlbS, 0x2000)) << "another root is the guest's own business";
  tlb.select(satp(1));
  EXPECT_FALSE(reads(kTlbS, 0x2000));
  EXPECT_FALSE(reads(kTlbS, 0x1000)) << "they go together";
}

TEST_F(TlbTest, AnAddressSpaceComesBackAsItWasUntilItsPlaceIsTaken) {
  tlb.select(satp(1));
  tlb.fill_read(kTlbU, 0x1000, page, 0, 12);
  tlb.fill_write(kTlbSumS, 0x1000, page, 0, 12);
  // 16 ASIDs in turn, the last one the oldest but for the one that is used again and again.
  for (uint64_t asid = 2; asid < 2 + 2 * Tlb::kSpaces; asid++) {
    tlb.select(satp(asid));
    EXPECT_FALSE(reads(kTlbU, 0x1000));
    tlb.select(satp(1));
    ASSERT_TRUE(reads(kTlbU, 0x1000) && writes(kTlbSumS, 0x1000)) << asid;
  }
  for (uint64_t asid = 100; asid < 100 + Tlb::kSpaces; asid++) tlb.select(satp(asid));
  tlb.select(satp(1));
  EXPECT_FALSE(reads(kTlbU, 0x1000) || writes(kTlbSumS, 0x1000));
}

TEST_F(TlbTest, ModeIsAPartOfTheAddressSpaceAndBareHasNoAsid) {
  tlb.select(satp(1, 8));
  tlb.fill_read(kTlbU, 0x1000, page, 0, 12);
  tlb.select(satp(1, 9));
  EXPECT_FALSE(reads(kTlbU, 0x1000));
  tlb.select(satp(1, 0));
  EXPECT_FALSE(reads(kTlbU, 0x1000));
  tlb.fill_read(kTlbU, 0x2000, page, 0, 12);
  tlb.select(satp(5, 0));
  EXPECT_TRUE(reads(kTlbU, 0x2000));
  tlb.fence_all();
  EXPECT_TRUE(reads(kTlbU, 0x2000)) << "a physical address";
  tlb.select(satp(1, 8));
  EXPECT_FALSE(reads(kTlbU, 0x1000));
}

// More leaves than there is room to remember one by one.
TEST_F(TlbTest, ManyLargePagesAreAllRemembered) {
  std::vector<uint64_t> pages;  // one in each leaf, at places of their own
  for (uint64_t i = 0; i < 40; i++) pages.push_back((i * 0x12345 % 977) << 23 | (i % 2 ? ~uint64_t{0} << 38 : 0) | (i * 4 + 3) << 12);
  for (const bool up : {true, false}) {
    for (const uint64_t fenced : pages) {
      for (size_t i = 0; i < pages.size(); i++) tlb.fill_read(kTlbU, pages[up ? i : pages.size() - 1 - i], page, 0, 21);
      EXPECT_TRUE(reads(kTlbU, fenced));
      tlb.fence_page((fenced & ~uint64_t{0x1fffff}) + 0x1ff000);
      EXPECT_FALSE(reads(kTlbU, fenced)) << std::hex << fenced;
    }
  }
}

TEST_F(TlbTest, JumpCachesGoWithTheirPage) {
  const uint64_t va = 0x40001000;
  int code[3];
  for (const TlbMode mode : {kTlbU, kTlbS, kTlbM}) tlb.fill_fetch(mode, va, kNoCode, 12, true);
  const auto fill = [&] {
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM})
      for (unsigned i = 0; i < 3; i++) tlb.fill_jump(mode, va + 2 * i, &code[i]);
  };
  const auto jump_modes = [&](uint64_t at) {
    std::string modes;
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM})
      if (jumps(mode, at)) modes += "USVM"[mode];
    return modes;
  };
  EXPECT_EQ(jump_modes(va), "");
  for (uint64_t target = 0; target < 4 * Tlb::kJumpEntriesOfS; target += 2)
    ASSERT_FALSE(jumps(kTlbU, target) || jumps(kTlbS, target)) << "empty is no address";
  fill();
  EXPECT_EQ(tlb.current.jump[kTlbSumS][Tlb::jump_index(kTlbSumS, va + 4)].code, &code[2]);
  EXPECT_EQ(jump_modes(va + 4), "USVM");
  EXPECT_EQ(jump_modes(va + 6), "");
  tlb.fence_page(va + 0x1000);
  tlb.fence_page(va + (4096 << 12));
  EXPECT_EQ(jump_modes(va + 4), "USVM");
  tlb.fence_page(va + 0xffe);
  for (unsigned i = 0; i < 3; i++) EXPECT_EQ(jump_modes(va + 2 * i), "M");
  for (const TlbMode mode : {kTlbU, kTlbS}) tlb.fill_fetch(mode, va, kNoCode, 12, true);
  fill();
  tlb.select(satp(9));
  EXPECT_EQ(jump_modes(va), "SM");
  tlb.select(kSv39);
  EXPECT_EQ(jump_modes(va), "USVM");
  tlb.flush_jump();
  EXPECT_EQ(jump_modes(va), "");
  EXPECT_TRUE(fetches(kTlbU, va));
  fill();
  tlb.flush_fetch();
  EXPECT_EQ(jump_modes(va), "");
  EXPECT_FALSE(fetches(kTlbU, va));
}

// The fetch that a SumS jump comes from is in S: its leaf counts.
TEST_F(TlbTest, AFenceInsideALargePageOfCodeTakesTheJumpsOfSumS) {
  const uint64_t va = 0x40001000;
  tlb.fill_fetch(kTlbS, va, kNoCode, 21, false);
  tlb.fill_jump(kTlbSumS, va, page);
  tlb.select(satp(9));  // S forgets
  tlb.select(kSv39);
  EXPECT_TRUE(jumps(kTlbSumS, va));
  tlb.fence_page(va + 0x100000);
  EXPECT_FALSE(jumps(kTlbSumS, va));
}

TEST_F(TlbTest, AnEmptySlotHitsOnlyWhereTheHostHasNoMemory) {
  for (const uint64_t vaddr : {uint64_t{0}, uint64_t{0x1000}, uint64_t{0x80000000}, ~uint64_t{0xfff}, ~uint64_t{7}, uint64_t{1} << 55}) {
    for (unsigned mode = 0; mode < kTlbModes; mode++) EXPECT_FALSE(slot_hits(static_cast<TlbMode>(mode), 0, vaddr));
  }
  const TlbEntry& slot = tlb.slots[kTlbU][0];
  EXPECT_TRUE(Tlb::hit(slot, Tlb::kEmptySlot + 8, 8));
  EXPECT_EQ(Tlb::kEmptySlot + slot.addend, Tlb::kEmptySlot);
}

TEST_F(TlbTest, SlotsGoWithWhatTheyWereCopiedFrom) {
  const auto slot_of = [](uint64_t vaddr) { return vaddr == 0x1001000 ? 4095u : static_cast<unsigned>(vaddr >> 12); };
  const auto fill = [&] {
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM}) {
      for (const uint64_t vaddr : {0x1000, 0x2000, 0x1001000}) {  // the last one has the first one's place in every table
        tlb.fill_read(mode, vaddr, page, 0, 12, true);
        copy_to_slot(mode, slot_of(vaddr), vaddr);
      }
    }
  };
  const auto left = [&](uint64_t vaddr) {
    std::string modes;
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM})
      if (slot_hits(mode, slot_of(vaddr), vaddr)) modes += "USVM"[mode];
    return modes;
  };
  fill();
  EXPECT_EQ(left(0x1000) + left(0x2000) + left(0x1001000), "USVMUSVMUSVM");
  tlb.fence_page(0x1000);  // its TLB entry has been driven out long since
  EXPECT_EQ(left(0x1000) + " " + left(0x2000) + " " + left(0x1001000), "M USVM USVM");
  tlb.fence_page(0x1001000);
  EXPECT_EQ(left(0x1001000), "M");
  fill();
  tlb.select(satp(3));
  EXPECT_EQ(left(0x2000), "SM");
  tlb.select(kSv39);
  EXPECT_EQ(left(0x2000), "SM") << "U and SumS begin empty";
  fill();
  tlb.fence_asid(3);
  EXPECT_EQ(left(0x2000), "USVM");
  tlb.fence_asid(0);
  EXPECT_EQ(left(0x2000), "SM");
  fill();
  tlb.fence_all();
  EXPECT_EQ(left(0x2000), "M");
  fill();
  tlb.flush_all();
  EXPECT_EQ(left(0x2000), "");
}

// What is left of a page need not be in a table: a fence finds it by itself.
TEST_F(TlbTest, AFenceFindsWhatOnlySlotsOrJumpsHold) {
  const uint64_t first = 0x1000, second = 0x1001000;  // one place in the tables
  for (const uint64_t vaddr : {first, second}) {
    tlb.fill_read(kTlbU, vaddr, page, 0, 12);
    copy_to_slot(kTlbU, vaddr == first, vaddr);
  }
  tlb.fence_page(second);
  EXPECT_TRUE(slot_hits(kTlbU, 1, first));
  tlb.fence_page(first);
  EXPECT_FALSE(slot_hits(kTlbU, 1, first));
  for (const uint64_t vaddr : {first, second + 2}) {
    tlb.fill_fetch(kTlbU, vaddr, kNoCode, 12);
    tlb.fill_jump(kTlbU, vaddr, page);
  }
  tlb.fence_page(second);
  EXPECT_TRUE(jumps(kTlbU, first));
  tlb.fence_page(first);
  EXPECT_FALSE(jumps(kTlbU, first));
  // All that this address space has of the page.
  tlb.select(satp(9));
  tlb.fill_fetch(kTlbS, 0x5000, kNoCode, 12, true);
  tlb.fill_jump(kTlbSumS, 0x5000, page);
  tlb.fence_page_asid(0x5000, 9);
  EXPECT_FALSE(jumps(kTlbSumS, 0x5000));
}

TEST_F(TlbTest, ACodePageLosesItsSlots) {
  for (const TlbMode mode : {kTlbU, kTlbM}) {
    tlb.fill_write(mode, 0x1000, page, 0, 12);
    tlb.fill_write(mode, 0x2000, page + 4096, 0, 12);
    for (unsigned n : {1u, 2u}) {
      tlb.slots[mode][n] = tlb.current.write[mode][n];
      tlb.slot_filter[mode][n] = Tlb::slot_class(n);
      tlb.slot_groups[mode][0] = 1;
    }
  }
  tlb.protect_code_page(page);
  for (const TlbMode mode : {kTlbU, kTlbM}) {
    EXPECT_FALSE(slot_hits(mode, 1, 0x1000));
    EXPECT_TRUE(slot_hits(mode, 2, 0x2000));
  }
}

TEST_F(TlbTest, ATinyTlbHoldsOneEntryForEachPlace) {
  tlb.set_entries_for_test(16);
  for (uint64_t n = 0; n < 64; n++) tlb.fill_read(kTlbU, n << 12, page, 0, 12);
  for (uint64_t n = 0; n < 64; n++) EXPECT_EQ(reads(kTlbU, n << 12), n >= 48) << n;
  tlb.set_entries_for_test(Tlb::kEntries);
  for (uint64_t n = 0; n < 64; n++) tlb.fill_read(kTlbU, n << 12, page, 0, 12);
  for (uint64_t n = 0; n < 64; n++) EXPECT_TRUE(reads(kTlbU, n << 12)) << n;
}

// Privileged, "SFENCE.VMA": a fence for an address is for the leaf that maps it, whatever its size.
TEST_F(TlbTest, AFenceInsideALargePageTakesAllItsPieces) {
  tlb.fill_read(kTlbU, 0x40201000, page, 0, 21);
  tlb.fill_read(kTlbU, 0x402ff000, page, 0, 21);
  tlb.fill_read(kTlbU, 0x50000000, page, 0, 12);
  tlb.fence_page(0x50000000);
  EXPECT_TRUE(reads(kTlbU, 0x40201000));
  tlb.fence_page(0x40200000);
  EXPECT_FALSE(reads(kTlbU, 0x40201000));
  EXPECT_FALSE(reads(kTlbU, 0x402ff000));
}

TEST_F(TlbTest, ACodePageLosesItsWriteEntriesUnderEveryAddress) {
  tlb.fill_write(kTlbM, 0x80000000, page, 0x80000000, 12);
  tlb.fill_write(kTlbS, 0xffffffc000000000, page, 0x80000000, 12);
  tlb.fill_write(kTlbS, 0xffffffc000001000, page + 4096, 0x80001000, 12);
  tlb.fill_read(kTlbS, 0xffffffc000000000, page, 0x80000000, 12);
  tlb.protect_code_page(page);
  EXPECT_FALSE(writes(kTlbM, 0x80000000));
  EXPECT_FALSE(writes(kTlbS, 0xffffffc000000000));
  EXPECT_TRUE(writes(kTlbS, 0xffffffc000001000));
  EXPECT_TRUE(reads(kTlbS, 0xffffffc000000000));
}

// --- with a hart under Sv39 ---------------------------------------------------------------------------------------------------
class Paged : public ExecTest {
 protected:
  static constexpr uint64_t kRoot = kRam + 0x100000, kMid = kRam + 0x101000, kLeaf = kRam + 0x102000, kCode = kRam;
  static constexpr uint64_t kVa = 0x40000000;  // virtual page n is physical page kRam + 0x200000 + n pages

  Paged() {
    // The third gigabyte identically (code), the second through three levels.
    bench.at<uint64_t>(kRoot + 8 * 2) = (kRam >> 12) << 10 | 0xcf;
    bench.at<uint64_t>(kRoot + 8 * 1) = (kMid >> 12) << 10 | 1;
    bench.at<uint64_t>(kMid) = (kLeaf >> 12) << 10 | 1;
    for (unsigned i = 0; i < 512; i++) bench.at<uint64_t>(kLeaf + 8 * i) = ((kRam + 0x200000 + i * 4096) >> 12) << 10 | 0xcf;
    helper_csr(cpu(), 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
    helper_csr(cpu(), 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
    helper_csr(cpu(), 0x180, CsrOp::kWrite, uint64_t{8} << 60 | kRoot >> 12, false, true, 0);
    state().mtvec = kRam + 0x1000;
    state().priv = kPrivS;
    Assembler a(kCode);
    a.i(op_ld, a1, a0, 0);
    a.s(op_sd, a2, 0, a0);
    bench.load(a, kCode);
    hold_handler();
  }
  uint64_t& pte(unsigned page) { return bench.at<uint64_t>(kLeaf + 8 * page); }
  void at(uint64_t pc, uint64_t address) {
    state().priv = kPrivS;
    state().pc = pc;
    state().x[a0] = address;
    bench.steps(1);
  }
  bool load(uint64_t address) { return at(kCode, address), state().pc == kCode + 4; }
  bool store(uint64_t address) { return at(kCode + 4, address), state().pc == kCode + 8; }
};

TEST_F(Paged, AnEditedPageTableIsSeenAfterTheFence) {
  bench.at<uint64_t>(kRam + 0x200000) = 1;
  bench.at<uint64_t>(kRam + 0x300000) = 2;
  ASSERT_TRUE(load(kVa));
  EXPECT_EQ(x(a1), 1u);
  pte(0) = ((kRam + 0x300000) >> 12) << 10 | 0xcf;
  ASSERT_TRUE(load(kVa));
  EXPECT_EQ(x(a1), 1u) << "stale, as the manual allows";
  helper_sfence_vma(cpu(), 0x12000073, true, kVa, false, 0);
  ASSERT_TRUE(load(kVa));
  EXPECT_EQ(x(a1), 2u);
}

TEST_F(Paged, AFaultComesOnlyFromAFreshWalk) {
  pte(3) = 0;
  EXPECT_FALSE(load(kVa + 0x3000));
  EXPECT_EQ(state().mcause, 13u);
  pte(3) = ((kRam + 0x203000) >> 12) << 10 | 0xcf;
  EXPECT_TRUE(load(kVa + 0x3000)) << "a missing translation is not remembered";
}

TEST_F(Paged, AReadOnlyPageFaultsOnStoresAlsoAfterLoads) {
  pte(5) = ((kRam + 0x205000) >> 12) << 10 | 0xc3;
  ASSERT_TRUE(load(kVa + 0x5000));
  EXPECT_FALSE(store(kVa + 0x5008));
  EXPECT_EQ(state().mcause, 15u);
  EXPECT_EQ(state().mtval, kVa + 0x5008);
}

TEST_F(Paged, AStoreSetsDEvenWhereALoadFilledTheTlbBefore) {
  state().menvcfg |= kMenvcfgAdue;
  pte(6) = ((kRam + 0x206000) >> 12) << 10 | 0x0f;
  ASSERT_TRUE(load(kVa + 0x6000));
  EXPECT_EQ(pte(6) & 0xc0, 0x40u);
  ASSERT_TRUE(store(kVa + 0x6000));
  EXPECT_EQ(pte(6) & 0xc0, 0xc0u);
}

TEST_F(Paged, AnAccessAcrossPagesReportsTheHalfThatFaultsAndStoresNothing) {
  pte(8) = 0;
  memset(bench.ram() + 0x207ff8, 0x11, 8);
  state().x[a2] = ~uint64_t{0};
  EXPECT_FALSE(store(kVa + 0x7ffc));
  EXPECT_EQ(state().mcause, 15u);
  EXPECT_EQ(state().mtval, kVa + 0x8000);
  EXPECT_EQ(bench.ram()[0x207ffc], 0x11);
  EXPECT_FALSE(load(kVa + 0x7ffc));
  EXPECT_EQ(state().mtval, kVa + 0x8000);
}

TEST_F(Paged, AnInstructionAcrossPagesReportsTheHalfThatFaults) {
  Assembler a(0);
  a.i(op_addi, a3, zero, 1);
  memcpy(bench.ram() + 0x209ffe, a.code().data(), 2);
  memcpy(bench.ram() + 0x20a000, a.code().data() + 1, 2);
  at(kVa + 0x9ffe, 0);
  EXPECT_EQ(x(a3), 1u);
  pte(0xa) = 0;
  cpu().tlb.fence_page(kVa + 0xa000);
  at(kVa + 0x9ffe, 0);
  EXPECT_EQ(state().mcause, 12u);
  EXPECT_EQ(state().mepc, kVa + 0x9ffe);
  EXPECT_EQ(state().mtval, kVa + 0xa000);
}

TEST_F(Paged, TwoAddressesOfOnePageShareItsCode) {
  // The same physical page under two virtual ones: what one writes the other runs.
  pte(20) = pte(21) = ((kRam + 0x214000) >> 12) << 10 | 0xcf;
  Assembler a(0);
  a.i(op_addi, a3, zero, 1);
  memcpy(bench.ram() + 0x214000, a.code().data(), 4);
  at(kVa + 20 * 4096, 0);
  EXPECT_EQ(x(a3), 1u);
  EXPECT_EQ(cpu().pc(), kVa + 20 * 4096 + 4);
  state().x[a2] = 0x00700693;  // addi a3,zero,7
  ASSERT_TRUE(store(kVa + 21 * 4096));
  at(kVa + 20 * 4096, 0);
  EXPECT_EQ(x(a3), 7u);
}

// Code on virtual page 40 ends in an instruction that changes what page 40 is; the next instruction comes from the new page, in the same slice.
TEST_F(Paged, AFenceOrANewSatpDecidesWhereTheNextInstructionComesFrom) {
  constexpr uint64_t kOld = kRam + 0x228000, kNew = kRam + 0x300000, kVaCode = kVa + 40 * 4096;
  Assembler after_old(0), after_new(0);
  after_old.i(op_addi, a3, zero, 1);
  after_new.i(op_addi, a3, zero, 2);
  const auto play = [&](const Assembler& code) {
    memset(bench.ram() + (kOld - kRam), 0, 4096);
    memset(bench.ram() + (kNew - kRam), 0, 4096);
    memcpy(bench.ram() + (kOld - kRam), code.code().data(), code.code().size() * 2);
    memcpy(bench.ram() + (kOld - kRam) + code.code().size() * 2, after_old.code().data(), 4);
    memcpy(bench.ram() + (kNew - kRam) + code.code().size() * 2, after_new.code().data(), 4);
    cpu().code_written(kOld, 4096);
    cpu().code_written(kNew, 4096);
    state().priv = kPrivS;
    state().pc = kVaCode;
    state().x[a3] = 0;
    cpu().exec(static_cast<int64_t>(code.code().size() / 2 + 1));
    return x(a3);
  };
  // The store to the page table, then the fence.
  state().x[a0] = kLeaf + 8 * 40;
  state().x[a1] = (kNew >> 12) << 10 | 0xcf;
  for (const bool with_address : {false, true}) {
    pte(40) = (kOld >> 12) << 10 | 0xcf;
    cpu().tlb.flush_all();
    state().x[a2] = kVaCode;
    Assembler fence(0);
    fence.s(op_sd, a1, 0, a0);
    fence.r(op_sfence_vma, 0, with_address ? a2 : zero, 0);
    EXPECT_EQ(play(fence), 2u) << with_address;
  }
  // Another address space, in which page 40 is the new one.
  constexpr uint64_t kRoot2 = kRam + 0x110000, kMid2 = kRam + 0x111000, kLeaf2 = kRam + 0x112000;
  memcpy(bench.ram() + (kRoot2 - kRam), bench.ram() + (kRoot - kRam), 4096);
  bench.at<uint64_t>(kRoot2 + 8) = (kMid2 >> 12) << 10 | 1;
  bench.at<uint64_t>(kMid2) = (kLeaf2 >> 12) << 10 | 1;
  bench.at<uint64_t>(kLeaf2 + 8 * 40) = (kNew >> 12) << 10 | 0xcf;
  pte(40) = (kOld >> 12) << 10 | 0xcf;
  cpu().tlb.flush_all();
  state().x[a0] = uint64_t{8} << 60 | uint64_t{1} << 44 | kRoot2 >> 12;
  Assembler satp(0);
  satp.csr(op_csrrw, zero, 0x180, a0);
  EXPECT_EQ(play(satp), 2u);
}

// Two processes under one kernel: only what is theirs changes with satp, nothing is walked again for what comes back.
TEST_F(Paged, ASwitchOfProcessesKeepsWhatBothHaveCached) {
  constexpr uint64_t kRoot2 = kRam + 0x110000, kMid2 = kRam + 0x111000, kLeaf2 = kRam + 0x112000, kGlobal = kVa + 0x200000;
  memcpy(bench.ram() + (kRoot2 - kRam), bench.ram() + (kRoot - kRam), 4096);
  bench.at<uint64_t>(kRoot2 + 8) = (kMid2 >> 12) << 10 | 1;
  bench.at<uint64_t>(kMid2) = (kLeaf2 >> 12) << 10 | 1;
  bench.at<uint64_t>(kLeaf2) = ((kRam + 0x300000) >> 12) << 10 | 0xdf;
  pte(0) |= 0x10;
  // Global by the pointer above it: "all mappings in the subsequent levels are global".
  constexpr uint64_t kLeafOfAll = kRam + 0x113000;
  bench.at<uint64_t>(kMid + 8) = bench.at<uint64_t>(kMid2 + 8) = (kLeafOfAll >> 12) << 10 | 0x21;
  bench.at<uint64_t>(kLeafOfAll) = ((kRam + 0x400000) >> 12) << 10 | 0xcf;
  bench.at<uint64_t>(kRoot + 8 * 2) |= 0x20, bench.at<uint64_t>(kRoot2 + 8 * 2) |= 0x20;
  bench.at<uint64_t>(kRam + 0x200000) = 1, bench.at<uint64_t>(kRam + 0x300000) = 2, bench.at<uint64_t>(kRam + 0x400000) = 3;
  const uint64_t satps[2] = {uint64_t{8} << 60 | uint64_t{5} << 44 | kRoot >> 12, uint64_t{8} << 60 | uint64_t{6} << 44 | kRoot2 >> 12};
  for (unsigned round = 0; round < 3; round++) {
    const uint64_t fills = cpu().tlb.fills;
    for (unsigned process = 0; process < 2; process++) {
      state().priv = kPrivS;
      helper_csr(cpu(), 0x180, CsrOp::kWrite, satps[process], false, true, 0);
      state().mstatus |= kMstatusSum;
      ASSERT_TRUE(load(kVa));
      EXPECT_EQ(x(a1), process + 1);
      state().mstatus &= ~kMstatusSum;
      ASSERT_TRUE(load(kGlobal));
      EXPECT_EQ(x(a1), 3u);
    }
    if (round > 0) {
      EXPECT_EQ(cpu().tlb.fills, fills) << "round " << round;
    }
  }
}

TEST_F(Paged, SumAndPrivilegeChooseTheirOwnEntries) {
  pte(30) |= 0x10;  // U
  EXPECT_FALSE(load(kVa + 30 * 4096));
  state().mstatus |= kMstatusSum;
  EXPECT_TRUE(load(kVa + 30 * 4096));
  state().mstatus &= ~kMstatusSum;
  EXPECT_FALSE(load(kVa + 30 * 4096));
}

TEST_F(Paged, MprvLoadsThroughTheOtherModesTables) {
  bench.at<uint64_t>(kRam + 0x200000) = 77;
  static_assert(kVa == Bench::kSmallRam);
  bench.small()[0] = 99;
  state().priv = kPrivM;
  state().pc = kCode;
  state().x[a0] = kVa;
  state().mstatus = (state().mstatus & ~kMstatusMpp) | kMstatusMprv | uint64_t{kPrivS} << kMstatusMppShift;
  bench.steps(1);
  EXPECT_EQ(x(a1), 77u);
  EXPECT_EQ(cpu().pc(), kCode + 4);
  state().pc = kCode;
  state().mstatus &= ~kMstatusMprv;
  bench.steps(1);
  EXPECT_EQ(x(a1), 99u) << "a physical address again";
}

}  // namespace
}  // namespace monochord
