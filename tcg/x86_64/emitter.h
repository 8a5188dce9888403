// Writes x86-64 machine code. The methods read like assembly in Intel's order: add(rax, ptr(rbp, 16)) is `add rax, [rbp + 16]`.
//
// Rules
// - Each method emits one instruction in its shortest form, unless its comment says that it has a fixed one.
// - Nothing is allocated, nothing is checked in release builds. The caller keeps remaining() large enough; 15 bytes an instruction always do.
// - Up to kOverrun bytes behind the cursor may be spoilt: don't emit into the middle of live code; patch() it, or copy it in.
// - C++ keywords carry an underscore: and_, or_, xor_, not_. Jumps called _near are always rel32, so that they can be patched.
// - No lock prefixes: one thread. xchg with memory locks on its own accord and is as slow.
// - The host has AVX, FMA, BMI1, BMI2, LZCNT and POPCNT: who makes an Emitter has looked.
// Source: Intel SDM volume 2, chapters 3 to 5 (instructions) and 2 (formats).
#pragma once

#include <concepts>

#include "tcg/x86_64/encoder.h"

namespace monochord::x86_64 {

template <typename R>
concept WordGpr = std::same_as<R, Gpr32> || std::same_as<R, Gpr64>;
template <typename R>
concept AnyGpr = WordGpr<R> || std::same_as<R, Gpr8>;
template <typename M>
concept WordMem = std::same_as<M, Mem32> || std::same_as<M, Mem64>;
template <typename M>
concept AnyMem = WordMem<M> || std::same_as<M, Mem8>;
template <typename M>
concept NarrowMem = std::same_as<M, Mem8> || std::same_as<M, Mem16>;
template <typename R>
concept NarrowGpr = std::same_as<R, Gpr8> || std::same_as<R, Gpr16>;

// X(suffix, Condition): the sixteen conditions; ja and jnbe are one instruction, one name each is enough.
#define MONOCHORD_X86_CONDITIONS(X)                                                                                          \
  X(o, kO) X(no, kNo) X(b, kB) X(ae, kAe) X(e, kE) X(ne, kNe) X(be, kBe) X(a, kA)                                            \
  X(s, kS) X(ns, kNs) X(p, kP) X(np, kNp) X(l, kL) X(ge, kGe) X(le, kLe) X(g, kG)

class Emitter : public Encoder {
 public:
  using Encoder::Encoder;

  // --- Moves ---
  template <WordGpr R> void mov(R dst, R src) { finish(rr<R::kBits>(op(0x89), src.index, dst.index)); }
  template <WordGpr R> void mov(R dst, const Mem& src) { finish(rm<R::kBits>(op(0x8b), dst.index, src)); }
  void mov(const Mem& dst, Gpr8 src) { finish(rm<8>(op(0x88), src.index, dst, 0, needs_rex(src))); }
  template <unsigned Bits> void mov(const Mem& dst, Gpr<Bits> src) { finish(rm<Bits>(op(0x89), src.index, dst)); }
  void mov(Mem8 dst, int64_t imm) { finish(imm8(rm<8>(op(0xc6), 0, dst.mem, 1), narrow<8>(imm))); }
  template <WordMem M> void mov(M dst, int64_t imm) {
    finish(imm32(rm<M::kBits>(op(0xc7), 0, dst.mem, 4), narrow<M::kBits>(imm)));
  }
  void mov(Mem16 dst, int64_t imm) {
    uint8_t* p = rm<16>(op(0xc7), 0, dst.mem, 2);
    store<uint16_t>(p, static_cast<uint16_t>(imm));
    finish(p + 2);
  }
  void mov(Gpr32 dst, int64_t imm) { finish(imm32(in_opcode<32>(op(0xb8), dst.index), narrow<32>(imm))); }
  // By way of the low half where that does: five, seven or ten bytes. The flags stay.
  void mov(Gpr64 dst, int64_t imm) {
    if (imm == static_cast<uint32_t>(imm)) {
      mov(dst.r32(), imm);
    } else if (is_int32(imm)) {
      finish(imm32(rr<64>(op(0xc7), 0, dst.index), static_cast<uint32_t>(imm)));
    } else {
      movabs(dst, static_cast<uint64_t>(imm));
    }
  }
  // Fixed form: the last eight bytes are the constant.
  void movabs(Gpr64 dst, uint64_t imm) {
    uint8_t* p = in_opcode<64>(op(0xb8), dst.index);
    store<uint64_t>(p, imm);
    finish(p + 8);
  }
  // To 32 bits, and so to 64. movzx from Gpr32 is mov(r32, r32).
  template <NarrowGpr S> void movzx(Gpr32 dst, S src) { finish(rr<32>(op0f(0xb6 | is_word<S>), dst.index, src.index, needs_rex(src))); }
  template <NarrowMem S> void movzx(Gpr32 dst, S src) { finish(rm<32>(op0f(0xb6 | is_word<S>), dst.index, src.mem)); }
  template <WordGpr R, NarrowGpr S> void movsx(R dst, S src) {
    finish(rr<R::kBits>(op0f(0xbe | is_word<S>), dst.index, src.index, needs_rex(src)));
  }
  template <WordGpr R, NarrowMem S> void movsx(R dst, S src) { finish(rm<R::kBits>(op0f(0xbe | is_word<S>), dst.index, src.mem)); }
  void movsxd(Gpr64 dst, Gpr32 src) { finish(rr<64>(op(0x63), dst.index, src.index)); }
  void movsxd(Gpr64 dst, Mem32 src) { finish(rm<64>(op(0x63), dst.index, src.mem)); }
  template <WordGpr R> void lea(R dst, const Mem& src) { finish(rm<R::kBits>(op(0x8d), dst.index, src)); }
  void lea(Gpr64 dst, Label& label) { finish(aim_near(rm<64>(op(0x8d), dst.index, rip_disp(0)) - 4, label)); }
  template <WordGpr R> void xchg(R a, R b) {
    const bool short_form = (a.index == 0 || b.index == 0) && (R::kBits == 64 || a != b);  // 90 alone is nop, it clears no upper half
    finish(short_form ? in_opcode<R::kBits>(op(0x90), a.index | b.index) : rr<R::kBits>(op(0x87), a.index, b.index));
  }
  template <WordGpr R> void bswap(R r) { finish(in_opcode<R::kBits>(op0f(0xc8), r.index)); }
  void push(Gpr64 r) { finish(in_opcode<32>(op(0x50), r.index)); }
  void pop(Gpr64 r) { finish(in_opcode<32>(op(0x58), r.index)); }
  void push(Mem64 m) { finish(rm<32>(op(0xff), 6, m.mem)); }
  void pop(Mem64 m) { finish(rm<32>(op(0x8f), 0, m.mem)); }
  void push(int64_t imm) {
    const uint32_t value = narrow<64>(imm);
    finish(is_int8(imm) ? imm8(plain(op(0x6a)), value) : imm32(plain(op(0x68)), value));
  }

