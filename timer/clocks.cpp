// Clocks, their lists, and groups of lists.
#include <stdlib.h>

#include "timer/internal.h"

using namespace monochord;

QEMUTimerListGroup main_loop_tlg;
int64_t clock_start;

namespace monochord {
QEMUClock clocks[QEMU_CLOCK_MAX];
}

namespace {
bool clocks_made;
void (*default_notify)(void);

// ns from the clock's now to `timer`: -1 without one, 0 if due.
int64_t deadline_of(QEMUClockType type, const QEMUTimer* timer) {
  if (timer == nullptr) return -1;
  const int64_t delta = saturating_sub(timer->expire_time, qemu_clock_get_ns(type));
  return delta <= 0 ? 0 : delta;
}

void check_clock(QEMUClockType type) {
  TIMER_CHECK(type >= 0 && type < QEMU_CLOCK_MAX, "no such clock");
  TIMER_CHECK(clocks_made, "a clock was used before init_clocks");
}
}  // namespace

namespace monochord {
QEMUTimerList* main_list(QEMUClockType type) {
  check_clock(type);
  return main_loop_tlg.tl[type];
}
}  // namespace monochord

void init_clocks(QEMUTimerListNotifyCB* notify_cb) {
  TIMER_CHECK(!clocks_made, "init_clocks called twice: end each test with timer_reset");
  MaskGuard guard;
  clocks_made = true;
  clock_start = get_clock();
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
    clocks[type].enabled = type != QEMU_CLOCK_VIRTUAL;
    main_loop_tlg.tl[type] = timerlist_new(static_cast<QEMUClockType>(type), notify_cb, nullptr);
    main_loop_tlg.tl[type]->driven = true;
  }
}

void timer_reset(void) {
  TIMER_CHECK(timer_mask.depth == 0, "timer_reset with the mask closed, or in a callback: each timer_mask_enter needs its timer_mask_leave");
  MaskGuard guard;
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
    QEMUTimerList*& list = main_loop_tlg.tl[type];
    if (list == nullptr) continue;
    while (QEMUTimer* timer = list->active.top()) {
      list->active.remove(timer);
      timer->expire_time = -1;
      timer->timer_list = nullptr;
    }
    timerlist_free(list);
    list = nullptr;
    TIMER_CHECK(clocks[type].lists == nullptr, "timer_reset while a further group of lists exists");
    clocks[type].enabled = false;
  }
  clocks_made = false;
  clock_start = 0;
  default_notify = nullptr;
  observer = nullptr;
  timers_reset();
  names_reset();
  replay_reset();
  icount_reset();
  ticks_reset();
  host_reset();
}

void timer_set_default_notify(void (*notify)(void)) { default_notify = notify; }

// --- clocks -----------------------------------------------------------------------------------------------------

int64_t qemu_clock_get_ns(QEMUClockType type) {
  switch (type) {
    case QEMU_CLOCK_REALTIME:
      return get_clock();
    case QEMU_CLOCK_VIRTUAL:
      return cpus_get_virtual_clock();
    case QEMU_CLOCK_HOST:
      return get_clock_realtime();
    case QEMU_CLOCK_VIRTUAL_RT:
      return cpu_get_clock();
    case QEMU_CLOCK_MAX:
      break;
  }
  TIMER_CHECK(false, "no such clock");
  return 0;
}

bool qemu_clock_has_timers(QEMUClockType type) { return timerlist_has_timers(main_list(type)); }

bool qemu_clock_expired(QEMUClockType type) { return timerlist_expired(main_list(type)); }

bool qemu_clock_use_for_deadline(QEMUClockType type) { return !(type == QEMU_CLOCK_VIRTUAL && icount_enabled()); }

int64_t qemu_clock_deadline_ns_all(QEMUClockType type, int attr_mask) {
  MaskGuard guard;
  const QEMUClock& clock = clocks[type];
  if (!clock.enabled) return -1;
  const QEMUTimer* soonest = nullptr;
  for (QEMUTimerList* list = clock.lists; list != nullptr; list = list->next) {
    const QEMUTimer* timer = list->active.soonest(attr_mask);
    if (timer != nullptr && (soonest == nullptr || timer->expire_time < soonest->expire_time)) soonest = timer;
  }
  return deadline_of(type, soonest);
}

void qemu_clock_notify(QEMUClockType type) {
  MaskGuard guard;
  for (QEMUTimerList* list = clocks[type].lists; list != nullptr; list = list->next) timerlist_notify(list);
}

