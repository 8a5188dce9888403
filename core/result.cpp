#include "core/result.h"

namespace monochord {

std::string vstringf(const char* format, va_list args) {
  char small[512];
  va_list again;
  va_copy(again, args);
  const int size = vsnprintf(small, sizeof small, format, args);
  std::string text;
  if (size >= 0 && static_cast<size_t>(size) < sizeof small) {
    text.assign(small, static_cast<size_t>(size));
  } else if (size >= 0) {
    text.resize(static_cast<size_t>(size) + 1);  // vsnprintf wants room for its zero
    vsnprintf(text.data(), text.size(), format, again);
    text.resize(static_cast<size_t>(size));
  }
  va_end(again);
  return text;
}

std::string stringf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = vstringf(format, args);
  va_end(args);
  return text;
}

Error errorf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  Error error{vstringf(format, args)};
  va_end(args);
  return error;
}

}  // namespace monochord
