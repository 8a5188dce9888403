// The decoder: from the bits of an instruction to a line of insn32.inc (and insn16.inc) and its operands.
//
// - The tables are the only list of instructions; enum, masks, operands, extension check, block end and the disassembler's text come from them.
// - Checked when compiling: each pattern has 32 (16) bits, and two lines overlap only where the earlier one is a special case of the later.
// - A compressed instruction decodes to the operation and operands of the 32-bit instruction it expands to, with length 2.
// - Pure functions of the bits and the configuration; any context.
#pragma once

#include <cstdint>

#include "tcg/riscv/config.h"

namespace monochord {

// What an operation is. op_illegal stands for every encoding that no line takes.
enum Op : uint16_t {
  op_illegal,
#define INSN(name, ext, format, bits, flags) op_##name,
#include "tcg/riscv/insn32.inc"
#undef INSN
  kOpCount,
};

enum Op16 : uint16_t {
  op16_none,  // not a compressed instruction
#define INSN16(name, ext, bits, format, op, text, flags) op16_##name,
#include "tcg/riscv/insn16.inc"
#undef INSN16
  kOp16Count,
};

enum class Format : uint8_t {
#define FORMAT(name, arg, operands) name,
#include "tcg/riscv/formats.inc"
#undef FORMAT
};

enum InsnFlags : uint8_t {
  kEndsBlock = 1,     // what follows may not run next, or runs under another view of memory
  kBranch = 2,        // conditional: goes on or leaves
  kFp = 4,            // needs mstatus.FS other than Off
  kSpecialCase = 8,   // this line may be a special case of a later one
  kImmNonZero = 16,   // compressed: reserved when the immediate is 0
  kRdNonZero = 32,    // compressed: reserved when rd is x0
  kRs1NonZero = 64,   // compressed: reserved when rs1 is x0
};

struct InsnLine {
  const char* name;  // as in the table, '_' where the mnemonic has '.'
  Ext ext;
  Format format;
  uint32_t mask, match;
  uint8_t flags;
};

struct InsnLine16 {
  const char* name;
  Ext ext;
  uint16_t mask, match;
  Op op;
  const char* operands;
  uint8_t flags;
};

const InsnLine& insn_line(Op op);      // not for op_illegal
const InsnLine16& insn_line16(Op16 op);
const char* format_operands(Format format);

// Operands as the decoder leaves them, in eight bytes.
struct Args {
  uint8_t rd = 0, rs1 = 0, rs2 = 0;
  uint8_t aux = 0;   // rm, rs3 of the fused formats, aq and rl of atomics
  int32_t imm = 0;   // sign-extended immediate, shift amount, CSR number, rm of the fused formats; the bits of an illegal instruction
};

// Operands as the bodies take them: one struct an instruction format.
struct arg_none {
  explicit constexpr arg_none(const Args&) {}
};
struct arg_r {
  uint8_t rd, rs1, rs2;
  explicit constexpr arg_r(const Args& a) : rd(a.rd), rs1(a.rs1), rs2(a.rs2) {}
};
struct arg_r2 {
  uint8_t rd, rs1;
  explicit constexpr arg_r2(const Args& a) : rd(a.rd), rs1(a.rs1) {}
};
struct arg_i {
  uint8_t rd, rs1;
  int32_t imm;
  explicit constexpr arg_i(const Args& a) : rd(a.rd), rs1(a.rs1), imm(a.imm) {}
};
struct arg_s {
  uint8_t rs1, rs2;
  int32_t imm;
  explicit constexpr arg_s(const Args& a) : rs1(a.rs1), rs2(a.rs2), imm(a.imm) {}
};
using arg_b = arg_s;
struct arg_u {
  uint8_t rd;
  int32_t imm;
  explicit constexpr arg_u(const Args& a) : rd(a.rd), imm(a.imm) {}
};
using arg_j = arg_u;
struct arg_shift {
  uint8_t rd, rs1;
  uint8_t shamt;
  explicit constexpr arg_shift(const Args& a) : rd(a.rd), rs1(a.rs1), shamt(static_cast<uint8_t>(a.imm)) {}
};
struct arg_csr {
  uint8_t rd, rs1;  // rs1: the register, or the immediate of the csrr?i forms
  uint16_t csr;
  explicit constexpr arg_csr(const Args& a) : rd(a.rd & 31), rs1(a.rs1), csr(static_cast<uint16_t>(a.imm)) {}
};
struct arg_r_rm {
  uint8_t rd, rs1, rs2, rm;
  explicit constexpr arg_r_rm(const Args& a) : rd(a.rd), rs1(a.rs1), rs2(a.rs2), rm(a.aux) {}
};
struct arg_r4 {
  uint8_t rd, rs1, rs2, rs3, rm;
  explicit constexpr arg_r4(const Args& a) : rd(a.rd), rs1(a.rs1), rs2(a.rs2), rs3(a.aux), rm(static_cast<uint8_t>(a.imm)) {}
};

struct Decoded {
  Op op = op_illegal;
  Op16 op16 = op16_none;
  uint8_t length = 4;  // bytes: 2 or 4, also of an illegal encoding
  Args args;
};

inline unsigned insn_length(uint16_t low_half) { return (low_half & 3) == 3 ? 4 : 2; }

// `raw` holds 32 bits; for a compressed instruction the upper half is ignored. Without a configuration every extension counts as there.
Decoded decode(uint32_t raw, const CpuConfig* config);

// True where the operand letter (formats.inc) is in the format: 'd' says that rd is an integer register that is written.
bool format_has(Format format, char letter);

}  // namespace monochord
