// The Direct executor: an instruction body evaluated at once. One object an instruction, made of the handler's arguments; the compiler keeps it in
// registers, so nothing here may take its address out of line.
#pragma once

#include <bit>
#include <cstring>

#include "tcg/fpu/fpu.h"
#include "tcg/interp/interpreter.h"
#include "tcg/riscv/bits.h"

// How one handler hands over to the next. Threaded: a tail call, which the compiler makes a jump when it optimises (the handlers are built so that it
// can; tests/tcg/dispatch_test.cpp looks at the machine code). Otherwise, and under the sanitizers, run() calls handler after handler.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(MONOCHORD_LOOP_DISPATCH)
#define MONOCHORD_THREADED 1
#else
#define MONOCHORD_THREADED 0
#endif
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef MONOCHORD_THREADED
#define MONOCHORD_THREADED 0
#endif
#endif

#if defined(__has_cpp_attribute) && __has_cpp_attribute(clang::musttail)
#define MONOCHORD_TAIL [[clang::musttail]] return
#else
#define MONOCHORD_TAIL return
#endif

// Runs `to` without counting it: the slot that is left was no instruction.
#define MONOCHORD_REDISPATCH(to, in, budget, state)    \
  do {                                                 \
    const Insn* const go = (to);                       \
    MONOCHORD_TAIL go->fn(go, in, budget, state);      \
  } while (0)

#if MONOCHORD_THREADED
#define MONOCHORD_DISPATCH(to, in, budget, state)                \
  do {                                                           \
    const Insn* const go = (to);                                 \
    if (__builtin_expect((budget) == 0, 0)) {                    \
      MONOCHORD_TAIL stop_run(go, in, budget, state);            \
    }                                                            \
    MONOCHORD_TAIL go->fn(go, in, (budget) - 1, state);          \
  } while (0)
#else
#define MONOCHORD_DISPATCH(to, in, budget, state) return (to)
#endif

namespace monochord {

// The budget is used up before `next`.
const Insn* stop_run(const Insn* next, Interpreter* in, int64_t budget, HartState* state);

// kSlots: 1 for a compressed instruction, 2 otherwise. kInPage: branches and jumps lead to a slot of the same page.
// kFast: whatever needs a call out of line gives up instead (`bailed`), and the handler runs the body again in the version that calls. A body writes
// nothing before the last thing that may trap, so nothing is done twice; and a fast handler needs no stack frame.
template <unsigned kSlots, bool kInPage, bool kFast>
struct Direct {
  using Value = uint64_t;
  using RoundingMode = fpu::RoundingMode;

  const Insn* insn;
  const Insn* next;
  Interpreter* in;
  int64_t budget;
  HartState* s;
  bool left_ = false;
  bool bailed = false;

  Direct(const Insn* insn_, Interpreter* in_, int64_t budget_, HartState* state_)
      : insn(insn_), next(insn_ + kSlots), in(in_), budget(budget_), s(state_) {}

  bool left() const { return left_; }
  void leave(const Insn* to) {
    next = to;
    left_ = true;
  }
  void bail() { bailed = left_ = true; }
  // What a slow path gave back.
  Value finish(const SlowResult& slow) {
    next = slow.next;
    left_ = in->trapped;
    return slow.value;
  }

  // --- registers ----------------------------------------------------------------------------------------------------
  Value gpr(unsigned n) const { return s->x[n]; }
  void set_gpr(unsigned n, Value v) { s->x[n] = v; }
  Value fpr(unsigned n) const { return s->f[n]; }
  void set_fpr(unsigned n, Value v) {
    s->f[n] = v;
    fs_dirty();
  }
  Value fpr_s(unsigned n) const { return fpu::unbox32(s->f[n]); }
  void set_fpr_s(unsigned n, Value v) { set_fpr(n, fpu::box32(static_cast<uint32_t>(v))); }
  void fs_dirty() { s->mstatus |= kMstatusFs; }
  Value imm(int64_t v) const { return static_cast<uint64_t>(v); }
  Value pc() const { return in->pc_of(insn); }
  Value pc_plus(int64_t offset) const { return pc() + static_cast<uint64_t>(offset); }
  Value link() const { return pc() + 2 * kSlots; }

