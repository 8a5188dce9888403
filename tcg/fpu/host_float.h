// The host's FPU as a fast path: it answers when one plain host instruction gives RISC-V's result
// and the flags can be known without reading the host's flags; else it says so and the soft float
// answers.
//
// Why not MXCSR: an ldmxcsr + operation + stmxcsr that raises a flag costs 18 to 35 ns (an exact
// one 3 to 5), the soft float 8 to 14; the checks below cost 0.5 to 2 (README.md has the figures).
// So:
// - Only round to nearest even, the host's resting mode: MXCSR is never written, nothing here can
// be reordered around a mode switch.
// - A result that is normal, above the smallest normal number and finite has raised nothing but
// perhaps NX. If NX has accrued already, done.
//   (The smallest normal number itself may have been tiny before its rounding; zeros, subnormals,
//   infinities and NaNs are the special cases.)
// - Else exactness is computed: the rounding error of +, *, / and sqrt is itself a floating-point
// number (T. J. Dekker 1971; Knuth, The Art of
//   Computer Programming, volume 2, 4.2.2) unless it underflows, which the bounds on exponents
//   exclude.
// A fused operation that the compiler makes by itself would break the error terms: build with
// -ffp-contract=off (tcg/fpu.cmake).
#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>

#include "tcg/fpu/soft_float.h"

#if (defined(__x86_64__) || defined(__aarch64__)) && FLT_EVAL_METHOD == 0
#define MONOCHORD_HOST_FLOAT 1
#else
#define MONOCHORD_HOST_FLOAT 0
#endif

