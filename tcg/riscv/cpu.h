// RiscvCpu: one RV64 hart. HartState is everything that guest code can change and generated code touches; RiscvCpu is the object that
// core, GDB and the monitor see (core/cpu.h).
//
// Rules
// - HartState is hart-private: main context only. What the handler may write are `irq_lines` (under the mask, through riscv_cpu_irq()) and
//   the shared fields of Cpu.
// - mip as the guest reads it is mip_soft | irq_lines (see mip()); each bit has one writer, so nothing is lost between the two contexts.
// - x[0] is always 0. F registers hold 64 bits; single-precision values are NaN-boxed.
// - `pc` is exact whenever C++ outside the executor's inner loop runs: before a slow path is called the executor stores it.
// Source: RISC-V Unprivileged and Privileged Architecture manuals (20240411).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/riscv_hart.h"
#include "tcg/exec/tlb.h"
#include "tcg/jit/frame.h"
#include "tcg/riscv/config.h"

namespace monochord {

enum Priv : uint8_t { kPrivU = 0, kPrivS = 1, kPrivM = 3 };

// mcause codes of exceptions; kNoException where there is none.
enum class Exception : uint8_t {
  kInstAddrMisaligned = 0,
  kInstAccessFault = 1,
  kIllegalInst = 2,
  kBreakpoint = 3,
  kLoadAddrMisaligned = 4,
  kLoadAccessFault = 5,
  kStoreAddrMisaligned = 6,
  kStoreAccessFault = 7,
  kEcallU = 8,
  kEcallS = 9,
  kEcallM = 11,
  kInstPageFault = 12,
  kLoadPageFault = 13,
  kStorePageFault = 15,
  kNone = 0xff,
};

enum class AccessType : uint8_t { kFetch, kLoad, kStore };  // AMO and SC count as stores, LR as a load

// A trap as a value: what a slow path gives back instead of unwinding.
struct Trap {
  Exception cause = Exception::kNone;
  uint64_t tval = 0;
  explicit operator bool() const { return cause != Exception::kNone; }
};

struct HartState {
  std::array<uint64_t, 33> x{};  // x[32] is where the interpreter drops writes of x0
  std::array<uint64_t, 32> f{};
  uint64_t pc = 0;
  uint8_t priv = kPrivM;
  uint8_t frm = 0;              // fcsr.frm as written (values above 4 are kept; using them is illegal)
  uint32_t fflags = 0;          // NX UF OF DZ NV, bits 0..4

  // Machine level
  uint64_t mstatus = 0;
  uint64_t mie = 0;
  uint64_t mip_soft = 0;        // bits that software set (SSIP, STIP without Sstc, SEIP)
  uint64_t medeleg = 0, mideleg = 0;
  uint64_t mtvec = 0, mepc = 0, mcause = 0, mtval = 0, mscratch = 0;
  uint64_t mcounteren = 0, mcountinhibit = 0;
  uint64_t menvcfg = 0;
  uint64_t mseccfg = 0;
  std::array<uint64_t, 29> mhpmevent{};  // mhpmevent3..31
  std::array<uint64_t, 29> mhpmcounter{};
  // Supervisor level (views of the machine registers are not stored twice)
  uint64_t stvec = 0, sepc = 0, scause = 0, stval = 0, sscratch = 0;
  uint64_t scounteren = 0, senvcfg = 0, satp = 0;
  uint64_t stimecmp = ~uint64_t{0};
  // PMP: 16 entries (Privileged 3.7)
  std::array<uint8_t, 16> pmpcfg{};
  std::array<uint64_t, 16> pmpaddr{};
  // Derived from the two by pmp_update(): first and last byte of each entry that can match; bit i of pmp_active: entry i can.
  std::array<uint64_t, 16> pmp_first{}, pmp_last{};
  uint16_t pmp_active = 0;
  // The last stretch of addresses that no entry divides, and what it allows S and U (none yet: first above last). Emptied by pmp_update().
  mutable uint64_t pmp_even_first = 1, pmp_even_last = 0;
  mutable uint8_t pmp_even_rights = 0;

