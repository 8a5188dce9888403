// One turn of the loop, and the wait.
#include "core/main_loop.h"

#include "core/guest_time.h"
#include "core/host.h"
#include "core/loop_internal.h"
#include "core/replay.h"
#include "core/trace.h"

namespace monochord {

// How often bottom halves and work that schedule each other run before the guest has its turn.
static constexpr int kDeferredPassesMax = 64;

bool cpu_can_run(const Cpu& cpu) {
  if (runstate() != RunState::kRunning || cpu.stop || cpu.stopped) return false;
  return !cpu.halted || cpu.has_work();
}

// Bottom halves and work schedule each other: to the end, before the next block of the guest. Bounded: true when some are left.
static bool run_deferred() {
  for (int pass = 0; pass < kDeferredPassesMax; pass++) {
    const bool endless = run_bottom_halves();
    run_queued_work();
    if (!bottom_halves_scheduled() && !queued_work_pending()) return false;
    if (endless) break;
  }
  return true;
}

LoopTurn loop_turn() {
  CHECK(bql_locked() && !in_handler_context());
  // What signals set from here on is seen by this turn or by the next one.
  bql_kick_pending = 0;
  bool did = loop_requests.notified != 0 || bottom_halves_scheduled() || queued_work_pending();
  loop_requests.notified = 0;
  // What the guest itself scheduled comes first: it may not depend on which fds happen to be ready.
  bool more = run_deferred();
  const bool fds = replay_may_look() || replay_mode() == ReplayMode::kPlay ? dispatch_fds() : false;
  const bool replayed = replay_deliver();
  if (fds || replayed) {
    did = true;
    more = run_deferred();
  }
  for (Cpu* cpu : cpu_list()) {
    if (cpu->stop && cpu != current_cpu) {
      cpu->stop = false;
      cpu->stopped = true;
    }
  }
  return {did, more || fds_may_be_ready()};
}

bool loop_has_turn_to_take() {
  if (loop_requests.notified || loop_requests.reset || loop_requests.shutdown) return true;
  return bottom_halves_scheduled() || fds_may_be_ready() || queued_work_pending();
}

bool loop_has_work() {
  if (loop_has_turn_to_take()) return true;
  for (const Cpu* cpu : cpu_list()) {
    if (cpu_can_run(*cpu)) return true;
  }
  return false;
}

static bool idle_has_work(void*) {
  // Not the running harts alone: anything at all, or the wait would sleep over it.
  return timer_mask.pending || loop_has_work();
}

void loop_pause() {
  CHECK(bql_locked() && !in_handler_context() && current_cpu == nullptr);
  host().idle_wait([](void*) { return timer_mask.pending || loop_has_turn_to_take(); }, nullptr);
  CHECK(bql_locked());
}

void loop_idle_wait() {
  CHECK(bql_locked() && !in_handler_context() && current_cpu == nullptr);
  const int64_t begin_ns = trace_event_on(kTrace_idle_left) ? get_clock() : 0;
  trace_idle_entered(timer_host_armed_ns());
  host().idle_wait(idle_has_work, nullptr);
  CHECK(bql_locked());
  if (trace_event_on(kTrace_idle_left)) trace_idle_left(get_clock() - begin_ns);
}

}  // namespace monochord

using namespace monochord;

void qemu_notify_event(void) {
  loop_requests.notified = 1;
  leave_for_loop();
  bql_signal_kick();  // the caller may be a signal handler that interrupted anything
}

void qemu_kick_current(void*) { leave_for_loop(); }

void main_loop_wait(int nonblocking) {
  CHECK(bql_locked() && !in_handler_context());
  if (!loop_turn().did && !nonblocking && !loop_has_work()) loop_idle_wait();
  // Due timers, also where their signal has not come yet.
  timer_host_run_due();
  loop_turn();
}
