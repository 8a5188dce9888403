// The run loop: turns, stops, exact counts, requests.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "loop_fixture.h"

namespace monochord {
namespace {

class RunLoop : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kVirtualLazy};
};

TEST_F(RunLoop, RunsUntilTheGuestAsksForTheEnd) {
  FakeCpu cpu;
  cpu.insn = [&](uint64_t n) {
    if (n == 999) cpu.mmio([] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 7); });
  };
  vm_start();
  EXPECT_EQ(run_loop(RunOptions{}), 7);
  EXPECT_EQ(cpu.instructions(), 1000u) << "right after the store";
  EXPECT_EQ(runstate(), RunState::kShutdown);
}

TEST_F(RunLoop, TheFirstShutdownRequestWins) {
  FakeCpu cpu;
  qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 3);
  qemu_system_shutdown_request(ShutdownCause::kHostSignal, 0);
  EXPECT_TRUE(qemu_shutdown_requested());
  vm_start();
  EXPECT_EQ(run_loop(RunOptions{}), 3);
  EXPECT_EQ(cpu.instructions(), 0u);
}

TEST_F(RunLoop, ACallbackMayAskForTheEnd) {
  FakeCpu cpu;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 5); });
  cpu.wfi = false;
  cpu.insn = [&](uint64_t) { cpu.wfi = true; };
  vm_start();
  timer.mod_in(1'000'000);
  EXPECT_EQ(run_loop(RunOptions{}), 5);
  EXPECT_EQ(virtual_timer_host_ns(), 1'000'000);
}

TEST_F(RunLoop, RunsExactlyAsManyInstructionsAsAskedWhateverEndsTheSlices) {
  FakeCpu cpu;
  cpu.insn = [&](uint64_t n) {
    if (n % 3 == 0) bql_signal_kick();
  };
  vm_start();
  for (uint64_t count : {1, 2, 3, 50, 1001}) {
    const uint64_t before = total_instructions();
    EXPECT_EQ(run_exactly(count), ExecExit::kBudget);
    EXPECT_EQ(total_instructions() - before, count);
  }
  EXPECT_EQ(run_exactly(0), ExecExit::kBudget);
}

// Two harts; who ran when, as a list of (hart, instruction).
std::vector<int> schedule(bool signals) {
  LoopRig rig(Kind::kVirtualLazy);
  FakeCpu a(0), b(1);
  std::vector<int> changes;
  int last = -1;
  for (FakeCpu* cpu : {&a, &b}) {
    cpu->insn = [&, cpu](uint64_t n) {
      if (last != cpu->cpu_index) {
        last = cpu->cpu_index;
        changes.push_back(cpu->cpu_index * 100'000'000 + static_cast<int>(n));
      }
      if (signals && n % 997 == 0) bql_signal_kick();
    };
  }
  vm_start();
  run_exactly(1'000'000);
  EXPECT_EQ(a.instructions() + b.instructions(), 1'000'000u);
  return changes;
}

TEST(RoundRobin, HartsTakeTurnsAndASignalNeverMovesThem) {
  const std::vector<int> quiet = schedule(false);
  EXPECT_EQ(quiet.size(), 10u) << "slices of 100,000 instructions";
  EXPECT_LT(quiet[0], 100'000'000) << "hart 0 begins";
  EXPECT_EQ(schedule(true), quiet);
}

