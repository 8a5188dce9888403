// Entries, branches, ways out, and the frame of it all.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

// Where an instruction may straddle the page's end: what is there is found through the jump cache, which knows both pages.
constexpr int64_t kLastHalf = 4094;

}  // namespace

const UnitEmitter::Handler UnitEmitter::kHandlers[] = {
    &UnitEmitter::emit_mov,       &UnitEmitter::emit_movi,     &UnitEmitter::emit_pcrel,    &UnitEmitter::emit_add,
    &UnitEmitter::emit_sub,       &UnitEmitter::emit_logic,    &UnitEmitter::emit_logic,    &UnitEmitter::emit_logic,
    &UnitEmitter::emit_shift,     &UnitEmitter::emit_shift,    &UnitEmitter::emit_shift,    &UnitEmitter::emit_rotate,
    &UnitEmitter::emit_rotate,    &UnitEmitter::emit_set_less, &UnitEmitter::emit_set_less, &UnitEmitter::emit_mul,
    &UnitEmitter::emit_mulh,      &UnitEmitter::emit_mulh,     &UnitEmitter::emit_mulh,     &UnitEmitter::emit_div,
    &UnitEmitter::emit_div,       &UnitEmitter::emit_div,      &UnitEmitter::emit_div,      &UnitEmitter::emit_min_max,
    &UnitEmitter::emit_min_max,   &UnitEmitter::emit_min_max,  &UnitEmitter::emit_min_max,  &UnitEmitter::emit_zero_if,
    &UnitEmitter::emit_zero_if,   &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,
    &UnitEmitter::emit_unary,     &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,
    &UnitEmitter::emit_unary,     &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,    &UnitEmitter::emit_unary,
    &UnitEmitter::emit_load,      &UnitEmitter::emit_store,    &UnitEmitter::emit_load_reserved, &UnitEmitter::emit_store_conditional,
    &UnitEmitter::emit_amo,       &UnitEmitter::emit_branch,   &UnitEmitter::emit_jump,     &UnitEmitter::emit_jump_reg,
    &UnitEmitter::emit_call_helper, &UnitEmitter::emit_interpret, &UnitEmitter::emit_fp2,   &UnitEmitter::emit_fp3,
    &UnitEmitter::emit_fsqrt,     &UnitEmitter::emit_fsgn,     &UnitEmitter::emit_fminmax,  &UnitEmitter::emit_fcmp,
    &UnitEmitter::emit_fclass,    &UnitEmitter::emit_fcvt,     &UnitEmitter::emit_fmv_from_x, &UnitEmitter::emit_fmv_to_x,
    &UnitEmitter::emit_fmov,
};

UnitEmitter::UnitEmitter(uint8_t* begin, uint8_t* end, const Unit& unit, const FrameLayout& layout, const Thunks& thunks, const JitOptions& options,
                         SlotAllocator* slots, const SiteHints& hints, TranslationBlock& tb, TbExit* exits)
    : e_(begin, end), u_(unit), l_(layout), thunks_(thunks), options_(options), slots_(slots), mode_(unit.mode), hints_(hints), tb_(tb) {
  tb_.exits = exits;
  tb_.exit_count = 0;
  static_assert(std::size(kHandlers) == static_cast<size_t>(UopCode::kCount));
}

void UnitEmitter::emit(bool grouped) {
  grouped_ = grouped;
  emit_entries();
  unsigned insn = ~0u;
  for (int i = 0; i < u_.uop_count && !stopped_; i++) {
    const Uop& u = u_.uops[i];
    if (u_.uses_fp && !fp_checked_ && touches_fp(u)) check_fp(u);
    if (u.dead) continue;
    if (u.insn != insn) {
      // Temporaries end with their instruction.
      insn = u.insn;
      busy_[rax.index] = busy_[rcx.index] = false;
      if (marks_ != nullptr) marks_->insn(u.insn, e_.cursor());
    }
    if (!keeps_rcx(u)) rcx_group_ = 0;
    (this->*kHandlers[static_cast<size_t>(u.code)])(u);
    if (u.code == UopCode::k_call_helper) fp_.settled = 0;  // it may have cleared NV
    if (writes_fs(u)) fp_checked_ = false;
  }
  CHECK(stopped_);
  emit_stubs();
  tb_.end = e_.cursor();
}

