// Harts that only remember what the board tells them.
#pragma once

#include <deque>
#include <vector>

#include "core/cpu.h"
#include "core/riscv_hart.h"

namespace monochord {

struct FakeHart final : Cpu {
  explicit FakeHart(int index) : Cpu(index) { cpu_list_add(*this); }
  ~FakeHart() override { cpu_list_remove(*this); }
  ExecExit exec(int64_t) override { return ExecExit::kHalted; }
  bool has_work() const override { return false; }
  void reset() override { pc_value = 0x1000; }
  void memory_map_changed() override {}
  uint64_t instructions() const override { return 0; }
  uint64_t pc() const override { return pc_value; }
  void set_pc(uint64_t pc) override { pc_value = pc; }
  uint64_t state_digest() const override { return 0; }
  std::string describe_wait() const override { return ""; }
  std::string dump_state() const override { return "\n"; }
  bool gdb_read_register(unsigned, std::string*) const override { return false; }
  bool gdb_write_register(unsigned, const uint8_t*, size_t) override { return false; }
  std::string gdb_target_xml(const std::string&) const override { return ""; }
  bool debug_translate(uint64_t, uint64_t*) const override { return false; }
  void code_written(uint64_t, uint64_t) override {}
  void insert_breakpoint(uint64_t) override {}
  void remove_breakpoint(uint64_t) override {}

  RiscvHartPort port() {
    return {
        .set_irq = [](void* opaque, int n, int level) { static_cast<FakeHart*>(opaque)->irq[n] = level; },
        .opaque = this,
        .set_time_source = [](void* opaque, const TimeSource& source) { static_cast<FakeHart*>(opaque)->time = source; },
        .hart_id = static_cast<unsigned>(cpu_index),
        .isa = "rv64imafdc_zicbom_zicboz_zicsr_sstc",
        .isa_extensions = {"i", "m", "a", "f", "d", "c", "zicbom", "zicboz", "zicsr", "sstc"},
        .mmu_type = "riscv,sv57",
        .cbo_block_size = 64,
    };
  }

  int irq[64] = {};
  TimeSource time{};
  uint64_t pc_value = 0;
};

}  // namespace monochord
