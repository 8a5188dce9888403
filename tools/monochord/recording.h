// -record and -replay: what a recording says of the machine that it was made with, and whether this command line makes the same one.
// Main context, before the machine is built.
#pragma once

#include "tools/monochord/options.h"

namespace monochord {

// Starts what the options ask for (core/replay.h): opens the file, and fills in what a recording fixes: the kind of time, seed and calendar.
// Nothing for a run that is neither.
Status start_record_or_replay(Options& options);

}  // namespace monochord
