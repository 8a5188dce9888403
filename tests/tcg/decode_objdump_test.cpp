// The decoder and the disassembler against binutils: all 2^16 halfwords that can be compressed instructions, and 32-bit words around every line of the
// table and at random. What objdump knows and we have must be the same mnemonic and the same operands, and what it does not know must be illegal.
// objdump is told our extensions by the attributes of an object file that it gets the words in.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "tcg/riscv/disas.h"

namespace monochord {
namespace {

constexpr const char* kTools = "riscv64-linux-gnu-";
constexpr const char* kMarch = "rv64gc_zba_zbb_zbs_zicbom_zicboz_svinval_zihintpause";

void run(const std::string& command) { ASSERT_EQ(system(command.c_str()), 0) << command; }

std::set<std::string> our_mnemonics() {
  std::set<std::string> names;
  for (unsigned op = 1; op < kOpCount; op++) {
    Decoded decoded;
    decoded.op = static_cast<Op>(op);
    for (unsigned order = 0; order < 4; order++) {
      decoded.args.aux = static_cast<uint8_t>(order);
      names.insert(mnemonic(decoded));
    }
  }
  for (unsigned op = 1; op < kOp16Count; op++) {
    Decoded decoded;
    decoded.op = op_addi;
    decoded.op16 = static_cast<Op16>(op);
    names.insert(mnemonic(decoded));
  }
  return names;
}

struct Line {
  uint64_t address;
  std::string text;  // "" where objdump does not know it
};

// objdump's text of the words at consecutive addresses, by address.
template <typename Word>
void objdump(const std::vector<Word>& words, std::map<uint64_t, std::string>* lines) {
  char directory[] = "/tmp/monochord-decode-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string dir = directory;
  std::ofstream(dir + "/words.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(words.size() * sizeof(Word)));
  std::ofstream(dir + "/empty.s") << "nop\n";
  const std::string tools = kTools;
  run(tools + "as -march=" + kMarch + " -o " + dir + "/empty.o " + dir + "/empty.s");
  run(tools + "objcopy --update-section .text=" + dir + "/words.bin " + dir + "/empty.o " + dir + "/words.o");
  run(tools + "strip -o " + dir + "/stripped.o " + dir + "/words.o");
  run(tools + "objdump -d -z -M no-aliases " + dir + "/stripped.o > " + dir + "/text");
  std::ifstream text(dir + "/text");
  for (std::string line; std::getline(text, line);) {
    const size_t colon = line.find(":\t");
    if (colon == std::string::npos || line[0] != ' ') continue;
    const size_t tab = line.find('\t', colon + 2);
    if (tab == std::string::npos) continue;
    std::string rest = line.substr(tab + 1);
    for (const char* comment : {" #", " <"}) {
      if (const size_t at = rest.find(comment); at != std::string::npos) rest.resize(at);
    }
    while (!rest.empty() && rest.back() == ' ') rest.pop_back();
    for (char& c : rest) c = c == '\t' ? ' ' : c;
    if (rest[0] == '.') rest.clear();  // .2byte, .4byte, .insn
    (*lines)[strtoull(line.c_str(), nullptr, 16)] = rest;
  }
  run("rm -r " + dir);
}

// Where binutils 2.40 prints the same thing another way.
std::string normal(std::string text) {
  if (text == "c.unimp" || text == "unimp") return "";
  for (const char* shift : {"c.slli64", "c.srli64", "c.srai64"}) {
    const std::string name = shift;
    if (text.rfind(name + " ", 0) == 0) text = name.substr(0, name.size() - 2) + text.substr(name.size()) + ",0x0";
  }
  if (text == "c.addi16sp sp,0") return "";  // reserved (Unprivileged, "C", Integer Register-Immediate Operations)
  // The rounding mode is left out by some lines and not by others when it is the default or does not matter.
  const bool exact = text.rfind("fcvt.d.s ", 0) == 0 || text.rfind("fcvt.d.w", 0) == 0;
  if (text.size() > 4 && text.compare(text.size() - 4, 4, exact ? ",rne" : ",dyn") == 0) text.resize(text.size() - 4);
  return text;
}

// "csrrw a0,NAME,a1" without the name: which CSRs have one is csr_test.cpp's matter.
std::string without_csr_name(const std::string& text) {
  const size_t first = text.find(','), last = text.rfind(',');
  return text.substr(0, first) + text.substr(last);
}

// Reserved fields that the manual says to ignore (Unprivileged, "RV32I" FENCE, "Zifencei") or that don't matter (rm of conversions that are exact);
// binutils prints them as unknown.
bool ignores_reserved_fields(Op op) {
  return op == op_fence || op == op_fence_i || op == op_fcvt_d_w || op == op_fcvt_d_wu || op == op_fcvt_d_s;
}

void compare(const std::map<uint64_t, std::string>& theirs, uint64_t address, uint32_t raw, const std::set<std::string>& known, int* shown) {
  const auto found = theirs.find(address);
  ASSERT_NE(found, theirs.end()) << "objdump left out address " << std::hex << address << " word " << raw;
  std::string expected = normal(found->second);
  // Instructions of extensions that binutils always shows and we don't have.
  if (!expected.empty() && known.count(expected.substr(0, expected.find(' '))) == 0) expected.clear();
  const Decoded decoded = decode(raw, nullptr);
  std::string ours = decoded.op == op_illegal ? "" : normal(disassemble(raw, address));
  if (expected.empty() && ignores_reserved_fields(decoded.op)) return;
  if (decoded.op != op_illegal && insn_line(decoded.op).format == Format::fence && expected.rfind("fence", 0) == 0) return;
  if (ours.rfind("csr", 0) == 0 && ours.find(",0x") != std::string::npos && expected.find(',') != std::string::npos) {
    ours = without_csr_name(ours);
    expected = without_csr_name(expected);
  }
  if (ours != expected && (*shown)++ < 20) ADD_FAILURE() << std::hex << raw << " at " << address << ": objdump says \"" << expected << "\", we say \"" << ours << '"';
}

bool have_tools() { return system("riscv64-linux-gnu-objdump --version > /dev/null 2>&1 && riscv64-linux-gnu-as --version > /dev/null 2>&1") == 0; }

TEST(DecodeAgainstObjdump, EveryCompressedEncoding) {
  if (!have_tools()) GTEST_SKIP() << "binutils-riscv64-linux-gnu is not installed";
  std::vector<uint16_t> words;
  for (uint32_t w = 0; w < 65536; w++) {
    if ((w & 3) != 3) words.push_back(static_cast<uint16_t>(w));
  }
  std::map<uint64_t, std::string> theirs;
  objdump(words, &theirs);
  const std::set<std::string> known = our_mnemonics();
  int shown = 0;
  for (size_t i = 0; i < words.size(); i++) compare(theirs, i * 2, words[i], known, &shown);
  EXPECT_EQ(shown, 0);
}

TEST(DecodeAgainstObjdump, WordsAroundEveryLineAndAtRandom) {
  if (!have_tools()) GTEST_SKIP() << "binutils-riscv64-linux-gnu is not installed";
  std::mt19937 random(1);
  std::vector<uint32_t> words;
  for (unsigned op = 1; op < kOpCount; op++) {
    const InsnLine& line = insn_line(static_cast<Op>(op));
    if (line.ext == Ext::kZicond) continue;  // newer than binutils 2.40
    for (int n = 0; n < 200; n++) words.push_back(line.match | (random() & ~line.mask));
    // One fixed bit wrong: a neighbour or nothing.
    for (uint32_t bit = 4; bit != 0; bit <<= 1) {
      for (int n = 0; n < 4; n++) words.push_back((line.match ^ bit) | (random() & ~line.mask));
    }
  }
  for (int n = 0; n < 200000; n++) words.push_back(static_cast<uint32_t>(random()) | 3);
  // Longer encodings would take the next word with them; Zicond's are ours alone.
  std::erase_if(words, [](uint32_t w) {
    const Op op = decode(w, nullptr).op;
    return (w & 0x1f) == 0x1f || op == op_czero_eqz || op == op_czero_nez;
  });
  std::map<uint64_t, std::string> theirs;
  objdump(words, &theirs);
  const std::set<std::string> known = our_mnemonics();
  int shown = 0;
  for (size_t i = 0; i < words.size(); i++) compare(theirs, i * 4, words[i], known, &shown);
  EXPECT_EQ(shown, 0);
}

}  // namespace
}  // namespace monochord
