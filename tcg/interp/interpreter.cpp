#include "tcg/interp/interpreter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/log.h"
#include "core/trace.h"
#include "tcg/exec/step_log.h"
#include "tcg/interp/direct.h"
#include "tcg/jit/jit.h"

namespace monochord {

namespace {

constexpr uint64_t kPageMask = 4095;
constexpr unsigned kDecodeAhead = 32;  // instructions decoded in one go
constexpr uint64_t kCacheBlock = 64;   // bytes of a CBO
using AnyDirect = Direct<2, false, false>;    // for the helpers that have no instruction

}  // namespace

// Stores what main must see, and holds the BQL for a scope.
class Interpreter::SlowPath {
 public:
  SlowPath(Interpreter& in, uint64_t pc, int64_t budget_left) {
    in.budget = budget_left;
    in.cpu_.state.pc = pc;
    in.trapped = false;
    bql_lock();
  }
  ~SlowPath() { bql_unlock(); }
  SlowPath(const SlowPath&) = delete;
  SlowPath& operator=(const SlowPath&) = delete;
};

Interpreter::Interpreter(RiscvCpu& cpu)
    : exit_request(&cpu.exit_request),
      misaligned_target(cpu.config.has(Ext::kC) ? 0 : 2),
      cpu_(cpu),
      code_(CodeCache::acquire(cpu.as, cpu.config, *this)) {
  resolve_slot.fn = handler_resolve();
  leave_slot.fn = handler_leave();
  for (Insn& insn : scratch_) insn.fn = handler_refetch();
  stale_work_.func = forget_stale;
  stale_work_.opaque = this;
  refresh_modes();
  if (TbCache* tbs = code_.tb_cache(cpu)) jit_ = std::make_unique<Jit>(cpu, *this, *tbs);
}

Interpreter::~Interpreter() {
  jit_.reset();
  CodeCache::release(code_, *this);
}

// --- the slice -------------------------------------------------------------------------------------------------------------
ExecExit Interpreter::exec(int64_t budget_given) {
  CHECK(bql_locked() && !in_handler_context() && budget_given >= 0);
  if (log_enabled(kLogExec | kLogCpu) && budget_given > 1) return exec_logged(budget_given);
  cpu_.exit_request = 0;
  if (cpu_.halted) {
    if (!cpu_.has_work()) return ExecExit::kHalted;
    cpu_.halted = false;
  }
  if (budget_given == 0) return ExecExit::kBudget;
  if (asleep_) {
    asleep_ = false;
    trace_wfi_left(cpu_.cpu_index, cpu_.state.pc);
  }
  code_.hart_runs(this);
  code_.forget_stale(false);
  if (!cpu_.interrupts_held && ((cpu_.interrupt_request & CPU_INTERRUPT_HARD) || cpu_.has_work()) && take_interrupt(cpu_)) {
    cpu_.state.reservation_addr = HartState::kNoReservation;
  }
  refresh_modes();
  why_ = ExecExit::kRequest;
  slice_ = budget = budget_given;
  bql_unlock();
  // Callbacks that waited for the BQL may have asked for something already.
  if (!cpu_.exit_request) jit_ != nullptr ? jit_->run() : run(budget_given);
  bql_lock();
  executed_ += static_cast<uint64_t>(slice_ - budget);
  slice_ = 0;
  return std::exchange(budget, 0) == 0 && why_ == ExecExit::kRequest ? ExecExit::kBudget : why_;
}

// A run within the run: instructions() counts on.
void Interpreter::run_some(int64_t instructions) {
  const int64_t rest = budget - instructions;
  executed_ += static_cast<uint64_t>(slice_ - budget);
  slice_ = budget = instructions;
  refresh_modes();
  run(instructions);
  executed_ += static_cast<uint64_t>(slice_ - budget);
  slice_ = budget = rest + budget;
}

void Interpreter::stop_before(const Insn* next) {
  budget = 0;
  if (next != &resolve_slot && next != &leave_slot) cpu_.state.pc = pc_of(next);
}

void Interpreter::refresh_modes() {
  Tlb::Tables& data = cpu_.tlb.tables(data_tlb_mode(cpu_));
  read = data.read;
  write = data.write;
  fetch = cpu_.tlb.tables(fetch_tlb_mode(cpu_)).fetch;
}

const Insn* Interpreter::after(const Insn* next) {
  if (!cpu_.exit_request && !cpu_.leave_after_insn) return next;
  if (next == &resolve_slot) return &leave_slot;  // state.pc says where
  if (next == &leave_slot) return next;
  return leave_at(pc_of(next));
}

// --- traps -----------------------------------------------------------------------------------------------------------------
const Insn* Interpreter::take(const Trap& trap) {
  trapped = true;
  cpu_.state.reservation_addr = HartState::kNoReservation;
  take_exception(cpu_, trap);
  refresh_modes();
  return &resolve_slot;
}

const Insn* Interpreter::raise(const Insn* insn, int64_t budget_left, Exception cause, uint64_t tval) {
  const Insn* next;
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    next = take({cause, tval});
  }
  return after(next);
}

