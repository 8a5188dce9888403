// The console of a whole process on pipes: closed, full, fed faster than the guest reads.
#include <gtest/gtest.h>

#include "process.h"

namespace monochord {
namespace {

TEST(Console, CarriesBytesBothWays) {
  for (MiniMachine::Guest guest : {MiniMachine::Guest::kIdle, MiniMachine::Guest::kBusy}) {
    MiniMachine machine;
    machine.guest = guest;
    ChildProcess child([&] { return machine.run(); });
    ASSERT_TRUE(child.expect("ready"));
    for (int i = 0; i < 100; i++) {
      child.type("abc" + std::to_string(i) + ";");
      ASSERT_TRUE(child.expect("ABC" + std::to_string(i) + ";"));
    }
    child.type("\x01x");
    EXPECT_EQ(child.wait(), 0);
  }
}

TEST(Console, AFullPipeHoldsTheGuestUpAndLosesNothing) {
  constexpr size_t kBytes = 1'000'000;
  MiniMachine machine;
  machine.with_console = [](CharBackend& console) {
    for (size_t i = 0; i < kBytes; i++) {
      const uint8_t c = static_cast<uint8_t>('a' + i % 26);
      console.write(&c, 1);
    }
    qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 3);
  };
  machine.greeting = "";
  ChildProcess child([&] { return machine.run(); });
  usleep(100'000);
  EXPECT_EQ(waitpid(child.pid, nullptr, WNOHANG), 0) << "nobody has read yet";
  const std::string all = child.rest_of(child.stdout_fd);
  ASSERT_EQ(all.size(), kBytes);
  for (size_t i = 0; i < kBytes; i++) ASSERT_EQ(all[i], static_cast<char>('a' + i % 26)) << i;
  EXPECT_EQ(WEXITSTATUS(child.wait()), 3);
}

TEST(Console, AGuestThatIsHeldUpByAFullPipeStillEnds) {
  MiniMachine machine;
  machine.with_console = [](CharBackend& console) {
    const std::string much(1'000'000, 'x');
    console.write(reinterpret_cast<const uint8_t*>(much.data()), much.size());
  };
  ChildProcess child([&] { return machine.run(); });
  usleep(100'000);
  kill(child.pid, SIGTERM);
  EXPECT_EQ(child.wait(), 0);
}

TEST(Console, AClosedStdoutIsOneWarningAndNothingElse) {
  char path[] = "/tmp/monochord-closed-XXXXXX";
  close(mkstemp(path));
  MiniMachine machine;
  machine.at_start = [&path] { CHECK(open(path, O_RDWR) > 2); };
  machine.with_console = [](CharBackend& console) {
    for (int i = 0; i < 10; i++) console.write(reinterpret_cast<const uint8_t*>("more\n"), 5);
  };
  ChildProcess child([&] {
    close(1);
    return machine.run();
  });
  child.type("abc\x01x");
  EXPECT_EQ(child.wait(), 0);
  const std::string said = child.rest_of(child.stderr_fd);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_NE(said.find("stdout"), std::string::npos) << said;
  unlink(path);
}

TEST(Console, AReaderThatGoesAwayIsOneWarningAndNothingElse) {
  MiniMachine machine;
  ChildProcess child([&] { return machine.run(); });
  ASSERT_TRUE(child.expect("ready"));
  close(child.stdout_fd);
  child.stdout_fd = -1;
  child.type("abc");
  ASSERT_TRUE(child.expect("stdout", child.stderr_fd));
  child.type("abcabc\x01x");
  EXPECT_EQ(child.wait(), 0);
}

TEST(Console, TheEndOfStdinIsNotTheEndOfTheGuest) {
  MiniMachine machine;
  ChildProcess child([&] { return machine.run(); });
  ASSERT_TRUE(child.expect("ready"));
  child.type("abc");
  close(child.stdin_fd);
  child.stdin_fd = -1;
  ASSERT_TRUE(child.expect("ABC"));
  usleep(200'000);
  EXPECT_EQ(waitpid(child.pid, nullptr, WNOHANG), 0);
  kill(child.pid, SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_LT(child.usage.ru_utime.tv_usec + child.usage.ru_stime.tv_usec, 50'000) << "an end of file that is polled for ever";
}

TEST(Console, FlagsOfSharedDescriptorsAreAsTheyWere) {
  for (const bool killed : {false, true}) {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const int before = fcntl(pipe_fds[1], F_GETFL);
    MiniMachine machine;
    machine.guest = killed ? MiniMachine::Guest::kStuck : MiniMachine::Guest::kIdle;
    ChildProcess child([&] {
      dup2(pipe_fds[1], 1);
      return machine.run();
    });
    ASSERT_TRUE(child.expect("ready", pipe_fds[0]));
    EXPECT_TRUE(fcntl(pipe_fds[1], F_GETFL) & O_NONBLOCK);
    kill(child.pid, SIGTERM);
    if (killed) {
      ASSERT_TRUE(child.expect("signal 15", child.stderr_fd));
      kill(child.pid, SIGTERM);
    }
    child.wait();
    EXPECT_EQ(fcntl(pipe_fds[1], F_GETFL), before);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
  }
}

TEST(Console, AFileGetsEverything) {
  char path[] = "/tmp/monochord-file-XXXXXX";
  close(mkstemp(path));
  MiniMachine machine;
  machine.serial = std::string("file:") + path;
  ChildProcess child([&] { return machine.run(); });
  for (int i = 0; i < 1000; i++) {
    char bytes[16] = {};
    const int fd = open(path, O_RDONLY);
    const ssize_t got = read(fd, bytes, sizeof bytes);
    close(fd);
    if (got == 6) break;
    usleep(1000);
  }
  kill(child.pid, SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  const int fd = open(path, O_RDONLY);
  EXPECT_EQ(child.rest_of(fd), "ready\n");
  close(fd);
  unlink(path);
}

}  // namespace
}  // namespace monochord
