// The down counter of device models. See the header for the policies.
//
// `count` is the counter when it stands, and what the current run started from when it counts. A run goes from last_event to next_event; in
// between the counter is computed from the clock.
#include <hw/ptimer.h>

#include <stdlib.h>

#include "timer/internal.h"

using namespace monochord;

namespace {

__extension__ typedef unsigned __int128 Wide;

enum class Mode : uint8_t { kStopped, kPeriodic, kOneShot };

// Why reload() is called.
enum class Reload {
  kChange,    // a start or a new count or period
  kExpiry,    // the counter got to 0 by counting
  kDeferred,  // the period after a 0 is over (NO_IMMEDIATE_RELOAD), or the limit is 0
};

// A periodic counter fires at most this often where the floor is on.
constexpr int64_t kFloorNs = 10000;
// Reloads in one commit; more is a callback that feeds itself.
constexpr int kMaxReloads = 1000;
int floor_override = -1;

void (*message_hook)(const char* message);

bool floor_on() {
  if (icount_enabled()) return false;
  return floor_override >= 0 ? floor_override != 0 : host_ops().ptimer_floor;
}

// ns, with 32 fractional bits.
struct Period {
  uint64_t ns = 0;
  uint32_t fraction = 0;

  bool zero() const { return ns == 0 && fraction == 0; }
  Wide scaled() const { return (static_cast<Wide>(ns) << 32) | fraction; }
};

}  // namespace

struct ptimer_state {
  Mode mode;
  uint8_t policy;
  bool in_transaction;
  bool need_reload;
  uint64_t limit;
  uint64_t count;
  Period period;
  int64_t last_event;
  int64_t next_event;
  ptimer_cb callback;
  void* opaque;
  QEMUTimer timer;

  bool has(uint8_t bit) const { return (policy & bit) != 0; }
};

