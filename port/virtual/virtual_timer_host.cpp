#include "port/virtual/virtual_timer_host.h"

#include <qemu/timer.h>

#include "timer/check.h"

namespace {

constexpr int kWindows = 4;
constexpr int kMaxSignalsAtOnce = 64;

struct Host {
  TimerHostOps ops = {};
  VirtualTimerHostCounters counters = {};
  int64_t now_ns = 0;
  int64_t wall_offset_ns = 0;
  int64_t ticks_offset = 0;
  int64_t armed_ns = INT64_MAX;
  bool blocked = false;         // strict masking
  bool in_handler = false;      // the signal is blocked in its own handler
  bool signal_pending = false;  // as in a kernel: one signal, delivered when it is opened
  int signals_in_window[kWindows] = {};
  void (*window_hook)(void*, TimerMaskWindow) = nullptr;
  void* window_opaque = nullptr;
  void (*kick)(void*) = nullptr;
  void* kick_opaque = nullptr;
};
Host host;

int64_t monotonic_ns(void*) { return host.now_ns; }
int64_t wall_ns(void*) { return host.now_ns + host.wall_offset_ns; }
int64_t host_ticks(void*) { return host.now_ns + host.ticks_offset; }

void arm(void*, int64_t deadline_ns) {
  host.counters.arm_calls++;
  if (deadline_ns == INT64_MAX) host.counters.disarm_calls++;
  host.armed_ns = deadline_ns;
}

void kick(void*) {
  host.counters.kicks++;
  if (host.kick != nullptr) host.kick(host.kick_opaque);
}

bool deliver_pending() {
  bool ran = false;
  while (host.signal_pending && !host.blocked && !host.in_handler) {
    host.signal_pending = false;
    host.counters.signals++;
    host.in_handler = true;
    const bool now = timer_host_signal();
    host.in_handler = false;
    if (now) host.counters.signals_run++;
    ran |= now;
  }
  return ran;
}

void set_masked(void*, bool masked) {
  host.counters.mask_calls++;
  host.blocked = masked;
  if (!masked) deliver_pending();
}

void mask_window(void*, TimerMaskWindow window) {
  if (host.signals_in_window[window] > 0) {
    host.signals_in_window[window]--;
    virtual_timer_host_signal();
  }
  if (host.window_hook != nullptr) host.window_hook(host.window_opaque, window);
}

// Without a script leaving the mask takes the same fast path as in production.
void update_window_hook() {
  bool wanted = host.window_hook != nullptr;
  for (int count : host.signals_in_window) wanted |= count > 0;
  if (wanted == (host.ops.mask_window != nullptr)) return;
  host.ops.mask_window = wanted ? mask_window : nullptr;
  timer_mask.slow = wanted || host.ops.set_masked != nullptr;
}

}  // namespace

void virtual_timer_host_install(VirtualMasking masking) {
  host = Host();
  host.ops.monotonic_ns = monotonic_ns;
  host.ops.wall_ns = wall_ns;
  host.ops.host_ticks = host_ticks;
  host.ops.arm = arm;
  host.ops.set_masked = masking == kVirtualMaskStrict ? set_masked : nullptr;
  host.ops.kick = kick;
  timer_host_install(&host.ops, nullptr);
}

void virtual_timer_host_start(VirtualMasking masking) {
  virtual_timer_host_install(masking);
  init_clocks(nullptr);
  cpu_enable_ticks();
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
}

void virtual_timer_host_set_ns(int64_t now_ns) { host.now_ns = now_ns; }

int64_t virtual_timer_host_ns(void) { return host.now_ns; }

bool virtual_timer_host_deliver_due(void) {
  if (host.armed_ns > host.now_ns) return false;
  host.armed_ns = INT64_MAX;
  virtual_timer_host_signal();
  return true;
}

int virtual_timer_host_advance_ns(int64_t delta_ns) {
  TIMER_CHECK(!timer_in_handler(), "virtual_timer_host_advance_ns in a callback: virtual_timer_host_set_ns moves time there");
  TIMER_CHECK(delta_ns >= 0, "virtual_timer_host_advance_ns backwards: virtual_timer_host_set_ns does that");
  int64_t target_ns;
  if (__builtin_add_overflow(host.now_ns, delta_ns, &target_ns)) target_ns = INT64_MAX - 1;  // INT64_MAX is "not armed"
  int delivered = 0;
  int at_this_instant = 0;
  while (host.armed_ns <= target_ns && at_this_instant < kMaxSignalsAtOnce) {
    if (host.armed_ns > host.now_ns) {
      host.now_ns = host.armed_ns;
      at_this_instant = 0;
    }
    virtual_timer_host_deliver_due();
    delivered++;
    at_this_instant++;
  }
  host.now_ns = target_ns;
  return delivered;
}

void virtual_timer_host_set_wall_ns(int64_t wall_ns) { host.wall_offset_ns = wall_ns - host.now_ns; }

void virtual_timer_host_set_ticks(int64_t ticks) { host.ticks_offset = ticks - host.now_ns; }

bool virtual_timer_host_signal(void) {
  host.signal_pending = true;
  return deliver_pending();
}

void virtual_timer_host_signal_in_window(TimerMaskWindow window, int count) {
  host.signals_in_window[window] = count;
  update_window_hook();
}

int virtual_timer_host_signals_left(TimerMaskWindow window) { return host.signals_in_window[window]; }

void virtual_timer_host_on_window(void (*hook)(void* opaque, TimerMaskWindow window), void* opaque) {
  host.window_hook = hook;
  host.window_opaque = opaque;
  update_window_hook();
}

VirtualTimerHostCounters virtual_timer_host_counters(void) { return host.counters; }

void virtual_timer_host_clear_counters(void) { host.counters = VirtualTimerHostCounters(); }

int64_t virtual_timer_host_armed_ns(void) { return host.armed_ns; }

bool virtual_timer_host_blocked(void) { return host.blocked; }

void virtual_timer_host_set_floor_ns(int64_t rearm_floor_ns) { host.ops.rearm_floor_ns = rearm_floor_ns; }

void virtual_timer_host_set_ptimer_floor(bool on) { host.ops.ptimer_floor = on; }

void virtual_timer_host_set_kick(void (*new_kick)(void* opaque), void* opaque) {
  host.kick = new_kick;
  host.kick_opaque = opaque;
}
