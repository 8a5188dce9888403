// Events as lines, in the words of Monochord's own trace (core/trace_events.inc): a test without the emulator reads the same text.
#include <stdio.h>

#include "timer/internal.h"

namespace {

const char* clock_name(int clock) {
  static constexpr const char* kNames[] = {"realtime", "virtual", "host", "virtual_rt"};
  return clock >= 0 && clock < QEMU_CLOCK_MAX ? kNames[clock] : "?";
}

// "timer_armed timer=uart.rx clock=virtual", and what only some events have.
int timer_text(char* text, size_t size, const TimerEvent& event, const char* what, bool has_deadline, bool has_lateness) {
  const char* stream = timer_event_of_guest(&event) ? "" : "host_";
  char number[28], deadline[40] = "", late[40] = "";
  snprintf(number, sizeof number, "timer%llu", static_cast<unsigned long long>(event.number));
  if (has_deadline) snprintf(deadline, sizeof deadline, " deadline=%lldns", static_cast<long long>(event.deadline_ns));
  if (has_lateness) snprintf(late, sizeof late, " late=%lldns", static_cast<long long>(event.now_ns - event.deadline_ns));
  const char* name = event.name != nullptr ? event.name : number;
  return snprintf(text, size, "%stimer_%s timer=%s clock=%s%s%s", stream, what, name, clock_name(event.clock), deadline, late);
}

int pass_text(char* text, size_t size, const TimerEvent& event) {
  if (event.masked_ns >= 0) return snprintf(text, size, "alarm_raised\nalarm_deferred masked=%lldns", static_cast<long long>(event.masked_ns));
  const int64_t late = event.deadline_ns == INT64_MAX ? 0 : event.now_ns - event.deadline_ns;
  return snprintf(text, size, "alarm_raised\nalarm_delivered late=%lldns", static_cast<long long>(late));
}

}  // namespace

bool timer_event_of_guest(const TimerEvent* event) {
  return event->clock == QEMU_CLOCK_VIRTUAL && !(event->attributes & QEMU_TIMER_ATTR_EXTERNAL);
}

int timer_event_text(char* text, size_t size, const TimerEvent* event) {
  switch (event->kind) {
    case kTimerEventArmed:
      return timer_text(text, size, *event, "armed", true, false);
    case kTimerEventCancelled:
      return timer_text(text, size, *event, "cancelled", true, false);
    case kTimerEventFired:
      return timer_text(text, size, *event, "fired", true, true);
    case kTimerEventReturned:
      return timer_text(text, size, *event, "returned", false, false);
    case kTimerEventClockEnabled:
    case kTimerEventClockDisabled:
      if (event->clock != QEMU_CLOCK_VIRTUAL) break;
      return snprintf(text, size, "clock_enabled clock=virtual enabled=%d", event->kind == kTimerEventClockEnabled);
    case kTimerEventHostArmed:
      return snprintf(text, size, "alarm_armed deadline=%lldns", static_cast<long long>(event->deadline_ns));
    case kTimerEventSignalRun:
      return pass_text(text, size, *event);
    case kTimerEventTicksEnabled:
    case kTimerEventTicksDisabled:
    case kTimerEventSignalDeferred:
      break;
  }
  if (size != 0) text[0] = '\0';
  return 0;
}
