#include "tcg/x86_64/thunks.h"

#include <cstddef>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "tcg/jit/tb.h"
#include "tcg/x86_64/emitter.h"

namespace monochord::x86_64 {

namespace {

constexpr Gpr64 kCalleeSaved[] = {rbx, rbp, r12, r13, r14, r15};

class ThunkEmitter {
 public:
  ThunkEmitter(uint8_t* begin, uint8_t* end, const FrameLayout& layout) : e_(begin, end), l_(layout) {}

  Mem frame(int32_t at) const { return ptr(kFrame, at); }

  // Guest registers to HartState, the budget to the frame first: from there on a kick finds it in memory.
  void save_state() {
    e_.mov(frame(l_.budget), kBudget);
    begin_dead();
    for (const PinnedGpr& p : kPinnedGprs) e_.mov(frame(l_.x + 8 * p.guest), p.host);
    for (const PinnedFpr& p : kPinnedFprs) e_.vmovsd(frame(l_.f + 8 * p.guest), p.host);
    e_.stmxcsr(frame(l_.mxcsr));
    e_.ldmxcsr(frame(l_.mxcsr_host));
  }
  // The budget last; then whether somebody asked to leave meanwhile.
  void load_state() {
    for (const PinnedGpr& p : kPinnedGprs) e_.mov(p.host, frame(l_.x + 8 * p.guest));
    for (const PinnedFpr& p : kPinnedFprs) e_.vmovsd(p.host, frame(l_.f + 8 * p.guest));
    e_.ldmxcsr(frame(l_.mxcsr));
    e_.mov(kBudget, frame(l_.budget));
    end_dead();
    Label go;
    e_.cmp(dword_ptr(kFrame, l_.exit_request), 0);
    e_.je_short(go);
    // What a kick does; another kick in the middle of it finds it done.
    begin_dead();
    e_.lea(kBudget, ptr(kBudget, 1));
    e_.add(frame(l_.stolen), kBudget);
    e_.mov(kBudget, -1);
    end_dead();
    e_.bind(go);
  }

  void begin_dead() { t_.dead[t_.dead_count].begin = e_.cursor(); }
  void end_dead() { t_.dead[t_.dead_count++].end = e_.cursor(); }

  Thunks make(uint64_t (*slow)(void*, const void*, uint64_t)) {
    t_.begin = e_.cursor();
    constants();
    enter();
    exits();
    slow_path(slow);
    for (unsigned mode = 0; mode < kTlbModes; mode++) {
      for (int store = 0; store < 2; store++) {
        miss(mode, store != 0);
        group(mode, store != 0);
      }
    }
    t_.end = e_.cursor();
    return t_;
  }

 private:
  void constants() {
    e_.align(16);
    t_.box_mask = reinterpret_cast<const uint64_t*>(e_.cursor());
    e_.data(uint64_t{0xffffffff00000000});
    e_.data(uint64_t{0});
    t_.constants = reinterpret_cast<const uint64_t*>(e_.cursor());
    // By FpConstant.
    for (const uint64_t c : {
             uint64_t{0x7ff8000000000000}, uint64_t{0}, uint64_t{0xffffffff7fc00000}, uint64_t{0},          // canonical NaNs
             uint64_t{1} << 63, uint64_t{0}, uint64_t{0x80000000}, uint64_t{0},                             // signs
             uint64_t{0x7fffffffffffffff}, uint64_t{0}, uint64_t{0xffffffff7fffffff}, uint64_t{0},          // all but the sign
         })
      e_.data(c);
    // MXCSR: invalid, denormal, zero, overflow, underflow, precision, from bit 0 up. fflags: NX, UF, OF, DZ, NV.
    constexpr uint8_t kFflag[] = {16, 0, 8, 4, 2, 1};
    t_.fflags_of_mxcsr = e_.cursor();
    for (unsigned mxcsr = 0; mxcsr < 64; mxcsr++) {
      uint8_t fflags = 0;
      for (unsigned i = 0; i < 6; i++) fflags |= mxcsr >> i & 1 ? kFflag[i] : 0;
      e_.data(fflags);
    }
    t_.mxcsr_of_fflags = e_.cursor();
    for (unsigned fflags = 0; fflags < 32; fflags++) {
      uint8_t mxcsr = 0;
      for (unsigned i = 0; i < 6; i++) mxcsr |= fflags & kFflag[i] ? static_cast<uint8_t>(1u << i) : 0;
      e_.data(mxcsr);
    }
    e_.align(16);
  }

