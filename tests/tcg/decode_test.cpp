// The decoder against the manual's text. Every encoding against binutils: decode_objdump_test.cpp.
#include "tcg/riscv/decode.h"

#include <gtest/gtest.h>

#include "tcg/riscv/disas.h"

namespace monochord {
namespace {

CpuConfig all_extensions() {
  CpuConfig config = default_cpu_config();
  config.extensions.set();
  return config;
}
CpuConfig without(Ext ext) {
  CpuConfig config = all_extensions();
  config.extensions.reset(static_cast<size_t>(ext));
  return config;
}

TEST(Decode, ImmediatesOfEachBaseFormat) {
  EXPECT_EQ(disassemble(0x80000537, 0), "lui a0,0x80000");
  EXPECT_EQ(disassemble(0xfff50593, 0), "addi a1,a0,-1");
  EXPECT_EQ(disassemble(0x80053503, 0), "ld a0,-2048(a0)");
  EXPECT_EQ(disassemble(0x80a53023, 0), "sd a0,-2048(a0)");
  EXPECT_EQ(disassemble(0xfe000ee3, 0x1000), "beq zero,zero,0xffc");
  EXPECT_EQ(disassemble(0x7e000fe3, 0x1000), "beq zero,zero,0x1ffe");
  EXPECT_EQ(disassemble(0x8000006f, 0x200000), "jal zero,0x100000");
  EXPECT_EQ(disassemble(0x7ffff0ef, 0), "jal ra,0xffffe");
  EXPECT_EQ(disassemble(0x43f55513, 0), "srai a0,a0,0x3f");
  EXPECT_EQ(disassemble(0x30051573, 0), "csrrw a0,mstatus,a0");
  EXPECT_EQ(disassemble(0x3002d573, 0), "csrrwi a0,mstatus,5");
}

// Zicond is newer than the binutils of Debian 12: encodings from the chapter's text (funct7 0000111, funct3 101 and 111).
TEST(Decode, Zicond) {
  EXPECT_EQ(decode(0x0e5b5533, nullptr).op, op_czero_eqz);
  EXPECT_EQ(decode(0x0e5b7533, nullptr).op, op_czero_nez);
  EXPECT_EQ(decode(0x0e5b6533, nullptr).op, op_illegal);
}

TEST(Decode, CompressedFormsExpandToThe32BitInstruction) {
  const Decoded jalr = decode(0x9502 | 0x80, nullptr);  // c.jalr of x11
  EXPECT_EQ(jalr.op, op_jalr);
  EXPECT_EQ(jalr.length, 2);
  EXPECT_EQ(jalr.args.rd, 1);
  const Decoded mv = decode(0x852e, nullptr);  // c.mv a0,a1
  EXPECT_EQ(mv.op, op_add);
  EXPECT_EQ(mv.args.rd, 10);
  EXPECT_EQ(mv.args.rs1, 0);
  EXPECT_EQ(mv.args.rs2, 11);
  const Decoded lui = decode(0x757d, nullptr);  // c.lui a0,0xfffff
  EXPECT_EQ(lui.op, op_lui);
  EXPECT_EQ(lui.args.imm, -4096);
  const Decoded sp = decode(0x7139, nullptr);  // c.addi16sp sp,-64
  EXPECT_EQ(sp.op, op_addi);
  EXPECT_EQ(sp.args.rd, 2);
  EXPECT_EQ(sp.args.rs1, 2);
  EXPECT_EQ(sp.args.imm, -64);
}

// Unprivileged ISA, chapter "C": "reserved" in the listings, and the all-zero instruction.
TEST(Decode, ReservedCompressedFormsAreIllegal) {
  for (const uint16_t bits : {0x0000, 0x0004, 0x8000, 0x2001 | 0x0000, 0x6101, 0x6001, 0x4002, 0x6002, 0x8002, 0x9c41, 0x9c61}) {
    EXPECT_EQ(decode(bits, nullptr).op, op_illegal) << std::hex << bits;
    EXPECT_EQ(decode(bits, nullptr).length, 2);
  }
}

TEST(Decode, HintsAreExecuted) {
  EXPECT_EQ(decode(0x0001, nullptr).op, op_addi);   // c.nop
  EXPECT_EQ(decode(0x0081, nullptr).op, op_addi);   // c.addi x1,0: a hint
  EXPECT_EQ(decode(0x4001, nullptr).op, op_addi);   // c.li x0,0
  EXPECT_EQ(decode(0x8006, nullptr).op, op_add);    // c.mv x0,x1
  EXPECT_EQ(decode(0x0002, nullptr).op, op_slli);   // c.slli x0,0
}

TEST(Decode, AMissingExtensionMakesItsInstructionsIllegal) {
  struct {
    Ext ext;
    uint32_t bits;
  } const cases[] = {{Ext::kM, 0x02b50533}, {Ext::kA, 0x100522af}, {Ext::kF, 0x00052507}, {Ext::kD, 0x00053507}, {Ext::kC, 0x0001},
                     {Ext::kD, 0x2108},     {Ext::kZba, 0x20b52533}, {Ext::kZbb, 0x40b57533}, {Ext::kZbs, 0x28b51533}, {Ext::kZicond, 0x0eb55533},
                     {Ext::kZicbom, 0x0005200f}, {Ext::kZicboz, 0x0045200f}, {Ext::kZicsr, 0x30051573}, {Ext::kZifencei, 0x0000100f},
                     {Ext::kSvinval, 0x16b50073}};
  const CpuConfig all = all_extensions();
  for (const auto& [ext, bits] : cases) {
    EXPECT_NE(decode(bits, &all).op, op_illegal) << std::hex << bits;
    const CpuConfig fewer = without(ext);
    EXPECT_EQ(decode(bits, &fewer).op, op_illegal) << std::hex << bits;
  }
}

TEST(Decode, PauseIsAFenceWhereTheHintIsMissing) {
  const CpuConfig all = all_extensions(), fewer = without(Ext::kZihintpause);
  EXPECT_EQ(decode(0x0100000f, &all).op, op_pause);
  EXPECT_EQ(decode(0x0100000f, &fewer).op, op_fence);
}

TEST(Decode, LongerThan32BitEncodingsAreIllegal) {
  EXPECT_EQ(decode(0x0000001f, nullptr).op, op_illegal);
  EXPECT_EQ(decode(0x0000003f, nullptr).op, op_illegal);
  EXPECT_EQ(decode(0xffffffff, nullptr).op, op_illegal);
}

TEST(Decode, EveryLineDecodesToItself) {
  for (unsigned op = op_illegal + 1; op < kOpCount; op++) {
    const InsnLine& line = insn_line(static_cast<Op>(op));
    EXPECT_EQ(decode(line.match, nullptr).op, op) << line.name;
    // All operand bits set: another line's special case never has those.
    EXPECT_EQ(decode(line.match | ~line.mask, nullptr).op, op) << line.name;
  }
}

}  // namespace
}  // namespace monochord
