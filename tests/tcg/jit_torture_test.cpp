// The timer's handler at every host instruction of generated code, thunks included, and at some of the C++ around it: guest state and instruction
// counts at the end are those of an undisturbed run.
//
// A trace of one run, single-stepped through the trap flag, lists the host instructions; then each of them is met once more, by a breakpoint (int3), and
// the handler runs there. Where the code is made anew in each run (cold), every so many instructions are reached by stepping instead.
// Every instruction there, too, and more of C++: MONOCHORD_TORTURE=full tcg-exec-tests --gtest_filter='JitTorture.*'
#if defined(__x86_64__)

#include <cstdlib>
#include <ucontext.h>

#include "core/loop_internal.h"
#include "tests/tcg/jit_stepper.h"
#include "tests/tcg/jit_twins.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam, kData = kRam + 0x10000, kHandler = kRam + 0x6000, kImage = 0x12000;

// --- guest programs ------------------------------------------------------------------------------------------------------------------
// They use x1-x23; s8 counts SCs that fail, s9 exceptions, s10 interrupts, s11 and t3-t6 are the handler's. They end in a store to the device and a loop.
void finish(Assembler& a) {
  a.u(op_lui, t3, Bench::kDevice >> 12);
  a.s(op_sd, zero, 0, t3);
  a.j(zero, a.pc());
}

// An interrupt takes kHandlerInsns instructions.
constexpr uint64_t kHandlerInsns = 6;
Assembler trap_handler() {
  Assembler a(kHandler);
  a.csr(op_csrrs, s11, kMcause, zero);
  const size_t exception = a.reserve();
  a.u(op_lui, t6, Bench::kMswi >> 12);
  a.s(op_sw, zero, 0, t6);
  a.i(op_addi, s10, s10, 1);
  a.plain(op_mret);
  a.patch_b(exception, op_bge, s11, zero);
  a.csr(op_csrrs, t6, kMepc, zero);
  a.i(op_addi, t6, t6, 4);
  a.csr(op_csrrw, zero, kMepc, t6);
  a.i(op_addi, s9, s9, 1);
  a.plain(op_mret);
  return a;
}

Assembler loads_and_stores() {
  Assembler a(kRam);
  a.li(s0, kData);
  a.i(op_addi, s1, zero, 3);
  const uint64_t loop = a.pc();
  a.i(op_ld, a0, s0, 0);       // a group
  a.i(op_lw, t0, s0, 12);
  a.r(op_add, a0, a0, t0);
  a.s(op_sd, a0, 0, s0);
  a.s(op_sb, s1, 24, s0);
  a.r(op_mulh, a1, a0, s1);
  a.r(op_divu, t1, a0, s1);
  a.r(op_xor, s2, s2, t1);
  a.i(op_ld, a6, s0, 4093);    // crosses a page: slow
  a.r(op_rol, s2, s2, a0);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  return a;
}

Assembler calls() {
  Assembler a(kRam);
  a.i(op_addi, s1, zero, 3);
  a.li(a2, kRam + 0x1100);
  const uint64_t loop = a.pc();
  a.j(ra, kRam + 0x100);       // a call in the page
  a.i(op_jalr, ra, a2, 0);     // ... into another one
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  while (a.pc() < kRam + 0x100) a.half(0x0001);
  a.i(op_addi, a0, a0, 1);
  a.half(0x8082);              // ret
  return a;
}
Assembler callee() {
  Assembler a(kRam + 0x1100);
  a.i(op_addi, a1, a1, 3);
  a.i(op_jalr, zero, ra, 0);
  return a;
}

Assembler self_modifying() {
  Assembler a(kRam);
  a.li(t0, 0x00150513);        // addi a0,a0,1
  a.i(op_addi, s1, zero, 3);
  a.u(op_auipc, t1, 0);
  const uint64_t base = a.pc() - 4;
  const uint64_t loop = a.pc();
  a.i(op_addi, a0, a0, 0);     // rewritten in each turn with a larger immediate
  a.s(op_sw, t0, static_cast<int>(loop - base), t1);
  a.u(op_lui, t2, 0x100);
  a.r(op_add, t0, t0, t2);
  a.s(op_sw, t0, static_cast<int>(a.pc() + 8 - base), t1);  // ... the one behind the next
  a.i(op_addi, s1, s1, -1);
  a.i(op_addi, a1, a1, 0);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  return a;
}

