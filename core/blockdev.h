// A block backend: a raw image as an array of 512-byte sectors. Implemented in port/ (a file) and by tests (memory, injected errors).
// Main or handler context, BQL held. Offsets and sizes in bytes, multiples of 512 unless they touch the end of the image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace monochord {

class BlockBackend {
 public:
  virtual ~BlockBackend() = default;
  virtual uint64_t size_bytes() const = 0;
  virtual bool read_only() const = 0;
  // 0 or a positive errno value (EIO, ENOSPC, EROFS). An error has been reported to the user (once a kind) before it returns.
  virtual int read(uint64_t offset, void* buffer, size_t size) = 0;
  virtual int write(uint64_t offset, const void* buffer, size_t size) = 0;
  virtual int flush() = 0;
  virtual int discard(uint64_t offset, uint64_t size) = 0;       // may do nothing
  virtual int write_zeroes(uint64_t offset, uint64_t size) = 0;
  // Writes what a snapshot has changed to its image (Ctrl-A s); elsewhere there is nothing to do.
  virtual int commit() { return 0; }
  virtual const std::string& id() const = 0;                      // of -drive id=, for messages
};

}  // namespace monochord
