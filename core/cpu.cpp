#include "core/cpu.h"

#include <algorithm>

#include "core/loop_internal.h"
#include "core/trace.h"

namespace monochord {

Cpu* current_cpu = nullptr;
volatile sig_atomic_t rr_yield = 0;

static std::vector<Cpu*>& mutable_cpu_list() {
  static std::vector<Cpu*> list;
  return list;
}

const std::vector<Cpu*>& cpu_list() { return mutable_cpu_list(); }

void cpu_list_add(Cpu& cpu) {
  // The handler walks the list (total_instructions): it may not see it half changed.
  timer_mask_enter();
  std::vector<Cpu*>& list = mutable_cpu_list();
  auto after = std::find_if(list.begin(), list.end(),
                            [&](Cpu* other) { return other->cpu_index >= cpu.cpu_index; });
  CHECK_MSG(after == list.end() || (*after)->cpu_index != cpu.cpu_index, "two harts with one index");
  list.insert(after, &cpu);
  timer_mask_leave();
}

void cpu_list_remove(Cpu& cpu) {
  timer_mask_enter();
  CHECK(current_cpu != &cpu);
  std::vector<Cpu*>& list = mutable_cpu_list();
  list.erase(std::remove(list.begin(), list.end(), &cpu), list.end());
  timer_mask_leave();
}

bool qemu_cpu_is_self(const Cpu&) { return !timer_in_handler(); }

void cpu_exit(Cpu& cpu) { cpu.exit_request = 1; }

void qemu_cpu_kick(Cpu& cpu) {
  // One hart runs at a time; kicking any of them means that the loop wants to look.
  cpu.exit_request = 1;
  Cpu* running = current_cpu;
  if (running != nullptr) running->exit_request = 1;
  trace_kick(cpu.cpu_index);
}

void cpu_interrupt(Cpu& cpu, uint32_t mask) {
  DCHECK(bql_locked());
  timer_mask_enter();
  cpu.interrupt_request = cpu.interrupt_request | mask;
  timer_mask_leave();
  if (qemu_cpu_is_self(cpu)) {
    cpu.exit_request = 1;
  } else {
    qemu_cpu_kick(cpu);
  }
  // Another hart runs while this one sleeps: without this it would sleep on to the end of the other's slice.
  Cpu* running = current_cpu;
  if (running != nullptr && running != &cpu && cpu.halted) {
    rr_yield = 1;
    running->exit_request = 1;
  }
}

void cpu_reset_interrupt(Cpu& cpu, uint32_t mask) {
  DCHECK(bql_locked());
  timer_mask_enter();
  cpu.interrupt_request = cpu.interrupt_request & ~mask;
  timer_mask_leave();
}

}  // namespace monochord
