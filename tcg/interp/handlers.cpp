// The handlers: each body of the instruction table compiled with the Direct executor, by length and, for branches, by where they lead.
#include "tcg/interp/direct.h"
#include "tcg/riscv/rva.h"
#include "tcg/riscv/rvb.h"
#include "tcg/riscv/rvd.h"
#include "tcg/riscv/rvf.h"
#include "tcg/riscv/rvi.h"
#include "tcg/riscv/rvm.h"
#include "tcg/riscv/rvpriv.h"

namespace monochord {

[[gnu::noinline]] const Insn* stop_run(const Insn* next, Interpreter* in, int64_t, HartState*) {
  in->stop_before(next);
  return nullptr;
}

namespace {

// From an operation to its body, operands and flags.
template <Op op>
struct Body;
#define FORMAT(name, arg, operands) using format_arg_##name = arg_##arg;
#include "tcg/riscv/formats.inc"
#undef FORMAT
#define INSN(name, ext, format, bits, flags)                                          \
  template <>                                                                         \
  struct Body<op_##name> {                                                            \
    static constexpr unsigned kFlags = (flags);                                       \
    template <Semantics E>                                                            \
    [[gnu::always_inline]] static void run(E& e, const Args& args) {                  \
      trans_##name(e, format_arg_##format(args));                                     \
    }                                                                                 \
  };
#include "tcg/riscv/insn32.inc"
#undef INSN

template <Op op, unsigned slots, bool in_page>
[[gnu::noinline]] const Insn* run_slow(const Insn* insn, Interpreter* in, int64_t budget, HartState* state) {
  Direct<slots, in_page, false> e(insn, in, budget, state);
  if ((Body<op>::kFlags & kFp) != 0 && (state->mstatus & kMstatusFs) == 0) {
    e.illegal();
  } else {
    Body<op>::run(e, insn->args);
  }
  MONOCHORD_DISPATCH(e.next, in, budget, state);
}

template <Op op, unsigned slots, bool in_page>
const Insn* run_op(const Insn* insn, Interpreter* in, int64_t budget, HartState* state) {
  if constexpr ((Body<op>::kFlags & kFp) != 0) {
    if (__builtin_expect((state->mstatus & kMstatusFs) == 0, 0)) {
      MONOCHORD_TAIL run_slow<op, slots, in_page>(insn, in, budget, state);
    }
  }
  Direct<slots, in_page, true> e(insn, in, budget, state);
  Body<op>::run(e, insn->args);
  if (__builtin_expect(e.bailed, 0)) {
    MONOCHORD_TAIL run_slow<op, slots, in_page>(insn, in, budget, state);
  }
  MONOCHORD_DISPATCH(e.next, in, budget, state);
}

const Insn* run_illegal(const Insn* insn, Interpreter* in, int64_t budget, [[maybe_unused]] HartState* state) {
  // Its bits are in the slot: memory may hold others by now.
  MONOCHORD_DISPATCH(in->raise(insn, budget, Exception::kIllegalInst, static_cast<uint32_t>(insn->args.imm)), in, budget, state);
}
const Insn* run_decode(const Insn* insn, Interpreter* in, int64_t budget, HartState* state) {
  MONOCHORD_REDISPATCH(in->decode_slot(insn, budget), in, budget, state);
}
const Insn* run_refetch(const Insn* insn, Interpreter* in, int64_t budget, HartState* state) {
  MONOCHORD_REDISPATCH(in->refetch(insn), in, budget, state);
}
// A fetch that faults is an instruction started: what follows it counts anew.
const Insn* run_resolve(const Insn*, Interpreter* in, int64_t budget, HartState* state) {
  const Insn* const to = in->resolve(budget);
  if (__builtin_expect(in->trapped, 0)) MONOCHORD_DISPATCH(to, in, budget, state);
  MONOCHORD_REDISPATCH(to, in, budget, state);
}
const Insn* run_cross(const Insn* insn, Interpreter* in, int64_t budget, HartState* state) {
  const Insn* const to = in->cross(insn, budget);
  if (__builtin_expect(in->trapped, 0)) MONOCHORD_DISPATCH(to, in, budget, state);
  MONOCHORD_REDISPATCH(to, in, budget, state);
}
const Insn* run_leave(const Insn*, Interpreter* in, int64_t budget, HartState*) {
  in->budget = budget + 1;  // leaving is no instruction
  return nullptr;
}

// Which operations exist compressed, and which lead to an offset known when decoding.
template <Op op>
constexpr bool has_short_form() {
#define INSN16(name, ext, bits, format, to, text, flags) \
  if (op == op_##to) return true;
#include "tcg/riscv/insn16.inc"
#undef INSN16
  return false;
}
template <Op op>
constexpr bool is_relative() {
  return op == op_jal || (Body<op>::kFlags & kBranch) != 0;
}

struct Variants {
  Handler by_form[2][2];  // compressed, in page
};
template <Op op>
constexpr Variants variants_of() {
  Variants result{};
  result.by_form[0][0] = run_op<op, 2, false>;
  if constexpr (is_relative<op>()) result.by_form[0][1] = run_op<op, 2, true>;
  if constexpr (has_short_form<op>()) {
    result.by_form[1][0] = run_op<op, 1, false>;
    if constexpr (is_relative<op>()) result.by_form[1][1] = run_op<op, 1, true>;
  }
  return result;
}
constexpr Variants kVariants[] = {
    {{{run_illegal, nullptr}, {run_illegal, nullptr}}},
#define INSN(name, ext, format, bits, flags) variants_of<op_##name>(),
#include "tcg/riscv/insn32.inc"
#undef INSN
};

}  // namespace

Handler handler_of(Op op, unsigned length, bool in_page) {
  const Handler handler = kVariants[op].by_form[length == 2][in_page];
  CHECK(handler != nullptr);
  return handler;
}

Handler handler_decode() { return run_decode; }
Handler handler_refetch() { return run_refetch; }
Handler handler_resolve() { return run_resolve; }
Handler handler_cross() { return run_cross; }
Handler handler_leave() { return run_leave; }

// --- the run ------------------------------------------------------------------------------------------------------------
void Interpreter::run(int64_t budget_given) {
  HartState* state = &cpu_.state;
#if MONOCHORD_THREADED
  resolve_slot.fn(&resolve_slot, this, budget_given - 1, state);
#else
  const Insn* insn = &resolve_slot;
  for (int64_t left = budget_given; insn != nullptr;) {
    if (left == 0) {
      stop_before(insn);
      break;
    }
    left--;
    insn = insn->fn(insn, this, left, state);
  }
#endif
}

}  // namespace monochord
