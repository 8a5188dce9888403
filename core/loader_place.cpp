#include "core/loader_place.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace monochord {

namespace {

// Shorter pieces are copied: a mapping costs a few microseconds and an entry in the kernel's list.
constexpr uint64_t kMapBytesMin = 64 * 1024;

uint64_t page_size() {
  static const uint64_t size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Maps whole pages of the file over `host`. The new mapping is made elsewhere first and then moved: a mapping that can't be made
// (a file system without mmap) must not leave a hole in guest RAM.
bool map_over(uint8_t* host, int fd, uint64_t offset, uint64_t size) {
  void* fresh = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, static_cast<off_t>(offset));
  if (fresh == MAP_FAILED) return false;
  if (mremap(fresh, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, host) == host) return true;
  munmap(fresh, size);
  void* again = mmap(host, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  CHECK_MSG(again == host, "the host lost a piece of guest RAM");
  return false;
}

void place_piece(uint8_t* host, bool is_ram, const FileImage& file, uint64_t offset, uint64_t size) {
  const uint64_t page = page_size();
  const uint64_t head = (page - reinterpret_cast<uintptr_t>(host) % page) % page;
  if (is_ram && file.fd() >= 0 && (offset + head) % page == 0 && size >= head + std::max(kMapBytesMin, page)) {
    const uint64_t middle = (size - head) / page * page;
    if (map_over(host + head, file.fd(), offset + head, middle)) {
      memcpy(host, file.data() + offset, head);
      memcpy(host + head + middle, file.data() + offset + head + middle, size - head - middle);
      return;
    }
  }
  memcpy(host, file.data() + offset, size);
}

bool all_zero(const uint8_t* bytes, uint64_t size) { return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0; }

}  // namespace

uint64_t memory_room_at(const AddressSpace& as, uint64_t address) {
  uint64_t room = 0;
  for (;;) {
    const MemorySection section = as.translate(address + room);
    if (section.host == nullptr) return room;
    room += section.remaining;
  }
}

Status check_fits(const AddressSpace& as, const std::string& what, uint64_t address, uint64_t size) {
  const uint64_t room = memory_room_at(as, address);
  if (size <= room) return {};
  const FlatRange* ram = nullptr;
  for (const FlatRange& range : as.flat_view())
    if (range.region->is_ram() && (ram == nullptr || range.size > ram->size)) ram = &range;
  const std::string where = ram == nullptr ? std::string("this machine has no RAM")
                                           : stringf("RAM is 0x%llx-0x%llx", hex(ram->start), hex(ram->start + ram->size - 1));
  if (room == 0)
    return errorf("%s belongs at 0x%llx (%s), where no memory is: %s; link it there, or raise -m", what.c_str(), hex(address), size_text(size).c_str(),
                  where.c_str());
  return errorf("%s does not fit: %s at 0x%llx, and only %s of memory follow (%s); raise -m or give a smaller one", what.c_str(), size_text(size).c_str(),
                hex(address), size_text(room).c_str(), where.c_str());
}

Status check_still_whole(const FileImage& file) {
  struct stat now;
  if (file.fd() >= 0 && (fstat(file.fd(), &now) != 0 || static_cast<uint64_t>(now.st_size) < file.size()))
    return errorf("%s was cut short while the machine uses it; replace image files by renaming a new one over them", file.path().c_str());
  return {};
}

void place_file(AddressSpace& as, const FileImage& file, uint64_t offset, uint64_t address, uint64_t size) {
  CHECK(offset <= file.size() && size <= file.size() - offset);
  while (size > 0) {
    const MemorySection section = as.translate(address);
    CHECK(section.host != nullptr);
    const uint64_t bytes = std::min(size, section.remaining);
    place_piece(section.host, section.region->is_ram(), file, offset, bytes);
    as.memory_written(address, bytes);
    offset += bytes;
    address += bytes;
    size -= bytes;
  }
}

void place_zeroes(AddressSpace& as, uint64_t address, uint64_t size) {
  while (size > 0) {
    const MemorySection section = as.translate(address);
    CHECK(section.host != nullptr);
    const uint64_t to_page_end = page_size() - reinterpret_cast<uintptr_t>(section.host) % page_size();
    const uint64_t bytes = std::min({size, section.remaining, to_page_end});
    if (!all_zero(section.host, bytes)) {
      memset(section.host, 0, bytes);
      as.memory_written(address, bytes);
    }
    address += bytes;
    size -= bytes;
  }
}

std::string size_text(uint64_t bytes) {
  if (bytes < 1024) return stringf("%llu bytes", hex(bytes));
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  unsigned unit = 0;
  uint64_t tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024;
  while (tenths >= 10240 && unit < 5) {
    tenths /= 1024;
    unit++;
  }
  return stringf("%llu.%llu %s", hex(tenths / 10), hex(tenths % 10), kUnits[unit]);
}

}  // namespace monochord
