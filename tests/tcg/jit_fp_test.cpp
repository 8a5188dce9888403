// Floating point in generated code against the interpreter: registers, flags and memory bit for bit.
#include <random>

#include "tcg/jit/jit.h"
#include "tcg/jit/options.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;
constexpr uint64_t kBox = 0xffffffff00000000;
constexpr unsigned kDyn = 7;
constexpr uint64_t kDirty = kMstatusFs | uint64_t{1} << 63;  // FS, with SD

// Zeros, ones, what is near the ends, NaNs quiet and signaling with payloads, singles in their box and without, and what is near the ends of
// integers.
const std::vector<uint64_t>& values() {
  static const std::vector<uint64_t> all = [] {
    std::vector<uint64_t> v;
    for (const uint64_t d : std::initializer_list<uint64_t>{
             0x0000000000000000, 0x3ff0000000000000, 0x3ff0000000000001, 0x4008000000000000, 0x0000000000000001, 0x000fffffffffffff,
             0x0010000000000000, 0x0010000000000001, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff8000000000123,
             0x7ff0000000000001, 0x7ff4000000000000, 0x3fdfffffffffffff, 0x3fe0000000000000, 0x3ff8000000000000, 0x41dfffffffc00000,
             0x41dfffffffe00000, 0x41e0000000000000, 0x41e0000000100000, 0x41efffffffe00000, 0x41efffffffefffff, 0x41f0000000000000,
             0x43dfffffffffffff, 0x43e0000000000000, 0x43efffffffffffff, 0x43f0000000000000, 0x380fffffffffffff, 0x3690000000000000,
             0x47efffffefffffff, 0x47efffffe0000000, 0x1ff0000000000000, 0x36a0000000000001, 0x7fdfffffffffffff,
         }) {
      v.push_back(d);
      v.push_back(d | uint64_t{1} << 63);
    }
    for (const uint32_t s : std::initializer_list<uint32_t>{
             0x00000000u, 0x3f800000u, 0x3f800001u, 0x40400000u, 0x00000001u, 0x007fffffu, 0x00800000u, 0x00800001u, 0x7f7fffffu,
             0x7f800000u, 0x7fc00000u, 0x7fc00123u, 0x7f800001u, 0x7fa00000u, 0x3effffffu, 0x3f000000u, 0x3fc00000u, 0x4effffffu,
             0x4f000000u, 0x4f7fffffu, 0x4f800000u, 0x5effffffu, 0x5f000000u, 0x5f7fffffu, 0x5f800000u, 0x1f800000u, 0x33800000u,
         }) {
      v.push_back(kBox | s);
      v.push_back(kBox | s | 0x80000000u);
    }
    for (const uint64_t odd : std::initializer_list<uint64_t>{
             0x000000003f800000, 0xfffffffe3f800000, 0x7fffffff3f800000, 0x7fc0000000000000, 0xffffffff00000000, 0xfff7ffff7f800001
         }) {
      v.push_back(odd);
    }
    return v;
  }();
  return all;
}
const uint64_t kIntegers[] = {
    0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
    0xfffffffffffffc00, 0xfffffffffffffbff, 0x7ffffffffffffe00, 0x0020000000000001, 0x0020000000000003, 0x1000001, 0xffffff7fffffffff,
    0x8000000000000400, 0x8000000000000401, 0xffffff8000000001, 0xffffffff80000000,
};

bool is_fp(Op op) {
  const Ext ext = insn_line(op).ext;
  return ext == Ext::kF || ext == Ext::kD;
}
bool is_access(Op op) { return op == op_flw || op == op_fsw || op == op_fld || op == op_fsd; }
bool has_rm(Op op) { return (insn_line(op).mask >> 12 & 7) == 0; }
uint32_t encode(Op op, unsigned rd, unsigned rs1, unsigned rs2, unsigned rs3, unsigned rm) {
  const InsnLine& line = insn_line(op);
  return line.match | ((rd << 7 | rm << 12 | rs1 << 15 | rs2 << 20 | rs3 << 27) & ~line.mask);
}

