// CSRs: which exist, what each can hold (WARL), who may touch them. The tables were read off QEMU 10.0.2 (-cpu rv64 with exactly our extensions and
// debug=off: a program that tries all 4096 numbers), corrected where the manual says otherwise; such lines name their chapter.
#include <map>
#include <set>

#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

class CsrTest : public HartTest {};

constexpr uint64_t kOnes = ~uint64_t{0}, k55 = 0x5555555555555555, kAa = 0xaaaaaaaaaaaaaaaa;

std::set<unsigned> existing_csrs() {
  std::set<unsigned> numbers = {0x001, 0x002, 0x003, 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180,
                                0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344, 0x3a0,
                                0x3a2, 0xb00, 0xb02, 0xc00, 0xc01, 0xc02, 0xf11, 0xf12, 0xf13, 0xf14, 0xf15};
  for (unsigned i = 0x323; i <= 0x33f; i++) numbers.insert(i);  // mhpmevent
  for (unsigned i = 0x3b0; i <= 0x3bf; i++) numbers.insert(i);  // pmpaddr
  for (unsigned i = 3; i <= 18; i++) numbers.insert({0xb00 + i, 0xc00 + i});
  return numbers;
}

TEST_F(CsrTest, ExactlyTheseExist) {
  csrw(0x300, kMstatusFs);
  const std::set<unsigned> existing = existing_csrs();
  for (unsigned csr = 0; csr < 4096; csr++) {
    const CsrAccess access = csrr_access(csr);
    EXPECT_EQ(access.trap.cause == Exception::kNone, existing.count(csr) != 0) << std::hex << csr;
    EXPECT_EQ(illegal(access), existing.count(csr) == 0) << std::hex << csr;
    uint64_t value;
    EXPECT_EQ(csr_debug_read(hart(), csr, &value), existing.count(csr) != 0) << std::hex << csr;
  }
}

TEST_F(CsrTest, TheTableIsWalkedInOrderAndNamesItsLines) {
  std::set<unsigned> walked;
  for (unsigned i = 0; csr_from_index(i) != 0xffff; i++) {
    EXPECT_TRUE(walked.empty() || csr_from_index(i) > *walked.rbegin());
    walked.insert(csr_from_index(i));
    EXPECT_NE(csr_name(csr_from_index(i)), nullptr);
  }
  EXPECT_EQ(walked, existing_csrs());
  EXPECT_STREQ(csr_name(0x300), "mstatus");
  EXPECT_STREQ(csr_name(0xb12), "mhpmcounter18");
  EXPECT_STREQ(csr_name(0x3bf), "pmpaddr15");
  EXPECT_EQ(csr_name(0x7a0), nullptr);
  EXPECT_EQ(csr_name(0x12345), nullptr);
}

TEST_F(CsrTest, TheNumberGivesPrivilegeAndReadOnly) {
  csrw(0x300, kMstatusFs);
  csrw(0x306, kOnes);
  csrw(0x106, kOnes);
  csrw(0x30a, kOnes);
  for (unsigned csr : existing_csrs()) {
    const unsigned lowest = (csr >> 8) & 3;
    for (const uint8_t priv : {kPrivU, kPrivS, kPrivM}) {
      state().priv = priv;
      EXPECT_EQ(!illegal(csrr_access(csr)), priv >= lowest) << std::hex << csr << " " << int{priv};
    }
    state().priv = kPrivM;
    if ((csr >> 10) == 3) {
      EXPECT_TRUE(illegal(csrrw(csr, 0))) << std::hex << csr;
      EXPECT_TRUE(illegal(csrrs(csr, 0))) << std::hex << csr;
      EXPECT_FALSE(csr_debug_write(hart(), csr, 0)) << std::hex << csr;
    }
  }
}

