// Loads, stores and atomics: the check of a site, the access, and what happens on a miss.
//
// Form B, a slot: the page that the site met last, at a fixed place. The check is not on the way from the address to the value.
//     lea rcx, [base + imm] ; sub rcx, [slot.tag] ; cmp rcx, 4096 - size ; ja stub ; mov rcx, [slot.addend] ; mov rd, [base + rcx + imm]
// Form A, the table: for sites that meet another page each time.
// A group is one check for all accesses off a register that doesn't change between them; the others are the last two instructions alone.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr int32_t kSlotBytes = sizeof(TlbEntry);

bool is_single(const Uop& u) { return u.size == MemOp::kU32; }

}  // namespace

SiteInfo UnitEmitter::site_info(const Uop& u, SiteKind kind) {
  SiteInfo info{};
  const GuestInsn& insn = u_.insns[u.insn];
  info.limit = 4096 - static_cast<int32_t>(size_of(u.size));
  info.offset = insn.offset;
  info.next = static_cast<uint16_t>(insn.offset + insn.length);
  info.count = static_cast<uint8_t>(u.insn + 1 - counted_);
  info.mem_op = static_cast<uint8_t>(u.size);
  info.kind = static_cast<uint8_t>(kind);
  info.sub = u.sub;
  info.mode = mode_;
  info.destination = u.dst;
  info.dirty64 = fp_.dirty64;
  info.dirty32 = fp_.dirty32;
  info.imm = u.imm;
  return info;
}

// Data in the code: the slow path finds it by its return address.
void UnitEmitter::emit_info(const SiteInfo& info) {
  uint8_t* const at = e_.cursor();
  memcpy(at, &info, sizeof info);
  e_.set_cursor(at + sizeof info);
  if (marks_ != nullptr) marks_->data(at, sizeof info);
}

// A kernel's accesses go to another page each time (the task's, the file's, the page's own): there a slot is missed more often than it is worth, and
// pipes took five times as long. S mode asks the TLB's table.
bool UnitEmitter::has_slot(const SiteInfo& info) const {
  return options_.slots && (info.mode == kTlbU || info.mode == kTlbM) && !hints_.always_misses(info.offset);
}

