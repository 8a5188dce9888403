// The Emit executor: an instruction body recorded as micro-operations instead of evaluated.
//
// What it folds while it records
// - Constants: x0, immediates, and registers that a constant was written to in this unit. Addresses relative to the pc (auipc, links) stay relative
//   to the unit's page, so a unit knows no virtual address.
// - Known widths: a register that holds a sign- or zero-extended 32-bit value makes the extension of it disappear.
// - base + constant as the address of an access.
// A body writes its destination last, so the micro-operation that made the value is simply redirected there.
#pragma once

#include <array>
#include <utility>

#include "tcg/emit/uop.h"

namespace monochord {

// Call numbers of call_helper.
enum class HelperOp : uint8_t { kCsr, kMret, kSret, kFenceI, kSfenceVma, kSvinvalFence, kCbo, kEcall, kEbreak };
// imm of a kCsr: which, how, and the operand where it is a constant.
struct CsrArgs {
  uint16_t number;
  CsrOp op;
  bool read, write;
  bool is_constant;
  uint64_t constant;
};
constexpr int64_t pack_csr(const CsrArgs& a) {
  return static_cast<int64_t>(a.constant << 20 | uint64_t{a.is_constant} << 16 | uint64_t{a.write} << 15 | uint64_t{a.read} << 14 |
                              static_cast<uint64_t>(a.op) << 12 | a.number);
}
constexpr CsrArgs unpack_csr(int64_t imm) {
  const uint64_t bits = static_cast<uint64_t>(imm);
  return {static_cast<uint16_t>(bits & 0xfff), static_cast<CsrOp>(bits >> 12 & 3), (bits >> 14 & 1) != 0, (bits >> 15 & 1) != 0,
          (bits >> 16 & 1) != 0, bits >> 20};
}

class Emit {
 public:
  struct Value {
    enum class Kind : uint8_t { kConst, kOperand, kPcRel } kind = Kind::kConst;
    Operand operand = kNoOperand;  // kOperand: where it is; else a register that holds it (less `delta`), if there is one
    uint8_t width = kWidthUnknown;
    bool plus = false;             // kOperand: operand + imm, not evaluated yet
    int64_t imm = 0;               // the constant, or the offset from the page's address
    int64_t delta = 0;             // kPcRel: what was added to the register
  };
  struct RoundingMode {
    uint8_t rm = 0;
  };

  explicit Emit(Unit& unit) : unit_(unit) {}

  // --- for whoever builds the unit ----------------------------------------------------------------------------------
  // The next instruction: `offset` and `length` in bytes.
  void begin(uint16_t offset, uint8_t length) {
    offset_ = offset;
    length_ = length;
    temps_ = 0;
    ended_ = false;
  }
  // The instruction ended the unit: nothing follows it.
  bool ended() const { return ended_; }
  // mstatus.FS may have changed since the unit began: what uses the FPU begins a new one, which looks.
  bool fs_may_have_changed() const { return fs_changed_; }
  // Where it goes on after an unconditional jump inside the page; -1: at the next instruction.
  int follow() const { return follow_; }
  void set_may_follow(bool may) { may_follow_ = may; }
  int take_follow() {
    const int to = follow_;
    follow_ = -1;
    return to;
  }
  void interpret() {
    Uop& u = append(UopCode::k_interpret);
    u.imm = offset_;
    ended_ = true;
  }
  void end_at(int64_t offset) {
    Uop& u = append(UopCode::k_jump);
    u.imm = offset;
    ended_ = true;
  }

