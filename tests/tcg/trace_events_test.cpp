// Trace points of a hart: interpreter and generated code give the same events at the same instructions, and what the numbers say.
#include "core/main_loop.h"
#include "core/trace.h"
#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr unsigned kSstatus = 0x100, kSie = 0x104, kStvec = 0x105, kSip = 0x144, kMideleg = 0x303, kMip = 0x344, kMscratch = 0x340;

std::vector<std::string> lines;
uint64_t first_instruction;

// "12 mret hart=0 ..." as of the first instruction of a run; the number of the hart is always 0.
void remember(const TraceRecord& given) {
  TraceRecord record = given;
  if (kTraceEvents[record.event].fields.starts_with("hart:d")) record.numbers[0] = 0;
  lines.push_back(stringf("%llu ", static_cast<unsigned long long>(total_instructions() - first_instruction)) + trace_text(record));
}

class TraceEventsTest : public JitTwins {
 protected:
  TraceEventsTest() { trace_set_sink(&remember); }
  ~TraceEventsTest() override {
    trace_disable_all();
    trace_set_sink(nullptr);
  }
  // The events of a run of `bench` until it sleeps.
  std::vector<std::string> run(Bench& bench, const char* pattern) {
    lines.clear();
    first_instruction = total_instructions();
    EXPECT_TRUE(trace_enable(pattern).ok());
    until_halt(bench);
    trace_disable_all();
    return lines;
  }
  // What both give.
  std::vector<std::string> run_both(const char* pattern) {
    const std::vector<std::string> want = run(*interpreted, pattern);
    EXPECT_EQ(run(*generated, pattern), want);
    return want;
  }
  static unsigned count(const std::vector<std::string>& of, const std::string& what) {
    return static_cast<unsigned>(std::count_if(of.begin(), of.end(), [&](const std::string& line) { return line.find(what) != std::string::npos; }));
  }
};

TEST_F(TraceEventsTest, CsrWritesThatConcernInterrupts) {
  Assembler a(kRam);
  a.li(t0, kMipSsip);                      // 2 instructions
  a.csr(op_csrrw, zero, kMideleg, t0);     // 3
  a.csr(op_csrrs, zero, kSie, t0);         // 4
  a.csr(op_csrrs, t1, kSie, zero);         // 5: reads only
  a.csr(op_csrrw, zero, kMscratch, t0);    // 6: none of interrupts
  a.li(t1, 1 << 18);                       // 8: SUM
  a.csr(op_csrrs, zero, kSstatus, t1);     // 9: no enable
  a.csr(op_csrrsi, zero, kSstatus, 2);     // 10: SIE
  a.csr(op_csrrsi, zero, kSstatus, 2);     // 11: nothing changes
  a.csr(op_csrrci, zero, kSstatus, 2);     // 12
  a.csr(op_csrrw, zero, kSip, t0);         // 13: SSIP, by software
  a.csr(op_csrrw, zero, kSip, t0);         // 14: written again
  a.csr(op_csrrc, zero, kMip, t0);         // 15
  a.csr(op_csrrw, zero, kStvec, t0);       // 16
  a.j(zero, kHalt);
  load(a, kRam);
  const std::vector<std::string> want = {
      "3 csr_write csr=mideleg hart=0 old=0x0 new=0x2",
      "4 csr_write csr=sie hart=0 old=0x0 new=0x2",
      "10 csr_write csr=sstatus hart=0 old=0x8000000200046000 new=0x8000000200046002",
      "12 csr_write csr=sstatus hart=0 old=0x8000000200046002 new=0x8000000200046000",
      "13 csr_write csr=sip hart=0 old=0x0 new=0x2",
      "14 csr_write csr=sip hart=0 old=0x2 new=0x2",
      "15 csr_write csr=mip hart=0 old=0x2 new=0x0",
      "16 csr_write csr=stvec hart=0 old=0x0 new=0x0"};
  EXPECT_EQ(run_both("csr_write"), want);
}

TEST_F(TraceEventsTest, SoftwareSetsAndClearsBitsOfMip) {
  Assembler a(kRam);
  a.li(t0, kMipSsip | kMipSeip);
  a.csr(op_csrrs, zero, kMip, t0);
  a.csr(op_csrrs, zero, kMip, t0);
  a.csr(op_csrrc, zero, kMip, t0);
  a.j(zero, kHalt);
  const uint64_t before = (a.pc() - kRam) / 4 - 4;  // instructions of li
  load(a, kRam);
  both([](Bench& bench) { bench.hart().set_irq_line(kIrqSExternal, 1); });  // SEIP is up anyway: what software does to it does not show
  const auto at = [&](uint64_t n, const char* text) { return stringf("%llu %s", static_cast<unsigned long long>(before + n), text); };
  EXPECT_EQ(run_both("interrupt_*"), (std::vector<std::string>{at(1, "interrupt_pending hart=0 cause=1"), at(3, "interrupt_cleared hart=0 cause=1")}));
}