// Two harts on one memory: number 0 runs generated code, number 1 is interpreted.
class JitFp : public ::testing::Test {
 protected:
  void SetUp() override { options_ = jit_options(); }
  void TearDown() override {
    bench_.reset();
    jit_options() = options_;
  }
  void make(const JitOptions& options) {
    bench_.reset();
    jit_options() = options;
    jit_options().enabled = true;
    bench_ = std::make_unique<Bench>(1);
    jit_options().enabled = false;
    bench_->harts.push_back(std::make_unique<RiscvCpu>(1, default_cpu_config(), *bench_->as));
    bench_->hart(1).set_reset_vector(kRam);
    bench_->hart(1).reset();
    ASSERT_NE(bench_->hart(0).interpreter().jit(), nullptr);
    ASSERT_EQ(bench_->hart(1).interpreter().jit(), nullptr);
  }
  Jit& jit() { return *bench_->hart(0).interpreter().jit(); }
  // What differs; empty: nothing.
  std::string difference() {
    const HartState &a = bench_->hart(0).state, &b = bench_->hart(1).state;
    std::string text;
    char line[160];
    const auto compare = [&](const char* name, unsigned n, uint64_t x, uint64_t y) {
      if (x == y) return;
      snprintf(line, sizeof line, "%s%u: %016lx, interpreted %016lx\n", name, n, static_cast<unsigned long>(x), static_cast<unsigned long>(y));
      text += line;
    };
    for (unsigned n = 0; n < 32; n++) compare("x", n, a.x[n], b.x[n]);
    for (unsigned n = 0; n < 32; n++) compare("f", n, a.f[n], b.f[n]);
    compare("pc", 0, a.pc, b.pc);
    compare("fflags", 0, a.fflags, b.fflags);
    compare("frm", 0, a.frm, b.frm);
    compare("mstatus", 0, a.mstatus, b.mstatus);
    compare("mepc", 0, a.mepc, b.mepc);
    compare("mcause", 0, a.mcause, b.mcause);
    compare("mtval", 0, a.mtval, b.mtval);
    compare("instructions", 0, bench_->hart(0).instructions(), bench_->hart(1).instructions());
    return text;
  }

  LoopRig rig{Kind::kVirtualLazy};
  std::unique_ptr<Bench> bench_;

 private:
  JitOptions options_;
};

struct Registers {
  unsigned rd, rs1, rs2, rs3;
};
// 10 to 17, 0, 1, 8, 9 and 2 are pinned among the f registers; 1, 2, 8 to 16 among the x registers.
constexpr Registers kRegisters[] = {
    {10, 11, 12, 13}, {18, 19, 20, 21}, {10, 19, 12, 21}, {18, 11, 20, 13}, {10, 11, 20, 21}, {11, 18, 19, 12}, {10, 10, 11, 12}, {10, 11, 10, 12},
    {10, 11, 12, 10}, {10, 10, 10, 10}, {18, 18, 18, 18}, {18, 18, 11, 12}, {18, 11, 18, 12}, {18, 11, 12, 18}, {12, 11, 11, 11}, {10, 11, 12, 12},
    {10, 10, 11, 10}, {0, 1, 2, 8},
};

