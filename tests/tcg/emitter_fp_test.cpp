// The emitter's VEX instructions against xbyak, byte for byte.
#include "tests/tcg/emitter_axes.h"

namespace monochord::x86_64 {
namespace {

#define XMM3(name)                \
  SAME(name, xmms, xmms, xmms);   \
  SAME(name, xmms, xmms, some(mems))
#define XMM3_IMM(name)                    \
  SAME(name, xmms, xmms, xmms, imm8u);    \
  SAME(name, xmms, xmms, some(mems), imm8u)
#define XMM2(name)        \
  SAME(name, xmms, xmms); \
  SAME(name, xmms, mems)
// Ours may exchange a and b to save a byte; so may xbyak's user.
#define COMMUTATIVE(name)                                                                                              \
  compare2(#name, CALL(name),                                                                                          \
           [](auto& x, auto d, auto a, auto b) {                                                                       \
             const bool exchange = b.getIdx() >= 8 && a.getIdx() < 8;                                                  \
             x.name(d, exchange ? b : a, exchange ? a : b);                                                            \
           },                                                                                                          \
           xmms, xmms, xmms);                                                                                          \
  SAME(name, xmms, xmms, some(mems))
#define SCALAR(name) \
  XMM3(name##ss);    \
  XMM3(name##sd)
#define FMA(name)    \
  SCALAR(name##132); \
  SCALAR(name##213); \
  SCALAR(name##231)

TEST(EmitterAgainstXbyak, FloatingPoint) {
  const Axis<unsigned, uint8_t> imm8u{{0, 0}, {3, 3}, {11, 11}};
  SCALAR(vsqrt);
  SCALAR(vadd);
  SCALAR(vmul);
  SCALAR(vsub);
  SCALAR(vmin);
  SCALAR(vdiv);
  SCALAR(vmax);
  FMA(vfmadd);
  FMA(vfmsub);
  FMA(vfnmadd);
  FMA(vfnmsub);
  XMM3_IMM(vcmpss);
  XMM3_IMM(vcmpsd);
  XMM3_IMM(vroundss);
  XMM3_IMM(vroundsd);
  XMM3_IMM(vblendps);
  XMM3_IMM(vblendpd);
  XMM2(vucomiss);
  XMM2(vucomisd);
  XMM2(vcomiss);
  XMM2(vcomisd);
  COMMUTATIVE(vandps);
  COMMUTATIVE(vandpd);
  XMM3(vandnps);
  XMM3(vandnpd);
  COMMUTATIVE(vorps);
  COMMUTATIVE(vorpd);
  COMMUTATIVE(vxorps);
  COMMUTATIVE(vxorpd);
  COMMUTATIVE(vpand);
  XMM3(vpandn);
  COMMUTATIVE(vpor);
  COMMUTATIVE(vpxor);
  COMMUTATIVE(vpcmpeqb);
  COMMUTATIVE(vpcmpeqd);
  XMM3(vunpcklps);
  XMM3(vpunpckldq);
  SAME(vblendvps, xmms, xmms, xmms, xmms);
  SAME(vblendvpd, xmms, xmms, xmms, xmms);
  SAME(vpsrld, xmms, xmms, counts);
  SAME(vpslld, xmms, xmms, counts);
  SAME(vpsrlq, xmms, xmms, counts);
  SAME(vpsllq, xmms, xmms, counts);
}

TEST(EmitterAgainstXbyak, FloatingPointMoves) {
  const Axis<unsigned, uint8_t> lanes{{0, 0}, {1, 1}, {2, 2}, {3, 3}};
  // xbyak knows only the form whose r/m field is the source. Where ours takes the other one, MovesAmongXmmRegisters runs it.
  const auto low = Axis<Xmm, Xbyak::Xmm>(xmms.begin(), xmms.begin() + 8);
  const auto high = Axis<Xmm, Xbyak::Xmm>(xmms.begin() + 8, xmms.end());
#define MOVE(name, ...)                       \
  SAME(name, xmms, ##__VA_ARGS__, low);       \
  SAME(name, high, ##__VA_ARGS__, high)
  MOVE(vmovaps);
  MOVE(vmovq);
  MOVE(vmovss, xmms);
  MOVE(vmovsd, xmms);
#define XMM_LOAD_STORE(name) \
  SAME(name, xmms, mems);    \
  SAME(name, mems, xmms)
  XMM_LOAD_STORE(vmovss);
  XMM_LOAD_STORE(vmovsd);
  XMM_LOAD_STORE(vmovd);
  XMM_LOAD_STORE(vmovq);
  XMM_LOAD_STORE(vmovups);
  XMM_LOAD_STORE(vmovaps);
  SAME(vmovd, xmms, r32s);
  SAME(vmovd, r32s, xmms);
  SAME(vmovq, xmms, r64s);
  SAME(vmovq, r64s, xmms);
  SAME(vpextrd, r32s, xmms, lanes);
  SAME(vpextrd, some(mems), xmms, lanes);
  SAME(vpinsrd, xmms, xmms, r32s, lanes);
  SAME(vmovmskps, r32s, xmms);
  SAME(vmovmskpd, r32s, xmms);
  SAME(vpmovmskb, r32s, xmms);
  XMM3(vcvtss2sd);
  XMM3(vcvtsd2ss);
#define FROM_INTEGER(name)                \
  SAME(name, xmms, xmms, r32s);           \
  SAME(name, xmms, xmms, r64s);           \
  SAME(name, xmms, xmms, some(mem32s));   \
  SAME(name, xmms, xmms, some(mem64s))
  FROM_INTEGER(vcvtsi2ss);
  FROM_INTEGER(vcvtsi2sd);
#define TO_INTEGER(name)  \
  SAME(name, r32s, xmms); \
  SAME(name, r64s, xmms); \
  LOADS(name)
  TO_INTEGER(vcvttss2si);
  TO_INTEGER(vcvttsd2si);
  TO_INTEGER(vcvtss2si);
  TO_INTEGER(vcvtsd2si);
}

}  // namespace
}  // namespace monochord::x86_64
