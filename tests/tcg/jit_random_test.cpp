// Random programs of loops, calls, memory and code that changes itself: generated code against the interpreter at every stop of budgets of all lengths.
#include <random>

#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;
constexpr uint64_t kPages = 32, kDataOffset = 0x10000, kHandler = kRam + 0x30000, kTables = kRam + 0x38000;

// A program that runs for ever over some pages: blocks in a random order, each with a few instructions of random registers and one way on. Registers:
// s0-s1 lead to data, sp counts loops, gp leads to an instruction that is written over, everything else is anybody's.
class Maker {
 public:
  Maker(uint64_t seed, uint64_t base) : random(seed), base_(base) {}

  std::mt19937_64 random;

  Assembler make() {
    Assembler a(base_);
    a.li(s0, base_ + kDataOffset + 0x7c0);
    a.li(s1, base_ + kDataOffset + 0x17e0);
    a.u(op_auipc, gp, 0);
    a.i(op_addi, gp, gp, 12);
    a.i(op_addi, sp, zero, 40);
    const unsigned blocks = 6 + random() % 30;
    std::vector<uint64_t> starts;
    std::vector<std::pair<size_t, unsigned>> forward;  // place, kind
    for (unsigned n = 0; n < blocks; n++) {
      // Often where a page ends.
      if (n > 0 && random() % 6 == 0) {
        const uint64_t to = (a.pc() | 0xfff) - 0x15 + (random() % 8) * 2;
        while (a.pc() + 4 < to && to - a.pc() < 0x600) random() % 3 ? a.i(op_addi, some(), some(), 1) : a.half(0x0001);
      }
      if (n > 0 && random() % 4 == 0) a.half(0x0001);
      for (const auto& [at, kind] : forward) {
        if (kind == 0) a.patch_j(at, zero);
        else a.patch_b(at, kind == 1 ? op_bltu : op_beq, some_fixed_[0], some_fixed_[1]);
      }
      forward.clear();
      starts.push_back(a.pc());
      if (n == 0) a.i(op_addi, a0, a0, 0);  // at gp: written over
      for (unsigned k = random() % 12; k > 0; k--) instruction(a);
      const uint64_t back = starts[random() % starts.size()];
      switch (random() % 8) {
        case 0:
        case 1: {  // a loop: so often, then on
          a.i(op_addi, sp, sp, -1);
          const size_t out = a.reserve();
          if (a.pc() - back < 0x1000) a.b(op_bne, sp, zero, back);
          a.patch_b(out, op_beq, sp, zero);
          a.i(op_addi, sp, zero, static_cast<int>(1 + random() % 60));
          break;
        }
        case 2: forward.emplace_back(a.reserve(), 0); skip(a); break;
        case 3:
        case 4:
          some_fixed_ = {some(), some()};
          forward.emplace_back(a.reserve(), 1 + random() % 2);
          break;
        case 5: {  // a call of something behind, which returns
          a.j(ra, a.pc() + 12);
          a.i(op_xori, a0, a0, 5);
          const size_t over = a.reserve();
          a.i(op_addi, a1, a1, 7);
          a.half(0x8082);  // ret
          a.half(0x0001);
          a.patch_j(over, zero);
          break;
        }
        case 6:  // indirect, to the next instruction
          a.u(op_auipc, t6, 0);
          a.i(op_jalr, random() % 2 ? zero : t5, t6, 8);
          break;
        default: break;
      }
    }
    for (const auto& [at, kind] : forward) {
      if (kind == 0) a.patch_j(at, zero);
      else a.patch_b(at, kind == 1 ? op_bltu : op_beq, some_fixed_[0], some_fixed_[1]);
    }
    a.plain(op_ecall);
    a.j(zero, starts[0]);
    return a;
  }

