#include "tcg/jit/tb_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/host.h"
#include "core/log.h"
#include "tcg/emit/translate.h"
#include "tcg/jit/jit.h"
#include "tcg/jit/unit_log.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

namespace {

constexpr uint64_t kPageMask = 4095;
constexpr size_t kThunkBytes = 32 << 10;
constexpr size_t kCacheMin = 1 << 20;
constexpr size_t kMetaMax = sizeof(TranslationBlock) + x86_64::UnitEmitter::kExitsMax * sizeof(TbExit) + 8192;

uint64_t granules_of(uint64_t paddr, uint64_t size) {
  const unsigned first = (paddr & kPageMask) / 64;
  const unsigned last = static_cast<unsigned>(((paddr & kPageMask) + size - 1) / 64);
  return (~uint64_t{0} >> (63 - last)) & (~uint64_t{0} << first);
}

}  // namespace

std::unique_ptr<TbCache> TbCache::create(const CpuConfig& config, RiscvCpu& hart) {
  if (!has_host()) return nullptr;
  if (const char* missing = x86_64::host_lacks()) {
    error_report("the JIT needs %s; guest code is interpreted", missing);
    return nullptr;
  }
  const size_t size = kThunkBytes + kHashBytes + std::max<size_t>(jit_options().cache_bytes, kCacheMin);
  Result<uint8_t*> memory = host().map_code(size);
  if (!memory) {
    error_report("%s; guest code is interpreted", memory.error().message.c_str());
    return nullptr;
  }
  return std::unique_ptr<TbCache>(new TbCache(config, memory.value(), size, hart));
}

TbCache::TbCache(const CpuConfig& config, uint8_t* memory, size_t size, RiscvCpu& hart)
    : config_(config), options_(jit_options()), host_(host()), begin_(reinterpret_cast<uintptr_t>(memory)), size_(size),
      hash_(reinterpret_cast<HashEntry*>(memory + kThunkBytes)), unit_(new Unit) {
  set_code_hooks(Jit::kick, Jit::recover);
  make_layout(hart);
  thunks_ = x86_64::make_thunks(memory, memory + kThunkBytes, layout_, Jit::slow_path);
  if (perf_map != nullptr) tell_thunks(thunks_);
  uint8_t* const halves = memory + kThunkBytes + kHashBytes;
  const size_t half = (memory + size - halves) / 2 & ~size_t{4095};
  for (int i = 0; i < 2; i++) {
    Half& h = halves_[i];
    h.begin = h.code = halves + static_cast<size_t>(i) * half;
    h.end = h.meta = h.begin + half;
  }
}

TbCache::~TbCache() { host_.unmap_code(reinterpret_cast<uint8_t*>(begin_), size_); }

