// Names of guest addresses, from the symbol tables of the ELF files that were loaded: for -d in_asm and -perfmap. The guest never sees them.
// Main context.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/loader.h"

namespace monochord {

class SymbolTable {
 public:
  // Adds the functions and labels of an ELF file. One that has none, is damaged or no ELF adds nothing: names are a help, never a reason to stop.
  void add(const FileImage& file);
  size_t size() const { return symbols_.size(); }

  struct Found {
    const std::string* name = nullptr;  // null: nobody's address
    uint64_t offset = 0;                // from the symbol's first byte
  };
  Found find(uint64_t address) const;
  // "memset" or "memset+0x10"; empty where there is none.
  std::string text(uint64_t address) const;

 private:
  struct Symbol {
    uint64_t begin, end;
    std::string name;
  };
  std::vector<Symbol> symbols_;  // by address, one at each
};

// What the machine's images are known by; filled where somebody asked for names.
SymbolTable& guest_symbols();

}  // namespace monochord
