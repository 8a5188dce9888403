// clock_gettime(), which reads the time counter without a system call.
#include "bench.h"

int main(void) {
  enum { kCalls = 6000000 };
  bench_begin();
  uint64_t steady = 0;
  for (int64_t last = bench_wall_ns(), i = 0; i < kCalls; ++i) {
    const int64_t now = bench_wall_ns();
    steady += now >= last;
    last = now;
  }
  return bench_end(steady, steady);
}
