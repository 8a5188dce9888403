// Walks the whole board: no access to any device crashes, hangs or reads what is not there; and the tables of the README are those of the code.
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include "devices/board_virt.h"
#include "tests/devices/fake_hart.h"
#include "tests/devices/fixture.h"

namespace monochord {
namespace {

class Registers : public DeviceFixture {
 protected:
  Registers() : disk(1 << 20), board(std::make_unique<VirtBoard>(*as, system)) {
    for (int i = 0; i < 2; i++) harts.emplace_back(std::make_unique<FakeHart>(i));
    std::vector<RiscvHartPort> ports;
    for (const auto& hart : harts) ports.push_back(hart->port());
    VirtBoardConfig config;
    config.ram_size = 16 << 20;
    config.serial0 = &terminal;
    config.virtio.push_back({"virtio-blk-device", {}, &disk});
    config.rtc_clock = QEMU_CLOCK_VIRTUAL;
    const Status status = board->init(config, ports);
    EXPECT_TRUE(status.ok()) << status.error().message;
    board->reset();
  }
  ~Registers() override { board.reset(); }
  FakeChar terminal;
  MemoryDisk disk;
  std::vector<std::unique_ptr<FakeHart>> harts;
  std::unique_ptr<VirtBoard> board;
};

// Every word of every device, read after reset twice: reads without side effects agree, and none of them raises an interrupt.
TEST_F(Registers, reading_everything_after_reset_changes_nothing) {
  for (const auto& device : board->devices()) {
    const DeviceInfo& info = device->info();
    const unsigned size = info.access_size_min > 1 ? info.access_size_max : 1;
    for (uint64_t offset = 0; offset < std::min<uint64_t>(info.size, 0x8000); offset += size) {
      uint64_t first = 0, second = 0;
      ASSERT_EQ(as->read(device->place().address + offset, size, &first), MemTxResult::kOk) << info.name << std::hex << offset;
      ASSERT_EQ(as->read(device->place().address + offset, size, &second), MemTxResult::kOk);
      EXPECT_EQ(first, second) << info.name << " " << std::hex << offset;
    }
  }
  for (const auto& hart : harts) {
    EXPECT_EQ(hart->irq[kIrqMExternal], 0);
    EXPECT_EQ(hart->irq[kIrqSExternal], 0);
    EXPECT_EQ(hart->irq[kIrqMSoft], 0);
  }
}

// Accesses of every size at random places with random values, with time passing in between.
TEST_F(Registers, random_accesses_do_no_harm) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; i++) {
    const Device& device = *board->devices()[random() % board->devices().size()];
    const unsigned size = 1u << random() % 4;
    const uint64_t range = random() % 4 ? std::min<uint64_t>(device.info().size, 0x200) : device.info().size + 16;
    const uint64_t address = device.place().address + random() % range / size * size;
    if (device.place().address == 0x100000) continue;  // it would end the machine
    uint64_t value = random() % 3 ? random() : random() % 16;
    if (random() % 2)
      (void)as->read(address, size, &value);
    else
      (void)as->write(address, size, value);
    if (i % 1000 == 0) advance_ns(static_cast<int64_t>(random() % 1'000'000));
  }
}

// A device that is reset reads as one that was never used, but for what a reset keeps (mtime's offset is put to 0, too).
TEST_F(Registers, reset_puts_every_register_back) {
  const auto snapshot = [&] {
    std::vector<uint64_t> values;
    for (const auto& device : board->devices()) {
      const DeviceInfo& info = device->info();
      if (std::string(info.name) == "goldfish_rtc" || std::string(info.name) == "riscv.aclint.mtimer") continue;  // they tell the time
      for (uint64_t offset = 0; offset < std::min<uint64_t>(info.size, 0x4000); offset += 4) values.push_back(read(device->place().address + offset, 4));
    }
    return values;
  };
  const std::vector<uint64_t> fresh = snapshot();
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; i++) {
    const Device& device = *board->devices()[random() % board->devices().size()];
    if (device.place().address == 0x100000) continue;
    (void)as->write(device.place().address + random() % std::min<uint64_t>(device.info().size, 0x3000) / 4 * 4, 4, random());
  }
  board->reset();
  EXPECT_EQ(snapshot(), fresh);
}

// devices/README.md has one line for each device of the board, with its address, size and interrupt.
TEST_F(Registers, the_table_of_the_readme_is_the_board) {
  std::ifstream file(std::string(MONOCHORD_SOURCE_DIR) + "/devices/README.md");
  ASSERT_TRUE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  const std::span<const VirtBoardRow> rows = VirtBoard::rows();
  for (size_t i = 0; i < rows.size(); i++) {
    const Device& device = *board->devices()[i];
    const std::string irq = rows[i].irq ? std::to_string(rows[i].irq) : "";
    const std::string line = stringf("| 0x%08llx | 0x%llx | %s | %s |", (unsigned long long)rows[i].address, (unsigned long long)device.info().size,
                                     device.info().name, irq.c_str());
    EXPECT_NE(text.str().find(line), std::string::npos) << "missing: " << line;
  }
}

}  // namespace
}  // namespace monochord
