// The machine that waits for nothing: a lost wakeup, or a guest that only halted.
#include <unistd.h>

#include "core/log.h"
#include "core/loop_internal.h"

namespace monochord {

int64_t loop_next_deadline_ns(QEMUClockType clock) {
  // Our own timers drive nothing in the guest.
  const int64_t deadline = qemu_clock_deadline_ns_all(clock, ~QEMU_TIMER_ATTR_EXTERNAL);
  return deadline >= 0 && deadline >= INT64_MAX - qemu_clock_get_ns(clock) ? -1 : deadline;
}

bool loop_is_deadlocked() {
  if (runstate() != RunState::kRunning || cpu_list().empty() || loop_has_work() || timer_mask.pending) return false;
  for (int clock = 0; clock < QEMU_CLOCK_MAX; clock++) {
    if (loop_next_deadline_ns(static_cast<QEMUClockType>(clock)) >= 0) return false;
  }
  return !input_is_possible();
}

void report_deadlock() {
  std::string text = "deadlock: every hart waits in wfi, no timer is armed and no input can come\n";
  for (const Cpu* cpu : cpu_list()) text += stringf("  hart %d: %s\n", cpu->cpu_index, cpu->describe_wait().c_str());
  write_all(STDERR_FILENO, text.data(), text.size());
}

}  // namespace monochord