UnitEmitter::Access UnitEmitter::check_access(const Uop& u, bool is_store, Alignment alignment, SiteKind kind) {
  const int32_t imm = static_cast<int32_t>(u.imm);
  uint8_t* const resume = e_.cursor();
  const Gpr64 base = read(u.a, rax);
  const int32_t size = static_cast<int32_t>(size_of(u.size));
  const int half = is_store ? 1 : 0;
  const bool member = grouped_ && u.group != 0 && kind <= SiteKind::kStore;
  if (member && !u.group_head) {
    if (rcx_group_ != u.group) e_.mov(rcx, frame(group_addend_[u.group]));
    rcx_group_ = u.group;
    return {base, false, imm};
  }
  SiteInfo info = site_info(u, kind);
  const bool form_a = !has_slot(info);
  int32_t first = imm;
  if (member) {
    const Unit::Group& group = u_.groups[u.group];
    first = group.low;
    info.limit = 4096 - (group.high - group.low);
    info.base_offset = group.low - imm;
  }
  rcx_group_ = member ? u.group : 0;
  const Stub::Kind kind_of_stub = member ? Stub::Kind::kGroup : Stub::Kind::kSite;
  if (form_a) {
    if (base == rax && (member || is_temp(u.a))) e_.mov(frame(l_.temp), rax);
    e_.lea(rax, ptr(base, first));
    e_.rorx(ecx, eax, 8);
    e_.and_(ecx, static_cast<int64_t>(l_.tlb_index_mask) << 4);
    e_.add(rcx, frame((is_store ? l_.write_table : l_.read_table) + 8 * mode_));
    e_.sub(rax, ptr(rcx));
    if (alignment == Alignment::kNatural) {
      // Bytes off the end of the page are off alignment too: one comparison less than it seems.
      e_.test(eax, size - 1);
      Stub& odd = new_stub(Stub::Kind::kSite, e_.jcc_near(Condition::kNe, e_.cursor()));
      odd.uop = &u;
      odd.info = info;
      odd.info.slot = -1;
      odd.resume = resume;
    }
    e_.cmp(rax, info.limit);
    Stub& stub = new_stub(kind_of_stub, e_.jcc_near(Condition::kA, e_.cursor()));
    stub.uop = &u;
    stub.info = info;
    stub.info.slot = -1;
    stub.resume = resume;
    if (member) {
      // The others of the group find the addend in the frame: it is no slot, nothing else may read it.
      e_.mov(rcx, ptr(rcx, 8));
      group_addend_[u.group] = l_.group_addends + 8 * (u.group % kGroupAddends);
      e_.mov(frame(group_addend_[u.group]), rcx);
      if (base == rax) e_.mov(rax, frame(l_.temp));
      return {base, false, imm};
    }
    if (base == rax) {
      e_.add(rax, ptr(rcx));
      e_.add(rax, ptr(rcx, 8));
      return {rax, true, 0};
    }
    e_.mov(rcx, ptr(rcx, 8));
    return {base, false, imm};
  }
  const uint32_t per_half = l_.slots_per_mode / 2;
  const uint32_t number = (slots_[mode_].next[half]++ % per_half) * 2 + static_cast<uint32_t>(half);
  const uint32_t in_array = mode_ * l_.slots_per_mode + number;
  info.slot = l_.slots + kSlotBytes * static_cast<int32_t>(in_array);
  info.misses = l_.slot_misses + 4 * static_cast<int32_t>(in_array);
  if (member) group_addend_[u.group] = info.slot + 8;
  if (first == 0) e_.mov(rcx, base);
  else e_.lea(rcx, ptr(base, first));
  e_.sub(rcx, frame(info.slot));
  if (alignment == Alignment::kNatural) {
    e_.test(ecx, size - 1);
    Stub& odd = new_stub(Stub::Kind::kSite, e_.jcc_near(Condition::kNe, e_.cursor()));
    odd.uop = &u;
    odd.info = info;
    odd.info.slot = -1;
    odd.resume = resume;
  }
  e_.cmp(rcx, info.limit);
  Stub& stub = new_stub(kind_of_stub, e_.jcc_near(Condition::kA, e_.cursor()));
  stub.uop = &u;
  stub.info = info;
  stub.resume = resume;
  e_.mov(rcx, frame(info.slot + 8));
  return {base, false, imm};
}

Mem UnitEmitter::host_address(const Access& access) const {
  return access.direct ? ptr(rax) : ptr(access.base, rcx, 1, access.imm);
}

void UnitEmitter::load_from(const Uop& u, const Mem& at) {
  if (is_fpr(u.dst)) {
    const Xmm d = is_pinned(u.dst) ? pinned_fpr(u.dst) : xmm0;
    if (is_single(u)) {
      // Boxed: the upper half is all ones.
      e_.vmovd(d, at);
      e_.vorps(d, d, rip(thunks_.box_mask));
    } else {
      e_.vmovsd(d, at);
    }
    if (!is_pinned(u.dst)) e_.vmovsd(frame(f_at(u.dst)), d);
    fp_written(u.dst, 0, is_single(u), FpResult::kBits);
    return;
  }
  const Gpr64 d = is_gpr(u.dst) && u.dst != 0 && is_pinned(u.dst) ? pinned_gpr(u.dst) : rax;
  switch (u.size) {
    case MemOp::kU8: e_.movzx(d.r32(), Mem8{at}); break;
    case MemOp::kU16: e_.movzx(d.r32(), Mem16{at}); break;
    case MemOp::kU32: e_.mov(d.r32(), at); break;
    case MemOp::kU64: e_.mov(d, at); break;
    case MemOp::kS8: e_.movsx(d, Mem8{at}); break;
    case MemOp::kS16: e_.movsx(d, Mem16{at}); break;
    case MemOp::kS32: e_.movsxd(d, Mem32{at}); break;
  }
  if (d == rax && is_gpr(u.dst) && u.dst != 0) e_.mov(frame(x_at(u.dst)), rax);
}

