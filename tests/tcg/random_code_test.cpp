// Random code, most of it valid, over random registers, in all privileges, with and without paging: nothing crashes, instructions are counted exactly,
// and how a run is cut into slices never shows.
#include <random>

#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;
constexpr size_t kCodeBytes = 0x4000, kTouched = 0x40000;

uint32_t random_word(std::mt19937_64& random) {
  switch (random() % 10) {
    case 0:
      return static_cast<uint32_t>(random());
    case 1:
    case 2: {  // two compressed ones
      const uint32_t low = static_cast<uint32_t>(random() % 3), high = static_cast<uint32_t>(random() % 3);
      return (static_cast<uint32_t>(random()) & 0xfffcfffc) | low | high << 16;
    }
    default: {
      const InsnLine& line = insn_line(static_cast<Op>(1 + random() % (kOpCount - 1)));
      uint32_t bits = static_cast<uint32_t>(random());
      // Small immediates keep accesses and branches near.
      if (random() % 2) bits &= 0x000fffff | 0x00f00000;
      return line.match | (bits & ~line.mask);
    }
  }
}

uint64_t random_register(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return random();
    case 1:
      return Bench::kDevice + random() % 4096;
    case 2:
      return Bench::kSmallRam + 0x1700 + random() % 0x200;
    case 3:
      return Bench::kRom + random() % 64;
    case 4:
      return random() % 64 - 32;
    default:
      return kRam + random() % kTouched;
  }
}

uint64_t handler(Bench& bench, uint64_t at, unsigned scratch, unsigned epc, Op ret) {
  Assembler a(at);
  a.csr(op_csrrw, t6, scratch, t6);
  a.csr(op_csrrs, t6, epc, zero);
  a.i(op_addi, t6, t6, 4);
  a.shift(op_slli, t6, t6, 50);
  a.shift(op_srli, t6, t6, 50);
  a.shift(op_bseti, t6, t6, 31);
  a.csr(op_csrrw, zero, epc, t6);
  a.csr(op_csrrw, t6, scratch, t6);
  a.plain(ret);
  bench.load(a, at);
  return at;
}

void prepare(Bench& bench, uint64_t seed) {
  std::mt19937_64 random(seed);
  bench.on_read = [](uint64_t offset, unsigned) { return offset * 0x9e3779b97f4a7c15; };
  HartState& state = bench.hart().state;
  for (size_t at = 0; at < kCodeBytes; at += 4) bench.at<uint32_t>(kRam + at) = random_word(random);
  for (size_t at = kCodeBytes; at < kTouched; at += 8) bench.at<uint64_t>(kRam + at) = random();
  for (unsigned i = 1; i < 32; i++) state.x[i] = random_register(random);
  for (unsigned i = 0; i < 32; i++) state.f[i] = random();
  // Handlers bring a wild pc back into the code and go on behind what trapped.
  state.mtvec = handler(bench, kRam + kCodeBytes, 0x340, 0x341, op_mret);
  state.stvec = handler(bench, kRam + kCodeBytes + 0x40, 0x140, 0x141, op_sret);
  state.medeleg = random() & 0xb3ff;
  state.mstatus |= kMstatusFs;
  helper_csr(bench.hart(), 0x3b0, CsrOp::kWrite, ~uint64_t{0} >> 10, false, true, 0);
  helper_csr(bench.hart(), 0x3a0, CsrOp::kWrite, 0x1f, false, true, 0);
  if (seed % 3 == 1) {
    // Gigabyte pages onto themselves, with random rights.
    const uint64_t root = kRam + 0x30000;
    for (uint64_t i = 0; i < 512; i++) bench.at<uint64_t>(root + 8 * i) = (i << 28) | (random() & 0xdf) | 1;
    bench.at<uint64_t>(root + 8 * 2) = uint64_t{2} << 28 | 0xcf | (random() & 0x10);
    helper_csr(bench.hart(), 0x180, CsrOp::kWrite, uint64_t{8} << 60 | root >> 12, false, true, 0);
  }
  if (seed % 3 != 0) state.priv = seed % 2 ? kPrivS : kPrivU;
}

// Runs exactly `total` instructions; `slice` gives the length of the next slice.
template <typename Slice>
void play(Bench& bench, uint64_t total, Slice slice) {
  RiscvCpu& cpu = bench.hart();
  while (cpu.instructions() < total) {
    cpu.leave_after_insn = 0;
    cpu.halted = false;
    const uint64_t before = cpu.instructions();
    const int64_t budget = std::min<int64_t>(slice(), static_cast<int64_t>(total - before));
    const ExecExit why = cpu.exec(budget);
    const uint64_t done = cpu.instructions() - before;
    ASSERT_LE(done, static_cast<uint64_t>(budget));
    if (why == ExecExit::kBudget) {
      ASSERT_EQ(done, static_cast<uint64_t>(budget));
    }
    ASSERT_EQ(cpu.state.x[0], 0u);
  }
}

TEST(RandomCode, SlicesNeverShow) {
  constexpr uint64_t kTotal = 4000;
  // More by hand: MONOCHORD_RANDOM_PROGRAMS=5000 tcg-exec-tests --gtest_filter=RandomCode.*
  const char* more = getenv("MONOCHORD_RANDOM_PROGRAMS");
  const uint64_t programs = more != nullptr ? strtoull(more, nullptr, 10) : 60;
  uint64_t trapped = 0;
  for (uint64_t seed = 1; seed <= programs; seed++) {
    LoopRig rig(Kind::kVirtualLazy);
    std::vector<uint8_t> memory(kTouched);
    HartState state;
    {
      Bench bench;
      prepare(bench, seed);
      play(bench, kTotal, [] { return int64_t{1}; });
      state = bench.hart().state;
      memcpy(memory.data(), bench.ram(), kTouched);
      trapped += state.traps_counted;
    }
    for (const int round : {0, 1}) {
      Bench bench;
      prepare(bench, seed);
      std::mt19937 random(static_cast<unsigned>(seed));
      play(bench, kTotal, [&] { return round == 0 ? int64_t{1} << 40 : static_cast<int64_t>(1 + random() % 50); });
      const HartState& now = bench.hart().state;
      for (unsigned i = 0; i < 32; i++) {
        ASSERT_EQ(now.x[i], state.x[i]) << "seed " << seed << " round " << round << " x" << i;
        ASSERT_EQ(now.f[i], state.f[i]) << "seed " << seed << " round " << round << " f" << i;
      }
      ASSERT_EQ(now.pc, state.pc) << "seed " << seed;
      ASSERT_EQ(now.priv, state.priv) << "seed " << seed;
      ASSERT_EQ(now.mstatus, state.mstatus) << "seed " << seed;
      ASSERT_EQ(now.fflags, state.fflags) << "seed " << seed;
      ASSERT_EQ(now.traps_counted, state.traps_counted) << "seed " << seed;
      ASSERT_EQ(memcmp(memory.data(), bench.ram(), kTouched), 0) << "seed " << seed;
    }
  }
  EXPECT_LT(trapped, programs * kTotal / 5) << "the programs do little but trap";
}

}  // namespace
}  // namespace monochord