void TbCache::make_layout(RiscvCpu& hart) {
  const auto at = [&](const volatile void* field) {
    return static_cast<int32_t>(reinterpret_cast<uintptr_t>(field) - reinterpret_cast<uintptr_t>(&hart.state)) - x86_64::kFrameBias;
  };
  x86_64::FrameLayout& l = layout_;
  HartState& s = hart.state;
  JitFrame& j = hart.jit;
  l.f = at(s.f.data());
  l.page_va = at(&j.page_va);
  l.budget = at(&j.budget);
  l.stolen = at(&j.stolen);
  l.value = at(&j.value);
  l.temp = at(&j.temp);
  l.group_addends = at(&j.group_addends);
  l.hart = at(&j.hart);
  l.host_rsp = at(&j.host_rsp);
  l.enter_code = at(&j.enter_code);
  l.mxcsr = at(&j.mxcsr);
  l.mxcsr_host = at(&j.mxcsr_host);
  l.exit_reason = at(&j.exit_reason);
  l.fp_ready = at(&j.fp_ready);
  l.dirty64 = at(&j.dirty64);
  l.dirty32 = at(&j.dirty32);
  l.exit_request = at(&hart.exit_request);
  l.read_table = at(&hart.tlb.current.read);
  l.write_table = at(&hart.tlb.current.write);
  l.jump_table = at(&hart.tlb.current.jump);
  l.slots = at(&hart.tlb.slots);
  l.slot_filter = at(&hart.tlb.slot_filter);
  l.slot_groups = at(&hart.tlb.slot_groups);
  l.slot_misses = at(&j.slot_misses);
  l.mstatus = at(&s.mstatus);
  l.mie = at(&s.mie);
  l.mip_soft = at(&s.mip_soft);
  l.irq_lines = at(&hart.irq_lines);
  l.sscratch = at(&s.sscratch);
  l.sepc = at(&s.sepc);
  l.scause = at(&s.scause);
  l.stval = at(&s.stval);
  l.stvec = at(&s.stvec);
  l.satp = at(&s.satp);
  l.menvcfg = at(&s.menvcfg);
  l.senvcfg = at(&s.senvcfg);
  l.frm = at(&s.frm);
  l.fflags = at(&s.fflags);
  l.reservation_addr = at(&s.reservation_addr);
  l.reservation_value = at(&s.reservation_value);
  l.reservation_epoch = at(&s.reservation_epoch);
  l.dma_epoch = at(&hart.dma_epoch);
  l.slots_per_mode = Tlb::kSiteSlots;
  for (unsigned mode = 0; mode < kTlbModes; mode++) l.jump_index_mask[mode] = Tlb::jump_entries(static_cast<TlbMode>(mode)) - 1;
  static_assert(Tlb::kEntries == 4096 && Tlb::kSiteSlots == kJitSlots);
}

void TbCache::add_hart(RiscvCpu& hart) {
  for (RiscvCpu* other : harts_) other->tlb.flush_jump();  // links between pages are for one
  harts_.push_back(&hart);
  if (options_.tlb_entries != Tlb::kEntries) hart.tlb.set_entries_for_test(options_.tlb_entries);
}

void TbCache::remove_hart(RiscvCpu& hart) { std::erase(harts_, &hart); }

TbPage* TbCache::page(uint64_t paddr, uint8_t* host) {
  if (TbPage* found = find_page(paddr)) {
    found->host = host;
    return found;
  }
  auto made = std::make_unique<TbPage>();
  made->paddr = paddr & ~kPageMask;
  made->host = host;
  TbPage* page = made.get();
  pages_[paddr >> 12] = std::move(made);
  const uint64_t bit = (paddr >> 12) % kFilterBits;
  filter_[bit / 64] |= uint64_t{1} << (bit % 64);
  return page;
}

// --- units --------------------------------------------------------------------------------------------------------------------
TranslationBlock* TbCache::find(const TbPage& page, uint16_t offset, uint8_t mode, bool grouped, const TbPage* next) {
  const uint64_t key = key_of(page.paddr | offset, mode, grouped);
  for (size_t at = place_of(key); hash_[at].tag != 0; at = (at + 1) % kHashSize) {
    if (hash_[at].tag != tag_of(key)) continue;
    TranslationBlock* const tb = unit_at(hash_[at]);
    if (tb->page_paddr == page.paddr && (!tb->straddles || tb->next_page == next)) return tb;
  }
  return nullptr;
}

void TbCache::enter(TranslationBlock& tb) {
  const uint64_t key = key_of(tb);
  size_t at = place_of(key);
  while (hash_[at].tag != 0) at = (at + 1) % kHashSize;
  hash_[at] = {tag_of(key), static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&tb) - begin_)};
  hashed_++;
}

// What stands behind it moves up, so that no search ends early.
void TbCache::remove(TranslationBlock& tb) {
  size_t hole = place_of(key_of(tb));
  while (hash_[hole].tag == 0 || unit_at(hash_[hole]) != &tb) hole = (hole + 1) % kHashSize;
  for (size_t at = (hole + 1) % kHashSize; hash_[at].tag != 0; at = (at + 1) % kHashSize) {
    const size_t wanted = place_of(key_of(*unit_at(hash_[at])));
    if ((at - wanted) % kHashSize < (at - hole) % kHashSize) continue;
    hash_[hole] = hash_[at];
    hole = at;
  }
  hash_[hole] = {};
  hashed_--;
}

