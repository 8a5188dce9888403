/* Time moves when this test says so. */
#include <port/virtual/virtual_timer_host.h>

#include "expect.h"
#include "watchdog.h"

int main(void) {
  Watchdog dog;
  virtual_timer_host_start(kVirtualMaskLazy);
  watchdog_init(&dog);
  watchdog_feed(&dog);
  virtual_timer_host_advance_ns(9 * SCALE_MS);
  watchdog_feed(&dog);
  virtual_timer_host_advance_ns(10 * SCALE_MS - 1);
  expect(dog.bites == 0, "no bite while it is fed");
  virtual_timer_host_advance_ns(1);
  expect(dog.bites == 1, "a bite 10 ms after the last meal");
  watchdog_feed(&dog);
  timer_mask_enter(); /* as if the guest were in the middle of an access */
  virtual_timer_host_advance_ns(20 * SCALE_MS);
  expect(dog.bites == 1, "no callback while the mask is closed");
  timer_mask_leave();
  expect(dog.bites == 2, "the leave runs it");
  watchdog_feed(&dog);
  virtual_timer_host_set_ns(virtual_timer_host_ns() + 10 * SCALE_MS); /* it is time, but the signal is slow ... */
  virtual_timer_host_signal_in_window(kMaskWindowOpen, 1);            /* ... and comes at the end of the next access */
  timer_mask_enter();
  expect(dog.bites == 2, "no signal, no callback");
  timer_mask_leave();
  expect(dog.bites == 3, "the signal found the mask open");
  timer_reset();
  return failures != 0;
}
