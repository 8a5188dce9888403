// The same random accesses to our devices and to QEMU's: every value that is read is equal. QEMU runs with its clock stopped, ours does not move.
#include <random>

#include "devices/board_virt.h"
#include "tests/devices/fake_hart.h"
#include "tests/devices/fixture.h"
#include "tests/devices/qemu_process.h"

namespace monochord {
namespace {

constexpr uint64_t kUart = 0x10000000, kPlic = 0xc000000, kRtc = 0x101000, kSlot = 0x10008000, kMsip = 0x2000000, kTimecmp = 0x2004000;

class AgainstQemu : public DeviceFixture {
 protected:
  void SetUp() override {
    if (!have_qemu()) GTEST_SKIP() << "qemu-system-riscv64 is not installed";
  }
  // Both machines: two harts, the calendar at 2020-01-01 on a clock that stands still, and a disk if asked for.
  void make(bool disk = false, bool legacy = true) {
    std::vector<std::string> arguments = {"-smp", "2", "-rtc", "base=2020-01-01T00:00:00,clock=vm", "-bios", "none"};
    VirtBoardConfig config;
    config.ram_size = 128 << 20;
    config.serial0 = &terminal;
    config.rtc_clock = QEMU_CLOCK_VIRTUAL;
    config.rtc_base_ns = 1'577'836'800'000'000'000;
    config.force_legacy = legacy;
    if (disk) {
      char path[] = "/tmp/monochord-disk-XXXXXX";
      const int fd = mkstemp(path);
      ASSERT_EQ(::write(fd, image.bytes.data(), image.bytes.size()), static_cast<ssize_t>(image.bytes.size()));
      close(fd);
      disk_path = path;
      arguments.insert(arguments.end(), {"-drive", "file=" + disk_path + ",format=raw,if=none,id=d0", "-device", "virtio-blk-device,drive=d0,serial=MONO1"});
      if (!legacy) arguments.insert(arguments.end(), {"-global", "virtio-mmio.force-legacy=false"});
      config.virtio.push_back({"virtio-blk-device", {{"serial", "MONO1"}}, &image});
    }
    qemu = std::make_unique<QemuProcess>(arguments);
    for (int i = 0; i < 2; i++) harts.emplace_back(std::make_unique<FakeHart>(i));
    std::vector<RiscvHartPort> ports;
    for (const auto& hart : harts) ports.push_back(hart->port());
    board = std::make_unique<VirtBoard>(*as, system);
    ASSERT_TRUE(board->init(config, ports).ok());
    board->reset();
  }
  ~AgainstQemu() override {
    board.reset();
    if (!disk_path.empty()) unlink(disk_path.c_str());
  }
  void both_write(uint64_t address, unsigned size, uint64_t value) {
    log += stringf("write%u 0x%llx 0x%llx\n", size, (unsigned long long)address, (unsigned long long)value);
    qemu->write(address, size, value);
    write(address, size, value);
  }
  // False on the first difference, with what led to it.
  bool both_read(uint64_t address, unsigned size) {
    const uint64_t theirs = qemu->read(address, size), ours = read(address, size);
    log += stringf("read%u 0x%llx -> 0x%llx\n", size, (unsigned long long)address, (unsigned long long)theirs);
    if (ours == theirs) return true;
    const size_t cut = log.size() > 1500 ? log.size() - 1500 : 0;
    ADD_FAILURE() << std::hex << "ours 0x" << ours << ", QEMU's 0x" << theirs << " after\n" << log.substr(cut);
    return false;
  }