TranslationBlock* TbCache::get(TbPage& page, uint16_t offset, uint8_t mode, bool grouped, TbPage* next) {
  if (TranslationBlock* tb = find(page, offset, mode, grouped, next)) return tb;
  return make(page, offset, mode, grouped, next);
}

void TbCache::make_room() {
  Half& half = halves_[current_];
  const bool has_room = half.meta - half.code > static_cast<ptrdiff_t>(x86_64::UnitEmitter::kBytesMax + kMetaMax);
  if (has_room && hashed_ < kHashSize * 3 / 4 && half.tbs.size() < options_.units_max) return;
  current_ ^= 1;
  Half& other = halves_[current_];
  if (!other.tbs.empty()) {
    counters.evictions++;
    if (perf_map != nullptr) perf_map->forget(other.begin, other.end);
    for (TranslationBlock* tb : other.tbs) {
      if (tb->valid) end(*tb, TbEnd::kEviction);
    }
    other.tbs.clear();
    // Jump caches may lead there, and so may exits of units that ended: those are never taken again.
    for (RiscvCpu* hart : harts_) hart->tlb.flush_jump();
  }
  other.code = other.begin;
  other.meta = other.end;
}

TranslationBlock* TbCache::make(TbPage& page, uint16_t offset, uint8_t mode, bool grouped, TbPage* next) {
  const int64_t begin_ns = counting_ns();
  make_room();
  Unit& unit = *unit_;
  UnitRequest request;
  request.page = code(page);
  request.next_page = next != nullptr ? code(*next) : nullptr;
  request.page_paddr = page.paddr;
  request.start = offset;
  request.mode = mode;
  request.insns_max = options_.one_insn ? 1 : kUnitInsnsMax;
  request.follow_jumps = options_.follow && !options_.one_insn;
  build_unit(unit, request, config_);
  if (unit.insn_count == 0) return nullptr;
  if (grouped && options_.groups) find_groups(unit);

  Half& half = halves_[current_];
  uint8_t* const meta_min = half.meta - kMetaMax;
  half.meta -= sizeof(TranslationBlock);
  TranslationBlock* tb = new (half.meta) TranslationBlock;
  tb->page_paddr = page.paddr;
  tb->page = &page;
  tb->start = offset;
  tb->mode = mode;
  tb->grouped = grouped;
  tb->straddles = unit.straddles;
  tb->next_page = unit.straddles ? next : nullptr;
  tb->insn_count = static_cast<uint16_t>(unit.insn_count);
  tb->granules = unit.granules;
  x86_64::UnitEmitter emitter(half.code, meta_min, unit, layout_, thunks_, options_, slots_, page, *tb, reinterpret_cast<TbExit*>(half.meta));
  x86_64::CodeMarks marks;
  if (log_enabled(kLogOutAsm)) emitter.record(marks);
  emitter.emit(grouped && options_.groups);
  half.meta = emitter.store_sites(reinterpret_cast<uint8_t*>(tb->exits));
  half.meta -= reinterpret_cast<uintptr_t>(half.meta) & 15;
  counters.bytes += static_cast<uint64_t>(emitter.cursor() - half.code);
  half.code = emitter.cursor();
  half.tbs.push_back(tb);

  enter(*tb);
  tb->page_next = page.tbs;
  page.tbs = tb;
  const auto protect = [&](TbPage& p, uint64_t granules) {
    if (p.granules == 0) {
      for (RiscvCpu* hart : harts_) hart->tlb.protect_code_page(p.host);
    }
    p.granules |= granules;
  };
  protect(page, tb->granules);
  if (tb->straddles) {
    protect(*next, 1);
    next->straddlers.push_back(tb);
  }
  counters.units++;
  counters.insns += tb->insn_count;
  counters.ns += static_cast<uint64_t>(counting_ns() - begin_ns);
  if (wants_units()) tell(*tb, marks);
  return tb;
}

