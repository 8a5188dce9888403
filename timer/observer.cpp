#include "timer/internal.h"

namespace monochord {

TimerObserver* observer;
namespace {
void* observer_opaque;
}

void observe_now(const TimerEvent& event) { observer(observer_opaque, &event); }

}  // namespace monochord

void timer_set_observer(TimerObserver* new_observer, void* opaque) {
  monochord::MaskGuard guard;
  monochord::observer = nullptr;
  monochord::observer_opaque = opaque;
  timer_signal_fence();
  monochord::observer = new_observer;
}