TEST_F(JitFp, EachInstruction) {
  JitOptions options;
  options.one_insn = true;
  options.chain = false;
  make(options);
  std::mt19937_64 random(1);
  RiscvCpu &a = bench_->hart(0), &b = bench_->hart(1);
  struct Case {
    Op op;
    Registers r;
    unsigned rm, frm;
  };
  std::vector<Case> cases;
  int op_count = 0;
  for (unsigned number = 1; number < kOpCount; number++) {
    const Op op = static_cast<Op>(number);
    if (!is_fp(op) || is_access(op)) continue;
    op_count++;
    for (const Registers& r : kRegisters) {
      if (!has_rm(op)) {
        cases.push_back({op, r, kDyn, 0});
        cases.push_back({op, r, kDyn, 4});
        continue;
      }
      for (unsigned mode = 0; mode <= 4; mode++) {
        cases.push_back({op, r, kDyn, mode});
        cases.push_back({op, r, mode, static_cast<unsigned>(random() % 4)});
      }
    }
  }
  const auto place = [](size_t n) { return kRam + 8 * n; };
  for (size_t n = 0; n < cases.size(); n++) {
    const Case& c = cases[n];
    bench_->at<uint32_t>(place(n)) = encode(c.op, c.r.rd, c.r.rs1, c.r.rs2, c.r.rs3, c.rm);
    bench_->at<uint32_t>(place(n) + 4) = 0x00000013;  // nop
  }
  for (size_t n = 0; n < cases.size(); n++) {
    const Case& c = cases[n];
    const InsnLine& line = insn_line(c.op);
    const bool reads_double = line.ext == Ext::kD && c.op != op_fcvt_d_s;
    uint64_t interpreted = 0;
    const uint64_t kTries = has_rm(c.op) ? 60 : 700;
    for (unsigned i = 0; i < kTries; i++) {
      for (unsigned k = 0; k < 32; k++) {
        uint64_t v;
        // Every other time only of the format that is read.
        do v = values()[random() % values().size()];
        while (i % 2 == 0 && (v >> 32 == 0xffffffff) == reads_double);
        a.state.f[k] = b.state.f[k] = v;
        a.state.x[k] = b.state.x[k] = k == 0 ? 0 : i % 3 == 0 ? random() : kIntegers[random() % std::size(kIntegers)];
      }
      if (line.format == Format::fr4 && i % 8 == 5) {
        // Infinity times zero, and any addend: a quiet NaN, too, raises NV.
        const uint64_t infinity = reads_double ? 0x7ff0000000000000 : kBox | 0x7f800000, zero = reads_double ? 0 : kBox;
        a.state.f[c.r.rs1] = b.state.f[c.r.rs1] = i % 16 == 5 ? infinity : zero;
        a.state.f[c.r.rs2] = b.state.f[c.r.rs2] = i % 16 == 5 ? zero : infinity;
      }
      a.state.fflags = b.state.fflags = i % 4 == 3 ? random() % 32 : 0;
      a.state.frm = b.state.frm = static_cast<uint8_t>(c.frm);
      a.state.mstatus = b.state.mstatus = a.state.mstatus | kDirty;
      a.state.pc = b.state.pc = place(n);
      const HartState before = a.state;
      const uint64_t entries = jit().counters().entries, exits = jit().counters().exits[static_cast<int>(JitExit::kInterpret)];
      bench_->steps(2, 0);
      bench_->steps(2, 1);
      ASSERT_GT(jit().counters().entries, entries);
      interpreted += jit().counters().exits[static_cast<int>(JitExit::kInterpret)] - exits;
      ASSERT_EQ(difference(), "") << line.name << " rd " << c.r.rd << " rs1 " << c.r.rs1 << " rs2 " << c.r.rs2 << " rs3 " << c.r.rs3 << " rm " << c.rm
                                  << " frm " << c.frm << std::hex << "\nrs1 " << before.f[c.r.rs1] << " rs2 " << before.f[c.r.rs2] << " rs3 "
                                  << before.f[c.r.rs3] << " x " << before.x[c.r.rs1] << " fflags " << before.fflags;
    }
    // It isn't the interpreter that gives the right results.
    if (c.rm != 4 && c.frm != 4) {
      ASSERT_LT(interpreted, kTries) << line.name << " rm " << c.rm;
    }
  }
  EXPECT_EQ(op_count, 58);
}

// --- where the state of a unit's registers must be forgotten ----------------------------------------------------------------------
// Each is a loop of s5 rounds that adds what it sees to s2. fa0 to fa3: the operands.
class JitFpLoop : public JitFp {
 protected:
  Assembler a_{kRam};
  void run(const std::vector<uint64_t>& operands, const JitOptions& options = {}) {
    make(options);
    bench_->load(a_, kRam);
    for (unsigned hart = 0; hart < 2; hart++) {
      HartState& state = bench_->hart(hart).state;
      for (unsigned n = 0; n < operands.size(); n++) state.f[10 + n] = operands[n];
      state.mstatus |= kDirty;
      state.x[s5] = 5000;
      state.pc = kRam;
      bench_->steps(20000, hart);
    }
    EXPECT_EQ(difference(), "");
    EXPECT_LT(bench_->x(s5), 4500u) << "few rounds";
    EXPECT_GT(bench_->hart(0).state.x[s5], 0u);
  }
  void read_flags() {
    a_.csr(op_csrrs, t2, 1, zero);
    a_.r(op_add, s2, s2, t2);
  }
  void clear_flags() { a_.csr(op_csrrwi, zero, 1, 0); }
  void end(uint64_t top) {
    a_.i(op_addi, s5, s5, -1);
    a_.b(op_bne, s5, zero, top);
    a_.j(zero, a_.pc());
  }
};

