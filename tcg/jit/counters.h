// What the JIT did, in numbers: --stats at the end, `info jit` in the monitor. One struct a cache of generated code, for all harts of its address
// space.
// Nothing is counted in generated code or where a hit is answered: these are the ways out and what is made.
#pragma once

#include <cstdint>
#include <string>

namespace monochord {

// Why a unit ended.
enum class TbEnd : uint8_t {
  kStore,     // a hart stored to its instructions (or GDB did)
  kStale,     // DMA did; with x-strict-fencei: a store that FENCE.I made visible
  kSite,      // an access in it missed its slot too often: it is made anew
  kEviction,  // its half of the buffer was needed
  kFlush,
};

inline constexpr unsigned kJitExitsMax = 8, kSiteKindsMax = 8, kTbEnds = 5;

struct JitCounters {
  // Translation.
  uint64_t units = 0, insns = 0, bytes = 0, ns = 0;
  uint64_t links = 0, sites_demoted = 0, evictions = 0;
  uint64_t ended[kTbEnds] = {};            // units, by TbEnd
  // Running. Each entry into generated code comes back by one exit.
  uint64_t entries = 0;
  uint64_t exits[kJitExitsMax] = {};       // by JitExit
  uint64_t slow_calls[kSiteKindsMax] = {}; // by SiteKind
  uint64_t slot_misses = 0;                // less what JitFrame::slot_misses holds
  uint64_t interpreted = 0;                // instructions that the interpreter ran for the JIT
  // --check.
  uint64_t stretches = 0, compared = 0;  // what ran twice; instructions in it

  uint64_t ended_units() const {
    uint64_t sum = 0;
    for (const uint64_t n : ended) sum += n;
    return sum;
  }
};

const char* jit_exit_name(unsigned exit);  // of a JitExit; "?" where there is none

// The table, of all harts of the process; a line that says so where there is no generated code. Ends in a newline.
std::string jit_report();

}  // namespace monochord
