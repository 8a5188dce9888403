// The interpreter of one hart: runs decoded instructions (code_cache.h) through the Direct executor (direct.h).
//
// Rules
// - exec() is called with the BQL held; its inner loop runs with the BQL free, as generated code does. The handlers are leaf helpers; whatever may
//   miss (decode, TLB, devices, CSRs, traps) is a slow path here, which takes the BQL.
// - The budget is counted down before each instruction, so a run stops after exactly as many instructions as it was given, wherever that is. It lives
//   in a register; a slow path stores it first, so that instructions() is exact in a device.
// - Leaving: `exit_request` is looked at on every taken branch, jump and page change, and after every slow path; `leave_after_insn` after every slow path.
// - state.pc is stored before a slow path and when the run ends, nowhere else.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tcg/exec/softmmu.h"
#include "tcg/interp/code_cache.h"
#include "tcg/interp/insn.h"
#include "tcg/riscv/semantics.h"

namespace monochord {

class Jit;  // tcg/jit

// What a slow path hands back to a handler, in two registers: a value, and what runs next. `left` is told by Interpreter::trapped.
struct SlowResult {
  uint64_t value;
  const Insn* next;
};

class Interpreter {
 public:
  explicit Interpreter(RiscvCpu& cpu);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  ExecExit exec(int64_t budget);
  uint64_t instructions() const { return executed_ + static_cast<uint64_t>(slice_ - budget); }
  RiscvCpu& cpu() { return cpu_; }
  CodeCache& code() { return code_; }

  // --- for the JIT, which runs in exec() in place of the loop ---
  Jit* jit() { return jit_.get(); }
  bool has_breakpoints() const { return !breakpoints_.empty(); }
  // wfi or a breakpoint ended the run.
  bool stopped() const { return why_ != ExecExit::kRequest; }
  // Runs at most so many instructions of the budget from state.pc. BQL free.
  void run_some(int64_t instructions);
  // The rest with the BQL held.
  void take_trap(const Trap& trap) { take(trap); }
  // LR, SC and AMO where the TLB does not answer; `trap` is set, or the result returned (not sign-extended).
  uint64_t load_reserved_value(uint64_t vaddr, unsigned size, Trap* trap);
  uint64_t store_conditional_value(uint64_t vaddr, unsigned size, uint64_t value, Trap* trap);
  Trap cbo_value(Cbo op, uint64_t vaddr, uint32_t raw);
  uint64_t amo_value(AmoOp op, uint64_t vaddr, uint64_t operand, unsigned size, Trap* trap);

  void insert_breakpoint(uint64_t pc);
  void remove_breakpoint(uint64_t pc);
  // DMA wrote decoded code; handler context too.
  void queue_forget_stale();

  // --- what handlers read and write: the rest is theirs to call -----------------------------------------------------------
  TlbEntry* read = nullptr;          // tables of the current mode
  TlbEntry* write = nullptr;
  FetchEntry* fetch = nullptr;
  uint64_t bias = 0;                 // pc = bias + slot_offset(slot)
  CodePage* page = nullptr;          // that runs; null while an instruction runs from scratch
  const volatile sig_atomic_t* exit_request;
  uint64_t misaligned_target = 0;    // bits that a jump's target may not have (2 without the C extension)
  bool trapped = false;              // the last slow path ended the instruction
  int64_t budget = 0;                // left, as of the last slow path
  Insn resolve_slot, leave_slot;     // "look state.pc up", "end the run"

  uint64_t pc_of(const Insn* insn) const { return bias + slot_offset(insn); }

