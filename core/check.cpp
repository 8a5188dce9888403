#include "core/check.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace monochord {

namespace {

void (*check_hook)() = nullptr;
void (*volatile crash_hook)() = nullptr;
bool check_failing = false;  // the hook itself may fail a CHECK: it is not called twice

// Straight to the descriptor: a failed CHECK may have come from inside stdio or with a broken heap.
void print(const char* text) {
  size_t size = strlen(text);
  while (size > 0) {
    const ssize_t written = write(STDERR_FILENO, text, size);
    if (written <= 0) return;
    text += written;
    size -= static_cast<size_t>(written);
  }
}

}  // namespace

void set_check_hook(void (*hook)()) { check_hook = hook; }

void set_crash_hook(void (*hook)()) { crash_hook = hook; }

void run_crash_hook() {
  void (*const hook)() = crash_hook;
  crash_hook = nullptr;  // it may crash itself
  if (hook != nullptr) hook();
}

void check_failed(const char* file, int line, const char* condition, const char* message) {
  char number[16];
  snprintf(number, sizeof number, ":%d: ", line);
  print("monochord: ");
  print(file);
  print(number);
  print("CHECK failed: ");
  print(condition);
  if (message != nullptr) {
    print(": ");
    print(message);
  }
  print("\n");
  if (check_hook != nullptr && !check_failing) {
    check_failing = true;
    check_hook();
  }
  run_crash_hook();
  abort();
}

}  // namespace monochord
