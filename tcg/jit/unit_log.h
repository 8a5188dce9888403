// What is told about a unit when it was made, where somebody asked: -d in_asm, op and out_asm; the line of -perfmap. Main context.
#pragma once

#include "core/log.h"
#include "tcg/emit/uop.h"
#include "tcg/jit/perf_map.h"
#include "tcg/jit/tb.h"
#include "tcg/x86_64/code_marks.h"
#include "tcg/x86_64/thunks.h"

namespace monochord {

struct MadeUnit {
  const Unit& unit;
  const TranslationBlock& tb;
  const x86_64::CodeMarks* marks;  // for out_asm
  const x86_64::Thunks& thunks;
  // Guest address of the unit's page where it was asked for; its physical address where that is not known.
  uint64_t page_address;
  bool is_virtual;
};

inline bool wants_units() { return log_enabled(kLogInAsm | kLogOp | kLogOutAsm) || perf_map != nullptr; }
void tell_unit(const MadeUnit& made);

// The unit's name for perf: a symbol of the guest, or "guest:S:0x80201234", its mode and physical address.
std::string unit_name(const MadeUnit& made);
// The host code beside the guest instructions that it was made from.
std::string out_asm_text(const MadeUnit& made);

// Lines of -perfmap for the code around units.
void tell_thunks(const x86_64::Thunks& thunks);

}  // namespace monochord