  FakeChar terminal;
  MemoryDisk image{1 << 20};
  std::string disk_path;
  std::unique_ptr<QemuProcess> qemu;
  std::vector<std::unique_ptr<FakeHart>> harts;
  std::unique_ptr<VirtBoard> board;
  std::string log;
};

TEST_F(AgainstQemu, uart) {
  make();
  std::mt19937 random(1);
  for (int i = 0; i < 8000; i++) {
    const unsigned reg = random() % 8;
    // LSR and MSR can't be written; MCR mostly loops back, so that something is received.
    if (random() % 2 && reg != 5 && reg != 6) {
      uint8_t value = random();
      if (reg == 4 && random() % 4) value |= 0x10;
      if (reg == 3 && random() % 4) value &= 0x7f;
      both_write(kUart + reg, 1, value);
    } else if (!both_read(kUart + reg, 1)) {
      return;
    }
  }
}

// Interrupts are pulses here: QEMU's devices repeat their raise, ours tell changes, which shows where a level is still up at completion.
TEST_F(AgainstQemu, plic) {
  make();
  std::mt19937 random(2);
  for (int i = 0; i < 8000; i++) {
    const unsigned source = random() % 3 ? 10 + random() % 2 : random() % 100, context = random() % 5;
    switch (random() % 8) {
      case 0: both_write(kPlic + 4 * source, 4, random() % 10); break;
      case 1: both_write(kPlic + 0x2000 + 0x80 * context + random() % 4 * 4, 4, random() % 3 ? 0xffffffff : random()); break;
      case 2: both_write(kPlic + 0x200000 + 0x1000 * context, 4, random() % 3 ? 0 : random()); break;
      case 3:
        if (!both_read(kPlic + 0x200004 + 0x1000 * context, 4)) return;
        break;
      case 4: both_write(kPlic + 0x200004 + 0x1000 * context, 4, source); break;
      case 5:
        if (random() % 2) {  // the UART's transmitter interrupt, taken at once
          both_write(kUart + 1, 1, 2);
          if (!both_read(kUart + 2, 1)) return;
          both_write(kUart + 1, 1, 0);
        } else {             // an alarm of the past
          both_write(kRtc + 0x10, 4, 1);
          both_write(kRtc + 0x08, 4, 0);
          both_write(kRtc + 0x1c, 4, 1);
        }
        break;
      case 6:
        if (!both_read(kPlic + 0x1000 + random() % 4 * 4, 4)) return;
        break;
      default:
        if (!both_read(kPlic + (random() % 2 ? 4 * source : random() % 2 ? 0x2000 + 0x80 * context + random() % 4 * 4 : 0x200000 + 0x1000 * context), 4)) return;
    }
  }
}

TEST_F(AgainstQemu, rtc) {
  make();
  std::mt19937 random(3);
  for (int i = 0; i < 3000; i++) {
    const uint64_t reg = kRtc + random() % 9 * 4;
    if (random() % 2) {
      if (!both_read(reg, 4)) return;
    } else {
      both_write(reg, 4, random() % 3 ? random() : random() % 4);
    }
  }
}

TEST_F(AgainstQemu, aclint) {
  make();
  std::mt19937_64 random(4);
  for (int i = 0; i < 2000; i++) {
    const unsigned hart = random() % 3;  // one more than there are
    switch (random() % 6) {
      case 0: both_write(kMsip + 4 * hart, 4, random()); break;
      case 1:
        if (!both_read(kMsip + 4 * hart, 4)) return;
        break;
      case 2: both_write(kTimecmp + 8 * hart, 8, random() % 2 ? random() : UINT64_MAX); break;
      case 3: both_write(kTimecmp + 8 * hart + random() % 2 * 4, 4, random()); break;
      case 4: both_write(0x200bff8 + random() % 2 * 4, 4, random()); break;
      default:
        if (!both_read(random() % 2 ? kTimecmp + 8 * hart : 0x200bff8, 8)) return;
        if (!both_read(random() % 2 ? kTimecmp + 8 * hart + 4 : 0x200bffc, 4)) return;
    }
  }
}

TEST_F(AgainstQemu, test_finisher_and_empty_slots_read_alike) {
  make();
  for (uint64_t offset = 0; offset < 0x1000; offset += 4)
    if (!both_read(0x100000 + offset, 4)) return;
  for (uint64_t offset = 0; offset < 0x200; offset += 4)
    if (offset < 0xb0 || offset >= 0xc0)  // QEMU tells an empty slot's shared memory, too
      if (!both_read(0x10003000 + offset, 4)) return;
}

// Real requests through both, in guest memory of both: status, data and used ring are equal.
class BlkAgainstQemu : public AgainstQemu, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(transport, BlkAgainstQemu, ::testing::Values(true, false),
                         [](const auto& info) { return info.param ? "legacy" : "modern"; });

TEST_P(BlkAgainstQemu, requests) {
  const bool legacy = GetParam();
  make(true, legacy);
  constexpr uint64_t kRing = 0x80010000, kRequest = 0x80100000, kStatus = 0x80100100, kData = 0x80200000;
  constexpr unsigned kNum = 8;
  const uint64_t avail = kRing + 16 * kNum, used = legacy ? kRing + 4096 : kRing + 0x800;
  const auto set = [&](uint64_t offset, uint32_t value) { both_write(kSlot + offset, 4, value); };

  for (uint64_t offset = 0x100; offset < 0x138; offset += 4) ASSERT_TRUE(both_read(kSlot + offset, 4));
  set(0x70, 1);
  set(0x70, 3);
  set(0x24, 0);
  set(0x20, 1u << 9 | 1u << 11 | 1u << 13 | 1u << 14);
  if (legacy) {
    set(0x28, 4096);
  } else {
    set(0x24, 1);
    set(0x20, 1);
    set(0x70, 11);
  }
  ASSERT_TRUE(both_read(kSlot + 0x70, 4));
  set(0x30, 0);
  ASSERT_TRUE(both_read(kSlot + 0x34, 4));
  set(0x38, kNum);
  if (legacy) {
    set(0x3c, 4096);
    set(0x40, kRing / 4096);
    ASSERT_TRUE(both_read(kSlot + 0x40, 4));
  } else {
    for (auto [offset, address] : {std::pair{0x80u, kRing}, {0x90u, avail}, {0xa0u, used}}) {
      set(offset, address);
      set(offset + 4, address >> 32);
    }
    set(0x44, 1);
    ASSERT_TRUE(both_read(kSlot + 0x44, 4));
  }
  set(0x70, legacy ? 7 : 15);
  ASSERT_TRUE(both_read(kSlot + 0x70, 4));

  std::mt19937 random(5);
  const auto descriptor = [&](unsigned i, uint64_t address, uint32_t size, unsigned flags) {
    both_write(kRing + 16 * i, 8, address);
    both_write(kRing + 16 * i + 8, 4, size);
    both_write(kRing + 16 * i + 12, 4, flags | (i + 1) << 16);
  };
  for (unsigned n = 1; n <= 250; n++) {
    const uint32_t types[] = {0, 0, 1, 1, 4, 8, 11, 13, 99};
    const uint32_t type = types[random() % 9];
    const bool in = type == 0 || type == 8 || type == 99;
    const uint64_t sector = random() % 8 ? random() % 2040 : random() % 2 ? 2048 : ~0ull;
    uint32_t size = type == 8 ? 20 : type == 11 || type == 13 ? 16 : random() % 8 ? (1 + random() % 8) * 512 : 300;
    if (type == 4) size = 0;
    both_write(kRequest, 8, type);
    both_write(kRequest + 8, 8, sector);
    both_write(kStatus, 1, 0xee);
    for (int i = 0; i < 8; i++) both_write(kData + 8 * i, 8, (uint64_t{random()} << 32) | random());
    if (type == 11 || type == 13) {
      both_write(kData, 8, random() % 2048);
      both_write(kData + 8, 8, 1 + random() % 64);
    }
    descriptor(0, kRequest, 16, 1);
    if (size) descriptor(1, kData, size, 1 | (in ? 2 : 0));
    descriptor(size ? 2 : 1, kStatus, 1, 2);
    both_write(avail + 4 + 2 * ((n - 1) % kNum), 2, 0);
    both_write(avail + 2, 2, n);
    set(0x50, 0);
    for (int i = 0; i < 100'000 && qemu->read(used + 2, 2) != n; i++) usleep(100);  // QEMU works on a thread
    ASSERT_TRUE(both_read(used + 2, 2));
    ASSERT_TRUE(both_read(used + 4 + 8 * ((n - 1) % kNum), 4));
    ASSERT_TRUE(both_read(used + 8 + 8 * ((n - 1) % kNum), 4));
    ASSERT_TRUE(both_read(kStatus, 1)) << "type " << type;
    ASSERT_TRUE(both_read(kSlot + 0x60, 4));
    if (type == 0 && read(kStatus, 1) == 0) {
      std::vector<uint8_t> ours(size);
      ASSERT_EQ(as->dma_read(kData, ours.data(), size), MemTxResult::kOk);
      ASSERT_EQ(ours, qemu->read_bytes(kData, size));
    }
    set(0x64, 1);
    ASSERT_TRUE(both_read(kSlot + 0x60, 4));
    log.clear();
  }
  board.reset();
}

}  // namespace
}  // namespace monochord
