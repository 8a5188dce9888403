// Emulator processes for the tests of what only a whole process shows: signals, exit paths, closed descriptors.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "../core/loop_fixture.h"
#include "port/posix/chardev.h"

#if defined(__SANITIZE_ADDRESS__)
#define MONOCHORD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MONOCHORD_ASAN 1
#endif
#endif

namespace monochord {

inline int64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// A machine of one hart whose console sends back what it gets, in capitals.
struct MiniMachine {
  enum class Guest {
    kIdle,   // sleeps in wfi
    kBusy,   // computes for ever
    kStuck,  // computes and never looks at exit_request: a bug of ours
  };
  Guest guest = Guest::kIdle;
  std::string serial = "mon:stdio";
  std::function<void()> at_start;                  // everything is built, before the machine runs
  std::function<void(CharBackend&)> with_console;  // the same, with the console
  std::string greeting = "ready\n";
  bool strict = false;

  int run() {
    ensure_standard_fds();
    const char* error = posix_timer_host_install(strict ? kPosixMaskStrict : kPosixMaskLazy);
    CHECK_MSG(error == nullptr, error);
    posix_timer_host_set_kick(qemu_kick_current, nullptr);
    init_clocks(qemu_timer_notify_cb);
    PosixHost host;
    host.install();
    set_host(&host);
    bql_lock();
    int status;
    {
      std::unique_ptr<CharMux> mux;
      std::unique_ptr<CharBackend> plain;
      CharBackend* console;
      if (serial == "mon:stdio") {
        Result<std::unique_ptr<CharBackend>> made = make_stdio_chardev(TerminalMode::kRawKeys);
        CHECK_MSG(made.ok(), made.error().message.c_str());
        mux = std::make_unique<CharMux>(std::move(*made));
        console = &mux->add_front_end();
      } else {
        Result<std::unique_ptr<CharBackend>> made = make_chardev(serial, "serial0");
        CHECK_MSG(made.ok(), made.error().message.c_str());
        plain = std::move(*made);
        console = plain.get();
      }
      CharReceiver receiver;
      receiver.can_receive = [](void*) -> size_t { return 16; };
      receiver.receive = [](void* opaque, const uint8_t* bytes, size_t size) {
        for (size_t i = 0; i < size; i++) {
          const uint8_t c = bytes[i] >= 'a' && bytes[i] <= 'z' ? static_cast<uint8_t>(bytes[i] - 32) : bytes[i];
          static_cast<CharBackend*>(opaque)->write(&c, 1);
        }
      };
      receiver.opaque = console;
      console->set_receiver(receiver);
      FakeCpu cpu;
      cpu.insn = [&](uint64_t) {
        if (guest == Guest::kIdle) cpu.wfi = true;
        if (guest == Guest::kStuck) {
          cpu.mmio([&] { console->write(reinterpret_cast<const uint8_t*>(greeting.data()), greeting.size()); });
          for (volatile bool for_ever = true; for_ever;) {
          }
        }
      };
      if (guest != Guest::kStuck) console->write(reinterpret_cast<const uint8_t*>(greeting.data()), greeting.size());
      if (with_console) with_console(*console);
      if (at_start) at_start();
      vm_start();
      status = run_loop(RunOptions{});
      console->flush();
    }
    bql_unlock();
    host.uninstall();
    posix_timer_host_uninstall();
    return status;
  }
};

// A child process with pipes for stdin, stdout and stderr; whatever `body` returns is its status.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& body) {
    int in[2], out[2], err[2];
    CHECK(pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      dup2(err[1], 2);
      for (int fd : {in[0], in[1], out[0], out[1], err[0], err[1]}) close(fd);
      const rlimit no_core = {0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      _exit(body());
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    stdin_fd = in[1];
    stdout_fd = out[0];
    stderr_fd = err[0];
  }
  ~ChildProcess() {
    if (!waited_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    for (int fd : {stdin_fd, stdout_fd, stderr_fd}) {
      if (fd >= 0) close(fd);
    }
  }

  // Reads until `text` has come (true) or nothing comes for ten seconds or the end (false). What was read is kept in `seen`.
  bool expect(const std::string& text, int fd = -1) {
    if (fd < 0) fd = stdout_fd;
    const int64_t end = now_ms() + 10'000;
    for (;;) {
      const size_t at = seen.find(text);
      if (at != std::string::npos) {
        seen.erase(0, at + text.size());
        return true;
      }
      pollfd p = {fd, POLLIN, 0};
      if (now_ms() > end || poll(&p, 1, 1000) < 0) return false;
      if (!p.revents) continue;
      char bytes[4096];
      const ssize_t got = read(fd, bytes, sizeof bytes);
      if (got <= 0) return false;
      seen.append(bytes, static_cast<size_t>(got));
    }
  }
  void type(const std::string& text) { CHECK(write(stdin_fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())); }
  // The wait status; -1 when it does not end within ten seconds. `ended_in_ms` says how long it took.
  int wait() {
    const int64_t start = now_ms();
    int status = -1;
    while (now_ms() - start < 10'000) {
      if (wait4(pid, &status, WNOHANG, &usage) == pid) {
        waited_ = true;
        ended_in_ms = now_ms() - start;
        return status;
      }
      usleep(1000);
    }
    return -1;
  }
  std::string rest_of(int fd) {
    std::string text;
    char bytes[4096];
    for (ssize_t got; (got = read(fd, bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<size_t>(got));
    return text;
  }

  pid_t pid;
  int stdin_fd, stdout_fd, stderr_fd;
  std::string seen;
  rusage usage = {};
  int64_t ended_in_ms = 0;

 private:
  bool waited_ = false;
};

}  // namespace monochord
