// How a process ends: the first signal asks, the second leaves, crashes crash; the terminal is terminal_test.cpp's.
#include <gtest/gtest.h>

#include "process.h"

namespace monochord {
namespace {

TEST(Ends, TheFirstSignalAsksTheLoop) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
    for (MiniMachine::Guest guest : {MiniMachine::Guest::kIdle, MiniMachine::Guest::kBusy}) {
      for (bool strict : {false, true}) {
        MiniMachine machine;
        machine.guest = guest;
        machine.strict = strict;
        ChildProcess child([&] { return machine.run(); });
        ASSERT_TRUE(child.expect("ready"));
        kill(child.pid, signal);
        EXPECT_EQ(child.wait(), 0) << signal;
        EXPECT_EQ(child.rest_of(child.stderr_fd), "monochord: terminating on signal " + std::to_string(signal) + "\n");
      }
    }
  }
}

TEST(Ends, TheSecondSignalLeavesAtOnce) {
  for (int second : {SIGTERM, SIGINT}) {
    MiniMachine machine;
    machine.guest = MiniMachine::Guest::kStuck;
    ChildProcess child([&] { return machine.run(); });
    ASSERT_TRUE(child.expect("ready"));
    kill(child.pid, SIGTERM);
    ASSERT_TRUE(child.expect("signal 15\n", child.stderr_fd));
    usleep(50'000);
    EXPECT_EQ(waitpid(child.pid, nullptr, WNOHANG), 0) << "the first one did not wait for the loop";
    kill(child.pid, second);
    const int status = child.wait();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + second);
    EXPECT_LT(child.ended_in_ms, 1000);
  }
}

TEST(Ends, ASignalBeforeTheLoopRunsIsNotForgotten) {
  MiniMachine machine;
  machine.guest = MiniMachine::Guest::kBusy;
  machine.at_start = [] { raise(SIGTERM); };
  ChildProcess child([&] { return machine.run(); });
  EXPECT_EQ(child.wait(), 0);
}

TEST(Ends, ManySignalsAtRandomMomentsAreNeverLost) {
  // Each process gets one SIGTERM at another moment of its loop; one that is lost hangs.
  for (int i = 0; i < 60; i++) {
    MiniMachine machine;
    machine.guest = i % 2 ? MiniMachine::Guest::kBusy : MiniMachine::Guest::kIdle;
    std::unique_ptr<TestTimer> timer;
    machine.at_start = [&timer] {
      TestTimer** self = new TestTimer*;
      timer = std::make_unique<TestTimer>(QEMU_CLOCK_VIRTUAL, [self] {
        (*self)->mod_in(20'000);
        qemu_notify_event();
      });
      *self = timer.get();
      timer->mod_in(20'000);
    };
    ChildProcess child([&] { return machine.run(); });
    ASSERT_TRUE(child.expect("ready"));
    usleep(static_cast<useconds_t>(i * 37 % 500));
    kill(child.pid, SIGTERM);
    ASSERT_EQ(child.wait(), 0);
  }
}

TEST(Ends, ACrashIsStillACrash) {
#ifdef MONOCHORD_ASAN
  GTEST_SKIP() << "the sanitizer has these signals";
#endif
  for (int signal : {SIGQUIT, SIGSEGV, SIGABRT}) {
    MiniMachine machine;
    ChildProcess child([&] { return machine.run(); });
    ASSERT_TRUE(child.expect("ready"));
    kill(child.pid, signal);
    const int status = child.wait();
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
  }
}

TEST(Ends, SigpipeAndSigwinchAreNothing) {
  MiniMachine machine;
  ChildProcess child([&] { return machine.run(); });
  ASSERT_TRUE(child.expect("ready"));
  kill(child.pid, SIGPIPE);
  kill(child.pid, SIGWINCH);
  child.type("abc");
  EXPECT_TRUE(child.expect("ABC"));
}

}  // namespace
}  // namespace monochord
