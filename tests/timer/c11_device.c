/* A device as somebody would write it in C against QEMU's timers: embedded timers, scales, a ptimer. Compiled as C11 with -Werror. */
#include <hw/ptimer.h>
#include <qemu/timer.h>
#include <timer/host.h>

#include "tests/timer/c11_device.h"

#include "port/virtual/virtual_timer_host.h"

typedef struct CDevice {
  QEMUTimer tick;
  QEMUTimer *watchdog;
  ptimer_state *counter;
  int ticks;
  int bites;
  int triggers;
} CDevice;

static void tick_cb(void *opaque) {
  CDevice *s = opaque;
  s->ticks++;
  timer_mod(&s->tick, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + 10);
}

static void bite_cb(void *opaque) {
  CDevice *s = opaque;
  s->bites++;
}

static void trigger_cb(void *opaque) {
  CDevice *s = opaque;
  s->triggers++;
}

int c11_device_run(void) {
  CDevice s = {0};
  timer_init_ms(&s.tick, QEMU_CLOCK_VIRTUAL, tick_cb, &s);
  s.watchdog = timer_new_ns(QEMU_CLOCK_REALTIME, bite_cb, &s);
  s.counter = ptimer_init(trigger_cb, &s, PTIMER_POLICY_LEGACY);
  timer_mod(&s.tick, 10);
  timer_mod_ns(s.watchdog, 95 * SCALE_MS);
  ptimer_transaction_begin(s.counter);
  ptimer_set_freq(s.counter, 1000);
  ptimer_set_limit(s.counter, 20, 1);
  ptimer_run(s.counter, 0);
  ptimer_transaction_commit(s.counter);
  virtual_timer_host_advance_ns(100LL * SCALE_MS);
  timer_del(&s.tick);
  timer_free(s.watchdog);
  ptimer_free(s.counter);
  return s.ticks * 10000 + s.bites * 100 + s.triggers;
}