  // mcycle and minstret are offsets against the count of instructions (a trap counts as started, minstret takes it off).
  uint64_t mcycle_offset = 0;
  uint64_t minstret_offset = 0;
  uint64_t traps_counted = 0;       // instructions started that did not retire

  // LR/SC: the reserved word, by its address in the host (all mappings of it are one), and the value seen (kNoReservation: none). SC also compares
  // reservation_epoch.
  static constexpr uint64_t kNoReservation = ~uint64_t{0};
  uint64_t reservation_addr = kNoReservation;
  uint64_t reservation_value = 0;
  uint64_t reservation_epoch = 0;
};

class Interpreter;  // tcg/interp
class StepLog;      // tcg/exec/step_log.h
class Stimer;       // tcg/riscv/stimer.h
struct StimerDeleter {
  void operator()(Stimer* stimer) const;
};

class RiscvCpu final : public Cpu {
 public:
  // `as` must outlive the hart. The hart is in cpu_list() as long as it lives.
  RiscvCpu(int index, const CpuConfig& config, AddressSpace& as);
  ~RiscvCpu() override;

  // Cpu
  ExecExit exec(int64_t budget) override;
  bool has_work() const override;
  void reset() override;
  void memory_map_changed() override;
  uint64_t instructions() const override;
  uint64_t pc() const override;
  void set_pc(uint64_t pc) override;
  uint64_t state_digest() const override;
  std::string describe_wait() const override;
  std::string dump_state() const override;
  bool gdb_read_register(unsigned number, std::string* bytes) const override;
  bool gdb_write_register(unsigned number, const uint8_t* bytes, size_t size) override;
  std::string gdb_target_xml(const std::string& annex) const override;
  bool debug_translate(uint64_t vaddr, uint64_t* paddr) const override;
  void code_written(uint64_t paddr, uint64_t size) override;
  void insert_breakpoint(uint64_t pc) override;
  void remove_breakpoint(uint64_t pc) override;

  // What the board needs of this hart.
  RiscvHartPort port();
  void set_reset_vector(uint64_t pc) { reset_vector_ = pc; }
  uint64_t reset_vector() const { return reset_vector_; }
  void set_time_source(const TimeSource& source) { time_source_ = source; }
  const TimeSource& time_source() const { return time_source_; }
  // The board's mtime; 0 without a board.
  uint64_t time() const;

  // mip as read: software's bits and the lines.
  uint64_t mip() const { return state.mip_soft | irq_lines; }
  // Level of an interrupt line (RiscvIrq, core/riscv_hart.h); both contexts, BQL held. Sets CPU_INTERRUPT_HARD and kicks when a line rises.
  void set_irq_line(int irq, int level);

  HartState state;
  JitFrame jit;                                 // what generated code keeps; at a constant distance from `state`
  const CpuConfig config;
  AddressSpace& as;
  Tlb tlb;
  std::unique_ptr<Stimer, StimerDeleter> stimer;  // made by csr_init(); null without Sstc

  volatile uint64_t irq_lines = 0;              // MSIP MTIP MEIP SEIP from devices, STIP from Sstc
  volatile uint64_t dma_epoch = 0;              // bumped by every DMA write and hart switch: SC compares it

  // For traces. total_instructions() when a bit of mip last rose, by RiscvIrq; both contexts, BQL held.
  std::array<uint64_t, kIrqMExternal + 1> pending_since{};
  uint64_t state_hash = 0;                      // rolls over the traps taken while state_hash is traced
  uint32_t traps_traced = 0;

  StepLog* step_log = nullptr;                  // under --check: what a stretch of instructions does outside `state`

  Interpreter& interpreter() { return *interpreter_; }

 private:
  uint64_t reset_vector_ = 0x1000;
  TimeSource time_source_{};
  std::unique_ptr<Interpreter> interpreter_;
};

// IrqLine::Handler for a hart's lines: `opaque` is the RiscvCpu, `n` the RiscvIrq.
void riscv_cpu_irq(void* opaque, int n, int level);

}  // namespace monochord
