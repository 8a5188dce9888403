// /tmp/perf-PID.map: the names by which `perf report` knows generated code; made with -perfmap. A line a unit: "START SIZE name", in hexadecimal.
//
// The file says what lies in the buffer now: lines never overlap. When a half of the buffer is used again, what was there goes out of the file, so
// samples of it get the names of what came later; a larger tb-size spares that.
// Main context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"

namespace monochord {

class PerfMap {
 public:
  // Where perf looks for this process.
  static std::string default_path();
  static Result<std::unique_ptr<PerfMap>> open(const std::string& path);
  ~PerfMap();

  void add(const uint8_t* begin, const uint8_t* end, const std::string& name);
  // Code in [begin, end) is gone.
  void forget(const uint8_t* begin, const uint8_t* end);

 private:
  struct Line {
    uintptr_t begin, end;
    std::string name;
  };
  PerfMap(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  void write(const std::string& text);

  std::string path_;
  int fd_;
  std::vector<Line> lines_;
};

extern PerfMap* perf_map;  // null: nobody asked

}  // namespace monochord
