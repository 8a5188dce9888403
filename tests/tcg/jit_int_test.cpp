// Every integer instruction of the table in every position of its operands (pinned, in memory, x0, the same register twice) over edge values, and
// short sequences of them, in which constants and known widths are folded: generated code against the interpreter, all registers compared.
#include <random>

#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kEdges[] = {
    0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7ff, 0x800, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x80000001,
    0xffffffff, 0x100000000, 0x123456789abcdef0, 0x00ff00ff00ff0080, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001,
    0xffffffff7fffffff, 0xffffffff80000000, 0xffffffffffff8000, 0xffffffffffffff80, ~uint64_t{1}, ~uint64_t{0}};
constexpr int kImmediates[] = {0, 1, -1, 2, 31, 32, 63, 127, 128, 255, 256, -128, -256, 1023, 2047, -2047, -2048};

// Where registers live: x0; r12, r13, rsi, rdx (pinned, each with its own rules of encoding); in memory.
constexpr unsigned kRegisters[] = {zero, ra, s1, a0, a6, t0, t6};

bool is_integer(const InsnLine& line) {
  if ((line.flags & (kFp | kEndsBlock | kBranch)) != 0) return false;
  return line.format == Format::r || line.format == Format::r2 || line.format == Format::i || line.format == Format::shift;
}

std::vector<Op> integer_ops() {
  std::vector<Op> ops;
  for (unsigned n = 1; n < kOpCount; n++)
    if (is_integer(insn_line(static_cast<Op>(n)))) ops.push_back(static_cast<Op>(n));
  return ops;
}

class JitInt : public JitTwins {
 protected:
  std::mt19937_64 random{20240411};

  uint64_t edge() { return random() % 8 == 0 ? random() : kEdges[random() % std::size(kEdges)]; }
  unsigned some_register() { return kRegisters[random() % std::size(kRegisters)]; }

  void append(Assembler& a, Op op, unsigned rd, unsigned rs1, unsigned rs2, int immediate) {
    switch (insn_line(op).format) {
      case Format::r: a.r(op, rd, rs1, rs2); break;
      case Format::i: a.i(op, rd, rs1, immediate); break;
      case Format::shift: {
        // Those of words take five bits.
        const bool is_word = (insn_line(op).mask & 1u << 25) != 0;
        a.shift(op, rd, rs1, static_cast<unsigned>(immediate) & (is_word ? 31 : 63));
        break;
      }
      default: a.r(op, rd, rs1, insn_line(op).match >> 20 & 31); break;
    }
  }
  void set_registers() {
    std::array<uint64_t, 32> values{};
    for (unsigned i = 1; i < 32; i++) values[i] = edge();
    both([&](Bench& bench) { std::copy(values.begin(), values.end(), bench.hart().state.x.begin()); });
  }
  // Runs from `pc` to a trap; what differs.
  std::string run_from(uint64_t pc) {
    both([&](Bench& bench) {
      bench.hart().state.pc = pc;
      until_halt(bench);
    });
    return difference(false);
  }
};

TEST_F(JitInt, EveryInstructionInEveryPositionOfItsOperands) {
  const uint64_t entries = jit().counters().entries;
  uint64_t cases = 0;
  for (const Op op : integer_ops()) {
    const bool has_rs2 = insn_line(op).format == Format::r;
    const bool has_immediate = insn_line(op).format == Format::i || insn_line(op).format == Format::shift;
    // A page of code: one instruction and a trap for each combination.
    Assembler a(kRam);
    std::vector<std::string> names;
    for (const unsigned rd : kRegisters) {
      for (const unsigned rs1 : kRegisters) {
        for (size_t third = 0; third < (has_rs2 ? std::size(kRegisters) : has_immediate ? std::size(kImmediates) : 1); third++) {
          if (a.pc() == kRam + kPage) break;
          append(a, op, rd, rs1, has_rs2 ? kRegisters[third] : 0, has_immediate ? kImmediates[third] : 0);
          names.push_back(stringf("%s x%u,x%u,%d", insn_line(op).name, rd, rs1,
                                  has_rs2 ? static_cast<int>(kRegisters[third]) : has_immediate ? kImmediates[third] : 0));
          a.plain(op_ecall);
        }
      }
    }
    load(a, kRam);
    for (int round = 0; round < 5; round++) {
      for (size_t n = 0; n < names.size(); n++) {
        set_registers();
        const std::array<uint64_t, 33> before = interpreted->hart().state.x;
        const std::string wrong = run_from(kRam + 8 * n);
        ASSERT_EQ(wrong, "") << names[n] << stringf(" of %llx and %llx", static_cast<unsigned long long>(before[a.code()[4 * n] >> 15 | (a.code()[4 * n + 1] & 15) << 1]),
                                                    static_cast<unsigned long long>(before[a.code()[4 * n + 1] >> 4 & 31]));
        cases++;
      }
    }
  }
  EXPECT_GT(cases, 50000u);
  EXPECT_GE(jit().counters().entries - entries, cases) << "it was not generated code that ran";
}

