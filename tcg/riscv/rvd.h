// Bodies of RV64D. The executor traps before a body runs when mstatus.FS is Off (kFp in the table).
// Source: RISC-V Unprivileged ISA, chapter "D".
#pragma once

#include "tcg/riscv/rvf.h"

namespace monochord {

template <Semantics E> void trans_fld(E& e, arg_i a) { gen_fload(e, a, FpSize::kD); }
template <Semantics E> void trans_fsd(E& e, arg_s a) { gen_fstore(e, a, FpSize::kD); }
template <Semantics E> void trans_fmadd_d(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kD, FpOp3::kMadd); }
template <Semantics E> void trans_fmsub_d(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kD, FpOp3::kMsub); }
template <Semantics E> void trans_fnmsub_d(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kD, FpOp3::kNmsub); }
template <Semantics E> void trans_fnmadd_d(E& e, arg_r4 a) { gen_fp3(e, a, FpSize::kD, FpOp3::kNmadd); }
template <Semantics E> void trans_fadd_d(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kD, FpOp2::kAdd); }
template <Semantics E> void trans_fsub_d(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kD, FpOp2::kSub); }
template <Semantics E> void trans_fmul_d(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kD, FpOp2::kMul); }
template <Semantics E> void trans_fdiv_d(E& e, arg_r_rm a) { gen_fp2(e, a, FpSize::kD, FpOp2::kDiv); }
template <Semantics E> void trans_fsqrt_d(E& e, arg_r_rm a) { gen_fsqrt(e, a, FpSize::kD); }
template <Semantics E> void trans_fsgnj_d(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kD, FpSign::kSgnj); }
template <Semantics E> void trans_fsgnjn_d(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kD, FpSign::kSgnjn); }
template <Semantics E> void trans_fsgnjx_d(E& e, arg_r a) { gen_fsgn(e, a, FpSize::kD, FpSign::kSgnjx); }
template <Semantics E> void trans_fmin_d(E& e, arg_r a) { gen_fminmax(e, a, FpSize::kD, FpMinMax::kMin); }
template <Semantics E> void trans_fmax_d(E& e, arg_r a) { gen_fminmax(e, a, FpSize::kD, FpMinMax::kMax); }
template <Semantics E> void trans_feq_d(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kD, FpCmp::kEq); }
template <Semantics E> void trans_flt_d(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kD, FpCmp::kLt); }
template <Semantics E> void trans_fle_d(E& e, arg_r a) { gen_fcmp(e, a, FpSize::kD, FpCmp::kLe); }
template <Semantics E> void trans_fclass_d(E& e, arg_r2 a) { gen_fclass(e, a, FpSize::kD); }
template <Semantics E> void trans_fcvt_w_d(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kD, FpCvt::kWD); }
template <Semantics E> void trans_fcvt_wu_d(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kD, FpCvt::kWuD); }
template <Semantics E> void trans_fcvt_l_d(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kD, FpCvt::kLD); }
template <Semantics E> void trans_fcvt_lu_d(E& e, arg_r_rm a) { gen_fcvt_to_x(e, a, FpSize::kD, FpCvt::kLuD); }
template <Semantics E> void trans_fcvt_d_w(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kD, FpCvt::kDW); }
template <Semantics E> void trans_fcvt_d_wu(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kD, FpCvt::kDWu); }
template <Semantics E> void trans_fcvt_d_l(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kD, FpCvt::kDL); }
template <Semantics E> void trans_fcvt_d_lu(E& e, arg_r_rm a) { gen_fcvt_from_x(e, a, FpSize::kD, FpCvt::kDLu); }

template <Semantics E>
void trans_fcvt_s_d(E& e, arg_r_rm a) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = e.fpr(a.rs1);
  e.set_fpr_s(a.rd, e.fcvt(FpCvt::kSD, x, rm));
}
template <Semantics E>
void trans_fcvt_d_s(E& e, arg_r_rm a) {
  const auto rm = e.resolve_rm(a.rm);
  if (e.left()) return;
  const auto x = e.fpr_s(a.rs1);
  e.set_fpr(a.rd, e.fcvt(FpCvt::kDS, x, rm));
}
template <Semantics E>
void trans_fmv_x_d(E& e, arg_r2 a) {
  const auto bits = e.fpr(a.rs1);
  e.set_gpr(a.rd, bits);
}
template <Semantics E>
void trans_fmv_d_x(E& e, arg_r2 a) {
  const auto bits = e.gpr(a.rs1);
  e.set_fpr(a.rd, bits);
}

}  // namespace monochord
