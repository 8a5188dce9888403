// The terminal: raw while the guest has it, as it was on every way out and while we are stopped. Under job control, as a shell does it.
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "process.h"

namespace monochord {
namespace {

// A session with a pseudo terminal, its leader (a very small shell) and one job in the foreground.
class Job {
 public:
  explicit Job(MiniMachine machine, std::function<int(MiniMachine&)> body = {}) {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    tcgetattr(master, &cooked);
    int reports[2], commands[2];
    CHECK(pipe2(reports, O_CLOEXEC) == 0 && pipe2(commands, O_CLOEXEC) == 0);
    char slave[64];
    CHECK(ptsname_r(master, slave, sizeof slave) == 0);
    leader_ = fork();
    CHECK(leader_ >= 0);
    if (leader_ == 0) {
      for (int fd : {master, reports[0], commands[1]}) close(fd);
      setsid();
      const int tty = open(slave, O_RDWR);  // becomes the controlling terminal
      for (int fd : {0, 1, 2}) dup2(tty, fd);
      if (tty > 2) close(tty);
      signal(SIGTTOU, SIG_IGN);
      const pid_t job = fork();
      if (job == 0) {
        for (int fd : {reports[1], commands[0]}) close(fd);
        setpgid(0, 0);
        tcsetpgrp(0, getpgrp());
        signal(SIGTTOU, SIG_DFL);
        const rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        _exit(body ? body(machine) : machine.run());
      }
      setpgid(job, job);
      lead(job, reports[1], commands[0]);
    }
    close(reports[1]);
    close(commands[0]);
    reports_ = reports[0];
    commands_ = commands[1];
    CHECK(report() == "pid");
    pid = value_;
  }
  ~Job() {
    kill(pid, SIGKILL);
    close(commands_);
    waitpid(leader_, nullptr, 0);
    close(reports_);
    close(master);
  }

  bool expect(const std::string& text) {
    const int64_t end = now_ms() + 10'000;
    while (seen.find(text) == std::string::npos) {
      pollfd p = {master, POLLIN, 0};
      if (now_ms() > end || poll(&p, 1, 1000) < 0) return false;
      if (!(p.revents & POLLIN)) continue;
      char bytes[4096];
      const ssize_t got = read(master, bytes, sizeof bytes);
      if (got <= 0) return false;
      seen.append(bytes, static_cast<size_t>(got));
    }
    seen.erase(0, seen.find(text) + text.size());
    return true;
  }
  void type(const std::string& text) { CHECK(write(master, text.data(), text.size()) == static_cast<ssize_t>(text.size())); }

