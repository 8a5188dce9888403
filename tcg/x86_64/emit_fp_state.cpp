// What is known of the floating-point registers while a unit is emitted, and how they become RISC-V's again where somebody may look.
//
// The host's NaNs differ from RISC-V's canonical one, but no operation needs the difference. So a result that may be a NaN is only marked dirty, and
// is tested where its bits can be seen: stores, moves, ways out of the unit.
// - A NaN operand makes a NaN result. A register that was computed from others covers them: if it is no NaN, they were none (FpState::covers). So
//   one test serves a whole expression, and one vucomisd serves two registers.
// - The repair is out of line. Slow paths and ways out to the interpreter leave it to C++, which gets the registers that are dirty.
// - The upper half of a scalar result is that of the first operand. So a single stays in its NaN box by itself; only where a register was written
//   by somebody else must it be looked at, once.
// - settled: the register is no NaN, or NV has accrued. An fmadd of infinity * 0 + quiet NaN raises NV in RISC-V and nothing here. So where the
//   addend is not settled, the result is tested at once.
#include <bit>

#include "tcg/emit/emit.h"
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

uint32_t bit(unsigned n) { return uint32_t{1} << n; }
uint32_t bit_of(Operand o) { return bit(o - kFpBase); }
Operand operand_of(unsigned n) { return static_cast<Operand>(kFpBase + n); }
// Calls f with the number of each bit that is set.
template <typename F>
void for_each(uint32_t mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(static_cast<unsigned>(std::countr_zero(mask)));
}

}  // namespace

// --- what an operation leaves -----------------------------------------------------------------------------------------------
// `from`: the operands whose NaN makes the result a NaN.
void UnitEmitter::fp_written(Operand dst, uint32_t from, bool single, FpResult kind) {
  const uint32_t d = bit_of(dst);
  const bool dirty = kind == FpResult::kArithmetic;
  const bool settled = kind == FpResult::kNumber || (from != 0 && (from & ~fp_.settled) == 0);
  uint32_t covered = from;
  for_each(from, [&](unsigned n) { covered |= fp_.covers[n]; });
  for (uint32_t& c : fp_.covers) c &= ~d;
  fp_.covers[dst - kFpBase] = covered & ~d;
  fp_.dirty64 = (fp_.dirty64 & ~d) | (dirty && !single ? d : 0);
  fp_.dirty32 = (fp_.dirty32 & ~d) | (dirty && single ? d : 0);
  fp_.boxed = (fp_.boxed & ~d) | (single ? d : 0);
  fp_.settled = (fp_.settled & ~d) | (settled ? d : 0);
}

void UnitEmitter::fp_copied(Operand dst, Operand src) {
  if (dst == src) return;
  const FpState old = fp_;
  const uint32_t d = bit_of(dst), s = bit_of(src);
  fp_written(dst, s, false, FpResult::kBits);
  fp_.dirty64 |= old.dirty64 & s ? d : 0;
  fp_.dirty32 |= old.dirty32 & s ? d : 0;
  fp_.boxed |= old.boxed & s ? d : 0;
  fp_.settled |= old.settled & s ? d : 0;
}

// --- is the FPU on? ---------------------------------------------------------------------------------------------------------
// JitFrame::fp_ready is looked at once, where the unit is entered; behind a write of FS again.
bool UnitEmitter::touches_fp(const Uop& u) {
  if (u.code == UopCode::k_call_helper) {
    const bool is_csr = static_cast<HelperOp>(u.sub) == HelperOp::kCsr;
    return is_csr && unpack_csr(u.imm).number >= 1 && unpack_csr(u.imm).number <= 3;
  }
  return is_fpr(u.dst) || is_fpr(u.a) || is_fpr(u.b);
}

bool UnitEmitter::writes_fs(const Uop& u) {
  if (u.code != UopCode::k_call_helper || static_cast<HelperOp>(u.sub) != HelperOp::kCsr) return false;
  const CsrArgs args = unpack_csr(u.imm);
  constexpr unsigned kSstatus = 0x100, kMstatus = 0x300;
  return args.write && (args.number == kSstatus || args.number == kMstatus);
}

bool UnitEmitter::fp_comes_first() const {
  for (int i = 0; i < u_.uop_count; i++) {
    if (touches_fp(u_.uops[i])) return true;
    if (writes_fs(u_.uops[i])) return false;
  }
  return false;
}

void UnitEmitter::check_fp(const Uop& u) {
  e_.cmp(dword_ptr(kFrame, l_.fp_ready), 0);
  leave_unless(Condition::kNe, u);
  fp_checked_ = true;
}

// --- operands ---------------------------------------------------------------------------------------------------------------
Xmm UnitEmitter::read_fpr(Operand o, Xmm scratch) {
  if (is_pinned(o)) return pinned_fpr(o);
  e_.vmovsd(scratch, frame(f_at(o)));
  return scratch;
}

