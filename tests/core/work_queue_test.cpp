// async_run_on_cpu; behaviour 75 of the timer specification.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "loop_fixture.h"

// Counts what the libraries and operator new allocate while it is on.
static volatile bool counting = false;
static volatile int allocations = 0;

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* old, size_t size);
void* __wrap_malloc(size_t size) {
  if (counting) allocations = allocations + 1;
  return __real_malloc(size);
}
void* __wrap_calloc(size_t count, size_t size) {
  if (counting) allocations = allocations + 1;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* old, size_t size) {
  if (counting) allocations = allocations + 1;
  return __real_realloc(old, size);
}
}

void* operator new(size_t size) {
  if (counting) allocations = allocations + 1;
  void* memory = __real_malloc(size > 0 ? size : 1);
  if (memory == nullptr) abort();
  return memory;
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }

namespace monochord {
namespace {

class WorkQueue : public EveryHost {};
INSTANTIATE_EVERY_HOST(WorkQueue);

TEST_P(WorkQueue, B75_WorkFromACallbackRunsBeforeTheNextBlockAndAllocatesNothing) {
  FakeCpu cpu;
  struct Seen {
    uint64_t at = 0;
    bool handler = true, locked = false;
    int runs = 0;
  } seen;
  CpuWork work;
  work.opaque = &seen;
  work.func = [](Cpu& hart, void* opaque) {
    Seen& s = *static_cast<Seen*>(opaque);
    s.at = hart.instructions();
    s.handler = in_handler_context();
    s.locked = bql_held;
    s.runs++;
  };
  volatile bool queued = false;
  uint64_t queued_at = 0;
  TestTimer timer(QEMU_CLOCK_REALTIME, [&] {
    counting = true;
    async_run_on_cpu(cpu, work);
    async_run_on_cpu(cpu, work);  // queued already: once
    counting = false;
    queued_at = cpu.instructions();
    queued = true;
  });
  bool armed = false;
  cpu.insn = [&](uint64_t) {
    if (armed) return;
    armed = true;
    timer.mod_in(0);
    if (!rig.posix()) virtual_timer_host_signal();
  };
  vm_start();
  while (!queued) run_exactly(100);
  run_exactly(1);
  EXPECT_EQ(seen.runs, 1);
  EXPECT_EQ(seen.at, queued_at) << "a block ran before the work";
  EXPECT_FALSE(seen.handler);
  EXPECT_TRUE(seen.locked);
  EXPECT_EQ(allocations, 0);
}

TEST(WorkQueueOrder, ItemsRunInOrderAndMayQueueThemselvesAgain) {
  LoopRig rig(Kind::kVirtualLazy);
  FakeCpu cpu;
  static std::vector<int> order;
  static CpuWork a, b;
  order.clear();
  a.func = [](Cpu& hart, void*) {
    order.push_back(1);
    if (order.size() < 4) async_run_on_cpu(hart, a);
  };
  b.func = [](Cpu&, void*) { order.push_back(2); };
  async_run_on_cpu(cpu, a);
  async_run_on_cpu(cpu, b);
  vm_start();
  run_exactly(100);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 1}));
  run_on_cpu(cpu, [](Cpu&, void*) { order.push_back(9); }, nullptr);
  EXPECT_EQ(order.back(), 9);
}

TEST(WorkQueueOrder, WorkOfAStoreRunsRightAfterIt) {
  LoopRig rig(Kind::kVirtualLazy);
  FakeCpu cpu;
  cpu.block = 64;
  static uint64_t at;
  static CpuWork work;
  work.func = [](Cpu& hart, void*) { at = hart.instructions(); };
  cpu.insn = [&](uint64_t n) {
    if (n == 10) cpu.mmio([&] { async_run_on_cpu(cpu, work); });
  };
  vm_start();
  run_exactly(1000);
  EXPECT_EQ(at, 11u);
}

}  // namespace
}  // namespace monochord
