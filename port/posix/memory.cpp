// Memory for guests, and random bytes.
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "port/executable_memory.h"
#include "port/posix/posix_host.h"

namespace monochord {

namespace {

uint64_t page_size() {
  static const uint64_t size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// An access that runs off the end by a whole huge page of slack still hits a guard.
constexpr uint64_t kGuardBytes = 2 << 20;
constexpr uint64_t kHugePage = 2 << 20;
static_assert(kGuardBytes % kHugePage == 0);

uint64_t round_up(uint64_t size) { return (size + page_size() - 1) & ~(page_size() - 1); }

std::string readable(uint64_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  while (unit < 5 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    unit++;
  }
  return stringf("%llu %s", static_cast<unsigned long long>(bytes), units[unit]);
}

}  // namespace

Result<uint8_t*> PosixHost::map_memory(uint64_t size) {
  if (size == 0) return errorf("no memory was asked for; choose a size with -m");
  const uint64_t rounded = round_up(size);
  const bool overflow = rounded < size || rounded > (UINT64_MAX >> 1);
  if (!overflow) {
    // Huge pages want their alignment: what is too much before and behind goes back.
    const uint64_t wanted = rounded + 2 * kGuardBytes;
    void* all = mmap(nullptr, wanted + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all != MAP_FAILED) {
      const uint64_t before = -reinterpret_cast<uintptr_t>(all) & (kHugePage - 1);
      if (before != 0) munmap(all, before);
      all = static_cast<uint8_t*>(all) + before;
      munmap(static_cast<uint8_t*>(all) + wanted, kHugePage - before);
      uint8_t* memory = static_cast<uint8_t*>(all) + kGuardBytes;
      // The first touch of each 4 KiB by itself is a good part of a boot.
      if (rounded >= kHugePage) madvise(memory, rounded & ~(kHugePage - 1), MADV_HUGEPAGE);
      if (mprotect(memory, rounded, PROT_READ | PROT_WRITE) == 0) return memory;
      const int error = errno;
      munmap(all, rounded + 2 * kGuardBytes);
      errno = error;
    }
  } else {
    errno = ENOMEM;
  }
  return errorf("the host does not map %s of memory for the guest (%s); lower -m", readable(size).c_str(), strerror(errno));
}

void PosixHost::unmap_memory(uint8_t* memory, uint64_t size) {
  if (memory != nullptr) munmap(memory - kGuardBytes, round_up(size) + 2 * kGuardBytes);
}

Result<uint8_t*> PosixHost::map_code(uint64_t size) { return map_executable(size); }
void PosixHost::unmap_code(uint8_t* memory, uint64_t size) { munmap(memory, round_up(size)); }

void PosixHost::random_bytes(void* buffer, size_t size) {
  uint8_t* bytes = static_cast<uint8_t*>(buffer);
  while (size > 0) {
    const ssize_t got = getrandom(bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK_MSG(got > 0, "the host has no getrandom");
    bytes += got;
    size -= static_cast<size_t>(got);
  }
}

}  // namespace monochord
