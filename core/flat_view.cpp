// From the tree of regions to the flat view. The tree is walked from the front to the back (children before their parent, high priority
// before low); a region gets those bytes of its window that nobody before it took. Bounds are 128 bits wide: an alias may put the
// start of its target below address 0, and ends may lie beyond 2^64.
#include <algorithm>

#include "core/memory.h"

namespace monochord {

class AddressSpace::Flattener {
 public:
  using Wide = __int128;

  explicit Flattener(std::vector<FlatRange>& flat) : flat_(flat) {}

  // Shows `region`, whose first byte is at `base`, inside [clip_start, clip_end).
  void render(MemoryRegion& region, Wide base, Wide clip_start, Wide clip_end, int depth) {
    CHECK_MSG(depth < kDepthMax, "aliases in a circle?");
    clip_start = std::max(clip_start, base);
    clip_end = std::min(clip_end, base + region.size_);
    if (clip_start >= clip_end) return;
    if (region.kind_ == MemoryRegion::Kind::kAlias) {
      render(*region.alias_, base - region.alias_offset_, clip_start, clip_end, depth + 1);
      return;
    }
    for (const MemoryRegion::Child& child : region.children_) render(*child.region, base + child.offset, clip_start, clip_end, depth + 1);
    if (region.kind_ != MemoryRegion::Kind::kContainer)
      fill(region, base, static_cast<uint64_t>(clip_start), static_cast<uint64_t>(clip_end));
  }

  // Joins neighbours that are one piece of one region.
  void join() {
    size_t kept = 0;
    for (size_t i = 1; i < flat_.size(); i++) {
      FlatRange& left = flat_[kept];
      const FlatRange& right = flat_[i];
      if (left.region == right.region && left.start + left.size == right.start && left.offset + left.size == right.offset)
        left.size += right.size;
      else
        flat_[++kept] = right;
    }
    if (!flat_.empty()) flat_.resize(kept + 1);
  }

 private:
  static constexpr int kDepthMax = 64;

  // Gives the free bytes of [start, end) to the region.
  void fill(MemoryRegion& region, Wide base, uint64_t start, uint64_t end) {
    size_t i = 0;
    while (i < flat_.size() && flat_[i].start + flat_[i].size <= start) i++;
    while (start < end) {
      const uint64_t free_end = i < flat_.size() ? std::min(end, flat_[i].start) : end;
      if (start < free_end) {
        const FlatRange range{start, free_end - start, &region, static_cast<uint64_t>(Wide(start) - base)};
        flat_.insert(flat_.begin() + static_cast<ptrdiff_t>(i), range);
        i++;
      }
      if (i == flat_.size() || free_end == end) return;
      start = flat_[i].start + flat_[i].size;
      i++;
    }
  }

  std::vector<FlatRange>& flat_;
};

void AddressSpace::update() {
  flat_.clear();
  Flattener flattener(flat_);
  flattener.render(root_, 0, 0, UINT64_MAX, 0);
  flattener.join();
  generation_++;

  aliased_ = false;
  for (size_t i = 0; i < flat_.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      const FlatRange &a = flat_[i], &b = flat_[j];
      if (a.region == b.region && a.region->host() != nullptr && a.offset < b.offset + b.size && b.offset < a.offset + a.size) aliased_ = true;
    }
  }
}

}  // namespace monochord
