// virtio-mmio: one slot of the virt board, with a device behind it or empty. Legacy (version 1) or modern (version 2) registers.
//
// Rules
// - Registers are 32-bit words below 0x100 and stand in one table; each row says which versions have it. From 0x100 on is the config space of the device,
//   in any size. Accesses of 8 bytes are two of 4.
// - An empty slot answers with device id 0, everything else reads 0 and takes no writes, as drivers that probe expect.
// - The line is up while an interrupt status bit is.
// - Modern: FEATURES_OK stays clear if the driver took what was not offered, or not VERSION_1.
// Source: Virtual I/O Device (VIRTIO) 1.2, sections 4.2.2 (registers) and 4.2.4 (legacy).
#pragma once

#include <memory>

#include "core/device.h"
#include "devices/virtio.h"

namespace monochord {

class VirtioMmio final : public Device {
 public:
  static constexpr DeviceInfo kInfo{"virtio-mmio", "virtio transport", "virtio_mmio", "virtio,mmio", 0x200, 1, 8};
  static constexpr uint64_t kConfig = 0x100;

  explicit VirtioMmio(bool legacy);
  ~VirtioMmio() override;
  // Plugs a device in, once, before the machine runs.
  void attach(std::unique_ptr<VirtioDevice> device);
  VirtioDevice* device() { return device_.get(); }
  bool legacy() const { return legacy_; }
  void reset() override;
  std::span<IrqLine> irqs() override { return {&irq_, 1}; }
  std::string register_rows() const override;

 private:
  enum Versions : uint8_t { kLegacy = 1, kModern = 2, kBoth = 3 };
  struct Row {
    uint64_t offset;
    const char* name;
    Versions versions;
    uint32_t (VirtioMmio::*read)();
    void (VirtioMmio::*write)(uint32_t value);
  };
  static std::span<const Row> rows();
  const Row* find(uint64_t offset) const;

  static MemTxResult read(void* opaque, uint64_t offset, unsigned size, uint64_t* value);
  static MemTxResult write(void* opaque, uint64_t offset, unsigned size, uint64_t value);
  static constexpr MemoryRegionOps kOps{&read, &write, kInfo.access_size_min, kInfo.access_size_max, false};
  uint64_t read_config(uint64_t offset, unsigned size);
  void write_config(uint64_t offset, unsigned size, uint64_t value);
  void update_irq();
  uint64_t offered() const;
  Virtqueue* selected();

  uint32_t read_magic() { return 0x74726976; }  // "virt"
  uint32_t read_version() { return legacy_ ? 1 : 2; }
  uint32_t read_device_id() { return device_->device_id(); }
  uint32_t read_vendor_id() { return 0x554d4551; }  // QEMU's, which drivers know
  uint32_t read_device_features();
  void write_device_features_sel(uint32_t value) { state_.device_features_sel = value; }
  void write_driver_features(uint32_t value);
  void write_driver_features_sel(uint32_t value) { state_.driver_features_sel = value; }
  void write_guest_page_size(uint32_t value);
  void write_queue_sel(uint32_t value) { state_.queue_sel = value; }
  uint32_t read_queue_num_max() { return selected() != nullptr ? Virtqueue::kSizeMax : 0; }
  void write_queue_num(uint32_t value);
  void write_queue_align(uint32_t value);
  uint32_t read_queue_pfn();
  void write_queue_pfn(uint32_t value);
  uint32_t read_queue_ready();
  void write_queue_ready(uint32_t value);
  void write_queue_notify(uint32_t value) { device_->notify(value); }
  uint32_t read_interrupt_status() { return device_->isr(); }
  void write_interrupt_ack(uint32_t value) { device_->acknowledge(value); }
  uint32_t read_status() { return device_->status(); }
  void write_status(uint32_t value);
  template <unsigned Part, bool High>
  void write_queue_address(uint32_t value);
  uint32_t read_no_shared_memory() { return 0xffffffff; }
  uint32_t read_config_generation() { return 0; }

  struct State {
    uint32_t device_features_sel = 0, driver_features_sel = 0;
    uint64_t driver_features = 0;  // modern: before FEATURES_OK
    uint32_t guest_page_shift = 0;
    uint32_t queue_sel = 0;
    uint64_t queue_address[8][3] = {};  // modern: descriptors, driver area, device area, before QueueReady
    uint32_t queue_align[8] = {};
  };
  static constexpr size_t kQueuesMax = 8;

  const bool legacy_;
  std::unique_ptr<VirtioDevice> device_;
  State state_;
  IrqLine irq_;
};

}  // namespace monochord
