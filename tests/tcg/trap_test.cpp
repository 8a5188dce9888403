// Traps: priorities, delegation, vectors, returns, and the instructions that privilege forbids.
#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

constexpr unsigned kMstatus = 0x300, kMedeleg = 0x302, kMideleg = 0x303, kMie = 0x304, kMtvec = 0x305, kMepc = 0x341, kMcause = 0x342, kMtval = 0x343,
                   kMip = 0x344, kSstatus = 0x100, kSie = 0x104, kStvec = 0x105, kSepc = 0x141, kSip = 0x144;
constexpr uint64_t kMVector = 0x80001000, kSVector = 0x80002000;

class TrapTest : public HartTest {
 protected:
  TrapTest() {
    csrw(kMtvec, kMVector);
    csrw(kStvec, kSVector);
    state().pc = 0x80000100;
  }
  void lines(uint64_t bits) {
    for (int irq : {1, 3, 5, 7, 9, 11}) hart().set_irq_line(irq, (bits >> irq) & 1);
  }
};

TEST_F(TrapTest, InterruptsAreTakenInTheManualsOrder) {
  csrw(kMie, ~uint64_t{0});
  csrrs(kMstatus, kMstatusMie);
  const std::vector<int> order = {11, 3, 7, 9, 1, 5};  // MEI MSI MTI SEI SSI STI
  for (unsigned subset = 1; subset < 64; subset++) {
    uint64_t bits = 0;
    int first = -1;
    for (unsigned i = 0; i < 6; i++) {
      if (((subset >> i) & 1) == 0) continue;
      bits |= uint64_t{1} << order[i];
      if (first < 0) first = order[i];
    }
    lines(bits);
    EXPECT_EQ(pending_interrupt(hart()), first) << subset;
  }
}

TEST_F(TrapTest, AnInterruptForMachineModeComesBeforeADelegatedOne) {
  csrw(kMideleg, kMipSsip | kMipSeip);
  csrw(kMie, ~uint64_t{0});
  state().priv = kPrivS;
  csrrs(kSstatus, kMstatusSie);
  lines(kMipSeip | kMipSsip | kMipStip);  // STI is M mode's here, and the lowest of the three
  EXPECT_EQ(pending_interrupt(hart()), 5);
}

TEST_F(TrapTest, WhoIsInterruptedFollowsPrivilegeEnablesAndDelegation) {
  for (const uint8_t priv : {kPrivU, kPrivS, kPrivM}) {
    for (const bool mie : {false, true}) {
      for (const bool sie : {false, true}) {
        for (const bool delegated : {false, true}) {
          state().priv = kPrivM;
          csrw(kMideleg, delegated ? kMipSeip : 0);
          csrw(kMie, kMipSeip);
          csrw(kMstatus, (mie ? kMstatusMie : 0) | (sie ? kMstatusSie : 0));
          lines(kMipSeip);
          state().priv = priv;
          // 3.1.9: for x, taken when priv is below x, or equal with xIE; never when above.
          const bool expected = delegated ? priv == kPrivU || (priv == kPrivS && sie) : priv != kPrivM || mie;
          EXPECT_EQ(pending_interrupt(hart()) == 9, expected) << int{priv} << mie << sie << delegated;
          lines(0);
        }
      }
    }
  }
}

TEST_F(TrapTest, AnInterruptEntersItsHandler) {
  csrw(kMie, kMipMtip);
  csrrs(kMstatus, kMstatusMie);
  csrw(kMtvec, kMVector | 1);
  state().priv = kPrivU;
  lines(kMipMtip);
  EXPECT_NE(hart().interrupt_request & CPU_INTERRUPT_HARD, 0u);
  ASSERT_TRUE(take_interrupt(hart()));
  EXPECT_EQ(state().pc, kMVector + 4 * 7);
  EXPECT_EQ(state().priv, kPrivM);
  EXPECT_EQ(csrr(kMcause), (uint64_t{1} << 63) | 7);
  EXPECT_EQ(csrr(kMepc), 0x80000100u);
  EXPECT_EQ(csrr(kMtval), 0u);
  EXPECT_EQ(csrr(kMstatus) & (kMstatusMie | kMstatusMpie | kMstatusMpp), kMstatusMpie);
  EXPECT_EQ(state().traps_counted, 0u);  // the interrupted instruction was not started
  EXPECT_FALSE(take_interrupt(hart()));
  EXPECT_EQ(hart().interrupt_request & CPU_INTERRUPT_HARD, 0u);
}

