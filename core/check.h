// CHECK: assertions about our own code. On in every build: a wrong machine that goes on is worse than one that stops.
// What the guest or the user does is never a CHECK; see core/result.h and core/log.h.
// Any context. A failed CHECK prints where it is, what did not hold and, when a hook is set, where the guest was; then aborts.
#pragma once

namespace monochord {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* message);

// Called once by check_failed before it aborts, to print the state of the harts and restore the terminal. May be null.
void set_check_hook(void (*hook)());

// The process is about to crash (a failed CHECK, a deadly signal): what is left to be saved? Async-signal-safe, called at most once. May be null.
void set_crash_hook(void (*hook)());
void run_crash_hook();

}  // namespace monochord

#define CHECK(condition)                                                                    \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::monochord::check_failed(__FILE__, __LINE__, #condition, nullptr))
#define CHECK_MSG(condition, message)                                                       \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::monochord::check_failed(__FILE__, __LINE__, #condition, message))
#define UNREACHABLE() ::monochord::check_failed(__FILE__, __LINE__, "unreachable", nullptr)

// DCHECK: a rule that is too hot to test in release builds (which functions need the BQL, and so on).
#ifdef NDEBUG
#define DCHECK(condition) ((void)sizeof(!(condition)))
#else
#define DCHECK(condition) CHECK(condition)
#endif