namespace {

void check_in_transaction(const ptimer_state* s) {
  TIMER_CHECK(s->in_transaction, "ptimer changed outside ptimer_transaction_begin and _commit");
}

void stop_with_message(ptimer_state* s, const char* message) {
  timer_del(&s->timer);
  s->mode = Mode::kStopped;
  if (message_hook != nullptr) message_hook(message);
}

// The period that is really counted: very short periodic runs are stretched.
Period effective_period(const ptimer_state* s, uint64_t count) {
  if (s->mode != Mode::kPeriodic || !floor_on() || static_cast<Wide>(count) * s->period.scaled() >= Wide{kFloorNs} << 32) return s->period;
  const uint64_t slow_ns = static_cast<uint64_t>(kFloorNs) / count;
  // More than 10000 counts in 10 us: a part of a ns each.
  if (slow_ns == 0) return {0, static_cast<uint32_t>((static_cast<uint64_t>(kFloorNs) << 32) / count)};
  return {slow_ns, 0};
}

// How far the next run counts; 0: nowhere.
uint64_t run_length(const ptimer_state* s, Reload why) {
  uint64_t count = s->count;
  const bool expired = why != Reload::kDeferred;
  if (s->has(PTIMER_POLICY_WRAP_AFTER_ONE_PERIOD) && why == Reload::kExpiry && count != UINT64_MAX) count++;
  if (count != 0) return count;
  const bool periodic = s->mode == Mode::kPeriodic;
  if (s->has(PTIMER_POLICY_CONTINUOUS_TRIGGER) && periodic && s->limit == 0) return 1;
  if (s->has(PTIMER_POLICY_NO_IMMEDIATE_TRIGGER) && expired) return 1;
  if (s->has(PTIMER_POLICY_NO_IMMEDIATE_RELOAD) && periodic && s->limit != 0) return 1;
  return 0;
}

int64_t add_periods(int64_t start, const Period& period, uint64_t count) {
  const Wide distance = static_cast<Wide>(count) * period.ns + ((static_cast<Wide>(count) * period.fraction) >> 32);
  if (distance > static_cast<Wide>(INT64_MAX)) return INT64_MAX;
  return saturating_add(start, static_cast<int64_t>(distance));
}

// Starts the next run where the last one ended (next_event).
void reload(ptimer_state* s, Reload why) {
  const bool counted_down = why != Reload::kChange;
  if (s->count == 0 && !s->has(PTIMER_POLICY_NO_IMMEDIATE_TRIGGER) && (counted_down || !s->has(PTIMER_POLICY_TRIGGER_ONLY_ON_DECREMENT))) {
    s->callback(s->opaque);  // may change everything
    if (s->mode == Mode::kStopped) return;
  }
  if (s->count == 0 && !s->has(PTIMER_POLICY_NO_IMMEDIATE_RELOAD)) s->count = s->limit;
  if (s->period.zero()) return stop_with_message(s, "ptimer: period 0, stopped");
  const uint64_t length = run_length(s, why);
  if (length == 0) {
    if (s->mode != Mode::kStopped) stop_with_message(s, "ptimer: nothing to count (count and limit are 0), stopped");
    return;
  }
  const Period period = effective_period(s, length);
  s->last_event = s->next_event;
  s->next_event = add_periods(s->last_event, period, length);
  timer_mod_ns(&s->timer, s->next_event);
}

void tick(void* opaque) {
  ptimer_state* s = static_cast<ptimer_state*>(opaque);
  ptimer_transaction_begin(s);
  bool trigger = true;
  if (s->mode == Mode::kOneShot) {
    s->count = 0;
    s->mode = Mode::kStopped;
  } else {
    const bool deferred = s->count == 0 || s->limit == 0;
    // The trigger of a deferred reload came already when the counter got to 0.
    if (deferred && !s->has(PTIMER_POLICY_NO_IMMEDIATE_TRIGGER)) trigger = false;
    s->count = s->limit;
    reload(s, deferred ? Reload::kDeferred : Reload::kExpiry);
  }
  if (trigger) s->callback(s->opaque);
  ptimer_transaction_commit(s);
}

// The counter while a run is under way.
uint64_t running_count(const ptimer_state* s) {
  const int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  uint64_t counter = 0;
  if (now < s->next_event) {
    const Wide left = static_cast<Wide>(static_cast<uint64_t>(s->next_event) - static_cast<uint64_t>(now)) << 32;
    counter = static_cast<uint64_t>(left / effective_period(s, s->count).scaled());
    // The extra period at 0: the run is one longer than the limit, and more than the limit is left.
    const bool whole_run = s->mode == Mode::kPeriodic && s->count == s->limit;
    const uint64_t extra = now == s->last_event ? s->limit + 1 : s->limit;
    if (s->has(PTIMER_POLICY_WRAP_AFTER_ONE_PERIOD) && whole_run && counter == extra) return 0;
  }
  if (s->has(PTIMER_POLICY_NO_COUNTER_ROUND_DOWN) && now != s->last_event) counter++;
  return counter;
}

void set_period(ptimer_state* s, Period period) {
  check_in_transaction(s);
  s->count = ptimer_get_count(s);
  s->period = period;
  if (s->mode != Mode::kStopped) s->need_reload = true;
}

}  // namespace

void timer_set_message_hook(void (*hook)(const char* message)) { message_hook = hook; }

void ptimer_set_floor(int on) { floor_override = on; }

ptimer_state* ptimer_init(ptimer_cb callback, void* callback_opaque, uint8_t policy_mask) {
  TIMER_CHECK(callback != nullptr, "ptimer without a callback");
  TIMER_CHECK(!((policy_mask & PTIMER_POLICY_TRIGGER_ONLY_ON_DECREMENT) && (policy_mask & PTIMER_POLICY_NO_IMMEDIATE_TRIGGER)),
              "ptimer policies TRIGGER_ONLY_ON_DECREMENT and NO_IMMEDIATE_TRIGGER contradict each other");
  ptimer_state* s = static_cast<ptimer_state*>(calloc(1, sizeof(ptimer_state)));
  TIMER_CHECK(s != nullptr, "out of memory for a ptimer");
  s->policy = policy_mask;
  s->callback = callback;
  s->opaque = callback_opaque;
  timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, tick, s);
  timer_set_callback_name(&s->timer, "ptimer");
  return s;
}

