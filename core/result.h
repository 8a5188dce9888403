// Errors of the user or the host (a missing image, no memory) are values with one line that a person can act on:
// what went wrong, where, and what to do instead. No full stop, no newline, no program name: the caller prints those.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"

namespace monochord {

struct Error {
  std::string message;
};

// printf-style construction: return errorf("%s: %s", path, strerror(errno));
[[gnu::format(printf, 1, 2)]] Error errorf(const char* format, ...);
// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string stringf(const char* format, ...);
[[gnu::format(printf, 1, 0)]] std::string vstringf(const char* format, va_list args);

// Either a value or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}
  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& value() {
    CHECK(ok());
    return *value_;
  }
  const T& value() const {
    CHECK(ok());
    return *value_;
  }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

// Success or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace monochord
