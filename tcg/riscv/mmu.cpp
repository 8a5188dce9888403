// The page walk and the checks around it: what a TLB miss costs, so it is kept short. Source: see mmu.h.
#include "tcg/riscv/mmu.h"

#include "core/log.h"
#include "tcg/exec/step_log.h"
#include "tcg/riscv/bits.h"
#include "tcg/riscv/pmp.h"

namespace monochord {

namespace {

// Bits of a PTE.
constexpr uint64_t kV = 1 << 0, kR = 1 << 1, kW = 1 << 2, kX = 1 << 3, kU = 1 << 4, kG = 1 << 5, kA = 1 << 6, kD = 1 << 7;
constexpr uint64_t kReserved = uint64_t{0x7f} << 54;
constexpr unsigned kPbmtShift = 61;
constexpr uint64_t kPbmt = uint64_t{3} << kPbmtShift;
constexpr uint64_t kN = uint64_t{1} << 63;
constexpr uint64_t kPpn = (uint64_t{1} << 44) - 1;
constexpr unsigned kPpnShift = 10, kPageShift = 12, kIndexBits = 9, kNapotBits = 4;
constexpr uint64_t kPageMask = (uint64_t{1} << kPageShift) - 1;

struct FaultCodes {
  Exception page, access;
};
constexpr FaultCodes kFaults[] = {
    {Exception::kInstPageFault, Exception::kInstAccessFault},
    {Exception::kLoadPageFault, Exception::kLoadAccessFault},
    {Exception::kStorePageFault, Exception::kStoreAccessFault},
};

enum class WalkEnd : uint8_t { kOk, kPageFault, kAccessFault };

struct Walk {
  WalkEnd end = WalkEnd::kOk;
  uint64_t paddr = 0;
  uint64_t pte = 0;  // the leaf, with the A and D bits that it has now
  unsigned leaf_bits = kPageShift;
  bool global = false;
};

// Levels of the walk for accesses with this privilege; 0: addresses are physical.
unsigned walk_levels(const HartState& state, uint8_t priv) {
  if (priv == kPrivM) return 0;
  switch (state.satp >> kSatpModeShift) {
    case kSatpSv39: return 3;
    case kSatpSv48: return 4;
    case kSatpSv57: return 5;
    default: return 0;
  }
}

bool pmp_allows(const RiscvCpu& cpu, uint64_t paddr, uint64_t size, AccessType type, uint8_t priv) {
  return !cpu.config.has(Ext::kPmp) || pmp_check(cpu.state, paddr, size, type, priv);
}

// A PTE lies in one of the entries' even stretches nearly always.
bool pmp_allows_pte(const RiscvCpu& cpu, uint64_t addr, AccessType type) {
  const HartState& state = cpu.state;
  const uint8_t wanted = type == AccessType::kLoad ? kPmpR : kPmpW;
  if (addr >= state.pmp_even_first && addr + 7 <= state.pmp_even_last && (state.pmp_even_rights & wanted)) return true;
  return pmp_allows(cpu, addr, 8, type, kPrivS);
}

// Host memory of the PTE at `addr`, or null where no RAM or ROM is.
uint64_t* pte_host(const RiscvCpu& cpu, uint64_t addr, bool for_store) {
  if (uint8_t* host = ram_page_host(cpu, addr)) return reinterpret_cast<uint64_t*>(host);
  const MemorySection section = cpu.as.translate(addr);
  if (section.host == nullptr || section.remaining < 8) return nullptr;
  if (for_store && !section.region->is_ram()) return nullptr;
  return reinterpret_cast<uint64_t*>(section.host);  // aligned: so are PTEs and RAM
}

// Whether a leaf lets this access through, A and D aside.
bool leaf_allows(uint64_t pte, AccessType type, const MmuMode& mode) {
  if (mode.priv == kPrivU) {
    if ((pte & kU) == 0) return false;
  } else if ((pte & kU) && (type == AccessType::kFetch || !mode.sum)) {
    return false;
  }
  switch (type) {
    case AccessType::kFetch: return (pte & kX) != 0;
    case AccessType::kLoad: return (pte & kR) || (mode.mxr && (pte & kX));
    case AccessType::kStore: return (pte & kW) != 0;
  }
  UNREACHABLE();
}

// Reserved encodings that any PTE faults for.
bool pte_valid(const RiscvCpu& cpu, uint64_t pte) {
  if ((pte & kV) == 0 || (pte & (kR | kW)) == kW || (pte & kReserved) != 0) return false;
  if ((pte & kN) && !cpu.config.has(Ext::kSvnapot)) return false;
  if (pte & kPbmt) {
    if ((cpu.state.menvcfg & kMenvcfgPbmte) == 0 || (pte & kPbmt) == kPbmt) return false;
  }
  return true;
}

bool hardware_updates_ad(const RiscvCpu& cpu) {
  if (cpu.config.has(Ext::kSvadu)) return (cpu.state.menvcfg & kMenvcfgAdue) != 0;
  return !cpu.config.has(Ext::kSvade);
}

// The address behind walk.pte, a leaf found at `level`; a page fault where the leaf is malformed.
void leaf_address(Walk& walk, unsigned level, uint64_t vaddr) {
  uint64_t ppn = (walk.pte >> kPpnShift) & kPpn;
  unsigned from_vaddr = kIndexBits * level;  // bits of the page number that come from the virtual address
  bool well_formed = (ppn & ((uint64_t{1} << from_vaddr) - 1)) == 0;  // a superpage is aligned
  if (walk.pte & kN) {
    well_formed = level == 0 && (ppn & 15) == 8;  // the one size there is: 64 KiB
    from_vaddr = kNapotBits;
    ppn &= ~uint64_t{15};
  }
  if (!well_formed) walk.end = WalkEnd::kPageFault;
  walk.leaf_bits = kPageShift + from_vaddr;
  walk.paddr = (ppn << kPageShift) | (vaddr & ((uint64_t{1} << walk.leaf_bits) - 1));
}

// Finds the leaf; permissions, A and D are the caller's. `pte_addr` is where it was.
Walk find_leaf(const RiscvCpu& cpu, uint64_t vaddr, unsigned levels, uint64_t* pte_addr, uint64_t** pte_at) {
  const unsigned sign_shift = 64 - (kPageShift + kIndexBits * levels);
  if (static_cast<uint64_t>(static_cast<int64_t>(vaddr << sign_shift) >> sign_shift) != vaddr) return {WalkEnd::kPageFault};
  uint64_t table = (cpu.state.satp & kSatpPpn) << kPageShift;
  bool global = false;  // G anywhere on the way holds for all below
  for (unsigned level = levels; level-- > 0;) {
    const uint64_t index = (vaddr >> (kPageShift + kIndexBits * level)) & ((1 << kIndexBits) - 1);
    *pte_addr = table + index * 8;
    if (!pmp_allows_pte(cpu, *pte_addr, AccessType::kLoad)) return {WalkEnd::kAccessFault};
    *pte_at = pte_host(cpu, *pte_addr, false);
    if (*pte_at == nullptr) return {WalkEnd::kAccessFault};
    const uint64_t pte = **pte_at;
    if (!pte_valid(cpu, pte)) return {WalkEnd::kPageFault};
    global |= (pte & kG) != 0;
    if (pte & (kR | kX)) {
      Walk walk;
      walk.global = global;
      walk.pte = pte;
      leaf_address(walk, level, vaddr);
      return walk;
    }
    if (pte & (kD | kA | kU | kN | kPbmt)) return {WalkEnd::kPageFault};  // reserved in a pointer to the next level
    table = ((pte >> kPpnShift) & kPpn) << kPageShift;
  }
  return {WalkEnd::kPageFault};
}

Walk walk_page_table(RiscvCpu& cpu, uint64_t vaddr, unsigned levels, AccessType type, const MmuMode& mode) {
  uint64_t pte_addr = 0;
  uint64_t* pte_at = nullptr;
  Walk walk = find_leaf(cpu, vaddr, levels, &pte_addr, &pte_at);
  if (walk.end != WalkEnd::kOk) return walk;
  if (!leaf_allows(walk.pte, type, mode)) return {WalkEnd::kPageFault};
  const uint64_t need = type == AccessType::kStore ? kA | kD : kA;
  if ((walk.pte & need) == need) return walk;
  if (!hardware_updates_ad(cpu)) return {WalkEnd::kPageFault};
  if (!pmp_allows_pte(cpu, pte_addr, AccessType::kStore) || pte_host(cpu, pte_addr, true) == nullptr)
    return {WalkEnd::kAccessFault};
  const uint64_t old = walk.pte;
  walk.pte |= need;
  *pte_at = walk.pte;
  if (cpu.step_log != nullptr) cpu.step_log->pte_updated(pte_at, pte_addr, old);
  cpu.code_written(pte_addr, 8);  // a page table may lie beside code
  return walk;
}

Translation fault(const RiscvCpu& cpu, WalkEnd end, uint64_t vaddr, AccessType type, const MmuMode& mode) {
  const FaultCodes& codes = kFaults[static_cast<unsigned>(type)];
  Translation result;
  result.trap = {end == WalkEnd::kPageFault ? codes.page : codes.access, vaddr};
  if (log_enabled(kLogMmu)) {
    qemu_log_mask(kLogMmu, "hart %d: %s at 0x%llx for a %s in %s mode, satp 0x%llx, pc 0x%llx", cpu.cpu_index,
                  end == WalkEnd::kPageFault ? "page fault" : "access fault", static_cast<unsigned long long>(vaddr),
                  type == AccessType::kFetch ? "fetch" : type == AccessType::kLoad ? "load" : "store",
                  mode.priv == kPrivM ? "M" : mode.priv == kPrivS ? "S" : "U", static_cast<unsigned long long>(cpu.state.satp),
                  static_cast<unsigned long long>(cpu.state.pc));
  }
  return result;
}

}  // namespace

uint8_t* find_ram_page(const RiscvCpu& cpu, uint64_t paddr) {
  for (const FlatRange& range : cpu.as.flat_view()) {
    if (paddr - range.start >= range.size || !range.region->is_ram()) continue;
    const uint64_t first = (range.start + kPageMask) & ~kPageMask, end = (range.start + range.size) & ~kPageMask;
    if (paddr < first || paddr >= end) return nullptr;
    uint8_t* host = range.region->host() + range.offset + (first - range.start);
    cpu.tlb.ram_window = {first, end - first, host, cpu.as.generation()};
    return host + (paddr - first);
  }
  return nullptr;
}

Translation mmu_translate(RiscvCpu& cpu, uint64_t vaddr, unsigned size, AccessType type, const MmuMode& mode) {
  Translation result;
  result.paddr = vaddr;
  result.page_readable = result.page_writable = result.page_executable = true;
  if (const unsigned levels = walk_levels(cpu.state, mode.priv); levels != 0) {
    const Walk walk = walk_page_table(cpu, vaddr, levels, type, mode);
    if (walk.end != WalkEnd::kOk) return fault(cpu, walk.end, vaddr, type, mode);
    result.paddr = walk.paddr;
    result.leaf_bits = walk.leaf_bits;
    result.global = walk.global;
    result.page_readable = leaf_allows(walk.pte, AccessType::kLoad, mode);
    result.page_writable = (walk.pte & kD) && leaf_allows(walk.pte, AccessType::kStore, mode);
    result.page_executable = leaf_allows(walk.pte, AccessType::kFetch, mode);
  }
  if (!cpu.config.has(Ext::kPmp)) return result;
  const uint64_t page = result.paddr & ~kPageMask;
  const uint8_t whole = pmp_range_permissions(cpu.state, page, page + kPageMask, mode.priv);
  result.page_readable &= (whole & kPmpR) != 0;
  result.page_writable &= (whole & kPmpW) != 0;
  result.page_executable &= (whole & kPmpX) != 0;
  const uint8_t wanted = type == AccessType::kFetch ? kPmpX : type == AccessType::kLoad ? kPmpR : kPmpW;
  // A page cut into pieces says 0 as a whole: look at the bytes of this access alone.
  if ((whole & wanted) == 0 && !pmp_check(cpu.state, result.paddr, size, type, mode.priv))
    return fault(cpu, WalkEnd::kAccessFault, vaddr, type, mode);
  return result;
}

bool mmu_debug_translate(const RiscvCpu& cpu, uint64_t vaddr, uint64_t* paddr) {
  const MmuMode mode = mmu_mode(cpu, AccessType::kLoad);
  const unsigned levels = walk_levels(cpu.state, mode.priv);
  if (levels == 0) {
    *paddr = vaddr;
    return true;
  }
  uint64_t pte_addr = 0;
  uint64_t* pte_at = nullptr;
  const Walk walk = find_leaf(cpu, vaddr, levels, &pte_addr, &pte_at);
  if (walk.end != WalkEnd::kOk) return false;
  *paddr = walk.paddr;
  return true;
}

}  // namespace monochord