const Insn* Interpreter::illegal(const Insn* insn, int64_t budget_left) {
  return raise(insn, budget_left, Exception::kIllegalInst, raw_bits(insn));
}

const Insn* Interpreter::environment_call(const Insn* insn, int64_t budget_left) {
  const Exception cause = cpu_.state.priv == kPrivM   ? Exception::kEcallM
                          : cpu_.state.priv == kPrivS ? Exception::kEcallS
                                                      : Exception::kEcallU;
  return raise(insn, budget_left, cause, 0);
}

uint32_t Interpreter::raw_bits(const Insn* insn) const {
  if (page == nullptr) return scratch_raw_;
  const size_t at = static_cast<size_t>(insn - page->insns) * 2;
  uint16_t half;
  memcpy(&half, page->host + at, sizeof half);
  // The bytes may be others than those that were decoded (DMA, x-strict-fencei): never read past the page.
  if (insn_length(half) == 2 || at + sizeof(uint32_t) > kPageMask + 1) return half;
  uint32_t word;
  memcpy(&word, page->host + at, sizeof word);
  return word;
}

// --- memory ----------------------------------------------------------------------------------------------------------------
SlowResult Interpreter::load(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size) {
  LoadResult result;
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    result = softmmu_load(cpu_, code_, vaddr, size);
    if (result.trap) next = take(result.trap);
  }
  return {result.value, after(next)};
}

const Insn* Interpreter::store(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size, uint64_t value) {
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    if (const Trap trap = softmmu_store(cpu_, code_, vaddr, size, value)) next = take(trap);
  }
  return after(next);
}

namespace {

// Stores if the word is what LR saw. The value of SC: 0 stored, 1 failed.
uint64_t conditional_store(uint8_t* host, unsigned size, uint64_t expected, uint64_t value) {
  if (size == 4) {
    const uint32_t wanted = static_cast<uint32_t>(expected);
    return AnyDirect::exchange_if(reinterpret_cast<uint32_t*>(host), wanted, static_cast<uint32_t>(value)) != wanted;
  }
  return AnyDirect::exchange_if(reinterpret_cast<uint64_t*>(host), expected, value) != expected;
}

// Host memory for an atomic access, or a trap: alignment first, then translation, then what is there.
HostAccess atomic_access(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size, AccessType type) {
  const bool is_load = type == AccessType::kLoad;
  HostAccess at;
  if (vaddr & (size - 1)) {
    at.trap = {is_load ? Exception::kLoadAddrMisaligned : Exception::kStoreAddrMisaligned, vaddr};
    return at;
  }
  at = softmmu_access(cpu, code, vaddr, size, type);
  if (!at.trap && (at.host == nullptr || (!is_load && !at.writable))) {
    at.trap = {is_load ? Exception::kLoadAccessFault : Exception::kStoreAccessFault, vaddr};
  }
  return at;
}

}  // namespace

