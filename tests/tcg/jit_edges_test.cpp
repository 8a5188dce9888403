// Where generated code could be wrong although each instruction is right: code that changes, DMA, other harts, eviction, breakpoints, traps in the
// middle of a unit, kicks. (DESIGN's "Correct at the edges"; the handler at every host instruction is in jit_torture_test.cpp.)
#include <random>

#include "core/loop_internal.h"
#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam, kData = kRam + 0x10000;

class JitEdges : public JitTwins {
 protected:
  // From `pc` until the hart sleeps, on both; nothing differs.
  void run_alike(uint64_t pc, const std::string& what = "") {
    both([&](Bench& bench) {
      bench.hart().state.pc = pc;
      until_halt(bench);
    });
    ASSERT_EQ(difference(), "") << what;
  }
  HartState& state() { return generated->hart().state; }
  uint64_t x(unsigned n) { return state().x[n]; }
};

// --- code that changes -----------------------------------------------------------------------------------------------------------------
// In a loop, so that the second turn finds a unit: a store over an instruction so many places before or behind itself.
TEST_F(JitEdges, AStoreIntoItsOwnUnitIsSeenFromTheNextInstructionOn) {
  for (int distance = -12; distance <= 30; distance++) {
    for (const Op op : {op_sw, op_sh, op_sb, op_amoswap_w, op_sc_w, op_sd}) {
      if (distance == 0 || (op == op_sd && distance == 1)) continue;
      Assembler a(kRam);
      a.li(t0, 0x00750513);  // addi a0,a0,7; all but the immediate is there already
      a.i(op_addi, s1, zero, 3);
      a.u(op_auipc, t1, 0);
      const uint64_t base = a.pc() - 4, loop = a.pc();
      for (int i = 0; i < 12; i++) a.i(op_addi, a0, a0, 1);
      if (op == op_sc_w) a.r(op_lr_w, a2, t1, 0);
      const uint64_t here = a.pc() + (op == op_amoswap_w || op == op_sc_w ? 4 : 0);
      const int offset = static_cast<int>(here - base) + distance * 4;
      if (op == op_amoswap_w || op == op_sc_w) {
        a.i(op_addi, t2, t1, offset);
        // The reservation is for another word, so SC fails and nothing changes; it may still not hurt.
        a.r(op, a1, t2, t0);
      } else {
        // sh and sb write the instruction's upper half.
        if (op == op_sh || op == op_sb) a.shift(op_srli, t2, t0, op == op_sh ? 16 : 24);
        const int at = offset + (op == op_sh || op == op_sb ? 4 + (op == op_sh ? 2 : 3) : 0);
        a.s(op, op == op_sw || op == op_sd ? t0 : t2, at, t1);
      }
      for (int i = 0; i < 32; i++) a.i(op_addi, a0, a0, 1);
      a.i(op_addi, s1, s1, -1);
      a.b(op_bne, s1, zero, loop);
      a.plain(op_ecall);
      load(a, kRam);
      both([](Bench& bench) { bench.hart().state.x = {}; });
      run_alike(kRam, stringf("%s, %d instructions away", insn_line(op).name, distance));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(JitEdges, ALoopThatDmaChangesWhileItRunsDoesWhatMemorySaysThen) {
  const uint32_t seven = 0x00750513;  // addi a0,a0,7
  Assembler a(kRam);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.i(op_addi, s1, zero, 5);
  const uint64_t loop = a.pc();
  a.s(op_sd, s1, 8, t0);     // the device does it in the third turn
  const uint64_t target = a.pc();
  a.i(op_addi, a0, a0, 1);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  a.plain(op_ecall);
  load(a, kRam);
  both([&](Bench& bench) {
    bench.on_write = [&bench, target, seven](uint64_t, unsigned, uint64_t value) {
      if (value == 3) bench.as->dma_write(target, &seven, 4);
    };
    bench.hart().state.pc = kRam;
    for (int n = 0; exec(bench, kMuch) != ExecExit::kHalted; n++) {
      ASSERT_LT(n, 100);
      run_queued_work();
    }
  });
  EXPECT_EQ(difference(), "");
  EXPECT_EQ(x(a0), 1u + 1 + 7 + 7 + 7);
}

// From a callback: the loop itself never ends, what DMA writes does.
TEST(JitEdgesAlarm, DmaOfACallbackIntoTheRunningUnitEndsIt) {
  LoopRig posix(Kind::kPosixLazy);
  const std::unique_ptr<Bench> bench = make_bench(generated_options());
  cpu_enable_ticks();
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  Assembler a(kRam);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  a.i(op_ld, a1, s0, 0);
  const uint64_t target = a.pc();
  a.i(op_addi, a2, a2, 1);
  a.b(op_bne, a0, zero, loop);
  bench->load(a, kRam);
  RiscvCpu& cpu = bench->hart();
  const uint32_t wfi = 0x10500073;
  for (int round = 0; round < 10; round++) {
    bench->load(a, kRam);
    cpu.code_written(kRam, 64);
    cpu.state.x = {};
    cpu.state.x[s0] = kData;
    cpu.state.pc = kRam;
    cpu.halted = false;
    TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { bench->as->dma_write(target, &wfi, 4); });
    timer.mod_in(2000000);
    ExecExit why = ExecExit::kRequest;
    for (int n = 0; why != ExecExit::kHalted; n++) {
      ASSERT_LT(n, 1000);
      run_queued_work();
      current_cpu = &cpu;
      why = cpu.exec(int64_t{1} << 40);
      current_cpu = nullptr;
    }
    EXPECT_EQ(cpu.state.x[a0], cpu.state.x[a2] + 1) << "the unit ended in its middle";
    EXPECT_EQ(cpu.pc(), target + 4);
  }
}

TEST_F(JitEdges, WithStrictFenceiAStoreIsSeenOnlyBehindFenceI) {
  CpuConfig config = full_cpu_config();
  config.strict_fencei = true;
  make(config);
  Assembler a(kRam);
  a.li(t0, 0x00750513);
  a.li(s0, kData);
  a.i(op_addi, s1, zero, 3);
  a.u(op_auipc, t1, 0);
  const uint64_t base = a.pc() - 4, loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  a.s(op_sd, a0, 0, s0);
  a.i(op_addi, s0, s0, 8);
  a.s(op_sw, t0, static_cast<int>(loop - base), t1);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  a.plain(op_fence_i);
  a.i(op_addi, s1, zero, 2);
  a.i(op_xori, t2, t2, 1);
  a.b(op_bne, t2, zero, loop);
  a.plain(op_ecall);
  load(a, kRam);
  run_alike(kRam);
  const uint64_t* const seen = &generated->at<uint64_t>(kData);
  EXPECT_EQ(std::vector<uint64_t>(seen, seen + 5), (std::vector<uint64_t>{1, 2, 3, 10, 17}));
}

// --- units come and go ---------------------------------------------------------------------------------------------------------------------
TEST_F(JitEdges, UnitsGoWhileLinksAndJumpCachesLeadToThem) {
  JitOptions few = generated_options();
  few.units_max = 4;
  generated.reset();
  generated = make_bench(few, 1, full_cpu_config());
  generated->hart().state = interpreted->hart().state;
  memcpy(generated->ram(), interpreted->ram(), kTouched);
  // Blocks all over three pages, each with a branch back into one before and a call through a register.
  std::mt19937 random(3);
  Assembler a(kRam);
  a.li(s0, kRam + 0x5000);
  std::vector<uint64_t> starts;
  for (int block = 0; block < 60; block++) {
    starts.push_back(a.pc());
    a.i(op_addi, a0, a0, 1);
    a.i(op_xori, a1, a0, 21);
    a.i(op_jalr, ra, s0, 0);
    a.i(op_andi, t0, a0, 15);
    const uint64_t back = starts[starts.size() > 8 ? starts.size() - 1 - random() % 8 : 0];
    a.b(op_beq, t0, s2, back);
    while (random() % 3) a.half(0x0001);
    if (block % 10 == 9) while ((a.pc() & 0x3ff) != 0) a.half(0x0001);
    a.j(zero, a.pc() + 4);
  }
  a.i(op_addi, s1, s1, -1);
  const size_t out = a.reserve();
  a.li(t1, starts[0]);
  a.i(op_jalr, zero, t1, 0);
  a.patch_b(out, op_beq, s1, zero);
  a.plain(op_ecall);
  Assembler callee(kRam + 0x5000);
  callee.r(op_add, a2, a2, a1);
  callee.half(0x8082);
  load(a, kRam);
  load(callee, kRam + 0x5000);
  both([](Bench& bench) {
    bench.hart().state.x[s1] = 40;
    bench.hart().state.x[s2] = 3;
  });
  run_alike(kRam);
  EXPECT_GT(tbs().evictions(), 100u);
  if (jit_options().chain) {
    EXPECT_GT(tbs().counters.links, 100u);
  }
}

TEST_F(JitEdges, ABreakpointIsTakenThoughUnitsAreThereAlready) {
  Assembler a(kRam);
  a.i(op_addi, s1, zero, 2000);
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 1);
  const uint64_t here = a.pc();
  a.i(op_addi, a1, a1, 1);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  a.plain(op_ecall);
  load(a, kRam);
  both([&](Bench& bench) {
    RiscvCpu& cpu = bench.hart();
    cpu.state.pc = kRam;
    EXPECT_EQ(exec(bench, 4001), ExecExit::kBudget);
    cpu.insert_breakpoint(here);
    EXPECT_EQ(exec(bench, kMuch), ExecExit::kBreakpoint);
    EXPECT_EQ(cpu.pc(), here);
    EXPECT_EQ(cpu.state.x[a0], 1001u);
    EXPECT_EQ(cpu.state.x[a1], 1000u);
    cpu.remove_breakpoint(here);
  });
  EXPECT_EQ(difference(), "");
  both([](Bench& bench) { until_halt(bench); });
  EXPECT_EQ(difference(), "");
  EXPECT_EQ(x(a1), 2000u);
}

// --- traps in the middle of a unit -----------------------------------------------------------------------------------------------------------
// Each kind at each place among additions that change every register: what ran is there, what did not is not, and minstret counts exactly that.
TEST_F(JitEdges, ATrapInTheMiddleOfAUnitFindsRegistersAndMinstretExact) {
  both([](Bench& bench) {
    Assembler handler(kHalt);
    handler.csr(op_csrrs, s11, kMinstret, zero);
    handler.csr(op_csrrs, s10, 0xb00, zero);  // mcycle
    handler.plain(op_wfi);
    bench.load(handler, kHalt);
    bench.hart().code_written(kHalt, 16);
  });
  const std::vector<std::function<void(Assembler&)>> kinds = {
      [](Assembler& a) { a.i(op_ld, t0, s9, 0); },
      [](Assembler& a) { a.s(op_sw, t0, 0, s9); },
      [](Assembler& a) { a.r(op_amoadd_w, t0, s9, t1); },
      [](Assembler& a) { a.r(op_lr_d, t0, s9, 0); },
      [](Assembler& a) { a.r(op_sc_d, t0, s9, t1); },
      [](Assembler& a) { a.i(op_flw, 3, s9, 0); },
      [](Assembler& a) { a.r(op_cbo_zero, 0, s9, 4); },
      [](Assembler& a) { a.i(op_ld, t0, s8, 4090); },      // crosses into nothing
      [](Assembler& a) { a.plain(op_ecall); },
      [](Assembler& a) { a.plain(op_ebreak); },
      [](Assembler& a) { a.word(0xffffffff); },
      [](Assembler& a) { a.half(0x0000); a.half(0x0001); },
      [](Assembler& a) { a.csr(op_csrrw, t0, 0x7c0, t1); },  // no such CSR
      [](Assembler& a) { a.i(op_jalr, ra, s9, 0); },
      [](Assembler& a) { a.csr(op_csrrs, a3, kMinstret, zero); a.plain(op_ecall); },
  };
  for (size_t kind = 0; kind < kinds.size(); kind++) {
    for (int place = 0; place < 40; place++) {
      Assembler a(kRam);
      for (int i = 0; i < place; i++) a.i(op_addi, 5 + i % 20, 5 + (i + 1) % 20, i);
      kinds[kind](a);
      for (int i = 0; i < 10; i++) a.i(op_addi, 5 + i, 5 + i, 1);
      a.plain(op_ecall);
      load(a, kRam);
      for (int again = 0; again < 2; again++) {
        both([&](Bench& bench) {
          for (unsigned i = 1; i < 32; i++) bench.hart().state.x[i] = i * 0x1111;
          bench.hart().state.x[s9] = 0x50000000;
          bench.hart().state.x[s8] = kRam + Bench::kRamSize - 4096;
        });
        run_alike(kRam, stringf("kind %zu behind %d instructions", kind, place));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// The page whose tag empty slots hold (Tlb::kEmptySlot). An access there through an empty slot is a host fault that has to end as the guest's.
TEST(JitEmptySlot, EveryKindOfAccessToItsPageFaultsInTheGuestAlone) {
  LoopRig posix(Kind::kPosixLazy);
  const auto play = [](const JitOptions& options) {
    std::vector<std::array<uint64_t, 5>> seen;
    const std::unique_ptr<Bench> bench = make_bench(options);
    HartState& state = bench->hart().state;
    state.mstatus |= kMstatusFs;
    state.mtvec = kRam + 0x1000;
    Assembler halt(kRam + 0x1000);
    halt.plain(op_wfi);
    bench->load(halt, kRam + 0x1000);
    for (unsigned n = 1; n < kOpCount; n++) {
      const Op op = static_cast<Op>(n);
      const Format format = insn_line(op).format;
      const bool is_load = (format == Format::load && op != op_jalr) || format == Format::fload;
      const bool is_store = format == Format::store || format == Format::fstore;
      if (!is_load && !is_store && format != Format::lr && format != Format::amo && op != op_cbo_zero) continue;
      for (const uint64_t offset : {0, 8, 1, 4088, 4092, 4095}) {
        for (const bool grouped : {false, true}) {
          for (const unsigned base : {s1, t0}) {
            for (const unsigned other : {a0, t1, zero}) {
              Assembler a(kRam);
              a.i(op_addi, a4, a4, 1);
              if (grouped && is_load) a.i(op_lbu, a5, base, 1);
              if (grouped && is_store) a.s(op_sb, a5, 1, base);
              if (is_load) a.i(op, other, base, 0);
              else if (is_store) a.s(op, other, 0, base);
              else a.r(op, op == op_cbo_zero ? 0 : other, base, format == Format::lr ? 0 : op == op_cbo_zero ? 4 : unsigned{a2});
              a.i(op_addi, a4, a4, 1);
              a.plain(op_ecall);
              bench->load(a, kRam);
              bench->hart().code_written(kRam, 64);
              state.x = {};
              state.x[base] = Tlb::kEmptySlot + offset;
              state.pc = kRam;
              state.mcause = state.mtval = state.mepc = 0;
              bench->hart().halted = false;
              current_cpu = &bench->hart();
              EXPECT_EQ(bench->hart().exec(100000), ExecExit::kHalted);
              current_cpu = nullptr;
              seen.push_back({state.mcause, state.mtval, state.mepc, state.x[a4], state.x[other]});
            }
          }
        }
      }
    }
    return seen;
  };
  const auto want = play(interpreter_options()), got = play(generated_options());
  ASSERT_EQ(want.size(), got.size());
  for (size_t n = 0; n < want.size(); n++) {
    EXPECT_NE(want[n][0], 11u) << "no ecall";
    ASSERT_EQ(got[n], want[n]) << "case " << n;
  }
}

// --- LR and SC -------------------------------------------------------------------------------------------------------------------------------
TEST_F(JitEdges, ScFailsBehindDmaToItsWordEvenOfTheSameValue) {
  Assembler a(kRam);
  a.li(s0, kData);
  a.u(op_lui, t0, Bench::kDevice >> 12);
  a.i(op_addi, s1, zero, 4);
  const uint64_t loop = a.pc();
  a.r(op_lr_d, a0, s0, 0);
  a.s(op_sd, s1, 8, t0);  // DMA in the even turns
  a.r(op_sc_d, a1, s0, s1);
  a.s(op_sd, a1, 16, t0);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  a.plain(op_ecall);
  load(a, kRam);
  std::vector<uint64_t> results[2];
  int n = 0;
  both([&](Bench& bench) {
    std::vector<uint64_t>& mine = results[n++];
    bench.on_write = [&](uint64_t offset, unsigned, uint64_t value) {
      if (offset == 16) mine.push_back(value);
      uint64_t same = 0;
      if (offset != 8 || value % 2 != 0) return;
      bench.as->dma_read(kData, &same, 8);
      bench.as->dma_write(kData, &same, 8);
    };
  });
  run_alike(kRam);
  EXPECT_EQ(results[1], (std::vector<uint64_t>{1, 0, 1, 0}));
  EXPECT_EQ(results[0], results[1]);
}

class JitTwoHarts : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kVirtualLazy};
  std::unique_ptr<Bench> bench = make_bench(generated_options(), 0, default_cpu_config(), 2);

  ExecExit exec(unsigned hart, int64_t budget) {
    RiscvCpu& cpu = bench->hart(hart);
    cpu.leave_after_insn = 0;
    current_cpu = &cpu;
    const ExecExit why = cpu.exec(budget);
    current_cpu = nullptr;
    return why;
  }
};

TEST_F(JitTwoHarts, ScFailsBehindASwitchOfHarts) {
  Assembler a(kRam);
  const uint64_t loop = a.pc();
  a.r(op_lr_d, a0, s0, 0);
  a.s(op_sd, zero, 8, t0);  // ends the slice
  a.r(op_sc_d, a1, s0, s1);
  a.s(op_sd, zero, 8, t0);
  a.j(zero, loop);
  bench->load(a, kRam);
  Assembler other(kRam + 0x1000);
  other.j(zero, other.pc());
  bench->load(other, kRam + 0x1000);
  bench->on_write = [](uint64_t, unsigned, uint64_t) { current_cpu->leave_after_insn = 1; };
  bench->hart(0).state.x[s0] = kData;
  bench->hart(0).state.x[t0] = Bench::kDevice;
  bench->hart(1).state.pc = kRam + 0x1000;
  for (int round = 0; round < 6; round++) {
    EXPECT_EQ(exec(0, 100000), ExecExit::kRequest);
    if (round % 2) exec(1, 5000);
    EXPECT_EQ(exec(0, 100000), ExecExit::kRequest);
    EXPECT_EQ(bench->x(a1), round % 2 ? 1u : 0u) << round;
  }
}

// One page of code for both, at another address for each; the same address leads to other data.
TEST_F(JitTwoHarts, UnitsAreSharedThoughTlbsDiffer) {
  const uint64_t physical = kRam + 0x8000;
  for (unsigned n = 0; n < 2; n++) {
    const uint64_t root = kRam + 0x20000 + n * 0x10000, middle = root + 0x1000, leaf = root + 0x2000;
    constexpr uint64_t kLeaf = 0xcf, kNode = 1;
    bench->at<uint64_t>(root) = middle >> 12 << 10 | kNode;
    bench->at<uint64_t>(middle) = leaf >> 12 << 10 | kNode;
    bench->at<uint64_t>(leaf + 8) = (kData + n * 0x1000) >> 12 << 10 | kLeaf;  // 0x1000
    bench->at<uint64_t>(root + 8 * (2 + n)) = uint64_t{2} << 28 | kLeaf;       // 0x80000000, 0xc0000000
    HartState& state = bench->hart(n).state;
    helper_csr(bench->hart(n), 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
    helper_csr(bench->hart(n), 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
    helper_csr(bench->hart(n), 0x180, CsrOp::kWrite, uint64_t{8} << 60 | uint64_t{n + 1} << 44 | root >> 12, false, true, 0);
    state.priv = kPrivS;
    state.pc = physical + n * 0x40000000;
    state.x[s0] = 0x1000;
  }
  Assembler a(physical);
  a.u(op_auipc, a0, 0);
  a.s(op_sd, a0, 8, s0);
  const uint64_t loop = a.pc();
  a.i(op_ld, a1, s0, 0);
  a.i(op_addi, a1, a1, 1);
  a.s(op_sd, a1, 0, s0);
  a.j(ra, a.pc() + 8);
  a.j(zero, loop);
  a.s(op_sd, ra, 16, s0);
  a.half(0x8082);
  bench->load(a, physical);
  for (int turn = 0; turn < 10; turn++) {
    for (unsigned n = 0; n < 2; n++) EXPECT_EQ(exec(n, 3000 + turn), ExecExit::kBudget);
  }
  for (unsigned n = 0; n < 2; n++) {
    const uint64_t* const page = &bench->at<uint64_t>(kData + n * 0x1000);
    const uint64_t base = physical + n * 0x40000000;
    EXPECT_NEAR(static_cast<double>(page[0]), 30045 / 7, 10) << n;
    EXPECT_EQ(page[1], base) << n;
    EXPECT_EQ(page[2], base + 24) << n;
  }
  EXPECT_LT(generated_code(*bench).counters.units, jit_options().one_insn ? 12u : 8u) << "made for each of them";
}

// --- the budget --------------------------------------------------------------------------------------------------------------------------------
// Units that go backward by a jump that they follow, and on by branches that lead forward: somewhere in the circle somebody has to look.
TEST_F(JitEdges, ACircleOfForwardBranchesAndFollowedJumpsKeepsItsBudget) {
  both([](Bench& bench) { memset(bench.ram(), 0, 0x2000); });
  const auto put = [&](uint64_t at, const std::function<void(Assembler&)>& make) {
    Assembler a(at);
    make(a);
    load(a, at);
  };
  put(kRam + 0x200, [](Assembler& a) { a.i(op_addi, a0, a0, 1); a.j(zero, kRam + 0x100); });
  put(kRam + 0x100, [](Assembler& a) { a.i(op_addi, a1, a1, 1); a.b(op_bne, a1, zero, kRam + 0x300); a.plain(op_ecall); });
  put(kRam + 0x300, [](Assembler& a) { a.i(op_addi, a2, a2, 1); a.j(zero, kRam + 0x110); });
  put(kRam + 0x110, [](Assembler& a) { a.i(op_addi, a3, a3, 1); a.b(op_bne, a3, zero, kRam + 0x200); a.plain(op_ecall); });
  for (int round = 0; round < 20; round++) {
    both([&](Bench& bench) {
      const uint64_t before = bench.hart().instructions();
      if (round == 0) bench.hart().state.pc = kRam + 0x200;
      EXPECT_EQ(exec(bench, 5000 + round), ExecExit::kBudget);
      ASSERT_EQ(bench.hart().instructions() - before, 5000u + static_cast<unsigned>(round));
    });
    ASSERT_EQ(difference(false), "") << round;
  }
}

TEST(JitEdgesAlarm, AKickEndsEveryKindOfCircle) {
  LoopRig posix(Kind::kPosixLazy);
  const std::unique_ptr<Bench> bench = make_bench(generated_options());
  RiscvCpu& cpu = bench->hart();
  cpu_enable_ticks();
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  cpu.state.x[a0] = 1;
  cpu.state.x[t0] = kRam + 0x800;
  cpu.state.x[t1] = kRam + 0x1ffe;
  const auto put = [&](uint64_t at, const std::function<void(Assembler&)>& make) {
    Assembler a(at);
    make(a);
    bench->load(a, at);
    cpu.code_written(at, a.code().size() * 2);
  };
  const auto leaves = [&](const char* what, uint64_t from = kRam) {
    cpu.state.pc = from;
    TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { qemu_cpu_kick(cpu); });
    for (int round = 0; round < 3; round++) {
      timer.mod_in(1000000);
      current_cpu = &cpu;
      EXPECT_EQ(cpu.exec(int64_t{1} << 40), ExecExit::kRequest) << what;
      current_cpu = nullptr;
    }
  };
  put(kRam + 0x200, [](Assembler& a) { a.half(0x0001); a.j(zero, kRam + 0x100); });
  put(kRam + 0x100, [](Assembler& a) { a.b(op_bne, a0, zero, kRam + 0x300); });
  put(kRam + 0x300, [](Assembler& a) { a.half(0x0001); a.j(zero, kRam + 0x110); });
  put(kRam + 0x110, [](Assembler& a) { a.b(op_bne, a0, zero, kRam + 0x200); });
  leaves("followed jumps back, branches forward", kRam + 0x200);
  put(kRam, [](Assembler& a) { a.i(op_jalr, zero, t0, 0); });
  put(kRam + 0x800, [](Assembler& a) { a.b(op_beq, a0, a0, kRam); });
  leaves("indirect forward, branch back");
  put(kRam, [](Assembler& a) { a.j(zero, kRam + 0x1000); });
  put(kRam + 0x1000, [](Assembler& a) { a.j(zero, kRam); });
  leaves("jumps between two pages");
  put(kRam, [](Assembler& a) { a.i(op_jalr, zero, t1, 0); });
  put(kRam + 0x1ffe, [](Assembler& a) { a.b(op_beq, a0, a0, kRam + 0x1010); });
  put(kRam + 0x1010, [](Assembler& a) { a.i(op_jalr, zero, t1, 0); });
  leaves("a branch that lies across two pages");
  put(kRam, [](Assembler& a) { a.b(op_bne, a0, zero, kRam + 8); a.half(0x0001); a.half(0x0001); a.j(zero, kRam); });
  leaves("a branch over");
}

}  // namespace
}  // namespace monochord
