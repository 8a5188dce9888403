// The CPU model: which extensions a hart has, and `-cpu rv64[,EXT=on|off]`. One line an extension in extensions.inc.
// Source: guests.md's list of what QEMU's rv64 has; RISC-V Unprivileged manual, chapter 36 (naming).
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace monochord {

enum class Ext : uint8_t {
#define EXTENSION(id, name, default_on, in_isa, description) id,
#include "tcg/riscv/extensions.inc"
#undef EXTENSION
  kCount,
};

struct CpuConfig {
  std::bitset<static_cast<size_t>(Ext::kCount)> extensions;
  bool strict_fencei = false;         // x-strict-fencei: stores are visible to fetch only after fence.i

  bool has(Ext ext) const { return extensions[static_cast<size_t>(ext)]; }
  unsigned satp_levels() const;       // 5, 4 or 3: the largest mode of satp (Sv57, Sv48, Sv39)
  std::string isa() const;            // riscv,isa
  std::vector<std::string> isa_extensions() const;
  const char* mmu_type() const;
};

CpuConfig default_cpu_config();   // rv64, as QEMU's minus what is not implemented
CpuConfig full_cpu_config();      // everything in extensions.inc: what tests of single extensions start from
// "rv64,sstc=off,svadu=on": any extension name that QEMU knows may be switched off; switching on what is missing is refused by name.
Result<CpuConfig> parse_cpu_model(const std::string& text);
std::string cpu_help();               // for -cpu help

}  // namespace monochord
