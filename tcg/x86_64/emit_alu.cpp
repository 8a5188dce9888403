// Integer arithmetic, and where operands are.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

// --- operands -----------------------------------------------------------------------------------------------------------
Gpr64 UnitEmitter::read(Operand o, Gpr64 scratch) {
  if (is_temp(o)) return temp_host(o);
  if (o == 0) {
    e_.xor_(scratch.r32(), scratch.r32());
    return scratch;
  }
  if (is_pinned(o)) return pinned_gpr(o);
  e_.mov(scratch, frame(x_at(o)));
  return scratch;
}

Gpr64 UnitEmitter::free_scratch() const {
  if (!busy_[rax.index]) return rax;
  CHECK(!busy_[rcx.index]);
  return rcx;
}

// A temporary's register goes to whoever reads it last.
void UnitEmitter::release(const Uop& u) {
  if (is_temp(u.a) && u.last_a) busy_[temp_host(u.a).index] = false;
  if (is_temp(u.b) && u.last_b) busy_[temp_host(u.b).index] = false;
}

Gpr64 UnitEmitter::result_register(const Uop& u, bool may_be_operand) {
  if (is_gpr(u.dst) && is_pinned(u.dst)) {
    const bool is_operand = u.dst == u.a || u.dst == u.b;
    if (may_be_operand || !is_operand) return pinned_gpr(u.dst);
  }
  if (is_temp(u.a) && u.last_a && (u.b != u.a || may_be_operand)) return temp_host(u.a);
  return free_scratch();
}

void UnitEmitter::write_result(const Uop& u, Gpr64 in) {
  release(u);
  if (is_temp(u.dst)) {
    temp_host_[u.dst - kTempBase] = in.index;
    busy_[in.index] = true;
  } else if (is_pinned(u.dst)) {
    move(pinned_gpr(u.dst), in);
  } else if (u.dst != 0) {
    e_.mov(frame(x_at(u.dst)), in);
  }
}

void UnitEmitter::move(Gpr64 to, Gpr64 from) {
  if (to != from) e_.mov(to, from);
}

void UnitEmitter::load_constant(Gpr64 to, int64_t value) {
  if (value == 0) e_.xor_(to.r32(), to.r32());
  else e_.mov(to, value);
}

// --- moves ----------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_mov(const Uop& u) {
  const Gpr64 d = result_register(u);
  if (in_memory(u.a) || u.a == 0) {
    read(u.a, d);
    write_result(u, d);
  } else {
    write_result(u, read(u.a, d));
  }
}

void UnitEmitter::emit_movi(const Uop& u) {
  if (!is_temp(u.dst) && !is_pinned(u.dst) && u.imm == static_cast<int32_t>(u.imm)) {
    e_.mov(qword_ptr(kFrame, x_at(u.dst)), u.imm);
    return;
  }
  const Gpr64 d = result_register(u);
  // The flags stay: a constant may be loaded between a comparison and its jump.
  e_.mov(d, u.imm);
  write_result(u, d);
}

void UnitEmitter::emit_pcrel(const Uop& u) {
  const Gpr64 d = result_register(u);
  e_.mov(d, frame(l_.page_va));
  if (u.imm != 0) e_.add(d, u.imm);
  write_result(u, d);
}

// --- two operands ---------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_add(const Uop& u) {
  const Gpr64 d = result_register(u);
  if (u.b == kConstOperand) {
    if (u.a == u.dst && in_memory(u.a)) {
      e_.add(qword_ptr(kFrame, x_at(u.a)), u.imm);
      return;
    }
    const Gpr64 a = read(u.a, d);
    if (a == d) e_.add(d, u.imm);
    else e_.lea(d, ptr(a, static_cast<int32_t>(u.imm)));
    write_result(u, d);
    return;
  }
  if (in_memory(u.b)) {
    const Gpr64 a = read(u.a, d);
    if (a == d) {
      e_.add(d, frame(x_at(u.b)));
    } else {
      e_.mov(d, frame(x_at(u.b)));
      e_.add(d, a);
    }
  } else if (in_memory(u.a)) {
    const Gpr64 b = read(u.b, d);
    if (b == d) {
      e_.add(d, frame(x_at(u.a)));
    } else {
      e_.mov(d, frame(x_at(u.a)));
      e_.add(d, b);
    }
  } else {
    const Gpr64 a = u.a == 0 ? read(u.b, d) : read(u.a, d);
    const Gpr64 b = u.a == 0 || u.b == 0 ? a : read(u.b, d);
    if (u.a == 0 || u.b == 0) move(d, a);
    else if (d == a) e_.add(d, b);
    else if (d == b) e_.add(d, a);
    else e_.lea(d, ptr(a, b));
  }
  write_result(u, d);
}

