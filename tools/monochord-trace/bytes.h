// Where a trace's bytes come from: a file, or memory (tests). Positions are the caller's; reading outside is an answer, not an accident.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"

namespace monochord::trace {

class Bytes {
 public:
  virtual ~Bytes() = default;
  virtual uint64_t size() const = 0;
  virtual bool read(uint64_t offset, void* to, size_t size) = 0;  // all of it, or false
};

// A regular file that stays open. A file that grows while we read is read up to the size that it had here.
Result<std::unique_ptr<Bytes>> open_file(const std::string& path);
std::unique_ptr<Bytes> memory_bytes(std::string content);

}  // namespace monochord::trace
