// Bodies of RV64F, and what both floating-point extensions share. The executor traps before a body runs when mstatus.FS is Off (kFp in the table).
// Source: RISC-V Unprivileged ISA, chapter "F".
#pragma once

#include "tcg/riscv/rvi.h"

namespace monochord {

// Registers of a format: single precision is NaN-boxed.
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_fpr(E& e, FpSize size, unsigned n) {
  return size == FpSize::kS ? e.fpr_s(n) : e.fpr(n);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_set_fpr(E& e, FpSize size, unsigned n, typename E::Value value) {
  if (size == FpSize::kS) {
    e.set_fpr_s(n, value);
  } else {
    e.set_fpr(n, value);
  }
}

template <Semantics E>
[[gnu::always_inline]] inline void gen_fload(E& e, arg_i a, FpSize size) {
  const auto address = gen_address(e, a.rs1, a.imm);
  const auto value = e.load(address, size == FpSize::kS ? MemOp::kU32 : MemOp::kU64);
  if (e.left()) return;
  gen_set_fpr(e, size, a.rd, value);
}
// Stores write the register's bits: an unboxed value is stored as it is.
template <Semantics E>
[[gnu::always_inline]] inline void gen_fstore(E& e, arg_s a, FpSize size) {
  const auto address = gen_address(e, a.rs1, a.imm);
  const auto value = e.fpr(a.rs2);
  e.store(address, value, size == FpSize::kS ? MemOp::kU32 : MemOp::kU64);
}

template <Semantics E>
[[gnu::always_inline]] inline void gen_fp2(E& e, arg_r_rm a, FpSize size, FpOp2 op) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = gen_fpr(e, size, a.rs1);
  const auto y = gen_fpr(e, size, a.rs2);
  const auto result = e.fp2(size, op, x, y, rm);
  gen_set_fpr(e, size, a.rd, result);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fp3(E& e, arg_r4 a, FpSize size, FpOp3 op) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = gen_fpr(e, size, a.rs1);
  const auto y = gen_fpr(e, size, a.rs2);
  const auto z = gen_fpr(e, size, a.rs3);
  const auto result = e.fp3(size, op, x, y, z, rm);
  gen_set_fpr(e, size, a.rd, result);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fsqrt(E& e, arg_r_rm a, FpSize size) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = gen_fpr(e, size, a.rs1);
  const auto result = e.fsqrt(size, x, rm);
  gen_set_fpr(e, size, a.rd, result);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fsgn(E& e, arg_r a, FpSize size, FpSign op) {
  const auto x = gen_fpr(e, size, a.rs1);
  const auto y = gen_fpr(e, size, a.rs2);
  const auto result = e.fsgn(size, op, x, y);
  gen_set_fpr(e, size, a.rd, result);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fminmax(E& e, arg_r a, FpSize size, FpMinMax op) {
  const auto x = gen_fpr(e, size, a.rs1);
  const auto y = gen_fpr(e, size, a.rs2);
  const auto result = e.fminmax(size, op, x, y);
  gen_set_fpr(e, size, a.rd, result);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fcmp(E& e, arg_r a, FpSize size, FpCmp op) {
  const auto x = gen_fpr(e, size, a.rs1);
  const auto y = gen_fpr(e, size, a.rs2);
  e.set_gpr(a.rd, e.fcmp(size, op, x, y));
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fclass(E& e, arg_r2 a, FpSize size) {
  const auto x = gen_fpr(e, size, a.rs1);
  e.set_gpr(a.rd, e.fclass(size, x));
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fcvt_to_x(E& e, arg_r_rm a, FpSize size, FpCvt op) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = gen_fpr(e, size, a.rs1);
  e.set_gpr(a.rd, e.fcvt(op, x, rm));
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_fcvt_from_x(E& e, arg_r_rm a, FpSize size, FpCvt op) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = e.gpr(a.rs1);
  const auto result = e.fcvt(op, x, rm);
  gen_set_fpr(e, size, a.rd, result);
}

template <Semantics E> void trans_flw(E& e, arg_i a) { gen_fload(e, a, FpSize::kS); }
template <Semantics E> void trans_fsw(E& e, arg_s a) { gen_fstore(e, a, FpSize::kS); }
template <Semantics E> void trans_fmadd_s(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kS, FpOp3::kMadd); }
template <Semantics E> void trans_fmsub_s(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kS, FpOp3::kMsub); }
template <Semantics E> void trans_fnmsub_s(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kS, FpOp3::kNmsub); }
template <Semantics E> void trans_fnmadd_s(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kS, FpOp3::kNmadd); }
template <Semantics E> void trans_fadd_s(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kS, FpOp2::kAdd); }
template <Semantics E> void trans_fsub_s(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kS, FpOp2::kSub); }
template <Semantics E> void trans_fmul_s(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kS, FpOp2::kMul); }
template <Semantics E> void trans_fdiv_s(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kS, FpOp2::kDiv); }
template <Semantics E> void trans_fsqrt_s(E& e, arg_r_rm a) { gen_fsqrt(e, a, FpSize::kS); }
template <Semantics E> void trans_fsgnj_s(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kS, FpSign::kSgnj); }
template <Semantics E> void trans_fsgnjn_s(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kS, FpSign::kSgnjn); }
template <Semantics E> void trans_fsgnjx_s(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kS, FpSign::kSgnjx); }
template <Semantics E> void trans_fmin_s(E& e, arg_r a) { gen_fminmax(e, a, FpSize::kS, FpMinMax::kMin); }
template <Semantics E> void trans_fmax_s(E& e, arg_r a) { gen_fminmax(e, a, FpSize::kS, FpMinMax::kMax); }
template <Semantics E> void trans_feq_s(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kS, FpCmp::kEq); }
template <Semantics E> void trans_flt_s(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kS, FpCmp::kLt); }
template <Semantics E> void trans_fle_s(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kS, FpCmp::kLe); }
template <Semantics E> void trans_fclass_s(E& e, arg_r2 a) { gen_fclass(e, a, FpSize::kS); }
template <Semantics E> void trans_fcvt_w_s(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kS, FpCvt::kWS); }
template <Semantics E> void trans_fcvt_wu_s(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kS, FpCvt::kWuS); }
template <Semantics E> void trans_fcvt_l_s(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kS, FpCvt::kLS); }
template <Semantics E> void trans_fcvt_lu_s(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kS, FpCvt::kLuS); }
template <Semantics E> void trans_fcvt_s_w(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kS, FpCvt::kSW); }
template <Semantics E> void trans_fcvt_s_wu(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kS, FpCvt::kSWu); }
template <Semantics E> void trans_fcvt_s_l(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kS, FpCvt::kSL); }
template <Semantics E> void trans_fcvt_s_lu(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kS, FpCvt::kSLu); }

template <Semantics E>
void trans_fmv_x_w(E& e, arg_r2 a) {
  const auto bits = e.fpr(a.rs1);
  e.set_gpr(a.rd, e.sext32(bits));
}
template <Semantics E>
void trans_fmv_w_x(E& e, arg_r2 a) {
  const auto bits = e.gpr(a.rs1);
  e.set_fpr_s(a.rd, bits);
}

}  // namespace monochord
