// The mask, the passes of the handler, and the one alarm of the host.
#include <errno.h>

#include "timer/internal.h"

TimerMask timer_mask;

namespace monochord {
namespace {

// A pass over all timers may be followed by another one (a signal came in between); after so many the guest has its turn.
constexpr int kMaxPasses = 64;
// A HOST timer waits for the calendar, which may be set: look at it at least this often.
constexpr int64_t kMaxHostSleepNs = NANOSECONDS_PER_SECOND;

int64_t no_host(void*) {
  TIMER_CHECK(false, "no host: call timer_host_install (posix_timer_host_install, virtual_timer_host_install) first");
  return 0;
}
void no_alarm(void*, int64_t) {}
constexpr TimerHostOps kNoHost = {no_host, no_host, no_host, no_alarm, nullptr, nullptr, nullptr, 0, false};

const TimerHostOps* ops = &kNoHost;
void* opaque;

// The handler may write `signalled` and `timer_mask.pending` at any time, but only to 1; main clears each before it acts on it.
volatile sig_atomic_t signalled;
// The rest is touched with the mask closed only.
bool alarm_wanted;                  // compare the alarm with the timers at the outermost leave
bool in_pass;                       // the pass arms at its end
int64_t armed_ns = INT64_MAX;       // what the alarm is armed for, on the monotonic clock
int64_t floor_until_ns = INT64_MIN; // starvation floor: not armed sooner than this

void window(TimerMaskWindow where) {
  if (__builtin_expect(ops->mask_window != nullptr, 0)) ops->mask_window(opaque, where);
}

void check_balance() { TIMER_CHECK(timer_mask.depth >= 0, "timer_mask_leave without its timer_mask_enter"); }

void block(bool blocked) {
  if (ops->set_masked != nullptr) ops->set_masked(opaque, blocked);
}

// When the first timer of `list` is due, on the monotonic clock; INT64_MAX: the alarm can't know or need not.
int64_t list_alarm_ns(const QEMUTimerList* list) {
  const QEMUTimer* timer = list->active.top();
  if (timer == nullptr || !clocks[list->type].enabled) return INT64_MAX;
  switch (list->type) {
    case QEMU_CLOCK_REALTIME:
      return timer->expire_time;
    case QEMU_CLOCK_VIRTUAL:
      if (virtual_clock_registered()) return timer->expire_time <= cpus_get_virtual_clock() ? INT64_MIN : INT64_MAX;
      if (icount_enabled()) return INT64_MAX;
      [[fallthrough]];
    case QEMU_CLOCK_VIRTUAL_RT:
      // A clock that stands still would bring the alarm again and again.
      return cpu_ticks_enabled() ? saturating_sub(timer->expire_time, ticks_clock_offset()) : INT64_MAX;
    case QEMU_CLOCK_HOST: {
      int64_t sleep = saturating_sub(timer->expire_time, get_clock_realtime());
      if (sleep < 0) sleep = 0;
      if (sleep > kMaxHostSleepNs) sleep = kMaxHostSleepNs;
      return saturating_add(get_clock(), sleep);
    }
    case QEMU_CLOCK_MAX:
      break;
  }
  return INT64_MAX;
}

int64_t soonest_alarm_ns() {
  int64_t soonest = INT64_MAX;
  for (const QEMUClock& clock : clocks) {
    if (!clock.enabled) continue;
    for (const QEMUTimerList* list = clock.lists; list != nullptr; list = list->next) {
      if (!list->driven) continue;
      const int64_t alarm = list_alarm_ns(list);
      if (alarm < soonest) soonest = alarm;
    }
  }
  return soonest != INT64_MAX && soonest < floor_until_ns ? floor_until_ns : soonest;
}

void arm(int64_t deadline_ns) {
  armed_ns = deadline_ns;
  observe(kTimerEventHostArmed, -1, nullptr, 0, deadline_ns, 0);
  ops->arm(opaque, deadline_ns);
}

// Only ever to a sooner time: a later one is found out when the signal comes early.
void arm_if_sooner() {
  alarm_wanted = false;
  const int64_t deadline = soonest_alarm_ns();
  if (deadline < armed_ns) arm(deadline);
}

void run_timers_of_signal() {
  observe_pass(armed_ns);
  in_pass = true;
  timer_mask.in_handler = 1;
  run_driven_lists();
  timer_mask.in_handler = 0;
  in_pass = false;

  const int64_t now = get_clock();
  floor_until_ns = ops->rearm_floor_ns > 0 ? saturating_add(now, ops->rearm_floor_ns) : INT64_MIN;
  alarm_wanted = false;
  const int64_t was_armed_ns = armed_ns;
  const int64_t deadline = soonest_alarm_ns();
  if (deadline != INT64_MAX) {
    arm(deadline);
  } else if (was_armed_ns > now) {
    // The signal was not the alarm's (a stray one, or for a timer that was cancelled): nothing is left to wait for.
    if (was_armed_ns != INT64_MAX) arm(INT64_MAX);
  } else {
    armed_ns = INT64_MAX;  // it fired and is not armed any more
  }
}

enum class Entry { kLeave, kSignal };

// Does what is pending; the mask is open on entry and on return. In the signal handler the signal is blocked already, and must stay so.
void run_passes(Entry entry) {
  const int saved_errno = errno;
  const bool leaving = entry == Entry::kLeave;
  for (int passes = 0; timer_mask.pending; passes++) {
    if (passes == kMaxPasses) {
      // Stays pending for the next leave.
      if (ops->kick != nullptr) ops->kick(opaque);
      break;
    }
    if (leaving) window(kMaskWindowBeforePending);
    if (leaving) block(true);
    timer_mask.depth = 1;
    timer_signal_fence();
    timer_mask.pending = 0;
    timer_signal_fence();
    if (signalled) {
      signalled = 0;
      timer_signal_fence();
      run_timers_of_signal();
    } else if (alarm_wanted) {
      arm_if_sooner();
    }
    if (leaving) window(kMaskWindowAfterRun);
    timer_signal_fence();
    timer_mask.depth = 0;
    timer_signal_fence();
    if (leaving) block(false);
  }
  errno = saved_errno;
}

}  // namespace

const TimerHostOps& host_ops() { return *ops; }
void* host_opaque() { return opaque; }

void host_alarm_wanted() {
  if (in_pass) return;
  alarm_wanted = true;
  timer_mask.pending = 1;
}

void host_alarm_wanted_for(QEMUTimerList* list) {
  if (!list->driven || alarm_wanted || in_pass) return;
  if (list->type != QEMU_CLOCK_HOST && list_alarm_ns(list) >= armed_ns) return;
  host_alarm_wanted();
}

void host_reset() {
  signalled = 0;
  alarm_wanted = false;
  floor_until_ns = INT64_MIN;
  if (armed_ns != INT64_MAX) arm(INT64_MAX);
}

}  // namespace monochord