TEST_F(RunLoop, ASleepingHartThatIsInterruptedGetsTheNextTurn) {
  FakeCpu a(0), b(1);
  uint64_t woken_at = 0;
  b.insn = [&](uint64_t n) {
    if (n == 0) {
      b.wfi = true;
      return;
    }
    if (woken_at == 0) {
      woken_at = a.instructions();
      cpu_reset_interrupt(b, CPU_INTERRUPT_HARD);
    }
  };
  a.insn = [&](uint64_t n) {
    if (n == 150'000) a.mmio([&] { cpu_interrupt(b, CPU_INTERRUPT_HARD); });
  };
  vm_start();
  // BQL rules: the reset in b's instruction needs it.
  auto inner = b.insn;
  b.insn = [&](uint64_t n) { b.mmio([&] { inner(n); }); };
  run_exactly(1'000'000);
  EXPECT_EQ(woken_at, 150'001u) << "not at the end of the other's slice";
}

TEST_F(RunLoop, WaitsOnlyWhenAllHartsSleep) {
  FakeCpu a(0), b(1);
  for (FakeCpu* cpu : {&a, &b}) cpu->insn = [cpu](uint64_t) { cpu->wfi = true; };
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { cpu_interrupt(b, CPU_INTERRUPT_HARD); });
  vm_start();
  timer.mod_in(5'000'000);
  EXPECT_EQ(run_exactly(3), ExecExit::kBudget);
  EXPECT_EQ(a.instructions(), 1u);
  EXPECT_EQ(b.instructions(), 2u);
  EXPECT_EQ(virtual_timer_host_ns(), 5'000'000);
  EXPECT_EQ(rig.virtual_host().idle_waits(), 1);
}

TEST_F(RunLoop, StopsAtABreakpointAndTellsTheDebugger) {
  FakeCpu cpu;
  cpu.insert_breakpoint(100);
  struct Seen {
    int calls = 0;
    uint64_t pc = 0;
    RunState state = RunState::kRunning;
  } seen;
  RunOptions options;
  options.opaque = &seen;
  options.on_debug = [](void* opaque, Cpu& hart, ExecExit why) {
    Seen& s = *static_cast<Seen*>(opaque);
    EXPECT_EQ(why, ExecExit::kBreakpoint);
    s.calls++;
    s.pc = hart.pc();
    s.state = runstate();
    qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
  };
  vm_start();
  EXPECT_EQ(run_loop(options), 0);
  EXPECT_EQ(seen.calls, 1);
  EXPECT_EQ(seen.pc, 100u);
  EXPECT_EQ(seen.state, RunState::kDebug);
  EXPECT_FALSE(cpu_ticks_enabled());
}

TEST_F(RunLoop, StepsASleepingHart) {
  FakeCpu cpu;
  cpu.halted = true;  // in wfi, and the clock that could wake it stands
  EXPECT_EQ(single_step(cpu, true), ExecExit::kBudget);
  EXPECT_EQ(cpu.instructions(), 1u);
}

TEST_F(RunLoop, StepsOneInstructionAlsoFromABreakpoint) {
  FakeCpu cpu;
  vm_start();
  run_exactly(10);
  vm_stop(RunState::kDebug);
  cpu.insert_breakpoint(10);
  EXPECT_EQ(single_step(cpu, true), ExecExit::kBudget);
  EXPECT_EQ(cpu.instructions(), 11u);
  EXPECT_EQ(cpu.breakpoint, 10u) << "still there";
  bool held = false;
  cpu.insn = [&](uint64_t) { held = cpu.interrupts_held; };
  bool kicked = false;
  cpu.on_entry = [&] {
    if (!kicked) bql_signal_kick();  // ends the first try before its instruction
    kicked = true;
  };
  EXPECT_EQ(single_step(cpu, true), ExecExit::kBudget);
  EXPECT_EQ(cpu.instructions(), 12u);
  EXPECT_TRUE(held);
  EXPECT_FALSE(cpu.interrupts_held);
  EXPECT_EQ(runstate(), RunState::kDebug);
}

TEST_F(RunLoop, ResetHandlersRunInOrderThenTheHarts) {
  FakeCpu cpu;
  static std::vector<int> order;
  static FakeCpu* hart;
  hart = &cpu;
  order.clear();
  register_reset_handler([](void* opaque) {
    EXPECT_EQ(hart->resets, 0);
    order.push_back(static_cast<int>(reinterpret_cast<intptr_t>(opaque)));
  }, reinterpret_cast<void*>(1));
  register_reset_handler([](void* opaque) { order.push_back(static_cast<int>(reinterpret_cast<intptr_t>(opaque))); }, reinterpret_cast<void*>(2));
  cpu.insn = [&](uint64_t n) {
    if (n == 5) cpu.mmio([] { qemu_system_reset_request(ShutdownCause::kGuestReset); });
  };
  vm_start();
  run_exactly(10);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(cpu.resets, 1);
  EXPECT_EQ(runstate(), RunState::kRunning);
}

TEST_F(RunLoop, ResetIsTheEndWithNoReboot) {
  FakeCpu cpu;
  cpu.insn = [&](uint64_t n) {
    if (n == 5) qemu_system_reset_request(ShutdownCause::kGuestReset);
  };
  vm_start();
  RunOptions options;
  options.reset_is_shutdown = true;
  EXPECT_EQ(run_loop(options), 0);
  EXPECT_EQ(cpu.resets, 0);
}

TEST_F(RunLoop, StoppedMeansNoInstructionNoVirtualTimeNoAlarm) {
  FakeCpu cpu;
  int fired = 0;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { fired++; });
  vm_start();
  run_exactly(10);
  timer.mod_in(1'000);
  vm_stop(RunState::kPaused);
  EXPECT_EQ(runstate(), RunState::kPaused);
  EXPECT_TRUE(cpu.stopped);
  const int64_t stopped_at = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  virtual_timer_host_clear_counters();
  bql_unlock();
  virtual_timer_host_advance_ns(1'000'000'000);
  bql_lock();
  EXPECT_LE(virtual_timer_host_counters().signals, 1) << "an alarm for a frozen clock";
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), stopped_at);
  EXPECT_EQ(run_exactly(5), ExecExit::kRequest);
  EXPECT_EQ(cpu.instructions(), 10u);
  vm_start();
  EXPECT_EQ(run_exactly(5), ExecExit::kBudget);
  bql_unlock();
  virtual_timer_host_advance_ns(1'000);
  bql_lock();
  EXPECT_EQ(fired, 1);
}

TEST_F(RunLoop, AStoreThatStopsTheMachineStopsItRightAfterItself) {
  FakeCpu cpu;
  cpu.block = 64;
  cpu.insn = [&](uint64_t n) {
    if (n == 20) cpu.mmio([] { vm_stop(RunState::kPaused); });
  };
  vm_start();
  EXPECT_EQ(run_exactly(1000), ExecExit::kRequest);
  EXPECT_EQ(cpu.instructions(), 21u);
  EXPECT_TRUE(cpu.stopped);
}

TEST_F(RunLoop, PauseAndResumeKeepTheHarts) {
  FakeCpu a(0), b(1);
  vm_start();
  pause_all_vcpus();
  EXPECT_TRUE(a.stopped && b.stopped);
  EXPECT_FALSE(cpu_can_run(a));
  resume_all_vcpus();
  EXPECT_TRUE(cpu_can_run(a) && cpu_can_run(b));
}

TEST_F(RunLoop, AnInterruptThatComesInTheLastWindowBeforeTheWaitIsSeen) {
  FakeCpu cpu;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
  for (VirtualHost::Window where : {VirtualHost::Window::kBeforeBlock, VirtualHost::Window::kAfterCheck}) {
    struct Hook {
      VirtualHost::Window where;
      TestTimer* timer;
    } hook = {where, &timer};
    rig.virtual_host().set_window_hook(
        [](void* opaque, VirtualHost::Window now) {
          const Hook& h = *static_cast<Hook*>(opaque);
          if (now != h.where) return;
          h.timer->mod_in(0);
          virtual_timer_host_signal();
        },
        &hook);
    rig.virtual_host().set_idle_hook(nullptr, nullptr);  // would be a hang
    cpu.interrupt_request = 0;
    cpu.halted = true;
    vm_start();
    const uint64_t before = cpu.instructions();
    run_exactly(1);
    EXPECT_EQ(cpu.instructions(), before + 1);
  }
}

}  // namespace
}  // namespace monochord
