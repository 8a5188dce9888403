#include "devices/board_virt.h"

#include "core/host.h"
#include "core/log.h"
#include "core/main_loop.h"
#include "devices/aclint.h"
#include "devices/device_types.h"
#include "devices/goldfish_rtc.h"
#include "devices/ns16550a.h"
#include "devices/sifive_plic.h"
#include "devices/sifive_test.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_mmio.h"

namespace monochord {

// How each device of the table is made; the board keeps what it wires by name.
struct VirtBoardMake {
  static std::unique_ptr<Device> mswi(VirtBoard& b) {
    auto device = std::make_unique<AclintMswi>(b.harts_.size());
    b.mswi_ = device.get();
    return device;
  }
  static std::unique_ptr<Device> mtimer(VirtBoard& b) {
    auto device = std::make_unique<AclintMtimer>(b.harts_.size(), VirtBoard::kTimebaseHz);
    b.mtimer_ = device.get();
    return device;
  }
  static std::unique_ptr<Device> plic(VirtBoard& b) {
    auto device = std::make_unique<SifivePlic>(2 * b.harts_.size());
    b.plic_ = device.get();
    return device;
  }
  static std::unique_ptr<Device> virtio(VirtBoard& b) {
    auto device = std::make_unique<VirtioMmio>(b.config_.force_legacy);
    b.slots_.push_back(device.get());
    return device;
  }
  static std::unique_ptr<Device> test(VirtBoard&) { return std::make_unique<SifiveTest>(); }
  static std::unique_ptr<Device> serial(VirtBoard& b) { return std::make_unique<Ns16550a>(b.config_.serial0, kSerialBaudBaseHz); }
  static std::unique_ptr<Device> rtc(VirtBoard& b) {
    return std::make_unique<GoldfishRtc>(b.config_.rtc_clock, b.config_.rtc_base_ns.value_or(qemu_clock_get_ns(QEMU_CLOCK_HOST)));
  }

