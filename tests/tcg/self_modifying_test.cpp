// Code that changes: stores into decoded instructions, DMA, pages dropped, x-strict-fencei.
#include <random>
#include "tcg/jit/jit.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

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
  // Decoded pages are; units end one by one.
  if (cpu().interpreter().jit() == nullptr) {
    EXPECT_GT(cpu().interpreter().code().pages_dropped, 0u);
  }
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

}  // namespace
}  // namespace monochord
