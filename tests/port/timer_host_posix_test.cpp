// The real host: signals, the alarm and the mask, under either masking. Behaviours 61-63, 65-68, 73, 77-83; the rest of the mask's windows are
// tested under the virtual host. No test asserts a latency: the machine may stop us at any time.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <qemu/timer.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <climits>
#include <cstddef>
#include <functional>
#include <thread>

#include "port/posix/posix_timer_host.h"

namespace monochord {
namespace {

class PosixTimerHost : public ::testing::TestWithParam<PosixMasking> {
 protected:
  PosixTimerHost() {
    EXPECT_EQ(posix_timer_host_install(GetParam()), nullptr);
    init_clocks(nullptr);
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  }
  ~PosixTimerHost() override {
    timer_reset();
    posix_timer_host_uninstall();
  }

  static PosixTimerHostCounters counters() { return posix_timer_host_counters(); }

  // Burns time in main context with the mask open: signals run their callbacks in the handler.
  template <typename Done>
  static void spin_until(Done done) {
    while (!done()) timer_signal_fence();
  }
  static void spin_ns(int64_t ns) {
    const int64_t end = get_clock() + ns;
    spin_until([&] { return get_clock() >= end; });
  }
};
INSTANTIATE_TEST_SUITE_P(Masking, PosixTimerHost, ::testing::Values(kPosixMaskLazy, kPosixMaskStrict),
                         [](const auto& info) { return std::string(info.param == kPosixMaskLazy ? "lazy" : "strict"); });

struct Probe {
  explicit Probe(QEMUClockType clock = QEMU_CLOCK_REALTIME) {
    timer_init_ns(&timer, clock, [](void* opaque) {
      Probe* probe = static_cast<Probe*>(opaque);
      probe->count = probe->count + 1;
      if (probe->action) probe->action();
    }, this);
  }
  ~Probe() { timer_del(&timer); }
  void after(int64_t ns) { timer_mod_ns(&timer, qemu_clock_get_ns(static_cast<QEMUClockType>(timerlist_get_clock(timer.timer_list))) + ns); }
  operator QEMUTimer*() { return &timer; }

