// Floating point on the host's FPU: arithmetic, signs, minima, comparisons. MXCSR holds the guest's rounding mode and gathers its flags: both
// architectures raise the same five, find tininess after rounding, and round a fused operation once. What differs: emit_fp_state.cpp.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

bool is_single(const Uop& u) { return u.size == MemOp::kU32; }
uint32_t bit_of(Operand o) { return uint32_t{1} << (o - kFpBase); }
constexpr int64_t kDynamic = 7;      // rm: MXCSR has the mode
constexpr int64_t kMxcsrRc = 0x6000;

}  // namespace

void UnitEmitter::store_fpr(Operand dst, Xmm in) {
  if (!is_pinned(dst)) e_.vmovsd(frame(f_at(dst)), in);
  else if (pinned_fpr(dst) != in) e_.vmovaps(pinned_fpr(dst), in);
}

void UnitEmitter::copy_fpr(Operand dst, Operand src) {
  if (dst == src) return;
  if (is_pinned(dst) && !is_pinned(src)) e_.vmovsd(pinned_fpr(dst), frame(f_at(src)));
  else store_fpr(dst, read_fpr(src, xmm0));
}

// --- rounding modes -----------------------------------------------------------------------------------------------------------
void UnitEmitter::begin_rounding(int64_t rm) {
  static constexpr int64_t kRc[] = {0x0000, 0x6000, 0x2000, 0x4000};
  if (rm == kDynamic) return;
  e_.stmxcsr(frame(l_.temp));
  e_.and_(dword_ptr(kFrame, l_.temp), ~kMxcsrRc);
  e_.or_(dword_ptr(kFrame, l_.temp), kRc[rm]);
  e_.ldmxcsr(frame(l_.temp));
}

// JitFrame::mxcsr has the guest's mode; the flags are the register's. rax is spoilt.
void UnitEmitter::end_rounding(int64_t rm) {
  if (rm == kDynamic) return;
  e_.stmxcsr(frame(l_.temp));
  e_.and_(dword_ptr(kFrame, l_.temp), ~kMxcsrRc);
  e_.mov(eax, frame(l_.mxcsr));
  e_.and_(eax, kMxcsrRc);
  e_.or_(frame(l_.temp), eax);
  e_.ldmxcsr(frame(l_.temp));
}

// --- arithmetic ---------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fp2(const Uop& u) {
  const bool single = is_single(u);
  const FpOp2 op = static_cast<FpOp2>(u.sub);
  Operand first = u.a, second = u.b;
  if (single) {
    need_single(u.a, u);
    need_single(u.b, u);
  }
  if ((op == FpOp2::kAdd || op == FpOp2::kMul) && !is_pinned(first)) std::swap(first, second);
  const Xmm a = read_fpr(first, xmm0);
  const Xmm d = fp_result(u.dst);
  const auto compute = [&](auto b) {
    switch (op) {
      case FpOp2::kAdd: single ? e_.vaddss(d, a, b) : e_.vaddsd(d, a, b); break;
      case FpOp2::kSub: single ? e_.vsubss(d, a, b) : e_.vsubsd(d, a, b); break;
      case FpOp2::kMul: single ? e_.vmulss(d, a, b) : e_.vmulsd(d, a, b); break;
      case FpOp2::kDiv: single ? e_.vdivss(d, a, b) : e_.vdivsd(d, a, b); break;
    }
  };
  begin_rounding(u.imm);
  if (second == first) compute(a);
  else if (is_pinned(second)) compute(pinned_fpr(second));
  else compute(frame(f_at(second)));
  end_rounding(u.imm);
  store_fpr(u.dst, d);
  fp_written(u.dst, bit_of(u.a) | bit_of(u.b), single, FpResult::kArithmetic);
}

