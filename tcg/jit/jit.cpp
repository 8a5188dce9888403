#include "tcg/jit/jit.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "core/bql.h"
#include "tcg/emit/emit.h"
#include "tcg/exec/softmmu.h"
#include "tcg/fpu/fpu.h"
#include "tcg/interp/interpreter.h"
#include "tcg/jit/lockstep.h"
#include "tcg/riscv/bits.h"
#include "tcg/riscv/cpu.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/mmu.h"
#include "tcg/riscv/trap.h"

namespace monochord {

namespace {

constexpr uint64_t kPageMask = 4095;
constexpr int kMissesMax = 64;
// A site is looked up in the table each time if it misses its slot at least once in so many instructions.
constexpr uint64_t kInsnsPerMiss = 128;

uint64_t extend(uint64_t v, MemOp mo) {
  switch (mo) {
    case MemOp::kS8: return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(v)));
    case MemOp::kS16: return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int16_t>(v)));
    case MemOp::kS32: return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(v)));
    default: return v;
  }
}

// MXCSR's rounding control for frm, and its flags for fflags.
constexpr uint32_t kMxcsrRounding[] = {0, 3, 1, 2};
constexpr uint32_t kMxcsrMasks = 0x1f80;
uint32_t mxcsr_flags(uint32_t fflags) {
  return (fflags & fpu::NV ? 1 : 0) | (fflags & fpu::DZ ? 4 : 0) | (fflags & fpu::OF ? 8 : 0) | (fflags & fpu::UF ? 16 : 0) | (fflags & fpu::NX ? 32 : 0);
}
uint32_t fflags_of(uint32_t mxcsr) {
  return (mxcsr & 1 ? fpu::NV : 0u) | (mxcsr & 4 ? fpu::DZ : 0u) | (mxcsr & 8 ? fpu::OF : 0u) | (mxcsr & 16 ? fpu::UF : 0u) | (mxcsr & 32 ? fpu::NX : 0u);
}

}  // namespace

Jit* volatile Jit::running_ = nullptr;

int64_t counting_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

// The longest way between two looks at the budget: forward through a page, and a last unit. Where each unit looks, or without chaining, it is a unit.
static int64_t reserve_for(const JitOptions& options) {
  if (options.one_insn && !options.chain) return 1;
  return options.chain && !options.look ? 2048 + 2 * kUnitInsnsMax : kUnitInsnsMax;
}

Jit::Jit(RiscvCpu& cpu, Interpreter& interpreter, TbCache& cache)
    : cpu_(cpu), in_(interpreter), cache_(cache), reserve_(reserve_for(jit_options())) {
  cpu_.jit.hart = &cpu_;
  cache_.add_hart(cpu_);
  if (const uint64_t every = jit_options().check; every != 0) lockstep_ = std::make_unique<Lockstep>(cpu, interpreter, cache.counters, every);
}

Jit::~Jit() { cache_.remove_hart(cpu_); }

bool Jit::usable(uint8_t* mode) const {
  const HartState& state = cpu_.state;
  if (in_.has_breakpoints()) return false;
  if (state.priv == kPrivM && (state.mstatus & kMstatusMprv)) return false;
  *mode = data_tlb_mode(cpu_);
  return cpu_.config.has(Ext::kC);
}

void Jit::interpret(int64_t instructions) {
  const int64_t before = in_.budget;
  in_.run_some(std::min(instructions, in_.budget));
  cache_.counters.interpreted += static_cast<uint64_t>(before - in_.budget);
}

void Jit::enter_fp() {
  const HartState& state = cpu_.state;
  JitFrame& f = cpu_.jit;
  f.fp_ready = (state.mstatus & kMstatusFs) == kMstatusFs && state.frm <= 3;
  f.mxcsr = kMxcsrMasks | mxcsr_flags(state.fflags) | (state.frm <= 3 ? kMxcsrRounding[state.frm] << 13 : 0);
}

