#include "tcg/fpu/soft_float.h"

#include <limits>
#include <type_traits>

namespace monochord::fpu::soft {
namespace {

using Wide = unsigned __int128;

// A finite number other than zero: sig / 2^63 * 2^exp, bit 63 of sig set. Where bits were lost
// below, bit 0 is set ("sticky"): with 11 spare bits below an f64's last one, that is all that
// rounding needs to know.
struct Number {
  bool negative;
  int exp;
  uint64_t sig;
};

constexpr uint64_t shift_right_sticky(uint64_t value, int count) {
  if (count == 0) return value;
  if (count > 63) return value != 0;
  return (value >> count) | ((value << (64 - count)) != 0);
}
constexpr Wide shift_right_sticky(Wide value, int count) {
  if (count == 0) return value;
  if (count > 127) return value != 0;
  return (value >> count) | static_cast<Wide>((value << (128 - count)) != 0);
}
constexpr uint64_t high_sticky(Wide value) {
  return static_cast<uint64_t>(value >> 64) | (static_cast<uint64_t>(value) != 0);
}
constexpr int leading_zeros(Wide value) {
  const auto high = static_cast<uint64_t>(value >> 64);
  return high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<uint64_t>(value));
}

// `a` is finite and not zero.
template <class F>
Number unpack(typename F::Bits a) {
  using T = Format<F>;
  const int field = static_cast<int>((a >> T::kFracBits) & T::kExpMax);
  uint64_t sig = a & T::kFracMask;
  if (field != 0)
    return {T::is_negative(a), field - T::kBias, (sig | T::kHidden) << (63 - T::kFracBits)};
  const int zeros = std::countl_zero(sig);
  return {T::is_negative(a), 1 - T::kBias - (zeros - (63 - T::kFracBits)), sig << zeros};
}

// Does a magnitude with last kept bit `odd` and rest `rest` (of 2 * half) go to the next one up?
bool rounds_up(RoundingMode rm, bool negative, bool odd, uint64_t rest, uint64_t half) {
  switch (rm) {
    case RNE:
      return rest > half || (rest == half && odd);
    case RTZ:
      return false;
    case RDN:
      return negative && rest != 0;
    case RUP:
      return !negative && rest != 0;
    case RMM:
      return rest >= half;
  }
  return false;
}

template <class F>
typename F::Bits overflow(bool negative, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  fflags |= OF | NX;
  const bool to_infinity = rm == RNE || rm == RMM || rm == (negative ? RDN : RUP);
  return (negative ? T::kSign : 0) | (to_infinity ? T::kInf : T::kInf - 1);
}

// Rounds once and packs.
template <class F>
typename F::Bits round_pack(Number n, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  constexpr int kShift = 63 - T::kFracBits;
  constexpr uint64_t kHalf = uint64_t{1} << (kShift - 1);
  constexpr uint64_t kRest = (kHalf << 1) - 1;
  const typename F::Bits sign = n.negative ? T::kSign : 0;
  int field = n.exp + T::kBias;
  bool tiny = false;
  if (field <= 0) {
    // Tiny after rounding: with an exponent of any size it would still round below the smallest
    // normal number.
    const uint64_t kept = n.sig >> kShift;
    const bool carries = kept + rounds_up(rm, n.negative, kept & 1, n.sig & kRest, kHalf) ==
                         uint64_t{T::kHidden} << 1;
    tiny = !(field == 0 && carries);
    n.sig = shift_right_sticky(n.sig, 1 - field);
    field = 0;
  }
  const uint64_t rest = n.sig & kRest;
  uint64_t kept = n.sig >> kShift;
  kept += rounds_up(rm, n.negative, kept & 1, rest, kHalf);
  if (rest != 0) fflags |= tiny ? NX | UF : NX;
  if (field == 0)
    return sign | static_cast<typename F::Bits>(
                      kept);  // a carry makes the smallest normal number by itself
  if (kept >> (T::kFracBits + 1)) {
    kept >>= 1;
    ++field;
  }
  if (field >= T::kExpMax) return overflow<F>(n.negative, rm, fflags);
  return sign | (static_cast<typename F::Bits>(field) << T::kFracBits) |
         (static_cast<typename F::Bits>(kept) & T::kFracMask);
}

template <class F>
typename F::Bits invalid(uint32_t& fflags) {
  fflags |= NV;
  return Format<F>::kNan;
}

// The result of an operation with a NaN among its operands.
template <class F>
typename F::Bits propagate_nan(typename F::Bits a, typename F::Bits b, uint32_t& fflags) {
  if (Format<F>::is_signaling(a) || Format<F>::is_signaling(b)) fflags |= NV;
  return Format<F>::kNan;
}

// The sum of two zeros, or of two numbers that cancel.
template <class F>
typename F::Bits exact_zero(bool a_negative, bool b_negative, RoundingMode rm) {
  const bool negative = a_negative == b_negative ? a_negative : rm == RDN;
  return negative ? Format<F>::kSign : 0;
}

}  // namespace