void UnitEmitter::emit_sub(const Uop& u) {
  // b may be the result's register: then it goes through a scratch register, unless it can be negated in place.
  const Gpr64 d = result_register(u);
  if (!in_memory(u.b) && u.b != 0 && read(u.b, rax) == d) {
    if (u.a == u.b) {
      e_.xor_(d.r32(), d.r32());
    } else {
      e_.neg(d);
      if (in_memory(u.a)) e_.add(d, frame(x_at(u.a)));
      else if (u.a != 0) e_.add(d, read(u.a, rax));
    }
    write_result(u, d);
    return;
  }
  const Gpr64 a = read(u.a, d);
  move(d, a);
  if (in_memory(u.b)) e_.sub(d, frame(x_at(u.b)));
  else if (u.b != 0) e_.sub(d, read(u.b, rax));
  write_result(u, d);
}

void UnitEmitter::emit_logic(const Uop& u) {
  const auto apply = [&](Gpr64 d, auto operand) {
    switch (u.code) {
      case UopCode::k_and: e_.and_(d, operand); break;
      case UopCode::k_or: e_.or_(d, operand); break;
      default: e_.xor_(d, operand); break;
    }
  };
  const Gpr64 d = result_register(u);
  if (u.b == kConstOperand) {
    const Gpr64 a = read(u.a, d);
    if (u.code == UopCode::k_and && u.imm == 0xff) {
      e_.movzx(d.r32(), a.r8());
    } else if (u.code == UopCode::k_and && u.imm == 0xffff) {
      e_.movzx(d.r32(), a.r16());
    } else if (u.code == UopCode::k_and && u.imm >= 0) {
      if (a != d) e_.mov(d.r32(), a.r32());
      e_.and_(d.r32(), u.imm);
    } else if (u.code == UopCode::k_xor && u.imm == -1) {
      move(d, a);
      e_.not_(d);
    } else {
      move(d, a);
      apply(d, u.imm);
    }
    write_result(u, d);
    return;
  }
  // All three are commutative.
  Operand a = u.a, b = u.b;
  if (in_memory(a) || (!in_memory(b) && b != 0 && read(b, rax) == d)) std::swap(a, b);
  const Gpr64 first = read(a, d);
  if (a == u.b && in_memory(b) && first != d) {
    e_.mov(d, frame(x_at(b)));
    apply(d, first);
  } else {
    move(d, first);
    if (in_memory(b)) apply(d, frame(x_at(b)));
    else if (b == 0) {
      if (u.code == UopCode::k_and) e_.xor_(d.r32(), d.r32());
    } else apply(d, read(b, rax));
  }
  write_result(u, d);
}

void UnitEmitter::emit_shift(const Uop& u) {
  const Gpr64 d = result_register(u);
  if (u.b == kConstOperand) {
    const unsigned n = static_cast<unsigned>(u.imm) & 63;
    const Gpr64 a = read(u.a, d);
    if (u.code == UopCode::k_sll && a != d && n <= 3) {
      e_.lea(d, ptr_scaled(a, 1u << n));
    } else {
      move(d, a);
      if (u.code == UopCode::k_sll) e_.shl(d, n);
      else if (u.code == UopCode::k_srl) e_.shr(d, n);
      else e_.sar(d, n);
    }
    write_result(u, d);
    return;
  }
  // The amount needs a register; the value may come from memory.
  Gpr64 count;
  Gpr64 spare = d;
  if (in_memory(u.b) || u.b == 0) {
    // d may hold a's value, then the other scratch register takes the amount.
    const bool d_is_a = !in_memory(u.a) && u.a != 0 && read(u.a, rax) == d;
    if (d_is_a || is_pinned(u.dst)) {
      spare = !busy_[rax.index] && d != rax ? rax : rcx;
    }
    count = read(u.b, spare);
  } else {
    count = read(u.b, rax);
  }
  const auto shift = [&](auto source) {
    if (u.code == UopCode::k_sll) e_.shlx(d, source, count);
    else if (u.code == UopCode::k_srl) e_.shrx(d, source, count);
    else e_.sarx(d, source, count);
  };
  if (in_memory(u.a)) shift(frame(x_at(u.a)));
  else if (u.a == 0) e_.xor_(d.r32(), d.r32());
  else shift(read(u.a, rax));
  write_result(u, d);
}

// To the right; an amount in a register has to be in cl. The value is never a temporary.
void UnitEmitter::emit_rotate(const Uop& u) {
  const bool word = u.code == UopCode::k_rorw;
  Gpr64 d = rax;
  if (u.b == kConstOperand) {
    d = result_register(u);
    const Gpr64 a = read(u.a, d);
    if (word) e_.rorx(d.r32(), a.r32(), static_cast<unsigned>(u.imm) & 31);
    else e_.rorx(d, a, static_cast<unsigned>(u.imm) & 63);
  } else {
    DCHECK(!is_temp(u.a));
    move(rcx, read(u.b, rcx));
    release(u);
    move(rax, read(u.a, rax));
    if (word) e_.ror_cl(eax);
    else e_.ror_cl(rax);
  }
  if (word) e_.movsxd(d, d.r32());
  write_result(u, d);
}