  // --- Arithmetic and logic ---
#define MONOCHORD_X86_ALU(name, n)                                                                                           \
  template <AnyGpr R> void name(R dst, R src) {                                                                              \
    finish(rr<R::kBits>(op(n << 3 | is_wide<R>), src.index, dst.index, needs_rex(dst) || needs_rex(src)));                   \
  }                                                                                                                          \
  template <AnyGpr R> void name(R dst, const Mem& src) {                                                                     \
    finish(rm<R::kBits>(op(n << 3 | 2 | is_wide<R>), dst.index, src, 0, needs_rex(dst)));                                    \
  }                                                                                                                          \
  template <AnyGpr R> void name(const Mem& dst, R src) {                                                                     \
    finish(rm<R::kBits>(op(n << 3 | is_wide<R>), src.index, dst, 0, needs_rex(src)));                                        \
  }                                                                                                                          \
  template <AnyGpr R> void name(R dst, int64_t imm) { alu_imm(n, dst, imm); }                                                \
  template <AnyMem M> void name(M dst, int64_t imm) { alu_imm(n, dst, imm); }
  MONOCHORD_X86_ALU(add, 0)
  MONOCHORD_X86_ALU(or_, 1)
  MONOCHORD_X86_ALU(adc, 2)
  MONOCHORD_X86_ALU(sbb, 3)
  MONOCHORD_X86_ALU(and_, 4)
  MONOCHORD_X86_ALU(sub, 5)
  MONOCHORD_X86_ALU(xor_, 6)
  MONOCHORD_X86_ALU(cmp, 7)
#undef MONOCHORD_X86_ALU
  template <AnyGpr R> void test(R a, R b) {
    finish(rr<R::kBits>(op(0x84 | is_wide<R>), b.index, a.index, needs_rex(a) || needs_rex(b)));
  }
  template <AnyGpr R> void test(const Mem& a, R b) { finish(rm<R::kBits>(op(0x84 | is_wide<R>), b.index, a, 0, needs_rex(b))); }
  template <AnyGpr R> void test(R a, int64_t imm) {
    uint8_t* p = a.index == 0 ? in_opcode<R::kBits>(op(0xa8 | is_wide<R>), 0) : rr<R::kBits>(op(0xf6 | is_wide<R>), 0, a.index, needs_rex(a));
    finish(immediate<R::kBits>(p, narrow<R::kBits>(imm)));
  }
  template <AnyMem M> void test(M a, int64_t imm) {
    uint8_t* p = rm<M::kBits>(op(0xf6 | is_wide<M>), 0, a.mem, M::kBits == 8 ? 1 : 4);
    finish(immediate<M::kBits>(p, narrow<M::kBits>(imm)));
  }

