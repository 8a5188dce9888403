// System instructions: the few CSR accesses that kernels make all the time inline, everything else by its helper in C++.
#include "core/trace.h"
#include "tcg/emit/emit.h"
#include "tcg/riscv/bits.h"
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr unsigned kFflags = 1, kFcsr = 3;
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
  emit_info(info);
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
  const CsrArgs args = unpack_csr(u.imm);
  if (args.number >= kFflags && args.number <= kFcsr) return emit_fp_csr(u, args);
  if (u_.mode == kTlbU) return false;
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
  // A write that is traced goes through C++, so switch traces on before the machine runs.
  const bool in_cpp = args.write && (!u_.has_f || trace_event_on(kTrace_csr_write));
  return args.number == kSstatus && !in_cpp && emit_sstatus(u, args);
}

// sstatus as it is read, in the result's register: SD says whether FS is Dirty now.
void UnitEmitter::read_sstatus(const Uop& u) {
  if (!is_gpr(u.dst) || u.dst == 0) return;
  constexpr int64_t kVisible = static_cast<int64_t>(kSstatusWritable | kMstatusUxl);
  e_.mov(rax, kVisible);
  e_.and_(rax, frame(l_.mstatus));
  e_.mov(ecx, eax);
  e_.and_(ecx, static_cast<int64_t>(kMstatusFs));
  e_.add(ecx, int64_t{1} << 13);  // 0x8000 where both bits of FS were set
  e_.and_(ecx, 0x8000);
  e_.shl(rcx, 63 - 15);
  e_.or_(rax, rcx);
  if (is_pinned(u.dst)) e_.mov(pinned_gpr(u.dst), rax);
  else e_.mov(frame(x_at(u.dst)), rax);
}

// What needs C++ on some runs only: the call stands on the expected path's side, behind a jump.
void UnitEmitter::slow_if(const Uop& u, Label& slow, Label& done) {
  Label quick;
  e_.jmp(quick);
  e_.bind(slow);
  call_slow_path(u);
  e_.jmp(done);
  e_.bind(quick);
}

// fp_ready from FS in eax.
void UnitEmitter::set_fp_ready() {
  e_.and_(eax, static_cast<int64_t>(kMstatusFs));
  e_.cmp(eax, static_cast<int64_t>(kMstatusFs));
  e_.sete(al);
  e_.cmp(byte_ptr(kFrame, l_.frm), 3);
  e_.setbe(cl);
  e_.and_(al, cl);
  e_.movzx(eax, al);
  e_.mov(frame(l_.fp_ready), eax);
}

bool UnitEmitter::emit_sstatus(const Uop& u, const CsrArgs& args) {
  const Mem64 mstatus = qword_ptr(kFrame, l_.mstatus);
  if (!args.write) {
    read_sstatus(u);
    return true;
  }
  const bool is_set = args.op == CsrOp::kSet;
  if (args.op == CsrOp::kWrite) {
    // The end of a trap handler: FS, SPP, SPIE come back. SIE, SUM and MXR are C++'s if they change anything.
    if (args.is_constant || (is_gpr(u.dst) && u.dst != 0)) return false;
    Label slow, done;
    move(rcx, read(u.b, rcx));
    e_.mov(rax, rcx);
    e_.xor_(rax, frame(l_.mstatus));
    e_.and_(eax, static_cast<int64_t>(kSstatusWritable));
    e_.test(eax, static_cast<int64_t>(kMstatusSie | kMstatusSum | kMstatusMxr));
    e_.jne(slow);
    slow_if(u, slow, done);
    e_.xor_(frame(l_.mstatus), rax);
    e_.mov(eax, ecx);
    set_fp_ready();
    e_.bind(done);
    return true;
  }
  if (!args.is_constant) {
    // Interrupts back to what they were.
    if (is_gpr(u.dst) && u.dst != 0) return false;
    Label slow, done;
    move(rcx, read(u.b, rcx));
    e_.test(rcx, ~static_cast<int64_t>(kMstatusSie));
    e_.jne(slow);
    if (is_set) {
      e_.mov(rax, frame(l_.irq_lines));
      e_.or_(rax, frame(l_.mip_soft));
      e_.test(frame(l_.mie), rax);
      e_.jne(slow);
    }
    slow_if(u, slow, done);
    if (is_set) {
      e_.or_(frame(l_.mstatus), rcx);
    } else {
      e_.not_(rcx);
      e_.and_(frame(l_.mstatus), rcx);
    }
    e_.bind(done);
    return true;
  }
  // Bits that the CSR has not are nothing.
  const uint64_t bits = args.constant & kSstatusWritable;
  const bool sum_changes_mode = (bits & kMstatusSum) != 0;
  if (sum_changes_mode && u_.mode == kTlbM) return false;
  if (is_set) {
    if (bits == kMstatusSie) {
      // An interrupt may wait for this: then C++ looks.
      Label slow, done;
      e_.mov(rax, frame(l_.irq_lines));
      e_.or_(rax, frame(l_.mip_soft));
      e_.test(frame(l_.mie), rax);
      e_.jne(slow);
      slow_if(u, slow, done);
      read_sstatus(u);
      e_.or_(mstatus, static_cast<int64_t>(kMstatusSie));
      e_.bind(done);
      return true;
    }
    if (bits != kMstatusSum) return false;
    read_sstatus(u);
    e_.or_(mstatus, static_cast<int64_t>(kMstatusSum));
    mode_ = kTlbSumS;
    return true;
  }
  if (bits & kMstatusMxr) return false;
  read_sstatus(u);
  e_.and_(mstatus, ~static_cast<int64_t>(bits));
  if (bits & kMstatusFs) e_.mov(dword_ptr(kFrame, l_.fp_ready), 0);
  // What follows accesses memory in the other mode.
  if (sum_changes_mode) mode_ = kTlbS;
  return true;
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
