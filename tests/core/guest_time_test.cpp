// -icount in the run loop: behaviours 86, 87, 89 to 92, 95 and 97 of the timer's specification, with a hart whose instructions are C++ functions.
#include "core/guest_time.h"
#include "tests/core/loop_fixture.h"

namespace monochord {
namespace {

class GuestTimeTest : public EveryHost {
 protected:
  void counted(const char* text) {
    IcountOptions options;
    const char* error = icount_parse(text, &options);
    ASSERT_EQ(error, nullptr) << error;
    guest_time_start(options);
    vm_start();
  }
  // When a timer's callback ran, in instructions.
  std::function<void()> note(std::vector<uint64_t>& when) {
    return [&] { when.push_back(cpu.instructions()); };
  }
  FakeCpu cpu;
};

TEST_P(GuestTimeTest, B86_a_timer_fires_after_exactly_its_instruction) {
  counted("shift=0,sleep=off");
  cpu.block = 64;  // in the middle of a block, too
  std::vector<uint64_t> when;
  bool was_handler = false, was_self = true;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    when.push_back(cpu.instructions());
    was_handler = in_handler_context();
    was_self = qemu_cpu_is_self(cpu);
    EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 1000);
  });
  timer.mod_in(1000);
  run_exactly(2000);
  EXPECT_EQ(when, std::vector<uint64_t>{1000});
  EXPECT_TRUE(was_handler);
  EXPECT_FALSE(was_self);
}

TEST_P(GuestTimeTest, B86_between_two_instructions_it_fires_after_the_later_one) {
  counted("shift=3,sleep=off");
  std::vector<uint64_t> when;
  TestTimer at(QEMU_CLOCK_VIRTUAL, note(when)), above(QEMU_CLOCK_VIRTUAL, note(when)), below(QEMU_CLOCK_VIRTUAL, note(when));
  below.mod_in(799);
  at.mod_in(800);
  above.mod_in(801);
  run_exactly(200);
  EXPECT_EQ(when, (std::vector<uint64_t>{100, 100, 101}));
}

TEST_P(GuestTimeTest, B87_a_realtime_timer_never_shows_in_the_guest) {
  counted("shift=0,sleep=off");
  std::vector<uint64_t> when;
  int real = 0;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, note(when));
  TestTimer host_timer(QEMU_CLOCK_REALTIME, [&] { real++; });
  host_timer.mod_in(100);
  timer.mod_in(5000);
  int before = 0, inside = 0;
  cpu.insn = [&](uint64_t n) {
    if (n == 0) before = real;
    rig.pass(10);  // the alarm comes in the middle of the slice
    inside += real != before;
  };
  EXPECT_EQ(run_exactly(4999), ExecExit::kBudget);
  EXPECT_EQ(cpu.execs, 1) << "the signal ended no slice";
  EXPECT_EQ(inside, 0) << "no callback inside a slice";
  cpu.insn = nullptr;
  run_exactly(10);
  EXPECT_EQ(when, std::vector<uint64_t>{5000});
  if (!rig.posix()) EXPECT_EQ(real, 1);
}

TEST_P(GuestTimeTest, B89_a_due_timer_comes_before_any_instruction) {
  counted("shift=0,sleep=off");
  std::vector<uint64_t> when;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, note(when));
  timer.mod_in(0);
  run_exactly(10);
  EXPECT_EQ(when, std::vector<uint64_t>{0});
}

TEST_P(GuestTimeTest, B89_a_bottom_half_that_arms_a_due_timer_too) {
  counted("shift=0,sleep=off");
  std::vector<uint64_t> when;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, note(when));
  struct Arm {
    TestTimer* timer;
    QEMUBH* bh;
  } arm{&timer, nullptr};
  arm.bh = qemu_bh_new([](void* opaque) { static_cast<Arm*>(opaque)->timer->mod_in(0); }, &arm);
  cpu.insn = [&](uint64_t n) {
    if (n == 41) cpu.mmio([&] { qemu_bh_schedule(arm.bh); });
  };
  run_exactly(100);
  EXPECT_EQ(when, std::vector<uint64_t>{42});
  qemu_bh_delete(arm.bh);
}

