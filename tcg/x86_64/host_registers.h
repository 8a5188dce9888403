// Where the guest's registers are while generated code runs. Source of the choice: how often compilers use them (docs of the JIT: tcg/README.md).
#pragma once

#include "tcg/emit/uop.h"
#include "tcg/x86_64/registers.h"

namespace monochord::x86_64 {

inline constexpr Gpr64 kFrame = rbp;    // HartState + kFrameBias: the integer registers are one byte of displacement away
inline constexpr Gpr64 kBudget = r15;
inline constexpr int kFrameBias = 128;
// rax and rcx are free within one micro-operation; temporaries live in them. xmm0-2 likewise.

inline constexpr uint8_t kNotPinned = 0xff;

struct PinnedGpr {
  uint8_t guest;
  Gpr64 host;
};
inline constexpr PinnedGpr kPinnedGprs[] = {
    {1, r12}, {2, r11}, {8, r14}, {9, r13}, {10, rsi}, {11, rdi}, {12, r8}, {13, r9}, {14, rbx}, {15, r10}, {16, rdx},
};
struct PinnedFpr {
  uint8_t guest;
  Xmm host;
};
// fa0-fa7, ft0, ft1, fs0, fs1, ft2
inline constexpr PinnedFpr kPinnedFprs[] = {
    {10, xmm3}, {11, xmm4}, {12, xmm5}, {13, xmm6}, {14, xmm7}, {15, xmm8}, {16, xmm9}, {17, xmm10}, {0, xmm11}, {1, xmm12}, {8, xmm13}, {9, xmm14}, {2, xmm15},
};

struct HostOf {
  uint8_t gpr[32];
  uint8_t fpr[32];
};
consteval HostOf make_host_of() {
  HostOf h{};
  for (int i = 0; i < 32; i++) h.gpr[i] = h.fpr[i] = kNotPinned;
  for (const PinnedGpr& p : kPinnedGprs) h.gpr[p.guest] = p.host.index;
  for (const PinnedFpr& p : kPinnedFprs) h.fpr[p.guest] = p.host.index;
  return h;
}
inline constexpr HostOf kHostOf = make_host_of();

constexpr bool is_pinned(Operand o) {
  return o < kTempBase && (is_gpr(o) ? kHostOf.gpr[o] : kHostOf.fpr[o - kFpBase]) != kNotPinned;
}
constexpr Gpr64 pinned_gpr(Operand o) { return {kHostOf.gpr[o]}; }
constexpr Xmm pinned_fpr(Operand o) { return {kHostOf.fpr[o - kFpBase]}; }

// Distances of what generated code touches from the frame register; the same for every hart.
struct FrameLayout {
  int32_t x = -kFrameBias;      // of x0
  int32_t f = 0;
  int32_t page_va, budget, stolen, value, temp, hart, host_rsp, enter_code, group_addends, mxcsr, mxcsr_host, exit_reason, fp_ready, dirty64, dirty32;
  int32_t exit_request;
  int32_t read_table, write_table, jump_table;   // arrays of pointers by mode
  int32_t slots, slot_filter, slot_groups, slot_misses;       // arrays by mode
  int32_t mstatus, mie, mip_soft, irq_lines, sscratch, sepc, scause, stval, stvec, satp, menvcfg, senvcfg, frm, fflags;
  int32_t reservation_addr, reservation_value, reservation_epoch, dma_epoch;
  uint32_t tlb_index_mask = 0xfff;
  uint32_t jump_index_mask[4] = {};   // by mode
  uint32_t slots_per_mode = 4096;
};

}  // namespace monochord::x86_64