// Arithmetic whose only scratch register is rax, and the accesses that left rcx what it is.
bool UnitEmitter::keeps_rcx(const Uop& u) const {
  if (is_temp(u.a) || is_temp(u.b) || is_temp(u.dst)) return false;
  switch (u.code) {
    case UopCode::k_mov:
    case UopCode::k_movi:
    case UopCode::k_pcrel:
    case UopCode::k_add:
    case UopCode::k_sub:
    case UopCode::k_and:
    case UopCode::k_or:
    case UopCode::k_xor:
    case UopCode::k_sext32:
    case UopCode::k_zext32:
    case UopCode::k_load:
    case UopCode::k_fp2:
    case UopCode::k_fp3:
    case UopCode::k_fsqrt:
    case UopCode::k_fsgn:
    case UopCode::k_fminmax:
      return true;
    case UopCode::k_store:
      return !in_memory(u.b);
    case UopCode::k_sll:
    case UopCode::k_srl:
    case UopCode::k_sra:
      return u.b == kConstOperand;
    default:
      return false;
  }
}

void UnitEmitter::emit_entries() {
  e_.align(16);
  tb_.entry_indirect = e_.cursor();
  e_.and_(rax, -4096);
  e_.mov(frame(l_.page_va), rax);
  tb_.entry_check = e_.cursor();
  const auto check_budget = [&] {
    e_.test(kBudget, kBudget);
    Stub& stub = new_stub(Stub::Kind::kInterpret, e_.jcc_near(Condition::kS, e_.cursor()));
    stub.target = -1;
  };
  check_budget();
  tb_.entry = e_.cursor();
  loop_ = tb_.entry_check;
  if (u_.uses_fp && fp_comes_first()) {
    fp_checked_ = true;
    e_.cmp(dword_ptr(kFrame, l_.fp_ready), 0);
    Stub& stub = new_stub(Stub::Kind::kInterpret, e_.jcc_near(Condition::kE, e_.cursor()));
    stub.target = -2;
    // A loop need not ask again.
    loop_unboxed_ = e_.cursor();
    check_singles_of_loop();
    loop_ = e_.cursor();
    check_budget();
  }
}

// Instructions started. The flags stay.
void UnitEmitter::count_down(int instructions) {
  if (instructions != 0 && options_.count) e_.lea(kBudget, ptr(kBudget, -instructions));
}

bool UnitEmitter::links_direct(int64_t target) const { return target >= 0 && target < kLastHalf && options_.chain; }

// rax is the guest address.
void UnitEmitter::jump_through_cache() {
  if (!options_.chain) {
    e_.jmp_near(thunks_.exit[static_cast<int>(JitExit::kJump)]);
    return;
  }
  e_.rorx(ecx, eax, 29);
  e_.and_(ecx, static_cast<int64_t>(l_.jump_index_mask[mode_]) << 4);
  e_.add(rcx, frame(l_.jump_table + 8 * mode_));
  e_.cmp(rax, ptr(rcx));
  e_.jcc_near(Condition::kNe, thunks_.exit[static_cast<int>(JitExit::kJump)]);
  e_.jmp(qword_ptr(rcx, 8));
}

// `field` is a jump's rel32 that has been emitted already.
void UnitEmitter::leave_to(int64_t target, uint8_t* field) {
  if (target == u_.start && options_.chain && !u_.straddles && mode_ == u_.mode) {
    if (u_.uses_fp && !fp_checked_) Emitter::patch(field, tb_.entry_check);
    else Emitter::patch(field, (loop_boxed_ & ~fp_.boxed) == 0 ? loop_ : loop_unboxed_);
    return;
  }
  if (links_direct(target) && !u_.straddles) {
    TbExit& exit = new_exit();
    exit.field = field;
    exit.from = &tb_;
    exit.target = static_cast<int32_t>(target);
    exit.mode = mode_;
    Stub& stub = new_stub(Stub::Kind::kExit, field);
    stub.exit = &exit;
    return;
  }
  Stub& stub = new_stub(Stub::Kind::kFar, field);
  stub.target = target;
  stub.info.mode = mode_;
  if (!links_far(target)) return;
  TbExit& exit = new_exit();
  exit.field = field;
  exit.from = &tb_;
  exit.target = static_cast<int32_t>(target);
  exit.mode = mode_;
  stub.exit = &exit;
}

