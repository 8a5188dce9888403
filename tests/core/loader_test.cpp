// Loaders: where the bytes land, that pages are mapped and not read, and that every bad file gets one line that helps.
#include "core/loader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "elf_maker.h"
#include "memory_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = 0x80000000;
constexpr size_t kMiB = 1 << 20;

std::vector<uint8_t> gzip(const std::vector<uint8_t>& bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::vector<uint8_t> out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// True where /proc/self/maps shows the file at this host address.
bool mapped_from(const void* host, const std::string& path) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[4096];
  bool found = false;
  while (fgets(line, sizeof line, maps) != nullptr) {
    unsigned long long low = 0, high = 0;
    if (sscanf(line, "%llx-%llx", &low, &high) != 2) continue;
    const auto address = reinterpret_cast<uintptr_t>(host);
    if (address >= low && address < high) found = strstr(line, path.c_str()) != nullptr;
  }
  fclose(maps);
  return found;
}

// One line, with the name of the file and each of the words.
void expect_line(const Error& error, const std::string& path, std::initializer_list<const char*> words) {
  const std::string& text = error.message;
  EXPECT_NE(text.find(path), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  EXPECT_FALSE(text.empty() || text.back() == '.') << text;
  for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
}

class LoaderTest : public ::testing::Test {
 protected:
  FileImage open(const std::string& path) {
    Result<FileImage> file = FileImage::open(path);
    EXPECT_TRUE(file.ok()) << file.error().message;
    return std::move(*file);
  }
  TempFolder folder;
  RamMachine m{4 * kMiB};
};

// --- files -------------------------------------------------------------------------------------------------------

TEST_F(LoaderTest, AMissingFileADirectoryAnEmptyFileAndAPipeAreRefusedByName) {
  expect_line(FileImage::open(folder.path() + "/none").error(), "/none", {"No such file", "existing file"});
  expect_line(FileImage::open(folder.path()).error(), folder.path(), {"directory"});
  const std::string empty = folder.file("empty", std::string_view());
  expect_line(FileImage::open(empty).error(), empty, {"empty"});
  const std::string fifo = folder.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  expect_line(FileImage::open(fifo).error(), fifo, {"pipe"});  // and does not wait for its writer
  expect_line(FileImage::open("/dev/zero").error(), "/dev/zero", {"device"});
  EXPECT_FALSE(FileImage::open("").ok());
}

TEST_F(LoaderTest, AFileThatMayNotBeReadSaysSo) {
  const std::string secret = folder.file("secret", "x");
  chmod(secret.c_str(), 0);
  const bool root = geteuid() == 0;  // who may read everything
  if (root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  Result<FileImage> file = FileImage::open(secret);
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_FALSE(file.ok());
  expect_line(file.error(), secret, {"Permission denied", "may read"});
}

TEST_F(LoaderTest, AKernelThatIsADirectoryGivesOneLine) { expect_line(load_kernel(m.as, folder.path(), kRam).error(), folder.path(), {"directory"}); }

// --- raw and mapping -------------------------------------------------------------------------------------------------

TEST_F(LoaderTest, RawBytesLandWhereTheyWereAskedFor) {
  const std::vector<uint8_t> bytes = pattern_bytes(1000);
  Result<LoadedImage> image = load_raw(m.as, open(folder.file("raw", bytes)), kRam + 0x123);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->low, kRam + 0x123);
  EXPECT_EQ(image->high, kRam + 0x123 + 1000);
  EXPECT_EQ(image->entry, kRam + 0x123);
  EXPECT_EQ(m.bytes(kRam + 0x123, 1000), bytes);
  EXPECT_EQ(m.bytes(kRam + 0x122, 1)[0], 0);
  EXPECT_EQ(m.bytes(kRam + 0x123 + 1000, 1)[0], 0);
}

TEST_F(LoaderTest, WholePagesAreMappedAndTheRestOfTheLastPageStays) {
  const size_t size = 256 * 1024 + 100;
  const std::vector<uint8_t> bytes = pattern_bytes(size);
  const std::string path = folder.file("image", bytes);
  memset(m.ram.data(), 0xee, m.ram.size());
  Result<LoadedImage> image = load_raw(m.as, open(path), kRam + 0x10000);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_TRUE(mapped_from(m.ram.data() + 0x10000, path));
  EXPECT_TRUE(mapped_from(m.ram.data() + 0x10000 + 256 * 1024 - 1, path));
  EXPECT_FALSE(mapped_from(m.ram.data() + 0x10000 + 256 * 1024, path));
  EXPECT_FALSE(mapped_from(m.ram.data() + 0xffff, path));
  EXPECT_EQ(m.bytes(kRam + 0x10000, size), bytes);
  EXPECT_EQ(m.ram.data()[0x10000 + size], 0xee);
  EXPECT_EQ(m.ram.data()[0xffff], 0xee);
}

TEST_F(LoaderTest, TheGuestsStoresNeverReachTheFile) {
  const std::vector<uint8_t> bytes = pattern_bytes(128 * 1024);
  const std::string path = folder.file("image", bytes);
  ASSERT_TRUE(load_raw(m.as, open(path), kRam).ok());
  ASSERT_TRUE(mapped_from(m.ram.data(), path));
  memset(m.ram.data(), 0, bytes.size());
  const FileImage again = open(path);
  EXPECT_EQ(memcmp(again.data(), bytes.data(), bytes.size()), 0);
}

TEST_F(LoaderTest, LoadingAgainAtResetPutsTheBytesBack) {
  const std::vector<uint8_t> bytes = pattern_bytes(128 * 1024 + 77);
  const FileImage file = open(folder.file("image", bytes));
  for (int reset = 0; reset < 3; reset++) {
    ASSERT_TRUE(load_raw(m.as, file, kRam).ok());
    EXPECT_EQ(m.bytes(kRam, bytes.size()), bytes);
    memset(m.ram.data(), 0x5a + reset, 256 * 1024);  // the guest
  }
}

TEST_F(LoaderTest, AFileThatBecameShorterIsRefusedInsteadOfMapped) {
  const std::string path = folder.file("image", pattern_bytes(256 * 1024));
  const FileImage file = open(path);
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  expect_line(load_raw(m.as, file, kRam).error(), path, {"cut short"});
}

TEST_F(LoaderTest, AnUnalignedPlaceIsCopied) {
  const std::vector<uint8_t> bytes = pattern_bytes(256 * 1024);
  const std::string path = folder.file("image", bytes);
  ASSERT_TRUE(load_raw(m.as, open(path), kRam + 8).ok());
  EXPECT_FALSE(mapped_from(m.ram.data() + 0x10000, path));
  EXPECT_EQ(m.bytes(kRam + 8, bytes.size()), bytes);
}

TEST_F(LoaderTest, TheWriteHooksHearOfMappedBytesToo) {
  struct Heard {
    uint64_t low = UINT64_MAX, high = 0;
    static void hook(void* opaque, uint64_t addr, uint64_t size) {
      Heard& self = *static_cast<Heard*>(opaque);
      self.low = std::min(self.low, addr);
      self.high = std::max(self.high, addr + size);
    }
  } heard;
  m.as.add_write_hook(&Heard::hook, &heard);
  ASSERT_TRUE(load_raw(m.as, open(folder.file("image", pattern_bytes(200000))), kRam).ok());
  EXPECT_EQ(heard.low, kRam);
  EXPECT_EQ(heard.high, kRam + 200000);
}

TEST_F(LoaderTest, AnImageLargerThanRamSaysHowMuchThereIs) {
  const std::string path = folder.path() + "/huge";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(ftruncate(fd, 40LL << 30), 0);  // sparse
  close(fd);
  expect_line(load_raw(m.as, open(path), kRam).error(), path, {"40.0 GiB", "4.0 MiB", "0x80000000", "-m"});
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"does not fit", "-m"});
}

