// fpu.h as it is built on this host (its FPU where that is equal) against the soft float, which
// MPFR has judged: every operation with a fast path, every rounding mode, with NX accrued before
// (the fast path asks for nothing more) and without.
#include <gtest/gtest.h>

#include "tcg/fpu/fpu.h"
#include "tcg/fpu/soft_float.h"
#include "tests/tcg/fpu_operands.h"

namespace monochord::fpu {
namespace {

using soft::F32;
using soft::F64;

constexpr int kCases = 400000;

template <class Bits>
Bits next(fpu_test::Operands& operands) {
  if constexpr (sizeof(Bits) == 4)
    return operands.f32();
  else
    return operands.f64();
}

// Compares `unit` and `model`, called with (a, b, c, rm, fflags).
template <class Bits, class Unit, class Model>
void compare(Unit unit, Model model) {
  fpu_test::Operands operands(sizeof(Bits));
  for (int i = 0; i < kCases; ++i) {
    operands.next_group();
    const Bits a = next<Bits>(operands);
    const Bits b = next<Bits>(operands);
    const Bits c = next<Bits>(operands);
    // Round to nearest is the one that the host does: half of the cases.
    const auto rm = static_cast<RoundingMode>(i & 1 ? uint64_t{RNE} : operands.below(5));
    for (const uint32_t before : {uint32_t{0}, uint32_t{NX}, uint32_t{UF | OF | DZ | NV}}) {
      uint32_t unit_flags = before;
      uint32_t model_flags = before;
      const auto unit_result = unit(a, b, c, rm, unit_flags);
      const auto model_result = model(a, b, c, rm, model_flags);
      ASSERT_TRUE(unit_result == model_result && unit_flags == model_flags)
          << std::hex << "a " << a << " b " << b << " c " << c << " rm " << int{rm} << " before "
          << before << ": fpu " << unit_result << " fflags " << unit_flags << ", soft float "
          << model_result << " fflags " << model_flags;
    }
  }
}

#define COMPARE(test, Bits, unit, model)                                                        \
  TEST(FpuAgainstSoftFloat, test) {                                                             \
    compare<Bits>(                                                                              \
        []([[maybe_unused]] Bits a, [[maybe_unused]] Bits b, [[maybe_unused]] Bits c,           \
           [[maybe_unused]] RoundingMode rm, [[maybe_unused]] uint32_t& fl) { return unit; },   \
        []([[maybe_unused]] Bits a, [[maybe_unused]] Bits b, [[maybe_unused]] Bits c,           \
           [[maybe_unused]] RoundingMode rm, [[maybe_unused]] uint32_t& fl) { return model; }); \
  }
#define COMPARE_FORMAT(name, F, Bits, sign)                                                       \
  COMPARE(name##_add, Bits, name##_add(a, b, rm, fl), soft::add<F>(a, b, rm, fl))                 \
  COMPARE(name##_sub, Bits, name##_sub(a, b, rm, fl), soft::sub<F>(a, b, rm, fl))                 \
  COMPARE(name##_mul, Bits, name##_mul(a, b, rm, fl), soft::mul<F>(a, b, rm, fl))                 \
  COMPARE(name##_div, Bits, name##_div(a, b, rm, fl), soft::div<F>(a, b, rm, fl))                 \
  COMPARE(name##_sqrt, Bits, name##_sqrt(a, rm, fl), soft::sqrt<F>(a, rm, fl))                    \
  COMPARE(name##_madd, Bits, name##_madd(a, b, c, rm, fl), soft::madd<F>(a, b, c, rm, fl))        \
  COMPARE(name##_msub, Bits, name##_msub(a, b, c, rm, fl), soft::madd<F>(a, b, c ^ sign, rm, fl)) \
  COMPARE(name##_nmsub, Bits, name##_nmsub(a, b, c, rm, fl),                                      \
          soft::madd<F>(a ^ sign, b, c, rm, fl))                                                  \
  COMPARE(name##_nmadd, Bits, name##_nmadd(a, b, c, rm, fl),                                      \
          soft::madd<F>(a, b ^ sign, c ^ sign, rm, fl))                                           \
  COMPARE(name##_min, Bits, name##_min(a, b, fl), soft::min_max<F>(a, b, false, fl))              \
  COMPARE(name##_max, Bits, name##_max(a, b, fl), soft::min_max<F>(a, b, true, fl))               \
  COMPARE(name##_eq, Bits, name##_eq(a, b, fl), soft::eq<F>(a, b, fl))                            \
  COMPARE(name##_lt, Bits, name##_lt(a, b, fl), soft::lt<F>(a, b, fl))                            \
  COMPARE(name##_le, Bits, name##_le(a, b, fl), soft::le<F>(a, b, fl))                            \
  COMPARE(name##_to_i32, Bits, name##_to_i32(a, rm, fl), (soft::to_int<F, int32_t>(a, rm, fl)))   \
  COMPARE(name##_to_u32, Bits, name##_to_u32(a, rm, fl), (soft::to_int<F, uint32_t>(a, rm, fl)))  \
  COMPARE(name##_to_i64, Bits, name##_to_i64(a, rm, fl), (soft::to_int<F, int64_t>(a, rm, fl)))   \
  COMPARE(name##_to_u64, Bits, name##_to_u64(a, rm, fl), (soft::to_int<F, uint64_t>(a, rm, fl)))

COMPARE_FORMAT(f32, F32, uint32_t, kSign32)
COMPARE_FORMAT(f64, F64, uint64_t, kSign64)
COMPARE(f32_to_f64, uint32_t, f32_to_f64(a, fl), (soft::convert<F32, F64>(a, rm, fl)))
COMPARE(f64_to_f32, uint64_t, f64_to_f32(a, rm, fl), (soft::convert<F64, F32>(a, rm, fl)))

TEST(FpuAgainstSoftFloat, FromIntegers) {
  fpu_test::Operands operands(3);
  for (int i = 0; i < kCases; ++i) {
    const uint64_t v = operands.integer();
    const auto rm = static_cast<RoundingMode>(operands.below(5));
    uint32_t unit = 0;
    uint32_t model = 0;
#define EQUAL(call, F, Int)                                                 \
  ASSERT_EQ(call, (soft::from_int<F, Int>(static_cast<Int>(v), rm, model))) \
      << std::hex << v << " rm " << int{rm}
    EQUAL(i64_to_f64(static_cast<int64_t>(v), rm, unit), F64, int64_t);
    EQUAL(u64_to_f64(v, rm, unit), F64, uint64_t);
    EQUAL(i32_to_f64(static_cast<int32_t>(v)), F64, int32_t);
    EQUAL(u32_to_f64(static_cast<uint32_t>(v)), F64, uint32_t);
    ASSERT_EQ(unit, model) << std::hex << v;
    EQUAL(i64_to_f32(static_cast<int64_t>(v), rm, unit), F32, int64_t);
    EQUAL(u64_to_f32(v, rm, unit), F32, uint64_t);
    ASSERT_EQ(unit, model) << std::hex << v;
    unit = model = 0;
    EQUAL(i32_to_f32(static_cast<int32_t>(v), rm, unit), F32, int32_t);
    EQUAL(u32_to_f32(static_cast<uint32_t>(v), rm, unit), F32, uint32_t);
    ASSERT_EQ(unit, model) << std::hex << v;
#undef EQUAL
  }
}

}  // namespace
}  // namespace monochord::fpu