template <class F>
typename F::Bits add(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) return propagate_nan<F>(a, b, fflags);
  if (T::is_inf(a)) return T::is_inf(b) && a != b ? invalid<F>(fflags) : a;
  if (T::is_inf(b)) return b;
  if (T::is_zero(a))
    return T::is_zero(b) ? exact_zero<F>(T::is_negative(a), T::is_negative(b), rm) : b;
  if (T::is_zero(b)) return a;
  Number x = unpack<F>(a);
  Number y = unpack<F>(b);
  if (x.exp < y.exp || (x.exp == y.exp && x.sig < y.sig)) {
    const Number larger = y;
    y = x;
    x = larger;
  }
  // One bit of room for the carry. Bits are lost in the alignment only when the exponents are so
  // far apart that at most one bit cancels.
  const uint64_t x_sig = x.sig >> 1;
  const uint64_t y_sig = shift_right_sticky(y.sig >> 1, x.exp - y.exp);
  const uint64_t sum = x.negative == y.negative ? x_sig + y_sig : x_sig - y_sig;
  if (sum == 0) return exact_zero<F>(x.negative, y.negative, rm);
  const int zeros = std::countl_zero(sum);
  return round_pack<F>({x.negative, x.exp + 1 - zeros, sum << zeros}, rm, fflags);
}

template <class F>
typename F::Bits mul(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) return propagate_nan<F>(a, b, fflags);
  const typename F::Bits sign = (a ^ b) & T::kSign;
  if (T::is_inf(a) || T::is_inf(b))
    return T::is_zero(a) || T::is_zero(b) ? invalid<F>(fflags) : sign | T::kInf;
  if (T::is_zero(a) || T::is_zero(b)) return sign;
  const Number x = unpack<F>(a);
  const Number y = unpack<F>(b);
  const Wide product = static_cast<Wide>(x.sig) * y.sig;
  const int zeros = leading_zeros(product);  // 0 or 1
  return round_pack<F>({sign != 0, x.exp + y.exp + 1 - zeros, high_sticky(product << zeros)}, rm,
                       fflags);
}

template <class F>
typename F::Bits div(typename F::Bits a, typename F::Bits b, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a) || T::is_nan(b)) return propagate_nan<F>(a, b, fflags);
  const typename F::Bits sign = (a ^ b) & T::kSign;
  if (T::is_inf(a)) return T::is_inf(b) ? invalid<F>(fflags) : sign | T::kInf;
  if (T::is_inf(b)) return sign;
  if (T::is_zero(b)) {
    if (T::is_zero(a)) return invalid<F>(fflags);
    fflags |= DZ;
    return sign | T::kInf;
  }
  if (T::is_zero(a)) return sign;
  const Number x = unpack<F>(a);
  const Number y = unpack<F>(b);
  // The quotient of the significands is in (1/2, 2): scale the dividend so that 64 bits with bit 63
  // set come out.
  const bool below_one = x.sig < y.sig;
  const Wide dividend = static_cast<Wide>(x.sig) << (below_one ? 64 : 63);
  const auto quotient = static_cast<uint64_t>(dividend / y.sig);
  const bool exact = static_cast<Wide>(quotient) * y.sig == dividend;
  return round_pack<F>({sign != 0, x.exp - y.exp - below_one, quotient | !exact}, rm, fflags);
}

