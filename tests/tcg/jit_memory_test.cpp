// Loads, stores, AMOs, LR and SC in generated code against the interpreter: every instruction in every position of its operands, over alignments, page
// ends, devices, ROM, memory that fills no page, pages of code, nobody there; alone and in groups off one register, with slots that hit, miss, and
// are given up.
#include <random>

#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;
constexpr uint64_t kData = kRam + 0x10000, kOther = kRam + 0x14000;  // two pages each
constexpr uint64_t kCode = kRam + 0x8000;                            // code runs here, and is data too

constexpr unsigned kRegisters[] = {zero, ra, s1, a0, a6, t0, t6};

std::vector<Op> memory_ops() {
  std::vector<Op> ops;
  for (unsigned n = 1; n < kOpCount; n++) {
    const InsnLine& line = insn_line(static_cast<Op>(n));
    const bool is_load = line.format == Format::load && static_cast<Op>(n) != op_jalr;
    if (is_load || line.format == Format::store || line.format == Format::lr || line.format == Format::amo) ops.push_back(static_cast<Op>(n));
  }
  return ops;
}

bool has_offset(Op op) { return insn_line(op).format == Format::load || insn_line(op).format == Format::store; }

void append(Assembler& a, Op op, unsigned rd, unsigned base, unsigned source, int offset) {
  switch (insn_line(op).format) {
    case Format::load: a.i(op, rd, base, offset); break;
    case Format::store: a.s(op, source, offset, base); break;
    case Format::lr: a.r(op, rd, base, 0); break;
    default: a.r(op, rd, base, source); break;
  }
}

class JitMemory : public JitTwins {
 protected:
  std::mt19937_64 random{7};

  JitMemory() {
    both([](Bench& bench) {
      std::mt19937_64 bytes(1);
      for (uint64_t at = kData; at < kOther + 0x2000; at += 8) bench.at<uint64_t>(at) = bytes();
      for (size_t i = 0; i < Bench::kSmallSize; i++) bench.small()[i] = static_cast<uint8_t>(i * 13);
      for (size_t i = 0; i < kPage; i++) bench.rom()[i] = static_cast<uint8_t>(i * 5);
    });
  }

  // Where accesses go. The code page's upper half is data.
  std::vector<uint64_t> addresses() {
    std::vector<uint64_t> result;
    for (const uint64_t page : {kData, kOther}) {
      for (const uint64_t offset : {0x0, 0x8, 0x43, 0x7fe, 0xff0, 0xff8, 0xff9, 0xffc, 0xffd, 0xffe, 0xfff, 0x1000, 0x1001}) result.push_back(page + offset);
    }
    for (const uint64_t address :
         {Bench::kDevice, Bench::kDevice + 0x104, Bench::kDevice + 0x7fc, Bench::kDevice + 0x800, Bench::kDevice + 0x1000 - 4, Bench::kRom, Bench::kRom + 0x10,
          Bench::kSmallRam + 0x17f8, Bench::kSmallRam + 0x17fc, Bench::kSmallRam + 0x1800, Bench::kSmallRam + 0xffc, Bench::kLateRam - 4, Bench::kLateRam,
          kCode + 0xf00, kCode + 0xffc, kRam - 4, kRam + Bench::kRamSize - 8, kRam + Bench::kRamSize - 4, uint64_t{0}, ~uint64_t{3},
          uint64_t{0x50000000}, uint64_t{1} << 55})
      result.push_back(address);
    return result;
  }

  void set_registers() {
    std::array<uint64_t, 32> values{};
    for (unsigned i = 1; i < 32; i++) values[i] = random() % 4 ? random() : random() % 64 - 32;
    both([&](Bench& bench) { std::copy(values.begin(), values.end(), bench.hart().state.x.begin()); });
  }
  void set(unsigned reg, uint64_t value) {
    if (reg == zero) return;
    both([&](Bench& bench) { bench.hart().state.x[reg] = value; });
  }
  // Runs from `pc` to a trap; what differs. Memory is compared where accesses go.
  std::string run_from(uint64_t pc) {
    both([&](Bench& bench) {
      bench.hart().state.pc = pc;
      until_halt(bench);
    });
    const std::string wrong = difference(false);
    if (!wrong.empty()) return wrong;
    for (const auto& [from, size] : {std::pair{kData, 0x2000}, std::pair{kOther, 0x2000}, std::pair{kCode, 0x2000}, std::pair{kRam + Bench::kRamSize - 64, 64}}) {
      if (memcmp(interpreted->ram() + (from - kRam), generated->ram() + (from - kRam), static_cast<size_t>(size)) != 0) return "memory";
    }
    if (memcmp(interpreted->small(), generated->small(), Bench::kSmallSize) != 0) return "memory that fills no page";
    return memcmp(interpreted->rom(), generated->rom(), kPage) != 0 ? "ROM" : "";
  }
  // Pieces of code from `kCode` on, half a page of them at most.
  struct Piece {
    uint64_t start;
    unsigned base;
    int offset;
    std::string name;
  };
  void load_code(const Assembler& a) {
    CHECK(a.pc() <= kCode + 0xe00);
    load(a, kCode);
  }
};

