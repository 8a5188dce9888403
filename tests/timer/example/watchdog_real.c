#include <port/posix/posix_timer_host.h>
#include <stdio.h>

#include "watchdog.h"

static bool bitten(void *opaque) { return ((const volatile Watchdog *)opaque)->bites != 0; }

int main(void) {
  static Watchdog dog;
  const char *error = posix_timer_host_install(kPosixMaskLazy);
  if (error != NULL) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  init_clocks(NULL);
  watchdog_init(&dog);
  watchdog_feed(&dog);
  while (!bitten(&dog)) posix_timer_host_wait(NULL, 0, bitten, &dog);
  posix_timer_host_uninstall();
  return dog.bites == 1 ? 0 : 1;
}
