// What the emulation libraries may use of C++ works in the static build: containers, formatting, 128-bit arithmetic,
// the host's rounding modes and floating-point flags. Exits with the number of the first line that is wrong.
#include <fenv.h>
#include <stdint.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#define EXPECT(condition) \
  if (!(condition)) fail(__LINE__, #condition)

namespace {

[[noreturn]] void fail(int line, const char* condition) {
  const std::string text = "runtime_check.cpp:" + std::to_string(line) + ": not so: " + condition + "\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) {}
  _exit(1);
}

struct Shape {
  virtual ~Shape() = default;
  virtual int corners() const = 0;
};
struct Square : Shape {
  explicit Square(int* alive) : alive_(alive) { ++*alive_; }
  ~Square() override { --*alive_; }
  int corners() const override { return 4; }
  int* alive_;
};

struct alignas(256) Wide {
  std::array<char, 256> bytes;
};

volatile double one = 1.0, three = 3.0, zero = 0.0;
volatile uint64_t all_ones = UINT64_MAX;
volatile uint32_t seven = 7;

void check_containers() {
  std::vector<std::string> names;
  std::unordered_map<std::string, int> by_name;
  std::map<int, std::string_view> by_number;
  for (int i = 0; i < 1000; i++) names.push_back("a name that is not short " + std::to_string(999 - i));
  for (int i = 0; i < 1000; i++) by_name[names[i]] = i, by_number[-i] = names[i];
  EXPECT(by_name.size() == 1000 && by_name.at("a name that is not short 0") == 999);
  EXPECT(by_number.begin()->second == "a name that is not short 0");
  std::sort(names.begin(), names.end());
  EXPECT(names[1] == "a name that is not short 1" && names[2] == "a name that is not short 10");
  EXPECT(std::span(names).subspan(998).size() == 2);
  const size_t buckets = by_name.bucket_count();
  EXPECT(buckets >= 1000);
  for (size_t divisor = 2; divisor * divisor <= buckets; divisor++) EXPECT(buckets % divisor != 0);
}

void check_values() {
  int alive = 0;
  {
    std::variant<int, std::string, std::unique_ptr<Shape>> value = std::make_unique<Square>(&alive);
    EXPECT(std::get_if<2>(&value) != nullptr && (*std::get_if<2>(&value))->corners() == 4 && alive == 1);
    value = std::string("gone");
    EXPECT(alive == 0);
  }
  std::optional<std::string> maybe;
  EXPECT(!maybe.has_value());
  maybe = "there";
  EXPECT(*maybe == "there");
  auto wide = std::make_unique<Wide>();
  EXPECT(reinterpret_cast<uintptr_t>(wide.get()) % 256 == 0);
}

std::string_view print(std::span<char> text, auto value, int base) {
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, base).ptr};
}

void check_numbers() {
  std::array<char, 80> text;
  EXPECT(print(text, UINT64_MAX, 10) == "18446744073709551615");
  EXPECT(print(text, INT64_MIN, 10) == "-9223372036854775808");
  EXPECT(print(text, UINT32_MAX, 10) == "4294967295" && print(text, 0, 10) == "0");
  EXPECT(print(text, 0xfedcba9876543210u, 16) == "fedcba9876543210");
  int64_t back = 0;
  const std::string_view minimum = "-9223372036854775808";
  EXPECT(std::from_chars(minimum.begin(), minimum.end(), back).ec == std::errc() && back == INT64_MIN);
  const unsigned __int128 quotient = static_cast<unsigned __int128>(all_ones) * 1000 / seven;
  EXPECT(static_cast<uint64_t>(quotient >> 64) == 0x8e && static_cast<uint64_t>(quotient) == 0xdb6db6db6db6dadeu);
}

void check_floating_point() {
  fesetround(FE_UPWARD);
  const double up = one / three;
  fesetround(FE_DOWNWARD);
  const double down = one / three;
  fesetround(FE_TONEAREST);
  EXPECT(up > down);
  feclearexcept(FE_ALL_EXCEPT);
  volatile double infinity = one / zero;
  EXPECT(infinity > 0 && fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
  feclearexcept(FE_ALL_EXCEPT);
  volatile double third = one / three;
  EXPECT(third > 0 && fetestexcept(FE_ALL_EXCEPT) == FE_INEXACT);
}

}  // namespace

int main() {
  check_containers();
  check_values();
  check_numbers();
  check_floating_point();
  return 0;
}
