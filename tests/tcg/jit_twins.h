// Two machines that are the same but for what their hart runs on: the interpreter, and generated code in the variant of this test program
// (accel_variant.cpp). The interpreter is the judge; what an instruction means is judged outside (tests/README.md).
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/result.h"
#include "tcg/jit/jit.h"
#include "tcg/jit/options.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {

// What harts that are made in this scope run on.
class WithOptions {
 public:
  explicit WithOptions(const JitOptions& options) : before_(jit_options()) { jit_options() = options; }
  ~WithOptions() { jit_options() = before_; }
  WithOptions(const WithOptions&) = delete;
  WithOptions& operator=(const WithOptions&) = delete;

 private:
  const JitOptions before_;
};

inline JitOptions interpreter_options() {
  JitOptions options;
  options.enabled = false;
  return options;
}
// The variant of this run; generated code also where the program was started for the interpreter.
inline JitOptions generated_options() {
  JitOptions options = jit_options();
  options.enabled = true;
  return options;
}

inline std::unique_ptr<Bench> make_bench(const JitOptions& options, int first_index = 0, const CpuConfig& config = default_cpu_config(), unsigned harts = 1) {
  const WithOptions with(options);
  return std::make_unique<Bench>(harts, config, first_index);
}

inline TbCache& generated_code(Bench& bench) {
  const WithOptions with(generated_options());
  return *bench.hart().interpreter().code().tb_cache(bench.hart());
}

// Everything there is, but bits that QEMU has off by default for other reasons than us.
inline CpuConfig full_cpu_config() {
  CpuConfig config = default_cpu_config();
  for (const Ext ext : {Ext::kZicond, Ext::kSvinval}) config.extensions.set(static_cast<size_t>(ext));
  return config;
}

class JitTwins : public ::testing::Test {
 protected:
  static constexpr uint64_t kRam = Bench::kRam, kPage = Bench::kPage;
  static constexpr uint64_t kHalt = kRam + 0x3000;     // where traps end: wfi
  static constexpr uint64_t kTouched = 0x40000;        // what programs change of RAM, from its beginning
  static constexpr int64_t kMuch = 10000;              // generated code runs only while a way through a page fits

  LoopRig rig{Kind::kVirtualLazy};
  std::unique_ptr<Bench> interpreted, generated;
  std::vector<std::tuple<uint64_t, unsigned, uint64_t>> accesses[2];  // of the device

  JitTwins() { make(full_cpu_config()); }
  void make(const CpuConfig& config) {
    generated.reset();
    interpreted.reset();
    interpreted = make_bench(interpreter_options(), 0, config);
    generated = make_bench(generated_options(), 1, config);
    int n = 0;
    for (Bench* bench : {interpreted.get(), generated.get()}) {
      auto& log = accesses[n++];
      log.clear();
      bench->on_read = [&log](uint64_t offset, unsigned size) {
        log.emplace_back(offset, size, ~uint64_t{0});
        return offset * 0x9e3779b97f4a7c15;
      };
      bench->on_write = [&log](uint64_t offset, unsigned size, uint64_t value) { log.emplace_back(offset, size, value); };
      Assembler halt(kHalt);
      halt.plain(op_wfi);
      bench->load(halt, kHalt);
      HartState& state = bench->hart().state;
      state.mtvec = kHalt;
      state.mstatus |= kMstatusFs;
    }
  }

  Jit& jit() { return *generated->hart().interpreter().jit(); }
  TbCache& tbs() { return generated_code(*generated); }

  template <typename Function>
  void both(Function function) {
    function(*interpreted);
    function(*generated);
  }
  void load(const Assembler& a, uint64_t base) {
    both([&](Bench& bench) {
      bench.load(a, base);
      bench.hart().code_written(base, a.code().size() * 2);
    });
  }
  // A budget on one of them; leaves it as the run loop would.
  static ExecExit exec(Bench& bench, int64_t budget) {
    RiscvCpu& cpu = bench.hart();
    cpu.halted = false;
    cpu.leave_after_insn = 0;
    current_cpu = &cpu;
    const ExecExit why = cpu.exec(budget);
    current_cpu = nullptr;
    return why;
  }
  // Until the hart sleeps at kHalt.
  static void until_halt(Bench& bench) {
    for (int n = 0; exec(bench, kMuch) != ExecExit::kHalted; n++) ASSERT_LT(n, 1000) << "never sleeps, is at " << std::hex << bench.hart().pc();
  }

  // The first difference of what the guest sees; empty: none. Memory is a word of it or all that programs touch.
  std::string difference(bool memory = true) {
    const HartState& want = interpreted->hart().state;
    const HartState& got = generated->hart().state;
    const auto differs = [](const std::string& what, uint64_t w, uint64_t g) {
      return stringf("%s: %llx, should be %llx", what.c_str(), static_cast<unsigned long long>(g), static_cast<unsigned long long>(w));
    };
    for (unsigned i = 0; i < 32; i++) {
      if (want.x[i] != got.x[i]) return differs("x" + std::to_string(i), want.x[i], got.x[i]);
      if (want.f[i] != got.f[i]) return differs("f" + std::to_string(i), want.f[i], got.f[i]);
    }
    const std::tuple<const char*, uint64_t, uint64_t> fields[] = {
        {"pc", want.pc, got.pc},
        {"priv", want.priv, got.priv},
        {"mstatus", want.mstatus, got.mstatus},
        {"mepc", want.mepc, got.mepc},
        {"mcause", want.mcause, got.mcause},
        {"mtval", want.mtval, got.mtval},
        {"sepc", want.sepc, got.sepc},
        {"scause", want.scause, got.scause},
        {"stval", want.stval, got.stval},
        {"sscratch", want.sscratch, got.sscratch},
        {"mscratch", want.mscratch, got.mscratch},
        {"satp", want.satp, got.satp},
        {"mie", want.mie, got.mie},
        {"fflags", want.fflags, got.fflags},
        {"frm", want.frm, got.frm},
        {"traps", want.traps_counted, got.traps_counted},
        {"minstret", want.minstret_offset, got.minstret_offset},
        {"instructions", interpreted->hart().instructions(), generated->hart().instructions()},
        {"reservation", reservation(*interpreted), reservation(*generated)},
        {"device accesses", accesses[0].size(), accesses[1].size()},
    };
    for (const auto& [name, w, g] : fields)
      if (w != g) return differs(name, w, g);
    if (accesses[0] != accesses[1]) return "device accesses";
    for (auto& log : accesses) log.clear();
    if (!memory || memcmp(interpreted->ram(), generated->ram(), kTouched) == 0) return "";
    for (uint64_t at = kRam;; at += 8)
      if (interpreted->at<uint64_t>(at) != generated->at<uint64_t>(at))
        return differs(stringf("memory at %llx", static_cast<unsigned long long>(at)), interpreted->at<uint64_t>(at), generated->at<uint64_t>(at));
  }

 private:
  // By the guest's address; they are the host's in the hart.
  static uint64_t reservation(Bench& bench) {
    const uint64_t address = bench.hart().state.reservation_addr;
    if (const uint64_t offset = address - reinterpret_cast<uintptr_t>(bench.ram()); offset < Bench::kRamSize) return Bench::kRam + offset;
    if (const uint64_t offset = address - reinterpret_cast<uintptr_t>(bench.small()); offset < Bench::kSmallSize) return Bench::kSmallRam + offset;
    return address == HartState::kNoReservation ? address : Bench::kRom;
  }
};

}  // namespace monochord