TEST_F(LoaderTest, APlaceWithoutMemorySaysWhereRamIs) {
  const std::string path = folder.file("image", pattern_bytes(100));
  expect_line(load_raw(m.as, open(path), 0x40000000).error(), path, {"0x40000000", "no memory", "0x80000000-0x803fffff"});
  expect_line(load_raw(m.as, open(path), UINT64_MAX - 10).error(), path, {"no memory"});
  expect_line(load_raw(m.as, open(path), kRam + 4 * kMiB - 50).error(), path, {"does not fit"});
}

TEST_F(LoaderTest, TheLastByteOfRamIsUsedAndNoneMore) {
  EXPECT_TRUE(load_raw(m.as, open(folder.file("exact", pattern_bytes(100))), kRam + 4 * kMiB - 100).ok());
  EXPECT_FALSE(load_raw(m.as, open(folder.file("more", pattern_bytes(101))), kRam + 4 * kMiB - 100).ok());
}

TEST_F(LoaderTest, LoadersMayWriteRom) {
  const std::vector<uint8_t> bytes = pattern_bytes(64);
  ASSERT_TRUE(load_raw(m.as, open(folder.file("rom", bytes)), 0x1000).ok());
  EXPECT_EQ(m.bytes(0x1000, 64), bytes);
}