void ptimer_free(ptimer_state* s) {
  if (s == nullptr) return;
  TIMER_CHECK(!s->in_transaction, "ptimer_free inside a transaction");
  MaskGuard guard;
  timer_del(&s->timer);
  timer_deinit(&s->timer);
  free(s);
}

void ptimer_set_name(ptimer_state* s, const char* name) { timer_set_name(&s->timer, name); }

void ptimer_transaction_begin(ptimer_state* s) {
  timer_mask_enter();
  TIMER_CHECK(!s->in_transaction, "ptimer_transaction_begin inside a transaction");
  s->in_transaction = true;
  s->need_reload = false;
}

void ptimer_transaction_commit(ptimer_state* s) {
  check_in_transaction(s);
  // The callback of a reload may ask for another one: here it comes in turn, not nested.
  for (int reloads = 0; s->need_reload && s->mode != Mode::kStopped; reloads++) {
    s->need_reload = false;
    if (reloads == kMaxReloads) {
      stop_with_message(s, "ptimer: its callback triggers it again and again, stopped");
      break;
    }
    s->next_event = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    reload(s, Reload::kChange);
  }
  s->in_transaction = false;
  timer_mask_leave();
}

void ptimer_set_period(ptimer_state* s, int64_t period_ns) { set_period(s, {period_ns < 0 ? 0 : static_cast<uint64_t>(period_ns), 0}); }

void ptimer_set_freq(ptimer_state* s, uint32_t freq_hz) {
  if (freq_hz == 0) return set_period(s, {});
  const uint64_t second = NANOSECONDS_PER_SECOND;
  set_period(s, {second / freq_hz, static_cast<uint32_t>((second << 32) / freq_hz)});
}

void ptimer_set_period_from_clock(ptimer_state* s, const Clock* clock, unsigned int divisor) {
  const Wide period = static_cast<Wide>(clock->period) * divisor;
  set_period(s, {static_cast<uint64_t>(period >> 32), static_cast<uint32_t>(period)});
}

uint64_t ptimer_get_limit(ptimer_state* s) { return s->limit; }

void ptimer_set_limit(ptimer_state* s, uint64_t limit, int reload) {
  check_in_transaction(s);
  s->limit = limit;
  if (!reload) return;
  s->count = limit;
  if (s->mode != Mode::kStopped) s->need_reload = true;
}

uint64_t ptimer_get_count(ptimer_state* s) {
  MaskGuard guard;
  // A change that waits for its commit froze the count.
  const bool counting = s->mode != Mode::kStopped && s->count != 0 && !s->need_reload;
  return counting ? running_count(s) : s->count;
}

void ptimer_set_count(ptimer_state* s, uint64_t count) {
  check_in_transaction(s);
  s->count = count;
  if (s->mode != Mode::kStopped) s->need_reload = true;
}

void ptimer_run(ptimer_state* s, int oneshot) {
  check_in_transaction(s);
  const bool was_stopped = s->mode == Mode::kStopped;
  if (was_stopped && s->period.zero()) {
    if (message_hook != nullptr) message_hook("ptimer: run with period 0, ignored");
    return;
  }
  s->mode = oneshot ? Mode::kOneShot : Mode::kPeriodic;
  if (was_stopped) s->need_reload = true;
}

void ptimer_stop(ptimer_state* s) {
  check_in_transaction(s);
  if (s->mode == Mode::kStopped) return;
  s->count = ptimer_get_count(s);
  timer_del(&s->timer);
  s->mode = Mode::kStopped;
  s->need_reload = false;
}