struct WarlRow {
  unsigned csr;
  uint64_t initial, ones, zero, k55, kAa;  // after reset; after writing ~0, 0, 0x55..., 0xaa... in this order
};
const WarlRow kWarl[] = {
    {0x100, 0x200000000, 0x80000002000c6122, 0x200000000, 0x200044100, 0x200082022},  // UXL is read-only 2 here (12.1.1.2); QEMU writes it
    {0x104, 0, 0, 0, 0, 0},                                                             // nothing delegated
    {0x105, 0, 0, 0, k55, k55},                                                         // reserved modes change nothing
    {0x106, 0, 0x7ffff, 0, 0x55555, 0x2aaaa},
    {0x10a, 0, 0xf1, 0, 0x51, 0x90},                                                   // CBIE = 2 is reserved (CBO chapter): it keeps 1; QEMU stores it
    {0x140, 0, kOnes, 0, k55, kAa},
    {0x141, 0, kOnes - 1, 0, k55 - 1, kAa},                                             // bit 0 is always 0 (12.1.7); QEMU stores it
    {0x142, 0, kOnes, 0, k55, kAa},
    {0x143, 0, kOnes, 0, k55, kAa},
    {0x144, 0, 0, 0, 0, 0},
    {0x14d, kOnes, kOnes, 0, k55, kAa},
    {0x180, 0, 0, 0, 0, kAa},                                                           // modes 15 and 5 don't exist, 10 is Sv57
    {0x300, 0xa00000000, 0x8000000a007e79aa, 0xa00000000, 0xa00544100, 0xa002a28aa},    // MPP = 2 keeps the 0 of before
    {0x301, 0x800000000014112f, 0x800000000014112f, 0x800000000014112f, 0x800000000014112f, 0x800000000014112f},
    {0x302, 0, 0xb3ff, 0, 0x1155, 0xa2aa},                                              // 3.1.8: no bits 10, 11 and above 15 without H; QEMU has them
    {0x303, 0, 0x222, 0, 0, 0x222},                                                     // 3.1.8: without H only these; QEMU has 0x2666
    {0x304, 0, 0xaaa, 0, 0, 0xaaa},                                                     // bits of interrupts that don't exist are 0; QEMU stores them
    {0x305, 0, 0, 0, k55, k55},
    {0x306, 0, 0x7ffff, 0, 0x55555, 0x2aaaa},
    {0x30a, 0x4000000000000000, 0xe0000000000000f1, 0, 0x4000000000000051, 0xa000000000000090},
    {0x320, 0, 0x7fffd, 0, 0x55555, 0x2aaa8},
    {0x323, 0, 0xffffffff, 0, 0x55555555, 0xaaaaaaaa},
    {0x332, 0, 0xffffffff, 0, 0x55555555, 0xaaaaaaaa},
    {0x333, 0, 0, 0, 0, 0},                                                             // its counter does not exist
    {0x33f, 0, 0, 0, 0, 0},
    {0x340, 0, kOnes, 0, k55, kAa},
    {0x341, 0, kOnes - 1, 0, k55 - 1, kAa},
    {0x342, 0, kOnes, 0, k55, kAa},
    {0x343, 0, kOnes, 0, k55, kAa},
    {0x3b0, 0, (uint64_t{1} << 54) - 1, 0, k55 >> 10, kAa & ((uint64_t{1} << 54) - 1)},  // 3.7.1: bits 55:2 of an address; QEMU keeps all 64
    {0xb03, 0, kOnes, 0, k55, kAa},
    {0xb12, 0, kOnes, 0, k55, kAa},
};

TEST_F(CsrTest, WhatIsWrittenIsWhatItCanHold) {
  for (const WarlRow& row : kWarl) {
    start(full_cpu_config());
    EXPECT_EQ(csrr(row.csr), row.initial) << std::hex << row.csr;
    // A locked TOR or MPRV would change what follows; none of the rows can.
    EXPECT_EQ(write_and_read(row.csr, kOnes), row.ones) << std::hex << row.csr;
    EXPECT_EQ(write_and_read(row.csr, 0), row.zero) << std::hex << row.csr;
    EXPECT_EQ(write_and_read(row.csr, k55), row.k55) << std::hex << row.csr;
    EXPECT_EQ(write_and_read(row.csr, kAa), row.kAa) << std::hex << row.csr;
  }
}