  void enter() {
    e_.align(16);
    t_.enter = reinterpret_cast<uint64_t (*)(void*, const void*)>(e_.cursor());
    begin_dead();
    for (const Gpr64 r : kCalleeSaved) e_.push(r);
    e_.push(rax);  // keeps the stack aligned in units: rsp is a multiple of 16 there
    e_.mov(kFrame, rdi);
    e_.mov(frame(l_.enter_code), rsi);
    e_.mov(frame(l_.host_rsp), rsp);
    load_state();
    e_.mov(rax, frame(l_.value));
    e_.jmp(qword_ptr(kFrame, l_.enter_code));
  }

  // rax: argument. Everything ends here.
  void exits() {
    Label out;
    for (int reason = 0; reason <= static_cast<int>(JitExit::kNoGroup); reason++) {
      e_.align(8);
      t_.exit[reason] = e_.cursor();
      e_.mov(dword_ptr(kFrame, l_.exit_reason), reason);
      e_.jmp(out);
    }
    e_.bind(out);
    save_state();
    leave();
    end_dead();
  }

  void leave() {
    e_.mov(rsp, frame(l_.host_rsp));
    e_.pop(rcx);
    for (int i = static_cast<int>(std::size(kCalleeSaved)) - 1; i >= 0; i--) e_.pop(kCalleeSaved[i]);
    e_.ret();
  }

  // rax: guest address. On the stack: where to try again; behind that jump the SiteInfo, and behind it what follows a done access.
  void slow_path(uint64_t (*slow)(void*, const void*, uint64_t)) {
    e_.align(16);
    t_.slow = e_.cursor();
    save_state();
    e_.mov(rdx, rax);
    e_.mov(rdi, frame(l_.hart));
    e_.mov(rsi, ptr(rsp));
    e_.add(rsi, kJumpBytes);
    e_.sub(rsp, 8);
    e_.mov(rax, reinterpret_cast<int64_t>(slow));
    e_.call(rax);
    e_.add(rsp, 8);
    Label leave_label, jump_label, again;
    e_.cmp(eax, static_cast<int>(kSlowLeave));
    e_.je(leave_label);
    e_.ja(jump_label);
    e_.test(eax, eax);
    e_.jne_short(again);
    e_.add(qword_ptr(rsp), kJumpBytes + static_cast<int>(sizeof(SiteInfo)));
    e_.bind(again);
    load_state();
    e_.ret();
    e_.bind(jump_label);
    begin_dead();
    e_.add(rsp, 8);
    load_state();
    e_.mov(rax, frame(l_.value));
    e_.jmp(qword_ptr(kFrame, l_.enter_code));
    // Its own dead stretch: the one above ended where the budget was loaded.
    e_.bind(leave_label);
    begin_dead();
    e_.mov(dword_ptr(kFrame, l_.exit_reason), static_cast<int>(JitExit::kLeft));
    leave();
    end_dead();
  }

