// The execution loop: what is counted, when it leaves, and what is seen when.
#include <random>

#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr unsigned kMstatus = 0x300, kMie = 0x304, kMtvec = 0x305, kMepc = 0x341, kMcause = 0x342, kMtval = 0x343, kMinstret = 0xb02;

// A program with calls, loops, compressed code, memory, AMOs, CSRs and traps that its handler skips. It runs for ever.
Assembler busy_program() {
  Assembler a(Bench::kRam);
  a.li(t0, Bench::kRam + 0x2000);
  a.csr(op_csrrw, zero, kMtvec, t0);
  a.li(s0, Bench::kRam + 0x10000);
  a.li(s1, 0x123456789abcdef);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  a.half(0x0505);                          // c.addi a0,1
  a.r(op_add, s1, s1, a0);
  a.r(op_mul, a1, s1, a0);
  a.s(op_sd, a1, 0x7f9, s0);               // misaligned
  a.i(op_lw, a2, s0, 0x7fb);
  a.s(op_sd, a2, 0x7fc, s0);
  a.r(op_amoadd_d, a3, s0, a0);
  a.r(op_lr_w, a4, s0, 0);
  a.r(op_sc_w, a5, s0, a0);
  a.plain(op_ecall);
  a.word(0xffffffff);                      // illegal
  a.i(op_andi, t1, a0, 7);
  const size_t skip = a.reserve();
  a.csr(op_csrrs, t2, kMinstret, zero);
  a.i(op_xori, s2, s2, 0x55);
  a.patch_b(skip, op_bne, t1, zero);
  a.r(op_divu, s3, s1, t1);
  a.b(op_bltu, zero, a0, loop);
  Assembler handler(Bench::kRam + 0x2000);
  handler.csr(op_csrrs, t3, kMepc, zero);
  handler.i(op_addi, t3, t3, 4);
  handler.csr(op_csrrw, zero, kMepc, t3);
  handler.plain(op_mret);
  while (a.pc() < Bench::kRam + 0x2000) a.half(0x0001);
  for (const uint16_t h : handler.code()) a.half(h);
  return a;
}

std::vector<uint8_t> snapshot(Bench& bench) {
  constexpr size_t kTouched = 0x20000;  // the program stays in here
  std::vector<uint8_t> bytes(sizeof(HartState) + kTouched);
  memcpy(bytes.data(), &bench.hart().state, sizeof(HartState));
  memcpy(bytes.data() + sizeof(HartState), bench.ram(), kTouched);
  return bytes;
}

TEST(ExactStop, AnySplitOfNInstructionsGivesTheStateOfNSingleSteps) {
  LoopRig rig(Kind::kVirtualLazy);
  const Assembler program = busy_program();
  std::mt19937 random(7);
  constexpr uint64_t kTotal = 3000;
  std::vector<std::vector<uint8_t>> singles;
  {
    Bench bench;
    bench.load(program, Bench::kRam);
    for (uint64_t n = 0; n < kTotal; n++) {
      ASSERT_EQ(cpu_list().size(), 1u);
      ASSERT_EQ(bench.hart().exec(1), ExecExit::kBudget);
      if (n % 250 == 249) singles.push_back(snapshot(bench));
      ASSERT_EQ(bench.hart().instructions(), n + 1);
    }
  }
  EXPECT_GT(singles.size(), 10u);
  for (int round = 0; round < 20; round++) {
    Bench bench;
    bench.load(program, Bench::kRam);
    uint64_t done = 0;
    for (size_t mark = 0; mark < singles.size(); mark++) {
      while (done < (mark + 1) * 250) {
        const uint64_t n = std::min<uint64_t>(1 + random() % 97, (mark + 1) * 250 - done);
        ASSERT_EQ(bench.hart().exec(static_cast<int64_t>(n)), ExecExit::kBudget);
        done += n;
        ASSERT_EQ(bench.hart().instructions(), done);
      }
      ASSERT_EQ(memcmp(snapshot(bench).data(), singles[mark].data(), sizeof(HartState)), 0) << "round " << round << " at " << done;
      ASSERT_EQ(snapshot(bench), singles[mark]);
    }
  }
}