  // --- arithmetic -----------------------------------------------------------------------------------------------------
  static int64_t sgn(Value v) { return static_cast<int64_t>(v); }
  Value add(Value a, Value b) const { return a + b; }
  Value sub(Value a, Value b) const { return a - b; }
  Value and_(Value a, Value b) const { return a & b; }
  Value or_(Value a, Value b) const { return a | b; }
  Value xor_(Value a, Value b) const { return a ^ b; }
  Value not_(Value a) const { return ~a; }
  Value sll(Value a, Value b) const { return a << (b & 63); }
  Value srl(Value a, Value b) const { return a >> (b & 63); }
  Value sra(Value a, Value b) const { return static_cast<uint64_t>(sgn(a) >> (b & 63)); }
  Value ror(Value a, Value b) const { return std::rotr(a, static_cast<int>(b & 63)); }
  Value rorw(Value a, Value b) const { return sext32(std::rotr(static_cast<uint32_t>(a), static_cast<int>(b & 31))); }
  Value slt(Value a, Value b) const { return sgn(a) < sgn(b); }
  Value sltu(Value a, Value b) const { return a < b; }
  Value mul(Value a, Value b) const { return a * b; }
  Value mulh(Value a, Value b) const { return static_cast<uint64_t>((static_cast<__int128>(sgn(a)) * sgn(b)) >> 64); }
  Value mulhsu(Value a, Value b) const {
    return static_cast<uint64_t>((static_cast<__int128>(sgn(a)) * static_cast<__int128>(b)) >> 64);
  }
  Value mulhu(Value a, Value b) const { return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 64); }
  Value div(Value a, Value b) const {
    if (b == 0) return ~uint64_t{0};
    if (b == ~uint64_t{0}) return 0 - a;  // the one overflow included
    return static_cast<uint64_t>(sgn(a) / sgn(b));
  }
  Value divu(Value a, Value b) const { return b == 0 ? ~uint64_t{0} : a / b; }
  Value rem(Value a, Value b) const {
    if (b == 0) return a;
    if (b == ~uint64_t{0}) return 0;
    return static_cast<uint64_t>(sgn(a) % sgn(b));
  }
  Value remu(Value a, Value b) const { return b == 0 ? a : a % b; }
  Value min(Value a, Value b) const { return sgn(a) < sgn(b) ? a : b; }
  Value max(Value a, Value b) const { return sgn(a) < sgn(b) ? b : a; }
  Value minu(Value a, Value b) const { return a < b ? a : b; }
  Value maxu(Value a, Value b) const { return a < b ? b : a; }
  Value clz(Value a) const { return static_cast<unsigned>(std::countl_zero(a)); }
  Value ctz(Value a) const { return static_cast<unsigned>(std::countr_zero(a)); }
  Value cpop(Value a) const { return static_cast<unsigned>(std::popcount(a)); }
  Value orc_b(Value a) const {
    // Bit 7 of each byte says whether any bit of it is set; then spread it over the byte.
    constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
    const uint64_t any = (((a & kLow) + kLow) | a) & ~kLow;
    return (any >> 7) * 0xff;
  }
  Value rev8(Value a) const { return __builtin_bswap64(a); }
  Value sext8(Value a) const { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(a))); }
  Value sext16(Value a) const { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int16_t>(a))); }
  Value sext32(Value a) const { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(a))); }
  Value zext16(Value a) const { return static_cast<uint16_t>(a); }
  Value zext32(Value a) const { return static_cast<uint32_t>(a); }
  Value zero_if_eqz(Value a, Value b) const { return b == 0 ? 0 : a; }
  Value zero_if_nez(Value a, Value b) const { return b != 0 ? 0 : a; }

  // --- memory ---------------------------------------------------------------------------------------------------------
  Value extend(Value v, MemOp mo) const {
    switch (mo) {
      case MemOp::kS8: return sext8(v);
      case MemOp::kS16: return sext16(v);
      case MemOp::kS32: return sext32(v);
      default: return v;
    }
  }
  template <typename T>
  static T host_load(uintptr_t address) {
    T value;
    memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
    return value;
  }
  static Value host_load(uintptr_t address, unsigned size) {
    switch (size) {
      case 1: return host_load<uint8_t>(address);
      case 2: return host_load<uint16_t>(address);
      case 4: return host_load<uint32_t>(address);
      default: return host_load<uint64_t>(address);
    }
  }
  static void host_store(uintptr_t address, unsigned size, Value value) {
    switch (size) {
      case 1: memcpy(reinterpret_cast<void*>(address), &value, 1); break;
      case 2: memcpy(reinterpret_cast<void*>(address), &value, 2); break;
      case 4: memcpy(reinterpret_cast<void*>(address), &value, 4); break;
      default: memcpy(reinterpret_cast<void*>(address), &value, 8); break;
    }
  }

  [[gnu::always_inline]] Value load(Value address, MemOp mo) {
    const unsigned size = size_of(mo);
    const TlbEntry& entry = in->read[Tlb::index(address)];
    if (__builtin_expect(Tlb::hit(entry, address, size), 1)) return extend(host_load(address + entry.addend, size), mo);
    if constexpr (kFast) {
      bail();
      return 0;
    } else {
      return extend(finish(in->load(insn, next, budget, address, size)), mo);
    }
  }
  [[gnu::always_inline]] void store(Value address, Value value, MemOp mo) {
    const unsigned size = size_of(mo);
    const TlbEntry& entry = in->write[Tlb::index(address)];
    if (__builtin_expect(Tlb::hit(entry, address, size), 1)) {
      host_store(address + entry.addend, size, value);
      return;
    }
    if constexpr (kFast) {
      bail();
    } else {
      next = in->store(insn, next, budget, address, size, value);
    }
  }
  [[gnu::always_inline]] Value load_reserved(Value address, MemOp mo) {
    const unsigned size = size_of(mo);
    const TlbEntry& entry = in->read[Tlb::index(address)];
    if (__builtin_expect(Tlb::hit(entry, address, size) && (address & (size - 1)) == 0, 1)) {
      const Value value = host_load(address + entry.addend, size);
      s->reservation_addr = address + entry.addend;
      s->reservation_value = value;
      s->reservation_epoch = in->cpu().dma_epoch;
      return extend(value, mo);
    }
    if constexpr (kFast) {
      bail();
      return 0;
    } else {
      return extend(finish(in->load_reserved(insn, next, budget, address, size)), mo);
    }
  }
  // SC is rare enough, and has enough cases, to go out of line always.
  [[gnu::always_inline]] Value store_conditional(Value address, Value value, MemOp mo) {
    if constexpr (kFast) {
      bail();
      return 0;
    } else {
      return finish(in->store_conditional(insn, next, budget, address, size_of(mo), value));
    }
  }
  static Value amo_result(AmoOp op, Value old, Value operand, MemOp mo) {
    const bool word = mo == MemOp::kS32;
    const int64_t a = word ? static_cast<int32_t>(old) : static_cast<int64_t>(old);
    const int64_t b = word ? static_cast<int32_t>(operand) : static_cast<int64_t>(operand);
    const uint64_t ua = word ? static_cast<uint32_t>(old) : old;
    const uint64_t ub = word ? static_cast<uint32_t>(operand) : operand;
    switch (op) {
      case AmoOp::kSwap: return operand;
      case AmoOp::kAdd: return old + operand;
      case AmoOp::kXor: return old ^ operand;
      case AmoOp::kAnd: return old & operand;
      case AmoOp::kOr: return old | operand;
      case AmoOp::kMin: return a < b ? old : operand;
      case AmoOp::kMax: return a < b ? operand : old;
      case AmoOp::kMinu: return ua < ub ? old : operand;
      case AmoOp::kMaxu: return ua < ub ? operand : old;
    }
    return operand;
  }
  [[gnu::always_inline]] Value amo(AmoOp op, Value address, Value operand, MemOp mo) {
    const unsigned size = size_of(mo);
    const TlbEntry& entry = in->write[Tlb::index(address)];
    if (__builtin_expect(Tlb::hit(entry, address, size) && (address & (size - 1)) == 0, 1)) {
      return extend(amo_host(op, address + entry.addend, operand, mo), mo);
    }
    if constexpr (kFast) {
      bail();
      return 0;
    } else {
      return extend(finish(in->amo(insn, next, budget, op, address, operand, size)), mo);
    }
  }
  // Compare and exchange against our own thread's handler only (DMA of a callback): one instruction, and no lock prefix where we can leave it out.
  // Returns what was there.
  template <typename T>
  [[gnu::always_inline]] static T exchange_if(T* at, T expected, T value) {
#if defined(__x86_64__)
    asm volatile("cmpxchg %2, %1" : "+a"(expected), "+m"(*at) : "r"(value) : "cc", "memory");
#else
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
    return expected;
  }
  template <typename T>
  [[gnu::always_inline]] static Value amo_loop(AmoOp op, uintptr_t address, Value operand, MemOp mo) {
    T* at = reinterpret_cast<T*>(address);
    T old = __atomic_load_n(at, __ATOMIC_RELAXED);
    for (;;) {
      const T seen = exchange_if(at, old, static_cast<T>(amo_result(op, old, operand, mo)));
      if (__builtin_expect(seen == old, 1)) return old;
      old = seen;
    }
  }
  [[gnu::always_inline]] static Value amo_host(AmoOp op, uintptr_t address, Value operand, MemOp mo) {
    return size_of(mo) == 4 ? amo_loop<uint32_t>(op, address, operand, mo) : amo_loop<uint64_t>(op, address, operand, mo);
  }

  // --- control --------------------------------------------------------------------------------------------------------
  [[gnu::always_inline]] static bool holds(Cond cond, Value a, Value b) {
    switch (cond) {
      case Cond::kEq: return a == b;
      case Cond::kNe: return a != b;
      case Cond::kLt: return sgn(a) < sgn(b);
      case Cond::kGe: return sgn(a) >= sgn(b);
      case Cond::kLtu: return a < b;
      case Cond::kGeu: return a >= b;
    }
    return false;
  }
  [[gnu::always_inline]] void branch(Cond cond, Value a, Value b, int64_t offset) {
    if (!holds(cond, a, b)) return;
    if constexpr (!kInPage) {
      check_target(offset);
      if (left_) return;
    }
    jump(offset);
  }
  [[gnu::always_inline]] void check_target(int64_t offset) {
    if constexpr (!kInPage) check_target_reg(pc_plus(offset));
  }
  [[gnu::always_inline]] void jump(int64_t offset) {
    if constexpr (kInPage) {
      next = insn + (offset >> 1);
      if (__builtin_expect(*in->exit_request != 0, 0)) next = in->leave_at(pc_plus(offset));
    } else {
      next = in->jump(pc_plus(offset));
    }
  }
  [[gnu::always_inline]] void check_target_reg(Value target) {
    if (__builtin_expect((target & in->misaligned_target) != 0, 0)) raise(Exception::kInstAddrMisaligned, target);
  }
  [[gnu::always_inline]] void jump_reg(Value target) { next = in->jump(target); }
  void raise(Exception cause, Value tval) {
    if constexpr (kFast) {
      bail();
    } else {
      leave(in->raise(insn, budget, cause, tval));
    }
  }
  void illegal() {
    if constexpr (kFast) {
      bail();
    } else {
      leave(in->illegal(insn, budget));
    }
  }

  // --- floating point -------------------------------------------------------------------------------------------------
  [[gnu::always_inline]] RoundingMode resolve_rm(unsigned rm) {
    const unsigned mode = rm == 7 ? s->frm : rm;
    if (__builtin_expect(mode > fpu::RMM, 0)) illegal();
    return static_cast<RoundingMode>(mode);
  }
  static uint32_t lo(Value v) { return static_cast<uint32_t>(v); }
  [[gnu::always_inline]] Value fp2(FpSize size, FpOp2 op, Value a, Value b, RoundingMode rm) {
    uint32_t& flags = s->fflags;
    const bool single = size == FpSize::kS;
    switch (op) {
      case FpOp2::kAdd: return single ? fpu::f32_add(lo(a), lo(b), rm, flags) : fpu::f64_add(a, b, rm, flags);
      case FpOp2::kSub: return single ? fpu::f32_sub(lo(a), lo(b), rm, flags) : fpu::f64_sub(a, b, rm, flags);
      case FpOp2::kMul: return single ? fpu::f32_mul(lo(a), lo(b), rm, flags) : fpu::f64_mul(a, b, rm, flags);
      case FpOp2::kDiv: return single ? fpu::f32_div(lo(a), lo(b), rm, flags) : fpu::f64_div(a, b, rm, flags);
    }
    return 0;
  }
  [[gnu::always_inline]] Value fp3(FpSize size, FpOp3 op, Value a, Value b, Value c, RoundingMode rm) {
    uint32_t& flags = s->fflags;
    const bool single = size == FpSize::kS;
    switch (op) {
      case FpOp3::kMadd: return single ? fpu::f32_madd(lo(a), lo(b), lo(c), rm, flags) : fpu::f64_madd(a, b, c, rm, flags);
      case FpOp3::kMsub: return single ? fpu::f32_msub(lo(a), lo(b), lo(c), rm, flags) : fpu::f64_msub(a, b, c, rm, flags);
      case FpOp3::kNmsub: return single ? fpu::f32_nmsub(lo(a), lo(b), lo(c), rm, flags) : fpu::f64_nmsub(a, b, c, rm, flags);
      case FpOp3::kNmadd: return single ? fpu::f32_nmadd(lo(a), lo(b), lo(c), rm, flags) : fpu::f64_nmadd(a, b, c, rm, flags);
    }
    return 0;
  }
  [[gnu::always_inline]] Value fsqrt(FpSize size, Value a, RoundingMode rm) {
    return size == FpSize::kS ? fpu::f32_sqrt(lo(a), rm, s->fflags) : fpu::f64_sqrt(a, rm, s->fflags);
  }
  [[gnu::always_inline]] Value fsgn(FpSize size, FpSign op, Value a, Value b) const {
    const bool single = size == FpSize::kS;
    switch (op) {
      case FpSign::kSgnj: return single ? fpu::f32_sgnj(lo(a), lo(b)) : fpu::f64_sgnj(a, b);
      case FpSign::kSgnjn: return single ? fpu::f32_sgnjn(lo(a), lo(b)) : fpu::f64_sgnjn(a, b);
      case FpSign::kSgnjx: return single ? fpu::f32_sgnjx(lo(a), lo(b)) : fpu::f64_sgnjx(a, b);
    }
    return 0;
  }
  [[gnu::always_inline]] Value fminmax(FpSize size, FpMinMax op, Value a, Value b) {
    uint32_t& flags = s->fflags;
    if (size == FpSize::kS)
      return op == FpMinMax::kMin ? fpu::f32_min(lo(a), lo(b), flags) : fpu::f32_max(lo(a), lo(b), flags);
    return op == FpMinMax::kMin ? fpu::f64_min(a, b, flags) : fpu::f64_max(a, b, flags);
  }
  // Writes no floating-point register: the state is dirty only where a flag was raised.
  void dirty_if_raised(uint32_t before) {
    if (s->fflags != before) fs_dirty();
  }
  [[gnu::always_inline]] Value fcmp(FpSize size, FpCmp op, Value a, Value b) {
    uint32_t& flags = s->fflags;
    const uint32_t before = flags;
    const bool single = size == FpSize::kS;
    bool result = false;
    switch (op) {
      case FpCmp::kEq: result = single ? fpu::f32_eq(lo(a), lo(b), flags) : fpu::f64_eq(a, b, flags); break;
      case FpCmp::kLt: result = single ? fpu::f32_lt(lo(a), lo(b), flags) : fpu::f64_lt(a, b, flags); break;
      case FpCmp::kLe: result = single ? fpu::f32_le(lo(a), lo(b), flags) : fpu::f64_le(a, b, flags); break;
    }
    dirty_if_raised(before);
    return result;
  }
  [[gnu::always_inline]] Value fclass(FpSize size, Value a) const {
    return size == FpSize::kS ? fpu::f32_classify(lo(a)) : fpu::f64_classify(a);
  }
  [[gnu::always_inline]] Value fcvt(FpCvt op, Value a, RoundingMode rm) {
    const uint32_t before = s->fflags;
    const Value result = convert(op, a, rm);
    dirty_if_raised(before);
    return result;
  }
  [[gnu::always_inline]] Value convert(FpCvt op, Value a, RoundingMode rm) {
    uint32_t& flags = s->fflags;
    switch (op) {
      case FpCvt::kWS: return sext32(static_cast<uint32_t>(fpu::f32_to_i32(lo(a), rm, flags)));
      case FpCvt::kWuS: return sext32(fpu::f32_to_u32(lo(a), rm, flags));
      case FpCvt::kLS: return static_cast<uint64_t>(fpu::f32_to_i64(lo(a), rm, flags));
      case FpCvt::kLuS: return fpu::f32_to_u64(lo(a), rm, flags);
      case FpCvt::kWD: return sext32(static_cast<uint32_t>(fpu::f64_to_i32(a, rm, flags)));
      case FpCvt::kWuD: return sext32(fpu::f64_to_u32(a, rm, flags));
      case FpCvt::kLD: return static_cast<uint64_t>(fpu::f64_to_i64(a, rm, flags));
      case FpCvt::kLuD: return fpu::f64_to_u64(a, rm, flags);
      case FpCvt::kSW: return fpu::i32_to_f32(static_cast<int32_t>(a), rm, flags);
      case FpCvt::kSWu: return fpu::u32_to_f32(lo(a), rm, flags);
      case FpCvt::kSL: return fpu::i64_to_f32(sgn(a), rm, flags);
      case FpCvt::kSLu: return fpu::u64_to_f32(a, rm, flags);
      case FpCvt::kDW: return fpu::i32_to_f64(static_cast<int32_t>(a));
      case FpCvt::kDWu: return fpu::u32_to_f64(lo(a));
      case FpCvt::kDL: return fpu::i64_to_f64(sgn(a), rm, flags);
      case FpCvt::kDLu: return fpu::u64_to_f64(a, rm, flags);
      case FpCvt::kSD: return fpu::f64_to_f32(a, rm, flags);
      case FpCvt::kDS: return fpu::f32_to_f64(lo(a), flags);
    }
    return 0;
  }

  // --- system ---------------------------------------------------------------------------------------------------------
  Value csr(unsigned number, CsrOp op, Value operand, bool read, bool write) {
    if constexpr (kFast) {
      bail();
      return 0;
    } else {
      return finish(in->csr(insn, next, budget, number, op, operand, read | write << 1));
    }
  }
  void system(Interpreter::System what) {
    if constexpr (kFast) {
      bail();
    } else {
      next = in->system(insn, next, budget, what);
    }
  }
  void fence() const {}
  void pause() const {}
  void fence_i() { system(Interpreter::System::kFenceI); }
  void mret() { system(Interpreter::System::kMret); }
  void sret() { system(Interpreter::System::kSret); }
  void wfi() { system(Interpreter::System::kWfi); }
  void svinval_fence() { system(Interpreter::System::kSvinvalFence); }
  void ebreak() { raise(Exception::kBreakpoint, pc()); }
  void ecall() {
    if constexpr (kFast) {
      bail();
    } else {
      leave(in->environment_call(insn, budget));
    }
  }
  void sfence_vma(bool has_vaddr, Value vaddr, bool has_asid, Value asid) {
    if constexpr (kFast) {
      bail();
    } else {
      next = in->sfence_vma(insn, next, budget, has_vaddr | has_asid << 1, vaddr, asid);
    }
  }
  void cbo(Cbo op, Value address) {
    if constexpr (kFast) {
      bail();
    } else {
      next = in->cbo(insn, next, budget, op, address);
    }
  }
};

}  // namespace monochord
