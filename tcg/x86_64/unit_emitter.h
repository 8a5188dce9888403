// From a unit of micro-operations to x86-64 code: one method a kind of micro-operation (emit_alu.cpp, emit_memory.cpp, emit_control.cpp, emit_fp.cpp).
//
// The order of a unit's code: the entries (entry_indirect, entry_check, entry), the path that is expected, then everything that leaves it (stubs).
// Registers: see host_registers.h. Guest registers that aren't pinned live in HartState and are loaded and stored where they are used.
#pragma once

#include <array>

#include "tcg/emit/uop.h"
#include "tcg/jit/options.h"
#include "tcg/jit/tb.h"
#include "tcg/x86_64/code_marks.h"
#include "tcg/x86_64/emitter.h"
#include "tcg/x86_64/host_registers.h"
#include "tcg/x86_64/thunks.h"

namespace monochord::x86_64 {

}  // namespace monochord::x86_64
namespace monochord {
struct CsrArgs;
}
namespace monochord::x86_64 {

// Gives out the slots of sites; one a unit.
struct SlotAllocator {
  uint32_t next[2];  // loads, stores: the lower and the upper half of a mode's slots
};

// A site that misses too often looks its address up in the table each time (form A).
class SiteHints {
 public:
  virtual bool always_misses(uint16_t offset) const = 0;

 protected:
  ~SiteHints() = default;
};

// In the order of Thunks::constants, 16 bytes each. Those of singles keep the box.
enum class FpConstant : uint8_t { kNan64, kNan32, kSign64, kSign32, kRest64, kRest32 };

class UnitEmitter {
 public:
  // `begin` to `end` is where the code goes; at least kBytesMax bytes. Below `exits` there is room for kExitsMax.
  static constexpr int kBytesMax = 96 << 10;
  static constexpr int kExitsMax = 3 * kUnitInsnsMax + 4;
  UnitEmitter(uint8_t* begin, uint8_t* end, const Unit& unit, const FrameLayout& layout, const Thunks& thunks, const JitOptions& options,
              SlotAllocator* slots, const SiteHints& hints, TranslationBlock& tb, TbExit* exits);

  // Notes where things are while it emits, for -d out_asm.
  void record(CodeMarks& marks) { marks_ = &marks; }
  // Emits everything; tb's entries and exits are set. `grouped`: base-register groups are used.
  void emit(bool grouped);
  uint8_t* cursor() const { return e_.cursor(); }
  // Writes tb's table of sites below `end`; gives where it begins.
  uint8_t* store_sites(uint8_t* end);

 private:
  using Handler = void (UnitEmitter::*)(const Uop&);
  static const Handler kHandlers[];

  // --- operands ---------------------------------------------------------------------------------------------------------
  int32_t x_at(Operand o) const { return l_.x + 8 * o; }
  int32_t f_at(Operand o) const { return l_.f + 8 * (o - kFpBase); }
  Mem frame(int32_t at) const { return ptr(kFrame, at); }
  // Where the operand is; one that is in memory (or the constant 0) is loaded into `scratch`.
  Gpr64 read(Operand o, Gpr64 scratch);
  bool in_memory(Operand o) const { return is_gpr(o) && o != 0 && !is_pinned(o); }
  Gpr64 temp_host(Operand o) const { return {temp_host_[o - kTempBase]}; }
  bool scratch_free(Gpr64 r) const { return !busy_[r.index]; }
  Gpr64 free_scratch() const;
  // The register to compute the result in, and what to do when it is there.
  Gpr64 result_register(const Uop& u, bool may_be_operand = true);
  void write_result(const Uop& u, Gpr64 in);
  void release(const Uop& u);
  void move(Gpr64 to, Gpr64 from);
  void load_constant(Gpr64 to, int64_t value);