TEST_F(ExecTest, InstructionsAreExactInADevice) {
  std::vector<uint64_t> seen;
  bench.on_read = [&](uint64_t, unsigned) { return cpu().instructions(); };
  bench.on_write = [&](uint64_t, unsigned, uint64_t) { seen.push_back(cpu().instructions()); };
  Assembler a(kRam);
  a.u(op_lui, a0, Bench::kDevice >> 12);     // 1
  a.i(op_addi, t0, zero, 100);               // 2
  const uint64_t loop = a.pc();
  a.i(op_addi, t0, t0, -1);
  a.b(op_bne, t0, zero, loop);               // 3..202
  a.i(op_ld, a1, a0, 0);                     // 203
  a.s(op_sd, zero, 0, a0);                   // 204
  a.half(0x0001);                            // 205
  a.s(op_sd, zero, 8, a0);                   // 206
  bench.load(a, kRam);
  bench.steps(206);
  EXPECT_EQ(x(a1), 203u);
  EXPECT_EQ(seen, (std::vector<uint64_t>{204, 206}));
}

TEST_F(ExecTest, ATrapCountsAsStartedAndNotAsRetired) {
  Assembler a(kRam);
  a.li(t0, kRam + 0x1000);
  a.csr(op_csrrw, zero, kMtvec, t0);
  a.csr(op_csrrw, zero, kMinstret, zero);    // the next one reads 0
  a.csr(op_csrrs, a0, kMinstret, zero);
  a.plain(op_ecall);
  bench.load(a, kRam);
  Assembler handler(kRam + 0x1000);
  handler.csr(op_csrrs, a1, kMinstret, zero);
  bench.load(handler, kRam + 0x1000);
  run_to(kRam + 0x1004);
  EXPECT_EQ(x(a0), 0u);
  EXPECT_EQ(x(a1), 1u);  // the read of minstret alone
  EXPECT_EQ(state().mcause, 11u);
}

TEST_F(ExecTest, AFetchThatFaultsForEverIsCountedAndEnds) {
  state().mtvec = 0x50000000;  // nobody there
  state().pc = 0x50000000;
  EXPECT_EQ(cpu().exec(1000), ExecExit::kBudget);
  EXPECT_EQ(cpu().instructions(), 1000u);
  EXPECT_EQ(state().traps_counted, 1000u);
  EXPECT_EQ(state().mcause, 1u);
  EXPECT_EQ(state().mtval, 0x50000000u);
}

TEST_F(ExecTest, AnExitRequestLeavesALoopOfTraps) {
  state().mtvec = 0x50000000;
  state().pc = 0x50000000;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { qemu_cpu_kick(cpu()); });
  cpu_enable_ticks();
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  timer.mod_in(1000);
  // The signal comes at one of the times that a slow path gives the BQL back.
  virtual_timer_host_set_ns(2000);
  virtual_timer_host_signal_in_window(kMaskWindowOpen, 3);
  current_cpu = &cpu();
  EXPECT_EQ(cpu().exec(int64_t{1} << 40), ExecExit::kRequest);
  current_cpu = nullptr;
}

// --- self-modifying code ----------------------------------------------------------------------------------------------------
TEST_F(ExecTest, AStoreToTheNextInstructionIsSeenAtOnce) {
  Assembler a(kRam);
  a.li(t0, 0x00700513);                      // addi a0,zero,7
  a.u(op_auipc, t1, 0);
  a.s(op_sw, t0, 8, t1);
  a.i(op_addi, a0, zero, 1);                 // becomes 7
  run(a);
  EXPECT_EQ(x(a0), 7u);
}

TEST_F(ExecTest, APageThatWasStoredToBeforeItRanIsWatchedToo) {
  // Stores fill the TLB while the page is data; then it runs; then stores to it again.
  Assembler a(kRam);
  a.li(t0, kRam + 0x4000);
  a.li(t1, 0x00100513);                      // addi a0,zero,1
  a.li(t2, 0x00008067);                      // ret
  a.s(op_sw, t1, 0, t0);
  a.s(op_sw, t2, 4, t0);
  a.i(op_jalr, ra, t0, 0);
  a.mv(s0, a0);
  a.li(t1, 0x00700513);
  a.s(op_sw, t1, 0, t0);
  a.i(op_jalr, ra, t0, 0);
  run(a);
  EXPECT_EQ(x(s0), 1u);
  EXPECT_EQ(x(a0), 7u);
}

