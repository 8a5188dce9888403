// Integer arithmetic in registers: one loop, no memory, branches that are easy to foresee.
#include "bench.h"

int main(void) {
  bench_begin();
  uint64_t x = 1, sum = 0;
  for (uint64_t i = 0; i < 300000000; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    sum += x >> 33;
    if ((i & 7) == 0) {
      sum ^= x;
    } else {
      sum = (sum << 5) - sum + i;
    }
  }
  return bench_end(sum, sum);
}
