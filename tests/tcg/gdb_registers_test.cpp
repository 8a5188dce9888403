// The registers as GDB sees them, and the texts of the log.
#include <unistd.h>

#include <set>

#include "core/log.h"
#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

class GdbRegisters : public ExecTest {
 protected:
  uint64_t read(unsigned number) {
    std::string bytes;
    EXPECT_TRUE(cpu().gdb_read_register(number, &bytes)) << number;
    EXPECT_EQ(bytes.size(), 8u);
    uint64_t value = 0;
    memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  bool write(unsigned number, uint64_t value) { return cpu().gdb_write_register(number, reinterpret_cast<const uint8_t*>(&value), 8); }
};

// GDB's numbers of riscv:rv64: x0..x31, pc, f0..f31, then the CSRs from 65.
TEST_F(GdbRegisters, AreWhereGdbExpectsThem) {
  state().x[10] = 0x1234;
  state().pc = kRam + 8;
  state().f[3] = 0x4000000000000000;
  state().mscratch = 77;
  EXPECT_EQ(read(10), 0x1234u);
  EXPECT_EQ(read(32), kRam + 8);
  EXPECT_EQ(read(33 + 3), 0x4000000000000000u);
  EXPECT_EQ(read(65 + 0x340), 77u);
  EXPECT_EQ(read(65 + 4096), 3u);
  std::string bytes;
  EXPECT_FALSE(cpu().gdb_read_register(65 + 0x7c0, &bytes));
  EXPECT_FALSE(cpu().gdb_read_register(65 + 4097, &bytes));
}

TEST_F(GdbRegisters, WritesGoWhereReadsComeFrom) {
  for (const unsigned number : {1u, 10u, 31u, 33u, 64u, 65u + 0x340, 65u + 0x141}) {
    EXPECT_TRUE(write(number, 0x1230)) << number;
    EXPECT_EQ(read(number), 0x1230u) << number;
  }
  EXPECT_TRUE(write(0, 5));
  EXPECT_EQ(read(0), 0u);
  EXPECT_TRUE(write(65 + 4096, 1));
  EXPECT_EQ(state().priv, kPrivS);
  EXPECT_FALSE(write(65 + 4096, 2)) << "there is no such privilege";
}

TEST_F(GdbRegisters, TheDescriptionNamesEveryRegisterOnceAndAllAreReadable) {
  const std::string xml = cpu().gdb_target_xml("target.xml");
  EXPECT_EQ(cpu().gdb_target_xml("other.xml"), "");
  std::set<unsigned> numbers;
  for (size_t at = 0; (at = xml.find("regnum=\"", at)) != std::string::npos;) {
    at += 8;
    const unsigned number = static_cast<unsigned>(strtoul(xml.c_str() + at, nullptr, 10));
    EXPECT_TRUE(numbers.insert(number).second) << number;
    std::string bytes;
    EXPECT_TRUE(cpu().gdb_read_register(number, &bytes)) << number;
  }
  for (unsigned number = 0; number <= 68; number++) {
    if (number == 65) continue;  // CSR 0 does not exist
    EXPECT_EQ(numbers.count(number), 1u) << number;
  }
  for (const char* feature : {"org.gnu.gdb.riscv.cpu", "org.gnu.gdb.riscv.fpu", "org.gnu.gdb.riscv.csr", "org.gnu.gdb.riscv.virtual"})
    EXPECT_NE(xml.find(feature), std::string::npos) << feature;
}

TEST_F(GdbRegisters, DumpShowsPcAndRegistersByBothNames) {
  state().x[10] = 0xabcdef;
  const std::string text = cpu().dump_state();
  EXPECT_NE(text.find(" pc       0000000080000000"), std::string::npos) << text;
  EXPECT_NE(text.find("x10/a0   0000000000abcdef"), std::string::npos) << text;
  EXPECT_EQ(text.back(), '\n');
}

// -d in_asm, exec and cpu change what is printed and nothing else.
TEST_F(GdbRegisters, LoggingDoesNotChangeARun) {
  char path[] = "/tmp/monochord-log-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(open_log_file(path).ok());
  const auto play = [&](uint32_t mask) {
    Assembler a(kRam);
    a.i(op_addi, t0, zero, 20);
    a.i(op_addi, t0, t0, -1);
    a.b(op_bne, t0, zero, kRam + 4);
    a.j(zero, a.pc());
    bench.load(a, kRam);
    cpu().reset();
    cpu().memory_map_changed();
    log_mask = mask;
    const uint64_t before = cpu().instructions();
    EXPECT_EQ(cpu().exec(30), ExecExit::kBudget);
    log_mask = 0;
    EXPECT_EQ(cpu().instructions() - before, 30u);
    return std::make_pair(cpu().pc(), x(t0));
  };
  const auto quiet = play(0);
  EXPECT_EQ(play(kLogInAsm | kLogExec | kLogCpu | kLogInt), quiet);
  std::string text;
  char buffer[65536];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  EXPECT_NE(text.find("addi t0,t0,-1"), std::string::npos);
  EXPECT_NE(text.find("bne t0,zero,0x80000004"), std::string::npos);
  close(fd);
  unlink(path);
}

}  // namespace
}  // namespace monochord
