// The registers as GDB numbers them, and the target description. Source: GDB's documentation, "RISC-V Features" (org.gnu.gdb.riscv.*).
//   0..31 x0..x31 | 32 pc | 33..64 f0..f31 | 65 + n: CSR n | 65 + 4096: priv
#include <cstring>

#include "tcg/riscv/cpu.h"
#include "tcg/riscv/csr.h"
#include "tcg/riscv/disas.h"

namespace monochord {

namespace {

constexpr unsigned kPc = 32, kFirstFpr = 33, kFirstCsr = 65, kPriv = kFirstCsr + 4096;
constexpr unsigned kFflags = 1, kFcsr = 3;  // CSRs that belong to GDB's fpu feature

void append(std::string* bytes, uint64_t value) {
  char raw[sizeof value];
  memcpy(raw, &value, sizeof value);
  bytes->append(raw, sizeof raw);
}

std::string reg(const char* name, unsigned number, const char* type, const char* group) {
  return stringf("<reg name=\"%s\" bitsize=\"64\" regnum=\"%u\" type=\"%s\" group=\"%s\"/>\n", name, number, type, group);
}

}  // namespace

bool RiscvCpu::gdb_read_register(unsigned number, std::string* bytes) const {
  uint64_t value = 0;
  if (number < kPc) {
    value = state.x[number];
  } else if (number == kPc) {
    value = state.pc;
  } else if (number < kFirstCsr) {
    value = state.f[number - kFirstFpr];
  } else if (number < kPriv) {
    if (!csr_debug_read(*this, number - kFirstCsr, &value)) return false;
  } else if (number == kPriv) {
    value = state.priv;
  } else {
    return false;
  }
  append(bytes, value);
  return true;
}

bool RiscvCpu::gdb_write_register(unsigned number, const uint8_t* bytes, size_t size) {
  uint64_t value = 0;
  if (size > sizeof value) return false;
  memcpy(&value, bytes, size);
  if (number < kPc) {
    if (number != 0) state.x[number] = value;
  } else if (number == kPc) {
    state.pc = value & ~uint64_t{1};
  } else if (number < kFirstCsr) {
    state.f[number - kFirstFpr] = value;
  } else if (number < kPriv) {
    return csr_debug_write(*this, number - kFirstCsr, value);
  } else if (number == kPriv && (value == kPrivU || value == kPrivS || value == kPrivM)) {
    state.priv = static_cast<uint8_t>(value);
  } else {
    return false;
  }
  return true;
}

std::string RiscvCpu::gdb_target_xml(const std::string& annex) const {
  if (annex != "target.xml") return "";
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n"
      "<architecture>riscv:rv64</architecture>\n<feature name=\"org.gnu.gdb.riscv.cpu\">\n";
  for (unsigned i = 0; i < 32; i++) {
    const char* type = i == 1 ? "code_ptr" : i == 2 || i == 3 || i == 4 || i == 8 ? "data_ptr" : "int";
    xml += reg(i == 8 ? "fp" : gpr_name(i), i, type, "general");
  }
  xml += reg("pc", kPc, "code_ptr", "general");
  xml += "</feature>\n";
  if (config.has(Ext::kF)) {
    xml += "<feature name=\"org.gnu.gdb.riscv.fpu\">\n";
    for (unsigned i = 0; i < 32; i++) xml += reg(fpr_name(i), kFirstFpr + i, "ieee_double", "float");
    for (unsigned n = kFflags; n <= kFcsr; n++) xml += reg(csr_name(n), kFirstCsr + n, "int", "float");
    xml += "</feature>\n";
  }
  xml += "<feature name=\"org.gnu.gdb.riscv.virtual\">\n" + reg("priv", kPriv, "int", "general") + "</feature>\n";
  xml += "<feature name=\"org.gnu.gdb.riscv.csr\">\n";
  for (unsigned i = 0; csr_from_index(i) != 0xffff; i++) {
    const unsigned number = csr_from_index(i);
    uint64_t value = 0;
    if ((number >= kFflags && number <= kFcsr) || !csr_debug_read(*this, number, &value)) continue;
    xml += reg(csr_name(number), kFirstCsr + number, "int", "csr");
  }
  return xml + "</feature>\n</target>\n";
}

}  // namespace monochord
