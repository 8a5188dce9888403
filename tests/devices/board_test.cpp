// The virt board: memory map, boot protocol, wiring, and the errors for what a user may get wrong.
// The expected addresses and bytes were read off QEMU 10.0.2 (`info mtree`, `xp` of the MROM).
#include "devices/board_virt.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/main_loop.h"
#include "tests/devices/fake_hart.h"
#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class Board : public DeviceFixture {
 protected:
  ~Board() override {
    board.reset();
    for (const std::string& path : files) unlink(path.c_str());
  }
  std::string file(const std::string& bytes) {
    char path[] = "/tmp/monochord-board-XXXXXX";
    const int fd = mkstemp(path);
    EXPECT_GE(fd, 0);
    EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(fd);
    files.push_back(path);
    return path;
  }
  Status make(const VirtBoardConfig& config, int count = 1) {
    for (int i = 0; i < count; i++) harts.emplace_back(std::make_unique<FakeHart>(i));
    std::vector<RiscvHartPort> ports;
    for (const auto& hart : harts) ports.push_back(hart->port());
    board = std::make_unique<VirtBoard>(*as, system);
    return board->init(config, ports);
  }
  void make_ok(const VirtBoardConfig& config, int count = 1) {
    const Status status = make(config, count);
    ASSERT_TRUE(status.ok()) << status.error().message;
    board->reset();
  }
  std::string error(const VirtBoardConfig& config, int count = 1) {
    const Status status = make(config, count);
    return status.ok() ? "no error" : status.error().message;
  }
  uint64_t dword(uint64_t address) { return read(address, 8); }

  std::vector<std::unique_ptr<FakeHart>> harts;
  std::unique_ptr<VirtBoard> board;
  std::vector<std::string> files;
};

VirtBoardConfig small() {
  VirtBoardConfig config;
  config.ram_size = 64 * kMiB;
  return config;
}

TEST_F(Board, reset_vector_has_qemus_bytes) {
  VirtBoardConfig config = small();
  config.ram_size = 512 * kMiB;
  config.bios = file(std::string(0x1000, 'f'));
  config.kernel = file(std::string(0x1000, 'k'));
  make_ok(config);
  const uint32_t code[] = {0x00000297, 0x02828613, 0xf1402573, 0x0202b583, 0x0182b283, 0x00028067};
  for (unsigned i = 0; i < 6; i++) EXPECT_EQ(read(0x1000 + 4 * i, 4), code[i]);
  EXPECT_EQ(dword(0x1018), 0x80000000u);
  EXPECT_EQ(dword(0x1020), 0x9fe00000u);
  EXPECT_EQ(dword(0x1028), 0x4942534fu);
  EXPECT_EQ(dword(0x1030), 2u);
  EXPECT_EQ(dword(0x1038), 0x80200000u);
  EXPECT_EQ(dword(0x1040), 1u);
  EXPECT_EQ(dword(0x1048), 0u);
  EXPECT_EQ(dword(0x1050), 0u);
  EXPECT_EQ(read(0x80000000, 1), static_cast<uint8_t>('f'));
  EXPECT_EQ(read(0x80200000, 1), static_cast<uint8_t>('k'));
  EXPECT_EQ(read(0x9fe00000, 4), 0xedfe0dd0u);  // the tree's magic, big endian
}

TEST_F(Board, without_a_kernel_next_addr_is_0) {
  VirtBoardConfig config = small();
  config.bios = file(std::string(0x1000, 'f'));
  make_ok(config);
  EXPECT_EQ(dword(0x1038), 0u);
}

TEST_F(Board, a_kernel_goes_behind_a_large_firmware_on_2_mib) {
  VirtBoardConfig config = small();
  config.bios = file(std::string(2 * kMiB + 1, 'f'));
  config.kernel = file("kernel");
  make_ok(config);
  EXPECT_EQ(dword(0x1038), 0x80400000u);
}

TEST_F(Board, without_firmware_a_raw_kernel_is_at_the_start) {
  VirtBoardConfig config = small();
  config.kernel = file("kernel");
  make_ok(config);
  EXPECT_EQ(dword(0x1018), 0x80000000u);
  EXPECT_EQ(dword(0x1038), 0x80000000u);
  EXPECT_EQ(read(0x80000000, 1), static_cast<uint8_t>('k'));
}