TEST_F(TraceEventsTest, TheDistanceFromPendingToTakenIsInInstructions) {
  constexpr uint64_t kHandler = kRam + 0x1000;
  Assembler a(kRam);
  a.li(t0, kMipSsip);                      // 2 instructions
  a.csr(op_csrrw, zero, kMie, t0);         // 3
  a.csr(op_csrrw, zero, kMip, t0);         // 4: pending, and MIE is off
  for (int i = 0; i < 20; i++) a.i(op_addi, a0, a0, 1);
  a.csr(op_csrrsi, zero, kMstatus, 8);     // 25: MIE
  a.j(zero, kHalt);
  load(a, kRam);
  Assembler b(kHandler);
  b.csr(op_csrrc, zero, kMip, t0);
  b.plain(op_mret);
  load(b, kHandler);
  both([](Bench& bench) { bench.hart().state.mtvec = kHandler; });
  EXPECT_EQ(run_both("interrupt_taken"), (std::vector<std::string>{"25 interrupt_taken hart=0 cause=1 epc=0x80000064 distance=21"}));
}

TEST_F(TraceEventsTest, TrapsReturnsAndDevicesComeAtTheSameInstructions) {
  constexpr uint64_t kHandler = kRam + 0x1000;
  Assembler a(kRam);
  a.li(s0, 200);
  a.u(op_lui, s1, Bench::kDevice >> 12);
  const uint64_t loop = a.pc();
  a.plain(op_ecall);
  a.i(op_ld, a1, s1, 8);                   // the device
  a.s(op_sw, a1, 4, s1);
  a.i(op_ld, a1, zero, 16);                // nobody there: traps
  a.word(0);                               // illegal
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  a.j(zero, kHalt);
  load(a, kRam);
  Assembler b(kHandler);
  b.csr(op_csrrs, t0, kMepc, zero);
  b.i(op_addi, t0, t0, 4);
  b.csr(op_csrrw, zero, kMepc, t0);
  b.plain(op_mret);
  load(b, kHandler);
  both([](Bench& bench) { bench.hart().state.mtvec = kHandler; });
  const std::vector<std::string> events = run_both("*");
  EXPECT_EQ(count(events, "exception_taken"), 600u);
  EXPECT_EQ(count(events, "trap_entered"), 600u);
  EXPECT_EQ(count(events, "mret"), 600u);
  EXPECT_EQ(count(events, "mmio_read"), 200u);
  EXPECT_EQ(count(events, "mmio_write"), 200u);
  EXPECT_EQ(count(events, "wfi_entered"), 1u);
  EXPECT_EQ(count(events, "state_hash"), 600u / 64);
}

TEST_F(TraceEventsTest, TheHashKnowsARegister) {
  static constexpr uint64_t kHandler = kRam + 0x1000;
  const auto hash_with = [&](unsigned start, bool f) {
    make(full_cpu_config());
    Assembler a(kRam);
    a.li(s0, 64);
    a.li(s5, start);
    if (f) a.r(op_fmv_d_x, 9, s5, 0);
    a.li(s5, 0);
    const uint64_t loop = a.pc();
    a.plain(op_ecall);
    a.i(op_addi, s0, s0, -1);
    a.b(op_bne, s0, zero, loop);
    a.j(zero, kHalt);
    load(a, kRam);
    Assembler b(kHandler);
    b.csr(op_csrrs, t0, kMepc, zero);
    b.i(op_addi, t0, t0, 4);
    b.csr(op_csrrw, zero, kMepc, t0);
    b.plain(op_mret);
    load(b, kHandler);
    both([](Bench& bench) { bench.hart().state.mtvec = kHandler; });
    const std::vector<std::string> events = run_both("state_hash");
    EXPECT_EQ(events.size(), 1u);
    return events.empty() ? "" : events[0].substr(events[0].find("hash="));
  };
  EXPECT_EQ(hash_with(5, true), hash_with(5, true));
  EXPECT_NE(hash_with(5, true), hash_with(6, true)) << "f9";
  EXPECT_EQ(hash_with(5, false), hash_with(6, false)) << "x21 is 0 again";
}

}  // namespace
}  // namespace monochord
