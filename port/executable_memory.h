// Memory for generated code, for both hosts: writable and executable, because one thread writes it and runs it in turn.
#pragma once

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "core/result.h"

namespace monochord {

inline Result<uint8_t*> map_executable(uint64_t size) {
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return errorf("the host gives no memory that code can be written to and run from (%s)", strerror(errno));
  madvise(memory, size, MADV_HUGEPAGE);  // a page fault for each 4 KiB of new code would cost more than making it
  return static_cast<uint8_t*>(memory);
}

}  // namespace monochord