TEST_F(ExecTest, ALoopThatRewritesItselfRunsWhatItWrote) {
  Assembler a(kRam);
  a.li(t0, 0x00150513);                      // addi a0,a0,1
  a.li(s0, 100);
  a.u(op_auipc, t1, 0);
  const uint64_t base = a.pc() - 4;
  const uint64_t loop = a.pc();
  const size_t patched = a.code().size();
  (void)patched;
  a.i(op_addi, a0, a0, 0);                   // rewritten in each turn with a larger immediate
  a.s(op_sw, t0, static_cast<int>(loop - base), t1);
  a.u(op_lui, t2, 0x100);
  a.r(op_add, t0, t0, t2);                   // immediate + 1
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  run(a);
  EXPECT_EQ(x(a0), 99u * 100 / 2);           // 0 + 1 + ... + 99
}

TEST_F(ExecTest, AStoreIntoTheSecondHalfOfAnInstructionIsSeen) {
  Assembler a(kRam);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, zero, 1);
  a.i(op_addi, t2, t2, -1);
  const size_t out = a.reserve();
  a.li(t0, 0x0050);                          // upper half of addi a0,zero,5
  a.li(t1, kRam);
  a.s(op_sh, t0, 2, t1);
  a.j(zero, loop);
  a.patch_b(out, op_beq, t2, zero);
  state().x[t2] = 2;
  run(a);
  EXPECT_EQ(x(a0), 5u);
}

TEST_F(ExecTest, AStoreIntoTheSecondHalfOfAnInstructionAcrossPagesIsSeen) {
  Assembler a(kRam + 0xffe);
  a.i(op_addi, a0, zero, 1);                 // its second half begins a page
  a.i(op_addi, a1, a1, 1);
  a.j(ra, kRam + 0x1100);
  bench.load(a, kRam + 0xffe);
  Assembler b(kRam + 0x1100);
  b.li(t0, 0x0050);                          // upper half of addi a0,zero,5
  b.li(t1, kRam + 0x1000);
  b.s(op_sh, t0, 0, t1);
  b.j(zero, kRam + 0xffe);
  bench.load(b, kRam + 0x1100);
  state().pc = kRam + 0xffe;
  bench.steps(1);
  EXPECT_EQ(x(a0), 1u);
  run_to(kRam + 0x1100);
  run_to(kRam + 0xffe);
  bench.steps(1);
  EXPECT_EQ(x(a0), 5u);
  EXPECT_EQ(cpu().pc(), kRam + 0x1002);
}

TEST_F(ExecTest, DmaIntoCodeIsSeenByTheNextInstruction) {
  const uint32_t seven = 0x00700513;
  bench.on_write = [&](uint64_t, unsigned, uint64_t) { bench.as->dma_write(kRam + 0x400, &seven, 4); };
  Assembler a(kRam + 0x3f8);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.s(op_sw, zero, 0, t0);
  a.i(op_addi, a0, zero, 1);                 // becomes 7
  bench.load(a, kRam + 0x3f8);
  // Decoded before.
  state().pc = kRam + 0x400;
  bench.steps(1);
  EXPECT_EQ(x(a0), 1u);
  state().pc = kRam + 0x3f8;
  bench.steps(2);
  run_queued_work();
  bench.steps(1);
  EXPECT_EQ(x(a0), 7u);
}

TEST_F(ExecTest, AStoreThatDropsItsOwnPageGoesOn) {
  // More stores beside the code than a page is kept for.
  Assembler a(kRam);
  a.li(t0, kRam + 0x800);
  a.li(t1, 1000);
  const uint64_t loop = a.pc();
  a.s(op_sd, t1, 0, t0);
  a.i(op_ld, t2, t0, 0);
  a.r(op_add, a0, a0, t2);
  a.i(op_addi, t1, t1, -1);
  a.b(op_bne, t1, zero, loop);
  run(a);
  EXPECT_EQ(x(a0), 500500u);
  EXPECT_GT(cpu().interpreter().code().pages_dropped, 0u);
}

TEST_F(ExecTest, MoreCodePagesThanTheCacheHoldsStillRun) {
  // One instruction a page that jumps to the next; twice around.
  constexpr unsigned kPages = 2500;
  for (unsigned i = 0; i < kPages; i++) {
    Assembler a(kRam + i * 4096);
    a.i(op_addi, a0, a0, 1);
    if (i + 1 == kPages) {
      a.i(op_jalr, zero, t0, 0);
    } else {
      a.j(zero, kRam + (i + 1) * 4096);
    }
    bench.load(a, a.pc() - 8);
  }
  state().x[t0] = kRam;
  bench.steps(5 * kPages);
  EXPECT_GT(x(a0), 2u * kPages);
  EXPECT_LE(cpu().interpreter().code().live_pages(), 2048u);
}

