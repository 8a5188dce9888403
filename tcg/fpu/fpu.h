// The floating-point unit: what the arithmetic of the F and D extensions does to bit patterns.
//
// Rules:
// - Pure functions: operands and results are bit patterns (f32 in uint32_t, f64 in uint64_t), the
// accrued exceptions are OR-ed into `fflags`
//   (bits as in the fflags CSR; a function never clears one and never reads the hart).
// - `rm` is a resolved mode, 0..4: the caller has looked up frm for DYN (7) and trapped on 5, 6 and
// a bad frm.
// - A NaN result is always the canonical NaN; only sgnj*, the moves and box/unbox pass NaN payloads
// on.
// - Tininess is detected after rounding; underflow is raised only when the result is also inexact.
// - f32 values in f registers are NaN-boxed: pass unbox32(freg), store box32(result).
// - Leaf helpers: any context, BQL free or held; no libc, no lock, nothing allocated. The host's
// MXCSR is at rest (round to nearest, all
//   exceptions masked, FTZ and DAZ off; its sticky flags are never read and may change) when they
//   are called. It is never written, so a signal may come anywhere.
// Source: RISC-V Unprivileged ISA, chapters "F" and "D" (version 2.2); IEEE 754-2019 for
// minimumNumber and maximumNumber.
#pragma once

#include <cstdint>

