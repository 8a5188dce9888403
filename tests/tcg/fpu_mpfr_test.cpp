// The soft float against MPFR, an arbitrary-precision library that has no part in this project:
// result bits and flags. MPFR rounds once to the format's precision with any exponent (which tells
// tininess after rounding), then mpfr_check_range and mpfr_subnormalize bring the result into the
// format's range. RMM, which MPFR lacks with subnormals, differs from RNE in ties only: those are
// found by an exact result with one digit more.
#include <gtest/gtest.h>
#include <mpfr.h>

#include "tcg/fpu/soft_float.h"
#include "tests/tcg/fpu_operands.h"

namespace monochord::fpu {
namespace {

using soft::F32;
using soft::F64;
using soft::Format;

constexpr int kCases = 60000;

class Number {
 public:
  explicit Number(mpfr_prec_t precision) { mpfr_init2(value_, precision); }
  ~Number() { mpfr_clear(value_); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  operator mpfr_ptr() { return value_; }

 private:
  mpfr_t value_;
};

template <class F>
struct Judge {
  using T = Format<F>;
  using Bits = typename F::Bits;
  static constexpr mpfr_prec_t kPrecision = F::kFracBits + 1;
  // MPFR's significands are in [1/2, 1).
  static constexpr mpfr_exp_t kEmax = T::kBias + 1;
  static constexpr mpfr_exp_t kEminNormal = 2 - T::kBias;
  static constexpr mpfr_exp_t kEmin = kEminNormal - F::kFracBits;

  static void wide() {
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
  }
  static void set(mpfr_ptr x, Bits a) {  // exact
    if (T::is_nan(a)) return mpfr_set_nan(x);
    const int sign = T::is_negative(a) ? -1 : 1;
    if (T::is_inf(a)) return mpfr_set_inf(x, sign);
    const auto field = static_cast<long>((a >> F::kFracBits) & T::kExpMax);
    const uint64_t sig = (a & T::kFracMask) | (field ? T::kHidden : 0);
    if (sig == 0) return mpfr_set_zero(x, sign);
    mpfr_set_uj_2exp(x, sig, (field ? field : 1) - T::kBias - F::kFracBits, MPFR_RNDN);
    if (sign < 0) mpfr_neg(x, x, MPFR_RNDN);
  }
  static Bits get(mpfr_ptr x) {  // of a value that the format has
    if (mpfr_nan_p(x)) return T::kNan;
    const Bits sign = mpfr_signbit(x) ? T::kSign : 0;
    if (mpfr_inf_p(x)) return sign | T::kInf;
    if (mpfr_zero_p(x)) return sign;
    Number m(64);
    mpfr_abs(m, x, MPFR_RNDN);
    const mpfr_exp_t exp = mpfr_get_exp(m);
    const mpfr_exp_t last =
        (exp < kEminNormal ? kEminNormal : exp) - kPrecision;  // weight of the last place
    mpfr_mul_2si(m, m, -last, MPFR_RNDN);
    const auto sig = static_cast<Bits>(mpfr_get_uj(m, MPFR_RNDZ));
    if (exp < kEminNormal) return sign | sig;
    return sign | (static_cast<Bits>(exp + T::kBias - 1) << F::kFracBits) | (sig & T::kFracMask);
  }