  // --- arithmetic (emit_alu.cpp) ---
  void emit_mov(const Uop& u);
  void emit_movi(const Uop& u);
  void emit_pcrel(const Uop& u);
  void emit_add(const Uop& u);
  void emit_sub(const Uop& u);
  void emit_logic(const Uop& u);
  void emit_shift(const Uop& u);
  void emit_rotate(const Uop& u);
  void emit_set_less(const Uop& u);
  void emit_mul(const Uop& u);
  void emit_mulh(const Uop& u);
  void emit_div(const Uop& u);
  void emit_min_max(const Uop& u);
  void emit_zero_if(const Uop& u);
  void emit_unary(const Uop& u);
  // --- memory (emit_memory.cpp) ---
  void emit_load(const Uop& u);
  void emit_store(const Uop& u);
  void emit_load_reserved(const Uop& u);
  void emit_store_conditional(const Uop& u);
  void emit_amo(const Uop& u);
  struct Access {
    Gpr64 base;          // [base + rcx + imm] is the host's address, or [rax] where `direct`
    bool direct = false;
    int32_t imm = 0;
  };
  enum class Alignment : uint8_t { kAny, kNatural };
  Access check_access(const Uop& u, bool is_store, Alignment alignment, SiteKind kind);
  void load_from(const Uop& u, const Mem& at);
  void store_to(const Uop& u, const Mem& at);
  Mem host_address(const Access& access) const;
  // Where the access of the stubs from number `first` on is (a fault there is a miss), and where the code behind it goes on.
  void set_access(int first);
  void set_after(int first);
  // --- system (emit_system.cpp) ---
  void emit_call_helper(const Uop& u);
  bool emit_csr(const Uop& u);
  bool emit_sstatus(const Uop& u, const CsrArgs& args);
  void read_sstatus(const Uop& u);
  void slow_if(const Uop& u, Label& slow, Label& done);
  void set_fp_ready();
  void emit_cbo_zero(const Uop& u);
  void call_slow_path(const Uop& u);
  // --- control (emit_control.cpp) ---
  void emit_entries();
  void emit_branch(const Uop& u);
  void emit_jump(const Uop& u);
  void emit_jump_reg(const Uop& u);
  void emit_interpret(const Uop& u);
  void count_down(int instructions);
  void count_through(const Uop& u) { count_down(u.insn + 1 - counted_); counted_ = u.insn + 1; }
  void jump_through_cache();  // rax: the guest address
  // A way out to `target` (an offset in the page, or beyond it): `field` is the rel32 that leads there.
  void leave_to(int64_t target, uint8_t* field);
  Condition compare(const Uop& u);
  bool links_direct(int64_t target) const;

  // --- floating point (emit_fp.cpp, emit_fp_convert.cpp, emit_fp_csr.cpp) ---
  void emit_fp2(const Uop& u);
  void emit_fp3(const Uop& u);
  void emit_fsqrt(const Uop& u);
  void emit_fsgn(const Uop& u);
  void emit_fminmax(const Uop& u);
  void emit_fcmp(const Uop& u);
  void emit_fclass(const Uop& u);
  void emit_fcvt(const Uop& u);
  void emit_fmv_from_x(const Uop& u);
  void emit_fmv_to_x(const Uop& u);
  void emit_fmov(const Uop& u);
  void convert_to_integer(const Uop& u);
  void convert_from_integer(const Uop& u);
  bool emit_fp_csr(const Uop& u, const CsrArgs& args);
  void read_fflags(Gpr64 d);
  void write_fflags();
  void write_frm();
  const Uop* flags_saver(const Uop& u);
  void copy_fpr(Operand dst, Operand src);
  Xmm read_fpr(Operand o, Xmm scratch);
  Xmm fp_result(Operand dst) const { return is_pinned(dst) ? pinned_fpr(dst) : xmm0; }
  void store_fpr(Operand dst, Xmm in);
  Mem constant(FpConstant c) const { return rip(thunks_.constants + 2 * static_cast<int>(c)); }
  // Around an operation with a rounding mode of its own.
  void begin_rounding(int64_t rm);
  void end_rounding(int64_t rm);
  // --- what is known of the registers (emit_fp_state.cpp; masks have a bit for each) ---
  enum class FpResult : uint8_t { kArithmetic, kBits, kNumber };  // may be a NaN of the host's; one of the guest's; none
  void fp_written(Operand dst, uint32_t from, bool single, FpResult kind);
  void fp_copied(Operand dst, Operand src);
  static bool touches_fp(const Uop& u);
  static bool writes_fs(const Uop& u);
  bool fp_comes_first() const;
  void check_fp(const Uop& u);
  void need_single(Operand o, const Uop& u);
  void clean(uint32_t mask);
  void clean_all() { clean(~uint32_t{0}); }
  void test_nans(uint32_t roots, uint32_t dirty64, uint32_t dirty32);
  void repair(uint32_t dirty64, uint32_t dirty32);
  void leave_dirty(uint32_t dirty64, uint32_t dirty32);
  void leave_unless(Condition c, const Uop& u);
  void leave_clean(int64_t target, uint8_t* field);
  uint32_t singles_of_loop() const;
  void check_singles_of_loop();

