// A decoded instruction as the interpreter runs it: a handler and its operands in 16 bytes. Slots of two guest bytes: the next instruction is one
// slot further (compressed) or two.
//
// A handler gets the slot, the interpreter, the budget that is left after this instruction, and the state. It returns what to run next (loop
// build), or runs it as its last act and returns null in the end (threaded build); see DISPATCH in direct.h.
#pragma once

#include <cstdint>

#include "tcg/riscv/decode.h"

namespace monochord {

struct HartState;
class Interpreter;
struct Insn;

using Handler = const Insn* (*)(const Insn* insn, Interpreter* in, int64_t budget, HartState* state);

struct Insn {
  Handler fn;
  Args args;
};
static_assert(sizeof(Insn) == 16);

// Number under which writes of x0 land (HartState::x has room for it).
inline constexpr uint8_t kSinkRegister = 32;

// The slot's address carries the pc: pc = bias + slot / 8, where the interpreter keeps the bias of the page that runs.
inline uint64_t slot_offset(const Insn* insn) { return reinterpret_cast<uintptr_t>(insn) >> 3; }

// The handler of an operation. `in_page`: it is a branch or jump whose target is a slot of the same page.
Handler handler_of(Op op, unsigned length, bool in_page);
// Handlers that are not instructions. None of them counts.
Handler handler_decode();    // decodes this slot and those that follow, then runs it
Handler handler_refetch();   // looks up the pc of this slot anew
Handler handler_resolve();   // looks up state.pc
Handler handler_cross();     // a 32-bit instruction whose second half is on the next page
Handler handler_leave();     // ends the run

}  // namespace monochord
