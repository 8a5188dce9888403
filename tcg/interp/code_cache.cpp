#include "tcg/interp/code_cache.h"

#include <algorithm>

#include "tcg/interp/interpreter.h"

namespace monochord {

namespace {

constexpr uint64_t kPageMask = 4095;

// One cache an address space. Harts are made and destroyed in main context.
std::vector<std::pair<AddressSpace*, CodeCache*>>& caches() {
  static std::vector<std::pair<AddressSpace*, CodeCache*>> list;
  return list;
}

void fill(CodePage& page, Handler handler, unsigned first, unsigned last) {
  for (unsigned slot = first; slot <= last; slot++) page.insns[slot].fn = handler;
}

}  // namespace

CodeCache& CodeCache::acquire(AddressSpace& as, const CpuConfig& config, Interpreter& hart) {
  CodeCache* cache = nullptr;
  for (const auto& [space, existing] : caches()) {
    if (space == &as) cache = existing;
  }
  if (cache == nullptr) {
    cache = new CodeCache(as, config);
    caches().push_back({&as, cache});
  }
  CHECK_MSG(cache->config_.extensions == config.extensions, "harts of one address space have the same extensions");
  cache->harts_.push_back(&hart);
  return *cache;
}

void CodeCache::release(CodeCache& cache, Interpreter& hart) {
  std::erase(cache.harts_, &hart);
  if (cache.running_ == &hart) cache.running_ = nullptr;
  if (!cache.harts_.empty()) return;
  std::erase_if(caches(), [&](const auto& entry) { return entry.second == &cache; });
  delete &cache;
}

CodeCache::CodeCache(AddressSpace& as, const CpuConfig& config) : as_(as), config_(config), strict_fencei_(config.strict_fencei) {
  as_.add_write_hook(dma_written, this);
}

CodeCache::~CodeCache() { as_.remove_write_hook(dma_written, this); }

CodePage* CodeCache::look_up(uint64_t paddr) const {
  const auto found = by_paddr_.find(paddr >> 12);
  return found == by_paddr_.end() ? nullptr : found->second;
}

CodePage* CodeCache::take_page() {
  if (free_.empty() && pages_.size() >= (tbs_ != nullptr ? kPagesBesideJit : kPagesMax)) {
    // The oldest goes: pages are used in turn.
    drop(*pages_[next_victim_]);
    next_victim_ = (next_victim_ + 1) % pages_.size();
  }
  if (!free_.empty()) {
    CodePage* page = free_.back();
    free_.pop_back();
    return page;
  }
  pages_.push_back(std::make_unique<CodePage>());
  return pages_.back().get();
}

CodePage* CodeCache::get(uint64_t paddr, uint8_t* host) {
  if (CodePage* page = find(paddr)) return page;
  CodePage* page = take_page();
  pages_made++;
  page->paddr = paddr & ~kPageMask;
  page->host = host;
  page->cold_stores = 0;
  page->stale = false;
  page->live = true;
  fill(*page, handler_decode(), 0, CodePage::kSlots - 1);
  page->insns[CodePage::kSlots].fn = handler_refetch();
  by_paddr_[paddr >> 12] = page;
  const uint64_t bit = (paddr >> 12) % kFilterBits;
  filter_[bit / 64] |= uint64_t{1} << (bit % 64);
  for (Interpreter* hart : harts_) hart->cpu().tlb.protect_code_page(host);
  return page;
}

void CodeCache::drop(CodePage& page) {
  if (!page.live) return;
  pages_dropped++;
  page.live = false;
  // A hart may be in the middle of it: whatever slot it comes to next looks its pc up again.
  fill(page, handler_refetch(), 0, CodePage::kSlots);
  by_paddr_.erase(page.paddr >> 12);
  for (Interpreter* hart : harts_) hart->cpu().tlb.drop_code_page(&page);
  free_.push_back(&page);
}

void CodeCache::forget(CodePage& page, unsigned first, unsigned last) {
  slots_forgotten += last - first + 1;
  fill(page, handler_decode(), first, last);
}

TbCache* CodeCache::tb_cache(RiscvCpu& hart) {
  if (!jit_options().enabled) return nullptr;
  if (tbs_ == nullptr) tbs_ = TbCache::create(config_, hart);
  return tbs_.get();
}

void CodeCache::written(uint64_t paddr, uint64_t size) {
  if (tbs_ != nullptr) tbs_->written(paddr, size);
  const uint64_t end = paddr + size;
  while (paddr < end) {
    const uint64_t bytes = std::min(end - paddr, 4096 - (paddr & kPageMask));
    if (CodePage* page = find(paddr)) {
      if (strict_fencei_) {
        page->stale = any_stale_ = true;
      } else if (++page->cold_stores > kColdStoresMax) {
        drop(*page);
      } else {
        // An instruction that starts in the slot before may reach into these bytes.
        const unsigned first = (paddr & kPageMask) >> 1;
        const unsigned last = static_cast<unsigned>(((paddr & kPageMask) + bytes - 1) >> 1);
        forget(*page, first == 0 ? 0 : first - 1, last);
      }
    }
    paddr += bytes;
  }
}

void CodeCache::flush() {
  if (tbs_ != nullptr) tbs_->flush();
  for (const auto& page : pages_) drop(*page);
  std::fill(std::begin(filter_), std::end(filter_), 0);
}

void CodeCache::forget_stale(bool fence) {
  if (tbs_ != nullptr) tbs_->forget_stale(fence);
  if (!any_stale_ || (strict_fencei_ && !fence)) return;
  any_stale_ = false;
  for (const auto& page : pages_) {
    if (!page->stale) continue;
    page->stale = false;
    if (page->live) forget(*page, 0, CodePage::kSlots - 1);
  }
}

void CodeCache::change_hart(const Interpreter* hart) {
  running_ = hart;
  for (Interpreter* other : harts_) other->cpu().dma_epoch = other->cpu().dma_epoch + 1;
}

// Perhaps handler context: flags, epochs and a note for main.
void CodeCache::dma_written(void* opaque, uint64_t addr, uint64_t size) {
  CodeCache& cache = *static_cast<CodeCache*>(opaque);
  for (Interpreter* hart : cache.harts_) hart->cpu().dma_epoch = hart->cpu().dma_epoch + 1;
  bool code = false;
  if (!cache.by_paddr_.empty()) {
    for (uint64_t page = addr >> 12; page <= (addr + size - 1) >> 12; page++) {
      if (CodePage* found = cache.find(page << 12)) {
        found->stale = true;
        code = true;
      }
    }
  }
  cache.any_stale_ |= code;
  if (cache.tbs_ != nullptr) cache.tbs_->dma_written(addr, size, &code);
  if (!code) return;
  for (Interpreter* hart : cache.harts_) hart->queue_forget_stale();
}

}  // namespace monochord