// Counts to s1 in two words: with AMOs and with LR/SC. DMA adds to them meanwhile: nothing may be lost.
constexpr unsigned kAtomicTurns = 3, kRetryInsns = 5;
Assembler atomics() {
  Assembler a(kRam);
  a.li(s0, kData);
  a.i(op_addi, s2, s0, 8);
  a.i(op_addi, s3, s0, 16);
  a.i(op_addi, s1, zero, kAtomicTurns);
  a.i(op_addi, a3, zero, 1);
  const uint64_t loop = a.pc();
  a.r(op_amoadd_d, zero, s0, a3);
  a.r(op_amomaxu_w, t0, s3, s1);
  const uint64_t again = a.pc();
  a.r(op_lr_d, t1, s2, 0);
  a.i(op_addi, t1, t1, 1);
  a.r(op_sc_d, a6, s2, t1);
  a.r(op_add, s8, s8, a6);     // counts what an interrupt in between costs
  a.b(op_bne, a6, zero, again);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  return a;
}

Assembler device() {
  Assembler a(kRam);
  a.u(op_lui, a2, Bench::kDevice >> 12);
  a.i(op_addi, s1, zero, 2);
  const uint64_t loop = a.pc();
  a.i(op_lw, a0, a2, 0x40);
  a.r(op_add, a1, a1, a0);
  a.s(op_sd, a1, 0x48, a2);
  a.i(op_ld, t0, a2, 0x50);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  return a;
}

// Instructions across a page's end, code that falls through into the next page, and stores across pages.
Assembler page_crossing() {
  Assembler a(kRam + 0xff4);
  a.i(op_addi, a0, a0, 1);
  a.half(0x0001);
  a.i(op_addi, a1, a1, 3);
  a.i(op_addi, a2, a2, 5);     // across
  a.i(op_addi, s1, s1, -1);
  a.s(op_sd, a2, -4, s0);      // across
  a.i(op_ld, a3, s0, -3);
  a.r(op_add, a4, a4, a3);
  a.b(op_bne, s1, zero, kRam + 0xff4);
  finish(a);
  return a;
}
Assembler page_crossing_start() {
  Assembler a(kRam);
  a.li(s0, kData + 0x1000);
  a.i(op_addi, s1, zero, 3);
  a.j(zero, kRam + 0xff4);
  return a;
}

Assembler system_instructions() {
  Assembler a(kRam);
  a.i(op_addi, s1, zero, 2);
  a.li(s0, kData);
  const uint64_t loop = a.pc();
  a.csr(op_csrrw, a0, 0x340, s1);   // mscratch
  a.plain(op_ecall);
  a.csr(op_csrrs, a1, 0x340, zero);
  a.csr(op_csrrw, a2, 0x140, a1);   // sscratch, inline
  a.csr(op_csrrci, zero, kMstatus, 8);
  a.i(op_ld, t0, s0, 0);
  a.csr(op_csrrsi, zero, kMstatus, 8);
  a.word(0xffffffff);               // illegal
  a.plain(op_fence_i);
  a.r(op_sfence_vma, zero, zero, zero);
  a.r(op_cbo_zero, 0, s0, 4);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  finish(a);
  return a;
}

// Goes round until an interrupt comes, or so many times: a kick that is lost shows in what s1 is at the end. Around it slow paths and new units.
constexpr int kSpins = 2000;
Assembler spin() {
  Assembler a(kRam);
  a.u(op_lui, a2, Bench::kDevice >> 12);
  a.i(op_addi, s1, zero, kSpins);
  a.i(op_lw, a0, a2, 0x40);
  a.s(op_sd, a0, 0x48, a2);
  a.csr(op_csrrs, a1, kMstatus, zero);
  const uint64_t loop = a.pc();
  a.i(op_addi, s1, s1, -1);
  const size_t out = a.reserve();
  a.b(op_bne, s1, zero, loop);
  a.patch_b(out, op_bne, s10, zero);
  finish(a);
  return a;
}

struct Program {
  const char* name;
  std::vector<Assembler> parts;
};

std::vector<Program> programs() {
  return {{"loads and stores", {loads_and_stores()}},
          {"calls", {calls(), callee()}},
          {"self-modifying", {self_modifying()}},
          {"atomics", {atomics()}},
          {"device", {device()}},
          {"page crossing", {page_crossing_start(), page_crossing()}},
          {"system instructions", {system_instructions()}}};
}

