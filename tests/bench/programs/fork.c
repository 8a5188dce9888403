// fork() of a process that has a few pages of its own, and waiting for its end.
#include <sys/wait.h>

#include "bench.h"

int main(void) {
  enum { kForks = 1500 };
  uint8_t *pages = bench_pages(64);
  bench_begin();
  uint64_t sum = 0;
  for (int i = 0; i < kForks; ++i) {
    const pid_t child = fork();
    if (child < 0) bench_fail("fork");
    if (child == 0) {
      for (int page = 0; page < 8; ++page) pages[page * 4096] += (uint8_t)i;  // pages that must be copied
      _exit((pages[0] + i) & 63);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) bench_fail("the child failed");
    sum = bench_mix(sum, (uint64_t)WEXITSTATUS(status));
  }
  return bench_end(sum, sum);
}
