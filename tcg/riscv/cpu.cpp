// The hart as core and the board see it. Traps and lines are in trap.cpp, GDB's view in gdb_registers.cpp.
#include "tcg/riscv/cpu.h"

#include "core/log.h"
#include "core/trace_format.h"
#include "tcg/exec/step_log.h"
#include "tcg/interp/interpreter.h"
#include "tcg/riscv/bits.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/disas.h"
#include "tcg/riscv/mmu.h"
#include "tcg/riscv/stimer.h"

namespace monochord {

namespace {

constexpr unsigned kCboBlockSize = 64;

void port_set_time_source(void* opaque, const TimeSource& source) { static_cast<RiscvCpu*>(opaque)->set_time_source(source); }

void port_time_changed(void* opaque) {
  RiscvCpu& cpu = *static_cast<RiscvCpu*>(opaque);
  if (cpu.stimer != nullptr) cpu.stimer->evaluate();
}

}  // namespace

RiscvCpu::RiscvCpu(int index, const CpuConfig& cpu_config, AddressSpace& address_space)
    : Cpu(index), config(cpu_config), as(address_space), interpreter_(std::make_unique<Interpreter>(*this)) {
  csr_init(*this);
  cpu_list_add(*this);
}

RiscvCpu::~RiscvCpu() { cpu_list_remove(*this); }

ExecExit RiscvCpu::exec(int64_t budget) { return interpreter_->exec(budget); }

void RiscvCpu::reset() {
  csr_reset(*this);
  halted = false;
  if (log_enabled(kLogCpuReset)) {
    const std::string text = dump_state();
    qemu_log_mask(kLogCpuReset, "CPU Reset (CPU %d)", cpu_index);
    log_write(text.data(), text.size());
  }
}

void RiscvCpu::memory_map_changed() {
  tlb.flush_all();
  interpreter_->code().flush();
}

uint64_t RiscvCpu::time() const {
  if (time_source_.read == nullptr) return 0;
  return step_log != nullptr ? step_log->time() : time_source_.read(time_source_.opaque);
}

uint64_t RiscvCpu::instructions() const { return interpreter_->instructions(); }
uint64_t RiscvCpu::pc() const { return state.pc; }
void RiscvCpu::set_pc(uint64_t pc) { state.pc = pc; }

bool RiscvCpu::debug_translate(uint64_t vaddr, uint64_t* paddr) const { return mmu_debug_translate(*this, vaddr, paddr); }
void RiscvCpu::code_written(uint64_t paddr, uint64_t size) { interpreter_->code().written(paddr, size); }
void RiscvCpu::insert_breakpoint(uint64_t pc) { interpreter_->insert_breakpoint(pc); }
void RiscvCpu::remove_breakpoint(uint64_t pc) { interpreter_->remove_breakpoint(pc); }

RiscvHartPort RiscvCpu::port() {
  RiscvHartPort port;
  port.set_irq = riscv_cpu_irq;
  port.opaque = this;
  port.set_time_source = port_set_time_source;
  port.hart_id = static_cast<unsigned>(cpu_index);
  port.isa = config.isa();
  port.isa_extensions = config.isa_extensions();
  port.mmu_type = config.mmu_type();
  port.cbo_block_size = config.has(Ext::kZicbom) || config.has(Ext::kZicboz) ? kCboBlockSize : 0;
  port.time_changed = port_time_changed;
  return port;
}

uint64_t RiscvCpu::state_digest() const {
  const uint64_t system[] = {state.pc,     state.priv, state.mstatus, state.mie,  mip(),        state.mepc,
                             state.mcause, state.sepc, state.scause,  state.satp, state.fflags, state.frm};
  uint64_t hash = trace_hash(kTraceHashSeed, reinterpret_cast<const uint8_t*>(state.x.data()), 32 * sizeof(uint64_t));
  hash = trace_hash(hash, reinterpret_cast<const uint8_t*>(state.f.data()), sizeof state.f);
  return trace_hash(hash, reinterpret_cast<const uint8_t*>(system), sizeof system);
}

std::string RiscvCpu::describe_wait() const {
  const auto ull = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  return stringf("pc 0x%llx, priv %c, mie 0x%llx, mip 0x%llx, mideleg 0x%llx, mstatus.MIE %d, mstatus.SIE %d", ull(state.pc), "US?M"[state.priv & 3],
                 ull(state.mie), ull(mip()), ull(state.mideleg), (state.mstatus & kMstatusMie) != 0, (state.mstatus & kMstatusSie) != 0);
}

// `info registers`, in the shape of QEMU's.
std::string RiscvCpu::dump_state() const {
  static constexpr uint16_t kShown[] = {0xf14, 0x300, 0x344, 0x304, 0x303, 0x302, 0x305, 0x105, 0x341, 0x141,
                                        0x342, 0x142, 0x343, 0x143, 0x340, 0x140, 0x180};
  std::string text;
  text += stringf(" %-8s %016llx\n", "pc", static_cast<unsigned long long>(state.pc));
  for (const uint16_t number : kShown) {
    uint64_t value = 0;
    if (csr_debug_read(*this, number, &value)) text += stringf(" %-8s %016llx\n", csr_name(number), static_cast<unsigned long long>(value));
  }
  text += stringf(" %-8s %c%s\n", "priv", "US?M"[state.priv & 3], halted ? " (halted)" : "");
  for (unsigned i = 0; i < 32; i++) {
    const std::string name = stringf("x%u/%s", i, gpr_name(i));
    text += stringf(" %-8s %016llx%s", name.c_str(), static_cast<unsigned long long>(state.x[i]), i % 4 == 3 ? "\n" : "");
  }
  for (unsigned i = 0; i < 32; i++) {
    const std::string name = stringf("f%u/%s", i, fpr_name(i));
    text += stringf(" %-8s %016llx%s", name.c_str(), static_cast<unsigned long long>(state.f[i]), i % 4 == 3 ? "\n" : "");
  }
  return text;
}

}  // namespace monochord