namespace monochord::fpu {

enum RoundingMode : uint8_t {
  RNE = 0,  // to nearest, ties to even
  RTZ = 1,  // towards zero
  RDN = 2,  // down
  RUP = 3,  // up
  RMM = 4,  // to nearest, ties to max magnitude
};

// Accrued exceptions, at their places in fflags.
enum : uint32_t {
  NX = 1,   // inexact
  UF = 2,   // underflow
  OF = 4,   // overflow
  DZ = 8,   // divide by zero
  NV = 16,  // invalid operation
};

inline constexpr uint32_t kCanonicalNan32 = 0x7fc00000;
inline constexpr uint64_t kCanonicalNan64 = 0x7ff8000000000000;
inline constexpr uint32_t kSign32 = 0x80000000;
inline constexpr uint64_t kSign64 = 0x8000000000000000;

// --- NaN boxing
constexpr uint64_t box32(uint32_t value) { return 0xffffffff00000000 | value; }
constexpr uint32_t unbox32(uint64_t freg) {
  return (freg >> 32) == 0xffffffff ? static_cast<uint32_t>(freg) : kCanonicalNan32;
}

// --- Arithmetic
uint32_t f32_add(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags);
uint32_t f32_sub(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags);
uint32_t f32_mul(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags);
uint32_t f32_div(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags);
uint32_t f32_sqrt(uint32_t a, RoundingMode rm, uint32_t& fflags);
uint64_t f64_add(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags);
uint64_t f64_sub(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags);
uint64_t f64_mul(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags);
uint64_t f64_div(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags);
uint64_t f64_sqrt(uint64_t a, RoundingMode rm, uint32_t& fflags);

// Fused, one rounding: madd a*b+c, msub a*b-c, nmsub -(a*b)+c, nmadd -(a*b)-c. inf*0 raises NV even
// when c is a quiet NaN.
uint32_t f32_madd(uint32_t a, uint32_t b, uint32_t c, RoundingMode rm, uint32_t& fflags);
uint64_t f64_madd(uint64_t a, uint64_t b, uint64_t c, RoundingMode rm, uint32_t& fflags);
inline uint32_t f32_msub(uint32_t a, uint32_t b, uint32_t c, RoundingMode rm, uint32_t& fflags) {
  return f32_madd(a, b, c ^ kSign32, rm, fflags);
}
inline uint32_t f32_nmsub(uint32_t a, uint32_t b, uint32_t c, RoundingMode rm, uint32_t& fflags) {
  return f32_madd(a ^ kSign32, b, c, rm, fflags);
}
inline uint32_t f32_nmadd(uint32_t a, uint32_t b, uint32_t c, RoundingMode rm, uint32_t& fflags) {
  return f32_madd(a ^ kSign32, b, c ^ kSign32, rm, fflags);
}
inline uint64_t f64_msub(uint64_t a, uint64_t b, uint64_t c, RoundingMode rm, uint32_t& fflags) {
  return f64_madd(a, b, c ^ kSign64, rm, fflags);
}
inline uint64_t f64_nmsub(uint64_t a, uint64_t b, uint64_t c, RoundingMode rm, uint32_t& fflags) {
  return f64_madd(a ^ kSign64, b, c, rm, fflags);
}
inline uint64_t f64_nmadd(uint64_t a, uint64_t b, uint64_t c, RoundingMode rm, uint32_t& fflags) {
  return f64_madd(a ^ kSign64, b, c ^ kSign64, rm, fflags);
}

// --- Comparison
// eq is quiet (NV for signaling NaNs only), lt and le are signaling. min and max: the number wins
// over a NaN, -0 < +0, NV for a signaling NaN.
uint32_t f32_min(uint32_t a, uint32_t b, uint32_t& fflags);
uint32_t f32_max(uint32_t a, uint32_t b, uint32_t& fflags);
bool f32_eq(uint32_t a, uint32_t b, uint32_t& fflags);
bool f32_lt(uint32_t a, uint32_t b, uint32_t& fflags);
bool f32_le(uint32_t a, uint32_t b, uint32_t& fflags);
uint64_t f64_min(uint64_t a, uint64_t b, uint32_t& fflags);
uint64_t f64_max(uint64_t a, uint64_t b, uint32_t& fflags);
bool f64_eq(uint64_t a, uint64_t b, uint32_t& fflags);
bool f64_lt(uint64_t a, uint64_t b, uint32_t& fflags);
bool f64_le(uint64_t a, uint64_t b, uint32_t& fflags);

// --- Signs and classes: no exceptions, NaN payloads kept
constexpr uint32_t f32_sgnj(uint32_t a, uint32_t b) { return (a & ~kSign32) | (b & kSign32); }
constexpr uint32_t f32_sgnjn(uint32_t a, uint32_t b) { return (a & ~kSign32) | (~b & kSign32); }
constexpr uint32_t f32_sgnjx(uint32_t a, uint32_t b) { return a ^ (b & kSign32); }
constexpr uint64_t f64_sgnj(uint64_t a, uint64_t b) { return (a & ~kSign64) | (b & kSign64); }
constexpr uint64_t f64_sgnjn(uint64_t a, uint64_t b) { return (a & ~kSign64) | (~b & kSign64); }
constexpr uint64_t f64_sgnjx(uint64_t a, uint64_t b) { return a ^ (b & kSign64); }
// One bit of ten set: 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0, 5 +subnormal, 6 +normal, 7 +inf,
// 8 signaling NaN, 9 quiet NaN.
uint32_t f32_classify(uint32_t a);
uint32_t f64_classify(uint64_t a);

// --- Conversions
// To integers: out of range or NaN gives the nearest end (NaN: the largest) and NV, never NX as
// well. The caller sign-extends 32-bit results to XLEN, those of fcvt.wu.* too.
int32_t f32_to_i32(uint32_t a, RoundingMode rm, uint32_t& fflags);
uint32_t f32_to_u32(uint32_t a, RoundingMode rm, uint32_t& fflags);
int64_t f32_to_i64(uint32_t a, RoundingMode rm, uint32_t& fflags);
uint64_t f32_to_u64(uint32_t a, RoundingMode rm, uint32_t& fflags);
int32_t f64_to_i32(uint64_t a, RoundingMode rm, uint32_t& fflags);
uint32_t f64_to_u32(uint64_t a, RoundingMode rm, uint32_t& fflags);
int64_t f64_to_i64(uint64_t a, RoundingMode rm, uint32_t& fflags);
uint64_t f64_to_u64(uint64_t a, RoundingMode rm, uint32_t& fflags);
uint32_t i32_to_f32(int32_t a, RoundingMode rm, uint32_t& fflags);
uint32_t u32_to_f32(uint32_t a, RoundingMode rm, uint32_t& fflags);
uint32_t i64_to_f32(int64_t a, RoundingMode rm, uint32_t& fflags);
uint32_t u64_to_f32(uint64_t a, RoundingMode rm, uint32_t& fflags);
uint64_t i32_to_f64(int32_t a);   // exact
uint64_t u32_to_f64(uint32_t a);  // exact
uint64_t i64_to_f64(int64_t a, RoundingMode rm, uint32_t& fflags);
uint64_t u64_to_f64(uint64_t a, RoundingMode rm, uint32_t& fflags);
uint64_t f32_to_f64(uint32_t a, uint32_t& fflags);  // exact; NV for a signaling NaN
uint32_t f64_to_f32(uint64_t a, RoundingMode rm, uint32_t& fflags);

}  // namespace monochord::fpu
