// What the board puts into memory before the first instruction: firmware, kernel, initrd, device tree, -device loader and the reset vector.
#include <algorithm>
#include <cstring>

#include "core/main_loop.h"
#include "devices/board_virt.h"

namespace monochord {
namespace {

constexpr uint64_t kAlign = 2 << 20;  // kernels and device trees begin on 2 MiB
constexpr uint64_t kInitrdOffsetMax = 512 << 20;

uint64_t align_up(uint64_t value, uint64_t align) { return (value + align - 1) / align * align; }
uint64_t align_down(uint64_t value, uint64_t align) { return value / align * align; }

template <typename T>
void put(uint8_t*& to, T value) {
  memcpy(to, &value, sizeof value);
  to += sizeof value;
}

}  // namespace

// Every hart starts at 0x1000 in M mode: a0 = mhartid, a1 = device tree, a2 = fw_dynamic_info, then on to the firmware.
void VirtBoard::write_mrom() {
  static constexpr uint32_t kCode[] = {
      0x00000297,  // auipc t0, 0
      0x02828613,  // addi  a2, t0, 40        fw_dynamic_info
      0xf1402573,  // csrr  a0, mhartid
      0x0202b583,  // ld    a1, 32(t0)        device tree
      0x0182b283,  // ld    t0, 24(t0)        start
      0x00028067,  // jr    t0
  };
  constexpr uint64_t kInfoMagic = 0x4942534f, kInfoVersion = 2, kNextModeS = 1;
  memset(mrom_host_, 0, kMromSize);
  uint8_t* to = mrom_host_;
  for (uint32_t word : kCode) put(to, word);
  put(to, start_);
  put(to, fdt_address_);
  for (uint64_t field : {kInfoMagic, kInfoVersion, next_, kNextModeS, uint64_t{0} /* options */, uint64_t{0} /* boot hart */}) put(to, field);
}

Status VirtBoard::load_images() {
  occupied_.clear();
  start_ = kDram;
  next_ = 0;
  uint64_t firmware_end = kDram;
  uint64_t initrd_low = 0, initrd_high = 0;
  const uint64_t ram_end = kDram + config_.ram_size;

  if (!config_.bios.empty()) {
    Result<LoadedImage> firmware = load_firmware(as_, config_.bios, kDram);
    if (!firmware) return firmware.error();
    start_ = firmware->entry;
    firmware_end = firmware->high;
    occupied_.push_back({"firmware", firmware->low, firmware->high});
  }
  if (!config_.kernel.empty()) {
    Result<LoadedImage> kernel = load_kernel(as_, config_.kernel, align_up(firmware_end, kAlign));
    if (!kernel) return kernel.error();
    next_ = kernel->low;
    occupied_.push_back({"kernel", kernel->low, kernel->high});
  }
  if (!config_.initrd.empty()) {
    const uint64_t address = next_ + std::min(config_.ram_size / 2, kInitrdOffsetMax);
    Result<LoadedImage> initrd = load_initrd(as_, config_.initrd, address, ram_end);
    if (!initrd) return initrd.error();
    initrd_low = initrd->low;
    initrd_high = initrd->high;
    occupied_.push_back({"initrd", initrd->low, initrd->high});
  }
  if (Status status = make_fdt(initrd_low, initrd_high); !status) return status;
  if (dtb_.size() > config_.ram_size) return errorf("the device tree (%zu bytes) does not fit into the memory; raise -m", dtb_.size());
  fdt_address_ = align_down(ram_end - dtb_.size(), kAlign);
  if (fdt_address_ < kDram) return errorf("-m: %llu bytes leave no room for the device tree; give at least 4M", (unsigned long long)config_.ram_size);
  occupied_.push_back({"device tree", fdt_address_, fdt_address_ + dtb_.size()});
  if (as_.rom_write(fdt_address_, dtb_.data(), dtb_.size()) != MemTxResult::kOk) return errorf("the device tree does not fit into the memory; raise -m");
  if (Status status = load_loaders(); !status) return status;
  if (Status status = check_images_apart(occupied_); !status) return status;
  write_mrom();
  return {};
}

Status VirtBoard::load_loaders() {
  start_pcs_.clear();
  for (const LoaderDevice& loader : config_.loaders) {
    uint64_t pc = loader.addr.value_or(0);
    if (loader.data) {
      uint8_t bytes[8];
      const unsigned size = *loader.data_len;
      for (unsigned i = 0; i < size; i++) bytes[loader.data_be ? size - 1 - i : i] = *loader.data >> (8 * i);
      if (as_.rom_write(pc, bytes, size) != MemTxResult::kOk)
        return errorf("-device loader: there is no memory at 0x%llx", (unsigned long long)pc);
    } else if (!loader.file.empty()) {
      Result<FileImage> file = FileImage::open(loader.file);
      if (!file) return file.error();
      // Anything that isn't ELF goes to its address as it is, as in QEMU: device trees and packed files too.
      const bool elf = !loader.force_raw && is_elf(*file);
      Result<LoadedImage> image = elf ? load_elf(as_, *file) : load_raw(as_, *file, pc);
      if (!image) return image.error();
      occupied_.push_back({"file of -device loader", image->low, image->high});
      pc = image->entry;
    }
    if (!loader.cpu_num) continue;
    Cpu* cpu = nullptr;
    for (Cpu* candidate : cpu_list())
      if (static_cast<uint64_t>(candidate->cpu_index) == *loader.cpu_num) cpu = candidate;
    if (cpu == nullptr || *loader.cpu_num >= harts_.size())
      return errorf("-device loader: there is no hart %llu; the machine has %zu", (unsigned long long)*loader.cpu_num, harts_.size());
    // Devices are reset before harts, so the pc is set by work that runs before the hart's first block.
    auto start = std::make_unique<StartPc>();
    start->cpu = cpu;
    start->pc = pc;
    start->work.func = [](Cpu& hart, void* opaque) { hart.set_pc(static_cast<StartPc*>(opaque)->pc); };
    start->work.opaque = start.get();
    start_pcs_.push_back(std::move(start));
  }
  return {};
}

}  // namespace monochord
