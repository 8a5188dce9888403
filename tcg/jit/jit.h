// Runs one hart's guest code through generated code: finds or makes units, enters them, and does what they come back for. What no unit can do (odd
// instructions, the last instructions of an exact budget, pages with breakpoints) the interpreter does.
//
// Rules
// - run() stands where the interpreter's inner loop does: the BQL is free while code runs, and taken for everything else.
// - The budget of generated code is the hart's budget less a reserve, the longest way between two looks at it; the interpreter runs the reserve. So a
//   run stops after exactly as many instructions as it was given. JitOptions::look makes it a unit, where slices are short.
// - A kick: exit_request is set in memory and, where the signal interrupted generated code, the budget is taken out of its register
//   (JitFrame::stolen keeps the count). Code that is entered looks at exit_request behind loading its budget, so no kick is lost.
#pragma once

#include <cstdint>
#include <memory>

#include "tcg/jit/tb_cache.h"

namespace monochord {

class Interpreter;
class Lockstep;
class RiscvCpu;
struct Trap;

// Host time for the counters alone; nothing that the guest can see.
int64_t counting_ns();

class Jit {
 public:
  // `cache` outlives it.
  Jit(RiscvCpu& cpu, Interpreter& interpreter, TbCache& cache);
  ~Jit();

  // Runs from state.pc until the interpreter's budget is used up or somebody asks to leave. BQL free.
  void run();

  // --- called by code and by signal handlers ---
  static uint64_t slow_path(void* hart, const void* info, uint64_t address);
  // A signal interrupted the thread at host address `pc`: makes generated code leave at its next look at the budget.
  static void kick(uintptr_t pc, int64_t* budget_register);
  static uintptr_t recover(uintptr_t pc);

  const JitCounters& counters() const { return cache_.counters; }
  const Lockstep* lockstep() const { return lockstep_.get(); }  // null without --check

 private:
  struct Target {
    const uint8_t* code = nullptr;  // null: nothing to enter, state.pc may have changed
  };

  bool usable(uint8_t* mode) const;
  void interpret(int64_t instructions);
  const uint8_t* find(uint64_t pc, uint8_t mode, bool grouped, bool from_jump);
  TbPage* fetch_page(uint64_t pc, uint64_t* pc_fault, Trap* trap, bool* whole);
  void enter(const uint8_t* code);
  void set_pc_of_exit();
  int64_t outside() const { return reserve_ + held_; }
  void leave_fp();
  void repair_nans(uint32_t dirty64, uint32_t dirty32);
  void enter_fp();
  bool slow_helper(const SiteInfo& info, uint64_t address, uint64_t* value, Trap* trap);
  uint64_t fill_for_group(const SiteInfo& info, uint64_t address);
  uint64_t jump_on();
  bool misses_often(const SiteInfo& info);
  uint64_t slow(const SiteInfo& info, uint64_t address);
  uint64_t slow_access(const SiteInfo& info, uint64_t address, Trap* trap);

  static Jit* volatile running_;  // whose code runs, for the handlers of signals

  RiscvCpu& cpu_;
  Interpreter& in_;
  TbCache& cache_;
  const int64_t reserve_;
  int64_t held_ = 0;  // of the budget, beside the reserve: what a stretch of lockstep must not use
  std::unique_ptr<Lockstep> lockstep_;
  uint64_t argument_ = 0;
  bool interpret_next_ = false;  // the slow path found an illegal instruction
};

}  // namespace monochord