  // --- what leaves the expected path ---
  struct Stub {
    enum class Kind : uint8_t {
      kSite, kGroup, kExit, kFar, kInterpret,
      kRepair, kSame, kFused, kLeave, kCleanExit, kMinMax, kSaturate, kFromUnsigned, kQuiet,  // floating point
    } kind;
    uint8_t* field;        // rel32 that leads to it
    uint8_t* resume;       // tries again
    uint8_t* begin;        // the stub's own code
    uint8_t* access;       // the host instruction that touches memory
    uint8_t* after;        // the access is done
    const Uop* uop;
    SiteInfo info;
    TbExit* exit;
    int64_t target;
    uint32_t dirty64, dirty32;  // registers when it is entered
    uint32_t roots;
    int count;             // instructions that the budget doesn't know of yet
    Gpr64 gpr;
  };
  TbExit& new_exit();
  bool links_far(int64_t target) const;
  void emit_far_link(TbExit& exit);
  Stub& new_stub(Stub::Kind kind, uint8_t* field);
  void emit_stubs();
  void emit_site_stub(Stub& stub);
  void emit_group_stub(Stub& stub);
  void emit_fp_stub(Stub& stub);
  void emit_min_max_stub(const Stub& stub);
  void emit_fused_stub(const Stub& stub);
  void emit_quiet_stub(const Stub& stub);
  void emit_saturate_stub(const Stub& stub);
  void emit_from_unsigned_stub(const Stub& stub);
  void describe_way_out(Stub& stub, const Uop& u);
  void leave_here(const Stub& stub);
  void emit_value_for_slow_path(const Uop& u);
  SiteInfo site_info(const Uop& u, SiteKind kind);
  bool has_slot(const SiteInfo& info) const;
  void emit_info(const SiteInfo& info);

  Emitter e_;
  const Unit& u_;
  const FrameLayout& l_;
  const Thunks& thunks_;
  const JitOptions& options_;
  SlotAllocator* slots_;            // by mode
  uint8_t mode_;                    // of data accesses now: SUM may change inside a unit
  const SiteHints& hints_;
  TranslationBlock& tb_;
  CodeMarks* marks_ = nullptr;
  bool grouped_ = false;
  bool stopped_ = false;            // an uop left the rest of the unit unreachable
  bool fp_checked_ = false;         // the FPU is on, and its rounding mode the host's
  const Uop* skipped_ = nullptr;    // a write of fflags that has nothing to do
  int counted_ = 0;                 // instructions that the budget knows of
  uint8_t* loop_ = nullptr;         // where a branch to the unit's own start goes
  uint8_t* loop_unboxed_ = nullptr; // ... where a single of loop_boxed_ may have lost its box
  uint32_t loop_boxed_ = 0;
  struct FpState {
    uint32_t dirty64 = 0, dirty32 = 0;  // may hold a NaN of the host's: a double, a single
    uint32_t boxed = 0;                 // a single in its box
    uint32_t settled = 0;               // no NaN, or NV has accrued
    uint32_t covers[32] = {};           // those that are no NaNs if this one is none
  } fp_;
  uint8_t temp_host_[kTempsMax] = {};
  bool busy_[16] = {};
  int rcx_group_ = 0;               // the group whose addend is in rcx; 0: none
  bool keeps_rcx(const Uop& u) const;
  int32_t group_addend_[256];       // where the addend of each group is
  int stub_count_ = 0;
  static constexpr int kStubsMax = 8 * kUnitInsnsMax;
  Stub stubs_[kStubsMax];
};

}  // namespace monochord::x86_64
