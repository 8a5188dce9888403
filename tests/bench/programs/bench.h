// What every benchmark includes: the two markers on the console, and random numbers that are the same everywhere.
//
//   setup; bench_begin(); the work; return bench_end(checksum, bits);
//
// bench_begin() prints "@begin" and waits for a line: the other side reads its clocks while nothing runs. bench_end() prints
//   @end CHECKSUM BITS CPU-NANOSECONDS NANOSECONDS
// CHECKSUM is the same on every machine. BITS is it, too, except in floating point: the exact result, which a compiler that fuses
// multiply and add (rv64gc) and one that can't (plain x86-64) give differently, but which every riscv64 machine must give alike.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t bench_cpu_begin, bench_wall_begin;

static inline int64_t bench_cpu_ns(void) {
  int64_t ns = 0;
  for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; ++who) {  // -1, 0
    struct rusage usage;
    getrusage(who, &usage);
    ns += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
  }
  return ns;
}

static inline int64_t bench_wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void bench_begin(void) {
  puts("@begin");
  fflush(stdout);
  char byte = 0;
  while (byte != '\n') {
    if (read(STDIN_FILENO, &byte, 1) != 1) exit(2);
  }
  bench_cpu_begin = bench_cpu_ns();
  bench_wall_begin = bench_wall_ns();
}

static inline int bench_end(uint64_t checksum, uint64_t bits) {
  const int64_t wall = bench_wall_ns() - bench_wall_begin, cpu = bench_cpu_ns() - bench_cpu_begin;
  printf("@end %016llx %016llx %lld %lld\n", (unsigned long long)checksum, (unsigned long long)bits, (long long)cpu, (long long)wall);
  return fflush(stdout) == 0 ? 0 : 1;
}

static inline void bench_fail(const char *what) {
  printf("@fail %s\n", what);
  fflush(stdout);
  exit(1);
}

static uint64_t bench_random_state = 0x9e3779b97f4a7c15;

static inline uint64_t bench_random(void) {  // xorshift64
  uint64_t x = bench_random_state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return bench_random_state = x;
}

// Order matters, and no bit of the input is lost.
static inline uint64_t bench_mix(uint64_t sum, uint64_t value) { return (sum ^ value) * 0x100000001b3 + (sum >> 29); }

static inline uint64_t bench_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// `value` to so many digits that fused and unfused sums agree.
static inline uint64_t bench_rounded(double value, double per_unit) { return (uint64_t)(int64_t)(value * per_unit + (value < 0 ? -0.5 : 0.5)); }

static inline void *bench_pages(size_t count) {
  void *pages = aligned_alloc(4096, count * 4096);
  if (pages == NULL) bench_fail("no memory");
  memset(pages, 0, count * 4096);
  return pages;
}
