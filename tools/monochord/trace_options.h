// -trace and -d trace: as QEMU has them, and ring= of our own, into what core/trace_session.h takes. Reads events= files; opens nothing else.
#pragma once

#include "core/trace_session.h"

namespace monochord {

// The value of a -trace option, added to what those before it asked for. "help" is the caller's.
Status add_trace_option(TraceRequest& request, const std::string& value);
// Takes the trace:PATTERN items out of a -d list; what is left (other items) is returned.
Result<std::string> take_trace_items(TraceRequest& request, const std::string& items);
// When all options were read.
Status check_trace_options(const TraceRequest& request);

}  // namespace monochord