TEST_F(CsrTest, MipShowsLinesAndSoftwaresBits) {
  EXPECT_EQ(write_and_read(0x344, kOnes), kMipSsip | kMipStip | kMipSeip);
  csrw(0x344, 0);
  hart().set_irq_line(kIrqMTimer, 1);
  EXPECT_EQ(csrr(0x344), kMipMtip);
  csrw(0x344, 0);
  EXPECT_EQ(csrr(0x344), kMipMtip);
}

TEST_F(CsrTest, SettingAnotherBitOfMipDoesNotLatchTheExternalLine) {
  // 3.1.9: the value read is the OR, the value that csrrs modifies is software's alone.
  hart().set_irq_line(kIrqSExternal, 1);
  EXPECT_EQ(csrrs(0x344, kMipSsip).old_value, kMipSeip);
  hart().set_irq_line(kIrqSExternal, 0);
  EXPECT_EQ(csrr(0x344), kMipSsip);
  csrrs(0x344, kMipSeip);
  hart().set_irq_line(kIrqSExternal, 1);
  csrrc(0x344, kMipSeip);
  EXPECT_EQ(csrr(0x344), kMipSsip | kMipSeip);
  hart().set_irq_line(kIrqSExternal, 0);
  EXPECT_EQ(csrr(0x344), kMipSsip);
}

TEST_F(CsrTest, SupervisorViewsShowWhatIsDelegated) {
  csrw(0x304, kMipAll);
  csrw(0x344, kMipSupervisor);
  for (const uint64_t delegated : {kMipSsip, kMipStip | kMipSeip, kMipSupervisor, uint64_t{0}}) {
    csrw(0x303, delegated);
    EXPECT_EQ(csrr(0x104), delegated);
    EXPECT_EQ(csrr(0x144), delegated);
  }
  csrw(0x303, kMipSsip | kMipSeip);
  csrw(0x104, 0);
  EXPECT_EQ(csrr(0x304), kMipAll & ~(kMipSsip | kMipSeip));
  csrw(0x144, 0);  // of sip only SSIP is S mode's to write
  EXPECT_EQ(csrr(0x344), kMipStip | kMipSeip);
  csrrs(0x144, kOnes);
  EXPECT_EQ(csrr(0x344), kMipSupervisor);
  csrw(0x303, kMipSeip);
  csrrc(0x144, kOnes);
  EXPECT_EQ(csrr(0x344), kMipSupervisor);
}

TEST_F(CsrTest, SstatusIsAWindowOnMstatus) {
  csrw(0x300, kOnes & ~kMstatusMprv);
  const uint64_t before = csrr(0x300);
  csrw(0x100, 0);
  EXPECT_EQ(csrr(0x300), before & ~(kMstatusSie | kMstatusSpie | kMstatusSpp | kMstatusFs | kMstatusSum | kMstatusMxr | kMstatusSd));
  csrw(0x100, kOnes);
  EXPECT_EQ(csrr(0x300), before);
}

TEST_F(CsrTest, FloatingPointCsrsFollowFs) {
  for (unsigned csr : {1u, 2u, 3u}) EXPECT_TRUE(illegal(csrr_access(csr)));
  csrw(0x300, uint64_t{1} << 13);  // initial
  EXPECT_EQ(csrr(3), 0u);
  EXPECT_EQ(csrr(0x300) & kMstatusFs, uint64_t{1} << 13);  // reading leaves it
  csrw(3, 0xff);
  EXPECT_EQ(csrr(1), 31u);
  EXPECT_EQ(csrr(2), 7u);
  EXPECT_EQ(csrr(3), 0xffu);
  EXPECT_EQ(csrr(0x300) & (kMstatusFs | kMstatusSd), kMstatusFs | kMstatusSd);
  csrw(1, 0);
  EXPECT_EQ(csrr(3), 0xe0u);
  csrw(2, 1);
  EXPECT_EQ(csrr(3), 0x20u);
  CpuConfig config = full_cpu_config();
  config.extensions[static_cast<size_t>(Ext::kF)] = config.extensions[static_cast<size_t>(Ext::kD)] = false;
  start(config);
  EXPECT_EQ(write_and_read(0x300, kMstatusFs) & kMstatusFs, 0u);
  EXPECT_TRUE(illegal(csrr_access(3)));
}

