// Bottom halves: order, and where they run.
#include <gtest/gtest.h>

#include <vector>

#include "loop_fixture.h"

namespace monochord {
namespace {

class Bh {
 public:
  explicit Bh(std::function<void()> callback) : callback_(std::move(callback)) {
    bh = qemu_bh_new([](void* self) { static_cast<Bh*>(self)->callback_(); }, this);
  }
  ~Bh() { qemu_bh_delete(bh); }
  QEMUBH* bh;

 private:
  std::function<void()> callback_;
};

class BottomHalf : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kVirtualLazy};
};

TEST_F(BottomHalf, RunInOrderOfSchedulingAndOnceHoweverOftenScheduled) {
  std::string order;
  Bh a([&] { order += 'a'; }), b([&] { order += 'b'; }), c([&] { order += 'c'; });
  qemu_bh_schedule(b.bh);
  qemu_bh_schedule(a.bh);
  qemu_bh_schedule(b.bh);
  qemu_bh_schedule(c.bh);
  main_loop_wait(1);
  EXPECT_EQ(order, "bac");
  main_loop_wait(1);
  EXPECT_EQ(order, "bac");
}

TEST_F(BottomHalf, CancelledOnesDoNotRun) {
  std::string order;
  Bh b([&] { order += 'b'; });
  Bh a([&] {
    order += 'a';
    qemu_bh_cancel(b.bh);
  });
  Bh c([&] { order += 'c'; });
  qemu_bh_schedule(a.bh);
  qemu_bh_schedule(b.bh);
  qemu_bh_schedule(c.bh);
  main_loop_wait(1);
  EXPECT_EQ(order, "ac");
  qemu_bh_schedule(b.bh);
  main_loop_wait(1);
  EXPECT_EQ(order, "acb");
}

TEST_F(BottomHalf, MayDeleteItselfAndOthers) {
  int ran = 0;
  struct Both {
    QEMUBH *self, *other;
    int* ran;
  } both = {nullptr, nullptr, &ran};
  both.other = qemu_bh_new([](void* opaque) { ++*static_cast<int*>(opaque) ; }, &ran);
  both.self = qemu_bh_new(
      [](void* opaque) {
        Both& b = *static_cast<Both*>(opaque);
        ++*b.ran;
        qemu_bh_delete(b.other);
        qemu_bh_delete(b.self);
      },
      &both);
  qemu_bh_schedule(both.self);
  qemu_bh_schedule(both.other);
  main_loop_wait(1);
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(bottom_halves_scheduled());
}

TEST_F(BottomHalf, OneThatItSchedulesRunsInTheSameTurnAfterTheOthers) {
  std::string order;
  Bh c([&] { order += 'c'; });
  Bh a([&] {
    order += 'a';
    qemu_bh_schedule(c.bh);
  });
  Bh b([&] { order += 'b'; });
  qemu_bh_schedule(a.bh);
  qemu_bh_schedule(b.bh);
  main_loop_wait(1);
  EXPECT_EQ(order, "abc");
}

TEST_F(BottomHalf, OneThatAlwaysSchedulesItselfDoesNotStopTheGuest) {
  FakeCpu cpu;
  int ran = 0;
  Bh again([&] {
    ran++;
    qemu_bh_schedule(again.bh);
  });
  qemu_bh_schedule(again.bh);
  vm_start();
  run_exactly(50'000);
  EXPECT_EQ(cpu.instructions(), 50'000u);
  EXPECT_GT(ran, 1);
}

TEST_F(BottomHalf, ScheduledInACallbackEndsTheIdleWait) {
  bool ran = false;
  Bh bh([&] {
    EXPECT_FALSE(in_handler_context());
    EXPECT_TRUE(bql_held);
    ran = true;
  });
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    EXPECT_TRUE(in_handler_context());
    qemu_bh_schedule(bh.bh);
  });
  timer.mod_in(1'000'000);
  main_loop_wait(0);
  EXPECT_TRUE(ran);
}

TEST_F(BottomHalf, OfACallbackWaitsForTheNextBudgetCheck) {
  FakeCpu cpu;
  cpu.block = 8;
  uint64_t at = 0;
  Bh bh([&] { at = cpu.instructions(); });
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] { qemu_bh_schedule(bh.bh); });
  cpu.insn = [&](uint64_t n) {
    if (n != 19) return;
    timer.mod_in(0);
    virtual_timer_host_signal();
  };
  vm_start();
  run_exactly(100);
  EXPECT_EQ(at, 24u);
}

// The guest stores to a device every 7th instruction; the device schedules a bottom half, whose effect is written down with the instruction count.
std::vector<uint64_t> trace_with_signals(int64_t signal_every, int block) {
  LoopRig rig(Kind::kVirtualLazy);
  FakeCpu cpu;
  cpu.block = block;
  std::vector<uint64_t> trace;
  int chain = 0;
  QEMUBH* second = qemu_bh_new([](void* t) { static_cast<std::vector<uint64_t>*>(t)->push_back(total_instructions() + 1'000'000); }, &trace);
  Bh first([&] {
    trace.push_back(cpu.instructions());
    if (++chain % 3 == 0) qemu_bh_schedule(second);  // a chain: it may not wait for where the next slice ends
  });
  TestTimer noise(QEMU_CLOCK_REALTIME, [&] { qemu_cpu_kick(cpu); });
  cpu.insn = [&](uint64_t n) {
    if (signal_every != 0 && n % static_cast<uint64_t>(signal_every) == 0) {
      noise.mod_in(0);
      virtual_timer_host_signal();
    }
    if (n % 7 == 0) cpu.mmio([&] { qemu_bh_schedule(first.bh); });
  };
  vm_start();
  run_exactly(3000);
  qemu_bh_delete(second);
  return trace;
}

TEST(BottomHalfOfTheGuest, RunsRightAfterItsInstructionWhereverSignalsEndSlices) {
  const std::vector<uint64_t> quiet = trace_with_signals(0, 1);
  ASSERT_GT(quiet.size(), 400u);
  EXPECT_EQ(quiet[0], 1u) << "right after instruction 0";
  EXPECT_EQ(quiet[1], 8u);
  for (int64_t every : {1, 2, 3, 5, 11}) {
    for (int block : {1, 4, 64}) EXPECT_EQ(trace_with_signals(every, block), quiet) << every << " " << block;
  }
}

}  // namespace
}  // namespace monochord
