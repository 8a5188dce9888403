// What no assembler judges of the x86-64 emitter: its cursor, its checks, and running what it wrote.
#include "tests/tcg/emitter_axes.h"

#include <sys/mman.h>

#include <cmath>

namespace monochord::x86_64 {
namespace {

TEST(Emitter, PatchesAJump) {
  Emitter e(buffer, buffer + sizeof buffer);
  uint8_t* field = e.jmp_near(buffer + 50);
  EXPECT_EQ(field, buffer + 1);
  EXPECT_EQ(Emitter::target_of(field), buffer + 50);
  Emitter::patch(field, buffer + 200);
  const uint8_t expected[5] = {0xe9, 195};
  EXPECT_EQ(memcmp(buffer, expected, sizeof expected), 0);
  EXPECT_EQ(Emitter::target_of(field), buffer + 200);
}

TEST(Emitter, CountsWhatRemainsAndAligns) {
  Emitter e(buffer, buffer + 100);
  EXPECT_EQ(e.remaining(), 100 - Emitter::kOverrun);
  e.ret();
  EXPECT_EQ(e.remaining(), 99 - Emitter::kOverrun);
  e.align(16);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(e.cursor()) % 16, 0u);
  e.set_cursor(buffer);
  e.data(uint32_t{0x04030201});
  e.data(uint16_t{0x0605});
  EXPECT_EQ(hex(buffer, 6), "01 02 03 04 05 06 ");
}

// Every instruction leaves what lies more than kOverrun bytes behind it alone.
TEST(Emitter, SpoilsAtMostKOverrunBytes) {
  for (const auto& [m, unused] : expressions) {
    memset(buffer, 0xee, 64);
    Emitter e(buffer, buffer + sizeof buffer);
    e.vpextrd(m, xmm9, 1);
    for (const uint8_t* p = e.cursor() + Emitter::kOverrun; p < buffer + 64; p++) ASSERT_EQ(*p, 0xee);
    e.set_cursor(buffer + 64);
    memset(buffer, 0xee, sizeof buffer);
    e.mov(SizedMem<64>{m}, INT32_MIN);
    for (const uint8_t* p = e.cursor() + Emitter::kOverrun; p < buffer + sizeof buffer; p++) ASSERT_EQ(*p, 0xee);
  }
}

#ifndef NDEBUG
TEST(EmitterDeathTest, DebugBuildsCheckConstantsAndReach) {
  Emitter e(buffer, buffer + sizeof buffer);
  EXPECT_DEATH(e.add(rax, int64_t{1} << 31), "");
  EXPECT_DEATH(e.add(al, 256), "");
  EXPECT_DEATH(e.mov(rax, ptr(rax, rsp)), "");
  EXPECT_DEATH(
      {
        Label label;
        e.jmp_short(label);
        e.set_cursor(e.cursor() + 128);
        e.bind(label);
      },
      "");
  EXPECT_DEATH(
      {
        Label label;
        e.jmp(label);
      },
      "");
  Emitter full(buffer, buffer + Emitter::kOverrun + Emitter::kInsnMax - 1);
  EXPECT_DEATH(full.ret(), "");
}
#endif

TEST(Condition, InvertsAndSwaps) {
  EXPECT_EQ(invert(Condition::kB), Condition::kAe);
  EXPECT_EQ(invert(Condition::kG), Condition::kLe);
  EXPECT_EQ(swap_operands(Condition::kB), Condition::kA);
  EXPECT_EQ(swap_operands(Condition::kLe), Condition::kGe);
  EXPECT_EQ(swap_operands(Condition::kNe), Condition::kNe);
}

// Compiles or not: widths are types.
template <typename E, typename A, typename B>
concept CanAdd = requires(E& e, A a, B b) { e.add(a, b); };
static_assert(CanAdd<Emitter, Gpr64, Gpr64> && CanAdd<Emitter, Gpr32, Mem> && CanAdd<Emitter, Mem64, int>);
static_assert(!CanAdd<Emitter, Gpr64, Gpr32> && !CanAdd<Emitter, Gpr32, Mem64> && !CanAdd<Emitter, Mem, int> && !CanAdd<Emitter, Gpr64, Xmm>);

// --- Running it ---

class EmitterRuns : public testing::Test {
 protected:
  void SetUp() override {
    code_ = static_cast<uint8_t*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (code_ == MAP_FAILED) GTEST_SKIP() << "this host gives no writable and executable memory";
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma")) GTEST_SKIP() << "this host has no AVX2, BMI2 or FMA";
  }
  void TearDown() override {
    if (code_ != MAP_FAILED) munmap(code_, kSize);
  }
  template <typename Function>
  Function* entry() const {
    return reinterpret_cast<Function*>(code_);
  }
  static constexpr size_t kSize = 65536;
  uint8_t* code_ = nullptr;
};

TEST_F(EmitterRuns, ALoopOverMemory) {
  Emitter e(code_, code_ + kSize);
  Label loop, done;  // sum of the odd ones among rsi words at rdi
  e.xor_(eax, eax);
  e.bind(loop);
  e.sub(rsi, 1);
  e.jb(done);
  e.movsxd(rcx, dword_ptr(rdi, rsi, 4));
  e.test(cl, 1);
  e.mov(edx, 0);
  e.cmove(rcx, rdx);
  e.add(rax, rcx);
  e.nop(200);
  e.jmp(loop);
  e.bind(done);
  e.ret();
  const int32_t words[] = {1, 2, -7, 4, 5, INT32_MAX, -100};
  EXPECT_EQ(entry<int64_t(const int32_t*, size_t)>()(words, 7), 1 - 7 + 5 + int64_t{INT32_MAX});
  EXPECT_EQ(entry<int64_t(const int32_t*, size_t)>()(words, 0), 0);
}

TEST_F(EmitterRuns, ConstantsBehindTheCode) {
  Emitter e(code_, code_ + kSize);
  Label constants;
  e.lea(rax, constants);
  e.vmovsd(xmm1, ptr(rax));
  e.vfmadd213sd(xmm0, xmm1, ptr(rax, 8));  // x * 3 + 0.5
  e.vsqrtsd(xmm0, xmm0, xmm0);
  e.ret();
  e.align(16);
  e.bind(constants);
  e.data(std::bit_cast<uint64_t>(3.0));
  e.data(std::bit_cast<uint64_t>(0.5));
  EXPECT_EQ(entry<double(double)>()(2.0), std::sqrt(6.5));
}

TEST_F(EmitterRuns, ADivisionAndACall) {
  Emitter e(code_, code_ + kSize);
  Label function;
  e.push(rbx);
  e.mov(rbx, rsi);
  e.call(function);
  e.pop(rbx);
  e.ret();
  e.bind(function);  // rdi / rbx + the remainder shifted left by 8
  e.mov(rax, rdi);
  e.cqo();
  e.idiv(rbx);
  e.mov(ecx, 8);
  e.shlx(rdx, rdx, rcx);
  e.add(rax, rdx);
  e.ret();
  EXPECT_EQ(entry<int64_t(int64_t, int64_t)>()(-1000, 7), -142 + -6 * 256);
}

TEST_F(EmitterRuns, MovesAmongXmmRegisters) {
  // Every pair, by every move: the destination holds the source's value.
  const auto check = [&](const char* name, auto move) {
    for (uint8_t d = 0; d < 16; d++) {
      for (uint8_t s = 0; s < 16; s++) {
        Emitter e(code_, code_ + kSize);
        for (uint8_t i = 0; i < 16; i++) {
          e.mov(eax, 1000 + i);
          e.vcvtsi2sd(Xmm{i}, Xmm{i}, eax);
        }
        move(e, Xmm{d}, Xmm{s});
        e.vcvttsd2si(rax, Xmm{d});
        e.ret();
        ASSERT_EQ(entry<int64_t()>()(), 1000 + s) << name << ' ' << int{d} << ' ' << int{s};
      }
    }
  };
  check("vmovaps", [](Emitter& e, Xmm d, Xmm s) { e.vmovaps(d, s); });
  check("vmovq", [](Emitter& e, Xmm d, Xmm s) { e.vmovq(d, s); });
  check("vmovsd", [](Emitter& e, Xmm d, Xmm s) { e.vmovsd(d, d, s); });
  check("vmovss", [](Emitter& e, Xmm d, Xmm s) {
    e.vmovss(xmm3, s, s);  // copies s whole: low from b, the rest from a
    e.vmovsd(d, xmm3, xmm3);
  });
  // The upper half comes from `a`.
  for (uint8_t s = 0; s < 16; s++) {
    Emitter e(code_, code_ + kSize);
    e.mov(rax, ptr(rdi));
    e.vmovups(xmm4, ptr(rdi));
    e.vmovups(Xmm{s}, ptr(rsi));
    if (s != 4) e.vmovsd(xmm2, xmm4, Xmm{s});
    if (s == 4) e.vmovups(xmm2, ptr(rdi));
    e.vmovups(ptr(rdx), xmm2);
    e.ret();
    const uint64_t a[2] = {1, 2}, b[2] = {3, 4};
    uint64_t result[2] = {};
    entry<void(const uint64_t*, const uint64_t*, uint64_t*)>()(a, b, result);
    EXPECT_EQ(result[0], s == 4 ? 1u : 3u) << int{s};
    EXPECT_EQ(result[1], 2u) << int{s};
  }
}

}  // namespace
}  // namespace monochord::x86_64
