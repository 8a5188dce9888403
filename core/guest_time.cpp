#include "core/guest_time.h"

#include <algorithm>

#include "core/log.h"
#include "core/loop_internal.h"
#include "core/trace.h"

namespace monochord {

namespace {

// The longest slice: what a signal waits for. A few milliseconds.
constexpr int64_t kSliceCounted = int64_t{1} << 22;
// align=on: how far the guest may be ahead, and when its being late is worth a line.
constexpr int64_t kAlignAheadNs = 3 * SCALE_MS;
constexpr int64_t kAlignSliceNs = 10 * SCALE_MS;
constexpr int64_t kLateStepNs = NANOSECONDS_PER_SECOND;
constexpr int64_t kLateLinesEveryNs = 2 * NANOSECONDS_PER_SECOND;
constexpr int kLateLinesMax = 100;
// shift=auto looks at its shift so often.
constexpr int64_t kAdjustRealMs = 1000;
constexpr int64_t kAdjustVirtualNs = 100 * SCALE_MS;

struct GuestTime {
  bool started = false;
  // Ends the wait of a paced warp or of align=on. The guest's own timers are VIRTUAL's.
  QEMUTimer wake;
  QEMUTimer adjust_real, adjust_virtual;
  bool warping = false;
  int64_t warp_began_ns = 0;  // VIRTUAL_RT
  int64_t late_told_ns = 0;   // how late the last line said that the guest is
  int64_t late_line_ns = INT64_MIN / 2;
  int late_lines = 0;
  uint64_t inputs = 0;
};
GuestTime time_state;

// Ends the wait, also where it comes before the wait begins.
void wake_due(void*) { qemu_notify_event(); }

void adjust_real_due(void*) {
  timer_mod(&time_state.adjust_real, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL_RT) + kAdjustRealMs);
  icount_adjust();
}

void adjust_virtual_due(void*) {
  timer_mod(&time_state.adjust_virtual, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + kAdjustVirtualNs);
  icount_adjust();
}

void warp_by(int64_t ns) {
  const int64_t from = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  icount_add_bias(ns);
  trace_clock_advanced(int{QEMU_CLOCK_VIRTUAL}, from, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
}

int64_t warp_deadline_ns() { return qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, ~QEMU_TIMER_ATTR_EXTERNAL); }

// How much of the sleep up to `deadline_ns` from its begin has passed.
int64_t warp_passed_ns(int64_t deadline_ns) {
  int64_t passed = std::max<int64_t>(0, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT) - time_state.warp_began_ns);
  // An adaptive guest that is ahead of real time sleeps until real time has caught up.
  if (icount_enabled() == ICOUNT_ADAPTATIVE)
    passed = std::min(passed, std::max<int64_t>(0, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT) - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)));
  return deadline_ns < 0 ? passed : std::min(passed, deadline_ns);
}


void say_late(int64_t late_ns) {
  const int64_t now = get_clock();
  const bool worse = late_ns > time_state.late_told_ns + kLateStepNs, better = late_ns < time_state.late_told_ns - 3 * kLateStepNs / 2;
  if ((!worse && !better) || now - time_state.late_line_ns < kLateLinesEveryNs || time_state.late_lines >= kLateLinesMax) return;
  warn_report("-icount align=on: the guest is %.1f s late; give a larger shift", static_cast<double>(late_ns) / 1e9);
  time_state.late_told_ns = late_ns;
  time_state.late_line_ns = now;
  time_state.late_lines++;
}

}  // namespace