// The host's forms overwrite one operand: 231 the addend, 213 the first factor.
void UnitEmitter::emit_fp3(const Uop& u) {
  const bool single = is_single(u);
  if (single) {
    for (const Operand o : {u.a, u.b, u.c}) need_single(o, u);
  }
  const bool settled = (fp_.settled & bit_of(u.c)) != 0;
  const Xmm d = fp_result(u.dst);
  const auto fused231 = [&](Xmm a, auto b) {
    switch (static_cast<FpOp3>(u.sub)) {
      case FpOp3::kMadd: single ? e_.vfmadd231ss(d, a, b) : e_.vfmadd231sd(d, a, b); break;
      case FpOp3::kMsub: single ? e_.vfmsub231ss(d, a, b) : e_.vfmsub231sd(d, a, b); break;
      case FpOp3::kNmsub: single ? e_.vfnmadd231ss(d, a, b) : e_.vfnmadd231sd(d, a, b); break;
      case FpOp3::kNmadd: single ? e_.vfnmsub231ss(d, a, b) : e_.vfnmsub231sd(d, a, b); break;
    }
  };
  const auto fused213 = [&](Xmm a, auto b) {
    switch (static_cast<FpOp3>(u.sub)) {
      case FpOp3::kMadd: single ? e_.vfmadd213ss(d, a, b) : e_.vfmadd213sd(d, a, b); break;
      case FpOp3::kMsub: single ? e_.vfmsub213ss(d, a, b) : e_.vfmsub213sd(d, a, b); break;
      case FpOp3::kNmsub: single ? e_.vfnmadd213ss(d, a, b) : e_.vfnmadd213sd(d, a, b); break;
      case FpOp3::kNmadd: single ? e_.vfnmsub213ss(d, a, b) : e_.vfnmsub213sd(d, a, b); break;
    }
  };
  begin_rounding(u.imm);
  if (is_pinned(u.dst) && u.dst != u.c && (u.dst == u.a || u.dst == u.b)) {
    if (!settled) e_.vmovaps(xmm2, d);  // for the stub
    const Xmm factor = read_fpr(u.dst == u.a ? u.b : u.a, xmm1);
    if (is_pinned(u.c)) fused213(factor, pinned_fpr(u.c));
    else fused213(factor, frame(f_at(u.c)));
  } else {
    if (u.dst != u.c || !is_pinned(u.dst)) {
      if (is_pinned(u.c)) e_.vmovaps(d, pinned_fpr(u.c));
      else e_.vmovsd(d, frame(f_at(u.c)));
    }
    Operand first = u.a, second = u.b;
    if (!is_pinned(first)) std::swap(first, second);
    const Xmm factor = read_fpr(first, xmm1);
    if (second == first) fused231(factor, factor);
    else if (is_pinned(second)) fused231(factor, pinned_fpr(second));
    else fused231(factor, frame(f_at(second)));
  }
  end_rounding(u.imm);
  if (settled) {
    store_fpr(u.dst, d);
    fp_written(u.dst, bit_of(u.a) | bit_of(u.b) | bit_of(u.c), single, FpResult::kArithmetic);
  } else {
    if (single) e_.vucomiss(d, d);
    else e_.vucomisd(d, d);
    Stub& stub = new_stub(Stub::Kind::kFused, e_.jcc_near(Condition::kP, e_.cursor()));
    stub.uop = &u;
    stub.dirty64 = fp_.dirty64;
    stub.dirty32 = fp_.dirty32;
    stub.resume = e_.cursor();
    store_fpr(u.dst, d);
    fp_written(u.dst, bit_of(u.a) | bit_of(u.b) | bit_of(u.c), single, FpResult::kBits);
    // What the result was made of is no NaN either.
    const uint32_t clean = fp_.covers[u.dst - kFpBase];
    fp_.dirty64 &= ~clean;
    fp_.dirty32 &= ~clean;
    stub.dirty64 &= clean;
    stub.dirty32 &= clean;
  }
}

// The result is a NaN. Where it is that of a quiet addend, infinity * 0 has raised nothing: the product does, by itself and with flags of its own.
void UnitEmitter::emit_fused_stub(const Stub& stub) {
  const Uop& u = *stub.uop;
  const bool single = is_single(u);
  const bool overwritten = is_pinned(u.dst) && u.dst != u.c;
  const Xmm a = overwritten && u.a == u.dst ? xmm2 : read_fpr(u.a, xmm1);
  const Xmm b = overwritten && u.b == u.dst ? xmm2 : read_fpr(u.b, xmm0);
  constexpr int64_t kNoFlags = 0x1f80;
  e_.stmxcsr(frame(l_.temp));
  e_.mov(dword_ptr(kFrame, l_.temp + 8), kNoFlags);
  e_.ldmxcsr(frame(l_.temp + 8));
  if (single) e_.vmulss(xmm0, a, b);
  else e_.vmulsd(xmm0, a, b);
  e_.stmxcsr(frame(l_.temp + 8));
  e_.mov(eax, frame(l_.temp + 8));
  e_.and_(eax, 1);
  e_.or_(frame(l_.temp), eax);
  e_.ldmxcsr(frame(l_.temp));
  repair(stub.dirty64, stub.dirty32);
  e_.vmovsd(fp_result(u.dst), constant(single ? FpConstant::kNan32 : FpConstant::kNan64));
  e_.jmp_near(stub.resume);
}