  // `op(x, rnd)` computes into x with MPFR's rounding and returns its ternary value.
  template <class Operation>
  static Bits round(Operation op, mpfr_rnd_t rnd, uint32_t& fflags) {
    wide();
    Number x(kPrecision);
    int ternary = op(x, rnd);
    if (!mpfr_regular_p(x)) return get(x);
    const bool tiny = mpfr_get_exp(x) < kEminNormal;
    mpfr_set_emin(kEmin);
    mpfr_set_emax(kEmax);
    mpfr_clear_flags();
    ternary = mpfr_check_range(x, ternary, rnd);
    const bool overflow = mpfr_overflow_p();
    ternary = mpfr_subnormalize(x, ternary, rnd);
    wide();
    if (overflow) fflags |= OF;
    if (ternary != 0) fflags |= tiny ? NX | UF : NX;
    return get(x);
  }
  template <class Operation>
  static Bits round(Operation op, RoundingMode rm, uint32_t& fflags) {
    switch (rm) {
      case RNE:
        return round(op, MPFR_RNDN, fflags);
      case RTZ:
        return round(op, MPFR_RNDZ, fflags);
      case RDN:
        return round(op, MPFR_RNDD, fflags);
      case RUP:
        return round(op, MPFR_RNDU, fflags);
      case RMM:
        break;
    }
    const Bits even = round(op, MPFR_RNDN, fflags);
    if (T::is_nan(even) || T::is_inf(even)) return even;
    wide();
    Number exact(kPrecision + 1);
    if (op(exact, MPFR_RNDZ) != 0) return even;  // not a tie
    uint32_t unused = 0;
    const auto copy = [&](mpfr_ptr x, mpfr_rnd_t rnd) { return mpfr_set(x, exact, rnd); };
    const Bits below = round(copy, MPFR_RNDZ, unused);
    const Bits above = round(copy, MPFR_RNDA, unused);
    Number x(kPrecision), y(kPrecision), from_below(3 * kPrecision), to_above(3 * kPrecision);
    set(x, below);
    set(y, above);
    mpfr_sub(from_below, exact, x, MPFR_RNDN);
    mpfr_sub(to_above, y, exact, MPFR_RNDN);
    return mpfr_cmpabs(from_below, to_above) == 0 ? above : even;
  }

  // Round an operation on operands; adds NV and DZ, which depend on the operands only.
  template <class Operation>
  static Bits operation(Operation op, RoundingMode rm, std::initializer_list<Bits> operands,
                        uint32_t& fflags) {
    bool nan = false;
    for (const Bits a : operands) {
      nan |= T::is_nan(a);
      if (T::is_nan(a) && !(a & T::kQuietBit)) fflags |= NV;
    }
    const Bits result = round(op, rm, fflags);
    if (T::is_nan(result) && !nan) fflags |= NV;
    return result;
  }
};

const char* const kModes[] = {"RNE", "RTZ", "RDN", "RUP", "RMM"};

template <class F>
class SoftFloatAgainstMpfr : public testing::Test {
 protected:
  using Bits = typename F::Bits;
  using J = Judge<F>;

