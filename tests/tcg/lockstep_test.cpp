// --check: what generated code does wrong is found, whatever it is; what it does right is done once where others can see it.
#include <fstream>
#include <sstream>

#include "core/log.h"
#include "tcg/jit/lockstep.h"
#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kData = Bench::kRam + 0x10000;
constexpr uint32_t kRight = 0x1234567, kWrong = 0x1235567;

class JitLockstep : public JitTwins, public ::testing::WithParamInterface<uint64_t> {
 protected:
  const std::string log_path_ = ::testing::TempDir() + "lockstep_test." + std::to_string(getpid());
  const uint64_t known_ = Lockstep::differences;

  JitLockstep() {
    EXPECT_TRUE(open_log_file(log_path_.c_str()).ok());
    JitOptions options = generated_options();
    options.check = GetParam();
    options.chain = GetParam() != kCheckUnit;
    const WithOptions with(options);
    make(full_cpu_config());
    RiscvCpu& cpu = generated->hart();
    cpu.set_time_source({[](void* opaque) { return ++*static_cast<uint64_t*>(opaque); }, [](void*, uint64_t) { return INT64_MAX; }, &time_, 10'000'000});
  }
  ~JitLockstep() override {
    (void)open_log_file("/dev/stderr");
    remove(log_path_.c_str());
    loop_reset();
    Lockstep::differences = known_;  // they were planned
  }

  // Where generated code from pc's entry on holds kRight it holds kWrong afterwards.
  void plant(uint64_t pc) {
    const JumpEntry& entry = generated->hart().tlb.current.jump[kTlbM][Tlb::jump_index(kTlbM, pc)];
    ASSERT_EQ(entry.va, pc);
    uint8_t* const code = static_cast<uint8_t*>(const_cast<void*>(entry.code));
    unsigned places = 0;
    for (unsigned i = 0; i < 400; i++) {
      uint32_t word;
      memcpy(&word, code + i, sizeof word);
      if (word != kRight) continue;
      memcpy(code + i, &kWrong, sizeof kWrong);
      places++;
    }
    ASSERT_NE(places, 0u) << "the constant is not in the code";
  }

  // Units of one instruction put no constant together, so there is none to make wrong.
  static bool can_plant() { return !jit_options().one_insn; }

