// Translation by example: one test a rule. The random comparison with a model is in mmu_model_test.cpp.
#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kV = 1, kR = 2, kW = 4, kX = 8, kU = 16, kG = 32, kA = 64, kD = 128;
constexpr unsigned kSatp = 0x180, kMstatus = 0x300, kMenvcfg = 0x30a;

class MmuTest : public HartTest {
 protected:
  static constexpr uint64_t kRoot = kRamBase + 0x10000, kData = kRamBase + 0x40000;

  MmuTest() {
    open_pmp();
    csrw(kMenvcfg, kMenvcfgAdue | kMenvcfgPbmte);
    satp(8);
    state().priv = kPrivS;
  }
  void satp(uint64_t mode) {
    const uint8_t priv = state().priv;
    state().priv = kPrivM;
    csrw(kSatp, (mode << 60) | (kRoot >> 12));
    state().priv = priv;
  }
  void m(unsigned csr, uint64_t value) {
    const uint8_t priv = state().priv;
    state().priv = kPrivM;
    csrw(csr, value);
    state().priv = priv;
  }
  static uint64_t pte(uint64_t paddr, uint64_t flags) { return ((paddr >> 12) << 10) | flags; }
  // Page tables one page each below the root, then the leaf; returns the leaf's address.
  uint64_t map(uint64_t vaddr, uint64_t leaf, unsigned levels = 3, unsigned leaf_level = 0) {
    uint64_t table = kRoot;
    for (unsigned level = levels - 1;; level--) {
      const uint64_t at = table + ((vaddr >> (12 + 9 * level)) & 511) * 8;
      if (level == leaf_level) {
        word(at) = leaf;
        return at;
      }
      table += kPage;
      word(at) = pte(table, kV);
    }
  }
  Translation load(uint64_t vaddr, unsigned size = 8) { return run(vaddr, size, AccessType::kLoad); }
  Translation store(uint64_t vaddr, unsigned size = 8) { return run(vaddr, size, AccessType::kStore); }
  Translation fetch(uint64_t vaddr) { return run(vaddr, 4, AccessType::kFetch); }
  Translation run(uint64_t vaddr, unsigned size, AccessType type) { return mmu_translate(hart(), vaddr, size, type, mmu_mode(hart(), type)); }
};

TEST_F(MmuTest, FaultsCarryTheCodeOfTheAccessAndTheAddress) {
  const uint64_t vaddr = 0x12345678;
  EXPECT_EQ(load(vaddr).trap.cause, Exception::kLoadPageFault);
  EXPECT_EQ(store(vaddr).trap.cause, Exception::kStorePageFault);
  EXPECT_EQ(fetch(vaddr).trap.cause, Exception::kInstPageFault);
  EXPECT_EQ(load(vaddr).trap.tval, vaddr);
}

TEST_F(MmuTest, EveryModeWalksItsLevels) {
  for (unsigned levels = 3; levels <= 5; levels++) {
    std::memset(ram(), 0, kRamSize);
    satp(5 + levels);
    const uint64_t vaddr = (~uint64_t{0} << (11 + 9 * levels)) | 0x0123456000;  // the upper half
    map(vaddr, pte(kData, kV | kR | kA), levels);
    EXPECT_EQ(load(vaddr + 0x123, 1).paddr, kData + 0x123) << levels;
    EXPECT_FALSE(load(vaddr).trap);
    uint64_t paddr = 0;
    EXPECT_TRUE(mmu_debug_translate(hart(), vaddr + 5, &paddr));
    EXPECT_EQ(paddr, kData + 5);
    EXPECT_FALSE(mmu_debug_translate(hart(), vaddr + kPage, &paddr));
  }
}

