// Bodies of RV64M. Source: RISC-V Unprivileged ISA, chapter "M".
#pragma once

#include "tcg/riscv/rvi.h"

namespace monochord {

// The 32-bit division forms: operands extended first, the result sign-extended.
template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_signed_w(E& e, arg_r a, Function op) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.gpr(a.rs2);
  const auto x32 = e.sext32(x);
  const auto y32 = e.sext32(y);
  const auto result = op(x32, y32);
  e.set_gpr(a.rd, e.sext32(result));
}
template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_unsigned_w(E& e, arg_r a, Function op) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.gpr(a.rs2);
  const auto x32 = e.zext32(x);
  const auto y32 = e.zext32(y);
  const auto result = op(x32, y32);
  e.set_gpr(a.rd, e.sext32(result));
}

template <Semantics E> void trans_mul(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.mul(x, y); }); }
template <Semantics E> void trans_mulh(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.mulh(x, y); }); }
template <Semantics E> void trans_mulhsu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.mulhsu(x, y); }); }
template <Semantics E> void trans_mulhu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.mulhu(x, y); }); }
template <Semantics E> void trans_div(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.div(x, y); }); }
template <Semantics E> void trans_divu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.divu(x, y); }); }
template <Semantics E> void trans_rem(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.rem(x, y); }); }
template <Semantics E> void trans_remu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.remu(x, y); }); }
template <Semantics E> void trans_mulw(E& e, arg_r a) { gen_signed_w(e, a, [&e](auto x, auto y) { return e.mul(x, y); }); }
template <Semantics E> void trans_divw(E& e, arg_r a) { gen_signed_w(e, a, [&e](auto x, auto y) { return e.div(x, y); }); }
template <Semantics E> void trans_remw(E& e, arg_r a) { gen_signed_w(e, a, [&e](auto x, auto y) { return e.rem(x, y); }); }
template <Semantics E> void trans_divuw(E& e, arg_r a) { gen_unsigned_w(e, a, [&e](auto x, auto y) { return e.divu(x, y); }); }
template <Semantics E> void trans_remuw(E& e, arg_r a) { gen_unsigned_w(e, a, [&e](auto x, auto y) { return e.remu(x, y); }); }

}  // namespace monochord