void guest_time_start(const IcountOptions& options) {
  CHECK(!time_state.started);
  if (options.mode == ICOUNT_DISABLED) return;
  time_state.started = true;
  icount_register_counter([] { return static_cast<int64_t>(total_instructions()); });
  icount_set_options(&options);
  slices_are_exact = true;
  timer_init_full(&time_state.wake, nullptr, QEMU_CLOCK_VIRTUAL_RT, SCALE_NS, QEMU_TIMER_ATTR_EXTERNAL, wake_due, nullptr);
  timer_set_name(&time_state.wake, "icount.wake");
  if (options.mode != ICOUNT_ADAPTATIVE) return;
  timer_init_full(&time_state.adjust_real, nullptr, QEMU_CLOCK_VIRTUAL_RT, SCALE_MS, QEMU_TIMER_ATTR_EXTERNAL, adjust_real_due, nullptr);
  timer_set_name(&time_state.adjust_real, "icount.adjust_real");
  timer_init_full(&time_state.adjust_virtual, nullptr, QEMU_CLOCK_VIRTUAL, SCALE_NS, QEMU_TIMER_ATTR_EXTERNAL, adjust_virtual_due, nullptr);
  timer_set_name(&time_state.adjust_virtual, "icount.adjust_virtual");
  timer_mod(&time_state.adjust_real, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL_RT) + kAdjustRealMs);
  timer_mod(&time_state.adjust_virtual, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + kAdjustVirtualNs);
}

void guest_time_reset() {
  if (time_state.started) {
    for (QEMUTimer* timer : {&time_state.wake, &time_state.adjust_real, &time_state.adjust_virtual}) {
      if (timer->name == nullptr) continue;
      timer_del(timer);
      timer_deinit(timer);
    }
  }
  time_state = GuestTime{};
  slices_are_exact = false;
}

void guest_time_turn() {
  if (!counted_time()) return;
  // What signals left to the next opening of the mask: the clocks of the host.
  bql_unlock();
  bql_lock();
  icount_run_timers();
}

int64_t guest_time_budget() {
  if (!counted_time()) return INT64_MAX;
  int64_t most = kSliceCounted;
  if (icount_options().align) most = std::clamp<int64_t>(icount_round(kAlignSliceNs), 1, most);
  const int64_t deadline = qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL);
  return deadline < 0 ? most : std::min(icount_round(deadline), most);
}

void guest_time_align() {
  if (!icount_options().align || runstate() != RunState::kRunning) return;
  const int64_t real = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT);
  const int64_t ahead = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - real;
  if (ahead > kAlignAheadNs) {
    timer_mod_ns(&time_state.wake, real + ahead);
    loop_pause();
  }
  if (ahead < 0) say_late(-ahead);
}

bool guest_time_idle() {
  if (!counted_time() || runstate() != RunState::kRunning) return false;
  const int64_t deadline = warp_deadline_ns();
  if (deadline < 0) return false;
  if (deadline == 0) return true;
  if (!icount_options().sleep) {
    warp_by(deadline);
    return true;
  }
  if (!time_state.warping) {
    time_state.warping = true;
    time_state.warp_began_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT);
  }
  if (const int64_t passed = warp_passed_ns(deadline); passed == deadline) {
    time_state.warping = false;
    warp_by(deadline);
    return true;
  }
  int64_t from = time_state.warp_began_ns;
  if (icount_enabled() == ICOUNT_ADAPTATIVE) from = std::max(from, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
  timer_mod_ns(&time_state.wake, from > INT64_MAX - deadline ? INT64_MAX : from + deadline);
  if (!loop_has_work()) loop_idle_wait();
  return true;
}

void guest_time_end_warp() {
  if (!time_state.warping) return;
  time_state.warping = false;
  if (const int64_t passed = warp_passed_ns(warp_deadline_ns()); passed > 0) warp_by(passed);
}

bool guest_time_skip() {
  guest_time_end_warp();
  const int64_t deadline = warp_deadline_ns();
  if (deadline < 0) return false;
  if (deadline > 0) warp_by(deadline);
  return true;
}

void guest_time_input() {
  guest_time_end_warp();
  time_state.inputs++;
}

uint64_t guest_inputs() { return time_state.inputs; }

}  // namespace monochord
