// What emitting costs: a translator's mix of instructions with registers, displacements and constants that aren't known at compile
// time, through our emitter and through xbyak. Prints nanoseconds an instruction and the bytes, which are the same.
#include "tcg/x86_64/emitter.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>

namespace monochord::x86_64 {
namespace {

constexpr int kInsns = 4096;  // guest instructions
constexpr int kRounds = 41;

struct Guest {
  uint8_t kind, rd, rs1, rs2;
  int32_t imm;
};

// Kinds at random cost a mispredicted jump each, in a real translator too; kinds in turn show what emitting alone costs.
std::vector<Guest> program(bool in_turn) {
  std::vector<Guest> guest(kInsns);
  uint64_t seed = 88172645463325252u;
  for (int i = 0; i < kInsns; i++) {
    Guest& g = guest[static_cast<size_t>(i)];
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    const auto pick = [&](unsigned shift) { return static_cast<uint8_t>(3 + (seed >> shift) % 13); };
    constexpr uint8_t kKinds[16] = {0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6};
    g = {kKinds[in_turn ? i % 16 : seed % 16], pick(8), pick(16), pick(24), static_cast<int32_t>(seed >> 40) % ((seed >> 20 & 3) != 0 ? 128 : 2048)};
    if (g.rs1 == 4) g.rs1 = 6;  // rsp is no index
  }
  return guest;
}

// The same text for both: only the names of the operands' makers differ.
template <typename E, typename M>
int translate(E& e, const M& make, const Guest& g) {
  const auto rd = make.gpr(g.rd), rs1 = make.gpr(g.rs1), rs2 = make.gpr(g.rs2);
  const auto rax = make.gpr(0), rcx = make.gpr(1), r15 = make.gpr(15);
  switch (g.kind) {
    case 0:  // a load by a site slot
      e.lea(rax, make.mem(rs1, g.imm));
      e.sub(rax, make.mem(r15, 0x4000 + g.imm * 16));
      e.cmp(rax, make.imm(4088));
      make.slow(e);
      e.mov(rcx, make.mem(r15, 0x4008 + g.imm * 16));
      e.mov(rd, make.sum(rcx, rax));
      return 6;
    case 1:  // addi
      e.lea(rd, make.mem(rs1, g.imm));
      return 1;
    case 2:  // add
      e.mov(rd, rs1);
      e.add(rd, rs2);
      return 2;
    case 3:  // a branch
      e.cmp(rs1, rs2);
      make.slow(e);
      return 2;
    case 4:  // addiw, to memory
      e.add(make.gpr32(0), make.imm(g.imm));
      e.movsxd(rcx, make.gpr32(0));
      e.mov(make.mem(make.gpr(5), g.imm), rcx);
      return 3;
    case 5:
      e.vfmadd213sd(make.xmm(g.rd), make.xmm(g.rs1), make.xmm(g.rs2));
      e.vaddsd(make.xmm(g.rd), make.xmm(g.rs1), make.xmm(g.rs2));
      return 2;
    default:
      e.mov(rd, make.wide(int64_t{g.imm} << 12));
      e.shlx(rd, rd, rs1);
      return 2;
  }
}

uint8_t code[1 << 18];

struct Ours {
  Gpr64 gpr(uint8_t i) const { return {i}; }
  Gpr32 gpr32(uint8_t i) const { return {i}; }
  Xmm xmm(uint8_t i) const { return {i}; }
  Mem mem(Gpr64 base, int32_t disp) const { return ptr(base, disp); }
  Mem sum(Gpr64 a, Gpr64 b) const { return ptr(a, b); }
  int64_t imm(int32_t i) const { return i; }
  int64_t wide(int64_t i) const { return i; }
  void slow(Emitter& e) const { e.jcc_near(Condition::kA, code); }
};
struct Theirs {
  Xbyak::Reg64 gpr(uint8_t i) const { return Xbyak::Reg64(i); }
  Xbyak::Reg32 gpr32(uint8_t i) const { return Xbyak::Reg32(i); }
  Xbyak::Xmm xmm(uint8_t i) const { return Xbyak::Xmm(i); }
  Xbyak::Address mem(Xbyak::Reg64 base, int32_t disp) const { return Xbyak::util::ptr[base + static_cast<size_t>(ptrdiff_t{disp})]; }
  Xbyak::Address sum(Xbyak::Reg64 a, Xbyak::Reg64 b) const { return Xbyak::util::ptr[a + b]; }
  uint32_t imm(int32_t i) const { return static_cast<uint32_t>(i); }
  uint64_t wide(int64_t i) const { return static_cast<uint64_t>(i); }
  void slow(Xbyak::CodeGenerator& e) const { e.ja(static_cast<const void*>(code)); }
};

double now_ns() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <typename Round>
void measure(const char* name, Round round) {
  double best = 1e18;
  int insns = 0;
  size_t size = 0;
  for (int i = 0; i < kRounds; i++) {
    const double start = now_ns();
    size = round(insns);
    best = std::min(best, now_ns() - start);
  }
  printf("%-6s %6.2f ns a host instruction, %6.2f ns a guest instruction; %d host instructions, %zu bytes\n", name, best / insns,
         best / kInsns, insns, size);
}

void run(bool in_turn) {
  const std::vector<Guest> guest = program(in_turn);
  printf("%s\n", in_turn ? "instructions in turn:" : "instructions at random:");
  measure("ours", [&](int& insns) {
    Emitter e(code, code + sizeof code);
    insns = 0;
    for (const Guest& g : guest) {
      if (e.remaining() < 128) break;
      insns += translate(e, Ours{}, g);
    }
    return static_cast<size_t>(e.cursor() - code);
  });
  Xbyak::CodeGenerator x(sizeof code, code);
  measure("xbyak", [&](int& insns) {
    x.setSize(0);
    insns = 0;
    for (const Guest& g : guest) insns += translate(x, Theirs{}, g);
    return x.getSize();
  });
}

}  // namespace
}  // namespace monochord::x86_64

int main() {
  monochord::x86_64::run(false);
  monochord::x86_64::run(true);
}