 private:
  unsigned some() {
    constexpr unsigned kAny[] = {zero, ra, t0, t1, t2, a0, a1, a2, a3, a4, a5, a6, a7, s2, s5, t3, t4, t5};
    return kAny[random() % std::size(kAny)];
  }
  void skip(Assembler& a) {
    for (unsigned n = random() % 4; n > 0; n--) a.word(static_cast<uint32_t>(random()));  // nobody comes here
  }
  void instruction(Assembler& a) {
    static const std::vector<Op> kOps = [] {
      std::vector<Op> ops;
      for (unsigned n = 1; n < kOpCount; n++) {
        const InsnLine& line = insn_line(static_cast<Op>(n));
        if ((line.flags & (kFp | kEndsBlock | kBranch)) == 0 && (line.format == Format::r || line.format == Format::i)) ops.push_back(static_cast<Op>(n));
      }
      return ops;
    }();
    const unsigned base = random() % 2 ? s0 : s1;
    const int offset = static_cast<int>(random() % 128) - 64;
    switch (random() % 14) {
      case 0: a.i(op_ld, some(), base, offset); break;
      case 1: a.i(random() % 2 ? op_lw : op_lbu, some(), base, offset); break;
      case 2: a.s(op_sd, some(), offset, base); break;
      case 3: a.s(random() % 2 ? op_sw : op_sb, some(), offset, base); break;
      case 4: a.r(random() % 2 ? op_amoadd_d : op_amoswap_w, some(), base, some()); break;
      case 5: a.r(random() % 2 ? op_lr_d : op_lr_w, some(), base, 0); break;
      case 6: a.r(random() % 2 ? op_sc_d : op_sc_w, some(), base, some()); break;
      case 7:  // moves along, and back
        a.i(op_addi, base, base, static_cast<int>(random() % 64) - 32);
        break;
      case 8: a.u(random() % 2 ? op_lui : op_auipc, some(), static_cast<uint32_t>(random() & 0xfffff)); break;
      case 9: a.half(static_cast<uint16_t>(0x4001 | (a0 + random() % 6) << 7 | (random() % 32) << 2)); break;  // c.li
      case 10:
        if (random() % 8 == 0) a.csr(op_csrrs, some(), random() % 2 ? kMinstret : kMstatus, zero);
        if (random() % 8 == 0) a.csr(op_csrrw, some(), 0x140, some());
        if (random() % 16 == 0) a.plain(random() % 2 ? op_fence_i : op_ebreak);
        if (random() % 16 == 0) a.r(op_sfence_vma, 0, random() % 2 ? zero : base, zero);
        break;
      case 11:
        // addi a0,a0,N over the instruction at gp.
        if (random() % 4 == 0) {
          a.u(op_lui, t5, 0x00150 + static_cast<uint32_t>(random() % 64) * 0x100);
          a.i(op_addi, t5, t5, 0x513);
          a.s(op_sw, t5, 0, gp);
        }
        break;
      default: {
        const Op op = kOps[random() % kOps.size()];
        if (insn_line(op).format == Format::r) a.r(op, some(), some(), some());
        else a.i(op, some(), some(), static_cast<int>(random() % 4096) - 2048);
        break;
      }
    }
  }

  const uint64_t base_;
  std::array<unsigned, 2> some_fixed_{};
};

constexpr uint8_t kPrivileges[] = {kPrivM, kPrivM, kPrivS, kPrivU};

