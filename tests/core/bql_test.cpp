// The BQL, handler context and the masking rules of DESIGN.md section 2; behaviours 69 to 74 of the timer specification, under every host and masking.
#include <gtest/gtest.h>

#include "loop_fixture.h"

namespace monochord {
namespace {

class Bql : public EveryHost {};
INSTANTIATE_EVERY_HOST(Bql);

// Runs `timer_set` with the BQL held, then opens the mask until `done`.
template <typename Done>
void open_until(LoopRig& rig, Done done) {
  bql_unlock();
  while (!done()) rig.pass(100'000);
  bql_lock();
}

TEST_P(Bql, B69_IsSelfIsFalseInACallbackAndTrueOutside) {
  FakeCpu cpu;
  volatile bool fired = false;
  bool self_in_handler = true, self_deferred = true;
  TestTimer direct(QEMU_CLOCK_REALTIME, [&] {
    self_in_handler = qemu_cpu_is_self(cpu);
    fired = true;
  });
  EXPECT_TRUE(qemu_cpu_is_self(cpu));
  direct.mod_in(10'000);
  open_until(rig, [&] { return fired; });
  EXPECT_FALSE(self_in_handler);
  EXPECT_TRUE(qemu_cpu_is_self(cpu));

  // Deferred: the signal comes while the BQL is held, bql_unlock runs the callback.
  fired = false;
  TestTimer deferred(QEMU_CLOCK_REALTIME, [&] {
    self_deferred = qemu_cpu_is_self(cpu);
    fired = true;
  });
  deferred.mod_in(0);
  if (rig.posix()) {
    raise(SIGALRM);
  } else {
    virtual_timer_host_signal();
  }
  EXPECT_FALSE(fired);
  bql_unlock();
  EXPECT_TRUE(fired);
  bql_lock();
  EXPECT_FALSE(self_deferred);
  EXPECT_TRUE(qemu_cpu_is_self(cpu));
}

TEST_P(Bql, B70_IsLockedInACallback) {
  volatile bool fired = false;
  bool locked = false, handler = false, held_by_main = true;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    locked = bql_locked();
    handler = in_handler_context();
    held_by_main = bql_held;
    fired = true;
  });
  EXPECT_TRUE(bql_locked());
  timer.mod_in(10'000);
  open_until(rig, [&] { return fired; });
  EXPECT_TRUE(locked);
  EXPECT_TRUE(handler);
  EXPECT_FALSE(held_by_main);
  EXPECT_FALSE(in_handler_context());
}

TEST_P(Bql, TheTimerCodesOwnGuardDoesNotMakeItLocked) {
  bql_unlock();
  timer_mask_enter();
  EXPECT_FALSE(bql_locked());
  timer_mask_leave();
  bql_lock();
}

TEST_P(Bql, AGuardTakesItOnlyWhereItIsFree) {
  {
    BqlLockGuard guard;
    EXPECT_TRUE(bql_held);
  }
  EXPECT_TRUE(bql_held) << "the guard did not take it";
  bql_unlock();
  {
    BqlLockGuard guard;
    EXPECT_TRUE(bql_held);
  }
  EXPECT_FALSE(bql_held);
  bql_lock();
}

// A device whose two registers always add up to 100, changed one after the other.
TEST_P(Bql, B71_ACallbackNeverSeesHalfAnMmioAccess) {
  volatile int low = 0, high = 100;
  volatile int runs = 0, torn = 0;
  TestTimer* self = nullptr;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    runs = runs + 1;
    if (low + high != 100) torn = torn + 1;
    if (self != nullptr) self->mod_in(1'000);
  });
  self = &timer;
  timer.mod_in(1'000);
  bql_unlock();
  // Many accesses, each with a window in the middle where a signal would see the half state.
  for (int i = 0; runs < 200 && i < 100'000'000; i++) {
    bql_lock();
    low = i % 100;
    if (!rig.posix()) {
      virtual_timer_host_set_ns(virtual_timer_host_ns() + 700);
      virtual_timer_host_deliver_due();
    } else {
      for (int wait = 0; wait < 50; wait++) high = high;  // a wide window
    }
    high = 100 - low;
    bql_unlock();
  }
  self = nullptr;
  EXPECT_GE(runs, 200);
  EXPECT_EQ(torn, 0);
  bql_lock();
}

// Main clears bit A, a read-modify-write, while callbacks set bit B: every B that was set is seen.
TEST_P(Bql, B72_NoInterruptBitIsLost) {
  constexpr uint32_t kA = 1u << 4, kB = 1u << 5;
  FakeCpu cpu;
  volatile int set = 0;
  TestTimer* self = nullptr;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    if (!(cpu.interrupt_request & kB)) {
      cpu_interrupt(cpu, kB);
      set = set + 1;
    }
    if (self != nullptr) self->mod_in(1'000);
  });
  self = &timer;
  timer.mod_in(1'000);
  int seen = 0;
  bql_unlock();
  for (int i = 0; i < 1'000'000; i++) {
    bql_lock();
    cpu_interrupt(cpu, kA);
    bql_unlock();
    if (!rig.posix() && i % 64 == 0) virtual_timer_host_advance_ns(1'000);
    bql_lock();
    cpu_reset_interrupt(cpu, kA);
    if (cpu.interrupt_request & kB) {
      cpu_reset_interrupt(cpu, kB);
      seen++;
    }
    bql_unlock();
  }
  bql_lock();
  self = nullptr;
  timer.del();
  if (cpu.interrupt_request & kB) seen++;
  EXPECT_FALSE(cpu.interrupt_request & kA);
  EXPECT_GT(set, 10);
  EXPECT_EQ(seen, set);
}

// No rescue timer: a lost wakeup hangs (and the test's time limit ends it). Says nothing about latency.
TEST_P(Bql, B73_TheIdleWaitLosesNoWakeup) {
  volatile bool flag = false;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] { flag = true; });
  // Under real signals the starvation floor makes each cycle 50 us and more.
  for (int i = 0; i < 100'000; i++) {
    flag = false;
    timer.mod_in(3'000);
    while (!flag) host().idle_wait([](void* f) { return bool{*static_cast<volatile bool*>(f)}; }, const_cast<bool*>(&flag));
  }
  SUCCEED();
}

TEST_P(Bql, B74_AThousandKicksAreOneExit) {
  FakeCpu cpu;
  bool kicked = false;
  volatile bool fired = false;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    for (int i = 0; i < 1000; i++) qemu_cpu_kick(cpu);
    fired = true;
  });
  cpu.insn = [&](uint64_t) {
    if (!kicked) {
      kicked = true;
      timer.mod_in(0);
      if (!rig.posix()) virtual_timer_host_signal();
    }
  };
  vm_start();
  while (!fired) run_exactly(1000);
  run_exactly(1000);
  EXPECT_EQ(cpu.requests, 1);
}

// A signal that runs no timers is not held off by the mask. It may come after the loop looked and before exec() cleared exit_request.
TEST_P(Bql, ASignalsKickIsNotLostWhileExecClearsItsFlag) {
  FakeCpu cpu;
  bool sent = false;
  cpu.on_entry = [&] {
    if (sent) return;
    sent = true;
    cpu.exit_request = 1;  // what the handler did just before exec() cleared it ...
    bql_signal_kick();
    cpu.exit_request = 0;
  };
  vm_start();
  cpu.insn = [&](uint64_t n) {
    if (n > 10'000) qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
  };
  run_exactly(100);
  EXPECT_EQ(cpu.requests, 1);
}

using BqlDeath = ::testing::Test;

TEST(BqlDeath, RulesAreChecked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        bql_lock();
      },
      "bql_held");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        bql_unlock();
        bql_unlock();
      },
      "bql_held");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        TestTimer timer(QEMU_CLOCK_REALTIME, [] { bql_lock(); });
        timer.mod_in(0);
        bql_unlock();
        virtual_timer_host_signal();
      },
      "timer_in_handler");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        FakeCpu cpu;
        TestTimer timer(QEMU_CLOCK_REALTIME, [&] { run_on_cpu(cpu, [](Cpu&, void*) {}, nullptr); });
        timer.mod_in(0);
        bql_unlock();
        virtual_timer_host_signal();
      },
      "async_run_on_cpu");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        TestTimer timer(QEMU_CLOCK_REALTIME, [] { qemu_set_fd_handler(0, nullptr, nullptr, nullptr); });
        timer.mod_in(0);
        bql_unlock();
        virtual_timer_host_signal();
      },
      "in_handler_context");
  EXPECT_DEATH(
      {
        LoopRig rig(Kind::kVirtualLazy);
        VirtualHost& host = rig.virtual_host();
        host.set_idle_hook(nullptr, nullptr);
        main_loop_wait(0);
      },
      "nothing can ever wake");
}

}  // namespace
}  // namespace monochord