void TbCache::tell(const TranslationBlock& tb, const x86_64::CodeMarks& marks) const {
  // Whoever runs stands where the unit begins.
  const RiscvCpu* const hart = current_cpu != nullptr ? static_cast<RiscvCpu*>(current_cpu) : harts_.size() == 1 ? harts_.front() : nullptr;
  const bool is_virtual = hart != nullptr && (hart->state.pc & kPageMask) == tb.start;
  tell_unit({*unit_, tb, log_enabled(kLogOutAsm) ? &marks : nullptr, thunks_, is_virtual ? hart->state.pc & ~kPageMask : tb.page_paddr, is_virtual});
}

// A new process finds what others made of its code.
void TbCache::fill_jumps(RiscvCpu& hart, const TbPage& page, uint64_t page_va, uint8_t mode) {
  if (!options_.chain) return;
  for (const TranslationBlock* tb = page.tbs; tb != nullptr; tb = tb->page_next) {
    if (tb->mode != mode || !tb->grouped || tb->straddles) continue;
    const uint64_t va = page_va + tb->start;
    if (hart.tlb.current.jump[mode][Tlb::jump_index(static_cast<TlbMode>(mode), va)].code == nullptr) hart.tlb.fill_jump(static_cast<TlbMode>(mode), va, tb->entry_indirect);
  }
}

void TbCache::link(TbExit& exit, TranslationBlock& to) {
  if (!exit.from->valid || !to.valid || exit.to != nullptr) return;
  counters.links++;
  exit.to = &to;
  exit.next_in = to.incoming;
  to.incoming = &exit;
  x86_64::Emitter::patch(exit.field, exit.backward || options_.look ? to.entry_check : to.entry);
}

void TbCache::link_far(RiscvCpu& hart, TbExit& exit, uint64_t page_va, uint64_t va, const uint8_t* code) {
  constexpr int kRel32 = 4;
  if (harts_.size() != 1) {
    // Units are shared and TLBs are not: what holds for one says nothing of the others. On to the jump cache, for good.
    x86_64::Emitter::patch(exit.field, exit.stub + exit.far_jump + kRel32);
    return;
  }
  counters.links++;
  uint8_t* const far = exit.stub + exit.far;
  memcpy(exit.stub + exit.far_address, &page_va, sizeof page_va);
  x86_64::Emitter::patch(exit.stub + exit.far_jump, code);
  x86_64::Emitter::patch(exit.field, far);
  hart.tlb.add_link(static_cast<TlbMode>(exit.mode), va, exit, [](TbExit& undone) { x86_64::Emitter::patch(undone.field, undone.stub); });
}

void TbCache::end(TranslationBlock& tb, TbEnd why) {
  ended_++;
  counters.ended[static_cast<unsigned>(why)]++;
  tb.valid = false;
  for (TbExit* exit = tb.incoming; exit != nullptr;) {
    TbExit* const next = exit->next_in;
    x86_64::Emitter::patch(exit->field, exit->stub);
    exit->to = nullptr;
    exit->next_in = nullptr;
    exit = next;
  }
  tb.incoming = nullptr;
  for (unsigned i = 0; i < tb.exit_count; i++) {
    TbExit& exit = tb.exits[i];
    if (exit.to == nullptr) continue;
    TbExit** at = &exit.to->incoming;
    while (*at != &exit) at = &(*at)->next_in;
    *at = exit.next_in;
    exit.to = nullptr;
    x86_64::Emitter::patch(exit.field, exit.stub);
  }
  remove(tb);
  TranslationBlock** at = &tb.page->tbs;
  while (*at != &tb) at = &(*at)->page_next;
  *at = tb.page_next;
  if (tb.straddles) std::erase(tb.next_page->straddlers, &tb);
  // Jump caches that still lead here come back to the run loop; rax is the address that they looked for.
  uint8_t code[16];
  x86_64::Emitter e(code, code + sizeof code + x86_64::Emitter::kOverrun);
  e.jmp_near(code);
  memcpy(tb.entry_indirect, code, 5);
  x86_64::Emitter::patch(tb.entry_indirect + 1, thunks_.exit[static_cast<int>(JitExit::kJump)]);
}

