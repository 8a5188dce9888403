// fd handlers: the hint is only a hint.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "loop_fixture.h"

namespace monochord {
namespace {

class FdHandlers : public ::testing::Test {
 protected:
  // A source with `bytes` to read; its handler takes up to `chunk` a call.
  struct Source {
    FdHandlers* test;
    int fd;
    int bytes = 0;
    int chunk = 1;
    int calls = 0;
    uint64_t at = 0;
    void put(int n, bool hint) {
      bytes += n;
      test->host_().set_ready(fd, bytes ? kFdRead : 0u, hint);
    }
    static void on_readable(void* opaque) {
      Source& s = *static_cast<Source*>(opaque);
      EXPECT_TRUE(bql_held);
      EXPECT_FALSE(in_handler_context());
      EXPECT_GT(s.bytes, 0) << "called although nothing is there";
      s.calls++;
      s.at = total_instructions();
      s.bytes -= std::min(s.bytes, s.chunk);
      s.test->host_().set_ready(s.fd, s.bytes ? kFdRead : 0u, false);  // edge-triggered: no hint for what is left
    }
  };
  VirtualHost& host_() { return rig.virtual_host(); }
  LoopRig rig{Kind::kVirtualLazy};
};

TEST_F(FdHandlers, ReadyBeforeItWasWatchedIsFoundWithoutAHint) {
  Source source{this, 5};
  source.put(1, false);
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &source);
  EXPECT_EQ(host_().watched(5), unsigned{kFdRead});
  main_loop_wait(1);
  EXPECT_EQ(source.calls, 1);
}

TEST_F(FdHandlers, WhatADrainLeavesIsFoundWithoutAHint) {
  Source source{this, 5};
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &source);
  main_loop_wait(1);
  source.put(100, true);  // one edge, 100 calls
  for (int i = 0; i < 100; i++) main_loop_wait(1);
  EXPECT_EQ(source.bytes, 0);
  EXPECT_EQ(source.calls, 100);
}

TEST_F(FdHandlers, OneHintServesAllFds) {
  Source a{this, 5}, b{this, 6};
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &a);
  qemu_set_fd_handler(6, Source::on_readable, nullptr, &b);
  main_loop_wait(1);
  a.put(1, false);
  b.put(1, true);
  main_loop_wait(1);
  EXPECT_EQ(a.calls, 1);
  EXPECT_EQ(b.calls, 1);
}

TEST_F(FdHandlers, AHintMakesABusyGuestLeaveAtItsNextBudgetCheck) {
  FakeCpu cpu;
  Source source{this, 5};
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &source);
  cpu.block = 16;
  cpu.insn = [&](uint64_t n) {
    if (n == 1000) source.put(1, true);
  };
  vm_start();
  run_exactly(100'000);
  EXPECT_EQ(source.at, 1008u);
}

TEST_F(FdHandlers, OneThatIsAlwaysReadyDoesNotStopTheGuest) {
  FakeCpu cpu;
  Source source{this, 5};
  source.chunk = 0;
  source.put(1, false);
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &source);
  vm_start();
  run_exactly(50'000);
  EXPECT_EQ(cpu.instructions(), 50'000u);
  EXPECT_GE(source.calls, 5) << "and it is served again and again";
  EXPECT_LE(source.calls, 1000) << "bounded work a wake";
}

TEST_F(FdHandlers, MayRemoveThemselvesAndOthers) {
  static int calls;
  calls = 0;
  for (int fd : {5, 6, 7}) {
    host_().set_ready(fd, kFdRead | kFdWrite);
    qemu_set_fd_handler(
        fd,
        [](void*) {
          calls++;
          for (int other : {5, 6, 7}) qemu_set_fd_handler(other, nullptr, nullptr, nullptr);
        },
        [](void*) { calls += 100; }, nullptr);
  }
  main_loop_wait(1);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(host_().watched(5), 0u);
  EXPECT_EQ(host_().watched(7), 0u);
}

TEST_F(FdHandlers, WritersAndHangups) {
  static int reads, writes;
  reads = writes = 0;
  qemu_set_fd_handler(5, [](void*) { reads++; }, [](void*) {
    writes++;
    qemu_set_fd_handler(5, nullptr, nullptr, nullptr);
  }, nullptr);
  EXPECT_EQ(host_().watched(5), unsigned{kFdRead} | kFdWrite);
  host_().set_ready(5, kFdWrite);
  main_loop_wait(1);
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(writes, 1);
  // The reader finds the end of the file.
  qemu_set_fd_handler(6, [](void*) {
    reads++;
    qemu_set_fd_handler(6, nullptr, nullptr, nullptr);
  }, nullptr, nullptr);
  host_().set_ready(6, kFdHangup);
  main_loop_wait(1);
  EXPECT_EQ(reads, 1);
}

TEST_F(FdHandlers, ServeAStoppedMachine) {
  FakeCpu cpu;
  Source source{this, 5};
  qemu_set_fd_handler(5, Source::on_readable, nullptr, &source);
  vm_start();
  run_exactly(10);
  vm_stop(RunState::kPaused);
  source.put(1, true);
  main_loop_wait(0);
  EXPECT_EQ(source.calls, 1);
  EXPECT_EQ(cpu.instructions(), 10u);
}

}  // namespace
}  // namespace monochord
