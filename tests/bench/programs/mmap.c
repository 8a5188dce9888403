// Maps 4 MiB, touches every page, and gives them back: page faults.
#include <sys/mman.h>

#include "bench.h"

int main(void) {
  enum { kRounds = 120, kBytes = 4 << 20 };
  bench_begin();
  uint64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    uint8_t *bytes = mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) bench_fail("mmap");
    madvise(bytes, kBytes, MADV_NOHUGEPAGE);  // the same number of faults, however the kernel is set up
    for (int at = 0; at < kBytes; at += 4096) bytes[at] = (uint8_t)(at >> 12);
    for (int at = 0; at < kBytes; at += 4096) sum += bytes[at] + bytes[at + 4095];
    munmap(bytes, kBytes);
  }
  return bench_end(sum, sum);
}
