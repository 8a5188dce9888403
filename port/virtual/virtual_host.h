// The host that a test drives (core/host.h): nothing sleeps, nothing comes from outside. Time and the alarm are port/virtual's timer host.
//
// The idle wait does what real time would do: it opens the mask, and while there is no work it calls the idle hook, which moves time, signals, or
// makes an fd ready. An idle wait that nothing can end is a failed CHECK: a test that hangs says so at once.
#pragma once

#include <signal.h>

#include <map>
#include <vector>

#include "core/host.h"

namespace monochord {

class VirtualHost final : public Host {
 public:
  VirtualHost() = default;
  ~VirtualHost();
  VirtualHost(const VirtualHost&) = delete;
  VirtualHost& operator=(const VirtualHost&) = delete;

  // Called in the idle wait with the mask open; returns false when nothing will ever happen any more.
  void set_idle_hook(bool (*hook)(void* opaque), void* opaque);
  // Places in the idle wait where a test may want a signal.
  enum class Window { kBeforeBlock, kAfterCheck };
  void set_window_hook(void (*hook)(void* opaque, Window window), void* opaque);

  // What poll_fd answers from now on; with `hint`, as if SIGIO came (without: an edge that was lost).
  void set_ready(int fd, unsigned events, bool hint = true);
  unsigned watched(int fd) const;      // the events that are watched
  int idle_waits() const { return idle_waits_; }
  uint64_t mapped_bytes() const { return mapped_bytes_; }
  // map_memory() fails above this.
  void set_memory_limit(uint64_t bytes) { memory_limit_ = bytes; }
  void seed(uint64_t value) { random_state_ = value; }

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
  bool (*idle_hook_)(void*) = nullptr;
  void* idle_opaque_ = nullptr;
  void (*window_hook_)(void*, Window) = nullptr;
  void* window_opaque_ = nullptr;
  std::map<int, unsigned> watched_;
  std::map<int, unsigned> ready_;
  volatile sig_atomic_t hint_ = 0;
  int idle_waits_ = 0;
  uint64_t mapped_bytes_ = 0;
  uint64_t memory_limit_ = UINT64_MAX;
  uint64_t random_state_ = 1;
};

}  // namespace monochord
