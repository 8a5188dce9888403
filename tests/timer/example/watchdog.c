#include "watchdog.h"

static void watchdog_bite(void *opaque) {
  Watchdog *s = opaque;
  s->bites++;
}

void watchdog_init(Watchdog *s) {
  s->bites = 0;
  timer_init_ns(&s->timer, QEMU_CLOCK_REALTIME, watchdog_bite, s);
  timer_set_name(&s->timer, "watchdog.bite");
}

void watchdog_feed(Watchdog *s) {
  timer_mod_ns(&s->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + 10 * SCALE_MS);
}