// A process's pages are somewhere else with each change of process: U mode asks the jump cache.
bool UnitEmitter::links_far(int64_t target) const {
  constexpr int64_t kFarMax = 1 << 30;
  return options_.chain && (mode_ == kTlbS || mode_ == kTlbM) && !u_.straddles && (target & 4095) != kLastHalf && target > -kFarMax && target < kFarMax;
}

// Linked, a far exit leads to the code behind its stub.
void UnitEmitter::emit_far_link(TbExit& exit) {
  exit.stub = e_.cursor();
  e_.lea(rax, rip(&exit));
  e_.jmp_near(thunks_.exit[static_cast<int>(JitExit::kLink)]);
  const auto distance = [&](const uint8_t* at) { return static_cast<uint8_t>(at - exit.stub); };
  exit.far = distance(e_.cursor());
  e_.movabs(rcx, 0);
  exit.far_address = distance(e_.cursor() - 8);
  e_.cmp(frame(l_.page_va), rcx);
  Label elsewhere;
  e_.jne_short(elsewhere);
  e_.lea(rax, ptr(rcx, exit.target));
  exit.far_jump = distance(e_.jmp_near(e_.cursor()));
  e_.bind(elsewhere);
}

Condition UnitEmitter::compare(const Uop& u) {
  static constexpr Condition kConditions[] = {Condition::kE, Condition::kNe, Condition::kL, Condition::kGe, Condition::kB, Condition::kAe};
  const Condition c = kConditions[u.sub];
  if (u.b == 0) {
    if (in_memory(u.a)) e_.cmp(qword_ptr(kFrame, x_at(u.a)), 0);
    else {
      const Gpr64 a = read(u.a, rax);
      e_.test(a, a);
    }
    return c;
  }
  if (u.a == 0) {
    if (in_memory(u.b)) e_.cmp(qword_ptr(kFrame, x_at(u.b)), 0);
    else {
      const Gpr64 b = read(u.b, rax);
      e_.test(b, b);
    }
    return swap_operands(c);
  }
  if (in_memory(u.a) && !in_memory(u.b)) {
    e_.cmp(frame(x_at(u.a)), read(u.b, rax));
    return c;
  }
  const Gpr64 a = read(u.a, rax);
  if (in_memory(u.b)) e_.cmp(a, frame(x_at(u.b)));
  else e_.cmp(a, read(u.b, rcx));
  return c;
}

void UnitEmitter::emit_branch(const Uop& u) {
  count_through(u);
  const bool backward = u.imm <= u_.insns[u.insn].offset || u.imm == u_.start;
  if (backward) clean_all();
  const Condition c = compare(u);
  release(u);
  uint8_t* const field = e_.jcc_near(c, e_.cursor());
  const int exits = tb_.exit_count;
  leave_clean(u.imm, field);
  if (tb_.exit_count > exits) tb_.exits->backward = u.imm <= u_.insns[u.insn].offset;
}

void UnitEmitter::emit_jump(const Uop& u) {
  // The last instruction of the unit, or the end of what it may hold: all of its instructions are counted.
  count_down(u_.insn_count - counted_);
  counted_ = u_.insn_count;
  stopped_ = true;
  clean_all();
  if (links_direct(u.imm) || (u.imm == u_.start && options_.chain && mode_ == u_.mode)) {
    if (u_.straddles) {
      // Its successor is on another page.
    } else {
      uint8_t* const field = e_.jmp_near(e_.cursor());
      const int exits = tb_.exit_count;
      leave_to(u.imm, field);
      const int last = u_.insn_count > 0 ? u_.insns[u_.insn_count - 1].offset : 4096;
      if (tb_.exit_count > exits) tb_.exits->backward = u.imm <= last;
      return;
    }
  }
  if (links_far(u.imm)) {
    leave_to(u.imm, e_.jmp_near(e_.cursor()));
    return;
  }
  e_.mov(rax, frame(l_.page_va));
  if (u.imm != 0) e_.add(rax, u.imm);
  jump_through_cache();
}

