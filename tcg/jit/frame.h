// What generated code keeps beside the architectural state: a part of each hart, at a constant distance from HartState.
#pragma once

#include <cstdint>

#include "tcg/exec/tlb.h"

namespace monochord {

struct TranslationBlock;

// Why generated code came back to the run loop; `argument` is what rax held.
enum class JitExit : uint32_t {
  kLink,        // argument: the TbExit, whose target is not known yet
  kJump,        // argument: guest address that the jump cache didn't have
  kBudget,      // argument: the TranslationBlock, which has not begun
  kInterpret,   // argument: offset in the page of the instruction that the interpreter takes
  kFpOff,       // argument: the TranslationBlock, which needs the FPU on and a rounding mode that the host has
  kNoGroup,     // argument: the TbExit of an access whose group crosses a page or meets a device; without chaining
  kLeft,        // a slow path ended the run; HartState::pc says where
};

inline constexpr unsigned kJitSlots = 4096;
inline constexpr unsigned kGroupAddends = 64;

struct JitFrame {
  uint64_t page_va = 0;        // guest address of the page of code that runs
  int64_t budget = 0;          // of the unit that runs, stored whenever it calls out; below 0: leave at the next check
  int64_t stolen = 0;          // what a kick took out of the budget (instructions)
  uint64_t value = 0;          // value of a store or of an AMO for its slow path; result of a load
  uint64_t temp[3] = {};       // of one instruction's code
  uint64_t group_addends[kGroupAddends] = {};  // of the unit that runs: groups that have no slot
  void* hart = nullptr;        // RiscvCpu
  uint64_t host_rsp = 0;
  const void* enter_code = nullptr;
  uint32_t mxcsr = 0x1f80;     // the guest's, while C++ runs
  uint32_t mxcsr_host = 0x1f80;
  uint32_t exit_reason = 0;
  uint32_t dirty64 = 0, dirty32 = 0;  // SiteInfo's, of a unit that was left without one; C++ sets them back
  uint32_t fp_ready = 0;       // mstatus.FS is Dirty and frm one that MXCSR has
  // Slots by mode: even numbers for loads, odd ones for stores. Misses since the last look, to find sites that always miss.
  uint32_t slot_misses[kTlbModes][kJitSlots] = {};
  uint64_t misses_since[kTlbModes][kJitSlots] = {};  // the instruction count at that look
};

}  // namespace monochord
