// What misses, fences and changes of address space cost: nanoseconds each, best of several rounds. Prints; judges nothing.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/tcg/exec_fixture.h"

namespace monochord {
namespace {

constexpr int kRounds = 15;

template <typename Body>
void measure(const char* what, int count, Body body) {
  double best = 1e9;
  for (int round = 0; round < kRounds; round++) {
    timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < count; i++) body(static_cast<uint64_t>(i));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    const auto ns = static_cast<double>((end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec);
    best = std::min(best, ns / count);
  }
  printf("%-64s %7.1f ns\n", what, best);
}

// 512 user pages of 4 KiB from kUser on, under `levels` levels, and the kernel's large page at kKernel.
class Guest {
 public:
  static constexpr uint64_t kRoot = Bench::kRam + 0x100000, kData = Bench::kRam + 0x200000, kUser = 0x7f0000000000 & 0x3fffffffff;
  static constexpr uint64_t kKernel = ~uint64_t{0} << 30;
  static constexpr int kPages = 512;

  explicit Guest(unsigned levels) {
    for (uint64_t va : {kUser, kKernel}) {
      uint64_t table = kRoot;
      for (unsigned level = levels - 1;; level--) {
        uint64_t& pte = bench.at<uint64_t>(table + (va >> (12 + 9 * level) & 511) * 8);
        if (va == kKernel && level == 1) {
          pte = (Bench::kRam + 0x400000) >> 12 << 10 | 0xef;
          break;
        }
        if (level == 0) {
          for (uint64_t i = 0; i < kPages; i++) (&pte)[i] = (kData + i * 4096) >> 12 << 10 | 0xd7;
          break;
        }
        const uint64_t next = table + (va == kKernel ? 0x10000 : 0x1000);
        if (pte == 0) pte = next >> 12 << 10 | 1;
        table = (pte >> 10) << 12;
      }
    }
    csr(0x3b0, ~uint64_t{0} >> 10);
    csr(0x3a0, 0x1f);
    for (uint64_t asid = 0; asid < 2; asid++) satp[asid] = uint64_t{levels + 5} << 60 | asid << 44 | kRoot >> 12;
    csr(0x180, satp[0]);
    cpu().state.priv = kPrivU;
  }
  RiscvCpu& cpu() { return bench.hart(); }
  Tlb& tlb() { return cpu().tlb; }
  void csr(unsigned number, uint64_t value) {
    const uint8_t priv = std::exchange(cpu().state.priv, uint8_t{kPrivM});
    if (helper_csr(cpu(), number, CsrOp::kWrite, value, false, true, 0).trap) abort();
    cpu().state.priv = priv;
  }
  LoadResult load(uint64_t va) { return softmmu_load(cpu(), cpu().interpreter().code(), va, 8); }
  static uint64_t page(uint64_t i) { return kUser + (i * 37 % kPages) * 4096; }

  uint64_t satp[2];

 private:
  LoopRig rig_{Kind::kVirtualLazy};
  Bench bench{1};
};

void run() {
  for (const unsigned levels : {3u, 5u}) {
    Guest guest(levels);
    if (guest.load(Guest::kUser).trap) abort();
    char text[80];
    snprintf(text, sizeof text, "refill, Sv%u, 4 KiB page", 12 + 9 * levels);
    measure(text, 100000, [&](uint64_t i) { guest.load(Guest::page(i)); });
    guest.cpu().state.priv = kPrivS;
    snprintf(text, sizeof text, "refill, Sv%u, kernel's 2 MiB page", 12 + 9 * levels);
    measure(text, 100000, [&](uint64_t i) { guest.load(Guest::kKernel + i % 512 * 4096); });
    guest.cpu().state.priv = kPrivU;
  }
  Guest guest(5);
  Tlb& tlb = guest.tlb();
  // As many address spaces as there can be, each with pages.
  for (uint64_t asid = 2; asid < 2 + Tlb::kSpaces; asid++) {
    guest.csr(0x180, guest.satp[0] | asid << 44);
    for (uint64_t i = 0; i < 100; i++) guest.load(Guest::page(i));
  }
  measure("sfence.vma va, page not there", 100000, [&](uint64_t i) { tlb.fence_page(0x1000000 + i % 512 * 4096 + (2048 << 12)); });
  measure("sfence.vma va, page in every address space, once", 1, [&](uint64_t) { tlb.fence_page(Guest::page(5)); });
  measure("load miss + sfence.vma va", 100000, [&](uint64_t i) { guest.load(Guest::page(i)), tlb.fence_page(Guest::page(i)); });
  measure("load miss + sfence.vma va, asid", 100000, [&](uint64_t i) {
    guest.load(Guest::page(i)), tlb.fence_page_asid(Guest::page(i), 1 + Tlb::kSpaces);
  });
  measure("... with a slot that holds the page", 10000, [&](uint64_t i) {
    const uint64_t page = Guest::page(i);
    guest.load(page);
    tlb.slots[kTlbU][i % 2000] = tlb.current.read[kTlbU][Tlb::index(page)];
    tlb.slot_filter[kTlbU][Tlb::filter_index(page)] |= Tlb::slot_class(i % 2000);
    tlb.slot_groups[kTlbU][i % 2000 / Tlb::kGroupSlots] = 1;
    tlb.fence_page(page);
  });
  for (const int pages : {20, 100, 400}) {
    char text[80];
    snprintf(text, sizeof text, "%d misses", pages);
    measure(text, 1000, [&](uint64_t) { for (int i = 0; i < pages; i++) guest.load(Guest::page(static_cast<uint64_t>(i))); });
    snprintf(text, sizeof text, "%d misses + sfence.vma x0, asid", pages);
    measure(text, 1000, [&](uint64_t) {
      for (int i = 0; i < pages; i++) guest.load(Guest::page(static_cast<uint64_t>(i)));
      tlb.fence_asid(1 + Tlb::kSpaces);
    });
  }
  measure("satp to another known ASID, 2000 slots in use", 1000, [&](uint64_t i) { tlb.select(guest.satp[i & 1]); });
  measure("satp to another known ASID, no slots", 1000, [&](uint64_t i) { tlb.select(guest.satp[i & 1]); });
  measure("satp to an ASID that takes the oldest's place, 100 pages", 100, [&](uint64_t i) {
    tlb.select(guest.satp[0] | (i % 100 + 1) << 44);
    for (uint64_t page = 0; page < 100; page++) guest.load(Guest::page(page));
  });
}

}  // namespace
}  // namespace monochord

int main() {
  monochord::run();
  return 0;
}
