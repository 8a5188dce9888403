// Record and replay: what reached the machine from outside, and when, so that a run can be had again instruction by instruction.
//
// Two kinds of recording, one kind of file:
// - with -icount shift=N, time is a function of the guest already, and the recording holds the inputs only;
// - in real time (ICOUNT_SAMPLED), VIRTUAL is looked at between two slices, when a signal came or every few milliseconds. Between two looks it is a
//   function of the instruction count, so the recording holds the looks, too.
// Each record stands at an instruction count and a time of VIRTUAL. A replay stops at exactly those instructions and does what was done there.
//
// Rules
// - While recording in real time, callbacks of the host's clocks wait for the end of the slice, as under icount, but signals end slices.
// - The world is looked at (time, fds, requests) only in turns of the loop that may: replay_may_look(). A turn between two of which the guest did
//   nothing may not, unless every hart sleeps, so that a replay that stops there once does the same.
// - All here is main context with the BQL held and no hart running, but replay_mode().
#pragma once

#include <cstdint>
#include <memory>

#include "core/main_loop.h"
#include "core/replay_file.h"

namespace monochord {

class InputGate;

enum class ReplayMode : uint8_t { kNone, kRecord, kPlay };
extern ReplayMode replay_mode_now;
inline ReplayMode replay_mode() { return replay_mode_now; }

// --- start and end ------------------------------------------------------------------------------------------------------
// Before guest_time_start(), which has to be given the mode of the recording.
void replay_start_recording(std::unique_ptr<ReplayWriter> writer);
void replay_start_playing(std::unique_ptr<ReplayReader> reader);
// The run is over with `status`, because of `cause`; returns the status to exit with. Recording: closes the file. Playing: says where the end is not the
// recorded one.
int replay_end(int status, ShutdownCause cause);

// A line for people: recording or replaying what, how far.
std::string replay_status();

// --- the loop's ---------------------------------------------------------------------------------------------------------
// A turn begins; `asleep`: every hart sleeps. Decides whether this turn may look outside, and brings VIRTUAL up to date where it does.
void replay_turn(bool asleep, bool guest_left_by_itself);
bool replay_may_look();
// Instructions until the next record; INT64_MAX when not playing.
int64_t replay_budget();
// Playing: every hart sleeps, and the next record stands at this instruction and before VIRTUAL's next deadline (ns from now; negative: none). VIRTUAL
// is brought there.
bool replay_wakes(int64_t deadline_ns);
// Playing: every hart sleeps, and nothing of the recording would ever wake one. Said; the run ends.
void replay_sleeps_for_ever();
// Playing: hands the inputs that stand here to their gates. True if there were any.
bool replay_deliver();
// A reset from outside is about to happen (recording), or happened here (playing: its cause, else 0).
void replay_record_reset(int cause);
int replay_take_reset();
// Playing: where somebody outside ended the recording, ends the run.
void replay_take_end();

// --- the gates' (core/input_gate.h) -------------------------------------------------------------------------------------
void replay_add_gate(InputGate& gate);
void replay_remove_gate(InputGate& gate);
void replay_record_input(const InputGate& gate, const uint8_t* bytes, size_t size);
void replay_record_break(const InputGate& gate);
// A paced sleep ended early; VIRTUAL is where it is now.
void replay_record_warp();

void replay_forget();  // as at process start, for tests

}  // namespace monochord
