#include "tcg/jit/counters.h"

#include <iterator>

#include "tcg/interp/interpreter.h"
#include "tcg/jit/jit.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

namespace {

struct Name {
  const char* name;
  const char* help;
};
// In the order of JitExit, SiteKind and TbEnd.
constexpr Name kExits[] = {
    {"link", "a direct jump whose target was not known yet"},
    {"jump", "the jump cache missed"},
    {"budget", "the budget was used up, or somebody kicked"},
    {"interpret", "an instruction is the interpreter's"},
    {"fp_off", "the FPU was off, or the rounding mode not one of the host's"},
    {"no_group", "a group crossed a page or met a device"},
    {"left", "a slow path trapped, or ended the run"},
};
static_assert(std::size(kExits) == static_cast<size_t>(JitExit::kLeft) + 1);
constexpr Name kSites[] = {
    {"load", "TLB miss, device, page crossing"},
    {"store", "... and pages that hold code"},
    {"load_reserved", ""},
    {"store_conditional", ""},
    {"amo", ""},
    {"helper", "system instructions"},
    {"group", "a group's head that misses often"},
};
constexpr Name kEnds[kTbEnds] = {
    {"store", "written by a hart"},
    {"stale", "written by DMA, or made visible by fence.i"},
    {"site", "made anew without a slot that misses often"},
    {"eviction", "their half of the buffer was needed"},
    {"flush", ""},
};

class Table {
 public:
  void title(const char* text) { text_ += stringf("%s\n", text); }
  void row(const std::string& label, uint64_t value, const std::string& note = {}) {
    std::string line = stringf("  %-30s %14llu  %s", label.c_str(), static_cast<unsigned long long>(value), note.c_str());
    line.erase(line.find_last_not_of(' ') + 1);
    text_ += line + "\n";
  }
  // Rows of what happened at least once.
  template <size_t N>
  void rows(const char* label, const uint64_t* values, unsigned count, const Name (&names)[N]) {
    for (unsigned i = 0; i < count; i++) {
      if (values[i] == 0) continue;
      row(stringf("%s %s", label, i < N ? names[i].name : "?"), values[i], i < N ? names[i].help : "");
    }
  }
  std::string text() const { return text_; }

 private:
  std::string text_;
};

[[gnu::format(printf, 3, 0)]] std::string ratio(uint64_t part, uint64_t whole, const char* format) {
  return whole == 0 ? std::string() : stringf(format, static_cast<double>(part) / static_cast<double>(whole));
}

uint64_t slot_misses(const RiscvCpu& cpu) {
  uint64_t sum = 0;
  for (const auto& mode : cpu.jit.slot_misses) {
    for (const uint32_t n : mode) sum += n;
  }
  return sum;
}

void add_translation(Table& table, const JitCounters& n) {
  table.title("Translation");
  table.row("units made", n.units, ratio(n.insns, n.units, "%.1f guest instructions each"));
  table.row("guest instructions", n.insns);
  table.row("bytes of host code", n.bytes, ratio(n.bytes, n.insns, "%.1f a guest instruction"));
  table.row("ns of host time", n.ns, ratio(n.ns, n.insns, "%.0f a guest instruction"));
  table.row("links", n.links);
  table.row("sites without a slot", n.sites_demoted, "they missed it too often");
  table.row("halves of the buffer evicted", n.evictions);
  table.row("units that ended", n.ended_units());
  table.rows("  by", n.ended, kTbEnds, kEnds);
}

void add_running(Table& table, const JitCounters& n, uint64_t instructions, uint64_t misses) {
  table.title("Running");
  table.row("instructions", instructions);
  table.row("... of the interpreter", n.interpreted, ratio(100 * n.interpreted, instructions, "%.2f %%"));
  table.row("entries into generated code", n.entries, ratio(instructions - n.interpreted, n.entries, "%.0f instructions each"));
  table.rows("  exit", n.exits, kJitExitsMax, kExits);
  uint64_t slow = 0;
  for (const uint64_t calls : n.slow_calls) slow += calls;
  table.row("slow paths", slow, ratio(instructions, slow, "one in %.0f instructions"));
  table.rows("  of", n.slow_calls, kSiteKindsMax, kSites);
  table.row("slot misses", n.slot_misses + misses);
}

void add_lockstep(Table& table, const JitCounters& n) {
  table.title("Lockstep with the interpreter");
  table.row("stretches compared", n.stretches, ratio(n.compared, n.stretches, "%.1f instructions each"));
  table.row("instructions in them", n.compared);
}

void add_tlb(Table& table, const Tlb& tlb) {
  table.title("TLB");
  table.row("entries filled", tlb.fills);
  table.row("contexts emptied", tlb.flushes);
  table.row("pages looked for to be flushed", tlb.page_flushes);
  table.row("address spaces selected", tlb.selects, "writes of satp that changed it");
  table.row("contexts used again", tlb.recycled);
  table.row("slots wiped", tlb.slot_wipes, "times, all of a mode");
}

}  // namespace

const char* jit_exit_name(unsigned exit) { return exit < std::size(kExits) ? kExits[exit].name : "?"; }

std::string jit_report() {
  Table table;
  const JitCounters* counters = nullptr;
  uint64_t instructions = 0, misses = 0;
  for (Cpu* cpu : cpu_list()) {
    RiscvCpu& hart = *static_cast<RiscvCpu*>(cpu);
    if (Jit* jit = hart.interpreter().jit()) counters = &jit->counters();
    instructions += hart.instructions();
    misses += slot_misses(hart);
  }
  if (counters == nullptr) return "the JIT does not run: -accel interp, or a host without it\n";
  add_translation(table, *counters);
  add_running(table, *counters, instructions, misses);
  if (counters->stretches != 0) add_lockstep(table, *counters);
  for (Cpu* cpu : cpu_list()) add_tlb(table, static_cast<RiscvCpu*>(cpu)->tlb);
  return table.text();
}

}  // namespace monochord