TEST_F(JitFpLoop, QuietComparisonOfASignalingNan) {
  const uint64_t top = a_.pc();
  clear_flags();
  a_.csr(op_csrrs, t0, 1, zero);
  a_.word(encode(op_flt_d, t1, 10, 11, 0, 0));
  a_.csr(op_csrrw, zero, 1, t0);
  read_flags();
  end(top);
  run({0x7ff0000000000001, 0x3ff0000000000000});
  EXPECT_EQ(bench_->x(s2), 0u);
}

TEST_F(JitFpLoop, FusedAfterNvWasCleared) {
  const uint64_t top = a_.pc();
  a_.word(encode(op_fcvt_d_w, 13, zero, 0, 0, 0));
  a_.word(encode(op_fdiv_d, 14, 13, 13, 0, kDyn));  // 0 / 0: a NaN, and NV
  clear_flags();
  a_.word(encode(op_fmadd_d, 15, 10, 13, 14, kDyn));  // infinity * 0 + that
  read_flags();
  end(top);
  run({0x7ff0000000000000});
  EXPECT_GT(bench_->x(s2), 0u);
}

TEST_F(JitFpLoop, ASingleThatLosesItsBoxOnOneWay) {
  const uint64_t top = a_.pc();
  a_.word(encode(op_fadd_s, 10, 10, 11, 0, kDyn));
  a_.word(encode(op_fmv_x_w, t2, 10, 0, 0, 0));
  a_.r(op_add, s2, s2, t2);
  a_.word(encode(op_fadd_d, 10, 12, 12, 0, kDyn));
  a_.i(op_addi, s5, s5, -1);
  a_.i(op_andi, t0, s5, 7);
  a_.b(op_beq, t0, zero, top);
  a_.word(encode(op_fadd_s, 10, 11, 11, 0, kDyn));
  a_.b(op_bne, s5, zero, top);
  a_.j(zero, a_.pc());
  run({kBox | 0x3f800000, kBox | 0x40000000, 0x3ff0000000000000});
}

// Each mode in turn, RMM too; an operation in it, one with a mode of its own, and one behind that.
TEST_F(JitFpLoop, ModesThatAreWritten) {
  for (const unsigned csr : {2u, 3u}) {  // frm, fcsr
    a_ = Assembler(kRam);
    a_.li(s6, 0x9e3779b97f4a7c15);  // odd: s2 forgets nothing
    const uint64_t top = a_.pc();
    a_.i(op_andi, t0, s5, 7);
    a_.i(op_sltiu, t1, t0, 5);
    a_.r(op_mul, t0, t0, t1);  // 0 to 4
    if (csr == 3) a_.shift(op_slli, t0, t0, 5);
    a_.csr(op_csrrw, t1, csr, t0);
    a_.r(op_add, s2, s2, t1);
    for (const unsigned rm : {kDyn, 3u, kDyn}) {
      for (const Op op : {op_fdiv_d, op_fadd_d}) {
        a_.word(encode(op, 14, 10, op == op_fdiv_d ? 11 : 12, 0, rm));
        a_.word(encode(op_fmv_x_d, t2, 14, 0, 0, 0));
        a_.r(op_mul, s2, s2, s6);
        a_.r(op_xor, s2, s2, t2);
      }
    }
    end(top);
    run({0x3ff0000000000000, 0x4008000000000000, 0x3ca0000000000000});  // 1 / 3; 1 and half of its last bit
  }
}

