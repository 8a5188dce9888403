// A virtio device behind any transport: status, features, queues and interrupt status. The transport (virtio_mmio.h) owns the registers; a device type
// (virtio_blk.h) says what it offers and handles its queues.
//
// Rules
// - The transport calls reset(), set_driver_features(), notify() and the config functions; the device calls notify_queue() and error().
// - Interrupt status bits are set here and acknowledged by the transport, which drives the line from them.
// - Main or handler context, BQL held.
// Source: Virtual I/O Device (VIRTIO) 1.2, chapters 2 and 3.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "devices/virtqueue.h"

namespace monochord {

// Bits of the device status.
enum VirtioStatus : uint8_t {
  kVirtioAcknowledge = 1, kVirtioDriver = 2, kVirtioDriverOk = 4, kVirtioFeaturesOk = 8, kVirtioNeedsReset = 0x40, kVirtioFailed = 0x80
};
// Bits of the interrupt status.
enum VirtioIsr : uint8_t { kVirtioIsrQueue = 1, kVirtioIsrConfig = 2 };
// Numbers of feature bits that belong to every device.
enum VirtioFeature : unsigned {
  kVirtioNotifyOnEmpty = 24, kVirtioAnyLayout = 27, kVirtioRingIndirectDesc = 28, kVirtioRingEventIdx = 29, kVirtioVersion1 = 32
};
constexpr uint64_t virtio_bit(unsigned feature) { return uint64_t{1} << feature; }

class VirtioDevice {
 public:
  VirtioDevice(const char* name, uint32_t device_id, AddressSpace& memory) : name_(name), device_id_(device_id), memory_(memory) {}
  VirtioDevice(const VirtioDevice&) = delete;
  VirtioDevice& operator=(const VirtioDevice&) = delete;
  virtual ~VirtioDevice() = default;

  const char* name() const { return name_; }
  uint32_t device_id() const { return device_id_; }
  AddressSpace& memory() { return memory_; }

  // --- what a device type says ----------------------------------------------------------------------------------
  // What it offers; the transport adds VERSION_1 when it is modern.
  virtual uint64_t features(bool legacy) const = 0;
  // Bytes of its config space now.
  virtual std::vector<uint8_t> config() const = 0;
  virtual void write_config(uint64_t offset, unsigned size, uint64_t value) { (void)offset, (void)size, (void)value; }
  // The driver put something into the queue.
  virtual void handle_queue(Virtqueue& queue) = 0;
  // DRIVER_OK was set: driver_features() are final.
  virtual void driver_ok() {}
  // The driver stopped the queue or starts it anew: forget its requests in flight.
  virtual void queue_stopped(Virtqueue& queue) { (void)queue; }
  // Puts the device's own state back and forgets requests in flight.
  virtual void device_reset() {}

  // --- what a transport does ------------------------------------------------------------------------------------
  void reset();
  size_t queue_count() const { return queues_.size(); }
  Virtqueue& queue(size_t i) { return *queues_[i]; }
  void notify(uint32_t queue);
  uint8_t status() const { return status_; }
  void set_status(uint8_t status);
  uint64_t driver_features() const { return driver_features_; }
  void set_driver_features(uint64_t features) { driver_features_ = features; }
  uint8_t isr() const { return isr_; }
  void acknowledge(uint8_t bits) { isr_ &= ~bits; update_transport(); }
  void set_transport(void (*isr_changed)(void* opaque), void* opaque);

  // --- what device and queue use ---------------------------------------------------------------------------------
  bool has_feature(unsigned feature) const { return driver_features_ & virtio_bit(feature); }
  bool broken() const { return broken_; }
  void notify_queue();
  // The driver did something that makes no sense: stop until it resets the device.
  [[gnu::format(printf, 2, 3)]] void error(const char* format, ...);

 protected:
  void add_queue(unsigned size_default) { queues_.push_back(std::make_unique<Virtqueue>(*this, queues_.size(), size_default)); }

 private:
  void update_transport() {
    if (isr_changed_ != nullptr) isr_changed_(transport_);
  }

  const char* const name_;
  const uint32_t device_id_;
  AddressSpace& memory_;
  std::vector<std::unique_ptr<Virtqueue>> queues_;
  uint8_t status_ = 0;
  uint8_t isr_ = 0;
  uint64_t driver_features_ = 0;
  bool broken_ = false;
  void (*isr_changed_)(void* opaque) = nullptr;
  void* transport_ = nullptr;
};

// Bytes of an element's segments from `offset` on; true if all of them were there.
bool copy_from_segments(AddressSpace& as, const std::vector<VirtqueueSegment>& segments, uint64_t offset, void* buffer, size_t size);
bool copy_to_segments(AddressSpace& as, const std::vector<VirtqueueSegment>& segments, uint64_t offset, const void* buffer, size_t size);

}  // namespace monochord
