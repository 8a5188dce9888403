#include "tcg/fpu/fpu.h"

#include "tcg/fpu/host_float.h"
#include "tcg/fpu/soft_float.h"

namespace monochord::fpu {

using soft::F32;
using soft::F64;

// The host answers if it can, else the soft float does.
#if MONOCHORD_HOST_FLOAT
#define TRY_HOST(Bits, call)                            \
  if (__builtin_expect(rm == RNE, 1)) {                 \
    Bits result;                                        \
    if (__builtin_expect(host::call, 1)) return result; \
  }
#define TRY_TRUNCATE(Int, a)                                                                     \
  if (__builtin_expect(rm == RTZ, 1)) {                                                          \
    Int result;                                                                                  \
    if (__builtin_expect(host::truncate<Int>(host::value(a), result, fflags), 1)) return result; \
  }
#else
#define TRY_HOST(Bits, call)
#define TRY_TRUNCATE(Int, a)
#endif

uint32_t f32_add(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, add<F32>(a, b, result, fflags))
  return soft::add<F32>(a, b, rm, fflags);
}
uint32_t f32_sub(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags) {
  return f32_add(a, b ^ kSign32, rm, fflags);
}
uint32_t f32_mul(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, mul(a, b, result, fflags))
  return soft::mul<F32>(a, b, rm, fflags);
}
uint32_t f32_div(uint32_t a, uint32_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, div(a, b, result, fflags))
  return soft::div<F32>(a, b, rm, fflags);
}
uint32_t f32_sqrt(uint32_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, sqrt(a, result, fflags))
  return soft::sqrt<F32>(a, rm, fflags);
}
uint32_t f32_madd(uint32_t a, uint32_t b, uint32_t c, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, madd(a, b, c, result, fflags))
  return soft::madd<F32>(a, b, c, rm, fflags);
}
uint64_t f64_add(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, add<F64>(a, b, result, fflags))
  return soft::add<F64>(a, b, rm, fflags);
}
uint64_t f64_sub(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags) {
  return f64_add(a, b ^ kSign64, rm, fflags);
}
uint64_t f64_mul(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, mul(a, b, result, fflags))
  return soft::mul<F64>(a, b, rm, fflags);
}
uint64_t f64_div(uint64_t a, uint64_t b, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, div(a, b, result, fflags))
  return soft::div<F64>(a, b, rm, fflags);
}
uint64_t f64_sqrt(uint64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, sqrt(a, result, fflags))
  return soft::sqrt<F64>(a, rm, fflags);
}
uint64_t f64_madd(uint64_t a, uint64_t b, uint64_t c, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, madd(a, b, c, result, fflags))
  return soft::madd<F64>(a, b, c, rm, fflags);
}

uint32_t f32_min(uint32_t a, uint32_t b, uint32_t& fflags) {
  return soft::min_max<F32>(a, b, false, fflags);
}
uint32_t f32_max(uint32_t a, uint32_t b, uint32_t& fflags) {
  return soft::min_max<F32>(a, b, true, fflags);
}
bool f32_eq(uint32_t a, uint32_t b, uint32_t& fflags) { return soft::eq<F32>(a, b, fflags); }
bool f32_lt(uint32_t a, uint32_t b, uint32_t& fflags) { return soft::lt<F32>(a, b, fflags); }
bool f32_le(uint32_t a, uint32_t b, uint32_t& fflags) { return soft::le<F32>(a, b, fflags); }
uint64_t f64_min(uint64_t a, uint64_t b, uint32_t& fflags) {
  return soft::min_max<F64>(a, b, false, fflags);
}
uint64_t f64_max(uint64_t a, uint64_t b, uint32_t& fflags) {
  return soft::min_max<F64>(a, b, true, fflags);
}
bool f64_eq(uint64_t a, uint64_t b, uint32_t& fflags) { return soft::eq<F64>(a, b, fflags); }
bool f64_lt(uint64_t a, uint64_t b, uint32_t& fflags) { return soft::lt<F64>(a, b, fflags); }
bool f64_le(uint64_t a, uint64_t b, uint32_t& fflags) { return soft::le<F64>(a, b, fflags); }
uint32_t f32_classify(uint32_t a) { return soft::classify<F32>(a); }
uint32_t f64_classify(uint64_t a) { return soft::classify<F64>(a); }

#define TO_INT(name, Int)                                            \
  Int f32_to_##name(uint32_t a, RoundingMode rm, uint32_t& fflags) { \
    TRY_TRUNCATE(Int, a)                                             \
    return soft::to_int<F32, Int>(a, rm, fflags);                    \
  }                                                                  \
  Int f64_to_##name(uint64_t a, RoundingMode rm, uint32_t& fflags) { \
    TRY_TRUNCATE(Int, a)                                             \
    return soft::to_int<F64, Int>(a, rm, fflags);                    \
  }
TO_INT(i32, int32_t)
TO_INT(u32, uint32_t)
TO_INT(i64, int64_t)
TO_INT(u64, uint64_t)
#undef TO_INT

uint32_t i32_to_f32(int32_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, from_int<float>(a, result, fflags))
  return soft::from_int<F32>(a, rm, fflags);
}
uint32_t u32_to_f32(uint32_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, from_int<float>(a, result, fflags))
  return soft::from_int<F32>(a, rm, fflags);
}
uint32_t i64_to_f32(int64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, from_int<float>(a, result, fflags))
  return soft::from_int<F32>(a, rm, fflags);
}
uint32_t u64_to_f32(uint64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, from_int<float>(a, result, fflags))
  return soft::from_int<F32>(a, rm, fflags);
}
uint64_t i64_to_f64(int64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, from_int<double>(a, result, fflags))
  return soft::from_int<F64>(a, rm, fflags);
}
uint64_t u64_to_f64(uint64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint64_t, from_int<double>(a, result, fflags))
  return soft::from_int<F64>(a, rm, fflags);
}
#if MONOCHORD_HOST_FLOAT
uint64_t i32_to_f64(int32_t a) { return host::bits(static_cast<double>(a)); }
uint64_t u32_to_f64(uint32_t a) { return host::bits(static_cast<double>(a)); }
#else
uint64_t i32_to_f64(int32_t a) {
  uint32_t none = 0;
  return soft::from_int<F64>(a, RNE, none);
}
uint64_t u32_to_f64(uint32_t a) {
  uint32_t none = 0;
  return soft::from_int<F64>(a, RNE, none);
}
#endif
uint64_t f32_to_f64(uint32_t a, uint32_t& fflags) {
#if MONOCHORD_HOST_FLOAT
  if (__builtin_expect(!soft::Format<F32>::is_nan(a), 1))
    return host::bits(static_cast<double>(host::value(a)));
#endif
  return soft::convert<F32, F64>(a, RNE, fflags);
}
uint32_t f64_to_f32(uint64_t a, RoundingMode rm, uint32_t& fflags) {
  TRY_HOST(uint32_t, to_f32(a, result, fflags))
  return soft::convert<F64, F32>(a, rm, fflags);
}

}  // namespace monochord::fpu
