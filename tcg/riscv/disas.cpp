#include "tcg/riscv/disas.h"

#include <algorithm>

#include "core/result.h"
#include "tcg/riscv/csr.h"

namespace monochord {

namespace {

constexpr const char* kGprNames[32] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                       "a6",   "a7", "s2", "s3", "s4",  "s5",  "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr const char* kFprNames[32] = {"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6",  "ft7",  "fs0", "fs1", "fa0",
                                       "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7",  "fs2",  "fs3", "fs4", "fs5",
                                       "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
constexpr const char* kRoundingNames[8] = {"rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"};

std::string fence_set(unsigned bits) {
  std::string text;
  for (unsigned i = 0; i < 4; i++) {
    if (bits & (8u >> i)) text += "iorw"[i];
  }
  return text.empty() ? "unknown" : text;
}

std::string dotted(const char* name) {
  std::string text = name;
  std::replace(text.begin(), text.end(), '_', '.');
  return text;
}

std::string operand(char letter, const Decoded& decoded, uint64_t pc) {
  const Args& a = decoded.args;
  const bool fused = decoded.op != op_illegal && insn_line(decoded.op).format == Format::fr4;
  switch (letter) {
    case 'd': return kGprNames[a.rd];
    case 's': return kGprNames[a.rs1];
    case 't': return kGprNames[a.rs2];
    case 'D': return kFprNames[a.rd];
    case 'S': return kFprNames[a.rs1];
    case 'T': return kFprNames[a.rs2];
    case 'R': return kFprNames[a.aux];
    case 'x': return "sp";
    case 'i': return stringf("%d", a.imm);
    case 'u': return stringf("0x%x", static_cast<uint32_t>(a.imm) >> 12);
    case 'h': return stringf("0x%x", static_cast<unsigned>(a.imm));
    case 'a': return stringf("0x%llx", static_cast<unsigned long long>(pc + static_cast<uint64_t>(int64_t{a.imm})));
    case 'c': {
      const char* name = csr_name(static_cast<unsigned>(a.imm));
      return name != nullptr ? name : stringf("0x%x", static_cast<unsigned>(a.imm));
    }
    case 'z': return stringf("%u", a.rs1);
    case 'm': return kRoundingNames[fused ? a.imm : a.aux];
    case 'p': return fence_set(static_cast<unsigned>(a.imm) >> 4 & 15);
    case 'q': return fence_set(static_cast<unsigned>(a.imm) & 15);
    default: return std::string(1, letter);
  }
}

}  // namespace

const char* gpr_name(unsigned n) { return kGprNames[n & 31]; }
const char* fpr_name(unsigned n) { return kFprNames[n & 31]; }

std::string mnemonic(const Decoded& decoded) {
  if (decoded.op == op_illegal) return "";
  if (decoded.op16 != op16_none) return dotted(insn_line16(decoded.op16).name);
  const InsnLine& line = insn_line(decoded.op);
  std::string text = dotted(line.name);
  if (line.format == Format::amo || line.format == Format::lr) {
    static constexpr const char* kOrder[4] = {"", ".rl", ".aq", ".aqrl"};
    text += kOrder[decoded.args.aux & 3];
  }
  return text;
}

std::string disassemble(uint32_t raw, uint64_t pc) {
  const Decoded decoded = decode(raw, nullptr);
  if (decoded.op == op_illegal) {
    return decoded.length == 2 ? stringf(".insn 0x%04x", raw & 0xffff) : stringf(".insn 0x%08x", raw);
  }
  const char* format = decoded.op16 != op16_none ? insn_line16(decoded.op16).operands : format_operands(insn_line(decoded.op).format);
  std::string text = mnemonic(decoded);
  if (*format != 0) text += ' ';
  for (; *format != 0; format++) text += operand(*format, decoded, pc);
  return text;
}

std::string disassemble_line(uint32_t raw, uint64_t pc) {
  const unsigned length = insn_length(static_cast<uint16_t>(raw));
  const std::string bits = length == 2 ? stringf("%04x    ", raw & 0xffff) : stringf("%08x", raw);
  return stringf("0x%016llx:  %s  %s", static_cast<unsigned long long>(pc), bits.c_str(), disassemble(raw, pc).c_str());
}

}  // namespace monochord
