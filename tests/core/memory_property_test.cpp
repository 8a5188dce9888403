// Random trees of regions against a naive model that is asked about every byte by itself. The model has its own tree and no intervals, so
// it shares no arithmetic with the flat view.
#include "core/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

namespace monochord {
namespace {

constexpr uint64_t kWindow = 1024;  // bytes that are looked at one by one

struct Node {
  MemoryRegion region;
  MemoryRegion::Kind kind = MemoryRegion::Kind::kContainer;
  uint64_t size = 0;
  Node* target = nullptr;  // of an alias
  uint64_t target_offset = 0;
  struct Child {
    Node* node;
    uint64_t offset;
    int priority;
    int age;
  };
  std::vector<Child> children;
};

struct Answer {
  const Node* node = nullptr;
  uint64_t offset = 0;
};

Answer ask(const Node& node, __int128 offset) {
  if (offset < 0 || offset >= static_cast<__int128>(node.size)) return {};
  if (node.target != nullptr) return ask(*node.target, offset + node.target_offset);
  std::vector<Node::Child> order = node.children;
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.priority != b.priority ? a.priority > b.priority : a.age > b.age; });
  for (const Node::Child& child : order)
    if (Answer answer = ask(*child.node, offset - static_cast<__int128>(child.offset)); answer.node != nullptr) return answer;
  if (node.kind == MemoryRegion::Kind::kContainer) return {};
  return {&node, static_cast<uint64_t>(offset)};
}

class Forest {
 public:
  Forest(uint64_t seed, uint64_t window_base) : random_(seed), backing_(4 * kWindow), window_base_(window_base) {
    Node& root = make(MemoryRegion::Kind::kContainer, UINT64_MAX);
    root_ = &root;
    const int count = 3 + below(12);
    std::vector<Node*> parents{&root};
    for (int i = 0; i < count; i++) {
      Node& parent = *parents[static_cast<size_t>(below(static_cast<int>(parents.size())))];
      Node& node = random_node(i);
      const uint64_t offset = &parent == &root ? window_base_ + static_cast<uint64_t>(below(kWindow)) - static_cast<uint64_t>(below(64)) : static_cast<uint64_t>(below(600));
      const int priority = below(5) - 2;
      parent.region.add_subregion(offset, node.region, priority);
      parent.children.push_back({&node, offset, priority, i});
      if (node.target == nullptr) parents.push_back(&node);  // leaves may have children, too
    }
  }
  MemoryRegion& root() { return root_->region; }
  Answer answer(uint64_t addr) const { return ask(*root_, addr); }
  uint8_t* backing() { return backing_.data(); }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  Node& make(MemoryRegion::Kind kind, uint64_t size) {
    nodes_.push_back(std::make_unique<Node>());
    Node& node = *nodes_.back();
    node.kind = kind;
    node.size = size;
    switch (kind) {
      case MemoryRegion::Kind::kContainer: node.region.init_container("container", size); break;
      case MemoryRegion::Kind::kRam: node.region.init_ram("ram", backing_.data(), size); break;
      case MemoryRegion::Kind::kRom: node.region.init_rom("rom", backing_.data(), size); break;
      default: node.region.init_io("io", &kOps, nullptr, size); break;
    }
    return node;
  }

  Node& random_node(int number) {
    static constexpr MemoryRegion::Kind kKinds[] = {MemoryRegion::Kind::kContainer, MemoryRegion::Kind::kRam, MemoryRegion::Kind::kRom, MemoryRegion::Kind::kIo};
    const uint64_t size = 1 + static_cast<uint64_t>(below(kWindow));
    if (number > 0 && below(3) == 0) {
      // To a node without aliases below it and outside the tree so far, or to a leaf: never a circle.
      Node& target = make(kKinds[1 + below(3)], size);
      Node& inner = make(kKinds[1 + below(3)], 1 + static_cast<uint64_t>(below(200)));
      const uint64_t offset = static_cast<uint64_t>(below(400));
      target.region.add_subregion(offset, inner.region, 0);
      target.children.push_back({&inner, offset, 0, 0});
      nodes_.push_back(std::make_unique<Node>());
      Node& alias = *nodes_.back();
      alias.kind = MemoryRegion::Kind::kAlias;
      alias.size = 1 + static_cast<uint64_t>(below(kWindow));
      alias.target = &target;
      alias.target_offset = static_cast<uint64_t>(below(800));
      alias.region.init_alias("alias", target.region, alias.target_offset, alias.size);
      return alias;
    }
    return make(kKinds[below(4)], size);
  }

  static constexpr MemoryRegionOps kOps{};
  std::mt19937_64 random_;
  std::vector<uint8_t> backing_;
  uint64_t window_base_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Node* root_ = nullptr;
};

void compare(uint64_t seed, uint64_t window_base) {
  Forest forest(seed, window_base);
  AddressSpace as("memory", forest.root());
  // The flat view itself: ascending, apart, joined where it can be.
  const std::vector<FlatRange>& flat = as.flat_view();
  for (size_t i = 0; i < flat.size(); i++) {
    ASSERT_NE(flat[i].size, 0u);
    ASSERT_LE(flat[i].size, UINT64_MAX - flat[i].start) << "it ends below 2^64";
    if (i == 0) continue;
    const FlatRange &a = flat[i - 1], &b = flat[i];
    ASSERT_LE(a.start + a.size, b.start);
    ASSERT_FALSE(a.region == b.region && a.start + a.size == b.start && a.offset + a.size == b.offset);
  }
  for (uint64_t i = 0; i < 3 * kWindow; i++) {
    const uint64_t addr = window_base - 128 + i;  // wraps around to 0 at the end of the space, on purpose
    const Answer expected = addr == UINT64_MAX ? Answer{} : forest.answer(addr);
    const MemorySection got = as.translate(addr);
    ASSERT_EQ(got.region, expected.node == nullptr ? nullptr : &expected.node->region) << "seed " << seed << " address " << addr;
    if (expected.node == nullptr) continue;
    ASSERT_EQ(got.offset, expected.offset) << "seed " << seed << " address " << addr;
    if (got.region->host() != nullptr) {
      ASSERT_EQ(got.host, forest.backing() + expected.offset);
    }
    // `remaining` promises that so many bytes are answered alike, and not one more.
    const uint64_t last = addr + got.remaining - 1;
    ASSERT_EQ(forest.answer(last).node, expected.node);
    ASSERT_EQ(forest.answer(last).offset, expected.offset + got.remaining - 1);
    if (last + 1 != UINT64_MAX) {
      const Answer next = forest.answer(last + 1);
      ASSERT_FALSE(next.node == expected.node && next.offset == expected.offset + got.remaining);
    }
  }
}

TEST(FlatViewProperty, AgreesWithANaiveModelByteByByte) {
  for (uint64_t seed = 0; seed < 300 && !::testing::Test::HasFatalFailure(); seed++) compare(seed, 0x80000000);
}

TEST(FlatViewProperty, AgreesAtTheStartOfTheSpace) {
  for (uint64_t seed = 1000; seed < 1150 && !::testing::Test::HasFatalFailure(); seed++) compare(seed, 200);
}

TEST(FlatViewProperty, AgreesAtTheEndOfTheSpace) {
  for (uint64_t seed = 2000; seed < 2150 && !::testing::Test::HasFatalFailure(); seed++) compare(seed, UINT64_MAX - kWindow + 1);
}

}  // namespace
}  // namespace monochord