void UnitEmitter::emit_fsqrt(const Uop& u) {
  const bool single = is_single(u);
  if (single) need_single(u.a, u);
  const Xmm a = read_fpr(u.a, xmm0);
  const Xmm d = fp_result(u.dst);
  begin_rounding(u.imm);
  if (single) e_.vsqrtss(d, a, a);
  else e_.vsqrtsd(d, a, a);
  end_rounding(u.imm);
  store_fpr(u.dst, d);
  fp_written(u.dst, bit_of(u.a), single, FpResult::kArithmetic);
}

// --- signs --------------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fsgn(const Uop& u) {
  const bool single = is_single(u);
  const FpSign op = static_cast<FpSign>(u.sub);
  if (single) {
    need_single(u.a, u);
    need_single(u.b, u);
  }
  if (u.a == u.b && op == FpSign::kSgnj) {
    copy_fpr(u.dst, u.a);
    fp_copied(u.dst, u.a);
    return;
  }
  clean(bit_of(u.a) | bit_of(u.b));
  const Xmm a = read_fpr(u.a, xmm0);
  const Xmm d = fp_result(u.dst);
  const Mem sign = constant(single ? FpConstant::kSign32 : FpConstant::kSign64);
  const Mem rest = constant(single ? FpConstant::kRest32 : FpConstant::kRest64);
  if (u.a == u.b) {
    if (op == FpSign::kSgnjn) e_.vxorps(d, a, sign);
    else e_.vandps(d, a, rest);
  } else {
    const Xmm b = read_fpr(u.b, xmm1);
    if (op == FpSign::kSgnjn) {
      e_.vmovaps(xmm2, sign);
      e_.vandnps(xmm1, b, xmm2);
    } else {
      e_.vandps(xmm1, b, sign);
    }
    if (op == FpSign::kSgnjx) {
      e_.vxorps(d, a, xmm1);
    } else {
      e_.vandps(d, a, rest);
      e_.vorps(d, d, xmm1);
    }
  }
  store_fpr(u.dst, d);
  fp_written(u.dst, bit_of(u.a), single, FpResult::kBits);
}

// --- minimum and maximum ------------------------------------------------------------------------------------------------------
// minsd gives its second operand where they are equal: zeros of both signs meet in the combination of both orders.
void UnitEmitter::emit_fminmax(const Uop& u) {
  const bool single = is_single(u);
  const bool max = static_cast<FpMinMax>(u.sub) == FpMinMax::kMax;
  if (single) {
    need_single(u.a, u);
    need_single(u.b, u);
  }
  const Xmm a = read_fpr(u.a, xmm0), b = read_fpr(u.b, xmm1);
  const Xmm d = fp_result(u.dst);
  if (single) e_.vucomiss(a, b);
  else e_.vucomisd(a, b);
  const int number = stub_count_;
  new_stub(Stub::Kind::kMinMax, e_.jcc_near(Condition::kP, e_.cursor())).uop = &u;
  if (single) max ? e_.vmaxss(xmm2, a, b) : e_.vminss(xmm2, a, b);
  else max ? e_.vmaxsd(xmm2, a, b) : e_.vminsd(xmm2, a, b);
  if (single) max ? e_.vmaxss(d, b, a) : e_.vminss(d, b, a);
  else max ? e_.vmaxsd(d, b, a) : e_.vminsd(d, b, a);
  if (max) e_.vandps(d, d, xmm2);
  else e_.vorps(d, d, xmm2);
  store_fpr(u.dst, d);
  stubs_[number].resume = e_.cursor();
  fp_written(u.dst, 0, single, FpResult::kBits);
}