  // Slow paths. `insn` runs, `next` would follow, `budget_left` is what is left after it.
  SlowResult load(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size);
  const Insn* store(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size, uint64_t value);
  SlowResult load_reserved(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size);
  SlowResult store_conditional(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size, uint64_t value);
  SlowResult amo(const Insn* insn, const Insn* next, int64_t budget_left, AmoOp op, uint64_t vaddr, uint64_t operand, unsigned size);
  SlowResult csr(const Insn* insn, const Insn* next, int64_t budget_left, unsigned number, CsrOp op, uint64_t operand, unsigned access);
  const Insn* cbo(const Insn* insn, const Insn* next, int64_t budget_left, Cbo op, uint64_t vaddr);
  enum class System : uint8_t { kMret, kSret, kWfi, kFenceI, kSvinvalFence };
  const Insn* system(const Insn* insn, const Insn* next, int64_t budget_left, System what);
  const Insn* sfence_vma(const Insn* insn, const Insn* next, int64_t budget_left, unsigned operands, uint64_t vaddr, uint64_t asid);
  // An exception of this instruction; sets `trapped`.
  const Insn* raise(const Insn* insn, int64_t budget_left, Exception cause, uint64_t tval);
  const Insn* illegal(const Insn* insn, int64_t budget_left);
  const Insn* environment_call(const Insn* insn, int64_t budget_left);

  // Where the run goes on at `target`; ends it where somebody asked for that.
  const Insn* jump(uint64_t target) {
    if (__builtin_expect(*exit_request != 0, 0)) return leave_at(target);
    return lookup(target);
  }
  const Insn* lookup(uint64_t target) {
    const FetchEntry& entry = fetch[Tlb::index(target)];
    const uint64_t page_address = target & ~Tlb::kPageMask;
    CodePage* to = entry.page;
    if (__builtin_expect(entry.tag != page_address || to == nullptr, 0)) return resolve_at(target);
    page = to;
    bias = page_address - slot_offset(to->insns);
    return to->insns + ((target & Tlb::kPageMask) >> 1);
  }
  const Insn* leave_at(uint64_t pc) {
    cpu_.state.pc = pc;
    return &leave_slot;
  }
  const Insn* resolve_at(uint64_t pc) {
    cpu_.state.pc = pc;
    return &resolve_slot;
  }

  // Bodies of the handlers that are not instructions (insn.h).
  const Insn* decode_slot(const Insn* insn, int64_t budget_left);
  const Insn* resolve(int64_t budget_left);
  const Insn* cross(const Insn* insn, int64_t budget_left);
  const Insn* refetch(const Insn* insn) { return jump(pc_of(insn)); }
  // The budget is used up before `next`.
  void stop_before(const Insn* next);

 private:
  class SlowPath;  // takes the BQL for a scope, with pc and budget stored

  void run(int64_t budget_given);
  void refresh_modes();
  const Insn* take(const Trap& trap);           // BQL held
  Trap zero_block(uint64_t block);              // BQL held
  const Insn* after(const Insn* next);          // BQL free again: does somebody want us to leave?
  uint32_t raw_bits(const Insn* insn) const;
  Insn make_insn(const Decoded& decoded, unsigned slot) const;
  const Insn* run_from_scratch(uint64_t pc, uint32_t raw);
  const Insn* fetch_uncached(uint64_t pc, int64_t budget_left);
  bool breakpoint_on_page(uint64_t pc) const;
  bool at_breakpoint(uint64_t pc) const;
  bool read_code(uint64_t paddr, uint16_t* half) const;
  ExecExit exec_logged(int64_t budget_given);
  void log_in_asm(const Insn* first, unsigned count) const;
  static void forget_stale(Cpu& cpu, void* opaque);

  RiscvCpu& cpu_;
  CodeCache& code_;
  uint64_t executed_ = 0;  // before this slice
  int64_t slice_ = 0;      // budget of this slice
  ExecExit why_ = ExecExit::kRequest;
  bool asleep_ = false;    // the last slice ended in wfi
  // An instruction that runs outside a page: crossing pages, uncached memory, pages with breakpoints. Two slots and what follows it.
  Insn scratch_[3];
  uint32_t scratch_raw_ = 0;
  std::vector<uint64_t> breakpoints_;
  CpuWork stale_work_;
  std::unique_ptr<Jit> jit_;  // null: this interpreter runs everything
};

}  // namespace monochord