#if MONOCHORD_HOST_FLOAT
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace monochord::fpu::host {

using soft::F32;
using soft::F64;
using soft::Format;

#if defined(__x86_64__)
// FMA3 and an operating system that keeps the registers of AVX.
inline bool detect_fma() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  if (!(c & bit_FMA) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return false;
  uint32_t low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 6) == 6;
}
// Read once at start; before that the soft float answers. (One .cpp includes this header.)
static const bool kHasFma = detect_fma();
inline double fma(double a, double b, double c) {
  asm("vfmadd231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
  return c;
}
inline float fma(float a, float b, float c) {
  asm("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
  return c;
}
#else
inline constexpr bool kHasFma = true;
inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#endif
#if defined(__aarch64__)
inline double sqrt(double a) {
  asm("fsqrt %d0, %d0" : "+w"(a));
  return a;
}
inline float sqrt(float a) {
  asm("fsqrt %s0, %s0" : "+w"(a));
  return a;
}
#else
inline double sqrt(double a) {
  asm("sqrtsd %0, %0" : "+x"(a));
  return a;
}
inline float sqrt(float a) {
  asm("sqrtss %0, %0" : "+x"(a));
  return a;
}
#endif

inline double value(uint64_t bits) { return std::bit_cast<double>(bits); }
inline float value(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }
inline uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

template <class F>
constexpr uint32_t exponent_field(typename F::Bits a) {
  return static_cast<uint32_t>(a >> F::kFracBits) & Format<F>::kExpMax;
}
// Is a's exponent field in [low, kExpMax - above]?
template <class F>
constexpr bool exponent_within(typename F::Bits a, uint32_t low, uint32_t above) {
  return exponent_field<F>(a) - low <= Format<F>::kExpMax - above - low;
}
// A result that raised at most NX.
template <class F>
constexpr bool is_plain(typename F::Bits result) {
  return exponent_within<F>(result, 2, 1);
}
// Twice the digits and some: an error term of numbers with exponent fields from here on doesn't
// underflow.
inline constexpr uint32_t kErrorFits = 2 * (F64::kFracBits + 1) + 4;

// Is a + b == sum? Not for sums in the topmost binades.
template <class Float>
inline bool sum_is_exact(Float a, Float b, Float sum) {
  const Float b_part = sum - a;
  const Float a_part = sum - b_part;
  return (a - a_part) + (b - b_part) == 0;
}

// Each returns true when `result` is the answer of the operation with the flags in `fflags` as they
// are or with NX added; the caller has seen that rm is RNE.
template <class F>
inline bool add(typename F::Bits a, typename F::Bits b, typename F::Bits& result,
                uint32_t& fflags) {
  const auto x = value(a);
  const auto y = value(b);
  const auto sum = x + y;
  result = bits(sum);
  // A sum that is subnormal or zero is exact.
  if (fflags & NX) return exponent_within<F>(result, 0, 1);
  if (!exponent_within<F>(result, 0, 3)) return false;
  if (!sum_is_exact(x, y, sum)) fflags |= NX;
  return true;
}

inline bool mul(uint64_t a, uint64_t b, uint64_t& result, uint32_t& fflags) {
  const double product = value(a) * value(b);
  result = bits(product);
  if (fflags & NX) return is_plain<F64>(result);
  if (!kHasFma || !exponent_within<F64>(result, kErrorFits, 1)) return false;
  if (fma(value(a), value(b), -product) != 0) fflags |= NX;
  return true;
}
inline bool div(uint64_t a, uint64_t b, uint64_t& result, uint32_t& fflags) {
  const double quotient = value(a) / value(b);
  result = bits(quotient);
  if (fflags & NX) return is_plain<F64>(result);
  if (!kHasFma || !is_plain<F64>(result) || !exponent_within<F64>(a, kErrorFits, 1)) return false;
  if (fma(-quotient, value(b), value(a)) != 0) fflags |= NX;
  return true;
}
inline bool sqrt(uint64_t a, uint64_t& result, uint32_t& fflags) {
  const double root = sqrt(value(a));
  result = bits(root);
  if (fflags & NX) return is_plain<F64>(result);
  if (!kHasFma || !exponent_within<F64>(a, kErrorFits, 1) || (a & kSign64)) return false;
  if (fma(-root, root, value(a)) != 0) fflags |= NX;
  return true;
}
inline bool madd(uint64_t a, uint64_t b, uint64_t c, uint64_t& result, uint32_t& fflags) {
  if (!kHasFma) return false;
  const double x = value(a);
  const double y = value(b);
  const double z = value(c);
  const double sum = fma(x, y, z);
  result = bits(sum);
  if (fflags & NX) return is_plain<F64>(result);
  // Only a plain case of "exact": the product is, and its sum is. The rest goes to the soft float,
  // until NX has accrued.
  const double product = x * y;
  return exponent_within<F64>(bits(product), kErrorFits, 3) && exponent_within<F64>(result, 0, 3) &&
         fma(x, y, -product) == 0 && product + z == sum && sum_is_exact(product, z, sum);
}

// The exact product of two f32 is an f64, so exactness is one comparison.
inline bool mul(uint32_t a, uint32_t b, uint32_t& result, uint32_t& fflags) {
  const float product = value(a) * value(b);
  result = bits(product);
  if (!is_plain<F32>(result)) return false;
  if (fflags & NX) return true;
  if (static_cast<double>(value(a)) * static_cast<double>(value(b)) != static_cast<double>(product))
    fflags |= NX;
  return true;
}
inline bool div(uint32_t a, uint32_t b, uint32_t& result, uint32_t& fflags) {
  const float quotient = value(a) / value(b);
  result = bits(quotient);
  if (!is_plain<F32>(result)) return false;
  if (fflags & NX) return true;
  if (static_cast<double>(quotient) * static_cast<double>(value(b)) !=
      static_cast<double>(value(a)))
    fflags |= NX;
  return true;
}
inline bool sqrt(uint32_t a, uint32_t& result, uint32_t& fflags) {
  const float root = sqrt(value(a));
  result = bits(root);
  if (!is_plain<F32>(result)) return false;
  if (fflags & NX) return true;
  if (static_cast<double>(root) * static_cast<double>(root) != static_cast<double>(value(a)))
    fflags |= NX;
  return true;
}
inline bool madd(uint32_t a, uint32_t b, uint32_t c, uint32_t& result, uint32_t& fflags) {
  if (!kHasFma) return false;
  const float sum = fma(value(a), value(b), value(c));
  result = bits(sum);
  if (!is_plain<F32>(result)) return false;
  if (fflags & NX) return true;
  const double product = static_cast<double>(value(a)) * static_cast<double>(value(b));
  const double exact = product + static_cast<double>(value(c));
  if (exact != static_cast<double>(sum) ||
      !sum_is_exact(product, static_cast<double>(value(c)), exact))
    fflags |= NX;
  return true;
}

inline bool to_f32(uint64_t a, uint32_t& result, uint32_t& fflags) {
  const float narrow = static_cast<float>(value(a));
  result = bits(narrow);
  if (!is_plain<F32>(result)) return false;
  if (static_cast<double>(narrow) != value(a)) fflags |= NX;
  return true;
}

// Truncation to an integer of a value that Int holds without saturation; the ends themselves may be
// left to the soft float.
template <class Int, class Float>
inline bool truncate(Float a, Int& result, uint32_t& fflags) {
  constexpr bool kSigned = static_cast<Int>(-1) < 0;
  constexpr Float kTop = sizeof(Int) == 8 ? Float{9223372036854775808.0}
                         : kSigned        ? Float{2147483648.0}
                                          : Float{4294967296.0};
  if (!(a < kTop && a > (kSigned ? -kTop : Float{-1}))) return false;
  const auto whole = static_cast<int64_t>(a);
  if (static_cast<Float>(whole) != a) fflags |= NX;
  result = static_cast<Int>(whole);
  return true;
}

// Integers whose magnitude leaves room for the rounding up and the way back.
template <class Float, class Int, class Bits>
inline bool from_int(Int a, Bits& result, uint32_t& fflags) {
  constexpr int64_t kRoom = int64_t{1} << 62;
  if constexpr (static_cast<Int>(-1) < 0) {
    if (a < -kRoom || a > kRoom) return false;
  } else {
    if (a > static_cast<uint64_t>(kRoom)) return false;
  }
  const auto number = static_cast<Float>(static_cast<int64_t>(a));
  if (static_cast<int64_t>(number) != static_cast<int64_t>(a)) fflags |= NX;
  result = bits(number);
  return true;
}

}  // namespace monochord::fpu::host
#endif  // MONOCHORD_HOST_FLOAT
