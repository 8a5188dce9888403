// Micro-operations: what the Emit executor (emit.h) makes of guest instructions, and what a backend writes host code from.
//
// A unit is an array of them in the order of execution. An operand is one byte: a guest register, or a temporary that lives inside one guest
// instruction. There is no other intermediate form.
#pragma once

#include <cstdint>

#include "tcg/riscv/semantics.h"

namespace monochord {

enum class UopCode : uint8_t {
#define UOP(name, operands, flags) k_##name,
#include "tcg/emit/uop.inc"
#undef UOP
  kCount,
};

enum UopFlags : uint8_t { kPure = 1, kMayTrap = 2, kExit = 4 };

// Operands: x0 (which is the constant 0) to x31, f0 to f31, temporaries.
using Operand = uint8_t;
inline constexpr Operand kFpBase = 32;
inline constexpr Operand kTempBase = 64;
inline constexpr unsigned kTempsMax = 64;      // of one guest instruction
inline constexpr Operand kConstOperand = 0xfe; // the uop's imm
inline constexpr Operand kNoOperand = 0xff;

constexpr bool is_gpr(Operand o) { return o < kFpBase; }
constexpr bool is_fpr(Operand o) { return o >= kFpBase && o < kTempBase; }
constexpr bool is_temp(Operand o) { return o >= kTempBase && o < kConstOperand; }

// What is known of a value's upper half.
enum Width : uint8_t { kWidthUnknown = 0, kSext32 = 1, kZext32 = 2 };

struct Uop {
  UopCode code;
  Operand dst = kNoOperand;
  Operand a = kNoOperand, b = kNoOperand, c = kNoOperand;
  uint8_t sub = 0;       // Cond, AmoOp, FpOp2, ..., HelperOp
  MemOp size = MemOp::kU64;
  uint8_t insn = 0;      // number of the guest instruction in its unit
  uint8_t widths = 0;    // Width of a in the low two bits, of b in the next two
  bool dead = false;     // nothing sees its result
  bool last_a = false, last_b = false;  // a temporary that nothing reads later
  uint8_t group = 0;     // loads and stores: number of their base-register group in the unit, 0: alone
  bool group_head = false;  // the first of its group: checks for all
  int64_t imm = 0;
};

const char* uop_name(UopCode code);
const char* uop_operands(UopCode code);
uint8_t uop_flags(UopCode code);

constexpr int kUopsMax = 640;      // a unit ends before they run out
constexpr int kUnitInsnsMax = 64;
constexpr int kUopsOfInsnMax = 16;

struct GuestInsn {
  uint16_t offset;   // in the page
  uint8_t length;
  uint32_t raw;
};

// How a page of code is entered and left: privilege of instructions and data accesses.
struct Unit {
  uint64_t page_paddr = 0;
  uint16_t start = 0;        // offset of the first instruction in the page
  uint8_t mode = 0;          // TlbMode of data accesses; kTlbS and kTlbSumS both fetch as S
  bool uses_fp = false;
  bool straddles = false;    // its one instruction reaches into the next page
  bool strict_fencei = false;
  bool has_f = true;         // the configuration's F extension
  int uop_count = 0;
  int insn_count = 0;
  uint64_t granules = 0;     // 64-byte pieces of the page that its instructions lie in
  struct Group {
    int32_t low = 0, high = 0;  // bytes from the base register, from the first to behind the last
  };
  Group groups[256];
  Uop uops[kUopsMax];
  GuestInsn insns[kUnitInsnsMax + 1];
};

}  // namespace monochord
