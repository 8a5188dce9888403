// Memory for generated code, for both hosts: writable and executable, because one thread writes it and runs it in turn.
#pragma once

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "core/result.h"

namespace monochord {

// On huge pages, from its first byte on: a fault for each 4 KiB of new code would cost more than making it, and what lies there is looked at all over.
inline Result<uint8_t*> map_executable(uint64_t size) {
  constexpr uintptr_t kHugePage = 2 << 20;
  void* const memory = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return errorf("the host gives no memory that code can be written to and run from (%s)", strerror(errno));
  const uintptr_t before = -reinterpret_cast<uintptr_t>(memory) & (kHugePage - 1);
  uint8_t* const begin = static_cast<uint8_t*>(memory) + before;
  if (before != 0) munmap(memory, before);
  const uint64_t used = (size + 4095) & ~uint64_t{4095};
  munmap(begin + used, kHugePage - before);
  madvise(begin, used, MADV_HUGEPAGE);
  return begin;
}

}  // namespace monochord
