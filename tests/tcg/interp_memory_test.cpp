// Memory as the execution loop sees it: misalignment, faults, ROM, pages that RAM does not fill, LR and SC.
#include <random>
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

TEST_F(ExecTest, MisalignedLoadsAndStoresWorkWithinAndAcrossPages) {
  for (int i = 0; i < 8192; i++) bench.ram()[0x10000 + i] = static_cast<uint8_t>(i * 37 + 11);
  const struct {
    Op load, store;
    unsigned size;
    bool sign;
  } kinds[] = {{op_lb, op_sb, 1, true},   {op_lh, op_sh, 2, true},   {op_lw, op_sw, 4, true},  {op_ld, op_sd, 8, false},
               {op_lbu, op_sb, 1, false}, {op_lhu, op_sh, 2, false}, {op_lwu, op_sw, 4, false}};
  for (const auto& kind : kinds) {
    Assembler a(kRam);
    a.i(kind.load, a1, a0, 0);
    a.s(kind.store, a1, 0, a2);
    bench.load(a, kRam);
    cpu().code_written(kRam, 64);
    for (uint64_t offset = 4096 - 9; offset < 4096 + 9; offset++) {
      uint64_t expected = 0;
      memcpy(&expected, bench.ram() + 0x10000 + offset, kind.size);
      const unsigned shift = 64 - 8 * kind.size;
      if (kind.sign) expected = static_cast<uint64_t>(static_cast<int64_t>(expected << shift) >> shift);
      state().pc = kRam;
      state().x[a0] = kRam + 0x10000 + offset;
      state().x[a2] = kRam + 0x20000 + offset;
      bench.steps(2);
      EXPECT_EQ(x(a1), expected) << insn_line(kind.load).name << " at " << offset;
      EXPECT_EQ(memcmp(bench.ram() + 0x10000 + offset, bench.ram() + 0x20000 + offset, kind.size), 0);
    }
  }
}

struct FaultCase {
  const char* what;
  Op op;
  uint64_t address;
  uint64_t cause;
};

TEST_F(ExecTest, AccessesThatNobodyAnswersTrapWithTheRightCauseAndAddress) {
  const FaultCase cases[] = {
      {"load from nowhere", op_ld, 0x50000000, 5},
      {"store to nowhere", op_sd, 0x50000000, 7},
      {"load past the end of small RAM", op_ld, Bench::kSmallRam + Bench::kSmallSize, 5},
      {"load that a device refuses", op_lw, Bench::kDevice + 0x800, 5},
      {"store that a device refuses", op_sw, Bench::kDevice + 0x800, 7},
      {"lr from a device", op_lr_w, Bench::kDevice, 5},
      {"sc to a device", op_sc_w, Bench::kDevice, 7},
      {"amo on a device", op_amoadd_w, Bench::kDevice, 7},
      {"amo on ROM", op_amoswap_d, Bench::kRom, 7},
      {"misaligned lr", op_lr_d, kRam + 0x10004, 4},
      {"misaligned sc", op_sc_w, kRam + 0x10002, 6},
      {"misaligned amo", op_amoor_d, kRam + 0x10001, 6},
      {"cbo.zero of a device that refuses", op_cbo_zero, Bench::kDevice + 0x800, 7},
  };
  state().mtvec = kRam + 0x1000;
  for (const FaultCase& c : cases) {
    Assembler a(kRam);
    const Format format = insn_line(c.op).format;
    if (format == Format::load) a.i(c.op, a1, a0, 0);
    else if (format == Format::store) a.s(c.op, a1, 0, a0);
    else if (format == Format::amo) a.r(c.op, a1, a0, a2);
    else a.r(c.op, format == Format::cbo ? zero : a1, a0, format == Format::cbo ? 4 : 0);
    bench.load(a, kRam);
    cpu().code_written(kRam, 4);
    state().pc = kRam;
    state().x[a0] = c.address;
    state().x[a1] = 77;
    bench.steps(1);
    EXPECT_EQ(cpu().pc(), kRam + 0x1000) << c.what;
    EXPECT_EQ(state().mcause, c.cause) << c.what;
    EXPECT_EQ(state().mtval, c.address) << c.what;
    EXPECT_EQ(state().mepc, kRam) << c.what;
    EXPECT_EQ(x(a1), 77u) << c.what;
  }
}

TEST_F(ExecTest, StoresToRomAreDropped) {
  bench.rom()[8] = 5;
  Assembler a(kRam);
  a.li(t0, Bench::kRom);
  a.i(op_addi, t1, zero, 9);
  a.s(op_sb, t1, 8, t0);
  a.i(op_lbu, a0, t0, 8);
  run(a);
  EXPECT_EQ(x(a0), 5u);
}

TEST_F(ExecTest, MemoryThatEndsInsideAPageWorksToItsLastByte) {
  Assembler a(Bench::kSmallRam + 0x1700);
  a.i(op_addi, a0, a0, 3);
  a.s(op_sd, a0, 0x7f8 - 0x700, t0);
  a.i(op_ld, a1, t0, 0x7f8 - 0x700);
  memcpy(bench.small() + 0x1700, a.code().data(), a.code().size() * 2);
  state().pc = Bench::kSmallRam + 0x1700;
  state().x[t0] = Bench::kSmallRam + 0x1700;
  bench.steps(3);
  EXPECT_EQ(x(a1), 3u);
}

