// A device type, declared once: registers, properties, irq lines, timers and its device-tree node stand in its own file pair;
// dispatch, size checks, guest-error lines, `info mtree`, `-device help` and the generated register page come from that declaration.
//
// Rules
// - A device is a value owned by the board, not movable; its Timers, IrqLines and MemoryRegion are members.
// - Register callbacks run with the BQL held (from MMIO) and its timers in handler context: never in between one another.
// - State changes first, then one update_irq() at the end.
// - reset() puts the state a datasheet names back; the order of resets is the order of creation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/irq.h"
#include "core/log.h"
#include "core/memory.h"

namespace monochord {

class FdtBuilder;  // core/fdt.h

struct DeviceInfo {
  const char* name;           // QEMU's name of the type: "goldfish_rtc"
  const char* description;    // one line for -device help
  const char* fdt_node;       // node name without the address: "rtc"
  const char* compatible;     // '\n' between several strings
  uint64_t size;              // bytes of its region
  unsigned access_size_min;   // bytes
  unsigned access_size_max;
};

// Where the board put it.
struct DevicePlace {
  uint64_t address = 0;
  std::vector<uint32_t> irqs;  // numbers at the interrupt controller
};

class Device {
 public:
  explicit Device(const DeviceInfo& info) : info_(info) {}
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  const DeviceInfo& info() const { return info_; }
  MemoryRegion& region() { return region_; }
  DevicePlace& place() { return place_; }
  const DevicePlace& place() const { return place_; }

  virtual void reset() = 0;
  // The device's interrupt outputs, in the order of DevicePlace::irqs.
  virtual std::span<IrqLine> irqs() { return {}; }
  // Adds to its node, whose path is `node` and which has compatible and reg already; the default adds nothing.
  virtual void fdt(FdtBuilder& fdt, const std::string& node) const { (void)fdt, (void)node; }
  // Registers as rows for the generated documentation: "0x00 TIME_LOW rw".
  virtual std::string register_rows() const { return {}; }

 protected:
  const DeviceInfo& info_;
  MemoryRegion region_;
  DevicePlace place_;
};

// One register. A null read gives 0 with a guest-error line, a null write is ignored with one.
template <typename D>
struct Reg {
  uint64_t offset;
  const char* name;               // the datasheet's
  uint64_t (D::*read)();          // may have side effects; say so in the name (pop_, latch_)
  void (D::*write)(uint64_t value);
};

// A device whose registers are a table. D declares `static constexpr DeviceInfo kInfo` and `static std::span<const Reg<D>> registers()`
// (offsets ascending). Accesses of another size or offset are refused or reported, never passed on.
template <typename D>
class RegisterDevice : public Device {
 public:
  std::string register_rows() const override {
    std::string rows;
    for (const Reg<D>& reg : D::registers())
      rows += stringf("0x%03llx %-20s %s%s\n", (unsigned long long)reg.offset, reg.name, reg.read ? "r" : "-", reg.write ? "w" : "-");
    return rows;
  }

 protected:
  RegisterDevice() : Device(D::kInfo), ops_{&read_trampoline, &write_trampoline, D::kInfo.access_size_min, D::kInfo.access_size_max, false} {
    region_.init_io(D::kInfo.name, &ops_, static_cast<D*>(this), D::kInfo.size);
  }

 private:
  static const Reg<D>* find(uint64_t offset) {
    for (const Reg<D>& reg : D::registers())
      if (reg.offset == offset) return &reg;
    return nullptr;
  }
  static MemTxResult read_trampoline(void* opaque, uint64_t offset, unsigned, uint64_t* value) {
    const Reg<D>* reg = find(offset);
    *value = 0;
    if (reg == nullptr || reg->read == nullptr)
      qemu_log_mask(kLogGuestError, "%s: read of offset 0x%llx, which can't be read", D::kInfo.name, (unsigned long long)offset);
    else
      *value = (static_cast<D*>(opaque)->*reg->read)();
    return MemTxResult::kOk;
  }
  static MemTxResult write_trampoline(void* opaque, uint64_t offset, unsigned, uint64_t value) {
    const Reg<D>* reg = find(offset);
    if (reg == nullptr || reg->write == nullptr)
      qemu_log_mask(kLogGuestError, "%s: write of 0x%llx to offset 0x%llx, which can't be written", D::kInfo.name, (unsigned long long)value,
                    (unsigned long long)offset);
    else
      (static_cast<D*>(opaque)->*reg->write)(value);
    return MemTxResult::kOk;
  }
  MemoryRegionOps ops_;
};

}  // namespace monochord
