// The backward pass, and the groups of accesses.
#include <array>

#include "tcg/emit/translate.h"

namespace monochord {

namespace {

constexpr uint64_t kEverything = ~uint64_t{0};

uint64_t bit(Operand o) { return uint64_t{1} << o; }

}  // namespace

void find_dead(Unit& unit) {
  uint64_t live = kEverything;  // guest registers
  uint64_t temps = 0;           // temporaries of the instruction that the pass is in
  unsigned insn = ~0u;
  for (int i = unit.uop_count - 1; i >= 0; i--) {
    Uop& u = unit.uops[i];
    if (u.insn != insn) {
      insn = u.insn;
      temps = 0;
    }
    const uint8_t flags = uop_flags(u.code);
    if (flags & kPure) {
      const bool seen = is_temp(u.dst) ? (temps >> (u.dst - kTempBase) & 1) != 0 : (live >> u.dst & 1) != 0;
      u.dead = !seen;
      if (u.dead) continue;
    }
    if (is_temp(u.dst)) temps &= ~(uint64_t{1} << (u.dst - kTempBase));
    if (is_gpr(u.dst) || is_fpr(u.dst)) live &= ~bit(u.dst);
    if (flags & (kMayTrap | kExit)) live = kEverything;
    const auto use = [&](Operand o, bool* last) {
      if (is_temp(o)) {
        const uint64_t mask = uint64_t{1} << (o - kTempBase);
        if (last != nullptr) *last = (temps & mask) == 0;
        temps |= mask;
      } else if (o < kTempBase) {
        live |= bit(o);
      }
    };
    use(u.c, nullptr);
    use(u.b, &u.last_b);
    use(u.a, &u.last_a);
    if (u.a == u.b) u.last_a = u.last_b;
  }
}

void find_groups(Unit& unit) {
  struct Open {
    int head = -1;
    int64_t low = 0, high = 0;  // bytes from the base register
    uint8_t number = 0;
    int members = 0;
  };
  constexpr int64_t kSpanMax = 512;  // few groups cross a page
  std::array<std::array<Open, 2>, 32> open{};  // by base register; loads, stores
  uint8_t next = 1;
  for (int i = 0; i < unit.uop_count; i++) {
    Uop& u = unit.uops[i];
    if (u.dead) continue;
    // A system instruction may change what memory looks like: the TLB and the slots, the mode of what follows.
    if (u.code == UopCode::k_call_helper) open = {};
    const bool is_load = u.code == UopCode::k_load;
    if ((is_load || u.code == UopCode::k_store) && is_gpr(u.a) && u.a != 0) {
      Open& group = open[u.a][!is_load];
      const int64_t low = u.imm, high = u.imm + size_of(u.size);
      const int64_t new_low = low < group.low ? low : group.low, new_high = high > group.high ? high : group.high;
      if (group.head >= 0 && new_high - new_low <= kSpanMax) {
        Uop& head = unit.uops[group.head];
        if (group.members == 1) {
          if (next == 255) continue;
          group.number = next++;
          head.group = group.number;
          head.group_head = true;
        }
        group.low = new_low;
        group.high = new_high;
        group.members++;
        u.group = group.number;
        unit.groups[group.number] = {static_cast<int32_t>(new_low), static_cast<int32_t>(new_high)};
      } else {
        group = {i, low, high, 0, 1};
      }
    }
    if (is_gpr(u.dst) && u.dst != 0) open[u.dst] = {};
  }
}

}  // namespace monochord
