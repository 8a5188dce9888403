// The run loop: gives each hart its slice, round robin, and does what was asked for between two slices.
//
// Slices are counted in instructions, and a hart that left early (a kick, a signal) goes on with what is left of its slice: which hart runs
// when is a function of what the guest does and of the interrupts it gets, never of where a signal happened to end a slice.
#include <algorithm>

#include "core/guest_time.h"
#include "core/loop_internal.h"
#include "core/replay.h"
#include "core/schedule.h"
#include "core/trace.h"

namespace monochord {

namespace {

// One hart has the machine for itself; this is only a number that no hart reaches soon.
constexpr int64_t kSliceAlone = int64_t{1} << 40;
// Several harts: short enough that one that spins for another does not spin long, long enough that entering costs nothing.
constexpr int64_t kSliceShared = 100'000;
// Bottom halves or fds want another turn soon, but the guest must get on.
constexpr int64_t kSliceShort = 10'000;

// Turns in a row without an instruction, for timers that are due at once.
constexpr int kDueTurnsMax = 64;

struct RoundRobin {
  size_t index = SIZE_MAX;  // whose slice it is; the first is the one after
  int64_t left = 0;         // instructions left of it
};
RoundRobin rr;

Cpu* pick_cpu() {
  const std::vector<Cpu*>& cpus = cpu_list();
  if (cpus.empty()) return nullptr;
  const bool yield = rr_yield != 0;
  rr_yield = 0;
  if (rr.index < cpus.size() && rr.left > 0 && !yield && cpu_can_run(*cpus[rr.index])) return cpus[rr.index];
  for (size_t i = 1; i <= cpus.size(); i++) {
    const size_t index = (rr.index + i) % cpus.size();
    if (!cpu_can_run(*cpus[index])) continue;
    rr.index = index;
    rr.left = cpus.size() == 1 ? kSliceAlone : kSliceShared;
    return cpus[index];
  }
  return nullptr;
}

ExecExit exec_slice(Cpu& cpu, int64_t budget) {
  CHECK(bql_locked() && !in_handler_context() && current_cpu == nullptr);
  if (cpu.halted && cpu.has_work()) cpu.halted = false;
  cpu.leave_after_insn = 0;
  current_cpu = &cpu;
  // Counted time: callbacks of the host's clocks wait for the end of the slice.
  const bool counted = counted_time();
  if (counted) {
    timer_mask_enter();
    timer_host_commit();
  }
  // A signal that came since the turn began has left a note that only the next turn reads, and no other one is to come: not for a slice that only a
  // signal ends.
  const bool noted = counted && !slices_are_exact && timer_host_signalled();
  const ExecExit why = noted ? ExecExit::kRequest : cpu.exec(budget);
  if (counted) timer_mask_leave();
  current_cpu = nullptr;
  CHECK(bql_locked() && !in_handler_context());
  return why;
}

// One instruction, at which a breakpoint stands.
ExecExit step_over(Cpu& cpu) {
  const uint64_t pc = cpu.pc();
  cpu.remove_breakpoint(pc);
  const ExecExit why = exec_slice(cpu, 1);
  cpu.insert_breakpoint(pc);
  return why;
}

// Acts on a reset request. True if a shutdown was asked for.
bool handle_requests(const RunOptions& options) {
  replay_take_end();
  if (const int cause = replay_take_reset()) loop_requests.reset = cause;
  const bool guest_asked = loop_requests.reset == static_cast<int>(ShutdownCause::kGuestReset);
  if (loop_requests.reset && (guest_asked || replay_may_look())) {
    const ShutdownCause cause = static_cast<ShutdownCause>(loop_requests.reset);
    loop_requests.reset = 0;
    if (!guest_asked) {
      guest_time_input();
      replay_record_reset(static_cast<int>(cause));
    }
    if (options.reset_is_shutdown) {
      qemu_system_shutdown_request(cause, 0);
    } else {
      qemu_system_reset(cause);
      rr = RoundRobin{};
    }
  }
  const bool by_guest = loop_requests.shutdown == static_cast<int>(ShutdownCause::kGuestShutdown);
  if (by_guest && options.guest_shutdown_stops) {
    trace_machine_shutdown(static_cast<int>(loop_requests.shutdown), static_cast<int>(loop_requests.exit_status));
    loop_requests.shutdown = 0;
    loop_requests.exit_status = 0;
    vm_stop(RunState::kShutdown);
  }
  return loop_requests.shutdown != 0;
}

struct RunResult {
  ExecExit why;
  bool shutdown;
};

// Runs until `count` instructions were started (negative: no such end), a shutdown was asked for, or, when `leave_when_stopped`, the machine
// was stopped.
RunResult run_machine(const RunOptions& options, int64_t count, bool leave_when_stopped) {
  int due_turns = 0;
  bool guest_left = false;
  for (;;) {
    if (!schedule_turn()) return {ExecExit::kRequest, true};
    guest_time_turn(std::none_of(cpu_list().begin(), cpu_list().end(), [](const Cpu* cpu) { return cpu_can_run(*cpu); }), guest_left);
    guest_left = false;
    const bool more = loop_turn().more;
    if (handle_requests(options)) return {ExecExit::kRequest, true};
    if (count == 0) return {ExecExit::kBudget, false};
    if (leave_when_stopped && runstate() != RunState::kRunning) return {ExecExit::kRequest, false};

    Cpu* cpu = pick_cpu();
    if (cpu == nullptr) {
      if (loop_has_work() || guest_time_idle()) continue;
      if (options.deadlock_ends && loop_is_deadlocked()) {
        report_deadlock();
        qemu_system_shutdown_request(ShutdownCause::kDeadlock, kDeadlockStatus);
        continue;
      }
      loop_idle_wait();
      continue;
    }
    guest_time_end_warp();
    int64_t budget = std::min({rr.left, guest_time_budget(), schedule_budget()});
    if (budget == 0) {
      // A bottom half armed a timer that is due: it comes before the next instruction. One that is always due slows the guest, it does not stop it.
      if (++due_turns < kDueTurnsMax) continue;
      budget = 1;
    }
    due_turns = 0;
    if (more) budget = std::min(budget, kSliceShort);
    if (count > 0) budget = std::min(budget, count);
    const uint64_t before = cpu->instructions();
    ExecExit why = exec_slice(*cpu, budget);
    if (why == ExecExit::kBreakpoint && schedule_breakpoint(*cpu)) why = step_over(*cpu);
    guest_left = cpu->leave_after_insn && !timer_mask.pending && !bql_kick_pending;
    const int64_t done = static_cast<int64_t>(cpu->instructions() - before);
    CHECK_MSG(done >= 0 && done <= budget, "a hart ran past its budget");
    if (why == ExecExit::kHalted) cpu->halted = true;
    rr.left -= done;
    guest_time_align();
    if (count > 0) count -= done;
    if (why == ExecExit::kBreakpoint || why == ExecExit::kWatchpoint) {
      vm_stop(RunState::kDebug);
      if (options.on_debug != nullptr) options.on_debug(options.opaque, *cpu, why);
      if (leave_when_stopped) return {why, false};
    }
  }
}

const RunOptions* running_options = nullptr;

}  // namespace

void run_loop_reset() {
  rr = RoundRobin{};
  running_options = nullptr;
}

int run_loop(const RunOptions& options) {
  CHECK(bql_locked() && !in_handler_context());
  CHECK_MSG(running_options == nullptr, "run_loop does not nest");
  running_options = &options;
  run_machine(options, -1, false);
  running_options = nullptr;
  const ShutdownCause cause = static_cast<ShutdownCause>(loop_requests.shutdown);
  const int status = replay_end(loop_requests.exit_status, cause);
  trace_machine_shutdown(static_cast<int>(cause), status);
  vm_stop(RunState::kShutdown);
  loop_requests.shutdown = 0;
  loop_requests.exit_status = 0;
  return status;
}

ExecExit run_exactly(uint64_t count) {
  CHECK(bql_locked() && !in_handler_context() && count <= INT64_MAX);
  const RunOptions none;
  return run_machine(running_options != nullptr ? *running_options : none, static_cast<int64_t>(count), true).why;
}

ExecExit single_step(Cpu& cpu, bool hold_interrupts) {
  CHECK(bql_locked() && !in_handler_context() && current_cpu == nullptr);
  guest_time_turn(false, false);
  loop_turn();
  // A wfi may end at any time; sleeping on, with the clock stopped, a step would never come past it.
  cpu.halted = false;
  const bool held = cpu.interrupts_held;
  cpu.interrupts_held = hold_interrupts;
  const uint64_t before = cpu.instructions();
  ExecExit why = ExecExit::kRequest;
  // A kick may end exec() before its instruction: try again, the starvation floor of the alarm lets one through.
  while (why == ExecExit::kRequest && cpu.instructions() == before) {
    why = exec_slice(cpu, 1);
    if (why == ExecExit::kBreakpoint) why = step_over(cpu);
    loop_turn();
  }
  cpu.interrupts_held = held;
  return cpu.halted && !cpu.has_work() ? ExecExit::kHalted : ExecExit::kBudget;
}

uint64_t total_instructions() {
  uint64_t sum = 0;
  for (const Cpu* cpu : cpu_list()) sum += cpu->instructions();
  return sum;
}

}  // namespace monochord