// The host's NaNs become RISC-V's. Bit n of the masks: f register n may hold one, as a double or as a single.
void Jit::repair_nans(uint32_t dirty64, uint32_t dirty32) {
  for (unsigned n = 0; n < 32; n++) {
    uint64_t& f = cpu_.state.f[n];
    if ((dirty64 >> n & 1) && (f & ~fpu::kSign64) > 0x7ff0000000000000) f = fpu::kCanonicalNan64;
    if ((dirty32 >> n & 1) && (f & 0x7fffffff) > 0x7f800000) f = fpu::box32(fpu::kCanonicalNan32);
  }
}

void Jit::leave_fp() { cpu_.state.fflags |= fflags_of(cpu_.jit.mxcsr); }

void Jit::enter(const uint8_t* code) {
  JitFrame& f = cpu_.jit;
  if (lockstep_ != nullptr) {
    lockstep_->begin();
    held_ = std::max<int64_t>(0, in_.budget - reserve_ - lockstep_->stretch());
  }
  f.budget = in_.budget - outside();
  f.stolen = 0;
  f.value = cpu_.state.pc;
  enter_fp();
  cache_.counters.entries++;
  running_ = this;
  timer_signal_fence();
  argument_ = cache_.thunks().enter(reinterpret_cast<uint8_t*>(&cpu_.state) + x86_64::kFrameBias, code);
  running_ = nullptr;
  leave_fp();
  if (f.dirty64 | f.dirty32) repair_nans(f.dirty64, f.dirty32);
  f.dirty64 = f.dirty32 = 0;
  in_.budget = f.budget + f.stolen + outside();
  f.stolen = 0;
  cache_.counters.exits[f.exit_reason]++;
  set_pc_of_exit();
  if (lockstep_ != nullptr) lockstep_->compare();
}

void Jit::set_pc_of_exit() {
  const JitFrame& f = cpu_.jit;
  uint64_t& pc = cpu_.state.pc;
  switch (static_cast<JitExit>(f.exit_reason)) {
    case JitExit::kLink:
    case JitExit::kNoGroup: pc = f.page_va + reinterpret_cast<const TbExit*>(argument_)->target; break;
    case JitExit::kBudget:
    case JitExit::kFpOff: pc = f.page_va + reinterpret_cast<const TranslationBlock*>(argument_)->start; break;
    case JitExit::kJump: pc = argument_ & ~uint64_t{1}; break;
    case JitExit::kInterpret: pc = f.page_va + (argument_ & 0xffff); break;
    case JitExit::kLeft: break;  // who ended the run has set it
  }
}

// The page of code at pc; null with a trap, or with !*whole where memory or PMP cut the page.
TbPage* Jit::fetch_page(uint64_t pc, uint64_t* pc_fault, Trap* trap, bool* whole) {
  const TlbMode mode = fetch_tlb_mode(cpu_);
  const FetchEntry& entry = cpu_.tlb.tables(mode).fetch[Tlb::index(pc)];
  *whole = true;
  if (entry.tag == (pc & ~kPageMask) && entry.code != nullptr) return entry.code;
  const Translation translation = mmu_translate(cpu_, pc, 2, AccessType::kFetch, mmu_mode(cpu_, AccessType::kFetch));
  if (translation.trap) {
    *trap = translation.trap;
    *pc_fault = pc;
    return nullptr;
  }
  *whole = false;
  if (!translation.page_executable) return nullptr;
  const uint64_t page_paddr = translation.paddr & ~kPageMask;
  const MemorySection section = cpu_.as.translate(page_paddr);
  if (section.host == nullptr || section.remaining < 4096) return nullptr;
  TbPage* const page = cache_.page(page_paddr, section.host);
  cpu_.tlb.fill_fetch(mode, pc, page, translation.leaf_bits, translation.global);
  cache_.fill_jumps(cpu_, *page, pc & ~kPageMask, data_tlb_mode(cpu_));
  *whole = true;
  return page;
}