  // One operand. mul, imul, div and idiv work on rdx:rax.
#define MONOCHORD_X86_UNARY(name, byte, extension)                                                                           \
  template <WordGpr R> void name(R r) { finish(rr<R::kBits>(op(byte), extension, r.index)); }                                \
  template <WordMem M> void name(M m) { finish(rm<M::kBits>(op(byte), extension, m.mem)); }
  MONOCHORD_X86_UNARY(not_, 0xf7, 2)
  MONOCHORD_X86_UNARY(neg, 0xf7, 3)
  MONOCHORD_X86_UNARY(mul, 0xf7, 4)
  MONOCHORD_X86_UNARY(imul, 0xf7, 5)
  MONOCHORD_X86_UNARY(div, 0xf7, 6)
  MONOCHORD_X86_UNARY(idiv, 0xf7, 7)
  MONOCHORD_X86_UNARY(inc, 0xff, 0)
  MONOCHORD_X86_UNARY(dec, 0xff, 1)
#undef MONOCHORD_X86_UNARY
  void cdq() { finish(plain(op(0x99))); }
  void cqo() { finish(in_opcode<64>(op(0x99), 0)); }
  void cdqe() { finish(in_opcode<64>(op(0x98), 0)); }

  // Shifts by a constant and by cl. Flags change, other than with shlx, shrx, sarx and rorx.
#define MONOCHORD_X86_SHIFT(name, extension)                                                                                 \
  template <WordGpr R> void name(R r, unsigned count) {                                                                      \
    uint8_t* p = rr<R::kBits>(op(count == 1 ? 0xd1 : 0xc1), extension, r.index);                                             \
    *p = static_cast<uint8_t>(count);                                                                                        \
    finish(p + (count != 1));                                                                                                \
  }                                                                                                                          \
  template <WordGpr R> void name##_cl(R r) { finish(rr<R::kBits>(op(0xd3), extension, r.index)); }
  MONOCHORD_X86_SHIFT(rol, 0)
  MONOCHORD_X86_SHIFT(ror, 1)
  MONOCHORD_X86_SHIFT(shl, 4)
  MONOCHORD_X86_SHIFT(shr, 5)
  MONOCHORD_X86_SHIFT(sar, 7)
#undef MONOCHORD_X86_SHIFT
#define MONOCHORD_X86_SHIFTX(name, pp)                                                                                       \
  template <WordGpr R> void name(R dst, R src, R count) { finish(vex_rr({pp, k0F38, w<R>, 0xf7}, dst.index, count.index, src.index)); } \
  template <WordGpr R> void name(R dst, const Mem& src, R count) { finish(vex_rm({pp, k0F38, w<R>, 0xf7}, dst.index, count.index, src)); }
  MONOCHORD_X86_SHIFTX(shlx, k66)
  MONOCHORD_X86_SHIFTX(sarx, kF3)
  MONOCHORD_X86_SHIFTX(shrx, kF2)
#undef MONOCHORD_X86_SHIFTX
  template <WordGpr R> void rorx(R dst, R src, unsigned n) { finish(imm8(vex_rr({kF2, k0F3A, w<R>, 0xf0}, dst.index, 0, src.index), n)); }
  template <WordGpr R> void rorx(R dst, const Mem& src, unsigned n) {
    finish(imm8(vex_rm({kF2, k0F3A, w<R>, 0xf0}, dst.index, 0, src, 1), n));
  }
  // dst = ~a & b
  template <WordGpr R> void andn(R dst, R a, R b) { finish(vex_rr({kNone, k0F38, w<R>, 0xf2}, dst.index, a.index, b.index)); }
  template <WordGpr R> void andn(R dst, R a, const Mem& b) { finish(vex_rm({kNone, k0F38, w<R>, 0xf2}, dst.index, a.index, b)); }
  // high:low = rdx * src; no flags.
  template <WordGpr R> void mulx(R high, R low, R src) { finish(vex_rr({kF2, k0F38, w<R>, 0xf6}, high.index, low.index, src.index)); }

#define MONOCHORD_X86_LOAD_OP(name, opcode)                                                                                  \
  template <WordGpr R> void name(R dst, R src) { finish(rr<R::kBits>(opcode, dst.index, src.index)); }                       \
  template <WordGpr R> void name(R dst, const Mem& src) { finish(rm<R::kBits>(opcode, dst.index, src)); }
  MONOCHORD_X86_LOAD_OP(imul, op0f(0xaf))
  MONOCHORD_X86_LOAD_OP(popcnt, op0f(0xb8, 0xf3))
  MONOCHORD_X86_LOAD_OP(tzcnt, op0f(0xbc, 0xf3))
  MONOCHORD_X86_LOAD_OP(lzcnt, op0f(0xbd, 0xf3))
  template <WordGpr R> void imul(R dst, R src, int64_t imm) {
    const uint32_t value = narrow<R::kBits>(imm);
    const bool small = is_small(value);
    finish(immediate_8_or_32(rr<R::kBits>(op(small ? 0x6b : 0x69), dst.index, src.index), small, value));
  }