uint64_t Interpreter::load_reserved_value(uint64_t vaddr, unsigned size, Trap* trap) {
  const HostAccess at = atomic_access(cpu_, code_, vaddr, size, AccessType::kLoad);
  *trap = at.trap;
  if (at.trap) return 0;
  const uint64_t value = AnyDirect::host_load(reinterpret_cast<uintptr_t>(at.host), size);
  cpu_.state.reservation_addr = reinterpret_cast<uintptr_t>(at.host);
  cpu_.state.reservation_value = value;
  cpu_.state.reservation_epoch = cpu_.dma_epoch;
  return value;
}

uint64_t Interpreter::store_conditional_value(uint64_t vaddr, unsigned size, uint64_t value, Trap* trap) {
  HartState& state = cpu_.state;
  const HostAccess at = atomic_access(cpu_, code_, vaddr, size, AccessType::kStore);
  *trap = at.trap;
  if (at.trap) return 1;
  uint64_t failed = 1;
  if (state.reservation_addr == reinterpret_cast<uintptr_t>(at.host) && state.reservation_epoch == cpu_.dma_epoch) {
    failed = conditional_store(at.host, size, state.reservation_value, value);
    if (failed == 0 && cpu_.step_log != nullptr) cpu_.step_log->stored(at.host, at.paddr, size, state.reservation_value);
    if (failed == 0) code_.written(at.paddr, size);
  }
  state.reservation_addr = HartState::kNoReservation;
  return failed;
}

uint64_t Interpreter::amo_value(AmoOp op, uint64_t vaddr, uint64_t operand, unsigned size, Trap* trap) {
  const HostAccess at = atomic_access(cpu_, code_, vaddr, size, AccessType::kStore);
  *trap = at.trap;
  if (at.trap) return 0;
  const uint64_t old = AnyDirect::amo_host(op, reinterpret_cast<uintptr_t>(at.host), operand, size == 4 ? MemOp::kS32 : MemOp::kU64);
  if (cpu_.step_log != nullptr) cpu_.step_log->stored(at.host, at.paddr, size, old);
  code_.written(at.paddr, size);
  return old;
}

SlowResult Interpreter::load_reserved(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size) {
  uint64_t value;
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    Trap trap;
    value = load_reserved_value(vaddr, size, &trap);
    if (trap) next = take(trap);
  }
  return {value, after(next)};
}

SlowResult Interpreter::store_conditional(const Insn* insn, const Insn* next, int64_t budget_left, uint64_t vaddr, unsigned size, uint64_t value) {
  HartState& state = cpu_.state;
  trapped = false;
  const TlbEntry& entry = write[Tlb::index(vaddr)];
  if (Tlb::hit(entry, vaddr, size) && (vaddr & (size - 1)) == 0) {
    uint8_t* const host = reinterpret_cast<uint8_t*>(vaddr + entry.addend);
    const bool reserved = state.reservation_addr == reinterpret_cast<uintptr_t>(host) && state.reservation_epoch == cpu_.dma_epoch;
    state.reservation_addr = HartState::kNoReservation;
    if (!reserved) return {1, next};
    return {conditional_store(host, size, state.reservation_value, value), next};
  }
  uint64_t failed;
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    Trap trap;
    failed = store_conditional_value(vaddr, size, value, &trap);
    if (trap) next = take(trap);
  }
  return {failed, after(next)};
}

SlowResult Interpreter::amo(const Insn* insn, const Insn* next, int64_t budget_left, AmoOp op, uint64_t vaddr, uint64_t operand, unsigned size) {
  uint64_t old;
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    Trap trap;
    old = amo_value(op, vaddr, operand, size, &trap);
    if (trap) next = take(trap);
  }
  return {old, after(next)};
}

// Zeroes a block that the TLB does not answer for.
Trap Interpreter::zero_block(uint64_t block) {
  const HostAccess at = softmmu_access(cpu_, code_, block, kCacheBlock, AccessType::kStore);
  if (at.trap) return at.trap;
  if (at.host != nullptr && at.writable && cpu_.step_log == nullptr) {
    memset(at.host, 0, kCacheBlock);
    code_.written(at.paddr, kCacheBlock);
    return {};
  }
  Trap trap;
  for (uint64_t offset = 0; offset < kCacheBlock && !trap; offset += 8) trap = softmmu_store(cpu_, code_, block + offset, 8, 0);
  return trap;
}