// Code for pc, or null: a trap was taken, or an instruction interpreted. `from_jump`: the jump cache missed it just now.
const uint8_t* Jit::find(uint64_t pc, uint8_t mode, bool grouped, bool from_jump) {
  if (grouped && !from_jump) {
    const JumpEntry& entry = cpu_.tlb.current.jump[mode][Tlb::jump_index(static_cast<TlbMode>(mode), pc)];
    if (entry.va == pc) return static_cast<const uint8_t*>(entry.code);
  }
  TranslationBlock* tb = nullptr;
  bool whole = true;
  {
    in_.trapped = false;
    bql_lock();
    Trap trap;
    uint64_t fault = pc;
    TbPage* const page = fetch_page(pc, &fault, &trap, &whole);
    TbPage* next = nullptr;
    const uint16_t offset = pc & kPageMask;
    if (page != nullptr) {
      if (offset == 4094 && insn_length(cache_.code(*page)[4094]) == 4) {
        next = fetch_page(pc + 2, &fault, &trap, &whole);
      }
      if (!trap && whole) tb = cache_.get(*page, offset, mode, grouped, next);
      if (tb != nullptr && grouped) cpu_.tlb.fill_jump(static_cast<TlbMode>(mode), pc, tb->entry_indirect, tb->straddles);
    }
    if (trap) {
      in_.budget--;
      in_.take_trap(trap);
      bql_unlock();
      return nullptr;
    }
    bql_unlock();
  }
  if (tb == nullptr) {
    interpret(1);
    return nullptr;
  }
  return tb->entry_indirect;
}

void Jit::run() {
  HartState& state = cpu_.state;
  bool grouped = true, from_jump = false;
  TbExit* link = nullptr;  // to be linked to what comes next
  uint64_t evictions = 0, link_page = 0;
  for (;;) {
    if (cpu_.exit_request || cpu_.leave_after_insn || in_.budget == 0 || in_.stopped()) return;
    uint8_t mode;
    if (in_.budget < reserve_ || !usable(&mode)) {
      interpret(in_.budget < reserve_ ? in_.budget : 32);
      link = nullptr;
      grouped = true;
      continue;
    }
    const uint8_t* code = nullptr;
    if (link != nullptr && link->far == 0) {
      // The page is the one that ran: no need to ask where it is.
      bql_lock();
      TranslationBlock* tb = cache_.get(*link->from->page, link->target, mode, link->grouped, nullptr);
      if (tb != nullptr && cache_.evictions() == evictions) cache_.link(*link, *tb);
      code = tb != nullptr ? tb->entry_indirect : nullptr;
      bql_unlock();
      link = nullptr;
      if (cpu_.exit_request) continue;
    } else {
      const uint64_t pc = state.pc;
      code = find(pc, mode, grouped, from_jump);
      if (link != nullptr && code != nullptr && cache_.evictions() == evictions && link->from->valid) {
        bql_lock();
        cache_.link_far(cpu_, *link, link_page, pc, code);
        bql_unlock();
      }
      link = nullptr;
    }
    grouped = true;
    from_jump = false;
    if (code == nullptr) continue;
    enter(code);
    const JitFrame& f = cpu_.jit;
    if (lockstep_ != nullptr && lockstep_->differed()) return;
    switch (static_cast<JitExit>(f.exit_reason)) {
      case JitExit::kLink: {
        TbExit* const exit = reinterpret_cast<TbExit*>(argument_);
        // A unit that ended meanwhile leads nowhere any more, and its page may be another one's by now.
        if (exit->from->valid && exit->mode == data_tlb_mode(cpu_)) {
          link = exit;
          link_page = f.page_va;
          evictions = cache_.evictions();
        }
        break;
      }
      case JitExit::kJump:
        from_jump = (argument_ & 1) == 0;
        break;
      case JitExit::kBudget:
        break;
      case JitExit::kInterpret:
        if (!cpu_.exit_request) interpret(1);
        break;
      case JitExit::kFpOff:
        if (!cpu_.exit_request) interpret(reinterpret_cast<TranslationBlock*>(argument_)->insn_count);
        break;
      case JitExit::kNoGroup:
        grouped = false;
        break;
      case JitExit::kLeft:
        if (interpret_next_ && !cpu_.exit_request) interpret(1);
        interpret_next_ = false;
        break;
    }
  }
}

