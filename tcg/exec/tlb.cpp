#include "tcg/exec/tlb.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/check.h"
#include "tcg/riscv/bits.h"

namespace monochord {

namespace {

constexpr unsigned kSatpAsidShift = 44;

// A page number whose index is another slot's.
constexpr uint64_t empty_tag(unsigned slot) { return slot == 0 ? 4096 : 0; }
// As an address it isn't even one of an instruction.
constexpr uint64_t empty_va(unsigned slot) { return slot == 0 ? 1 : 0; }
static_assert(Tlb::jump_index(kTlbS, 1) == 0 && Tlb::jump_index(kTlbS, 0) == 0, "va 0 belongs into slot 0 alone");

// kEmptySlot can't be translated: bits 63 to 56 (Sv57's sign and above) differ, and physical addresses end below it.
static_assert((Tlb::kEmptySlot & Tlb::kPageMask) == 0 && (Tlb::kEmptySlot >> 56) != 0 && (Tlb::kEmptySlot >> 56) != 0xff);

void clear(TlbEntry* table, unsigned slot) { table[slot] = {empty_tag(slot), 0}; }
void clear(FetchEntry* table, unsigned slot) { table[slot] = {empty_tag(slot), nullptr}; }
void clear(JumpEntry* table, unsigned slot) { table[slot] = {empty_va(slot), nullptr}; }

// Calls function(slot) for each slot of the segments in `touched`.
template <typename Function>
void for_each_slot(unsigned segment, uint64_t touched, Function function) {
  for (; touched != 0; touched &= touched - 1) {
    const unsigned first = static_cast<unsigned>(std::countr_zero(touched)) * segment;
    for (unsigned slot = first; slot < first + segment; slot++) function(slot);
  }
}
template <unsigned kSegment, typename Function>
void for_each_slot(uint64_t touched, Function function) {
  for_each_slot(kSegment, touched, function);
}

template <unsigned kSegment, typename Entry>
void empty_table(Entry* table, uint64_t& touched) {
  for_each_slot<kSegment>(touched, [table](unsigned slot) { clear(table, slot); });
  touched = 0;
}

}  // namespace

// --- large leaves ---------------------------------------------------------------------------------------------------------
const Tlb::LargeLeaves::Range* Tlb::LargeLeaves::find(uint64_t vaddr) const {
  for (unsigned i = 0; i < count; i++)
    if (ranges[i].has(vaddr)) return &ranges[i];
  return nullptr;
}

// Where there is no room, the range that grows least takes it in: then too much is emptied, never too little.
void Tlb::LargeLeaves::add(Range range) {
  unsigned best = 0;
  uint64_t best_growth = ~uint64_t{0};
  for (unsigned i = 0; i < count; i++) {
    const uint64_t before = range.first < ranges[i].first ? ranges[i].first - range.first : 0;
    const uint64_t after = range.last > ranges[i].last ? range.last - ranges[i].last : 0;
    if (before == 0 && after == 0) return;
    if (before + after < best_growth) best_growth = before + after, best = i;
  }
  const bool adjoins = count != 0 && best_growth <= range.last - range.first + 1;
  if (!adjoins && count < kRanges) {
    ranges[count++] = range;
    return;
  }
  ranges[best].first = std::min(ranges[best].first, range.first);
  ranges[best].last = std::max(ranges[best].last, range.last);
}

// --- contexts -------------------------------------------------------------------------------------------------------------
Tlb::ContextPtr Tlb::make_context(TlbMode mode, unsigned holder) {
  void* memory = calloc(1, sizeof(Context) + (jump_entries(mode) - kJumpEntries) * sizeof(JumpEntry));
  CHECK_MSG(memory != nullptr, "no memory for a TLB");
  ContextPtr context(static_cast<Context*>(memory));
  context->mode = mode;
  context->holder = uint32_t{1} << holder;
  clear(context->tables.read, 0);
  clear(context->tables.write, 0);
  clear(context->tables.fetch, 0);
  clear(context->tables.jump, 0);
  return context;
}

Tlb::Tlb() : s_(make_context(kTlbS, kHolderS)), m_(make_context(kTlbM, kHolderM)) {
  for (auto& of_mode : slots) std::fill(std::begin(of_mode), std::end(of_mode), TlbEntry{kEmptySlot, 0});
  install(space_for(key_));
}

uint32_t Tlb::key_of(uint64_t satp) {
  const uint64_t mode = satp >> kSatpModeShift;
  return mode == kSatpBare ? 0 : static_cast<uint32_t>(mode << 16 | (satp >> kSatpAsidShift & kAsidMask));
}

Tlb::Space& Tlb::space_for(uint32_t key) {
  Space* oldest = &spaces_[0];
  for (Space& space : spaces_) {
    if (space.key == key) return space;
    if (space.selected < oldest->selected) oldest = &space;
  }
  if (oldest->u == nullptr) {
    const auto holder = static_cast<unsigned>(oldest - spaces_);
    oldest->u = make_context(kTlbU, holder);
    oldest->sum_s = make_context(kTlbSumS, holder);
  } else {
    recycled++;
    empty(*oldest->u);
    empty(*oldest->sum_s);
  }
  oldest->key = key;
  return *oldest;
}

void Tlb::install(Space& space) {
  space.selected = ++selects;
  context_[kTlbU] = space.u.get();
  context_[kTlbS] = s_.get();
  context_[kTlbSumS] = space.sum_s.get();
  context_[kTlbM] = m_.get();
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    Tables& tables = context_[mode]->tables;
    current.read[mode] = tables.read;
    current.write[mode] = tables.write;
    current.fetch[mode] = tables.fetch;
    current.jump[mode] = tables.jump;
  }
}

