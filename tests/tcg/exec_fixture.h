// Bare-metal machines for tests of the execution loop: harts in M mode over a little RAM, ROM, a device whose accesses are C++ functions, and the
// software-interrupt registers of an ACLINT. Programs come from assembler.h; the run loop of core drives them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "tcg/interp/interpreter.h"
#include "tcg/riscv/bits.h"
#include "tests/core/loop_fixture.h"
#include "tests/tcg/assembler.h"

namespace monochord {

// CSR numbers.
inline constexpr unsigned kMstatus = 0x300, kMie = 0x304, kMtvec = 0x305, kMepc = 0x341, kMcause = 0x342, kMtval = 0x343, kMinstret = 0xb02;

class Bench {
 public:
  static constexpr uint64_t kRam = 0x80000000, kRamSize = 16 << 20, kRom = 0x1000, kDevice = 0x10000000, kMswi = 0x2000000, kPage = 4096;
  static constexpr uint64_t kSmallRam = 0x40000000, kSmallSize = 0x1800;  // ends in the middle of a page
  static constexpr uint64_t kLateRam = 0x60000800;                        // begins in the middle of one: the same bytes again

  // `first_index`: of the first hart; two machines at a time have different ones.
  explicit Bench(unsigned harts = 1, const CpuConfig& config = default_cpu_config(), int first_index = 0) {
    static const MemoryRegionOps kDeviceOps = {
        [](void* opaque, uint64_t offset, unsigned size, uint64_t* value) {
          Bench& bench = *static_cast<Bench*>(opaque);
          *value = bench.on_read ? bench.on_read(offset, size) : 0;
          return offset >= 0x800 ? MemTxResult::kError : MemTxResult::kOk;
        },
        [](void* opaque, uint64_t offset, unsigned size, uint64_t value) {
          Bench& bench = *static_cast<Bench*>(opaque);
          if (bench.on_write) bench.on_write(offset, size, value);
          return offset >= 0x800 ? MemTxResult::kError : MemTxResult::kOk;
        }};
    static const MemoryRegionOps kMswiOps = {
        [](void*, uint64_t, unsigned, uint64_t* value) {
          *value = 0;
          return MemTxResult::kOk;
        },
        [](void* opaque, uint64_t offset, unsigned, uint64_t value) {
          Bench& bench = *static_cast<Bench*>(opaque);
          if (offset / 4 < bench.harts.size()) bench.harts[offset / 4]->set_irq_line(kIrqMSoft, value & 1);
          return MemTxResult::kOk;
        }};
    root_.init_container("system", UINT64_MAX);
    ram_.init_ram("ram", ram(), kRamSize);
    small_.init_ram("small", reinterpret_cast<uint8_t*>(small_bytes_.data()), kSmallSize);
    rom_.init_rom("rom", reinterpret_cast<uint8_t*>(rom_bytes_.data()), kPage);
    device_.init_io("device", &kDeviceOps, this, kPage);
    mswi_.init_io("mswi", &kMswiOps, this, 0x4000);
    root_.add_subregion(kRam, ram_);
    root_.add_subregion(kSmallRam, small_);
    late_.init_alias("late", small_, 0x800, 0x1000);
    root_.add_subregion(kLateRam, late_);
    root_.add_subregion(kRom, rom_);
    root_.add_subregion(kDevice, device_);
    root_.add_subregion(kMswi, mswi_);
    as = std::make_unique<AddressSpace>("memory", root_);
    for (unsigned i = 0; i < harts; i++) {
      this->harts.push_back(std::make_unique<RiscvCpu>(first_index + static_cast<int>(i), config, *as));
      this->harts[i]->set_reset_vector(kRam);
      this->harts[i]->reset();
    }
  }

  uint8_t* ram() { return ram_bytes_.get(); }
  uint8_t* small() { return reinterpret_cast<uint8_t*>(small_bytes_.data()); }
  uint8_t* rom() { return reinterpret_cast<uint8_t*>(rom_bytes_.data()); }
  RiscvCpu& hart(unsigned n = 0) { return *harts[n]; }
  uint64_t x(unsigned n, unsigned hart_number = 0) { return hart(hart_number).state.x[n]; }
  template <typename T>
  T& at(uint64_t address) {
    return *reinterpret_cast<T*>(ram() + (address - kRam));
  }

  void load(const Assembler& a, uint64_t base) { memcpy(ram() + (base - kRam), a.code().data(), a.code().size() * 2); }

  // exec() until exactly `count` instructions were started; restarts it where it was asked to leave.
  void steps(uint64_t count, unsigned hart_number = 0) {
    RiscvCpu& cpu = hart(hart_number);
    const uint64_t end = cpu.instructions() + count;
    while (cpu.instructions() < end) {
      cpu.leave_after_insn = 0;
      const ExecExit why = cpu.exec(static_cast<int64_t>(end - cpu.instructions()));
      ASSERT_NE(why, ExecExit::kHalted);
      ASSERT_NE(why, ExecExit::kBreakpoint);
    }
  }

  std::function<uint64_t(uint64_t, unsigned)> on_read;
  std::function<void(uint64_t, unsigned, uint64_t)> on_write;
  std::unique_ptr<AddressSpace> as;
  std::vector<std::unique_ptr<RiscvCpu>> harts;

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { free(bytes); }
  };
  // Zeros that cost nothing until they are touched.
  std::unique_ptr<uint8_t, Free> ram_bytes_{static_cast<uint8_t*>(calloc(kRamSize, 1))};
  std::vector<uint64_t> small_bytes_ = std::vector<uint64_t>(kSmallSize / 8);
  std::vector<uint64_t> rom_bytes_ = std::vector<uint64_t>(kPage / 8);
  MemoryRegion root_, ram_, small_, late_, rom_, device_, mswi_;
};

class ExecTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRam = Bench::kRam, kWhole = 10000;
  LoopRig rig{Kind::kVirtualLazy};
  Bench bench{1};
  RiscvCpu& cpu() { return bench.hart(); }
  HartState& state() { return bench.hart().state; }
  uint64_t x(unsigned n) { return bench.x(n); }

  // Ends in a jump to itself. Many instructions at a time: generated code runs only while a whole way through a page fits into the budget.
  void run(Assembler& a, uint64_t max = 1000000) {
    const uint64_t end = a.pc();
    a.j(zero, end);
    bench.load(a, kRam);
    for (uint64_t n = 0; cpu().pc() != end; n += kWhole) {
      ASSERT_LT(n, max) << "never came to " << std::hex << end << ", is at " << cpu().pc();
      bench.steps(kWhole);
    }
  }
  // A trap handler at kRam + 0x1000 that stays where it is.
  void hold_handler() {
    Assembler a(kRam + 0x1000);
    a.j(zero, a.pc());
    bench.load(a, kRam + 0x1000);
  }
  void run_to(uint64_t pc, uint64_t max = 1000000) {
    for (uint64_t n = 0; cpu().pc() != pc; n++) {
      ASSERT_LT(n, max) << "never came to " << std::hex << pc << ", is at " << cpu().pc();
      bench.steps(1);
    }
  }
};

}  // namespace monochord
