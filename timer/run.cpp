// Running what is due.
#include "timer/internal.h"

using namespace monochord;

namespace {

// A pass over a list runs what is active when it begins and so many callbacks more: a timer that is always due slows the machine, it does
// not stop it. What is left over is due and comes with the next alarm.
constexpr size_t kExtraRunsPerPass = 64;

bool (*replay_checkpoint)(void* opaque, QEMUClockType type);
void* replay_opaque;
uint32_t current_pass;

bool replay_allows(QEMUClockType type) { return replay_checkpoint == nullptr || replay_checkpoint(replay_opaque, type); }

// Takes the timer off its list and calls it. The timer may be gone afterwards: nothing of it is read.
void fire(QEMUTimerList* list, QEMUTimer* timer, int64_t now) {
  const char* name = timer->name;
  const uint64_t number = timer->number;
  const int64_t deadline = timer->expire_time;
  const QEMUClockType type = list->type;
  const int attributes = timer->attributes;
  QEMUTimerCB* cb = timer->cb;
  void* opaque = timer->opaque;
  list->active.remove(timer);
  timer->expire_time = -1;
  observe(kTimerEventFired, type, name, number, deadline, now, attributes);
  cb(opaque);
  observe(kTimerEventReturned, type, name, number, deadline, now, attributes);
}

// A driven list of the clock that this pass has not run yet. Asked anew after each run: callbacks may make and free lists.
QEMUTimerList* next_of_pass(const QEMUClock& clock) {
  for (QEMUTimerList* list = clock.lists; list != nullptr; list = list->next)
    if (list->driven && list->pass != current_pass) return list;
  return nullptr;
}

bool run_rest_of_pass(const QEMUClock& clock) {
  bool progress = false;
  while (QEMUTimerList* list = next_of_pass(clock)) {
    list->pass = current_pass;
    progress |= timerlist_run_timers(list);
  }
  return progress;
}

}  // namespace

namespace monochord {

bool run_driven_lists() {
  if (main_loop_tlg.tl[QEMU_CLOCK_REALTIME] == nullptr) return false;  // a stray signal before init_clocks
  current_pass++;
  for (QEMUTimerList* list : main_loop_tlg.tl) list->pass = current_pass;
  bool progress = qemu_clock_run_all_timers();
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
    if (!qemu_clock_use_for_deadline(static_cast<QEMUClockType>(type))) continue;
    progress |= run_rest_of_pass(clocks[type]);
  }
  return progress;
}

void replay_reset() { replay_checkpoint = nullptr; }

}  // namespace monochord

bool icount_run_timers(void) {
  MaskGuard guard;
  current_pass++;
  return run_rest_of_pass(clocks[QEMU_CLOCK_VIRTUAL]);
}

void timer_set_replay_checkpoint(bool (*checkpoint)(void* opaque, QEMUClockType type), void* opaque) {
  MaskGuard guard;
  replay_checkpoint = checkpoint;
  replay_opaque = opaque;
}

bool timerlist_run_timers(QEMUTimerList* timer_list) {
  check_list(timer_list);
  MaskGuard guard;
  const QEMUClockType type = timer_list->type;
  const QEMUClock& clock = clocks[type];
  if (timer_list->active.size() == 0 || !clock.enabled) return false;
  const bool once_per_pass = type == QEMU_CLOCK_HOST || type == QEMU_CLOCK_VIRTUAL_RT;
  if (once_per_pass && !replay_allows(type)) return false;

  const int64_t now = qemu_clock_get_ns(type);
  const sig_atomic_t was_in_handler = timer_mask.in_handler;
  timer_mask.in_handler = 1;
  timer_list->running++;
  bool progress = false;
  for (size_t runs_left = timer_list->active.size() + kExtraRunsPerPass; runs_left != 0 && clock.enabled; runs_left--) {
    QEMUTimer* timer = timer_list->active.top();
    if (timer == nullptr || timer->expire_time > now) break;
    const bool recorded = type == QEMU_CLOCK_VIRTUAL && !(timer->attributes & QEMU_TIMER_ATTR_EXTERNAL);
    if (recorded && !replay_allows(type)) break;
    fire(timer_list, timer, now);
    progress = true;
  }
  timer_list->running--;
  timer_mask.in_handler = was_in_handler;
  return progress;
}

bool qemu_clock_run_timers(QEMUClockType type) { return timerlist_run_timers(main_list(type)); }

bool qemu_clock_run_all_timers(void) {
  bool progress = false;
  for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
    const QEMUClockType clock = static_cast<QEMUClockType>(type);
    if (qemu_clock_use_for_deadline(clock)) progress |= qemu_clock_run_timers(clock);
  }
  return progress;
}

bool timerlistgroup_run_timers(QEMUTimerListGroup* tlg) {
  bool progress = false;
  for (QEMUTimerList* list : tlg->tl) progress |= timerlist_run_timers(list);
  return progress;
}

int64_t qemu_clock_advance_virtual_time(int64_t dest) {
  int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  int turns_without_time = 0;
  while (now < dest) {
    const int64_t deadline = qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL);
    const int64_t step = qemu_soonest_timeout(saturating_sub(dest, now), deadline);
    cpus_set_virtual_clock(now + step);
    {
      MaskGuard guard;
      current_pass++;
      // Every list, driven or not: a due timer of a group that nobody else runs would hold the clock for ever.
      for (QEMUTimerList* list = clocks[QEMU_CLOCK_VIRTUAL].lists; list != nullptr;) {
        if (list->pass == current_pass) {
          list = list->next;
          continue;
        }
        list->pass = current_pass;
        timerlist_run_timers(list);
        list = clocks[QEMU_CLOCK_VIRTUAL].lists;
      }
    }
    const int64_t then = now;
    now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    turns_without_time = now == then ? turns_without_time + 1 : 0;
    TIMER_CHECK(turns_without_time < 100000, "VIRTUAL does not advance: a timer is always due, or the clock ignores cpus_set_virtual_clock");
  }
  qemu_clock_notify(QEMU_CLOCK_VIRTUAL);
  return now;
}
