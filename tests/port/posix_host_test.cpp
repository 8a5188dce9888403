// The idle wait, SIGIO and descriptors under real signals.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "process.h"

namespace monochord {
namespace {

class PosixHostTest : public ::testing::TestWithParam<Kind> {
 protected:
  LoopRig rig{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Maskings, PosixHostTest, ::testing::Values(Kind::kPosixLazy, Kind::kPosixStrict), kind_name);

struct Reader {
  int fd;
  std::string got;
  size_t at_once = 1;
  static void on_readable(void* opaque) {
    Reader& self = *static_cast<Reader*>(opaque);
    char bytes[256];
    const ssize_t size = read(self.fd, bytes, self.at_once);
    if (size > 0) self.got.append(bytes, static_cast<size_t>(size));
  }
};

TEST_P(PosixHostTest, AReadyFdEndsTheIdleWait) {
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  Reader reader{pipe_fds[0], "", 1};
  qemu_set_fd_handler(pipe_fds[0], Reader::on_readable, nullptr, &reader);
  const pid_t writer = fork();
  if (writer == 0) {
    usleep(20'000);
    _exit(write(pipe_fds[1], "x", 1) == 1 ? 0 : 1);
  }
  while (reader.got.empty()) main_loop_wait(0);
  EXPECT_EQ(reader.got, "x");
  waitpid(writer, nullptr, 0);
  qemu_set_fd_handler(pipe_fds[0], nullptr, nullptr, nullptr);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

// SIGIO is the only thing that can end the slice of this guest. Many bytes come while one is read: edges are merged and lost.
TEST_P(PosixHostTest, SigioReachesABusyGuestAndNoByteIsLost) {
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  Reader reader{sockets[0], "", 3};
  qemu_set_fd_handler(sockets[0], Reader::on_readable, nullptr, &reader);
  constexpr size_t kBytes = 20'000;
  FakeCpu cpu;
  cpu.insn = [&](uint64_t) {
    if (reader.got.size() >= kBytes) qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
  };
  const pid_t writer = fork();
  if (writer == 0) {
    for (size_t i = 0; i < kBytes; i++) {
      if (write(sockets[1], "x", 1) != 1) _exit(1);
      if (i % 1000 == 0) usleep(1000);
    }
    _exit(0);
  }
  vm_start();
  run_loop(RunOptions{});
  EXPECT_EQ(reader.got.size(), kBytes);
  waitpid(writer, nullptr, 0);
  qemu_set_fd_handler(sockets[0], nullptr, nullptr, nullptr);
  close(sockets[0]);
  close(sockets[1]);
}

TEST_P(PosixHostTest, BytesThatCameBeforeTheFdWasWatchedAreFound) {
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  ASSERT_EQ(write(sockets[1], "early", 5), 5);
  Reader reader{sockets[0], "", 1};
  qemu_set_fd_handler(sockets[0], Reader::on_readable, nullptr, &reader);
  for (int i = 0; i < 5; i++) main_loop_wait(1);
  EXPECT_EQ(reader.got, "early");
  qemu_set_fd_handler(sockets[0], nullptr, nullptr, nullptr);
  close(sockets[0]);
  close(sockets[1]);
}

TEST_P(PosixHostTest, ATimerEndsTheIdleWaitOfASleepingHart) {
  FakeCpu cpu;
  cpu.insn = [&](uint64_t) { cpu.wfi = true; };
  volatile int fired = 0;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    fired = fired + 1;
    cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
  });
  vm_start();
  run_exactly(1);
  timer.mod_in(2'000'000);
  EXPECT_EQ(run_exactly(1), ExecExit::kBudget);
  EXPECT_EQ(fired, 1);
}

// Most alarms of a busy guest run in the handler itself: the guest's code leaves the mask open.
TEST_P(PosixHostTest, AlarmsOfABusyGuestRunInTheHandler) {
  FakeCpu cpu;
  volatile int fired = 0;
  TestTimer* self = nullptr;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    fired = fired + 1;
    self->mod_in(300'000);
  });
  self = &timer;
  vm_start();
  timer.mod_in(300'000);
  const PosixTimerHostCounters before = posix_timer_host_counters();
  while (fired < 100) run_exactly(10'000'000);
  const PosixTimerHostCounters after = posix_timer_host_counters();
  timer.del();
  EXPECT_GE(after.signals - before.signals, 100u);
  EXPECT_GE((after.signals_run - before.signals_run) * 10, (after.signals - before.signals) * 9);
}

TEST_P(PosixHostTest, SignalsLeaveErrnoAlone) {
  for (int signal : {SIGIO, SIGCONT, SIGTERM}) {
    errno = ENOTTY;
    raise(signal);
    EXPECT_EQ(errno, ENOTTY) << signal;
  }
  EXPECT_TRUE(host().take_fd_hint());
  EXPECT_FALSE(host().take_fd_hint()) << "once";
  EXPECT_TRUE(qemu_shutdown_requested());
}

TEST_P(PosixHostTest, OurHandlersRunOnTheSignalStack) {
  // A handler of the system's kind has no way to tell; the kernel's flag does: while one runs there, sigaltstack() says so.
  static volatile bool on_stack;
  struct sigaction ours;
  for (int signal : {SIGIO, SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT}) {
    ASSERT_EQ(sigaction(signal, nullptr, &ours), 0);
    EXPECT_TRUE(ours.sa_flags & SA_ONSTACK) << signal;
    EXPECT_TRUE(ours.sa_flags & SA_RESTART) << signal;
    for (int other : {SIGALRM, SIGIO, SIGTERM}) EXPECT_EQ(sigismember(&ours.sa_mask, other), 1) << "handlers nest";
  }
  on_stack = false;
  TestTimer timer(QEMU_CLOCK_REALTIME, [] {
    stack_t stack;
    sigaltstack(nullptr, &stack);
    on_stack = stack.ss_flags & SS_ONSTACK;
    raise(SIGIO);  // blocked while the alarm's handler runs
    EXPECT_FALSE(host().take_fd_hint());
  });
  timer.mod_in(1'000'000);
  bql_unlock();
  for (int64_t end = now_ms() + 5'000; !on_stack && now_ms() < end;) usleep(1000);
  bql_lock();
  EXPECT_TRUE(on_stack);
  EXPECT_TRUE(host().take_fd_hint()) << "it came after";
}

TEST_P(PosixHostTest, NoAlarmComesWhileTheMachineIsStopped) {
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [] {});
  FakeCpu cpu;
  vm_start();
  timer.mod_in(1'000'000);
  vm_stop(RunState::kPaused);
  bql_unlock();
  const uint64_t before = posix_timer_host_counters().signals;
  usleep(50'000);
  EXPECT_LE(posix_timer_host_counters().signals - before, 1u);
  bql_lock();
}

// A handler that takes long and re-arms at once may slow the guest, but not stop it.
TEST_P(PosixHostTest, ATimerThatIsAlwaysDueLeavesTheGuestItsTurn) {
  FakeCpu cpu;
  TestTimer* self = nullptr;
  volatile int fired = 0;
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [&] {
    fired = fired + 1;
    self->mod_in(1);
    qemu_cpu_kick(cpu);
  });
  self = &timer;
  vm_start();
  timer.mod_in(1);
  EXPECT_EQ(run_exactly(1'000'000), ExecExit::kBudget);
  EXPECT_GT(fired, 10);
  timer.del();
}

TEST(PosixHostProcess, AnIdleGuestCostsNothing) {
  for (const bool strict : {false, true}) {
    MiniMachine machine;
    machine.strict = strict;
    rusage before = {};
    machine.at_start = [&before] { getrusage(RUSAGE_SELF, &before); };
    ChildProcess child([&] {
      machine.run();
      rusage after = {};
      getrusage(RUSAGE_SELF, &after);
      const auto us = [](const rusage& r) {
        return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1'000'000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
      };
      fprintf(stderr, "%ld us, %ld waits;", static_cast<long>(us(after) - us(before)), after.ru_nvcsw - before.ru_nvcsw);
      return 0;
    });
    ASSERT_TRUE(child.expect("ready"));
    usleep(1'000'000);
    kill(child.pid, SIGTERM);
    EXPECT_EQ(child.wait(), 0);
    const std::string said = child.rest_of(child.stderr_fd);
    long us = -1, waits = -1;
    ASSERT_EQ(sscanf(said.c_str() + said.find('\n') + 1, "%ld us, %ld waits", &us, &waits), 2) << said;
    EXPECT_LT(us, 10'000) << "more than 1 % of the second";
    EXPECT_LT(waits, 20) << "a periodic tick";
  }
}

TEST(PosixHostProcess, ExitInHandlerContextIsABug) {
  MiniMachine machine;
  machine.guest = MiniMachine::Guest::kBusy;
  machine.at_start = [] {
    TestTimer* timer = new TestTimer(QEMU_CLOCK_VIRTUAL, [] { exit(3); });
    timer->mod_in(1'000'000);
  };
  ChildProcess child([&] { return machine.run(); });
  const int status = child.wait();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_NE(child.rest_of(child.stderr_fd).find("exit() in handler context"), std::string::npos);
}

TEST(PosixHostProcess, AClosedDescriptorNeverBecomesAnotherFile) {
  char path[] = "/tmp/monochord-fds-XXXXXX";
  const int made = mkstemp(path);
  ASSERT_GE(made, 0);
  close(made);
  ChildProcess child([&] {
    close(0);
    close(1);
    ensure_standard_fds();
    const int fd = open(path, O_RDWR);
    char byte;
    if (fd < 3 || read(0, &byte, 1) != 0) return 1;
    return write(1, "x", 1) == -1 ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  unlink(path);
}

}  // namespace
}  // namespace monochord