  // One bit, into the carry: read, set, cleared, inverted. The bit's number wraps in registers and with a constant.
#define MONOCHORD_X86_BIT(name, extension)                                                                                   \
  template <WordGpr R> void name(R r, R bit) { finish(rr<R::kBits>(op0f(0x83 | extension << 3), bit.index, r.index)); }      \
  template <WordGpr R> void name(R r, unsigned bit) { finish(imm8(rr<R::kBits>(op0f(0xba), extension, r.index), bit)); }     \
  template <WordMem M> void name(M m, unsigned bit) { finish(imm8(rm<M::kBits>(op0f(0xba), extension, m.mem, 1), bit)); }
  MONOCHORD_X86_BIT(bt, 4)
  MONOCHORD_X86_BIT(bts, 5)
  MONOCHORD_X86_BIT(btr, 6)
  MONOCHORD_X86_BIT(btc, 7)
#undef MONOCHORD_X86_BIT

  // Memory and register in one instruction, which no signal splits.
  template <WordGpr R> void xchg(const Mem& m, R r) { finish(rm<R::kBits>(op(0x87), r.index, m)); }
  template <WordGpr R> void xadd(const Mem& m, R r) { finish(rm<R::kBits>(op0f(0xc1), r.index, m)); }
  template <WordGpr R> void cmpxchg(const Mem& m, R r) { finish(rm<R::kBits>(op0f(0xb1), r.index, m)); }

  // --- Conditions ---
  void setcc(Condition c, Gpr8 dst) { finish(rr<8>(op0f(0x90 | code(c)), 0, dst.index, needs_rex(dst))); }
  void setcc(Condition c, Mem8 dst) { finish(rm<8>(op0f(0x90 | code(c)), 0, dst.mem)); }
  template <WordGpr R> void cmovcc(Condition c, R dst, R src) { finish(rr<R::kBits>(op0f(0x40 | code(c)), dst.index, src.index)); }
  template <WordGpr R> void cmovcc(Condition c, R dst, const Mem& src) { finish(rm<R::kBits>(op0f(0x40 | code(c)), dst.index, src)); }

  // --- Control ---
  // To a label that is bound: the shorter form. To one that isn't yet: rel32; rel8 with _short, which promises that bind() comes within 127 bytes.
  void jmp(Label& label) { jump(op(0xeb), op(0xe9), label); }
  void jcc(Condition c, Label& label) { jump(op(0x70 | code(c)), op0f(0x80 | code(c)), label); }
  void jmp_short(Label& label) { finish(aim_short(plain(op(0xeb)), label)); }
  void jcc_short(Condition c, Label& label) { finish(aim_short(plain(op(0x70 | code(c))), label)); }
  void call(Label& label) { finish(aim_near(plain(op(0xe8)), label)); }
  // To code elsewhere, within 2 GiB, in the fixed form with rel32. Gives the field for patch().
  uint8_t* jmp_near(const void* target) { return to_near(plain(op(0xe9)), target); }
  uint8_t* jcc_near(Condition c, const void* target) { return to_near(plain(op0f(0x80 | code(c))), target); }
  uint8_t* call_near(const void* target) { return to_near(plain(op(0xe8)), target); }
  void jmp(Gpr64 target) { finish(rr<32>(op(0xff), 4, target.index)); }
  void jmp(Mem64 target) { finish(rm<32>(op(0xff), 4, target.mem)); }
  void call(Gpr64 target) { finish(rr<32>(op(0xff), 2, target.index)); }
  void call(Mem64 target) { finish(rm<32>(op(0xff), 2, target.mem)); }
  void ret() { finish(plain(op(0xc3))); }
  void int3() { finish(plain(op(0xcc))); }
  void ud2() { finish(plain(op0f(0x0b))); }
  void pause() { finish(plain({0x90, 1, 0xf3})); }
  void rdtsc() { finish(plain(op0f(0x31))); }

#define MONOCHORD_X86_CONDITION(suffix, condition)                                                                           \
  void j##suffix(Label& label) { jcc(Condition::condition, label); }                                                         \
  void j##suffix##_short(Label& label) { jcc_short(Condition::condition, label); }                                           \
  void set##suffix(Gpr8 dst) { setcc(Condition::condition, dst); }                                                           \
  template <WordGpr R> void cmov##suffix(R dst, R src) { cmovcc(Condition::condition, dst, src); }
  MONOCHORD_X86_CONDITIONS(MONOCHORD_X86_CONDITION)
#undef MONOCHORD_X86_CONDITION

