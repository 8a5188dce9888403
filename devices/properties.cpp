#include "devices/properties.h"

#include "core/suggest.h"

namespace monochord {
namespace {

// Digits of `text` from `position` on, decimal or 0x hexadecimal; nothing where there are none or they are too many.
std::optional<uint64_t> take_number(const std::string& text, size_t* position) {
  uint64_t base = 10;
  size_t i = *position;
  if (text.size() > i + 2 && text[i] == '0' && (text[i + 1] == 'x' || text[i + 1] == 'X')) {
    base = 16;
    i += 2;
  }
  const size_t first = i;
  uint64_t value = 0;
  for (; i < text.size(); i++) {
    const char c = text[i];
    uint64_t digit;
    if (c >= '0' && c <= '9')
      digit = c - '0';
    else if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
      digit = (c | 0x20) - 'a' + 10;
    else
      break;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) return std::nullopt;
  }
  if (i == first) return std::nullopt;
  *position = i;
  return value;
}

}  // namespace

Result<bool> parse_bool(const std::string& text) {
  if (text == "on" || text == "true" || text == "yes") return true;
  if (text == "off" || text == "false" || text == "no") return false;
  return errorf("it takes on or off");
}

Result<uint64_t> parse_uint(const std::string& text, uint64_t max) {
  size_t position = 0;
  const std::optional<uint64_t> value = take_number(text, &position);
  if (!value || position != text.size() || *value > max) return errorf("it takes a number from 0 to %llu", (unsigned long long)max);
  return *value;
}

Result<uint64_t> parse_size(const std::string& text, uint64_t max) {
  const Error error = errorf("it takes a size in bytes of at most %llu, or with one of the suffixes K M G T", (unsigned long long)max);
  size_t position = 0;
  const std::optional<uint64_t> number = take_number(text, &position);
  if (!number) return error;
  uint64_t scale = 1;
  if (position < text.size()) {
    switch (text[position++] | 0x20) {
      case 'b': scale = 1; break;
      case 'k': scale = uint64_t{1} << 10; break;
      case 'm': scale = uint64_t{1} << 20; break;
      case 'g': scale = uint64_t{1} << 30; break;
      case 't': scale = uint64_t{1} << 40; break;
      default: return error;
    }
  }
  uint64_t value;
  if (position != text.size() || __builtin_mul_overflow(*number, scale, &value) || value > max) return error;
  return value;
}

Error unknown_property(const char* type, const std::string& name, std::span<const PropertyInfo> known) {
  std::vector<std::string_view> names;
  for (const PropertyInfo& row : known) names.push_back(row.name);
  const std::string nearest(nearest_name(name, names));
  return errorf("-device %s: unknown property '%s'; the nearest is '%s' (-device %s,help lists all)", type, name.c_str(), nearest.c_str(), type);
}

}  // namespace monochord
