// The execution loop: what is counted, when it leaves, and what is seen when.
#include <random>

#include "tcg/riscv/csr.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

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
    state().mstatus = (state().mstatus & ~kMstatusFs) | fs << 13;
    bench.steps(1);
    return state().pc == kRam + 0x1000 ? uint64_t{4} : static_cast<uint64_t>((state().mstatus & kMstatusFs) >> 13);
  };
  Assembler add(kRam), compare(kRam), raise(kRam), load(kRam);
  add.r_rm(op_fadd_d, 1, 2, 3, 0);
  EXPECT_EQ(step(add, 0), 4u);
  EXPECT_EQ(state().mcause, 2u);
  EXPECT_EQ(state().mtval, 0x023100d3u);
  EXPECT_EQ(step(add, 1), 3u);
  uint64_t mstatus = 0;
  ASSERT_TRUE(csr_debug_read(cpu(), kMstatus, &mstatus));
  EXPECT_NE(mstatus & kMstatusSd, 0u);
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
