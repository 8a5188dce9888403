// Clocks, timer lists and timers, with QEMU's names and signatures (QEMU 10), so that device code written against QEMU's timers compiles here
// unchanged. C linkage; C11 and C++.
//
// Four clocks:
//   QEMU_CLOCK_REALTIME    host monotonic time; runs while the machine is stopped
//   QEMU_CLOCK_VIRTUAL     guest time; stands still while the machine is stopped; instruction based under icount
//   QEMU_CLOCK_HOST        the calendar; jumps when somebody sets it
//   QEMU_CLOCK_VIRTUAL_RT  real time while the machine runs, also under icount
//
// Rules
// - A timer fires once. timer_mod() replaces any earlier deadline; a deadline in the past fires on the next run of its list.
// - Equal deadlines fire in the order in which they were armed. Negative ones go before everything else, the newest first.
// - The callback sees its own timer idle and may arm, cancel, re-initialise or free it, and any other. Nothing reads a timer after its callback.
// - Arming, cancelling and firing allocate nothing and cost O(log n).
// - Every function may be called from main and handler context: each masks the alarm itself (timer/host.h).
// - Callbacks run in handler context, however they were reached: timer_in_handler() is true, qemu_cpu_is_self() false.
// - init_clocks() comes before the first timer_init().
// Where this differs from QEMU: see timer/README.md.
#ifndef QEMU_TIMER_H
#define QEMU_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NANOSECONDS_PER_SECOND 1000000000LL

#define SCALE_MS 1000000
#define SCALE_US 1000
#define SCALE_NS 1

typedef enum {
  QEMU_CLOCK_REALTIME = 0,
  QEMU_CLOCK_VIRTUAL = 1,
  QEMU_CLOCK_HOST = 2,
  QEMU_CLOCK_VIRTUAL_RT = 3,
  QEMU_CLOCK_MAX
} QEMUClockType;

// Attributes of a timer, a bit mask. EXTERNAL: it drives something outside the guest (skipped by icount's warp and by replay).
#define QEMU_TIMER_ATTR_EXTERNAL ((int)(1u << 0))
#define QEMU_TIMER_ATTR_ALL ((int)0xffffffffu)

typedef struct QEMUTimer QEMUTimer;
typedef struct QEMUTimerList QEMUTimerList;
typedef struct QEMUTimerListGroup QEMUTimerListGroup;
typedef void QEMUTimerCB(void *opaque);
typedef void QEMUTimerListNotifyCB(void *opaque, QEMUClockType type);

// One list for each clock; the lists of one event loop.
struct QEMUTimerListGroup {
  QEMUTimerList *tl[QEMU_CLOCK_MAX];
};
extern QEMUTimerListGroup main_loop_tlg;

// Embedded by value in devices. The first fields are QEMU's; tests may read them.
// Zero-filled memory is not an idle timer (as in QEMU): call timer_init.
struct QEMUTimer {
  int64_t expire_time;        // ns; -1: idle
  QEMUTimerList *timer_list;  // NULL after timer_deinit
  QEMUTimerCB *cb;
  void *opaque;
  int attributes;
  int scale;
  // Private from here on.
  const char *name;           // timer_set_name; NULL: shown as a number
  const char *callback_name;  // timer_set_callback_name
  uint64_t number;            // order of creation, from 1
  struct {
    QEMUTimer *parent, *left, *right;
    int64_t sequence;         // order among equal times
  } heap;
  struct {
    QEMUTimer *previous, *next;
  } named;                    // the list of named timers
};

// --- clocks ---------------------------------------------------------------------------------------------------
// Creates the clocks and main_loop_tlg; every list of it notifies through `notify_cb` (NULL: the default notifier). Once only: checked.
// VIRTUAL starts disabled, the others enabled.
void init_clocks(QEMUTimerListNotifyCB *notify_cb);

