// async_run_on_cpu: work for main context, queued from anywhere, in a list through the items themselves.
#include "core/loop_internal.h"

namespace monochord {

void async_run_on_cpu(Cpu& cpu, CpuWork& work) {
  DCHECK(bql_locked());
  CHECK(work.func != nullptr);
  timer_mask_enter();
  if (!work.queued) {
    work.queued = true;
    work.next = nullptr;
    if (cpu.work_tail != nullptr) {
      cpu.work_tail->next = &work;
    } else {
      cpu.work_head = &work;
    }
    cpu.work_tail = &work;
  }
  timer_mask_leave();
  qemu_cpu_kick(cpu);
  leave_for_loop();
}

void run_on_cpu(Cpu& cpu, void (*func)(Cpu&, void*), void* opaque) {
  CHECK_MSG(!in_handler_context(), "run_on_cpu cannot wait in handler context: use async_run_on_cpu");
  func(cpu, opaque);
}

bool queued_work_pending() {
  for (const Cpu* cpu : cpu_list()) {
    if (cpu->work_head != nullptr) return true;
  }
  return false;
}

void run_queued_work() {
  CHECK(bql_locked() && !in_handler_context());
  for (size_t i = 0; i < cpu_list().size(); i++) {
    Cpu& cpu = *cpu_list()[i];
    // An item that queues itself again runs at the next turn, not for ever: stop after the one that is last now.
    CpuWork* last = cpu.work_tail;
    while (last != nullptr) {
      timer_mask_enter();
      CpuWork* work = cpu.work_head;
      cpu.work_head = work->next;
      if (cpu.work_head == nullptr) cpu.work_tail = nullptr;
      work->next = nullptr;
      work->queued = false;
      timer_mask_leave();
      const bool done = work == last;
      work->func(cpu, work->opaque);  // may free the item
      if (done) break;
    }
  }
}

}  // namespace monochord
