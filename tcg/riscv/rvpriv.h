// Bodies of Zicsr, the privileged instructions, Svinval and the cache-block operations: all of them are helpers of the executor.
// Source: RISC-V Unprivileged ISA, chapters "Zicsr" and "CMO"; Privileged, chapters "Machine-Level ISA", "Supervisor-Level ISA" and "Svinval".
#pragma once

#include "tcg/riscv/rvi.h"

namespace monochord {

// csrrw with rd = x0 does not read, csrrs and csrrc with rs1 = x0 (or a zero immediate) do not write.
template <Semantics E>
[[gnu::always_inline]] inline void gen_csr(E& e, arg_csr a, CsrOp op, typename E::Value operand) {
  const bool read = op != CsrOp::kWrite || a.rd != 0;
  const bool write = op == CsrOp::kWrite || a.rs1 != 0;
  const auto old = e.csr(a.csr, op, operand, read, write);
  if (e.left()) return;
  if (a.rd != 0) e.set_gpr(a.rd, old);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_csr_reg(E& e, arg_csr a, CsrOp op) {
  const auto operand = e.gpr(a.rs1);
  gen_csr(e, a, op, operand);
}
template <Semantics E>
[[gnu::always_inline]] inline void gen_csr_imm(E& e, arg_csr a, CsrOp op) {
  const auto operand = e.imm(a.rs1);
  gen_csr(e, a, op, operand);
}
template <Semantics E> void trans_csrrw(E& e, arg_csr a) { gen_csr_reg(e, a, CsrOp::kWrite); }
template <Semantics E> void trans_csrrs(E& e, arg_csr a) { gen_csr_reg(e, a, CsrOp::kSet); }
template <Semantics E> void trans_csrrc(E& e, arg_csr a) { gen_csr_reg(e, a, CsrOp::kClear); }
template <Semantics E> void trans_csrrwi(E& e, arg_csr a) { gen_csr_imm(e, a, CsrOp::kWrite); }
template <Semantics E> void trans_csrrsi(E& e, arg_csr a) { gen_csr_imm(e, a, CsrOp::kSet); }
template <Semantics E> void trans_csrrci(E& e, arg_csr a) { gen_csr_imm(e, a, CsrOp::kClear); }

template <Semantics E> void trans_mret(E& e, arg_none) { e.mret(); }
template <Semantics E> void trans_sret(E& e, arg_none) { e.sret(); }
template <Semantics E> void trans_wfi(E& e, arg_none) { e.wfi(); }

template <Semantics E>
void trans_sfence_vma(E& e, arg_r a) {
  const auto vaddr = e.gpr(a.rs1);
  const auto asid = e.gpr(a.rs2);
  e.sfence_vma(a.rs1 != 0, vaddr, a.rs2 != 0, asid);
}
template <Semantics E> void trans_sinval_vma(E& e, arg_r a) { trans_sfence_vma(e, a); }
// Order between stores, invalidations and walks: everything is in order here, so nothing but the privilege check is left.
template <Semantics E> void trans_sfence_w_inval(E& e, arg_none) { e.svinval_fence(); }
template <Semantics E> void trans_sfence_inval_ir(E& e, arg_none) { e.svinval_fence(); }

template <Semantics E>
[[gnu::always_inline]] inline void gen_cbo(E& e, arg_r2 a, Cbo op) {
  const auto address = e.gpr(a.rs1);
  e.cbo(op, address);
}
template <Semantics E> void trans_cbo_inval(E& e, arg_r2 a) { gen_cbo(e, a, Cbo::kInval); }
template <Semantics E> void trans_cbo_clean(E& e, arg_r2 a) { gen_cbo(e, a, Cbo::kClean); }
template <Semantics E> void trans_cbo_flush(E& e, arg_r2 a) { gen_cbo(e, a, Cbo::kFlush); }
template <Semantics E> void trans_cbo_zero(E& e, arg_r2 a) { gen_cbo(e, a, Cbo::kZero); }

}  // namespace monochord
