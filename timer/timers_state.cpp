// TimersState: what the clocks of the machine show, and that they stand still while it is stopped.
//
// Every reader and writer masks the alarm: a handler that came between two fields would see a clock that is off by the host's uptime. A sequence
// lock or a spinlock, as in QEMU, would hang the handler here.
#include "timer/internal.h"

using namespace monochord;

namespace {

struct TimersState {
  int64_t clock_offset = 0;
  int64_t ticks_offset = 0;
  int64_t ticks_prev = 0;
  bool ticks_enabled = false;
  int64_t (*virtual_get)(void) = nullptr;
  void (*virtual_set)(int64_t) = nullptr;
} state;

}  // namespace

namespace monochord {

int64_t ticks_clock_offset() { return state.clock_offset; }
bool virtual_clock_registered() { return state.virtual_get != nullptr; }
void ticks_reset() { state = TimersState(); }

}  // namespace monochord

int64_t get_clock(void) { return host_ops().monotonic_ns(host_opaque()); }

int64_t get_clock_realtime(void) { return host_ops().wall_ns(host_opaque()); }

int64_t cpu_get_host_ticks(void) { return host_ops().host_ticks(host_opaque()); }

int64_t cpu_get_clock(void) {
  MaskGuard guard;
  return state.ticks_enabled ? saturating_add(state.clock_offset, get_clock()) : state.clock_offset;
}

int64_t cpu_get_ticks(void) {
  MaskGuard guard;
  int64_t ticks = state.ticks_offset;
  if (state.ticks_enabled) ticks = saturating_add(ticks, cpu_get_host_ticks());
  // The host's counter may go back (suspend, another socket): ours waits.
  if (ticks < state.ticks_prev) {
    state.ticks_offset = saturating_add(state.ticks_offset, saturating_sub(state.ticks_prev, ticks));
    ticks = state.ticks_prev;
  }
  state.ticks_prev = ticks;
  return ticks;
}

void cpu_enable_ticks(void) {
  MaskGuard guard;
  if (state.ticks_enabled) return;
  state.ticks_offset = saturating_sub(state.ticks_offset, cpu_get_host_ticks());
  state.clock_offset = saturating_sub(state.clock_offset, get_clock());
  state.ticks_enabled = true;
  observe(kTimerEventTicksEnabled, -1, nullptr, 0, 0, 0);
  host_alarm_wanted();
}

void cpu_disable_ticks(void) {
  MaskGuard guard;
  if (!state.ticks_enabled) return;
  state.ticks_offset = saturating_add(state.ticks_offset, cpu_get_host_ticks());
  state.clock_offset = saturating_add(state.clock_offset, get_clock());
  state.ticks_enabled = false;
  observe(kTimerEventTicksDisabled, -1, nullptr, 0, 0, 0);
}

bool cpu_ticks_enabled(void) { return state.ticks_enabled; }

int64_t cpus_get_virtual_clock(void) {
  if (state.virtual_get != nullptr) return state.virtual_get();
  return icount_enabled() ? icount_get() : cpu_get_clock();
}

void cpus_set_virtual_clock(int64_t new_time) {
  MaskGuard guard;
  if (state.virtual_get != nullptr) {
    if (state.virtual_set != nullptr) state.virtual_set(new_time);
  } else if (icount_enabled()) {
    icount_add_bias(saturating_sub(new_time, icount_get()));
  } else {
    state.clock_offset = saturating_add(state.clock_offset, saturating_sub(new_time, cpu_get_clock()));
  }
  host_alarm_wanted();
}

void cpus_register_virtual_clock(int64_t (*get)(void), void (*set)(int64_t new_time)) {
  MaskGuard guard;
  state.virtual_get = get;
  state.virtual_set = set;
  host_alarm_wanted();
}

int64_t cpus_get_elapsed_ticks(void) { return icount_enabled() ? icount_get() : cpu_get_ticks(); }