  volatile int count = 0;
  std::function<void()> action;
  QEMUTimer timer{};
};

TEST_P(PosixTimerHost, alarm_runs_the_timer_in_the_handler) {
  Probe a, v(QEMU_CLOCK_VIRTUAL), h(QEMU_CLOCK_HOST), t(QEMU_CLOCK_VIRTUAL_RT);
  for (Probe* probe : {&a, &v, &h, &t}) {
    bool in_handler = false;
    int64_t at = 0;
    const int64_t before = get_clock();
    probe->action = [&] {
      in_handler = timer_in_handler();
      at = get_clock();
    };
    probe->after(SCALE_MS);
    spin_until([&] { return probe->count == 1; });
    EXPECT_TRUE(in_handler);
    // The calendar may be slewed against the monotonic clock.
    EXPECT_GE(at - before, probe == &h ? SCALE_MS / 2 : SCALE_MS) << "never early";
  }
  EXPECT_GE(counters().signals_run, 4u);
  EXPECT_FALSE(posix_timer_host_uses_setitimer());
}

TEST_P(PosixTimerHost, B61_masked_signal_deferred) {
  Probe a;
  a.after(SCALE_MS);
  timer_mask_enter();
  timer_host_commit();  // arm now: the leave would do it
  spin_ns(10 * SCALE_MS);
  EXPECT_EQ(a.count, 0);
  timer_mask_leave();
  EXPECT_EQ(a.count, 1) << "before leave returns";
}

TEST_P(PosixTimerHost, B62_nested_guard) {
  Probe a;
  a.after(SCALE_MS);
  timer_mask_enter();
  timer_mask_enter();
  spin_ns(5 * SCALE_MS);
  timer_mask_leave();
  EXPECT_EQ(a.count, 0);
  timer_mask_leave();
  EXPECT_EQ(a.count, 1);
}

// Signals as fast as they come for 2 s, main nearly always inside nested guards.
TEST_P(PosixTimerHost, B63_no_run_inside_guard_stress) {
  posix_timer_host_set_floor_ns(0);
  static volatile sig_atomic_t inside;
  static volatile sig_atomic_t violations;
  inside = 0;
  violations = 0;
  Probe a;
  a.action = [&] {
    if (inside || !timer_in_handler()) violations = violations + 1;
    a.after(20 * SCALE_US);
  };
  a.after(20 * SCALE_US);
  const int64_t end = get_clock() + 2 * NANOSECONDS_PER_SECOND;
  while (get_clock() < end) {
    timer_mask_enter();
    inside = 1;
    timer_mask_enter();
    for (int i = 0; i < 50; i++) timer_signal_fence();
    timer_mask_leave();
    for (int i = 0; i < 50; i++) timer_signal_fence();
    inside = 0;
    timer_mask_leave();
  }
  const int runs = a.count;
  EXPECT_EQ(violations, 0);
  EXPECT_GT(runs, 1000);
  // Nothing was lost: the chain of alarms goes on.
  spin_until([&] { return a.count > runs + 10; });
  RecordProperty("runs", runs);
  RecordProperty("signals", static_cast<int>(counters().signals));
}

TEST_P(PosixTimerHost, B65_signal_during_run) {
  static int depth, max_depth;
  depth = max_depth = 0;
  for (bool deferred : {false, true}) {
    Probe a;
    const uint64_t signals = counters().signals;
    a.action = [&] {
      max_depth = std::max(max_depth, ++depth);
      raise(SIGALRM);
      raise(SIGALRM);
      spin_ns(10 * SCALE_US);
      depth--;
    };
    if (deferred) timer_mask_enter();
    a.after(SCALE_MS);
    if (deferred) {
      spin_ns(3 * SCALE_MS);
      timer_mask_leave();
    }
    spin_until([&] { return a.count == 1 && counters().signals >= signals + 2; });
    EXPECT_EQ(max_depth, 1) << "no recursion";
    EXPECT_EQ(timer_mask.depth, 0);
  }
}

TEST_P(PosixTimerHost, B66_coalesce) {
  Probe a;
  timer_mask_enter();
  const uint64_t settimes = counters().settime_calls;
  for (int i = 0; i < 100; i++) a.after(1000 * SCALE_US - i);
  EXPECT_EQ(counters().settime_calls, settimes);
  timer_mask_leave();
  EXPECT_EQ(counters().settime_calls, settimes + 1);
  spin_until([&] { return a.count != 0; });
  spin_ns(2 * SCALE_MS);
  EXPECT_EQ(a.count, 1);
}

TEST_P(PosixTimerHost, B67_empty_list_signal) {
  Probe a;
  a.after(SCALE_MS);
  timer_del(a);
  const uint64_t signals = counters().signals;
  spin_until([&] { return counters().signals > signals; });
  raise(SIGALRM);
  EXPECT_EQ(a.count, 0);
  EXPECT_EQ(timer_host_armed_ns(), INT64_MAX);
}

// A timer each nanosecond makes a slow machine, not a dead one.
TEST_P(PosixTimerHost, B68_starvation_floor) {
  Probe a;
  a.action = [&] { a.after(1); };
  a.after(1);
  volatile uint64_t work = 0;
  const int64_t begin = get_clock();
  const int64_t end = begin + 500 * SCALE_MS;
  while (get_clock() < end) work = work + 1;
  const int64_t passed = get_clock() - begin;
  EXPECT_GT(work, 10000u) << "main goes on";
  EXPECT_GT(a.count, 10);
  // A pass may run the always due timer 65 times; passes are 50 us apart.
  EXPECT_LE(counters().signals, static_cast<uint64_t>(passed / POSIX_TIMER_HOST_FLOOR_NS) + 2);
}

// Sleeps that only the alarm ends. A lost wakeup hangs here for ever: there is no other timer.
TEST_P(PosixTimerHost, B73_idle_sleep_no_lost_wakeup) {
  posix_timer_host_set_floor_ns(0);
  Probe a;
  for (int i = 0; i < 100000; i++) {
    const int target = i + 1;
    a.after(3 * SCALE_US);
    while (a.count != target) {
      struct Wake {
        Probe* probe;
        int target;
      } wake = {&a, target};
      posix_timer_host_wait(nullptr, 0, [](void* opaque) {
        const Wake* wake = static_cast<Wake*>(opaque);
        return wake->probe->count == wake->target;
      }, &wake);
    }
  }
  EXPECT_EQ(a.count, 100000);
}

// The same while main holds a guard until just before it sleeps: what came meanwhile is run by the leave.
TEST_P(PosixTimerHost, B73_idle_sleep_after_a_guard) {
  posix_timer_host_set_floor_ns(0);
  Probe a;
  for (int i = 0; i < 20000; i++) {
    timer_mask_enter();
    a.after(1 + i % 9 * SCALE_US);
    for (int j = 0; j < i % 64; j++) timer_signal_fence();
    timer_mask_leave();
    while (a.count != i + 1) {
      static int target;
      target = i + 1;
      posix_timer_host_wait(nullptr, 0, [](void* opaque) { return static_cast<Probe*>(opaque)->count == target; }, &a);
    }
  }
  EXPECT_EQ(a.count, 20000);
}

TEST_P(PosixTimerHost, wait_ends_for_a_ready_fd_and_for_work) {
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
  pollfd fd = {pipe_fds[0], POLLIN, 0};
  EXPECT_EQ(posix_timer_host_wait(&fd, 1, nullptr, nullptr), 1);
  EXPECT_EQ(fd.revents, POLLIN);
  EXPECT_EQ(posix_timer_host_wait(nullptr, 0, [](void*) { return true; }, nullptr), 0);
  Probe a;
  a.after(SCALE_MS);
  EXPECT_EQ(posix_timer_host_wait(nullptr, 0, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(a.count, 1);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_P(PosixTimerHost, B77_errno_preserved) {
  Probe a;
  a.action = [] { errno = ENOENT; };
  a.after(SCALE_MS);
  errno = EXDEV;
  while (a.count == 0) timer_signal_fence();
  EXPECT_EQ(errno, EXDEV);
}

TEST_P(PosixTimerHost, B78_other_masked_signals_untouched) {
  sigset_t usr1, before, now;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, &before);
  for (int i = 0; i < 1000; i++) {
    timer_mask_enter();
    timer_mask_leave();
  }
  sigprocmask(SIG_BLOCK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
  EXPECT_EQ(sigismember(&now, SIGALRM), 0);
  // The alarm itself, when somebody else blocked it, too.
  sigaddset(&usr1, SIGALRM);
  sigprocmask(SIG_BLOCK, &usr1, nullptr);
  for (int i = 0; i < 1000; i++) {
    timer_mask_enter();
    timer_mask_leave();
  }
  sigprocmask(SIG_BLOCK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGALRM), 1);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_P(PosixTimerHost, B79_eintr) {
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  Probe interrupts, writes;
  interrupts.action = [&] {
    if (interrupts.count < 20) interrupts.after(SCALE_MS);
  };
  writes.action = [&] { EXPECT_EQ(write(pipe_fds[1], "x", 1), 1); };
  interrupts.after(SCALE_MS);
  writes.after(50 * SCALE_MS);
  char byte;
  EXPECT_EQ(read(pipe_fds[0], &byte, 1), 1) << "restarted each time";
  EXPECT_GE(interrupts.count, 1);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST_P(PosixTimerHost, B80_only_an_earlier_head_reprograms) {
  Probe a, b;
  const uint64_t before = counters().settime_calls;
  a.after(NANOSECONDS_PER_SECOND);
  EXPECT_EQ(counters().settime_calls, before + 1);
  b.after(2 * NANOSECONDS_PER_SECOND);
  EXPECT_EQ(counters().settime_calls, before + 1);
  b.after(NANOSECONDS_PER_SECOND / 2);
  EXPECT_EQ(counters().settime_calls, before + 2);
  timer_del(b);
  timer_del(a);
  EXPECT_EQ(counters().settime_calls, before + 2);
}

TEST_P(PosixTimerHost, B81_zero_delay_is_not_disarm) {
  Probe a;
  timer_mod_ns(a, 0);
  spin_until([&] { return a.count == 1; });
  timer_mod_ns(a, -1);
  spin_until([&] { return a.count == 2; });
}

TEST_P(PosixTimerHost, B82_thread_directed) {
  static std::atomic<bool> stop;
  stop = false;
  std::thread other([] {
    while (!stop) {}
  });
  static pid_t wrong;
  static pid_t self;
  wrong = 0;
  self = static_cast<pid_t>(syscall(SYS_gettid));
  Probe a;
  a.action = [&] {
    const pid_t here = static_cast<pid_t>(syscall(SYS_gettid));
    if (here != self) wrong = here;
    if (a.count < 200) a.after(20 * SCALE_US);
  };
  a.after(1);
  // Main sleeps, so the other thread would be the natural victim of a process-directed signal.
  while (a.count < 200) posix_timer_host_wait(nullptr, 0, [](void* opaque) { return static_cast<Probe*>(opaque)->count >= 200; }, &a);
  stop = true;
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(PosixTimerHost, B83_host_deadlines_sleep_at_most_a_second) {
  Probe a(QEMU_CLOCK_HOST);
  a.after(3600 * NANOSECONDS_PER_SECOND);
  EXPECT_LE(timer_host_armed_ns(), get_clock() + NANOSECONDS_PER_SECOND);
}

TEST_P(PosixTimerHost, the_fpu_is_as_it_was_and_callbacks_get_the_defaults) {
  static volatile int rounding_in_callback;
  rounding_in_callback = -1;
  Probe a;
  a.action = [] {
    rounding_in_callback = fegetround();
    fesetround(FE_DOWNWARD);
    feraiseexcept(FE_DIVBYZERO);
  };
  a.after(SCALE_MS);
  ASSERT_EQ(fesetround(FE_UPWARD), 0);
  feclearexcept(FE_ALL_EXCEPT);
  while (a.count == 0) timer_signal_fence();
  const int rounding = fegetround();
  const int raised = fetestexcept(FE_ALL_EXCEPT);
  fesetround(FE_TONEAREST);
  EXPECT_EQ(rounding, FE_UPWARD);
  EXPECT_EQ(raised, 0);
  EXPECT_EQ(rounding_in_callback, FE_TONEAREST);
}

TEST_P(PosixTimerHost, handler_has_its_own_stack_and_blocks_our_signals) {
  void* base;
  size_t size;
  posix_timer_host_stack(&base, &size);
  EXPECT_GE(size, 256u * 1024);
  static uintptr_t address;
  static sigset_t mask;
  Probe a;
  a.action = [] {
    volatile char here = 0;
    address = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + static_cast<uintptr_t>(here);
    sigprocmask(SIG_BLOCK, nullptr, &mask);
  };
  a.after(SCALE_MS);
  spin_until([&] { return a.count == 1; });
  EXPECT_GE(address, reinterpret_cast<uintptr_t>(base));
  EXPECT_LT(address, reinterpret_cast<uintptr_t>(base) + size);
  for (int signal : {SIGALRM, SIGIO, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT}) EXPECT_EQ(sigismember(&mask, signal), 1) << signal;
}

// A child that does `body` and tells by its exit status.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST_P(PosixTimerHost, the_signal_stack_is_guarded_on_both_sides) {
  void* base;
  size_t size;
  posix_timer_host_stack(&base, &size);
  for (char* address : {static_cast<char*>(base) - 1, static_cast<char*>(base) + size}) {
    const int status = in_child([&] {
      signal(SIGSEGV, SIG_DFL);
      *const_cast<volatile char*>(address) = 1;
      return 0;
    });
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  }
}

TEST_P(PosixTimerHost, the_child_of_a_fork_makes_its_own_timer) {
  Probe a;
  a.after(20 * SCALE_MS);
  const int status = in_child([&] {
    if (posix_timer_host_after_fork() != nullptr) return 1;
    spin_until([&] { return a.count == 1; });
    return 0;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  spin_until([&] { return a.count == 1; });
}

TEST_P(PosixTimerHost, kick_and_signal_hook_are_called) {
  static volatile int hooks;
  static void* volatile context;
  hooks = 0;
  posix_timer_host_set_signal_hook([](void*, void* ucontext) {
    hooks = hooks + 1;
    context = ucontext;
  }, nullptr);
  timer_mask_enter();
  raise(SIGALRM);
  timer_mask_leave();
  EXPECT_EQ(hooks, 1);
  EXPECT_NE(context, nullptr);
  posix_timer_host_set_signal_hook(nullptr, nullptr);
  static int kicks;
  kicks = 0;
  posix_timer_host_set_kick([](void* count) { ++*static_cast<int*>(count); }, &kicks);
  ASSERT_EQ(icount_configure("shift=0"), nullptr);
  qemu_timer_notify_cb(nullptr, QEMU_CLOCK_VIRTUAL);
  EXPECT_EQ(kicks, 1);
}

// --- without a fixture: install and uninstall, and kernels that refuse --------------------------------------------------

TEST(PosixTimerHostInstall, gives_everything_back) {
  struct sigaction mine = {}, found;
  mine.sa_handler = SIG_IGN;
  struct sigaction original;
  sigaction(SIGALRM, &mine, &original);
  stack_t stack_before, stack_after;
  sigaltstack(nullptr, &stack_before);
  ASSERT_EQ(posix_timer_host_install(kPosixMaskLazy), nullptr);
  EXPECT_NE(posix_timer_host_install(kPosixMaskLazy), nullptr) << "once";
  init_clocks(nullptr);
  {
    Probe a;
    a.after(1);
    while (a.count == 0) timer_signal_fence();
    a.after(100 * SCALE_US);
  }
  timer_reset();
  posix_timer_host_uninstall();
  posix_timer_host_uninstall();
  sigaction(SIGALRM, &original, &found);
  EXPECT_EQ(found.sa_handler, SIG_IGN);
  sigaltstack(nullptr, &stack_after);
  EXPECT_EQ(stack_after.ss_sp, stack_before.ss_sp);
  EXPECT_EQ(stack_after.ss_flags, stack_before.ss_flags);
}

TEST(PosixTimerHostInstall, an_alarm_that_the_parent_left_blocked_is_opened) {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm, nullptr);
  ASSERT_EQ(posix_timer_host_install(kPosixMaskLazy), nullptr);
  init_clocks(nullptr);
  {
    Probe a;
    a.after(SCALE_MS);
    while (a.count == 0) timer_signal_fence();
  }
  timer_reset();
  posix_timer_host_uninstall();
}

// From now on timer_create fails with `error`.
bool refuse_timer_create(int error) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_timer_create, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

class Setitimer : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Error, Setitimer, ::testing::Values(ENOSYS, EPERM), [](const auto& info) {
  return std::string(info.param == ENOSYS ? "ENOSYS" : "EPERM");
});

TEST_P(Setitimer, takes_the_place_of_timer_create) {
  const int status = in_child([] {
    if (!refuse_timer_create(GetParam())) return 10;
    if (posix_timer_host_install(kPosixMaskLazy) != nullptr) return 11;
    if (!posix_timer_host_uses_setitimer()) return 12;
    init_clocks(nullptr);
    Probe a;
    static volatile bool early;
    static int64_t due;
    early = false;
    a.action = [&] {
      early = early || get_clock() < due;
      if (a.count >= 50) return;
      due = get_clock() + 200 * SCALE_US;
      timer_mod_ns(a, due);
    };
    due = get_clock() + SCALE_MS;
    timer_mod_ns(a, due);
    while (a.count < 50) posix_timer_host_wait(nullptr, 0, [](void* probe) { return static_cast<Probe*>(probe)->count >= 50; }, &a);
    if (early) return 13;
    timer_mod_ns(a, 0);  // a deadline in the past is not "disarm"
    while (a.count < 51) timer_signal_fence();
    a.after(100 * SCALE_MS);
    timer_reset();
    struct itimerval left;
    getitimer(ITIMER_REAL, &left);
    if (left.it_value.tv_sec != 0 || left.it_value.tv_usec != 0) return 14;
    posix_timer_host_uninstall();
    return 0;
  });
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace monochord
