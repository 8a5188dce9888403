// Chosen interleavings: interrupts that come after exactly the instruction that somebody names, and stretches of instructions in which none is taken.
// For searching a race by hand and for tools/sweep. Needs counted time (core/guest_time.h), where instruction numbers mean the same in every run.
// Main context, BQL held, no hart running.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/result.h"

namespace monochord {

class Cpu;

// After `at` instructions were started on all harts together: the virtual clock goes to its next deadline, or interrupt source `irq` gets a pulse.
// The two checks say that the run is the one that was meant: the hart is at `pc`, for the `visit`th time (from 1).
struct InterruptPoint {
  uint64_t at = 0;
  std::optional<unsigned> irq;
  std::optional<uint64_t> pc;
  uint64_t visit = 0;  // 0: not checked
};
// No interrupt is taken after instruction n, from <= n < to.
struct InterruptHold {
  uint64_t from = 0, to = 0;
};

struct Schedule {
  std::vector<InterruptPoint> points;
  std::vector<InterruptHold> holds;
  bool empty() const { return points.empty() && holds.empty(); }
};
// `pulse` raises and lowers an interrupt source of the board. Once, before the run.
void schedule_start(Schedule schedule, Status (*pulse)(void* opaque, unsigned irq), void* opaque);

// --- the run loop's ---
// What is due at this instruction. False: a check failed; it was said, and the run ends with status 1.
bool schedule_turn();
// Instructions until something is due; INT64_MAX: nothing.
int64_t schedule_budget();
// A hart came to the pc of a point that counts visits. True: it was for us, and the hart is to step over it.
bool schedule_breakpoint(const Cpu& cpu);
// The run is over: a point that was never reached is an error, said here. True: none.
bool schedule_end();

void schedule_reset();  // as at process start, for tests

}  // namespace monochord