TEST(StrictFencei, AStoreIsSeenOnlyAfterFenceI) {
  LoopRig rig(Kind::kVirtualLazy);
  CpuConfig config = default_cpu_config();
  config.strict_fencei = true;
  Bench bench(1, config);
  Assembler a(Bench::kRam);
  a.li(t0, 0x00700513);
  a.u(op_auipc, t1, 0);
  const uint64_t base = a.pc() - 4;
  const uint64_t target = a.pc();
  a.i(op_addi, a0, zero, 1);
  a.s(op_sw, t0, static_cast<int>(target - base), t1);
  const size_t out = a.reserve();
  a.i(op_addi, t2, t2, 1);
  a.j(zero, target);
  a.patch_b(out, op_bne, t2, zero);
  a.mv(a1, a0);
  a.plain(op_fence_i);
  a.i(op_addi, t2, zero, 2);
  const size_t end = a.reserve();
  a.patch_j(end, zero);
  bench.load(a, Bench::kRam);
  while (bench.x(a1) == 0) bench.steps(1);
  EXPECT_EQ(bench.x(a1), 1u);  // the second turn ran what was decoded
  bench.steps(1);              // fence.i
  bench.hart().state.pc = target;
  bench.steps(1);
  EXPECT_EQ(bench.x(a0), 7u);
}

// What was decoded had two bytes; what stands there now has four, of which two lie behind the page.
TEST(StrictFencei, AnOldIllegalInstructionAtThePagesEndDoesNotReadBeyondThePage) {
  LoopRig rig(Kind::kVirtualLazy);
  CpuConfig config = default_cpu_config();
  config.strict_fencei = true;
  Bench bench(1, config);
  const uint64_t last = Bench::kRam + Bench::kPage - 2;
  bench.at<uint16_t>(last) = 0;
  bench.at<uint32_t>(last + 2) = 0x12345678;
  bench.hart().state.mtvec = Bench::kRam;
  bench.hart().state.pc = last;
  bench.steps(1);
  EXPECT_EQ(bench.hart().state.mtval, 0u);
  bench.at<uint16_t>(last) = 0xffff;
  bench.hart().state.pc = last;
  bench.steps(1);
  EXPECT_EQ(bench.hart().state.mcause, 2u);
  EXPECT_EQ(bench.hart().state.mtval, 0u) << "what was decoded, not what memory holds now";
}

// --- memory -----------------------------------------------------------------------------------------------------------------
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

// --- interrupts -------------------------------------------------------------------------------------------------------------
TEST_F(ExecTest, AnInterruptThatACsrWriteEnablesIsTakenBeforeTheNextInstruction) {
  cpu().set_irq_line(kIrqMTimer, 1);
  state().mtvec = kRam + 0x1000;
  Assembler a(kRam);
  a.li(t0, kMipMtip);
  a.csr(op_csrrw, zero, kMie, t0);
  a.csr(op_csrrsi, zero, kMstatus, 8);       // MIE
  a.i(op_addi, a0, zero, 1);
  bench.load(a, kRam);
  hold_handler();
  run_to(kRam + 0x1000);
  EXPECT_EQ(x(a0), 0u);
  EXPECT_EQ(state().mcause, kCauseInterrupt | 7);
  EXPECT_EQ(state().mepc, a.pc() - 4);
}

TEST_F(ExecTest, AnInterruptThatAStoreToADeviceRaisesIsTakenBeforeTheNextInstruction) {
  bench.on_write = [&](uint64_t, unsigned, uint64_t) { cpu().set_irq_line(kIrqMExternal, 1); };
  state().mtvec = kRam + 0x1000;
  state().mie = kMipMeip;
  state().mstatus |= kMstatusMie;
  Assembler a(kRam);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.s(op_sw, zero, 0, t0);
  a.i(op_addi, a0, zero, 1);
  bench.load(a, kRam);
  EXPECT_EQ(cpu().exec(1000), ExecExit::kRequest);
  EXPECT_EQ(cpu().instructions(), 2u);
  hold_handler();
  EXPECT_EQ(cpu().exec(0), ExecExit::kBudget);
  bench.steps(1);
  EXPECT_EQ(x(a0), 0u);
  EXPECT_EQ(state().mepc, kRam + 8);
}

