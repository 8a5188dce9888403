// What the files of the loop share: bottom halves, fd handlers, queued work and requests, as main_loop.cpp and run_loop.cpp see them.
// Main context with the BQL held, unless it says otherwise. Not for other rooms: use core/main_loop.h.
#pragma once

#include <signal.h>

#include "core/cpu.h"
#include "core/main_loop.h"

namespace monochord {

// --- bottom_half.cpp ------------------------------------------------------------------------------------
bool bottom_halves_scheduled();  // any context
// Runs them, and those that they schedule, to the end; bounded: true when some are left.
bool run_bottom_halves();

// --- fd_handler.cpp -------------------------------------------------------------------------------------
bool fds_may_be_ready();  // any context
bool input_is_possible();  // some fd is watched for reading
// Asks the system and calls the handlers of ready fds; bounded work. True when some handler ran.
bool dispatch_fds();

// --- work_queue.cpp -------------------------------------------------------------------------------------
bool queued_work_pending();  // any context
void run_queued_work();      // each item that was queued before the call, once

// --- requests (runstate.cpp) ----------------------------------------------------------------------------
struct LoopRequests {
  volatile sig_atomic_t notified = 0;        // qemu_notify_event
  volatile sig_atomic_t reset = 0;           // a ShutdownCause
  volatile sig_atomic_t shutdown = 0;        // a ShutdownCause
  volatile sig_atomic_t exit_status = 0;     // of the shutdown
};
extern LoopRequests loop_requests;

// The guest's own action (main context while a hart runs) leaves right after its instruction; a callback's leaves at the next budget check.
void leave_for_loop();
// A sleeping hart got work while another runs: the run loop gives it the next turn.
extern volatile sig_atomic_t rr_yield;

// One turn of the loop without waiting: bottom halves, fds, queued work.
struct LoopTurn {
  bool did;   // something ran
  bool more;  // bottom halves or fds want another turn soon
};
LoopTurn loop_turn();
// Anything at all that the loop would do without waiting (see "Idle" in core/main_loop.h). Any context.
bool loop_has_work();
// ... and that is not a hart that may run. Any context.
bool loop_has_turn_to_take();
// The same wait while harts may run: until there is something else to do (a timer that was armed for it).
void loop_pause();
// Main context, no hart running: waits in the host until there may be something to do.
void loop_idle_wait();
// A hart that may run now.
bool cpu_can_run(const Cpu& cpu);

// --- deadlock.cpp ---------------------------------------------------------------------------------------
// ns until the clock's next timer of the guest; negative: none. One at the end of time (a comparator of all ones) never comes.
int64_t loop_next_deadline_ns(QEMUClockType clock);
// Every hart sleeps, no timer of any clock is armed, and no fd is watched for reading: nothing can ever happen. Called where the loop would wait.
bool loop_is_deadlocked();
// Says so: a line that begins with "deadlock:", and one for each hart.
void report_deadlock();
constexpr int kDeadlockStatus = 3;

// As at process start: no requests, no handlers, prelaunch. For tests; harts and bottom halves belong to those who made them.
void loop_reset();
void run_loop_reset();
void fd_handlers_reset();

}  // namespace monochord
