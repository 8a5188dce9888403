#include "devices/virtqueue.h"

#include <bit>

#include "devices/virtio.h"

namespace monochord {
namespace {

enum : uint16_t { kDescNext = 1, kDescWrite = 2, kDescIndirect = 4 };
enum : uint16_t { kAvailNoInterrupt = 1 };
constexpr uint64_t kDescSize = 16;

uint64_t load(const uint8_t* bytes, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

void Virtqueue::reset() {
  num_ = size_default_;
  enabled_ = false;
  desc_ = avail_ = used_ = 0;
  last_avail_ = used_index_ = signalled_used_ = 0;
  signalled_used_valid_ = false;
  in_use_ = 0;
}

bool Virtqueue::set_num(uint32_t num) {
  if (num == 0 || num > kSizeMax || !std::has_single_bit(num)) return false;
  num_ = num;
  return true;
}

void Virtqueue::set_rings(uint64_t desc, uint64_t avail, uint64_t used) {
  desc_ = desc;
  avail_ = avail;
  used_ = used;
}

void Virtqueue::set_legacy_ring(uint64_t address, uint32_t align) {
  const uint64_t avail = address + kDescSize * num_;
  const uint64_t avail_end = avail + 2 * (2 + num_ + 1);  // flags, index, ring, used_event
  set_rings(address, avail, (avail_end + align - 1) & ~uint64_t{align - 1});
}

void Virtqueue::enable(bool on) {
  device_.queue_stopped(*this);  // what was popped before is forgotten
  enabled_ = on;
  last_avail_ = used_index_ = signalled_used_ = 0;
  signalled_used_valid_ = false;
  in_use_ = 0;
}

bool Virtqueue::read_u16(uint64_t address, uint16_t* value) {
  uint8_t bytes[2];
  if (device_.memory().dma_read(address, bytes, sizeof bytes) != MemTxResult::kOk) {
    device_.error("queue %u: its ring at 0x%llx is not in memory", index_, (unsigned long long)address);
    return false;
  }
  *value = load(bytes, 2);
  return true;
}

bool Virtqueue::write_u16(uint64_t address, uint16_t value) {
  const uint8_t bytes[2] = {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8)};
  if (device_.memory().dma_write(address, bytes, sizeof bytes) == MemTxResult::kOk) return true;
  device_.error("queue %u: its ring at 0x%llx is not in memory", index_, (unsigned long long)address);
  return false;
}

bool Virtqueue::read_desc(uint64_t table, uint32_t i, Desc* desc) {
  uint8_t bytes[kDescSize];
  const uint64_t address = table + kDescSize * i;
  if (device_.memory().dma_read(address, bytes, sizeof bytes) != MemTxResult::kOk) {
    device_.error("queue %u: descriptor %u at 0x%llx is not in memory", index_, i, (unsigned long long)address);
    return false;
  }
  *desc = {load(bytes, 8), static_cast<uint32_t>(load(bytes + 8, 4)), static_cast<uint16_t>(load(bytes + 12, 2)),
           static_cast<uint16_t>(load(bytes + 14, 2))};
  return true;
}

bool Virtqueue::all_ram(uint64_t address, uint64_t size) const {
  while (size > 0) {
    const MemorySection section = device_.memory().translate(address);
    if (section.region == nullptr || !section.region->is_ram() || section.remaining == 0) return false;
    if (section.remaining >= size) return true;
    address += section.remaining;
    size -= section.remaining;
  }
  return true;
}

bool Virtqueue::add_segment(VirtqueueElement* element, const Desc& desc) {
  const bool write = desc.flags & kDescWrite;
  if (desc.size == 0) {
    device_.error("queue %u: a buffer of no bytes", index_);
    return false;
  }
  if (!write && !element->in.empty()) {
    device_.error("queue %u: a buffer to read behind one to write", index_);
    return false;
  }
  if (element->in.size() + element->out.size() >= kSizeMax) {
    device_.error("queue %u: more than %u buffers in one request", index_, kSizeMax);
    return false;
  }
  if (!all_ram(desc.address, desc.size)) {
    device_.error("queue %u: the buffer at 0x%llx of %u bytes is not in memory", index_, (unsigned long long)desc.address, desc.size);
    return false;
  }
  (write ? element->in : element->out).push_back({desc.address, desc.size});
  (write ? element->in_size : element->out_size) += desc.size;
  return true;
}

bool Virtqueue::pop(VirtqueueElement* element) {
  if (!enabled_ || device_.broken()) return false;
  uint16_t avail_index, head;
  if (!read_u16(avail_ + 2, &avail_index)) return false;
  const uint16_t waiting = avail_index - last_avail_;
  if (waiting == 0) return false;
  if (waiting > num_) {
    device_.error("queue %u: the available index moved from %u to %u in a ring of %u", index_, last_avail_, avail_index, num_);
    return false;
  }
  if (in_use_ >= num_) {
    device_.error("queue %u: more requests than its %u entries", index_, num_);
    return false;
  }
  if (!read_u16(avail_ + 4 + 2 * (last_avail_ % num_), &head)) return false;
  if (head >= num_) {
    device_.error("queue %u: descriptor %u of %u", index_, head, num_);
    return false;
  }
  last_avail_++;
  // With event index the driver kicks when the index passes what stands here.
  if (device_.has_feature(kVirtioRingEventIdx) && !write_u16(used_ + 4 + 8 * uint64_t{num_}, last_avail_)) return false;

  element->head = head;
  element->out.clear();
  element->in.clear();
  element->out_size = element->in_size = 0;
  uint64_t table = desc_;
  uint32_t table_size = num_, i = head, seen = 0;
  bool indirect = false;
  for (;;) {
    Desc desc;
    if (!read_desc(table, i, &desc)) return false;
    if (desc.flags & kDescIndirect) {
      if (indirect || (desc.flags & kDescNext) || desc.size == 0 || desc.size % kDescSize != 0 || seen != 0) {
        device_.error("queue %u: an indirect table of %u bytes that makes no sense", index_, desc.size);
        return false;
      }
      indirect = true;
      table = desc.address;
      table_size = desc.size / kDescSize;
      i = 0;
      continue;
    }
    // A chain longer than its table is a loop.
    if (++seen > table_size) {
      device_.error("queue %u: a loop of descriptors", index_);
      return false;
    }
    if (!add_segment(element, desc)) return false;
    if (!(desc.flags & kDescNext)) break;
    i = desc.next;
    if (i >= table_size) {
      device_.error("queue %u: next descriptor %u of %u", index_, i, table_size);
      return false;
    }
  }
  in_use_++;
  return true;
}

void Virtqueue::push(uint16_t head, uint32_t written) {
  if (!enabled_ || device_.broken() || in_use_ == 0) return;
  uint8_t entry[8];
  for (unsigned i = 0; i < 4; i++) entry[i] = uint32_t{head} >> (8 * i);
  for (unsigned i = 0; i < 4; i++) entry[4 + i] = written >> (8 * i);
  const uint64_t address = used_ + 4 + 8 * uint64_t{used_index_ % num_};
  if (device_.memory().dma_write(address, entry, sizeof entry) != MemTxResult::kOk) {
    device_.error("queue %u: its used ring at 0x%llx is not in memory", index_, (unsigned long long)address);
    return;
  }
  used_index_++;
  in_use_--;
  if (static_cast<uint16_t>(used_index_ - signalled_used_) == 0) signalled_used_valid_ = false;  // once around
  if (!write_u16(used_ + 2, used_index_)) return;
  if (should_notify()) device_.notify_queue();
}

bool Virtqueue::should_notify() {
  if (device_.has_feature(kVirtioNotifyOnEmpty) && in_use_ == 0) {
    uint16_t avail_index;
    if (!read_u16(avail_ + 2, &avail_index)) return false;
    if (avail_index == last_avail_) return true;
  }
  if (!device_.has_feature(kVirtioRingEventIdx)) {
    uint16_t flags;
    return read_u16(avail_, &flags) && !(flags & kAvailNoInterrupt);
  }
  uint16_t event;
  if (!read_u16(avail_ + 4 + 2 * num_, &event)) return false;
  const bool valid = signalled_used_valid_;
  const uint16_t old = signalled_used_;
  signalled_used_ = used_index_;
  signalled_used_valid_ = true;
  // The driver wants to hear when the index passes `event`.
  return !valid || static_cast<uint16_t>(used_index_ - event - 1) < static_cast<uint16_t>(used_index_ - old);
}

}  // namespace monochord