int64_t qemu_clock_get_ns(QEMUClockType type);
static inline int64_t qemu_clock_get_us(QEMUClockType type) { return qemu_clock_get_ns(type) / SCALE_US; }
static inline int64_t qemu_clock_get_ms(QEMUClockType type) { return qemu_clock_get_ns(type) / SCALE_MS; }

// These two look at main_loop_tlg only, whether the clock is enabled or not.
bool qemu_clock_has_timers(QEMUClockType type);
bool qemu_clock_expired(QEMUClockType type);

// False only for VIRTUAL under icount: its deadlines become instruction budgets.
bool qemu_clock_use_for_deadline(QEMUClockType type);
// ns to the soonest timer over all lists of the clock, of those without an attribute outside `attr_mask`; 0: due; -1: none, or the clock is disabled.
int64_t qemu_clock_deadline_ns_all(QEMUClockType type, int attr_mask);
void qemu_clock_notify(QEMUClockType type);
// Disabling takes effect before the next callback, also when called from a callback of this clock.
void qemu_clock_enable(QEMUClockType type, bool enabled);
bool qemu_clock_run_timers(QEMUClockType type);
bool qemu_clock_run_all_timers(void);
// Moves VIRTUAL to `dest`, stopping at every deadline on the way to run what is due; returns the clock. For test drivers.
int64_t qemu_clock_advance_virtual_time(int64_t dest);

// The callback for init_clocks in an emulator: asks the run loop to look at its deadlines again.
void qemu_timer_notify_cb(void *opaque, QEMUClockType type);

// --- lists and groups -----------------------------------------------------------------------------------------
QEMUTimerList *timerlist_new(QEMUClockType type, QEMUTimerListNotifyCB *cb, void *opaque);
void timerlist_free(QEMUTimerList *timer_list);  // no timer of it is active: checked
bool timerlist_has_timers(QEMUTimerList *timer_list);
bool timerlist_expired(QEMUTimerList *timer_list);  // whether the clock is enabled or not
int64_t timerlist_deadline_ns(QEMUTimerList *timer_list);
QEMUClockType timerlist_get_clock(QEMUTimerList *timer_list);
// Runs what was due when it began; returns whether a callback ran. Bounded: a timer that is always due runs at most 64 times more.
bool timerlist_run_timers(QEMUTimerList *timer_list);
void timerlist_notify(QEMUTimerList *timer_list);

void timerlistgroup_init(QEMUTimerListGroup *tlg, QEMUTimerListNotifyCB *cb, void *opaque);
void timerlistgroup_deinit(QEMUTimerListGroup *tlg);
bool timerlistgroup_run_timers(QEMUTimerListGroup *tlg);
int64_t timerlistgroup_deadline_ns(QEMUTimerListGroup *tlg);

// --- timers ---------------------------------------------------------------------------------------------------
void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *timer_list_group, QEMUClockType type, int scale, int attributes, QEMUTimerCB *cb,
                     void *opaque);
static inline void timer_init(QEMUTimer *ts, QEMUClockType type, int scale, QEMUTimerCB *cb, void *opaque) {
  timer_init_full(ts, NULL, type, scale, 0, cb, opaque);
}
static inline void timer_init_ns(QEMUTimer *ts, QEMUClockType type, QEMUTimerCB *cb, void *opaque) {
  timer_init(ts, type, SCALE_NS, cb, opaque);
}
static inline void timer_init_us(QEMUTimer *ts, QEMUClockType type, QEMUTimerCB *cb, void *opaque) {
  timer_init(ts, type, SCALE_US, cb, opaque);
}
static inline void timer_init_ms(QEMUTimer *ts, QEMUClockType type, QEMUTimerCB *cb, void *opaque) {
  timer_init(ts, type, SCALE_MS, cb, opaque);
}