void UnitEmitter::emit_jump_reg(const Uop& u) {
  count_through(u);
  clean_all();
  // Bit 0 of the target is dropped where it is set, by the way of a miss: no instruction is at an odd address.
  move(rax, read(u.a, rax));
  release(u);
  jump_through_cache();
  stopped_ = true;
}

void UnitEmitter::emit_interpret(const Uop& u) {
  leave_dirty(fp_.dirty64, fp_.dirty32);
  count_down(u.insn - counted_);
  e_.mov(eax, u_.insns[u.insn].offset);
  e_.jmp_near(thunks_.exit[static_cast<int>(JitExit::kInterpret)]);
  stopped_ = true;
}

// --- stubs ------------------------------------------------------------------------------------------------------------------
UnitEmitter::Stub& UnitEmitter::new_stub(Stub::Kind kind, uint8_t* field) {
  CHECK(stub_count_ < kStubsMax);
  Stub& stub = stubs_[stub_count_++];
  stub.kind = kind;
  stub.field = field;
  stub.resume = stub.after = stub.access = nullptr;
  stub.exit = nullptr;
  return stub;
}

void UnitEmitter::set_access(int first) {
  for (int i = first; i < stub_count_; i++) stubs_[i].access = e_.cursor();
}

void UnitEmitter::set_after(int first) {
  for (int i = first; i < stub_count_; i++) stubs_[i].after = e_.cursor();
}

TbExit& UnitEmitter::new_exit() {
  CHECK(tb_.exit_count < kExitsMax);
  tb_.exit_count++;
  return *new (--tb_.exits) TbExit{};
}

uint8_t* UnitEmitter::store_sites(uint8_t* end) {
  tb_.sites = reinterpret_cast<TbSite*>(end);
  tb_.site_count = 0;
  for (int i = stub_count_; i-- > 0;) {
    if (stubs_[i].access == nullptr) continue;
    tb_.site_count++;
    *--tb_.sites = {static_cast<uint32_t>(stubs_[i].access - tb_.entry_indirect), static_cast<uint32_t>(stubs_[i].begin - tb_.entry_indirect)};
  }
  return reinterpret_cast<uint8_t*>(tb_.sites);
}

void UnitEmitter::emit_stubs() {
  for (int i = 0; i < stub_count_; i++) {
    Stub& stub = stubs_[i];
    stub.begin = e_.cursor();
    if (marks_ != nullptr) marks_->stub(stub.field, stub.begin);
    Emitter::patch(stub.field, stub.begin);
    switch (stub.kind) {
      case Stub::Kind::kSite:
        emit_site_stub(stub);
        break;
      case Stub::Kind::kGroup:
        emit_group_stub(stub);
        break;
      case Stub::Kind::kExit:
        stub.exit->stub = e_.cursor();
        e_.lea(rax, rip(stub.exit));
        e_.jmp_near(thunks_.exit[static_cast<int>(JitExit::kLink)]);
        break;
      case Stub::Kind::kFar:
        if (stub.exit != nullptr) emit_far_link(*stub.exit);
        e_.mov(rax, frame(l_.page_va));
        if (stub.target != 0) e_.add(rax, stub.target);
        mode_ = stub.info.mode;
        jump_through_cache();
        break;
      case Stub::Kind::kInterpret:
        e_.lea(rax, rip(&tb_));
        e_.jmp_near(thunks_.exit[static_cast<int>(stub.target == -1 ? JitExit::kBudget : JitExit::kFpOff)]);
        break;
      default:
        emit_fp_stub(stub);
        break;
    }
  }
}

}  // namespace monochord::x86_64
