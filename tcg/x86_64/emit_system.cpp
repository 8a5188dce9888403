// System instructions: the few CSR accesses that kernels make all the time inline, everything else by its helper in C++.
#include "tcg/emit/emit.h"
#include "tcg/riscv/bits.h"
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr unsigned kSstatus = 0x100, kStvec = 0x105, kSscratch = 0x140, kSepc = 0x141, kScause = 0x142, kStval = 0x143;

}  // namespace

// On the expected path: C++ does the instruction and comes back behind the SiteInfo, or leaves.
void UnitEmitter::call_slow_path(const Uop& u) {
  const SiteInfo info = site_info(u, SiteKind::kHelper);
  if (static_cast<HelperOp>(u.sub) == HelperOp::kCsr) emit_value_for_slow_path(u);
  if (u.a != kNoOperand) {
    const Gpr64 a = read(u.a, rax);
    move(rax, a);
  }
  if (u.code == UopCode::k_call_helper && static_cast<HelperOp>(u.sub) == HelperOp::kSfenceVma) emit_value_for_slow_path(u);
  e_.call_near(thunks_.slow);
  e_.jmp_near(e_.cursor());  // keeps the form; nothing comes back to it
  uint8_t* const at = e_.cursor();
  memcpy(at, &info, sizeof info);
  e_.set_cursor(at + sizeof info);
}

void UnitEmitter::emit_call_helper(const Uop& u) {
  switch (static_cast<HelperOp>(u.sub)) {
    case HelperOp::kCsr:
      if (emit_csr(u)) return;
      break;
    case HelperOp::kCbo:
      if (static_cast<Cbo>(u.imm) == Cbo::kZero) {
        emit_cbo_zero(u);
        return;
      }
      break;
    case HelperOp::kMret:
    case HelperOp::kSret:
    case HelperOp::kFenceI:
    case HelperOp::kSfenceVma:
    case HelperOp::kSvinvalFence:
    case HelperOp::kEcall:
    case HelperOp::kEbreak:
      stopped_ = true;  // C++ says where it goes on
      break;
  }
  call_slow_path(u);
  if (stopped_) e_.ud2();
}

