#include "core/guest_time.h"

#include <algorithm>

#include "core/log.h"
#include "core/loop_internal.h"
#include "core/replay.h"
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
// A recording in real time looks at the clock at least so often while the guest runs.
constexpr int64_t kSampleEveryNs = 4 * SCALE_MS;

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

int64_t warp_deadline_ns() { return loop_next_deadline_ns(QEMU_CLOCK_VIRTUAL); }

// How much of the sleep up to `deadline_ns` from its begin has passed.
int64_t warp_passed_ns(int64_t deadline_ns) {
  int64_t passed = std::max<int64_t>(0, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT) - time_state.warp_began_ns);
  // An adaptive guest that is ahead of real time sleeps until real time has caught up.
  if (icount_enabled() == ICOUNT_ADAPTATIVE)
    passed = std::min(passed, std::max<int64_t>(0, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT) - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)));
  return deadline_ns < 0 ? passed : std::min(passed, deadline_ns);
}

bool sampled() { return icount_enabled() == ICOUNT_SAMPLED; }

// Recording in real time: the next look at the clock is when VIRTUAL's next deadline comes. `looked`: this turn did.
void look_again(bool looked) {
  const int64_t deadline = warp_deadline_ns();
  const int64_t next = cpu_get_clock() + (deadline >= 0 ? std::min(kSampleEveryNs, deadline) : kSampleEveryNs);
  looked ? timer_mod_ns(&time_state.wake, next) : timer_mod_anticipate_ns(&time_state.wake, next);
}

// ... and while every hart sleeps. False: there is none.
bool sleep_for(int64_t deadline_ns) {
  if (deadline_ns < 0) {
    timer_del(&time_state.wake);
    return false;
  }
  timer_mod_ns(&time_state.wake, deadline_ns > INT64_MAX / 2 ? INT64_MAX : cpu_get_clock() + deadline_ns);
  if (!loop_has_work()) loop_idle_wait();
  return true;
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
  slices_are_exact = options.mode != ICOUNT_SAMPLED || replay_mode() == ReplayMode::kPlay;
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

void guest_time_warp(int64_t ns) {
  const int64_t from = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  icount_add_bias(ns);
  trace_clock_advanced(int{QEMU_CLOCK_VIRTUAL}, from, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
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

void guest_time_turn(bool asleep, bool guest_left) {
  if (!counted_time()) return;
  // What signals left to the next opening of the mask: the clocks of the host.
  bql_unlock();
  bql_lock();
  replay_turn(asleep, guest_left);
  if (!sampled() || replay_may_look()) icount_run_timers();
  if (sampled() && replay_mode() == ReplayMode::kRecord) look_again(replay_may_look());
}

int64_t guest_time_budget() {
  if (!slices_are_exact) return INT64_MAX;  // the alarm ends them
  int64_t most = std::min(kSliceCounted, replay_budget());
  if (sampled()) return most;
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
  if (replay_mode() == ReplayMode::kPlay) {
    if (replay_wakes(deadline)) return true;
    if (sampled() || deadline < 0) {
      replay_sleeps_for_ever();
      return true;
    }
  } else if (sampled()) {
    return sleep_for(deadline);
  }
  if (deadline < 0) return false;
  if (deadline == 0) return true;
  if (!icount_options().sleep) {
    guest_time_warp(deadline);
    return true;
  }
  if (!time_state.warping) {
    time_state.warping = true;
    time_state.warp_began_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL_RT);
  }
  if (const int64_t passed = warp_passed_ns(deadline); passed == deadline) {
    time_state.warping = false;
    guest_time_warp(deadline);
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
  const int64_t deadline = warp_deadline_ns();
  int64_t passed = warp_passed_ns(deadline);
  // What is due at the deadline comes at the next turn, after the input: not yet.
  if (passed > 0 && passed == deadline) passed--;
  if (passed <= 0) return;
  guest_time_warp(passed);
  replay_record_warp();
}

bool guest_time_skip() {
  guest_time_end_warp();
  const int64_t deadline = warp_deadline_ns();
  if (deadline < 0) return false;
  if (deadline > 0) guest_time_warp(deadline);
  return true;
}

void guest_time_input() {
  guest_time_end_warp();
  time_state.inputs++;
}

void guest_time_saw_host() { time_state.inputs++; }

uint64_t guest_inputs() { return time_state.inputs; }

}  // namespace monochord