TEST_F(ExecTest, LeaveAfterInsnEndsTheSliceRightAfterTheStoreThatSetIt) {
  bench.on_write = [&](uint64_t, unsigned, uint64_t) { cpu().leave_after_insn = 1; };
  Assembler a(kRam);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.s(op_sw, zero, 0, t0);
  a.i(op_addi, a0, zero, 1);
  bench.load(a, kRam);
  EXPECT_EQ(cpu().exec(1000), ExecExit::kRequest);
  EXPECT_EQ(cpu().instructions(), 2u);
  EXPECT_EQ(cpu().pc(), kRam + 8);
}

TEST_F(ExecTest, MretThatOpensInterruptsTakesOneAtOnce) {
  cpu().set_irq_line(kIrqMSoft, 1);
  state().mtvec = kRam + 0x1000;
  state().mie = kMipMsip;
  state().mepc = kRam + 0x100;
  state().mstatus |= kMstatusMpie | kMstatusMpp;
  Assembler a(kRam);
  a.plain(op_mret);
  bench.load(a, kRam);
  Assembler b(kRam + 0x100);
  b.i(op_addi, a0, zero, 1);
  bench.load(b, kRam + 0x100);
  hold_handler();
  run_to(kRam + 0x1000);
  EXPECT_EQ(x(a0), 0u);
  EXPECT_EQ(state().mepc, kRam + 0x100);
}

TEST_F(ExecTest, WfiHaltsUntilAnInterruptIsPendingEvenIfItIsNotTaken) {
  state().mie = kMipMtip;  // mstatus.MIE stays off
  Assembler a(kRam);
  a.plain(op_wfi);
  a.i(op_addi, a0, zero, 1);
  bench.load(a, kRam);
  EXPECT_EQ(cpu().exec(100), ExecExit::kHalted);
  EXPECT_TRUE(cpu().halted);
  EXPECT_EQ(cpu().instructions(), 1u);
  EXPECT_EQ(cpu().exec(100), ExecExit::kHalted);
  cpu().set_irq_line(kIrqMExternal, 1);  // not in mie
  EXPECT_FALSE(cpu().has_work());
  cpu().set_irq_line(kIrqMTimer, 1);
  EXPECT_TRUE(cpu().has_work());
  bench.steps(1);
  EXPECT_EQ(x(a0), 1u);
}

TEST_F(ExecTest, WfiGoesOnWhereAnInterruptIsPendingAlready) {
  state().mie = kMipMtip;
  cpu().set_irq_line(kIrqMTimer, 1);
  Assembler a(kRam);
  a.plain(op_wfi);
  a.i(op_addi, a0, zero, 1);
  bench.load(a, kRam);
  cpu().exec(0);
  EXPECT_EQ(cpu().exec(2), ExecExit::kBudget);
  EXPECT_EQ(x(a0), 1u);
}

TEST_F(ExecTest, ABottomHalfOfAStoreRunsRightAfterIt) {
  uint64_t seen = 0;
  QEMUBH* bh = qemu_bh_new(
      [](void* opaque) { *static_cast<uint64_t*>(opaque) = total_instructions(); }, &seen);
  bench.on_write = [&](uint64_t, unsigned, uint64_t) { qemu_bh_schedule(bh); };
  Assembler a(kRam);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.s(op_sw, zero, 0, t0);
  for (int i = 0; i < 50; i++) a.i(op_addi, a0, a0, 1);
  bench.load(a, kRam);
  vm_start();
  EXPECT_EQ(run_exactly(40), ExecExit::kBudget);
  EXPECT_EQ(seen, 2u);
  EXPECT_EQ(x(a0), 38u);
  vm_stop(RunState::kPaused);
  qemu_bh_delete(bh);
}

// --- breakpoints ------------------------------------------------------------------------------------------------------------
TEST_F(ExecTest, ABreakpointStopsBeforeItsInstructionAndItsPageStillRunsRight) {
  Assembler a(kRam);
  a.li(t0, 10);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  const uint64_t here = a.pc();
  a.i(op_addi, a1, a1, 1);
  a.i(op_addi, t0, t0, -1);
  a.b(op_bne, t0, zero, loop);
  const uint64_t end = a.pc();
  a.j(zero, end);
  bench.load(a, kRam);
  cpu().insert_breakpoint(here);
  for (unsigned turn = 1; turn <= 3; turn++) {
    EXPECT_EQ(cpu().exec(1000), ExecExit::kBreakpoint);
    EXPECT_EQ(cpu().pc(), here);
    EXPECT_EQ(x(a0), turn);
    EXPECT_EQ(x(a1), turn - 1);
    EXPECT_EQ(cpu().exec(1000), ExecExit::kBreakpoint) << "again, without having run anything";
    cpu().remove_breakpoint(here);
    EXPECT_EQ(cpu().exec(1), ExecExit::kBudget);
    cpu().insert_breakpoint(here);
  }
  cpu().remove_breakpoint(here);
  run_to(end);
  EXPECT_EQ(x(a1), 10u);
}

