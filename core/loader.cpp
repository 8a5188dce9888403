#include "core/loader.h"

#include <algorithm>
#include <cstring>

#include "core/loader_place.h"

namespace monochord {

namespace {

constexpr uint64_t kUnpackedBytesMin = 256 << 20;  // a packed kernel with debug information may be larger than RAM
constexpr uint64_t kImageAlign = 2 << 20;          // where an RV64 Linux Image may stand

// The header at the start of a RISC-V Linux Image (boot-image-header.rst). With the EFI stub code0 is also the "MZ" of a PE file.
struct LinuxImageHeader {
  uint32_t code0, code1;
  uint64_t text_offset;  // from the start of RAM; kernels since 5.x run at any multiple of 2 MiB, so it decides nothing here
  uint64_t image_size;   // memory it needs from its first byte on, .bss included; 0 in old ones
  uint64_t flags;        // bit 0: big-endian
  uint32_t version, reserved1;
  uint64_t reserved2;
  char magic[8];   // "RISCV", no longer promised
  char magic2[4];  // "RSC\x05"
  uint32_t pe_offset;
};
static_assert(sizeof(LinuxImageHeader) == 64);

bool read_image_header(const FileImage& file, LinuxImageHeader* header) {
  if (file.size() < sizeof *header) return false;
  memcpy(header, file.data(), sizeof *header);
  return memcmp(header->magic2, "RSC\x05", 4) == 0;
}

bool has_bytes(const FileImage& file, uint64_t offset, const char* bytes, size_t size) {
  return offset <= file.size() && size <= file.size() - offset && memcmp(file.data() + offset, bytes, size) == 0;
}

struct Foreign {
  uint64_t offset;
  const char* bytes;
  size_t size;
  const char* what;  // after "is"
};

// Files that people give by mistake. Loaded raw they would only hang.
constexpr Foreign kForeign[] = {
    {0, "\xfd" "7zXZ", 5, "packed with xz; unpack it first (xz -dk)"},
    {0, "BZh", 3, "packed with bzip2; unpack it first (bunzip2 -k)"},
    {0, "\x28\xb5\x2f\xfd", 4, "packed with zstd; unpack it first (unzstd)"},
    {0, "\x02\x21\x4c\x18", 4, "packed with lz4; unpack it first (unlz4)"},
    {0, "\x04\x22\x4d\x18", 4, "packed with lz4; unpack it first (unlz4)"},
    {0, "PK\x03\x04", 4, "a zip archive; unpack it first"},
    {0, "!<arch>\n", 8, "an archive (.deb or .a); unpack it first (dpkg-deb -x)"},
    {0, "\x27\x05\x19\x56", 4, "a U-Boot uImage; give the Image that it was made from"},
    {0, "\xd0\x0d\xfe\xed", 4, "a device tree; give it with -dtb"},
    {4, "zimg", 4, "a packed EFI kernel (zboot); give the Image that it was made from"},
    {0x202, "HdrS", 4, "a Linux kernel for x86; give one for riscv64"},
    {0x38, "ARM\x64", 4, "a Linux kernel for arm64; give one for riscv64"},
};

Status check_foreign(const FileImage& file) {
  for (const Foreign& form : kForeign)
    if (has_bytes(file, form.offset, form.bytes, form.size)) return errorf("%s is %s", file.path().c_str(), form.what);
  // "MZ" is also c.li s4,-13: only with a PE header behind it is it an EFI program.
  uint32_t pe_offset = 0;
  if (!has_bytes(file, 0, "MZ", 2) || file.size() < 64) return {};
  memcpy(&pe_offset, file.data() + 0x3c, sizeof pe_offset);
  if (!has_bytes(file, pe_offset, "PE\0\0", 4)) return {};
  return errorf("%s is an EFI program without a RISC-V Linux header; give a kernel for riscv64 (an EFI program needs EFI firmware)", file.path().c_str());
}

Result<LoadedImage> load_linux_image(AddressSpace& as, const FileImage& file, const LinuxImageHeader& header, uint64_t address) {
  const char* name = file.path().c_str();
  if ((header.flags & 1) != 0) return errorf("%s is a big-endian kernel, and this machine is little-endian", name);
  if (address % kImageAlign != 0) return errorf("%s is a Linux Image, which must stand at a multiple of 2 MiB, not at 0x%llx", name, hex(address));
  const uint64_t needed = std::max<uint64_t>(header.image_size, file.size());
  if (Status status = check_fits(as, stringf("%s (with the memory that its header asks for)", name), address, needed); !status) return status.error();
  Result<LoadedImage> image = load_raw(as, file, address);
  if (image) image->high = address + needed;
  return image;
}

}  // namespace

Result<LoadedImage> load_raw(AddressSpace& as, const FileImage& file, uint64_t address) {
  if (Status status = check_still_whole(file); !status) return status.error();
  if (Status status = check_fits(as, file.path(), address, file.size()); !status) return status.error();
  place_file(as, file, 0, address, file.size());
  LoadedImage image;
  image.entry = image.low = address;
  image.high = address + file.size();
  return image;
}

Result<LoadedImage> load_kernel(AddressSpace& as, const FileImage& file, uint64_t address) {
  if (is_gzip(file)) {
    if (Status status = check_still_whole(file); !status) return status.error();
    Result<FileImage> unpacked = gunzip(file, std::max(memory_room_at(as, address), kUnpackedBytesMin));
    if (!unpacked) return unpacked.error();
    if (is_gzip(*unpacked)) return errorf("%s is packed with gzip twice; unpack it once", file.path().c_str());
    return load_kernel(as, *unpacked, address);
  }
  if (is_elf(file)) return load_elf(as, file);
  LinuxImageHeader header;
  if (read_image_header(file, &header)) return load_linux_image(as, file, header, address);
  if (Status status = check_foreign(file); !status) return status.error();
  return load_raw(as, file, address);
}

Result<LoadedImage> load_kernel(AddressSpace& as, const std::string& path, uint64_t address) {
  Result<FileImage> file = FileImage::open(path);
  if (!file) return file.error();
  return load_kernel(as, *file, address);
}

Result<LoadedImage> load_firmware(AddressSpace& as, const FileImage& file, uint64_t address) {
  if (is_elf(file)) return load_elf(as, file);
  if (is_gzip(file)) return errorf("%s is packed with gzip; firmware is given unpacked (gunzip -k)", file.path().c_str());
  if (Status status = check_foreign(file); !status) return status.error();
  return load_raw(as, file, address);
}

Result<LoadedImage> load_firmware(AddressSpace& as, const std::string& path, uint64_t address) {
  Result<FileImage> file = FileImage::open(path);
  if (!file) return file.error();
  return load_firmware(as, *file, address);
}

Result<LoadedImage> load_initrd(AddressSpace& as, const FileImage& file, uint64_t address, uint64_t end) {
  const uint64_t room = end > address ? end - address : 0;
  if (file.size() > room)
    return errorf("initrd %s (%s) does not fit between 0x%llx and 0x%llx (%s); raise -m", file.path().c_str(), size_text(file.size()).c_str(),
                  hex(address), hex(end), size_text(room).c_str());
  return load_raw(as, file, address);
}

Result<LoadedImage> load_initrd(AddressSpace& as, const std::string& path, uint64_t address, uint64_t end) {
  Result<FileImage> file = FileImage::open(path);
  if (!file) return file.error();
  return load_initrd(as, *file, address, end);
}

Status check_images_apart(std::span<const PlacedImage> images) {
  for (size_t i = 0; i < images.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      const PlacedImage &a = images[j], &b = images[i];
      if (a.low < b.high && b.low < a.high)
        return errorf("the %s (0x%llx-0x%llx) overlaps the %s (0x%llx-0x%llx); raise -m", b.what, hex(b.low), hex(b.high - 1), a.what, hex(a.low),
                      hex(a.high - 1));
    }
  }
  return {};
}

}  // namespace monochord