void Tlb::select(uint64_t satp) {
  const uint32_t key = key_of(satp);
  if (key == key_) return;
  // S has no name of its own for the address space: what belongs to the old one goes. Another MODE makes the same address mean another thing.
  if (s_->any_local || key >> 16 != key_ >> 16) empty(*s_);
  wipe_slots(kTlbU);
  wipe_slots(kTlbSumS);
  install(space_for(key));
  key_ = key;
}

template <typename Function>
void Tlb::for_each_space(Function function) {
  for (Space& space : spaces_)
    if (space.key != kNoKey) function(space);
}

template <typename Function>
void Tlb::for_each_context(Function function) {
  for_each_space([&](Space& space) {
    function(*space.u);
    function(*space.sum_s);
  });
  function(*s_);
  function(*m_);
}

// --- fills ----------------------------------------------------------------------------------------------------------------
void Tlb::note_fill(Context& context, Direction direction, uint64_t vaddr, unsigned leaf_bits, bool global) {
  fills++;
  if (small_entries_ != kEntries) make_room(context, direction, index(vaddr));
  context.used = true;
  context.any_local |= !global;
  context.touched[direction] |= uint64_t{1} << (index(vaddr) / kSegmentEntries);
  holders_[filter_index(vaddr)] |= context.holder;
  if (leaf_bits <= 12) return;
  large_holders_ |= context.holder;
  const uint64_t mask = leaf_bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << leaf_bits) - 1;
  context.large.add({vaddr & ~mask, vaddr | mask});
}

void Tlb::fill_read(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits, bool global) {
  const uint64_t page = vaddr & ~kPageMask;
  Context& context = *context_[mode];
  note_fill(context, kRead, vaddr, leaf_bits, global);
  context.tables.read[index(vaddr)] = {page, reinterpret_cast<uintptr_t>(host_page) - page};
  context.tables.read_paddr[index(vaddr)] = paddr & ~kPageMask;
}

void Tlb::fill_write(TlbMode mode, uint64_t vaddr, uint8_t* host_page, uint64_t paddr, unsigned leaf_bits, bool global) {
  const uint64_t page = vaddr & ~kPageMask;
  Context& context = *context_[mode];
  note_fill(context, kWrite, vaddr, leaf_bits, global);
  context.tables.write[index(vaddr)] = {page, reinterpret_cast<uintptr_t>(host_page) - page};
  context.tables.write_paddr[index(vaddr)] = paddr & ~kPageMask;
  context.written.add(host_page);
}

void Tlb::fill_fetch(TlbMode mode, uint64_t vaddr, CodePage* page, unsigned leaf_bits, bool global) {
  Context& context = *context_[mode];
  note_fill(context, kFetch, vaddr, leaf_bits, global);
  FetchEntry& entry = context.tables.fetch[index(vaddr)];
  TbPage* const code = entry.tag == (vaddr & ~kPageMask) ? entry.code : nullptr;
  entry = {vaddr & ~kPageMask, page, code};
  context.fetched.add(page);
}