TEST_F(Board, initrd_is_half_the_memory_behind_the_kernel) {
  VirtBoardConfig config = small();
  config.bios = file("f");
  config.kernel = file("kernel");
  config.initrd = file(std::string(5000, 'i'));
  config.append = "console=ttyS0";
  make_ok(config);
  EXPECT_EQ(read(0x80200000 + 32 * kMiB, 1), static_cast<uint8_t>('i'));
  const std::string dtb(board->dtb().begin(), board->dtb().end());
  EXPECT_NE(dtb.find("console=ttyS0"), std::string::npos);
  EXPECT_NE(dtb.find("linux,initrd-start"), std::string::npos);
}

TEST_F(Board, reset_brings_images_back_and_keeps_other_memory) {
  VirtBoardConfig config = small();
  config.bios = file(std::string(0x2000, 'f'));
  make_ok(config);
  write(0x80000000, 8, 0);
  write(0x80001000, 8, 0);
  write(0x80100000, 8, 0x1234);
  write(board->fdt_address(), 4, 0);
  board->reset();
  EXPECT_EQ(read(0x80000000, 1), static_cast<uint8_t>('f'));
  EXPECT_EQ(read(0x80001000, 1), static_cast<uint8_t>('f'));
  EXPECT_EQ(read(0x80100000, 8), 0x1234u);
  EXPECT_EQ(read(board->fdt_address(), 4), 0xedfe0dd0u);
}

TEST_F(Board, a_firmware_that_is_gone_at_reset_ends_the_machine_with_status_1) {
  VirtBoardConfig config = small();
  config.bios = file(std::string(0x2000, 'f'));
  make_ok(config);
  unlink(config.bios.c_str());
  board->reset();
  EXPECT_EQ(run_loop({}), 1);
}

TEST_F(Board, each_reset_has_a_new_seed_from_the_given_source) {
  VirtBoardConfig config = small();
  static uint8_t next;
  next = 0x40;
  config.rng = [](void*, void* buffer, size_t size) { memset(buffer, next++, size); };
  make_ok(config);
  const auto has = [&](char c) {
    const std::string dtb(board->dtb().begin(), board->dtb().end());
    return dtb.find(std::string(32, c)) != std::string::npos;
  };
  EXPECT_TRUE(has(0x40));
  board->reset();
  EXPECT_TRUE(has(0x41));
}

TEST_F(Board, mrom_is_not_writable_and_unmapped_addresses_fault) {
  make_ok(small());
  const uint64_t before = dword(0x1000);
  (void)as->write(0x1000, 8, 0);
  EXPECT_EQ(dword(0x1000), before);
  uint64_t value;
  for (uint64_t address : {0x0ull, 0xff8ull, 0x10000ull, 0x101024ull, 0x10000008ull, 0x10001200ull, 0x20000000ull, 0x30000000ull, 0x84000000ull})
    EXPECT_EQ(as->read(address, 4, &value), MemTxResult::kDecodeError) << std::hex << address;
}

TEST_F(Board, interrupts_reach_the_hart_that_they_are_for) {
  FakeChar terminal;
  VirtBoardConfig config = small();
  config.serial0 = &terminal;
  make_ok(config, 2);
  write(0x2000004, 4, 1);
  EXPECT_EQ(harts[0]->irq[kIrqMSoft], 0);
  EXPECT_EQ(harts[1]->irq[kIrqMSoft], 1);
  EXPECT_EQ(harts[1]->irq[kIrqMTimer], 1);  // mtimecmp is 0
  write(0x2004008, 8, UINT64_MAX);
  EXPECT_EQ(harts[0]->irq[kIrqMTimer], 1);
  EXPECT_EQ(harts[1]->irq[kIrqMTimer], 0);
  EXPECT_EQ(harts[1]->time.frequency_hz, 10'000'000u);
  // UART: source 10 to hart 1's S context (3), then hart 0's M context (0).
  write(0xc000000 + 40, 4, 1);
  write(0xc002000 + 0x180, 4, 1 << 10);
  write(0x10000001, 1, 1);
  terminal.type("x");
  EXPECT_EQ(harts[1]->irq[kIrqSExternal], 1);
  EXPECT_EQ(harts[1]->irq[kIrqMExternal], 0);
  EXPECT_EQ(harts[0]->irq[kIrqSExternal], 0);
  write(0xc002000, 4, 1 << 10);
  EXPECT_EQ(harts[0]->irq[kIrqMExternal], 1);
  board.reset();
}