// --- slow paths -----------------------------------------------------------------------------------------------------------------
uint64_t Jit::slow_path(void* hart, const void* info, uint64_t address) {
  RiscvCpu& cpu = *static_cast<RiscvCpu*>(hart);
  return cpu.interpreter().jit()->slow(*static_cast<const SiteInfo*>(info), address);
}

uint64_t Jit::slow_access(const SiteInfo& info, uint64_t address, Trap* trap) {
  const MemOp mo = static_cast<MemOp>(info.mem_op);
  const unsigned size = size_of(mo);
  CodeCache& code = in_.code();
  switch (static_cast<SiteKind>(info.kind)) {
    case SiteKind::kLoad: {
      const LoadResult result = softmmu_load(cpu_, code, address, size);
      *trap = result.trap;
      return extend(result.value, mo);
    }
    case SiteKind::kStore:
      *trap = softmmu_store(cpu_, code, address, size, cpu_.jit.value);
      return 0;
    case SiteKind::kLoadReserved:
      return extend(in_.load_reserved_value(address, size, trap), mo);
    case SiteKind::kStoreConditional:
      return in_.store_conditional_value(address, size, cpu_.jit.value, trap);
    case SiteKind::kAmo:
      return extend(in_.amo_value(static_cast<AmoOp>(info.sub), address, cpu_.jit.value, size, trap), mo);
    case SiteKind::kHelper:
    case SiteKind::kGroup:
      break;
  }
  UNREACHABLE();
}

namespace {

// Writes of these change nothing that a unit stands on, unless the mode or the FPU's readiness changes, which is looked at.
bool unit_outlives_write(unsigned csr) {
  switch (csr) {
    case 0x001: case 0x002: case 0x003:               // fflags frm fcsr
    case 0x100: case 0x104: case 0x144: case 0x14d:   // sstatus sie sip stimecmp
    case 0x303: case 0x304: case 0x344:               // mideleg mie mip
      return true;
    default:
      return !csr_ends_block(csr);
  }
}

}  // namespace

// System instructions. BQL held. True: the unit is left, state.pc is where the hart goes on.
bool Jit::slow_helper(const SiteInfo& info, uint64_t address, uint64_t* value, Trap* trap) {
  HartState& state = cpu_.state;
  // What is illegal is left to the interpreter, which knows the instruction's bits; only these tell two fences apart.
  constexpr uint32_t kSfenceBits = 0x09u << 25, kOrderBits = 0x0cu << 25;
  const uint64_t next = cpu_.jit.page_va + info.next;
  switch (static_cast<HelperOp>(info.sub)) {
    case HelperOp::kCsr: {
      const CsrArgs args = unpack_csr(info.imm);
      const uint8_t mode = data_tlb_mode(cpu_);
      const uint32_t fp_ready = cpu_.jit.fp_ready;
      leave_fp();
      const CsrAccess access = helper_csr(cpu_, args.number, args.op, args.is_constant ? args.constant : cpu_.jit.value, args.read, args.write, 0);
      enter_fp();
      *value = access.old_value;
      *trap = access.trap;
      if (access.trap || !args.write) return false;
      uint8_t now;
      const bool same = usable(&now) && now == mode && cpu_.jit.fp_ready == fp_ready && unit_outlives_write(args.number);
      if (same) return false;
      if (info.destination < kFpBase && info.destination != 0) state.x[info.destination] = *value;
      state.pc = next;
      return true;
    }
    case HelperOp::kMret:
    case HelperOp::kSret:
      *trap = static_cast<HelperOp>(info.sub) == HelperOp::kMret ? helper_mret(cpu_, 0) : helper_sret(cpu_, 0);
      return !*trap;
    case HelperOp::kFenceI:
      in_.code().forget_stale(true);
      state.pc = next;
      return true;
    case HelperOp::kSfenceVma:
    case HelperOp::kSvinvalFence:
      *trap = helper_sfence_vma(cpu_, static_cast<HelperOp>(info.sub) == HelperOp::kSfenceVma ? kSfenceBits : kOrderBits, info.imm & 1, address,
                                info.imm >> 1, cpu_.jit.value);
      if (!*trap) state.pc = next;
      return !*trap;
    case HelperOp::kCbo:
      *trap = in_.cbo_value(static_cast<Cbo>(info.imm), address, 0);
      return false;
    case HelperOp::kEcall:
      *trap = {state.priv == kPrivM ? Exception::kEcallM : state.priv == kPrivS ? Exception::kEcallS : Exception::kEcallU, 0};
      return false;
    case HelperOp::kEbreak:
      *trap = {Exception::kBreakpoint, state.pc};
      return false;
  }
  UNREACHABLE();
}

