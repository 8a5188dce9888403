#include "core/symbols.h"

#include <algorithm>
#include <cstring>
#include <elf.h>

namespace monochord {

namespace {

// Copies an object out of the file, which may be anything and may change under us.
template <typename T>
bool read_at(const FileImage& file, uint64_t offset, T* object) {
  if (offset > file.size() || sizeof(T) > file.size() - offset) return false;
  memcpy(object, file.data() + offset, sizeof(T));
  return true;
}

// Local labels of the assembler and mapping symbols name no function.
bool is_name(const std::string& name) { return !name.empty() && name[0] != '$' && name.compare(0, 2, ".L") != 0; }

bool names_code(const Elf64_Sym& symbol, const std::vector<Elf64_Shdr>& sections) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_NOTYPE) && symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < sections.size() &&
         (sections[symbol.st_shndx].sh_flags & SHF_EXECINSTR) != 0;
}

std::string string_at(const FileImage& file, const Elf64_Shdr& table, uint64_t offset) {
  constexpr uint64_t kNameMax = 512;
  std::string name;
  for (char c; offset < table.sh_size && name.size() < kNameMax && read_at(file, table.sh_offset + offset, &c) && c != 0; offset++) name += c;
  return name;
}

}  // namespace

void SymbolTable::add(const FileImage& file) {
  Elf64_Ehdr header;
  if (!is_elf(file) || !read_at(file, 0, &header)) return;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof(Elf64_Shdr)) return;
  std::vector<Elf64_Shdr> sections;
  for (unsigned i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    if (!read_at(file, header.e_shoff + uint64_t{i} * sizeof section, &section)) return;
    sections.push_back(section);
  }
  for (const Elf64_Shdr& table : sections) {
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= sections.size()) continue;
    const uint64_t count = std::min<uint64_t>(table.sh_size, file.size()) / sizeof(Elf64_Sym);
    for (uint64_t i = 0; i < count; i++) {
      Elf64_Sym symbol;
      if (!read_at(file, table.sh_offset + i * sizeof symbol, &symbol) || !names_code(symbol, sections)) continue;
      std::string name = string_at(file, sections[table.sh_link], symbol.st_name);
      if (!is_name(name)) continue;
      const Elf64_Shdr& section = sections[symbol.st_shndx];
      const uint64_t end = symbol.st_size != 0 ? symbol.st_value + symbol.st_size : section.sh_addr + section.sh_size;
      if (end > symbol.st_value) symbols_.push_back({symbol.st_value, end, std::move(name)});
    }
  }
  // Of several names for a place the last one in the file stays: there a linker puts the global ones.
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) { return a.begin < b.begin; });
  std::vector<Symbol> apart;
  for (Symbol& symbol : symbols_) {
    if (!apart.empty() && apart.back().begin == symbol.begin) apart.pop_back();
    apart.push_back(std::move(symbol));
  }
  symbols_ = std::move(apart);
}

SymbolTable::Found SymbolTable::find(uint64_t address) const {
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address, [](uint64_t a, const Symbol& symbol) { return a < symbol.begin; });
  if (after == symbols_.begin()) return {};
  const Symbol& symbol = *--after;
  if (address >= symbol.end) return {};
  return {&symbol.name, address - symbol.begin};
}

std::string SymbolTable::text(uint64_t address) const {
  const Found found = find(address);
  if (found.name == nullptr) return {};
  return found.offset == 0 ? *found.name : stringf("%s+0x%llx", found.name->c_str(), static_cast<unsigned long long>(found.offset));
}

SymbolTable& guest_symbols() {
  static SymbolTable table;
  return table;
}

}  // namespace monochord