  // The label is here. Jumps that wait for it get their displacements.
  void bind(Label& label) {
    DCHECK(!label.bound());
    label.address_ = cursor();
    for (uint8_t* field = label.near_; field != nullptr;) {
      int32_t link;
      memcpy(&link, field, sizeof link);
      patch(field, cursor());
      field = link == 0 ? nullptr : field - link;
    }
    for (uint8_t* field = label.short_; field != nullptr;) {
      const uint8_t link = *field;
      DCHECK(is_int8(cursor() - (field + 1)));
      *field = static_cast<uint8_t>(cursor() - (field + 1));
      field = link == 0 ? nullptr : field - link;
    }
    label.near_ = label.short_ = nullptr;
  }
  // Makes the rel32 at `field` lead to `target`, which lies within 2 GiB.
  static void patch(uint8_t* field, const void* target) {
    const ptrdiff_t distance = static_cast<const uint8_t*>(target) - (field + 4);
    DCHECK(is_int32(distance));
    store<int32_t>(field, static_cast<int32_t>(distance));
  }
  // Where the rel32 at `field` leads.
  static const uint8_t* target_of(const uint8_t* field) {
    int32_t distance;
    memcpy(&distance, field, sizeof distance);
    return field + 4 + distance;
  }

  // --- Filling ---
  // `size` bytes that do nothing, in as few instructions as the manual's table allows.
  void nop(unsigned size = 1) {
    static constexpr uint64_t kNops[8] = {0x90, 0x9066, 0x001f0f, 0x00401f0f, 0x0000441f0f, 0x0000441f0f66, 0x00000000801f0f, 0x0000000000841f0f};
    uint8_t* p = begin();
    for (; size > 8; size -= 9, p += 9) {
      *p = 0x66;
      store<uint64_t>(p + 1, kNops[7]);
    }
    if (size > 0) store<uint64_t>(p, kNops[size - 1]);
    finish(p + size);
  }
  // Up to the next multiple of `size`, a power of two.
  void align(unsigned size) { nop(static_cast<unsigned>(-reinterpret_cast<uintptr_t>(cursor()) & (size - 1))); }
  template <std::unsigned_integral T> void data(T value) {
    store<T>(begin(), value);
    finish(cursor() + sizeof value);
  }

  // --- Floating point, scalar and bitwise ---
#define MONOCHORD_X86_VEX2(name, ...)                                                                                        \
  void name(Xmm dst, Xmm src) { finish(vex_rr(Vex __VA_ARGS__, dst.index, 0, src.index)); }                                  \
  void name(Xmm dst, const Mem& src) { finish(vex_rm(Vex __VA_ARGS__, dst.index, 0, src)); }
#define MONOCHORD_X86_VEX3(name, ...)                                                                                        \
  void name(Xmm dst, Xmm a, Xmm b) { finish(vex_rr(Vex __VA_ARGS__, dst.index, a.index, b.index)); }                         \
  void name(Xmm dst, Xmm a, const Mem& b) { finish(vex_rm(Vex __VA_ARGS__, dst.index, a.index, b)); }
// Operands may change places: only the last may need the long prefix.
#define MONOCHORD_X86_VEX3_COMMUTATIVE(name, ...)                                                                            \
  void name(Xmm dst, Xmm a, Xmm b) {                                                                                         \
    const bool exchange = b.index >= 8 && a.index < 8;                                                                       \
    finish(vex_rr(Vex __VA_ARGS__, dst.index, exchange ? b.index : a.index, exchange ? a.index : b.index));                  \
  }                                                                                                                          \
  void name(Xmm dst, Xmm a, const Mem& b) { finish(vex_rm(Vex __VA_ARGS__, dst.index, a.index, b)); }
#define MONOCHORD_X86_VEX3_IMM(name, ...)                                                                                    \
  void name(Xmm dst, Xmm a, Xmm b, unsigned imm) { finish(imm8(vex_rr(Vex __VA_ARGS__, dst.index, a.index, b.index), imm)); } \
  void name(Xmm dst, Xmm a, const Mem& b, unsigned imm) { finish(imm8(vex_rm(Vex __VA_ARGS__, dst.index, a.index, b, 1), imm)); }
#define MONOCHORD_X86_SCALAR(name, byte)                                                                                     \
  MONOCHORD_X86_VEX3(name##ss, {kF3, k0F, 0, byte})                                                                          \
  MONOCHORD_X86_VEX3(name##sd, {kF2, k0F, 0, byte})
#define MONOCHORD_X86_FMA(name, byte)                                                                                        \
  MONOCHORD_X86_VEX3(name##132ss, {k66, k0F38, 0, byte})                                                                     \
  MONOCHORD_X86_VEX3(name##132sd, {k66, k0F38, 1, byte})                                                                     \
  MONOCHORD_X86_VEX3(name##213ss, {k66, k0F38, 0, byte + 0x10})                                                              \
  MONOCHORD_X86_VEX3(name##213sd, {k66, k0F38, 1, byte + 0x10})                                                              \
  MONOCHORD_X86_VEX3(name##231ss, {k66, k0F38, 0, byte + 0x20})                                                              \
  MONOCHORD_X86_VEX3(name##231sd, {k66, k0F38, 1, byte + 0x20})
  MONOCHORD_X86_SCALAR(vsqrt, 0x51)  // the upper bits are a's
  MONOCHORD_X86_SCALAR(vadd, 0x58)
  MONOCHORD_X86_SCALAR(vmul, 0x59)
  MONOCHORD_X86_SCALAR(vsub, 0x5c)
  MONOCHORD_X86_SCALAR(vmin, 0x5d)
  MONOCHORD_X86_SCALAR(vdiv, 0x5e)
  MONOCHORD_X86_SCALAR(vmax, 0x5f)
  MONOCHORD_X86_FMA(vfmadd, 0x99)
  MONOCHORD_X86_FMA(vfmsub, 0x9b)
  MONOCHORD_X86_FMA(vfnmadd, 0x9d)
  MONOCHORD_X86_FMA(vfnmsub, 0x9f)
  MONOCHORD_X86_VEX3_IMM(vcmpss, {kF3, k0F, 0, 0xc2})
  MONOCHORD_X86_VEX3_IMM(vcmpsd, {kF2, k0F, 0, 0xc2})
  MONOCHORD_X86_VEX3_IMM(vroundss, {k66, k0F3A, 0, 0x0a})
  MONOCHORD_X86_VEX3_IMM(vroundsd, {k66, k0F3A, 0, 0x0b})
  MONOCHORD_X86_VEX3_IMM(vblendps, {k66, k0F3A, 0, 0x0c})
  MONOCHORD_X86_VEX3_IMM(vblendpd, {k66, k0F3A, 0, 0x0d})
  MONOCHORD_X86_VEX2(vucomiss, {kNone, k0F, 0, 0x2e})
  MONOCHORD_X86_VEX2(vucomisd, {k66, k0F, 0, 0x2e})
  MONOCHORD_X86_VEX2(vcomiss, {kNone, k0F, 0, 0x2f})
  MONOCHORD_X86_VEX2(vcomisd, {k66, k0F, 0, 0x2f})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vandps, {kNone, k0F, 0, 0x54})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vandpd, {k66, k0F, 0, 0x54})
  MONOCHORD_X86_VEX3(vandnps, {kNone, k0F, 0, 0x55})  // ~a & b
  MONOCHORD_X86_VEX3(vandnpd, {k66, k0F, 0, 0x55})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vorps, {kNone, k0F, 0, 0x56})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vorpd, {k66, k0F, 0, 0x56})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vxorps, {kNone, k0F, 0, 0x57})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vxorpd, {k66, k0F, 0, 0x57})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vpand, {k66, k0F, 0, 0xdb})
  MONOCHORD_X86_VEX3(vpandn, {k66, k0F, 0, 0xdf})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vpor, {k66, k0F, 0, 0xeb})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vpxor, {k66, k0F, 0, 0xef})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vpcmpeqb, {k66, k0F, 0, 0x74})
  MONOCHORD_X86_VEX3_COMMUTATIVE(vpcmpeqd, {k66, k0F, 0, 0x76})
  MONOCHORD_X86_VEX3(vunpcklps, {kNone, k0F, 0, 0x14})
  MONOCHORD_X86_VEX3(vpunpckldq, {k66, k0F, 0, 0x62})

  // The mask's sign bits choose b.
  void vblendvps(Xmm dst, Xmm a, Xmm b, Xmm mask) { vblendv(0x4a, dst, a, b, mask); }
  void vblendvpd(Xmm dst, Xmm a, Xmm b, Xmm mask) { vblendv(0x4b, dst, a, b, mask); }