class JitRandom : public JitTwins {
 protected:
  // In M mode, or in S or U mode over pages that lie in another order in memory than they are mapped. Traps are skipped.
  void load_program(uint64_t seed, uint8_t priv) {
    make(full_cpu_config());
    const bool paging = priv != kPrivM;
    const uint64_t base = paging ? 0x40000000 : kRam;
    std::array<uint64_t, kPages> physical;
    for (uint64_t i = 0; i < kPages; i++) physical[i] = kRam + i * kPage;
    if (paging) std::shuffle(physical.begin(), physical.end(), std::mt19937_64(seed));
    Maker maker(seed, base);
    const Assembler program = maker.make();
    CHECK(program.pc() <= base + kDataOffset);
    Assembler handler(kHandler);
    handler.csr(op_csrrw, t6, 0x340, t6);
    handler.csr(op_csrrs, t6, kMepc, zero);
    handler.i(op_addi, t6, t6, 4);
    handler.csr(op_csrrw, zero, kMepc, t6);
    handler.csr(op_csrrw, t6, 0x340, t6);
    handler.plain(op_mret);
    load(handler, kHandler);
    both([&](Bench& bench) {
      RiscvCpu& cpu = bench.hart();
      HartState& state = cpu.state;
      for (uint64_t page = 0; page < kPages; page++) {
        for (uint64_t at = 0; at < kPage; at += 8) bench.at<uint64_t>(physical[page] + at) = page * kPage >= kDataOffset ? (page * kPage + at) * seed : 0;
      }
      for (size_t i = 0; i < program.code().size(); i++) bench.at<uint16_t>(physical[i * 2 / kPage] + i * 2 % kPage) = program.code()[i];
      state.mtvec = kHandler;
      for (unsigned i = 5; i < 32; i++) state.x[i] = seed * 0x9e3779b97f4a7c15 >> i;
      state.pc = base;
      if (!paging) return;
      // Three levels; a page of data that can't be written, and one that is nowhere.
      const uint64_t bits = priv == kPrivU ? 0xdf : 0xcf;
      bench.at<uint64_t>(kTables + 8) = (kTables + kPage) >> 12 << 10 | 1;
      bench.at<uint64_t>(kTables + kPage) = (kTables + 2 * kPage) >> 12 << 10 | 1;
      for (uint64_t page = 0; page < kPages; page++) {
        const uint64_t rights = page == kDataOffset / kPage + 2 ? bits & ~uint64_t{0x84} : page == kDataOffset / kPage + 3 ? 0 : bits;
        bench.at<uint64_t>(kTables + 2 * kPage + 8 * page) = physical[page] >> 12 << 10 | rights;
      }
      helper_csr(cpu, 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
      helper_csr(cpu, 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
      helper_csr(cpu, 0x180, CsrOp::kWrite, uint64_t{8} << 60 | kTables >> 12, false, true, 0);
      state.priv = priv;
    });
  }
  // The same budget on both.
  void advance(int64_t budget) {
    both([&](Bench& bench) {
      const uint64_t end = bench.hart().instructions() + static_cast<uint64_t>(budget);
      while (bench.hart().instructions() < end) exec(bench, static_cast<int64_t>(end - bench.hart().instructions()));
      ASSERT_EQ(bench.hart().instructions(), end);
    });
  }
};

TEST_F(JitRandom, ProgramsStopAlike) {
  const char* more = getenv("MONOCHORD_RANDOM_PROGRAMS");
  const uint64_t programs = more != nullptr ? strtoull(more, nullptr, 10) : 150;
  uint64_t entries = 0;
  for (uint64_t seed = 1; seed <= programs; seed++) {
    load_program(seed, kPrivileges[seed % std::size(kPrivileges)]);
    std::mt19937_64 random(seed);
    for (int stop = 0; stop < 12; stop++) {
      advance(static_cast<int64_t>(random() % 3 ? 2000 + random() % 4000 : 1 + random() % 300));
      ASSERT_EQ(difference(), "") << "seed " << seed << " stop " << stop;
    }
    entries += jit().counters().entries;
  }
  EXPECT_GT(entries, programs * 20) << "it was not generated code that ran";
}

// Around where generated code hands over to the interpreter: all budgets, one instruction apart.
TEST_F(JitRandom, EveryBudgetStopsExactly) {
  for (uint64_t seed = 1000; seed < 1004; seed++) {
    load_program(seed, kPrivileges[seed % std::size(kPrivileges)]);
    advance(5000);  // units are there
    ASSERT_EQ(difference(), "");
    for (int64_t budget = 2150; budget < 2330; budget++) {
      advance(budget);
      ASSERT_EQ(difference(false), "") << "seed " << seed << " budget " << budget;
    }
    for (int64_t budget = 1; budget < 130; budget++) {
      advance(budget);
      ASSERT_EQ(difference(false), "") << "seed " << seed << " budget " << budget;
    }
    ASSERT_EQ(difference(), "");
  }
}

}  // namespace
}  // namespace monochord
