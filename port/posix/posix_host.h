// The host under Linux: signals that are not the alarm's, the idle wait, fds, memory, randomness (core/host.h).
//
// Start-up order of a program (all main context):
//   ensure_standard_fds();                           // first statement: no file may get the number of a closed stdout
//   posix_timer_host_install(...); init_clocks(...); // port/posix/posix_timer_host.h
//   PosixHost host; host.install(); set_host(&host); bql_lock();
//   ... machine, run_loop ...
//   host.uninstall();                                // disarm and block, then the terminal and the fds' flags; destructors come after
//
// Signals
// - SIGIO is a hint that some watched fd may be ready: it sets a flag and kicks. What is ready is asked of the system.
// - SIGTERM, SIGINT, SIGHUP: the first asks the loop to shut down (one line to stderr, exit status 0 as QEMU's); the second restores the
//   terminal and the fds' flags and leaves at once with 128 + signal.
// - SIGTSTP restores the terminal and the flags, stops by the default action, and takes both back when continued; SIGCONT takes them back too.
// - SIGQUIT and the signals of crashes restore the terminal and then do what they would have done.
// - SIGPIPE and SIGWINCH are ignored.
// - No handler here runs device code, and none but the above calls the kernel. As PID 1 there are no default actions: nothing relies on them
//   but the stop of SIGTSTP (which then does not happen) and the end by a crash signal (then _exit). Nothing reads /proc.
#pragma once

#include <poll.h>

#include <vector>

#include "core/host.h"

namespace monochord {

// Opens what is closed of fds 0, 1 and 2 on /dev/null (where there is none, on a pipe without reader); output there fails and is reported as
// such, instead of going into the next file that is opened.
void ensure_standard_fds();

class PosixHost final : public Host {
 public:
  PosixHost() = default;
  ~PosixHost();
  PosixHost(const PosixHost&) = delete;
  PosixHost& operator=(const PosixHost&) = delete;

  // Takes the signals. One host at a time.
  void install();
  // Blocks our signals and the alarm, restores terminal and flags, gives the signals back. Idempotent. Not for handler context.
  void uninstall();

  void idle_wait(bool (*has_work)(void* opaque), void* opaque) override;
  Status watch_fd(int fd, unsigned events) override;
  bool take_fd_hint() override;
  unsigned poll_fd(int fd, unsigned events) override;
  Result<uint8_t*> map_memory(uint64_t size) override;
  void unmap_memory(uint8_t* memory, uint64_t size) override;
  Result<uint8_t*> map_code(uint64_t size) override;
  void unmap_code(uint8_t* memory, uint64_t size) override;
  void random_bytes(void* buffer, size_t size) override;

 private:
  std::vector<pollfd> watched_;
  std::vector<pollfd> polled_;  // scratch of the idle wait
  bool installed_ = false;
};

// Waits until `fd` takes output again; false when it never will, or a shutdown was asked for. For full pipes: main context, no timers run meanwhile.
bool wait_writable(int fd);

}  // namespace monochord
