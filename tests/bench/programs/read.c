// Reads a file of 1 MiB again and again, 4 KiB at a time, from the page cache.
#include "bench.h"

int main(void) {
  enum { kRounds = 400, kBytes = 1 << 20, kPiece = 4096 };
  char name[] = "/tmp/bench-read-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0 || unlink(name) != 0) bench_fail("cannot make a file in /tmp");
  static uint64_t piece[kPiece / 8];
  for (int at = 0; at < kBytes; at += kPiece) {
    for (int i = 0; i < kPiece / 8; ++i) piece[i] = bench_random();
    if (write(file, piece, kPiece) != kPiece) bench_fail("write");
  }
  bench_begin();
  uint64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (lseek(file, 0, SEEK_SET) != 0) bench_fail("lseek");
    for (int at = 0; at < kBytes; at += kPiece) {
      if (read(file, piece, kPiece) != kPiece) bench_fail("read");
      sum = bench_mix(sum, piece[at >> 12 & 511]);
    }
  }
  return bench_end(sum, sum);
}