template <class F>
typename F::Bits sqrt(typename F::Bits a, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  if (T::is_nan(a)) return propagate_nan<F>(a, a, fflags);
  if (T::is_zero(a)) return a;
  if (T::is_negative(a)) return invalid<F>(fflags);
  if (T::is_inf(a)) return a;
  const Number x = unpack<F>(a);
  // An even exponent, and a radicand in [2^126, 2^128): its root is in [2^63, 2^64). Bit by bit, as
  // many as rounding needs.
  const bool odd = x.exp & 1;
  Wide rest = static_cast<Wide>(x.sig) << (odd ? 64 : 63);
  uint64_t root = 0;
  for (int bit = 63; bit > 63 - (T::kFracBits + 3); --bit) {
    const uint64_t step = uint64_t{1} << bit;
    // (root + step)^2 - root^2 = (2 * root + step) * step
    const Wide taken = ((static_cast<Wide>(root) << 1) + step) << bit;
    if (taken <= rest) {
      rest -= taken;
      root |= step;
    }
  }
  return round_pack<F>({false, (x.exp - odd) / 2, root | (rest != 0)}, rm, fflags);
}

template <class F>
typename F::Bits madd(typename F::Bits a, typename F::Bits b, typename F::Bits c, RoundingMode rm,
                      uint32_t& fflags) {
  using T = Format<F>;
  // inf * 0 is invalid whatever is added to it.
  if ((T::is_inf(a) && T::is_zero(b)) || (T::is_zero(a) && T::is_inf(b))) return invalid<F>(fflags);
  if (T::is_nan(a) || T::is_nan(b) || T::is_nan(c)) {
    if (T::is_signaling(c)) fflags |= NV;
    return propagate_nan<F>(a, b, fflags);
  }
  const typename F::Bits sign = (a ^ b) & T::kSign;
  if (T::is_inf(a) || T::is_inf(b))
    return T::is_inf(c) && (c & T::kSign) != sign ? invalid<F>(fflags) : sign | T::kInf;
  if (T::is_inf(c)) return c;
  if (T::is_zero(a) || T::is_zero(b))
    return T::is_zero(c) ? exact_zero<F>(sign != 0, T::is_negative(c), rm) : c;
  const Number x = unpack<F>(a);
  const Number y = unpack<F>(b);
  // The exact product, bit 127 set; an f64 leaves 22 zeros below, so nothing is lost when both
  // terms make room for the carry.
  Wide product = static_cast<Wide>(x.sig) * y.sig;
  const int zeros = leading_zeros(product);
  product <<= zeros;
  const int product_exp = x.exp + y.exp + 1 - zeros;
  if (T::is_zero(c))
    return round_pack<F>({sign != 0, product_exp, high_sticky(product)}, rm, fflags);
  const Number z = unpack<F>(c);
  Wide large = product >> 1;
  Wide small = static_cast<Wide>(z.sig) << 63;
  int large_exp = product_exp;
  int small_exp = z.exp;
  bool large_negative = sign != 0;
  bool small_negative = z.negative;
  if (large_exp < small_exp || (large_exp == small_exp && large < small)) {
    const Wide sig = large;
    large = small;
    small = sig;
    small_exp = large_exp;
    large_exp = z.exp;
    small_negative = large_negative;
    large_negative = z.negative;
  }
  small = shift_right_sticky(small, large_exp - small_exp);
  const Wide sum = large_negative == small_negative ? large + small : large - small;
  if (sum == 0) return exact_zero<F>(large_negative, small_negative, rm);
  const int sum_zeros = leading_zeros(sum);
  return round_pack<F>({large_negative, large_exp + 1 - sum_zeros, high_sticky(sum << sum_zeros)},
                       rm, fflags);
}

