// The text of `info mtree`, in QEMU's form: the tree of regions with the addresses that they would have, then the flat view.
#include <algorithm>

#include "core/memory.h"

namespace monochord {

class AddressSpace::TreePrinter {
 public:
  explicit TreePrinter(std::string& text) : text_(text) {}

  void print(const MemoryRegion& region, uint64_t base, int priority, int indent) {
    const uint64_t last = last_byte(base, region.size_);
    std::string line = stringf("%*s%016llx-%016llx (prio %d, %s): ", indent, "", hex(base), hex(last), priority, kind_name(region));
    if (region.kind_ == MemoryRegion::Kind::kAlias) {
      const MemoryRegion& target = *region.alias_;
      line += stringf("alias %s @%s %016llx-%016llx", region.name_, target.name_, hex(region.alias_offset_),
                      hex(last_byte(region.alias_offset_, region.size_)));
      if (std::find(targets_.begin(), targets_.end(), &target) == targets_.end()) targets_.push_back(&target);
    } else {
      line += region.name_;
      shown_.push_back(&region);
    }
    text_ += line + "\n";
    std::vector<MemoryRegion::Child> children = region.children_;
    std::stable_sort(children.begin(), children.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    for (const MemoryRegion::Child& child : children) print(*child.region, base + child.offset, child.priority, indent + 2);
  }

  // Targets of aliases that are not part of the tree get a tree of their own.
  void print_targets() {
    for (size_t i = 0; i < targets_.size(); i++) {
      const MemoryRegion* target = targets_[i];
      if (std::find(shown_.begin(), shown_.end(), target) != shown_.end()) continue;
      text_ += stringf("\nmemory-region: %s\n", target->name_);
      print(*target, 0, 0, 2);
    }
  }

  static const char* kind_name(const MemoryRegion& region) {
    switch (region.kind_) {
      case MemoryRegion::Kind::kRam: return "ram";
      case MemoryRegion::Kind::kRom: return "rom";
      case MemoryRegion::Kind::kAlias: return kind_name(*region.alias_);
      default: return "i/o";
    }
  }
  static unsigned long long hex(uint64_t value) { return value; }
  static uint64_t last_byte(uint64_t base, uint64_t size) {
    if (size == UINT64_MAX && base == 0) return UINT64_MAX;  // "everything", as QEMU prints it
    return base + size < base ? UINT64_MAX : base + size - 1;
  }

 private:
  std::string& text_;
  std::vector<const MemoryRegion*> targets_, shown_;
};

std::string AddressSpace::mtree() const {
  std::string text = stringf("address-space: %s\n", name_);
  TreePrinter printer(text);
  printer.print(root_, 0, 0, 2);
  printer.print_targets();
  text += stringf("\nFlatView #0\n AS \"%s\", root: %s\n Root memory region: %s\n", name_, root_.name_, root_.name_);
  for (const FlatRange& range : flat_) {
    text += stringf("  %016llx-%016llx (prio 0, %s): %s", TreePrinter::hex(range.start), TreePrinter::hex(range.start + range.size - 1),
                    TreePrinter::kind_name(*range.region), range.region->name_);
    if (range.offset != 0) text += stringf(" @%016llx", TreePrinter::hex(range.offset));
    text += "\n";
  }
  return text;
}

}  // namespace monochord