// 3.1.6.6: SD is no bit of its own, it says what FS says. An FP instruction makes the state dirty through the executor.
TEST_F(CsrTest, SdFallsWithFs) {
  csrw(0x300, uint64_t{1} << 13);
  const uint32_t fadd_d = 0x02a57553;  // fa0, fa0, fa0
  std::memcpy(ram(), &fadd_d, sizeof fadd_d);
  state().pc = kRamBase;
  hart().exec(1);
  EXPECT_EQ(csrr(0x300) & (kMstatusFs | kMstatusSd), kMstatusFs | kMstatusSd);
  csrw(0x300, uint64_t{2} << 13);  // clean
  EXPECT_EQ(csrr(0x300) & (kMstatusFs | kMstatusSd), uint64_t{2} << 13);
  csrw(0x300, 0);
  EXPECT_EQ(csrr(0x300) & (kMstatusFs | kMstatusSd), 0u);
}

TEST_F(CsrTest, CountersOpenLevelByLevel) {
  for (const unsigned csr : {0xc00u, 0xc01u, 0xc02u, 0xc03u, 0xc12u}) {
    const uint64_t bit = uint64_t{1} << (csr & 31);
    for (const bool m : {false, true}) {
      for (const bool s : {false, true}) {
        state().priv = kPrivM;
        csrw(0x306, m ? bit : ~bit);
        csrw(0x106, s ? bit : ~bit);
        EXPECT_FALSE(illegal(csrr_access(csr)));
        state().priv = kPrivS;
        EXPECT_EQ(!illegal(csrr_access(csr)), m);
        state().priv = kPrivU;
        EXPECT_EQ(!illegal(csrr_access(csr)), m && s);
      }
    }
  }
}

TEST_F(CsrTest, TimeIsTheBoardsTime) {
  advance(123456700);
  EXPECT_EQ(csrr(0xc01), 1234567u);
  time_delta_ = 5;
  EXPECT_EQ(csrr(0xc01), 1234572u);
}

TEST_F(CsrTest, ExtensionsBringTheirCsrs) {
  const auto without = [&](Ext ext) {
    CpuConfig config = full_cpu_config();
    config.extensions[static_cast<size_t>(ext)] = false;
    start(config);
  };
  without(Ext::kZicntr);
  for (unsigned csr : {0xc00u, 0xc01u, 0xc02u}) EXPECT_TRUE(illegal(csrr_access(csr)));
  EXPECT_FALSE(illegal(csrr_access(0xb00)));
  without(Ext::kZihpm);
  for (unsigned csr : {0xc03u, 0xb03u, 0xb12u}) EXPECT_TRUE(illegal(csrr_access(csr)));
  EXPECT_EQ(write_and_read(0x306, kOnes), 7u);
  without(Ext::kPmp);
  for (unsigned csr : {0x3a0u, 0x3b0u, 0x3bfu}) EXPECT_TRUE(illegal(csrr_access(csr)));
  without(Ext::kSvpbmt);
  EXPECT_EQ(write_and_read(0x30a, kOnes) & kMenvcfgPbmte, 0u);
  without(Ext::kSvadu);
  EXPECT_EQ(write_and_read(0x30a, kOnes) & kMenvcfgAdue, 0u);
  without(Ext::kZicboz);
  EXPECT_EQ(write_and_read(0x30a, kOnes) & 0xff, 0x71u);
  without(Ext::kZicbom);
  EXPECT_EQ(write_and_read(0x30a, kOnes) & 0xff, 0x81u);
  without(Ext::kC);
  EXPECT_EQ(write_and_read(0x341, kOnes), kOnes - 3);
  EXPECT_EQ(csrr(0x301) & 4, 0u);
}