TEST_F(ExecTest, MemoryThatFillsNoPageNeverAnswersForTheRestOfIt) {
  state().mtvec = kRam + 0x1000;
  Assembler a(kRam);
  a.i(op_ld, a1, a0, 0);
  a.s(op_sd, a1, 0, a0);
  bench.load(a, kRam);
  const auto faults = [&](uint64_t pc, uint64_t address) {
    state().pc = pc;
    state().x[a0] = address;
    bench.steps(1);
    return state().pc == kRam + 0x1000;
  };
  for (const uint64_t pc : {kRam, kRam + 4}) {
    for (int round = 0; round < 2; round++) {
      EXPECT_FALSE(faults(pc, Bench::kSmallRam + Bench::kSmallSize - 8));
      EXPECT_TRUE(faults(pc, Bench::kSmallRam + Bench::kSmallSize));
      EXPECT_TRUE(faults(pc, Bench::kSmallRam + Bench::kSmallSize - 4)) << "half of it is there";
      EXPECT_FALSE(faults(pc, Bench::kLateRam));
      EXPECT_TRUE(faults(pc, Bench::kLateRam - 8));
      EXPECT_FALSE(faults(pc, Bench::kLateRam + 0x7f8));
      EXPECT_FALSE(faults(pc, Bench::kLateRam + 0x800));
    }
  }
}

TEST_F(ExecTest, CboZeroClearsItsBlock) {
  memset(bench.ram() + 0x10000, 0xff, 256);
  Assembler a(kRam);
  a.li(a0, kRam + 0x10000 + 64 + 5);
  a.r(op_cbo_zero, 0, a0, 4);
  a.r(op_cbo_clean, 0, a0, 1);
  run(a);
  for (int i = 0; i < 256; i++) EXPECT_EQ(bench.ram()[0x10000 + i], i >= 64 && i < 128 ? 0 : 0xff) << i;
}

// --- LR/SC ------------------------------------------------------------------------------------------------------------------
class LrSc : public ExecTest {
 protected:
  static constexpr uint64_t kWord = kRam + 0x10000;
  // LR, then `between`, then SC of 9; the value of SC.
  template <typename Between>
  uint64_t try_sc(Between between) {
    Assembler a(kRam);
    a.r(op_lr_d, a1, a0, 0);
    a.half(0x0001);
    a.r(op_sc_d, a2, a0, a3);
    bench.load(a, kRam);
    state().pc = kRam;
    state().x[a0] = kWord;
    state().x[a3] = 9;
    bench.at<uint64_t>(kWord) = 5;
    bench.steps(1);
    EXPECT_EQ(x(a1), 5u);
    between();
    bench.steps(2);
    return x(a2);
  }
};

TEST_F(LrSc, SucceedsAlone) {
  EXPECT_EQ(try_sc([] {}), 0u);
  EXPECT_EQ(bench.at<uint64_t>(kWord), 9u);
}
TEST_F(LrSc, FailsAfterDmaEvenOfTheSameValue) {
  EXPECT_EQ(try_sc([&] {
              const uint64_t same = 5;
              bench.as->dma_write(kWord, &same, 8);
            }),
            1u);
  EXPECT_EQ(bench.at<uint64_t>(kWord), 5u);
}
TEST_F(LrSc, FailsAfterDmaOfTheSameValueAlsoWhereTheTlbAnswers) {
  EXPECT_EQ(try_sc([] {}), 0u);  // fills it
  EXPECT_EQ(try_sc([&] {
              const uint64_t same = 5;
              bench.as->dma_write(kWord, &same, 8);
            }),
            1u);
}
TEST_F(LrSc, OneReservationIsForOneSc) {
  for (int round = 0; round < 2; round++) {  // the second time the TLB answers
    EXPECT_EQ(try_sc([&] { state().x[a3] = 5; }), 0u) << "the value does not change";
    state().pc = kRam + 6;
    bench.steps(1);
    EXPECT_EQ(x(a2), 1u);
  }
}
TEST_F(LrSc, FailsWhereTheWordChangedUnseen) {
  EXPECT_EQ(try_sc([&] { bench.at<uint64_t>(kWord) = 6; }), 1u);
}
TEST_F(LrSc, FailsAtAnotherAddressAndOnlyOnceSucceeds) {
  EXPECT_EQ(try_sc([&] { state().x[a0] = kWord + 8; }), 1u);
  state().x[a0] = kWord;
  state().pc = kRam + 6;
  bench.steps(1);
  EXPECT_EQ(x(a2), 1u);  // the failed one took the reservation with it
}
TEST_F(LrSc, ATrapInBetweenEndsTheReservation) {
  Assembler a(kRam);
  a.li(t0, kRam + 0x1000);
  a.csr(op_csrrw, zero, kMtvec, t0);
  a.li(a0, kWord);
  a.r(op_lr_d, a1, a0, 0);
  a.plain(op_ecall);
  a.r(op_sc_d, a2, a0, a3);
  Assembler handler(kRam + 0x1000);
  handler.csr(op_csrrs, t3, kMepc, zero);
  handler.i(op_addi, t3, t3, 4);
  handler.csr(op_csrrw, zero, kMepc, t3);
  handler.plain(op_mret);
  bench.load(handler, kRam + 0x1000);
  run(a);
  EXPECT_EQ(x(a2), 1u);
}

}  // namespace
}  // namespace monochord
