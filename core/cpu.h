// The abstract processor: what the run loop, devices, GDB and the monitor may ask of a hart. tcg implements it.
//
// Rules
// - exec() is called by the run loop in main context with the BQL held; it releases it while guest code runs.
// - exec() clears exit_request on entry, before it releases the BQL. It looks at exit_request at every budget check, and after each instruction
//   that took the BQL in a slow path it looks at leave_after_insn: if set, it leaves right after that instruction (ExecExit::kRequest).
// - exec() starts at least one block whenever exit_request is clear after the BQL was released, so a storm of kicks slows a hart but never stops it.
// - The run loop clears `halted` before exec() when has_work() is true; exec() sets it when the hart executes wfi and has no work.
// - cpu_interrupt(), cpu_reset_interrupt(), qemu_cpu_kick(), cpu_exit() and async_run_on_cpu() may be called in both contexts with the BQL held.
//   Everything else is main context.
// - In handler context hart-private state (registers, TLBs, decoded code) is off limits: queue it with async_run_on_cpu().
// - Instructions are counted always: instructions *started*, so one that traps counts too.
#pragma once

#include <cstdint>
#include <signal.h>
#include <string>
#include <vector>

#include "core/bql.h"
#include "core/result.h"

namespace monochord {

class AddressSpace;
class Cpu;

// Why exec() came back.
enum class ExecExit : uint8_t {
  kBudget,      // the instruction budget is used up: exactly as many were started as asked
  kRequest,     // exit_request was set (interrupt, kick, queued work, stop); the budget may be left over
  kHalted,      // the hart executed wfi and has no work
  kBreakpoint,  // a GDB breakpoint at the current pc (the instruction has not started)
  kWatchpoint,  // reserved for the debugging issue
};

// A queued piece of work: embedded in whoever queues it, so that nothing is allocated. Queueing one that is queued already is
// a no-op (its function runs once). Free to be queued again from its own function.
struct CpuWork {
  void (*func)(Cpu& cpu, void* opaque) = nullptr;
  void* opaque = nullptr;
  CpuWork* next = nullptr;
  bool queued = false;
};

// A register as GDB and the monitor see it. `number` is GDB's.
struct GdbRegister {
  const char* name;
  unsigned bits;
};

class Cpu {
 public:
  explicit Cpu(int index) : cpu_index(index) {}
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;
  virtual ~Cpu() = default;

  // Runs guest code until `budget` instructions were started or one of the other reasons. BQL held on entry and on return. Takes pending interrupts first.
  virtual ExecExit exec(int64_t budget) = 0;
  // A halted hart has something to do: an interrupt that would wake wfi. Any context.
  virtual bool has_work() const = 0;
  virtual void reset() = 0;
  // Told (main context, between blocks) that the memory map changed.
  virtual void memory_map_changed() = 0;

  // --- counters -----------------------------------------------------------------------------------------------
  // Instructions started since power-on (reset does not clear it). Exact at any call from main context, also from inside a device
  // access; in handler context exact to the last budget check.
  virtual uint64_t instructions() const = 0;

  // --- debugging ------------------------------------------------------------------------------------------------
  virtual uint64_t pc() const = 0;
  virtual void set_pc(uint64_t pc) = 0;
  // A hash of the registers that the guest sees, for telling two runs apart.
  virtual uint64_t state_digest() const = 0;
  // Where it is, and which interrupts would wake it or be taken: a line without newline, for who asks why it sleeps.
  virtual std::string describe_wait() const = 0;
  virtual std::string dump_state() const = 0;  // `info registers`, ends in a newline
  // GDB's view: registers in GDB's order; read appends little-endian bytes, returns false where there is none.
  virtual bool gdb_read_register(unsigned number, std::string* bytes) const = 0;
  virtual bool gdb_write_register(unsigned number, const uint8_t* bytes, size_t size) = 0;
  virtual std::string gdb_target_xml(const std::string& annex) const = 0;  // "target.xml" and what it includes; "" where unknown
  // Virtual memory as the hart sees it now, without side effects on A/D bits or TLBs. False where it does not translate.
  virtual bool debug_translate(uint64_t vaddr, uint64_t* paddr) const = 0;
  // Writes memory for GDB (breakpoints in the guest's view, `set var`), keeping decoded code coherent.
  virtual void code_written(uint64_t paddr, uint64_t size) = 0;
  virtual void insert_breakpoint(uint64_t pc) = 0;
  virtual void remove_breakpoint(uint64_t pc) = 0;

  // --- state that the loop and the handler share -------------------------------------------------------------------
  const int cpu_index;
  volatile sig_atomic_t exit_request = 0;       // leave guest code at the next budget check
  // The running instruction's own action (a store to a device, a CSR write) wants the loop: leave right after it, at a boundary that depends
  // on the guest alone. Set in main context only, cleared by the run loop.
  volatile sig_atomic_t leave_after_insn = 0;
  volatile uint32_t interrupt_request = 0;      // bits of CPU_INTERRUPT_*: written under the mask only
  bool halted = false;                          // in wfi
  bool interrupts_held = false;                 // exec() takes no interrupt (a debugger steps)
  bool stop = false;                            // pause_all_vcpus asked
  bool stopped = false;                         // and it has

  CpuWork* work_head = nullptr;                 // async_run_on_cpu
  CpuWork* work_tail = nullptr;
};

enum : uint32_t {
  CPU_INTERRUPT_HARD = 1u << 0,  // an interrupt line of the hart is up (the hart decides whether it is enabled)
  CPU_INTERRUPT_EXIT = 1u << 1,  // leave guest code, nothing else
};

// Sets bits and makes the hart look: a full kick from a callback, else only exit_request. A hart that sleeps gets its turn at the running hart's
// next budget check. Idempotent.
void cpu_interrupt(Cpu& cpu, uint32_t mask);
void cpu_reset_interrupt(Cpu& cpu, uint32_t mask);
// Makes the hart leave guest code at its next check, or the idle wait. Idempotent: 1000 kicks are one exit.
void qemu_cpu_kick(Cpu& cpu);
void cpu_exit(Cpu& cpu);
// False in every timer callback (a callback is somebody else), true in main context: there is one thread, so no other hart is in the middle
// of anything.
bool qemu_cpu_is_self(const Cpu& cpu);
// Queues `work` and kicks; it runs in main context before the hart's next block. Allocates nothing.
void async_run_on_cpu(Cpu& cpu, CpuWork& work);
// Main context only: runs at once. In handler context it is a bug.
void run_on_cpu(Cpu& cpu, void (*func)(Cpu&, void*), void* opaque);

extern Cpu* current_cpu;  // the hart whose slice is running, or null

// All harts in order of cpu_index.
const std::vector<Cpu*>& cpu_list();
void cpu_list_add(Cpu& cpu);
void cpu_list_remove(Cpu& cpu);

}  // namespace monochord