Trap Interpreter::cbo_value(Cbo op, uint64_t vaddr, uint32_t raw) {
  const uint64_t block = vaddr & ~(kCacheBlock - 1);
  if (const Trap trap = helper_cbo_check(cpu_, op, raw)) return trap;
  if (op == Cbo::kZero) return zero_block(block);
  // There is no cache; what is left is the right to touch the block, as a load or a store. The fault is a store's.
  if (!softmmu_access(cpu_, code_, block, kCacheBlock, AccessType::kLoad).trap) return {};
  return softmmu_access(cpu_, code_, block, kCacheBlock, AccessType::kStore).trap;
}

const Insn* Interpreter::cbo(const Insn* insn, const Insn* next, int64_t budget_left, Cbo op, uint64_t vaddr) {
  const uint64_t block = vaddr & ~(kCacheBlock - 1);
  const uint32_t raw = raw_bits(insn);
  const TlbEntry& entry = write[Tlb::index(block)];
  if (op == Cbo::kZero && Tlb::hit(entry, block, kCacheBlock) && !helper_cbo_check(cpu_, op, raw)) {
    memset(reinterpret_cast<void*>(block + entry.addend), 0, kCacheBlock);
    return next;
  }
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    if (const Trap trap = cbo_value(op, vaddr, raw)) next = take(trap);
  }
  return after(next);
}

// --- system ----------------------------------------------------------------------------------------------------------------
SlowResult Interpreter::csr(const Insn* insn, const Insn* next, int64_t budget_left, unsigned number, CsrOp op, uint64_t operand, unsigned access) {
  trapped = false;
  budget = budget_left;
  cpu_.state.pc = pc_of(insn);
  const CsrAccess result = helper_csr(cpu_, number, op, operand, access & 1, access >> 1, 0);
  if (result.trap) return {0, raise(insn, budget_left, result.trap.cause, raw_bits(insn))};
  if ((access >> 1) && csr_ends_block(number)) {
    const uint64_t next_pc = pc_of(next);
    refresh_modes();
    next = resolve_at(next_pc);
  }
  return {result.old_value, after(next)};
}

const Insn* Interpreter::system(const Insn* insn, const Insn* next, int64_t budget_left, System what) {
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    HartState& state = cpu_.state;
    const uint64_t next_pc = pc_of(next);
    const uint32_t raw = raw_bits(insn);
    Trap trap;
    switch (what) {
      case System::kMret:
        trap = helper_mret(cpu_, raw);
        break;
      case System::kSret:
        trap = helper_sret(cpu_, raw);
        break;
      case System::kWfi:
        trap = helper_wfi(cpu_, raw);
        if (trap) break;
        state.pc = next_pc;
        if (cpu_.has_work()) break;
        trace_wfi_entered(cpu_.cpu_index, pc_of(insn));
        asleep_ = true;
        cpu_.halted = true;
        why_ = ExecExit::kHalted;
        return &leave_slot;
      case System::kFenceI:
        code_.forget_stale(true);
        state.pc = next_pc;
        break;
      case System::kSvinvalFence:
        trap = helper_sfence_vma(cpu_, raw, false, 0, false, 0);
        state.pc = trap ? state.pc : next_pc;
        break;
    }
    next = &resolve_slot;
    if (trap) {
      next = take(trap);
    } else {
      refresh_modes();
    }
  }
  return after(next);
}

const Insn* Interpreter::sfence_vma(const Insn* insn, const Insn* next, int64_t budget_left, unsigned operands, uint64_t vaddr, uint64_t asid) {
  {
    SlowPath slow(*this, pc_of(insn), budget_left);
    const uint64_t next_pc = pc_of(next);
    const Trap trap = helper_sfence_vma(cpu_, raw_bits(insn), operands & 1, vaddr, operands >> 1, asid);
    next = trap ? take(trap) : resolve_at(next_pc);
  }
  return after(next);
}

