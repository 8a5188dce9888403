// Single precision: blurs an image, brings it back to its range with a division and compares and converts along the way.
#include "bench.h"

enum { kSide = 256 };

static float image[kSide][kSide], next[kSide][kSide];

__attribute__((noinline)) static float blur(void) {
  float least = 1e30f, most = -1e30f;
  for (int y = 1; y < kSide - 1; ++y) {
    for (int x = 1; x < kSide - 1; ++x) {
      const float edges = image[y - 1][x] + image[y + 1][x] + image[y][x - 1] + image[y][x + 1];
      const float value = image[y][x] * 0.6f + edges * 0.1f;
      if (value < least) least = value;
      if (value > most) most = value;
      next[y][x] = value;
    }
  }
  const float range = most - least + 1e-6f;
  int bright = 0;
  for (int y = 1; y < kSide - 1; ++y) {
    for (int x = 1; x < kSide - 1; ++x) {
      image[y][x] = (next[y][x] - least) / range;
      bright += (int)(image[y][x] * 4.0f);
    }
  }
  return (float)bright;
}

int main(void) {
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) image[y][x] = (float)(bench_random() >> 40) / (1 << 24);
  }
  bench_begin();
  double bright = 0, sum = 0;
  for (int round = 0; round < 240; ++round) bright += (double)blur();
  uint64_t bits = bench_bits(bright);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      sum += (double)image[y][x];
      bits = bench_mix(bits, bench_bits((double)image[y][x]));
    }
  }
  return bench_end(bench_rounded(sum, 1), bits);
}
