// The one loop: main_loop_wait() handles fds, bottom halves and timers; the run loop gives each hart its slice, round robin.
//
// Rules
// - All here is main context with the BQL held, but for the functions marked "any context".
// - A bottom half scheduled by the guest's own action (a store to a device) runs at an instruction boundary that depends only on the guest:
//   right after the instruction that scheduled it. Where a host signal ended a slice never shows.
// - fd callbacks run as bottom halves between slices, never in the handler.
// - Where a host signal ended a slice, the same hart goes on with the rest of its slice, so it never shows. Slices are counted in instructions.
// - exit() is never called from handler context: requests are flags that the loop reads.
// - Start-up: timer_host_install, init_clocks(qemu_timer_notify_cb), set_host, bql_lock(), build the machine, vm_start() (not with -S), run_loop().
#pragma once

#include <qemu/timer.h>

#include <cstdint>

#include "core/cpu.h"

extern "C" {
typedef struct QEMUBH QEMUBH;
typedef void QEMUBHFunc(void* opaque);
typedef void IOHandler(void* opaque);

QEMUBH* qemu_bh_new(QEMUBHFunc* cb, void* opaque);
void qemu_bh_schedule(QEMUBH* bh);  // any context; idempotent until it runs
void qemu_bh_cancel(QEMUBH* bh);
void qemu_bh_delete(QEMUBH* bh);

// Watches an fd; null handlers stop watching that direction, both null remove it.
void qemu_set_fd_handler(int fd, IOHandler* fd_read, IOHandler* fd_write, void* opaque);

// Something happened that the loop must look at; any context.
void qemu_notify_event(void);
// TimerHostOps.kick: makes the hart that runs leave at its next budget check. Async-signal-safe.
void qemu_kick_current(void* opaque);
// One turn: ready fds, bottom halves, due timers. Waits (idle) only if `nonblocking` is false and there is nothing to do.
void main_loop_wait(int nonblocking);
}

namespace monochord {

enum class RunState : uint8_t { kPrelaunch, kRunning, kPaused, kDebug, kShutdown };
enum class ShutdownCause : uint8_t { kNone, kGuestShutdown, kGuestReset, kHostSignal, kHostQuit, kHostError, kDeadlock };

RunState runstate();
void vm_start();                                            // ticks on, VIRTUAL on, harts resumed
void vm_stop(RunState why);                                 // the reverse
void pause_all_vcpus();
void resume_all_vcpus();

// Any context, async-signal-safe too; acted on by the loop. The first shutdown request wins.
void qemu_system_reset_request(ShutdownCause cause);
void qemu_system_shutdown_request(ShutdownCause cause, int exit_status);
bool qemu_shutdown_requested();  // any context

// Told at system reset (devices, then harts), in order of registration.
void register_reset_handler(void (*reset)(void* opaque), void* opaque);
void unregister_reset_handler(void (*reset)(void* opaque), void* opaque);
void qemu_system_reset(ShutdownCause cause = ShutdownCause::kNone);  // kNone: power on

struct RunOptions {
  bool reset_is_shutdown = false;      // -no-reboot
  bool guest_shutdown_stops = false;   // -no-shutdown: the machine stops, the loop goes on
  bool deadlock_ends = false;          // a machine in which nothing can ever happen ends with status 3 instead of waiting for ever
  // After a slice that ended in a breakpoint or a finished single step (GDB). May be null.
  void (*on_debug)(void* opaque, Cpu& cpu, ExecExit why) = nullptr;
  void* opaque = nullptr;
};

// Runs until a shutdown was requested; returns the exit status. Does not start the machine: call vm_start() first, or later (-S, GDB).
int run_loop(const RunOptions& options);

// Runs the (started) machine until exactly `count` further instructions were started on all harts together: kBudget. Or until a shutdown
// request or a stop: kRequest; or a breakpoint: kBreakpoint. The primitive below GDB's stepping, traces and replay.
ExecExit run_exactly(uint64_t count);

// GDB: execute exactly one instruction of this hart (interrupts are held off when `hold_interrupts`), of a stopped machine; a breakpoint at the
// current pc does not count. Bottom halves and work that the instruction scheduled have run when it returns. kBudget, or kHalted behind wfi: the next
// step wakes the hart.
ExecExit single_step(Cpu& cpu, bool hold_interrupts);

// Instructions started by all harts together since power-on: the stamp of events. Any context (see Cpu::instructions).
uint64_t total_instructions();

}  // namespace monochord
