#include "tests/timer/alloc_count.h"

long monochord::allocations = 0;

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* old, size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_realloc(void* old, size_t size);

void* __wrap_malloc(size_t size) {
  monochord::allocations++;
  return __real_malloc(size);
}
void* __wrap_calloc(size_t count, size_t size) {
  monochord::allocations++;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* old, size_t size) {
  monochord::allocations++;
  return __real_realloc(old, size);
}
}