#define MONOCHORD_X86_VEX_SHIFT(name, byte, extension)                                                                       \
  void name(Xmm dst, Xmm src, unsigned count) {                                                                              \
    finish(imm8(vex_rr({k66, k0F, 0, byte}, extension, dst.index, src.index), count));                                       \
  }
  MONOCHORD_X86_VEX_SHIFT(vpsrld, 0x72, 2)
  MONOCHORD_X86_VEX_SHIFT(vpslld, 0x72, 6)
  MONOCHORD_X86_VEX_SHIFT(vpsrlq, 0x73, 2)
  MONOCHORD_X86_VEX_SHIFT(vpsllq, 0x73, 6)

  // --- Moves of floating-point registers ---
  // From memory and from general registers the upper bits become 0. vmovss and vmovsd of three registers take them from `a`.
  void vmovaps(Xmm dst, Xmm src) { vex_move({kNone, k0F, 0, 0x28}, {kNone, k0F, 0, 0x29}, dst, src); }
  void vmovq(Xmm dst, Xmm src) { vex_move({kF3, k0F, 0, 0x7e}, {k66, k0F, 0, 0xd6}, dst, src); }
  void vmovss(Xmm dst, Xmm a, Xmm b) { vex_move({kF3, k0F, 0, 0x10}, {kF3, k0F, 0, 0x11}, dst, b, a.index); }
  void vmovsd(Xmm dst, Xmm a, Xmm b) { vex_move({kF2, k0F, 0, 0x10}, {kF2, k0F, 0, 0x11}, dst, b, a.index); }
