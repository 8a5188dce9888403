// PMP: 16 entries with a grain of 4 bytes. Source: Privileged manual 3.7.1.
#include "tcg/riscv/pmp.h"

#include <algorithm>

#include "tcg/riscv/csr_internal.h"
#include "tcg/riscv/mmu.h"

namespace monochord {

namespace {

constexpr unsigned kEntries = 16;
constexpr uint64_t kAddrBits = (uint64_t{1} << 54) - 1;  // pmpaddr holds bits 55:2 of an address
constexpr uint8_t kRwx = kPmpR | kPmpW | kPmpX;

}  // namespace

void pmp_update(HartState& state) {
  state.pmp_active = 0;
  state.pmp_even_first = 1;
  state.pmp_even_last = 0;
  for (unsigned i = 0; i < kEntries; i++) {
    const uint64_t addr = state.pmpaddr[i] & kAddrBits;
    uint64_t first = 0, last = 0;
    switch (state.pmpcfg[i] & kPmpA) {
      case kPmpTor: {
        const uint64_t below = i == 0 ? 0 : state.pmpaddr[i - 1] & kAddrBits;
        if (below >= addr) continue;  // matches nothing
        first = below << 2;
        last = (addr << 2) - 1;
        break;
      }
      case kPmpNa4:
        first = addr << 2;
        last = first + 3;
        break;
      case kPmpNapot: {
        const uint64_t ones = addr ^ (addr + 1);  // the trailing ones and the zero above them
        first = (addr & ~ones) << 2;
        last = first + (ones << 2) + 3;
        break;
      }
      default: continue;
    }
    state.pmp_first[i] = first;
    state.pmp_last[i] = last;
    state.pmp_active |= 1u << i;
  }
}

namespace {

// The stretch around `addr` in which no entry begins or ends: what holds for one of its bytes holds for all.
void find_even_stretch(const HartState& state, uint64_t addr) {
  uint64_t first = 0, last = ~uint64_t{0};
  uint8_t rights = 0;
  bool decided = false;
  for (unsigned active = state.pmp_active; active != 0; active &= active - 1) {
    const unsigned i = static_cast<unsigned>(__builtin_ctz(active));
    const uint64_t entry_first = state.pmp_first[i], entry_last = state.pmp_last[i];
    if (addr < entry_first) {
      last = std::min(last, entry_first - 1);
    } else if (addr > entry_last) {
      first = std::max(first, entry_last + 1);
    } else {
      first = std::max(first, entry_first);
      last = std::min(last, entry_last);
      if (!decided) rights = state.pmpcfg[i] & kRwx;
      decided = true;
    }
  }
  state.pmp_even_first = first;
  state.pmp_even_last = last;
  state.pmp_even_rights = rights;
}

}  // namespace

// The lowest entry that matches any byte decides; it must match all of them.
uint8_t pmp_range_permissions(const HartState& state, uint64_t first, uint64_t last, uint8_t priv) {
  if (priv != kPrivM) {
    if (first < state.pmp_even_first || last > state.pmp_even_last) find_even_stretch(state, first);
    if (last <= state.pmp_even_last) return state.pmp_even_rights;
  }
  for (unsigned active = state.pmp_active; active != 0; active &= active - 1) {
    const unsigned i = static_cast<unsigned>(__builtin_ctz(active));
    if (last < state.pmp_first[i] || first > state.pmp_last[i]) continue;
    if (first < state.pmp_first[i] || last > state.pmp_last[i]) return 0;
    if (priv == kPrivM && (state.pmpcfg[i] & kPmpL) == 0) return kRwx;
    return state.pmpcfg[i] & kRwx;
  }
  return priv == kPrivM ? kRwx : 0;
}

bool pmp_check(const HartState& state, uint64_t paddr, uint64_t size, AccessType type, uint8_t priv) {
  const uint8_t allowed = pmp_range_permissions(state, paddr, paddr + size - 1, priv);
  switch (type) {
    case AccessType::kFetch: return (allowed & kPmpX) != 0;
    case AccessType::kLoad: return (allowed & kPmpR) != 0;
    case AccessType::kStore: return (allowed & kPmpW) != 0;
  }
  UNREACHABLE();
}

namespace csr {

namespace {
constexpr unsigned kPmpcfg0 = 0x3a0, kPmpaddr0 = 0x3b0;
constexpr uint8_t kCfgBits = kPmpL | kPmpA | kRwx;

// pmpcfg0 holds entries 0..7, pmpcfg2 8..15.
unsigned first_entry(unsigned csr) { return (csr - kPmpcfg0) * 4; }
}  // namespace

uint64_t read_pmpcfg(const RiscvCpu& cpu, unsigned csr) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= uint64_t{cpu.state.pmpcfg[first_entry(csr) + i]} << (8 * i);
  return value;
}

void write_pmpcfg(RiscvCpu& cpu, unsigned csr, uint64_t value) {
  bool changed = false;
  for (unsigned i = 0; i < 8; i++) {
    uint8_t& cfg = cpu.state.pmpcfg[first_entry(csr) + i];
    const uint8_t now = (value >> (8 * i)) & kCfgBits;
    if (cfg & kPmpL) continue;
    if ((now & (kPmpR | kPmpW)) == kPmpW) continue;  // reserved: the entry stays
    changed |= now != cfg;
    cfg = now;
  }
  if (!changed) return;
  pmp_update(cpu.state);
  cpu.tlb.flush_all();
}

uint64_t read_pmpaddr(const RiscvCpu& cpu, unsigned csr) { return cpu.state.pmpaddr[csr - kPmpaddr0]; }

void write_pmpaddr(RiscvCpu& cpu, unsigned csr, uint64_t value) {
  HartState& state = cpu.state;
  const unsigned i = csr - kPmpaddr0;
  if (state.pmpcfg[i] & kPmpL) return;
  // A locked TOR entry above locks the address that is its lower end.
  if (i + 1 < kEntries && (state.pmpcfg[i + 1] & kPmpL) && (state.pmpcfg[i + 1] & kPmpA) == kPmpTor) return;
  value &= kAddrBits;
  if (value == state.pmpaddr[i]) return;
  state.pmpaddr[i] = value;
  pmp_update(state);
  cpu.tlb.flush_all();
}

}  // namespace csr

}  // namespace monochord