TEST_F(CsrTest, SatpTakesTheModesThatExist) {
  CpuConfig config = full_cpu_config();
  config.extensions[static_cast<size_t>(Ext::kSv57)] = false;
  start(config);
  for (uint64_t mode = 0; mode < 16; mode++) {
    csrw(0x180, uint64_t{8} << 60 | 0x123);
    const uint64_t value = mode << 60 | uint64_t{0xabcd} << 44 | 0x80001;
    const bool exists = mode == 0 || mode == 8 || mode == 9;
    EXPECT_EQ(write_and_read(0x180, value), exists ? value : (uint64_t{8} << 60 | 0x123)) << mode;
  }
}

TEST_F(CsrTest, ResetGivesTheManualsValues) {
  for (unsigned csr : existing_csrs())
    if ((csr >> 10) != 3) csr_debug_write(hart(), csr, kOnes);
  hart().reset();
  EXPECT_EQ(state().priv, kPrivM);
  EXPECT_EQ(state().pc, hart().reset_vector());
  EXPECT_EQ(csrr(0x300), 0xa00000000u);
  EXPECT_EQ(csrr(0x342), 0u);
  EXPECT_EQ(csrr(0x180), 0u);
  EXPECT_EQ(csrr(0x3a0), 0u);  // no entry is on or locked
  EXPECT_EQ(csrr(0x3a2), 0u);
}

TEST_F(CsrTest, CountersInhibitAndRewrite) {
  // Nothing executes here, so a running counter stands still, too; what must hold is that no change of its mode makes it jump.
  for (const unsigned csr : {0xb00u, 0xb02u, 0xb05u}) {
    if (csr == 0xb05) csrw(0x325, 2);  // instructions
    const uint64_t bit = uint64_t{1} << (csr & 31);
    csrw(csr, 1000);
    const uint64_t before = csrr(csr);
    csrrs(0x320, bit);
    const uint64_t inhibited = csrr(csr);
    csrrc(0x320, bit);
    EXPECT_LE(inhibited - before, 2u);
    EXPECT_LE(csrr(csr) - before, 2u);
  }
}

TEST_F(CsrTest, MinstretCountsWhatRetired) {
  // mtvec is at the second half; numbers of registers: a0 10, a1 11, ...
  const std::vector<uint32_t> program = {
      0xb0201073,  // csrw minstret, x0
      0xb0202573,  // csrr a0, minstret     the write comes after its own count: 0
      0x00000013,  // nop
      0x00000013,  // nop
      0xb02025f3,  // csrr a1, minstret     3
      0x00000073,  // ecall                 does not retire
  };
  const std::vector<uint32_t> handler = {
      0xb0202673,  // csrr a2, minstret     4
      0x32026073,  // csrsi mcountinhibit, 4
      0xb02026f3,  // csrr a3, minstret     6: with the csrsi itself
      0x00000013,  // nop
      0xb0202773,  // csrr a4, minstret     6
      0x32027073,  // csrci mcountinhibit, 4
      0xb02027f3,  // csrr a5, minstret     6
      0xb0202873,  // csrr a6, minstret     7
  };
  std::memcpy(ram(), program.data(), program.size() * 4);
  std::memcpy(ram() + 0x100, handler.data(), handler.size() * 4);
  csrw(0x305, kRamBase + 0x100);
  state().pc = kRamBase;
  hart().exec(static_cast<int64_t>(program.size() + handler.size()));
  EXPECT_EQ(state().x[10], 0u);
  EXPECT_EQ(state().x[11], 3u);
  EXPECT_EQ(state().x[12], 4u);
  EXPECT_EQ(state().x[13], 6u);
  EXPECT_EQ(state().x[14], 6u);
  EXPECT_EQ(state().x[15], 6u);
  EXPECT_EQ(state().x[16], 7u);
  EXPECT_EQ(hart().instructions(), program.size() + handler.size());
}

