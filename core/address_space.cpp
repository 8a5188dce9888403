#include <algorithm>
#include <bit>
#include <cstring>

#include "core/log.h"
#include "core/memory.h"
#include "core/trace.h"

static_assert(std::endian::native == std::endian::little, "guest memory is little endian and is read as the host's");

namespace monochord {

namespace {

constexpr size_t kHooksMax = 8;

// One host instruction an access, so that neither a guest nor the handler ever sees half a store.
uint64_t load(const uint8_t* host, unsigned size) {
  switch (size) {
    case 1: return *host;
    case 2: { uint16_t v; memcpy(&v, host, 2); return v; }
    case 4: { uint32_t v; memcpy(&v, host, 4); return v; }
    default: { uint64_t v; memcpy(&v, host, 8); return v; }
  }
}

void store(uint8_t* host, unsigned size, uint64_t value) {
  switch (size) {
    case 1: *host = static_cast<uint8_t>(value); break;
    case 2: memcpy(host, &value, 2); break;
    case 4: memcpy(host, &value, 4); break;
    default: memcpy(host, &value, 8); break;
  }
}

void log_refused(const char* what, uint64_t addr, unsigned size, const MemoryRegion* region) {
  qemu_log_mask(kLogGuestError, "invalid %s of %u bytes at 0x%llx: %s%s", what, size, static_cast<unsigned long long>(addr),
                region == nullptr ? "nobody is there" : "refused by ", region == nullptr ? "" : region->name());
}

bool valid_size(unsigned size) { return size == 1 || size == 2 || size == 4 || size == 8; }

}  // namespace

AddressSpace::AddressSpace(const char* name, MemoryRegion& root) : name_(name), root_(root) { update(); }

MemorySection AddressSpace::translate(uint64_t addr) const {
  // Most often it is the range of the last time: RAM. (The handler may move last_hit_; any value is as good as another.)
  size_t i = last_hit_;
  if (i >= flat_.size() || addr - flat_[i].start >= flat_[i].size) {
    const auto after = std::upper_bound(flat_.begin(), flat_.end(), addr, [](uint64_t a, const FlatRange& range) { return a < range.start; });
    if (after == flat_.begin()) return {};
    i = static_cast<size_t>(after - flat_.begin()) - 1;
    if (addr - flat_[i].start >= flat_[i].size) return {};
    last_hit_ = i;
  }
  const FlatRange& range = flat_[i];
  const uint64_t into = addr - range.start;
  MemorySection section;
  section.region = range.region;
  section.offset = range.offset + into;
  section.remaining = range.size - into;
  if (uint8_t* host = range.region->host()) section.host = host + section.offset;
  return section;
}

MemTxResult AddressSpace::read(uint64_t addr, unsigned size, uint64_t* value) {
  *value = 0;
  const MemorySection section = translate(addr);
  MemTxResult result = MemTxResult::kDecodeError;
  if (section.region != nullptr && valid_size(size) && size <= section.remaining) {
    if (section.host != nullptr) {
      *value = load(section.host, size);
      return MemTxResult::kOk;
    }
    result = section.region->dispatch_read(section.offset, size, value);
    if (result != MemTxResult::kDecodeError) trace_mmio_read(section.region->name(), addr, size, *value);
  }
  if (result == MemTxResult::kDecodeError && log_enabled(kLogGuestError)) log_refused("read", addr, size, section.region);
  return result;
}

MemTxResult AddressSpace::write(uint64_t addr, unsigned size, uint64_t value) {
  const MemorySection section = translate(addr);
  MemTxResult result = MemTxResult::kDecodeError;
  if (section.region != nullptr && valid_size(size) && size <= section.remaining) {
    if (section.region->is_ram()) {
      store(section.host, size, value);
      return MemTxResult::kOk;
    }
    if (section.host != nullptr) {
      qemu_log_mask(kLogGuestError, "write of 0x%llx to 0x%llx dropped: %s is read-only", static_cast<unsigned long long>(value),
                    static_cast<unsigned long long>(addr), section.region->name());
      return MemTxResult::kOk;
    }
    // The event comes before what the access causes.
    trace_mmio_write(section.region->name(), addr, size, value);
    result = section.region->dispatch_write(section.offset, size, value);
  }
  if (result == MemTxResult::kDecodeError && log_enabled(kLogGuestError)) log_refused("write", addr, size, section.region);
  return result;
}

// Calls copy(host, addr, bytes done before, bytes) for each piece of memory in [addr, addr + size), up to the first byte that isn't any.
// No sum here can wrap around: ranges end below 2^64.
template <typename Copy>
MemTxResult AddressSpace::walk(uint64_t addr, size_t size, bool rom_too, Copy copy) {
  size_t done = 0;
  while (done < size) {
    const MemorySection section = translate(addr);
    if (section.host == nullptr || (!rom_too && !section.region->is_ram())) return MemTxResult::kDecodeError;
    const size_t bytes = static_cast<size_t>(std::min<uint64_t>(size - done, section.remaining));
    copy(section.host, addr, done, bytes);
    addr += bytes;
    done += bytes;
  }
  return MemTxResult::kOk;
}

MemTxResult AddressSpace::dma_read(uint64_t addr, void* buffer, size_t size) { return debug_read(addr, buffer, size); }

MemTxResult AddressSpace::debug_read(uint64_t addr, void* buffer, size_t size) {
  return walk(addr, size, true, [buffer](const uint8_t* host, uint64_t, size_t done, size_t bytes) {
    memcpy(static_cast<uint8_t*>(buffer) + done, host, bytes);
  });
}

MemTxResult AddressSpace::copy_in(uint64_t addr, const void* buffer, size_t size, bool rom_too) {
  return walk(addr, size, rom_too, [this, buffer](uint8_t* host, uint64_t at, size_t done, size_t bytes) {
    memcpy(host, static_cast<const uint8_t*>(buffer) + done, bytes);
    memory_written(at, bytes);
  });
}

MemTxResult AddressSpace::dma_write(uint64_t addr, const void* buffer, size_t size) { return copy_in(addr, buffer, size, false); }

MemTxResult AddressSpace::rom_write(uint64_t addr, const void* buffer, size_t size) { return copy_in(addr, buffer, size, true); }

void AddressSpace::add_write_hook(WriteHook hook, void* opaque) {
  CHECK(hooks_.size() < kHooksMax);
  hooks_.push_back({hook, opaque});
}

void AddressSpace::remove_write_hook(WriteHook hook, void* opaque) {
  std::erase_if(hooks_, [&](const Hook& h) { return h.hook == hook && h.opaque == opaque; });
}

void AddressSpace::memory_written(uint64_t addr, uint64_t size) {
  if (!aliased_) {
    for (const Hook& hook : hooks_) hook.hook(hook.opaque, addr, size);
    return;
  }
  // The same bytes may be code at another address: tell every address where they are to be seen.
  while (size > 0) {
    const MemorySection section = translate(addr);
    if (section.region == nullptr) return;
    const uint64_t bytes = std::min(size, section.remaining);
    for (const FlatRange& range : flat_) {
      if (range.region != section.region) continue;
      const uint64_t low = std::max(range.offset, section.offset);
      const uint64_t high = std::min(range.offset + range.size, section.offset + bytes);
      if (low >= high) continue;
      for (const Hook& hook : hooks_) hook.hook(hook.opaque, range.start + (low - range.offset), high - low);
    }
    addr += bytes;
    size -= bytes;
  }
}

}  // namespace monochord
