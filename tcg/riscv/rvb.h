// Bodies of Zba, Zbb, Zbs and Zicond. Source: RISC-V Unprivileged ISA, chapters "B" and "Zicond".
#pragma once

#include "tcg/riscv/rvi.h"

namespace monochord {

// --- Zba ---
template <Semantics E>
[[gnu::always_inline]] inline void gen_shadd(E& e, arg_r a, int amount, bool unsigned_word) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.gpr(a.rs2);
  const auto index = unsigned_word ? e.zext32(x) : x;
  const auto n = e.imm(amount);
  const auto scaled = e.sll(index, n);
  e.set_gpr(a.rd, e.add(scaled, y));
}
template <Semantics E> void trans_sh1add(E& e, arg_r a) { gen_shadd(e, a, 1, false); }
template <Semantics E> void trans_sh2add(E& e, arg_r a) { gen_shadd(e, a, 2, false); }
template <Semantics E> void trans_sh3add(E& e, arg_r a) { gen_shadd(e, a, 3, false); }
template <Semantics E> void trans_add_uw(E& e, arg_r a) { gen_shadd(e, a, 0, true); }
template <Semantics E> void trans_sh1add_uw(E& e, arg_r a) { gen_shadd(e, a, 1, true); }
template <Semantics E> void trans_sh2add_uw(E& e, arg_r a) { gen_shadd(e, a, 2, true); }
template <Semantics E> void trans_sh3add_uw(E& e, arg_r a) { gen_shadd(e, a, 3, true); }
template <Semantics E>
void trans_slli_uw(E& e, arg_shift a) {
  gen_shift_imm(e, a, [&e](auto x, auto y) {
    const auto word = e.zext32(x);
    return e.sll(word, y);
  });
}

// --- Zbb ---
template <Semantics E>
void trans_andn(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto inverse = e.not_(y);
    return e.and_(x, inverse);
  });
}
template <Semantics E>
void trans_orn(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto inverse = e.not_(y);
    return e.or_(x, inverse);
  });
}
template <Semantics E>
void trans_xnor(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto difference = e.xor_(x, y);
    return e.not_(difference);
  });
}
template <Semantics E> void trans_clz(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.clz(x); }); }
template <Semantics E> void trans_ctz(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.ctz(x); }); }
template <Semantics E> void trans_cpop(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.cpop(x); }); }
template <Semantics E>
void trans_clzw(E& e, arg_r2 a) {
  gen_unary(e, a, [&e](auto x) {
    const auto word = e.zext32(x);
    const auto count = e.clz(word);
    const auto upper = e.imm(32);
    return e.sub(count, upper);
  });
}
template <Semantics E>
void trans_ctzw(E& e, arg_r2 a) {
  gen_unary(e, a, [&e](auto x) {
    const auto end = e.imm(int64_t{1} << 32);  // stops the count at 32
    const auto bounded = e.or_(x, end);
    return e.ctz(bounded);
  });
}
template <Semantics E>
void trans_cpopw(E& e, arg_r2 a) {
  gen_unary(e, a, [&e](auto x) {
    const auto word = e.zext32(x);
    return e.cpop(word);
  });
}
template <Semantics E> void trans_sext_b(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.sext8(x); }); }
template <Semantics E> void trans_sext_h(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.sext16(x); }); }
template <Semantics E> void trans_zext_h(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.zext16(x); }); }
template <Semantics E> void trans_orc_b(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.orc_b(x); }); }
template <Semantics E> void trans_rev8(E& e, arg_r2 a) { gen_unary(e, a, [&e](auto x) { return e.rev8(x); }); }
template <Semantics E> void trans_max(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.max(x, y); }); }
template <Semantics E> void trans_maxu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.maxu(x, y); }); }
template <Semantics E> void trans_min(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.min(x, y); }); }
template <Semantics E> void trans_minu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.minu(x, y); }); }
template <Semantics E> void trans_ror(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.ror(x, y); }); }
template <Semantics E> void trans_rorw(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.rorw(x, y); }); }
template <Semantics E> void trans_rori(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return e.ror(x, y); }); }
template <Semantics E> void trans_roriw(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return e.rorw(x, y); }); }
// To the left is to the right by the negated amount.
template <Semantics E>
void trans_rol(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto zero = e.imm(0);
    const auto amount = e.sub(zero, y);
    return e.ror(x, amount);
  });
}
template <Semantics E>
void trans_rolw(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto zero = e.imm(0);
    const auto amount = e.sub(zero, y);
    return e.rorw(x, amount);
  });
}

// --- Zbs ---
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_single_bit(E& e, typename E::Value y) {
  const auto one = e.imm(1);
  return e.sll(one, y);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_bclr(E& e, typename E::Value x, typename E::Value y) {
  const auto bit = gen_single_bit(e, y);
  const auto mask = e.not_(bit);
  return e.and_(x, mask);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_bext(E& e, typename E::Value x, typename E::Value y) {
  const auto shifted = e.srl(x, y);
  const auto one = e.imm(1);
  return e.and_(shifted, one);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_binv(E& e, typename E::Value x, typename E::Value y) {
  const auto bit = gen_single_bit(e, y);
  return e.xor_(x, bit);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_bset(E& e, typename E::Value x, typename E::Value y) {
  const auto bit = gen_single_bit(e, y);
  return e.or_(x, bit);
}
template <Semantics E> void trans_bclr(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_bclr(e, x, y); }); }
template <Semantics E> void trans_bext(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_bext(e, x, y); }); }
template <Semantics E> void trans_binv(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_binv(e, x, y); }); }
template <Semantics E> void trans_bset(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_bset(e, x, y); }); }
template <Semantics E> void trans_bclri(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_bclr(e, x, y); }); }
template <Semantics E> void trans_bexti(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_bext(e, x, y); }); }
template <Semantics E> void trans_binvi(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_binv(e, x, y); }); }
template <Semantics E> void trans_bseti(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_bset(e, x, y); }); }

// --- Zicond ---
template <Semantics E> void trans_czero_eqz(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.zero_if_eqz(x, y); }); }
template <Semantics E> void trans_czero_nez(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.zero_if_nez(x, y); }); }

}  // namespace monochord
