// The guest's side of virtio, for tests: registers, one queue in RAM, requests to virtio-blk. Written from the specification's driver requirements.
#pragma once

#include <vector>

#include "devices/virtio_blk.h"
#include "devices/virtio_mmio.h"
#include "tests/devices/fixture.h"

namespace monochord {

class VirtioFixture : public DeviceFixture {
 protected:
  static constexpr uint64_t kSlot = 0x10008000;
  // Where things lie in RAM.
  static constexpr uint64_t kRing = kRam + 0x10000, kRequests = kRam + 0x100000, kData = kRam + 0x200000, kIndirect = kRam + 0x300000;
  static constexpr unsigned kNum = 8;
  enum : uint16_t { kNext = 1, kWrite = 2, kIndirectFlag = 4 };

  VirtioFixture() { add_ram(); }
  ~VirtioFixture() override {
    if (mmio != nullptr) unmap(*mmio);
  }

  void make(bool legacy, MemoryDisk& disk, const PropertyList& properties = {}) {
    is_legacy = legacy;
    const Result<VirtioBlkOptions> options = VirtioBlkOptions::create(properties);
    ASSERT_TRUE(options.ok()) << options.error().message;
    mmio = std::make_unique<VirtioMmio>(legacy);
    mmio->attach(std::make_unique<VirtioBlk>(options.value(), disk, *as));
    map(kSlot, *mmio);
    line.watch(mmio->irqs()[0]);
    mmio->reset();
  }

  uint32_t reg(uint64_t offset) { return read(kSlot + offset, 4); }
  void set(uint64_t offset, uint32_t value) { write(kSlot + offset, 4, value); }
  void set64(uint64_t offset, uint64_t value) {
    set(offset, value);
    set(offset + 4, value >> 32);
  }
  uint64_t offered() {
    uint64_t features = 0;
    for (unsigned i = 0; i < 2; i++) {
      set(0x14, i);
      features |= uint64_t{reg(0x10)} << (32 * i);
    }
    return features;
  }

  // Reset, negotiate what of `wanted` is offered, set up queue 0, DRIVER_OK.
  void start(uint64_t wanted = ~uint64_t{0}) {
    set(0x70, 0);
    set(0x70, kVirtioAcknowledge);
    set(0x70, kVirtioAcknowledge | kVirtioDriver);
    features = offered() & (wanted | virtio_bit(kVirtioVersion1));
    set(0x24, 0);
    set(0x20, features);
    if (!is_legacy) {
      set(0x24, 1);
      set(0x20, features >> 32);
      set(0x70, kVirtioAcknowledge | kVirtioDriver | kVirtioFeaturesOk);
      EXPECT_TRUE(reg(0x70) & kVirtioFeaturesOk);
    } else {
      set(0x28, 4096);
    }
    set(0x30, 0);
    EXPECT_GE(reg(0x34), kNum);
    set(0x38, kNum);
    desc = kRing;
    avail = desc + 16 * kNum;
    used = is_legacy ? kRing + 4096 : kRing + 0x800;
    memset(ram_bytes + (kRing - kRam), 0, 8192);
    if (is_legacy) {
      set(0x3c, 4096);
      set(0x40, kRing / 4096);
    } else {
      set64(0x80, desc);
      set64(0x90, avail);
      set64(0xa0, used);
      set(0x44, 1);
    }
    set(0x70, reg(0x70) | kVirtioDriverOk);
    avail_index = used_seen = 0;
    next_desc = 0;
  }

  void put_desc(uint64_t table, unsigned i, uint64_t address, uint32_t size, uint16_t flags, uint16_t next) {
    write(table + 16 * i, 8, address);
    write(table + 16 * i + 8, 4, size);
    write(table + 16 * i + 12, 2, flags);
    write(table + 16 * i + 14, 2, next);
  }
  void offer(uint16_t head) {
    write(avail + 4 + 2 * (avail_index % kNum), 2, head);
    avail_index++;
    write(avail + 2, 2, avail_index);
  }
  void kick() { set(0x50, 0); }
  uint16_t used_index() { return read(used + 2, 2); }
  bool broken() { return mmio->device()->broken(); }

  void header(uint32_t type, uint64_t sector) {
    write(kRequests, 4, type);
    write(kRequests + 4, 4, 0);
    write(kRequests + 8, 8, sector);
    write(kRequests + 0x20, 1, 0xee);  // the status
  }
  uint8_t status() { return read(kRequests + 0x20, 1); }

  // One request of header, data (at kData) and status in three descriptors; returns its status. -1: not completed.
  int request(uint32_t type, uint64_t sector, uint32_t size, bool device_writes) {
    header(type, sector);
    put_desc(desc, 0, kRequests, 16, kNext, size ? 1 : 2);
    if (size) put_desc(desc, 1, kData, size, kNext | (device_writes ? kWrite : 0), 2);
    put_desc(desc, 2, kRequests + 0x20, 1, kWrite, 0);
    const uint16_t before = used_index();
    offer(0);
    kick();
    return used_index() == before ? -1 : status();
  }

  std::unique_ptr<VirtioMmio> mmio;
  LineProbe line;
  bool is_legacy = true;
  uint64_t features = 0, desc = 0, avail = 0, used = 0;
  uint16_t avail_index = 0, used_seen = 0;
  unsigned next_desc = 0;
};

}  // namespace monochord
