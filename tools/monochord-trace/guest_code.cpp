#include "tools/monochord-trace/guest_code.h"

#include <elf.h>
#include <cstring>

#include "tcg/riscv/disas.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr unsigned kLinesBefore = 8, kLinesAfter = 8;
constexpr uint64_t kLongestFunction = 64 << 10;  // farther back than that nobody decodes from

}  // namespace

Status GuestCode::add(const std::string& path) {
  Result<FileImage> file = FileImage::open(path);
  if (!file) return file.error();
  Elf64_Ehdr header;
  const auto read_at = [&](uint64_t offset, void* to, size_t size) {
    if (offset > file->size() || size > file->size() - offset) return false;
    memcpy(to, file->data() + offset, size);
    return true;
  };
  if (!is_elf(*file) || !read_at(0, &header, sizeof header) || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_RISCV)
    return errorf("--elf %s: not an ELF file for RV64", path.c_str());
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment;
    if (header.e_phentsize != sizeof segment || !read_at(header.e_phoff + uint64_t{i} * sizeof segment, &segment, sizeof segment) ||
        (segment.p_type == PT_LOAD && (segment.p_offset > file->size() || segment.p_filesz > file->size() - segment.p_offset)))
      return errorf("--elf %s: its program headers are damaged", path.c_str());
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && segment.p_vaddr + segment.p_filesz >= segment.p_vaddr)
      segments_.push_back({segment.p_vaddr, segment.p_filesz, files_.size(), segment.p_offset});
  }
  symbols_.add(*file);
  files_.push_back(std::move(*file));
  return {};
}

Status GuestCode::add_raw(const std::string& text) {
  const size_t at = text.rfind('@');
  const std::optional<uint64_t> address = at == std::string::npos ? std::nullopt : parse_number(std::string_view(text).substr(at + 1));
  if (!address) return errorf("--code %s: give FILE@ADDRESS, for example Image@0xffffffff80000000", text.c_str());
  Result<FileImage> file = FileImage::open(text.substr(0, at));
  if (!file) return file.error();
  if (file->size() > UINT64_MAX - *address) return errorf("--code %s: it would reach beyond the end of all addresses", text.c_str());
  segments_.push_back({*address, file->size(), files_.size(), 0});
  files_.push_back(std::move(*file));
  return {};
}

bool GuestCode::fetch(uint64_t address, uint32_t* raw, unsigned* size) const {
  for (const Segment& segment : segments_) {
    if (address < segment.address || address - segment.address >= segment.size) continue;
    const uint64_t left = segment.size - (address - segment.address);
    const uint8_t* bytes = files_[segment.file].data() + segment.offset + (address - segment.address);
    if (left < 2) return false;
    *size = (bytes[0] & 3) == 3 ? 4 : 2;
    if (left < *size) return false;
    *raw = 0;
    memcpy(raw, bytes, *size);
    return true;
  }
  return false;
}

// Where to decode from so that an instruction begins at `address`: the function's start; without one, the nearest place that leads there.
uint64_t GuestCode::start_before(uint64_t address) const {
  const SymbolTable::Found found = symbols_.find(address);
  if (found.name != nullptr && found.offset <= kLongestFunction) return address - found.offset;
  for (uint64_t back = 4 * kLinesBefore; back > 0; back -= 2) {
    uint64_t at = address - back;
    uint32_t raw;
    for (unsigned size; at < address && fetch(at, &raw, &size); at += size) {
    }
    if (at == address) return address - back;
  }
  return address;
}

void GuestCode::around(uint64_t address, std::map<uint64_t, std::string>* lines) const {
  uint32_t raw;
  unsigned size;
  if (!fetch(address, &raw, &size)) return;
  std::vector<uint64_t> before;
  for (uint64_t at = start_before(address); at < address && fetch(at, &raw, &size); at += size) before.push_back(at);
  const auto add = [&](uint64_t at) {
    if (fetch(at, &raw, &size)) (*lines)[at] = disassemble(raw, at);
  };
  for (size_t i = before.size() > kLinesBefore ? before.size() - kLinesBefore : 0; i < before.size(); i++) add(before[i]);
  uint64_t at = address;
  for (unsigned i = 0; i <= kLinesAfter && fetch(at, &raw, &size); i++) {
    add(at);
    at += size;
  }
}

}  // namespace monochord::trace
