// What an instruction body may ask of whoever runs it. A body is a template over an executor E; `Direct` (tcg/interp) evaluates at once,
// `Emit` appends micro-operations. Bodies are in rvi.h, rvm.h, rva.h, rvb.h, rvf.h, rvd.h, rvpriv.h: one trans_NAME() a line of insn32.inc.
//
// Rules of a body
// - A Value is opaque: no C++ `if`, cast or arithmetic on it. Operands (register numbers, immediates) are plain numbers and may be looked at.
// - One named Value a line: C++ does not fix the order of a call's arguments.
// - Traps are values: after whatever may trap comes `if (e.left()) return;`. (Emit: left() is false when compiling, the micro-operation itself leaves.)
//   Nothing is written before the last thing that may trap.
// - A control transfer is the last thing a body does.
#pragma once

#include <concepts>
#include <cstdint>

#include "tcg/riscv/decode.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/trap.h"

namespace monochord {

// Size and extension of a memory access.
enum class MemOp : uint8_t { kU8, kU16, kU32, kU64, kS8, kS16, kS32 };
constexpr unsigned size_of(MemOp op) {
  switch (op) {
    case MemOp::kU8:
    case MemOp::kS8:
      return 1;
    case MemOp::kU16:
    case MemOp::kS16:
      return 2;
    case MemOp::kU32:
    case MemOp::kS32:
      return 4;
    case MemOp::kU64:
      return 8;
  }
  return 8;
}

enum class AmoOp : uint8_t { kSwap, kAdd, kXor, kAnd, kOr, kMin, kMax, kMinu, kMaxu };
enum class Cond : uint8_t { kEq, kNe, kLt, kGe, kLtu, kGeu };

enum class FpSize : uint8_t { kS, kD };
enum class FpOp2 : uint8_t { kAdd, kSub, kMul, kDiv };                  // rounded
enum class FpOp3 : uint8_t { kMadd, kMsub, kNmsub, kNmadd };            // rounded once
enum class FpSign : uint8_t { kSgnj, kSgnjn, kSgnjx };                  // no flags
enum class FpMinMax : uint8_t { kMin, kMax };
enum class FpCmp : uint8_t { kEq, kLt, kLe };
enum class FpCvt : uint8_t {                                            // between formats: from the second to the first
  kWS, kWuS, kLS, kLuS, kWD, kWuD, kLD, kLuD,                           // to an integer, sign-extended
  kSW, kSWu, kSL, kSLu, kDW, kDWu, kDL, kDLu,                           // from an integer
  kSD, kDS,
};

template <typename E>
concept Semantics = requires(E& e, typename E::Value v, int64_t imm, unsigned n, MemOp mo) {
  // Registers and constants. Writes of x0 are dropped.
  { e.gpr(n) } -> std::same_as<typename E::Value>;
  e.set_gpr(n, v);
  { e.fpr(n) } -> std::same_as<typename E::Value>;    // 64 bits
  e.set_fpr(n, v);
  { e.fpr_s(n) } -> std::same_as<typename E::Value>;  // NaN box taken off; the canonical NaN where there is none
  e.set_fpr_s(n, v);                                  // put on
  { e.imm(imm) } -> std::same_as<typename E::Value>;
  { e.pc_plus(imm) } -> std::same_as<typename E::Value>;  // of this instruction
  { e.link() } -> std::same_as<typename E::Value>;        // address of the next one
  // Arithmetic on 64 bits. Shifts and rotations take the amount modulo 64 (rorw: 32).
  { e.add(v, v) } -> std::same_as<typename E::Value>;
  { e.sub(v, v) } -> std::same_as<typename E::Value>;
  { e.and_(v, v) } -> std::same_as<typename E::Value>;
  { e.or_(v, v) } -> std::same_as<typename E::Value>;
  { e.xor_(v, v) } -> std::same_as<typename E::Value>;
  { e.not_(v) } -> std::same_as<typename E::Value>;
  { e.sll(v, v) } -> std::same_as<typename E::Value>;
  { e.srl(v, v) } -> std::same_as<typename E::Value>;
  { e.sra(v, v) } -> std::same_as<typename E::Value>;
  { e.ror(v, v) } -> std::same_as<typename E::Value>;
  { e.rorw(v, v) } -> std::same_as<typename E::Value>;  // of 32 bits, sign-extended
  { e.slt(v, v) } -> std::same_as<typename E::Value>;
  { e.sltu(v, v) } -> std::same_as<typename E::Value>;
  { e.mul(v, v) } -> std::same_as<typename E::Value>;
  { e.mulh(v, v) } -> std::same_as<typename E::Value>;
  { e.mulhsu(v, v) } -> std::same_as<typename E::Value>;
  { e.mulhu(v, v) } -> std::same_as<typename E::Value>;
  { e.div(v, v) } -> std::same_as<typename E::Value>;   // with the manual's results for 0 and overflow
  { e.divu(v, v) } -> std::same_as<typename E::Value>;
  { e.rem(v, v) } -> std::same_as<typename E::Value>;
  { e.remu(v, v) } -> std::same_as<typename E::Value>;
  { e.min(v, v) } -> std::same_as<typename E::Value>;
  { e.max(v, v) } -> std::same_as<typename E::Value>;
  { e.minu(v, v) } -> std::same_as<typename E::Value>;
  { e.maxu(v, v) } -> std::same_as<typename E::Value>;
  { e.clz(v) } -> std::same_as<typename E::Value>;      // 64 for 0
  { e.ctz(v) } -> std::same_as<typename E::Value>;
  { e.cpop(v) } -> std::same_as<typename E::Value>;
  { e.orc_b(v) } -> std::same_as<typename E::Value>;
  { e.rev8(v) } -> std::same_as<typename E::Value>;
  { e.sext8(v) } -> std::same_as<typename E::Value>;
  { e.sext16(v) } -> std::same_as<typename E::Value>;
  { e.sext32(v) } -> std::same_as<typename E::Value>;
  { e.zext16(v) } -> std::same_as<typename E::Value>;
  { e.zext32(v) } -> std::same_as<typename E::Value>;
  { e.zero_if_eqz(v, v) } -> std::same_as<typename E::Value>;  // the first, or 0 when the second is 0
  { e.zero_if_nez(v, v) } -> std::same_as<typename E::Value>;
  // Memory.
  { e.load(v, mo) } -> std::same_as<typename E::Value>;
  e.store(v, v, mo);
  { e.load_reserved(v, mo) } -> std::same_as<typename E::Value>;
  { e.store_conditional(v, v, mo) } -> std::same_as<typename E::Value>;
  { e.amo(AmoOp{}, v, v, mo) } -> std::same_as<typename E::Value>;  // the old value, sign-extended
  // Control. check_target traps where the target is misaligned (only without the C extension).
  { e.left() } -> std::convertible_to<bool>;
  e.branch(Cond{}, v, v, imm);
  e.check_target(imm);
  e.jump(imm);
  e.check_target_reg(v);
  e.jump_reg(v);
  e.raise(Exception{}, v);
  e.illegal();
  // Floating point. `rm` is the field of the instruction; resolve_rm traps where the mode is reserved.
  { e.resolve_rm(n) } -> std::same_as<typename E::RoundingMode>;
  { e.fp2(FpSize{}, FpOp2{}, v, v, e.resolve_rm(n)) } -> std::same_as<typename E::Value>;
  { e.fp3(FpSize{}, FpOp3{}, v, v, v, e.resolve_rm(n)) } -> std::same_as<typename E::Value>;
  { e.fsqrt(FpSize{}, v, e.resolve_rm(n)) } -> std::same_as<typename E::Value>;
  { e.fsgn(FpSize{}, FpSign{}, v, v) } -> std::same_as<typename E::Value>;
  { e.fminmax(FpSize{}, FpMinMax{}, v, v) } -> std::same_as<typename E::Value>;
  { e.fcmp(FpSize{}, FpCmp{}, v, v) } -> std::same_as<typename E::Value>;
  { e.fclass(FpSize{}, v) } -> std::same_as<typename E::Value>;
  { e.fcvt(FpCvt{}, v, e.resolve_rm(n)) } -> std::same_as<typename E::Value>;
  // System. Each is a helper written once; `read` and `write` say whether the CSR is read and written at all.
  { e.csr(n, CsrOp{}, v, true, true) } -> std::same_as<typename E::Value>;
  e.fence();
  e.fence_i();
  e.pause();
  e.ecall();
  e.ebreak();
  e.mret();
  e.sret();
  e.wfi();
  e.sfence_vma(true, v, true, v);  // has an address, address, has an ASID, ASID
  e.svinval_fence();
  e.cbo(Cbo{}, v);
};

}  // namespace monochord
