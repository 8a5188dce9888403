// A device as a table of registers: every register is walked, and what is not in the table never reaches the device.
#include "core/device.h"

#include <gtest/gtest.h>

#include <array>

#include "core/bql.h"

namespace monochord {
namespace {

// A small lamp: brightness (rw), a counter that a read takes one from, a command, and its interrupt.
class Lamp final : public RegisterDevice<Lamp> {
 public:
  static constexpr DeviceInfo kInfo{.name = "lamp", .description = "a lamp for tests", .fdt_node = "lamp", .compatible = "test,lamp",
                                    .size = 0x100, .access_size_min = 4, .access_size_max = 4};
  static std::span<const Reg<Lamp>> registers();

  void reset() override { state_ = State(); update_irq(); }
  std::span<IrqLine> irqs() override { return {&irq_, 1}; }

 private:
  struct State {
    uint32_t brightness = 7, pulses = 3;
    bool alarm = false;
  };
  uint64_t read_brightness() { return state_.brightness; }
  void write_brightness(uint64_t value) { state_.brightness = static_cast<uint32_t>(value); }
  uint64_t pop_pulses() { return state_.pulses == 0 ? 0 : state_.pulses--; }
  void write_command(uint64_t value) {
    state_.alarm = value == 1;
    update_irq();
  }
  void update_irq() { irq_.set(state_.alarm); }

  State state_;
  IrqLine irq_;
};

std::span<const Reg<Lamp>> Lamp::registers() {
  static const std::array<Reg<Lamp>, 3> kRegs{{
      {0x00, "BRIGHTNESS", &Lamp::read_brightness, &Lamp::write_brightness},
      {0x04, "PULSES", &Lamp::pop_pulses, nullptr},
      {0x10, "COMMAND", nullptr, &Lamp::write_command},
  }};
  return kRegs;
}

class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() {
    bql_lock();
    root_.add_subregion(0x10000000, lamp_.region());
    as_.update();
  }
  ~DeviceTest() override {
    log_mask = 0;
    bql_unlock();
  }
  uint64_t read(uint64_t offset) {
    uint64_t value = 0;
    EXPECT_EQ(as_.read(0x10000000 + offset, 4, &value), MemTxResult::kOk) << offset;
    return value;
  }
  void write(uint64_t offset, uint64_t value) { EXPECT_EQ(as_.write(0x10000000 + offset, 4, value), MemTxResult::kOk) << offset; }
  template <typename Act>
  std::string guest_errors(Act act) {
    log_mask = kLogGuestError;
    ::testing::internal::CaptureStderr();
    act();
    log_mask = 0;
    return ::testing::internal::GetCapturedStderr();
  }

  Lamp lamp_;
  MemoryRegion root_;
  AddressSpace as_{"memory", (root_.init_container("system", UINT64_MAX), root_)};
};

TEST_F(DeviceTest, EveryWordOfTheRegionAnswersAsTheTableSays) {
  for (uint64_t offset = 0; offset < Lamp::kInfo.size; offset += 4) {
    const Reg<Lamp>* reg = nullptr;
    for (const Reg<Lamp>& r : Lamp::registers())
      if (r.offset == offset) reg = &r;
    const bool readable = reg != nullptr && reg->read != nullptr, writable = reg != nullptr && reg->write != nullptr;
    EXPECT_EQ(guest_errors([&] { read(offset); }).empty(), readable) << offset;
    EXPECT_EQ(guest_errors([&] { write(offset, 0); }).empty(), writable) << offset;
    if (!readable) {
      EXPECT_EQ(read(offset), 0u) << offset;
    }
  }
}

TEST_F(DeviceTest, AReadWriteRegisterKeepsItsValueUntilReset) {
  EXPECT_EQ(read(0x00), 7u);
  write(0x00, 0xffffffffffu);
  EXPECT_EQ(read(0x00), 0xffffffffu);
  lamp_.reset();
  EXPECT_EQ(read(0x00), 7u);
}

TEST_F(DeviceTest, AReadWithASideEffectRunsItOnce) {
  EXPECT_EQ(read(0x04), 3u);
  EXPECT_EQ(read(0x04), 2u);
  EXPECT_EQ(read(0x04), 1u);
  EXPECT_EQ(read(0x04), 0u);
}

TEST_F(DeviceTest, GuestErrorsNameDeviceOffsetAndValue) {
  EXPECT_EQ(guest_errors([&] { write(0x04, 0x55); }), "lamp: write of 0x55 to offset 0x4, which can't be written\n");
  EXPECT_EQ(guest_errors([&] { read(0x10); }), "lamp: read of offset 0x10, which can't be read\n");
  EXPECT_EQ(guest_errors([&] { read(0xfc); }), "lamp: read of offset 0xfc, which can't be read\n");
}

TEST_F(DeviceTest, OtherSizesAreRefusedBeforeTheDevice) {
  uint64_t value;
  for (unsigned size : {1u, 2u, 8u}) {
    EXPECT_EQ(as_.read(0x10000004, size, &value), MemTxResult::kDecodeError) << size;
    EXPECT_EQ(as_.write(0x10000000, size, 1), MemTxResult::kDecodeError) << size;
  }
  EXPECT_EQ(as_.read(0x10000002, 4, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(read(0x04), 3u) << "nothing was popped";
}

TEST_F(DeviceTest, TheInterruptLineIsHeardOfOnceAChange) {
  struct Sink {
    static void handler(void* opaque, int n, int level) { static_cast<Sink*>(opaque)->heard.push_back({n, level}); }
    std::vector<std::pair<int, int>> heard;
  } sink;
  lamp_.irqs()[0].connect(&Sink::handler, &sink, 11);
  write(0x10, 1);
  write(0x10, 1);
  write(0x10, 0);
  write(0x10, 1);
  lamp_.reset();
  EXPECT_EQ(sink.heard, (std::vector<std::pair<int, int>>{{11, 1}, {11, 0}, {11, 1}, {11, 0}}));
}

TEST_F(DeviceTest, TheRegisterPageComesFromTheTable) {
  EXPECT_EQ(lamp_.register_rows(),
            "0x000 BRIGHTNESS           rw\n"
            "0x004 PULSES               r-\n"
            "0x010 COMMAND              -w\n");
  EXPECT_NE(as_.mtree().find("0000000010000000-00000000100000ff (prio 0, i/o): lamp\n"), std::string::npos);
}

}  // namespace
}  // namespace monochord