TEST_F(JitMemory, EveryAccessInEveryPositionOfItsOperandsAtEveryKindOfAddress) {
  const std::vector<uint64_t> where = addresses();
  uint64_t cases = 0;
  for (const Op op : memory_ops()) {
    Assembler a(kCode);
    std::vector<Piece> pieces;
    for (const unsigned base : kRegisters) {
      for (const unsigned rd : kRegisters) {
        for (const unsigned source : kRegisters) {
          const bool is_load = insn_line(op).format == Format::load || insn_line(op).format == Format::lr;
          if (is_load && source != zero) continue;
          if (insn_line(op).format == Format::store && rd != zero) continue;
          // All of an AMO's are too many: every pair of registers, and the third one by turns.
          if (!is_load && insn_line(op).format != Format::store && (base + rd + source) % 3 != 0 && !(base == rd || rd == source)) continue;
          if (a.pc() + 8 > kCode + 0xe00) continue;
          constexpr int kOffsets[] = {0, 8, -8, 2047, -2048, 1};
          const int offset = has_offset(op) ? kOffsets[random() % std::size(kOffsets)] : 0;
          pieces.push_back({a.pc(), base, offset, stringf("%s x%u, x%u, %d(x%u)", insn_line(op).name, rd, source, offset, base)});
          append(a, op, rd, base, source, offset);
          a.plain(op_ecall);
        }
      }
    }
    load_code(a);
    for (const Piece& piece : pieces) {
      for (size_t n = random() % 5; n < where.size(); n += 1 + random() % 8) {
        // A slot that misses, then one that hits.
        for (int again = 0; again < 2; again++) {
          set_registers();
          set(piece.base, where[n] - static_cast<uint64_t>(int64_t{piece.offset}));
          ASSERT_EQ(run_from(piece.start), "") << piece.name << stringf(" at %llx", static_cast<unsigned long long>(where[n]));
          cases++;
        }
      }
    }
  }
  EXPECT_GT(cases, 20000u);
}

// Accesses off one or two registers, which loads and additions change in between, in groups that lie in a page, cross it, or meet something else.
TEST_F(JitMemory, SequencesOffOneRegister) {
  const std::vector<Op> ops = memory_ops();
  const std::vector<uint64_t> where = addresses();
  const char* more = getenv("MONOCHORD_RANDOM_PROGRAMS");
  const uint64_t pages = more != nullptr ? strtoull(more, nullptr, 10) : 60;
  for (uint64_t page = 0; page < pages; page++) {
    Assembler a(kCode);
    std::vector<std::pair<uint64_t, std::array<unsigned, 2>>> starts;
    while (a.pc() < kCode + 0xd00) {
      const std::array<unsigned, 2> bases = {kRegisters[1 + random() % 6], kRegisters[1 + random() % 6]};
      starts.emplace_back(a.pc(), bases);
      for (uint64_t n = 2 + random() % 12; n > 0; n--) {
        const unsigned base = bases[random() % 2];
        const unsigned any = random() % 4 ? kRegisters[random() % 7] : 1 + random() % 31;
        const int offset = static_cast<int>(random() % 3 ? random() % 64 : random() % 600) - 32;
        switch (random() % 12) {
          case 0: a.i(op_addi, base, base, static_cast<int>(random() % 32) - 16); break;
          case 1: a.r(op_add, any == bases[0] || any == bases[1] ? t2 : any, base, t1); break;
          case 2: append(a, ops[random() % ops.size()], any, base, any, offset); break;
          case 3: a.mv(base, base == bases[0] ? bases[1] : bases[0]); break;
          default: {
            const Op op = ops[random() % 11];  // loads and stores
            append(a, op, any == base && random() % 4 ? t2 : any, base, any, offset);
            break;
          }
        }
      }
      a.plain(op_ecall);
    }
    load_code(a);
    for (const auto& [start, bases] : starts) {
      for (int round = 0; round < 6; round++) {
        set_registers();
        // Mostly where a group just fits and where it does not.
        for (const unsigned base : bases) set(base, random() % 3 ? (random() % 2 ? kData : kOther) + 0xfc0 + random() % 0x80 : where[random() % where.size()]);
        ASSERT_EQ(run_from(start), "") << "page " << page << " from " << std::hex << start << " at " << interpreted->hart().state.mepc;
      }
    }
  }
}

// Pages by turns: slots miss always, sites are given up (form A), and what they do stays right, also at the odd addresses afterwards.
TEST_F(JitMemory, SitesThatAlwaysMiss) {
  const std::vector<uint64_t> where = addresses();
  for (const Op op : memory_ops()) {
    Assembler a(kCode);
    std::vector<std::pair<uint64_t, unsigned>> starts;
    for (const unsigned base : {s1, t0}) {
      starts.emplace_back(a.pc(), base);
      a.i(op_addi, s11, zero, 400);
      const uint64_t loop = a.pc();
      append(a, op, a0, base, a1, 0);
      append(a, op, t4, base, t5, has_offset(op) ? 16 : 0);
      a.r(op_xor, base, base, s10);
      a.i(op_addi, s11, s11, -1);
      a.b(op_bne, s11, zero, loop);
      append(a, op, a2, s8, a3, 0);
      a.plain(op_ecall);
    }
    load_code(a);
    for (const auto& [start, base] : starts) {
      for (int round = 0; round < 24; round++) {
        set_registers();
        set(base, kData + 0x40);
        set(s10, kData ^ kOther);
        set(s8, where[static_cast<size_t>(round) * where.size() / 24]);
        ASSERT_EQ(run_from(start), "") << insn_line(op).name << " round " << round;
      }
      // The loop's own sites at other addresses.
      for (const uint64_t address : where) {
        set_registers();
        set(base, address);
        set(s10, 0);
        ASSERT_EQ(run_from(start), "") << insn_line(op).name << std::hex << " at " << address;
      }
    }
  }
  if (jit_options().slots) {
    EXPECT_GT(tbs().counters.sites_demoted, 3u);
  }
}

}  // namespace
}  // namespace monochord
