// A hash table with open addressing: inserts, finds and removes 64-bit keys.
#include "bench.h"

enum { kSlots = 1 << 17, kKeys = 80000 };

struct Slot {
  uint64_t key, value;  // key 0: free
};

static struct Slot *slots;

static uint64_t place(uint64_t key) { return (key * 0x9e3779b97f4a7c15) >> (64 - 17); }

static struct Slot *find(uint64_t key) {
  uint64_t at = place(key);
  while (slots[at].key != 0 && slots[at].key != key) at = (at + 1) & (kSlots - 1);
  return &slots[at];
}

static void erase(struct Slot *gone) {  // closes the gap, so that no marker stays
  uint64_t hole = (uint64_t)(gone - slots), at = hole;
  for (;;) {
    at = (at + 1) & (kSlots - 1);
    if (slots[at].key == 0) break;
    if (((at - place(slots[at].key)) & (kSlots - 1)) >= ((at - hole) & (kSlots - 1))) {
      slots[hole] = slots[at];
      hole = at;
    }
  }
  slots[hole].key = 0;
}

int main(void) {
  slots = bench_pages(kSlots * sizeof *slots / 4096);
  uint64_t *keys = bench_pages((kKeys * sizeof *keys + 4095) / 4096);
  for (int i = 0; i < kKeys; ++i) keys[i] = bench_random() | 1;
  bench_begin();
  uint64_t sum = 0;
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < kKeys; ++i) {
      struct Slot *slot = find(keys[i]);
      slot->key = keys[i];
      slot->value += (uint64_t)i;
    }
    for (int i = 0; i < kKeys; ++i) sum += find(keys[(i * 7919) % kKeys])->value;
    for (int i = round & 1; i < kKeys; i += 2) {
      struct Slot *slot = find(keys[i]);
      if (slot->key == 0) continue;
      sum = bench_mix(sum, slot->value);
      erase(slot);
      slot->value = 0;
    }
  }
  return bench_end(sum, sum);
}
