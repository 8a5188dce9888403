// Products of 64x64 matrices, double precision.
#include "bench.h"

enum { kSize = 64 };

typedef double Matrix[kSize][kSize];

__attribute__((noinline)) static void multiply(Matrix result, Matrix left, Matrix right) {
  for (int i = 0; i < kSize; ++i) {
    double row[kSize] = {0};
    for (int k = 0; k < kSize; ++k) {
      for (int j = 0; j < kSize; ++j) row[j] += left[i][k] * right[k][j];
    }
    memcpy(result[i], row, sizeof row);
  }
}

int main(void) {
  static Matrix a, b, c;
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      a[i][j] = (double)(bench_random() >> 40) / (1 << 24) / kSize * 2;  // products neither grow nor vanish
      b[i][j] = i == j;
    }
  }
  bench_begin();
  for (int round = 0; round < 200; ++round) {
    multiply(c, a, b);
    multiply(b, a, c);
  }
  double sum = 0;
  uint64_t bits = 0;
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      sum += b[i][j];
      bits = bench_mix(bits, bench_bits(b[i][j]));
    }
  }
  return bench_end(bench_rounded(sum, 1e6), bits);
}
