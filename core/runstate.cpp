// Start and stop, reset and shutdown.
#include "core/guest_time.h"
#include "core/host.h"
#include "core/loop_internal.h"
#include "core/replay.h"
#include "core/schedule.h"
#include "core/trace.h"

namespace monochord {

LoopRequests loop_requests;

namespace {

RunState state = RunState::kPrelaunch;

struct ResetHandler {
  void (*reset)(void* opaque);
  void* opaque;
};
std::vector<ResetHandler>& reset_handlers() {
  static std::vector<ResetHandler> list;
  return list;
}

}  // namespace

void leave_for_loop() {
  Cpu* running = current_cpu;
  if (running == nullptr) return;
  if (!in_handler_context() && bql_held) running->leave_after_insn = 1;
  running->exit_request = 1;
}

RunState runstate() { return state; }

void pause_all_vcpus() {
  CHECK(bql_locked() && !in_handler_context());
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  for (Cpu* cpu : cpu_list()) {
    cpu->stop = true;
    // The hart that runs stops when its instruction is done; the others are between two slices.
    if (cpu != current_cpu) {
      cpu->stop = false;
      cpu->stopped = true;
    }
  }
  leave_for_loop();
}

void resume_all_vcpus() {
  CHECK(bql_locked() && !in_handler_context());
  if (state != RunState::kRunning) return;
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  for (Cpu* cpu : cpu_list()) {
    cpu->stop = false;
    cpu->stopped = false;
  }
  qemu_notify_event();
}

void vm_start() {
  CHECK(bql_locked() && !in_handler_context());
  if (state == RunState::kRunning) return;
  state = RunState::kRunning;
  trace_vm_started();
  cpu_enable_ticks();
  resume_all_vcpus();
}

void vm_stop(RunState why) {
  CHECK(bql_locked() && !in_handler_context());
  CHECK(why != RunState::kRunning);
  const bool was_running = state == RunState::kRunning;
  state = why;
  if (!was_running) return;
  cpu_disable_ticks();
  pause_all_vcpus();
  trace_vm_stopped(static_cast<int>(why));
}

void qemu_system_reset_request(ShutdownCause cause) {
  loop_requests.reset = static_cast<sig_atomic_t>(cause);
  leave_for_loop();
  bql_signal_kick();  // the caller may be a signal handler that interrupted anything
}

void qemu_system_shutdown_request(ShutdownCause cause, int exit_status) {
  if (loop_requests.shutdown == 0) {
    loop_requests.exit_status = exit_status;
    loop_requests.shutdown = static_cast<sig_atomic_t>(cause);
  }
  leave_for_loop();
  bql_signal_kick();
}

bool qemu_shutdown_requested() { return loop_requests.shutdown != 0; }

void register_reset_handler(void (*reset)(void* opaque), void* opaque) {
  CHECK(reset != nullptr);
  reset_handlers().push_back({reset, opaque});
}

void unregister_reset_handler(void (*reset)(void* opaque), void* opaque) {
  std::vector<ResetHandler>& list = reset_handlers();
  for (size_t i = 0; i < list.size(); i++) {
    if (list[i].reset == reset && list[i].opaque == opaque) {
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
}

void loop_reset() {
  state = RunState::kPrelaunch;
  loop_requests.notified = 0;
  loop_requests.reset = 0;
  loop_requests.shutdown = 0;
  loop_requests.exit_status = 0;
  rr_yield = 0;
  bql_kick_pending = 0;
  reset_handlers().clear();
  guest_time_reset();
  replay_forget();
  schedule_reset();
  run_loop_reset();
  fd_handlers_reset();
}

void qemu_system_reset(ShutdownCause cause) {
  CHECK(bql_locked() && !in_handler_context());
  CHECK_MSG(current_cpu == nullptr, "a hart cannot be reset while it runs: use qemu_system_reset_request");
  trace_machine_reset(static_cast<int>(cause));
  for (size_t i = 0; i < reset_handlers().size(); i++) {
    const ResetHandler handler = reset_handlers()[i];
    handler.reset(handler.opaque);
  }
  for (Cpu* cpu : cpu_list()) {
    cpu->halted = false;
    cpu->reset();
  }
}

}  // namespace monochord