// Allocated timers; free them with timer_free.
QEMUTimer *timer_new_full(QEMUTimerListGroup *timer_list_group, QEMUClockType type, int scale, int attributes, QEMUTimerCB *cb, void *opaque);
static inline QEMUTimer *timer_new(QEMUClockType type, int scale, QEMUTimerCB *cb, void *opaque) {
  return timer_new_full(NULL, type, scale, 0, cb, opaque);
}
static inline QEMUTimer *timer_new_ns(QEMUClockType type, QEMUTimerCB *cb, void *opaque) { return timer_new(type, SCALE_NS, cb, opaque); }
static inline QEMUTimer *timer_new_us(QEMUClockType type, QEMUTimerCB *cb, void *opaque) { return timer_new(type, SCALE_US, cb, opaque); }
static inline QEMUTimer *timer_new_ms(QEMUClockType type, QEMUTimerCB *cb, void *opaque) { return timer_new(type, SCALE_MS, cb, opaque); }

void timer_deinit(QEMUTimer *ts);  // the timer is idle: checked
void timer_free(QEMUTimer *ts);    // cancels; NULL is allowed

void timer_mod_ns(QEMUTimer *ts, int64_t expire_time);
void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time);  // only ever makes it fire sooner
// In the timer's scale; saturate instead of wrapping.
void timer_mod(QEMUTimer *ts, int64_t expire_time);
void timer_mod_anticipate(QEMUTimer *ts, int64_t expire_time);
void timer_del(QEMUTimer *ts);

bool timer_pending(const QEMUTimer *ts);
// An idle timer counts as expired (as in QEMU): combine with timer_pending. `current_time` is in the timer's scale.
bool timer_expired(const QEMUTimer *timer_head, int64_t current_time);
uint64_t timer_expire_time_ns(const QEMUTimer *ts);  // UINT64_MAX: idle

// Addition to QEMU: a static name, "device.timer"; must outlive the timer. The timer is then listed by timer_for_each while idle, too, and must
// see timer_deinit or timer_free before its memory goes. NULL takes the name away.
void timer_set_name(QEMUTimer *ts, const char *name);
// What lists of timers call its callback, "Device::method"; static. NULL: nothing.
void timer_set_callback_name(QEMUTimer *ts, const char *name);

// Addition to QEMU: lists every armed timer, then the named idle ones. `visit` must not touch timers.
typedef struct TimerInfo {
  const char *name;         // NULL: unnamed, see number
  uint64_t number;          // order of creation
  QEMUClockType clock;
  bool main_group;          // on main_loop_tlg
  bool armed;
  int64_t expire_time_ns;   // of its clock; -1: idle
  int attributes;
  QEMUTimerCB *cb;
  const char *callback_name;  // NULL: not known
  void *opaque;
} TimerInfo;
void timer_for_each(void (*visit)(void *context, const TimerInfo *info), void *context);

// --- timeouts -------------------------------------------------------------------------------------------------
// The sooner of two timeouts, where negative is infinite.
static inline int64_t qemu_soonest_timeout(int64_t timeout1, int64_t timeout2) {
  return ((uint64_t)timeout1 < (uint64_t)timeout2) ? timeout1 : timeout2;
}
int qemu_timeout_ns_to_ms(int64_t ns);  // rounds up; capped to INT32_MAX
struct pollfd;
int qemu_poll_ns(struct pollfd *fds, unsigned nfds, int64_t timeout);  // ppoll; negative: for ever

// --- sources of time ------------------------------------------------------------------------------------------
int64_t get_clock(void);           // host monotonic ns
int64_t get_clock_realtime(void);  // calendar ns
int64_t cpu_get_host_ticks(void);
extern int64_t clock_start;        // get_clock() at init_clocks()
static inline int64_t get_max_clock_jump(void) { return 60 * NANOSECONDS_PER_SECOND; }

// TimersState: time and ticks that stand still while the machine is stopped.
int64_t cpu_get_clock(void);
int64_t cpu_get_ticks(void);   // never decreases
void cpu_enable_ticks(void);   // idempotent, as is the next one
void cpu_disable_ticks(void);
bool cpu_ticks_enabled(void);

