// Where a command's result goes: stdout, or a file that appears whole or not at all. A reader that has gone (a closed pipe) is no error to speak of.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "core/result.h"

namespace monochord::trace {

class Output {
 public:
  // "" or "-": stdout.
  static Result<Output> open(const std::string& path);
  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  ~Output();  // without finish(): the file is not left behind

  void write(std::string_view text) {
    if (!failed_ && fwrite(text.data(), 1, text.size(), file_) != text.size()) note_failure();
  }
  [[gnu::format(printf, 2, 3)]] void print(const char* format, ...);
  bool failed() const { return failed_; }  // nobody reads any more, or the disk is full: stop early
  // Flushes, and gives the file its name. The message is empty where the pipe was closed: end quietly, but not with 0.
  Status finish();

 private:
  Output() = default;
  void note_failure();
  FILE* file_ = nullptr;
  std::string path_, temporary_;
  bool failed_ = false;
  int error_ = 0;
};

}  // namespace monochord::trace
