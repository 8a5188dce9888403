// A small soft float of our own: complete, for all five rounding modes, integer arithmetic only,
// one template over the format.
//
// It serves what the host's FPU can't do (RMM, NaN rules of its own, hosts without a fast path) and
// is the inner half of the test of the rest. Rules, flags and NaNs are those of fpu.h; any context.
// Adding a format is one struct and one line of instantiation in soft_float.cpp. Source: IEEE
// 754-2019, clauses 4, 5 and 7; RISC-V Unprivileged ISA, chapters "F" and "D".
#pragma once

#include <bit>
#include <cstdint>

#include "tcg/fpu/fpu.h"

namespace monochord::fpu::soft {

struct F32 {
  using Bits = uint32_t;
  static constexpr int kExpBits = 8;
  static constexpr int kFracBits = 23;
};
struct F64 {
  using Bits = uint64_t;
  static constexpr int kExpBits = 11;
  static constexpr int kFracBits = 52;
};

// The constants of a format, and the questions that need its bits only.
template <class F>
struct Format : F {
  using Bits = typename F::Bits;
  static constexpr int kExpMax =
      (1 << F::kExpBits) - 1;  // the exponent field of infinities and NaNs
  static constexpr int kBias = kExpMax >> 1;
  static constexpr Bits kHidden = Bits{1} << F::kFracBits;
  static constexpr Bits kFracMask = kHidden - 1;
  static constexpr Bits kSign = Bits{1} << (F::kExpBits + F::kFracBits);
  static constexpr Bits kInf = static_cast<Bits>(Bits{kExpMax} << F::kFracBits);
  static constexpr Bits kQuietBit = kHidden >> 1;
  static constexpr Bits kNan = kInf | kQuietBit;  // the canonical NaN

  static constexpr Bits magnitude(Bits a) { return a & ~kSign; }
  static constexpr bool is_negative(Bits a) { return (a & kSign) != 0; }
  static constexpr bool is_nan(Bits a) { return magnitude(a) > kInf; }
  static constexpr bool is_signaling(Bits a) { return is_nan(a) && !(a & kQuietBit); }
  static constexpr bool is_inf(Bits a) { return magnitude(a) == kInf; }
  static constexpr bool is_zero(Bits a) { return magnitude(a) == 0; }
};

template <class F>
typename F::Bits add(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags);
template <class F>
typename F::Bits mul(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags);
template <class F>
typename F::Bits div(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags);
template <class F>
typename F::Bits sqrt(typename F::Bits a, RoundingMode rm, uint32_t& fflags);
template <class F>
typename F::Bits madd(typename F::Bits a, typename F::Bits b, typename F::Bits c, RoundingMode rm,
                      uint32_t& fflags);

// Int: int32_t, uint32_t, int64_t or uint64_t.
template <class F, class Int>
Int to_int(typename F::Bits a, RoundingMode rm, uint32_t& fflags);
template <class F, class Int>
typename F::Bits from_int(Int a, RoundingMode rm, uint32_t& fflags);
template <class From, class To>
typename To::Bits convert(typename From::Bits a, RoundingMode rm, uint32_t& fflags);

// a - b is a + -b: a NaN's sign can't be seen in the result.
template <class F>
typename F::Bits sub(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags) {
  return add<F>(a, b ^ Format<F>::kSign, rm, fflags);
}

// --- Comparison and classes: integer work on every host, so they have no other implementation

// a < b for two that aren't NaN.
template <class F>
constexpr bool ordered_lt(typename F::Bits a, typename F::Bits b) {
  using T = Format<F>;
  if (T::is_negative(a) != T::is_negative(b)) return T::is_negative(a) && T::magnitude(a | b) != 0;
  return T::is_negative(a) ? b < a : a < b;
}
template <class F>
constexpr bool eq(typename F::Bits a, typename F::Bits b, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) {
    if (T::is_signaling(a) || T::is_signaling(b)) fflags |= NV;
    return false;
  }
  return a == b || T::magnitude(a | b) == 0;
}
template <class F>
constexpr bool lt(typename F::Bits a, typename F::Bits b, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) {
    fflags |= NV;
    return false;
  }
  return ordered_lt<F>(a, b);
}
template <class F>
constexpr bool le(typename F::Bits a, typename F::Bits b, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) {
    fflags |= NV;
    return false;
  }
  return !ordered_lt<F>(b, a);
}
// minimumNumber (greatest = false) and maximumNumber.
template <class F>
constexpr typename F::Bits min_max(typename F::Bits a, typename F::Bits b, bool greatest,
                                   uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) {
    if (T::is_signaling(a) || T::is_signaling(b)) fflags |= NV;
    if (!T::is_nan(a)) return a;
    return T::is_nan(b) ? T::kNan : b;
  }
  // Signs first, so that -0 is below +0.
  const bool a_below =
      T::is_negative(a) != T::is_negative(b) ? T::is_negative(a) : ordered_lt<F>(a, b);
  return a_below != greatest ? a : b;
}
template <class F>
constexpr uint32_t classify(typename F::Bits a) {
  using T = Format<F>;
  if (T::is_nan(a)) return T::is_signaling(a) ? 1u << 8 : 1u << 9;
  const bool negative = T::is_negative(a);
  if (T::is_inf(a)) return negative ? 1u << 0 : 1u << 7;
  if (T::is_zero(a)) return negative ? 1u << 3 : 1u << 4;
  if (T::magnitude(a) < T::kHidden) return negative ? 1u << 2 : 1u << 5;
  return negative ? 1u << 1 : 1u << 6;
}

}  // namespace monochord::fpu::soft