TEST_F(TrapTest, ExceptionsIgnoreTheVectorsAndFollowMedeleg) {
  csrw(kStvec, kSVector | 1);
  csrw(kMtvec, kMVector | 1);
  csrw(kMedeleg, 1 << 13);
  state().priv = kPrivU;
  take_exception(hart(), {Exception::kLoadPageFault, 0x1234});
  EXPECT_EQ(state().priv, kPrivS);
  EXPECT_EQ(state().pc, kSVector);
  EXPECT_EQ(state().scause, 13u);
  EXPECT_EQ(state().stval, 0x1234u);
  EXPECT_EQ(state().sepc, 0x80000100u);
  EXPECT_EQ(state().mstatus & (kMstatusSpp | kMstatusSie), 0u);
  EXPECT_EQ(state().traps_counted, 1u);

  state().pc = 0x80000200;
  take_exception(hart(), {Exception::kStorePageFault, 0x5678});  // not delegated
  EXPECT_EQ(state().priv, kPrivM);
  EXPECT_EQ(state().pc, kMVector);
  EXPECT_EQ(state().mcause, 15u);
  EXPECT_EQ(state().mtval, 0x5678u);
  EXPECT_EQ((state().mstatus & kMstatusMpp) >> kMstatusMppShift, kPrivS);

  take_exception(hart(), {Exception::kLoadPageFault, 0});  // delegated, but M mode's own traps stay in M mode
  EXPECT_EQ(state().priv, kPrivM);
  EXPECT_EQ((state().mstatus & kMstatusMpp) >> kMstatusMppShift, kPrivM);
}

TEST_F(TrapTest, TrapEntryStacksTheInterruptEnable) {
  csrw(kMedeleg, 0xffff);
  for (const bool sie : {false, true}) {
    state().priv = kPrivM;
    csrw(kMstatus, (sie ? kMstatusSie : 0) | kMstatusMie);
    state().priv = kPrivS;
    take_exception(hart(), {Exception::kBreakpoint, 0});
    EXPECT_EQ((state().mstatus & kMstatusSpie) != 0, sie);
    EXPECT_EQ(state().mstatus & kMstatusSie, 0u);
    EXPECT_NE(state().mstatus & kMstatusSpp, 0u);
    EXPECT_NE(state().mstatus & kMstatusMie, 0u);  // M mode's half is not touched
  }
}

TEST_F(TrapTest, MretGoesBackAndClearsMprvBelowMachineMode) {
  for (const uint8_t to : {kPrivU, kPrivS, kPrivM}) {
    state().priv = kPrivM;
    csrw(kMepc, 0x80000400);
    csrw(kMstatus, (uint64_t{to} << kMstatusMppShift) | kMstatusMpie | kMstatusMprv);
    EXPECT_FALSE(helper_mret(hart(), kInsn));
    EXPECT_EQ(state().pc, 0x80000400u);
    EXPECT_EQ(state().priv, to);
    EXPECT_EQ((state().mstatus & kMstatusMprv) != 0, to == kPrivM);
    EXPECT_EQ(state().mstatus & (kMstatusMpp | kMstatusMpie | kMstatusMie), kMstatusMpie | kMstatusMie);
  }
  state().priv = kPrivS;
  EXPECT_EQ(helper_mret(hart(), kInsn).cause, Exception::kIllegalInst);
}

