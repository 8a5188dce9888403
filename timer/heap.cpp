#include "timer/heap.h"

namespace monochord {

namespace {
bool before(const QEMUTimer* a, const QEMUTimer* b) {
  if (a->expire_time != b->expire_time) return a->expire_time < b->expire_time;
  return a->heap.sequence < b->heap.sequence;
}
}  // namespace

// The pointer that holds the node of `index` (the root is 1, the children of i are 2i and 2i + 1): the bits of the index below its highest one,
// from the top, are the way down.
QEMUTimer** TimerHeap::slot(size_t index, QEMUTimer** parent) {
  *parent = nullptr;
  QEMUTimer** place = &root_;
  int bits = 63 - __builtin_clzll(index);
  while (bits-- > 0) {
    *parent = *place;
    place = (index >> bits) & 1 ? &(*place)->heap.right : &(*place)->heap.left;
  }
  return place;
}

void TimerHeap::insert(QEMUTimer* timer, bool to_front) {
  timer->heap.sequence = to_front ? --front_sequence_ : ++last_sequence_;
  QEMUTimer* parent;
  QEMUTimer** place = slot(++size_, &parent);
  *place = timer;
  timer->heap.parent = parent;
  timer->heap.left = timer->heap.right = nullptr;
  sift_up(timer);
}

void TimerHeap::remove(QEMUTimer* timer) {
  QEMUTimer* parent;
  QEMUTimer** place = slot(size_--, &parent);
  QEMUTimer* last = *place;
  *place = nullptr;
  if (last != timer) {
    put_in_place_of(timer, last);
    sift_up(last);
    sift_down(last);
  }
  timer->heap.parent = timer->heap.left = timer->heap.right = nullptr;
}

// `new_node` (not linked) takes over all links of `old_node`.
void TimerHeap::put_in_place_of(QEMUTimer* old_node, QEMUTimer* new_node) {
  new_node->heap.parent = old_node->heap.parent;
  new_node->heap.left = old_node->heap.left;
  new_node->heap.right = old_node->heap.right;
  if (new_node->heap.left != nullptr) new_node->heap.left->heap.parent = new_node;
  if (new_node->heap.right != nullptr) new_node->heap.right->heap.parent = new_node;
  QEMUTimer* parent = new_node->heap.parent;
  if (parent == nullptr) {
    root_ = new_node;
  } else if (parent->heap.left == old_node) {
    parent->heap.left = new_node;
  } else {
    parent->heap.right = new_node;
  }
}

void TimerHeap::exchange(QEMUTimer* parent, QEMUTimer* child) {
  QEMUTimer* const left = child->heap.left;
  QEMUTimer* const right = child->heap.right;
  QEMUTimer* const above = parent->heap.parent;
  const bool child_is_left = parent->heap.left == child;
  QEMUTimer* const sibling = child_is_left ? parent->heap.right : parent->heap.left;

  child->heap.parent = above;
  if (above == nullptr) {
    root_ = child;
  } else if (above->heap.left == parent) {
    above->heap.left = child;
  } else {
    above->heap.right = child;
  }
  child->heap.left = child_is_left ? parent : sibling;
  child->heap.right = child_is_left ? sibling : parent;
  if (sibling != nullptr) sibling->heap.parent = child;

  parent->heap.parent = child;
  parent->heap.left = left;
  parent->heap.right = right;
  if (left != nullptr) left->heap.parent = parent;
  if (right != nullptr) right->heap.parent = parent;
}

void TimerHeap::sift_up(QEMUTimer* timer) {
  while (timer->heap.parent != nullptr && before(timer, timer->heap.parent)) exchange(timer->heap.parent, timer);
}

void TimerHeap::sift_down(QEMUTimer* timer) {
  for (;;) {
    QEMUTimer* child = timer->heap.left;
    if (child == nullptr) return;
    QEMUTimer* right = timer->heap.right;
    if (right != nullptr && before(right, child)) child = right;
    if (!before(child, timer)) return;
    exchange(timer, child);
  }
}

bool TimerHeap::find(const QEMUTimer* node, const QEMUTimer* timer) {
  if (node == nullptr) return false;
  return node == timer || find(node->heap.left, timer) || find(node->heap.right, timer);
}

const QEMUTimer* TimerHeap::soonest(int attr_mask) const {
  const QEMUTimer* best = nullptr;
  soonest_from(root_, attr_mask, &best);
  return best;
}

// A subtree is entered only if its root is sooner than the best so far; the usual case ends at the root.
void TimerHeap::soonest_from(const QEMUTimer* node, int attr_mask, const QEMUTimer** best) {
  if (node == nullptr || (*best != nullptr && !before(node, *best))) return;
  if ((node->attributes & ~attr_mask) == 0) {
    *best = node;
    return;
  }
  soonest_from(node->heap.left, attr_mask, best);
  soonest_from(node->heap.right, attr_mask, best);
}

}  // namespace monochord
