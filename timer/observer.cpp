#include "timer/internal.h"

namespace monochord {

TimerObserver* observer;
namespace {
void* observer_opaque;
}

void observe_now(TimerEventKind kind, int clock, const char* name, uint64_t number, int64_t deadline_ns, int64_t now_ns) {
  const TimerEvent event = {kind, clock, name, number, deadline_ns, now_ns};
  observer(observer_opaque, &event);
}

}  // namespace monochord

void timer_set_observer(TimerObserver* new_observer, void* opaque) {
  monochord::MaskGuard guard;
  monochord::observer = nullptr;
  monochord::observer_opaque = opaque;
  timer_signal_fence();
  monochord::observer = new_observer;
}
