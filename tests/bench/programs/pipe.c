// Two processes that send a byte to and fro through pipes: system calls and context switches.
#include <sys/wait.h>

#include "bench.h"

int main(void) {
  enum { kRounds = 30000 };
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) bench_fail("pipe");
  bench_begin();
  const pid_t child = fork();
  if (child < 0) bench_fail("fork");
  uint8_t byte = 0;
  if (child == 0) {
    for (int i = 0; i < kRounds; ++i) {
      if (read(there[0], &byte, 1) != 1) _exit(1);
      ++byte;
      if (write(back[1], &byte, 1) != 1) _exit(1);
    }
    _exit(0);
  }
  uint64_t sum = 0;
  for (int i = 0; i < kRounds; ++i) {
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) bench_fail("the other end is gone");
    sum += byte;
  }
  int status = 1;
  if (waitpid(child, &status, 0) != child || status != 0) bench_fail("the child failed");
  return bench_end(sum, sum);
}