  // --- registers ----------------------------------------------------------------------------------------------------
  Value gpr(unsigned n) const {
    if (n == 0) return constant(0);
    const Known& known = known_[n];
    if (known.kind == Known::kConst) {
      Value v = constant(known.value);
      v.operand = static_cast<Operand>(n);
      return v;
    }
    Value v = of(static_cast<Operand>(n));
    v.width = known.width;
    if (known.kind == Known::kPcRel) {
      v.kind = Value::Kind::kPcRel;
      v.imm = known.value;
    }
    return v;
  }
  void set_gpr(unsigned n, Value v) {
    if (n == 0) {
      // Even so the instruction needs the FPU.
      if (v.kind == Value::Kind::kOperand && is_fpr(v.operand)) integer_operand(v);
      return;
    }
    const Operand rd = static_cast<Operand>(n);
    Known known;
    known.width = v.width;
    switch (v.kind) {
      case Value::Kind::kConst: {
        Uop& u = append(UopCode::k_movi);
        u.dst = rd;
        u.imm = v.imm;
        known.kind = Known::kConst;
        known.value = v.imm;
        break;
      }
      case Value::Kind::kPcRel: {
        Uop& u = append(UopCode::k_pcrel);
        u.dst = rd;
        u.imm = v.imm;
        known.kind = Known::kPcRel;
        known.value = v.imm;
        break;
      }
      case Value::Kind::kOperand:
        if (v.plus) {
          Uop& u = append(UopCode::k_add);
          u.a = v.operand;
          u.b = kConstOperand;
          u.imm = v.imm;
          u.dst = rd;
        } else if (is_temp(v.operand) && unit_.uop_count > 0 && last().dst == v.operand) {
          last().dst = rd;
        } else if (is_fpr(v.operand)) {
          Uop& u = append(UopCode::k_fmv_to_x);
          u.a = v.operand;
          u.dst = rd;
        } else if (v.operand != rd) {
          Uop& u = append(UopCode::k_mov);
          u.a = v.operand;
          u.dst = rd;
        }
        break;
    }
    known_[n] = known;
  }
  Value fpr(unsigned n) {
    unit_.uses_fp = true;
    return of(static_cast<Operand>(kFpBase + n));
  }
  Value fpr_s(unsigned n) { return fpr(n); }
  void set_fpr(unsigned n, Value v) { set_f(n, v, MemOp::kU64); }
  void set_fpr_s(unsigned n, Value v) { set_f(n, v, MemOp::kU32); }
  Value imm(int64_t v) const { return constant(v); }
  Value pc_plus(int64_t offset) const {
    Value v;
    v.kind = Value::Kind::kPcRel;
    v.imm = offset_ + offset;
    return v;
  }
  Value link() const { return pc_plus(length_); }

