// Direct jumps into other pages, and instructions that straddle two, in S mode: they hold while the pages are where they were, and not longer.
#include "tcg/riscv/csr.h"
#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kVa = 0x40000000, kRam = Bench::kRam, kTables = kRam + 0x38000, kPtes = kVa + 0x20000;
constexpr unsigned kSatp = 0x180;

class JitLinks : public JitTwins {
 protected:
  static constexpr uint64_t kPage = Bench::kPage;

  JitLinks() { paging(); }
  void paging() {
    both([](Bench& bench) {
      RiscvCpu& cpu = bench.hart();
      bench.at<uint64_t>(kTables + 8) = (kTables + kPage) >> 12 << 10 | 1;
      bench.at<uint64_t>(kTables + kPage) = (kTables + 2 * kPage) >> 12 << 10 | 1;
      helper_csr(cpu, 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
      helper_csr(cpu, 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
      helper_csr(cpu, kSatp, CsrOp::kWrite, uint64_t{8} << 60 | kTables >> 12, false, true, 0);
      cpu.state.priv = kPrivS;
    });
    map(32, kTables + 2 * kPage);  // the guest finds its page table at kPtes
  }
  static uint64_t pte(uint64_t physical) { return physical >> 12 << 10 | 0xcf; }
  // Page number `page` from kVa on.
  void map(uint64_t page, uint64_t physical) {
    both([&](Bench& bench) { bench.at<uint64_t>(kTables + 2 * kPage + 8 * page) = pte(physical); });
  }
  // Until an ecall comes to kHalt.
  void run_alike(uint64_t pc) {
    both([&](Bench& bench) {
      HartState& state = bench.hart().state;
      state.pc = pc;
      state.priv = kPrivS;
      until_halt(bench);
    });
    ASSERT_EQ(difference(), "");
  }
  // Six turns of fifty times `body`; before each but the first page 1 is at the other of two places, and fenced.
  template <typename Body>
  static void turns(Assembler& a, bool fence_all, Body body) {
    a.li(t4, kPtes + 8);
    a.li(s3, pte(kRam + 4 * kPage));
    a.li(s4, pte(kRam + 2 * kPage));
    a.li(t6, kVa + kPage);
    a.li(s5, 6);
    const uint64_t outer = a.pc();
    a.li(s0, 50);
    const uint64_t inner = a.pc();
    body();
    a.i(op_addi, s0, s0, -1);
    a.b(op_bne, s0, zero, inner);
    a.s(op_sd, s3, 0, t4);
    a.r(op_sfence_vma, 0, fence_all ? zero : t6, zero);
    a.mv(t0, s3);
    a.mv(s3, s4);
    a.mv(s4, t0);
    a.i(op_addi, s5, s5, -1);
    a.b(op_bne, s5, zero, outer);
    a.plain(op_ecall);
  }
  // ret behind an addition to a0.
  Assembler callee(uint64_t at, int step) {
    Assembler a(at);
    a.i(op_addi, a0, a0, step);
    a.i(op_jalr, zero, ra, 0);
    return a;
  }
  static void call(Assembler& a, uint64_t to, bool long_form) {
    if (!long_form) return a.j(ra, to);
    const int64_t distance = static_cast<int64_t>(to - a.pc());
    a.u(op_auipc, ra, static_cast<uint32_t>((distance + 0x800) >> 12) & 0xfffff);
    a.i(op_jalr, ra, ra, static_cast<int>(distance << 52 >> 52));
  }
};

TEST_F(JitLinks, AFenceOfTheTargetsPageUndoesTheLink) {
  for (const bool long_form : {false, true}) {
    for (const bool fence_all : {false, true}) {
      SCOPED_TRACE(long_form ? "auipc, jalr" : "jal");
      make(full_cpu_config());
      paging();
      load(callee(kRam + 2 * kPage, 1), kRam + 2 * kPage);
      load(callee(kRam + 4 * kPage, 100), kRam + 4 * kPage);
      map(0, kRam);
      map(1, kRam + 2 * kPage);
      Assembler a(kVa);
      turns(a, fence_all, [&] { call(a, kVa + kPage, long_form); });
      load(a, kRam);
      run_alike(kVa);
      EXPECT_EQ(generated->x(a0), 3 * 50 * 101u);
    }
  }
}

TEST_F(JitLinks, APageOfCodeAtTwoAddressesGoesItsOwnWayFromEach) {
  load(callee(kRam + 2 * kPage, 1), kRam + 2 * kPage);
  load(callee(kRam + 4 * kPage, 100), kRam + 4 * kPage);
  map(0, kRam);
  map(1, kRam + 2 * kPage);
  map(8, kRam);
  map(9, kRam + 4 * kPage);
  map(16, kRam + 6 * kPage);
  Assembler a(kVa);  // calls the page behind it, and goes back to s1
  const uint64_t loop = a.pc();
  call(a, kVa + kPage, false);
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  a.i(op_jalr, zero, s1, 0);
  load(a, kRam);
  Assembler main(kVa + 16 * kPage);
  for (int turn = 0; turn < 8; turn++) {
    main.li(s0, 30);
    main.li(t0, kVa + (turn % 2) * 8 * kPage);
    main.i(op_jalr, s1, t0, 0);
  }
  main.plain(op_ecall);
  load(main, kRam + 6 * kPage);
  run_alike(kVa + 16 * kPage);
  EXPECT_EQ(generated->x(a0), 4 * 30 * 101u);
}

TEST_F(JitLinks, AnInstructionThatStraddlesPagesEndsWithAFenceOfTheSecond) {
  // addi a0,a0,1 or a0,a0,100 by what page 1 begins with.
  map(0, kRam);
  map(1, kRam + 2 * kPage);
  map(3, kRam + 6 * kPage);
  for (const uint64_t second : {kRam + 2 * kPage, kRam + 4 * kPage}) {
    Assembler whole(kRam + kPage - 2);
    whole.i(op_addi, a0, a0, second == kRam + 2 * kPage ? 1 : 100);
    whole.i(op_jalr, zero, ra, 0);
    both([&](Bench& bench) {
      bench.at<uint16_t>(kRam + kPage - 2) = whole.code()[0];
      for (size_t i = 1; i < whole.code().size(); i++) bench.at<uint16_t>(second + 2 * (i - 1)) = whole.code()[i];
    });
  }
  Assembler a(kVa + 3 * kPage);
  turns(a, false, [&] { call(a, kVa + kPage - 2, true); });
  load(a, kRam + 6 * kPage);
  run_alike(kVa + 3 * kPage);
  EXPECT_EQ(generated->x(a0), 3 * 50 * 101u);
}

TEST_F(JitLinks, ALinkIsMadeOnceAndTakenFromThenOn) {
  if (!jit_options().chain || jit_options().check != 0 || jit_options().units_max < 100) GTEST_SKIP();
  load(callee(kRam + 2 * kPage, 1), kRam + 2 * kPage);
  map(0, kRam);
  map(1, kRam + 2 * kPage);
  Assembler a(kVa);
  a.li(s0, 3000);
  const uint64_t loop = a.pc();
  call(a, kVa + kPage, true);
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  a.plain(op_ecall);
  load(a, kRam);
  run_alike(kVa);
  EXPECT_LT(jit().counters().entries, 100u);
  EXPECT_LT(jit().counters().links, 20u);
}

// Units are shared, page tables are not.
TEST(JitLinksOfTwoHarts, EachGoesWhereItsOwnPageTableSays) {
  LoopRig rig{Kind::kVirtualLazy};
  const std::unique_ptr<Bench> bench = make_bench(generated_options(), 0, full_cpu_config(), 2);
  constexpr uint64_t kPage = Bench::kPage;
  Assembler a(kVa);
  const uint64_t loop = a.pc();
  a.j(ra, kVa + kPage);
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  a.j(zero, a.pc());
  bench->load(a, kRam);
  for (unsigned n = 0; n < 2; n++) {
    const uint64_t root = kRam + 0x20000 + n * 0x10000, physical = kRam + (2 + 2 * n) * kPage;
    Assembler callee(physical);
    callee.i(op_addi, a0, a0, n == 0 ? 1 : 100);
    callee.i(op_jalr, zero, ra, 0);
    bench->load(callee, physical);
    bench->at<uint64_t>(root + 8) = (root + kPage) >> 12 << 10 | 1;
    bench->at<uint64_t>(root + kPage) = (root + 2 * kPage) >> 12 << 10 | 1;
    bench->at<uint64_t>(root + 2 * kPage) = kRam >> 12 << 10 | 0xcf;
    bench->at<uint64_t>(root + 2 * kPage + 8) = physical >> 12 << 10 | 0xcf;
    RiscvCpu& cpu = bench->hart(n);
    helper_csr(cpu, 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
    helper_csr(cpu, 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
    helper_csr(cpu, kSatp, CsrOp::kWrite, uint64_t{8} << 60 | root >> 12, false, true, 0);
    cpu.state.priv = kPrivS;
    cpu.state.pc = kVa;
    cpu.state.x[s0] = 3000;
  }
  for (int turn = 0; turn < 20; turn++) {
    for (unsigned n = 0; n < 2; n++) {
      RiscvCpu& cpu = bench->hart(n);
      current_cpu = &cpu;
      cpu.exec(3000);
      current_cpu = nullptr;
    }
  }
  EXPECT_EQ(bench->x(s0, 0), 0u);
  EXPECT_EQ(bench->x(a0, 0), 3000u);
  EXPECT_EQ(bench->x(a0, 1), 300000u);
}

// A store into the target ends its unit; the link then leads to what is there.
TEST_F(JitLinks, AStoreIntoTheTargetIsSeen) {
  load(callee(kRam + 2 * kPage, 1), kRam + 2 * kPage);
  map(0, kRam);
  map(1, kRam + 2 * kPage);
  Assembler a(kVa);
  a.li(t1, kVa + kPage);
  for (int step = 2; step < 8; step++) {
    a.li(s0, 20);
    const uint64_t loop = a.pc();
    call(a, kVa + kPage, true);
    a.i(op_addi, s0, s0, -1);
    a.b(op_bne, s0, zero, loop);
    a.li(t0, 0x00050513u | static_cast<uint32_t>(step) << 20);  // addi a0,a0,step
    a.s(op_sw, t0, 0, t1);
    a.plain(op_fence_i);
  }
  a.plain(op_ecall);
  load(a, kRam);
  run_alike(kVa);
  EXPECT_EQ(generated->x(a0), 20 * (1 + 2 + 3 + 4 + 5 + 6u));
}

}  // namespace
}  // namespace monochord
