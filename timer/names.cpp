// Names and numbers of timers, and the walk over all of them.
#include "timer/internal.h"

namespace monochord {
namespace {
QEMUTimer* named_timers;  // doubly linked, the newest first

TimerInfo info_of(const QEMUTimer* timer) {
  const QEMUTimerList* list = timer->timer_list;
  return {timer->name,
          timer->number,
          list->type,
          main_loop_tlg.tl[list->type] == list,
          timer->expire_time >= 0,
          timer->expire_time,
          timer->attributes,
          timer->cb,
          timer->callback_name,
          timer->opaque};
}

// A look at pointers only: `timer` may be memory that was never initialised.
bool is_named(const QEMUTimer* timer) {
  for (const QEMUTimer* named = named_timers; named != nullptr; named = named->named.next)
    if (named == timer) return true;
  return false;
}

void unlink_named(QEMUTimer* timer) {
  if (timer->named.next != nullptr) timer->named.next->named.previous = timer->named.previous;
  (timer->named.previous != nullptr ? timer->named.previous->named.next : named_timers) = timer->named.next;
}
}  // namespace

void name_forget(QEMUTimer* timer) {
  if (is_named(timer)) unlink_named(timer);
  timer->name = nullptr;
}

void names_reset() { named_timers = nullptr; }

}  // namespace monochord

using namespace monochord;

void timer_set_name(QEMUTimer* ts, const char* name) {
  MaskGuard guard;
  name_forget(ts);
  ts->name = name;
  if (name == nullptr) return;
  ts->named.previous = nullptr;
  ts->named.next = named_timers;
  if (named_timers != nullptr) named_timers->named.previous = ts;
  named_timers = ts;
}

void timer_set_callback_name(QEMUTimer* ts, const char* name) { ts->callback_name = name; }

void timer_for_each(void (*visit)(void* context, const TimerInfo* info), void* context) {
  MaskGuard guard;
  for (QEMUClock& clock : clocks) {
    for (QEMUTimerList* list = clock.lists; list != nullptr; list = list->next) {
      list->active.for_each([&](const QEMUTimer* timer) {
        const TimerInfo info = info_of(timer);
        visit(context, &info);
      });
    }
  }
  for (const QEMUTimer* timer = named_timers; timer != nullptr; timer = timer->named.next) {
    if (timer->timer_list == nullptr || timer->expire_time >= 0) continue;
    const TimerInfo info = info_of(timer);
    visit(context, &info);
  }
}
