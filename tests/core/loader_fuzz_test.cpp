// Damaged files: a loader may refuse or load, but never touch a byte outside guest memory (the sanitizers watch) or take long.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/fdt.h"
#include "core/loader.h"
#include "elf_maker.h"
#include "memory_fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kRam = 0x80000000;

// RAM between two pages that can't be touched, so that a stray write ends the test even without a sanitizer.
class FencedRam {
 public:
  static constexpr size_t kSize = 256 * 1024;
  FencedRam() {
    all_ = static_cast<uint8_t*>(mmap(nullptr, kSize + 2 * kFence, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    EXPECT_EQ(mprotect(data(), kSize, PROT_READ | PROT_WRITE), 0);
    region_.init_ram("ram", data(), kSize);
    root_.add_subregion(kRam, region_);
    as_.update();
  }
  ~FencedRam() { munmap(all_, kSize + 2 * kFence); }
  uint8_t* data() { return all_ + kFence; }
  AddressSpace& as() { return as_; }

 private:
  static constexpr size_t kFence = 1 << 20;
  uint8_t* all_;
  MemoryRegion root_, region_;
  AddressSpace as_{"memory", (root_.init_container("system", UINT64_MAX), root_)};
};

// Values that go wrong more often than random ones.
uint64_t nasty(std::mt19937_64& random) {
  static constexpr uint64_t kValues[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0x8003ffff, 0x80040000, 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX, UINT64_MAX - 1};
  const uint64_t pick = random() % 18;
  if (pick < std::size(kValues)) return kValues[pick];
  if (pick < 15) return UINT64_MAX - random() % 0x2000;
  if (pick < 17) return kRam + random() % (2 * FencedRam::kSize);
  return random();
}

TEST(LoaderFuzz, ElfWithDamagedHeaders) {
  TempFolder folder;
  FencedRam ram;
  std::mt19937_64 random(4711);
  std::set<std::string> refusals;
  int loaded = 0;
  for (int i = 0; i < 3000; i++) {
    ElfMaker elf;
    elf.segment(kRam, pattern_bytes(300), 300 + random() % 3 * 1000);
    elf.segment(kRam + 0x2000, pattern_bytes(70000), 70000);
    std::vector<uint8_t> bytes = elf.bytes();
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int c = 0; c < changes; c++) {
      const size_t headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
      const uint64_t value = nasty(random);
      if (random() % 3 == 0) {
        bytes[random() % headers] = static_cast<uint8_t>(random());
      } else {
        // A whole field of 8 bytes: entry, phoff, or one of a program header.
        const size_t field = random() % 2 == 0 ? 24 + 8 * (random() % 3) : sizeof(Elf64_Ehdr) + 8 * (random() % 14);
        memcpy(bytes.data() + field, &value, 8);
      }
    }
    if (random() % 10 == 0) bytes.resize(1 + random() % bytes.size());
    const std::string path = folder.file("elf", bytes);
    Result<LoadedImage> image = load_kernel(ram.as(), path, kRam);
    if (image) {
      loaded++;
      EXPECT_LE(kRam, image->low);
      EXPECT_LE(image->high, kRam + FencedRam::kSize);
    } else {
      EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
      const size_t colon = image.error().message.find_first_of("0123456789", path.size());
      refusals.insert(image.error().message.substr(path.size(), colon - path.size()));
    }
  }
  // The mutations reach both ends: some files still load, and many different checks refuse.
  EXPECT_GT(loaded, 100);
  EXPECT_GT(refusals.size(), 6u);
}

TEST(LoaderFuzz, LinuxImagesWithDamagedHeaders) {
  TempFolder folder;
  FencedRam ram;
  std::mt19937_64 random(815);
  for (int i = 0; i < 1000; i++) {
    std::vector<uint8_t> bytes = pattern_bytes(64 + random() % 70000, random());
    memcpy(bytes.data(), "MZ", 2);
    memcpy(bytes.data() + 0x38, random() % 4 ? "RSC\x05" : "ARM\x64", 4);
    for (size_t offset : {8, 16, 24}) {
      const uint64_t value = nasty(random);
      memcpy(bytes.data() + offset, &value, 8);
    }
    const uint32_t pe = static_cast<uint32_t>(nasty(random));
    memcpy(bytes.data() + 0x3c, &pe, 4);
    if (random() % 10 == 0) bytes.resize(1 + random() % 64);
    Result<LoadedImage> image = load_kernel(ram.as(), folder.file("Image", bytes), kRam);
    if (image) {
      EXPECT_LE(image->high, kRam + FencedRam::kSize);
    }
  }
}

TEST(LoaderFuzz, DamagedDeviceTrees) {
  FdtBuilder fdt;
  fdt.set_string("/soc/uart@10000000", "compatible", "ns16550a");
  fdt.set_cells("/soc/uart@10000000", "reg", {0, 0x10000000, 0, 0x100});
  fdt.set_cells("/cpus/cpu@0", "reg", {0});
  fdt.phandle("/soc/plic@c000000");
  fdt.set_string("/chosen", "bootargs", "console=ttyS0");
  const std::vector<uint8_t> good = fdt.finish();
  std::mt19937_64 random(99);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 5000; i++) {
    std::vector<uint8_t> bytes = good;
    for (uint64_t c = 0; c < 1 + random() % 3; c++) {
      if (random() % 3 == 0) {
        const uint32_t value = static_cast<uint32_t>(random() % 2 ? nasty(random) : random() % bytes.size());
        const uint8_t big_endian[4] = {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
        memcpy(bytes.data() + random() % 10 * 4, big_endian, 4);
      } else {
        bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
      }
    }
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    Result<FdtBuilder> tree = FdtBuilder::from_blob(bytes);
    if (!tree) {
      refused++;
      EXPECT_EQ(tree.error().message.find('\n'), std::string::npos);
      continue;
    }
    accepted++;
    // What was accepted can be edited as the board does it.
    tree->set_string("/chosen", "bootargs", "root=/dev/vda");
    tree->set_u64("/chosen", "linux,initrd-start", 0x88000000);
    tree->phandle("/soc/new@0");
    EXPECT_FALSE(tree->finish().empty());
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace monochord