 private:
  // QEMU's; only the length of a character follows from it.
  static constexpr uint32_t kSerialBaudBaseHz = 399193;
};

// The order is that of creation and reset, and of the nodes in the device tree.
std::span<const VirtBoardRow> VirtBoard::rows() {
  using Make = VirtBoardMake;
  static constexpr VirtBoardRow kRows[] = {
      // device       address     reg size    irq
      {&Make::mswi,   0x02000000, 0x10000,    0},
      {&Make::mtimer, 0x02004000, 0,          0},
      {&Make::plic,   0x0c000000, 0x600000,   0},
      {&Make::virtio, 0x10001000, 0x1000,     1},  // virtio-mmio-bus.0
      {&Make::virtio, 0x10002000, 0x1000,     2},
      {&Make::virtio, 0x10003000, 0x1000,     3},
      {&Make::virtio, 0x10004000, 0x1000,     4},
      {&Make::virtio, 0x10005000, 0x1000,     5},
      {&Make::virtio, 0x10006000, 0x1000,     6},
      {&Make::virtio, 0x10007000, 0x1000,     7},
      {&Make::virtio, 0x10008000, 0x1000,     8},  // the first -device
      {&Make::test,   0x00100000, 0x1000,     0},
      {&Make::serial, 0x10000000, 0x100,     10},
      {&Make::rtc,    0x00101000, 0x1000,    11},
  };
  return kRows;
}

VirtBoard::VirtBoard(AddressSpace& as, MemoryRegion& system) : as_(as), system_(system) {}

VirtBoard::~VirtBoard() {
  if (registered_) unregister_reset_handler(&reset_handler, this);
  for (const auto& device : devices_) system_.remove_subregion(device->region());
  if (mrom_host_ != nullptr) system_.remove_subregion(mrom_);
  if (ram_host_ != nullptr) system_.remove_subregion(ram_);
  as_.update();
  devices_.clear();
  if (mrom_host_ != nullptr) host().unmap_memory(mrom_host_, kMromSize);
  if (ram_host_ != nullptr) host().unmap_memory(ram_host_, config_.ram_size);
}

Status VirtBoard::check_config() const {
  const unsigned long long ram = config_.ram_size;
  if (ram == 0) return errorf("the machine needs memory: -m 0 is too little (the default is 128M)");
  if (ram % 4096 != 0) return errorf("-m: %llu bytes are not a multiple of the page size, 4096", ram);
  if (ram > kRamMax) return errorf("-m: %llu bytes of memory are more than the machine has addresses for (%llu)", ram, (unsigned long long)kRamMax);
  if (harts_.empty() || harts_.size() > kHartsMax) return errorf("-smp: the virt machine has 1 to %u harts, not %zu", kHartsMax, harts_.size());
  for (size_t i = 0; i < harts_.size(); i++) CHECK(harts_[i].hart_id == i);
  if (config_.kernel.empty() && !config_.initrd.empty()) return errorf("-initrd %s needs -kernel", config_.initrd.c_str());
  if (config_.kernel.empty() && !config_.append.empty()) return errorf("-append needs -kernel");
  return {};
}

Status VirtBoard::map_ram() {
  Result<uint8_t*> ram = host().map_memory(config_.ram_size);
  if (!ram) return ram.error();
  ram_host_ = *ram;
  ram_.init_ram("riscv_virt_board.ram", ram_host_, config_.ram_size);
  system_.add_subregion(kDram, ram_);
  Result<uint8_t*> mrom = host().map_memory(kMromSize);
  if (!mrom) return mrom.error();
  mrom_host_ = *mrom;
  mrom_.init_rom("riscv_virt_board.mrom", mrom_host_, kMromSize);
  system_.add_subregion(kMrom, mrom_);
  return {};
}

Status VirtBoard::make_devices() {
  for (const VirtBoardRow& row : rows()) {
    std::unique_ptr<Device> device = row.make(*this);
    device->place().address = row.address;
    if (row.irq != 0) {
      device->place().irqs = {row.irq};
      CHECK(plic_ != nullptr && device->irqs().size() == 1);
      plic_->connect(device->irqs()[0], row.irq);
    }
    system_.add_subregion(row.address, device->region());
    devices_.push_back(std::move(device));
  }
  as_.update();
  return {};
}

// The slot that the `bus` property names, or the free one with the highest number.
Result<VirtioMmio*> VirtBoard::find_slot(const std::string& type, const std::string& bus) {
  CHECK(slots_.size() == kVirtioSlots);
  if (bus.empty()) {
    for (size_t i = kVirtioSlots; i-- > 0;)
      if (slots_[i]->device() == nullptr) return slots_[i];
    return errorf("-device %s: all %u virtio-mmio slots are taken", type.c_str(), kVirtioSlots);
  }
  for (size_t i = 0; i < kVirtioSlots; i++) {
    if (bus != stringf("virtio-mmio-bus.%zu", i)) continue;
    if (slots_[i]->device() != nullptr) return errorf("-device %s,bus=%s: that slot is taken", type.c_str(), bus.c_str());
    return slots_[i];
  }
  return errorf("-device %s,bus=%s: there is no such bus; they are virtio-mmio-bus.0 to virtio-mmio-bus.%u", type.c_str(), bus.c_str(), kVirtioSlots - 1);
}

Status VirtBoard::attach_virtio() {
  for (const VirtioDeviceConfig& config : config_.virtio) {
    if (config.type != VirtioBlk::kName) return unknown_device_type(config.type);
    Result<VirtioBlkOptions> options = VirtioBlkOptions::create(config.properties);
    if (!options) return options.error();
    if (config.block == nullptr) return errorf("-device %s needs drive=, the id of a -drive", config.type.c_str());
    Result<VirtioMmio*> slot = find_slot(config.type, options->bus);
    if (!slot) return slot.error();
    (*slot)->attach(std::make_unique<VirtioBlk>(*options, *config.block, as_));
  }
  return {};
}

void VirtBoard::connect_harts() {
  hart_names_.reserve(harts_.size());  // the lines keep pointers
  for (size_t i = 0; i < harts_.size(); i++) {
    const RiscvHartPort& hart = harts_[i];
    const char* const name = hart_names_.emplace_back(stringf("hart%u", hart.hart_id)).c_str();
    mswi_->irq(i).connect(hart.set_irq, hart.opaque, kIrqMSoft, name);
    mtimer_->irq(i).connect(hart.set_irq, hart.opaque, kIrqMTimer, name);
    plic_->irq(2 * i).connect(hart.set_irq, hart.opaque, kIrqMExternal, name);
    plic_->irq(2 * i + 1).connect(hart.set_irq, hart.opaque, kIrqSExternal, name);
    hart.set_time_source(hart.opaque, mtimer_->time_source());
    if (hart.time_changed != nullptr) mtimer_->add_listener({hart.time_changed, hart.opaque});
  }
}

Status VirtBoard::init(VirtBoardConfig config, std::span<const RiscvHartPort> harts) {
  CHECK(devices_.empty());
  config_ = std::move(config);
  harts_.assign(harts.begin(), harts.end());
  if (Status status = check_config(); !status) return status;
  if (Status status = map_ram(); !status) return status;
  if (Status status = make_devices(); !status) return status;
  if (Status status = attach_virtio(); !status) return status;
  connect_harts();
  if (Status status = load_images(); !status) return status;
  images_fresh_ = true;
  if (!config_.dumpdtb.empty()) {
    if (Status status = dump_dtb(); !status) return status;
  }
  register_reset_handler(&reset_handler, this);
  registered_ = true;
  return {};
}

Status VirtBoard::pulse_irq(unsigned irq) {
  if (irq == 0 || irq > SifivePlic::kSources) return errorf("the PLIC has no source %u; they are 1 to %u", irq, SifivePlic::kSources);
  plic_->pulse(irq);
  return {};
}

void VirtBoard::reset() {
  for (const auto& device : devices_) device->reset();
  if (!images_fresh_) {
    if (Status status = load_images(); !status) {
      error_report("the machine can't be reset: %s", status.error().message.c_str());
      qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
      return;
    }
  }
  images_fresh_ = false;
  for (const auto& start : start_pcs_) async_run_on_cpu(*start->cpu, start->work);
}

}  // namespace monochord