int64_t cpus_get_virtual_clock(void);
void cpus_set_virtual_clock(int64_t new_time);
int64_t cpus_get_elapsed_ticks(void);
// Hands VIRTUAL to somebody else (an accelerator, a test driver). While it is theirs, no host alarm is armed for VIRTUAL deadlines that are still
// to come. NULL, NULL gives it back.
void cpus_register_virtual_clock(int64_t (*get)(void), void (*set)(int64_t new_time));

// --- icount: VIRTUAL counts instructions --------------------------------------------------------------------------
typedef enum {
  ICOUNT_DISABLED = 0,
  ICOUNT_PRECISE = 1,     // fixed shift
  ICOUNT_ADAPTATIVE = 2,  // shift=auto
  ICOUNT_SAMPLED = 3,     // real time, looked at now and then; between two looks a function of the instructions (recordings). Not QEMU's
} ICountMode;

#define MAX_ICOUNT_SHIFT 10
#define ICOUNT_WOBBLE (NANOSECONDS_PER_SECOND / 10)

typedef struct IcountOptions {
  ICountMode mode;
  int shift;   // 2^shift ns an instruction
  bool sleep;  // idle time passes in real time
  bool align;  // the guest is slowed to real time
} IcountOptions;

// Parses "shift=N|auto[,sleep=on|off][,align=on|off]". Returns NULL, or an error text (valid until the next call).
const char *icount_parse(const char *text, IcountOptions *options);
// Parses and switches icount on (or off, for an empty text); returns as icount_parse.
const char *icount_configure(const char *text);
void icount_set_options(const IcountOptions *options);
IcountOptions icount_options(void);

int icount_enabled(void);  // an ICountMode
int64_t icount_get_raw(void);            // instructions
int64_t icount_get(void);                // ns: bias + (raw << shift)
int64_t icount_to_ns(int64_t icount);    // instructions << shift
int64_t icount_round(int64_t count_ns);  // instructions for at least so many ns
// Where the count comes from. NULL: an own counter, moved by icount_advance.
void icount_register_counter(int64_t (*instructions)(void));
void icount_advance(int64_t instructions);
// ICOUNT_SAMPLED: now, at `instructions`, VIRTUAL is `ns`, and goes on with `rate` / 65536 ns an instruction. VIRTUAL never goes back: checked.
void icount_set_sample(int64_t instructions, int64_t ns, uint32_t rate);
// Time that passes without instructions (warp).
void icount_add_bias(int64_t ns);
// One adjustment of shift=auto; the caller does it each second of VIRTUAL_RT and each 100 ms of VIRTUAL. VIRTUAL stays continuous.
void icount_adjust(void);
// Its arithmetic: the new shift, from how far VIRTUAL is ahead of VIRTUAL_RT now and at the last adjustment.
int icount_adjust_shift(int64_t delta, int64_t last_delta, int shift);
// ns until the next thing that must end a slice, in 0..INT32_MAX, and the same in instructions.
int64_t icount_deadline_ns(void);
int64_t icount_limit(void);
int64_t icount_percpu_budget(int64_t limit, int cpu_count);
// Runs what is due on VIRTUAL's lists (main_loop_tlg and the driven groups), which the alarm's handler leaves alone under icount: the run loop calls
// it between two slices, at the exact instruction. Returns whether a callback ran; they are in handler context.
bool icount_run_timers(void);

// Record and replay: asked before timers run (see timer-by-timer rules in timer/README.md); false: not now. NULL: always.
void timer_set_replay_checkpoint(bool (*checkpoint)(void *opaque, QEMUClockType type), void *opaque);

// --- arithmetic -----------------------------------------------------------------------------------------------
// a * b / c with a 96-bit product, truncated.
static inline uint64_t muldiv64(uint64_t a, uint32_t b, uint32_t c) {
  __extension__ typedef unsigned __int128 Wide;
  return (uint64_t)((Wide)a * b / c);
}

#ifdef __cplusplus
}
#endif
#endif
