// How the JIT works: what `-accel tcg,...` switches, for users (size of the cache) and for tests (variants that must give the same results).
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace monochord {

// JitOptions::check: compared after each unit; other values are numbers of instructions.
inline constexpr uint64_t kCheckUnit = 1, kCheckMax = 1'000'000;

struct JitOptions {
  bool enabled = true;              // false: the interpreter
  uint64_t cache_bytes = 32 << 20;  // tb-size
  bool one_insn = false;            // one-insn-per-tb: units of one instruction
  bool chain = true;                // x-chain: units jump to each other directly and through the jump cache
  bool slots = true;                // x-slots: each access of U and M mode remembers its page
  bool groups = true;               // x-groups: one check for accesses off one register
  bool follow = true;               // x-follow: units go on behind direct jumps
  bool look = false;                // x-look: every unit looks at the budget, not those alone that are entered backward or from another page
  bool count = true;                // x-count: off to measure what counting instructions costs; counts are wrong then
  unsigned tlb_entries = 4096;      // x-tlb-entries: a small TLB, for tests
  unsigned units_max = ~0u;         // x-units: so many in each half of the cache, for tests of eviction
  uint64_t check = 0;               // --check: lockstep with the interpreter (lockstep.h), 0 for none
};

// "tcg" or "interp"; a key of `-accel tcg,...`. Errors are of the command line's kind.
Status set_accelerator(JitOptions& options, const std::string& name);
std::string jit_option_help();  // a line a key
Status set_jit_option(JitOptions& options, const std::string& key, const std::string& value);
// "unit" or a number of instructions.
Status set_check(JitOptions& options, const std::string& value);

// What harts that are made from now on use. Set once, before the first.
JitOptions& jit_options();

}  // namespace monochord
