// operator new and delete over musl's malloc. Nobody can catch bad_alloc here (-fno-exceptions), so that running out of
// memory says so and ends the process; a signal handler may not be inside malloc (core/bql.h), so nothing is locked.
#include <stdlib.h>
#include <unistd.h>

#include <new>

namespace {

[[noreturn]] void out_of_memory() {
  static const char kMessage[] = "monochord: out of memory\n";
  if (write(STDERR_FILENO, kMessage, sizeof kMessage - 1) < 0) {}
  abort();
}

void* allocate(size_t size) {
  void* memory = malloc(size != 0 ? size : 1);
  if (memory == nullptr) out_of_memory();
  return memory;
}

void* allocate_aligned(size_t size, std::align_val_t alignment) {
  void* memory = nullptr;
  const size_t bytes = static_cast<size_t>(alignment);
  if (posix_memalign(&memory, bytes < sizeof(void*) ? sizeof(void*) : bytes, size) != 0) out_of_memory();
  return memory;
}

}  // namespace

const std::nothrow_t std::nothrow{};

void* operator new(size_t size) { return allocate(size); }
void* operator new[](size_t size) { return allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return malloc(size != 0 ? size : 1); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return malloc(size != 0 ? size : 1); }
void* operator new(size_t size, std::align_val_t alignment) { return allocate_aligned(size, alignment); }
void* operator new[](size_t size, std::align_val_t alignment) { return allocate_aligned(size, alignment); }

void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { free(memory); }
