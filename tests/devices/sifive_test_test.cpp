// The test finisher: what the run loop is asked for.
#include "devices/sifive_test.h"

#include "core/main_loop.h"
#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kTest = 0x100000;

class Finisher : public DeviceFixture {
 protected:
  Finisher() { map(kTest, device); }
  ~Finisher() override { unmap(device); }
  // What the loop returns after the guest stored `value`.
  int status_after(uint32_t value, unsigned size = 4) {
    write(kTest, size, value);
    return run_loop({});
  }
  SifiveTest device;
};

TEST_F(Finisher, pass_ends_with_status_0) { EXPECT_EQ(status_after(0x5555), 0); }
TEST_F(Finisher, pass_by_a_halfword) { EXPECT_EQ(status_after(0x5555, 2), 0); }
TEST_F(Finisher, fail_ends_with_the_code) { EXPECT_EQ(status_after(42u << 16 | 0x3333), 42); }

TEST_F(Finisher, reset_resets_the_machine) {
  int resets = 0;
  const auto handler = [](void* opaque) { ++*static_cast<int*>(opaque); };
  register_reset_handler(handler, &resets);
  write(kTest, 4, 0x7777);
  EXPECT_EQ(status_after(0x5555), 0);
  unregister_reset_handler(handler, &resets);
  EXPECT_EQ(resets, 1);
}

TEST_F(Finisher, anything_else_does_nothing) {
  write(kTest, 4, 0);
  write(kTest, 4, 0x1234);
  write(kTest + 4, 4, 0x5555);
  EXPECT_EQ(read(kTest, 4), 0u);
  uint64_t value;
  EXPECT_EQ(as->read(kTest, 1, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(as->write(kTest, 8, 0x3333), MemTxResult::kDecodeError);
  EXPECT_EQ(status_after(7u << 16 | 0x3333), 7);
}

TEST_F(Finisher, a_marker_is_an_event_and_nothing_else) {
  const TraceProbe probe("marker");
  write(kTest + 8, 4, 0xdeadbeef);
  write(kTest + 8, 2, 5);
  write(kTest + 12, 4, 6);
  EXPECT_EQ(read(kTest + 8, 4), 0u);
  EXPECT_EQ(probe.lines, (std::vector<std::string>{"marker hart=-1 value=0xdeadbeef", "marker hart=-1 value=0x5"})) << "no hart runs";
  EXPECT_FALSE(qemu_shutdown_requested());
}

}  // namespace
}  // namespace monochord