// Makes sure that the operand is a single in its box. An instruction that meets one without is the interpreter's. rax is spoilt.
void UnitEmitter::need_single(Operand o, const Uop& u) {
  if (fp_.dirty64 & bit_of(o)) clean(bit_of(o));
  if (fp_.boxed & bit_of(o)) return;
  if (is_pinned(o)) {
    e_.vpextrd(eax, pinned_fpr(o), 1);
    e_.cmp(eax, -1);
  } else {
    e_.cmp(dword_ptr(kFrame, f_at(o) + 4), -1);
  }
  leave_unless(Condition::kE, u);
  fp_.boxed |= bit_of(o);
}

// The interpreter takes this instruction where the condition doesn't hold.
void UnitEmitter::leave_unless(Condition c, const Uop& u) {
  describe_way_out(new_stub(Stub::Kind::kLeave, e_.jcc_near(invert(c), e_.cursor())), u);
}

void UnitEmitter::describe_way_out(Stub& stub, const Uop& u) {
  stub.uop = &u;
  stub.count = u.insn - counted_;
  stub.dirty64 = fp_.dirty64;
  stub.dirty32 = fp_.dirty32;
}

// --- canonical NaNs ---------------------------------------------------------------------------------------------------------
void UnitEmitter::clean(uint32_t mask) {
  mask &= fp_.dirty64 | fp_.dirty32;
  if (mask == 0) return;
  uint32_t covered = 0;
  const auto cover = [&](uint32_t more) { for_each(more, [&](unsigned n) { covered |= fp_.covers[n]; }); };
  cover(mask);
  // One test serves two registers: another that will need one comes along, but for one that a later test covers.
  for (const uint32_t dirty : {fp_.dirty64, fp_.dirty32}) {
    if (std::popcount(mask & ~covered & dirty) % 2 == 0) continue;
    uint32_t others = dirty & ~mask & ~covered, later = 0;
    for_each(fp_.dirty64 | fp_.dirty32, [&](unsigned n) { later |= fp_.covers[n]; });
    others &= ~later;
    const uint32_t one = others & (0 - others);
    mask |= one;
    cover(one);
  }
  const uint32_t all = mask | covered;
  test_nans(mask & ~covered, fp_.dirty64 & all, fp_.dirty32 & all);
  fp_.dirty64 &= ~all;
  fp_.dirty32 &= ~all;
}

// Tests `roots`; where one is a NaN, all of the dirty ones are repaired. Of the flags nothing is kept.
void UnitEmitter::test_nans(uint32_t roots, uint32_t dirty64, uint32_t dirty32) {
  int first = -1;
  const auto test = [&](uint32_t mask, bool single) {
    while (mask != 0) {
      const Operand a = operand_of(static_cast<unsigned>(std::countr_zero(mask)));
      mask &= mask - 1;
      Operand b = a;
      if (mask != 0) {
        b = operand_of(static_cast<unsigned>(std::countr_zero(mask)));
        mask &= mask - 1;
      }
      const Xmm x = read_fpr(a, xmm0);
      const auto compare = [&](auto y) {
        if (single) e_.vucomiss(x, y);
        else e_.vucomisd(x, y);
      };
      if (b == a) compare(x);
      else if (is_pinned(b)) compare(pinned_fpr(b));
      else compare(frame(f_at(b)));
      const int number = stub_count_;
      Stub& stub = new_stub(first < 0 ? Stub::Kind::kRepair : Stub::Kind::kSame, e_.jcc_near(Condition::kP, e_.cursor()));
      stub.dirty64 = dirty64;
      stub.dirty32 = dirty32;
      stub.target = first;
      if (first < 0) first = number;
    }
  };
  test(roots & dirty64, false);
  test(roots & dirty32, true);
  if (first >= 0) stubs_[first].resume = e_.cursor();
}

// Makes the NaNs among them canonical.
void UnitEmitter::repair(uint32_t dirty64, uint32_t dirty32) {
  for_each(dirty64 | dirty32, [&](unsigned n) {
    const Operand o = operand_of(n);
    const bool single = (dirty32 & bit(n)) != 0;
    const Xmm x = read_fpr(o, xmm0);
    if (single) e_.vucomiss(x, x);
    else e_.vucomisd(x, x);
    Label number;
    e_.jnp_short(number);
    e_.vmovsd(x, constant(single ? FpConstant::kNan32 : FpConstant::kNan64));
    if (!is_pinned(o)) e_.vmovsd(frame(f_at(o)), x);
    e_.bind(number);
  });
}

// C++ repairs what leaves the unit without a test.
void UnitEmitter::leave_dirty(uint32_t dirty64, uint32_t dirty32) {
  if (dirty64 != 0) e_.mov(dword_ptr(kFrame, l_.dirty64), dirty64);
  if (dirty32 != 0) e_.mov(dword_ptr(kFrame, l_.dirty32), dirty32);
}