// A site that misses often compared with what ran meanwhile: its slot is in the way, and the unit is made anew without. BQL held.
bool Jit::misses_often(const SiteInfo& info) {
  JitFrame& f = cpu_.jit;
  uint32_t& misses = *reinterpret_cast<uint32_t*>(reinterpret_cast<uint8_t*>(&cpu_.state) + x86_64::kFrameBias + info.misses);
  if (misses < kMissesMax) return false;
  cache_.counters.slot_misses += misses;
  misses = 0;
  uint64_t& since = (&f.misses_since[0][0])[&misses - &f.slot_misses[0][0]];
  const uint64_t now = cpu_.instructions();
  const bool often = now - since < kMissesMax * kInsnsPerMiss;
  since = now;
  if (!often) return false;
  const FetchEntry& entry = cpu_.tlb.tables(fetch_tlb_mode(cpu_)).fetch[Tlb::index(cpu_.state.pc)];
  if (entry.code == nullptr || entry.tag != (cpu_.state.pc & ~kPageMask)) return false;
  cache_.site_always_misses(*entry.code, info.offset);
  return true;
}

uint64_t Jit::slow(const SiteInfo& info, uint64_t address) {
  cache_.counters.slow_calls[info.kind]++;
  JitFrame& f = cpu_.jit;
  HartState& state = cpu_.state;
  state.pc = f.page_va + info.offset;
  in_.budget = f.budget + f.stolen - info.count + outside();
  uint64_t status = x86_64::kSlowDone;
  if (info.dirty64 | info.dirty32) repair_nans(info.dirty64, info.dirty32);
  bql_lock();
  if (info.slot != 0 && misses_often(info)) {
    f.budget -= info.count - 1;
    bql_unlock();
    return x86_64::kSlowLeave;
  }
  if (static_cast<SiteKind>(info.kind) == SiteKind::kGroup) {
    status = fill_for_group(info, address);
    bql_unlock();
    if (status == x86_64::kSlowLeave) f.budget -= info.count;
    return status == x86_64::kSlowLeave ? jump_on() : status;
  }
  if (lockstep_ != nullptr) cpu_.step_log->begin_instruction();
  const uint64_t ended = cache_.ended();
  Trap trap;
  uint64_t value = 0;
  bool left = false;
  if (static_cast<SiteKind>(info.kind) == SiteKind::kHelper) left = slow_helper(info, address, &value, &trap);
  else value = slow_access(info, address, &trap);
  if (lockstep_ != nullptr && cpu_.step_log->take_postponed()) {
    f.budget -= info.count - 1;
    bql_unlock();
    return x86_64::kSlowLeave;
  }
  if (left) {
    status = x86_64::kSlowLeave;
  } else if (trap.cause == Exception::kIllegalInst) {
    interpret_next_ = true;
    f.budget -= info.count - 1;
    bql_unlock();
    return x86_64::kSlowLeave;
  } else if (trap) {
    in_.take_trap(trap);
    status = x86_64::kSlowLeave;
  } else if (info.destination < kTempBase) {
    if (is_gpr(info.destination)) {
      if (info.destination != 0) state.x[info.destination] = value;
    } else {
      state.f[info.destination - kFpBase] = size_of(static_cast<MemOp>(info.mem_op)) == 4 ? fpu::box32(static_cast<uint32_t>(value)) : value;
    }
  }
  const bool code_ended = cache_.ended() != ended;
  bql_unlock();
  if (status == x86_64::kSlowDone && (code_ended || cpu_.exit_request || cpu_.leave_after_insn)) {
    state.pc = f.page_va + info.next;
    status = x86_64::kSlowLeave;
  }
  if (status != x86_64::kSlowLeave) return status;
  f.budget -= info.count;
  return jump_on();
}