  // --- arithmetic -----------------------------------------------------------------------------------------------------
  Value add(Value a, Value b) {
    if (a.kind == Value::Kind::kConst) std::swap(a, b);
    if (b.kind == Value::Kind::kConst) {
      if (a.kind == Value::Kind::kConst) return constant(wrap(a.imm) + wrap(b.imm));
      if (b.imm == 0) return a;
      if (a.kind == Value::Kind::kPcRel) {
        const int64_t sum = static_cast<int64_t>(wrap(a.imm) + wrap(b.imm));
        if (fits32(sum) && fits32(a.delta + b.imm)) {
          a.imm = sum;
          a.delta += b.imm;
          return a;
        }
      } else if (is_gpr(a.operand) && !a.plus && fits32(b.imm)) {
        a.plus = true;
        a.imm = b.imm;
        a.width = kWidthUnknown;
        return a;
      }
    }
    return binary(UopCode::k_add, a, b);
  }
  Value sub(Value a, Value b) {
    if (b.kind == Value::Kind::kConst) return add(a, constant(0 - wrap(b.imm)));
    return binary(UopCode::k_sub, a, b);
  }
  Value and_(Value a, Value b) {
    if (both_const(a, b)) return constant(a.imm & b.imm);
    if (a.kind == Value::Kind::kConst) std::swap(a, b);
    uint8_t width = a.width & b.width;
    if (b.kind == Value::Kind::kConst) {
      if (b.imm >= 0 && b.imm <= INT32_MAX) width = kSext32 | kZext32;
      // The target of a jalr behind its auipc: a page's address has none of the lower twelve bits.
      if (a.kind == Value::Kind::kPcRel && b.imm >> 12 == -1) {
        const int64_t cleared = a.imm & ~b.imm;
        a.imm -= cleared;
        a.delta -= cleared;
        return a;
      }
    }
    return binary(UopCode::k_and, a, b, width);
  }
  Value or_(Value a, Value b) {
    if (both_const(a, b)) return constant(a.imm | b.imm);
    if (is_const(b, 0)) return a;
    if (is_const(a, 0)) return b;
    return binary(UopCode::k_or, a, b, joint(a, b));
  }
  Value xor_(Value a, Value b) {
    if (both_const(a, b)) return constant(a.imm ^ b.imm);
    if (is_const(b, 0)) return a;
    return binary(UopCode::k_xor, a, b, joint(a, b));
  }
  Value not_(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(~a.imm);
    return unary(UopCode::k_not, a, a.width & kSext32);
  }
  Value sll(Value a, Value b) {
    if (both_const(a, b)) return constant(wrap(a.imm) << (b.imm & 63));
    if (is_const(b, 0)) return a;
    return binary(UopCode::k_sll, a, b);
  }
  Value srl(Value a, Value b) {
    if (both_const(a, b)) return constant(wrap(a.imm) >> (b.imm & 63));
    if (is_const(b, 0)) return a;
    uint8_t width = a.width & kZext32;
    if (b.kind == Value::Kind::kConst && (b.imm & 63) > 32) width = kSext32 | kZext32;
    if (b.kind == Value::Kind::kConst && (b.imm & 63) == 32) width = kZext32;
    if (b.kind == Value::Kind::kConst && (b.imm & 63) != 0 && (a.width & kZext32)) width = kSext32 | kZext32;
    return binary(UopCode::k_srl, a, b, width);
  }
  Value sra(Value a, Value b) {
    if (both_const(a, b)) return constant(static_cast<uint64_t>(a.imm >> (b.imm & 63)));
    if (is_const(b, 0)) return a;
    uint8_t width = a.width & kSext32;
    if (b.kind == Value::Kind::kConst && (b.imm & 63) >= 32) width = kSext32;
    return binary(UopCode::k_sra, a, b, width);
  }
  Value ror(Value a, Value b) { return binary(UopCode::k_ror, a, b); }
  Value rorw(Value a, Value b) { return binary(UopCode::k_rorw, a, b, kSext32); }
  Value slt(Value a, Value b) {
    if (both_const(a, b)) return constant(a.imm < b.imm);
    return binary(UopCode::k_slt, a, b, kSext32 | kZext32);
  }
  Value sltu(Value a, Value b) {
    if (both_const(a, b)) return constant(wrap(a.imm) < wrap(b.imm));
    return binary(UopCode::k_sltu, a, b, kSext32 | kZext32);
  }
  Value mul(Value a, Value b) {
    if (both_const(a, b)) return constant(wrap(a.imm) * wrap(b.imm));
    return binary(UopCode::k_mul, a, b);
  }
  Value mulh(Value a, Value b) { return binary(UopCode::k_mulh, a, b); }
  Value mulhsu(Value a, Value b) { return binary(UopCode::k_mulhsu, a, b); }
  Value mulhu(Value a, Value b) { return binary(UopCode::k_mulhu, a, b); }
  Value div(Value a, Value b) { return binary(UopCode::k_div, a, b); }
  Value divu(Value a, Value b) { return binary(UopCode::k_divu, a, b); }
  Value rem(Value a, Value b) { return binary(UopCode::k_rem, a, b, a.width & b.width & kSext32); }
  Value remu(Value a, Value b) { return binary(UopCode::k_remu, a, b); }
  Value min(Value a, Value b) { return binary(UopCode::k_min, a, b, a.width & b.width); }
  Value max(Value a, Value b) { return binary(UopCode::k_max, a, b, a.width & b.width); }
  Value minu(Value a, Value b) { return binary(UopCode::k_minu, a, b, a.width & b.width); }
  Value maxu(Value a, Value b) { return binary(UopCode::k_maxu, a, b, a.width & b.width); }
  Value clz(Value a) { return unary(UopCode::k_clz, a, kSext32 | kZext32); }
  Value ctz(Value a) { return unary(UopCode::k_ctz, a, kSext32 | kZext32); }
  Value cpop(Value a) { return unary(UopCode::k_cpop, a, kSext32 | kZext32); }
  Value orc_b(Value a) { return unary(UopCode::k_orc_b, a); }
  Value rev8(Value a) { return unary(UopCode::k_rev8, a); }
  Value sext8(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(static_cast<int8_t>(a.imm));
    return unary(UopCode::k_sext8, a, kSext32);
  }
  Value sext16(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(static_cast<int16_t>(a.imm));
    return unary(UopCode::k_sext16, a, kSext32);
  }
  Value sext32(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(static_cast<int32_t>(a.imm));
    if (!a.plus && (a.width & kSext32)) return a;
    return unary(UopCode::k_sext32, a, kSext32);
  }
  Value zext16(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(static_cast<uint16_t>(a.imm));
    return unary(UopCode::k_zext16, a, kSext32 | kZext32);
  }
  Value zext32(Value a) {
    if (a.kind == Value::Kind::kConst) return constant(int64_t{static_cast<uint32_t>(a.imm)});
    if (!a.plus && (a.width & kZext32)) return a;
    return unary(UopCode::k_zext32, a, kZext32);
  }
  Value zero_if_eqz(Value a, Value b) {
    if (b.kind == Value::Kind::kConst) return b.imm == 0 ? constant(0) : a;
    return binary(UopCode::k_zero_if_eqz, a, b, a.width);
  }
  Value zero_if_nez(Value a, Value b) {
    if (b.kind == Value::Kind::kConst) return b.imm != 0 ? constant(0) : a;
    return binary(UopCode::k_zero_if_nez, a, b, a.width);
  }