TEST_F(MmuTest, AddressesMustBeSignExtended) {
  for (unsigned levels = 3; levels <= 5; levels++) {
    std::memset(ram(), 0, kRamSize);
    satp(5 + levels);
    map(0, pte(kData, kV | kR | kA), levels);
    EXPECT_FALSE(load(0).trap);
    EXPECT_EQ(load(uint64_t{1} << (12 + 9 * levels)).trap.cause, Exception::kLoadPageFault);  // the same index bits
    EXPECT_EQ(load(uint64_t{1} << 63).trap.cause, Exception::kLoadPageFault);
  }
}

TEST_F(MmuTest, SuperpagesCoverTheirRangeAndMustBeAligned) {
  const uint64_t vaddr = 0x40000000;
  map(vaddr, pte(0x80000000, kV | kR | kW | kA | kD), 3, 2);
  EXPECT_EQ(store(vaddr + 0x3ffffff8).paddr, 0xbffffff8u);
  map(vaddr, pte(0x80200000, kV | kR | kA), 3, 2);
  EXPECT_EQ(load(vaddr).trap.cause, Exception::kLoadPageFault);
  map(vaddr, pte(0x80200000, kV | kR | kA), 3, 1);
  EXPECT_EQ(load(vaddr + 0x1ffff8).paddr, 0x803ffff8u);
  map(vaddr, pte(0x80201000, kV | kR | kA), 3, 1);
  EXPECT_EQ(load(vaddr).trap.cause, Exception::kLoadPageFault);
}

TEST_F(MmuTest, PermissionsFollowPrivilegeSumAndMxr) {
  const uint64_t vaddr = 0x5000;
  for (uint64_t flags = 0; flags < 32; flags += 2) {
    const bool r = flags & kR, w = flags & kW, x = flags & kX, u = flags & kU;
    if ((!r && w) || !(r || x)) continue;
    map(vaddr, pte(kData, flags | kV | kA | kD));
    for (const uint8_t priv : {kPrivU, kPrivS}) {
      for (const bool sum : {false, true}) {
        for (const bool mxr : {false, true}) {
          m(kMstatus, (sum ? kMstatusSum : 0) | (mxr ? kMstatusMxr : 0));
          state().priv = priv;
          const bool data_side = priv == kPrivU ? u : !u || sum;
          const bool fetch_side = priv == kPrivU ? u : !u;
          const bool can_load = data_side && (r || (mxr && x)), can_store = data_side && w, can_fetch = fetch_side && x;
          EXPECT_EQ(!load(vaddr).trap, can_load);
          EXPECT_EQ(!store(vaddr).trap, can_store);
          EXPECT_EQ(!fetch(vaddr).trap, can_fetch);
          if (can_load) {
            EXPECT_TRUE(load(vaddr).page_readable);
            EXPECT_EQ(load(vaddr).page_writable, can_store);
            EXPECT_EQ(load(vaddr).page_executable, can_fetch);
          }
        }
      }
    }
  }
}

TEST_F(MmuTest, HardwareSetsAccessedAndDirty) {
  const uint64_t vaddr = 0x5000;
  const uint64_t at = map(vaddr, pte(kData, kV | kR | kW | kX));
  const Translation loaded = load(vaddr);
  EXPECT_FALSE(loaded.trap);
  EXPECT_FALSE(loaded.page_writable);  // D is not set: a store has to walk
  EXPECT_EQ(word(at) & (kA | kD), kA);
  word(at) &= ~kA;
  EXPECT_FALSE(fetch(vaddr).trap);
  EXPECT_EQ(word(at) & (kA | kD), kA);
  EXPECT_TRUE(store(vaddr).page_writable);
  EXPECT_EQ(word(at) & (kA | kD), kA | kD);
}

TEST_F(MmuTest, WithoutAdueAccessedAndDirtyFault) {
  m(kMenvcfg, 0);
  const uint64_t vaddr = 0x5000;
  const uint64_t at = map(vaddr, pte(kData, kV | kR | kW));
  EXPECT_EQ(load(vaddr).trap.cause, Exception::kLoadPageFault);
  word(at) |= kA;
  EXPECT_FALSE(load(vaddr).trap);
  EXPECT_EQ(store(vaddr).trap.cause, Exception::kStorePageFault);
  word(at) |= kD;
  EXPECT_FALSE(store(vaddr).trap);
}

