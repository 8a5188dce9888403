// System test: every instruction of F and D on biased operands, in all rounding modes, against
// qemu-riscv64 running the real instruction. Usage: fpu_qemu_test QEMU GUEST. Result and fflags
// must be equal bit for bit.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tcg/fpu/fpu.h"
#include "tests/tcg/fpu_operands.h"
#include "tests/tcg/fpu_ops.h"

namespace monochord::fpu {
namespace {

constexpr int kOperandsEach = 1500;

struct Request {
  uint64_t op, rm, a, b, c;
};
struct Answer {
  uint64_t result, fflags;
};

uint64_t boxed(uint32_t value) { return box32(value); }
uint64_t boxed(uint64_t value) { return value; }

Answer compute(const Request& request) {
  const uint64_t a = request.a;
  const auto rm = static_cast<RoundingMode>(request.rm);
  uint32_t fflags = 0;
  uint64_t result = 0;
#define F boxed
#define X static_cast<uint64_t>
#define OP_CASE(name, text, where, expression) \
  case kOp_##name:                             \
    result = where(expression);                \
    break;
  switch (request.op) {
#define A unbox32(a)
#define B unbox32(request.b)
#define C unbox32(request.c)
    OPS_S(OP_CASE)
#undef A
#undef B
#undef C
#define A a
#define B request.b
#define C request.c
    OPS_D(OP_CASE)
  }
  return {result, fflags};
}

#define OP_NAME(name, text, where, expression) #name,
constexpr const char* kNames[] = {OPS_S(OP_NAME) OPS_D(OP_NAME)};
const char* name_of(uint64_t op) { return kNames[op]; }

uint64_t operand(fpu_test::Operands& operands, uint64_t op) {
  const std::string name = name_of(op);
  if (name == "fcvt_s_d") return operands.f64();
  const bool single = op < kFirstOpD || name == "fcvt_d_s";
  if (!single) return operands.f64();
  if (operands.below(64) == 0) return operands.random();  // badly boxed
  return box32(operands.f32());
}
bool takes_integer(uint64_t op) {
  const std::string name = name_of(op);
  return name.starts_with("fcvt_") && (name.ends_with("_w") || name.ends_with("_wu") ||
                                       name.ends_with("_l") || name.ends_with("_lu"));
}

std::vector<Request> make_requests() {
  fpu_test::Operands operands(20);
  std::vector<Request> requests;
  for (uint64_t op = 0; op < kOpCount; ++op)
    for (uint64_t rm = RNE; rm <= RMM; ++rm)
      for (int i = 0; i < kOperandsEach; ++i) {
        operands.next_group();
        Request request{op, rm, 0, 0, 0};
        request.a = takes_integer(op) ? operands.integer() : operand(operands, op);
        request.b = operand(operands, op);
        request.c = operand(operands, op);
        requests.push_back(request);
      }
  return requests;
}

int run(const char* qemu, const char* guest) {
  const std::vector<Request> requests = make_requests();
  char folder[] = "/tmp/fpu-qemu-XXXXXX";
  if (!mkdtemp(folder)) return std::perror("mkdtemp"), 1;
  const std::string in = std::string(folder) + "/in";
  const std::string out = std::string(folder) + "/out";
  std::FILE* file = std::fopen(in.c_str(), "wb");
  if (!file ||
      std::fwrite(requests.data(), sizeof(Request), requests.size(), file) != requests.size() ||
      std::fclose(file))
    return std::perror(in.c_str()), 1;
  const std::string command =
      std::string("timeout 300 '") + qemu + "' '" + guest + "' < " + in + " > " + out;
  const int status = std::system(command.c_str());
  std::vector<Answer> answers(requests.size());
  file = std::fopen(out.c_str(), "rb");
  const size_t got = file ? std::fread(answers.data(), sizeof(Answer), answers.size(), file) : 0;
  if (file) std::fclose(file);
  std::remove(in.c_str());
  std::remove(out.c_str());
  std::remove(folder);
  if (status != 0 || got != answers.size())
    return std::fprintf(stderr, "%s: status %d, %zu of %zu answers\n", command.c_str(), status, got,
                        answers.size()),
           1;

  int wrong = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    const Answer ours = compute(request);
    if (ours.result == answers[i].result && ours.fflags == answers[i].fflags) continue;
    if (++wrong <= 20)
      std::fprintf(stderr,
                   "%s rm=%" PRIu64 " a=%016" PRIx64 " b=%016" PRIx64 " c=%016" PRIx64
                   ": ours %016" PRIx64 " fflags %02" PRIx64 ", QEMU's %016" PRIx64
                   " fflags %02" PRIx64 "\n",
                   name_of(request.op), request.rm, request.a, request.b, request.c, ours.result,
                   ours.fflags, answers[i].result, answers[i].fflags);
  }
  std::printf("%zu operations of %d instructions, %d differ\n", requests.size(),
              static_cast<int>(std::size(kNames)), wrong);
  return wrong != 0;
}

}  // namespace
}  // namespace monochord::fpu

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s QEMU GUEST\n", argv[0]), 2;
  return monochord::fpu::run(argv[1], argv[2]);
}