// --- ELF -------------------------------------------------------------------------------------------------------------

TEST_F(LoaderTest, ElfSegmentsGoToTheirPhysicalAddresses) {
  ElfMaker elf;
  elf.segment(kRam, pattern_bytes(500, 1), 500);
  elf.segment(kRam + 0x4000, pattern_bytes(100, 2), 0x2000);  // .bss behind it
  elf.header.e_entry = kRam + 0x40;
  memset(m.ram.data(), 0xee, 0x10000);
  Result<LoadedImage> image = load_elf(m.as, open(folder.file("elf", elf.bytes())));
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_TRUE(image->is_elf);
  EXPECT_EQ(image->entry, kRam + 0x40);
  EXPECT_EQ(image->low, kRam);
  EXPECT_EQ(image->high, kRam + 0x6000);
  EXPECT_EQ(m.bytes(kRam, 500), pattern_bytes(500, 1));
  EXPECT_EQ(m.ram.data()[500], 0xee);
  EXPECT_EQ(m.bytes(kRam + 0x4000, 100), pattern_bytes(100, 2));
  EXPECT_EQ(m.bytes(kRam + 0x4000 + 100, 0x2000 - 100), std::vector<uint8_t>(0x2000 - 100, 0));
  EXPECT_EQ(m.ram.data()[0x6000], 0xee);
}

TEST_F(LoaderTest, AVirtualEntryBecomesItsPhysicalAddress) {
  ElfMaker elf;
  elf.segment(kRam + 0x200000, pattern_bytes(4096), 4096);
  elf.segments[0].p_vaddr = 0xffffffff80000000;
  elf.header.e_entry = 0xffffffff80000100;
  Result<LoadedImage> image = load_elf(m.as, open(folder.file("vmlinux", elf.bytes())));
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->entry, kRam + 0x200100);
}

TEST_F(LoaderTest, LargeElfSegmentsAreMapped) {
  ElfMaker elf;
  elf.align = 4096;
  elf.segment(kRam + 0x1000, pattern_bytes(200 * 1024), 300 * 1024);
  const std::string path = folder.file("elf", elf.bytes());
  memset(m.ram.data(), 0xee, m.ram.size());
  ASSERT_TRUE(load_elf(m.as, open(path)).ok());
  EXPECT_TRUE(mapped_from(m.ram.data() + 0x1000, path));
  EXPECT_EQ(m.bytes(kRam + 0x1000, 200 * 1024), pattern_bytes(200 * 1024));
  EXPECT_EQ(m.bytes(kRam + 0x1000 + 200 * 1024, 100 * 1024), std::vector<uint8_t>(100 * 1024, 0));
  EXPECT_EQ(m.ram.data()[0x1000 + 300 * 1024], 0xee);
}