#define MONOCHORD_X86_LOAD_STORE(name, load_pp, load_byte, store_pp, store_byte)                                             \
  void name(Xmm dst, const Mem& src) { finish(vex_rm({load_pp, k0F, 0, load_byte}, dst.index, 0, src)); }                    \
  void name(const Mem& dst, Xmm src) { finish(vex_rm({store_pp, k0F, 0, store_byte}, src.index, 0, dst)); }
  MONOCHORD_X86_LOAD_STORE(vmovss, kF3, 0x10, kF3, 0x11)
  MONOCHORD_X86_LOAD_STORE(vmovsd, kF2, 0x10, kF2, 0x11)
  MONOCHORD_X86_LOAD_STORE(vmovd, k66, 0x6e, k66, 0x7e)
  MONOCHORD_X86_LOAD_STORE(vmovq, kF3, 0x7e, k66, 0xd6)
  MONOCHORD_X86_LOAD_STORE(vmovups, kNone, 0x10, kNone, 0x11)
  MONOCHORD_X86_LOAD_STORE(vmovaps, kNone, 0x28, kNone, 0x29)  // aligned to 16 bytes
  void vmovd(Xmm dst, Gpr32 src) { finish(vex_rr({k66, k0F, 0, 0x6e}, dst.index, 0, src.index)); }
  void vmovd(Gpr32 dst, Xmm src) { finish(vex_rr({k66, k0F, 0, 0x7e}, src.index, 0, dst.index)); }
  void vmovq(Xmm dst, Gpr64 src) { finish(vex_rr({k66, k0F, 1, 0x6e}, dst.index, 0, src.index)); }
  void vmovq(Gpr64 dst, Xmm src) { finish(vex_rr({k66, k0F, 1, 0x7e}, src.index, 0, dst.index)); }
  void vpextrd(Gpr32 dst, Xmm src, unsigned n) { finish(imm8(vex_rr({k66, k0F3A, 0, 0x16}, src.index, 0, dst.index), n)); }
  void vpextrd(const Mem& dst, Xmm src, unsigned n) { finish(imm8(vex_rm({k66, k0F3A, 0, 0x16}, src.index, 0, dst, 1), n)); }
  void vpinsrd(Xmm dst, Xmm a, Gpr32 b, unsigned n) { finish(imm8(vex_rr({k66, k0F3A, 0, 0x22}, dst.index, a.index, b.index), n)); }
  void vmovmskps(Gpr32 dst, Xmm src) { finish(vex_rr({kNone, k0F, 0, 0x50}, dst.index, 0, src.index)); }
  void vmovmskpd(Gpr32 dst, Xmm src) { finish(vex_rr({k66, k0F, 0, 0x50}, dst.index, 0, src.index)); }
  void vpmovmskb(Gpr32 dst, Xmm src) { finish(vex_rr({k66, k0F, 0, 0xd7}, dst.index, 0, src.index)); }

  // --- Conversions ---
  MONOCHORD_X86_VEX3(vcvtss2sd, {kF3, k0F, 0, 0x5a})
  MONOCHORD_X86_VEX3(vcvtsd2ss, {kF2, k0F, 0, 0x5a})
#define MONOCHORD_X86_FROM_INTEGER(name, pp)                                                                                 \
  template <WordGpr R> void name(Xmm dst, Xmm a, R b) { finish(vex_rr({pp, k0F, w<R>, 0x2a}, dst.index, a.index, b.index)); } \
  template <WordMem M> void name(Xmm dst, Xmm a, M b) { finish(vex_rm({pp, k0F, w<M>, 0x2a}, dst.index, a.index, b.mem)); }
#define MONOCHORD_X86_TO_INTEGER(name, pp, byte)                                                                             \
  template <WordGpr R> void name(R dst, Xmm src) { finish(vex_rr({pp, k0F, w<R>, byte}, dst.index, 0, src.index)); }         \
  template <WordGpr R> void name(R dst, const Mem& src) { finish(vex_rm({pp, k0F, w<R>, byte}, dst.index, 0, src)); }
  MONOCHORD_X86_FROM_INTEGER(vcvtsi2ss, kF3)
  MONOCHORD_X86_FROM_INTEGER(vcvtsi2sd, kF2)
  MONOCHORD_X86_TO_INTEGER(vcvttss2si, kF3, 0x2c)
  MONOCHORD_X86_TO_INTEGER(vcvttsd2si, kF2, 0x2c)
  MONOCHORD_X86_TO_INTEGER(vcvtss2si, kF3, 0x2d)
  MONOCHORD_X86_TO_INTEGER(vcvtsd2si, kF2, 0x2d)

  // --- State ---
  // The legacy forms: a byte shorter, and they touch no vector register.
  void ldmxcsr(const Mem& m) { finish(rm<32>(op0f(0xae), 2, m)); }
  void stmxcsr(const Mem& m) { finish(rm<32>(op0f(0xae), 3, m)); }
  void vzeroupper() { finish(plain({0x77f8c5, 3, 0})); }