// --- loops ------------------------------------------------------------------------------------------------------------------
// Singles that a unit which jumps to its own start reads before it writes them: their boxes are looked at once, before the loop. Gives their mask.
uint32_t UnitEmitter::singles_of_loop() const {
  uint32_t written = 0, singles = 0, last_single = ~uint32_t{0};
  bool loops = false;
  for (int i = 0; i < u_.uop_count; i++) {
    const Uop& u = u_.uops[i];
    if (u.dead) continue;
    loops |= (u.code == UopCode::k_branch || u.code == UopCode::k_jump) && u.imm == u_.start;
    bool single = u.size == MemOp::kU32;
    switch (u.code) {
      case UopCode::k_fcvt: {
        const FpCvt op = static_cast<FpCvt>(u.sub);
        single = op <= FpCvt::kLuS || op == FpCvt::kDS;
        break;
      }
      case UopCode::k_fp2:
      case UopCode::k_fp3:
      case UopCode::k_fsqrt:
      case UopCode::k_fsgn:
      case UopCode::k_fminmax:
      case UopCode::k_fcmp:
      case UopCode::k_fclass:
      case UopCode::k_fmov:
        break;
      default:
        single = false;
    }
    if (single) {
      for (const Operand o : {u.a, u.b, u.c}) {
        if (is_fpr(o)) singles |= bit_of(o) & ~written;
      }
    }
    if (is_fpr(u.dst)) {
      const bool makes_single = u.code == UopCode::k_fcvt ? static_cast<FpCvt>(u.sub) <= FpCvt::kSLu || static_cast<FpCvt>(u.sub) == FpCvt::kSD
                                                          : u.size == MemOp::kU32;
      written |= bit_of(u.dst);
      last_single = makes_single ? last_single | bit_of(u.dst) : last_single & ~bit_of(u.dst);
    }
  }
  // One that the loop leaves as a double would fail in each round.
  return loops ? singles & last_single : 0;
}

void UnitEmitter::check_singles_of_loop() {
  loop_boxed_ = singles_of_loop();
  if (loop_boxed_ == 0) return;
  Operand last = kNoOperand;
  bool in_xmm0 = false;
  for_each(loop_boxed_, [&](unsigned n) {
    const Operand o = operand_of(n);
    if (last != kNoOperand) {
      const Xmm a = in_xmm0 ? xmm0 : read_fpr(last, xmm0);
      if (is_pinned(o)) e_.vandps(xmm0, a, pinned_fpr(o));
      else e_.vandps(xmm0, a, frame(f_at(o)));
      in_xmm0 = true;
    }
    last = o;
  });
  e_.vpextrd(eax, in_xmm0 ? xmm0 : read_fpr(last, xmm0), 1);
  e_.cmp(eax, -1);
  Stub& stub = new_stub(Stub::Kind::kInterpret, e_.jcc_near(Condition::kNe, e_.cursor()));
  stub.target = -2;
  fp_.boxed = loop_boxed_;
}

// --- stubs ------------------------------------------------------------------------------------------------------------------
void UnitEmitter::emit_fp_stub(Stub& stub) {
  switch (stub.kind) {
    case Stub::Kind::kRepair:
      repair(stub.dirty64, stub.dirty32);
      e_.jmp_near(stub.resume);
      break;
    case Stub::Kind::kSame:
      Emitter::patch(stub.field, stubs_[stub.target].begin);
      break;
    case Stub::Kind::kFused:
      emit_fused_stub(stub);
      break;
    case Stub::Kind::kLeave:
      leave_here(stub);
      break;
    case Stub::Kind::kCleanExit:
      test_nans(stub.roots, stub.dirty64, stub.dirty32);
      mode_ = stub.info.mode;
      leave_to(stub.target, e_.jmp_near(e_.cursor()));
      break;
    case Stub::Kind::kMinMax:
      emit_min_max_stub(stub);
      break;
    case Stub::Kind::kQuiet:
      emit_quiet_stub(stub);
      break;
    case Stub::Kind::kSaturate:
      emit_saturate_stub(stub);
      break;
    case Stub::Kind::kFromUnsigned:
      emit_from_unsigned_stub(stub);
      break;
    default:
      UNREACHABLE();
  }
}

// The interpreter goes on with the stub's instruction.
void UnitEmitter::leave_here(const Stub& stub) {
  leave_dirty(stub.dirty64, stub.dirty32);
  count_down(stub.count);
  e_.mov(eax, u_.insns[stub.uop->insn].offset);
  e_.jmp_near(thunks_.exit[static_cast<int>(JitExit::kInterpret)]);
}

// A way out that is seldom taken does its tests on the way: `field` is its jump.
void UnitEmitter::leave_clean(int64_t target, uint8_t* field) {
  const uint32_t dirty = fp_.dirty64 | fp_.dirty32;
  if (dirty == 0) {
    leave_to(target, field);
    return;
  }
  uint32_t covered = 0;
  for_each(dirty, [&](unsigned n) { covered |= fp_.covers[n]; });
  Stub& stub = new_stub(Stub::Kind::kCleanExit, field);
  stub.target = target;
  stub.info.mode = mode_;
  stub.roots = dirty & ~covered;
  stub.dirty64 = fp_.dirty64;
  stub.dirty32 = fp_.dirty32;
}

}  // namespace monochord::x86_64
