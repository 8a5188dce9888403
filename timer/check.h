// The timer library's own assertions; on in every build. Any context. A failed check says where and what, then aborts.
#pragma once

namespace monochord {
[[noreturn]] void timer_check_failed(const char* file, int line, const char* condition, const char* message);
}

#define TIMER_CHECK(condition, message) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::monochord::timer_check_failed(__FILE__, __LINE__, #condition, message))
