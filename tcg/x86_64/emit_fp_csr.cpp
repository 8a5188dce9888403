// fflags, frm and fcsr. While a unit runs, MXCSR has the flags and the rounding mode; JitFrame::mxcsr has the mode, too, and HartState::frm what was
// written.
#include "tcg/emit/emit.h"
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr unsigned kFflags = 1, kFrm = 2, kFcsr = 3;
constexpr int64_t kMxcsrFlags = 0x3f, kMxcsrRc = 0x6000;

}  // namespace

// --- quiet comparisons ----------------------------------------------------------------------------------------------------------
// Compilers make a quiet comparison of frflags, flt or fle, fsflags. Where no operand is a NaN it raises no flag, and the write changes nothing.
// Gives that write, which is left out then.
const Uop* UnitEmitter::flags_saver(const Uop& u) {
  const Uop* const end = u_.uops + u_.uop_count;
  if (&u == u_.uops || &u + 1 == end) return nullptr;
  const Uop &before = *(&u - 1), &after = *(&u + 1);
  const auto is_fflags = [](const Uop& csr) {
    return csr.code == UopCode::k_call_helper && static_cast<HelperOp>(csr.sub) == HelperOp::kCsr && unpack_csr(csr.imm).number == kFflags;
  };
  if (!is_fflags(before) || !is_fflags(after) || before.insn + 1 != u.insn || u.insn + 1 != after.insn) return nullptr;
  const CsrArgs read = unpack_csr(before.imm), write = unpack_csr(after.imm);
  if (read.write || write.read || write.op != CsrOp::kWrite || write.is_constant) return nullptr;
  if (!is_gpr(before.dst) || before.dst == 0 || after.b != before.dst || u.dst == before.dst) return nullptr;
  skipped_ = &after;
  return &after;
}

void UnitEmitter::emit_quiet_stub(const Stub& stub) {
  move(rcx, read(stub.uop->b, rcx));
  write_fflags();
  e_.jmp_near(stub.resume);
}

// --- the registers --------------------------------------------------------------------------------------------------------------
// What MXCSR gathered, to `d`. rax and rcx are spoilt.
void UnitEmitter::read_fflags(Gpr64 d) {
  e_.stmxcsr(frame(l_.temp));
  e_.mov(eax, frame(l_.temp));
  e_.and_(eax, kMxcsrFlags);
  e_.lea(rcx, rip(thunks_.fflags_of_mxcsr));
  e_.movzx(d.r32(), byte_ptr(rcx, rax));
}

// From rcx.
void UnitEmitter::write_fflags() {
  e_.and_(ecx, 0x1f);
  e_.mov(frame(l_.fflags), ecx);
  e_.lea(rax, rip(thunks_.mxcsr_of_fflags));
  e_.movzx(ecx, byte_ptr(rax, rcx));
  e_.stmxcsr(frame(l_.temp));
  e_.and_(dword_ptr(kFrame, l_.temp), ~kMxcsrFlags);
  e_.or_(frame(l_.temp), ecx);
  e_.ldmxcsr(frame(l_.temp));
}

// From rax: a mode that the host has.
void UnitEmitter::write_frm() {
  constexpr int64_t kRcOfFrm = 0 | 3 << 2 | 1 << 4 | 2 << 6;  // two bits each
  e_.mov(byte_ptr(kFrame, l_.frm).mem, al);
  e_.lea(ecx, ptr(rax, rax));
  e_.mov(eax, kRcOfFrm);
  e_.shrx(eax, eax, ecx);
  e_.and_(eax, 3);
  e_.shl(eax, 13);
  e_.stmxcsr(frame(l_.temp));
  e_.and_(dword_ptr(kFrame, l_.temp), ~kMxcsrRc);
  e_.or_(frame(l_.temp), eax);
  e_.ldmxcsr(frame(l_.temp));
  e_.mov(eax, frame(l_.temp));
  e_.mov(frame(l_.mxcsr), eax);
}

// True where the access was emitted. Bits that are set or cleared, and modes that the host lacks, are for C++.
bool UnitEmitter::emit_fp_csr(const Uop& u, const CsrArgs& args) {
  if (args.write && args.op != CsrOp::kWrite) return false;
  if (&u == skipped_) return true;
  const bool reads = is_gpr(u.dst) && u.dst != 0;
  const bool has_flags = args.number != kFrm, has_mode = args.number != kFflags;
  const unsigned mode_at = args.number == kFcsr ? 5 : 0;
  const int32_t value = l_.temp + 8;
  const auto new_mode = [&] {
    e_.mov(eax, frame(value));
    if (mode_at != 0) e_.shr(eax, mode_at);
    e_.and_(eax, 7);
  };
  Label slow, done;
  if (args.write) {
    if (args.is_constant) e_.mov(qword_ptr(kFrame, value), static_cast<int64_t>(args.constant & 0xff));
    else e_.mov(frame(value), read(u.b, rcx));
    release(u);
    if (has_mode) {
      new_mode();
      e_.cmp(eax, 3);
      e_.ja(slow);
      slow_if(u, slow, done);
    }
  }
  if (reads) {
    if (has_flags) read_fflags(rcx);
    if (has_mode) e_.movzx(eax, byte_ptr(kFrame, l_.frm));
    if (has_mode && mode_at != 0) {
      e_.shl(eax, mode_at);
      e_.or_(ecx, eax);
    }
    const Gpr64 old = has_flags ? rcx : rax;
    if (is_pinned(u.dst)) e_.mov(pinned_gpr(u.dst), old);
    else e_.mov(frame(x_at(u.dst)), old);
  }
  if (args.write) {
    if (has_mode) {
      new_mode();
      write_frm();
    }
    if (has_flags) {
      e_.mov(rcx, frame(value));
      write_fflags();
    }
  }
  if (has_mode && args.write) e_.bind(done);
  return true;
}

}  // namespace monochord::x86_64