  // --- memory ---------------------------------------------------------------------------------------------------------
  Value load(Value address, MemOp mo) {
    Uop& u = access(UopCode::k_load, address, mo);
    return result_of(u, width_of(mo));
  }
  void store(Value address, Value value, MemOp mo) {
    const Operand v = value_operand(value);
    access(UopCode::k_store, address, mo).b = v;
  }
  Value load_reserved(Value address, MemOp mo) {
    Uop& u = access(UopCode::k_load_reserved, address, mo);
    return result_of(u, width_of(mo));
  }
  Value store_conditional(Value address, Value value, MemOp mo) {
    const Operand v = value_operand(value);
    Uop& u = access(UopCode::k_store_conditional, address, mo);
    u.b = v;
    return result_of(u, kSext32 | kZext32);
  }
  Value amo(AmoOp op, Value address, Value operand, MemOp mo) {
    const Operand v = value_operand(operand);
    Uop& u = access(UopCode::k_amo, address, mo);
    u.b = v;
    u.sub = static_cast<uint8_t>(op);
    return result_of(u, width_of(mo));
  }

  // --- control --------------------------------------------------------------------------------------------------------
  // Compiling, a trap is a way out of the unit; only an instruction that always traps leaves for good.
  bool left() const { return ended_; }
  void branch(Cond cond, Value a, Value b, int64_t offset) {
    if (both_const(a, b)) {
      if (holds(cond, a.imm, b.imm)) jump(offset);
      return;
    }
    const Operand oa = value_operand(a);
    const Operand ob = value_operand(b);
    Uop& u = append(UopCode::k_branch);
    u.a = oa;
    u.b = ob;
    u.sub = static_cast<uint8_t>(cond);
    u.imm = offset_ + offset;
  }
  // IALIGN is 16 with the C extension, which generated code asks for; without it jumps are the interpreter's.
  void check_target(int64_t) {}
  void check_target_reg(Value) {}
  void jump(int64_t offset) {
    // Forward only: so the places of a unit rise, and a way from unit to unit without a look at the budget is no longer than a page.
    const int64_t to = offset_ + offset;
    if (may_follow_ && to > offset_ && to < 4096) {
      follow_ = static_cast<int>(to);
      return;
    }
    end_at(to);
  }
  void jump_reg(Value target) {
    if (target.kind == Value::Kind::kPcRel) {
      jump(target.imm - offset_);
      return;
    }
    const Operand o = value_operand(target);
    append(UopCode::k_jump_reg).a = o;
    ended_ = true;
  }
  void raise(Exception, Value) { interpret(); }
  void illegal() { interpret(); }

  // --- floating point -------------------------------------------------------------------------------------------------
  RoundingMode resolve_rm(unsigned rm) {
    // Reserved, or one that hosts don't have (RMM).
    if (rm >= 4 && rm <= 6) interpret();
    return {static_cast<uint8_t>(rm)};
  }
  Value fp2(FpSize size, FpOp2 op, Value a, Value b, RoundingMode rm) {
    return fp(UopCode::k_fp2, size, static_cast<uint8_t>(op), rm.rm, a.operand, b.operand, kNoOperand);
  }
  Value fp3(FpSize size, FpOp3 op, Value a, Value b, Value c, RoundingMode rm) {
    return fp(UopCode::k_fp3, size, static_cast<uint8_t>(op), rm.rm, a.operand, b.operand, c.operand);
  }
  Value fsqrt(FpSize size, Value a, RoundingMode rm) {
    return fp(UopCode::k_fsqrt, size, 0, rm.rm, a.operand, kNoOperand, kNoOperand);
  }
  Value fsgn(FpSize size, FpSign op, Value a, Value b) {
    return fp(UopCode::k_fsgn, size, static_cast<uint8_t>(op), 0, a.operand, b.operand, kNoOperand);
  }
  Value fminmax(FpSize size, FpMinMax op, Value a, Value b) {
    return fp(UopCode::k_fminmax, size, static_cast<uint8_t>(op), 0, a.operand, b.operand, kNoOperand);
  }
  Value fcmp(FpSize size, FpCmp op, Value a, Value b) {
    Value v = fp(UopCode::k_fcmp, size, static_cast<uint8_t>(op), 0, a.operand, b.operand, kNoOperand);
    v.width = kSext32 | kZext32;
    return v;
  }
  Value fclass(FpSize size, Value a) {
    Value v = fp(UopCode::k_fclass, size, 0, 0, a.operand, kNoOperand, kNoOperand);
    v.width = kSext32 | kZext32;
    return v;
  }
  Value fcvt(FpCvt op, Value a, RoundingMode rm) {
    const Operand source = value_operand(a);
    Value v = fp(UopCode::k_fcvt, FpSize::kD, static_cast<uint8_t>(op), rm.rm, source, kNoOperand, kNoOperand);
    if (op == FpCvt::kWS || op == FpCvt::kWD || op == FpCvt::kWuS || op == FpCvt::kWuD) v.width = kSext32;
    return v;
  }

