// The BQL: the outermost level of the mask (timer/host.h). Holding it means that the alarm handler runs no callbacks.
//
// Rules
// - Main context holds it everywhere except in generated code (the interpreter's inner loop counts as such), in its leaf
//   helpers and in the idle wait. It does not nest: bql_lock() checks that it isn't held, bql_unlock() that it is.
// - In handler context it counts as held; locking or unlocking it there is a bug.
// - bql_unlock() runs the timers whose signal came while it was held, in handler context, before it returns.
// - A signal that runs no timers (SIGIO, SIGTERM) is not held off by the mask: it calls bql_signal_kick(), which is delivered once more at
//   bql_unlock(), so that exec() may clear exit_request any time before it releases the BQL and loses nothing.
#pragma once

#include <timer/host.h>

#include "core/check.h"

namespace monochord {

extern volatile sig_atomic_t bql_held;          // main context holds it; use bql_locked()
extern volatile sig_atomic_t bql_kick_pending;  // a signal kicked while it was held

// Slices end where the guest's instructions say (core/guest_time.h): a signal leaves a note and ends none. Set at start-up.
extern bool slices_are_exact;

// Asks the running hart to leave, from a signal handler that may have interrupted anything. Async-signal-safe.
void bql_signal_kick();
void bql_deliver_kick();  // out of line part of bql_unlock

// The BQL is held by main, or we are in handler context.
inline bool bql_locked() { return bql_held || timer_in_handler(); }

// Callbacks are running, in the signal handler itself or deferred. Hart-private state is off limits.
inline bool in_handler_context() { return timer_in_handler(); }

inline void bql_lock() {
  CHECK(!bql_held && !timer_in_handler());
  timer_mask_enter();
  bql_held = 1;
}

inline void bql_unlock() {
  CHECK(bql_held && !timer_in_handler());
  bql_held = 0;
  timer_mask_leave();
  if (__builtin_expect(bql_kick_pending, 0)) bql_deliver_kick();
}

// Takes the BQL for a scope of main context that may or may not hold it already (slow paths called from generated code
// and from the loop alike).
class BqlLockGuard {
 public:
  BqlLockGuard() : took_(!bql_locked()) {
    if (took_) bql_lock();
  }
  ~BqlLockGuard() {
    if (took_) bql_unlock();
  }
  BqlLockGuard(const BqlLockGuard&) = delete;
  BqlLockGuard& operator=(const BqlLockGuard&) = delete;

 private:
  bool took_;
};

}  // namespace monochord
