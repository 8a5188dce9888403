// Guest physical memory: regions, their tree, and the flat view that answers "who is at this address".
//
// Rules
// - MemoryRegions are members of their owner (a device, the board), not movable, and outlive the AddressSpace that shows them.
// - RAM is host memory from the Host (core/host.h); ROM is RAM that the guest can't store to (stores are dropped and logged).
// - I/O regions say which access sizes they take; others are refused with MemTxResult::kDecodeError (the guest gets an access fault).
// - AddressSpace::read/write/dma_* are called with the BQL held or in handler context. `translate()` answers are valid until the
//   map's `generation()` changes or the current block of guest code ends.
// - DMA goes through dma_read()/dma_write() only: they know code pages, reservations and dirty bits (through the RAM write hook).
// Source of the terms: QEMU's memory API (MemoryRegion, AddressSpace, FlatView, MemTxResult).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace monochord {

enum class MemTxResult : uint8_t {
  kOk,
  kError,        // the device answered with an error
  kDecodeError,  // nobody there, or not with this size: an access fault for the guest
};

// The two functions of an I/O region. `offset` is relative to the region; `size` is 1, 2, 4 or 8. Little endian.
struct MemoryRegionOps {
  MemTxResult (*read)(void* opaque, uint64_t offset, unsigned size, uint64_t* value);
  MemTxResult (*write)(void* opaque, uint64_t offset, unsigned size, uint64_t value);
  unsigned size_min = 1;  // in bytes, smallest and largest access that reaches the functions; others are decode errors
  unsigned size_max = 8;
  bool unaligned = false;  // accesses that are not naturally aligned reach the functions too
};

class MemoryRegion {
 public:
  enum class Kind : uint8_t { kContainer, kRam, kRom, kIo, kAlias };

  MemoryRegion() = default;
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  // Each region is initialised once, before it is added to a container. `name` is static text, `size` in bytes and not 0. The last byte of the
  // 64-bit space belongs to nobody: a size of UINT64_MAX reaches up to it, and what would go beyond is cut off there.
  void init_container(const char* name, uint64_t size);
  void init_ram(const char* name, uint8_t* host, uint64_t size);  // `host` stays the caller's
  void init_rom(const char* name, uint8_t* host, uint64_t size);
  void init_io(const char* name, const MemoryRegionOps* ops, void* opaque, uint64_t size);
  void init_alias(const char* name, MemoryRegion& target, uint64_t offset, uint64_t size);

  // Higher priority covers lower where children overlap, the newer child an older one of the same priority, and any child its parent.
  void add_subregion(uint64_t offset, MemoryRegion& child, int priority = 0);
  void remove_subregion(MemoryRegion& child);

  const char* name() const { return name_; }
  Kind kind() const { return kind_; }
  uint64_t size() const { return size_; }
  uint8_t* host() const { return host_; }  // RAM and ROM only
  bool is_ram() const { return kind_ == Kind::kRam; }

  MemTxResult dispatch_read(uint64_t offset, unsigned size, uint64_t* value) const;
  MemTxResult dispatch_write(uint64_t offset, unsigned size, uint64_t value) const;

 private:
  friend class AddressSpace;
  struct Child {
    uint64_t offset;
    MemoryRegion* region;
    int priority;
  };
  const char* name_ = "";
  Kind kind_ = Kind::kContainer;
  uint64_t size_ = 0;
  uint8_t* host_ = nullptr;
  const MemoryRegionOps* ops_ = nullptr;
  void* opaque_ = nullptr;
  MemoryRegion* alias_ = nullptr;
  uint64_t alias_offset_ = 0;
  std::vector<Child> children_;
  MemoryRegion* parent_ = nullptr;
};

// One entry of the flat view: [start, start + size) is answered by `region` from `offset` on.
struct FlatRange {
  uint64_t start;
  uint64_t size;
  MemoryRegion* region;
  uint64_t offset;
};

// Where a physical address leads. `region` is null where nobody answers.
struct MemorySection {
  MemoryRegion* region = nullptr;
  uint64_t offset = 0;       // in the region
  uint64_t remaining = 0;    // bytes from here to the end of the range
  uint8_t* host = nullptr;   // RAM and ROM: the host byte of this address
};

class AddressSpace {
 public:
  AddressSpace(const char* name, MemoryRegion& root);
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // Rebuilds the flat view after the tree changed. Bumps generation(); cached translations are dead.
  void update();
  uint64_t generation() const { return generation_; }
  const std::vector<FlatRange>& flat_view() const { return flat_; }

  MemorySection translate(uint64_t addr) const;

  // One access of 1, 2, 4 or 8 bytes, as a CPU makes it; it must not cross a range.
  MemTxResult read(uint64_t addr, unsigned size, uint64_t* value);
  MemTxResult write(uint64_t addr, unsigned size, uint64_t value);

  // Whole buffers, RAM and ROM only beyond what `read`/`write` do: for devices (DMA) and loaders. A device's DMA that meets
  // anything but RAM fails with kDecodeError and has written what came before.
  MemTxResult dma_read(uint64_t addr, void* buffer, size_t size);
  MemTxResult dma_write(uint64_t addr, const void* buffer, size_t size);
  // As dma_write, but writes ROM too: loaders and GDB.
  MemTxResult rom_write(uint64_t addr, const void* buffer, size_t size);
  // For GDB and the monitor: reads RAM and ROM, never I/O (it may have side effects).
  MemTxResult debug_read(uint64_t addr, void* buffer, size_t size);

  // Told of every write to RAM that did not come from a hart's own store: code pages, reservations. May be called in handler
  // context: it must only queue (async_run_on_cpu) and bump epochs. At most 8 hooks.
  using WriteHook = void (*)(void* opaque, uint64_t addr, uint64_t size);
  void add_write_hook(WriteHook hook, void* opaque);
  void remove_write_hook(WriteHook hook, void* opaque);
  // Tells the hooks about bytes that were changed in place by other means than the functions above (a file mapped over RAM).
  void memory_written(uint64_t addr, uint64_t size);

  std::string mtree() const;  // `info mtree`: the tree and the flat view

 private:
  struct Hook {
    WriteHook hook;
    void* opaque;
  };
  class Flattener;  // builds flat_ from the tree
  class TreePrinter;
  template <typename Copy>
  MemTxResult walk(uint64_t addr, size_t size, bool rom_too, Copy copy);
  MemTxResult copy_in(uint64_t addr, const void* buffer, size_t size, bool rom_too);

  const char* name_;
  MemoryRegion& root_;
  std::vector<FlatRange> flat_;  // sorted by start, without overlaps
  mutable size_t last_hit_ = 0;  // where translate() looks first
  uint64_t generation_ = 0;
  bool aliased_ = false;         // some RAM is to be seen at several addresses
  std::vector<Hook> hooks_;
};

}  // namespace monochord
