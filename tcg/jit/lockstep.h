// --check: what generated code did since the last comparison is taken back and done once more by the interpreter; registers, memory and device
// accesses have to be the same. The first difference is printed with both states and ends the run with exit status 1.
//
// Rules
// - A stretch is what one entry into generated code ran: a unit without chaining, or at least so many instructions with it.
// - No timer callback and no DMA comes between the two runs: alarms are masked for the stretch and served behind it. What the guest itself asks of a
//   device is done once (exec/step_log.h).
// - The interpreter's results stay. Interpreted instructions are not compared.
// - Main context.
#pragma once

#include <string>

#include "tcg/exec/step_log.h"
#include "tcg/jit/counters.h"
#include "tcg/jit/options.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

class Interpreter;

class Lockstep {
 public:
  Lockstep(RiscvCpu& cpu, Interpreter& interpreter, JitCounters& counters, uint64_t every);
  ~Lockstep();
  Lockstep(const Lockstep&) = delete;
  Lockstep& operator=(const Lockstep&) = delete;

  // A unit at a time: nothing runs behind it in the same entry.
  bool by_unit() const { return every_ == kCheckUnit; }
  // Instructions that generated code may run before it looks whether it has to leave.
  int64_t stretch() const { return static_cast<int64_t>(every_); }

  // Around an entry; HartState, pc included, and the interpreter's budget are exact at both. BQL free.
  void begin();
  void compare();

  // One difference is all that is looked for.
  bool differed() const { return differed_; }
  static uint64_t differences;  // of all harts there were, for tests

 private:
  bool repeat(int64_t budget_after);
  void go_back();
  std::string first_difference(const HartState& generated) const;
  std::string listing(uint64_t pc, uint64_t count) const;
  void report(const std::string& what, const HartState& generated, uint64_t count);

  RiscvCpu& cpu_;
  Interpreter& in_;
  JitCounters& counters_;
  const uint64_t every_;
  StepLog log_;
  HartState before_;
  uint64_t irq_lines_before_ = 0;
  int64_t budget_before_ = 0;
  bool differed_ = false;
};

}  // namespace monochord
