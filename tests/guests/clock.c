// A Linux program: the guest's monotonic clock in nanoseconds, finer than /proc/uptime.
//   clock            prints it
//   clock sleep S    sleeps S seconds by nanosleep, prints how many ns the clock went on meanwhile
//   clock reply      answers every line of input with it, until end of file
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "sleep") == 0) {
    const double seconds = atof(argv[2]);
    const struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    const long long begin = now_ns();
    nanosleep(&time, NULL);
    printf("%lld\n", now_ns() - begin);
  } else if (argc == 2 && strcmp(argv[1], "reply") == 0) {
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
      printf("%lld\n", now_ns());
      fflush(stdout);
    }
  } else {
    printf("%lld\n", now_ns());
  }
  return 0;
}