// One host instruction; a floating-point register that isn't pinned is in xmm0.
void UnitEmitter::store_to(const Uop& u, const Mem& at) {
  if (is_fpr(u.b)) {
    const Xmm v = is_pinned(u.b) ? pinned_fpr(u.b) : xmm0;
    if (is_single(u)) e_.vmovss(at, v);
    else e_.vmovsd(at, v);
    return;
  }
  if (u.b == 0) {
    switch (size_of(u.size)) {
      case 1: e_.mov(Mem8{at}, 0); break;
      case 2: e_.mov(Mem16{at}, 0); break;
      case 4: e_.mov(Mem32{at}, 0); break;
      default: e_.mov(Mem64{at}, 0); break;
    }
    return;
  }
  const Gpr64 v = read(u.b, rcx);
  switch (size_of(u.size)) {
    case 1: e_.mov(at, v.r8()); break;
    case 2: e_.mov(at, v.r16()); break;
    case 4: e_.mov(at, v.r32()); break;
    default: e_.mov(at, v); break;
  }
}

void UnitEmitter::emit_load(const Uop& u) {
  const int stub = stub_count_;
  const Access access = check_access(u, false, Alignment::kAny, SiteKind::kLoad);
  set_access(stub);
  load_from(u, host_address(access));
  set_after(stub);
}

void UnitEmitter::emit_store(const Uop& u) {
  if (is_fpr(u.b)) clean(uint32_t{1} << (u.b - kFpBase));
  const int stub = stub_count_;
  Access access = check_access(u, true, Alignment::kAny, SiteKind::kStore);
  // A value in memory needs rcx: the address is put together first.
  if (in_memory(u.b) && !access.direct) {
    if (access.base == rax) e_.add(rax, rcx);
    else e_.lea(rax, ptr(access.base, rcx));
    if (access.imm != 0) e_.add(rax, access.imm);
    access.direct = true;
  }
  if (is_fpr(u.b) && !is_pinned(u.b)) e_.vmovsd(xmm0, frame(f_at(u.b)));
  if (in_memory(u.b)) {
    rcx_group_ = 0;
    e_.mov(rcx, frame(x_at(u.b)));
    set_access(stub);
    const Mem at = ptr(rax);
    switch (size_of(u.size)) {
      case 1: e_.mov(at, cl); break;
      case 2: e_.mov(at, cx); break;
      case 4: e_.mov(at, ecx); break;
      default: e_.mov(at, rcx); break;
    }
  } else {
    set_access(stub);
    store_to(u, host_address(access));
  }
  set_after(stub);
}

void UnitEmitter::emit_load_reserved(const Uop& u) {
  const int stub = stub_count_;
  const Access access = check_access(u, false, Alignment::kNatural, SiteKind::kLoadReserved);
  if (!access.direct) e_.lea(rax, host_address(access));
  set_access(stub);
  const bool word = size_of(u.size) == 4;
  if (word) e_.mov(ecx, ptr(rax));
  else e_.mov(rcx, ptr(rax));
  e_.mov(frame(l_.reservation_addr), rax);
  e_.mov(frame(l_.reservation_value), rcx);
  e_.mov(rax, frame(l_.dma_epoch));
  e_.mov(frame(l_.reservation_epoch), rax);
  // The reservation's value is not extended; SC.D behind LR.W compares it so.
  if (word) e_.movsxd(rcx, ecx);
  if (u.dst != 0 && is_gpr(u.dst)) {
    if (is_pinned(u.dst)) e_.mov(pinned_gpr(u.dst), rcx);
    else e_.mov(frame(x_at(u.dst)), rcx);
  }
  set_after(stub);
}

