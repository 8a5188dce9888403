// The device tree of the virt board: QEMU's `-M virt,dumpdtb=` for the devices that are here. libfdt puts what comes later first, so both nodes and
// properties are made in the reverse of the order in which they are read.
// Source: Devicetree Specification v0.4; Linux bindings (cpus, riscv,plic0, riscv,clint0, virtio,mmio, syscon-poweroff).
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/host.h"
#include "devices/aclint.h"
#include "devices/board_virt.h"
#include "devices/sifive_plic.h"

namespace monochord {
namespace {

std::string cpu_path(size_t hart) { return stringf("/cpus/cpu@%zu", hart); }
std::string intc_path(size_t hart) { return cpu_path(hart) + "/interrupt-controller"; }
uint32_t high(uint64_t value) { return value >> 32; }
uint32_t low(uint64_t value) { return value; }

std::string node_path(const Device& device) {
  return stringf("/soc/%s@%llx", device.info().fdt_node, (unsigned long long)device.place().address);
}

void set_compatible(FdtBuilder& fdt, const std::string& node, const char* lines) {
  std::vector<std::string> strings(1);
  for (const char* c = lines; *c != 0; c++) {
    if (*c == '\n')
      strings.emplace_back();
    else
      strings.back() += *c;
  }
  fdt.set_strings(node, "compatible", strings);
}

void set_reg(FdtBuilder& fdt, const std::string& node, uint64_t address, uint64_t size) {
  fdt.set_cells(node, "reg", {high(address), low(address), high(size), low(size)});
}

}  // namespace

void VirtBoard::fdt_cpus(FdtBuilder& fdt) const {
  fdt.add_node("/cpus");
  fdt.set_cells("/cpus", "timebase-frequency", {kTimebaseHz});
  fdt.set_cells("/cpus", "#size-cells", {0});
  fdt.set_cells("/cpus", "#address-cells", {1});
  fdt.add_node("/cpus/cpu-map");
  for (size_t i = harts_.size(); i-- > 0;) {
    const RiscvHartPort& hart = harts_[i];
    const std::string cpu = cpu_path(i), intc = intc_path(i), core = stringf("/cpus/cpu-map/cluster0/core%zu", i);
    const auto has = [&](const char* extension) {
      return std::find(hart.isa_extensions.begin(), hart.isa_extensions.end(), extension) != hart.isa_extensions.end();
    };
    fdt.add_node(cpu);
    if (hart.mmu_type != nullptr) fdt.set_string(cpu, "mmu-type", hart.mmu_type);
    fdt.set_string(cpu, "riscv,isa", hart.isa);
    fdt.set_string(cpu, "riscv,isa-base", "rv64i");
    fdt.set_strings(cpu, "riscv,isa-extensions", hart.isa_extensions);
    if (has("zicbom")) fdt.set_cells(cpu, "riscv,cbom-block-size", {hart.cbo_block_size});
    if (has("zicboz")) fdt.set_cells(cpu, "riscv,cboz-block-size", {hart.cbo_block_size});
    if (has("zicbop")) fdt.set_cells(cpu, "riscv,cbop-block-size", {hart.cbo_block_size});
    fdt.set_string(cpu, "compatible", "riscv");
    fdt.set_string(cpu, "status", "okay");
    fdt.set_cells(cpu, "reg", {static_cast<uint32_t>(i)});
    fdt.set_string(cpu, "device_type", "cpu");
    const uint32_t cpu_phandle = fdt.phandle(cpu);
    fdt.add_node(intc);
    fdt.phandle(intc);
    fdt.set_string(intc, "compatible", "riscv,cpu-intc");
    fdt.set_empty(intc, "interrupt-controller");
    fdt.set_cells(intc, "#interrupt-cells", {1});
    fdt.set_cells(core, "cpu", {cpu_phandle});
  }
}

void VirtBoard::fdt_soc(FdtBuilder& fdt) const {
  // Interrupt outputs of a device that serves every hart: <intc A intc B> for each.
  const auto interrupts_extended = [&](const std::string& node, uint32_t first, uint32_t second) {
    std::vector<uint32_t> cells;
    for (size_t i = 0; i < harts_.size(); i++) {
      const uint32_t intc = fdt.phandle(intc_path(i));
      cells.insert(cells.end(), {intc, first, intc, second});
    }
    fdt.set_cells(node, "interrupts-extended", cells);
  };
  uint32_t plic_phandle = 0;
  for (size_t i = 0; i < devices_.size(); i++) {
    const Device& device = *devices_[i];
    const VirtBoardRow& row = rows()[i];
    if (&device == mswi_) {  // one node for both halves of the ACLINT
      const std::string node = stringf("/soc/clint@%llx", (unsigned long long)row.address);
      set_compatible(fdt, node, "sifive,clint0\nriscv,clint0");
      set_reg(fdt, node, row.address, row.fdt_size);
      interrupts_extended(node, kIrqMSoft, kIrqMTimer);
    }
    if (device.info().fdt_node == nullptr) continue;
    const std::string node = node_path(device);
    if (&device == plic_) {
      fdt.set_cells(node, "#interrupt-cells", {1});
      fdt.set_cells(node, "#address-cells", {0});
      set_compatible(fdt, node, device.info().compatible);
      fdt.set_empty(node, "interrupt-controller");
      interrupts_extended(node, kIrqMExternal, kIrqSExternal);
      set_reg(fdt, node, row.address, row.fdt_size);
      device.fdt(fdt, node);
      plic_phandle = fdt.phandle(node);
      continue;
    }
    set_compatible(fdt, node, device.info().compatible);
    set_reg(fdt, node, row.address, row.fdt_size);
    device.fdt(fdt, node);
    if (row.irq == 0) continue;
    fdt.set_cells(node, "interrupt-parent", {plic_phandle});
    fdt.set_cells(node, "interrupts", {row.irq});
  }
}

FdtBuilder VirtBoard::describe() const {
  FdtBuilder fdt;
  fdt.set_string("/", "model", "riscv-virtio,qemu");
  fdt.set_string("/", "compatible", "riscv-virtio");
  fdt.set_cells("/", "#size-cells", {2});
  fdt.set_cells("/", "#address-cells", {2});
  fdt.add_node("/soc");
  fdt.set_empty("/soc", "ranges");
  fdt.set_string("/soc", "compatible", "simple-bus");
  fdt.set_cells("/soc", "#size-cells", {2});
  fdt.set_cells("/soc", "#address-cells", {2});

  uint8_t seed[32];
  if (config_.rng != nullptr)
    config_.rng(config_.rng_opaque, seed, sizeof seed);
  else
    host().random_bytes(seed, sizeof seed);
  const std::string serial = stringf("/soc/serial@%llx", 0x10000000ull);
  fdt.add_node("/chosen");
  fdt.set_bytes("/chosen", "rng-seed", seed);
  fdt.set_string("/chosen", "stdout-path", serial);
  fdt.add_node("/aliases");
  fdt.set_string("/aliases", "serial0", serial);

  fdt_cpus(fdt);
  const std::string memory = stringf("/memory@%llx", (unsigned long long)kDram);
  set_reg(fdt, memory, kDram, config_.ram_size);
  fdt.set_string(memory, "device_type", "memory");

  fdt_soc(fdt);
  const uint32_t finisher = fdt.phandle("/soc/test@100000");
  const auto syscon = [&](const char* node, const char* compatible, uint32_t value) {
    fdt.set_string(node, "compatible", compatible);
    fdt.set_cells(node, "regmap", {finisher});
    fdt.set_cells(node, "offset", {0});
    fdt.set_cells(node, "value", {value});
  };
  syscon("/reboot", "syscon-reboot", 0x7777);
  syscon("/poweroff", "syscon-poweroff", 0x5555);
  return fdt;
}

Status VirtBoard::dump_dtb() const {
  const char* path = config_.dumpdtb.c_str();
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return errorf("dumpdtb=%s: %s", path, strerror(errno));
  size_t done = 0;
  while (done < dtb_.size()) {
    const ssize_t n = write(fd, dtb_.data() + done, dtb_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : ENOSPC;
      close(fd);
      return errorf("dumpdtb=%s: %s", path, strerror(error));
    }
    done += n;
  }
  if (close(fd) != 0) return errorf("dumpdtb=%s: %s", path, strerror(errno));
  return {};
}

Status VirtBoard::make_fdt(uint64_t initrd_low, uint64_t initrd_high) {
  std::optional<FdtBuilder> fdt;
  if (config_.dtb.empty()) {
    fdt = describe();
  } else {
    Result<FileImage> file = FileImage::open(config_.dtb);
    if (!file) return file.error();
    Result<FdtBuilder> given = FdtBuilder::from_blob({file->data(), file->size()});
    if (!given) return errorf("-dtb %s: %s", config_.dtb.c_str(), given.error().message.c_str());
    fdt = std::move(*given);
  }
  if (initrd_high != 0) {
    fdt->set_u64("/chosen", "linux,initrd-start", initrd_low);
    fdt->set_u64("/chosen", "linux,initrd-end", initrd_high);
  }
  if (!config_.append.empty()) fdt->set_string("/chosen", "bootargs", config_.append);
  dtb_ = fdt->finish();
  return {};
}

}  // namespace monochord
