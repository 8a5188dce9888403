// Two harts, bare metal, round robin under the run loop: mhartid, software interrupts, LR/SC and AMO contention, code that one hart writes for the other.
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr unsigned kMhartid = 0xf14;
constexpr uint64_t kRam = Bench::kRam, kData = kRam + 0x10000;

class TwoHarts : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kVirtualLazy};
  Bench bench{2};

  // Both harts start at kRam; `slice` instructions a turn where it is not the run loop's own.
  void run_until(const std::function<bool()>& done, uint64_t step = 1000, int max = 100000) {
    vm_start();
    for (int i = 0; !done(); i++) {
      ASSERT_LT(i, max) << "hart 0 at " << std::hex << bench.hart(0).pc() << ", hart 1 at " << bench.hart(1).pc();
      run_exactly(step);
    }
    vm_stop(RunState::kPaused);
  }
};

TEST_F(TwoHarts, EachHasItsOwnNumber) {
  Assembler a(kRam);
  a.csr(op_csrrs, a0, kMhartid, zero);
  a.li(t0, kData);
  a.shift(op_slli, t1, a0, 3);
  a.r(op_add, t0, t0, t1);
  a.i(op_addi, t2, a0, 100);
  a.s(op_sd, t2, 0, t0);
  a.j(zero, a.pc());
  bench.load(a, kRam);
  run_until([&] { return bench.at<uint64_t>(kData) != 0 && bench.at<uint64_t>(kData + 8) != 0; });
  EXPECT_EQ(bench.at<uint64_t>(kData), 100u);
  EXPECT_EQ(bench.at<uint64_t>(kData + 8), 101u);
}

// Adds 1 to a counter `turns` times with LR/SC, then counts itself as ready with an AMO.
Assembler contention(uint64_t turns) {
  Assembler a(kRam);
  a.li(s0, kData);
  a.li(s1, turns);
  const uint64_t loop = a.pc();
  a.r(op_lr_d, t0, s0, 0);
  a.i(op_addi, t0, t0, 1);
  a.r(op_sc_d, t1, s0, t0);
  a.b(op_bne, t1, zero, loop);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  a.i(op_addi, s0, s0, 64);
  a.i(op_addi, t0, zero, 1);
  a.r(op_amoadd_d, t1, s0, t0);
  a.j(zero, a.pc());
  return a;
}

TEST_F(TwoHarts, LrScLosesNoIncrement) {
  constexpr uint64_t kTurns = 50000;
  bench.load(contention(kTurns), kRam);
  run_until([&] { return bench.at<uint64_t>(kData + 64) == 2; }, 777);
  EXPECT_EQ(bench.at<uint64_t>(kData), 2 * kTurns);
}

// Slices so short that a switch falls between LR and SC all the time: the other hart's increment must make the SC fail.
TEST_F(TwoHarts, LrScLosesNoIncrementWhenTheHartsAlternateEveryFewInstructions) {
  for (const int64_t slice : {1, 2, 3, 5, 7}) {
    bench.at<uint64_t>(kData) = bench.at<uint64_t>(kData + 64) = 0;
    bench.load(contention(200), kRam);
    for (auto& hart : bench.harts) hart->reset();
    for (int turn = 0; bench.at<uint64_t>(kData + 64) != 2 && turn < 20000; turn++) {
      // Uneven: with a slice shorter than LR to SC nobody would ever get through.
      bench.hart(0).exec(slice + turn * 7 % 11);
      bench.hart(1).exec(slice + turn % 13);
    }
    EXPECT_EQ(bench.at<uint64_t>(kData), 400u) << "slice " << slice;
  }
}

TEST_F(TwoHarts, AStoreOfTheOtherHartEndsAReservation) {
  bench.load(contention(1), kRam);
  while (bench.hart(0).state.reservation_addr == HartState::kNoReservation) bench.hart(0).exec(1);
  bench.hart(1).exec(1);  // anything at all: a hart switch
  bench.hart(0).exec(2);  // addi, sc
  EXPECT_EQ(bench.x(t1, 0), 1u);
}