  Bits next() {
    if constexpr (sizeof(Bits) == 4)
      return operands_.f32();
    else
      return operands_.f64();
  }
  // `ours(a, b, c, rm, fflags)` and `theirs(...)` on many operands.
  template <class Ours, class Theirs>
  void compare(Ours ours, Theirs theirs) {
    for (int i = 0; i < kCases && !HasFailure(); ++i) {
      operands_.next_group();
      const Bits a = next();
      const Bits b = next();
      const Bits c = next();
      for (int mode = RNE; mode <= RMM; ++mode) {
        const auto rm = static_cast<RoundingMode>(mode);
        uint32_t our_flags = 0;
        uint32_t their_flags = 0;
        const auto our_result = ours(a, b, c, rm, our_flags);
        const auto their_result = theirs(a, b, c, rm, their_flags);
        ASSERT_TRUE(our_result == their_result && our_flags == their_flags)
            << std::hex << "a " << +a << " b " << +b << " c " << +c << " " << kModes[mode]
            << ": ours " << +our_result << " fflags " << our_flags << ", MPFR's " << +their_result
            << " fflags " << their_flags;
      }
    }
  }
  fpu_test::Operands operands_{7};
};

struct FormatNames {
  template <class F>
  static std::string GetName(int) {
    return std::is_same_v<F, F32> ? "f32" : "f64";
  }
};
using Formats = testing::Types<F32, F64>;
TYPED_TEST_SUITE(SoftFloatAgainstMpfr, Formats, FormatNames);

// An MPFR function of two operands as a judge.
template <class F, class Function>
auto binary(Function function) {
  return [function](typename F::Bits a, typename F::Bits b, typename F::Bits, RoundingMode rm,
                    uint32_t& fflags) {
    Number x(F::kFracBits + 1), y(F::kFracBits + 1);
    Judge<F>::set(x, a);
    Judge<F>::set(y, b);
    return Judge<F>::operation([&](mpfr_ptr r, mpfr_rnd_t rnd) { return function(r, x, y, rnd); },
                               rm, {a, b}, fflags);
  };
}

TYPED_TEST(SoftFloatAgainstMpfr, Add) {
  using F = TypeParam;
  this->compare([](auto a, auto b, auto, RoundingMode rm,
                   uint32_t& fl) { return soft::add<F>(a, b, rm, fl); },
                binary<F>(mpfr_add));
}
TYPED_TEST(SoftFloatAgainstMpfr, Subtract) {
  using F = TypeParam;
  this->compare([](auto a, auto b, auto, RoundingMode rm,
                   uint32_t& fl) { return soft::sub<F>(a, b, rm, fl); },
                binary<F>(mpfr_sub));
}
TYPED_TEST(SoftFloatAgainstMpfr, Multiply) {
  using F = TypeParam;
  this->compare([](auto a, auto b, auto, RoundingMode rm,
                   uint32_t& fl) { return soft::mul<F>(a, b, rm, fl); },
                binary<F>(mpfr_mul));
}
TYPED_TEST(SoftFloatAgainstMpfr, Divide) {
  using F = TypeParam;
  const auto judge = binary<F>(mpfr_div);
  this->compare([](auto a, auto b, auto, RoundingMode rm,
                   uint32_t& fl) { return soft::div<F>(a, b, rm, fl); },
                [&](auto a, auto b, auto c, RoundingMode rm, uint32_t& fl) {
                  using T = Format<F>;
                  if (T::is_zero(b) && !T::is_zero(a) && !T::is_inf(a) && !T::is_nan(a)) fl |= DZ;
                  return judge(a, b, c, rm, fl);
                });
}
TYPED_TEST(SoftFloatAgainstMpfr, SquareRoot) {
  using F = TypeParam;
  this->compare(
      [](auto a, auto, auto, RoundingMode rm, uint32_t& fl) { return soft::sqrt<F>(a, rm, fl); },
      [](auto a, auto, auto, RoundingMode rm, uint32_t& fl) {
        Number x(F::kFracBits + 1);
        Judge<F>::set(x, a);
        return Judge<F>::operation([&](mpfr_ptr r, mpfr_rnd_t rnd) { return mpfr_sqrt(r, x, rnd); },
                                   rm, {a}, fl);
      });
}
TYPED_TEST(SoftFloatAgainstMpfr, FusedMultiplyAdd) {
  using F = TypeParam;
  this->compare([](auto a, auto b, auto c, RoundingMode rm,
                   uint32_t& fl) { return soft::madd<F>(a, b, c, rm, fl); },
                [](auto a, auto b, auto c, RoundingMode rm, uint32_t& fl) {
                  using T = Format<F>;
                  Number x(F::kFracBits + 1), y(F::kFracBits + 1), z(F::kFracBits + 1);
                  Judge<F>::set(x, a);
                  Judge<F>::set(y, b);
                  Judge<F>::set(z, c);
                  if ((T::is_inf(a) && T::is_zero(b)) || (T::is_zero(a) && T::is_inf(b))) fl |= NV;
                  return Judge<F>::operation(
                      [&](mpfr_ptr r, mpfr_rnd_t rnd) { return mpfr_fma(r, x, y, z, rnd); }, rm,
                      {a, b, c}, fl);
                });
}

template <class From, class To>
typename To::Bits judge_convert(typename From::Bits a, RoundingMode rm, uint32_t& fflags) {
  Number x(From::kFracBits + 1);
  Judge<From>::set(x, a);
  if (Format<From>::is_signaling(a)) fflags |= NV;
  return Judge<To>::round([&](mpfr_ptr r, mpfr_rnd_t rnd) { return mpfr_set(r, x, rnd); }, rm,
                          fflags);
}
TYPED_TEST(SoftFloatAgainstMpfr, ConvertToTheOtherFormat) {
  using F = TypeParam;
  using To = std::conditional_t<std::is_same_v<F, F32>, F64, F32>;
  this->compare([](auto a, auto, auto, RoundingMode rm,
                   uint32_t& fl) { return soft::convert<F, To>(a, rm, fl); },
                [](auto a, auto, auto, RoundingMode rm, uint32_t& fl) {
                  return judge_convert<F, To>(a, rm, fl);
                });
}

template <class F, class Int>
Int judge_to_int(typename F::Bits a, RoundingMode rm, uint32_t& fflags) {
  using Limits = std::numeric_limits<Int>;
  if (Format<F>::is_nan(a)) {
    fflags |= NV;
    return Limits::max();
  }
  Number x(64), whole(64);
  Judge<F>::set(x, a);
  int changed = 0;
  switch (rm) {
    case RNE:
      changed = mpfr_rint(whole, x, MPFR_RNDN);
      break;
    case RTZ:
      changed = mpfr_trunc(whole, x);
      break;
    case RDN:
      changed = mpfr_floor(whole, x);
      break;
    case RUP:
      changed = mpfr_ceil(whole, x);
      break;
    case RMM:
      changed = mpfr_round(whole, x);
      break;
  }
  const bool fits = Limits::is_signed ? mpfr_cmp_si_2exp(whole, -1, Limits::digits) >= 0 &&
                                            mpfr_cmp_si_2exp(whole, 1, Limits::digits) < 0
                                      : mpfr_cmp_ui(whole, 0) >= 0 &&
                                            mpfr_cmp_si_2exp(whole, 1, Limits::digits) < 0;
  if (!fits) {
    fflags |= NV;
    return mpfr_signbit(x) ? Limits::min() : Limits::max();
  }
  if (changed != 0) fflags |= NX;
  return Limits::is_signed ? static_cast<Int>(mpfr_get_sj(whole, MPFR_RNDZ))
                           : static_cast<Int>(mpfr_get_uj(whole, MPFR_RNDZ));
}
TYPED_TEST(SoftFloatAgainstMpfr, ConvertToIntegers) {
  using F = TypeParam;
  const auto check = [this](auto zero) {
    using Int = decltype(zero);
    this->compare([](auto a, auto, auto, RoundingMode rm,
                     uint32_t& fl) { return soft::to_int<F, Int>(a, rm, fl); },
                  [](auto a, auto, auto, RoundingMode rm, uint32_t& fl) {
                    return judge_to_int<F, Int>(a, rm, fl);
                  });
  };
  check(int32_t{});
  check(uint32_t{});
  check(int64_t{});
  check(uint64_t{});
}
TYPED_TEST(SoftFloatAgainstMpfr, ConvertFromIntegers) {
  using F = TypeParam;
  const auto check = [this](auto zero) {
    using Int = decltype(zero);
    for (int i = 0; i < kCases; ++i) {
      const auto value = static_cast<Int>(this->operands_.integer());
      for (int mode = RNE; mode <= RMM; ++mode) {
        const auto rm = static_cast<RoundingMode>(mode);
        uint32_t ours = 0;
        uint32_t theirs = 0;
        const auto set = [&](mpfr_ptr r, mpfr_rnd_t rnd) {
          return std::is_signed_v<Int> ? mpfr_set_sj(r, static_cast<intmax_t>(value), rnd)
                                       : mpfr_set_uj(r, static_cast<uintmax_t>(value), rnd);
        };
        ASSERT_EQ((soft::from_int<F, Int>(value, rm, ours)), Judge<F>::round(set, rm, theirs))
            << value << " " << kModes[mode];
        ASSERT_EQ(ours, theirs) << value << " " << kModes[mode];
      }
    }
  };
  check(int32_t{});
  check(uint32_t{});
  check(int64_t{});
  check(uint64_t{});
}
// The order of numbers, by MPFR; NaNs and signed zeros are in fpu_special_test.
TYPED_TEST(SoftFloatAgainstMpfr, Order) {
  using F = TypeParam;
  using T = Format<F>;
  for (int i = 0; i < kCases; ++i) {
    this->operands_.next_group();
    const auto a = this->next();
    const auto b = this->next();
    if (T::is_nan(a) || T::is_nan(b)) continue;
    Number x(F::kFracBits + 1), y(F::kFracBits + 1);
    Judge<F>::set(x, a);
    Judge<F>::set(y, b);
    uint32_t fflags = 0;
    ASSERT_EQ(soft::eq<F>(a, b, fflags), mpfr_equal_p(x, y) != 0) << std::hex << a << " " << b;
    ASSERT_EQ(soft::lt<F>(a, b, fflags), mpfr_less_p(x, y) != 0) << std::hex << a << " " << b;
    ASSERT_EQ(soft::le<F>(a, b, fflags), mpfr_lessequal_p(x, y) != 0) << std::hex << a << " " << b;
    if (a == b || !mpfr_equal_p(x, y)) {
      ASSERT_EQ(soft::min_max<F>(a, b, false, fflags), mpfr_lessequal_p(x, y) ? a : b)
          << std::hex << a << " " << b;
      ASSERT_EQ(soft::min_max<F>(a, b, true, fflags), mpfr_lessequal_p(x, y) ? b : a)
          << std::hex << a << " " << b;
    }
    ASSERT_EQ(fflags, 0u);
  }
}

}  // namespace
}  // namespace monochord::fpu
