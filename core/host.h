// What core needs from the host beside the timer's part (timer/host.h): the idle wait, readiness of fds, memory, exit.
// Implemented by port/posix (signals, ppoll) and port/virtual (a test drives it by hand). Main context, BQL held, unless it says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.h"

namespace monochord {

enum FdEvents : unsigned { kFdRead = 1, kFdWrite = 2, kFdHangup = 4 };

class Host {
 public:
  // --- idle -------------------------------------------------------------------------------------------------
  // Waits until something may have happened: a signal of ours, a watched fd, or nothing. First blocks our signals for real, then asks
  // `has_work` once more, then waits with the mask opened atomically: no wakeup is lost. Called with the BQL held; it is released for the wait.
  virtual void idle_wait(bool (*has_work)(void* opaque), void* opaque) = 0;

  // --- fds --------------------------------------------------------------------------------------------------
  // Watches `fd` for `events` (FdEvents; 0 stops watching). SIGIO or the idle wait then sets the ready hint and kicks. The fd's flags and owner
  // are restored at exit, on SIGTSTP and on SIGCONT.
  virtual Status watch_fd(int fd, unsigned events) = 0;
  // True (once) when some watched fd may be ready; a hint, cheap, any context.
  virtual bool take_fd_hint() = 0;
  // Asks the system without waiting; returns what is ready now for `fd` (FdEvents).
  virtual unsigned poll_fd(int fd, unsigned events) = 0;

  // --- memory -----------------------------------------------------------------------------------------------
  // Zeroed, page-aligned memory with guard pages on both sides, not yet touched. An error names the size and what to lower.
  virtual Result<uint8_t*> map_memory(uint64_t size) = 0;
  virtual void unmap_memory(uint8_t* memory, uint64_t size) = 0;

  // --- randomness and the calendar ----------------------------------------------------------------------------
  virtual void random_bytes(void* buffer, size_t size) = 0;

 protected:
  ~Host() = default;
};

// The host of this process; set once by main() or a test before the machine is built.
void set_host(Host* host);
Host& host();

}  // namespace monochord