  bool is_raw() const {
    termios now;
    CHECK(tcgetattr(master, &now) == 0);
    return !(now.c_lflag & (ICANON | ECHO));
  }
  bool is_as_before() const {
    termios now;
    CHECK(tcgetattr(master, &now) == 0);
    return now.c_lflag == cooked.c_lflag && now.c_iflag == cooked.c_iflag && now.c_oflag == cooked.c_oflag && now.c_cflag == cooked.c_cflag;
  }
  bool becomes_raw() const {
    for (int64_t end = now_ms() + 5'000; now_ms() < end; usleep(1000)) {
      if (is_raw()) return true;
    }
    return false;
  }
  // "exited", "signaled", "stopped", "continued" (with value()), or "" after ten seconds.
  std::string report() {
    pollfd p = {reports_, POLLIN, 0};
    if (poll(&p, 1, 10'000) <= 0) return "";
    char line[64] = {};
    if (read(reports_, line, sizeof line) <= 0) return "";
    char word[32];
    CHECK(sscanf(line, "%31s %d", word, &value_) == 2);
    return word;
  }
  int value() const { return value_; }
  void foreground() { command('f'); }    // the terminal, then SIGCONT
  void take_terminal() { command('t'); }  // the shell has it; the job goes on in the background
  int flags() {
    command('g');
    CHECK(report() == "flags");
    return value_;
  }

  int master;
  pid_t pid = 0;
  termios cooked;
  std::string seen;

 private:
  void command(char c) { CHECK(write(commands_, &c, 1) == 1); }

  // The leader: reports what becomes of the job, obeys.
  [[noreturn]] static void lead(pid_t job, int reports, int commands) {
    const auto tell = [reports](const char* word, int value) {
      char line[64] = {};
      snprintf(line, sizeof line, "%s %d", word, value);
      if (write(reports, line, sizeof line) < 0) _exit(9);
    };
    tell("pid", job);
    fcntl(commands, F_SETFL, O_NONBLOCK);
    for (bool alive = true;;) {
      int status;
      if (alive && waitpid(job, &status, WNOHANG | WUNTRACED | WCONTINUED) == job) {
        if (WIFSTOPPED(status)) {
          tcsetpgrp(0, getpgrp());  // the shell takes its terminal
          tell("stopped", WSTOPSIG(status));
        } else if (WIFCONTINUED(status)) {
          tell("continued", 0);
        } else {
          alive = false;
          tcsetpgrp(0, getpgrp());
          if (WIFEXITED(status)) tell("exited", WEXITSTATUS(status));
          if (WIFSIGNALED(status)) tell("signaled", WTERMSIG(status));
        }
      }
      char c;
      const ssize_t got = read(commands, &c, 1);
      if (got == 0) _exit(0);
      if (got == 1 && c == 'f') {
        tcsetpgrp(0, job);
        kill(-job, SIGCONT);
      }
      if (got == 1 && c == 't') {
        tcsetpgrp(0, getpgrp());
        kill(-job, SIGCONT);
      }
      if (got == 1 && c == 'g') tell("flags", fcntl(0, F_GETFL));
      usleep(500);
    }
  }

  pid_t leader_;
  int reports_, commands_;
  int value_ = 0;
};

MiniMachine guest(MiniMachine::Guest kind) {
  MiniMachine machine;
  machine.guest = kind;
  return machine;
}

TEST(Terminal, IsRawWhileTheGuestRunsAndEveryKeyIsTheGuests) {
  Job job(guest(MiniMachine::Guest::kIdle));
  ASSERT_TRUE(job.expect("ready"));
  EXPECT_TRUE(job.is_raw());
  job.type("ab\x03\x1a\rc");  // Ctrl-C and Ctrl-Z too
  EXPECT_TRUE(job.expect("AB\x03\x1a\rC"));
  job.type("\x01x");
  EXPECT_EQ(job.report(), "exited");
  EXPECT_EQ(job.value(), 0);
  EXPECT_TRUE(job.is_as_before());
  EXPECT_FALSE(job.flags() & (O_NONBLOCK | O_ASYNC));
}

TEST(Terminal, CtrlCEndsTheEmulatorOnPlainStdio) {
  MiniMachine machine;
  machine.serial = "stdio";
  Job job(machine);
  ASSERT_TRUE(job.expect("ready"));
  EXPECT_TRUE(job.is_raw());
  job.type("\x03");
  EXPECT_EQ(job.report(), "exited");
  EXPECT_EQ(job.value(), 0);
  EXPECT_TRUE(job.is_as_before());
}

TEST(Terminal, IsRestoredByEverySignalThatEnds) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Job job(guest(MiniMachine::Guest::kBusy));
    ASSERT_TRUE(job.expect("ready"));
    ASSERT_TRUE(job.is_raw());
    kill(job.pid, signal);
    EXPECT_EQ(job.report(), "exited");
    EXPECT_EQ(job.value(), 0);
    EXPECT_TRUE(job.is_as_before()) << signal;
    EXPECT_FALSE(job.flags() & (O_NONBLOCK | O_ASYNC));
  }
}

TEST(Terminal, IsRestoredByTheSecondSignalWhenTheLoopHangs) {
  Job job(guest(MiniMachine::Guest::kStuck));
  ASSERT_TRUE(job.expect("ready"));
  kill(job.pid, SIGTERM);
  ASSERT_TRUE(job.expect("signal 15"));
  EXPECT_TRUE(job.is_raw());
  kill(job.pid, SIGTERM);
  EXPECT_EQ(job.report(), "exited");
  EXPECT_EQ(job.value(), 128 + SIGTERM);
  EXPECT_TRUE(job.is_as_before());
  EXPECT_FALSE(job.flags() & (O_NONBLOCK | O_ASYNC));
}

TEST(Terminal, IsRestoredByCrashesFailedChecksAndExit) {
#ifdef MONOCHORD_ASAN
  const std::vector<int> signals = {SIGQUIT};
#else
  const std::vector<int> signals = {SIGQUIT, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
#endif
  for (int signal : signals) {
    Job job(guest(MiniMachine::Guest::kBusy));
    ASSERT_TRUE(job.expect("ready"));
    kill(job.pid, signal);
    EXPECT_EQ(job.report(), "signaled");
    EXPECT_EQ(job.value(), signal);
    EXPECT_TRUE(job.is_as_before()) << signal;
  }
  MiniMachine checks;
  checks.at_start = [] { CHECK_MSG(false, "planted"); };
  Job failed(checks);
  ASSERT_TRUE(failed.expect("planted"));
  failed.report();
  EXPECT_TRUE(failed.is_as_before());

  MiniMachine exits;
  exits.at_start = [] { exit(3); };
  Job exited(exits);
  EXPECT_EQ(exited.report(), "exited");
  EXPECT_EQ(exited.value(), 3);
  EXPECT_TRUE(exited.is_as_before());
}

TEST(Terminal, IsGivenBackWhileStoppedAndTakenAgainInTheForeground) {
  for (MiniMachine::Guest kind : {MiniMachine::Guest::kIdle, MiniMachine::Guest::kBusy}) {
    Job job(guest(kind));
    ASSERT_TRUE(job.expect("ready"));
    const int running_flags = job.flags();
    EXPECT_TRUE(running_flags & O_NONBLOCK);
    EXPECT_TRUE(running_flags & O_ASYNC);
    for (int round = 0; round < 3; round++) {
      kill(job.pid, SIGTSTP);
      ASSERT_EQ(job.report(), "stopped");
      EXPECT_EQ(job.value(), SIGTSTP);
      EXPECT_TRUE(job.is_as_before());
      EXPECT_FALSE(job.flags() & (O_NONBLOCK | O_ASYNC));
      job.foreground();
      ASSERT_EQ(job.report(), "continued");
      ASSERT_TRUE(job.becomes_raw());
      job.type("xyz");
      EXPECT_TRUE(job.expect("XYZ"));
      EXPECT_EQ(job.flags(), running_flags);
    }
    job.type("\x01x");
    EXPECT_EQ(job.report(), "exited");
    EXPECT_TRUE(job.is_as_before());
  }
}

TEST(Terminal, CtrlZOnPlainStdioStopsAsAnyProgram) {
  MiniMachine machine;
  machine.serial = "stdio";
  Job job(machine);
  ASSERT_TRUE(job.expect("ready"));
  job.type("\x1a");
  ASSERT_EQ(job.report(), "stopped");
  EXPECT_TRUE(job.is_as_before());
  job.foreground();
  ASSERT_EQ(job.report(), "continued");
  ASSERT_TRUE(job.becomes_raw());
  job.type("xyz");
  EXPECT_TRUE(job.expect("XYZ"));
}

TEST(Terminal, IsLeftAloneInTheBackground) {
  Job job(guest(MiniMachine::Guest::kBusy));
  ASSERT_TRUE(job.expect("ready"));
  kill(job.pid, SIGTSTP);
  ASSERT_EQ(job.report(), "stopped");
  job.take_terminal();  // bg
  ASSERT_EQ(job.report(), "continued");
  usleep(100'000);
  EXPECT_TRUE(job.is_as_before()) << "the shell has it";
  job.foreground();  // fg
  ASSERT_TRUE(job.becomes_raw());
  job.type("xyz");
  EXPECT_TRUE(job.expect("XYZ"));
}

TEST(Terminal, IsRawAgainAfterAStopThatNobodyCanCatch) {
  Job job(guest(MiniMachine::Guest::kIdle));
  ASSERT_TRUE(job.expect("ready"));
  kill(job.pid, SIGSTOP);
  ASSERT_EQ(job.report(), "stopped");
  ASSERT_EQ(tcsetattr(job.master, TCSANOW, &job.cooked), 0);  // as a shell does
  job.foreground();
  ASSERT_EQ(job.report(), "continued");
  ASSERT_TRUE(job.becomes_raw());
  job.type("xyz");
  EXPECT_TRUE(job.expect("XYZ"));
}

TEST(Terminal, AChangeOfTheWindowIsNothing) {
  Job job(guest(MiniMachine::Guest::kIdle));
  ASSERT_TRUE(job.expect("ready"));
  const winsize size = {30, 100, 0, 0};
  ASSERT_EQ(ioctl(job.master, TIOCSWINSZ, &size), 0);
  job.type("abc");
  EXPECT_TRUE(job.expect("ABC"));
}

}  // namespace
}  // namespace monochord