struct BadElf {
  const char* name;
  void (*spoil)(ElfMaker& elf);
  const char* word;
};

class BadElfTest : public ::testing::TestWithParam<BadElf> {};

TEST_P(BadElfTest, GivesOneLineAndLeavesMemoryAlone) {
  TempFolder folder;
  RamMachine m(4 * kMiB);
  ElfMaker elf;
  elf.segment(kRam, pattern_bytes(500), 500);
  elf.segment(kRam + 0x1000, pattern_bytes(500), 500);
  ASSERT_TRUE(load_elf(m.as, *FileImage::open(folder.file("good", elf.bytes()))).ok());
  memset(m.ram.data(), 0xee, 0x3000);
  GetParam().spoil(elf);
  const std::string path = folder.file("bad", elf.bytes());
  Result<LoadedImage> image = load_kernel(m.as, path, kRam);
  ASSERT_FALSE(image.ok());
  expect_line(image.error(), path, {GetParam().word});
  EXPECT_EQ(m.bytes(kRam, 0x3000), std::vector<uint8_t>(0x3000, 0xee));
}

INSTANTIATE_TEST_SUITE_P(
    Elf, BadElfTest,
    ::testing::Values(
        BadElf{"ThirtyTwoBit", [](ElfMaker& e) { e.header.e_ident[EI_CLASS] = ELFCLASS32; }, "32-bit"},
        BadElf{"NoClass", [](ElfMaker& e) { e.header.e_ident[EI_CLASS] = 9; }, "class 9"},
        BadElf{"BigEndian", [](ElfMaker& e) { e.header.e_ident[EI_DATA] = ELFDATA2MSB; }, "big-endian"},
        BadElf{"OtherMachine", [](ElfMaker& e) { e.header.e_machine = EM_X86_64; }, "x86-64"},
        BadElf{"ObjectFile", [](ElfMaker& e) { e.header.e_type = ET_REL; }, "link"},
        BadElf{"CoreFile", [](ElfMaker& e) { e.header.e_type = ET_CORE; }, "not an ELF executable"},
        BadElf{"NoSegments", [](ElfMaker& e) { e.header.e_phnum = 0; }, "without segments"},
        BadElf{"NothingToLoad", [](ElfMaker& e) { e.segments[0].p_type = e.segments[1].p_type = PT_NOTE; }, "without anything to load"},
        BadElf{"OddHeaderSize", [](ElfMaker& e) { e.header.e_phentsize = 32; }, "program headers of 32"},
        BadElf{"HeadersBeyondTheFile", [](ElfMaker& e) { e.header.e_phoff = 1 << 20; }, "beyond"},
        BadElf{"HeadersWrapAround", [](ElfMaker& e) { e.header.e_phoff = UINT64_MAX - 8; }, "beyond"},
        BadElf{"TooManyHeaders", [](ElfMaker& e) { e.header.e_phnum = 0xffff; }, "beyond"},
        BadElf{"SegmentBeyondTheFile", [](ElfMaker& e) { e.segments[1].p_offset = 1 << 20; }, "segment 1 lies beyond"},
        BadElf{"OffsetWrapsAround", [](ElfMaker& e) { e.segments[1].p_offset = UINT64_MAX - 10; }, "segment 1 lies beyond"},
        BadElf{"FileSizeWrapsAround", [](ElfMaker& e) { e.segments[1].p_filesz = e.segments[1].p_memsz = UINT64_MAX; }, "segment 1 lies beyond"},
        BadElf{"MoreInTheFileThanInMemory", [](ElfMaker& e) { e.segments[1].p_memsz = 10; }, "segment 1 is damaged"},
        BadElf{"FileBytesWithoutMemory", [](ElfMaker& e) { e.segments[1].p_memsz = 0; }, "segment 1 is damaged"},
        BadElf{"HugeBss", [](ElfMaker& e) { e.segments[1].p_memsz = uint64_t{1} << 40; }, "1.0 TiB"},
        BadElf{"MemorySizeWrapsAround", [](ElfMaker& e) { e.segments[1].p_memsz = UINT64_MAX; }, "does not fit"},
        BadElf{"OutsideRam", [](ElfMaker& e) { e.segments[1].p_paddr = 0x1000000; }, "no memory"},
        BadElf{"EndOfTheSpace", [](ElfMaker& e) { e.segments[1].p_paddr = UINT64_MAX - 100; }, "no memory"},
        BadElf{"Overlap", [](ElfMaker& e) { e.segments[1].p_paddr = kRam + 499; }, "segments 0 and 1 overlap"},
        BadElf{"SamePlace", [](ElfMaker& e) { e.segments[1].p_paddr = kRam; }, "overlap"},
        BadElf{"CutInTheHeader", [](ElfMaker& e) { e.cut = 40; }, "cut off"},
        BadElf{"CutAfterTheMagic", [](ElfMaker& e) { e.cut = 4; }, "cut off"},
        BadElf{"CutInTheTable", [](ElfMaker& e) { e.cut = 100; }, "beyond"},
        BadElf{"CutInASegment", [](ElfMaker& e) { e.cut = e.bytes().size() - 1; }, "lies beyond"}),
    [](const auto& info) { return std::string(info.param.name); });

