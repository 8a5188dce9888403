// The emitter's integer instructions and jumps against xbyak, byte for byte.
#include "tests/tcg/emitter_axes.h"

namespace monochord::x86_64 {
namespace {

TEST(EmitterAgainstXbyak, Moves) {
  WORDS(mov);
  LOADS(mov);
  STORES(mov);
  SAME(mov, mems, r8s);
  SAME(mov, mems, r16s);
  SAME(mov, mem8s, imm8s);
  SAME(mov, mem32s, imm32s);
  SAME(mov, r32s, imm32s);
  Axis<int64_t, uint64_t> wide;
  for (const auto& [value, bits] : imm32s) wide.emplace_back(value, static_cast<uint64_t>(value));
  SAME(mov, mem64s, wide);
  for (const int64_t i : {int64_t{0x80000000}, int64_t{0xffffffff}, int64_t{0x100000000}, -int64_t{0x80000001}, INT64_MIN, INT64_MAX}) wide.emplace_back(i, i);
  SAME(mov, r64s, wide);
  SAME(movzx, r32s, r8s);
  SAME(movzx, r32s, r16s);
  SAME(movzx, r32s, mem8s);
  SAME(movzx, r32s, mem16s);
  SAME(movsx, r32s, r8s);
  SAME(movsx, r32s, r16s);
  SAME(movsx, r32s, mem8s);
  SAME(movsx, r32s, mem16s);
  SAME(movsx, r64s, r8s);
  SAME(movsx, r64s, r16s);
  SAME(movsx, r64s, mem8s);
  SAME(movsx, r64s, mem16s);
  SAME(movsxd, r64s, r32s);
  SAME(movsxd, r64s, mem32s);
  LOADS(lea);
  WORDS(xchg);
  STORES(xchg);
  STORES(xadd);
  STORES(cmpxchg);
  SAME(bswap, r32s);
  SAME(bswap, r64s);
  SAME(push, r64s);
  SAME(pop, r64s);
  SAME(push, mem64s);
  SAME(pop, mem64s);
  SAME(push, imm32s);
}

TEST(EmitterAgainstXbyak, MovabsHasTenBytes) {
  for (uint8_t i = 0; i < 16; i++) {
    Emitter e(buffer, buffer + sizeof buffer);
    e.movabs(Gpr64{i}, 5);
    const uint8_t expected[10] = {static_cast<uint8_t>(0x48 | i >> 3), static_cast<uint8_t>(0xb8 | (i & 7)), 5};
    ASSERT_EQ(e.cursor() - buffer, 10);
    EXPECT_EQ(memcmp(buffer, expected, 10), 0) << i;
  }
}

#define ALU(name)            \
  SAME(name, r8s, r8s);      \
  WORDS(name);               \
  SAME(name, r8s, mems);     \
  LOADS(name);               \
  SAME(name, mems, r8s);     \
  STORES(name);              \
  SAME(name, r8s, imm8s);    \
  SAME(name, r32s, imm32s);  \
  SAME(name, r64s, imm32s);  \
  SAME(name, mem8s, imm8s);  \
  SAME(name, mem32s, imm32s); \
  SAME(name, mem64s, imm32s)

TEST(EmitterAgainstXbyak, Arithmetic) {
  ALU(add);
  ALU(or_);
  ALU(adc);
  ALU(sbb);
}
TEST(EmitterAgainstXbyak, Logic) {
  ALU(and_);
  ALU(sub);
  ALU(xor_);
  ALU(cmp);
  SAME(test, r8s, r8s);
  WORDS(test);
  SAME(test, mems, r8s);
  STORES(test);
  SAME(test, r8s, imm8s);
  SAME(test, r32s, imm32s);
  SAME(test, r64s, imm32s);
  SAME(test, mem8s, imm8s);
  SAME(test, mem32s, imm32s);
  SAME(test, mem64s, imm32s);
}
TEST(EmitterAgainstXbyak, ConstantsOf32BitsMayBeUnsigned) {
  compare("and_", CALL(and_), r32s, Axis<int64_t, uint32_t>{{0xfffff000, 0xfffff000}, {0xffffffff, 0xffffffff}});
  compare2("imul", CALL(imul), [](auto& x, auto a, auto b, uint32_t c) { x.imul(a, b, static_cast<int>(c)); }, r32s, r32s,
           Axis<int64_t, uint32_t>{{0xfffffff0, 0xfffffff0}, {0x80000000, 0x80000000}});
}

#define UNARY(name)     \
  SAME(name, r32s);     \
  SAME(name, r64s);     \
  SAME(name, mem32s);   \
  SAME(name, mem64s)
#define SHIFT(name)                                                                                             \
  SAME(name, r32s, counts);                                                                                     \
  SAME(name, r64s, counts);                                                                                     \
  compare2(#name, CALL(name##_cl), [](auto& x, auto r) { x.name(r, Xbyak::util::cl); }, r32s);                  \
  compare2(#name, CALL(name##_cl), [](auto& x, auto r) { x.name(r, Xbyak::util::cl); }, r64s)
#define SHIFTX(name)                  \
  SAME(name, r32s, r32s, r32s);       \
  SAME(name, r64s, r64s, r64s);       \
  SAME(name, r32s, some(mems), r32s); \
  SAME(name, r64s, some(mems), r64s)
#define BIT(name)             \
  WORDS(name);                \
  SAME(name, r32s, counts);   \
  SAME(name, r64s, counts);   \
  SAME(name, some(mem32s), counts); \
  SAME(name, some(mem64s), counts)

TEST(EmitterAgainstXbyak, OneOperand) {
  UNARY(not_);
  UNARY(neg);
  UNARY(mul);
  UNARY(imul);
  UNARY(div);
  UNARY(idiv);
  UNARY(inc);
  UNARY(dec);
}
TEST(EmitterAgainstXbyak, ShiftsAndBits) {
  SHIFT(rol);
  SHIFT(ror);
  SHIFT(shl);
  SHIFT(shr);
  SHIFT(sar);
  SHIFTX(shlx);
  SHIFTX(shrx);
  SHIFTX(sarx);
  SAME(rorx, r32s, r32s, counts);
  SAME(rorx, r64s, r64s, counts);
  SAME(rorx, r32s, some(mems), counts);
  SAME(rorx, r64s, some(mems), counts);
  BIT(bt);
  BIT(bts);
  BIT(btr);
  BIT(btc);
  SAME(andn, r32s, r32s, r32s);
  SAME(andn, r64s, r64s, r64s);
  SAME(andn, r32s, r32s, some(mems));
  SAME(andn, r64s, r64s, some(mems));
  SAME(mulx, r32s, r32s, r32s);
  SAME(mulx, r64s, r64s, r64s);
  WORDS(imul);
  LOADS(imul);
  WORDS(popcnt);
  LOADS(popcnt);
  WORDS(tzcnt);
  LOADS(tzcnt);
  WORDS(lzcnt);
  LOADS(lzcnt);
  const auto imul = [](auto& e, auto a, auto b, auto c) { e.imul(a, b, static_cast<int>(c)); };
  compare("imul", imul, r32s, r32s, imm32s);
  compare("imul", imul, r64s, r64s, imm32s);
}

TEST(EmitterAgainstXbyak, Conditions) {
#define CONDITION(suffix, condition)      \
  SAME(set##suffix, r8s);                 \
  WORDS(cmov##suffix);                    \
  compare2("setcc", [](auto& e, auto m) { e.setcc(Condition::condition, m); }, CALL(set##suffix), mem8s);  \
  compare2("cmovcc", [](auto& e, auto r, auto m) { e.cmovcc(Condition::condition, r, m); }, CALL(cmov##suffix), r64s, some(mems)); \
  compare2("jcc", [](auto& e) { e.jcc_near(Condition::condition, buffer); },                                \
           [](auto& x) { x.j##suffix(static_cast<const void*>(buffer)); });
  MONOCHORD_X86_CONDITIONS(CONDITION)
}

TEST(EmitterAgainstXbyak, Control) {
  SAME(jmp, r64s);
  SAME(jmp, mem64s);
  SAME(call, r64s);
  SAME(call, mem64s);
  const void* far = beside_buffer(100000);
  compare2("jmp", [=](auto& e) { e.jmp_near(far); }, [=](auto& x) { x.jmp(far, Xbyak::CodeGenerator::T_NEAR); });
  compare2("call", [=](auto& e) { e.call_near(far); }, [=](auto& x) { x.call(far); });
#define BARE(name) compare(#name, [](auto& e) { e.name(); })
  BARE(cdq);
  BARE(cqo);
  BARE(cdqe);
  BARE(ret);
  BARE(int3);
  BARE(ud2);
  BARE(pause);
  BARE(rdtsc);
  BARE(vzeroupper);
  SAME(ldmxcsr, mems);
  SAME(stmxcsr, mems);
  Axis<unsigned, size_t> sizes;
  for (unsigned i = 0; i < 40; i++) sizes.emplace_back(i, i);
  SAME(nop, sizes);
}

// Loops over labels, near and short, before and behind: xbyak's labels judge.
TEST(EmitterAgainstXbyak, Labels) {
  for (const unsigned gap : {0u, 3u, 100u, 120u, 125u, 126u, 127u, 128u, 130u, 1000u}) {
    static uint8_t code[4096];
    Xbyak::CodeGenerator x(sizeof code, code);
    Xbyak::Label xback, xout, xshort;
    x.L(xback);
    x.nop(gap);
    x.je(xback);
    x.jmp(xback);
    x.call(xback);
    x.lea(Xbyak::util::rcx, x.ptr[Xbyak::util::rip + xout]);
    x.jne(xout, Xbyak::CodeGenerator::T_NEAR);
    x.jl(xshort, Xbyak::CodeGenerator::T_SHORT);
    x.jmp(xshort, Xbyak::CodeGenerator::T_SHORT);
    x.nop(gap % 100);
    x.L(xshort);
    x.jmp(xout, Xbyak::CodeGenerator::T_NEAR);
    x.nop(gap);
    x.L(xout);
    x.lea(Xbyak::util::rcx, x.ptr[Xbyak::util::rip + xback]);
    const std::vector<uint8_t> expected(code, code + x.getSize());
    memset(code, 0xee, sizeof code);

    Emitter e(code, code + sizeof code);
    Label back, out, brief;
    e.bind(back);
    e.nop(gap);
    e.je(back);
    e.jmp(back);
    e.call(back);
    e.lea(rcx, out);
    e.jne(out);
    e.jl_short(brief);
    e.jmp_short(brief);
    e.nop(gap % 100);
    e.bind(brief);
    e.jmp(out);
    e.nop(gap);
    e.bind(out);
    e.lea(rcx, back);
    EXPECT_EQ(hex(code, static_cast<size_t>(e.cursor() - code)), hex(expected.data(), expected.size())) << gap;
  }
}

}  // namespace
}  // namespace monochord::x86_64