  // Runs `a`, then once more with a wrong constant in generated code. Returns what --check says.
  std::string found_in(const Assembler& a) {
    run(a);
    plant(kRam);
    start();
    exec(bench(), kMuch);
    return found();
  }
  // To its end, and --check finds nothing.
  void run(const Assembler& a) {
    bench().load(a, kRam);
    start();
    until_halt(bench());
    EXPECT_EQ(found(), "") << "without a bug";
  }
  void start() {
    bench().hart().state.pc = kRam;
    bench().hart().halted = false;
  }
  std::string found() {
    std::ifstream file(log_path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  Bench& bench() { return *generated; }
  static void end(Assembler& a) { a.j(zero, kHalt); }
  uint64_t time_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Every, JitLockstep, ::testing::Values(kCheckUnit, uint64_t{7}, uint64_t{100000}),
                         [](const auto& info) { return info.param == kCheckUnit ? std::string("Unit") : std::to_string(info.param); });

void expect_says(const std::string& text, const char* part) { EXPECT_NE(text.find(part), std::string::npos) << text; }

TEST_P(JitLockstep, AWrongRegisterIsFoundAndBothStatesAreShown) {
  if (!can_plant()) GTEST_SKIP();
  Assembler a(kRam);
  a.li(a0, kRight);
  end(a);
  const std::string text = found_in(a);
  expect_says(text, "at 0x80000000");
  expect_says(text, "x10 (a0) is 0x1235567 after generated code, 0x1234567 after the interpreter");
  expect_says(text, "lui");
  expect_says(text, "x10/a0   0000000001235567");
  expect_says(text, "x10/a0   0000000001234567");
  EXPECT_TRUE(qemu_shutdown_requested());
  EXPECT_EQ(bench().x(a0), kRight) << "the interpreter's result stays";
}

TEST_P(JitLockstep, AWrongStoreIsFoundThoughNoRegisterIsWrong) {
  if (!can_plant()) GTEST_SKIP();
  Assembler a(kRam);
  a.li(t0, kData);
  a.li(a0, kRight);
  a.s(op_sw, a0, 4, t0);
  a.li(a0, 0);
  end(a);
  expect_says(found_in(a), "generated code stores 0x01235567 (4 bytes) to 0x80010004, the interpreter 0x01234567 (4 bytes) to 0x80010004");
  EXPECT_EQ(bench().at<uint32_t>(kData + 4), kRight);
}

TEST_P(JitLockstep, AWrongAddressIsFound) {
  if (!can_plant()) GTEST_SKIP();
  Assembler a(kRam);
  a.li(a0, kRight);
  a.r(op_add, t0, t1, a0);
  a.s(op_sb, zero, 0, t0);
  a.li(a0, 0);
  a.li(t0, 0);
  end(a);
  bench().hart().state.x[t1] = kData - kRight;
  expect_says(found_in(a), "generated code stores 0x00 (1 bytes) to 0x8001");
}

TEST_P(JitLockstep, AWrongValueForADeviceIsFound) {
  if (!can_plant()) GTEST_SKIP();
  Assembler a(kRam);
  a.li(t0, Bench::kDevice);
  a.li(a0, kRight);
  a.s(op_sw, a0, 8, t0);
  a.li(a0, 0);
  end(a);
  run(a);
  plant(kRam);
  start();
  exec(bench(), kMuch);
  EXPECT_NE(found(), "") << "the constant or what the device got";
}

TEST_P(JitLockstep, WhatIsSeenOutsideIsDoneOnce) {
  bench().hart().state.mcounteren = ~uint64_t{0};
  Assembler a(kRam);
  a.li(t0, Bench::kDevice);
  a.li(s1, kData);
  a.li(s0, 20);
  const uint64_t loop = a.pc();
  a.i(op_addi, a2, a2, 3);
  a.s(op_sd, a2, 0, s1);                 // stores on both sides of the accesses
  a.i(op_ld, a0, t0, 16);
  a.s(op_sd, a0, 8, s1);
  a.s(op_sw, s0, 24, t0);
  a.csr(op_csrrs, a1, 0xc01, zero);      // time
  a.r(op_add, a3, a3, a1);
  a.r(op_amoadd_d, a4, s1, a2);
  a.r(op_lr_d, a5, s1, 0);
  a.r(op_sc_d, a6, s1, a2);
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  end(a);
  run(a);
  EXPECT_EQ(accesses[1].size(), 40u);
  EXPECT_EQ(time_, 20u);
  EXPECT_EQ(bench().x(a3), 210u);
  EXPECT_GT(jit().counters().compared, 200u);
}

TEST_P(JitLockstep, CodeThatRewritesItselfIsTheSame) {
  Assembler a(kRam);
  a.li(t0, 0x00150513);                  // addi a0,a0,1
  a.li(s0, 40);
  a.u(op_auipc, t1, 0);
  const uint64_t base = a.pc() - 4, loop = a.pc();
  a.i(op_addi, a0, a0, 0);               // rewritten in each turn with a larger immediate
  a.s(op_sw, t0, static_cast<int>(loop - base), t1);
  a.u(op_lui, t2, 0x100);
  a.r(op_add, t0, t0, t2);
  a.i(op_addi, s0, s0, -1);
  a.b(op_bne, s0, zero, loop);
  end(a);
  run(a);
  EXPECT_EQ(bench().x(a0), 39u * 40 / 2);
}

TEST_P(JitLockstep, InterruptLinesThatTheHartItselfRaises) {
  RiscvCpu& cpu = bench().hart();
  cpu.state.mie = 1 << kIrqMSoft;
  Assembler a(kRam);
  a.li(t0, Bench::kMswi);
  a.li(t1, 1);
  a.s(op_sw, t1, 0, t0);
  a.csr(op_csrrs, a0, 0x344, zero);      // mip
  a.s(op_sw, zero, 0, t0);
  a.csr(op_csrrs, a1, 0x344, zero);
  end(a);
  run(a);
  EXPECT_EQ(bench().x(a0), 1u << kIrqMSoft);
  EXPECT_EQ(bench().x(a1), 0u);
}

}  // namespace
}  // namespace monochord