// --- Linux Image --------------------------------------------------------------------------------------------------------

std::vector<uint8_t> linux_image(size_t size, uint64_t image_size, uint64_t flags = 0) {
  std::vector<uint8_t> bytes = pattern_bytes(size);
  auto put = [&](size_t offset, uint64_t value, size_t width) { memcpy(bytes.data() + offset, &value, width); };
  put(0, 0x5a4d, 2);  // "MZ", also c.li s4,-13
  put(8, 0x200000, 8);
  put(16, image_size, 8);
  put(24, flags, 8);
  put(32, 2, 4);
  memcpy(bytes.data() + 0x30, "RISCV\0\0\0", 8);
  memcpy(bytes.data() + 0x38, "RSC\x05", 4);
  put(0x3c, 0x40, 4);
  memcpy(bytes.data() + 0x40, "PE\0\0\x64\x50", 6);
  return bytes;
}

TEST_F(LoaderTest, ALinuxImageTakesTheMemoryThatItsHeaderNames) {
  const std::vector<uint8_t> bytes = linux_image(100 * 1024, kMiB);
  Result<LoadedImage> image = load_kernel(m.as, folder.file("Image", bytes), kRam + 0x200000);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_FALSE(image->is_elf);
  EXPECT_EQ(image->entry, kRam + 0x200000);
  EXPECT_EQ(image->low, kRam + 0x200000);
  EXPECT_EQ(image->high, kRam + 0x300000);
  EXPECT_EQ(m.bytes(kRam + 0x200000, bytes.size()), bytes);
}

TEST_F(LoaderTest, AnOldImageWithoutASizeTakesItsOwn) {
  Result<LoadedImage> image = load_kernel(m.as, folder.file("Image", linux_image(5000, 0)), kRam + 0x200000);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->high, kRam + 0x200000 + 5000);
}

TEST_F(LoaderTest, AnImageThatCantFitOrCantRunIsRefused) {
  std::string path = folder.file("large", linux_image(5000, 3 * kMiB));
  expect_line(load_kernel(m.as, path, kRam + 0x200000).error(), path, {"header", "does not fit", "-m"});
  path = folder.file("wraps", linux_image(5000, UINT64_MAX));
  expect_line(load_kernel(m.as, path, kRam + 0x200000).error(), path, {"does not fit"});
  path = folder.file("big-endian", linux_image(5000, 0, 1));
  expect_line(load_kernel(m.as, path, kRam + 0x200000).error(), path, {"big-endian"});
  path = folder.file("place", linux_image(5000, 0));
  expect_line(load_kernel(m.as, path, kRam + 0x1000).error(), path, {"2 MiB", "0x80001000"});
}

