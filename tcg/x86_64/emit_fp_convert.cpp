// Conversions between formats and integers, and moves between the register files.
//
// To integers: where the host can't represent the result it gives the most negative number and raises NV alone, as RISC-V does; only the number is
// to be put right. Unsigned results come from the 64-bit signed conversion of what lies in range; the rest is the interpreter's.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr int64_t kDynamic = 7, kTowardsZero = 1;
uint32_t bit_of(Operand o) { return uint32_t{1} << (o - kFpBase); }

struct ToInteger {
  bool single, is_unsigned, is_long;
};
ToInteger to_integer(const Uop& u) {
  const unsigned n = u.sub - static_cast<unsigned>(FpCvt::kWS);
  return {n < 4, (n & 1) != 0, (n & 2) != 0};
}
struct FromInteger {
  bool single, is_unsigned, is_long;
};
FromInteger from_integer(const Uop& u) {
  const unsigned n = u.sub - static_cast<unsigned>(FpCvt::kSW);
  return {n < 4, (n & 1) != 0, (n & 2) != 0};
}

}  // namespace

void UnitEmitter::emit_fcvt(const Uop& u) {
  const FpCvt op = static_cast<FpCvt>(u.sub);
  if (op <= FpCvt::kLuD) {
    convert_to_integer(u);
  } else if (op <= FpCvt::kDLu) {
    convert_from_integer(u);
  } else if (op == FpCvt::kSD) {
    const Xmm a = read_fpr(u.a, xmm1);
    const Xmm d = fp_result(u.dst);
    e_.vmovsd(xmm0, constant(FpConstant::kNan32));  // the box
    begin_rounding(u.imm);
    e_.vcvtsd2ss(d, xmm0, a);
    end_rounding(u.imm);
    store_fpr(u.dst, d);
    fp_written(u.dst, bit_of(u.a), true, FpResult::kArithmetic);
  } else {
    need_single(u.a, u);
    const Xmm a = read_fpr(u.a, xmm0);
    const Xmm d = fp_result(u.dst);
    e_.vcvtss2sd(d, a, a);
    store_fpr(u.dst, d);
    fp_written(u.dst, bit_of(u.a), false, FpResult::kArithmetic);
  }
}

void UnitEmitter::convert_to_integer(const Uop& u) {
  const auto to_what = to_integer(u);
  const bool single = to_what.single, is_unsigned = to_what.is_unsigned, is_long = to_what.is_long;
  const bool is_static = u.imm != kDynamic && u.imm != kTowardsZero;
  if (single) need_single(u.a, u);
  const Xmm a = read_fpr(u.a, xmm0);
  if (is_unsigned) {
    // Non-negative numbers are ordered as their bits are. None of those below the limit is rounded up to what is out of range.
    const uint64_t limit = single ? (is_long ? 0x5f000000 : 0x4f800000) : (is_long ? 0x43e0000000000000 : 0x41efffffffe00001);
    if (single) e_.vmovd(eax, a);
    else e_.vmovq(rax, a);
    e_.mov(rcx, static_cast<int64_t>(limit));
    e_.cmp(rax, rcx);
    leave_unless(Condition::kB, u);
  }
  const Gpr64 d = result_register(u);
  const auto round = [&](unsigned quiet) {
    const unsigned mode = static_cast<unsigned>(u.imm == 0 ? 0 : u.imm == 2 ? 1 : 2) | quiet;
    single ? e_.vroundss(xmm1, a, a, mode) : e_.vroundsd(xmm1, a, a, mode);
  };
  const auto convert = [&](auto to) {
    if (is_static) single ? e_.vcvttss2si(to, xmm1) : e_.vcvttsd2si(to, xmm1);
    else if (u.imm == kTowardsZero) single ? e_.vcvttss2si(to, a) : e_.vcvttsd2si(to, a);
    else single ? e_.vcvtss2si(to, a) : e_.vcvtsd2si(to, a);
  };
  // A mode of its own: rounded without a flag first, again with it when the result is known to be in range.
  constexpr unsigned kQuiet = 8;
  if (is_static) round(kQuiet);
  const bool narrow = !is_long && !is_unsigned;
  if (narrow) convert(d.r32());
  else convert(d);
  if (!is_unsigned) {
    if (narrow) e_.cmp(d.r32(), 1);
    else e_.cmp(d, 1);
    if (is_static) {
      leave_unless(Condition::kNo, u);
    } else {
      Stub& stub = new_stub(Stub::Kind::kSaturate, e_.jcc_near(Condition::kO, e_.cursor()));
      stub.uop = &u;
      stub.gpr = d;
      stub.resume = e_.cursor();
    }
  }
  if (is_static) round(0);
  if (!is_long) e_.movsxd(d, d.r32());
  write_result(u, d);
}