using namespace monochord;

void timer_host_install(const TimerHostOps* new_ops, void* new_opaque) {
  check_balance();
  TIMER_CHECK(timer_mask.depth == 0, "timer_host_install with the mask closed: a timer_mask_enter without its timer_mask_leave");
  timer_mask.slow = 0;
  timer_mask.depth = 1;
  timer_signal_fence();
  ops = new_ops != nullptr ? new_ops : &kNoHost;
  opaque = new_opaque;
  armed_ns = INT64_MAX;
  floor_until_ns = INT64_MIN;
  timer_signal_fence();
  timer_mask.slow = ops->set_masked != nullptr || ops->mask_window != nullptr;
  if (main_loop_tlg.tl[0] != nullptr) host_alarm_wanted();
  timer_mask.depth = 0;
  timer_signal_fence();
  if (timer_mask.pending) timer_mask_run_pending();
}

void timer_mask_enter_slow(void) {
  if (timer_mask.depth == 0) block(true);
  timer_mask.depth = timer_mask.depth + 1;
  timer_signal_fence();
}

void timer_mask_leave_slow(void) {
  timer_signal_fence();
  TIMER_CHECK(timer_mask.depth > 0, "timer_mask_leave without its timer_mask_enter");
  if (timer_mask.depth > 1) {
    timer_mask.depth = timer_mask.depth - 1;
    return;
  }
  window(kMaskWindowBeforeOpen);
  timer_signal_fence();
  timer_mask.depth = 0;
  timer_signal_fence();
  block(false);
  window(kMaskWindowOpen);
  if (timer_mask.pending) timer_mask_run_pending();
}

void timer_mask_run_pending(void) { run_passes(Entry::kLeave); }

bool timer_host_signal(void) {
  signalled = 1;
  timer_signal_fence();
  timer_mask.pending = 1;
  timer_signal_fence();
  if (timer_mask.depth != 0) {
    check_balance();
    observe_deferred();
    return false;
  }
  run_passes(Entry::kSignal);
  return true;
}

bool timer_host_run_due(void) {
  MaskGuard guard;
  return run_driven_lists();
}

void timer_host_rearm(void) {
  MaskGuard guard;
  if (in_pass) return;
  alarm_wanted = false;
  const int64_t deadline = soonest_alarm_ns();
  if (deadline != armed_ns) arm(deadline);
}

void timer_host_rearm_lost(void) {
  MaskGuard guard;
  armed_ns = INT64_MAX;
  timer_host_rearm();
}

void timer_host_detach(void) {
  timer_mask.slow = 0;
  ops = &kNoHost;
  opaque = nullptr;
  armed_ns = INT64_MAX;
  signalled = 0;
}

void timer_host_commit(void) {
  MaskGuard guard;
  if (alarm_wanted && !in_pass) arm_if_sooner();
}

bool timer_host_signalled(void) { return signalled != 0; }

int64_t timer_host_armed_ns(void) { return armed_ns; }
