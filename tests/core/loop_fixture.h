// For tests of the loop: each host and masking as a parameter, and a hart whose instructions are C++ functions.
#pragma once

#include <gtest/gtest.h>
#include <qemu/timer.h>

#include <functional>
#include <memory>
#include <string>

#include "core/host.h"
#include "core/loop_internal.h"
#include "port/posix/posix_host.h"
#include "port/posix/posix_timer_host.h"
#include "port/virtual/virtual_host.h"
#include "port/virtual/virtual_timer_host.h"

namespace monochord {

// A hart: instruction number n calls `insn(n)`, with the BQL free as generated code. A budget check stands before every `block` instructions.
class FakeCpu final : public Cpu {
 public:
  explicit FakeCpu(int index = 0) : Cpu(index) { cpu_list_add(*this); }
  ~FakeCpu() override { cpu_list_remove(*this); }

  std::function<void(uint64_t)> insn;    // number of the instruction, from 0
  std::function<void()> on_digest;       // asked for state_digest()
  std::function<void()> on_entry;        // in exec(), BQL held, after exit_request was cleared
  int block = 1;
  uint64_t breakpoint = UINT64_MAX;      // instruction number
  bool wfi = false;                      // set by insn: sleep after it
  int execs = 0, requests = 0, resets = 0;

  // What an instruction that reaches a device does.
  void mmio(const std::function<void()>& access) {
    BqlLockGuard guard;
    access();
  }

  ExecExit exec(int64_t budget) override {
    EXPECT_TRUE(bql_held);
    execs++;
    exit_request = 0;
    if (on_entry) on_entry();
    bql_unlock();
    const ExecExit why = run(budget);
    bql_lock();
    if (why == ExecExit::kRequest) requests++;
    return why;
  }
  bool has_work() const override { return interrupt_request != 0; }
  void reset() override {
    resets++;
    interrupt_request = 0;
  }
  void memory_map_changed() override {}
  uint64_t instructions() const override { return count_; }
  uint64_t pc() const override { return count_; }
  void set_pc(uint64_t) override {}
  uint64_t state_digest() const override {
    if (on_digest) on_digest();
    return count_;
  }
  std::string describe_wait() const override { return "pc " + std::to_string(count_); }
  std::string dump_state() const override { return "\n"; }
  bool gdb_read_register(unsigned, std::string*) const override { return false; }
  bool gdb_write_register(unsigned, const uint8_t*, size_t) override { return false; }
  std::string gdb_target_xml(const std::string&) const override { return ""; }
  bool debug_translate(uint64_t, uint64_t*) const override { return false; }
  void code_written(uint64_t, uint64_t) override {}
  void insert_breakpoint(uint64_t pc) override { breakpoint = pc; }
  void remove_breakpoint(uint64_t) override { breakpoint = UINT64_MAX; }

 private:
  ExecExit run(int64_t budget) {
    for (int64_t done = 0; done < budget; done++) {
      if (count_ % static_cast<uint64_t>(block) == 0 && exit_request) return ExecExit::kRequest;
      if (count_ == breakpoint) return ExecExit::kBreakpoint;
      const uint64_t n = count_;
      count_ = count_ + 1;
      if (insn) insn(n);
      if (wfi) {
        wfi = false;
        if (!has_work()) {
          halted = true;
          return ExecExit::kHalted;
        }
      }
      if (leave_after_insn) return ExecExit::kRequest;
    }
    return ExecExit::kBudget;
  }

  uint64_t count_ = 0;
};

enum class Kind { kVirtualLazy, kVirtualStrict, kPosixLazy, kPosixStrict };

inline void PrintTo(Kind kind, std::ostream* out) {
  const char* const names[] = {"VirtualLazy", "VirtualStrict", "PosixLazy", "PosixStrict"};
  *out << names[static_cast<int>(kind)];
}
inline std::string kind_name(const ::testing::TestParamInfo<Kind>& info) {
  const char* const names[] = {"VirtualLazy", "VirtualStrict", "PosixLazy", "PosixStrict"};
  return names[static_cast<int>(info.param)];
}

// Clocks, a host and the BQL, from nothing; undone at the end.
class LoopRig {
 public:
  explicit LoopRig(Kind kind) : kind_(kind) {
    if (posix()) {
      const char* error = posix_timer_host_install(kind == Kind::kPosixStrict ? kPosixMaskStrict : kPosixMaskLazy);
      CHECK_MSG(error == nullptr, error);
      posix_timer_host_set_kick(qemu_kick_current, nullptr);
      posix_host_ = std::make_unique<PosixHost>();
      posix_host_->install();
      set_host(posix_host_.get());
    } else {
      virtual_timer_host_install(kind == Kind::kVirtualStrict ? kVirtualMaskStrict : kVirtualMaskLazy);
      virtual_timer_host_set_kick(qemu_kick_current, nullptr);
      virtual_host_ = std::make_unique<VirtualHost>();
      virtual_host_->set_idle_hook(sleep_to_alarm, this);
      set_host(virtual_host_.get());
    }
    init_clocks(qemu_timer_notify_cb);
    bql_lock();
  }
  ~LoopRig() {
    if (bql_held) bql_unlock();
    timer_reset();
    if (posix()) {
      posix_host_->uninstall();
      posix_timer_host_uninstall();
      sigset_t ours;
      posix_timer_host_signals(&ours);
      sigprocmask(SIG_UNBLOCK, &ours, nullptr);
    }
    loop_reset();
    set_host(nullptr);
  }

  bool posix() const { return kind_ == Kind::kPosixLazy || kind_ == Kind::kPosixStrict; }
  PosixHost& posix_host() { return *posix_host_; }
  VirtualHost& virtual_host() { return *virtual_host_; }

  // Time for the alarm: real time passes by itself; virtual time is moved.
  void pass(int64_t ns) {
    if (!posix()) virtual_timer_host_advance_ns(ns);
  }

 private:
  // The virtual idle wait sleeps until the alarm.
  static bool sleep_to_alarm(void*) {
    const int64_t armed = virtual_timer_host_armed_ns();
    if (armed == INT64_MAX) return false;
    const int64_t ns = armed - virtual_timer_host_ns();
    virtual_timer_host_advance_ns(ns > 0 ? ns : 0);
    return true;
  }

  const Kind kind_;
  std::unique_ptr<PosixHost> posix_host_;
  std::unique_ptr<VirtualHost> virtual_host_;
};

class EveryHost : public ::testing::TestWithParam<Kind> {
 protected:
  LoopRig rig{GetParam()};
};

#define INSTANTIATE_EVERY_HOST(suite)                                                                                            \
  INSTANTIATE_TEST_SUITE_P(Hosts, suite,                                                                                         \
                           ::testing::Values(Kind::kVirtualLazy, Kind::kVirtualStrict, Kind::kPosixLazy, Kind::kPosixStrict), \
                           kind_name)

// A QEMUTimer whose callback is a function.
class TestTimer {
 public:
  TestTimer(QEMUClockType clock, std::function<void()> callback) : callback_(std::move(callback)) {
    timer_init_ns(&timer_, clock, [](void* self) { static_cast<TestTimer*>(self)->callback_(); }, this);
  }
  ~TestTimer() { timer_del(&timer_); }
  void mod_in(int64_t ns) { timer_mod_ns(&timer_, qemu_clock_get_ns(clock()) + ns); }
  void del() { timer_del(&timer_); }
  QEMUClockType clock() { return timerlist_get_clock(timer_.timer_list); }

 private:
  std::function<void()> callback_;
  QEMUTimer timer_;
};

}  // namespace monochord
