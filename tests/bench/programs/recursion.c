// Calls and returns: Fibonacci's numbers by their definition.
#include "bench.h"

__attribute__((noinline)) static uint64_t fibonacci(uint64_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

int main(void) {
  bench_begin();
  const uint64_t sum = fibonacci(38);
  return bench_end(sum, sum);
}
