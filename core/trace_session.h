// What the command line asked of the trace (-trace, -d trace:), from before the guest runs to its end: text through the log, or two files, one for
// the guest's events (F) and, where an event of the host is on, one for those (F.host).
// One session at a time. Main context with the BQL held, but for what says otherwise.
#pragma once

#include <string>

#include "core/trace.h"

namespace monochord {

struct TraceRequest {
  uint64_t events = 0;       // mask: -trace
  uint64_t text_events = 0;  // -d trace: ; always as text
  std::string file;          // empty: text
  uint64_t ring = 0;         // keep so many of the last events in memory, and write them when the run fails; 0: write all
};

// Opens the files, then switches the events on. Before the machine runs: generated code has what is traced built in. An error leaves everything off.
Status trace_start(const TraceRequest& request);
// The run has failed though its exit status may not say so: rings will be written. Any context.
void trace_files_fail();
// The end: events are off, files whole. Returns the exit status: `status`, or 1 where that is 0 and a file could not be written.
int trace_finish(int status);

}  // namespace monochord