// One of them is a NaN, or both are. NV has been raised where one signals.
void UnitEmitter::emit_min_max_stub(const Stub& stub) {
  const Uop& u = *stub.uop;
  const bool single = is_single(u);
  const Xmm a = read_fpr(u.a, xmm0), b = read_fpr(u.b, xmm1);
  const auto is_nan = [&](Xmm x, Label& label) {
    if (single) e_.vucomiss(x, x);
    else e_.vucomisd(x, x);
    e_.jp(label);
  };
  Label not_a, neither;
  is_nan(a, not_a);
  store_fpr(u.dst, a);
  e_.jmp_near(stub.resume);
  e_.bind(not_a);
  is_nan(b, neither);
  store_fpr(u.dst, b);
  e_.jmp_near(stub.resume);
  e_.bind(neither);
  const Xmm d = fp_result(u.dst);
  e_.vmovsd(d, constant(single ? FpConstant::kNan32 : FpConstant::kNan64));
  store_fpr(u.dst, d);
  e_.jmp_near(stub.resume);
}

// --- comparisons --------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fcmp(const Uop& u) {
  const bool single = is_single(u);
  const FpCmp op = static_cast<FpCmp>(u.sub);
  if (single) {
    need_single(u.a, u);
    need_single(u.b, u);
  }
  // Only "above" and its like are false for NaNs: b > a. comisd raises NV for quiet NaNs too.
  const Operand first = op == FpCmp::kEq ? u.a : u.b, second = op == FpCmp::kEq ? u.b : u.a;
  const Xmm x = read_fpr(first, xmm0);
  const Uop* const saver = op != FpCmp::kEq ? flags_saver(u) : nullptr;
  const auto compare = [&](auto y) {
    if (op == FpCmp::kEq || saver != nullptr) single ? e_.vucomiss(x, y) : e_.vucomisd(x, y);
    else single ? e_.vcomiss(x, y) : e_.vcomisd(x, y);
  };
  if (second == first) compare(x);
  else if (is_pinned(second)) compare(pinned_fpr(second));
  else compare(frame(f_at(second)));
  const Gpr64 d = result_register(u);
  if (op == FpCmp::kEq) {
    const Gpr64 other = d == rax ? rcx : rax;
    e_.setnp(d.r8());
    e_.sete(other.r8());
    e_.and_(d.r32(), other.r32());
  } else {
    e_.setcc(op == FpCmp::kLt ? Condition::kA : Condition::kAe, d.r8());
  }
  e_.movzx(d.r32(), d.r8());
  write_result(u, d);
  if (saver == nullptr) return;
  Stub& stub = new_stub(Stub::Kind::kQuiet, e_.jcc_near(Condition::kP, e_.cursor()));
  stub.uop = saver;
  stub.resume = e_.cursor();
}

// --- classes ------------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fclass(const Uop& u) {
  const bool single = is_single(u);
  if (single) need_single(u.a, u);
  const Xmm a = read_fpr(u.a, xmm0);
  // The magnitude, shifted so that the sign goes, against the ends of the classes. rcx: the class of the positive number.
  const auto limit = [&](uint64_t bits64, uint64_t bits32) {
    e_.mov(rcx, static_cast<int64_t>(single ? bits32 << 1 : bits64 << 1));
    e_.cmp(rax, rcx);
  };
  Label sign, done;
  if (single) {
    e_.vmovd(eax, a);
    e_.add(eax, eax);
  } else {
    e_.vmovq(rax, a);
    e_.add(rax, rax);
  }
  e_.mov(ecx, 4);
  e_.je(sign);
  limit(0x0010000000000000, 0x00800000);  // the smallest normal number
  e_.mov(ecx, 5);
  e_.jb(sign);
  limit(0x7ff0000000000000, 0x7f800000);  // infinity
  e_.mov(ecx, 6);
  e_.jb(sign);
  e_.mov(ecx, 7);
  e_.je(sign);
  limit(0x7ff8000000000000, 0x7fc00000);  // the first quiet NaN
  e_.mov(eax, 1 << 9);
  e_.jae(done);
  e_.mov(eax, 1 << 8);
  e_.jmp(done);
  // The classes of negative numbers are those of positive ones in reverse.
  e_.bind(sign);
  if (single) e_.vmovmskps(eax, a);
  else e_.vmovmskpd(eax, a);
  e_.and_(eax, 1);
  e_.neg(eax);
  e_.and_(eax, 7);
  e_.xor_(ecx, eax);
  e_.mov(eax, 1);
  e_.shlx(eax, eax, ecx);
  e_.bind(done);
  write_result(u, rax);
}

}  // namespace monochord::x86_64
