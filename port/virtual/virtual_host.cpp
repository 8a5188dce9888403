#include "port/virtual/virtual_host.h"

#include "port/executable_memory.h"

#include <cstdlib>
#include <cstring>

#include "core/bql.h"
#include "core/main_loop.h"

namespace monochord {

namespace {
constexpr uint64_t kPageSize = 4096;
}

VirtualHost::~VirtualHost() = default;

void VirtualHost::set_idle_hook(bool (*hook)(void* opaque), void* opaque) {
  idle_hook_ = hook;
  idle_opaque_ = opaque;
}

void VirtualHost::set_window_hook(void (*hook)(void* opaque, Window window), void* opaque) {
  window_hook_ = hook;
  window_opaque_ = opaque;
}

void VirtualHost::idle_wait(bool (*has_work)(void* opaque), void* opaque) {
  CHECK(bql_locked() && !in_handler_context());
  idle_waits_++;
  bql_unlock();
  if (window_hook_ != nullptr) window_hook_(window_opaque_, Window::kBeforeBlock);
  // From here on real signals would be blocked: what a test sends now is found by the wait itself, at once.
  bool work = hint_ || has_work(opaque);
  if (window_hook_ != nullptr) window_hook_(window_opaque_, Window::kAfterCheck);
  work = work || hint_ || has_work(opaque);
  while (!work) {
    CHECK_MSG(idle_hook_ != nullptr && idle_hook_(idle_opaque_), "every hart sleeps and nothing can ever wake one");
    work = hint_ || has_work(opaque);
  }
  bql_lock();
}

void VirtualHost::set_ready(int fd, unsigned events, bool hint) {
  ready_[fd] = events;
  if (!hint) return;
  hint_ = 1;
  bql_signal_kick();
}

unsigned VirtualHost::watched(int fd) const {
  const auto entry = watched_.find(fd);
  return entry == watched_.end() ? 0 : entry->second;
}

Status VirtualHost::watch_fd(int fd, unsigned events) {
  if (events == 0) {
    watched_.erase(fd);
  } else {
    watched_[fd] = events;
  }
  return {};
}

bool VirtualHost::take_fd_hint() {
  if (!hint_) return false;
  hint_ = 0;
  return true;
}

unsigned VirtualHost::poll_fd(int fd, unsigned events) {
  const auto entry = ready_.find(fd);
  return entry == ready_.end() ? 0 : entry->second & (events | kFdHangup);
}

Result<uint8_t*> VirtualHost::map_memory(uint64_t size) {
  const uint64_t rounded = (size + kPageSize - 1) & ~(kPageSize - 1);
  void* memory = nullptr;
  if (size == 0 || rounded > memory_limit_ - mapped_bytes_ || posix_memalign(&memory, kPageSize, rounded) != 0) {
    return errorf("the host does not map %llu bytes of memory for the guest; lower -m", static_cast<unsigned long long>(size));
  }
  memset(memory, 0, rounded);
  mapped_bytes_ += rounded;
  return static_cast<uint8_t*>(memory);
}

void VirtualHost::unmap_memory(uint8_t* memory, uint64_t size) {
  if (memory == nullptr) return;
  free(memory);
  mapped_bytes_ -= (size + kPageSize - 1) & ~(kPageSize - 1);
}

Result<uint8_t*> VirtualHost::map_code(uint64_t size) { return map_executable(size); }
void VirtualHost::unmap_code(uint8_t* memory, uint64_t size) { munmap(memory, size); }

void VirtualHost::random_bytes(void* buffer, size_t size) {
  uint8_t* bytes = static_cast<uint8_t*>(buffer);
  for (size_t i = 0; i < size; i++) {
    // xorshift64*: the same bytes for the same seed.
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    bytes[i] = static_cast<uint8_t>(random_state_ * 2685821657736338717ull >> 56);
  }
}

}  // namespace monochord