TEST_F(JitInt, EveryPairOfEdgeValues) {
  for (const Op op : integer_ops()) {
    Assembler a(kRam);
    append(a, op, a0, a1, a2, 0);
    append(a, op, t0, t1, t2, 0);
    append(a, op, s1, t1, a2, 0);
    append(a, op, t4, a1, t2, 0);
    a.plain(op_ecall);
    load(a, kRam);
    for (const uint64_t x : kEdges) {
      for (const uint64_t y : kEdges) {
        both([&](Bench& bench) {
          HartState& state = bench.hart().state;
          state.x[a1] = state.x[t1] = x;
          state.x[a2] = state.x[t2] = y;
        });
        ASSERT_EQ(run_from(kRam), "") << insn_line(op).name << stringf(" of %llx and %llx", static_cast<unsigned long long>(x), static_cast<unsigned long long>(y));
        if (insn_line(op).format != Format::r) break;
      }
    }
  }
}

// Constants (li, lui, auipc, addi on x0), copies and extensions among the operations: what the translator knows of values it folds.
TEST_F(JitInt, SequencesWithKnownValues) {
  const std::vector<Op> ops = integer_ops();
  const char* more = getenv("MONOCHORD_RANDOM_PROGRAMS");
  const uint64_t pages = more != nullptr ? strtoull(more, nullptr, 10) : 100;
  for (uint64_t page = 0; page < pages; page++) {
    Assembler a(kRam);
    std::vector<uint64_t> starts;
    while (a.pc() < kRam + kPage - 4 * 14) {
      starts.push_back(a.pc());
      // Few registers in a sequence, so that results are operands.
      const unsigned regs[] = {some_register(), some_register(), some_register(), some_register()};
      const auto any = [&] { return regs[random() % 4]; };
      for (uint64_t n = 2 + random() % 11; n > 0; n--) {
        const int immediate = random() % 2 ? kImmediates[random() % std::size(kImmediates)] : static_cast<int>(random() % 4096) - 2048;
        const uint32_t upper = random() % 3 == 0 ? static_cast<uint32_t>(random() & 0xfffff) : random() % 2 ? 0x80000 : 0xfffff;
        switch (random() % 12) {
          case 0: a.u(op_lui, any(), upper); break;
          case 1: a.u(op_auipc, any(), upper); break;
          case 2: a.i(op_addi, any(), zero, immediate); break;
          case 3: a.i(op_addiw, any(), any(), random() % 2 ? 0 : immediate); break;
          case 4: a.i(op_addi, any(), any(), random() % 2 ? 0 : immediate); break;
          case 5: a.half(static_cast<uint16_t>(0x8002 | any() << 7 | (any() | 1) << 2)); break;  // c.mv, or c.jr where it reads x0: not here
          default: append(a, ops[random() % ops.size()], any(), any(), any(), immediate); break;
        }
      }
      a.plain(op_ecall);
    }
    load(a, kRam);
    for (const uint64_t start : starts) {
      for (int round = 0; round < 2; round++) {
        set_registers();
        ASSERT_EQ(run_from(start), "") << "page " << page << " from " << std::hex << start;
      }
    }
  }
}