void UnitEmitter::emit_store_conditional(const Uop& u) {
  const int stub = stub_count_;
  const Access access = check_access(u, true, Alignment::kNatural, SiteKind::kStoreConditional);
  if (!access.direct) e_.lea(rax, host_address(access));
  Label failed, done;
  e_.mov(rcx, rax);
  e_.xor_(rax, frame(l_.reservation_addr));
  e_.mov(qword_ptr(kFrame, l_.reservation_addr), -1);
  e_.jne(failed);
  e_.mov(rax, frame(l_.dma_epoch));
  e_.cmp(rax, frame(l_.reservation_epoch));
  e_.jne(failed);
  e_.mov(rax, frame(l_.reservation_value));
  // The new value in a register that isn't rax or rcx: the budget's waits in the frame where that must be.
  const bool borrow = in_memory(u.b) || u.b == 0;
  Gpr64 v = rdx;
  if (borrow) {
    e_.mov(frame(l_.temp), rdx);
    read(u.b, rdx);
  } else {
    v = read(u.b, rdx);
  }
  if (size_of(u.size) == 4) e_.cmpxchg(ptr(rcx), v.r32());
  else e_.cmpxchg(ptr(rcx), v);
  if (borrow) e_.mov(rdx, frame(l_.temp));
  e_.jne(failed);
  e_.xor_(eax, eax);
  e_.jmp_short(done);
  e_.bind(failed);
  // An SC that fails has to fault all the same where an empty slot answered.
  set_access(stub);
  e_.movzx(eax, Mem8{ptr(rcx)});
  e_.mov(eax, 1);
  e_.bind(done);
  if (u.dst != 0 && is_gpr(u.dst)) {
    if (is_pinned(u.dst)) e_.mov(pinned_gpr(u.dst), rax);
    else e_.mov(frame(x_at(u.dst)), rax);
  }
  set_after(stub);
}

// One instruction that no signal splits: xadd, or cmpxchg until nobody came between. No lock prefix: there is one thread.
void UnitEmitter::emit_amo(const Uop& u) {
  const int stub = stub_count_;
  const Access access = check_access(u, true, Alignment::kNatural, SiteKind::kAmo);
  const AmoOp op = static_cast<AmoOp>(u.sub);
  const bool word = size_of(u.size) == 4;
  if (access.direct) e_.mov(rcx, rax);
  else e_.lea(rcx, host_address(access));
  if (op == AmoOp::kAdd) {
    move(rax, read(u.b, rax));
    set_access(stub);
    if (word) e_.xadd(ptr(rcx), eax);
    else e_.xadd(ptr(rcx), rax);
  } else {
    // rdx holds the new value; where it is the operand's own register, the operand is in the frame.
    const int32_t saved = l_.temp, operand = l_.temp + 8;
    e_.mov(frame(saved), rdx);
    e_.mov(frame(operand), read(u.b, rax));
    set_access(stub);
    if (word) e_.mov(eax, ptr(rcx));
    else e_.mov(rax, ptr(rcx));
    Label again;
    e_.bind(again);
    const auto compute = [&](auto d, auto old) {
      switch (op) {
        case AmoOp::kXor:
          e_.mov(d, old);
          e_.xor_(d, frame(operand));
          break;
        case AmoOp::kAnd:
          e_.mov(d, old);
          e_.and_(d, frame(operand));
          break;
        case AmoOp::kOr:
          e_.mov(d, old);
          e_.or_(d, frame(operand));
          break;
        case AmoOp::kMin:
        case AmoOp::kMax:
        case AmoOp::kMinu:
        case AmoOp::kMaxu: {
          const Condition keep = op == AmoOp::kMin ? Condition::kL : op == AmoOp::kMax ? Condition::kGe : op == AmoOp::kMinu ? Condition::kB : Condition::kAe;
          e_.mov(d, frame(operand));
          e_.cmp(old, d);
          e_.cmovcc(keep, d, old);
          break;
        }
        default:
          e_.mov(d, frame(operand));
          break;
      }
    };
    if (word) {
      compute(edx, eax);
      e_.cmpxchg(ptr(rcx), edx);
    } else {
      compute(rdx, rax);
      e_.cmpxchg(ptr(rcx), rdx);
    }
    e_.jne(again);
    e_.mov(rdx, frame(saved));
  }
  if (u.dst != 0 && is_gpr(u.dst)) {
    const Gpr64 d = is_pinned(u.dst) ? pinned_gpr(u.dst) : rax;
    if (word) e_.movsxd(d, eax);
    else move(d, rax);
    if (d == rax) e_.mov(frame(x_at(u.dst)), rax);
  }
  set_after(stub);
}