// Hart 1 sleeps in wfi until hart 0's software interrupt, counts it, and answers with one of its own; so on for 100 rounds.
TEST_F(TwoHarts, SoftwareInterruptsWakeTheOtherHart) {
  constexpr uint64_t kRounds = 100;
  Assembler a(kRam);
  a.li(t0, kRam + 0x1000);
  a.csr(op_csrrw, zero, kMtvec, t0);
  a.li(t0, kMipMsip);
  a.csr(op_csrrw, zero, kMie, t0);
  a.csr(op_csrrs, s0, kMhartid, zero);
  a.li(s1, Bench::kMswi);
  a.shift(op_slli, t0, s0, 2);
  a.r(op_add, s2, s1, t0);                   // my msip
  a.i(op_xori, t0, s0, 1);
  a.shift(op_slli, t0, t0, 2);
  a.r(op_add, s3, s1, t0);                   // the other's
  a.li(s4, 0);                               // interrupts taken
  a.li(s5, kData);
  a.shift(op_slli, t0, s0, 3);
  a.r(op_add, s5, s5, t0);
  a.i(op_addi, s6, zero, 1);
  a.csr(op_csrrsi, zero, kMstatus, 8);
  const size_t wait = a.reserve();           // hart 1 does not begin
  a.s(op_sw, s6, 0, s3);
  a.patch_b(wait, op_bne, s0, zero);
  const uint64_t sleep = a.pc();
  a.plain(op_wfi);
  a.j(zero, sleep);
  bench.load(a, kRam);
  Assembler handler(kRam + 0x1000);
  handler.s(op_sw, zero, 0, s2);
  handler.i(op_addi, s4, s4, 1);
  handler.s(op_sd, s4, 0, s5);
  handler.s(op_sw, s6, 0, s3);
  handler.plain(op_mret);
  bench.load(handler, kRam + 0x1000);
  vm_start();
  for (int i = 0; bench.at<uint64_t>(kData) < kRounds || bench.at<uint64_t>(kData + 8) < kRounds; i++) {
    ASSERT_LT(i, 10000);
    run_exactly(50);
  }
  const uint64_t zero_count = bench.at<uint64_t>(kData), one_count = bench.at<uint64_t>(kData + 8);
  EXPECT_LE(zero_count > one_count ? zero_count - one_count : one_count - zero_count, 1u);
  vm_stop(RunState::kPaused);
}

TEST_F(TwoHarts, CodeThatOneHartWritesIsWhatTheOtherRuns) {
  Assembler code(kRam + 0x2000);
  code.i(op_addi, a0, zero, 1);
  bench.load(code, kRam + 0x2000);
  Assembler writer(kRam);
  writer.li(t0, 0x00700513);
  writer.li(t1, kRam + 0x2000);
  writer.s(op_sw, t0, 0, t1);
  bench.load(writer, kRam);
  bench.hart(1).state.pc = kRam + 0x2000;
  bench.hart(1).exec(1);
  EXPECT_EQ(bench.x(a0, 1), 1u);
  bench.hart(0).exec(static_cast<int64_t>(writer.code().size() / 2));
  bench.hart(1).state.pc = kRam + 0x2000;
  bench.hart(1).exec(1);
  EXPECT_EQ(bench.x(a0, 1), 7u);
}

TEST_F(TwoHarts, TwoRunsAreTheSame) {
  const auto play = [&] {
    memset(bench.ram(), 0, Bench::kRamSize);
    bench.load(contention(3000), kRam);
    for (auto& hart : bench.harts) {
      hart->reset();
      hart->memory_map_changed();
    }
    const uint64_t base0 = bench.hart(0).instructions(), base1 = bench.hart(1).instructions();
    vm_start();
    run_exactly(30011);
    vm_stop(RunState::kPaused);
    std::vector<uint64_t> result{bench.hart(0).instructions() - base0, bench.hart(1).instructions() - base1, bench.at<uint64_t>(kData)};
    for (unsigned hart = 0; hart < 2; hart++) {
      result.insert(result.end(), bench.hart(hart).state.x.begin(), bench.hart(hart).state.x.begin() + 32);
      result.push_back(bench.hart(hart).pc());
    }
    return result;
  };
  const std::vector<uint64_t> first = play();
  run_loop_reset();
  EXPECT_EQ(play(), first);
}

}  // namespace
}  // namespace monochord
