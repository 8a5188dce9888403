// Bodies of RV64I. Source: RISC-V Unprivileged ISA, chapters "RV32I" and "RV64I".
#pragma once

#include "tcg/riscv/semantics.h"

namespace monochord {

// rd = op(rs1, rs2)
template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_arith(E& e, arg_r a, Function op) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.gpr(a.rs2);
  e.set_gpr(a.rd, op(x, y));
}

// rd = op(rs1, immediate)
template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_arith_imm(E& e, arg_i a, Function op) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.imm(a.imm);
  e.set_gpr(a.rd, op(x, y));
}

template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_shift_imm(E& e, arg_shift a, Function op) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.imm(a.shamt);
  e.set_gpr(a.rd, op(x, y));
}

// rd = op(rs1)
template <Semantics E, typename Function>
[[gnu::always_inline]] inline void gen_unary(E& e, arg_r2 a, Function op) {
  const auto x = e.gpr(a.rs1);
  e.set_gpr(a.rd, op(x));
}

template <Semantics E>
[[gnu::always_inline]] inline void gen_branch(E& e, arg_b a, Cond cond) {
  const auto x = e.gpr(a.rs1);
  const auto y = e.gpr(a.rs2);
  e.branch(cond, x, y, a.imm);
}

template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_address(E& e, unsigned rs1, int32_t imm) {
  const auto base = e.gpr(rs1);
  const auto offset = e.imm(imm);
  return e.add(base, offset);
}

template <Semantics E>
[[gnu::always_inline]] inline void gen_load(E& e, arg_i a, MemOp mo) {
  const auto address = gen_address(e, a.rs1, a.imm);
  const auto value = e.load(address, mo);
  if (e.left()) return;
  e.set_gpr(a.rd, value);
}

template <Semantics E>
[[gnu::always_inline]] inline void gen_store(E& e, arg_s a, MemOp mo) {
  const auto address = gen_address(e, a.rs1, a.imm);
  const auto value = e.gpr(a.rs2);
  e.store(address, value, mo);
}

