// Interrupts at chosen instructions, stretches without, and the proof of a deadlock.
#include "core/schedule.h"

#include "core/guest_time.h"
#include "tests/core/loop_fixture.h"

namespace monochord {
namespace {

class ScheduleTest : public ::testing::Test {
 protected:
  ScheduleTest() {
    IcountOptions options;
    icount_parse("shift=0,sleep=off", &options);
    guest_time_start(options);
    cpu.insn = [this](uint64_t n) {
      if (n + 1 == length) cpu.mmio([] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
    };
  }
  int run(std::vector<InterruptPoint> points, std::vector<InterruptHold> holds = {}) {
    schedule_start({std::move(points), std::move(holds)}, [](void* opaque, unsigned irq) -> Status {
      ScheduleTest& self = *static_cast<ScheduleTest*>(opaque);
      if (irq > 95) return errorf("no source %u", irq);
      self.pulses.emplace_back(self.cpu.instructions(), irq);
      return {};
    }, this);
    vm_start();
    int status = run_loop(RunOptions{});
    return schedule_end() ? status : 1;
  }

  LoopRig rig{Kind::kVirtualLazy};
  FakeCpu cpu;
  uint64_t length = 1000;
  std::vector<std::pair<uint64_t, unsigned>> pulses;
};

TEST_F(ScheduleTest, the_clock_goes_to_its_deadline_after_exactly_that_instruction) {
  std::vector<uint64_t> fired;
  int64_t at = 0;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    fired.push_back(cpu.instructions());
    at = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  });
  timer.mod_in(1'000'000);
  EXPECT_EQ(run({{123, {}, {}, 0}}), 0);
  EXPECT_EQ(fired, std::vector<uint64_t>{123});
  EXPECT_EQ(at, 1'000'000);
}

TEST_F(ScheduleTest, a_source_gets_its_pulse_and_points_may_come_in_any_order) {
  EXPECT_EQ(run({{500, 10u, {}, 0}, {0, 3u, {}, 0}, {499, 4u, {}, 0}, {500, 11u, {}, 0}}), 0);
  EXPECT_EQ(pulses, (std::vector<std::pair<uint64_t, unsigned>>{{0, 3}, {499, 4}, {500, 10}, {500, 11}}));
}

TEST_F(ScheduleTest, what_can_not_be_right_fails_loudly) {
  EXPECT_EQ(run({{100, {}, {}, 0}}), 1) << "no timer is armed";
}
TEST_F(ScheduleTest, an_unknown_source) { EXPECT_EQ(run({{100, 96u, {}, 0}}), 1); }
TEST_F(ScheduleTest, a_point_that_is_never_reached) { EXPECT_EQ(run({{1001, 1u, {}, 0}}), 1); }
TEST_F(ScheduleTest, a_point_at_another_pc) {
  EXPECT_EQ(run({{100, 1u, 101u, 0}}), 1);  // FakeCpu's pc is its count
  EXPECT_TRUE(pulses.empty());
}
TEST_F(ScheduleTest, a_point_at_its_pc_on_its_first_visit) {
  EXPECT_EQ(run({{100, 1u, 100u, 1}}), 0);
  EXPECT_EQ(pulses.size(), 1u);
}
TEST_F(ScheduleTest, a_point_on_a_visit_that_was_not_meant) { EXPECT_EQ(run({{100, 1u, 100u, 2}}), 1); }

TEST_F(ScheduleTest, interrupts_are_held_where_they_should_be) {
  std::vector<uint64_t> held;
  length = 50;
  const auto insn = cpu.insn;
  cpu.insn = [&](uint64_t n) {
    if (cpu.interrupts_held) held.push_back(n);
    insn(n);
  };
  EXPECT_EQ(run({}, {{10, 13}, {12, 15}, {40, 41}}), 0);
  EXPECT_EQ(held, (std::vector<uint64_t>{10, 11, 12, 13, 14, 40}));
}

// --- deadlock ---------------------------------------------------------------------------------------------------------------
TEST_F(ScheduleTest, a_machine_in_which_nothing_can_happen_ends_with_status_3) {
  cpu.insn = [&](uint64_t n) { cpu.wfi = n == 9; };
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [] {});
  timer.mod_in(1'000'000);  // wakes nobody: afterwards nothing is left
  TestTimer never(QEMU_CLOCK_VIRTUAL, [] {});
  never.mod_in(INT64_MAX);  // a comparator of all ones
  vm_start();
  RunOptions options;
  options.deadlock_ends = true;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_loop(options), 3);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.compare(0, 9, "deadlock:"), 0) << text;
  EXPECT_NE(text.find("hart 0: pc 10"), std::string::npos) << text;
}

TEST_F(ScheduleTest, an_armed_timer_or_an_fd_is_no_deadlock) {
  cpu.insn = [&](uint64_t n) {
    cpu.wfi = n == 9;
    if (n == 20) cpu.mmio([] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
  };
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
  timer.mod_in(1'000'000);
  vm_start();
  RunOptions options;
  options.deadlock_ends = true;
  EXPECT_EQ(run_loop(options), 0);
}

TEST_F(ScheduleTest, an_fd_that_is_watched_may_bring_input) {
  cpu.insn = [&](uint64_t n) {
    cpu.wfi = n == 9;
    if (n == 20) cpu.mmio([] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
  };
  qemu_set_fd_handler(77, [](void* opaque) {
    qemu_set_fd_handler(77, nullptr, nullptr, nullptr);
    cpu_interrupt(*static_cast<FakeCpu*>(opaque), CPU_INTERRUPT_HARD);
  }, nullptr, &cpu);
  rig.virtual_host().set_idle_hook([](void* host) {
    static_cast<VirtualHost*>(host)->set_ready(77, kFdRead);
    return true;
  }, &rig.virtual_host());
  vm_start();
  RunOptions options;
  options.deadlock_ends = true;
  EXPECT_EQ(run_loop(options), 0);
}

}  // namespace
}  // namespace monochord
