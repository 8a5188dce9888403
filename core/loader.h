// Loaders: ELF, raw, Linux Image (incl. the EFI-stub PE form), gzip of either, initrd, device tree. They read host files that may be
// anything, so every offset and length is checked against the file; and they write guest RAM only inside the address space.
// Page-aligned parts of uncompressed files are mapped privately over RAM, not read. Main context, before the machine runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/memory.h"
#include "core/result.h"

namespace monochord {

struct LoadedImage {
  uint64_t entry = 0;     // ELF entry, or the load address
  uint64_t low = 0;       // lowest and one past the highest address it occupies
  uint64_t high = 0;
  bool is_elf = false;
};

// A whole host file in memory (mapped privately where possible). Errors: missing, unreadable, a directory, empty.
class FileImage {
 public:
  static Result<FileImage> open(const std::string& path);
  FileImage(FileImage&& other) noexcept;
  FileImage& operator=(FileImage&& other) noexcept;
  ~FileImage();
  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  int fd() const { return fd_; }          // -1 where the content is not the file's (unpacked gzip)

 private:
  FileImage() = default;
  friend Result<FileImage> gunzip(const FileImage& file, uint64_t size_max);
  std::string path_;
  int fd_ = -1;
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

bool is_elf(const FileImage& file);
bool is_gzip(const FileImage& file);
Result<FileImage> gunzip(const FileImage& file, uint64_t size_max);

// An RV64 executable: its PT_LOAD segments at their physical addresses.
Result<LoadedImage> load_elf(AddressSpace& as, const FileImage& file);
// The bytes as they are, at `address`.
Result<LoadedImage> load_raw(AddressSpace& as, const FileImage& file, uint64_t address);
// -kernel: ELF, gzip of anything here, Linux Image or raw, at `address` when it doesn't say itself.
Result<LoadedImage> load_kernel(AddressSpace& as, const std::string& path, uint64_t address);
// -bios: ELF or raw.
Result<LoadedImage> load_firmware(AddressSpace& as, const std::string& path, uint64_t address);
Result<LoadedImage> load_initrd(AddressSpace& as, const std::string& path, uint64_t address, uint64_t end);

}  // namespace monochord