void TbCache::end_touched(TbPage& page, uint64_t granules, TbEnd why) {
  uint64_t left = 0;
  for (TranslationBlock* tb = page.tbs; tb != nullptr;) {
    TranslationBlock* const next = tb->page_next;
    if (tb->granules & granules) end(*tb, why);
    else left |= tb->granules;
    tb = next;
  }
  if (granules & 1) {
    while (!page.straddlers.empty()) end(*page.straddlers.back(), why);
  } else if (!page.straddlers.empty()) {
    left |= 1;
  }
  page.granules = left;
}

const uint8_t* TbCache::code(TbPage& page) {
  if (!config_.strict_fencei) return page.host;
  if (page.seen == nullptr) {
    page.seen = std::make_unique<uint8_t[]>(4096);
    memcpy(page.seen.get(), page.host, 4096);
    // Stores to it have to be seen from here on.
    for (RiscvCpu* hart : harts_) hart->tlb.protect_code_page(page.host);
  }
  return page.seen.get();
}

// --- code that changes ------------------------------------------------------------------------------------------------------
void TbCache::written(uint64_t paddr, uint64_t size) {
  const uint64_t end = paddr + size;
  while (paddr < end) {
    const uint64_t bytes = std::min(end - paddr, 4096 - (paddr & kPageMask));
    if (TbPage* page = find_page(paddr)) {
      const uint64_t touched = granules_of(paddr, bytes);
      if (page->seen != nullptr) {
        page->stale = any_stale_ = true;
      } else if (page->granules & touched) {
        end_touched(*page, touched, TbEnd::kStore);
      }
    }
    paddr += bytes;
  }
}

void TbCache::dma_written(uint64_t paddr, uint64_t size, bool* any) {
  for (uint64_t page = paddr >> 12; page <= (paddr + size - 1) >> 12; page++) {
    TbPage* const found = find_page(page << 12);
    if (found == nullptr || (found->granules == 0 && found->seen == nullptr)) continue;
    found->stale = any_stale_ = true;
    *any = true;
  }
}

void TbCache::forget(TbPage& page, TbEnd why) {
  page.stale = false;
  page.seen.reset();
  end_touched(page, ~uint64_t{0}, why);
}

void TbCache::forget_stale(bool fence) {
  if (!any_stale_ || (config_.strict_fencei && !fence)) return;
  any_stale_ = false;
  for (auto& [number, page] : pages_) {
    if (page->stale) forget(*page, TbEnd::kStale);
  }
}

void TbCache::flush() {
  for (auto& [number, page] : pages_) forget(*page, TbEnd::kFlush);
}

void TbCache::site_always_misses(TbPage& page, uint16_t offset) {
  counters.sites_demoted++;
  page.set_always_misses(offset);
  end_touched(page, uint64_t{1} << (offset / 64), TbEnd::kSite);
}

// --- questions of signal handlers -----------------------------------------------------------------------------------------------
bool TbCache::budget_is_live(uintptr_t host_pc) const {
  if (!holds(host_pc)) return false;
  for (int i = 0; i < thunks_.dead_count; i++) {
    if (host_pc >= reinterpret_cast<uintptr_t>(thunks_.dead[i].begin) && host_pc < reinterpret_cast<uintptr_t>(thunks_.dead[i].end)) return false;
  }
  return true;
}

uintptr_t TbCache::recover(uintptr_t host_pc) const {
  if (!holds(host_pc)) return 0;
  for (const Half& half : halves_) {
    if (host_pc < reinterpret_cast<uintptr_t>(half.begin) || host_pc >= reinterpret_cast<uintptr_t>(half.code)) continue;
    for (const TranslationBlock* tb : half.tbs) {
      if (host_pc < reinterpret_cast<uintptr_t>(tb->entry_indirect) || host_pc >= reinterpret_cast<uintptr_t>(tb->end)) continue;
      for (unsigned i = 0; i < tb->site_count; i++) {
        if (tb->sites[i].access == host_pc - reinterpret_cast<uintptr_t>(tb->entry_indirect))
          return reinterpret_cast<uintptr_t>(tb->entry_indirect) + tb->sites[i].stub;
      }
    }
  }
  return 0;
}

}  // namespace monochord