enum class Action { kNothing, kInterrupt, kWork, kCodeDma, kDataDma };
constexpr const char* kActionNames[] = {"nothing", "an interrupt", "queued work", "DMA of the same bytes into the code", "DMA that adds to the words"};

// --- the sweep ---------------------------------------------------------------------------------------------------------------------------
class JitTorture : public ::testing::Test {
 protected:
  LoopRig rig{Kind::kVirtualLazy};
  std::unique_ptr<Bench> bench = make_bench(generated_options());
  RiscvCpu& cpu = bench->hart();
  HartState& state = cpu.state;

  struct Result {
    std::array<uint64_t, 32> x;
    std::vector<uint8_t> memory;
    std::vector<uint64_t> writes;
    uint64_t instructions, interrupts;
  };

  bool done = false, spins = false;
  Result result;
  Action action = Action::kNothing;
  uint64_t callbacks = 0, works = 0;
  uint64_t base_ = 0;
  const Program* program = nullptr;
  Stepper* stepper = nullptr;
  CpuWork work;

  JitTorture() {
    bench->on_read = [](uint64_t offset, unsigned) { return offset * 0x9e3779b97f4a7c15; };
    bench->on_write = [this](uint64_t offset, unsigned, uint64_t value) {
      if (offset != 0) {
        result.writes.push_back(value);
        return;
      }
      result.instructions = cpu.instructions() - base_;
      result.interrupts = state.x[s10];
      done = true;
      cpu.leave_after_insn = 1;
    };
    work.func = [](Cpu&, void* opaque) { ++*static_cast<uint64_t*>(opaque); };
    work.opaque = &works;
  }
  TbCache& tbs() { return generated_code(*bench); }

  // What the timer does, in handler context.
  void callback() {
    EXPECT_TRUE(in_handler_context());
    callbacks++;
    switch (action) {
      case Action::kNothing: break;
      case Action::kInterrupt: cpu.set_irq_line(kIrqMSoft, 1); break;
      case Action::kWork: async_run_on_cpu(cpu, work); break;
      case Action::kCodeDma:
        for (const Assembler& part : program->parts) {
          const uint64_t at = part.pc() - part.code().size() * 2;
          std::vector<uint8_t> bytes(part.code().size() * 2);
          bench->as->dma_read(at, bytes.data(), bytes.size());
          bench->as->dma_write(at, bytes.data(), bytes.size());
        }
        break;
      case Action::kDataDma:
        for (const uint64_t at : {kData, kData + 8}) {
          uint64_t value;
          bench->as->dma_read(at, &value, 8);
          value += 1000;
          bench->as->dma_write(at, &value, 8);
        }
        break;
    }
  }
  void prepare(const Program& wanted, bool cold) {
    program = &wanted;
    std::vector<uint8_t> image(kImage);
    const auto put = [&](const Assembler& a) {
      const size_t bytes = a.code().size() * 2;
      memcpy(image.data() + (a.pc() - bytes - kRam), a.code().data(), bytes);
    };
    for (const Assembler& part : wanted.parts) put(part);
    put(trap_handler());
    for (unsigned i = 0; i < 0x2000; i++) image[kData - kRam + i] = static_cast<uint8_t>(i * 7);
    // Code that is as it was keeps its units.
    constexpr unsigned kPiece = 64;
    for (uint64_t at = 0; at < kImage; at += kPiece) {
      if (memcmp(bench->ram() + at, image.data() + at, kPiece) == 0) continue;
      memcpy(bench->ram() + at, image.data() + at, kPiece);
      cpu.code_written(kRam + at, kPiece);
    }
    cpu.reset();
    if (cold) cpu.memory_map_changed();
    else cpu.tlb.flush_all();
    // Sites that always miss would be made anew.
    memset(cpu.jit.slot_misses, 0, sizeof cpu.jit.slot_misses);
    state.x = {};
    state.mtvec = kHandler;
    state.mie = kMipMsip;
    state.mstatus |= kMstatusMie | kMstatusFs;
    cpu.set_irq_line(kIrqMSoft, 0);
    cpu.exit_request = 0;
    callbacks = works = 0;
    done = false;
    result = {};
    base_ = cpu.instructions();
  }
  void play() {
    for (int n = 0; !done; n++) {
      ASSERT_LT(n, 1000) << "is at " << std::hex << cpu.pc();
      run_queued_work();
      cpu.leave_after_insn = 0;
      current_cpu = &cpu;
      cpu.exec(100000);  // far more than it takes
      current_cpu = nullptr;
    }
    if (stepper != nullptr) stepper->stop();
    run_queued_work();
    std::copy(state.x.begin(), state.x.begin() + 32, result.x.begin());
    result.memory.assign(bench->ram(), bench->ram() + kImage);
    // In the loop at the end: an exact budget is used up whatever happened before.
    cpu.exit_request = 0;
    const uint64_t before = cpu.instructions();
    for (uint64_t left = 2999; left > 0; left = before + 2999 - cpu.instructions()) {
      cpu.leave_after_insn = 0;
      current_cpu = &cpu;
      const ExecExit why = cpu.exec(static_cast<int64_t>(left));
      current_cpu = nullptr;
      ASSERT_LE(cpu.instructions() - before, 2999u);
      if (why == ExecExit::kBudget) {
        ASSERT_EQ(cpu.instructions() - before, 2999u);
      }
    }
  }
  void compare(const Result& want, const std::string& where) {
    if (spins) {
      ASSERT_EQ(result.interrupts, 1u) << where;
      ASSERT_GT(result.x[s1], kSpins - 50u) << where << ": the kick was lost";
      return;
    }
    for (unsigned i = 0; i < 32; i++) {
      if (i == s8 || i == s10 || i == s11 || i == t6 || (i == t1 && action == Action::kDataDma)) continue;
      ASSERT_EQ(result.x[i], want.x[i]) << where << ": x" << i;
    }
    ASSERT_EQ(result.writes, want.writes) << where;
    ASSERT_EQ(result.instructions, want.instructions + kHandlerInsns * result.interrupts + kRetryInsns * result.x[s8]) << where;
    uint8_t* const words = result.memory.data() + (kData - kRam);
    if (action == Action::kDataDma) {
      for (int i = 0; i < 2; i++) {
        uint64_t value;
        memcpy(&value, words + 8 * i, 8);
        value -= 1000 * callbacks;
        memcpy(words + 8 * i, &value, 8);
      }
    }
    ASSERT_EQ(memcmp(result.memory.data(), want.memory.data(), want.memory.size()), 0) << where << ": memory";
    // Nothing that was asked for is lost.
    if (action == Action::kInterrupt && callbacks == 1) {
      ASSERT_EQ(state.x[s10], 1u) << where;
    }
    if (action == Action::kWork && callbacks == 1) {
      ASSERT_EQ(works, 1u) << where;
    }
  }

