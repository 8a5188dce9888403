// STREAM's triad, a[i] = b[i] + s * c[i], over arrays of 65 pages that lie 67 and 69 pages apart.
#include "bench.h"

enum { kPages = 65, kCount = kPages * 4096 / 8, kPage = 4096 / 8 };

__attribute__((noinline)) static void triad(double *restrict a, const double *restrict b, const double *restrict c, double s) {
  for (int i = 0; i < kCount; ++i) a[i] = b[i] + s * c[i];
}

int main(void) {
  double *a = bench_pages(67 + 69 + kPages), *b = a + 67 * kPage, *c = b + 69 * kPage;
  for (int i = 0; i < kCount; ++i) {
    b[i] = i;
    c[i] = kCount - i;
  }
  bench_begin();
  for (int round = 0; round < 700; ++round) {
    triad(a, b, c, 0.5);  // both are exact: every value is a multiple of 1/2^20 and small
    triad(b, a, c, -0.5);
  }
  triad(a, b, c, 0.25);
  uint64_t sum = 0;
  for (int i = 0; i < kCount; ++i) sum = bench_mix(sum, bench_bits(a[i]));
  return bench_end(sum, sum);
}
