// Counts calls of malloc, calloc and realloc of the whole test program (linked with -Wl,--wrap).
#pragma once
#include <cstdlib>

namespace monochord {
extern long allocations;
}
