#include "devices/virtio_blk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/log.h"
#include "core/trace.h"

namespace monochord {
namespace {

constexpr uint32_t kDeviceId = 2;
constexpr uint64_t kHeaderSize = 16;
constexpr size_t kBounceSize = 128 << 10;
constexpr size_t kIdSize = 20;
constexpr uint32_t kSectorsMax = 0x3fffff;  // of one discard or write-zeroes, as QEMU says
constexpr uint32_t kBarrier = 0x80000000;   // an old flag in the type
constexpr uint32_t kFlagUnmap = 1;
constexpr uint64_t kConfigWriteback = 0x20;

uint64_t load(const uint8_t* bytes, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

std::span<const Property<VirtioBlkOptions>> VirtioBlkOptions::properties() {
  using O = VirtioBlkOptions;
  static constexpr Property<O> kRows[] = {
      {{"drive", "str", "", "the -drive with this id"}, &set_string<&O::drive, O>},
      {{"id", "str", "", "a name for messages"}, &set_string<&O::id, O>},
      {{"bus", "str", "", "virtio-mmio-bus.N (the first free one from 7 down)"}, &set_string<&O::bus, O>},
      {{"serial", "str", "", "what the guest reads as the disk's serial number"}, &set_string<&O::serial, O>},
      {{"logical_block_size", "size", "512", "a power of two from 512 to 2M"}, &set_size<&O::logical_block_size, 2 << 20, O>},
      {{"physical_block_size", "size", "512", "a power of two from 512 to 2M"}, &set_size<&O::physical_block_size, 2 << 20, O>},
      {{"queue-size", "uint16", "256", "entries of the queue, a power of two from 4 to 1024"}, &set_uint<&O::queue_size, 1024, O>},
      {{"discard", "bool", "on", "offer discard"}, &set_bool<&O::discard, O>},
      {{"write-zeroes", "bool", "on", "offer write-zeroes"}, &set_bool<&O::write_zeroes, O>},
      {{"config-wce", "bool", "on", "the guest may switch the write cache"}, &set_bool<&O::config_wce, O>},
      {{"event_idx", "bool", "on", "offer event indices"}, &set_bool<&O::event_idx, O>},
      {{"indirect_desc", "bool", "on", "offer indirect descriptors"}, &set_bool<&O::indirect_desc, O>},
      {{"x-complete-delay", "uint64", "0", "ns of virtual time from a request to its completion (0: at once)"},
       &set_uint<&O::complete_delay_ns, INT64_MAX / 2, O>},
  };
  return kRows;
}

Result<VirtioBlkOptions> VirtioBlkOptions::create(const PropertyList& list) {
  VirtioBlkOptions o;
  if (Status status = apply_properties(VirtioBlk::kName, properties(), list, o); !status) return status.error();
  const auto block_size_ok = [](uint64_t size) { return size >= 512 && std::has_single_bit(size); };
  if (!block_size_ok(o.logical_block_size) || !block_size_ok(o.physical_block_size))
    return errorf("-device %s: block sizes are powers of two from 512 to 2M", VirtioBlk::kName);
  if (o.physical_block_size < o.logical_block_size) return errorf("-device %s: physical_block_size is smaller than logical_block_size", VirtioBlk::kName);
  if (o.queue_size < 4 || !std::has_single_bit(o.queue_size))
    return errorf("-device %s: queue-size is a power of two from 4 to 1024, not %llu", VirtioBlk::kName, (unsigned long long)o.queue_size);
  return o;
}

VirtioBlk::VirtioBlk(const VirtioBlkOptions& options, BlockBackend& backend, AddressSpace& memory)
    : VirtioDevice(kName, kDeviceId, memory),
      options_(options),
      backend_(backend),
      capacity_(backend.size_bytes() / options.logical_block_size * (options.logical_block_size / kSector)),
      bounce_(kBounceSize),
      complete_("virtio_blk.complete", QEMU_CLOCK_VIRTUAL, timer_callback<&VirtioBlk::complete_due>, this),
      rest_(qemu_bh_new(handle_rest, this)) {
  add_queue(options.queue_size);
  if (const uint64_t rest = backend.size_bytes() - capacity_ * kSector; rest != 0)
    warn_report("drive %s: its last %llu bytes are no whole block and are left out", backend.id().c_str(), (unsigned long long)rest);
}

VirtioBlk::~VirtioBlk() { qemu_bh_delete(rest_); }

uint64_t VirtioBlk::features(bool legacy) const {
  uint64_t f = virtio_bit(kSegMax) | virtio_bit(kGeometry) | virtio_bit(kBlkSize) | virtio_bit(kFeatureFlush) | virtio_bit(kTopology);
  if (legacy) f |= virtio_bit(kVirtioNotifyOnEmpty);
  if (backend_.read_only()) f |= virtio_bit(kRo);
  if (options_.config_wce) f |= virtio_bit(kConfigWce);
  if (options_.discard) f |= virtio_bit(kFeatureDiscard);
  if (options_.write_zeroes) f |= virtio_bit(kFeatureWriteZeroes);
  if (options_.event_idx) f |= virtio_bit(kVirtioRingEventIdx);
  if (options_.indirect_desc) f |= virtio_bit(kVirtioRingIndirectDesc);
  return f;
}

std::vector<uint8_t> VirtioBlk::config() const {
  std::vector<uint8_t> bytes;
  const auto put = [&](uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) bytes.push_back(value >> (8 * i));
  };
  constexpr uint64_t kHeads = 16, kSectorsPerTrack = 63;
  const uint32_t log_physical = std::countr_zero(options_.physical_block_size / options_.logical_block_size);
  put(capacity_, 8);
  put(0, 4);                                                                           // size_max: no limit
  put(options_.queue_size - 2, 4);                                                     // seg_max: a request has header and status, too
  put(std::clamp<uint64_t>(capacity_ / (kHeads * kSectorsPerTrack), 2, 16383), 2);     // cylinders
  put(kHeads, 1);
  put(kSectorsPerTrack, 1);
  put(options_.logical_block_size, 4);
  put(log_physical, 1);
  put(0, 1);                                                                           // alignment_offset
  put(0, 2);                                                                           // min_io_size
  put(0, 4);                                                                           // opt_io_size
  put(writeback_, 1);                                                                  // 0x20
  put(0, 1);
  put(1, 2);                                                                           // num_queues
  put(kSectorsMax, 4);                                                                 // max_discard_sectors
  put(1, 4);                                                                           // max_discard_seg
  put(options_.logical_block_size / kSector, 4);                                       // discard_sector_alignment
  put(kSectorsMax, 4);                                                                 // max_write_zeroes_sectors
  put(1, 4);                                                                           // max_write_zeroes_seg
  put(1, 1);                                                                           // write_zeroes_may_unmap
  put(0, 3);
  return bytes;
}

void VirtioBlk::write_config(uint64_t offset, unsigned, uint64_t value) {
  if (offset == kConfigWriteback && has_feature(kConfigWce))
    writeback_ = value & 1;
  else
    qemu_log_mask(kLogGuestError, "%s: write of config byte 0x%llx, which can't be written", kName, (unsigned long long)offset);
}

void VirtioBlk::driver_ok() {
  // A driver that can't flush counts on every write being on the disk.
  if (!has_feature(kFeatureFlush) && !has_feature(kConfigWce)) writeback_ = false;
}

void VirtioBlk::queue_stopped(Virtqueue&) {
  complete_.del();
  qemu_bh_cancel(rest_);
  in_flight_.clear();
}

void VirtioBlk::device_reset() {
  queue_stopped(queue(0));
  writeback_ = true;
}

// At most a queue's length for one notification: a driver whose requests' own data move the available index would keep the machine in here for ever.
void VirtioBlk::handle_queue(Virtqueue& queue) {
  for (unsigned done = 0; queue.pop(&element_); done++) {
    if (!handle_request(element_)) return;
    if (done + 1 < queue.num()) continue;
    qemu_bh_schedule(rest_);
    return;
  }
}

void VirtioBlk::handle_rest(void* opaque) {
  VirtioBlk& disk = *static_cast<VirtioBlk*>(opaque);
  disk.handle_queue(disk.queue(0));
}

bool VirtioBlk::handle_request(const VirtqueueElement& element) {
  uint8_t header[kHeaderSize];
  if (!copy_from_segments(memory(), element.out, 0, header, sizeof header)) {
    error("a request whose header has %llu bytes instead of 16", (unsigned long long)element.out_size);
    return false;
  }
  if (element.in_size == 0) {
    error("a request without room for its status");
    return false;
  }
  const VirtqueueSegment& last = element.in.back();
  Completion completion{
      .head = element.head,
      .status = execute(load(header, 4) & ~kBarrier, load(header + 8, 8), element),
      .status_address = last.address + last.size - 1,
      .written = static_cast<uint32_t>(std::min<uint64_t>(element.in_size, UINT32_MAX)),
      .when_ns = 0,
  };
  if (options_.complete_delay_ns == 0) {
    complete(completion);
  } else {
    completion.when_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + static_cast<int64_t>(options_.complete_delay_ns);
    in_flight_.push_back(completion);
    if (in_flight_.size() == 1) complete_.mod_ns(completion.when_ns);
  }
  return !broken();
}

void VirtioBlk::complete(const Completion& completion) {
  if (memory().dma_write(completion.status_address, &completion.status, 1) != MemTxResult::kOk) {
    error("the status of a request is no longer in memory");
    return;
  }
  trace_io_complete(kName, completion.head, completion.status);
  queue(0).push(completion.head, completion.written);
}

void VirtioBlk::complete_due() {
  const int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  while (!in_flight_.empty() && in_flight_.front().when_ns <= now) {
    const Completion completion = in_flight_.front();
    in_flight_.pop_front();
    complete(completion);
  }
  if (!in_flight_.empty()) complete_.mod_ns(in_flight_.front().when_ns);
}

uint8_t VirtioBlk::execute(uint32_t type, uint64_t sector, const VirtqueueElement& element) {
  switch (type) {
    case kIn:
      return transfer_in(sector, element);
    case kOut:
      return transfer_out(sector, element);
    case kFlush:
      return backend_.flush() == 0 ? kOk : kIoErr;
    case kGetId: {
      char id[kIdSize] = {};
      memcpy(id, options_.serial.data(), std::min(options_.serial.size(), sizeof id));
      const size_t size = std::min<uint64_t>(element.in_size - 1, sizeof id);
      return copy_to_segments(memory(), element.in, 0, id, size) ? kOk : kIoErr;
    }
    case kDiscard:
    case kWriteZeroes:
      return discard_or_zero(type, element);
    default:
      return kUnsupp;
  }
}

bool VirtioBlk::range_ok(uint64_t sector, uint64_t size) const {
  return size % options_.logical_block_size == 0 && sector % (options_.logical_block_size / kSector) == 0 && sector <= capacity_ &&
         size / kSector <= capacity_ - sector;
}

uint8_t VirtioBlk::transfer_in(uint64_t sector, const VirtqueueElement& element) {
  const uint64_t size = element.in_size - 1;
  if (!range_ok(sector, size)) return kIoErr;
  for (uint64_t done = 0; done < size;) {
    const size_t n = std::min<uint64_t>(size - done, bounce_.size());
    if (backend_.read(sector * kSector + done, bounce_.data(), n) != 0) return kIoErr;
    if (!copy_to_segments(memory(), element.in, done, bounce_.data(), n)) return kIoErr;
    done += n;
  }
  return kOk;
}

uint8_t VirtioBlk::written_through(int error) {
  if (error == 0 && !writeback_) error = backend_.flush();
  return error == 0 ? kOk : kIoErr;
}

uint8_t VirtioBlk::transfer_out(uint64_t sector, const VirtqueueElement& element) {
  const uint64_t size = element.out_size - kHeaderSize;
  if (!range_ok(sector, size)) return kIoErr;
  for (uint64_t done = 0; done < size;) {
    const size_t n = std::min<uint64_t>(size - done, bounce_.size());
    if (!copy_from_segments(memory(), element.out, kHeaderSize + done, bounce_.data(), n)) return kIoErr;
    if (backend_.write(sector * kSector + done, bounce_.data(), n) != 0) return kIoErr;
    done += n;
  }
  return written_through(0);
}

uint8_t VirtioBlk::discard_or_zero(uint32_t type, const VirtqueueElement& element) {
  uint8_t bytes[16];  // sector, number of sectors, flags
  // One range a request, as the config space says.
  if (element.out_size != kHeaderSize + sizeof bytes) return kUnsupp;
  if (!copy_from_segments(memory(), element.out, kHeaderSize, bytes, sizeof bytes)) return kIoErr;
  const uint64_t sector = load(bytes, 8), size = load(bytes + 8, 4) * kSector;
  const uint32_t flags = load(bytes + 12, 4);
  if (size / kSector > kSectorsMax || !range_ok(sector, size)) return kIoErr;
  if (type == kDiscard) {
    if (flags != 0) return kUnsupp;
    return backend_.discard(sector * kSector, size) == 0 ? kOk : kIoErr;
  }
  if (flags & ~kFlagUnmap) return kUnsupp;
  return written_through(backend_.write_zeroes(sector * kSector, size));
}

}  // namespace monochord
