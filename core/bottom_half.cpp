// Bottom halves: callbacks of main context, in order of scheduling. The list runs through the QEMUBH itself; each schedule gets a sequence
// number, so that one pass ends before what its own callbacks schedule.
#include "core/loop_internal.h"

struct QEMUBH {
  QEMUBHFunc* cb;
  void* opaque;
  QEMUBH* prev;
  QEMUBH* next;
  uint64_t sequence;
  bool scheduled;
};

namespace monochord {

namespace {

QEMUBH* bh_head = nullptr;
QEMUBH* bh_tail = nullptr;
uint64_t bh_sequence = 0;

// Mask closed.
void unlink(QEMUBH* bh) {
  (bh->prev != nullptr ? bh->prev->next : bh_head) = bh->next;
  (bh->next != nullptr ? bh->next->prev : bh_tail) = bh->prev;
  bh->prev = bh->next = nullptr;
  bh->scheduled = false;
}

// How many generations of bottom halves that schedule bottom halves run before the guest has its turn.
constexpr int kMaxPasses = 64;

}  // namespace

bool bottom_halves_scheduled() { return bh_head != nullptr; }

bool run_bottom_halves() {
  CHECK(bql_locked() && !in_handler_context());
  for (int pass = 0; pass < kMaxPasses && bh_head != nullptr; pass++) {
    const uint64_t end = bh_sequence;
    for (;;) {
      timer_mask_enter();
      QEMUBH* bh = bh_head;
      if (bh == nullptr || bh->sequence >= end) {
        timer_mask_leave();
        break;
      }
      unlink(bh);
      timer_mask_leave();
      bh->cb(bh->opaque);  // may delete it: nothing is read from it afterwards
    }
  }
  return bh_head != nullptr;
}

}  // namespace monochord

using namespace monochord;

QEMUBH* qemu_bh_new(QEMUBHFunc* cb, void* opaque) {
  return new QEMUBH{cb, opaque, nullptr, nullptr, 0, false};
}

void qemu_bh_schedule(QEMUBH* bh) {
  timer_mask_enter();
  if (!bh->scheduled) {
    bh->scheduled = true;
    bh->sequence = bh_sequence++;
    bh->prev = bh_tail;
    bh->next = nullptr;
    (bh_tail != nullptr ? bh_tail->next : bh_head) = bh;
    bh_tail = bh;
  }
  timer_mask_leave();
  leave_for_loop();
}

void qemu_bh_cancel(QEMUBH* bh) {
  timer_mask_enter();
  if (bh->scheduled) unlink(bh);
  timer_mask_leave();
}

void qemu_bh_delete(QEMUBH* bh) {
  if (bh == nullptr) return;
  qemu_bh_cancel(bh);
  delete bh;
}