TEST_P(GuestTimeTest, B89_a_timer_that_is_always_due_slows_the_guest_only) {
  counted("shift=0,sleep=off");
  TestTimer* self = nullptr;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { self->mod_in(0); });
  self = &timer;
  timer.mod_in(0);
  EXPECT_EQ(run_exactly(20), ExecExit::kBudget);
  timer.del();
}

TEST_P(GuestTimeTest, B90_a_nearer_timer_armed_by_the_guest_shortens_the_slice) {
  counted("shift=0,sleep=off");
  cpu.block = 1000;
  std::vector<uint64_t> when;
  TestTimer far(QEMU_CLOCK_VIRTUAL, note(when)), near(QEMU_CLOCK_VIRTUAL, note(when));
  far.mod_in(10000);
  cpu.insn = [&](uint64_t n) {
    // Inside instruction 501 VIRTUAL counts it already.
    if (n == 500) cpu.mmio([&] { near.mod_in(7); });
  };
  run_exactly(20000);
  EXPECT_EQ(when, (std::vector<uint64_t>{508, 10000}));
}

TEST_P(GuestTimeTest, B91_warp_without_sleep_jumps_to_the_deadline) {
  counted("shift=0,sleep=off");
  std::vector<uint64_t> when;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    when.push_back(cpu.instructions());
    cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
  });
  cpu.insn = [&](uint64_t n) {
    if (n == 9) {
      timer.mod_in(5 * SCALE_MS);
      cpu.wfi = true;
    }
  };
  const int64_t began = get_clock();
  run_exactly(20);
  EXPECT_EQ(when, std::vector<uint64_t>{10});
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 20 + 5 * SCALE_MS);
  if (!rig.posix()) EXPECT_EQ(get_clock(), began) << "no real time passed";
}

TEST_P(GuestTimeTest, B92_warp_with_sleep_takes_real_time_and_shows_the_same_virtual_time) {
  counted("shift=0,sleep=on");
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
  cpu.insn = [&](uint64_t n) {
    if (n == 9) {
      timer.mod_in(5 * SCALE_MS);
      cpu.wfi = true;
    }
  };
  const int64_t began = get_clock();
  run_exactly(20);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 20 + 5 * SCALE_MS);
  EXPECT_GE(get_clock() - began, 5 * SCALE_MS);
}

TEST_P(GuestTimeTest, B92_an_external_timer_alone_is_no_reason_to_warp) {
  counted("shift=0,sleep=off");
  bool fired = false;
  QEMUTimer external;
  timer_init_full(&external, nullptr, QEMU_CLOCK_VIRTUAL, SCALE_NS, QEMU_TIMER_ATTR_EXTERNAL, [](void* opaque) { *static_cast<bool*>(opaque) = true; }, &fired);
  timer_mod(&external, 1000);
  // What ends the sleep comes from the host.
  TestTimer waker(QEMU_CLOCK_REALTIME, [&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
  cpu.insn = [&](uint64_t n) {
    if (n == 9) {
      waker.mod_in(SCALE_MS);
      cpu.wfi = true;
    }
  };
  run_exactly(20);
  EXPECT_FALSE(fired);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 20);
  timer_del(&external);
}

TEST_P(GuestTimeTest, B92_input_in_a_paced_sleep_leaves_the_part_that_has_passed) {
  counted("shift=0,sleep=on");
  std::vector<uint64_t> when;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, note(when));
  int64_t at_input = -1;
  struct Input {
    FakeCpu* cpu;
    int64_t* at;
  } input{&cpu, &at_input};
  QEMUBH* const bh = qemu_bh_new(
      [](void* opaque) {
        Input& in = *static_cast<Input*>(opaque);
        guest_time_input();
        *in.at = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
        cpu_interrupt(*in.cpu, CPU_INTERRUPT_HARD);
      },
      &input);
  TestTimer typed(QEMU_CLOCK_REALTIME, [&] { qemu_bh_schedule(bh); });
  cpu.insn = [&](uint64_t n) {
    if (n == 9) {
      timer.mod_in(50 * SCALE_MS);
      typed.mod_in(2 * SCALE_MS);  // a key after 2 ms of 50
      cpu.wfi = true;
    }
  };
  run_exactly(20);
  EXPECT_EQ(guest_inputs(), 1u);
  EXPECT_GE(at_input, 10 + 2 * SCALE_MS - SCALE_MS);
  EXPECT_LT(at_input, 10 + 50 * SCALE_MS);
  EXPECT_EQ(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), at_input + 10);
  EXPECT_TRUE(when.empty()) << "its deadline is still to come";
  qemu_bh_delete(bh);
}

