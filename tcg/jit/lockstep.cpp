#include "tcg/jit/lockstep.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace.h"
#include "tcg/interp/interpreter.h"
#include "tcg/riscv/bits.h"
#include "tcg/riscv/disas.h"

namespace monochord {

namespace {

// What is no state of the guest's, or says the same in several ways.
void copy_what_may_differ(HartState& to, const HartState& from) {
  to.x[32] = from.x[32];
  to.pmp_even_first = from.pmp_even_first;
  to.pmp_even_last = from.pmp_even_last;
  to.pmp_even_rights = from.pmp_even_rights;
}

struct Field {
  const char* name;
  size_t offset, size;
};
#define FIELD(name) {#name, offsetof(HartState, name), sizeof(HartState::name)}
constexpr Field kFields[] = {
    FIELD(pc),         FIELD(priv),          FIELD(frm),           FIELD(fflags),         FIELD(mstatus),           FIELD(mie),
    FIELD(mip_soft),   FIELD(medeleg),       FIELD(mideleg),       FIELD(mtvec),          FIELD(mepc),              FIELD(mcause),
    FIELD(mtval),      FIELD(mscratch),      FIELD(mcounteren),    FIELD(mcountinhibit),  FIELD(menvcfg),           FIELD(mseccfg),
    FIELD(stvec),      FIELD(sepc),          FIELD(scause),        FIELD(stval),          FIELD(sscratch),          FIELD(scounteren),
    FIELD(senvcfg),    FIELD(satp),          FIELD(stimecmp),      FIELD(mcycle_offset),  FIELD(minstret_offset),   FIELD(traps_counted),
    FIELD(reservation_addr), FIELD(reservation_value), FIELD(reservation_epoch),
};
#undef FIELD
// Compared, but long and never alone the cause: no value is printed.
#define FIELD(name) {#name, offsetof(HartState, name), sizeof(HartState::name)}
constexpr Field kLongFields[] = {FIELD(mhpmevent), FIELD(mhpmcounter), FIELD(pmpcfg), FIELD(pmpaddr), FIELD(pmp_first), FIELD(pmp_last), FIELD(pmp_active)};
#undef FIELD

uint64_t value_of(const HartState& state, const Field& field) {
  uint64_t value = 0;
  memcpy(&value, reinterpret_cast<const uint8_t*>(&state) + field.offset, field.size);
  return value;
}

bool same(const HartState& a, const HartState& b, const Field& field) {
  return memcmp(reinterpret_cast<const uint8_t*>(&a) + field.offset, reinterpret_cast<const uint8_t*>(&b) + field.offset, field.size) == 0;
}

std::string differs(const std::string& name, uint64_t generated, uint64_t interpreted) {
  return stringf("%s is 0x%llx after generated code, 0x%llx after the interpreter", name.c_str(), static_cast<unsigned long long>(generated),
                 static_cast<unsigned long long>(interpreted));
}

}  // namespace

uint64_t Lockstep::differences = 0;

Lockstep::Lockstep(RiscvCpu& cpu, Interpreter& interpreter, JitCounters& counters, uint64_t every)
    : cpu_(cpu), in_(interpreter), counters_(counters), every_(every), log_(cpu) {
  cpu_.step_log = &log_;
}

Lockstep::~Lockstep() { cpu_.step_log = nullptr; }

void Lockstep::begin() {
  timer_mask_enter();
  memcpy(&before_, &cpu_.state, sizeof before_);  // padding, too: compare() looks at all bytes at once
  irq_lines_before_ = cpu_.irq_lines;
  budget_before_ = in_.budget;
  log_.record();
}

void Lockstep::compare() {
  const int64_t budget_after = in_.budget;
  const uint64_t count = static_cast<uint64_t>(budget_before_ - budget_after);
  if (count == 0 || differed_) {
    log_.end();
    timer_mask_leave();
    return;
  }
  counters_.stretches++;
  counters_.compared += count;
  HartState generated;
  memcpy(&generated, &cpu_.state, sizeof generated);
  const uint64_t lines = cpu_.irq_lines;
  bql_lock();
  go_back();
  bql_unlock();
  const bool repeated = repeat(budget_after);
  log_.end();
  std::string what = repeated ? first_difference(generated) : "the interpreter stops before it has run as many instructions";
  if (what.empty() && cpu_.irq_lines != lines) what = differs("the set of interrupt lines", lines, cpu_.irq_lines);
  if (!what.empty()) report(what, generated, count);
  timer_mask_leave();
}

// As it was at begin(). The TLB's contents stay, where they can't tell the two runs apart.
void Lockstep::go_back() {
  log_.undo();
  const HartState& now = cpu_.state;
  const bool rights_changed = ((now.mstatus ^ before_.mstatus) & kMstatusMxr) != 0 || now.menvcfg != before_.menvcfg || now.mseccfg != before_.mseccfg ||
                              now.pmpcfg != before_.pmpcfg || now.pmpaddr != before_.pmpaddr;
  const bool space_changed = now.satp != before_.satp;
  memcpy(&cpu_.state, &before_, sizeof before_);
  cpu_.irq_lines = irq_lines_before_;
  if (space_changed) cpu_.tlb.select(before_.satp);
  if (rights_changed || log_.walks_changed_tables()) cpu_.tlb.flush_all();
}

// The interpreter runs down to `budget_after`; false if it stops before.
bool Lockstep::repeat(int64_t budget_after) {
  // Signals may ask to leave meanwhile, and devices did: that is for later.
  sig_atomic_t exit_asked = 0;
  const sig_atomic_t leave_asked = cpu_.leave_after_insn;
  const uint32_t logged = log_mask;
  const uint64_t traced = trace_mask;
  log_mask = 0;
  trace_mask = 0;
  in_.budget = budget_before_;
  while (in_.budget > budget_after) {
    if (cpu_.exit_request) {
      exit_asked = 1;
      cpu_.exit_request = 0;
    }
    cpu_.leave_after_insn = 0;
    const int64_t left = in_.budget;
    in_.run_some(left - budget_after);
    if (in_.stopped() || (in_.budget == left && !cpu_.exit_request)) break;
  }
  const bool done = in_.budget == budget_after;
  in_.budget = budget_after;
  log_mask = logged;
  trace_mask = traced;
  if (exit_asked) cpu_.exit_request = 1;
  if (leave_asked) cpu_.leave_after_insn = 1;
  return done;
}

std::string Lockstep::first_difference(const HartState& generated) const {
  if (std::string what = log_.difference(); !what.empty()) return what;
  HartState now;
  memcpy(&now, &cpu_.state, sizeof now);
  copy_what_may_differ(now, generated);
  if (memcmp(&now, &generated, sizeof now) == 0) return {};
  for (unsigned i = 0; i < 32; i++)
    if (now.x[i] != generated.x[i]) return differs(stringf("x%u (%s)", i, gpr_name(i)), generated.x[i], now.x[i]);
  for (unsigned i = 0; i < 32; i++)
    if (now.f[i] != generated.f[i]) return differs(stringf("f%u (%s)", i, fpr_name(i)), generated.f[i], now.f[i]);
  for (const Field& field : kFields)
    if (!same(now, generated, field)) return differs(field.name, value_of(generated, field), value_of(now, field));
  for (const Field& field : kLongFields)
    if (!same(now, generated, field)) return stringf("%s differs", field.name);
  return {};  // padding
}

// The first instructions from pc on, as they stand in memory.
std::string Lockstep::listing(uint64_t pc, uint64_t count) const {
  constexpr uint64_t kLinesMax = 24;
  std::string text;
  for (uint64_t line = 0; line < std::min(count, kLinesMax); line++) {
    uint16_t half[2] = {0, 0};
    for (unsigned i = 0; i == 0 || (i == 1 && insn_length(half[0]) == 4); i++) {
      uint64_t paddr = 0;
      if (!cpu_.debug_translate(pc + 2 * i, &paddr) || cpu_.as.debug_read(paddr, &half[i], sizeof half[i]) != MemTxResult::kOk) return text;
    }
    text += disassemble_line(half[0] | uint32_t{half[1]} << 16, pc) + "\n";
    pc += insn_length(half[0]);
  }
  return text;
}

// The states before, after generated code and after the interpreter, which stays.
void Lockstep::report(const std::string& what, const HartState& generated, uint64_t count) {
  differed_ = true;
  differences++;
  HartState interpreted;
  memcpy(&interpreted, &cpu_.state, sizeof interpreted);
  std::string text = stringf("--check: hart %d, after %llu instructions at 0x%llx, %llu in all: %s\n", cpu_.cpu_index, static_cast<unsigned long long>(count),
                             static_cast<unsigned long long>(before_.pc), static_cast<unsigned long long>(cpu_.instructions()), what.c_str());
  const struct {
    const char* title;
    const HartState* state;
  } shown[] = {{"before", &before_}, {"after generated code", &generated}, {"after the interpreter", &interpreted}};
  for (const auto& [title, state] : shown) {
    memcpy(&cpu_.state, state, sizeof interpreted);
    if (state == &before_) text += listing(before_.pc, count);
    text += stringf("%s:\n%s", title, cpu_.dump_state().c_str());
  }
  memcpy(&cpu_.state, &interpreted, sizeof interpreted);
  text += "-d in_asm,op,out_asm shows the units; -accel interp does without them.\n";
  log_write(text.data(), text.size());
  bql_lock();
  qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
  bql_unlock();
}

}  // namespace monochord
