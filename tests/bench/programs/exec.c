// fork() and execve() of this program, which ends at once, and waiting for its end.
#include <sys/wait.h>

#include "bench.h"

int main(int argc, char **argv) {
  enum { kExecs = 500 };
  if (argc > 1) return atoi(argv[1]);
  bench_begin();
  uint64_t sum = 0;
  for (int i = 0; i < kExecs; ++i) {
    char number[4];
    snprintf(number, sizeof number, "%d", i % 100);
    const pid_t child = fork();
    if (child < 0) bench_fail("fork");
    if (child == 0) {
      execv(argv[0], (char *[]){argv[0], number, NULL});
      _exit(127);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) bench_fail("the child failed");
    sum = bench_mix(sum, (uint64_t)WEXITSTATUS(status));
  }
  return bench_end(sum, sum);
}