TEST_F(MmuTest, WhoUpdatesAccessedAndDirtyFollowsTheExtensions) {
  struct {
    bool svade, svadu, by_hardware_after_reset;
  } const kCases[] = {{false, false, true}, {false, true, true}, {true, false, false}, {true, true, false}};
  for (const auto& [svade, svadu, by_hardware] : kCases) {
    CpuConfig config = full_cpu_config();
    config.extensions[static_cast<size_t>(Ext::kSvade)] = svade;
    config.extensions[static_cast<size_t>(Ext::kSvadu)] = svadu;
    start(config);
    open_pmp();
    satp(8);
    state().priv = kPrivS;
    map(0x5000, pte(kData, kV | kR));
    EXPECT_EQ(!load(0x5000).trap, by_hardware) << svade << svadu;
  }
}

TEST_F(MmuTest, ADeniedAccessLeavesThePteAlone) {
  const uint64_t at = map(0x5000, pte(kData, kV | kR));
  EXPECT_TRUE(store(0x5000).trap);
  EXPECT_EQ(word(at), pte(kData, kV | kR));
}

TEST_F(MmuTest, ReservedEncodingsFault) {
  const uint64_t vaddr = 0x5000;
  const uint64_t good = pte(kData, kV | kR | kW | kX | kA | kD);
  map(vaddr, good | kG | 0x300);  // global and the software bits mean nothing
  EXPECT_FALSE(load(vaddr).trap);
  for (unsigned bit = 54; bit <= 60; bit++) {
    map(vaddr, good | (uint64_t{1} << bit));
    EXPECT_EQ(load(vaddr).trap.cause, Exception::kLoadPageFault) << bit;
  }
  map(vaddr, pte(kData, kV | kW | kA | kD));
  EXPECT_TRUE(load(vaddr).trap);
  EXPECT_TRUE(store(vaddr).trap);
  // In a pointer to the next level D, A, U, N and PBMT are reserved.
  map(vaddr, good);
  uint64_t& pointer = word(kRoot);
  const uint64_t clean = pointer;
  for (const uint64_t bits : {kD, kA, kU, uint64_t{1} << 63, uint64_t{1} << 61, uint64_t{1} << 54}) {
    pointer = clean | bits;
    EXPECT_TRUE(load(vaddr).trap) << std::hex << bits;
  }
  pointer = clean | kG | 0x300;
  EXPECT_FALSE(load(vaddr).trap);
  map(vaddr, pte(kData, kV));  // a pointer where only a leaf can be
  EXPECT_TRUE(load(vaddr).trap);
}

TEST_F(MmuTest, MemoryTypesNeedPbmteAndTypeThreeIsReserved) {
  const uint64_t vaddr = 0x5000;
  for (uint64_t type = 0; type < 4; type++) {
    map(vaddr, pte(kData, kV | kR | kA) | (type << 61));
    m(kMenvcfg, kMenvcfgPbmte);
    EXPECT_EQ(!load(vaddr).trap, type != 3);
    if (type != 3) {
      EXPECT_EQ(load(vaddr).paddr, kData);
    }
    m(kMenvcfg, 0);
    EXPECT_EQ(!load(vaddr).trap, type == 0);
  }
}

TEST_F(MmuTest, NapotIsSixteenPages) {
  const uint64_t n = uint64_t{1} << 63;
  const uint64_t group = kRamBase + 0x80000;
  for (uint64_t page = 0; page < 16; page++) {
    const uint64_t vaddr = 0x100000 + page * kPage;
    map(vaddr, pte(group + 0x8000, kV | kR | kA) | n);
    EXPECT_EQ(load(vaddr + 8).paddr, group + page * kPage + 8);
  }
  for (uint64_t low = 0; low < 16; low++) {
    map(0x100000, pte(group + low * kPage, kV | kR | kA) | n);
    EXPECT_EQ(!load(0x100000).trap, low == 8) << low;
  }
  map(0x200000, pte(kRamBase, kV | kR | kA) | n, 3, 1);  // not in a superpage
  EXPECT_TRUE(load(0x200000).trap);
}