TEST_F(Board, virtio_devices_fill_the_slots_from_the_highest_address) {
  MemoryDisk disk[3] = {MemoryDisk(1 << 20), MemoryDisk(2 << 20), MemoryDisk(3 << 20)};
  VirtBoardConfig config = small();
  config.virtio.push_back({"virtio-blk-device", {}, &disk[0]});
  config.virtio.push_back({"virtio-blk-device", {{"bus", "virtio-mmio-bus.0"}}, &disk[1]});
  config.virtio.push_back({"virtio-blk-device", {}, &disk[2]});
  make_ok(config);
  for (unsigned slot = 0; slot < 8; slot++) {
    const uint64_t address = 0x10001000 + 0x1000 * slot;
    EXPECT_EQ(read(address, 4), 0x74726976u);
    EXPECT_EQ(read(address + 4, 4), 1u);
    EXPECT_EQ(read(address + 8, 4), slot == 7 || slot == 6 || slot == 0 ? 2u : 0u);
  }
  EXPECT_EQ(read(0x10008100, 4), 2048u);
  EXPECT_EQ(read(0x10001100, 4), 4096u);
  EXPECT_EQ(read(0x10007100, 4), 6144u);
  board.reset();
}

TEST_F(Board, loader_stores_numbers_and_files_and_starts_a_hart) {
  VirtBoardConfig config = small();
  config.loaders.push_back(*LoaderDevice::create({{"addr", "0x80001000"}, {"data", "0x1122334455"}, {"data-len", "4"}}));
  config.loaders.push_back(*LoaderDevice::create({{"addr", "0x80001010"}, {"data", "0x1122"}, {"data-len", "2"}, {"data-be", "on"}}));
  config.loaders.push_back(*LoaderDevice::create({{"file", file("hello")}, {"addr", "0x80003000"}, {"cpu-num", "1"}}));
  make_ok(config, 2);
  EXPECT_EQ(read(0x80001000, 8), 0x22334455u);
  EXPECT_EQ(read(0x80001010, 2), 0x2211u);
  EXPECT_EQ(read(0x80003000, 1), static_cast<uint8_t>('h'));
  for (const auto& hart : harts) hart->reset();  // as the system reset does
  ASSERT_NE(harts[1]->work_head, nullptr);
  CpuWork* work = harts[1]->work_head;
  work->func(*harts[1], work->opaque);
  EXPECT_EQ(harts[1]->pc(), 0x80003000u);
  EXPECT_EQ(harts[0]->work_head, nullptr);
  harts[1]->work_head = harts[1]->work_tail = nullptr;
  work->queued = false;
}

// A device tree or a packed file for a guest of one's own: QEMU puts it there as it is.
TEST_F(Board, loader_takes_any_file_that_is_not_elf_as_it_is) {
  VirtBoardConfig config = small();
  config.loaders.push_back(*LoaderDevice::create({{"file", file("\xd0\x0d\xfe\xed tree")}, {"addr", "0x80004000"}}));
  config.loaders.push_back(*LoaderDevice::create({{"file", file("\xfd" "7zXZ packed")}, {"addr", "0x80005000"}}));
  make_ok(config, 1);
  EXPECT_EQ(read(0x80004000, 4), 0xedfe0dd0u);
  EXPECT_EQ(read(0x80005000, 4), 0x587a37fdu);
}

// Memory as a real host gives it: addresses without pages until they are touched.
struct SparseHost final : Host {
  void idle_wait(bool (*)(void*), void*) override {}
  Status watch_fd(int, unsigned) override { return {}; }
  bool take_fd_hint() override { return false; }
  unsigned poll_fd(int, unsigned) override { return 0; }
  Result<uint8_t*> map_memory(uint64_t size) override {
    return static_cast<uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  }
  void unmap_memory(uint8_t* memory, uint64_t size) override { munmap(memory, size); }
  void random_bytes(void* buffer, size_t size) override { memset(buffer, 1, size); }
};

TEST_F(Board, memory_of_many_gigabytes) {
  SparseHost sparse;
  set_host(&sparse);
  VirtBoardConfig config = small();
  config.ram_size = uint64_t{64} << 30;
  config.bios = file("f");
  make_ok(config);
  EXPECT_EQ(board->fdt_address(), 0x80000000 + config.ram_size - 2 * kMiB);
  write(0x80000000 + config.ram_size - 8, 8, 42);
  EXPECT_EQ(read(0x80000000 + config.ram_size - 8, 8), 42u);
  board.reset();
}

// --- bad input --------------------------------------------------------------------------------------------------------