#undef MONOCHORD_X86_LOAD_OP
#undef MONOCHORD_X86_VEX2
#undef MONOCHORD_X86_VEX3
#undef MONOCHORD_X86_VEX3_COMMUTATIVE
#undef MONOCHORD_X86_VEX3_IMM
#undef MONOCHORD_X86_SCALAR
#undef MONOCHORD_X86_FMA
#undef MONOCHORD_X86_VEX_SHIFT
#undef MONOCHORD_X86_LOAD_STORE
#undef MONOCHORD_X86_FROM_INTEGER
#undef MONOCHORD_X86_TO_INTEGER

 private:
  template <typename T> static constexpr unsigned is_word = T::kBits == 16;
  template <typename T> static constexpr unsigned is_wide = T::kBits != 8;
  template <typename T> static constexpr uint8_t w = T::kBits == 64;
  static constexpr unsigned code(Condition c) { return static_cast<unsigned>(c); }

  // A constant as the instruction holds it. 64-bit operations extend its sign.
  template <unsigned Bits>
  static uint32_t narrow(int64_t imm) {
    DCHECK(Bits == 8 ? imm >= -128 && imm <= 255 : is_int32(imm) || (Bits == 32 && imm == static_cast<uint32_t>(imm)));
    return static_cast<uint32_t>(imm);
  }
  template <unsigned Bits>
  [[gnu::always_inline]] static uint8_t* immediate(uint8_t* p, uint32_t value) {
    return Bits == 8 ? imm8(p, value) : imm32(p, value);
  }
  [[gnu::always_inline]] static uint8_t* immediate_8_or_32(uint8_t* p, bool small, uint32_t value) {
    imm32(p, value);
    return p + (small ? 1 : 4);
  }
  static bool is_small(uint32_t value) { return is_int8(static_cast<int32_t>(value)); }

  // add and its seven sisters with a constant; `n` is their number.
  template <AnyGpr R>
  [[gnu::always_inline]] void alu_imm(unsigned n, R dst, int64_t imm) {
    const uint32_t value = narrow<R::kBits>(imm);
    if constexpr (R::kBits == 8) {
      finish(imm8(dst.index == 0 ? plain(op(n << 3 | 4)) : rr<8>(op(0x80), n, dst.index, needs_rex(dst)), value));
    } else {
      const bool small = is_small(value);
      const bool accumulator = !small && dst.index == 0;
      uint8_t* p = accumulator ? in_opcode<R::kBits>(op(n << 3 | 5), 0) : rr<R::kBits>(op(small ? 0x83 : 0x81), n, dst.index);
      finish(immediate_8_or_32(p, small, value));
    }
  }
  template <AnyMem M>
  [[gnu::always_inline]] void alu_imm(unsigned n, M dst, int64_t imm) {
    const uint32_t value = narrow<M::kBits>(imm);
    if constexpr (M::kBits == 8) {
      finish(imm8(rm<8>(op(0x80), n, dst.mem, 1), value));
    } else {
      const bool small = is_small(value);
      finish(immediate_8_or_32(rm<M::kBits>(op(small ? 0x83 : 0x81), n, dst.mem, small ? 1 : 4), small, value));
    }
  }

  // A move among registers has two opcodes: the operand in ModR/M's r/m field may be the source or the destination.
  [[gnu::always_inline]] void vex_move(Vex load, Vex store, Xmm dst, Xmm src, unsigned vvvv = 0) {
    const bool reverse = src.index >= 8 && dst.index < 8;
    finish(reverse ? vex_rr(store, src.index, vvvv, dst.index) : vex_rr(load, dst.index, vvvv, src.index));
  }
  void vblendv(uint8_t byte, Xmm dst, Xmm a, Xmm b, Xmm mask) {
    finish(imm8(vex_rr({k66, k0F3A, 0, byte}, dst.index, a.index, b.index), mask.index << 4u));
  }

  uint8_t* to_near(uint8_t* field, const void* target) {
    patch(field, target);
    finish(field + 4);
    return field;
  }
  // A rel32 field at `field`, to a label.
  static uint8_t* aim_near(uint8_t* field, Label& label) {
    if (label.bound()) {
      patch(field, label.address());
    } else {
      store<int32_t>(field, label.near_ != nullptr ? static_cast<int32_t>(field - label.near_) : 0);
      label.near_ = field;
    }
    return field + 4;
  }
  static uint8_t* aim_short(uint8_t* field, Label& label) {
    if (label.bound()) {
      DCHECK(is_int8(label.address() - (field + 1)));
      *field = static_cast<uint8_t>(label.address() - (field + 1));
    } else {
      DCHECK(label.short_ == nullptr || field - label.short_ < 128);
      *field = label.short_ != nullptr ? static_cast<uint8_t>(field - label.short_) : 0;
      label.short_ = field;
    }
    return field + 1;
  }
  void jump(Opcode small, Opcode near, Label& label) {
    const bool reaches = label.bound() && is_int8(label.address() - (cursor() + 2));
    finish(reaches ? aim_short(plain(small), label) : aim_near(plain(near), label));
  }
};

}  // namespace monochord::x86_64