// --- fetch and decode ----------------------------------------------------------------------------------------------------------
Insn Interpreter::make_insn(const Decoded& decoded, unsigned slot) const {
  Insn insn{nullptr, decoded.args};
  if (decoded.op == op_illegal) {
    insn.fn = handler_of(op_illegal, 4, false);
    return insn;
  }
  const InsnLine& line = insn_line(decoded.op);
  if (insn.args.rd == 0 && format_has(line.format, 'd')) insn.args.rd = kSinkRegister;
  bool in_page = false;
  if (slot < CodePage::kSlots && (decoded.op == op_jal || (line.flags & kBranch) != 0)) {
    const int64_t target = int64_t{slot} * 2 + insn.args.imm;
    in_page = target >= 0 && target <= static_cast<int64_t>(kPageMask) && (insn.args.imm & misaligned_target) == 0;
  }
  insn.fn = handler_of(decoded.op, decoded.length, in_page);
  return insn;
}

const Insn* Interpreter::decode_slot(const Insn* insn, int64_t budget_left) {
  SlowPath slow(*this, pc_of(insn), budget_left);
  CHECK(page != nullptr && insn >= page->insns && insn < page->insns + CodePage::kSlots);
  const unsigned first = static_cast<unsigned>(insn - page->insns);
  unsigned slot = first;
  unsigned count = 0;
  while (count < kDecodeAhead && slot < CodePage::kSlots && page->insns[slot].fn == handler_decode()) {
    uint16_t half;
    memcpy(&half, page->host + slot * 2, sizeof half);
    uint32_t raw = half;
    if (insn_length(half) == 4) {
      if (slot == CodePage::kSlots - 1) {
        page->insns[slot].fn = handler_cross();
        break;
      }
      memcpy(&raw, page->host + slot * 2, sizeof raw);
    }
    const Decoded decoded = decode(raw, &cpu_.config);
    page->insns[slot] = make_insn(decoded, slot);
    slot += decoded.length / 2;
    count++;
    if (decoded.op == op_illegal || (insn_line(decoded.op).flags & kEndsBlock) != 0) break;
  }
  code_.decoded(*page);
  if (log_enabled(kLogInAsm)) log_in_asm(insn, slot - first);
  return insn;
}

bool Interpreter::read_code(uint64_t paddr, uint16_t* half) const {
  const MemorySection section = cpu_.as.translate(paddr);
  if (section.host == nullptr || section.remaining < 2) return false;
  memcpy(half, section.host, sizeof *half);
  return true;
}

const Insn* Interpreter::run_from_scratch(uint64_t pc, uint32_t raw) {
  if (raw != scratch_raw_ || scratch_raw_ == 0) {
    scratch_raw_ = raw;
    scratch_[0] = make_insn(decode(raw, &cpu_.config), CodePage::kSlots);
    scratch_[1].fn = scratch_[2].fn = handler_refetch();
  }
  page = nullptr;
  bias = pc - slot_offset(scratch_);
  return scratch_;
}

const Insn* Interpreter::resolve(int64_t budget_left) {
  trapped = false;
  const uint64_t pc = cpu_.state.pc;
  if (const FetchEntry& entry = fetch[Tlb::index(pc)]; entry.tag == (pc & ~kPageMask) && entry.page != nullptr) return lookup(pc);
  if (breakpoint_on_page(pc)) {
    if (at_breakpoint(pc)) {
      budget = budget_left;
      why_ = ExecExit::kBreakpoint;
      return &leave_slot;
    }
    return fetch_uncached(pc, budget_left);
  }
  const Insn* next = nullptr;
  {
    SlowPath slow(*this, pc, budget_left);
    const Translation translation = mmu_translate(cpu_, pc, 2, AccessType::kFetch, mmu_mode(cpu_, AccessType::kFetch));
    if (translation.trap) {
      next = take(translation.trap);
    } else if (translation.page_executable) {
      const uint64_t page_paddr = translation.paddr & ~kPageMask;
      const MemorySection section = cpu_.as.translate(page_paddr);
      if (section.host != nullptr && section.remaining >= 4096) {
        CodePage* to = code_.get(page_paddr, section.host);
        cpu_.tlb.fill_fetch(fetch_tlb_mode(cpu_), pc, to, translation.leaf_bits, translation.global);
        next = lookup(pc);
      }
    }
  }
  if (next == nullptr) return fetch_uncached(pc, budget_left);
  return after(next);
}