TEST_F(JitInt, BranchesAndJumpsInEveryPositionOfTheirOperands) {
  for (const Op op : {op_beq, op_bne, op_blt, op_bge, op_bltu, op_bgeu}) {
    for (const bool known : {false, true}) {
      Assembler a(kRam);
      std::vector<uint64_t> starts;
      for (const unsigned rs1 : kRegisters) {
        for (const unsigned rs2 : kRegisters) {
          starts.push_back(a.pc());
          if (known) a.i(op_addi, rs2, zero, kImmediates[random() % std::size(kImmediates)]);
          a.b(op, rs1, rs2, a.pc() + 12);
          a.i(op_addi, t3, t3, 1);
          a.plain(op_ecall);
          a.i(op_addi, a3, a3, 1);
          a.plain(op_ecall);
        }
      }
      load(a, kRam);
      for (int round = 0; round < 20; round++) {
        for (const uint64_t start : starts) {
          set_registers();
          if (round % 4 == 0) {
            const uint64_t same = edge();
            both([&](Bench& bench) {
              for (const unsigned r : kRegisters)
                if (r != zero) bench.hart().state.x[r] = same;
            });
          }
          ASSERT_EQ(run_from(start), "") << insn_line(op).name << " at " << std::hex << start;
        }
      }
    }
  }
  // Indirect, into this page and the next, to odd addresses (bit 0 is dropped), compressed forms too.
  Assembler a(kRam);
  std::vector<uint64_t> starts;
  for (const unsigned rd : kRegisters) {
    for (const unsigned rs1 : kRegisters) {
      starts.push_back(a.pc());
      a.i(op_jalr, rd, rs1, rs1 == zero ? 0 : 1);
      a.plain(op_ecall);
    }
  }
  for (const unsigned rs1 : kRegisters) {
    if (rs1 == zero) continue;
    for (const uint16_t c : {0x8002, 0x9002}) {  // c.jr c.jalr
      starts.push_back(a.pc());
      a.half(static_cast<uint16_t>(c | rs1 << 7));
      a.half(0x0001);
    }
  }
  Assembler target(kRam + 0xe00);
  target.i(op_addi, a4, a4, 1);
  target.plain(op_ecall);
  Assembler other(kRam + 0x1e00);
  other.i(op_addi, a5, a5, 1);
  other.plain(op_ecall);
  load(a, kRam);
  load(target, kRam + 0xe00);
  load(other, kRam + 0x1e00);
  for (int round = 0; round < 8; round++) {
    for (const uint64_t start : starts) {
      set_registers();
      const uint64_t to = (round % 2 ? kRam + 0x1e00 : kRam + 0xe00) - (round / 2 % 2);
      both([&](Bench& bench) {
        for (const unsigned r : kRegisters)
          if (r != zero) bench.hart().state.x[r] = to;
      });
      ASSERT_EQ(run_from(start), "") << std::hex << start << " to " << to;
    }
  }
}

// Units go on behind direct jumps; a jump to an instruction of the unit itself ends it.
TEST_F(JitInt, DirectJumpsForwardBackwardAndAcrossPages) {
  const uint64_t places[] = {kRam + 0x100, kRam + 0x104, kRam + 0x80, kRam + 0x800, kRam + 0xff8, kRam + 0x1000, kRam + 0x1ffc, kRam + 0x2010, kRam + 0x900};
  for (int round = 0; round < 300; round++) {
    // A walk over the places in random order, each counted in a register of its own; the last one traps.
    std::vector<uint64_t> order(std::begin(places), std::end(places));
    std::shuffle(order.begin(), order.end(), random);
    order.resize(2 + random() % (order.size() - 1));
    both([&](Bench& bench) { memset(bench.ram(), 0, 0x3000); });
    for (size_t n = 0; n < order.size(); n++) {
      Assembler a(order[n]);
      if (n + 1 == order.size()) {
        a.plain(op_ecall);
      } else {
        a.j(random() % 2 ? zero : some_register(), order[n + 1]);
      }
      load(a, order[n]);
    }
    both([&](Bench& bench) { bench.hart().memory_map_changed(); });
    set_registers();
    ASSERT_EQ(run_from(order[0]), "") << "round " << round;
  }
}

}  // namespace
}  // namespace monochord