// True where the access was emitted inline.
bool UnitEmitter::emit_csr(const Uop& u) {
  if (u_.mode == kTlbU) return false;
  const CsrArgs args = unpack_csr(u.imm);
  const bool reads = is_gpr(u.dst) && u.dst != 0;
  const auto result = [&](Gpr64 value) {
    if (!reads) return;
    if (is_pinned(u.dst)) move(pinned_gpr(u.dst), value);
    else e_.mov(frame(x_at(u.dst)), value);
  };
  struct Field {
    unsigned number;
    int32_t at;
    int64_t mask;
    bool writable;
  };
  const Field fields[] = {
      {kSscratch, l_.sscratch, -1, true}, {kSepc, l_.sepc, -2, true},    {kScause, l_.scause, -1, true},
      {kStval, l_.stval, -1, true},       {kStvec, l_.stvec, -1, false},
  };
  for (const Field& field : fields) {
    if (field.number != args.number) continue;
    if (args.write && (!field.writable || args.op != CsrOp::kWrite)) return false;
    if (args.write) {
      // The operand first: it may be the result's register.
      if (args.is_constant) e_.mov(rcx, static_cast<int64_t>(args.constant));
      else move(rcx, read(u.b, rcx));
      if (field.mask != -1) e_.and_(rcx, field.mask);
    }
    if (reads) {
      const Gpr64 d = is_pinned(u.dst) ? pinned_gpr(u.dst) : rax;
      e_.mov(d, frame(field.at));
      if (field.mask != -1) e_.and_(d, field.mask);
      result(d);
    }
    if (args.write) e_.mov(frame(field.at), rcx);
    return true;
  }
  if (args.number != kSstatus || args.op == CsrOp::kWrite) return false;
  const bool is_set = args.op == CsrOp::kSet;
  const auto read_sstatus = [&] {
    // SD says whether FS is Dirty now.
    constexpr int64_t kVisible = static_cast<int64_t>(kMstatusSie | kMstatusSpie | kMstatusSpp | kMstatusFs | kMstatusSum | kMstatusMxr | kMstatusUxl);
    e_.mov(rax, frame(l_.mstatus));
    e_.mov(rcx, kVisible);
    e_.and_(rax, rcx);
    e_.mov(ecx, eax);
    e_.and_(ecx, static_cast<int64_t>(kMstatusFs));
    e_.add(ecx, int64_t{1} << 13);  // 0x8000 where both bits of FS were set
    e_.and_(ecx, 0x8000);
    e_.shl(rcx, 63 - 15);
    e_.or_(rax, rcx);
    result(rax);
  };
  if (!args.write) {
    if (reads) read_sstatus();
    return true;
  }
  if (!args.is_constant) return false;
  const Mem64 mstatus = qword_ptr(kFrame, l_.mstatus);
  if (args.constant == kMstatusSie && !is_set) {
    if (reads) read_sstatus();
    e_.and_(mstatus, ~static_cast<int64_t>(kMstatusSie));
    return true;
  }
  if (args.constant == kMstatusSie && is_set) {
    // An interrupt may wait for this: then C++ looks.
    e_.mov(rax, frame(l_.irq_lines));
    e_.or_(rax, frame(l_.mip_soft));
    e_.test(frame(l_.mie), rax);
    Label quiet, done;
    e_.je(quiet);
    call_slow_path(u);
    e_.jmp(done);
    e_.bind(quiet);
    if (reads) read_sstatus();
    e_.or_(mstatus, static_cast<int64_t>(kMstatusSie));
    e_.bind(done);
    return true;
  }
  if (args.constant == kMstatusSum && u_.mode != kTlbM && !reads) {
    // What follows accesses memory in the other mode.
    if (is_set) {
      e_.or_(mstatus, static_cast<int64_t>(kMstatusSum));
    } else {
      e_.and_(mstatus, ~static_cast<int64_t>(kMstatusSum));
    }
    mode_ = is_set ? kTlbSumS : kTlbS;
    return true;
  }
  return false;
}

// A block of 64 bytes of zeros.
void UnitEmitter::emit_cbo_zero(const Uop& u) {
  const int first = stub_count_;
  constexpr int32_t kBlock = 64;
  const uint64_t enabled = kEnvcfgCbze;
  uint8_t* const resume = e_.cursor();
  // Permission, then the block's address.
  if (u_.mode != kTlbM) e_.test(dword_ptr(kFrame, l_.menvcfg), static_cast<int64_t>(enabled));
  SiteInfo info = site_info(u, SiteKind::kHelper);
  info.slot = -1;
  if (u_.mode != kTlbM) {
    Stub& no = new_stub(Stub::Kind::kSite, e_.jcc_near(Condition::kE, e_.cursor()));
    no.uop = &u;
    no.info = info;
    no.resume = resume;
  }
  if (u_.mode == kTlbU) {
    e_.test(dword_ptr(kFrame, l_.senvcfg), static_cast<int64_t>(enabled));
    Stub& no = new_stub(Stub::Kind::kSite, e_.jcc_near(Condition::kE, e_.cursor()));
    no.uop = &u;
    no.info = info;
    no.resume = resume;
  }
  move(rax, read(u.a, rax));
  e_.and_(rax, -kBlock);
  e_.rorx(ecx, eax, 8);
  e_.and_(ecx, static_cast<int64_t>(l_.tlb_index_mask) << 4);
  e_.add(rcx, frame(l_.write_table + 8 * mode_));
  e_.sub(rax, ptr(rcx));
  e_.cmp(rax, 4096 - kBlock);
  Stub& stub = new_stub(Stub::Kind::kSite, e_.jcc_near(Condition::kA, e_.cursor()));
  stub.uop = &u;
  stub.info = info;
  stub.resume = resume;
  e_.add(rax, ptr(rcx));
  e_.mov(rcx, ptr(rcx, 8));
  e_.vpxor(xmm0, xmm0, xmm0);
  for (int32_t at = 0; at < kBlock; at += 16) e_.vmovups(ptr(rax, rcx, 1, at), xmm0);
  set_after(first);
}

}  // namespace monochord::x86_64