TEST_F(LoaderTest, FilesThatAreSomethingElseAreNamed) {
  const auto file = [&](const char* name, size_t offset, std::string_view magic) {
    std::vector<uint8_t> bytes(1024);
    memcpy(bytes.data() + offset, magic.data(), magic.size());
    return folder.file(name, bytes);
  };
  const auto refused = [&](const std::string& path, const char* word) {
    Result<LoadedImage> image = load_kernel(m.as, path, kRam);
    ASSERT_FALSE(image.ok()) << word;
    expect_line(image.error(), path, {word});
  };
  refused(file("a.xz", 0, std::string_view("\xfd" "7zXZ\0", 6)), "xz");
  refused(file("a.bz2", 0, "BZh9"), "bzip2");
  refused(file("a.zst", 0, "\x28\xb5\x2f\xfd"), "zstd");
  refused(file("a.lz4", 0, "\x04\x22\x4d\x18"), "lz4");
  refused(file("a.zip", 0, "PK\x03\x04"), "zip");
  refused(file("a.deb", 0, "!<arch>\n"), "dpkg-deb");
  refused(file("uImage", 0, "\x27\x05\x19\x56"), "uImage");
  refused(file("a.dtb", 0, "\xd0\x0d\xfe\xed"), "-dtb");
  refused(file("zboot.efi", 4, "zimg"), "zboot");
  refused(file("bzImage", 0x202, "HdrS"), "x86");
  refused(file("Image.arm64", 0x38, "ARM\x64"), "arm64");
  std::vector<uint8_t> efi(1024);
  memcpy(efi.data(), "MZ", 2);
  efi[0x3c] = 0x80;
  memcpy(efi.data() + 0x80, "PE\0\0", 4);
  refused(folder.file("grub.efi", efi), "EFI program");
  // "MZ" alone is an instruction.
  std::vector<uint8_t> raw(1024);
  memcpy(raw.data(), "MZ", 2);
  EXPECT_TRUE(load_kernel(m.as, folder.file("raw", raw), kRam).ok());
}

// --- gzip ---------------------------------------------------------------------------------------------------------------

TEST_F(LoaderTest, GzipOfAnythingIsUnpacked) {
  const std::vector<uint8_t> raw = pattern_bytes(300000);
  ASSERT_TRUE(load_kernel(m.as, folder.file("raw.gz", gzip(raw)), kRam).ok());
  EXPECT_EQ(m.bytes(kRam, raw.size()), raw);
  const std::vector<uint8_t> image = linux_image(50000, kMiB);
  Result<LoadedImage> loaded = load_kernel(m.as, folder.file("Image.gz", gzip(image)), kRam + 0x200000);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->high, kRam + 0x300000);
  EXPECT_EQ(m.bytes(kRam + 0x200000, image.size()), image);
  ElfMaker elf;
  elf.segment(kRam + 0x1000, raw, raw.size());
  loaded = load_kernel(m.as, folder.file("elf.gz", gzip(elf.bytes())), kRam);
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->is_elf);
  EXPECT_EQ(m.bytes(kRam + 0x1000, raw.size()), raw);
}

TEST_F(LoaderTest, AllMembersOfAGzipFileAreUnpackedAndPaddingIsNot) {
  std::vector<uint8_t> packed = gzip(pattern_bytes(5000, 1));
  const std::vector<uint8_t> second = gzip(pattern_bytes(7000, 2));
  packed.insert(packed.end(), second.begin(), second.end());
  packed.resize(packed.size() + 512);
  Result<FileImage> file = gunzip(open(folder.file("two.gz", packed)), kMiB);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->size(), 12000u);
  EXPECT_EQ(memcmp(file->data(), pattern_bytes(5000, 1).data(), 5000), 0);
  EXPECT_EQ(memcmp(file->data() + 5000, pattern_bytes(7000, 2).data(), 7000), 0);
}

