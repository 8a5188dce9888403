// The active timers of one list: a binary heap whose links live inside the timers, so that nothing is allocated.
//
// The tree is always complete: the place of the n-th node follows from the bits of n, which makes adding and removing O(log n) in the worst
// case (a signal handler runs it). Order: (time, sequence). The caller holds the mask.
#pragma once

#include <qemu/timer.h>

namespace monochord {

class TimerHeap {
 public:
  QEMUTimer* top() const { return root_; }
  size_t size() const { return size_; }

  // `timer` has its expire_time; a raw time below zero goes before everything that is here, others behind their equals.
  void insert(QEMUTimer* timer, bool to_front);
  void remove(QEMUTimer* timer);
  bool contains(const QEMUTimer* timer) const { return find(root_, timer); }

  // The soonest timer without an attribute outside `attr_mask`; null if there is none.
  const QEMUTimer* soonest(int attr_mask) const;

  template <typename Visit>
  void for_each(Visit visit) const {
    visit_from(root_, visit);
  }

 private:
  QEMUTimer** slot(size_t index, QEMUTimer** parent);
  void put_in_place_of(QEMUTimer* old_node, QEMUTimer* new_node);
  void exchange(QEMUTimer* parent, QEMUTimer* child);
  void sift_up(QEMUTimer* timer);
  void sift_down(QEMUTimer* timer);
  static bool find(const QEMUTimer* node, const QEMUTimer* timer);
  static void soonest_from(const QEMUTimer* node, int attr_mask, const QEMUTimer** best);
  template <typename Visit>
  static void visit_from(const QEMUTimer* node, Visit& visit) {
    if (node == nullptr) return;
    visit(node);
    visit_from(node->heap.left, visit);
    visit_from(node->heap.right, visit);
  }

  QEMUTimer* root_ = nullptr;
  size_t size_ = 0;
  int64_t last_sequence_ = 0;
  int64_t front_sequence_ = 0;  // negative times count down from here
};

}  // namespace monochord
