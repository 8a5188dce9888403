#include "tcg/emit/dump.h"

#include <iterator>

#include "core/result.h"
#include "tcg/emit/emit.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/disas.h"

namespace monochord {

namespace {

// Names in the order of the enums of semantics.h and emit.h.
constexpr const char* kSizes[] = {"u8", "u16", "u32", "u64", "s8", "s16", "s32"};
constexpr const char* kConds[] = {"eq", "ne", "lt", "ge", "ltu", "geu"};
constexpr const char* kAmoOps[] = {"swap", "add", "xor", "and", "or", "min", "max", "minu", "maxu"};
constexpr const char* kFpOps2[] = {"add", "sub", "mul", "div"};
constexpr const char* kFpOps3[] = {"madd", "msub", "nmsub", "nmadd"};
constexpr const char* kFpSigns[] = {"sgnj", "sgnjn", "sgnjx"};
constexpr const char* kFpMinMaxes[] = {"min", "max"};
constexpr const char* kFpCmps[] = {"eq", "lt", "le"};
constexpr const char* kFpCvts[] = {"w_s", "wu_s", "l_s", "lu_s", "w_d", "wu_d", "l_d", "lu_d", "s_w",
                                   "s_wu", "s_l", "s_lu", "d_w", "d_wu", "d_l", "d_lu", "s_d", "d_s"};
constexpr const char* kHelpers[] = {"csr", "mret", "sret", "fence_i", "sfence_vma", "svinval_fence", "cbo", "ecall", "ebreak"};
static_assert(std::size(kHelpers) == static_cast<size_t>(HelperOp::kEbreak) + 1);
constexpr const char* kCsrOps[] = {"write", "set", "clear"};
constexpr const char* kRoundings[] = {"rne", "rtz", "rdn", "rup", "rmm", "?", "?", "dyn"};

template <size_t N>
std::string name_of(const char* const (&names)[N], unsigned n) {
  return n < N ? names[n] : stringf("?%u", n);
}

std::string operation(const Uop& u) {
  switch (u.code) {
    case UopCode::k_amo: return name_of(kAmoOps, u.sub);
    case UopCode::k_fp2: return name_of(kFpOps2, u.sub);
    case UopCode::k_fp3: return name_of(kFpOps3, u.sub);
    case UopCode::k_fsgn: return name_of(kFpSigns, u.sub);
    case UopCode::k_fminmax: return name_of(kFpMinMaxes, u.sub);
    case UopCode::k_fcmp: return name_of(kFpCmps, u.sub);
    case UopCode::k_fcvt: return name_of(kFpCvts, u.sub);
    case UopCode::k_call_helper: return name_of(kHelpers, u.sub);
    default: return stringf("%u", u.sub);
  }
}

std::string number(int64_t value) {
  if (value > -4096 && value < 4096) return stringf("%lld", static_cast<long long>(value));
  return stringf("0x%llx", static_cast<unsigned long long>(value));
}

std::string place(int64_t offset) {
  const unsigned long long bits = static_cast<unsigned long long>(offset);
  return offset < 0 ? stringf("page-0x%llx", 0 - bits) : stringf("page+0x%llx", bits);
}

std::string register_name(const Uop& u, Operand o) {
  if (is_gpr(o)) return gpr_name(o);
  if (is_fpr(o)) return fpr_name(o - kFpBase);
  if (is_temp(o)) return stringf("tmp%u", o - kTempBase);
  return o == kConstOperand ? number(u.imm) : "-";
}

// Which CSR, and what is done to it: "sstatus.set", "time.read".
std::string csr_access(const Uop& u) {
  const CsrArgs args = unpack_csr(u.imm);
  const char* name = csr_name(args.number);
  const std::string what = args.write ? name_of(kCsrOps, static_cast<unsigned>(args.op)) : "read";
  std::string text = stringf("%s.%s", name != nullptr ? name : stringf("0x%x", args.number).c_str(), what.c_str());
  if (args.write && args.is_constant) text += stringf(", %s", number(static_cast<int64_t>(args.constant)).c_str());
  return text;
}

std::string constant(const Uop& u) {
  if (u.code == UopCode::k_pcrel) return place(u.imm);
  if (u.code == UopCode::k_call_helper && u.sub == static_cast<uint8_t>(HelperOp::kCsr)) return csr_access(u);
  return number(u.imm);
}

std::string operand(const Uop& u, char letter) {
  switch (letter) {
    case 'd': return register_name(u, u.dst);
    case 'a': return register_name(u, u.a);
    case 'b': return register_name(u, u.b);
    case 'c': return register_name(u, u.c);
    case 'i': return constant(u);
    case 'm': return name_of(kSizes, static_cast<unsigned>(u.size));
    case 'f': return u.size == MemOp::kU32 ? "s" : "d";
    case 'p': return place(u.imm);
    case 'k': return name_of(kConds, u.sub);
    case 'o': return operation(u);
    case 'r': return name_of(kRoundings, static_cast<unsigned>(u.imm));
    default: return std::string(1, letter);
  }
}

}  // namespace

std::string uop_text(const Uop& u) {
  std::string text = uop_name(u.code);
  const char* separator = " ";
  for (const char* letter = uop_operands(u.code); *letter != 0; letter++) {
    if (*letter == ',') continue;
    text += separator;
    text += operand(u, *letter);
    separator = ", ";
  }
  if (u.dead) text += "  ; dead";
  if (u.group != 0) text += stringf("  ; group %u%s", u.group, u.group_head ? ", checks for all" : "");
  return text;
}

std::string insn_text(const Unit& unit, int insn, uint64_t page_address) {
  const GuestInsn& g = unit.insns[insn];
  return disassemble_line(g.raw, page_address + g.offset);
}

std::string in_asm_text(const Unit& unit, uint64_t page_address) {
  std::string text;
  for (int i = 0; i < unit.insn_count; i++) text += insn_text(unit, i, page_address) + "\n";
  return text;
}

std::string op_text(const Unit& unit, uint64_t page_address) {
  std::string text;
  int shown = -1;
  for (int i = 0; i < unit.uop_count; i++) {
    const Uop& u = unit.uops[i];
    // An instruction that needs none (nop, a jump that the unit follows) shows, too. What stands behind the last one only ends the unit.
    while (shown < u.insn) {
      const bool is_insn = ++shown < unit.insn_count;
      text += stringf(" ---- %s\n", is_insn ? insn_text(unit, shown, page_address).c_str() : "end");
    }
    text += stringf("  %s\n", uop_text(u).c_str());
  }
  return text;
}

}  // namespace monochord
