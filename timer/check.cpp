#include "timer/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "timer/host.h"

namespace {
void (*check_hook)(void);
}

void timer_set_check_hook(void (*hook)(void)) { check_hook = hook; }

void monochord::timer_check_failed(const char* file, int line, const char* condition, const char* message) {
  char text[512];
  int length = snprintf(text, sizeof text, "%s:%d: check failed: %s: %s\n", file, line, condition, message);
  if (length > static_cast<int>(sizeof text) - 1) length = sizeof text - 1;
  // write(2), not stdio: this may be the signal handler.
  if (length > 0 && write(STDERR_FILENO, text, static_cast<size_t>(length)) < 0) {}
  void (*hook)(void) = check_hook;
  check_hook = nullptr;
  if (hook != nullptr) hook();
  abort();
}
