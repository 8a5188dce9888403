// One timer: init, arm, cancel, ask.
#include <stdlib.h>

#include "timer/internal.h"

using namespace monochord;

namespace {

uint64_t last_number;
uint64_t last_number_before_reset;

void check_initialised(const QEMUTimer* ts) {
  TIMER_CHECK(ts->timer_list != nullptr, "timer armed before timer_init, or after timer_deinit or timer_reset");
  TIMER_CHECK(ts->number > last_number_before_reset, "timer of before timer_reset armed: call timer_init again");
}

// A list of ours that `ts` claims to be active in, or null. `ts` may be memory that was never initialised: nothing it holds is followed.
QEMUTimerList* claimed_list(const QEMUTimer* ts) {
  if (ts->expire_time < 0) return nullptr;
  for (QEMUClock& clock : clocks)
    for (QEMUTimerList* list = clock.lists; list != nullptr; list = list->next)
      if (list == ts->timer_list) return list;
  return nullptr;
}

void insert_and_notify(QEMUTimer* ts, int64_t expire_time) {
  QEMUTimerList* list = ts->timer_list;
  if (ts->expire_time >= 0) list->active.remove(ts);
  ts->expire_time = expire_time < 0 ? 0 : expire_time;
  list->active.insert(ts, expire_time < 0);
  observe(kTimerEventArmed, list->type, ts->name, ts->number, ts->expire_time, 0, ts->attributes);
  if (list->active.top() != ts) return;
  host_alarm_wanted_for(list);
  timerlist_notify(list);
}

}  // namespace

namespace monochord {
void timers_reset() { last_number_before_reset = last_number; }
}  // namespace monochord

void timer_init_full(QEMUTimer* ts, QEMUTimerListGroup* timer_list_group, QEMUClockType type, int scale, int attributes, QEMUTimerCB* cb,
                     void* opaque) {
  TIMER_CHECK(type >= 0 && type < QEMU_CLOCK_MAX, "no such clock");
  MaskGuard guard;
  const QEMUTimerList* claimed = claimed_list(ts);
  TIMER_CHECK(claimed == nullptr || !claimed->active.contains(ts), "timer_init of a timer that is armed: call timer_del first");
  TIMER_CHECK(cb != nullptr, "timer without a callback");
  if (timer_list_group == nullptr) timer_list_group = &main_loop_tlg;
  TIMER_CHECK(timer_list_group->tl[type] != nullptr, "timer_init before init_clocks (or before timerlistgroup_init, for a group of your own)");
  name_forget(ts);
  ts->expire_time = -1;
  ts->timer_list = timer_list_group->tl[type];
  ts->cb = cb;
  ts->opaque = opaque;
  ts->attributes = attributes;
  ts->scale = scale;
  ts->callback_name = nullptr;
  ts->number = ++last_number;
  ts->heap = {};
  ts->named = {};
}

QEMUTimer* timer_new_full(QEMUTimerListGroup* timer_list_group, QEMUClockType type, int scale, int attributes, QEMUTimerCB* cb, void* opaque) {
  QEMUTimer* ts = static_cast<QEMUTimer*>(calloc(1, sizeof(QEMUTimer)));
  TIMER_CHECK(ts != nullptr, "out of memory for a timer");
  timer_init_full(ts, timer_list_group, type, scale, attributes, cb, opaque);
  return ts;
}

void timer_deinit(QEMUTimer* ts) {
  MaskGuard guard;
  TIMER_CHECK(ts->expire_time == -1, "timer_deinit of a timer that is armed");
  name_forget(ts);
  ts->timer_list = nullptr;
}

void timer_free(QEMUTimer* ts) {
  if (ts == nullptr) return;
  MaskGuard guard;
  timer_del(ts);
  name_forget(ts);
  free(ts);
}

void timer_mod_ns(QEMUTimer* ts, int64_t expire_time) {
  check_initialised(ts);
  MaskGuard guard;
  insert_and_notify(ts, expire_time);
}

void timer_mod_anticipate_ns(QEMUTimer* ts, int64_t expire_time) {
  check_initialised(ts);
  MaskGuard guard;
  if (ts->expire_time == -1 || ts->expire_time > expire_time) insert_and_notify(ts, expire_time);
}

void timer_mod(QEMUTimer* ts, int64_t expire_time) { timer_mod_ns(ts, saturating_scale(expire_time, ts->scale)); }

void timer_mod_anticipate(QEMUTimer* ts, int64_t expire_time) { timer_mod_anticipate_ns(ts, saturating_scale(expire_time, ts->scale)); }

void timer_del(QEMUTimer* ts) {
  MaskGuard guard;
  QEMUTimerList* list = ts->timer_list;
  if (list == nullptr || ts->expire_time < 0) return;
  list->active.remove(ts);
  const int64_t deadline = ts->expire_time;
  ts->expire_time = -1;
  observe(kTimerEventCancelled, list->type, ts->name, ts->number, deadline, 0, ts->attributes);
}

bool timer_pending(const QEMUTimer* ts) { return ts->expire_time >= 0; }

bool timer_expired(const QEMUTimer* timer_head, int64_t current_time) {
  return timer_head->expire_time <= saturating_scale(current_time, timer_head->scale);
}

uint64_t timer_expire_time_ns(const QEMUTimer* ts) { return ts->expire_time >= 0 ? static_cast<uint64_t>(ts->expire_time) : UINT64_MAX; }
