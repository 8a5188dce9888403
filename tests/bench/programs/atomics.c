// Atomic operations on a few counters: fetch-and-add, swap, and compare-and-swap (a loop of lr and sc).
#include "bench.h"

static uint64_t counters[8];
static uint32_t words[8];

int main(void) {
  bench_begin();
  uint64_t sum = 0;
  for (uint32_t i = 0; i < 24000000; ++i) {
    sum += __atomic_fetch_add(&counters[i & 7], i, __ATOMIC_RELAXED);
    sum ^= __atomic_fetch_add(&words[i & 7], 3, __ATOMIC_SEQ_CST);
    sum += __atomic_fetch_or(&words[(i + 1) & 7], i & 16, __ATOMIC_ACQ_REL);
    sum ^= __atomic_exchange_n(&counters[(i + 3) & 7], sum & 0xffff, __ATOMIC_ACQ_REL);
    uint64_t expected = __atomic_load_n(&counters[(i + 5) & 7], __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&counters[(i + 5) & 7], &expected, expected + sum, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) continue;
  }
  for (int i = 0; i < 8; ++i) sum = bench_mix(sum, counters[i] + words[i]);
  return bench_end(sum, sum);
}
