// From guest code to a unit of micro-operations: decoding, the bodies through Emit, the rules where a unit ends, and the backward pass.
#pragma once

#include "tcg/emit/uop.h"
#include "tcg/riscv/config.h"

namespace monochord {

struct UnitRequest {
  const uint8_t* page = nullptr;       // the 4 KiB of code
  const uint8_t* next_page = nullptr;  // what follows it in the address space, where an instruction reaches into it; else null
  uint64_t page_paddr = 0;
  uint16_t start = 0;
  uint8_t mode = 0;
  int insns_max = kUnitInsnsMax;
  bool follow_jumps = true;
};

// A unit begins at `start` and follows the fall-through path and direct jumps inside the page. It ends before the page does, where control goes
// elsewhere for good, and where it would come to itself.
void build_unit(Unit& unit, const UnitRequest& request, const CpuConfig& config);

// Marks what nothing sees, and the last reads of temporaries. Everything is visible at a way out of the unit.
void find_dead(Unit& unit);

// Finds accesses off one base register that does not change between them.
void find_groups(Unit& unit);

}  // namespace monochord