template <class F, class Int>
Int to_int(typename F::Bits a, RoundingMode rm, uint32_t& fflags) {
  using T = Format<F>;
  using Limits = std::numeric_limits<Int>;
  if (T::is_nan(a)) {
    fflags |= NV;
    return Limits::max();
  }
  if (T::is_zero(a)) return 0;
  const Int nearest_end = T::is_negative(a) ? Limits::min() : Limits::max();
  if (T::is_inf(a)) {
    fflags |= NV;
    return nearest_end;
  }
  const Number n = unpack<F>(a);
  if (n.exp > 63) {
    fflags |= NV;
    return nearest_end;
  }
  // 64 bits before the point and 64 behind it.
  const Wide fixed = shift_right_sticky(static_cast<Wide>(n.sig) << 64, 63 - n.exp);
  auto whole = static_cast<uint64_t>(fixed >> 64);
  const auto rest = static_cast<uint64_t>(fixed);
  whole += rounds_up(rm, n.negative, whole & 1, rest,
                     uint64_t{1} << 63);  // no carry out: a value of 2^63 and above has no fraction
  const uint64_t limit =
      n.negative ? uint64_t{0} - static_cast<uint64_t>(static_cast<int64_t>(Limits::min()))
                 : static_cast<uint64_t>(Limits::max());
  if (whole > limit) {
    fflags |= NV;
    return nearest_end;
  }
  if (rest != 0) fflags |= NX;
  return static_cast<Int>(n.negative ? uint64_t{0} - whole : whole);
}

template <class F, class Int>
typename F::Bits from_int(Int a, RoundingMode rm, uint32_t& fflags) {
  if (a == 0) return 0;
  const bool negative = a < 0;
  const auto value = static_cast<uint64_t>(a);  // sign-extended
  const uint64_t magnitude = negative ? uint64_t{0} - value : value;
  const int zeros = std::countl_zero(magnitude);
  return round_pack<F>({negative, 63 - zeros, magnitude << zeros}, rm, fflags);
}

template <class From, class To>
typename To::Bits convert(typename From::Bits a, RoundingMode rm, uint32_t& fflags) {
  using S = Format<From>;
  using T = Format<To>;
  if (S::is_nan(a)) {
    if (S::is_signaling(a)) fflags |= NV;
    return T::kNan;
  }
  const typename To::Bits sign = S::is_negative(a) ? T::kSign : 0;
  if (S::is_inf(a)) return sign | T::kInf;
  if (S::is_zero(a)) return sign;
  return round_pack<To>(unpack<From>(a), rm, fflags);
}

#define INSTANTIATE_INT(F, Int)                                  \
  template Int to_int<F, Int>(F::Bits, RoundingMode, uint32_t&); \
  template F::Bits from_int<F, Int>(Int, RoundingMode, uint32_t&);
#define INSTANTIATE(F)                                                          \
  template F::Bits add<F>(F::Bits, F::Bits, RoundingMode, uint32_t&);           \
  template F::Bits mul<F>(F::Bits, F::Bits, RoundingMode, uint32_t&);           \
  template F::Bits div<F>(F::Bits, F::Bits, RoundingMode, uint32_t&);           \
  template F::Bits sqrt<F>(F::Bits, RoundingMode, uint32_t&);                   \
  template F::Bits madd<F>(F::Bits, F::Bits, F::Bits, RoundingMode, uint32_t&); \
  INSTANTIATE_INT(F, int32_t)                                                   \
  INSTANTIATE_INT(F, uint32_t)                                                  \
  INSTANTIATE_INT(F, int64_t)                                                   \
  INSTANTIATE_INT(F, uint64_t)
INSTANTIATE(F32)
INSTANTIATE(F64)
template uint64_t convert<F32, F64>(uint32_t, RoundingMode, uint32_t&);
template uint32_t convert<F64, F32>(uint64_t, RoundingMode, uint32_t&);

}  // namespace monochord::fpu::soft
