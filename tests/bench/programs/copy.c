// Copies 65 pages to the 65 pages behind them, eight bytes at a time: no power of two lies between source and destination.
#include "bench.h"

enum { kPages = 65, kWords = kPages * 4096 / 8 };

// The compiler must not make memcpy() of it.
__attribute__((noinline, optimize("no-tree-loop-distribute-patterns"))) static void copy(uint64_t *restrict to, const uint64_t *restrict from) {
#pragma GCC unroll 4
  for (int i = 0; i < kWords; ++i) to[i] = from[i];
}

int main(void) {
  uint64_t *from = bench_pages(2 * kPages), *to = from + kWords;
  for (int i = 0; i < kWords; ++i) from[i] = bench_random();
  bench_begin();
  for (int round = 0; round < 15000; ++round) {
    copy(to, from);
    from[round] += to[round + 1];
  }
  uint64_t sum = 0;
  for (int i = 0; i < kWords; ++i) sum = bench_mix(sum, to[i]);
  return bench_end(sum, sum);
}
