// --check-determinism N: the same run N times, each in a process of its own without input, and whether all were the same.
#pragma once

#include "tools/monochord/options.h"

namespace monochord {

// `run_once` is the whole program with those options, from its host to its exit status. Returns the status to exit with: 0 all the same, 1 not.
int check_determinism(const Options& options, int (*run_once)(const Options&));

}  // namespace monochord