void Tlb::fill_fetch(TlbMode mode, uint64_t vaddr, TbPage* code, unsigned leaf_bits, bool global) {
  Context& context = *context_[mode];
  note_fill(context, kFetch, vaddr, leaf_bits, global);
  FetchEntry& entry = context.tables.fetch[index(vaddr)];
  CodePage* const page = entry.tag == (vaddr & ~kPageMask) ? entry.page : nullptr;
  entry = {vaddr & ~kPageMask, page, code};
}

void Tlb::fill_jump(TlbMode mode, uint64_t va, const void* code, bool straddles) {
  Context& context = *context_[mode];
  const Context& fetch = *context_[mode == kTlbSumS ? kTlbS : mode];
  DCHECK(straddles || fetch.tables.fetch[index(va)].tag == (va & ~kPageMask));
  context.used = true;
  context.touched[kJump] |= uint64_t{1} << (jump_index(mode, va) / (jump_entries(mode) / 64));
  context.jump_filter.add(va);
  holders_[filter_index(va)] |= context.holder;
  context.tables.jump[jump_index(mode, va)] = {va, code};
  if (straddles) {
    context.link_filter.add(va + 2);
    holders_[filter_index(va + 2)] |= context.holder;
  }
  if (mode != kTlbSumS) return;
  for (const uint64_t page : {va, va + 2}) {
    if (const LargeLeaves::Range* range = fetch.large.find(page)) {
      context.large.add(*range);
      large_holders_ |= context.holder;
    }
  }
}

void Tlb::add_link(TlbMode mode, uint64_t va, TbExit& exit, UndoLink undo) {
  CHECK(mode == kTlbS || mode == kTlbM);
  Context& context = *context_[mode];
  undo_link_ = undo;
  links_of(mode, va).push_back({va, &exit});
  linked_[mode] = true;
  context.used = true;
  context.link_filter.add(va);
  holders_[filter_index(va)] |= context.holder;
}

void Tlb::set_entries_for_test(unsigned entries) {
  CHECK(entries == kEntries || (entries <= 64 && std::has_single_bit(entries)));
  flush_all();
  small_entries_ = entries;
}

void Tlb::make_room(Context& context, Direction direction, unsigned slot) {
  uint16_t& before = context.small[direction][slot & (small_entries_ - 1)];
  switch (direction) {
    case kRead: clear(context.tables.read, before); break;
    case kWrite: clear(context.tables.write, before); break;
    case kFetch: clear(context.tables.fetch, before); break;
    default: UNREACHABLE();
  }
  before = static_cast<uint16_t>(slot);
}

// --- emptying a context ------------------------------------------------------------------------------------------------------
void Tlb::empty(Context& context) {
  if (!context.used) return;
  flushes++;
  empty_table<kSegmentEntries>(context.tables.read, context.touched[kRead]);
  empty_table<kSegmentEntries>(context.tables.write, context.touched[kWrite]);
  empty_fetch(context);
  context.written = {};
  context.large.count = 0;
  context.used = context.any_local = false;
  if (context_[context.mode] == &context) wipe_slots(context.mode);
}

void Tlb::empty_fetch(Context& context) {
  if (context.touched[kFetch] != 0) {
    empty_table<kSegmentEntries>(context.tables.fetch, context.touched[kFetch]);
    context.fetched = {};
  }
  empty_jump(context);
}

void Tlb::empty_jump(Context& context) {
  const bool linked = linked_[context.mode];
  if (linked) drop_links(context.mode);
  if (context.touched[kJump] == 0 && !linked) return;
  for_each_slot(jump_entries(context.mode) / 64, context.touched[kJump], [&](unsigned slot) { clear(context.tables.jump, slot); });
  context.touched[kJump] = 0;
  context.jump_filter = {};
  context.link_filter = {};
}

template <typename Function>
void Tlb::for_each_filled_group(TlbMode mode, Function function) {
  constexpr unsigned kPerWord = sizeof(uint64_t);
  for (unsigned first = 0; first < kSiteSlots / kGroupSlots; first += kPerWord) {
    uint64_t filled;
    memcpy(&filled, &slot_groups[mode][first], sizeof filled);
    for (; filled != 0; filled &= filled - 1) function((first + static_cast<unsigned>(std::countr_zero(filled)) / 8) * kGroupSlots);
  }
}