  static void signal(ucontext_t* context) {
    virtual_timer_host_set_ns(virtual_timer_host_ns() + 10);
    kick_interrupted_code(context);
    virtual_timer_host_signal();
  }
  std::string place(uint64_t n) const {
    return stringf("%s, %s at host instruction %llu", program->name, kActionNames[static_cast<int>(action)], static_cast<unsigned long long>(n));
  }
  Result undisturbed(const Program& wanted, bool cold) {
    prepare(wanted, cold);
    play();
    EXPECT_EQ(result.interrupts, 0u);
    return result;
  }

  // At each instruction of a run whose units are there but whose TLB and jump caches are empty; `storm` times in a row.
  void sweep(const Program& wanted, Action what, uint64_t stride = 1, uint64_t storm = 1, uint64_t end = ~uint64_t{0}) {
    action = what;
    undisturbed(wanted, true);
    const Result want = undisturbed(wanted, false);
    TestTimer timer(QEMU_CLOCK_REALTIME, [this] { callback(); });
    Stepper host(tbs());
    host.fire = signal;
    stepper = &host;
    const auto trace = [&] {
      prepare(wanted, false);
      host.start_trace();
      play();
    };
    trace();
    EXPECT_GT(host.trace().size(), 150u);
    bool fresh = true;
    for (uint64_t n = 0; n < std::min<uint64_t>(end, host.trace().size());) {
      prepare(wanted, false);
      timer.mod_in(1);
      host.start_at(n, storm);
      play();
      timer.del();
      compare(want, place(n));
      if (HasFatalFailure()) return;
      // What an interrupt left (a unit that begins where it came back to) may have changed the way.
      if (host.fired() == 0) {
        ASSERT_FALSE(fresh) << place(n) << ": not met";
        trace();
        fresh = true;
        continue;
      }
      fresh = false;
      n += stride;
    }
    stepper = nullptr;
  }