// --- the rest ---------------------------------------------------------------------------------------------------------------
TEST_F(ExecTest, X0StaysZeroWhateverWritesIt) {
  state().mstatus |= kMstatusFs;
  Assembler a(kRam);
  a.li(t0, kRam + 0x10000);
  a.li(t1, 0x5555);
  a.s(op_sd, t1, 0, t0);
  a.i(op_addi, zero, t1, 1);
  a.r(op_add, zero, t1, t1);
  a.u(op_lui, zero, 0x12345);
  a.u(op_auipc, zero, 0x12345);
  a.i(op_ld, zero, t0, 0);
  a.r(op_amoadd_d, zero, t0, t1);
  a.r(op_lr_d, zero, t0, 0);
  a.r(op_sc_d, zero, t0, t1);
  a.csr(op_csrrs, zero, kMstatus, zero);
  a.r(op_mul, zero, t1, t1);
  a.r(op_fmv_x_d, zero, 1, 0);
  a.r_rm(op_fcvt_l_d, zero, 1, 2, 0);
  a.half(0x0085);  // c.addi x1,1
  a.half(0x4015);  // c.li x0,5 (hint)
  a.j(zero, a.pc() + 4);
  run(a);
  EXPECT_EQ(x(zero), 0u);
}

TEST_F(ExecTest, LinkIsTheNextInstructionAlsoOfCompressedCalls) {
  Assembler a(kRam);
  a.li(a0, kRam + 0x100);
  const uint64_t call = a.pc();
  a.half(0x9502);                            // c.jalr a0
  bench.load(a, kRam);
  Assembler b(kRam + 0x100);
  b.i(op_addi, a1, a1, 1);
  bench.load(b, kRam + 0x100);
  run_to(kRam + 0x104);
  EXPECT_EQ(x(ra), call + 2);
  EXPECT_EQ(x(a1), 1u);
}

TEST_F(ExecTest, JalrWithOneRegisterForBothUsesTheOldValue) {
  Assembler a(kRam);
  a.li(t0, kRam + 0x101);                    // bit 0 is dropped
  const uint64_t call = a.pc();
  a.i(op_jalr, t0, t0, 0);
  bench.load(a, kRam);
  run_to(kRam + 0x100);
  EXPECT_EQ(x(t0), call + 4);
}

TEST(WithoutC, AMisalignedTargetTrapsOnTheJump) {
  LoopRig rig(Kind::kVirtualLazy);
  CpuConfig config = default_cpu_config();
  config.extensions.reset(static_cast<size_t>(Ext::kC));
  Bench bench(1, config);
  HartState& state = bench.hart().state;
  state.mtvec = Bench::kRam + 0x1000;
  const auto check = [&](Assembler& a, uint64_t target) {
    bench.load(a, Bench::kRam);
    bench.hart().code_written(Bench::kRam, 64);
    state.pc = Bench::kRam;
    state.x[ra] = 1;
    bench.steps(1);
    EXPECT_EQ(state.pc, Bench::kRam + 0x1000);
    EXPECT_EQ(state.mcause, 0u);
    EXPECT_EQ(state.mtval, target);
    EXPECT_EQ(state.mepc, Bench::kRam);
    EXPECT_EQ(state.x[ra], 1u) << "nothing is linked";
  };
  Assembler jal(Bench::kRam), jalr(Bench::kRam), beq(Bench::kRam), bne(Bench::kRam);
  jal.j(ra, Bench::kRam + 6);
  check(jal, Bench::kRam + 6);
  state.x[a0] = Bench::kRam + 0x20;
  jalr.i(op_jalr, ra, a0, 2);
  check(jalr, Bench::kRam + 0x22);
  beq.b(op_beq, zero, zero, Bench::kRam + 10);
  check(beq, Bench::kRam + 10);
  bne.b(op_bne, zero, zero, Bench::kRam + 10);  // not taken: no trap
  bench.load(bne, Bench::kRam);
  bench.hart().code_written(Bench::kRam, 64);
  state.pc = Bench::kRam;
  bench.steps(1);
  EXPECT_EQ(state.pc, Bench::kRam + 4);
}

