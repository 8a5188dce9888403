// What compiled C++ expects of its ABI library (Itanium C++ ABI, sections 3.2.6 and 3.3.5), as far as code without
// exceptions, RTTI and threads needs it.
#include <stdlib.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* message, size_t size) {
  if (write(STDERR_FILENO, message, size) < 0) {}
  abort();
}

}  // namespace

extern "C" {

// Names the shared object to whose end a destructor belongs; there is one, the program.
void* __dso_handle = nullptr;

[[noreturn]] void __cxa_pure_virtual() {
  static const char kMessage[] = "monochord: pure virtual function called\n";
  die(kMessage, sizeof kMessage - 1);
}

[[noreturn]] void __cxa_deleted_virtual() {
  static const char kMessage[] = "monochord: deleted virtual function called\n";
  die(kMessage, sizeof kMessage - 1);
}

}  // extern "C"
