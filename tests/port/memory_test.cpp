// Memory for guests.
#include <gtest/gtest.h>

#include "../core/loop_fixture.h"

namespace monochord {
namespace {

TEST(GuestMemory, IsZeroedAlignedAndNotTouched) {
  PosixHost host;
  constexpr uint64_t kSize = uint64_t{64} << 30;  // more than this machine has: only touched pages cost
  Result<uint8_t*> memory = host.map_memory(kSize);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*memory) % 4096, 0u);
  EXPECT_EQ((*memory)[0], 0);
  EXPECT_EQ((*memory)[kSize - 1], 0);
  (*memory)[kSize / 2] = 1;
  host.unmap_memory(*memory, kSize);
}

TEST(GuestMemoryDeathTest, HasGuardPagesOnBothSides) {
  PosixHost host;
  Result<uint8_t*> memory = host.map_memory(4096);
  ASSERT_TRUE(memory.ok());
  volatile uint8_t* bytes = *memory;
  EXPECT_DEATH(bytes[4096] = 1, "");
  EXPECT_DEATH(bytes[-1] = 1, "");
  EXPECT_DEATH((void)bytes[4096 + 65536], "");
  host.unmap_memory(*memory, 4096);
}

TEST(GuestMemory, MoreThanTheHostMapsIsAnErrorThatNamesTheSize) {
  PosixHost host;
  for (uint64_t size : {uint64_t{1} << 60, UINT64_MAX, UINT64_MAX - 4096}) {
    Result<uint8_t*> memory = host.map_memory(size);
    ASSERT_FALSE(memory.ok());
    EXPECT_NE(memory.error().message.find("-m"), std::string::npos);
    EXPECT_EQ(memory.error().message.find('\n'), std::string::npos);
  }
  EXPECT_NE(host.map_memory(uint64_t{1} << 60).error().message.find("1024 PiB"), std::string::npos);
  EXPECT_FALSE(host.map_memory(0).ok());
}

TEST(RandomBytes, Differ) {
  PosixHost host;
  uint8_t a[32] = {}, b[32] = {};
  host.random_bytes(a, sizeof a);
  host.random_bytes(b, sizeof b);
  EXPECT_NE(memcmp(a, b, sizeof a), 0);
}

TEST(RandomBytes, OfTheVirtualHostAreAFunctionOfTheSeed) {
  VirtualHost one, two, other;
  other.seed(2);
  uint8_t a[32], b[32], c[32];
  one.random_bytes(a, sizeof a);
  two.random_bytes(b, sizeof b);
  other.random_bytes(c, sizeof c);
  EXPECT_EQ(memcmp(a, b, sizeof a), 0);
  EXPECT_NE(memcmp(a, c, sizeof a), 0);
}

}  // namespace
}  // namespace monochord
