// Counters: mcycle, minstret, mhpmcounter3..18, their user-level shadows, and what enables and inhibits them. Source: Privileged manual 3.1.10-3.1.12, 12.1.5.
//
// A counter that runs is stored as the difference to its source, one that stands as its value; changing the event or the inhibit bit converts.
// Sources are functions of the instruction count alone: a cycle is an instruction started, and instructions retired leave out those that trapped.
// A programmable counter counts with event 1 (cycles) and 2 (instructions), the numbers that QEMU's device tree gives them, and stands otherwise.
#include "tcg/riscv/csr_internal.h"

namespace monochord::csr {

namespace {

enum class Source : uint8_t { kNone, kCycles, kInstructions };
constexpr uint64_t kEventCycles = 1, kEventInstructions = 2;

// Counter numbers are those of mcounteren's bits: 0 cycle, 2 instret, 3.. programmable.
unsigned counter_number(unsigned csr) { return csr & 31; }

Source source_of(const RiscvCpu& cpu, unsigned number) {
  if ((cpu.state.mcountinhibit >> number) & 1) return Source::kNone;
  if (number == 0) return Source::kCycles;
  if (number == 2) return Source::kInstructions;
  switch (cpu.state.mhpmevent[number - kHpmFirst]) {
    case kEventCycles: return Source::kCycles;
    case kEventInstructions: return Source::kInstructions;
    default: return Source::kNone;
  }
}

// The source's count before the instruction that executes (`after` false) and behind it. cpu.instructions() has that instruction already.
uint64_t source_count(const RiscvCpu& cpu, Source source, bool after) {
  if (source == Source::kNone) return 0;
  uint64_t count = cpu.instructions() - (after ? 0 : 1);
  if (source == Source::kInstructions) count -= cpu.state.traps_counted;
  return count;
}

uint64_t& storage(HartState& state, unsigned number) {
  if (number == 0) return state.mcycle_offset;
  if (number == 2) return state.minstret_offset;
  return state.mhpmcounter[number - kHpmFirst];
}

uint64_t get(const RiscvCpu& cpu, unsigned number, bool after) {
  const uint64_t stored = storage(const_cast<HartState&>(cpu.state), number);
  return stored + source_count(cpu, source_of(cpu, number), after);
}

void set(RiscvCpu& cpu, unsigned number, uint64_t value) {
  storage(cpu.state, number) = value - source_count(cpu, source_of(cpu, number), true);
}

uint64_t existing(const RiscvCpu& cpu) {
  return kCounterCy | kCounterTm | kCounterIr | (cpu.config.has(Ext::kZihpm) ? kCounterHpm : 0);
}

}  // namespace

uint64_t read_counter(const RiscvCpu& cpu, unsigned csr) { return get(cpu, counter_number(csr), false); }

// The next instruction reads what was written: the write comes after this instruction's own count.
void write_counter(RiscvCpu& cpu, unsigned csr, uint64_t value) { set(cpu, counter_number(csr), value); }

uint64_t read_time(const RiscvCpu& cpu, unsigned) { return cpu.time(); }

uint64_t read_mcountinhibit(const RiscvCpu& cpu, unsigned) { return cpu.state.mcountinhibit; }

void write_mcountinhibit(RiscvCpu& cpu, unsigned, uint64_t value) {
  value &= existing(cpu) & ~kCounterTm;
  const uint64_t changed = value ^ cpu.state.mcountinhibit;
  for (unsigned number = 0; number <= kHpmLast; number++) {
    if (((changed >> number) & 1) == 0) continue;
    const uint64_t now = get(cpu, number, true);
    cpu.state.mcountinhibit ^= uint64_t{1} << number;
    set(cpu, number, now);
  }
}

uint64_t read_mhpmevent(const RiscvCpu& cpu, unsigned csr) { return cpu.state.mhpmevent[counter_number(csr) - kHpmFirst]; }

// Events of counters that don't exist are 0 for ever. Without Sscofpmf the upper half has no meaning and reads as 0.
void write_mhpmevent(RiscvCpu& cpu, unsigned csr, uint64_t value) {
  const unsigned number = counter_number(csr);
  if (number > kHpmLast || !cpu.config.has(Ext::kZihpm)) return;
  const uint64_t now = get(cpu, number, true);
  cpu.state.mhpmevent[number - kHpmFirst] = value & 0xffffffff;
  set(cpu, number, now);
}

uint64_t read_mcounteren(const RiscvCpu& cpu, unsigned) { return cpu.state.mcounteren; }
void write_mcounteren(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.mcounteren = value & existing(cpu); }
uint64_t read_scounteren(const RiscvCpu& cpu, unsigned) { return cpu.state.scounteren; }
void write_scounteren(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.scounteren = value & existing(cpu); }

bool counter(const RiscvCpu& cpu, unsigned csr) {
  const HartState& state = cpu.state;
  const uint64_t bit = uint64_t{1} << counter_number(csr);
  if (state.priv == kPrivM) return true;
  if ((state.mcounteren & bit) == 0) return false;
  return state.priv == kPrivS || (state.scounteren & bit) != 0;
}

}  // namespace monochord::csr