TEST_F(LoaderTest, AGzipBombCostsNoMoreThanItsLimit) {
  const std::string path = folder.file("bomb.gz", gzip(std::vector<uint8_t>(64 * kMiB)));
  const FileImage file = open(path);
  expect_line(gunzip(file, 16 * kMiB).error(), path, {"more than 16.0 MiB"});
  expect_line(gunzip(file, 64 * kMiB - 1).error(), path, {"more than"});
  Result<FileImage> all = gunzip(file, 64 * kMiB);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 64 * kMiB);
}

TEST_F(LoaderTest, DamagedGzipGivesOneLine) {
  const std::vector<uint8_t> good = gzip(pattern_bytes(100000));
  std::vector<uint8_t> bad = good;
  bad.resize(bad.size() / 2);
  std::string path = folder.file("cut.gz", bad);
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"cut off"});
  bad = good;
  bad.resize(good.size() - 3);  // in the checksum
  path = folder.file("cut-end.gz", bad);
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"cut off"});
  bad = good;
  bad[bad.size() - 6] ^= 1;
  path = folder.file("crc.gz", bad);
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"damaged"});
  bad = {0x1f, 0x8b, 8};
  path = folder.file("header.gz", bad);
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"cut off"});
  path = folder.file("nothing.gz", gzip({}));
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"nothing"});
  path = folder.file("twice.gz", gzip(gzip(pattern_bytes(5000))));
  expect_line(load_kernel(m.as, path, kRam).error(), path, {"twice"});
}

// --- firmware, initrd, overlap ---------------------------------------------------------------------------------------------

TEST_F(LoaderTest, FirmwareIsElfOrRaw) {
  ElfMaker elf;
  elf.segment(kRam, pattern_bytes(100), 100);
  EXPECT_TRUE(load_firmware(m.as, folder.file("fw.elf", elf.bytes()), kRam)->is_elf);
  EXPECT_EQ(load_firmware(m.as, folder.file("fw.bin", pattern_bytes(100)), kRam)->high, kRam + 100);
  const std::string path = folder.file("fw.gz", gzip(pattern_bytes(100)));
  expect_line(load_firmware(m.as, path, kRam).error(), path, {"gzip"});
}

TEST_F(LoaderTest, AnInitrdStaysPackedAndInsideItsRoom) {
  const std::vector<uint8_t> packed = gzip(pattern_bytes(100000));
  const std::string path = folder.file("initrd.gz", packed);
  Result<LoadedImage> image = load_initrd(m.as, path, kRam + 0x200000, kRam + 0x200000 + packed.size());
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->high - image->low, packed.size());
  EXPECT_EQ(m.bytes(kRam + 0x200000, packed.size()), packed);
  expect_line(load_initrd(m.as, path, kRam + 0x200000, kRam + 0x200000 + packed.size() - 1).error(), path, {"initrd", "does not fit", "-m"});
  expect_line(load_initrd(m.as, path, kRam + 0x200000, kRam).error(), path, {"initrd", "0 bytes"});
  expect_line(load_initrd(m.as, path, kRam + 8 * kMiB, kRam + 64 * kMiB).error(), path, {"no memory"});
}

TEST(ImagesApart, TheTwoThatOverlapAreNamed) {
  const PlacedImage apart[] = {{"firmware", 0x1000, 0x2000}, {"kernel", 0x2000, 0x3000}, {"initrd", 0x3000, 0x4000}};
  EXPECT_TRUE(check_images_apart(apart).ok());
  const PlacedImage overlap[] = {{"firmware", 0x1000, 0x2000}, {"kernel", 0x2000, 0x3001}, {"initrd", 0x3000, 0x4000}};
  const std::string text = check_images_apart(overlap).error().message;
  EXPECT_NE(text.find("initrd (0x3000-0x3fff) overlaps the kernel (0x2000-0x3000)"), std::string::npos) << text;
}

}  // namespace
}  // namespace monochord
