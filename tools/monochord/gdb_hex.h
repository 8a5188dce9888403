// Hex digits of GDB's remote protocol. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace monochord {

int hex_digit(char c);                                       // -1 where it is none
std::string to_hex(const void* data, size_t size);
std::optional<std::string> from_hex(std::string_view text);  // bytes; nothing where it is not hex
// Takes a hex number off the front of `text`; nothing where there is none or it has more than 16 digits.
std::optional<uint64_t> take_hex(std::string_view& text);
// Takes `c` off the front; false where something else stands there.
bool take_char(std::string_view& text, char c);

}  // namespace monochord