// A group's head missed: its page is entered into the TLB for the retry. Done: that can't be, each access goes by itself.
uint64_t Jit::fill_for_group(const SiteInfo& info, uint64_t address) {
  const unsigned span = static_cast<unsigned>(4096 - info.limit);
  const bool is_store = info.sub != 0;
  if ((address & kPageMask) + span > 4096) return x86_64::kSlowDone;
  const TlbEntry* const table = is_store ? cpu_.tlb.current.write[info.mode] : cpu_.tlb.current.read[info.mode];
  if (Tlb::hit(table[Tlb::index(address)], address, span)) return x86_64::kSlowRetry;
  const uint64_t first = address - static_cast<uint64_t>(static_cast<int64_t>(info.base_offset));  // what the head itself accesses
  const HostAccess at = softmmu_access(cpu_, in_.code(), first, size_of(static_cast<MemOp>(info.mem_op)), is_store ? AccessType::kStore : AccessType::kLoad);
  if (at.trap) {
    in_.take_trap(at.trap);
    return x86_64::kSlowLeave;
  }
  return Tlb::hit(table[Tlb::index(address)], address, span) ? x86_64::kSlowRetry : x86_64::kSlowDone;
}

// The run goes on elsewhere (state.pc). Straight to its code where the jump cache knows it.
uint64_t Jit::jump_on() {
  JitFrame& f = cpu_.jit;
  uint8_t mode;
  if (cpu_.exit_request || cpu_.leave_after_insn || interpret_next_ || f.budget <= 0 || !usable(&mode)) return x86_64::kSlowLeave;
  if (lockstep_ != nullptr && lockstep_->by_unit()) return x86_64::kSlowLeave;
  const uint64_t pc = cpu_.state.pc;
  const JumpEntry& entry = cpu_.tlb.current.jump[mode][Tlb::jump_index(static_cast<TlbMode>(mode), pc)];
  if (entry.va != pc) return x86_64::kSlowLeave;
  leave_fp();
  enter_fp();
  f.value = pc;
  f.enter_code = entry.code;
  return x86_64::kSlowJump;
}

// --- signals ----------------------------------------------------------------------------------------------------------------------
void Jit::kick(uintptr_t pc, int64_t* budget_register) {
  Jit* const jit = running_;
  if (jit == nullptr || !jit->cache_.budget_is_live(pc)) return;
  JitFrame& f = jit->cpu_.jit;
  // Callbacks that this signal runs see the count as of the last look at the budget.
  jit->in_.budget = *budget_register + f.stolen + jit->outside();
  f.stolen += *budget_register + 1;
  *budget_register = -1;
}

uintptr_t Jit::recover(uintptr_t pc) { return running_ != nullptr ? running_->cache_.recover(pc) : 0; }

}  // namespace monochord
