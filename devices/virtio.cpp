#include "devices/virtio.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "core/log.h"

namespace monochord {

void VirtioDevice::reset() {
  device_reset();
  for (const auto& queue : queues_) queue->reset();
  status_ = 0;
  isr_ = 0;
  driver_features_ = 0;
  broken_ = false;
  update_transport();
}

void VirtioDevice::set_status(uint8_t status) {
  const uint8_t rising = status & ~status_;
  // Only a reset takes NEEDS_RESET back.
  status_ = status | (status_ & kVirtioNeedsReset);
  if (rising & kVirtioDriverOk) driver_ok();
}

void VirtioDevice::notify(uint32_t queue) {
  if (queue >= queues_.size()) {
    qemu_log_mask(kLogGuestError, "%s: notification of queue %u, which isn't there", name_, queue);
    return;
  }
  if (broken_ || !queues_[queue]->enabled()) return;
  handle_queue(*queues_[queue]);
}

void VirtioDevice::set_transport(void (*isr_changed)(void* opaque), void* opaque) {
  isr_changed_ = isr_changed;
  transport_ = opaque;
}

void VirtioDevice::notify_queue() {
  isr_ |= kVirtioIsrQueue;
  update_transport();
}

void VirtioDevice::error(const char* format, ...) {
  if (broken_) return;
  if (log_enabled(kLogGuestError)) {
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    qemu_log_mask(kLogGuestError, "%s: %s; the device stops until it is reset", name_, text);
  }
  broken_ = true;
  if (!has_feature(kVirtioVersion1)) return;
  status_ |= kVirtioNeedsReset;
  if (status_ & kVirtioDriverOk) {
    isr_ |= kVirtioIsrConfig;
    update_transport();
  }
}

namespace {

// Calls `copy(address, size)` for the pieces of [offset, offset + size) of the segments.
template <typename Copy>
bool for_segments(const std::vector<VirtqueueSegment>& segments, uint64_t offset, size_t size, Copy copy) {
  for (const VirtqueueSegment& segment : segments) {
    if (size == 0) break;
    if (offset >= segment.size) {
      offset -= segment.size;
      continue;
    }
    const size_t n = std::min<uint64_t>(size, segment.size - offset);
    if (!copy(segment.address + offset, n)) return false;
    offset = 0;
    size -= n;
  }
  return size == 0;
}

}  // namespace

bool copy_from_segments(AddressSpace& as, const std::vector<VirtqueueSegment>& segments, uint64_t offset, void* buffer, size_t size) {
  uint8_t* to = static_cast<uint8_t*>(buffer);
  return for_segments(segments, offset, size, [&](uint64_t address, size_t n) {
    const bool ok = as.dma_read(address, to, n) == MemTxResult::kOk;
    to += n;
    return ok;
  });
}

bool copy_to_segments(AddressSpace& as, const std::vector<VirtqueueSegment>& segments, uint64_t offset, const void* buffer, size_t size) {
  const uint8_t* from = static_cast<const uint8_t*>(buffer);
  return for_segments(segments, offset, size, [&](uint64_t address, size_t n) {
    const bool ok = as.dma_write(address, from, n) == MemTxResult::kOk;
    from += n;
    return ok;
  });
}

}  // namespace monochord