TEST_F(TrapTest, SretGoesBackAndClearsMprv) {
  for (const uint8_t from : {kPrivS, kPrivM}) {
    for (const uint8_t to : {kPrivU, kPrivS}) {
      state().priv = kPrivM;
      csrw(kSepc, 0x80000500);
      csrw(kMstatus, (to == kPrivS ? kMstatusSpp : 0) | kMstatusSie | kMstatusMprv);
      state().priv = from;
      EXPECT_FALSE(helper_sret(hart(), kInsn));
      EXPECT_EQ(state().pc, 0x80000500u);
      EXPECT_EQ(state().priv, to);
      EXPECT_EQ(state().mstatus & (kMstatusMprv | kMstatusSpp | kMstatusSpie | kMstatusSie), kMstatusSpie);
    }
  }
  state().priv = kPrivU;
  EXPECT_EQ(helper_sret(hart(), kInsn).tval, kInsn);
}

TEST_F(TrapTest, TsrTwAndTvmTakeInstructionsFromSupervisorMode) {
  constexpr uint32_t kSfenceVma = 0x12000073, kSinvalVma = 0x16000073, kSfenceWInval = 0x18000073, kSfenceInvalIr = 0x18100073;
  const auto traps = [&](uint64_t mstatus, uint8_t priv, auto&& run) {
    state().priv = kPrivM;
    csrw(kMstatus, mstatus | kMstatusSpp);
    state().priv = priv;
    const Trap trap = run();
    EXPECT_TRUE(!trap || trap.cause == Exception::kIllegalInst);
    return static_cast<bool>(trap);
  };
  const auto sret = [&] { return helper_sret(hart(), kInsn); };
  const auto wfi = [&] { return helper_wfi(hart(), kInsn); };
  const auto fence = [&] { return helper_sfence_vma(hart(), kSfenceVma, false, 0, false, 0); };
  const auto sinval = [&] { return helper_sfence_vma(hart(), kSinvalVma, true, 0x1000, true, 1); };
  const auto w_inval = [&] { return helper_sfence_vma(hart(), kSfenceWInval, false, 0, false, 0); };
  const auto inval_ir = [&] { return helper_sfence_vma(hart(), kSfenceInvalIr, false, 0, false, 0); };
  struct Row {
    bool in_m, in_s, in_s_with_bit, in_u;  // traps?
  };
  const auto check = [&](const char* what, uint64_t bit, const Row& row, auto&& run) {
    EXPECT_EQ(traps(bit, kPrivM, run), row.in_m) << what;
    EXPECT_EQ(traps(0, kPrivS, run), row.in_s) << what;
    EXPECT_EQ(traps(bit, kPrivS, run), row.in_s_with_bit) << what;
    EXPECT_EQ(traps(0, kPrivU, run), row.in_u) << what;
  };
  check("sret", kMstatusTsr, {false, false, true, true}, sret);
  check("wfi", kMstatusTw, {false, false, true, true}, wfi);
  check("sfence.vma", kMstatusTvm, {false, false, true, true}, fence);
  check("sinval.vma", kMstatusTvm, {false, false, true, true}, sinval);
  check("sfence.w.inval", kMstatusTvm, {false, false, false, true}, w_inval);
  check("sfence.inval.ir", kMstatusTvm, {false, false, false, true}, inval_ir);
  const auto satp = [&] { return csrr_access(0x180).trap; };
  check("satp", kMstatusTvm, {false, false, true, true}, satp);
}