TEST_F(CsrTest, ProgrammableCountersCountCyclesAndInstructions) {
  const std::vector<uint32_t> program = {
      0x00100513,  // li a0, 1
      0x32351073,  // csrw mhpmevent3, a0    cycles
      0x00200513,  // li a0, 2
      0x32451073,  // csrw mhpmevent4, a0    instructions
      0xb0301073,  // csrw mhpmcounter3, x0
      0xb0401073,  // csrw mhpmcounter4, x0
      0xb03025f3,  // csrr a1, mhpmcounter3  1
      0xb0402673,  // csrr a2, mhpmcounter4  1
      0x00000073,  // ecall
  };
  const std::vector<uint32_t> handler = {
      0xb03026f3,  // csrr a3, mhpmcounter3  4
      0xb0402773,  // csrr a4, mhpmcounter4  3: without the ecall
      0x32301073,  // csrw mhpmevent3, x0    it stands
      0xb03027f3,  // csrr a5, mhpmcounter3  7: with the csrw
      0xb0302873,  // csrr a6, mhpmcounter3  7
  };
  std::memcpy(ram(), program.data(), program.size() * 4);
  std::memcpy(ram() + 0x100, handler.data(), handler.size() * 4);
  csrw(0x305, kRamBase + 0x100);
  state().pc = kRamBase;
  hart().exec(static_cast<int64_t>(program.size() + handler.size()));
  EXPECT_EQ(state().x[11], 1u);
  EXPECT_EQ(state().x[12], 1u);
  EXPECT_EQ(state().x[13], 4u);
  EXPECT_EQ(state().x[14], 3u);
  EXPECT_EQ(state().x[15], 7u);
  EXPECT_EQ(state().x[16], 7u);
}

TEST_F(CsrTest, AnInterruptIsTakenRightBehindTheWriteThatOpensTheDoor) {
  const std::vector<uint32_t> program = {
      0x30016073,  // csrsi mstatus, 2 (SIE: nothing for M mode)
      0x30046073,  // csrsi mstatus, 8 (MIE)
      0x00150513,  // addi a0, a0, 1        must not run before the handler
  };
  const std::vector<uint32_t> handler = {0x341025f3, 0x00050613};  // csrr a1, mepc; mv a2, a0
  std::memcpy(ram(), program.data(), program.size() * 4);
  std::memcpy(ram() + 0x100, handler.data(), handler.size() * 4);
  csrw(0x305, kRamBase + 0x100);
  csrw(0x304, kMipMtip);
  hart().set_irq_line(kIrqMTimer, 1);
  state().pc = kRamBase;
  for (uint64_t done = 0; done < 4; done = hart().instructions()) hart().exec(static_cast<int64_t>(4 - done));
  EXPECT_EQ(state().x[11], kRamBase + 8);
  EXPECT_EQ(state().x[12], 0u);
}

TEST_F(CsrTest, WhatMayOpenAnInterruptOrChangeTranslationEndsABlock) {
  for (unsigned csr : {0x100u, 0x104u, 0x144u, 0x180u, 0x300u, 0x303u, 0x304u, 0x344u, 0x30au, 0x3a0u, 0x3b5u, 0x14du}) EXPECT_TRUE(csr_ends_block(csr));
  for (unsigned csr : {0x140u, 0x340u, 0x341u, 0x342u, 0xc01u, 0xb00u, 0x7a0u, 0xfffu}) EXPECT_FALSE(csr_ends_block(csr));
}

}  // namespace
}  // namespace monochord
