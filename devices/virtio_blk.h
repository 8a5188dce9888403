// virtio-blk: one disk on a BlockBackend, one queue.
//
// Rules
// - A request is carried out inside the notification. It completes there, too, or `x-complete-delay` ns of VIRTUAL later, in order: the bytes of a read
//   are in memory before, status, used ring and interrupt come at the end.
// - Every request is answered, with OK, IOERR (outside the disk, not whole blocks, the host could not) or UNSUPP. Only a request without header or room
//   for its status breaks the device.
// - Without FLUSH negotiated, or with the driver's config writeback=0, each write is flushed before it completes.
// - A last part of the image that is no whole logical block is left out.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.2.
#pragma once

#include <deque>
#include <string>

#include "core/blockdev.h"
#include "core/main_loop.h"
#include "devices/properties.h"
#include "devices/virtio.h"
#include "timer/timer.h"

namespace monochord {

struct VirtioBlkOptions {
  std::string drive, serial, id, bus;
  uint64_t logical_block_size = 512, physical_block_size = 512;
  uint64_t queue_size = 256;
  uint64_t complete_delay_ns = 0;
  bool discard = true, write_zeroes = true, config_wce = true;
  bool event_idx = true, indirect_desc = true;

  static std::span<const Property<VirtioBlkOptions>> properties();
  static Result<VirtioBlkOptions> create(const PropertyList& list);
};

class VirtioBlk final : public VirtioDevice {
 public:
  static constexpr const char* kName = "virtio-blk-device";
  static constexpr const char* kDescription = "a disk: virtio-blk on a raw image";
  static constexpr uint64_t kSector = 512;
  enum Type : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11, kWriteZeroes = 13 };
  enum RequestStatus : uint8_t { kOk = 0, kIoErr = 1, kUnsupp = 2 };
  enum Feature : unsigned { kSegMax = 2, kGeometry = 4, kRo = 5, kBlkSize = 6, kFeatureFlush = 9, kTopology = 10, kConfigWce = 11,
                            kFeatureDiscard = 13, kFeatureWriteZeroes = 14 };

  VirtioBlk(const VirtioBlkOptions& options, BlockBackend& backend, AddressSpace& memory);
  ~VirtioBlk() override;

  uint64_t features(bool legacy) const override;
  std::vector<uint8_t> config() const override;
  void write_config(uint64_t offset, unsigned size, uint64_t value) override;
  void handle_queue(Virtqueue& queue) override;
  void driver_ok() override;
  void queue_stopped(Virtqueue& queue) override;
  void device_reset() override;

 private:
  struct Completion {
    uint16_t head;
    uint8_t status;
    uint64_t status_address;
    uint32_t written;
    int64_t when_ns;
  };

  static void handle_rest(void* opaque);
  bool handle_request(const VirtqueueElement& element);
  uint8_t execute(uint32_t type, uint64_t sector, const VirtqueueElement& element);
  uint8_t transfer_in(uint64_t sector, const VirtqueueElement& element);
  uint8_t transfer_out(uint64_t sector, const VirtqueueElement& element);
  uint8_t discard_or_zero(uint32_t type, const VirtqueueElement& element);
  bool range_ok(uint64_t sector, uint64_t size) const;
  uint8_t written_through(int error);
  void complete(const Completion& completion);
  void complete_due();

  const VirtioBlkOptions options_;
  BlockBackend& backend_;
  const uint64_t capacity_;  // in sectors
  bool writeback_ = true;
  VirtqueueElement element_;
  std::vector<uint8_t> bounce_;
  std::deque<Completion> in_flight_;
  Timer complete_;
  QEMUBH* rest_;  // requests beyond a queue's length, made while the device was at work
};

}  // namespace monochord
