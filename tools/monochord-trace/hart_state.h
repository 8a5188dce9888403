// What a trace tells about a hart's privilege and its interrupt enables. Each part is unknown until an event tells it; nothing is assumed about the
// start. Sources: trap_entered, mret, sret (privilege, MIE/MPIE, SIE/SPIE as the privileged manual moves them), csr_write of mstatus,
// sstatus, mie, sie.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/monochord-trace/schema.h"

namespace monochord::trace {

struct HartState {
  std::optional<uint8_t> privilege;
  std::optional<bool> mie, mpie, sie, spie;  // of mstatus
  uint64_t enables = 0, enables_known = 0;   // bits of the CSR mie

  // True where something of it may have changed. The event must be of this hart.
  bool follow(const Schema& schema, const Event& event);

  // Whether an interrupt that M (or S) handles is kept out by privilege and the global enable, whatever the bits of mie say.
  std::optional<bool> m_masked() const;
  std::optional<bool> s_masked() const;
};

}  // namespace monochord::trace