void UnitEmitter::emit_set_less(const Uop& u) {
  const bool is_signed = u.code == UopCode::k_slt;
  Condition c = is_signed ? Condition::kL : Condition::kB;
  // The result's register must not be an operand's: it is cleared behind the comparison.
  Gpr64 a_scratch = free_scratch();
  if (u.b == kConstOperand) {
    if (in_memory(u.a)) {
      e_.cmp(qword_ptr(kFrame, x_at(u.a)), u.imm);
    } else {
      const Gpr64 a = read(u.a, a_scratch);
      if (u.imm == 0) e_.test(a, a);
      else e_.cmp(a, u.imm);
    }
  } else if (u.a == 0) {
    // 0 < b
    if (in_memory(u.b)) e_.cmp(qword_ptr(kFrame, x_at(u.b)), 0);
    else {
      const Gpr64 b = read(u.b, a_scratch);
      e_.test(b, b);
    }
    c = is_signed ? Condition::kG : Condition::kNe;
  } else {
    const Gpr64 a = read(u.a, a_scratch);
    if (in_memory(u.b)) e_.cmp(a, frame(x_at(u.b)));
    else if (u.b == 0) e_.cmp(a, 0);
    else e_.cmp(a, read(u.b, rax));
  }
  release(u);
  const Gpr64 d = is_gpr(u.dst) && is_pinned(u.dst) ? pinned_gpr(u.dst) : free_scratch();
  e_.setcc(c, d.r8());
  e_.movzx(d.r32(), d.r8());
  write_result(u, d);
}

// --- multiplication and division ------------------------------------------------------------------------------------------
void UnitEmitter::emit_mul(const Uop& u) {
  const Gpr64 d = result_register(u);
  if (u.b == kConstOperand) {
    const Gpr64 a = read(u.a, d);
    e_.imul(d, a, u.imm);
    write_result(u, d);
    return;
  }
  Operand a = u.a, b = u.b;
  if (in_memory(a) || (!in_memory(b) && b != 0 && read(b, rax) == d)) std::swap(a, b);
  const Gpr64 first = read(a, d);
  if (in_memory(b) && first != d && a == u.b) {
    e_.mov(d, frame(x_at(b)));
    e_.imul(d, first);
  } else {
    move(d, first);
    if (in_memory(b)) e_.imul(d, frame(x_at(b)));
    else if (b == 0) e_.xor_(d.r32(), d.r32());
    else e_.imul(d, read(b, rax));
  }
  write_result(u, d);
}

// rdx:rax = rax * operand; rdx is a guest register's and waits in the frame.
void UnitEmitter::emit_mulh(const Uop& u) {
  const int32_t saved = l_.temp, operand = l_.temp + 8;
  const auto to_frame = [&](Operand o, int64_t constant) {
    if (o == kConstOperand) e_.mov(qword_ptr(kFrame, operand), constant);
    else if (o == 0) e_.mov(qword_ptr(kFrame, operand), 0);
    else e_.mov(frame(operand), read(o, rcx));
  };
  to_frame(u.b, u.imm);
  move(rax, read(u.a, rax));
  release(u);
  e_.mov(frame(saved), rdx);
  if (u.code == UopCode::k_mulhsu) {
    // Signed times unsigned: the unsigned product less b where a is negative.
    e_.mov(rcx, rax);
    e_.mul(qword_ptr(kFrame, operand));
    e_.sar(rcx, 63);
    e_.and_(rcx, frame(operand));
    e_.mov(rax, rdx);
    e_.sub(rax, rcx);
  } else {
    if (u.code == UopCode::k_mulh) e_.imul(qword_ptr(kFrame, operand));
    else e_.mul(qword_ptr(kFrame, operand));
    e_.mov(rax, rdx);
  }
  e_.mov(rdx, frame(saved));
  busy_[rax.index] = busy_[rcx.index] = false;
  write_result(u, rax);
}

