// Fast Fourier transform of 4096 complex numbers, double precision, radix 2, there and back.
#include <math.h>

#include "bench.h"

enum { kBits = 12, kSize = 1 << kBits };

struct Complex {
  double re, im;
};

static struct Complex roots[kSize / 2], data[kSize];

static void transform(double direction) {
  for (int i = 0, mirrored = 0; i < kSize; ++i) {
    if (i < mirrored) {
      const struct Complex swapped = data[i];
      data[i] = data[mirrored];
      data[mirrored] = swapped;
    }
    int bit = kSize >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored |= bit;
  }
  for (int half = 1; half < kSize; half *= 2) {
    for (int group = 0; group < kSize; group += 2 * half) {
      for (int i = 0; i < half; ++i) {
        const struct Complex root = roots[i * (kSize / 2 / half)];
        struct Complex *low = &data[group + i], *high = low + half;
        const double im = direction * root.im, re = high->re * root.re - high->im * im;
        const double turned = high->re * im + high->im * root.re;
        *high = (struct Complex){low->re - re, low->im - turned};
        low->re += re;
        low->im += turned;
      }
    }
  }
}

int main(void) {
  const double pi = 3.14159265358979323846;
  for (int i = 0; i < kSize / 2; ++i) roots[i] = (struct Complex){cos(2 * pi * i / kSize), sin(2 * pi * i / kSize)};
  for (int i = 0; i < kSize; ++i) data[i] = (struct Complex){(double)(bench_random() >> 40) / (1 << 24), (double)(i & 255) / 256};
  bench_begin();
  for (int round = 0; round < 300; ++round) {
    transform(-1);
    transform(1);
    for (int i = 0; i < kSize; ++i) {
      data[i].re /= kSize;
      data[i].im /= kSize;
    }
  }
  transform(-1);
  double sum = 0;
  uint64_t bits = 0;
  for (int i = 0; i < kSize; ++i) {
    sum += fabs(data[i].re) + fabs(data[i].im);
    bits = bench_mix(bits, bench_bits(data[i].re) + bench_bits(data[i].im));
  }
  return bench_end(bench_rounded(sum, 1e3), bits);
}
