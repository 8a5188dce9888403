// The sieve of Eratosthenes over 16 MB: stores whose stride is soon longer than a page.
#include "bench.h"

enum { kNumbers = 16 << 20 };

int main(void) {
  uint8_t *composite = bench_pages(kNumbers / 4096);
  bench_begin();
  for (uint32_t i = 2; i * i < kNumbers; ++i) {
    if (composite[i]) continue;
    for (uint32_t j = i * i; j < kNumbers; j += i) composite[j] = 1;
  }
  uint64_t primes = 0;
  for (uint32_t i = 2; i < kNumbers; ++i) primes += !composite[i];
  return bench_end(primes, primes);
}
