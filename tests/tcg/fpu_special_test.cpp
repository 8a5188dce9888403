// The special cases that the RISC-V manual (chapters "F" and "D", version 2.2) and IEEE 754 name,
// one by one.
#include <gtest/gtest.h>

#include <climits>

#include "tcg/fpu/fpu.h"

namespace monochord::fpu {
namespace {

constexpr uint32_t kOne32 = 0x3f800000, kInf32 = 0x7f800000, kSignaling32 = 0x7f800001,
                   kQuiet32 = 0xffc00123, kMax32 = 0x7f7fffff;
constexpr uint64_t kOne64 = 0x3ff0000000000000, kTwo64 = 0x4000000000000000,
                   kInf64 = 0x7ff0000000000000, kSignaling64 = 0x7ff0000000000001,
                   kQuiet64 = 0xfff8000000000123, kMax64 = 0x7fefffffffffffff,
                   kMinNormal64 = 0x0010000000000000;
constexpr RoundingMode kModes[] = {RNE, RTZ, RDN, RUP, RMM};

// Result and flags of one operation.
#define EXPECT_RESULT(call, expected, flags) \
  do {                                       \
    uint32_t fl = 0;                         \
    EXPECT_EQ(call, expected) << #call;      \
    EXPECT_EQ(fl, uint32_t{flags}) << #call; \
  } while (false)

TEST(FpuMinMax, NegativeZeroIsBelowPositiveZero) {
  EXPECT_RESULT(f64_min(0, kSign64, fl), kSign64, 0);
  EXPECT_RESULT(f64_min(kSign64, 0, fl), kSign64, 0);
  EXPECT_RESULT(f64_max(0, kSign64, fl), 0u, 0);
  EXPECT_RESULT(f64_max(kSign64, 0, fl), 0u, 0);
  EXPECT_RESULT(f32_min(0, kSign32, fl), kSign32, 0);
  EXPECT_RESULT(f32_max(kSign32, 0, fl), 0u, 0);
}
TEST(FpuMinMax, TheNumberWinsOverANan) {
  EXPECT_RESULT(f64_min(kQuiet64, kOne64, fl), kOne64, 0);
  EXPECT_RESULT(f64_max(kOne64, kQuiet64, fl), kOne64, 0);
  EXPECT_RESULT(f32_max(kSignaling32, kOne32, fl), kOne32, NV);
  EXPECT_RESULT(f64_min(kOne64, kSignaling64, fl), kOne64, NV);
  EXPECT_RESULT(f64_min(kQuiet64, kQuiet64, fl), kCanonicalNan64, 0);
  EXPECT_RESULT(f32_max(kQuiet32, kSignaling32, fl), kCanonicalNan32, NV);
}
TEST(FpuCompare, EqualIsQuietAndOrderIsSignaling) {
  EXPECT_RESULT(f64_eq(kQuiet64, kOne64, fl), false, 0);
  EXPECT_RESULT(f64_eq(kSignaling64, kOne64, fl), false, NV);
  EXPECT_RESULT(f64_lt(kQuiet64, kOne64, fl), false, NV);
  EXPECT_RESULT(f64_le(kOne64, kQuiet64, fl), false, NV);
  EXPECT_RESULT(f32_eq(kQuiet32, kQuiet32, fl), false, 0);
  EXPECT_RESULT(f32_le(kSignaling32, kOne32, fl), false, NV);
  EXPECT_RESULT(f64_eq(0, kSign64, fl), true, 0);
  EXPECT_RESULT(f64_lt(kSign64, 0, fl), false, 0);
  EXPECT_RESULT(f64_le(0, kSign64, fl), true, 0);
}
TEST(FpuClassify, HasOneBitForEachClass) {
  const uint64_t f64[] = {kInf64 | kSign64, kOne64 | kSign64, kSign64 | 1, kSign64,      0,
                          kMinNormal64 - 1, kMinNormal64,     kInf64,      kSignaling64, kQuiet64};
  const uint32_t f32[] = {kInf32 | kSign32, kOne32 | kSign32, kSign32 | 0x7fffff, kSign32, 0, 1,
                          kMax32,           kInf32,           kSignaling32,       kQuiet32};
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(f64_classify(f64[i]), 1u << i);
    EXPECT_EQ(f32_classify(f32[i]), 1u << i);
  }
}
TEST(FpuSigns, AreInjectedIntoNansToo) {
  EXPECT_EQ(f64_sgnj(kSignaling64, kSign64), kSignaling64 | kSign64);
  EXPECT_EQ(f64_sgnjn(kQuiet64, kSign64), kQuiet64 & ~kSign64);
  EXPECT_EQ(f64_sgnjx(kQuiet64, kSign64), kQuiet64 & ~kSign64);
  EXPECT_EQ(f32_sgnj(kOne32, kSign32), kOne32 | kSign32);
  EXPECT_EQ(f32_sgnjn(kOne32, kOne32), kOne32 | kSign32);
  EXPECT_EQ(f32_sgnjx(kQuiet32, 0), kQuiet32);
}
TEST(FpuBoxing, ABadlyBoxedOperandIsTheCanonicalNan) {
  EXPECT_EQ(box32(kOne32), 0xffffffff3f800000u);
  EXPECT_EQ(unbox32(0xffffffff3f800000u), kOne32);
  EXPECT_EQ(unbox32(0xfffffffe3f800000u), kCanonicalNan32);
  EXPECT_EQ(unbox32(kOne32), kCanonicalNan32);
}
TEST(FpuNans, AreCanonicalAndSignalWhenAnOperandSignals) {
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_add(kQuiet64, kOne64, rm, fl), kCanonicalNan64, 0);
    EXPECT_RESULT(f64_mul(kOne64, kSignaling64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_sqrt(kSignaling64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_madd(kOne64, kOne64, kSignaling64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_to_f32(kQuiet64, rm, fl), kCanonicalNan32, 0);
    EXPECT_RESULT(f64_to_f32(kSignaling64, rm, fl), kCanonicalNan32, NV);
    EXPECT_RESULT(f32_div(kQuiet32, 0, rm, fl), kCanonicalNan32, 0);
  }
  EXPECT_RESULT(f32_to_f64(kQuiet32, fl), kCanonicalNan64, 0);
  EXPECT_RESULT(f32_to_f64(kSignaling32, fl), kCanonicalNan64, NV);
}
TEST(FpuInvalid, OperationsWithoutAResult) {
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_add(kInf64, kInf64 | kSign64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_sub(kInf64, kInf64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_mul(kInf64, 0, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_div(0, 0, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_div(kInf64, kInf64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_sqrt(kOne64 | kSign64, rm, fl), kCanonicalNan64, NV);
    EXPECT_RESULT(f64_sqrt(kSign64, rm, fl), kSign64, 0);
    EXPECT_RESULT(f64_madd(kInf64, kOne64, kInf64 | kSign64, rm, fl), kCanonicalNan64, NV);
  }
}
TEST(FpuFused, InfinityTimesZeroIsInvalidEvenWithAQuietNan) {
  EXPECT_RESULT(f64_madd(kInf64, 0, kQuiet64, RNE, fl), kCanonicalNan64, NV);
  EXPECT_RESULT(f64_nmadd(0, kInf64, kQuiet64, RNE, fl), kCanonicalNan64, NV);
  EXPECT_RESULT(f32_madd(kInf32, 0, kQuiet32, RNE, fl), kCanonicalNan32, NV);
  EXPECT_RESULT(f32_madd(kOne32, 0, kQuiet32, RNE, fl), kCanonicalNan32, 0);
}
TEST(FpuFused, RoundsOnce) {
  // (1 + 2^-52)^2 - (1 + 2^-51) = 2^-104: two roundings give 0.
  EXPECT_RESULT(f64_msub(kOne64 + 1, kOne64 + 1, kOne64 + 2, RNE, fl), uint64_t{1023 - 104} << 52,
                0);
  // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46
  EXPECT_RESULT(f32_msub(kOne32 + 1, kOne32 + 1, kOne32 + 2, RNE, fl), uint32_t{127 - 46} << 23, 0);
}
TEST(FpuFused, TheFourSigns) {
  const uint64_t three = 0x4008000000000000, five = 0x4014000000000000;            // 2 * 3 and 5
  EXPECT_RESULT(f64_madd(kTwo64, three, five, RNE, fl), 0x4026000000000000u, 0);   // 11
  EXPECT_RESULT(f64_msub(kTwo64, three, five, RNE, fl), kOne64, 0);                // 1
  EXPECT_RESULT(f64_nmsub(kTwo64, three, five, RNE, fl), kOne64 | kSign64, 0);     // -1
  EXPECT_RESULT(f64_nmadd(kTwo64, three, five, RNE, fl), 0xc026000000000000u, 0);  // -11
}
TEST(FpuZeros, AnExactZeroSumIsNegativeOnlyWhenRoundingDown) {
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_sub(kOne64, kOne64, rm, fl), rm == RDN ? kSign64 : 0, 0);
    EXPECT_RESULT(f64_add(kSign64, 0, rm, fl), rm == RDN ? kSign64 : 0, 0);
    EXPECT_RESULT(f64_add(kSign64, kSign64, rm, fl), kSign64, 0);
    EXPECT_RESULT(f32_madd(kOne32, kOne32, kOne32 | kSign32, rm, fl), rm == RDN ? kSign32 : 0, 0);
  }
}
TEST(FpuDivide, ByZeroRaisesOnlyForFiniteNumbers) {
  EXPECT_RESULT(f64_div(kOne64, kSign64, RNE, fl), kInf64 | kSign64, DZ);
  EXPECT_RESULT(f64_div(kInf64, 0, RNE, fl), kInf64, 0);
  EXPECT_RESULT(f32_div(kOne32, 0, RTZ, fl), kInf32, DZ);
}
TEST(FpuOverflow, GoesToInfinityOrTheLargestNumberByMode) {
  for (const RoundingMode rm : kModes) {
    const bool up = rm != RTZ && rm != RDN;
    const bool down = rm != RTZ && rm != RUP;
    EXPECT_RESULT(f64_add(kMax64, kMax64, rm, fl), up ? kInf64 : kMax64, OF | NX);
    EXPECT_RESULT(f64_mul(kMax64, kTwo64 | kSign64, rm, fl), (down ? kInf64 : kMax64) | kSign64,
                  OF | NX);
    EXPECT_RESULT(f64_to_f32(kMax64, rm, fl), up ? kInf32 : kMax32, OF | NX);
  }
}
TEST(FpuUnderflow, TininessIsDetectedAfterRounding) {
  const uint64_t half = uint64_t{1022} << 52;
  // 2^-1022 * (1 - 2^-53) has 53 digits: tiny, and a tie between the subnormals.
  EXPECT_RESULT(f64_mul(kMinNormal64, kOne64 - 1, RNE, fl), kMinNormal64, NX | UF);
  // 2^-1022 * (1 + 2^-52) * (1 - 2^-53) = 2^-1022 * (1 + 2^-53 - 2^-105): never tiny.
  EXPECT_RESULT(f64_mul(kMinNormal64 + 1, kOne64 - 1, RNE, fl), kMinNormal64, NX);
  // 2^-1022 - 2^-1300 is tiny before its rounding; rounded up to 53 digits it isn't.
  const uint64_t x = uint64_t{1023 - 1000} << 52, y = uint64_t{1023 - 300} << 52;
  EXPECT_RESULT(f64_nmsub(x, y, kMinNormal64, RNE, fl), kMinNormal64, NX);
  EXPECT_RESULT(f64_nmsub(x, y, kMinNormal64, RUP, fl), kMinNormal64, NX);
  EXPECT_RESULT(f64_nmsub(x, y, kMinNormal64, RMM, fl), kMinNormal64, NX);
  EXPECT_RESULT(f64_nmsub(x, y, kMinNormal64, RTZ, fl), kMinNormal64 - 1, NX | UF);
  // Exact subnormals raise nothing; half of the smallest is a tie.
  EXPECT_RESULT(f64_mul(kMinNormal64, half, RNE, fl), kMinNormal64 >> 1, 0);
  EXPECT_RESULT(f64_mul(1, half, RNE, fl), 0u, NX | UF);
  EXPECT_RESULT(f64_mul(1, half, RMM, fl), 1u, NX | UF);
  EXPECT_RESULT(f64_mul(1, half, RUP, fl), 1u, NX | UF);
}
TEST(FpuRounding, TiesByMode) {
  // 1 + 2^-53 and 1 + 2^-52 + 2^-53, and their opposites.
  const uint64_t ulp_half = uint64_t{1023 - 53} << 52;
  const uint64_t even[] = {kOne64, kOne64, kOne64, kOne64 + 1, kOne64 + 1};
  const uint64_t odd[] = {kOne64 + 2, kOne64 + 1, kOne64 + 1, kOne64 + 2, kOne64 + 2};
  const uint64_t negative[] = {kOne64, kOne64, kOne64 + 1, kOne64, kOne64 + 1};
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_add(kOne64, ulp_half, rm, fl), even[rm], NX);
    EXPECT_RESULT(f64_add(kOne64 + 1, ulp_half, rm, fl), odd[rm], NX);
    EXPECT_RESULT(f64_sub(kOne64 | kSign64, ulp_half, rm, fl), negative[rm] | kSign64, NX);
  }
}
TEST(FpuToInteger, RoundsByMode) {
  const uint64_t two_and_half = 0x4004000000000000;
  const int positive[] = {2, 2, 2, 3, 3};
  const int negative[] = {-2, -2, -3, -2, -3};
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_to_i32(two_and_half, rm, fl), positive[rm], NX);
    EXPECT_RESULT(f64_to_i64(two_and_half | kSign64, rm, fl), negative[rm], NX);
  }
}
TEST(FpuToInteger, SaturatesWithInvalidAndNeverInexact) {
  for (const RoundingMode rm : kModes) {
    EXPECT_RESULT(f64_to_i32(kInf64, rm, fl), INT_MAX, NV);
    EXPECT_RESULT(f64_to_i32(kInf64 | kSign64, rm, fl), INT_MIN, NV);
    EXPECT_RESULT(f64_to_i32(kQuiet64, rm, fl), INT_MAX, NV);
    EXPECT_RESULT(f64_to_u32(kQuiet64, rm, fl), UINT_MAX, NV);
    EXPECT_RESULT(f64_to_u32(kOne64 | kSign64, rm, fl), 0u, NV);
    EXPECT_RESULT(f32_to_i64(kMax32, rm, fl), LONG_MAX, NV);
    EXPECT_RESULT(f32_to_u64(kMax32 | kSign32, rm, fl), 0u, NV);
    EXPECT_RESULT(f32_to_u64(kSignaling32 | kSign32, rm, fl), ULONG_MAX, NV);
    EXPECT_RESULT(f64_to_i32(0xc1e0000000000000, rm, fl), INT_MIN, 0);              // -2^31
    EXPECT_RESULT(f64_to_i32(0x41e0000000000000, rm, fl), INT_MAX, NV);             // 2^31
    EXPECT_RESULT(f64_to_u32(0x41efffffffe00000, rm, fl), UINT_MAX, 0);             // 2^32 - 1
    EXPECT_RESULT(f64_to_i64(0xc3e0000000000000, rm, fl), LONG_MIN, 0);             // -2^63
    EXPECT_RESULT(f64_to_u64(0x43efffffffffffff, rm, fl), 0xfffffffffffff800u, 0);  // 2^64 - 2^11
    EXPECT_RESULT(f64_to_u64(0x43f0000000000000, rm, fl), ULONG_MAX, NV);           // 2^64
    EXPECT_RESULT(f64_to_u64(kSign64, rm, fl), 0u, 0);                              // -0
  }
}
TEST(FpuToInteger, ANegativeFractionMayRoundToZero) {
  const uint64_t minus_half = 0xbfe0000000000000;
  EXPECT_RESULT(f64_to_u32(minus_half, RNE, fl), 0u, NX);
  EXPECT_RESULT(f64_to_u32(minus_half, RTZ, fl), 0u, NX);
  EXPECT_RESULT(f64_to_u32(minus_half, RUP, fl), 0u, NX);
  EXPECT_RESULT(f64_to_u32(minus_half, RDN, fl), 0u, NV);
  EXPECT_RESULT(f64_to_u64(minus_half, RMM, fl), 0u, NV);
  // 2^31 - 0.5 fits or not by mode.
  EXPECT_RESULT(f64_to_i32(0x41dfffffffe00000, RTZ, fl), INT_MAX, NX);
  EXPECT_RESULT(f64_to_i32(0x41dfffffffe00000, RNE, fl), INT_MAX, NV);
}
TEST(FpuFromInteger, RoundsOnceByMode) {
  EXPECT_RESULT(i64_to_f64(LONG_MAX, RNE, fl), 0x43e0000000000000u, NX);
  EXPECT_RESULT(i64_to_f64(LONG_MAX, RTZ, fl), 0x43dfffffffffffffu, NX);
  EXPECT_RESULT(i64_to_f64(LONG_MIN, RUP, fl), 0xc3e0000000000000u, 0);
  EXPECT_RESULT(u64_to_f64(ULONG_MAX, RDN, fl), 0x43efffffffffffffu, NX);
  EXPECT_RESULT(i32_to_f32(0x1000001, RNE, fl), 0x4b800000u, NX);
  EXPECT_RESULT(i32_to_f32(0x1000001, RMM, fl), 0x4b800001u, NX);
  EXPECT_RESULT(u32_to_f32(UINT_MAX, RNE, fl), 0x4f800000u, NX);
  EXPECT_RESULT(i64_to_f32(0, RDN, fl), 0u, 0);
}
TEST(FpuFlags, AreAccruedAndNeverCleared) {
  uint32_t fflags = DZ | UF;
  f64_div(kOne64, 0x4008000000000000, RNE, fflags);
  EXPECT_EQ(fflags, uint32_t{DZ | UF | NX});
  f64_add(kOne64, kOne64, RNE, fflags);
  EXPECT_EQ(fflags, uint32_t{DZ | UF | NX});
}

}  // namespace
}  // namespace monochord::fpu
