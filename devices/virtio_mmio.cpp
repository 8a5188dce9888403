#include "devices/virtio_mmio.h"

#include <bit>

#include "core/log.h"

namespace monochord {

std::span<const VirtioMmio::Row> VirtioMmio::rows() {
  using D = VirtioMmio;
  static constexpr Row kRows[] = {
      {0x000, "MagicValue", kBoth, &D::read_magic, nullptr},
      {0x004, "Version", kBoth, &D::read_version, nullptr},
      {0x008, "DeviceID", kBoth, &D::read_device_id, nullptr},
      {0x00c, "VendorID", kBoth, &D::read_vendor_id, nullptr},
      {0x010, "DeviceFeatures", kBoth, &D::read_device_features, nullptr},
      {0x014, "DeviceFeaturesSel", kBoth, nullptr, &D::write_device_features_sel},
      {0x020, "DriverFeatures", kBoth, nullptr, &D::write_driver_features},
      {0x024, "DriverFeaturesSel", kBoth, nullptr, &D::write_driver_features_sel},
      {0x028, "GuestPageSize", kLegacy, nullptr, &D::write_guest_page_size},
      {0x030, "QueueSel", kBoth, nullptr, &D::write_queue_sel},
      {0x034, "QueueNumMax", kBoth, &D::read_queue_num_max, nullptr},
      {0x038, "QueueNum", kBoth, nullptr, &D::write_queue_num},
      {0x03c, "QueueAlign", kLegacy, nullptr, &D::write_queue_align},
      {0x040, "QueuePFN", kLegacy, &D::read_queue_pfn, &D::write_queue_pfn},
      {0x044, "QueueReady", kModern, &D::read_queue_ready, &D::write_queue_ready},
      {0x050, "QueueNotify", kBoth, nullptr, &D::write_queue_notify},
      {0x060, "InterruptStatus", kBoth, &D::read_interrupt_status, nullptr},
      {0x064, "InterruptACK", kBoth, nullptr, &D::write_interrupt_ack},
      {0x070, "Status", kBoth, &D::read_status, &D::write_status},
      {0x080, "QueueDescLow", kModern, nullptr, &D::write_queue_address<0, false>},
      {0x084, "QueueDescHigh", kModern, nullptr, &D::write_queue_address<0, true>},
      {0x090, "QueueDriverLow", kModern, nullptr, &D::write_queue_address<1, false>},
      {0x094, "QueueDriverHigh", kModern, nullptr, &D::write_queue_address<1, true>},
      {0x0a0, "QueueDeviceLow", kModern, nullptr, &D::write_queue_address<2, false>},
      {0x0a4, "QueueDeviceHigh", kModern, nullptr, &D::write_queue_address<2, true>},
      {0x0b0, "SHMLenLow", kBoth, &D::read_no_shared_memory, nullptr},
      {0x0b4, "SHMLenHigh", kBoth, &D::read_no_shared_memory, nullptr},
      {0x0fc, "ConfigGeneration", kBoth, &D::read_config_generation, nullptr},
  };
  return kRows;
}

VirtioMmio::VirtioMmio(bool legacy) : Device(kInfo), legacy_(legacy) { region_.init_io(kInfo.name, &kOps, this, kInfo.size); }

VirtioMmio::~VirtioMmio() {
  if (device_ != nullptr) device_->set_transport(nullptr, nullptr);
}

void VirtioMmio::attach(std::unique_ptr<VirtioDevice> device) {
  CHECK(device_ == nullptr && device->queue_count() <= kQueuesMax);
  device_ = std::move(device);
  device_->set_transport([](void* opaque) { static_cast<VirtioMmio*>(opaque)->update_irq(); }, this);
}

std::string VirtioMmio::register_rows() const {
  std::string text;
  for (const Row& row : rows())
    text += stringf("0x%03llx %-20s %s%s%s\n", (unsigned long long)row.offset, row.name, row.read ? "r" : "-", row.write ? "w" : "-",
                    row.versions == kBoth ? "" : row.versions == kLegacy ? " legacy" : " modern");
  return text + "0x100 (config space of the device) rw\n";
}

void VirtioMmio::reset() {
  state_ = State{};
  if (device_ != nullptr) device_->reset();
  update_irq();
}

void VirtioMmio::update_irq() { irq_.set(device_ != nullptr && device_->isr() != 0); }

uint64_t VirtioMmio::offered() const { return device_->features(legacy_) | (legacy_ ? 0 : virtio_bit(kVirtioVersion1)); }

Virtqueue* VirtioMmio::selected() {
  return state_.queue_sel < device_->queue_count() ? &device_->queue(state_.queue_sel) : nullptr;
}

uint32_t VirtioMmio::read_device_features() {
  if (state_.device_features_sel > 1) return 0;
  return offered() >> (32 * state_.device_features_sel);
}

void VirtioMmio::write_driver_features(uint32_t value) {
  if (legacy_) {
    if (state_.driver_features_sel == 0) device_->set_driver_features(value & offered());
    return;
  }
  if (device_->status() & kVirtioFeaturesOk) {
    qemu_log_mask(kLogGuestError, "%s: the driver changes its features after FEATURES_OK", kInfo.name);
    return;
  }
  if (state_.driver_features_sel > 1) return;
  const unsigned shift = 32 * state_.driver_features_sel;
  state_.driver_features = (state_.driver_features & ~(uint64_t{0xffffffff} << shift)) | uint64_t{value} << shift;
}

void VirtioMmio::write_guest_page_size(uint32_t value) {
  if (!std::has_single_bit(value)) qemu_log_mask(kLogGuestError, "%s: guest page size %u is not a power of two", kInfo.name, value);
  state_.guest_page_shift = value == 0 ? 0 : std::countr_zero(value);
}

void VirtioMmio::write_queue_num(uint32_t value) {
  Virtqueue* queue = selected();
  if (queue == nullptr || queue->enabled() || !queue->set_num(value))
    qemu_log_mask(kLogGuestError, "%s: size %u for queue %u", kInfo.name, value, state_.queue_sel);
}

void VirtioMmio::write_queue_align(uint32_t value) {
  if (selected() == nullptr || !std::has_single_bit(value))
    qemu_log_mask(kLogGuestError, "%s: alignment %u for queue %u", kInfo.name, value, state_.queue_sel);
  else
    state_.queue_align[state_.queue_sel] = value;
}

uint32_t VirtioMmio::read_queue_pfn() {
  Virtqueue* queue = selected();
  return queue != nullptr ? queue->desc() >> state_.guest_page_shift : 0;
}

void VirtioMmio::write_queue_pfn(uint32_t value) {
  Virtqueue* queue = selected();
  if (queue == nullptr) return;
  const uint32_t align = state_.queue_align[state_.queue_sel];
  queue->enable(value != 0);
  if (value == 0)
    queue->set_rings(0, 0, 0);
  else
    queue->set_legacy_ring(uint64_t{value} << state_.guest_page_shift, align != 0 ? align : Virtqueue::kLegacyAlign);
}

uint32_t VirtioMmio::read_queue_ready() {
  Virtqueue* queue = selected();
  return queue != nullptr && queue->enabled();
}

void VirtioMmio::write_queue_ready(uint32_t value) {
  Virtqueue* queue = selected();
  if (queue == nullptr) return;
  const uint64_t(&address)[3] = state_.queue_address[state_.queue_sel];
  if (value & 1) {
    if (queue->enabled()) return;
    queue->set_rings(address[0], address[1], address[2]);
    queue->enable(true);
  } else {
    queue->enable(false);
  }
}

template <unsigned Part, bool High>
void VirtioMmio::write_queue_address(uint32_t value) {
  if (selected() == nullptr) return;
  uint64_t& address = state_.queue_address[state_.queue_sel][Part];
  address = High ? (address & 0xffffffff) | uint64_t{value} << 32 : (address & ~uint64_t{0xffffffff}) | value;
}

void VirtioMmio::write_status(uint32_t value) {
  value &= 0xff;
  if (value == 0) {
    // Linux tells its page size once, when it finds the device, and resets the device after that.
    const uint32_t shift = state_.guest_page_shift;
    reset();
    state_.guest_page_shift = shift;
    return;
  }
  if (!legacy_ && (value & kVirtioFeaturesOk) && !(device_->status() & kVirtioFeaturesOk)) {
    const uint64_t features = state_.driver_features;
    if ((features & ~offered()) != 0 || !(features & virtio_bit(kVirtioVersion1)))
      value &= ~kVirtioFeaturesOk;  // the driver reads it back
    else
      device_->set_driver_features(features);
  }
  device_->set_status(value);
}

// --- dispatch ---------------------------------------------------------------------------------------------------------

const VirtioMmio::Row* VirtioMmio::find(uint64_t offset) const {
  for (const Row& row : rows())
    if (row.offset == offset && (row.versions & (legacy_ ? kLegacy : kModern))) return &row;
  return nullptr;
}

uint64_t VirtioMmio::read_config(uint64_t offset, unsigned size) {
  const std::vector<uint8_t> bytes = device_->config();
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= uint64_t{offset + i < bytes.size() ? bytes[offset + i] : uint8_t{0xff}} << (8 * i);
  return value;
}

void VirtioMmio::write_config(uint64_t offset, unsigned size, uint64_t value) { device_->write_config(offset, size, value); }

MemTxResult VirtioMmio::read(void* opaque, uint64_t offset, unsigned size, uint64_t* value) {
  VirtioMmio& s = *static_cast<VirtioMmio*>(opaque);
  *value = 0;
  if (size == 8) {
    uint64_t low, high;
    read(opaque, offset, 4, &low);
    read(opaque, offset + 4, 4, &high);
    *value = low | high << 32;
    return MemTxResult::kOk;
  }
  if (s.device_ == nullptr && offset != 0x000 && offset != 0x004 && offset != 0x00c) return MemTxResult::kOk;
  if (offset >= kConfig) {
    *value = s.read_config(offset - kConfig, size);
    return MemTxResult::kOk;
  }
  const Row* row = size == 4 ? s.find(offset) : nullptr;
  if (row == nullptr || row->read == nullptr)
    qemu_log_mask(kLogGuestError, "%s: read of %u bytes at offset 0x%llx, which can't be read", kInfo.name, size, (unsigned long long)offset);
  else
    *value = (s.*row->read)();
  return MemTxResult::kOk;
}

MemTxResult VirtioMmio::write(void* opaque, uint64_t offset, unsigned size, uint64_t value) {
  VirtioMmio& s = *static_cast<VirtioMmio*>(opaque);
  if (size == 8) {
    write(opaque, offset, 4, value & 0xffffffff);
    return write(opaque, offset + 4, 4, value >> 32);
  }
  if (s.device_ == nullptr) return MemTxResult::kOk;
  if (offset >= kConfig) {
    s.write_config(offset - kConfig, size, value);
    return MemTxResult::kOk;
  }
  const Row* row = size == 4 ? s.find(offset) : nullptr;
  if (row == nullptr || row->write == nullptr)
    qemu_log_mask(kLogGuestError, "%s: write of %u bytes at offset 0x%llx, which can't be written", kInfo.name, size, (unsigned long long)offset);
  else
    (s.*row->write)(value);
  return MemTxResult::kOk;
}

}  // namespace monochord
