// Registers, conditions and memory operands of the x86-64 emitter. Plain values, made at compile time where they are known then.
//
// Rules
// - A register's width is its type: add(rax, ecx) does not compile. rax.r32() is eax.
// - Gpr8 is the low byte only; ah, ch, dh, bh do not exist here (they can't be named beside a REX prefix).
// - Mem has no width, a register operand gives it; where there is none, dword_ptr(...) and its like do.
// Source: Intel SDM volume 2, chapter 2 (ModR/M, SIB, REX, RIP-relative addressing).
#pragma once

#include <bit>
#include <cstdint>

#include "core/check.h"

namespace monochord::x86_64 {

template <unsigned Bits>
struct Gpr {
  uint8_t index;
  static constexpr unsigned kBits = Bits;
  constexpr Gpr<8> r8() const { return {index}; }
  constexpr Gpr<16> r16() const { return {index}; }
  constexpr Gpr<32> r32() const { return {index}; }
  constexpr Gpr<64> r64() const { return {index}; }
  friend constexpr bool operator==(Gpr, Gpr) = default;
};
using Gpr8 = Gpr<8>;
using Gpr16 = Gpr<16>;
using Gpr32 = Gpr<32>;
using Gpr64 = Gpr<64>;

struct Xmm {
  uint8_t index;
  friend constexpr bool operator==(Xmm, Xmm) = default;
};

inline constexpr Gpr64 rax{0}, rcx{1}, rdx{2}, rbx{3}, rsp{4}, rbp{5}, rsi{6}, rdi{7};
inline constexpr Gpr64 r8{8}, r9{9}, r10{10}, r11{11}, r12{12}, r13{13}, r14{14}, r15{15};
inline constexpr Gpr32 eax{0}, ecx{1}, edx{2}, ebx{3}, esp{4}, ebp{5}, esi{6}, edi{7};
inline constexpr Gpr32 r8d{8}, r9d{9}, r10d{10}, r11d{11}, r12d{12}, r13d{13}, r14d{14}, r15d{15};
inline constexpr Gpr16 ax{0}, cx{1}, dx{2};
inline constexpr Gpr8 al{0}, cl{1}, dl{2};
inline constexpr Xmm xmm0{0}, xmm1{1}, xmm2{2}, xmm3{3}, xmm4{4}, xmm5{5}, xmm6{6}, xmm7{7};
inline constexpr Xmm xmm8{8}, xmm9{9}, xmm10{10}, xmm11{11}, xmm12{12}, xmm13{13}, xmm14{14}, xmm15{15};

// The numbers are the low four bits of jcc, setcc and cmovcc.
enum class Condition : uint8_t { kO, kNo, kB, kAe, kE, kNe, kBe, kA, kS, kNs, kP, kNp, kL, kGe, kLe, kG };
constexpr Condition invert(Condition c) { return static_cast<Condition>(static_cast<uint8_t>(c) ^ 1); }
// That of the same comparison with its operands exchanged.
constexpr Condition swap_operands(Condition c) {
  switch (c) {
    case Condition::kB: return Condition::kA;
    case Condition::kA: return Condition::kB;
    case Condition::kAe: return Condition::kBe;
    case Condition::kBe: return Condition::kAe;
    case Condition::kL: return Condition::kG;
    case Condition::kG: return Condition::kL;
    case Condition::kGe: return Condition::kLe;
    case Condition::kLe: return Condition::kGe;
    default: return c;  // kE, kNe; the others are of no comparison
  }
}

// A memory operand, encoded but for ModR/M's register field.
struct Mem {
  uint64_t tail;       // ModR/M, SIB, displacement, from the lowest byte up; rubbish above `length`
  const void* target;  // of a RIP-relative operand: its displacement is known only where it is emitted
  uint8_t rex;         // bits X and B
  uint8_t length;      // 1-6
};
template <unsigned Bits>
struct SizedMem {
  Mem mem;
  static constexpr unsigned kBits = Bits;
};
using Mem8 = SizedMem<8>;
using Mem16 = SizedMem<16>;
using Mem32 = SizedMem<32>;
using Mem64 = SizedMem<64>;

namespace detail {
// ModR/M's mod: no displacement (rbp and r13 have no such form), one byte, or four.
constexpr unsigned mod_of(unsigned base, int32_t disp) {
  const unsigned has = (disp != 0) | ((base & 7) == 5);
  const unsigned wide = disp != static_cast<int8_t>(disp);
  return has + wide;  // wide implies has
}
constexpr unsigned disp_length(unsigned mod) { return 0x410u >> mod * 4 & 0xf; }
constexpr uint64_t zext(int32_t disp) { return static_cast<uint32_t>(disp); }
}  // namespace detail

// [base + disp]
[[gnu::always_inline]] constexpr Mem ptr(Gpr64 base, int32_t disp = 0) {
  const unsigned mod = detail::mod_of(base.index, disp);
  const unsigned sib = (base.index & 7) == 4;  // rsp and r12 stand in a SIB byte
  const uint64_t rest = detail::zext(disp) << (sib * 8) | (sib ? 0x24 : 0);
  return {mod << 6 | (base.index & 7u) | rest << 8, nullptr, static_cast<uint8_t>(base.index >> 3),
          static_cast<uint8_t>(1 + sib + detail::disp_length(mod))};
}

// [base + index * scale + disp]. The index is not rsp.
[[gnu::always_inline]] constexpr Mem ptr(Gpr64 base, Gpr64 index, unsigned scale = 1, int32_t disp = 0) {
  DCHECK(index != rsp && (scale == 1 || scale == 2 || scale == 4 || scale == 8));
  // A sum may be written either way round, and rbp and r13 as base cost a displacement.
  const bool exchange = scale == 1 && disp == 0 && (base.index & 7) == 5;
  const unsigned b = exchange ? index.index : base.index;
  const unsigned i = exchange ? base.index : index.index;
  const unsigned mod = detail::mod_of(b, disp);
  const unsigned sib = static_cast<unsigned>(std::countr_zero(scale)) << 6 | (i & 7) << 3 | (b & 7);
  return {detail::zext(disp) << 16 | sib << 8 | mod << 6 | 4, nullptr, static_cast<uint8_t>((i >> 3) << 1 | b >> 3),
          static_cast<uint8_t>(2 + detail::disp_length(mod))};
}

// [index * scale + disp]
[[gnu::always_inline]] constexpr Mem ptr_scaled(Gpr64 index, unsigned scale, int32_t disp = 0) {
  if (scale == 1) return ptr(index, disp);
  if (scale == 2) return ptr(index, index, 1, disp);
  DCHECK(index != rsp);
  const unsigned sib = static_cast<unsigned>(std::countr_zero(scale)) << 6 | (index.index & 7u) << 3 | 5;
  return {detail::zext(disp) << 16 | sib << 8 | 4, nullptr, static_cast<uint8_t>((index.index >> 3) << 1), 6};
}

// [rip + what leads to target]. The target lies within 2 GiB of the instruction.
constexpr Mem rip(const void* target) { return {5, target, 0, 5}; }
// [rip + disp], from the end of the instruction.
constexpr Mem rip_disp(int32_t disp) { return {detail::zext(disp) << 8 | 5, nullptr, 0, 5}; }

constexpr Mem ptr(const Mem& m) { return m; }
template <typename... A>
[[gnu::always_inline]] constexpr Mem8 byte_ptr(A... a) { return {ptr(a...)}; }
template <typename... A>
[[gnu::always_inline]] constexpr Mem16 word_ptr(A... a) { return {ptr(a...)}; }
template <typename... A>
[[gnu::always_inline]] constexpr Mem32 dword_ptr(A... a) { return {ptr(a...)}; }
template <typename... A>
[[gnu::always_inline]] constexpr Mem64 qword_ptr(A... a) { return {ptr(a...)}; }

}  // namespace monochord::x86_64
