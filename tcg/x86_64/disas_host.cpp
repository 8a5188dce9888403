#include "tcg/x86_64/disas_host.h"

#ifdef MONOCHORD_CAPSTONE
#include <capstone/capstone.h>

#include <cstdlib>
#include <cstring>
#endif

namespace monochord::x86_64 {

#ifdef MONOCHORD_CAPSTONE

static_assert(CS_API_MAJOR >= 5);

namespace {

struct Capstone {
  csh handle = 0;
  cs_insn* insn = nullptr;  // room for one

  Capstone() {
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK) insn = cs_malloc(handle);
  }
};

Capstone& capstone() {
  static Capstone* const one = new Capstone;  // lives as long as the process
  return *one;
}

}  // namespace

const char* disassembler_lacks() {
  return capstone().insn != nullptr ? nullptr : "its capstone knows no x86; run tools/setup capstone musl and build again";
}

HostInsn disassemble_host(const uint8_t* code, size_t size_max) {
  HostInsn result;
  Capstone& c = capstone();
  uint64_t address = reinterpret_cast<uint64_t>(code);
  if (c.insn == nullptr || !cs_disasm_iter(c.handle, &code, &size_max, &address, c.insn)) return result;
  result.length = c.insn->size;
  result.text = c.insn->mnemonic;
  if (c.insn->op_str[0] != 0) {
    result.text += ' ';
    result.text += c.insn->op_str;
  }
  const bool jumps = c.insn->mnemonic[0] == 'j' || strcmp(c.insn->mnemonic, "call") == 0;
  if (jumps && strncmp(c.insn->op_str, "0x", 2) == 0) result.target = strtoull(c.insn->op_str, nullptr, 16);
  return result;
}

#else

const char* disassembler_lacks() { return "this build has no disassembler of host code; run tools/setup capstone musl and build again"; }
HostInsn disassemble_host(const uint8_t*, size_t) { return {}; }

#endif

}  // namespace monochord::x86_64
