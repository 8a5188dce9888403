// A system call that does nothing.
#include <sys/syscall.h>

#include "bench.h"

int main(void) {
  enum { kCalls = 1000000 };
  const long parent = getppid();
  bench_begin();
  uint64_t same = 0;
  for (int i = 0; i < kCalls; ++i) same += syscall(SYS_getppid) == parent;
  return bench_end(same, same);
}
