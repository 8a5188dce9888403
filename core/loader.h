// Loaders: ELF, raw, Linux Image (incl. the EFI-stub PE form), gzip of either, initrd. They read host files that may be anything, so
// every offset and length is checked against the file; and they write guest memory only where RAM or ROM is. Main context, before the machine
// runs or at its reset.
//
// Rules
// - Each refusal is one line: which file, what is wrong with it, what to do instead. Nothing is written before everything was checked.
// - Whole pages of uncompressed files are mapped privately over RAM, not read (where the page borders of file and host memory agree); a first and
//   last part of a page is copied, so the rest of such a page stays what it was. The guest's stores never reach the file.
// - A mapped file belongs to the machine while it runs, as a program's file does on Linux: replace it by renaming another over it. Writing into it
//   may show up in the guest, cutting it short ends the emulator (SIGBUS), as it would for any program that the host pages in.
// - Reset: a board keeps the FileImages (or the paths) and calls the same functions again; pages are mapped afresh. A file that has become shorter
//   is refused. For that reason pipes and devices are refused: they can't be read twice.
// Source: System V ABI (ELF-64); RISC-V ELF psABI; Linux Documentation/arch/riscv/boot-image-header.rst; PE/COFF; RFC 1952.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/memory.h"
#include "core/result.h"

namespace monochord {

struct LoadedImage {
  uint64_t entry = 0;     // ELF entry, or the load address
  uint64_t low = 0;       // lowest and one past the highest address it occupies
  uint64_t high = 0;
  bool is_elf = false;
};

// A whole host file in memory (mapped privately where possible). Errors: missing, unreadable, a directory, empty, not a regular file.
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
// Unpacks all members into memory; more than `size_max` bytes are an error, so a bomb costs no more than that.
Result<FileImage> gunzip(const FileImage& file, uint64_t size_max);

// An RV64 executable: its PT_LOAD segments at their physical addresses.
Result<LoadedImage> load_elf(AddressSpace& as, const FileImage& file);
// The bytes as they are, at `address`.
Result<LoadedImage> load_raw(AddressSpace& as, const FileImage& file, uint64_t address);
// -kernel: ELF, gzip of anything here, Linux Image or raw, at `address` when it doesn't say itself. `high` of a Linux Image includes the memory
// that it asks for behind its bytes (image_size).
Result<LoadedImage> load_kernel(AddressSpace& as, const std::string& path, uint64_t address);
Result<LoadedImage> load_kernel(AddressSpace& as, const FileImage& file, uint64_t address);
// -bios: ELF or raw.
Result<LoadedImage> load_firmware(AddressSpace& as, const std::string& path, uint64_t address);
Result<LoadedImage> load_firmware(AddressSpace& as, const FileImage& file, uint64_t address);
// -initrd: the bytes as they are (the kernel unpacks them), inside [address, end).
Result<LoadedImage> load_initrd(AddressSpace& as, const std::string& path, uint64_t address, uint64_t end);
Result<LoadedImage> load_initrd(AddressSpace& as, const FileImage& file, uint64_t address, uint64_t end);

// What stands where; an error names the two that overlap.
struct PlacedImage {
  const char* what;  // "kernel"
  uint64_t low;
  uint64_t high;     // one past its last byte
};
Status check_images_apart(std::span<const PlacedImage> images);

}  // namespace monochord
