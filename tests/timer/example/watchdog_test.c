/* Time moves when this test says so. */
#include <port/virtual/virtual_timer_host.h>
#include <stdio.h>

#include "watchdog.h"

static int check(int ok, const char *what) {
  if (!ok) fprintf(stderr, "FAILED: %s\n", what);
  return !ok;
}

int main(void) {
  Watchdog dog;
  int failures = 0;
  virtual_timer_host_install(kVirtualMaskLazy);
  init_clocks(NULL);
  watchdog_init(&dog);
  watchdog_feed(&dog);
  virtual_timer_host_advance_ns(9 * SCALE_MS);
  watchdog_feed(&dog);
  virtual_timer_host_advance_ns(10 * SCALE_MS - 1);
  failures += check(dog.bites == 0, "no bite while it is fed");
  virtual_timer_host_advance_ns(1);
  failures += check(dog.bites == 1, "a bite 10 ms after the last meal");
  watchdog_feed(&dog);
  timer_mask_enter(); /* as if the guest were in the middle of an access */
  virtual_timer_host_advance_ns(20 * SCALE_MS);
  failures += check(dog.bites == 1, "no callback while the mask is closed");
  timer_mask_leave();
  failures += check(dog.bites == 2, "the leave runs it");
  return failures;
}