// The result is the most negative number: right for what is negative.
void UnitEmitter::emit_saturate_stub(const Stub& stub) {
  const Uop& u = *stub.uop;
  const auto [single, is_unsigned, is_long] = to_integer(u);
  const Xmm a = read_fpr(u.a, xmm0);
  Label largest;
  if (single) e_.vucomiss(a, a);
  else e_.vucomisd(a, a);
  e_.jp(largest);
  if (single) e_.vmovmskps(ecx, a);
  else e_.vmovmskpd(ecx, a);
  e_.test(ecx, 1);
  e_.jcc_near(Condition::kNe, stub.resume);
  e_.bind(largest);
  if (is_long) e_.mov(stub.gpr, INT64_MAX);
  else e_.mov(stub.gpr.r32(), INT32_MAX);
  e_.jmp_near(stub.resume);
}

void UnitEmitter::convert_from_integer(const Uop& u) {
  const auto from_what = from_integer(u);
  const bool single = from_what.single, is_unsigned = from_what.is_unsigned, is_long = from_what.is_long;
  const bool exact = !single && !is_long;
  Gpr64 x = read(u.a, rax);
  if (is_unsigned && !is_long) {
    e_.mov(rcx.r32(), x.r32());
    x = rcx;
  }
  const Xmm d = fp_result(u.dst);
  // What the result's upper half comes from: the box, or nothing that would be waited for.
  if (single) e_.vmovsd(xmm0, constant(FpConstant::kNan32));
  else e_.vxorps(xmm0, xmm0, xmm0);
  if (!exact) begin_rounding(u.imm);
  Stub* large = nullptr;
  if (is_unsigned && is_long) {
    e_.test(x, x);
    large = &new_stub(Stub::Kind::kFromUnsigned, e_.jcc_near(Condition::kS, e_.cursor()));
    large->uop = &u;
    large->gpr = x;
  }
  const auto convert = [&](auto from) { single ? e_.vcvtsi2ss(d, xmm0, from) : e_.vcvtsi2sd(d, xmm0, from); };
  if (is_long || is_unsigned) convert(x);
  else convert(x.r32());
  if (large != nullptr) large->resume = e_.cursor();
  release(u);
  if (!exact) end_rounding(u.imm);
  store_fpr(u.dst, d);
  fp_written(u.dst, 0, single, FpResult::kNumber);
}

// Half of it, with the bit that goes kept in the lowest one, which rounds alike; then twice that.
void UnitEmitter::emit_from_unsigned_stub(const Stub& stub) {
  const Uop& u = *stub.uop;
  const bool single = from_integer(u).single;
  const Xmm d = fp_result(u.dst);
  e_.mov(rcx, stub.gpr);
  if (stub.gpr != rax) e_.mov(rax, stub.gpr);
  e_.and_(eax, 1);
  e_.shr(rcx, 1);
  e_.or_(rcx, rax);
  if (single) {
    e_.vcvtsi2ss(d, xmm0, rcx);
    e_.vaddss(d, d, d);
  } else {
    e_.vcvtsi2sd(d, xmm0, rcx);
    e_.vaddsd(d, d, d);
  }
  e_.jmp_near(stub.resume);
}

// --- moves --------------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fmv_from_x(const Uop& u) {
  const Xmm d = fp_result(u.dst);
  const bool single = u.size == MemOp::kU32;
  const Gpr64 x = u.a == 0 ? rax : read(u.a, rax);
  if (u.a == 0) {
    if (single) e_.vmovsd(d, rip(thunks_.box_mask));
    else e_.vxorps(d, d, d);
  } else if (single) {
    e_.vmovd(d, x.r32());
    e_.vorps(d, d, rip(thunks_.box_mask));
  } else {
    e_.vmovq(d, x);
  }
  release(u);
  store_fpr(u.dst, d);
  fp_written(u.dst, 0, single, u.a == 0 ? FpResult::kNumber : FpResult::kBits);
}

void UnitEmitter::emit_fmv_to_x(const Uop& u) {
  clean(bit_of(u.a));
  const Gpr64 d = result_register(u);
  if (is_pinned(u.a)) e_.vmovq(d, pinned_fpr(u.a));
  else e_.mov(d, frame(f_at(u.a)));
  write_result(u, d);
}

void UnitEmitter::emit_fmov(const Uop& u) {
  if (u.size == MemOp::kU32) need_single(u.a, u);
  copy_fpr(u.dst, u.a);
  fp_copied(u.dst, u.a);
}

}  // namespace monochord::x86_64