// The amount of a 32-bit shift.
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_amount_w(E& e, typename E::Value y) {
  const auto mask = e.imm(31);
  return e.and_(y, mask);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_sllw(E& e, typename E::Value x, typename E::Value y) {
  const auto amount = gen_amount_w(e, y);
  const auto shifted = e.sll(x, amount);
  return e.sext32(shifted);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_srlw(E& e, typename E::Value x, typename E::Value y) {
  const auto amount = gen_amount_w(e, y);
  const auto word = e.zext32(x);
  const auto shifted = e.srl(word, amount);
  return e.sext32(shifted);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_sraw(E& e, typename E::Value x, typename E::Value y) {
  const auto amount = gen_amount_w(e, y);
  const auto word = e.sext32(x);
  return e.sra(word, amount);
}
template <Semantics E>
[[gnu::always_inline]] inline typename E::Value gen_addw(E& e, typename E::Value x, typename E::Value y) {
  const auto sum = e.add(x, y);
  return e.sext32(sum);
}

template <Semantics E> void trans_lui(E& e, arg_u a) { e.set_gpr(a.rd, e.imm(a.imm)); }
template <Semantics E> void trans_auipc(E& e, arg_u a) { e.set_gpr(a.rd, e.pc_plus(a.imm)); }

template <Semantics E>
void trans_jal(E& e, arg_j a) {
  e.check_target(a.imm);
  if (e.left()) return;
  const auto link = e.link();
  e.set_gpr(a.rd, link);
  e.jump(a.imm);
}

template <Semantics E>
void trans_jalr(E& e, arg_i a) {
  const auto sum = gen_address(e, a.rs1, a.imm);
  const auto even = e.imm(-2);
  const auto target = e.and_(sum, even);
  e.check_target_reg(target);
  if (e.left()) return;
  const auto link = e.link();
  e.set_gpr(a.rd, link);
  e.jump_reg(target);
}

template <Semantics E> void trans_beq(E& e, arg_b a) { gen_branch(e, a, Cond::kEq); }
template <Semantics E> void trans_bne(E& e, arg_b a) { gen_branch(e, a, Cond::kNe); }
template <Semantics E> void trans_blt(E& e, arg_b a) { gen_branch(e, a, Cond::kLt); }
template <Semantics E> void trans_bge(E& e, arg_b a) { gen_branch(e, a, Cond::kGe); }
template <Semantics E> void trans_bltu(E& e, arg_b a) { gen_branch(e, a, Cond::kLtu); }
template <Semantics E> void trans_bgeu(E& e, arg_b a) { gen_branch(e, a, Cond::kGeu); }

template <Semantics E> void trans_lb(E& e, arg_i a) { gen_load(e, a, MemOp::kS8); }
template <Semantics E> void trans_lh(E& e, arg_i a) { gen_load(e, a, MemOp::kS16); }
template <Semantics E> void trans_lw(E& e, arg_i a) { gen_load(e, a, MemOp::kS32); }
template <Semantics E> void trans_ld(E& e, arg_i a) { gen_load(e, a, MemOp::kU64); }
template <Semantics E> void trans_lbu(E& e, arg_i a) { gen_load(e, a, MemOp::kU8); }
template <Semantics E> void trans_lhu(E& e, arg_i a) { gen_load(e, a, MemOp::kU16); }
template <Semantics E> void trans_lwu(E& e, arg_i a) { gen_load(e, a, MemOp::kU32); }
template <Semantics E> void trans_sb(E& e, arg_s a) { gen_store(e, a, MemOp::kU8); }
template <Semantics E> void trans_sh(E& e, arg_s a) { gen_store(e, a, MemOp::kU16); }
template <Semantics E> void trans_sw(E& e, arg_s a) { gen_store(e, a, MemOp::kU32); }
template <Semantics E> void trans_sd(E& e, arg_s a) { gen_store(e, a, MemOp::kU64); }

template <Semantics E> void trans_addi(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.add(x, y); }); }
template <Semantics E> void trans_slti(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.slt(x, y); }); }
template <Semantics E> void trans_sltiu(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.sltu(x, y); }); }
template <Semantics E> void trans_xori(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.xor_(x, y); }); }
template <Semantics E> void trans_ori(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.or_(x, y); }); }
template <Semantics E> void trans_andi(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return e.and_(x, y); }); }
template <Semantics E> void trans_slli(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return e.sll(x, y); }); }
template <Semantics E> void trans_srli(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return e.srl(x, y); }); }
template <Semantics E> void trans_srai(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return e.sra(x, y); }); }
template <Semantics E> void trans_add(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.add(x, y); }); }
template <Semantics E> void trans_sub(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.sub(x, y); }); }
template <Semantics E> void trans_sll(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.sll(x, y); }); }
template <Semantics E> void trans_slt(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.slt(x, y); }); }
template <Semantics E> void trans_sltu(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.sltu(x, y); }); }
template <Semantics E> void trans_xor(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.xor_(x, y); }); }
template <Semantics E> void trans_srl(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.srl(x, y); }); }
template <Semantics E> void trans_sra(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.sra(x, y); }); }
template <Semantics E> void trans_or(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.or_(x, y); }); }
template <Semantics E> void trans_and(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return e.and_(x, y); }); }

template <Semantics E> void trans_addiw(E& e, arg_i a) { gen_arith_imm(e, a, [&e](auto x, auto y) { return gen_addw(e, x, y); }); }
template <Semantics E> void trans_slliw(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_sllw(e, x, y); }); }
template <Semantics E> void trans_srliw(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_srlw(e, x, y); }); }
template <Semantics E> void trans_sraiw(E& e, arg_shift a) { gen_shift_imm(e, a, [&e](auto x, auto y) { return gen_sraw(e, x, y); }); }
template <Semantics E> void trans_addw(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_addw(e, x, y); }); }
template <Semantics E>
void trans_subw(E& e, arg_r a) {
  gen_arith(e, a, [&e](auto x, auto y) {
    const auto difference = e.sub(x, y);
    return e.sext32(difference);
  });
}
template <Semantics E> void trans_sllw(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_sllw(e, x, y); }); }
template <Semantics E> void trans_srlw(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_srlw(e, x, y); }); }
template <Semantics E> void trans_sraw(E& e, arg_r a) { gen_arith(e, a, [&e](auto x, auto y) { return gen_sraw(e, x, y); }); }

template <Semantics E> void trans_pause(E& e, arg_none) { e.pause(); }
template <Semantics E> void trans_fence_tso(E& e, arg_none) { e.fence(); }
template <Semantics E> void trans_fence(E& e, arg_none) { e.fence(); }
template <Semantics E> void trans_fence_i(E& e, arg_none) { e.fence_i(); }
template <Semantics E> void trans_ecall(E& e, arg_none) { e.ecall(); }
template <Semantics E> void trans_ebreak(E& e, arg_none) { e.ebreak(); }

}  // namespace monochord
