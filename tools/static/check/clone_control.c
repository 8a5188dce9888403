// Shows that check-symbols can fail: musl's timer_create makes a thread for SIGEV_THREAD, so that naming it at all links
// __clone. Monochord makes the system call itself (port/posix).
#include <signal.h>
#include <time.h>

void qemu_clock_run_all_timers(void);
void qemu_clock_run_all_timers(void) {}

int main(void) {
  timer_t timer;
  qemu_clock_run_all_timers();
  return timer_create(CLOCK_MONOTONIC, 0, &timer);
}