  // At every so many instructions, of a run in which the units are made first, or of one with all of C++; of the first `end` ones.
  void sweep_stepping(const Program& wanted, Action what, Stepper::Where where, uint64_t stride, uint64_t end = ~uint64_t{0}) {
    const bool cold = where == Stepper::Where::kGeneratedCode;
    action = what;
    undisturbed(wanted, true);
    const Result want = undisturbed(wanted, cold);
    TestTimer timer(QEMU_CLOCK_REALTIME, [this] { callback(); });
    Stepper host(tbs());
    host.fire = signal;
    stepper = &host;
    for (uint64_t n = stride / 2; n < end; n += stride) {
      prepare(wanted, cold);
      timer.mod_in(1);
      host.start_stepping(where, n, 1);
      play();
      timer.del();
      if (host.fired() == 0) break;
      compare(want, place(n));
      if (HasFatalFailure()) return;
    }
    stepper = nullptr;
  }
  static bool full() {
    const char* const how = getenv("MONOCHORD_TORTURE");
    return how != nullptr && strcmp(how, "full") == 0;
  }
};

// Its units are made anew in each run.
bool changes_itself(const Program& p) { return strcmp(p.name, "self-modifying") == 0; }

#define FOR_EACH_PROGRAM(p)               \
  for (const Program& p : programs())     \
    if (HasFatalFailure()) {              \
      break;                              \
    } else

TEST_F(JitTorture, AnInterruptAtEveryHostInstruction) {
  FOR_EACH_PROGRAM(p) {
    if (!changes_itself(p)) sweep(p, Action::kInterrupt);
  }
}
TEST_F(JitTorture, NoKickIsLost) {
  spins = true;
  sweep({"spin", {spin()}}, Action::kInterrupt, 1, 1, 700);
  if (HasFatalFailure()) return;
  sweep_stepping({"spin", {spin()}}, Action::kInterrupt, Stepper::Where::kGeneratedCode, full() ? 1 : 29, 500);
  if (HasFatalFailure()) return;
  sweep_stepping({"spin", {spin()}}, Action::kInterrupt, Stepper::Where::kEverywhere, full() ? 1 : 53, full() ? 8000 : 2000);
}
TEST_F(JitTorture, ACallbackThatDoesNothing) {
  FOR_EACH_PROGRAM(p) {
    if (!changes_itself(p)) sweep(p, Action::kNothing, full() ? 1 : 4);
  }
}
TEST_F(JitTorture, QueuedWorkIsDone) {
  FOR_EACH_PROGRAM(p) {
    if (!changes_itself(p)) sweep(p, Action::kWork, full() ? 1 : 4);
  }
}
// Between load and store of an AMO, between LR and SC, between SC's look and its store.
TEST_F(JitTorture, DmaIntoTheWordsOfAtomicsLosesNothing) { sweep({"atomics", {atomics()}}, Action::kDataDma); }
// A second signal while the code is on its way out because of the first, and so on.
TEST_F(JitTorture, SignalsInARow) {
  FOR_EACH_PROGRAM(p) {
    if (!changes_itself(p)) sweep(p, Action::kInterrupt, full() ? 1 : 29, 60);
  }
}
// The units end, and are made anew in the rest of the run.
TEST_F(JitTorture, DmaIntoTheCodeThatRuns) {
  FOR_EACH_PROGRAM(p) { sweep_stepping(p, Action::kCodeDma, Stepper::Where::kGeneratedCode, full() ? 1 : 131); }
}
TEST_F(JitTorture, WhileUnitsAreMadeAndLinked) {
  FOR_EACH_PROGRAM(p) { sweep_stepping(p, Action::kInterrupt, Stepper::Where::kGeneratedCode, full() ? 1 : changes_itself(p) ? 61 : 127); }
}
// Between C++'s last look and the unit, in slow paths, in the run loop: the way to the first unit, and samples of the rest.
TEST_F(JitTorture, HostInstructionsOfCpp) {
  FOR_EACH_PROGRAM(p) {
    const bool first = strcmp(p.name, programs()[0].name) == 0;
    sweep_stepping(p, Action::kInterrupt, Stepper::Where::kEverywhere, first || full() ? 17 : 101, full() ? 20000 : 1000);
    if (!HasFatalFailure()) sweep_stepping(p, Action::kInterrupt, Stepper::Where::kEverywhere, full() ? 499 : 1501, full() ? ~uint64_t{0} : 6000);
  }
}

}  // namespace
}  // namespace monochord

#endif