  // --- system ---------------------------------------------------------------------------------------------------------
  Value csr(unsigned number, CsrOp op, Value operand, bool read, bool write);
  void fence() {}
  void pause() {}
  // Fetch sees every store at once, but where somebody asked for the letter of the manual.
  void fence_i() {
    if (unit_.strict_fencei) system(HelperOp::kFenceI, 0);
  }
  void ecall() { system(HelperOp::kEcall, 0); }
  void ebreak() { system(HelperOp::kEbreak, 0); }
  void mret() { system(HelperOp::kMret, 0); }
  void sret() { system(HelperOp::kSret, 0); }
  void wfi() { interpret(); }
  void svinval_fence() { system(HelperOp::kSvinvalFence, 0); }
  void sfence_vma(bool has_vaddr, Value vaddr, bool has_asid, Value asid) {
    const Operand a = value_operand(vaddr), b = value_operand(asid);
    Uop& u = system(HelperOp::kSfenceVma, has_vaddr | has_asid << 1);
    u.a = a;
    u.b = b;
  }
  void cbo(Cbo op, Value address) {
    const Operand a = value_operand(address);
    Uop& u = append(UopCode::k_call_helper);
    u.sub = static_cast<uint8_t>(HelperOp::kCbo);
    u.imm = static_cast<int64_t>(op);
    u.a = a;
  }

 private:
  struct Known {
    enum Kind : uint8_t { kNone, kConst, kPcRel } kind = kNone;
    uint8_t width = kWidthUnknown;
    int64_t value = 0;
  };

