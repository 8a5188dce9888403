// Sstc: stimecmp, STIP and the timer behind them.
#include "tcg/riscv/stimer.h"
#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

constexpr unsigned kStimecmp = 0x14d, kMip = 0x344, kMenvcfg = 0x30a, kMcounteren = 0x306;

class Sstc : public HartTest {
 protected:
  Sstc() { csrw(kMenvcfg, kMenvcfgStce); }
  bool stip() { return (csrr(kMip) & kMipStip) != 0; }
  const QEMUTimer& timer() { return hart().stimer->timer(); }
};

TEST_F(Sstc, B103_stimecmp_all_ones_deletes_the_timer) {
  csrw(kStimecmp, time() + 1000);
  EXPECT_TRUE(timer_pending(&timer()));
  csrw(kStimecmp, ~uint64_t{0});
  EXPECT_FALSE(timer_pending(&timer()));
  EXPECT_FALSE(stip());
  // Also where STIP was up.
  csrw(kStimecmp, 0);
  EXPECT_TRUE(stip());
  csrw(kStimecmp, ~uint64_t{0});
  EXPECT_FALSE(stip());
  EXPECT_FALSE(timer_pending(&timer()));
}

TEST_F(Sstc, AComparisonInThePastIsPendingAtOnce) {
  advance(1000000);
  csrw(kStimecmp, time());
  EXPECT_TRUE(stip());
  EXPECT_FALSE(timer_pending(&timer()));
}

TEST_F(Sstc, FiresAtTheExactNanosecond) {
  csrw(kStimecmp, 123);
  EXPECT_EQ(timer_expire_time_ns(&timer()), 12300u);
  advance(12299);
  EXPECT_FALSE(stip());
  advance(1);
  EXPECT_TRUE(stip());
  EXPECT_EQ(time(), 123u);
  EXPECT_NE(hart().interrupt_request & CPU_INTERRUPT_HARD, 0u);
  EXPECT_NE(hart().exit_request, 0);
}

TEST_F(Sstc, ALaterComparisonLowersStip) {
  csrw(kStimecmp, 10);
  advance(2000);
  ASSERT_TRUE(stip());
  csrw(kStimecmp, 1000);
  EXPECT_FALSE(stip());
  advance(97999);
  EXPECT_FALSE(stip());
  advance(1);
  EXPECT_TRUE(stip());
}

TEST_F(Sstc, StipIsReadOnlyWhileTheComparisonDrivesIt) {
  csrw(kMip, kMipStip);
  EXPECT_FALSE(stip());
  csrw(kStimecmp, 0);
  csrrc(kMip, kMipStip);
  EXPECT_TRUE(stip());
}

TEST_F(Sstc, WithoutStceStipBelongsToSoftwareAndNothingIsArmed) {
  csrw(kStimecmp, 1000);
  csrw(kMenvcfg, 0);
  EXPECT_FALSE(timer_pending(&timer()));
  csrw(kStimecmp, 0);
  EXPECT_FALSE(stip());
  csrrs(kMip, kMipStip);
  EXPECT_TRUE(stip());
  csrrc(kMip, kMipStip);
  EXPECT_FALSE(stip());
}

TEST_F(Sstc, SwitchingStceOnComparesAtOnce) {
  csrw(kMenvcfg, 0);
  csrw(kStimecmp, 0);
  csrw(kMenvcfg, kMenvcfgStce);
  EXPECT_TRUE(stip());
  csrw(kMenvcfg, 0);
  EXPECT_FALSE(stip());
}

TEST_F(Sstc, SwitchingStceOnForgetsWhatSoftwareWroteIntoStip) {
  csrw(kMenvcfg, 0);
  csrrs(kMip, kMipStip);
  csrw(kMenvcfg, kMenvcfgStce);
  EXPECT_FALSE(stip());
  csrw(kMenvcfg, 0);
  EXPECT_FALSE(stip());
}

TEST_F(Sstc, B102_a_jump_of_the_time_is_compared_again) {
  csrw(kStimecmp, 1000000);
  EXPECT_FALSE(stip());
  time_delta_ = 2000000;  // mtime was written
  hart().stimer->evaluate();
  EXPECT_TRUE(stip());
  time_delta_ = 0;
  hart().stimer->evaluate();
  EXPECT_FALSE(stip());
  EXPECT_EQ(timer_expire_time_ns(&timer()), 100000000u);
}

TEST_F(Sstc, ThePortPassesOnThatTheTimeJumped) {
  csrw(kStimecmp, 1000000);
  time_delta_ = 2000000;
  const RiscvHartPort port = hart().port();
  ASSERT_NE(port.time_changed, nullptr);
  port.time_changed(port.opaque);
  while (hart().work_head != nullptr) {  // it may queue: main runs that before the next block
    CpuWork* work = hart().work_head;
    hart().work_head = work->next;
    work->queued = false;
    work->func(hart(), work->opaque);
  }
  EXPECT_TRUE(stip());
}

TEST_F(Sstc, ADeadlineBeyondTheClockNeverFires) {
  csrw(kStimecmp, ~uint64_t{0} - 1);
  EXPECT_FALSE(stip());
  advance(int64_t{1} << 60);
  EXPECT_FALSE(stip());
}

TEST_F(Sstc, SupervisorNeedsBothEnables) {
  state().priv = kPrivS;
  for (const bool stce : {false, true}) {
    for (const bool tm : {false, true}) {
      state().priv = kPrivM;
      csrw(kMenvcfg, stce ? kMenvcfgStce : 0);
      csrw(kMcounteren, tm ? kCounterTm : 0);
      state().priv = kPrivS;
      EXPECT_EQ(!illegal(csrr_access(kStimecmp)), stce && tm);
    }
  }
  state().priv = kPrivU;
  EXPECT_TRUE(illegal(csrr_access(kStimecmp)));
}

TEST_F(Sstc, ResetSilencesIt) {
  csrw(kStimecmp, 0);
  ASSERT_TRUE(stip());
  hart().reset();
  EXPECT_FALSE(stip());
  csrw(kMenvcfg, kMenvcfgStce);
  EXPECT_FALSE(stip());
  EXPECT_FALSE(timer_pending(&timer()));
}

TEST_F(Sstc, TheTimerHasANameAndIsExact) {
  EXPECT_STREQ(timer().name, "riscv.stimer0");
  // A million random comparisons would say the same: the deadline is the first nanosecond at which time() has reached stimecmp.
  uint64_t seed = 1;
  for (int i = 0; i < 2000; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const uint64_t target = time() + 1 + (seed >> 50);
    csrw(kStimecmp, target);
    const int64_t left = static_cast<int64_t>(timer_expire_time_ns(&timer())) - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    advance(left - 1);
    ASSERT_FALSE(stip());
    ASSERT_LT(time(), target);
    advance(1);
    ASSERT_TRUE(stip());
    ASSERT_EQ(time(), target);
  }
}

TEST_F(Sstc, WithoutTheExtensionThereIsNoStimecmp) {
  CpuConfig config = full_cpu_config();
  config.extensions[static_cast<size_t>(Ext::kSstc)] = false;
  start(config);
  EXPECT_TRUE(illegal(csrr_access(kStimecmp)));
  EXPECT_EQ(write_and_read(kMenvcfg, kMenvcfgStce), 0u);
  csrrs(kMip, kMipStip);
  EXPECT_TRUE(stip());
}

}  // namespace
}  // namespace monochord