// Which register is x0 decides the form, not what it holds; the ASID has 16 bits, the others are ignored (12.2.1).
TEST_F(TrapTest, SfenceVmaTakesWhatItsOperandsName) {
  alignas(8) static uint8_t page[kPage];
  Tlb& tlb = hart().tlb;
  const auto left_by = [&](uint32_t insn, bool has_vaddr, uint64_t vaddr, bool has_asid, uint64_t asid) {
    state().priv = kPrivM;
    std::string left;
    for (const bool fill : {true, false}) {
      for (const uint64_t space : {0, 3}) {
        csrw(0x180, uint64_t{8} << 60 | space << 44);
        for (const uint64_t at : {0x0, 0x5000}) {
          if (fill) tlb.fill_read(kTlbU, at, page, kRamBase, 12);
          else if (Tlb::hit(tlb.tables(kTlbU).read[Tlb::index(at)], at, 8)) left += (space == 0 ? "0" : "3") + std::string(at == 0 ? "a" : "b");
        }
      }
      if (fill) {
        EXPECT_FALSE(helper_sfence_vma(hart(), insn, has_vaddr, vaddr, has_asid, asid));
      }
    }
    return left;
  };
  for (const uint32_t insn : {0x12000073u, 0x16000073u}) {  // SFENCE.VMA, SINVAL.VMA
    EXPECT_EQ(left_by(insn, false, 0x5000, false, 3), "");
    EXPECT_EQ(left_by(insn, true, 0, false, 0), "0b3b");
    EXPECT_EQ(left_by(insn, true, 0x5123, false, 0), "0a3a");
    EXPECT_EQ(left_by(insn, false, 0, true, 0), "3a3b");
    EXPECT_EQ(left_by(insn, false, 0, true, 0xabcd0003), "0a0b");
    EXPECT_EQ(left_by(insn, true, 0x5000, true, 3), "0a0b3a");
  }
  for (const uint32_t insn : {0x18000073u, 0x18100073u}) EXPECT_EQ(left_by(insn, false, 0, false, 0), "0a0b3a3b");  // they only order
}

TEST_F(TrapTest, CacheBlockOperationsNeedTheEnvironmentsPermission) {
  struct {
    Cbo op;
    uint64_t bit;
  } const kOps[] = {{Cbo::kInval, 1 << 4}, {Cbo::kClean, 1 << 6}, {Cbo::kFlush, 1 << 6}, {Cbo::kZero, 1 << 7}};
  for (const auto& [op, bit] : kOps) {
    for (const bool m_allows : {false, true}) {
      for (const bool s_allows : {false, true}) {
        state().priv = kPrivM;
        csrw(0x30a, m_allows ? bit : 0);
        csrw(0x10a, s_allows ? bit : 0);
        EXPECT_FALSE(helper_cbo_check(hart(), op, kInsn));
        state().priv = kPrivS;
        EXPECT_EQ(!helper_cbo_check(hart(), op, kInsn), m_allows);
        state().priv = kPrivU;
        EXPECT_EQ(!helper_cbo_check(hart(), op, kInsn), m_allows && s_allows);
      }
    }
  }
}

TEST_F(TrapTest, WritesThatOpenTheDoorAskForTheInterrupt) {
  csrw(kMideleg, kMipSsip);
  csrrs(kMip, kMipSsip);
  const auto asked = [&] {
    const bool was = (hart().interrupt_request & CPU_INTERRUPT_HARD) != 0 && hart().exit_request != 0;
    cpu_reset_interrupt(hart(), CPU_INTERRUPT_HARD);
    hart().exit_request = 0;
    return was;
  };
  asked();
  state().priv = kPrivS;
  csrrs(kSie, kMipSsip);
  EXPECT_FALSE(asked());
  csrrs(kSstatus, kMstatusSie);
  EXPECT_TRUE(asked());
  csrrc(kSstatus, kMstatusSie);
  asked();
  csrrs(kSip, kMipSsip);
  EXPECT_FALSE(asked());
  state().mstatus &= ~kMstatusSpp;
  EXPECT_FALSE(helper_sret(hart(), kInsn));  // to U mode, where S mode's interrupts are on
  EXPECT_TRUE(asked());
}

TEST_F(TrapTest, WfiWakesForWhatMieEnablesWhateverMstatusSays) {
  EXPECT_FALSE(hart().has_work());
  lines(kMipMtip);
  EXPECT_FALSE(hart().has_work());
  csrw(kMie, kMipMtip);
  EXPECT_TRUE(hart().has_work());
  EXPECT_EQ(pending_interrupt(hart()), -1);  // MIE is off
}

TEST_F(TrapTest, ALineThatFallsIsForgotten) {
  csrw(kMie, kMipMeip);
  csrrs(kMstatus, kMstatusMie);
  lines(kMipMeip);
  lines(0);
  EXPECT_FALSE(take_interrupt(hart()));
  EXPECT_EQ(hart().interrupt_request & CPU_INTERRUPT_HARD, 0u);
}

}  // namespace
}  // namespace monochord
