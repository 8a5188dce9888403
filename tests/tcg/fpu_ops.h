// Every instruction of F and D that computes: OP(name, the instruction for the assembler, where its result is, the same through tcg/fpu/fpu.h).
// Operands are three raw 64-bit values a, b, c: in fa0, fa1, fa2, and a in t0 as well. The result is in fa0 (F) or t1 (X). f32 operands may be
// badly boxed. Included by the guest program (which takes the text) and by the test that judges it (which takes the expression).

// clang-format off
#define OPS_ARITHMETIC(OP, s, f) \
  OP(fadd_##s,   "fadd." #s " fa0, fa0, fa1",        F, f##_add(A, B, rm, fflags)) \
  OP(fsub_##s,   "fsub." #s " fa0, fa0, fa1",        F, f##_sub(A, B, rm, fflags)) \
  OP(fmul_##s,   "fmul." #s " fa0, fa0, fa1",        F, f##_mul(A, B, rm, fflags)) \
  OP(fdiv_##s,   "fdiv." #s " fa0, fa0, fa1",        F, f##_div(A, B, rm, fflags)) \
  OP(fsqrt_##s,  "fsqrt." #s " fa0, fa0",            F, f##_sqrt(A, rm, fflags)) \
  OP(fmadd_##s,  "fmadd." #s " fa0, fa0, fa1, fa2",  F, f##_madd(A, B, C, rm, fflags)) \
  OP(fmsub_##s,  "fmsub." #s " fa0, fa0, fa1, fa2",  F, f##_msub(A, B, C, rm, fflags)) \
  OP(fnmsub_##s, "fnmsub." #s " fa0, fa0, fa1, fa2", F, f##_nmsub(A, B, C, rm, fflags)) \
  OP(fnmadd_##s, "fnmadd." #s " fa0, fa0, fa1, fa2", F, f##_nmadd(A, B, C, rm, fflags)) \
  OP(fmin_##s,   "fmin." #s " fa0, fa0, fa1",        F, f##_min(A, B, fflags)) \
  OP(fmax_##s,   "fmax." #s " fa0, fa0, fa1",        F, f##_max(A, B, fflags)) \
  OP(fsgnj_##s,  "fsgnj." #s " fa0, fa0, fa1",       F, f##_sgnj(A, B)) \
  OP(fsgnjn_##s, "fsgnjn." #s " fa0, fa0, fa1",      F, f##_sgnjn(A, B)) \
  OP(fsgnjx_##s, "fsgnjx." #s " fa0, fa0, fa1",      F, f##_sgnjx(A, B)) \
  OP(feq_##s,    "feq." #s " t1, fa0, fa1",          X, f##_eq(A, B, fflags)) \
  OP(flt_##s,    "flt." #s " t1, fa0, fa1",          X, f##_lt(A, B, fflags)) \
  OP(fle_##s,    "fle." #s " t1, fa0, fa1",          X, f##_le(A, B, fflags)) \
  OP(fclass_##s, "fclass." #s " t1, fa0",            X, f##_classify(A)) \
  OP(fcvt_w_##s,  "fcvt.w." #s " t1, fa0",           X, f##_to_i32(A, rm, fflags)) \
  OP(fcvt_wu_##s, "fcvt.wu." #s " t1, fa0",          X, static_cast<int32_t>(f##_to_u32(A, rm, fflags))) \
  OP(fcvt_l_##s,  "fcvt.l." #s " t1, fa0",           X, f##_to_i64(A, rm, fflags)) \
  OP(fcvt_lu_##s, "fcvt.lu." #s " t1, fa0",          X, f##_to_u64(A, rm, fflags)) \
  OP(fcvt_##s##_l,  "fcvt." #s ".l fa0, t0",         F, i64_to_##f(static_cast<int64_t>(a), rm, fflags)) \
  OP(fcvt_##s##_lu, "fcvt." #s ".lu fa0, t0",        F, u64_to_##f(a, rm, fflags))

#define OPS_S(OP) OPS_ARITHMETIC(OP, s, f32) \
  OP(fcvt_s_w,  "fcvt.s.w fa0, t0",  F, i32_to_f32(static_cast<int32_t>(a), rm, fflags)) \
  OP(fcvt_s_wu, "fcvt.s.wu fa0, t0", F, u32_to_f32(static_cast<uint32_t>(a), rm, fflags)) \
  OP(fcvt_s_d,  "fcvt.s.d fa0, fa0", F, f64_to_f32(a, rm, fflags))

#define OPS_D(OP) OPS_ARITHMETIC(OP, d, f64) \
  OP(fcvt_d_w,  "fcvt.d.w fa0, t0",  F, i32_to_f64(static_cast<int32_t>(a))) \
  OP(fcvt_d_wu, "fcvt.d.wu fa0, t0", F, u32_to_f64(static_cast<uint32_t>(a))) \
  OP(fcvt_d_s,  "fcvt.d.s fa0, fa0", F, f32_to_f64(unbox32(a), fflags))
// clang-format on

#define OP_ENUM(name, text, where, expression) kOp_##name,
enum Op { OPS_S(OP_ENUM) OPS_D(OP_ENUM) kOpCount, kFirstOpD = kOp_fadd_d };
#undef OP_ENUM
