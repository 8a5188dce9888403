// Text of a unit of micro-operations, for people: what -d in_asm and -d op print. Any context; pure.
#pragma once

#include <cstdint>
#include <string>

#include "tcg/emit/uop.h"

namespace monochord {

// "add a0, a1, tmp0": the name and the operands that uop.inc lists for it.
std::string uop_text(const Uop& uop);

// A guest instruction of the unit, with its address in the page at `page_address`: "0x0000000080000000:  00150513  addi a0,a0,1".
std::string insn_text(const Unit& unit, int insn, uint64_t page_address);

// A line a guest instruction; each line ends in a newline.
std::string in_asm_text(const Unit& unit, uint64_t page_address);
// A line a micro-operation, below the guest instruction that it was made for.
std::string op_text(const Unit& unit, uint64_t page_address);

}  // namespace monochord
