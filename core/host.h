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

  // Memory that code may be written to and run from. An error says why the host forbids it.
  virtual Result<uint8_t*> map_code(uint64_t size);
  virtual void unmap_code(uint8_t* memory, uint64_t size);

  // --- randomness and the calendar ----------------------------------------------------------------------------
  virtual void random_bytes(void* buffer, size_t size) = 0;

 protected:
  ~Host() = default;
};

// The host of this process; set once by main() or a test before the machine is built.
void set_host(Host* host);
Host& host();
bool has_host();

// --- generated code and the signals that interrupt it: handed in by tcg, called by the port's handlers. Async-signal-safe. ---------------------
// A signal that may want the loop interrupted the thread at `pc`; `budget` is the saved register in which generated code keeps its budget (r15 on
// x86-64). Makes generated code leave at its next check.
using CodeKick = void (*)(uintptr_t pc, int64_t* budget);
// An access at `pc` faulted: where it goes on, or 0 where it is no access of generated code that may.
using CodeRecover = uintptr_t (*)(uintptr_t pc);
void set_code_hooks(CodeKick kick, CodeRecover recover);
void code_kick(uintptr_t pc, int64_t* budget);
uintptr_t code_recover(uintptr_t pc);

}  // namespace monochord
