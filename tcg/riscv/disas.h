// Text of an instruction, from the lines of the instruction tables: what objdump -M no-aliases prints. Any context; pure.
#pragma once

#include <cstdint>
#include <string>

#include "tcg/riscv/decode.h"

namespace monochord {

const char* gpr_name(unsigned n);  // "zero", "ra", ...
const char* fpr_name(unsigned n);  // "ft0", ...

// "addi a0,a0,1"; `raw` holds 32 bits, of a compressed instruction the lower 16 count. ".insn 0x..." where no line matches.
std::string disassemble(uint32_t raw, uint64_t pc);
// With address and bits in front, as -d in_asm prints it.
std::string disassemble_line(uint32_t raw, uint64_t pc);
// The mnemonic alone, with aq and rl; empty where no line matches.
std::string mnemonic(const Decoded& decoded);

}  // namespace monochord