TEST_F(JitFpLoop, AGroupThatCrossesAPage) {
  a_.li(s4, kRam + 0x11000 - 8);
  const uint64_t top = a_.pc();
  a_.word(encode(op_fadd_d, 14, 10, 11, 0, kDyn));  // a NaN with the host's payload
  a_.i(op_fld, 15, s4, 0);
  a_.i(op_fld, 16, s4, 8);
  a_.word(encode(op_fmv_x_d, t2, 14, 0, 0, 0));
  a_.r(op_add, s2, s2, t2);
  end(top);
  JitOptions options;
  for (const bool slots : {true, false}) {
    options.slots = slots;
    run({0x7ff8000000000123, 0x3ff0000000000000}, options);
  }
}

// --- units and loops ------------------------------------------------------------------------------------------------------------
// A loop of random instructions over an array of special values, with branches on what comes out.
class RandomLoop {
 public:
  static constexpr uint64_t kData = kRam + 0x11000 - 1024, kDataBytes = 2048;  // over the end of a page
  RandomLoop(uint64_t seed, Assembler& a) : random_(seed), a_(a) {}

  // x20: data; x21: rounds.
  void make(unsigned length, int rounds) {
    choose_registers();
    a_.li(s4, kData);
    a_.li(s7, Bench::kDevice + 0x800 - 64);  // a device, and behind it nothing: accesses trap
    a_.li(s5, static_cast<uint64_t>(rounds));
    const uint64_t top = a_.pc();
    body(length);
    if (pick(3) == 0) inner_loop();
    if (pick(4) == 0) body(length / 2);
    a_.i(op_addi, s5, s5, -1);
    a_.b(op_bne, s5, zero, top);
    a_.j(zero, a_.pc());
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  unsigned f() { return registers_[pick(static_cast<unsigned>(registers_.size()))]; }
  unsigned x() {
    static constexpr unsigned kX[] = {a0, a1, t0, t1, t2, s2};
    return kX[pick(6)];
  }
  void choose_registers() {
    const unsigned count = 3 + pick(12);
    for (unsigned i = 0; i < count; i++) registers_.push_back(pick(32));
    singles_ = pick(3);  // doubles, singles, both
    static constexpr unsigned kModes[] = {kDyn, kDyn, kDyn, kDyn, 0, 1, 2, 3};
    modes_.assign(std::begin(kModes), std::end(kModes));
    if (pick(8) == 0) modes_.push_back(4);
  }
  void inner_loop() {
    a_.li(s6, 1 + pick(5));
    const uint64_t top = a_.pc();
    body(3 + pick(10));
    a_.i(op_addi, s6, s6, -1);
    a_.b(pick(2) ? op_bne : op_blt, pick(2) ? s6 : s6, zero, top);
  }
  void body(unsigned length) {
    std::vector<std::pair<size_t, Op>> open;
    for (unsigned i = 0; i < length; i++) {
      switch (pick(16)) {
        case 0:
        case 1:
        case 2:
          load(f());
          break;
        case 3:
        case 4: {
          const Op op = singles_ == 0 ? op_fsd : singles_ == 1 ? op_fsw : pick(2) ? op_fsd : op_fsw;
          if (pick(12) == 0) a_.s(op, f(), static_cast<int>(pick(16) * 8), s7);
          else a_.s(op, f(), static_cast<int>(pick(kDataBytes / 8) * 8 % 2040), s4);
          break;
        }
        case 5:
          if (open.size() < 4) {
            const unsigned r = x();
            const size_t at = a_.reserve();
            open.push_back({at, static_cast<Op>(r)});
          }
          break;
        case 6:
          if (pick(2)) csr();
          else arithmetic();
          break;
        default:
          arithmetic();
      }
      if (!open.empty() && pick(4) == 0) {
        a_.patch_b(open.back().first, pick(2) ? op_beq : op_bge, static_cast<unsigned>(open.back().second), zero);
        open.pop_back();
      }
    }
    while (!open.empty()) {
      a_.patch_b(open.back().first, op_bne, static_cast<unsigned>(open.back().second), zero);
      open.pop_back();
    }
  }
  void csr() {
    constexpr unsigned kFflags = 1, kFrm = 2, kFcsr = 3;
    const unsigned r = x();
    switch (pick(18)) {
      case 12:
        a_.u(op_lui, t5, 6);  // FS
        a_.csr(op_csrrc, zero, pick(2) ? kMstatus : 0x100, t5);
        break;
      case 0: a_.csr(op_csrrwi, pick(2) ? x() : zero, kFflags, pick(32)); break;
      case 1: a_.csr(op_csrrw, pick(2) ? r : zero, kFflags, pick(2) ? r : x()); break;
      case 2: a_.csr(op_csrrsi, x(), pick(2) ? kFflags : kFcsr, 0); break;
      case 3: a_.csr(op_csrrs, x(), pick(2) ? kFrm : kFflags, zero); break;
      case 4: a_.csr(pick(2) ? op_csrrci : op_csrrsi, x(), kFflags, pick(32)); break;
      case 5: a_.csr(op_csrrwi, x(), kFrm, pick(16) == 0 ? 4 : pick(4)); break;
      case 6: a_.csr(op_csrrwi, pick(2) ? x() : zero, kFcsr, pick(32)); break;
      case 7:
        a_.i(op_addi, t5, zero, static_cast<int>(pick(pick(8) ? 128 : 256)));
        a_.csr(pick(4) ? op_csrrw : op_csrrc, x(), pick(2) ? kFcsr : kFrm, t5);
        break;
      case 8: a_.csr(op_csrrs, x(), kFcsr, zero); break;
      default:
        // A quiet comparison.
        a_.csr(op_csrrs, r, kFflags, zero);
        a_.word(encode(pick(2) ? (pick(2) ? op_flt_d : op_fle_d) : (pick(2) ? op_flt_s : op_fle_s), pick(8) ? t5 : r, f(), f(), 0, 0));
        a_.csr(op_csrrw, pick(8) ? zero : x(), kFflags, r);
    }
  }
  void load(unsigned fd) {
    const Op op = singles_ == 0 ? op_fld : singles_ == 1 ? op_flw : pick(2) ? op_fld : op_flw;
    if (pick(12) == 0) a_.i(op, fd, s7, static_cast<int>(pick(16) * 8));
    else a_.i(op, fd, s4, static_cast<int>(pick(kDataBytes / 8) * 8 % 2040));
  }
  void arithmetic() {
    for (;;) {
      const Op op = static_cast<Op>(1 + pick(kOpCount - 1));
      if (!is_fp(op) || is_access(op)) continue;
      const Ext ext = insn_line(op).ext;
      if (singles_ == 0 && ext == Ext::kF && pick(8)) continue;
      if (singles_ == 1 && ext == Ext::kD && pick(8)) continue;
      const Format format = insn_line(op).format;
      const bool to_x = format == Format::f_to_x || format == Format::f_to_x_rm || format == Format::fcmp;
      const bool from_x = format == Format::x_to_f || format == Format::x_to_f_rm;
      a_.word(encode(op, to_x ? x() : f(), from_x ? x() : f(), f(), f(), modes_[pick(static_cast<unsigned>(modes_.size()))]));
      return;
    }
  }

  std::mt19937_64 random_;
  Assembler& a_;
  std::vector<unsigned> registers_, modes_;
  unsigned singles_ = 0;
};

// Behind an access that traps, or at an instruction that needs FS: then it is Dirty.
uint64_t handler(Bench& bench) {
  Assembler a(kRam + 0x8000);
  constexpr unsigned kMscratch = 0x340, kIllegal = 2;
  a.csr(op_csrrw, t6, kMscratch, t6);
  a.csr(op_csrrs, t6, kMcause, zero);
  a.i(op_addi, t6, t6, -static_cast<int>(kIllegal));
  const size_t access = a.reserve();
  a.u(op_lui, t6, 6);
  a.csr(op_csrrs, zero, kMstatus, t6);
  a.csr(op_csrrw, t6, kMscratch, t6);
  a.plain(op_mret);
  a.patch_b(access, op_bne, t6, zero);
  a.csr(op_csrrs, t6, kMepc, zero);
  a.i(op_addi, t6, t6, 4);
  a.csr(op_csrrw, zero, kMepc, t6);
  a.csr(op_csrrw, t6, kMscratch, t6);
  a.plain(op_mret);
  bench.load(a, kRam + 0x8000);
  return kRam + 0x8000;
}

TEST_F(JitFp, Loops) {
  // More by hand: MONOCHORD_RANDOM_PROGRAMS=5000 tcg-exec-tests --gtest_filter=JitFp.Loops; MONOCHORD_RANDOM_SEED=n begins elsewhere.
  const char* const more = getenv("MONOCHORD_RANDOM_PROGRAMS");
  const char* const first = getenv("MONOCHORD_RANDOM_SEED");
  const uint64_t begin = first != nullptr ? strtoull(first, nullptr, 10) : 1;
  const uint64_t programs = more != nullptr ? strtoull(more, nullptr, 10) : 150;
  for (uint64_t seed = begin; seed < begin + programs; seed++) {
    JitOptions options;
    std::mt19937_64 random(seed);
    options.groups = random() % 4 != 0;
    options.slots = random() % 8 != 0;
    options.chain = random() % 8 != 0;
    options.follow = random() % 4 != 0;
    make(options);
    Assembler a(kRam);
    RandomLoop(seed, a).make(5 + static_cast<unsigned>(random() % 90), 200);
    const uint64_t data_seed = random();
    const unsigned nan_share = static_cast<unsigned>(random() % 4);
    bench_->load(a, kRam);
    bench_->on_read = [](uint64_t offset, unsigned) { return values()[offset % values().size()]; };
    std::vector<std::pair<uint64_t, uint64_t>> written;
    bench_->on_write = [&](uint64_t offset, unsigned size, uint64_t value) { written.push_back({offset << 8 | size, value}); };
    std::vector<uint64_t> data(RandomLoop::kDataBytes / 8);
    for (unsigned hart = 0; hart < 2; hart++) {
      std::mt19937_64 fill(data_seed);
      // Some programs meet few NaNs: those go other ways.
      const auto value = [&]() -> uint64_t {
        // Ordinary numbers are rounded.
        if (fill() % 3 == 0) return fill() % 2 ? 0x3ff0000000000000 | fill() >> 12 : kBox | 0x3f800000 | fill() >> 41;
        const uint64_t v = values()[fill() % values().size()];
        const bool odd = (v >> 52 & 0x7ff) == 0x7ff && (v >> 32 != 0xffffffff || (v >> 23 & 0xff) == 0xff);
        return odd && fill() % 4 > nan_share ? (fill() % 2 ? 0x4000000000000000 : kBox | 0x40000000) : v;
      };
      HartState& state = bench_->hart(hart).state;
      for (uint64_t& v : data) v = value();
      for (unsigned n = 0; n < 32; n++) state.f[n] = value();
      for (unsigned n = 1; n < 20; n++) state.x[n] = kIntegers[fill() % std::size(kIntegers)];
      state.mstatus |= fill() % 8 == 0 ? uint64_t{1} << 13 : kDirty;  // Initial, or Dirty
      state.frm = fill() % 16 == 0 ? 4 : fill() % 4;
      state.fflags = 0;
      state.mtvec = handler(*bench_);
      state.pc = kRam;
    }
    // Steps of any size; the JIT's reserve is interpreted, so they are long.
    std::vector<uint64_t> after(data.size());
    uint64_t* const in_ram = &bench_->at<uint64_t>(RandomLoop::kData);
    for (int i = 0; i < 4; i++) {
      const uint64_t steps = 2500 + random() % 4000;
      std::copy(data.begin(), data.end(), in_ram);
      bench_->steps(steps, 0);
      std::copy_n(in_ram, data.size(), after.begin());
      const auto written_first = std::exchange(written, {});
      std::copy(data.begin(), data.end(), in_ram);
      bench_->steps(steps, 1);
      std::copy_n(in_ram, data.size(), data.begin());
      ASSERT_EQ(difference(), "") << "seed " << seed;
      ASSERT_EQ(after, data) << "seed " << seed;
      ASSERT_EQ(written_first, written) << "seed " << seed;
      written.clear();
    }
  }
}

}  // namespace
}  // namespace monochord
