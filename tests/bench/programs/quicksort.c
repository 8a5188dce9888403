// Quicksort of random 32-bit numbers: branches that nobody foresees.
#include "bench.h"

enum { kCount = 1 << 20 };

static void sort(uint32_t *first, uint32_t *last) {  // last is the last element
  while (last - first > 12) {
    const uint32_t pivot = first[(last - first) / 2];
    uint32_t *low = first, *high = last;
    while (low <= high) {
      while (*low < pivot) ++low;
      while (*high > pivot) --high;
      if (low <= high) {
        const uint32_t swapped = *low;
        *low++ = *high;
        *high-- = swapped;
      }
    }
    if (high - first < last - low) {
      sort(first, high);
      first = low;
    } else {
      sort(low, last);
      last = high;
    }
  }
  for (uint32_t *next = first + 1; next <= last; ++next) {
    const uint32_t value = *next;
    uint32_t *place = next;
    for (; place > first && place[-1] > value; --place) *place = place[-1];
    *place = value;
  }
}

int main(void) {
  uint32_t *numbers = bench_pages(kCount * sizeof *numbers / 4096);
  bench_begin();
  uint64_t sum = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < kCount; ++i) numbers[i] = (uint32_t)(bench_random() >> 16);
    sort(numbers, numbers + kCount - 1);
    for (int i = 1; i < kCount; ++i) {
      if (numbers[i - 1] > numbers[i]) bench_fail("not sorted");
      sum = bench_mix(sum, numbers[i]);
    }
  }
  return bench_end(sum, sum);
}
