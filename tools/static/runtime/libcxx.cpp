// The few functions that libc++-14's headers declare and leave to its compiled library. Written from what the headers
// and the C++ standard ask of them.
#include <stdlib.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <system_error>
#include <unordered_map>

_LIBCPP_BEGIN_NAMESPACE_STD

// The number of buckets of an unordered container: the smallest prime that is not below n.
size_t __next_prime(size_t n) {
  if (n <= 2) return n == 0 ? 0 : 2;
  for (size_t candidate = n | 1;; candidate += 2) {
    bool prime = true;
    for (size_t divisor = 3; divisor <= candidate / divisor && prime; divisor += 2) {
      prime = candidate % divisor != 0;
    }
    if (prime) return candidate;
  }
}

// to_chars in base 10: the headers count the digits, this writes them without a terminator and returns their end.
namespace __itoa {

namespace {

template <typename Number>
char* write_digits(Number value, char* out) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) *out++ = digits[--count];
  return out;
}

}  // namespace

char* __u32toa(uint32_t value, char* out) noexcept { return write_digits(value, out); }
char* __u64toa(uint64_t value, char* out) noexcept { return write_digits(value, out); }

}  // namespace __itoa

namespace {

template <typename Number>
string decimal(Number value) {
  char text[24];
  return string(text, to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

string to_string(int value) { return decimal(value); }
string to_string(unsigned value) { return decimal(value); }
string to_string(long value) { return decimal(value); }
string to_string(unsigned long value) { return decimal(value); }
string to_string(long long value) { return decimal(value); }
string to_string(unsigned long long value) { return decimal(value); }

_LIBCPP_END_NAMESPACE_STD
