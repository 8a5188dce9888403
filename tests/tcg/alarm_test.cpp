// Alarms of the real host while guest code runs: the BQL is free there, so their callbacks run in the signal handler itself; and they get a hart out of
// whatever it does.
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;

class Alarms : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kPosixLazy};
  Bench bench{1};

  Alarms() {
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  }
};

TEST_F(Alarms, MostRunInTheHandlerItselfWhileTheGuestComputes) {
  Assembler a(kRam);
  a.li(s0, kRam + 0x10000);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  a.s(op_sd, a0, 0, s0);
  a.i(op_ld, a1, s0, 0);
  a.r(op_mul, a2, a1, a0);
  a.b(op_bne, a0, zero, loop);
  bench.load(a, kRam);
  int fired = 0;
  TestTimer* timer_of = nullptr;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    fired++;
    timer_of->mod_in(200000);
    if (fired % 50 == 0) qemu_cpu_kick(bench.hart());
  });
  timer_of = &timer;
  timer.mod_in(200000);
  const PosixTimerHostCounters before = posix_timer_host_counters();
  while (fired < 500) {
    bench.hart().leave_after_insn = 0;
    ASSERT_NE(bench.hart().exec(int64_t{1} << 40), ExecExit::kHalted);
  }
  const PosixTimerHostCounters after = posix_timer_host_counters();
  timer.del();
  const uint64_t signals = after.signals - before.signals, in_handler = after.signals_run - before.signals_run;
  EXPECT_GE(signals, 400u);
  EXPECT_GT(in_handler * 10, signals * 9) << in_handler << " of " << signals;
}

TEST_F(Alarms, AHartLeavesALoopOfFaults) {
  bench.hart().state.mtvec = bench.hart().state.pc = 0x50000000;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { qemu_cpu_kick(bench.hart()); });
  for (int round = 0; round < 20; round++) {
    timer.mod_in(1000000);
    EXPECT_EQ(bench.hart().exec(int64_t{1} << 40), ExecExit::kRequest);
  }
}

TEST_F(Alarms, AHartLeavesEveryKindOfLoop) {
  const auto leaves = [&](const Assembler& a, const char* what) {
    bench.load(a, kRam);
    bench.hart().code_written(kRam, 64);
    bench.hart().state.pc = kRam;
    TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { qemu_cpu_kick(bench.hart()); });
    for (int round = 0; round < 5; round++) {
      timer.mod_in(1000000);
      EXPECT_EQ(bench.hart().exec(int64_t{1} << 40), ExecExit::kRequest) << what;
    }
  };
  Assembler self(kRam), jalr(kRam), compressed(kRam), forward(kRam), csr(kRam), device(kRam);
  self.j(zero, kRam);
  leaves(self, "jump to itself");
  jalr.u(op_auipc, t0, 0);
  jalr.i(op_jalr, zero, t0, 0);
  leaves(jalr, "indirect");
  compressed.half(0xa001);  // c.j 0
  leaves(compressed, "compressed");
  for (int i = 0; i < 1020; i++) forward.i(op_addi, a0, a0, 1);
  forward.j(zero, kRam);
  leaves(forward, "straight through a page");
  csr.csr(op_csrrw, a0, 0x340, a0);
  csr.j(zero, kRam);
  leaves(csr, "CSR writes");
  device.u(op_lui, t0, Bench::kDevice >> 12);
  device.i(op_lw, a0, t0, 0);
  device.j(zero, kRam + 4);
  leaves(device, "device reads");
}

}  // namespace
}  // namespace monochord
