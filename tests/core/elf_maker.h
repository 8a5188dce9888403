// Makes small RV64 ELF files, good ones and (after a test has changed its fields) bad ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <vector>

namespace monochord {

struct ElfMaker {
  ElfMaker() {
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_RISCV;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
  }

  void segment(uint64_t paddr, std::vector<uint8_t> content, uint64_t memsz) {
    Elf64_Phdr p = {};
    p.p_type = PT_LOAD;
    p.p_flags = PF_R | PF_W | PF_X;
    p.p_vaddr = p.p_paddr = paddr;
    p.p_filesz = content.size();
    p.p_memsz = memsz;
    uint64_t offset = 0x200;
    if (!segments.empty()) offset = segments.back().p_offset + contents.back().size();
    p.p_offset = (offset + align - 1) / align * align;
    segments.push_back(p);
    contents.push_back(std::move(content));
    header.e_phnum = static_cast<uint16_t>(segments.size());
    place.push_back(p.p_offset);
  }

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> out(sizeof header + segments.size() * sizeof(Elf64_Phdr));
    memcpy(out.data(), &header, sizeof header);
    if (!segments.empty()) memcpy(out.data() + sizeof header, segments.data(), segments.size() * sizeof(Elf64_Phdr));
    for (size_t i = 0; i < contents.size(); i++) {
      if (out.size() < place[i] + contents[i].size()) out.resize(place[i] + contents[i].size());
      memcpy(out.data() + place[i], contents[i].data(), contents[i].size());
    }
    if (cut < out.size()) out.resize(cut);
    return out;
  }

  Elf64_Ehdr header = {};
  std::vector<Elf64_Phdr> segments;
  std::vector<std::vector<uint8_t>> contents;
  std::vector<uint64_t> place;  // where the bytes really are, whatever a test writes into p_offset
  uint64_t align = 16;
  uint64_t cut = UINT64_MAX;
};

}  // namespace monochord
