// A small assembler for tests: appends instructions to a vector of halfwords. Field positions are written here from the manual (Unprivileged, "Base
// Instruction Formats"), not taken from the decoder; only the fixed bits come from the table's lines.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "tcg/riscv/decode.h"

namespace monochord {

enum Reg : unsigned {
  zero, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6
};

class Assembler {
 public:
  explicit Assembler(uint64_t base) : base_(base) {}

  uint64_t pc() const { return base_ + code_.size() * 2; }
  const std::vector<uint16_t>& code() const { return code_; }

  void half(uint16_t bits) { code_.push_back(bits); }
  void word(uint32_t bits) {
    half(static_cast<uint16_t>(bits));
    half(static_cast<uint16_t>(bits >> 16));
  }
  void align(unsigned bytes) {
    while (pc() % bytes != 0) half(0x0001);  // c.nop
  }

  void r(Op op, unsigned rd, unsigned rs1, unsigned rs2) { word(fixed(op) | rd << 7 | rs1 << 15 | rs2 << 20); }
  void r_rm(Op op, unsigned rd, unsigned rs1, unsigned rs2, unsigned rm) { word(fixed(op) | rd << 7 | rs1 << 15 | rs2 << 20 | rm << 12); }
  void i(Op op, unsigned rd, unsigned rs1, int imm) { word(fixed(op) | rd << 7 | rs1 << 15 | (static_cast<uint32_t>(imm) & 0xfff) << 20); }
  void shift(Op op, unsigned rd, unsigned rs1, unsigned shamt) { word(fixed(op) | rd << 7 | rs1 << 15 | shamt << 20); }
  void s(Op op, unsigned rs2, int imm, unsigned rs1) {
    const uint32_t u = static_cast<uint32_t>(imm);
    word(fixed(op) | (u & 31) << 7 | rs1 << 15 | rs2 << 20 | (u >> 5 & 127) << 25);
  }
  void u(Op op, unsigned rd, uint32_t imm20) { word(fixed(op) | rd << 7 | imm20 << 12); }
  void b(Op op, unsigned rs1, unsigned rs2, uint64_t target) { word(branch_bits(op, rs1, rs2, target, pc())); }
  void j(unsigned rd, uint64_t target) { word(jump_bits(rd, target, pc())); }
  void csr(Op op, unsigned rd, unsigned number, unsigned rs1) { word(fixed(op) | rd << 7 | rs1 << 15 | number << 20); }
  void plain(Op op) { word(fixed(op)); }

  // Any 64-bit constant.
  void li(unsigned rd, uint64_t value) {
    if (static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value))) == value) {
      const uint32_t low = static_cast<uint32_t>(value);
      u(op_lui, rd, (low + 0x800) >> 12 & 0xfffff);
      i(op_addiw, rd, rd, static_cast<int>(low << 20) >> 20);
      return;
    }
    li(rd, static_cast<uint64_t>(static_cast<int64_t>(value) >> 32));
    for (int part = 2; part >= 0; part--) {
      const unsigned bits = part == 2 ? 10 : 11;
      shift(op_slli, rd, rd, bits);
      i(op_ori, rd, rd, static_cast<int>(value >> (part * 11) & ((1u << bits) - 1)));
    }
  }
  void mv(unsigned rd, unsigned rs) { i(op_addi, rd, rs, 0); }

  // A branch or jump whose target comes later: reserve(), then patch.
  size_t reserve() {
    word(0x00000013);
    return code_.size() - 2;
  }
  void patch_b(size_t at, Op op, unsigned rs1, unsigned rs2) { patch(at, branch_bits(op, rs1, rs2, pc(), base_ + at * 2)); }
  void patch_j(size_t at, unsigned rd) { patch(at, jump_bits(rd, pc(), base_ + at * 2)); }

 private:
  static uint32_t fixed(Op op) { return insn_line(op).match; }
  static uint32_t branch_bits(Op op, unsigned rs1, unsigned rs2, uint64_t target, uint64_t from) {
    const uint32_t o = static_cast<uint32_t>(target - from);
    return fixed(op) | (o >> 11 & 1) << 7 | (o >> 1 & 15) << 8 | rs1 << 15 | rs2 << 20 | (o >> 5 & 63) << 25 | (o >> 12 & 1) << 31;
  }
  static uint32_t jump_bits(unsigned rd, uint64_t target, uint64_t from) {
    const uint32_t o = static_cast<uint32_t>(target - from);
    return fixed(op_jal) | rd << 7 | (o >> 12 & 255) << 12 | (o >> 11 & 1) << 20 | (o >> 1 & 1023) << 21 | (o >> 20 & 1) << 31;
  }
  void patch(size_t at, uint32_t bits) {
    code_[at] = static_cast<uint16_t>(bits);
    code_[at + 1] = static_cast<uint16_t>(bits >> 16);
  }

  uint64_t base_;
  std::vector<uint16_t> code_;
};

}  // namespace monochord
