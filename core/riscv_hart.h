// How a board and a RISC-V hart meet without knowing each other: devices/ and tcg/ both include this file and nothing of one another.
//
// Rules
// - set_irq(opaque, n, level) drives interrupt bit n of the hart, with the privileged manual's numbers (mip): 1 SSIP, 3 MSIP, 5 STIP, 7 MTIP,
//   9 SEIP, 11 MEIP. It is an IrqLine sink: main or handler context with the BQL held, and it touches no hart-private state.
// - A TimeSource is the board's `mtime`, which the `time` CSR shows and Sstc compares with. read() and virtual_deadline_ns() touch no lock but
//   the mask: they may be called where a CSR is read.
// - virtual_deadline_ns() is the absolute time on the VIRTUAL clock, in ns, at which read() first answers `timecmp` or more, rounded up:
//   ceil((timecmp - delta) * 1e9 / frequency) in 128 bits. Never early, never wrapped; INT64_MAX where it is beyond that.
// Source: RISC-V Privileged Architecture, chapters Machine-Level ISA (mip, mtime) and "Sstc".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/irq.h"

namespace monochord {

// Interrupt numbers of a hart (bits of mip).
enum RiscvIrq : int { kIrqSSoft = 1, kIrqMSoft = 3, kIrqSTimer = 5, kIrqMTimer = 7, kIrqSExternal = 9, kIrqMExternal = 11 };

struct TimeSource {
  uint64_t (*read)(void* opaque);
  int64_t (*virtual_deadline_ns)(void* opaque, uint64_t timecmp);
  void* opaque;
  uint32_t frequency_hz;
};

// One hart as the board sees it. All pointers outlive the board.
struct RiscvHartPort {
  IrqLine::Handler set_irq;
  void* opaque;
  void (*set_time_source)(void* opaque, const TimeSource& source);
  unsigned hart_id;
  // For the device tree.
  std::string isa;                          // riscv,isa: "rv64imafdc_zba_..."
  std::vector<std::string> isa_extensions;  // riscv,isa-extensions: "i", "m", ...
  const char* mmu_type;                     // "riscv,sv57", or null without an MMU
  unsigned cbo_block_size;                  // bytes; 0 without Zicbom/Zicboz
  // mtime was written and jumped: compare stimecmp again (queue it, this may be handler context). May be null.
  void (*time_changed)(void* opaque) = nullptr;
};

}  // namespace monochord