// One instruction by itself: pages that PMP cuts, memory that does not fill a page, pages with breakpoints.
const Insn* Interpreter::fetch_uncached(uint64_t pc, int64_t budget_left) {
  const Insn* next = nullptr;
  {
    SlowPath slow(*this, pc, budget_left);
    const MmuMode mode = mmu_mode(cpu_, AccessType::kFetch);
    uint16_t half[2] = {0, 0};
    Trap trap;
    for (unsigned i = 0; i < 2 && !trap; i++) {
      const uint64_t at = pc + 2 * i;
      const Translation translation = mmu_translate(cpu_, at, 2, AccessType::kFetch, mode);
      trap = translation.trap;
      if (!trap && !read_code(translation.paddr, &half[i])) trap = {Exception::kInstAccessFault, at};
      if (i == 0 && insn_length(half[0]) == 2) break;
    }
    next = trap ? take(trap) : run_from_scratch(pc, half[0] | uint32_t{half[1]} << 16);
  }
  return after(next);
}

const Insn* Interpreter::cross(const Insn* insn, int64_t budget_left) {
  trapped = false;
  const uint64_t pc = pc_of(insn);
  const uint64_t second = pc + 2;
  uint16_t low, high = 0;
  memcpy(&low, page->host + 4094, sizeof low);
  const FetchEntry& entry = fetch[Tlb::index(second)];
  if (entry.tag == second && entry.page != nullptr) {
    memcpy(&high, entry.page->host, sizeof high);
    return run_from_scratch(pc, low | uint32_t{high} << 16);
  }
  const Insn* next;
  {
    SlowPath slow(*this, pc, budget_left);
    Translation translation = mmu_translate(cpu_, second, 2, AccessType::kFetch, mmu_mode(cpu_, AccessType::kFetch));
    if (!translation.trap) {
      const MemorySection section = cpu_.as.translate(translation.paddr);
      if (section.host == nullptr || section.remaining < 2) {
        translation.trap = {Exception::kInstAccessFault, second};
      } else {
        memcpy(&high, section.host, sizeof high);
        if (translation.page_executable && section.remaining >= 4096 && !breakpoint_on_page(second)) {
          CodePage* to = code_.get(translation.paddr, section.host);
          cpu_.tlb.fill_fetch(fetch_tlb_mode(cpu_), second, to, translation.leaf_bits, translation.global);
        }
      }
    }
    next = translation.trap ? take(translation.trap) : run_from_scratch(pc, low | uint32_t{high} << 16);
  }
  return after(next);
}

// --- breakpoints and DMA ---------------------------------------------------------------------------------------------------
bool Interpreter::breakpoint_on_page(uint64_t pc) const {
  return std::any_of(breakpoints_.begin(), breakpoints_.end(), [pc](uint64_t b) { return ((b ^ pc) & ~kPageMask) == 0; });
}

bool Interpreter::at_breakpoint(uint64_t pc) const { return std::find(breakpoints_.begin(), breakpoints_.end(), pc) != breakpoints_.end(); }

void Interpreter::insert_breakpoint(uint64_t pc) {
  if (!at_breakpoint(pc)) breakpoints_.push_back(pc);
  cpu_.tlb.flush_fetch();
}

void Interpreter::remove_breakpoint(uint64_t pc) {
  std::erase(breakpoints_, pc);
  cpu_.tlb.flush_fetch();
}

void Interpreter::queue_forget_stale() { async_run_on_cpu(cpu_, stale_work_); }

void Interpreter::forget_stale(Cpu&, void* opaque) { static_cast<Interpreter*>(opaque)->code_.forget_stale(false); }

}  // namespace monochord
