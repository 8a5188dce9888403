#include "core/bql.h"

#include "core/cpu.h"

namespace monochord {

volatile sig_atomic_t bql_held = 0;
volatile sig_atomic_t bql_kick_pending = 0;
bool slices_are_exact = false;

void bql_signal_kick() {
  if (slices_are_exact) return;  // the loop looks at the end of the slice, and before it waits
  if (bql_held) bql_kick_pending = 1;
  Cpu* cpu = current_cpu;
  if (cpu != nullptr) cpu->exit_request = 1;
}

void bql_deliver_kick() {
  // Without a running hart nothing is lost by keeping it: the loop clears it before it looks at what the signal asked for.
  Cpu* cpu = current_cpu;
  if (cpu == nullptr) return;
  bql_kick_pending = 0;
  cpu->exit_request = 1;
}

}  // namespace monochord
