// Physical memory protection, the parts that mmu.cpp and the CSRs share. Main context.
// Source: Privileged manual 3.7.
#pragma once

#include "tcg/riscv/cpu.h"

namespace monochord {

// Recomputes pmp_first, pmp_last and pmp_active: call after pmpcfg or pmpaddr changed.
void pmp_update(HartState& state);

// What PMP allows of a whole range: bits kPmpR, kPmpW, kPmpX. 0 where entries cut the range into pieces.
uint8_t pmp_range_permissions(const HartState& state, uint64_t first, uint64_t last, uint8_t priv);

}  // namespace monochord
