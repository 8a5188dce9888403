#include "tcg/emit/translate.h"

#include <bitset>
#include <cstring>

#include "tcg/emit/emit.h"
#include "tcg/riscv/rva.h"
#include "tcg/riscv/rvb.h"
#include "tcg/riscv/rvd.h"
#include "tcg/riscv/rvf.h"
#include "tcg/riscv/rvi.h"
#include "tcg/riscv/rvm.h"
#include "tcg/riscv/rvpriv.h"

namespace monochord {

namespace {

using Body = void (*)(Emit&, const Args&);

#define FORMAT(name, arg, operands) using format_arg_##name = arg_##arg;
#include "tcg/riscv/formats.inc"
#undef FORMAT
constexpr Body kBodies[] = {
    nullptr,  // illegal
#define INSN(name, ext, format, bits, flags) [](Emit& e, const Args& args) { trans_##name(e, format_arg_##format(args)); },
#include "tcg/riscv/insn32.inc"
#undef INSN
};

struct UopLine {
  const char* name;
  const char* operands;
  uint8_t flags;
};
constexpr UopLine kUops[] = {
#define UOP(name, operands, flags) {#name, operands, (flags)},
#include "tcg/emit/uop.inc"
#undef UOP
};

uint64_t granule(unsigned offset) { return uint64_t{1} << (offset / 64); }

}  // namespace

const char* uop_name(UopCode code) { return kUops[static_cast<size_t>(code)].name; }
const char* uop_operands(UopCode code) { return kUops[static_cast<size_t>(code)].operands; }
uint8_t uop_flags(UopCode code) { return kUops[static_cast<size_t>(code)].flags; }

void build_unit(Unit& unit, const UnitRequest& request, const CpuConfig& config) {
  // Code that nobody has run is in no cache of the host: waiting for it was a tenth of the translation.
  constexpr unsigned kAhead = 128;
  __builtin_prefetch(request.page + request.start);
  __builtin_prefetch(request.page + request.start + 64);
  unit.page_paddr = request.page_paddr;
  unit.start = request.start;
  unit.mode = request.mode;
  unit.uses_fp = unit.straddles = false;
  unit.strict_fencei = config.strict_fencei;
  unit.has_f = config.has(Ext::kF);
  unit.uop_count = unit.insn_count = 0;
  unit.granules = 0;
  std::bitset<2048> visited;
  Emit e(unit);
  e.set_may_follow(request.follow_jumps);
  unsigned offset = request.start;
  for (;;) {
    // The end of an instruction-less tail still belongs to the last instruction's count: a jump is none by itself.
    if (unit.insn_count == request.insns_max || unit.uop_count > kUopsMax - kUopsOfInsnMax || offset >= 4096 || visited[offset / 2]) {
      e.begin(static_cast<uint16_t>(offset < 4096 ? offset : 4095), 0);
      e.end_at(offset);
      break;
    }
    __builtin_prefetch(request.page + offset + kAhead);
    uint16_t low;
    memcpy(&low, request.page + offset, sizeof low);
    uint32_t raw = low;
    const unsigned length = insn_length(low);
    if (length == 4 && offset == 4094) {
      if (unit.insn_count != 0 || request.next_page == nullptr) {
        e.begin(static_cast<uint16_t>(offset), 0);
        e.end_at(offset);
        break;
      }
      uint16_t high;
      memcpy(&high, request.next_page, sizeof high);
      raw |= uint32_t{high} << 16;
      unit.straddles = true;
    } else if (length == 4) {
      memcpy(&raw, request.page + offset, sizeof raw);
    }
    const Decoded decoded = decode(raw, &config);
    if (decoded.op != op_illegal && (insn_line(decoded.op).flags & kFp) != 0 && e.fs_may_have_changed()) {
      unit.straddles = false;
      e.begin(static_cast<uint16_t>(offset), 0);
      e.end_at(offset);
      break;
    }
    visited.set(offset / 2);
    unit.granules |= granule(offset);
    if (offset + length <= 4096) unit.granules |= granule(offset + length - 1);
    unit.insns[unit.insn_count] = {static_cast<uint16_t>(offset), static_cast<uint8_t>(length), raw};
    e.begin(static_cast<uint16_t>(offset), static_cast<uint8_t>(length));
    // A system instruction across two pages, or after the last whole one, is rare enough.
    const bool is_system = decoded.op != op_illegal && (raw & 0x7f) == 0x73;
    if (decoded.op == op_illegal || (unit.straddles && is_system)) {
      e.interpret();
    } else {
      kBodies[decoded.op](e, decoded.args);
    }
    unit.insn_count++;
    if (e.ended()) break;
    const int follow = e.take_follow();
    if (follow >= 0) {
      offset = static_cast<unsigned>(follow);
    } else {
      offset += length;
    }
    if (unit.straddles) {
      e.begin(4094, 0);
      e.end_at(offset);
      break;
    }
  }
  find_dead(unit);
}

// Whether the unit ends here is found out when it runs: most writes change nothing that a unit stands on.
Emit::Value Emit::csr(unsigned number, CsrOp op, Value operand, bool read, bool write) {
  constexpr unsigned kSstatus = 0x100;
  if (write && number == kSstatus) fs_changed_ = true;
  CsrArgs args{static_cast<uint16_t>(number), op, read, write, false, 0};
  Operand source = kNoOperand;
  if (operand.kind == Value::Kind::kConst && wrap(operand.imm) < uint64_t{1} << 40) {
    args.is_constant = true;
    args.constant = wrap(operand.imm);
  } else {
    source = value_operand(operand);
  }
  if (number >= 1 && number <= 3) unit_.uses_fp = true;  // fflags, frm, fcsr
  Uop& u = append(UopCode::k_call_helper);
  u.sub = static_cast<uint8_t>(HelperOp::kCsr);
  u.imm = pack_csr(args);
  u.b = source;
  return read ? result_of(u, kWidthUnknown) : constant(0);
}

}  // namespace monochord