// A guest with timers of all kinds, a sleep and bottom halves: what happened, as text.
std::string story(Kind kind, const char* options, int block) {
  LoopRig rig(kind);
  FakeCpu cpu;
  cpu.block = block;
  IcountOptions parsed;
  EXPECT_EQ(icount_parse(options, &parsed), nullptr);
  guest_time_start(parsed);
  vm_start();
  std::string text;
  const auto tell = [&](char what) {
    text += std::string(1, what) + std::to_string(cpu.instructions()) + "@" + std::to_string(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) + " ";
  };
  TestTimer* again = nullptr;
  TestTimer tick(QEMU_CLOCK_VIRTUAL, [&] {
    tell('t');
    cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
    again->mod_in(777);
  });
  again = &tick;
  TestTimer once(QEMU_CLOCK_VIRTUAL, [&] { tell('o'); });
  TestTimer noise(QEMU_CLOCK_REALTIME, [&] {});
  tick.mod_in(333);
  cpu.insn = [&](uint64_t n) {
    if (n % 100 == 7) {
      noise.mod_in(1 + n % 3);
      rig.pass(2);
    }
    if (n % 250 == 13) cpu.mmio([&] { once.mod_in(static_cast<int64_t>(n % 50)); });
    if (n % 400 == 99) {
      cpu.wfi = true;
      cpu.mmio([&] { cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD); });
    }
  };
  run_exactly(5000);
  tick.del();
  once.del();
  noise.del();
  return text;
}

TEST(GuestTime, B95_two_runs_with_a_fixed_shift_are_the_same_whatever_the_host_does) {
  for (const char* shift : {"0", "3"}) {
    const std::string first = story(Kind::kVirtualLazy, (std::string("sleep=off,shift=") + shift).c_str(), 1);
    EXPECT_GT(first.size(), 200u);
    for (const Kind kind : {Kind::kVirtualLazy, Kind::kVirtualStrict, Kind::kPosixLazy, Kind::kPosixStrict}) {
      for (const char* sleep : {"sleep=off,shift=", "sleep=on,shift="}) {
        for (const int block : {1, 17, 1000}) EXPECT_EQ(story(kind, (std::string(sleep) + shift).c_str(), block), first);
      }
    }
  }
}

TEST_P(GuestTimeTest, B97_replay_refuses_a_virtual_timer_and_the_guest_goes_on) {
  counted("shift=0,sleep=off");
  std::vector<uint64_t> when;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, note(when));
  timer.mod_in(10);
  bool allowed = false;
  timer_set_replay_checkpoint([](void* opaque, QEMUClockType) { return *static_cast<bool*>(opaque); }, &allowed);
  cpu.insn = [&](uint64_t n) { allowed = n >= 20; };
  run_exactly(40);
  timer_set_replay_checkpoint(nullptr, nullptr);
  ASSERT_EQ(when.size(), 1u);
  EXPECT_GE(when[0], 21u);
}

TEST_P(GuestTimeTest, adaptive_follows_real_time_in_a_sleep) {
  counted("shift=auto");
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
  cpu.insn = [&](uint64_t n) {
    if (n == 9) {
      timer.mod_in(3 * SCALE_MS);
      cpu.wfi = true;
    }
  };
  const int64_t began = get_clock();
  run_exactly(20);
  EXPECT_GE(get_clock() - began, 3 * SCALE_MS);
  EXPECT_GE(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 3 * SCALE_MS);
}

TEST_P(GuestTimeTest, align_keeps_the_guest_from_running_ahead) {
  counted("shift=10,align=on");
  const int64_t began = get_clock();
  run_exactly(20 * 1000);  // 20 ms of the guest
  EXPECT_GE(get_clock() - began, 15 * SCALE_MS);
}

INSTANTIATE_EVERY_HOST(GuestTimeTest);

}  // namespace
}  // namespace monochord