void Tlb::wipe_slots(TlbMode mode) {
  bool any = false;
  for_each_filled_group(mode, [&](unsigned first) {
    std::fill_n(&slots[mode][first], kGroupSlots, TlbEntry{kEmptySlot, 0});
    any = true;
  });
  if (!any) return;
  slot_wipes++;
  memset(slot_groups[mode], 0, sizeof slot_groups[mode]);
  memset(slot_filter[mode], 0, sizeof slot_filter[mode]);
}

// --- dropping a page -----------------------------------------------------------------------------------------------------------
void Tlb::drop_page(uint32_t holders, uint64_t vaddr) {
  holders &= holders_[filter_index(vaddr)] | large_holders_;
  for (; holders != 0; holders &= holders - 1) {
    const auto holder = static_cast<unsigned>(std::countr_zero(holders));
    bool held, large;
    if (holder == kHolderS) {
      held = drop_page(*s_, vaddr);
      large = s_->large.count != 0;
    } else {
      const Space& space = spaces_[holder];
      held = drop_page(*space.u, vaddr);
      held |= drop_page(*space.sum_s, vaddr);
      large = space.u->large.count + space.sum_s->large.count != 0;
    }
    if (!held) holders_[filter_index(vaddr)] &= ~(uint32_t{1} << holder);
    if (!large) large_holders_ &= ~(uint32_t{1} << holder);
  }
}

// Whether it still holds something of a page with that filter_index().
bool Tlb::drop_page(Context& context, uint64_t vaddr) {
  static_assert(kFilterEntries == kEntries, "one entry of a table for an index");
  if (!context.used) return false;
  page_flushes++;
  if (context.large.find(vaddr) != nullptr) {
    empty(context);
    return false;
  }
  const uint64_t page = vaddr & ~kPageMask;
  const unsigned slot = index(vaddr);
  const unsigned segment = slot / kSegmentEntries;
  Tables& tables = context.tables;
  if ((context.touched[kRead] >> segment & 1) && tables.read[slot].tag == page) clear(tables.read, slot);
  if ((context.touched[kWrite] >> segment & 1) && tables.write[slot].tag == page) clear(tables.write, slot);
  if ((context.touched[kFetch] >> segment & 1) && tables.fetch[slot].tag == page) clear(tables.fetch, slot);
  if (context.jump_filter.may_have(vaddr)) drop_jump_page(context, vaddr);
  if (context.link_filter.may_have(vaddr)) drop_links_to(context, vaddr);
  const bool is_current = context_[context.mode] == &context;
  if (is_current && slot_filter[context.mode][filter_index(vaddr)] != 0) drop_slot_page(context.mode, vaddr);
  const uint64_t none = empty_tag(slot);
  return tables.read[slot].tag != none || tables.write[slot].tag != none || tables.fetch[slot].tag != none ||
         context.jump_filter.words[slot] != 0 || context.link_filter.words[slot] != 0 || (is_current && slot_filter[context.mode][slot] != 0);
}

void Tlb::drop_jump_page(Context& context, uint64_t vaddr) {
  // A page's 2048 addresses follow each other.
  const unsigned segment = jump_entries(context.mode) / 64;
  const unsigned first = jump_index(context.mode, vaddr & ~kPageMask) / segment;
  const uint64_t of_page = ((uint64_t{1} << (2048 / segment)) - 1) << first;
  uint32_t others = 0;
  for_each_slot(segment, context.touched[kJump] & of_page, [&](unsigned slot) {
    const JumpEntry& entry = context.tables.jump[slot];
    if (entry.code == nullptr || filter_index(entry.va) != filter_index(vaddr)) return;
    if ((entry.va ^ vaddr) <= kPageMask) {
      clear(context.tables.jump, slot);
    } else {
      others |= PageFilter::bit(entry.va);
    }
  });
  context.jump_filter.words[filter_index(vaddr)] = others;
}

void Tlb::drop_links_to(Context& context, uint64_t vaddr) {
  const uint64_t page = vaddr & ~kPageMask, straddler = page - 2;
  if (const unsigned slot = jump_index(context.mode, straddler); context.tables.jump[slot].va == straddler) clear(context.tables.jump, slot);
  if (!linked_[context.mode]) return;
  std::erase_if(links_of(context.mode, vaddr), [&](const Link& link) {
    if ((link.va ^ page) > kPageMask) return false;
    undo_link_(*link.exit);
    return true;
  });
}

