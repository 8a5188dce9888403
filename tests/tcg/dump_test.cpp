// What -d op prints: the micro-operations of known units, word for word. A change here is a change of what the translator makes.
#include "tcg/emit/dump.h"

#include <gtest/gtest.h>

#include "tcg/emit/translate.h"
#include "tests/tcg/assembler.h"

namespace monochord {
namespace {

class Dump : public ::testing::Test {
 protected:
  static constexpr uint64_t kPage = 0x80000000;
  Assembler a{kPage};

  const Unit& build(int insns_max = kUnitInsnsMax) {
    memset(page_, 0, sizeof page_);
    memcpy(page_, a.code().data(), a.code().size() * 2);
    UnitRequest request;
    request.page = page_;
    request.page_paddr = kPage;
    request.insns_max = insns_max;
    build_unit(*unit_, request, default_cpu_config());
    find_groups(*unit_);
    return *unit_;
  }
  std::string op() { return op_text(build(), kPage); }

 private:
  uint8_t page_[4096];
  std::unique_ptr<Unit> unit_ = std::make_unique<Unit>();
};

TEST_F(Dump, ArithmeticFoldsConstantsAndKnowsItsTemporaries) {
  a.i(op_addi, a0, zero, 5);
  a.i(op_addi, a1, a0, 3);
  a.r(op_addw, a2, a3, a4);
  a.r(op_sub, t0, a2, a1);
  a.u(op_auipc, t1, 1);
  a.r(op_and, zero, t0, t1);
  a.i(op_jalr, zero, ra, 0);
  EXPECT_EQ(op(),
            " ---- 0x0000000080000000:  00500513  addi a0,zero,5\n"
            "  movi a0, 5\n"
            " ---- 0x0000000080000004:  00350593  addi a1,a0,3\n"
            "  movi a1, 8\n"
            " ---- 0x0000000080000008:  00e6863b  addw a2,a3,a4\n"
            "  add tmp0, a3, a4\n"
            "  sext32 a2, tmp0\n"
            " ---- 0x000000008000000c:  40b602b3  sub t0,a2,a1\n"
            "  add t0, a2, -8\n"
            " ---- 0x0000000080000010:  00001317  auipc t1,0x1\n"
            "  pcrel t1, page+0x1010\n"
            " ---- 0x0000000080000014:  0062f033  and zero,t0,t1\n"
            "  and tmp0, t0, t1  ; dead\n"
            " ---- 0x0000000080000018:  00008067  jalr zero,0(ra)\n"
            "  and tmp0, ra, -2\n"
            "  jump_reg tmp0\n");
}

TEST_F(Dump, AccessesShowSizeAndGroup) {
  a.i(op_ld, a0, sp, 16);
  a.i(op_lbu, a1, sp, 24);
  a.s(op_sw, a1, -4, s0);
  a.r(op_amoadd_w, a2, a3, a4);
  a.plain(op_ecall);
  EXPECT_EQ(op(),
            " ---- 0x0000000080000000:  01013503  ld a0,16(sp)\n"
            "  load a0, u64, sp, 16  ; group 1, checks for all\n"
            " ---- 0x0000000080000004:  01814583  lbu a1,24(sp)\n"
            "  load a1, u8, sp, 24  ; group 1\n"
            " ---- 0x0000000080000008:  feb42e23  sw a1,-4(s0)\n"
            "  store u32, s0, -4, a1\n"
            " ---- 0x000000008000000c:  00e6a62f  amoadd.w a2,a4,(a3)\n"
            "  amo a2, add, s32, a3, 0, a4\n"
            " ---- 0x0000000080000010:  00000073  ecall\n"
            "  call_helper ecall, -, -, -, 0\n");
}

TEST_F(Dump, ControlShowsPlacesInThePage) {
  a.b(op_bltu, a0, a1, kPage + 0x40);
  a.j(zero, kPage + 0x10);
  a.word(0);
  a.word(0);
  a.j(zero, kPage);
  EXPECT_EQ(op(),
            " ---- 0x0000000080000000:  04b56063  bltu a0,a1,0x80000040\n"
            "  branch ltu, a0, a1, page+0x40\n"
            " ---- 0x0000000080000004:  00c0006f  jal zero,0x80000010\n"
            " ---- 0x0000000080000010:  ff1ff06f  jal zero,0x80000000\n"
            "  jump page+0x0\n");
}

TEST_F(Dump, WhatEndsAUnitBehindItsLastInstructionIsNobodys) {
  a.i(op_addi, a0, a0, 1);
  a.i(op_addi, a0, a0, 1);
  EXPECT_EQ(op_text(build(1), kPage),
            " ---- 0x0000000080000000:  00150513  addi a0,a0,1\n"
            "  add a0, a0, 1\n"
            " ---- end\n"
            "  jump page+0x4\n");
}

TEST_F(Dump, FloatingPointShowsFormatAndRounding) {
  a.r_rm(op_fadd_d, 10, 11, 12, 7);
  a.r_rm(op_fcvt_w_s, a0, 10, 0, 1);
  a.i(op_jalr, zero, ra, 0);
  EXPECT_EQ(op(),
            " ---- 0x0000000080000000:  02c5f553  fadd.d fa0,fa1,fa2,dyn\n"
            "  fp2 fa0, add, d, fa1, fa2, dyn\n"
            " ---- 0x0000000080000004:  c0051553  fcvt.w.s a0,fa0,rtz\n"
            "  fcvt a0, w_s, fa0, rtz\n"
            " ---- 0x0000000080000008:  00008067  jalr zero,0(ra)\n"
            "  and tmp0, ra, -2\n"
            "  jump_reg tmp0\n");
}

TEST_F(Dump, CsrsHaveTheirNames) {
  a.csr(op_csrrs, a0, 0x140, zero);
  a.csr(op_csrrw, zero, 0x140, a1);
  const std::string text = op();
  EXPECT_NE(text.find("sscratch.read\n"), std::string::npos) << text;
  EXPECT_NE(text.find("sscratch.write\n"), std::string::npos) << text;
}

// Every micro-operation prints as many operands as the table lists, whatever is in it.
TEST_F(Dump, EveryMicroOperationPrintsWhatTheTableLists) {
  for (unsigned code = 0; code < static_cast<unsigned>(UopCode::kCount); code++) {
    Uop u{};
    u.code = static_cast<UopCode>(code);
    u.dst = u.a = u.b = u.c = kTempBase + 3;
    u.sub = 200;
    const std::string text = uop_text(u);
    EXPECT_EQ(text.find(uop_name(u.code)), 0u);
    const auto commas = [](const std::string& s) { return std::count(s.begin(), s.end(), ','); };
    EXPECT_EQ(commas(text), commas(uop_operands(u.code))) << text;
    for (const char* letter = uop_operands(u.code); *letter != 0; letter++) EXPECT_TRUE(strchr(",dabcimfpkor", *letter)) << *letter;
  }
}

TEST_F(Dump, InAsmIsALineAnInstruction) {
  a.half(0x4515);  // c.li a0,5
  a.i(op_jalr, zero, ra, 0);
  EXPECT_EQ(in_asm_text(build(), kPage),
            "0x0000000080000000:  4515      c.li a0,5\n"
            "0x0000000080000002:  00008067  jalr zero,0(ra)\n");
}

}  // namespace
}  // namespace monochord
