#include "blinker.h"

#include <port/virtual/virtual_timer_host.h>

#include <cstdio>
#include <string>

namespace {

// One run: lit on time, switched late while the mask is closed, back in beat, stopped. Returns its trace; "" where the lamp is wrong.
std::string run() {
  std::string trace;
  virtual_timer_host_start(kVirtualMaskLazy);
  timer_set_observer([](void* opaque, const TimerEvent* event) {
    char text[TIMER_EVENT_TEXT_MAX];
    if (!timer_event_of_guest(event) || timer_event_text(text, sizeof text, event) == 0) return;  // the guest's timers only
    *static_cast<std::string*>(opaque) += std::string(text) + "\n";
  }, &trace);
  Blinker blinker;
  blinker.start();
  virtual_timer_host_advance_ns(Blinker::kHalfNs);
  const bool on = blinker.lit();
  timer_mask_enter();
  virtual_timer_host_advance_ns(Blinker::kHalfNs + 7);
  const bool still_on = blinker.lit();
  timer_mask_leave();
  const bool off = !blinker.lit();
  blinker.stop();
  timer_reset();
  return on && still_on && off ? trace : "";
}

}  // namespace

int main() {
  const std::string expected =
      "timer_armed timer=blinker.toggle clock=virtual deadline=500000000ns\n"
      "timer_fired timer=blinker.toggle clock=virtual deadline=500000000ns late=0ns\n"
      "timer_armed timer=blinker.toggle clock=virtual deadline=1000000000ns\n"
      "timer_returned timer=blinker.toggle clock=virtual\n"
      "timer_fired timer=blinker.toggle clock=virtual deadline=1000000000ns late=7ns\n"
      "timer_armed timer=blinker.toggle clock=virtual deadline=1500000000ns\n"
      "timer_returned timer=blinker.toggle clock=virtual\n"
      "timer_cancelled timer=blinker.toggle clock=virtual deadline=1500000000ns\n";
  for (int i = 0; i < 2; i++) {
    const std::string trace = run();
    if (trace == expected) continue;
    fprintf(stderr, "FAILED: run %d gives\n%sand should give\n%s", i, trace.c_str(), expected.c_str());
    return 1;
  }
  fputs(expected.c_str(), stdout);
  return 0;
}