void qemu_clock_enable(QEMUClockType type, bool enabled) {
  check_clock(type);
  // No wait for callbacks that are running, as in QEMU: none runs elsewhere, and the run loop looks at the flag before each callback.
  if (clocks[type].enabled == enabled) return;
  MaskGuard guard;
  clocks[type].enabled = enabled;
  observe(enabled ? kTimerEventClockEnabled : kTimerEventClockDisabled, type, nullptr, 0, 0, 0);
  if (!enabled) return;
  host_alarm_wanted();
  qemu_clock_notify(type);
}

void qemu_timer_notify_cb(void*, QEMUClockType type) {
  // A sooner VIRTUAL deadline under icount shortens the budget of the running slice. Everything else arms the alarm, which is done already.
  const bool new_budget = type == QEMU_CLOCK_VIRTUAL && icount_enabled();
  if (new_budget && host_ops().kick != nullptr) host_ops().kick(host_opaque());
  if (default_notify != nullptr) default_notify();
}

// --- lists ------------------------------------------------------------------------------------------------------

QEMUTimerList* timerlist_new(QEMUClockType type, QEMUTimerListNotifyCB* cb, void* opaque) {
  TIMER_CHECK(type >= 0 && type < QEMU_CLOCK_MAX, "no such clock");
  QEMUTimerList* list = static_cast<QEMUTimerList*>(calloc(1, sizeof(QEMUTimerList)));
  TIMER_CHECK(list != nullptr, "out of memory for a timer list");
  list->type = type;
  list->notify_cb = cb;
  list->notify_opaque = opaque;
  MaskGuard guard;
  list->next = clocks[type].lists;
  clocks[type].lists = list;
  return list;
}

void timerlist_free(QEMUTimerList* timer_list) {
  MaskGuard guard;
  check_list(timer_list);
  TIMER_CHECK(!timerlist_has_timers(timer_list), "timerlist_free of a list with active timers");
  TIMER_CHECK(timer_list->running == 0, "timerlist_free of a list that is being run");
  QEMUTimerList** place = &clocks[timer_list->type].lists;
  while (*place != timer_list) {
    TIMER_CHECK(*place != nullptr, "timerlist_free of an unknown list");
    place = &(*place)->next;
  }
  *place = timer_list->next;
  free(timer_list);
}

bool timerlist_has_timers(QEMUTimerList* timer_list) {
  check_list(timer_list);
  return timer_list->active.size() != 0;
}

bool timerlist_expired(QEMUTimerList* timer_list) {
  check_list(timer_list);
  MaskGuard guard;
  const QEMUTimer* top = timer_list->active.top();
  return top != nullptr && top->expire_time <= qemu_clock_get_ns(timer_list->type);
}

int64_t timerlist_deadline_ns(QEMUTimerList* timer_list) {
  check_list(timer_list);
  MaskGuard guard;
  if (!clocks[timer_list->type].enabled) return -1;
  return deadline_of(timer_list->type, timer_list->active.top());
}

QEMUClockType timerlist_get_clock(QEMUTimerList* timer_list) { return timer_list->type; }

void timerlist_notify(QEMUTimerList* timer_list) {
  if (timer_list->notify_cb != nullptr) {
    timer_list->notify_cb(timer_list->notify_opaque, timer_list->type);
  } else if (default_notify != nullptr) {
    default_notify();
  }
}

// --- groups -----------------------------------------------------------------------------------------------------

void timerlistgroup_init(QEMUTimerListGroup* tlg, QEMUTimerListNotifyCB* cb, void* opaque) {
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) tlg->tl[type] = timerlist_new(static_cast<QEMUClockType>(type), cb, opaque);
}

void timerlistgroup_deinit(QEMUTimerListGroup* tlg) {
  for (QEMUTimerList*& list : tlg->tl) {
    timerlist_free(list);
    list = nullptr;
  }
}

int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup* tlg) {
  int64_t deadline = -1;
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
    if (!qemu_clock_use_for_deadline(static_cast<QEMUClockType>(type))) continue;
    deadline = qemu_soonest_timeout(deadline, timerlist_deadline_ns(tlg->tl[type]));
  }
  return deadline;
}

void timer_host_drive_group(QEMUTimerListGroup* group, bool driven) {
  MaskGuard guard;
  for (QEMUTimerList* list : group->tl) list->driven = driven;
  if (driven) host_alarm_wanted();
}