TEST_F(ExecTest, FloatingPointNeedsFsAndMakesItDirty) {
  state().mtvec = kRam + 0x1000;
  const auto step = [&](const Assembler& a, uint64_t fs) {
    bench.load(a, kRam);
    cpu().code_written(kRam, 64);
    state().pc = kRam;
    state().mstatus = (state().mstatus & ~(kMstatusFs | kMstatusSd)) | fs << 13;
    bench.steps(1);
    return state().pc == kRam + 0x1000 ? uint64_t{4} : static_cast<uint64_t>((state().mstatus & kMstatusFs) >> 13);
  };
  Assembler add(kRam), compare(kRam), raise(kRam), load(kRam);
  add.r_rm(op_fadd_d, 1, 2, 3, 0);
  EXPECT_EQ(step(add, 0), 4u);
  EXPECT_EQ(state().mcause, 2u);
  EXPECT_EQ(state().mtval, 0x023100d3u);
  EXPECT_EQ(step(add, 1), 3u);
  EXPECT_NE(state().mstatus & kMstatusSd, 0u);
  load.i(op_fld, 1, zero, 0);
  EXPECT_EQ(step(load, 0), 4u) << "FS comes before the address";
  EXPECT_EQ(state().mcause, 2u);
  compare.r(op_feq_d, a0, 1, 1);
  EXPECT_EQ(step(compare, 1), 1u) << "an integer result without a flag leaves FS alone";
  state().f[1] = 0x7ff0000000000001;  // signaling
  raise.r(op_feq_d, a0, 1, 1);
  EXPECT_EQ(step(raise, 1), 3u);
  EXPECT_EQ(state().fflags, 16u);
  Assembler reserved(kRam), dynamic(kRam);
  reserved.r_rm(op_fadd_s, 1, 2, 3, 5);
  EXPECT_EQ(step(reserved, 1), 4u);
  dynamic.r_rm(op_fadd_s, 1, 2, 3, 7);
  state().frm = 5;
  EXPECT_EQ(step(dynamic, 1), 4u);
  state().frm = 2;
  EXPECT_EQ(step(dynamic, 1), 3u);
}

TEST_F(ExecTest, PmpInsideAPageIsCheckedForEachInstruction) {
  // S mode may execute and read only [kRam+0x100, kRam+0x108): one NAPOT entry of 8 bytes.
  helper_csr(cpu(), 0x3b0, CsrOp::kWrite, (kRam + 0x100) >> 2, false, true, 0);
  helper_csr(cpu(), 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
  state().mtvec = kRam + 0x1000;
  Assembler a(kRam + 0x100);
  a.i(op_addi, a0, a0, 1);
  a.i(op_addi, a0, a0, 1);
  a.i(op_addi, a0, a0, 1);
  bench.load(a, kRam + 0x100);
  state().priv = kPrivS;
  state().pc = kRam + 0x100;
  bench.steps(3);
  EXPECT_EQ(x(a0), 2u);
  EXPECT_EQ(state().mcause, 1u);
  EXPECT_EQ(state().mtval, kRam + 0x108);
}

TEST_F(ExecTest, TheFirstPageOfMemoryIsNotMistakenForAnEmptyEntry) {
  // Address 0 and its neighbours: nobody there, in every slot of the TLB.
  state().mtvec = kRam + 0x1000;
  Assembler a(kRam);
  a.i(op_lb, a1, a0, 0);
  bench.load(a, kRam);
  for (const uint64_t address : {uint64_t{0}, uint64_t{8}, uint64_t{4095}, ~uint64_t{0}, ~uint64_t{0} - 4094, uint64_t{0x400000}, uint64_t{0x3ffff8}}) {
    state().pc = kRam;
    state().x[a0] = address;
    bench.steps(1);
    EXPECT_EQ(state().mcause, 5u) << std::hex << address;
    EXPECT_EQ(state().mtval, address);
  }
  state().pc = 0;
  bench.steps(1);
  EXPECT_EQ(state().mcause, 1u);
  EXPECT_EQ(state().mtval, 0u);
}

}  // namespace
}  // namespace monochord
