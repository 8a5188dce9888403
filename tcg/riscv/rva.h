// Bodies of RV64A. Ordering bits mean nothing on one thread. Source: RISC-V Unprivileged ISA, chapter "A".
#pragma once

#include "tcg/riscv/rvi.h"

namespace monochord {

template <Semantics E>
[[gnu::always_inline]] inline void gen_lr(E& e, arg_r2 a, MemOp mo) {
  const auto address = e.gpr(a.rs1);
  const auto value = e.load_reserved(address, mo);
  if (e.left()) return;
  e.set_gpr(a.rd, value);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_sc(E& e, arg_r a, MemOp mo) {
  const auto address = e.gpr(a.rs1);
  const auto value = e.gpr(a.rs2);
  const auto failed = e.store_conditional(address, value, mo);
  if (e.left()) return;
  e.set_gpr(a.rd, failed);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_amo(E& e, arg_r a, AmoOp op, MemOp mo) {
  const auto address = e.gpr(a.rs1);
  const auto operand = e.gpr(a.rs2);
  const auto old = e.amo(op, address, operand, mo);
  if (e.left()) return;
  e.set_gpr(a.rd, old);
}

template <Semantics E> void trans_lr_w(E& e, arg_r2 a) { gen_lr(e, a, MemOp::kS32); }
template <Semantics E> void trans_lr_d(E& e, arg_r2 a) { gen_lr(e, a, MemOp::kU64); }
template <Semantics E> void trans_sc_w(E& e, arg_r a) { gen_sc(e, a, MemOp::kS32); }
template <Semantics E> void trans_sc_d(E& e, arg_r a) { gen_sc(e, a, MemOp::kU64); }
template <Semantics E> void trans_amoswap_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kSwap, MemOp::kS32); }
template <Semantics E> void trans_amoadd_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kAdd, MemOp::kS32); }
template <Semantics E> void trans_amoxor_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kXor, MemOp::kS32); }
template <Semantics E> void trans_amoand_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kAnd, MemOp::kS32); }
template <Semantics E> void trans_amoor_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kOr, MemOp::kS32); }
template <Semantics E> void trans_amomin_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMin, MemOp::kS32); }
template <Semantics E> void trans_amomax_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMax, MemOp::kS32); }
template <Semantics E> void trans_amominu_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMinu, MemOp::kS32); }
template <Semantics E> void trans_amomaxu_w(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMaxu, MemOp::kS32); }
template <Semantics E> void trans_amoswap_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kSwap, MemOp::kU64); }
template <Semantics E> void trans_amoadd_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kAdd, MemOp::kU64); }
template <Semantics E> void trans_amoxor_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kXor, MemOp::kU64); }
template <Semantics E> void trans_amoand_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kAnd, MemOp::kU64); }
template <Semantics E> void trans_amoor_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kOr, MemOp::kU64); }
template <Semantics E> void trans_amomin_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMin, MemOp::kU64); }
template <Semantics E> void trans_amomax_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMax, MemOp::kU64); }
template <Semantics E> void trans_amominu_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMinu, MemOp::kU64); }
template <Semantics E> void trans_amomaxu_d(E& e, arg_r a) { gen_amo(e, a, AmoOp::kMaxu, MemOp::kU64); }

}  // namespace monochord
