// The CSRs of csr.inc: lookup, access checks, and the functions of all that aren't counters or PMP. Source: see csr.h.
#include "tcg/riscv/csr.h"

#include <iterator>

#include "core/bql.h"
#include "core/trace.h"
#include "tcg/riscv/csr_internal.h"
#include "tcg/riscv/pmp.h"
#include "tcg/riscv/stimer.h"
#include "tcg/riscv/trap.h"

namespace monochord {

namespace csr {
namespace {

constexpr uint64_t kAllBits = ~uint64_t{0};
// Exceptions 0..9, 12, 13 and 15. M mode's own ecall can't be delegated: it never comes from below.
constexpr uint64_t kDelegable = 0xb3ff;
constexpr uint64_t kMstatusWritable = kSstatusWritable | kMstatusMie | kMstatusMpie | kMstatusMpp | kMstatusMprv | kMstatusTvm |
                                      kMstatusTw | kMstatusTsr;

enum Flags : unsigned {
  kPlain = 0,
  kEnd = 1 << 0,
  kBql = 1 << 1,
  kSoftOnly = 1 << 2,  // csrrs and csrrc change what software wrote, not what the lines show (3.1.9)
  kTraced = 1 << 3,
  kTraceEnables = 1 << 4,
};

// --- access ---------------------------------------------------------------------------------------------------
bool any(const RiscvCpu&, unsigned) { return true; }
bool fp(const RiscvCpu& cpu, unsigned) { return (cpu.state.mstatus & kMstatusFs) != 0; }
bool satp_access(const RiscvCpu& cpu, unsigned) { return cpu.state.priv != kPrivS || (cpu.state.mstatus & kMstatusTvm) == 0; }
bool stimecmp_access(const RiscvCpu& cpu, unsigned) {
  if (cpu.state.priv == kPrivM) return true;
  return (cpu.state.menvcfg & kMenvcfgStce) != 0 && (cpu.state.mcounteren & kCounterTm) != 0;
}

void null_write(RiscvCpu&, unsigned, uint64_t) {}
uint64_t read_zero(const RiscvCpu&, unsigned) { return 0; }
uint64_t read_mhartid(const RiscvCpu& cpu, unsigned) { return static_cast<uint64_t>(cpu.cpu_index); }

// --- floating point -------------------------------------------------------------------------------------------
uint64_t read_fflags(const RiscvCpu& cpu, unsigned) { return cpu.state.fflags & 31; }
uint64_t read_frm(const RiscvCpu& cpu, unsigned) { return cpu.state.frm & 7; }
uint64_t read_fcsr(const RiscvCpu& cpu, unsigned) { return (read_frm(cpu, 0) << 5) | read_fflags(cpu, 0); }
void write_fflags(RiscvCpu& cpu, unsigned, uint64_t value) {
  cpu.state.fflags = value & 31;
  cpu.state.mstatus |= kMstatusFs;
}
void write_frm(RiscvCpu& cpu, unsigned, uint64_t value) {
  cpu.state.frm = value & 7;
  cpu.state.mstatus |= kMstatusFs;
}
void write_fcsr(RiscvCpu& cpu, unsigned, uint64_t value) {
  write_fflags(cpu, 0, value);
  write_frm(cpu, 0, value >> 5);
}

// --- mstatus and sstatus --------------------------------------------------------------------------------------
// SD is what FS says now (3.1.6.6); it is not kept.
uint64_t with_sd(uint64_t status) { return (status & kMstatusFs) == kMstatusFs ? status | kMstatusSd : status & ~kMstatusSd; }

uint64_t read_mstatus(const RiscvCpu& cpu, unsigned) { return with_sd(cpu.state.mstatus); }
uint64_t read_sstatus(const RiscvCpu& cpu, unsigned) { return with_sd(cpu.state.mstatus & (kSstatusWritable | kMstatusUxl)); }

void set_mstatus(RiscvCpu& cpu, uint64_t value, uint64_t mask) {
  HartState& state = cpu.state;
  if (!cpu.config.has(Ext::kF)) mask &= ~kMstatusFs;
  if (((value & kMstatusMpp) >> kMstatusMppShift) == 2) mask &= ~kMstatusMpp;  // no such privilege: MPP stays
  const uint64_t now = (state.mstatus & ~mask) | (value & mask);
  const uint64_t changed = now ^ state.mstatus;
  state.mstatus = now;
  if (changed & kMstatusMxr) cpu.tlb.flush_all();  // not part of the TLB's mode
}
void write_mstatus(RiscvCpu& cpu, unsigned, uint64_t value) { set_mstatus(cpu, value, kMstatusWritable); }
void write_sstatus(RiscvCpu& cpu, unsigned, uint64_t value) { set_mstatus(cpu, value, kSstatusWritable); }

uint64_t read_misa(const RiscvCpu& cpu, unsigned) {
  const auto letter = [](char name) { return uint64_t{1} << (name - 'A'); };
  uint64_t misa = (uint64_t{2} << 62) | letter('I') | letter('S') | letter('U');
  if (cpu.config.has(Ext::kM)) misa |= letter('M');
  if (cpu.config.has(Ext::kA)) misa |= letter('A');
  if (cpu.config.has(Ext::kF)) misa |= letter('F');
  if (cpu.config.has(Ext::kD)) misa |= letter('D');
  if (cpu.config.has(Ext::kC)) misa |= letter('C');
  if (cpu.config.has(Ext::kB)) misa |= letter('B');
  return misa;
}

// --- trap vectors and return addresses ----------------------------------------------------------------------------
// Modes 0 (direct) and 1 (vectored); a reserved mode changes nothing.
void set_tvec(uint64_t& tvec, uint64_t value) {
  if ((value & 3) < 2) tvec = value;
}
uint64_t read_mtvec(const RiscvCpu& cpu, unsigned) { return cpu.state.mtvec; }
void write_mtvec(RiscvCpu& cpu, unsigned, uint64_t value) { set_tvec(cpu.state.mtvec, value); }
uint64_t read_stvec(const RiscvCpu& cpu, unsigned) { return cpu.state.stvec; }
void write_stvec(RiscvCpu& cpu, unsigned, uint64_t value) { set_tvec(cpu.state.stvec, value); }

// IALIGN is 16 with C, 32 without: the low bits are always 0.
uint64_t epc_mask(const RiscvCpu& cpu) { return cpu.config.has(Ext::kC) ? ~uint64_t{1} : ~uint64_t{3}; }
uint64_t read_mepc(const RiscvCpu& cpu, unsigned) { return cpu.state.mepc & epc_mask(cpu); }
void write_mepc(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.mepc = value & epc_mask(cpu); }
uint64_t read_sepc(const RiscvCpu& cpu, unsigned) { return cpu.state.sepc & epc_mask(cpu); }
void write_sepc(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.sepc = value & epc_mask(cpu); }

// --- interrupts -------------------------------------------------------------------------------------------------
uint64_t read_mideleg(const RiscvCpu& cpu, unsigned) { return cpu.state.mideleg; }
void write_mideleg(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.mideleg = value & kMipSupervisor; }
uint64_t read_mie(const RiscvCpu& cpu, unsigned) { return cpu.state.mie; }
void write_mie(RiscvCpu& cpu, unsigned, uint64_t value) { cpu.state.mie = value & kMipAll; }
uint64_t read_sie(const RiscvCpu& cpu, unsigned) { return cpu.state.mie & cpu.state.mideleg; }
void write_sie(RiscvCpu& cpu, unsigned, uint64_t value) {
  cpu.state.mie = (cpu.state.mie & ~cpu.state.mideleg) | (value & cpu.state.mideleg);
}

void set_mip(RiscvCpu& cpu, uint64_t value, uint64_t mask) { set_soft_interrupts(cpu, (cpu.state.mip_soft & ~mask) | (value & mask)); }
uint64_t read_mip(const RiscvCpu& cpu, unsigned) { return cpu.mip(); }
void write_mip(RiscvCpu& cpu, unsigned, uint64_t value) {
  // With STCE, STIP shows the comparison with stimecmp and nothing else.
  const bool stip_is_timer = (cpu.state.menvcfg & kMenvcfgStce) != 0;
  set_mip(cpu, value, stip_is_timer ? kMipSsip | kMipSeip : kMipSupervisor);
}
uint64_t read_sip(const RiscvCpu& cpu, unsigned) { return cpu.mip() & cpu.state.mideleg; }
void write_sip(RiscvCpu& cpu, unsigned, uint64_t value) { set_mip(cpu, value, kMipSsip & cpu.state.mideleg); }

// --- environment configuration ------------------------------------------------------------------------------------
uint64_t envcfg_mask(const RiscvCpu& cpu) {
  uint64_t mask = kEnvcfgFiom;
  if (cpu.config.has(Ext::kZicbom)) mask |= kEnvcfgCbie | kEnvcfgCbcfe;
  if (cpu.config.has(Ext::kZicboz)) mask |= kEnvcfgCbze;
  return mask;
}
uint64_t set_envcfg(uint64_t old, uint64_t value, uint64_t mask) {
  if (((value & kEnvcfgCbie) >> kEnvcfgCbieShift) == 2) mask &= ~kEnvcfgCbie;  // reserved: CBIE stays
  return (old & ~mask) | (value & mask);
}
uint64_t read_menvcfg(const RiscvCpu& cpu, unsigned) { return cpu.state.menvcfg; }
void write_menvcfg(RiscvCpu& cpu, unsigned, uint64_t value) {
  HartState& state = cpu.state;
  uint64_t mask = envcfg_mask(cpu);
  if (cpu.config.has(Ext::kSvpbmt)) mask |= kMenvcfgPbmte;
  if (cpu.config.has(Ext::kSvadu)) mask |= kMenvcfgAdue;
  if (cpu.config.has(Ext::kSstc)) mask |= kMenvcfgStce;
  const uint64_t now = set_envcfg(state.menvcfg, value, mask);
  const uint64_t changed = now ^ state.menvcfg;
  state.menvcfg = now;
  if (changed & (kMenvcfgPbmte | kMenvcfgAdue)) cpu.tlb.flush_all();
  if (changed & kMenvcfgStce) {
    set_soft_interrupts(cpu, state.mip_soft & ~kMipStip);  // STIP changes its owner: what software wrote into it is gone either way
    cpu.stimer->set(state.stimecmp, (now & kMenvcfgStce) != 0);
  }
}
uint64_t read_senvcfg(const RiscvCpu& cpu, unsigned) { return cpu.state.senvcfg; }
void write_senvcfg(RiscvCpu& cpu, unsigned, uint64_t value) {
  cpu.state.senvcfg = set_envcfg(cpu.state.senvcfg, value, envcfg_mask(cpu));
}

uint64_t read_stimecmp(const RiscvCpu& cpu, unsigned) { return cpu.state.stimecmp; }
void write_stimecmp(RiscvCpu& cpu, unsigned, uint64_t value) {
  cpu.state.stimecmp = value;
  cpu.stimer->set(value, (cpu.state.menvcfg & kMenvcfgStce) != 0);
}

// --- translation ----------------------------------------------------------------------------------------------------
uint64_t read_satp(const RiscvCpu& cpu, unsigned) { return cpu.state.satp; }
void write_satp(RiscvCpu& cpu, unsigned, uint64_t value) {
  bool supported = false;
  switch (value >> kSatpModeShift) {
    case kSatpBare: supported = true; break;
    case kSatpSv39: supported = cpu.config.has(Ext::kSv39); break;
    case kSatpSv48: supported = cpu.config.has(Ext::kSv48); break;
    case kSatpSv57: supported = cpu.config.has(Ext::kSv57); break;
  }
  if (!supported || value == cpu.state.satp) return;  // 12.1.11: a write with an unsupported mode has no effect
  cpu.state.satp = value;
  cpu.tlb.select(value);
}

// --- the table ------------------------------------------------------------------------------------------------------
struct Row {
  uint16_t number;
  Ext extension;
  uint8_t flags;
  bool (*access)(const RiscvCpu&, unsigned);
  uint64_t (*read)(const RiscvCpu&, unsigned);
  void (*write)(RiscvCpu&, unsigned, uint64_t);
  uint64_t HartState::*field;  // null: the functions
  uint64_t mask;
  const char* name;
};

constexpr Row kRows[] = {
#define CSR(number, name, extension, access, read, write, flags) \
  {number, Ext::extension, (flags), access, read, write, nullptr, 0, #name},
#define CSR_FIELD(number, name, extension, access, field, mask, flags) \
  {number, Ext::extension, (flags), access, nullptr, nullptr, &HartState::field, mask, #name},
#include "tcg/riscv/csr.inc"
#undef CSR
#undef CSR_FIELD
};
constexpr unsigned kNumbers = 4096;
constexpr uint8_t kAbsent = 0xff;
static_assert(std::size(kRows) < kAbsent);

struct Index {
  uint8_t row[kNumbers];
};
consteval Index make_index() {
  Index index{};
  for (uint8_t& row : index.row) row = kAbsent;
  for (unsigned i = 0; i < std::size(kRows); i++) {
    index.row[kRows[i].number] = static_cast<uint8_t>(i);
  }
  return index;
}
constexpr Index kIndex = make_index();
consteval bool numbers_rise() {
  for (unsigned i = 1; i < std::size(kRows); i++)
    if (kRows[i].number <= kRows[i - 1].number) return false;
  return true;
}
static_assert(numbers_rise(), "csr.inc is in the order of the numbers, each once");

// Null where this hart has no such CSR.
const Row* find(const RiscvCpu& cpu, unsigned csr) {
  if (csr >= kNumbers || kIndex.row[csr] == kAbsent) return nullptr;
  const Row& row = kRows[kIndex.row[csr]];
  return cpu.config.has(row.extension) ? &row : nullptr;
}

uint64_t get(const RiscvCpu& cpu, const Row& row) {
  return row.field != nullptr ? cpu.state.*row.field & row.mask : row.read(cpu, row.number);
}

void set(RiscvCpu& cpu, const Row& row, uint64_t value) {
  if (row.field != nullptr) {
    cpu.state.*row.field = value & row.mask;
  } else {
    row.write(cpu, row.number, value);
  }
  if ((row.flags & kBql) && pending_interrupt(cpu) >= 0) cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
}

// Interrupts are switched off and on so often that other bits of mstatus and sstatus are no events.
void trace_write(const RiscvCpu& cpu, const Row& row, uint64_t before) {
  const uint64_t now = get(cpu, row);
  if ((row.flags & kTraceEnables) && ((before ^ now) & (kMstatusMie | kMstatusSie)) == 0) return;
  trace_csr_write(row.name, cpu.cpu_index, before, now);
}

bool traced(const Row& row) { return trace_event_on(kTrace_csr_write) && (row.flags & (kTraced | kTraceEnables)); }

bool read_only(unsigned csr) { return (csr >> 10) == 3; }
uint8_t lowest_privilege(unsigned csr) { return (csr >> 8) & 3; }

CsrAccess access(RiscvCpu& cpu, const Row& row, CsrOp op, uint64_t operand, bool read, bool write) {
  CsrAccess result;
  if (read) result.old_value = get(cpu, row);
  if (!write) return result;
  uint64_t base = 0;
  if (op != CsrOp::kWrite) {
    if (row.flags & kSoftOnly) {
      base = cpu.state.mip_soft;
    } else {
      base = read ? result.old_value : get(cpu, row);
    }
  }
  uint64_t value = operand;
  if (op == CsrOp::kSet) value = base | operand;
  if (op == CsrOp::kClear) value = base & ~operand;
  const uint64_t before = traced(row) ? get(cpu, row) : 0;
  set(cpu, row, value);
  if (traced(row)) trace_write(cpu, row, before);
  return result;
}

}  // namespace
}  // namespace csr

CsrAccess helper_csr(RiscvCpu& cpu, unsigned number, CsrOp op, uint64_t operand, bool read, bool write, uint32_t insn) {
  const csr::Row* row = csr::find(cpu, number);
  if (row == nullptr || cpu.state.priv < csr::lowest_privilege(number) || (write && csr::read_only(number)) ||
      !row->access(cpu, number)) {
    return {{Exception::kIllegalInst, insn}, 0};
  }
  if ((row->flags & csr::kBql) || csr::traced(*row)) {
    BqlLockGuard lock;
    return csr::access(cpu, *row, op, operand, read, write);
  }
  return csr::access(cpu, *row, op, operand, read, write);
}

bool csr_ends_block(unsigned number) {
  return number < csr::kNumbers && csr::kIndex.row[number] != csr::kAbsent &&
         (csr::kRows[csr::kIndex.row[number]].flags & csr::kEnd) != 0;
}

void csr_init(RiscvCpu& cpu) {
  if (cpu.config.has(Ext::kSstc)) cpu.stimer.reset(new Stimer(cpu));
  csr_reset(cpu);
}

void csr_reset(RiscvCpu& cpu) {
  BqlLockGuard lock;
  HartState fresh;
  // The counters run on: they are differences to a count that reset does not clear.
  fresh.mcycle_offset = 0 - cpu.instructions();
  fresh.traps_counted = cpu.state.traps_counted;
  fresh.minstret_offset = fresh.traps_counted - cpu.instructions();
  fresh.pc = cpu.reset_vector();
  fresh.priv = kPrivM;
  fresh.mstatus = kMstatusUxl64 | kMstatusSxl64;
  if (cpu.config.has(Ext::kSvpbmt)) fresh.menvcfg |= kMenvcfgPbmte;
  if (cpu.config.has(Ext::kSvadu) && !cpu.config.has(Ext::kSvade)) fresh.menvcfg |= kMenvcfgAdue;
  set_soft_interrupts(cpu, 0);
  cpu.state = fresh;
  pmp_update(cpu.state);
  cpu.tlb.flush_all();
  cpu.tlb.select(cpu.state.satp);
  if (cpu.stimer != nullptr) cpu.stimer->set(cpu.state.stimecmp, false);
}

bool csr_debug_read(const RiscvCpu& cpu, unsigned number, uint64_t* value) {
  const csr::Row* row = csr::find(cpu, number);
  if (row == nullptr) return false;
  *value = csr::get(cpu, *row);
  return true;
}

bool csr_debug_write(RiscvCpu& cpu, unsigned number, uint64_t value) {
  const csr::Row* row = csr::find(cpu, number);
  if (row == nullptr || csr::read_only(number)) return false;
  BqlLockGuard lock;
  csr::set(cpu, *row, value);
  return true;
}

const char* csr_name(unsigned number) {
  if (number >= csr::kNumbers || csr::kIndex.row[number] == csr::kAbsent) return nullptr;
  return csr::kRows[csr::kIndex.row[number]].name;
}

unsigned csr_from_index(unsigned index) { return index < std::size(csr::kRows) ? csr::kRows[index].number : 0xffff; }

}  // namespace monochord
