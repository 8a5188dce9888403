// Operands for the tests of the floating-point unit: random bit patterns, biased to where such
// units are wrong: special values, the ends of the exponent range, exponents close together
// (cancellation), few significant bits (exact results and ties), runs of ones (carries).
#pragma once

#include <cstdint>

namespace monochord::fpu_test {

class Operands {
 public:
  explicit Operands(uint64_t seed) : state_(seed) {}

  // splitmix64 (G. Steele, D. Lea, C. Flood, 2014).
  uint64_t random() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return random() % n; }

  // Starts a new group of operands (those of one operation), which share an exponent that many of
  // them stay close to.
  void next_group() {
    center_ = random();
    spread_ = below(3) == 0 ? 3 : below(2) == 0 ? 60 : 2200;
  }
  uint32_t f32() { return static_cast<uint32_t>(pattern(8, 23)); }
  uint64_t f64() { return pattern(11, 52); }

  uint64_t integer() {
    uint64_t value = random() >> below(64);
    if (below(3) == 0) value = (uint64_t{1} << below(64)) + below(5) - 2;
    if (below(4) == 0) value &= ~uint64_t{0} << below(64);
    if (below(3) == 0) value = 0 - value;
    return value;
  }

 private:
  uint64_t pattern(int exp_bits, int frac_bits) {
    const uint64_t exp_max = (uint64_t{1} << exp_bits) - 1;
    const uint64_t frac_mask = (uint64_t{1} << frac_bits) - 1;
    const uint64_t sign = below(2) << (exp_bits + frac_bits);
    // Now and then the last one again, or its neighbour: sums that cancel, quotients of 1.
    if (below(12) == 0) return (last_ + below(3) - below(2)) ^ sign;
    last_ = sign | (exponent(exp_max, frac_bits) << frac_bits) | (fraction(frac_bits) & frac_mask);
    return last_;
  }
  uint64_t exponent(uint64_t exp_max, int frac_bits) {
    switch (below(16)) {
      case 0:
        return 0;
      case 1:
        return exp_max;
      case 2:
        return 1 + below(3);
      case 3:
        return exp_max - 1 - below(3);
      case 4:
        return (exp_max >> 1) + below(70) - 2;  // near 1 and up: what integers are made of
      case 5:
        return (exp_max >> 2) + below(4) - 2;  // products and roots near the smallest normal number
      case 6:
        return below(2 * static_cast<uint64_t>(frac_bits) + 8);
      case 7:
        return below(exp_max);
      default:
        return (center_ + below(spread_)) % exp_max;
    }
  }
  uint64_t fraction(int frac_bits) {
    switch (below(8)) {
      case 0:
        return 0;
      case 1:
        return ~uint64_t{0};
      case 2:
        return ~uint64_t{0} << below(frac_bits);
      case 3:
        return uint64_t{1} << below(frac_bits);
      case 4:
        return (uint64_t{1} << below(frac_bits)) - 1;
      case 5:
        return random() << below(frac_bits);
      default:
        return random();
    }
  }

  uint64_t state_;
  uint64_t center_ = 0;
  uint64_t spread_ = 3;
  uint64_t last_ = 0;
};

}  // namespace monochord::fpu_test