void Tlb::drop_links(TlbMode mode) {
  for (std::vector<Link>& bucket : links_[mode == kTlbM]) {
    for (const Link& link : bucket) undo_link_(*link.exit);
    bucket.clear();
  }
  linked_[mode] = false;
}

void Tlb::drop_slot_page(TlbMode mode, uint64_t vaddr) {
  const uint64_t page = vaddr & ~kPageMask;
  uint32_t& word = slot_filter[mode][filter_index(vaddr)];
  for (uint32_t classes = word; classes != 0; classes &= classes - 1) {
    const auto n = static_cast<unsigned>(std::countr_zero(classes));
    bool others = false;
    for (unsigned first = n * kClassSlots; first < (n + 1) * kClassSlots; first += kGroupSlots) {
      TlbEntry* const group = &slots[mode][first];
      // The sign says that one is 0: without a branch for each.
      int64_t perhaps = 0;
      for (unsigned i = 0; i < kGroupSlots; i++) perhaps |= static_cast<int64_t>(filter_index(group[i].tag ^ page)) - 1;
      if (perhaps >= 0) continue;
      for (unsigned i = 0; i < kGroupSlots; i++) {
        if (group[i].tag == page) group[i] = {kEmptySlot, 0};
        others |= filter_index(group[i].tag ^ page) == 0 && group[i].tag != kEmptySlot;
      }
    }
    if (!others) word &= ~(uint32_t{1} << n);
  }
}

// --- fences ---------------------------------------------------------------------------------------------------------------------
void Tlb::fence_all() {
  for_each_space([this](Space& space) {
    if (space.key == 0) return;
    empty(*space.u);
    empty(*space.sum_s);
  });
  if (key_ != 0) empty(*s_);
}

void Tlb::fence_asid(uint64_t asid) {
  for_each_space([&](Space& space) {
    if (!has_asid(space.key, asid)) return;
    empty(*space.u);
    empty(*space.sum_s);
  });
  if (has_asid(key_, asid) && s_->any_local) empty(*s_);
}

// That it takes entries of Bare, too, harms nobody.
void Tlb::fence_page(uint64_t vaddr) { drop_page((uint32_t{1} << kHolderM) - 1, vaddr); }

void Tlb::fence_page_asid(uint64_t vaddr, uint64_t asid) {
  uint32_t holders = has_asid(key_, asid) && s_->any_local ? uint32_t{1} << kHolderS : 0;
  for (unsigned i = 0; i < kSpaces; i++)
    if (has_asid(spaces_[i].key, asid)) holders |= uint32_t{1} << i;
  drop_page(holders, vaddr);
}

// --- everything else that empties ------------------------------------------------------------------------------------------------
void Tlb::flush_all() {
  for_each_context([this](Context& context) { empty(context); });
  ram_window = {};
}

void Tlb::flush_fetch() {
  for_each_context([this](Context& context) { empty_fetch(context); });
}

void Tlb::flush_jump() {
  for_each_context([this](Context& context) { empty_jump(context); });
}

void Tlb::protect_code_page(uint8_t* host_page) {
  const auto leads_there = [host_page](const TlbEntry& entry) { return entry.tag + entry.addend == reinterpret_cast<uintptr_t>(host_page); };
  for_each_context([&](Context& context) {
    if (!context.written.may_have(host_page)) return;
    for_each_slot<kSegmentEntries>(context.touched[kWrite], [&](unsigned slot) {
      if (leads_there(context.tables.write[slot])) clear(context.tables.write, slot);
    });
    if (context_[context.mode] != &context) return;
    for_each_filled_group(context.mode, [&](unsigned first) {
      for (unsigned slot = first; slot < first + kGroupSlots; slot++) {
        TlbEntry& entry = slots[context.mode][slot];
        if (leads_there(entry)) entry = {kEmptySlot, 0};
      }
    });
  });
}

void Tlb::drop_code_page(const CodePage* page) {
  for_each_context([&](Context& context) {
    if (!context.fetched.may_have(page)) return;
    for_each_slot<kSegmentEntries>(context.touched[kFetch], [&](unsigned slot) {
      if (context.tables.fetch[slot].page == page) clear(context.tables.fetch, slot);
    });
  });
}

}  // namespace monochord
