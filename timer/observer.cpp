#include "timer/internal.h"

namespace monochord {

TimerObserver* observer;
namespace {
void* observer_opaque;
bool observing;

// Signals that found the mask closed, counted. The handler, which may have interrupted anything, notes when the first of them came; the pass that
// begins later looks. `noted` is the handler's, `seen` is main's.
struct Deferred {
  volatile uint32_t noted = 0, seen = 0;
  volatile int64_t since_ns = 0;
};
Deferred deferred;
}  // namespace

void observe_now(const TimerEvent& event) {
  TIMER_CHECK(!observing, "the observer armed, cancelled or ran timers: it may only look");
  observing = true;
  observer(observer_opaque, &event);
  observing = false;
}

void observe_deferred() {
  if (observer == nullptr) return;
  const int64_t now = get_clock();
  if (deferred.noted == deferred.seen) deferred.since_ns = now;
  deferred.noted = deferred.noted + 1;
  // The observer itself may be what was interrupted.
  const TimerEvent event = {kTimerEventSignalDeferred, -1, nullptr, 0, 0, now, 0, -1};
  observer(observer_opaque, &event);
}

void observe_pass(int64_t armed_ns) {
  if (observer == nullptr) return;
  const int64_t now = get_clock();
  const uint32_t noted = deferred.noted;
  const int64_t masked_ns = noted != deferred.seen ? now - deferred.since_ns : -1;
  deferred.seen = noted;
  if (deferred.noted != noted) deferred.since_ns = now;  // one more came just now
  observe_now({kTimerEventSignalRun, -1, nullptr, 0, armed_ns, now, 0, masked_ns});
}

}  // namespace monochord

void timer_set_observer(TimerObserver* new_observer, void* opaque) {
  using namespace monochord;
  MaskGuard guard;
  observer = nullptr;
  observer_opaque = opaque;
  deferred.seen = deferred.noted;
  timer_signal_fence();
  observer = new_observer;
}
