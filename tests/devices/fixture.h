// What the tests of devices share: a virtual host at time 0 with VIRTUAL running, the BQL held, an address space, fakes of the outside.
//
// Tests whose names begin with B and a number are the numbered behaviours of the timer specification.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/blockdev.h"
#include "core/bql.h"
#include "core/chardev.h"
#include "core/device.h"
#include "core/host.h"
#include "core/memory.h"
#include "core/trace.h"
#include "port/virtual/virtual_host.h"
#include "port/virtual/virtual_timer_host.h"
#include "timer/timer.h"

namespace monochord {

// A sink of one line: its level and how often it rose.
struct LineProbe {
  int level = 0, rises = 0, changes = 0;
  static void handler(void* opaque, int, int level) {
    LineProbe& p = *static_cast<LineProbe*>(opaque);
    p.level = level;
    p.rises += level != 0;
    p.changes++;
  }
  void watch(IrqLine& line) { line.connect(&handler, this, 0); }
};

// A terminal: what the device wrote, and what the test types, with the backpressure that a real backend has.
struct FakeChar final : CharBackend {
  std::string written;
  std::deque<uint8_t> typed;
  void write(const uint8_t* bytes, size_t size) override { written.append(reinterpret_cast<const char*>(bytes), size); }
  void accept_input() override { deliver(); }
  void type(const std::string& text) {
    typed.insert(typed.end(), text.begin(), text.end());
    deliver();
  }
  void deliver() {
    while (!typed.empty() && receiver_.can_receive != nullptr) {
      const size_t room = receiver_.can_receive(receiver_.opaque);
      if (room == 0) return;
      const uint8_t byte = typed.front();
      typed.pop_front();
      receiver_.receive(receiver_.opaque, &byte, 1);
    }
  }
  bool connected() const { return receiver_.receive != nullptr; }
};

// The trace events of a scope, as text.
struct TraceProbe {
  explicit TraceProbe(const char* pattern) {
    lines.clear();
    trace_set_sink([](const TraceRecord& record) { lines.push_back(trace_text(record)); });
    EXPECT_TRUE(trace_enable(pattern).ok());
  }
  ~TraceProbe() {
    trace_disable_all();
    trace_set_sink(nullptr);
  }
  static inline std::vector<std::string> lines;
};

// A disk in memory that fails when told.
struct MemoryDisk : BlockBackend {
  explicit MemoryDisk(uint64_t size, bool read_only = false) : bytes(size), ro(read_only) {
    for (size_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(i / 512 * 7 + i);
  }
  uint64_t size_bytes() const override { return bytes.size(); }
  bool read_only() const override { return ro; }
  int read(uint64_t offset, void* buffer, size_t size) override {
    reads++;
    if (error != 0) return error;
    EXPECT_LE(offset + size, bytes.size());
    memcpy(buffer, bytes.data() + offset, size);
    return 0;
  }
  int write(uint64_t offset, const void* buffer, size_t size) override {
    writes++;
    if (ro) return EROFS;
    if (error != 0) return error;
    EXPECT_LE(offset + size, bytes.size());
    memcpy(bytes.data() + offset, buffer, size);
    return 0;
  }
  int flush() override {
    flushes++;
    return error;
  }
  int discard(uint64_t offset, uint64_t size) override {
    discards++;
    if (ro) return EROFS;
    EXPECT_LE(offset + size, bytes.size());
    return error;
  }
  int write_zeroes(uint64_t offset, uint64_t size) override {
    if (ro) return EROFS;
    if (error != 0) return error;
    EXPECT_LE(offset + size, bytes.size());
    memset(bytes.data() + offset, 0, size);
    return 0;
  }
  const std::string& id() const override { return name; }
  std::vector<uint8_t> bytes;
  bool ro;
  int error = 0, reads = 0, writes = 0, flushes = 0, discards = 0;
  std::string name = "d0";
};

class DeviceFixture : public ::testing::Test {
 protected:
  static constexpr uint64_t kRam = 0x80000000, kRamSize = 16 << 20;

  DeviceFixture() {
    virtual_timer_host_install(kVirtualMaskLazy);
    init_clocks(nullptr);
    set_host(&virtual_host);
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    system.init_container("system", UINT64_MAX);
    as = std::make_unique<AddressSpace>("memory", system);
    bql_lock();
  }
  ~DeviceFixture() override {
    bql_unlock();
    if (ram_bytes != nullptr) virtual_host.unmap_memory(ram_bytes, kRamSize);
    set_host(nullptr);
    timer_reset();
  }

  // 16 MiB of RAM at 0x80000000, for tests without a board.
  void add_ram() {
    Result<uint8_t*> memory = virtual_host.map_memory(kRamSize);
    ASSERT_TRUE(memory.ok());
    ram_bytes = *memory;
    ram.init_ram("ram", ram_bytes, kRamSize);
    system.add_subregion(kRam, ram);
    as->update();
  }
  void map(uint64_t address, Device& device) {
    system.add_subregion(address, device.region());
    as->update();
  }
  void unmap(Device& device) {
    system.remove_subregion(device.region());
    as->update();
  }

  uint64_t read(uint64_t address, unsigned size) {
    uint64_t value = 0;
    EXPECT_EQ(as->read(address, size, &value), MemTxResult::kOk) << std::hex << address;
    return value;
  }
  void write(uint64_t address, unsigned size, uint64_t value) { EXPECT_EQ(as->write(address, size, value), MemTxResult::kOk) << std::hex << address; }

  static int64_t now() { return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL); }
  // Time passes; what becomes due runs in handler context, as in an idle wait.
  void advance_ns(int64_t ns) {
    bql_unlock();
    virtual_timer_host_advance_ns(ns);
    bql_lock();
  }
  // The deadline of the timer with this name; -1: idle, -2: there is none.
  static int64_t deadline(const char* name) {
    struct Search {
      const char* name;
      int64_t found;
    } search{name, -2};
    timer_for_each(
        [](void* context, const TimerInfo* info) {
          Search& s = *static_cast<Search*>(context);
          if (info->name != nullptr && strcmp(info->name, s.name) == 0) s.found = info->armed ? info->expire_time_ns : -1;
        },
        &search);
    return search.found;
  }

  VirtualHost virtual_host;
  MemoryRegion system, ram;
  std::unique_ptr<AddressSpace> as;
  uint8_t* ram_bytes = nullptr;
};

}  // namespace monochord
