// Runs under qemu-riscv64: computes what standard input asks for and writes result and fflags of
// each to standard output.
#include <stdint.h>
#include <stdio.h>

#include "fpu_ops.h"

struct Request {
  uint64_t op, rm, a, b, c;
};
struct Answer {
  uint64_t result, fflags;
};

#define F "fmv.x.d %[r], fa0\n"
#define X "mv %[r], t1\n"
#define OP_CASE(name, text, where, expression)                                                  \
  case kOp_##name:                                                                              \
    __asm__ volatile(                                                                           \
        "csrw fcsr, %[f]\n fmv.d.x fa0, %[a]\n fmv.d.x fa1, %[b]\n fmv.d.x fa2, %[c]\n mv t0, " \
        "%[a]\n" text "\n" where "csrr %[g], fflags\n"                                          \
        : [r] "=&r"(answer.result), [g] "=&r"(answer.fflags)                                    \
        : [f] "r"(request.rm << 5), [a] "r"(request.a), [b] "r"(request.b), [c] "r"(request.c)  \
        : "t0", "t1", "fa0", "fa1", "fa2");                                                     \
    break;

int main(void) {
  struct Request request;
  while (fread(&request, sizeof request, 1, stdin) == 1) {
    struct Answer answer = {0, 0};
    switch (request.op) {
      OPS_S(OP_CASE)
      OPS_D(OP_CASE)
      default:
        return 1;
    }
    if (fwrite(&answer, sizeof answer, 1, stdout) != 1) return 1;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
