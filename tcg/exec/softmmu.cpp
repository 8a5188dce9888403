#include "tcg/exec/softmmu.h"

#include <cstring>

#include "tcg/exec/step_log.h"
#include "tcg/interp/code_cache.h"

namespace monochord {

namespace {

constexpr uint64_t kPageMask = 4095;

uint64_t load_host(const uint8_t* host, unsigned size) {
  uint64_t value = 0;
  switch (size) {
    case 1: return *host;
    case 2: memcpy(&value, host, 2); return value;
    case 4: memcpy(&value, host, 4); return value;
    default: memcpy(&value, host, 8); return value;
  }
}

void store_host(uint8_t* host, unsigned size, uint64_t value) {
  switch (size) {
    case 1: *host = static_cast<uint8_t>(value); break;
    case 2: memcpy(host, &value, 2); break;
    case 4: memcpy(host, &value, 4); break;
    default: memcpy(host, &value, 8); break;
  }
}

// One piece of an access, on one page.
LoadResult load_piece(RiscvCpu& cpu, uint64_t vaddr, const HostAccess& at, unsigned size) {
  if (at.host != nullptr) return {{}, load_host(at.host, size)};
  LoadResult result;
  const MemTxResult done = cpu.step_log != nullptr ? cpu.step_log->device_read(at.paddr, size, &result.value) : cpu.as.read(at.paddr, size, &result.value);
  if (done != MemTxResult::kOk) result.trap = {Exception::kLoadAccessFault, vaddr};
  return result;
}

Trap store_piece(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, const HostAccess& at, unsigned size, uint64_t value) {
  if (at.host != nullptr && at.writable) {
    const uint64_t old = cpu.step_log != nullptr ? load_host(at.host, size) : 0;
    store_host(at.host, size, value);
    if (cpu.step_log != nullptr) cpu.step_log->stored(at.host, at.paddr, size, old);
    code.written(at.paddr, size);
    return {};
  }
  const MemTxResult done = cpu.step_log != nullptr ? cpu.step_log->device_write(at.paddr, size, value) : cpu.as.write(at.paddr, size, value);
  if (done != MemTxResult::kOk) return {Exception::kStoreAccessFault, vaddr};
  return {};
}

// The access crosses a page: both ends are allowed first, then it is made byte by byte.
bool is_split(uint64_t vaddr, unsigned size) { return (vaddr & kPageMask) + size > 4096; }

}  // namespace

TlbMode tlb_mode(const MmuMode& mode) {
  if (mode.priv == kPrivM) return kTlbM;
  if (mode.priv == kPrivU) return kTlbU;
  return mode.sum ? kTlbSumS : kTlbS;
}

TlbMode data_tlb_mode(const RiscvCpu& cpu) { return tlb_mode(mmu_mode(cpu, AccessType::kLoad)); }

// SUM is nothing to a fetch.
TlbMode fetch_tlb_mode(const RiscvCpu& cpu) {
  return cpu.state.priv == kPrivM ? kTlbM : cpu.state.priv == kPrivS ? kTlbS : kTlbU;
}

HostAccess softmmu_access(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size, AccessType type) {
  DCHECK(bql_locked() && !in_handler_context());
  const MmuMode mode = mmu_mode(cpu, type);
  const Translation translation = mmu_translate(cpu, vaddr, size, type, mode);
  HostAccess result;
  if (translation.trap) {
    result.trap = translation.trap;
    return result;
  }
  result.paddr = translation.paddr;
  const uint64_t into = result.paddr & kPageMask;
  uint8_t* page = ram_page_host(cpu, result.paddr - into);
  if (page != nullptr) {
    result.host = page + into;
    result.writable = true;
  } else {
    const MemorySection section = cpu.as.translate(result.paddr);
    if (section.host == nullptr) return result;
    result.writable = section.region->is_ram();
    if (section.remaining >= size) result.host = section.host;
    // A TLB entry answers for a whole page: memory that begins or ends inside it never gets one.
    if (section.remaining < 4096 - into || section.offset < into) return result;
    page = cpu.as.translate(result.paddr - into).host;
    if (page + into != section.host) return result;
  }
  if (type == AccessType::kLoad && translation.page_readable) {
    cpu.tlb.fill_read(tlb_mode(mode), vaddr, page, result.paddr, translation.leaf_bits, translation.global);
  } else if (type == AccessType::kStore && translation.page_writable && result.writable && !code.has_code(result.paddr) && cpu.step_log == nullptr) {
    cpu.tlb.fill_write(tlb_mode(mode), vaddr, page, result.paddr, translation.leaf_bits, translation.global);
  }
  return result;
}

LoadResult softmmu_load(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size) {
  if (!is_split(vaddr, size)) {
    const HostAccess at = softmmu_access(cpu, code, vaddr, size, AccessType::kLoad);
    if (at.trap) return {at.trap, 0};
    return load_piece(cpu, vaddr, at, size);
  }
  const uint64_t second = (vaddr | kPageMask) + 1;
  const unsigned first_size = static_cast<unsigned>(second - vaddr);
  const HostAccess low = softmmu_access(cpu, code, vaddr, first_size, AccessType::kLoad);
  if (low.trap) return {low.trap, 0};
  const HostAccess high = softmmu_access(cpu, code, second, size - first_size, AccessType::kLoad);
  if (high.trap) return {high.trap, 0};
  LoadResult result;
  for (unsigned i = 0; i < size; i++) {
    HostAccess at = i < first_size ? low : high;
    const unsigned into = i < first_size ? i : i - first_size;
    at.paddr += into;
    if (at.host != nullptr) at.host += into;
    const LoadResult byte = load_piece(cpu, vaddr + i, at, 1);
    if (byte.trap) return byte;
    result.value |= byte.value << (8 * i);
  }
  return result;
}

Trap softmmu_store(RiscvCpu& cpu, CodeCache& code, uint64_t vaddr, unsigned size, uint64_t value) {
  if (!is_split(vaddr, size)) {
    const HostAccess at = softmmu_access(cpu, code, vaddr, size, AccessType::kStore);
    if (at.trap) return at.trap;
    return store_piece(cpu, code, vaddr, at, size, value);
  }
  const uint64_t second = (vaddr | kPageMask) + 1;
  const unsigned first_size = static_cast<unsigned>(second - vaddr);
  const HostAccess low = softmmu_access(cpu, code, vaddr, first_size, AccessType::kStore);
  if (low.trap) return low.trap;
  const HostAccess high = softmmu_access(cpu, code, second, size - first_size, AccessType::kStore);
  if (high.trap) return high.trap;
  for (unsigned i = 0; i < size; i++) {
    HostAccess at = i < first_size ? low : high;
    const unsigned into = i < first_size ? i : i - first_size;
    at.paddr += into;
    if (at.host != nullptr) at.host += into;
    if (const Trap trap = store_piece(cpu, code, vaddr + i, at, 1, value >> (8 * i) & 0xff)) return trap;
  }
  return {};
}

}  // namespace monochord