void UnitEmitter::emit_div(const Uop& u) {
  const bool is_signed = u.code == UopCode::k_div || u.code == UopCode::k_rem;
  const bool remainder = u.code == UopCode::k_rem || u.code == UopCode::k_remu;
  const uint8_t a_width = u.widths & 3, b_width = u.b == kConstOperand ? (u.imm == static_cast<int32_t>(u.imm) ? kSext32 : 0) : u.widths >> 2 & 3;
  const bool narrow = is_signed ? (a_width & b_width & kSext32) != 0 : (a_width & b_width & kZext32) != 0;
  const int32_t saved = l_.temp, divisor = l_.temp + 8;
  // Operands: the dividend to rax, the divisor to rcx and to the frame (rdx may be either).
  if (u.b == kConstOperand) {
    move(rax, read(u.a, rax));
    e_.mov(rcx, u.imm);
  } else {
    const Gpr64 b = read(u.b, rcx);
    if (b == rax) {
      e_.mov(frame(divisor), b);
      move(rax, read(u.a, rax));
      e_.mov(rcx, frame(divisor));
    } else if (!in_memory(u.a) && u.a != 0 && read(u.a, rax) == rcx) {
      move(rax, rcx);
      move(rcx, b);
    } else {
      move(rcx, b);
      move(rax, read(u.a, rax));
    }
  }
  release(u);
  Label by_zero, by_minus_one, done;
  e_.test(rcx, rcx);
  e_.je(by_zero);
  if (is_signed) {
    e_.cmp(rcx, -1);
    e_.je(by_minus_one);
  }
  e_.mov(frame(saved), rdx);
  if (is_signed) {
    if (narrow) {
      e_.cdq();
      e_.idiv(ecx);
      e_.movsxd(rax, remainder ? edx : eax);
    } else {
      e_.cqo();
      e_.idiv(rcx);
      if (remainder) e_.mov(rax, rdx);
    }
  } else {
    e_.xor_(edx, edx);
    if (narrow) e_.div(ecx);
    else e_.div(rcx);
    if (remainder) e_.mov(rax, rdx);
  }
  e_.mov(rdx, frame(saved));
  e_.jmp_short(done);
  e_.bind(by_zero);
  if (!remainder) e_.mov(rax, -1);
  if (is_signed) {
    Label end;
    e_.jmp_short(end);
    e_.bind(by_minus_one);
    if (remainder) e_.xor_(eax, eax);
    else e_.neg(rax);
    e_.bind(end);
  }
  e_.bind(done);
  busy_[rax.index] = busy_[rcx.index] = false;
  write_result(u, rax);
}

void UnitEmitter::emit_min_max(const Uop& u) {
  Condition take_b = Condition::kL;
  switch (u.code) {
    case UopCode::k_min: take_b = Condition::kG; break;
    case UopCode::k_max: take_b = Condition::kL; break;
    case UopCode::k_minu: take_b = Condition::kA; break;
    default: take_b = Condition::kB; break;
  }
  // rax and rcx are both free where no temporary is read; bodies of these have none.
  move(rax, read(u.a, rax));
  if (u.b == kConstOperand) e_.mov(rcx, u.imm);
  const Gpr64 b = u.b == kConstOperand ? rcx : read(u.b, rcx);
  e_.cmp(rax, b);
  e_.cmovcc(take_b, rax, b);
  release(u);
  write_result(u, rax);
}

void UnitEmitter::emit_zero_if(const Uop& u) {
  move(rax, read(u.a, rax));
  const Gpr64 b = read(u.b, rcx);
  e_.test(b, b);
  e_.mov(ecx, 0);  // keeps the flags
  e_.cmovcc(u.code == UopCode::k_zero_if_eqz ? Condition::kE : Condition::kNe, rax, rcx);
  release(u);
  write_result(u, rax);
}

void UnitEmitter::emit_unary(const Uop& u) {
  const Gpr64 d = result_register(u);
  const Gpr64 a = read(u.a, d);
  switch (u.code) {
    case UopCode::k_not:
      move(d, a);
      e_.not_(d);
      break;
    case UopCode::k_clz:
      e_.lzcnt(d, a);
      break;
    case UopCode::k_ctz:
      e_.tzcnt(d, a);
      break;
    case UopCode::k_cpop:
      e_.popcnt(d, a);
      break;
    case UopCode::k_rev8:
      move(d, a);
      e_.bswap(d);
      break;
    case UopCode::k_sext8:
      e_.movsx(d, a.r8());
      break;
    case UopCode::k_sext16:
      e_.movsx(d, a.r16());
      break;
    case UopCode::k_sext32:
      e_.movsxd(d, a.r32());
      break;
    case UopCode::k_zext16:
      e_.movzx(d.r32(), a.r16());
      break;
    case UopCode::k_zext32:
      e_.mov(d.r32(), a.r32());
      break;
    default: {
      // orc.b, by bytes in a vector register: 0xff where the byte isn't 0.
      e_.vmovq(xmm0, a);
      e_.vpxor(xmm1, xmm1, xmm1);
      e_.vpcmpeqb(xmm0, xmm0, xmm1);
      e_.vmovq(d, xmm0);
      e_.not_(d);
      break;
    }
  }
  write_result(u, d);
}

}  // namespace monochord::x86_64
