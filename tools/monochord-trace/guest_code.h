// The guest's instructions around an address, from its ELF files: what a page shows beside an interrupt.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/loader.h"
#include "core/symbols.h"

namespace monochord::trace {

class GuestCode {
 public:
  // Errors: unreadable, no RV64 ELF, damaged headers.
  Status add(const std::string& path);
  // "FILE@ADDRESS": all of a file as it lies at a virtual address (a Linux Image). Errors: the form, unreadable.
  Status add_raw(const std::string& text);
  bool empty() const { return segments_.empty(); }
  // Instructions before and after `address` as "address: text" by address; a few lines each. Nothing where no file has it.
  void around(uint64_t address, std::map<uint64_t, std::string>* lines) const;
  std::string symbol(uint64_t address) const { return symbols_.text(address); }

 private:
  struct Segment {
    uint64_t address, size;
    size_t file;
    uint64_t offset;
  };
  bool fetch(uint64_t address, uint32_t* raw, unsigned* size) const;
  uint64_t start_before(uint64_t address) const;

  std::vector<FileImage> files_;
  std::vector<Segment> segments_;
  SymbolTable symbols_;
};

}  // namespace monochord::trace
