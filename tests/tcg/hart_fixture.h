// A hart over a small address space, with the time under the test's control: for tests of CSRs, traps, translation and PMP.
//
// RAM of 1 MiB at 0x80000000, a page of ROM at 0x1000, a page of I/O at 0x10000000. The time source runs at 10 MHz with VIRTUAL (plus `time_delta`).
// Main holds the BQL, as it does wherever these functions are called from the run loop; advance() opens it.
#pragma once

#include <gtest/gtest.h>
#include <qemu/timer.h>

#include <cstring>
#include <memory>
#include <vector>

#include "core/bql.h"
#include "core/memory.h"
#include "port/virtual/virtual_timer_host.h"
#include "tcg/riscv/bits.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/mmu.h"
#include "tcg/riscv/trap.h"

namespace monochord {

class HartTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRamBase = 0x80000000, kRamSize = 1 << 20, kRomBase = 0x1000, kIoBase = 0x10000000, kPage = 4096;
  static constexpr uint32_t kInsn = 0x12345673;  // stands for the bits of an instruction where a trap shows them

  HartTest() {
    virtual_timer_host_install(kVirtualMaskLazy);
    init_clocks(nullptr);
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    static const MemoryRegionOps kIoOps = {
        [](void*, uint64_t, unsigned, uint64_t* value) { *value = ~uint64_t{0}; return MemTxResult::kOk; },
        [](void*, uint64_t, unsigned, uint64_t) { return MemTxResult::kOk; }};
    root_.init_container("system", UINT64_MAX);
    ram_region_.init_ram("ram", ram(), kRamSize);
    rom_region_.init_rom("rom", reinterpret_cast<uint8_t*>(rom_words_.data()), kPage);
    io_region_.init_io("io", &kIoOps, nullptr, kPage);
    root_.add_subregion(kRamBase, ram_region_);
    root_.add_subregion(kRomBase, rom_region_);
    root_.add_subregion(kIoBase, io_region_);
    as_ = std::make_unique<AddressSpace>("memory", root_);
    as_->update();
    bql_lock();
    start(full_cpu_config());
  }
  ~HartTest() override {
    hart_.reset();
    bql_unlock();
    timer_reset();
  }

  // A fresh hart; every test begins with one that has all extensions.
  void start(const CpuConfig& config) {
    hart_.reset();
    hart_ = std::make_unique<RiscvCpu>(0, config, *as_);
    hart_->set_time_source({[](void* opaque) { return static_cast<HartTest*>(opaque)->time(); },
                            [](void* opaque, uint64_t timecmp) { return static_cast<HartTest*>(opaque)->deadline_ns(timecmp); }, this, 10000000});
    hart_->reset();
  }

  RiscvCpu& hart() { return *hart_; }
  HartState& state() { return hart_->state; }

  // --- time ---
  uint64_t time() { return static_cast<uint64_t>(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) / 100 + time_delta_; }
  int64_t deadline_ns(uint64_t timecmp) {
    const uint64_t ticks = timecmp - time_delta_;
    return ticks > INT64_MAX / 100 ? INT64_MAX : static_cast<int64_t>(ticks * 100);
  }
  void advance(int64_t ns) {
    bql_unlock();
    virtual_timer_host_advance_ns(ns);
    bql_lock();
  }

  // --- CSRs, at the hart's present privilege ---
  CsrAccess csrrw(unsigned csr, uint64_t value) { return helper_csr(hart(), csr, CsrOp::kWrite, value, true, true, kInsn); }
  CsrAccess csrrs(unsigned csr, uint64_t value) { return helper_csr(hart(), csr, CsrOp::kSet, value, true, true, kInsn); }
  CsrAccess csrrc(unsigned csr, uint64_t value) { return helper_csr(hart(), csr, CsrOp::kClear, value, true, true, kInsn); }
  CsrAccess csrr_access(unsigned csr) { return helper_csr(hart(), csr, CsrOp::kSet, 0, true, false, kInsn); }
  void csrw(unsigned csr, uint64_t value) {
    EXPECT_EQ(helper_csr(hart(), csr, CsrOp::kWrite, value, false, true, kInsn).trap.cause, Exception::kNone) << std::hex << csr;
  }
  uint64_t csrr(unsigned csr) {
    const CsrAccess access = csrr_access(csr);
    EXPECT_EQ(access.trap.cause, Exception::kNone) << std::hex << csr;
    return access.old_value;
  }
  uint64_t write_and_read(unsigned csr, uint64_t value) {
    csrw(csr, value);
    return csrr(csr);
  }
  static bool illegal(const CsrAccess& access) { return access.trap.cause == Exception::kIllegalInst && access.trap.tval == kInsn; }

  // --- memory ---
  uint8_t* ram() { return reinterpret_cast<uint8_t*>(ram_words_.data()); }
  uint64_t& word(uint64_t addr) { return ram_words_[(addr - kRamBase) / 8]; }
  uint64_t& rom_word(uint64_t addr) { return rom_words_[(addr - kRomBase) / 8]; }

  // All of memory for S and U: one NAPOT entry.
  void open_pmp() {
    csrw(0x3b0, (uint64_t{1} << 54) - 1);
    csrw(0x3a0, 0x1f);
  }

  uint64_t time_delta_ = 0;

 private:
  std::vector<uint64_t> ram_words_ = std::vector<uint64_t>(kRamSize / 8 + kPage / 8);
  std::vector<uint64_t> rom_words_ = std::vector<uint64_t>(kPage / 8);
  MemoryRegion root_, ram_region_, rom_region_, io_region_;
  std::unique_ptr<AddressSpace> as_;
  std::unique_ptr<RiscvCpu> hart_;
};

}  // namespace monochord
