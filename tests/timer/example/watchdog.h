/* A watchdog: bites when it was not fed for 10 ms. */
#include <qemu/timer.h>

typedef struct Watchdog {
  QEMUTimer timer;
  int bites;
} Watchdog;

void watchdog_init(Watchdog *s);
void watchdog_feed(Watchdog *s);
