#include "tools/monochord/gdb_hex.h"

#include <gtest/gtest.h>

namespace monochord {
namespace {

TEST(GdbHex, BytesThereAndBack) {
  EXPECT_EQ(to_hex("\x00\xff\x1a", 3), "00ff1a");
  EXPECT_EQ(from_hex("00ff1A").value(), std::string("\x00\xff\x1a", 3));
  EXPECT_FALSE(from_hex("0").has_value());
  EXPECT_FALSE(from_hex("0g").has_value());
}

TEST(GdbHex, TakesAtMostSixteenDigits) {
  std::string_view text = "ffffffffffffffff,1";
  EXPECT_EQ(take_hex(text).value(), UINT64_MAX);
  EXPECT_TRUE(take_char(text, ','));
  EXPECT_EQ(take_hex(text).value(), 1u);
  EXPECT_FALSE(take_hex(text).has_value());
  std::string_view too_long = "10000000000000000";
  EXPECT_FALSE(take_hex(too_long).has_value());
}

}  // namespace
}  // namespace monochord
