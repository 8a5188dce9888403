// Interrupts, wfi and bottom halves: at which instruction they come.
#include <random>
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

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

}  // namespace
}  // namespace monochord
