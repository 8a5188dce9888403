// Symbols of ELF files: good ones, and tables that are anything.
#include "core/symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <elf.h>
#include <random>

namespace monochord {
namespace {

// An ELF file of nothing but sections: null, .text, .data, .symtab, .strtab.
class SymbolFile {
 public:
  static constexpr uint64_t kText = 0x80000000, kTextSize = 0x1000;
  enum Section : uint16_t { kNull, kTextSection, kDataSection, kSymtab, kStrtab, kSections };

  void add(const char* name, uint64_t value, uint64_t size, unsigned type, uint16_t section = kTextSection) {
    Elf64_Sym symbol = {};
    symbol.st_name = static_cast<uint32_t>(names_.size());
    symbol.st_value = value;
    symbol.st_size = size;
    symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, type));
    symbol.st_shndx = section;
    symbols_.push_back(symbol);
    names_.append(name, strlen(name) + 1);
  }

  std::string bytes() const {
    Elf64_Ehdr header = {};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_RISCV;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = kSections;
    header.e_shoff = sizeof header;
    Elf64_Shdr sections[kSections] = {};
    const uint64_t symbols_at = sizeof header + sizeof sections, names_at = symbols_at + symbols_.size() * sizeof(Elf64_Sym);
    sections[kTextSection] = {0, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kText, 0, kTextSize, 0, 0, 0, 0};
    sections[kDataSection] = {0, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, kText + kTextSize, 0, kTextSize, 0, 0, 0, 0};
    sections[kSymtab] = {0, SHT_SYMTAB, 0, 0, symbols_at, symbols_.size() * sizeof(Elf64_Sym), kStrtab, 0, 0, sizeof(Elf64_Sym)};
    sections[kStrtab] = {0, SHT_STRTAB, 0, 0, names_at, names_.size(), 0, 0, 0, 0};
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out.append(reinterpret_cast<const char*>(sections), sizeof sections);
    out.append(reinterpret_cast<const char*>(symbols_.data()), symbols_.size() * sizeof(Elf64_Sym));
    return out + names_;
  }

 private:
  std::vector<Elf64_Sym> symbols_;
  std::string names_;
};

class Symbols : public ::testing::Test {
 protected:
  void add(const std::string& bytes) {
    char path[] = "/tmp/monochord-symbols-XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(fd);
    {
      const Result<FileImage> file = FileImage::open(path);
      ASSERT_TRUE(file.ok());
      table.add(file.value());
    }
    unlink(path);
  }
  SymbolTable table;
};

TEST_F(Symbols, AreFoundByAnyAddressInside) {
  SymbolFile file;
  file.add("memset", SymbolFile::kText + 0x100, 0x40, STT_FUNC);
  file.add("start", SymbolFile::kText, 0x20, STT_FUNC);
  add(file.bytes());
  EXPECT_EQ(table.text(SymbolFile::kText), "start");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x1f), "start+0x1f");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x20), "");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x13f), "memset+0x3f");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x140), "");
  EXPECT_EQ(table.text(SymbolFile::kText - 1), "");
}

TEST_F(Symbols, ALabelReachesToTheNextAndTheLastToTheEndOfItsSection) {
  SymbolFile file;
  file.add("_start", SymbolFile::kText, 0, STT_NOTYPE);
  file.add("loop", SymbolFile::kText + 8, 0, STT_NOTYPE);
  add(file.bytes());
  EXPECT_EQ(table.text(SymbolFile::kText + 7), "_start+0x7");
  EXPECT_EQ(table.text(SymbolFile::kText + 8), "loop");
  EXPECT_EQ(table.text(SymbolFile::kText + 0xfff), "loop+0xff7");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x1000), "");
}

TEST_F(Symbols, WhatNamesNoCodeIsLeftOut) {
  SymbolFile file;
  file.add("$x", SymbolFile::kText, 0, STT_NOTYPE);
  file.add(".L1", SymbolFile::kText + 4, 0, STT_NOTYPE);
  file.add("buffer", SymbolFile::kText + SymbolFile::kTextSize, 8, STT_OBJECT, SymbolFile::kDataSection);
  file.add("end", SymbolFile::kText + SymbolFile::kTextSize, 0, STT_NOTYPE, SymbolFile::kDataSection);
  file.add("constant", 42, 0, STT_NOTYPE, SHN_ABS);
  file.add("elsewhere", 0, 0, STT_NOTYPE, SHN_UNDEF);
  add(file.bytes());
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(Symbols, OfTwoNamesForAPlaceOneStays) {
  SymbolFile file;
  file.add("local_alias", SymbolFile::kText, 0x20, STT_FUNC);
  file.add("memcpy", SymbolFile::kText, 0x20, STT_FUNC);
  add(file.bytes());
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.text(SymbolFile::kText + 1), "memcpy+0x1");
}

TEST_F(Symbols, ASecondFileAddsItsOwn) {
  SymbolFile one, two;
  one.add("firmware", SymbolFile::kText, 0x20, STT_FUNC);
  two.add("kernel", SymbolFile::kText + 0x800, 0x20, STT_FUNC);
  add(one.bytes());
  add(two.bytes());
  EXPECT_EQ(table.text(SymbolFile::kText), "firmware");
  EXPECT_EQ(table.text(SymbolFile::kText + 0x800), "kernel");
}

TEST_F(Symbols, DamagedFilesNeverHurt) {
  SymbolFile file;
  for (int i = 0; i < 20; i++) file.add(("function" + std::to_string(i)).c_str(), SymbolFile::kText + 16 * static_cast<uint64_t>(i), 16, STT_FUNC);
  const std::string good = file.bytes();
  std::mt19937 random(1);
  for (int round = 0; round < 3000; round++) {
    std::string bad = good;
    // Past the magic, so that it is looked at.
    for (unsigned n = random() % 4; n <= 4; n++) bad[SELFMAG + random() % (bad.size() - SELFMAG)] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(SELFMAG + random() % (bad.size() - SELFMAG));
    table = {};
    add(bad);
    for (uint64_t offset = 0; offset < 0x200; offset += 8) table.text(SymbolFile::kText + offset);
  }
}

}  // namespace
}  // namespace monochord
