// A chain of pointers through all of BYTES in random order, one a cache line: the latency of a load whose address the last one gave.
//   chase BYTES STEPS
#include "bench.h"

struct Node {
  struct Node *next;
  uint64_t value, unused[6];
};

int main(int argc, char **argv) {
  if (argc != 3) bench_fail("chase BYTES STEPS");
  const size_t count = strtoul(argv[1], NULL, 0) / sizeof(struct Node);
  const uint64_t steps = strtoul(argv[2], NULL, 0);
  struct Node *nodes = bench_pages(count * sizeof(struct Node) / 4096);
  for (size_t i = 0; i < count; ++i) nodes[i].next = &nodes[i];
  for (size_t i = count - 1; i > 0; --i) {  // Sattolo's shuffle: one cycle through all of them
    const size_t other = bench_random() % i;
    struct Node *swapped = nodes[i].next;
    nodes[i].next = nodes[other].next;
    nodes[other].next = swapped;
    nodes[i].value = i;
  }
  bench_begin();
  uint64_t sum = 0;
  const struct Node *node = nodes;
  for (uint64_t i = 0; i < steps; ++i) {
    sum += node->value;
    node = node->next;
  }
  sum = bench_mix(sum, (uint64_t)(node - nodes));
  return bench_end(sum, sum);
}
