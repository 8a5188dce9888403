// The few pieces of hand-made code around units: entering, leaving, slow paths. Emitted once at the beginning of the code buffer.
#pragma once

#include <cstdint>

#include "tcg/jit/frame.h"
#include "tcg/x86_64/host_registers.h"

namespace monochord::x86_64 {

// What a slow path tells the code that called it.
// Done: goes on behind the SiteInfo. Retry: the access once more. Leave: back to the run loop. Jump: to JitFrame::enter_code, value being its address.
enum SlowStatus : uint64_t { kSlowDone = 0, kSlowRetry = 1, kSlowLeave = 2, kSlowJump = 3 };

struct Thunks {
  // Runs code at an entry_indirect, JitFrame::value being the guest address; comes back with rax of the exit. `frame`: the frame register's value.
  uint64_t (*enter)(void* frame, const void* code) = nullptr;
  const uint8_t* exit[8] = {};               // by JitExit; rax: argument
  const uint8_t* miss[kTlbModes][2] = {};    // slot missed (loads, stores): fills it from the table, or takes the slow path; rax: guest address
  const uint8_t* slow = nullptr;             // takes the slow path; rax: guest address
  const uint8_t* group[kTlbModes][2] = {};   // a group's head missed: fills its slot; rax: the group's first byte
  const uint64_t* box_mask = nullptr;        // 16 bytes: the upper half of the low element
  const uint64_t* constants = nullptr;       // for floating point
  const uint8_t* fflags_of_mxcsr = nullptr;  // by MXCSR's low six bits
  const uint8_t* mxcsr_of_fflags = nullptr;  // by fflags
  uint8_t* begin = nullptr;
  uint8_t* end = nullptr;
  // Between these its register does not hold the budget; JitFrame does, or will.
  struct Range {
    const uint8_t *begin, *end;
  } dead[8] = {};
  int dead_count = 0;
};

// What this host lacks to run generated code; null: nothing.
const char* host_lacks();

// Emits them at `begin`, at most `end`. slow(hart, info, address) is the slow path in C++.
Thunks make_thunks(uint8_t* begin, uint8_t* end, const FrameLayout& layout, uint64_t (*slow)(void* hart, const void* info, uint64_t address));

}  // namespace monochord::x86_64