TEST_F(Board, no_memory_is_an_error) {
  VirtBoardConfig config = small();
  config.ram_size = 0;
  EXPECT_NE(error(config).find("-m 0"), std::string::npos);
}
TEST_F(Board, part_of_a_page_is_an_error) {
  VirtBoardConfig config = small();
  config.ram_size = 4097;
  EXPECT_NE(error(config).find("4097"), std::string::npos);
}
TEST_F(Board, too_little_memory_for_the_tree_is_an_error) {
  VirtBoardConfig config = small();
  config.ram_size = 4096;
  EXPECT_NE(error(config, 16).find("raise -m"), std::string::npos);
}
TEST_F(Board, memory_that_the_host_does_not_have_is_an_error) {
  virtual_host.set_memory_limit(1 << 20);
  EXPECT_NE(error(small()), "no error");
}
TEST_F(Board, too_many_harts_are_an_error) { EXPECT_NE(error(small(), 513).find("513"), std::string::npos); }
TEST_F(Board, a_missing_firmware_is_an_error_with_its_name) {
  VirtBoardConfig config = small();
  config.bios = "/nonexistent/fw.bin";
  EXPECT_NE(error(config).find("/nonexistent/fw.bin"), std::string::npos);
}
TEST_F(Board, initrd_and_append_need_a_kernel) {
  VirtBoardConfig config = small();
  config.initrd = file("i");
  EXPECT_NE(error(config).find("-kernel"), std::string::npos);
  config.initrd = "";
  config.append = "x";
  harts.clear();
  EXPECT_NE(error(config).find("-kernel"), std::string::npos);
}
TEST_F(Board, an_initrd_that_does_not_fit_is_an_error) {
  VirtBoardConfig config = small();
  config.kernel = file("k");
  config.initrd = file(std::string(33 * kMiB, 'i'));
  EXPECT_NE(error(config), "no error");
}
TEST_F(Board, images_that_overlap_are_an_error) {
  VirtBoardConfig config = small();
  config.kernel = file(std::string(40 * kMiB, 'k'));
  config.initrd = file("i");
  EXPECT_NE(error(config).find("overlaps"), std::string::npos);
}
TEST_F(Board, a_damaged_device_tree_is_an_error) {
  VirtBoardConfig config = small();
  config.dtb = file("this is no device tree, whatever its name says it is");
  EXPECT_NE(error(config).find(config.dtb), std::string::npos);
}
TEST_F(Board, a_loader_for_a_hart_or_memory_that_is_not_there_is_an_error) {
  VirtBoardConfig config = small();
  config.loaders.push_back(*LoaderDevice::create({{"addr", "0x80000000"}, {"cpu-num", "1"}}));
  EXPECT_NE(error(config).find("no hart 1"), std::string::npos);
  config.loaders[0] = *LoaderDevice::create({{"addr", "0x70000000"}, {"data", "1"}, {"data-len", "1"}});
  harts.clear();
  EXPECT_NE(error(config).find("0x70000000"), std::string::npos);
}
TEST_F(Board, virtio_devices_that_make_no_sense_are_errors) {
  MemoryDisk disk(1 << 20);
  const auto try_one = [&](std::vector<VirtioDeviceConfig> devices) {
    VirtBoardConfig config = small();
    config.virtio = std::move(devices);
    board.reset();
    harts.clear();
    return error(config);
  };
  EXPECT_NE(try_one({{"virtio-blk-device", {}, nullptr}}).find("drive="), std::string::npos);
  EXPECT_NE(try_one({{"virtio-net-device", {}, &disk}}).find("virtio-blk-device"), std::string::npos);
  EXPECT_NE(try_one({{"virtio-blk-device", {{"bus", "virtio-mmio-bus.8"}}, &disk}}).find("virtio-mmio-bus.8"), std::string::npos);
  EXPECT_NE(try_one({{"virtio-blk-device", {{"bus", "virtio-mmio-bus.7"}}, &disk}, {"virtio-blk-device", {{"bus", "virtio-mmio-bus.7"}}, &disk}}).find("taken"),
            std::string::npos);
  EXPECT_NE(try_one(std::vector<VirtioDeviceConfig>(9, {"virtio-blk-device", {}, &disk})).find("all 8"), std::string::npos);
  board.reset();
}
TEST_F(Board, a_dumpdtb_path_that_can_not_be_written_is_an_error) {
  VirtBoardConfig config = small();
  config.dumpdtb = "/nonexistent/x.dtb";
  EXPECT_NE(error(config).find("/nonexistent/x.dtb"), std::string::npos);
}

}  // namespace
}  // namespace monochord
