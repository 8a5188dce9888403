// Helpers of the memory and loader tests: guest RAM from the host's own pages, and files of given bytes in a folder that goes away.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "core/memory.h"

namespace monochord {

// Zeroed pages, as the Host gives them.
class HostPages {
 public:
  explicit HostPages(size_t size) : size_(size) {
    data_ = static_cast<uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  }
  HostPages(const HostPages&) = delete;
  HostPages& operator=(const HostPages&) = delete;
  ~HostPages() { munmap(data_, size_); }
  uint8_t* data() { return data_; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  uint8_t* data_;
};

// A machine with RAM at 0x80000000 and a page of ROM at 0x1000.
struct RamMachine {
  explicit RamMachine(size_t ram_size, uint64_t ram_base = 0x80000000) : ram(ram_size), rom(0x1000), base(ram_base) {
    ram_region.init_ram("ram", ram.data(), ram_size);
    rom_region.init_rom("mrom", rom.data(), 0x1000);
    root.add_subregion(base, ram_region);
    root.add_subregion(0x1000, rom_region);
    as.update();
  }
  std::vector<uint8_t> bytes(uint64_t addr, size_t size) {
    std::vector<uint8_t> out(size);
    EXPECT_EQ(as.debug_read(addr, out.data(), size), MemTxResult::kOk);
    return out;
  }

  HostPages ram, rom;
  uint64_t base;
  MemoryRegion root, ram_region, rom_region;
  AddressSpace as{"memory", (root.init_container("system", UINT64_MAX), root)};
};

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/monochord-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempFolder() {
    const int ignored = system(("rm -rf " + path_).c_str());
    (void)ignored;
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name, const void* data, size_t size) const {
    const std::string path = path_ + "/" + name;
    unlink(path.c_str());  // never in place: a loader may have the old file mapped
    FILE* out = fopen(path.c_str(), "wb");
    EXPECT_NE(out, nullptr);
    if (size != 0) EXPECT_EQ(fwrite(data, 1, size, out), size);  // fwrite may not be given a null pointer
    fclose(out);
    return path;
  }
  std::string file(const std::string& name, const std::vector<uint8_t>& bytes) const { return file(name, bytes.data(), bytes.size()); }
  std::string file(const std::string& name, std::string_view text) const { return file(name, text.data(), text.size()); }

 private:
  std::string path_;
};

// Bytes that differ from page to page and within one.
inline std::vector<uint8_t> pattern_bytes(size_t size, uint64_t seed = 1) {
  std::vector<uint8_t> bytes(size);
  uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (uint8_t& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

}  // namespace monochord