// --- stubs ------------------------------------------------------------------------------------------------------------------
// The value of a store where C++ finds it.
void UnitEmitter::emit_value_for_slow_path(const Uop& u) {
  if (u.b == kNoOperand || u.b == kConstOperand) return;
  if (u.b == 0) {
    e_.mov(qword_ptr(kFrame, l_.value), 0);
  } else if (is_fpr(u.b)) {
    if (is_pinned(u.b)) {
      e_.vmovsd(frame(l_.value), pinned_fpr(u.b));
    } else {
      e_.vmovsd(xmm0, frame(f_at(u.b)));
      e_.vmovsd(frame(l_.value), xmm0);
    }
  } else {
    e_.mov(frame(l_.value), read(u.b, rcx));
  }
}

void UnitEmitter::emit_site_stub(Stub& stub) {
  const Uop& u = *stub.uop;
  const SiteKind kind = static_cast<SiteKind>(stub.info.kind);
  if (u.code != UopCode::k_load && u.code != UopCode::k_load_reserved) emit_value_for_slow_path(u);
  // The table's look-up has spoilt an address that was in rax.
  if (is_temp(u.a) && temp_host(u.a) == rax && !has_slot(stub.info)) e_.mov(rax, frame(l_.temp));
  const Gpr64 base = read(u.a, rax);
  if (kind == SiteKind::kHelper) move(rax, base);
  else e_.lea(rax, ptr(base, static_cast<int32_t>(u.imm)));
  const bool refills = stub.info.slot != -1;
  const bool is_store = kind != SiteKind::kLoad && kind != SiteKind::kLoadReserved;
  if (!refills) stub.info.slot = 0;
  e_.call_near(refills ? thunks_.miss[stub.info.mode][is_store] : thunks_.slow);
  e_.jmp_near(stub.resume);
  emit_info(stub.info);
  // The slow path did it all, the result's register included.
  e_.jmp_near(stub.after);
}

// A group's head: the slot is filled from the table, or the rest of the unit runs in a version without groups.
void UnitEmitter::emit_group_stub(Stub& stub) {
  const Uop& u = *stub.uop;
  const Gpr64 base = read(u.a, rax);
  const bool is_store = static_cast<SiteKind>(stub.info.kind) == SiteKind::kStore;
  if (stub.info.slot != -1) {
    e_.lea(rax, ptr(base, static_cast<int32_t>(u.imm) + stub.info.base_offset));
    stub.info.kind = static_cast<uint8_t>(SiteKind::kGroup);
    stub.info.sub = is_store;
    e_.call_near(thunks_.group[stub.info.mode][is_store]);
    e_.jmp_near(stub.resume);
    emit_info(stub.info);
  }
  // The instructions before this one have run.
  if (stub.info.count > 1) e_.lea(kBudget, ptr(kBudget, 1 - stub.info.count));
  repair(stub.info.dirty64, stub.info.dirty32);
  TbExit& exit = new_exit();
  exit.field = e_.jmp_near(e_.cursor());
  exit.stub = e_.cursor();
  Emitter::patch(exit.field, exit.stub);
  exit.from = &tb_;
  exit.target = stub.info.offset;
  exit.mode = stub.info.mode;
  exit.grouped = false;
  e_.lea(rax, rip(&exit));
  e_.jmp_near(thunks_.exit[static_cast<int>(options_.chain && !u_.straddles ? JitExit::kLink : JitExit::kNoGroup)]);
}

}  // namespace monochord::x86_64
