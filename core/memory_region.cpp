#include <algorithm>

#include "core/memory.h"

namespace monochord {

namespace {

uint64_t low_bytes(uint64_t value, unsigned size) { return size >= 8 ? value : value & ((uint64_t{1} << (8 * size)) - 1); }

bool size_accepted(const MemoryRegionOps& ops, uint64_t offset, unsigned size) {
  if (size != 1 && size != 2 && size != 4 && size != 8) return false;
  if (size < ops.size_min || size > ops.size_max) return false;
  return ops.unaligned || (offset & (size - 1)) == 0;
}

}  // namespace

void MemoryRegion::init_container(const char* name, uint64_t size) {
  CHECK_MSG(size_ == 0, "a MemoryRegion is initialised once");
  CHECK(size != 0);
  name_ = name;
  kind_ = Kind::kContainer;
  size_ = size;
}

void MemoryRegion::init_ram(const char* name, uint8_t* host, uint64_t size) {
  init_container(name, size);
  CHECK(host != nullptr);
  kind_ = Kind::kRam;
  host_ = host;
}

void MemoryRegion::init_rom(const char* name, uint8_t* host, uint64_t size) {
  init_ram(name, host, size);
  kind_ = Kind::kRom;
}

void MemoryRegion::init_io(const char* name, const MemoryRegionOps* ops, void* opaque, uint64_t size) {
  init_container(name, size);
  CHECK(ops != nullptr && ops->size_min <= ops->size_max);
  kind_ = Kind::kIo;
  ops_ = ops;
  opaque_ = opaque;
}

void MemoryRegion::init_alias(const char* name, MemoryRegion& target, uint64_t offset, uint64_t size) {
  init_container(name, size);
  CHECK(&target != this);
  kind_ = Kind::kAlias;
  alias_ = &target;
  alias_offset_ = offset;
}

void MemoryRegion::add_subregion(uint64_t offset, MemoryRegion& child, int priority) {
  CHECK_MSG(size_ != 0 && child.size_ != 0, "both regions are initialised first");
  CHECK_MSG(child.parent_ == nullptr, "a region has one place; show it at a second one through an alias");
  CHECK_MSG(kind_ != Kind::kAlias, "an alias has no children of its own");
  for (const MemoryRegion* up = this; up != nullptr; up = up->parent_) CHECK_MSG(up != &child, "a region can't be inside itself");
  child.parent_ = this;
  // Who covers comes first: higher priorities, and among equals the newest.
  const auto place = std::find_if(children_.begin(), children_.end(), [&](const Child& other) { return priority >= other.priority; });
  children_.insert(place, Child{offset, &child, priority});
}

void MemoryRegion::remove_subregion(MemoryRegion& child) {
  const auto place = std::find_if(children_.begin(), children_.end(), [&](const Child& other) { return other.region == &child; });
  CHECK(place != children_.end());
  children_.erase(place);
  child.parent_ = nullptr;
}

MemTxResult MemoryRegion::dispatch_read(uint64_t offset, unsigned size, uint64_t* value) const {
  *value = 0;
  if (kind_ != Kind::kIo || ops_->read == nullptr || !size_accepted(*ops_, offset, size)) return MemTxResult::kDecodeError;
  const MemTxResult result = ops_->read(opaque_, offset, size, value);
  *value = low_bytes(*value, size);
  return result;
}

MemTxResult MemoryRegion::dispatch_write(uint64_t offset, unsigned size, uint64_t value) const {
  if (kind_ != Kind::kIo || ops_->write == nullptr || !size_accepted(*ops_, offset, size)) return MemTxResult::kDecodeError;
  return ops_->write(opaque_, offset, size, low_bytes(value, size));
}

}  // namespace monochord
