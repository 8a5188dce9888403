// How VIRTUAL moves while instructions drive it (-icount): budgets for the run loop, timers at the exact instruction, and time that passes while
// every hart sleeps (the warp). The loop's own files call most of it; devices only what is marked for them.
//
// Rules
// - All here is main context with the BQL held and no hart running, unless it says otherwise.
// - While slices_are_exact (core/bql.h: always but while recording in real time) a slice ends where the guest's own instructions say: at its budget
//   or after an instruction that asked for the loop. Signals don't end it. So which instructions generated code runs and which the interpreter, and
//   what TLB and slots keep, are functions of the guest alone.
// - While counted_time() is true no callback of the host's clocks runs inside a slice.
// - A timer of VIRTUAL runs after exactly the instruction on which its deadline falls, in handler context, by the code that runs it under SIGALRM.
// - With a fixed shift the guest's time is the same whatever sleep and align say: they only pace it. The exception is input (guest_time_input()).
// - Recording in real time (core/replay.h) is counted time, too, with ICOUNT_SAMPLED: VIRTUAL is looked at between slices.
// Source: QEMU's -icount.
#pragma once

#include <qemu/timer.h>

#include <cstdint>

namespace monochord {

// Instructions drive VIRTUAL. Any context.
inline bool counted_time() { return icount_enabled() != ICOUNT_DISABLED; }

// Switches it on: after init_clocks(), before the machine is built. Once.
void guest_time_start(const IcountOptions& options);

// A turn of the loop begins: brings VIRTUAL up to now and runs its due timers, and what waited for the mask to open. `asleep`: every hart sleeps.
// `guest_left`: the last slice ended by the guest's own action and nothing else.
void guest_time_turn(bool asleep, bool guest_left);
// Instructions until VIRTUAL's next deadline, at most a slice; 0: a timer is due already.
int64_t guest_time_budget();
// After a slice: sleeps where the guest is ahead of real time (align=on).
void guest_time_align();
// Every hart sleeps. True: VIRTUAL moved, or the wait for it ended; take another turn. False: VIRTUAL has no deadline that ends this sleep.
bool guest_time_idle();
// A hart runs again, or something from outside is about to reach the guest: the part of the sleep that has passed has passed.
void guest_time_end_warp();

// VIRTUAL moves on by `ns`.
void guest_time_warp(int64_t ns);
// Takes VIRTUAL to its next deadline, whoever runs. False: no timer is armed.
bool guest_time_skip();

// Something from outside is about to reach the guest (any input but its own clock): bytes typed, a reset from the monitor. Counted.
void guest_time_input();
// For devices: the guest was shown the host's clock. Counted, too. Any context.
void guest_time_saw_host();
uint64_t guest_inputs();

// As at process start. For tests.
void guest_time_reset();

}  // namespace monochord
