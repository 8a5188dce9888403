// ptimer: a down counter for device models, with QEMU's names. It counts on QEMU_CLOCK_VIRTUAL. C linkage; C11 and C++.
//
// Rules
// - Every change stands between ptimer_transaction_begin() and ptimer_transaction_commit(): checked. Transactions do not nest. The callback runs
//   inside one: it calls the setters without opening its own.
// - The mask is closed between begin and commit, so the alarm never meets a half-made change.
// - The counter runs from its count down to 0, then calls back; periodic ones start over from the limit.
// - Periodic ones that would fire more often than every 10 us are slowed to that where the host says so (TimerHostOps::ptimer_floor), unless
//   icount counts; ptimer_set_floor overrides the host for a test.
#ifndef HW_PTIMER_H
#define HW_PTIMER_H

#include <qemu/timer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ptimer_state ptimer_state;
typedef void (*ptimer_cb)(void *opaque);

// The part of QEMU's Clock that a ptimer needs: the period in units of 2^-32 ns.
#ifndef QEMU_HW_CLOCK_H
#define QEMU_HW_CLOCK_H
typedef struct Clock {
  uint64_t period;
} Clock;
#endif

// --- policies: what real counters do at the edges; a bit mask for ptimer_init -----------------------------------------
// Without any: at 0 the counter is reloaded at once; starting or setting a count of 0 triggers and reloads at once; a limit of 0 stops it; get_count
// rounds down, so that it reads limit-1 1 ns after the start.
#define PTIMER_POLICY_LEGACY 0
// The counter stays at 0 for one period before it is reloaded.
#define PTIMER_POLICY_WRAP_AFTER_ONE_PERIOD (1 << 0)
// With a limit of 0 a periodic counter triggers each period, instead of stopping.
#define PTIMER_POLICY_CONTINUOUS_TRIGGER (1 << 1)
// Starting or setting a counter at 0 does not trigger at once, but after one period.
#define PTIMER_POLICY_NO_IMMEDIATE_TRIGGER (1 << 2)
// Starting or setting a counter at 0 does not reload it at once, but after one period.
#define PTIMER_POLICY_NO_IMMEDIATE_RELOAD (1 << 3)
// get_count rounds up: a counter reads its start value until a whole period has passed.
#define PTIMER_POLICY_NO_COUNTER_ROUND_DOWN (1 << 4)
// Triggers only when the counter counts down to 0, never when 0 is set. Not together with NO_IMMEDIATE_TRIGGER: checked.
#define PTIMER_POLICY_TRIGGER_ONLY_ON_DECREMENT (1 << 5)

ptimer_state *ptimer_init(ptimer_cb callback, void *callback_opaque, uint8_t policy_mask);
void ptimer_free(ptimer_state *s);

void ptimer_transaction_begin(ptimer_state *s);
// Recomputes the next trigger if something changed; may call back.
void ptimer_transaction_commit(ptimer_state *s);

void ptimer_set_period(ptimer_state *s, int64_t period_ns);
void ptimer_set_freq(ptimer_state *s, uint32_t freq_hz);
void ptimer_set_period_from_clock(ptimer_state *s, const Clock *clock, unsigned int divisor);

uint64_t ptimer_get_limit(ptimer_state *s);
void ptimer_set_limit(ptimer_state *s, uint64_t limit, int reload);  // reload != 0: the count, too
uint64_t ptimer_get_count(ptimer_state *s);
void ptimer_set_count(ptimer_state *s, uint64_t count);
void ptimer_run(ptimer_state *s, int oneshot);
void ptimer_stop(ptimer_state *s);

// --- additions ----------------------------------------------------------------------------------------------------
// The name of its timer, as timer_set_name.
void ptimer_set_name(ptimer_state *s, const char *name);
// Tests: 1 or 0 switches the 10 us floor on or off, whatever the host says; -1 lets the host decide again.
void ptimer_set_floor(int on);

#ifdef __cplusplus
}
#endif
#endif
