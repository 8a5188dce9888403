// The `virt` board: QEMU's addresses and interrupt numbers, its boot protocol and its device tree, as a table of rows (board_virt.cpp).
//
// Rules
// - The caller makes the root region, the AddressSpace and the harts; the board adds its regions, connects the harts and outlives neither.
//       MemoryRegion system;  system.init_container("system", UINT64_MAX);  AddressSpace as("memory", system);
//       harts...;  VirtBoard board(as, system);  board.init(config, ports);  qemu_system_reset();  vm_start();
// - init() loads the images, so that a missing file is an error before anything runs. It registers one reset handler: devices in the order of the
//   table, then images and device tree again, since the guest has written over them.
// - Everything that config points to outlives the board. Main context, BQL held.
// Source: QEMU 10.0's device tree of `-M virt`, its memory map and MROM as dumped; OpenSBI's fw_dynamic documentation.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/blockdev.h"
#include "core/chardev.h"
#include "core/cpu.h"
#include "core/device.h"
#include "core/fdt.h"
#include "core/loader.h"
#include "core/memory.h"
#include "core/result.h"
#include "core/riscv_hart.h"
#include "devices/loader_device.h"
#include "devices/properties.h"
#include "timer/timer.h"

namespace monochord {

class AclintMswi;
class AclintMtimer;
class SifivePlic;
class VirtBoard;
class VirtioMmio;

// A -device that goes on a virtio-mmio bus.
struct VirtioDeviceConfig {
  std::string type;                // "virtio-blk-device"
  PropertyList properties;         // without `drive`; `bus` may be among them
  BlockBackend* block = nullptr;   // of drive=
};

struct VirtBoardConfig {
  uint64_t ram_size = 128 << 20;   // bytes, whole pages
  std::string bios;                // a path; "": none
  std::string kernel;              // paths; "": none
  std::string initrd;
  std::string append;
  std::string dtb;                 // used instead of the generated tree
  std::string dumpdtb;             // the tree is written there; the caller ends then
  bool force_legacy = true;        // -global virtio-mmio.force-legacy=
  std::vector<VirtioDeviceConfig> virtio;
  std::vector<LoaderDevice> loaders;
  CharBackend* serial0 = nullptr;
  QEMUClockType rtc_clock = QEMU_CLOCK_HOST;
  std::optional<int64_t> rtc_base_ns;  // the guest's calendar at the start; none: the host's (UTC)
  // Fills the device tree's rng-seed at each reset; null: the host's randomness.
  void (*rng)(void* opaque, void* buffer, size_t size) = nullptr;
  void* rng_opaque = nullptr;
};

// One line of the board.
struct VirtBoardRow {
  std::unique_ptr<Device> (*make)(VirtBoard& board);
  uint64_t address;
  uint64_t fdt_size;  // what `reg` says
  uint32_t irq;       // at the PLIC; 0: none
};

class VirtBoard {
 public:
  static constexpr uint64_t kMrom = 0x1000, kMromSize = 0xf000;
  static constexpr uint64_t kDram = 0x80000000;
  static constexpr uint64_t kRamMax = uint64_t{1} << 46;
  static constexpr uint32_t kTimebaseHz = 10'000'000;
  static constexpr unsigned kHartsMax = 512;
  static constexpr unsigned kVirtioSlots = 8;

  VirtBoard(AddressSpace& as, MemoryRegion& system);
  ~VirtBoard();
  VirtBoard(const VirtBoard&) = delete;
  VirtBoard& operator=(const VirtBoard&) = delete;

  Status init(VirtBoardConfig config, std::span<const RiscvHartPort> harts);
  void reset();
  // Raises and lowers interrupt source `irq` of the PLIC, as a device would. BQL held.
  Status pulse_irq(unsigned irq);

  static std::span<const VirtBoardRow> rows();
  std::span<const std::unique_ptr<Device>> devices() const { return devices_; }
  std::span<const uint8_t> dtb() const { return dtb_; }
  uint64_t fdt_address() const { return fdt_address_; }
  uint64_t start_address() const { return start_; }
  uint64_t next_address() const { return next_; }

 private:
  friend struct VirtBoardMake;
  struct StartPc {
    CpuWork work;
    Cpu* cpu = nullptr;
    uint64_t pc = 0;
  };

  static void reset_handler(void* board) { static_cast<VirtBoard*>(board)->reset(); }
  Status check_config() const;
  Status map_ram();
  Status make_devices();
  Result<VirtioMmio*> find_slot(const std::string& type, const std::string& bus);
  Status attach_virtio();
  void connect_harts();
  // board_virt_boot.cpp
  Status load_images();
  Status load_loaders();
  void write_mrom();
  // board_virt_fdt.cpp
  Status make_fdt(uint64_t initrd_low, uint64_t initrd_high);
  FdtBuilder describe() const;
  Status dump_dtb() const;
  void fdt_cpus(FdtBuilder& fdt) const;
  void fdt_soc(FdtBuilder& fdt) const;

  AddressSpace& as_;
  MemoryRegion& system_;
  VirtBoardConfig config_;
  std::vector<RiscvHartPort> harts_;
  std::vector<std::string> hart_names_;  // of the harts' lines in traces

  MemoryRegion ram_, mrom_;
  uint8_t* ram_host_ = nullptr;
  uint8_t* mrom_host_ = nullptr;

  std::vector<std::unique_ptr<Device>> devices_;
  AclintMswi* mswi_ = nullptr;
  AclintMtimer* mtimer_ = nullptr;
  SifivePlic* plic_ = nullptr;
  std::vector<VirtioMmio*> slots_;  // of virtio-mmio-bus.N

  std::vector<PlacedImage> occupied_;
  std::vector<std::unique_ptr<StartPc>> start_pcs_;
  std::vector<uint8_t> dtb_;
  uint64_t start_ = kDram, next_ = 0, fdt_address_ = 0;
  bool images_fresh_ = false;  // init() has just loaded them
  bool registered_ = false;
};

}  // namespace monochord
