#include "core/trace_timers.h"

#include <qemu/timer.h>
#include <timer/host.h>

#include <cstdio>

#include "core/trace.h"

namespace monochord {

namespace {

constexpr uint64_t bit(TraceEvent event) { return uint64_t{1} << event; }
constexpr uint64_t kOurEvents = bit(kTrace_clock_enabled) | bit(kTrace_timer_armed) | bit(kTrace_timer_cancelled) | bit(kTrace_timer_fired) |
                                bit(kTrace_timer_returned) | bit(kTrace_alarm_armed) | bit(kTrace_alarm_raised) | bit(kTrace_alarm_delivered) |
                                bit(kTrace_alarm_deferred) | bit(kTrace_host_timer_armed) | bit(kTrace_host_timer_cancelled) |
                                bit(kTrace_host_timer_fired) | bit(kTrace_host_timer_returned);

// "timer12" for a timer without a name. Kept for ever, as labels are: where there are too many, the rest are all "timer".
const char* number_name(uint64_t number) {
  constexpr unsigned kNames = 256;
  static struct {
    uint64_t number;
    char text[28];
  } names[kNames];
  for (unsigned i = 0; i < kNames; i++) {
    auto& name = names[(number + i) % kNames];
    if (name.number == number) return name.text;
    if (name.number != 0) continue;
    name.number = number;
    snprintf(name.text, sizeof name.text, "timer%llu", static_cast<unsigned long long>(number));
    return name.text;
  }
  return "timer";
}

void pass_begins(const TimerEvent& event) {
  trace_alarm_raised();
  if (event.masked_ns >= 0)
    trace_alarm_deferred(event.masked_ns);
  else
    trace_alarm_delivered(event.deadline_ns == INT64_MAX ? 0 : event.now_ns - event.deadline_ns);
}

void observe_timer(const TimerEvent& event) {
  const char* const name = event.name != nullptr ? event.name : number_name(event.number);
  const bool guest = timer_event_of_guest(&event);
  const int64_t deadline = event.deadline_ns;
  switch (event.kind) {
    case kTimerEventArmed:
      guest ? trace_timer_armed(name, event.clock, deadline) : trace_host_timer_armed(name, event.clock, deadline);
      break;
    case kTimerEventCancelled:
      guest ? trace_timer_cancelled(name, event.clock, deadline) : trace_host_timer_cancelled(name, event.clock, deadline);
      break;
    case kTimerEventFired: {
      // Both times are of the timer's own clock.
      const int64_t late = event.now_ns - deadline;
      guest ? trace_timer_fired(name, event.clock, deadline, late) : trace_host_timer_fired(name, event.clock, deadline, late);
      break;
    }
    case kTimerEventReturned:
      guest ? trace_timer_returned(name, event.clock) : trace_host_timer_returned(name, event.clock);
      break;
    default:
      break;
  }
}

void observe(void*, const TimerEvent* event) {
  switch (event->kind) {
    case kTimerEventSignalRun:
      pass_begins(*event);
      break;
    case kTimerEventHostArmed:
      trace_alarm_armed(event->deadline_ns);
      break;
    case kTimerEventClockEnabled:
    case kTimerEventClockDisabled:
      if (event->clock == QEMU_CLOCK_VIRTUAL) trace_clock_enabled(event->clock, event->kind == kTimerEventClockEnabled);
      break;
    case kTimerEventTicksEnabled:
    case kTimerEventTicksDisabled:
    case kTimerEventSignalDeferred:
      break;
    default:
      observe_timer(*event);
  }
}

}  // namespace

void trace_timers_start() {
  if (trace_mask & kOurEvents) timer_set_observer(observe, nullptr);
}

void trace_timers_stop() { timer_set_observer(nullptr, nullptr); }

}  // namespace monochord
