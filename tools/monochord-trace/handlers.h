// Which handlers each hart is in, derived from interrupt_taken, exception_taken, trap_entered, mret and sret. Rules
// - A trap pushes a frame; mret pops the innermost frame that M handles, sret the innermost that S handles, with what is inside of it.
// - A hart that is at privilege p is in no handler of a higher one: entering a trap from p, or returning to p, ends those frames. That is how a
//   kernel's switch to another task (a return that matches no trap of this stack) comes out right at the next return to user mode.
// - Without trap_entered in the trace the handler's privilege is unknown, and any return ends it.
#pragma once

#include <map>
#include <vector>

#include "tools/monochord-trace/schema.h"

namespace monochord::trace {

inline constexpr uint8_t kPrivilegeUnknown = 0xff;
inline constexpr size_t kFramesMax = 64;

struct Frame {
  bool interrupt = false;
  uint8_t to = kPrivilegeUnknown;  // the privilege that handles it
  bool entered = false;            // its trap_entered was seen
  uint64_t cause = 0, epc = 0;
  uint64_t sequence = 0, instruction = 0;
  int64_t ns = 0;
  uint64_t flow = 0;  // for the owner
};

class Handlers {
 public:
  struct Step {
    bool began = false;        // this event pushed frames().back()
    std::vector<Frame> ended;  // innermost first
  };
  Step follow(const Schema& schema, const Event& event);
  const std::vector<Frame>& frames(uint64_t hart) { return harts_[hart].frames; }
  std::vector<Frame>& frames_to_change(uint64_t hart) { return harts_[hart].frames; }
  bool in_interrupt(uint64_t hart);
  std::vector<uint64_t> harts() const;

 private:
  struct Hart {
    std::vector<Frame> frames;
  };
  std::map<uint64_t, Hart> harts_;
};

}  // namespace monochord::trace
