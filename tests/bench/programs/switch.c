// An interpreter of a small stack machine around one `switch`: an indirect jump for every instruction of it.
#include "bench.h"

enum Op { kPush, kLoad, kStore, kAdd, kSub, kMul, kXor, kAnd, kShr, kLess, kJump, kJumpIf, kDup, kHalt };

static const int32_t kProgram[] = {
    kPush, 0,        kStore, 0,                                          // i = 0
    kPush, 1,        kStore, 1,                                          // x = 1
    /* 8 */ kLoad, 1, kPush, 1103515245, kMul, kPush, 12345, kAdd,       // x = x * 1103515245 + 12345
    kDup, kPush, 16, kShr, kXor, kStore, 1,                              //     ^ itself >> 16
    kLoad, 2, kLoad, 1, kPush, 255, kAnd, kAdd, kLoad, 0, kXor, kStore, 2,  // sum = (sum + (x & 255)) ^ i
    kLoad, 0, kPush, 1, kAdd, kDup, kStore, 0,                           // ++i
    kLoad, 3, kLess, kJumpIf, 8,                                         // while i < rounds
    kHalt,
};

static uint64_t interpret(const int32_t *program, uint64_t *variables) {
  uint64_t stack[16] = {0}, *top = stack, steps = 0;
  for (const int32_t *at = program;; ++steps) {
    switch ((enum Op)*at++) {
      case kPush: *++top = (uint64_t)*at++; break;
      case kLoad: *++top = variables[*at++]; break;
      case kStore: variables[*at++] = *top--; break;
      case kAdd: --top; top[0] += top[1]; break;
      case kSub: --top; top[0] -= top[1]; break;
      case kMul: --top; top[0] *= top[1]; break;
      case kXor: --top; top[0] ^= top[1]; break;
      case kAnd: --top; top[0] &= top[1]; break;
      case kShr: --top; top[0] >>= top[1]; break;
      case kLess: --top; top[0] = top[0] < top[1]; break;
      case kJump: at = program + *at; break;
      case kJumpIf: at = *top-- ? program + *at : at + 1; break;
      case kDup: top[1] = top[0]; ++top; break;
      case kHalt: return steps;
    }
  }
}

int main(void) {
  uint64_t variables[4] = {0, 0, 0, 2000000};
  bench_begin();
  uint64_t sum = interpret(kProgram, variables);
  for (int i = 0; i < 4; ++i) sum = bench_mix(sum, variables[i]);
  return bench_end(sum, sum);
}