  static uint64_t wrap(int64_t v) { return static_cast<uint64_t>(v); }
  static bool fits32(int64_t v) { return v == static_cast<int32_t>(v); }
  static uint8_t widths_of_constant(int64_t v) {
    return static_cast<uint8_t>((fits32(v) ? kSext32 : 0) | (v == static_cast<uint32_t>(v) ? kZext32 : 0));
  }
  static Value constant(int64_t v) {
    Value value;
    value.imm = v;
    value.width = widths_of_constant(v);
    return value;
  }
  static Value constant(uint64_t v) { return constant(static_cast<int64_t>(v)); }
  static Value constant(bool v) { return constant(static_cast<int64_t>(v)); }
  static Value constant(int v) { return constant(static_cast<int64_t>(v)); }
  static Value of(Operand o) {
    Value v;
    v.kind = Value::Kind::kOperand;
    v.operand = o;
    return v;
  }
  static bool both_const(const Value& a, const Value& b) { return a.kind == Value::Kind::kConst && b.kind == Value::Kind::kConst; }
  static bool is_const(const Value& v, int64_t c) { return v.kind == Value::Kind::kConst && v.imm == c; }
  static uint8_t joint(const Value& a, const Value& b) { return a.width & b.width; }
  static uint8_t width_of(MemOp mo) {
    switch (mo) {
      case MemOp::kU8:
      case MemOp::kU16: return kSext32 | kZext32;
      case MemOp::kS8:
      case MemOp::kS16:
      case MemOp::kS32: return kSext32;
      case MemOp::kU32: return kZext32;
      case MemOp::kU64: return kWidthUnknown;
    }
    return kWidthUnknown;
  }
  static bool holds(Cond cond, int64_t a, int64_t b) {
    switch (cond) {
      case Cond::kEq: return a == b;
      case Cond::kNe: return a != b;
      case Cond::kLt: return a < b;
      case Cond::kGe: return a >= b;
      case Cond::kLtu: return wrap(a) < wrap(b);
      case Cond::kGeu: return wrap(a) >= wrap(b);
    }
    return false;
  }
  Uop& last() { return unit_.uops[unit_.uop_count - 1]; }
  Uop& append(UopCode code) {
    Uop& u = unit_.uops[unit_.uop_count++];
    u = Uop{};
    u.code = code;
    u.insn = static_cast<uint8_t>(unit_.insn_count);
    return u;
  }
  Operand new_temp() { return static_cast<Operand>(kTempBase + temps_++); }
  Value result_of(Uop& u, uint8_t width) {
    u.dst = new_temp();
    Value v = of(u.dst);
    v.width = width;
    return v;
  }
  // The value in an operand: a register, or a temporary that is made for it.
  Operand value_operand(const Value& v) {
    if (v.kind == Value::Kind::kConst && v.imm == 0) return 0;
    if (v.operand != kNoOperand && !v.plus && v.delta == 0) return v.operand;
    const Operand t = new_temp();
    UopCode code = UopCode::k_movi;
    if (v.kind == Value::Kind::kPcRel) code = UopCode::k_pcrel;
    if (v.kind == Value::Kind::kOperand) code = UopCode::k_add;
    Uop& u = append(code);
    u.dst = t;
    u.imm = v.imm;
    if (code == UopCode::k_add) {
      u.a = v.operand;
      u.b = kConstOperand;
    }
    return t;
  }
  // The same for arithmetic on integer registers.
  Operand integer_operand(const Value& v) {
    const Operand o = value_operand(v);
    if (!is_fpr(o)) return o;
    Uop& u = append(UopCode::k_fmv_to_x);
    u.a = o;
    u.dst = new_temp();
    return u.dst;
  }
  Value unary(UopCode code, const Value& a, uint8_t width = kWidthUnknown) {
    const Operand oa = integer_operand(a);
    Uop& u = append(code);
    u.a = oa;
    u.widths = a.plus ? 0 : a.width;
    return result_of(u, width);
  }
  Value binary(UopCode code, Value a, Value b, uint8_t width = kWidthUnknown) {
    const Operand oa = integer_operand(a);
    Operand ob = kConstOperand;
    int64_t constant_b = 0;
    if (b.kind == Value::Kind::kConst && fits32(b.imm)) constant_b = b.imm;
    else ob = integer_operand(b);
    Uop& u = append(code);
    u.a = oa;
    u.b = ob;
    u.imm = constant_b;
    u.widths = static_cast<uint8_t>((a.plus ? 0 : a.width) | (b.plus ? 0 : b.width) << 2);
    return result_of(u, width);
  }
  Uop& access(UopCode code, const Value& address, MemOp mo) {
    Operand base;
    int64_t offset = 0;
    if (address.kind == Value::Kind::kOperand && address.plus) {
      base = address.operand;
      offset = address.imm;
    } else if (address.kind == Value::Kind::kPcRel && address.operand != kNoOperand) {
      base = address.operand;
      offset = address.delta;
    } else {
      base = value_operand(address);
    }
    Uop& u = append(code);
    u.a = base;
    u.imm = offset;
    u.size = mo;
    return u;
  }
  Value fp(UopCode code, FpSize size, uint8_t op, uint8_t rm, Operand a, Operand b, Operand c) {
    unit_.uses_fp = true;
    Uop& u = append(code);
    u.size = size == FpSize::kS ? MemOp::kU32 : MemOp::kU64;
    u.sub = op;
    u.imm = rm;
    u.a = a;
    u.b = b;
    u.c = c;
    return result_of(u, kWidthUnknown);
  }
  void set_f(unsigned n, const Value& v, MemOp format) {
    unit_.uses_fp = true;
    const Operand rd = static_cast<Operand>(kFpBase + n);
    if (v.kind == Value::Kind::kOperand && is_temp(v.operand) && !v.plus && last().dst == v.operand) {
      last().dst = rd;
      return;
    }
    const Operand source = value_operand(v);
    Uop& u = append(is_fpr(source) ? UopCode::k_fmov : UopCode::k_fmv_from_x);
    u.a = source;
    u.dst = rd;
    u.size = format;
  }
  Uop& system(HelperOp op, int64_t imm) {
    Uop& u = append(UopCode::k_call_helper);
    u.sub = static_cast<uint8_t>(op);
    u.imm = imm;
    ended_ = true;
    return u;
  }

  Unit& unit_;
  std::array<Known, 32> known_{};
  int temps_ = 0;
  int follow_ = -1;
  bool may_follow_ = true;
  bool ended_ = false;
  bool fs_changed_ = false;
  uint16_t offset_ = 0;
  uint8_t length_ = 4;
};

}  // namespace monochord