TEST_F(MmuTest, NapotAndMemoryTypesAreReservedWithoutTheirExtension) {
  CpuConfig config = full_cpu_config();
  config.extensions[static_cast<size_t>(Ext::kSvnapot)] = false;
  config.extensions[static_cast<size_t>(Ext::kSvpbmt)] = false;
  start(config);
  open_pmp();
  satp(8);
  state().priv = kPrivS;
  map(0x5000, pte(kData + 0x8000, kV | kR | kA) | uint64_t{1} << 63);
  EXPECT_TRUE(load(0x5000).trap);
  map(0x5000, pte(kData, kV | kR | kA) | uint64_t{1} << 61);
  EXPECT_TRUE(load(0x5000).trap);
}

TEST_F(MmuTest, MprvTranslatesLoadsAndStoresAsTheOlderPrivilege) {
  map(0x5000, pte(kData, kV | kR | kA | kU));
  state().priv = kPrivM;
  EXPECT_EQ(load(0x5000).paddr, 0x5000u);
  m(kMstatus, kMstatusMprv);  // MPP = U
  EXPECT_EQ(load(0x5000).paddr, kData);
  EXPECT_EQ(fetch(0x5000).paddr, 0x5000u);  // fetches are M mode's
  m(kMstatus, kMstatusMprv | (uint64_t{kPrivS} << kMstatusMppShift));
  EXPECT_TRUE(load(0x5000).trap);  // a user page without SUM
  m(kMstatus, kMstatusMprv | (uint64_t{kPrivM} << kMstatusMppShift));
  EXPECT_EQ(load(0x5000).paddr, 0x5000u);
}

TEST_F(MmuTest, PageTablesOutsideOfMemoryAreAccessFaults) {
  m(kSatp, (uint64_t{8} << 60) | (kIoBase >> 12));
  EXPECT_EQ(load(0).trap.cause, Exception::kLoadAccessFault);
  EXPECT_EQ(fetch(0).trap.cause, Exception::kInstAccessFault);
  m(kSatp, (uint64_t{8} << 60) | ((uint64_t{1} << 44) - 1));
  EXPECT_EQ(store(0).trap.cause, Exception::kStoreAccessFault);
}

TEST_F(MmuTest, PageTablesInRomWorkUntilTheyWouldBeWritten) {
  rom_word(kRomBase) = pte(kRamBase, kV | kR | kW | kA);  // a leaf for the first gigabyte
  m(kSatp, (uint64_t{8} << 60) | (kRomBase >> 12));
  EXPECT_EQ(load(8).paddr, kRamBase + 8);
  EXPECT_EQ(store(8).trap.cause, Exception::kStoreAccessFault);
  EXPECT_EQ(rom_word(kRomBase), pte(kRamBase, kV | kR | kW | kA));
}

TEST_F(MmuTest, PmpGuardsTheWalkItself) {
  const uint64_t at = map(0x5000, pte(kData, kV | kR | kW));
  const uint8_t before = state().priv;
  state().priv = kPrivM;
  csrw(0x3a0, 0);
  csrw(0x3b0, (at >> 12) << 10 | 0x1ff);  // the page of the leaf PTE
  csrw(0x3b1, (uint64_t{1} << 54) - 1);
  csrw(0x3a0, 0x1f18);
  state().priv = before;
  EXPECT_EQ(load(0x5000).trap.cause, Exception::kLoadAccessFault);  // may not even read it
  state().priv = kPrivM;
  csrw(0x3a0, 0x1f19);
  state().priv = before;
  EXPECT_EQ(load(0x5000).trap.cause, Exception::kLoadAccessFault);  // A would have to be written
  word(at) |= kA;
  EXPECT_FALSE(load(0x5000).trap);
  EXPECT_EQ(store(0x5000).trap.cause, Exception::kStoreAccessFault);
}

