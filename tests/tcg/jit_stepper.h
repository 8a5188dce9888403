// Steps through generated code by the trap flag and by breakpoints, and calls the test at chosen host instructions.
#pragma once

#include <algorithm>
#include <csignal>
#include <functional>
#include <ucontext.h>
#include <vector>

#include "port/posix/signals.h"
#include "tcg/jit/jit.h"

namespace monochord {

// Takes the thread under control with SIGTRAP and calls `fire` at chosen host instructions, before they run.
class Stepper {
 public:
  enum class Where { kGeneratedCode, kEverywhere };

  explicit Stepper(TbCache& tbs) : tbs_(tbs), enter_(reinterpret_cast<uint8_t*>(tbs.thunks().enter)) {
    CHECK(active == nullptr);
    active = this;
    struct sigaction action = {};
    action.sa_sigaction = [](int, siginfo_t*, void* context) { active->trap(static_cast<ucontext_t*>(context)); };
    action.sa_flags = SA_SIGINFO;
    fill_our_signals(&action.sa_mask);
    sigaction(SIGTRAP, &action, &before_);
  }
  ~Stepper() {
    sigaction(SIGTRAP, &before_, nullptr);
    active = nullptr;
  }

  // From here to stop(): notes generated code's instructions in trace().
  void start_trace() {
    trace_.clear();
    start(Mode::kTrace, Where::kGeneratedCode, 0);
  }
  // ... steps, and fires at instruction number `first` and the next ones, `count` in all.
  void start_stepping(Where where, uint64_t first, uint64_t count) {
    first_ = first;
    start(Mode::kStep, where, count);
  }
  // ... fires at instruction number n of the trace and the next ones.
  void start_at(size_t n, uint64_t count) {
    first_ = 0;
    turns_ = static_cast<uint64_t>(std::count(trace_.begin(), trace_.begin() + static_cast<ptrdiff_t>(n) + 1, trace_[n]));
    start(Mode::kBreak, Where::kGeneratedCode, count);
    plant(trace_[n]);
  }
  void stop() {
    mode_ = Mode::kOff;
    __asm__ volatile("int3" ::: "memory");
  }
  const std::vector<uint8_t*>& trace() const { return trace_; }
  uint64_t fired() const { return fired_; }

  std::function<void(ucontext_t*)> fire;

 private:
  static constexpr uint8_t kInt3 = 0xcc;
  static constexpr greg_t kTrapFlag = 0x100;
  enum class Mode { kOff, kTrace, kStep, kBreak };
  struct Plant {
    uint8_t* at;
    uint8_t byte;
  };

  void start(Mode mode, Where where, uint64_t count) {
    where_ = where;
    count_ = count;
    seen_ = fired_ = 0;
    again_ = nullptr;
    mode_ = mode;
    if (mode != Mode::kBreak) __asm__ volatile("int3" ::: "memory");
  }

  void trap(ucontext_t* context) {
    greg_t* const registers = context->uc_mcontext.gregs;
    uint8_t* pc = reinterpret_cast<uint8_t*>(registers[REG_RIP]);
    const bool hit = is_planted(pc - 1);
    if (hit) {
      pc--;
      registers[REG_RIP] = reinterpret_cast<greg_t>(pc);
    }
    registers[REG_EFL] &= ~kTrapFlag;
    unplant();
    if (mode_ == Mode::kOff) return;
    if (mode_ == Mode::kBreak) {
      if (again_ != nullptr) {  // one step behind a turn that was not it
        plant(again_);
        again_ = nullptr;
        return;
      }
      if (--turns_ > 0) {
        again_ = pc;
        registers[REG_EFL] |= kTrapFlag;
        return;
      }
      mode_ = Mode::kStep;
    }
    if (!tbs_.holds(reinterpret_cast<uintptr_t>(pc)) && where_ == Where::kGeneratedCode) {
      // Out to C++. Where a slow path was called its return address lies on the stack.
      plant(enter_);
      uint8_t* const back = *reinterpret_cast<uint8_t**>(registers[REG_RSP]);
      if (tbs_.holds(reinterpret_cast<uintptr_t>(back))) plant(back);
      return;
    }
    registers[REG_EFL] |= kTrapFlag;
    if (mode_ == Mode::kTrace) {
      trace_.push_back(pc);
    } else if (seen_++ >= first_) {
      fire(context);
      if (++fired_ < count_) return;
      registers[REG_EFL] &= ~kTrapFlag;
      mode_ = Mode::kOff;
    }
  }

  bool is_planted(const uint8_t* at) const {
    for (int i = 0; i < plants_; i++)
      if (plant_[i].at == at) return true;
    return false;
  }
  void plant(uint8_t* at) {
    plant_[plants_++] = {at, *at};
    *at = kInt3;
  }
  void unplant() {
    while (plants_ > 0) {
      plants_--;
      *plant_[plants_].at = plant_[plants_].byte;
    }
  }

  static inline Stepper* active = nullptr;
  TbCache& tbs_;
  uint8_t* const enter_;
  struct sigaction before_ = {};
  volatile Mode mode_ = Mode::kOff;
  Where where_ = Where::kGeneratedCode;
  std::vector<uint8_t*> trace_;
  uint64_t first_ = 0, count_ = 0, turns_ = 0, seen_ = 0, fired_ = 0;
  uint8_t* again_ = nullptr;
  Plant plant_[2];
  int plants_ = 0;
};

}  // namespace monochord
