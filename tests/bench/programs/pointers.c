// Calls through a table of function pointers, in an order that repeats itself.
#include "bench.h"

typedef uint64_t Function(uint64_t);

#define FUNCTION(name, expression) \
  __attribute__((noinline)) static uint64_t name(uint64_t x) { return expression; }
FUNCTION(f0, x + 1)
FUNCTION(f1, x ^ (x >> 7))
FUNCTION(f2, x * 3)
FUNCTION(f3, x - (x >> 3))
FUNCTION(f4, ~x)
FUNCTION(f5, x ^ 0x55)
FUNCTION(f6, (x << 3) | (x >> 61))
FUNCTION(f7, x + (x << 2))

static Function *const kFunctions[] = {f0, f1, f2, f3, f4, f5, f6, f7};

int main(void) {
  Function *volatile order[32];  // volatile: the compiler must not learn what is called
  for (int i = 0; i < 32; ++i) order[i] = kFunctions[bench_random() >> 20 & 7];
  bench_begin();
  uint64_t x = 1;
  for (int round = 0; round < 1000000; ++round) {
    for (int i = 0; i < 32; ++i) x = order[i](x);
  }
  return bench_end(x, x);
}
