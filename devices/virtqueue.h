// A virtqueue: the split ring in guest memory, from the device's side.
//
// Rules
// - Everything in the ring is the guest's and may be anything: indices, next fields, lengths, addresses and loops are checked on every use. What makes no
//   sense breaks the device (VirtioDevice::error): it stops, says NEEDS_RESET to a modern driver, logs a guest error, and works again after a reset.
// - pop() takes the next chain; each popped element is given back by push() once, in any order. At most `num` are out at a time.
// - All segments of a popped element are RAM at the moment of pop().
// - The guest's addresses are translated at each use; no host pointer is kept.
// - Main or handler context, BQL held. One thread: no barriers.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 2.7 "Split Virtqueues"; section 2.7.2 for the legacy layout.
#pragma once

#include <cstdint>
#include <vector>

#include "core/memory.h"

namespace monochord {

class VirtioDevice;

struct VirtqueueSegment {
  uint64_t address;
  uint32_t size;
};

// One chain of buffers: first what the device reads, then what it writes.
struct VirtqueueElement {
  uint16_t head = 0;
  std::vector<VirtqueueSegment> out;  // the device reads
  std::vector<VirtqueueSegment> in;   // the device writes
  uint64_t out_size = 0, in_size = 0;
};

class Virtqueue {
 public:
  static constexpr unsigned kSizeMax = 1024;   // entries of a ring, and segments of an element
  static constexpr uint32_t kLegacyAlign = 4096;

  Virtqueue(VirtioDevice& device, unsigned index, unsigned size_default) : device_(device), index_(index), size_default_(size_default) { reset(); }

  void reset();
  unsigned index() const { return index_; }
  unsigned num() const { return num_; }
  // Powers of two up to kSizeMax; false for anything else.
  bool set_num(uint32_t num);
  // Where the three parts are. Legacy: one block, aligned as `align` says.
  void set_rings(uint64_t desc, uint64_t avail, uint64_t used);
  void set_legacy_ring(uint64_t address, uint32_t align);
  void enable(bool on);
  bool enabled() const { return enabled_; }
  uint64_t desc() const { return desc_; }

  // False where there is nothing, or the device broke.
  bool pop(VirtqueueElement* element);
  // Gives it back with `written` bytes and interrupts the driver if it wants to be.
  void push(const VirtqueueElement& element, uint32_t written) { push(element.head, written); }
  void push(uint16_t head, uint32_t written);

 private:
  struct Desc {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
  };
  bool read_u16(uint64_t address, uint16_t* value);
  bool write_u16(uint64_t address, uint16_t value);
  bool read_desc(uint64_t table, uint32_t i, Desc* desc);
  bool add_segment(VirtqueueElement* element, const Desc& desc);
  bool all_ram(uint64_t address, uint64_t size) const;
  bool should_notify();

  VirtioDevice& device_;
  const unsigned index_;
  const unsigned size_default_;
  unsigned num_ = 0;
  bool enabled_ = false;
  uint64_t desc_ = 0, avail_ = 0, used_ = 0;
  uint16_t last_avail_ = 0;  // the next entry of the avail ring to take
  uint16_t used_index_ = 0;
  uint16_t signalled_used_ = 0;
  bool signalled_used_valid_ = false;
  unsigned in_use_ = 0;      // popped and not yet pushed
};

}  // namespace monochord
