// ELF executables for RV64. All that comes from the file is copied before it is checked: the file may change under us.
#include <algorithm>
#include <cstring>
#include <elf.h>
#include <vector>

#include "core/loader_place.h"

namespace monochord {

namespace {

const char* machine_name(unsigned machine) {
  switch (machine) {
    case EM_386: return "i386";
    case EM_X86_64: return "x86-64";
    case EM_ARM: return "32-bit ARM";
    case EM_AARCH64: return "arm64";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390x";
    case EM_MIPS: return "MIPS";
    case 258: return "LoongArch";
    default: return "another machine";
  }
}

Status check_header(const std::string& path, const Elf64_Ehdr& header, uint64_t file_size) {
  const char* name = path.c_str();
  if (header.e_ident[EI_CLASS] == ELFCLASS32) return errorf("%s is a 32-bit ELF and this machine is RV64; build it with -march=rv64gc -mabi=lp64d", name);
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return errorf("%s: its ELF header is damaged (class %u)", name, header.e_ident[EI_CLASS]);
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return errorf("%s is a big-endian ELF and this machine is little-endian RISC-V; build it for riscv64", name);
  if (header.e_machine != EM_RISCV)
    return errorf("%s is an ELF for %s (machine %u) and this machine is RISC-V; build it for riscv64", name, machine_name(header.e_machine), header.e_machine);
  if (header.e_type == ET_REL) return errorf("%s is an object file (.o); link it to an executable first", name);
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return errorf("%s is not an ELF executable (type %u); link one", name, header.e_type);
  if (header.e_phnum == 0) return errorf("%s is an ELF without segments: there is nothing to load; link it to an executable", name);
  if (header.e_phentsize != sizeof(Elf64_Phdr))
    return errorf("%s: its ELF header is damaged (program headers of %u bytes instead of %zu)", name, header.e_phentsize, sizeof(Elf64_Phdr));
  const uint64_t table = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > file_size || table > file_size - header.e_phoff)
    return errorf("%s: its program headers (%llu bytes at 0x%llx) lie beyond its %llu bytes; is it cut off?", name, hex(table), hex(header.e_phoff),
                  hex(file_size));
  return {};
}

Status check_segment(const AddressSpace& as, const FileImage& file, const Elf64_Phdr& segment, unsigned number) {
  const std::string what = stringf("%s, ELF segment %u", file.path().c_str(), number);
  if (segment.p_filesz > segment.p_memsz)
    return errorf("%s is damaged: 0x%llx bytes in the file, room for 0x%llx in memory", what.c_str(), hex(segment.p_filesz), hex(segment.p_memsz));
  if (segment.p_offset > file.size() || segment.p_filesz > file.size() - segment.p_offset)
    return errorf("%s lies beyond the file (0x%llx bytes at 0x%llx of 0x%llx); is it cut off?", what.c_str(), hex(segment.p_filesz), hex(segment.p_offset),
                  hex(file.size()));
  return check_fits(as, what, segment.p_paddr, segment.p_memsz);
}

struct Numbered {
  Elf64_Phdr segment;
  unsigned number;
};

Status check_overlap(const std::string& path, std::vector<Numbered> segments) {
  std::sort(segments.begin(), segments.end(), [](const Numbered& a, const Numbered& b) { return a.segment.p_paddr < b.segment.p_paddr; });
  for (size_t i = 1; i < segments.size(); i++) {
    const Elf64_Phdr &a = segments[i - 1].segment, &b = segments[i].segment;
    if (b.p_paddr - a.p_paddr < a.p_memsz)
      return errorf("%s: ELF segments %u and %u overlap at 0x%llx; correct its linker script", path.c_str(), segments[i - 1].number, segments[i].number,
                    hex(b.p_paddr));
  }
  return {};
}

}  // namespace

bool is_elf(const FileImage& file) { return file.size() >= SELFMAG && memcmp(file.data(), ELFMAG, SELFMAG) == 0; }

Result<LoadedImage> load_elf(AddressSpace& as, const FileImage& file) {
  if (Status status = check_still_whole(file); !status) return status.error();
  const char* name = file.path().c_str();
  if (!is_elf(file)) return errorf("%s is not an ELF file", name);
  Elf64_Ehdr header;
  if (file.size() < sizeof header) return errorf("%s: its ELF header is cut off (%llu bytes); fetch or build it again", name, hex(file.size()));
  memcpy(&header, file.data(), sizeof header);
  if (Status status = check_header(file.path(), header, file.size()); !status) return status.error();

  std::vector<Numbered> segments;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment;
    memcpy(&segment, file.data() + header.e_phoff + uint64_t{i} * sizeof segment, sizeof segment);
    if (segment.p_type != PT_LOAD || (segment.p_memsz == 0 && segment.p_filesz == 0)) continue;
    if (Status status = check_segment(as, file, segment, i); !status) return status.error();
    segments.push_back({segment, i});
  }
  if (segments.empty()) return errorf("%s is an ELF without anything to load; link it to an executable", name);
  if (Status status = check_overlap(file.path(), segments); !status) return status.error();

  LoadedImage image;
  image.is_elf = true;
  image.entry = header.e_entry;
  image.low = UINT64_MAX;
  for (const auto& [segment, number] : segments) {
    place_file(as, file, segment.p_offset, segment.p_paddr, segment.p_filesz);
    place_zeroes(as, segment.p_paddr + segment.p_filesz, segment.p_memsz - segment.p_filesz);
    image.low = std::min<uint64_t>(image.low, segment.p_paddr);
    image.high = std::max<uint64_t>(image.high, segment.p_paddr + segment.p_memsz);
    // The reset vector jumps without translation: an entry given as a virtual address is turned into its physical one.
    const uint64_t into = header.e_entry - segment.p_vaddr;
    if ((segment.p_flags & PF_X) != 0 && segment.p_vaddr != segment.p_paddr && header.e_entry >= segment.p_vaddr && into < segment.p_filesz)
      image.entry = segment.p_paddr + into;
  }
  return image;
}

}  // namespace monochord
