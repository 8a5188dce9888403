// The timer library's observer (timer/host.h) as trace events: timers of VIRTUAL, which the guest can see, into the guest's stream; timers of the other
// clocks and external ones, the alarm and what its signal met, into the host's.
#pragma once

namespace monochord {

// Begins to listen where an event of trace_mask needs it. Main context with the BQL held.
void trace_timers_start();
void trace_timers_stop();

}  // namespace monochord