TEST_F(MmuTest, APageThatPmpCutsAnswersForNothingAsAWhole) {
  map(0x5000, pte(kData, kV | kR | kW | kX | kA | kD));
  const uint8_t before = state().priv;
  state().priv = kPrivM;
  csrw(0x3a0, 0);
  csrw(0x3b0, (kData + 16) >> 2);
  csrw(0x3b1, (kData + 24) >> 2);
  csrw(0x3b2, (uint64_t{1} << 54) - 1);
  csrw(0x3a0, 0x1f0800);  // [16, 24) of the page: nothing; the rest: all
  state().priv = before;
  const Translation t = load(0x5000);
  EXPECT_FALSE(t.trap);
  EXPECT_FALSE(t.page_readable || t.page_writable || t.page_executable);
  EXPECT_FALSE(load(0x5008).trap);
  EXPECT_EQ(load(0x500c).trap.cause, Exception::kLoadAccessFault);  // crosses into it
  EXPECT_FALSE(load(0x500c, 4).trap);
  EXPECT_EQ(load(0x5010).trap.cause, Exception::kLoadAccessFault);
  EXPECT_EQ(load(0x5010).trap.tval, 0x5010u);
  EXPECT_FALSE(load(0x5018).trap);
}

TEST_F(MmuTest, WhatChangesTranslationEmptiesTheTlb) {
  state().priv = kPrivM;
  alignas(8) static uint8_t page[kPage];
  Tlb& tlb = hart().tlb;
  const auto holds = [&](TlbMode mode) { return Tlb::hit(tlb.tables(mode).read[Tlb::index(0x5000)], 0x5000, 8); };
  // A letter for each mode that has lost its entry.
  const auto lost_by = [&](auto&& change) {
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM}) tlb.fill_read(mode, 0x5000, page, kRamBase, 12, true);
    change();
    std::string lost;
    for (const TlbMode mode : {kTlbU, kTlbS, kTlbSumS, kTlbM})
      if (!holds(mode)) lost += "USVM"[mode];
    return lost;
  };
  const uint64_t root = kRoot >> 12;
  EXPECT_EQ(lost_by([&] { satp(9); }), "USV");   // another MODE
  EXPECT_EQ(lost_by([&] { satp(9); }), "");      // the same once more
  EXPECT_EQ(lost_by([&] { satp(12); }), "");     // refused
  EXPECT_EQ(lost_by([&] { csrw(kSatp, uint64_t{9} << 60 | uint64_t{7} << 44 | root); }), "UV");  // another ASID: the global page of S stays
  EXPECT_EQ(lost_by([&] { csrw(kSatp, uint64_t{9} << 60 | uint64_t{7} << 44 | (root + 1)); }), "");  // another root: the guest's own fence
  EXPECT_EQ(lost_by([&] { helper_sfence_vma(hart(), 0x12000073, false, 0, false, 0); }), "USV");
  EXPECT_EQ(lost_by([&] { csrrs(kMstatus, kMstatusMxr); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrs(kMstatus, kMstatusMxr | kMstatusSie | kMstatusSum); }), "");  // SUM is a part of the TLB's mode
  EXPECT_EQ(lost_by([&] { csrrc(0x100, kMstatusMxr); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrc(kMenvcfg, kMenvcfgAdue); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrc(kMenvcfg, kMenvcfgPbmte); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrs(kMenvcfg, kMenvcfgStce); }), "");
  EXPECT_EQ(lost_by([&] { csrw(0x3b4, 1); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrs(0x3a0, 0x1f00); }), "USVM");
  EXPECT_EQ(lost_by([&] { csrrs(0x3a0, 0x1f00); }), "");
  EXPECT_EQ(lost_by([&] { hart().reset(); }), "USVM");
}

}  // namespace
}  // namespace monochord
