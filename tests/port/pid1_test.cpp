// As PID 1: no default actions, no /proc, no /dev.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include "process.h"

namespace monochord {
namespace {

// Runs `body` as PID 1 of a new namespace in an empty folder as root; its status goes through. 77: the host forbids namespaces.
int as_pid1(const std::function<int()>& body) {
  char folder[] = "/tmp/monochord-root-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 77;
  if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
    rmdir(folder);
    return 77;
  }
  const pid_t child = fork();
  if (child == 0) {
    if (getpid() != 1 || chroot(folder) != 0 || chdir("/") != 0) _exit(77);
    _exit(body());
  }
  int status = 77 << 8;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  rmdir(folder);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

TEST(Pid1, RunsAndEndsWithoutProcAndDev) {
  MiniMachine machine;
  machine.guest = MiniMachine::Guest::kBusy;
  ChildProcess child([&] { return as_pid1([&] { return machine.run(); }); });
  if (!child.expect("ready")) {
    EXPECT_EQ(WEXITSTATUS(child.wait()), 77);
    GTEST_SKIP() << "this host forbids PID namespaces";
  }
  child.type("abc");
  EXPECT_TRUE(child.expect("ABC"));
  child.type("\x01x");
  EXPECT_EQ(child.wait(), 0);
}

TEST(Pid1, AnswersTheSignalsThatEnd) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
    MiniMachine machine;
    // Of itself: nobody else knows its number here.
    TestTimer* timer = nullptr;
    machine.at_start = [&] {
      timer = new TestTimer(QEMU_CLOCK_VIRTUAL, [signal] { kill(1, signal); });
      timer->mod_in(10'000'000);
    };
    ChildProcess child([&] { return as_pid1([&] { return machine.run(); }); });
    if (!child.expect("ready")) GTEST_SKIP() << "this host forbids PID namespaces";
    EXPECT_EQ(child.wait(), 0);
    EXPECT_NE(child.rest_of(child.stderr_fd).find("terminating on signal"), std::string::npos);
  }
}

TEST(Pid1, ASecondSignalLeavesAtOnceAndACrashEnds) {
#ifdef MONOCHORD_ASAN
  GTEST_SKIP() << "the sanitizer reads /proc";
#endif
  for (int signal : {SIGTERM, SIGSEGV}) {
    MiniMachine machine;
    machine.guest = MiniMachine::Guest::kStuck;
    machine.at_start = [&] {
      TestTimer** self = new TestTimer*;
      *self = new TestTimer(QEMU_CLOCK_VIRTUAL, [signal, self] {
        (*self)->mod_in(10'000'000);
        kill(1, signal);
      });
      (*self)->mod_in(10'000'000);
    };
    ChildProcess child([&] { return as_pid1([&] { return machine.run(); }); });
    if (!child.expect("ready")) GTEST_SKIP() << "this host forbids PID namespaces";
    const int status = child.wait();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal) << child.rest_of(child.stderr_fd);
  }
}

TEST(Pid1, StopsOfTheTerminalDoNothing) {
  MiniMachine machine;
  machine.at_start = [] { raise(SIGTSTP); };
  ChildProcess child([&] { return as_pid1([&] { return machine.run(); }); });
  if (!child.expect("ready")) GTEST_SKIP() << "this host forbids PID namespaces";
  child.type("abc");
  EXPECT_TRUE(child.expect("ABC"));
}

TEST(Pid1, WithoutAnyOpenDescriptor) {
  MiniMachine machine;
  ChildProcess child([&] {
    return as_pid1([&] {
      for (int fd = 0; fd < 64; fd++) close(fd);
      machine.at_start = [] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 5); };
      return machine.run();
    });
  });
  const int status = child.wait();
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this host forbids PID namespaces";
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

}  // namespace
}  // namespace monochord
