// What people see of the JIT: -d out_asm, the map for perf, the counters.
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "core/log.h"
#include "core/symbols.h"
#include "tcg/jit/counters.h"
#include "tcg/jit/jit.h"
#include "tcg/jit/perf_map.h"
#include "tcg/x86_64/disas_host.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = Bench::kRam;

std::string read_file(const std::string& path) {
  std::string text;
  if (FILE* file = fopen(path.c_str(), "r")) {
    char buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
    fclose(file);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class TemporaryFile {
 public:
  TemporaryFile() {
    const int fd = mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    close(fd);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  std::string text() const { return read_file(path_); }

 private:
  std::string path_ = "/tmp/monochord-jit-XXXXXX";
};

class JitTools : public ::testing::Test {
 protected:
  JitTools() : options_(jit_options()) {}
  ~JitTools() override {
    bench_.reset();
    jit_options() = options_;
    log_mask = 0;
    perf_map = nullptr;
    guest_symbols() = {};
  }

  void make(const JitOptions& options = {}, const CpuConfig& config = default_cpu_config()) {
    bench_.reset();
    jit_options() = options;
    bench_ = std::make_unique<Bench>(1, config);
    if (cpu().interpreter().jit() == nullptr) GTEST_SKIP() << "this host runs no generated code";
  }
  RiscvCpu& cpu() { return bench_->hart(); }
  Bench& bench() { return *bench_; }
  TbCache& cache() { return *cpu().interpreter().code().tb_cache(cpu()); }
  const JitCounters& counters() { return cpu().interpreter().jit()->counters(); }
  void run(uint64_t instructions) { bench_->steps(instructions); }

  // A loop of a call, a load, a store and a branch.
  void load_loop() {
    Assembler a(kRam);
    cpu().state.mstatus |= kMstatusFs;
    a.li(s0, kRam + 0x10000);
    a.li(s1, kRam + 0x100);
    const uint64_t loop = a.pc();
    a.i(op_ld, t0, s0, 0);
    a.i(op_addi, t0, t0, 1);
    a.s(op_sd, t0, 0, s0);
    a.i(op_jalr, ra, s1, 0);
    a.b(op_bne, t0, zero, loop);
    bench_->load(a, kRam);
    Assembler f(kRam + 0x100);
    f.r_rm(op_fadd_d, 10, 11, 12, 7);
    f.csr(op_csrrs, a0, kMcause, zero);
    f.i(op_jalr, zero, ra, 0);
    bench_->load(f, kRam + 0x100);
  }
  // As many functions of straight code as fit into the memory of the bench, and a loop that calls one after the other.
  void load_much_code(uint64_t functions) {
    Assembler a(kRam);
    const uint64_t again = a.pc();
    a.li(s0, kRam + 0x10000);
    a.li(s1, functions);
    const uint64_t loop = a.pc();
    a.i(op_jalr, ra, s0, 0);
    a.i(op_addi, s0, s0, 256);
    a.i(op_addi, s1, s1, -1);
    a.b(op_bne, s1, zero, loop);
    a.j(zero, again);
    bench_->load(a, kRam);
    for (uint64_t n = 0; n < functions; n++) {
      Assembler f(kRam + 0x10000 + n * 256);
      for (int i = 0; i < 60; i++) f.i(op_ld, a0, t0 + static_cast<unsigned>(i % 3), 8 * i);
      f.i(op_jalr, zero, ra, 0);
      bench_->load(f, kRam + 0x10000 + n * 256);
    }
    for (unsigned i = 0; i < 3; i++) cpu().state.x[t0 + i] = kRam + 0x8000;
  }

  LoopRig rig_{Kind::kVirtualLazy};

 private:
  const JitOptions options_;
  std::unique_ptr<Bench> bench_;
};

// --- -d out_asm ----------------------------------------------------------------------------------------------------------------------
struct OutAsm {
  int insns = 0;          // lines of guest instructions
  uint64_t size = 0;      // as the heading says
  uint64_t bytes = 0;     // of all lines of host code
  uint64_t text = 0;      // of lines with a disassembly
  uint64_t data = 0;      // of lines of data
  bool contiguous = true;
  std::string first_odd;
};

OutAsm read_out_asm(const std::vector<std::string>& lines, size_t at) {
  OutAsm out;
  out.size = strtoull(lines[at].c_str() + strlen("OUT: [size="), nullptr, 10);
  uint64_t next = 0;
  for (at++; at < lines.size() && !lines[at].empty(); at++) {
    const std::string& line = lines[at];
    if (line.compare(0, 5, "  -- ") == 0) {
      if (line.compare(5, 2, "0x") == 0) out.insns++;
      continue;
    }
    char hex[64] = "", what[200] = "";
    unsigned long long address = 0;
    if (sscanf(line.c_str(), "0x%llx: %63s %199[^\n]", &address, hex, what) < 2) {
      out.first_odd = line;
      continue;
    }
    const uint64_t bytes = strlen(hex) / 2;
    if (next != 0 && address != next) out.contiguous = false;
    next = address + bytes;
    out.bytes += bytes;
    if (what[0] != 0) out.text += bytes;
    if (strcmp(what, "(data)") == 0) out.data += bytes;
  }
  return out;
}

TEST_F(JitTools, OutAsmShowsEachByteOfAUnitBesideItsGuestInstruction) {
  make();
  load_loop();
  TemporaryFile log;
  ASSERT_TRUE(open_log_file(log.path().c_str()).ok());
  log_mask = kLogInAsm | kLogOutAsm;
  run(20000);
  log_mask = 0;
  const std::vector<std::string> lines = lines_of(log.text());
  int units = 0, in_insns = 0;
  uint64_t data = 0;
  for (size_t i = 0; i < lines.size(); i++) {
    if (lines[i].compare(0, 3, "IN:") == 0 && lines[i].find("IN: hart") == std::string::npos) {  // the interpreter decodes, too
      ASSERT_NE(lines[i].find("mode M, physical 0x800"), std::string::npos) << lines[i];
      in_insns = 0;
      while (!lines[i + 1].empty()) i++, in_insns++;
    }
    if (lines[i].compare(0, 4, "OUT:") != 0) continue;
    const OutAsm out = read_out_asm(lines, i);
    units++;
    EXPECT_EQ(out.first_odd, "");
    EXPECT_EQ(out.insns, in_insns) << lines[i];
    EXPECT_GT(out.size, 0u);
    EXPECT_EQ(out.bytes, out.size);
    EXPECT_TRUE(out.contiguous);
    EXPECT_EQ(out.data % sizeof(SiteInfo), 0u);
    data += out.data;
    if (x86_64::disassembler_lacks() == nullptr) {
      EXPECT_EQ(out.text, out.size);
    }
  }
  EXPECT_EQ(static_cast<uint64_t>(units), counters().units);
  EXPECT_GE(units, 2);
  // The load, the store and the CSR have one each.
  EXPECT_GE(data, 3 * sizeof(SiteInfo));
}

TEST_F(JitTools, OutAsmNamesTheCodeThatAUnitLeavesTo) {
  if (const char* lacks = x86_64::disassembler_lacks()) GTEST_SKIP() << lacks;
  make();
  load_loop();
  TemporaryFile log;
  ASSERT_TRUE(open_log_file(log.path().c_str()).ok());
  log_mask = kLogOutAsm;
  run(20000);
  log_mask = 0;
  const std::string text = log.text();
  EXPECT_NE(text.find("; jit:exit_budget"), std::string::npos);
  EXPECT_NE(text.find("; jit:miss_"), std::string::npos);
  EXPECT_NE(text.find("  -- leaves 0x"), std::string::npos);
  EXPECT_NE(text.find("ld t0,0(s0)"), std::string::npos);
}

TEST_F(JitTools, LoggingChangesNothingThatTheGuestSees) {
  const auto play = [&](uint32_t mask) {
    make();
    load_loop();
    log_mask = mask;
    run(30000);
    log_mask = 0;
    return std::make_pair(cpu().state.x, counters().bytes);
  };
  const auto quiet = play(0);
  TemporaryFile log;
  ASSERT_TRUE(open_log_file(log.path().c_str()).ok());
  EXPECT_EQ(play(kLogInAsm | kLogOp | kLogOutAsm), quiet);
  EXPECT_NE(log.text().find("OP: "), std::string::npos);
}

// --- -perfmap --------------------------------------------------------------------------------------------------------------------------
struct MapLine {
  uint64_t size;
  std::string name;
};

// By begin; every line must have perf's form.
std::map<uint64_t, MapLine> read_map(const std::string& text) {
  std::map<uint64_t, MapLine> map;
  for (const std::string& line : lines_of(text)) {
    unsigned long long begin, size;
    int name = 0;
    EXPECT_EQ(sscanf(line.c_str(), "%llx %llx %n", &begin, &size, &name), 2) << line;
    EXPECT_GT(name, 0) << line;
    EXPECT_TRUE(map.emplace(begin, MapLine{size, line.substr(static_cast<size_t>(name))}).second) << line;
  }
  return map;
}

class PerfMapTest : public JitTools {
 protected:
  void open() {
    Result<std::unique_ptr<PerfMap>> opened = PerfMap::open(file_.path());
    ASSERT_TRUE(opened.ok());
    map_ = std::move(*opened);
    perf_map = map_.get();
  }
  std::map<uint64_t, MapLine> lines() { return read_map(file_.text()); }
  void check(const std::map<uint64_t, MapLine>& lines) {
    uint64_t end = 0;
    for (const auto& [begin, line] : lines) {
      ASSERT_GT(line.size, 0u);
      ASSERT_GE(begin, end) << line.name << " overlaps what stands before it";
      end = begin + line.size;
      ASSERT_TRUE(cache().holds(begin) && cache().holds(end - 1)) << line.name;
      ASSERT_FALSE(line.name.empty());
    }
  }
  TemporaryFile file_;
  std::unique_ptr<PerfMap> map_;
};

TEST_F(PerfMapTest, NamesEveryUnitAndTheCodeAroundThem) {
  open();
  make();
  load_loop();
  run(20000);
  const auto map = lines();
  check(map);
  uint64_t units = 0, thunks = 0;
  for (const auto& [begin, line] : map) {
    if (line.name.compare(0, 4, "jit:") == 0) thunks++;
    else if (line.name.compare(0, 10, "guest:M:0x") == 0) units++;
  }
  EXPECT_EQ(units, counters().units);
  EXPECT_EQ(units + thunks, map.size());
  EXPECT_TRUE(std::any_of(map.begin(), map.end(), [](const auto& line) { return line.second.name == "jit:slow_path"; }));
  EXPECT_TRUE(std::any_of(map.begin(), map.end(), [](const auto& line) { return line.second.name == "guest:M:0x80000100"; }));
}

TEST_F(PerfMapTest, LinesNeverOverlapWhenTheBufferIsUsedAgain) {
  open();
  JitOptions options;
  options.cache_bytes = 1 << 20;
  make(options);
  load_much_code(2000);
  for (int round = 0; round < 40; round++) {
    run(20000);
    check(lines());
  }
  EXPECT_GE(counters().evictions, 2u);
  EXPECT_LT(lines().size(), counters().units);
}

TEST_F(PerfMapTest, AFileThatCannotBeMadeIsAnErrorThatNamesIt) {
  const Result<std::unique_ptr<PerfMap>> opened = PerfMap::open("/nonexistent/perf.map");
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("/nonexistent/perf.map: No such file"), std::string::npos) << opened.error().message;
}

TEST_F(PerfMapTest, ALinkIsNotFollowed) {
  const std::string link = file_.path() + ".link";
  ASSERT_EQ(symlink(file_.path().c_str(), link.c_str()), 0);
  EXPECT_FALSE(PerfMap::open(link).ok());
  unlink(link.c_str());
}

// --- counters ----------------------------------------------------------------------------------------------------------------------------
uint64_t sum(const uint64_t* values, unsigned count) {
  uint64_t total = 0;
  for (unsigned i = 0; i < count; i++) total += values[i];
  return total;
}

TEST_F(JitTools, EveryEntryComesBackByOneExit) {
  make();
  load_much_code(300);
  for (int i = 0; i < 20; i++) {
    run(5000);
    ASSERT_EQ(sum(counters().exits, kJitExitsMax), counters().entries);
  }
  EXPECT_GT(counters().entries, 0u);
  EXPECT_GT(counters().exits[static_cast<unsigned>(JitExit::kJump)], 0u);
  EXPECT_GT(counters().links, 0u);
}

TEST_F(JitTools, CountersOfTranslationAddUp) {
  make();
  load_much_code(300);
  run(40000);
  const JitCounters& n = counters();
  // Each function is a unit of 61 instructions; the loop that calls them is made of a few more.
  EXPECT_GE(n.units, 300u);
  EXPECT_GE(n.insns, 300 * 61u);
  EXPECT_LE(n.insns, n.units * kUnitInsnsMax);
  EXPECT_GE(n.bytes, n.insns);
  EXPECT_GT(n.ns, 0u);
  EXPECT_LE(n.interpreted, cpu().instructions());
  EXPECT_EQ(n.ended_units(), cache().ended());
}

TEST_F(JitTools, InstructionsOfTheInterpreterAreItsOwn) {
  make();
  load_loop();
  run(100);  // less than generated code is given
  EXPECT_EQ(counters().interpreted, 100u);
  run(50);
  EXPECT_EQ(counters().interpreted, 150u);
  EXPECT_EQ(counters().entries, 0u);
  run(100000);
  EXPECT_GT(counters().interpreted, 100u);
  EXPECT_LT(counters().interpreted, 10000u);
}

TEST_F(JitTools, UnitsThatEndAreCountedByTheReason) {
  JitOptions options;
  options.cache_bytes = 1 << 20;
  make(options);
  load_loop();
  run(20000);
  ASSERT_EQ(counters().ended_units(), 0u);
  // GDB's and a hart's stores come the same way.
  cpu().code_written(kRam + 0x100, 4);
  EXPECT_EQ(counters().ended[static_cast<unsigned>(TbEnd::kStore)], counters().ended_units());
  EXPECT_GE(counters().ended_units(), 1u);
  run(20000);
  const uint64_t stores = counters().ended_units();
  const uint32_t one = 0x00150513;
  ASSERT_EQ(bench().as->dma_write(kRam + 0x100, &one, 4), MemTxResult::kOk);  // as a device does
  run(20000);
  EXPECT_GE(counters().ended[static_cast<unsigned>(TbEnd::kStale)], 1u);
  EXPECT_EQ(counters().ended[static_cast<unsigned>(TbEnd::kStore)], stores);
  load_much_code(2000);
  cpu().code_written(kRam, 0x1000);
  cpu().state.pc = kRam;
  run(600000);
  EXPECT_GE(counters().evictions, 1u);
  EXPECT_GE(counters().ended[static_cast<unsigned>(TbEnd::kEviction)], 1u);
  EXPECT_EQ(counters().ended_units(), cache().ended());
}

TEST_F(JitTools, SlowPathsAreCountedByKind) {
  make();
  Assembler a(kRam);
  a.li(s0, Bench::kDevice);
  a.li(s1, 1000);
  const uint64_t loop = a.pc();
  a.s(op_sw, s1, 0, s0);
  a.s(op_sw, s1, 4, s0);
  a.i(op_lw, t0, s0, 0);
  a.i(op_addi, s1, s1, -1);
  a.b(op_bne, s1, zero, loop);
  const uint64_t end = a.pc();
  a.j(zero, end);
  bench().load(a, kRam);
  uint64_t reads = 0, writes = 0;
  bench().on_read = [&](uint64_t, unsigned) { return reads++; };
  bench().on_write = [&](uint64_t, unsigned, uint64_t) { writes++; };
  run(20000);
  ASSERT_EQ(reads, 1000u);
  ASSERT_EQ(writes, 2000u);
  const uint64_t* calls = counters().slow_calls;
  // A few came from the interpreter, at the end of a budget.
  EXPECT_GE(calls[static_cast<unsigned>(SiteKind::kLoad)], 500u);
  EXPECT_GE(calls[static_cast<unsigned>(SiteKind::kStore)], 2 * calls[static_cast<unsigned>(SiteKind::kLoad)] - 10);
  EXPECT_EQ(calls[static_cast<unsigned>(SiteKind::kAmo)], 0u);
}

TEST_F(JitTools, TheReportShowsTheNumbers) {
  make();
  load_loop();
  run(20000);
  const std::string report = jit_report();
  const auto row = [&](const char* label) {
    const size_t at = report.find(std::string("  ") + label + " ");
    return at == std::string::npos ? ~0ull : strtoull(report.c_str() + at + 2 + strlen(label), nullptr, 10);
  };
  EXPECT_EQ(row("units made"), counters().units) << report;
  EXPECT_EQ(row("guest instructions"), counters().insns) << report;
  EXPECT_EQ(row("bytes of host code"), counters().bytes) << report;
  EXPECT_EQ(row("entries into generated code"), counters().entries) << report;
  EXPECT_EQ(row("instructions"), cpu().instructions()) << report;
  EXPECT_EQ(row("entries filled"), cpu().tlb.fills) << report;
  for (const std::string& line : lines_of(report)) EXPECT_LE(line.size(), 130u) << line;
}

TEST_F(JitTools, WithoutGeneratedCodeTheReportSaysSo) {
  JitOptions options;
  options.enabled = false;
  jit_options() = options;
  Bench bench;
  EXPECT_EQ(jit_report(), "the JIT does not run: -accel interp, or a host without it\n");
}

}  // namespace
}  // namespace monochord