  // Looks the address in rax up in the mode's table; `limit` is the SiteInfo's. rdx: the return address. Leaves rcx at the entry on a hit.
  void look_up(unsigned mode, bool store, Label& not_there) {
    e_.mov(frame(l_.temp), rdx);
    e_.mov(frame(l_.temp + 8), rbx);
    e_.mov(rdx, ptr(rsp));
    e_.rorx(ecx, eax, 8);
    e_.and_(ecx, static_cast<int64_t>(l_.tlb_index_mask) << 4);
    e_.add(rcx, frame((store ? l_.write_table : l_.read_table) + 8 * static_cast<int>(mode)));
    e_.mov(rbx, rax);
    e_.sub(rbx, ptr(rcx));
    e_.cmp(rbx, 4095);
    e_.ja(not_there);
    e_.cmp(ebx, ptr(rdx, info(offsetof(SiteInfo, limit))));
    e_.jg(not_there);
  }
  void fill_slot(unsigned mode) {
    e_.movsxd(rbx, dword_ptr(rdx, info(offsetof(SiteInfo, slot))));
    e_.vmovups(xmm0, ptr(rcx));
    e_.vmovups(ptr(kFrame, rbx), xmm0);
    // Which slots may be filled, by groups of them: in the same order, so the slot's distance says which byte.
    static_assert(sizeof(TlbEntry) * Tlb::kGroupSlots == 128);
    e_.sub(rbx, l_.slots);
    e_.shr(rbx, 7);
    e_.mov(byte_ptr(kFrame, rbx, 1, l_.slot_groups), 1);
    e_.mov(ecx, eax);
    e_.shr(ecx, 12);
    e_.and_(ecx, static_cast<int64_t>(Tlb::kFilterEntries - 1));
    static_assert(Tlb::kClassSlots == 16 * Tlb::kGroupSlots && Tlb::kSiteSlots / Tlb::kClassSlots == 32);
    e_.shr(ebx, 4);
    e_.mov(edx, 1);
    e_.shlx(edx, edx, ebx);
    e_.or_(ptr(kFrame, rcx, 4, l_.slot_filter + static_cast<int>(sizeof(uint32_t) * Tlb::kFilterEntries * mode)), edx);
    e_.mov(rdx, ptr(rsp));
  }
  void count_miss(Label& often) {
    e_.movsxd(rcx, dword_ptr(rdx, info(offsetof(SiteInfo, misses))));
    e_.add(dword_ptr(kFrame, rcx), 1);
    e_.cmp(dword_ptr(kFrame, rcx), kMissesMax);
    e_.jae(often);
  }
  void restore_scratch() {
    e_.mov(rbx, frame(l_.temp + 8));
    e_.mov(rdx, frame(l_.temp));
  }

  void miss(unsigned mode, bool store) {
    e_.align(16);
    t_.miss[mode][store] = e_.cursor();
    Label not_there, often;
    look_up(mode, store, not_there);
    fill_slot(mode);
    count_miss(often);
    restore_scratch();
    e_.ret();
    e_.bind(often);
    e_.bind(not_there);
    restore_scratch();
    e_.jmp_near(t_.slow);
  }

  void group(unsigned mode, bool store) {
    e_.align(16);
    t_.group[mode][store] = e_.cursor();
    Label not_there, often;
    look_up(mode, store, not_there);
    fill_slot(mode);
    count_miss(often);
    restore_scratch();
    e_.ret();
    e_.bind(often);
    e_.bind(not_there);
    restore_scratch();
    e_.jmp_near(t_.slow);
  }

  static constexpr int kJumpBytes = 5;
  static constexpr int kMissesMax = 64;
  static int32_t info(size_t offset) { return kJumpBytes + static_cast<int32_t>(offset); }

  Emitter e_;
  const FrameLayout& l_;
  Thunks t_;
};

}  // namespace

const char* host_lacks() {
#if defined(__x86_64__)
  unsigned a, b, c, d;
  constexpr unsigned kFma = 1 << 12, kPopcnt = 1 << 23, kOsxsave = 1 << 27, kAvx = 1 << 28;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return "a processor with CPUID";
  constexpr unsigned kFirst = kFma | kPopcnt | kOsxsave | kAvx;
  if ((c & kFirst) != kFirst) return "AVX, FMA and POPCNT, which this processor or its kernel lacks";
  constexpr unsigned kBmi1 = 1 << 3, kBmi2 = 1 << 8;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & (kBmi1 | kBmi2)) != (kBmi1 | kBmi2)) return "BMI1 and BMI2, which this processor lacks";
  constexpr unsigned kLzcnt = 1 << 5;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || (c & kLzcnt) == 0) return "LZCNT, which this processor lacks";
  return nullptr;
#else
  return "an x86-64 host";
#endif
}

Thunks make_thunks(uint8_t* begin, uint8_t* end, const FrameLayout& layout, uint64_t (*slow)(void*, const void*, uint64_t)) {
  return ThunkEmitter(begin, end, layout).make(slow);
}

}  // namespace monochord::x86_64
