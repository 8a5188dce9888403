// The generated device tree against QEMU's `-M virt,dumpdtb=` with the same harts, memory, kernel, initrd and command line: node by node and property by
// property, in order. The only differences are the nodes of devices that are not here and the random seed.
#include <set>

#include "devices/board_virt.h"
#include "tests/devices/fake_hart.h"
#include "tests/devices/fixture.h"
#include "tests/devices/qemu_process.h"

extern "C" {
#include <libfdt.h>
}

namespace monochord {
namespace {

const std::set<std::string> kAbsent = {"/fw-cfg@10100000", "/flash@20000000", "/soc/pci@30000000", "/platform-bus@4000000", "/pmu"};

// A line for each node and property, in the order of the blob.
void flatten(const void* fdt, int node, const std::string& path, const std::set<std::string>& leave_out, std::vector<std::string>* lines) {
  if (leave_out.count(path)) return;
  lines->push_back(path);
  int property;
  fdt_for_each_property_offset(property, fdt, node) {
    const char* name;
    int size;
    const uint8_t* data = static_cast<const uint8_t*>(fdt_getprop_by_offset(fdt, property, &name, &size));
    std::string line = path + ":" + name + " =";
    if (std::string(name) == "rng-seed") size = 0;
    for (int i = 0; i < size; i++) line += stringf(" %02x", data[i]);
    lines->push_back(line);
  }
  int child;
  fdt_for_each_subnode(child, fdt, node) {
    flatten(fdt, child, (path == "/" ? "" : path) + "/" + fdt_get_name(fdt, child, nullptr), leave_out, lines);
  }
}

struct Case {
  const char* name;
  unsigned harts;
  unsigned mib;
  const char* cpu;
  bool kernel, initrd;
};

class DeviceTree : public DeviceFixture, public ::testing::WithParamInterface<Case> {
 protected:
  std::string temp(const std::string& name, const std::string& bytes) {
    const std::string path = folder + "/" + name;
    FILE* file = fopen(path.c_str(), "wb");
    EXPECT_EQ(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    fclose(file);
    return path;
  }
  DeviceTree() {
    char path[] = "/tmp/monochord-dtb-XXXXXX";
    folder = mkdtemp(path);
  }
  ~DeviceTree() override { EXPECT_EQ(::system(("rm -rf " + folder).c_str()), 0); }
  std::string folder;
};

TEST_P(DeviceTree, is_qemus_without_the_nodes_of_absent_devices) {
  if (!have_qemu()) GTEST_SKIP() << "qemu-system-riscv64 is not installed";
  const Case c = GetParam();
  VirtBoardConfig config;
  config.ram_size = uint64_t{c.mib} << 20;
  config.bios = temp("fw", std::string(5000, 'f'));
  if (c.kernel) config.kernel = temp("kernel", std::string(100'000, 'k'));
  if (c.initrd) config.initrd = temp("initrd", std::string(12'345, 'i'));
  if (c.kernel) config.append = "console=ttyS0 root=/dev/vda \"a b\"";

  const std::string dump = folder + "/qemu.dtb";
  std::string command = stringf("%s -M virt,dumpdtb=%s -smp %u -m %u -cpu %s -display none -serial null -bios %s", kQemu, dump.c_str(), c.harts, c.mib, c.cpu,
                                config.bios.c_str());
  if (c.kernel) command += " -kernel " + config.kernel + " -append 'console=ttyS0 root=/dev/vda \"a b\"'";
  if (c.initrd) command += " -initrd " + config.initrd;
  ASSERT_EQ(::system((command + " > /dev/null 2>&1").c_str()), 0) << command;
  Result<FileImage> file = FileImage::open(dump);
  ASSERT_TRUE(file.ok());
  const void* qemu = file->data();
  ASSERT_EQ(fdt_check_full(qemu, file->size()), 0);

  // What a hart says about itself is the CPU's business: take it from QEMU's tree.
  const int cpu = fdt_path_offset(qemu, "/cpus/cpu@0");
  ASSERT_GE(cpu, 0);
  const char* isa = static_cast<const char*>(fdt_getprop(qemu, cpu, "riscv,isa", nullptr));
  const char* mmu = static_cast<const char*>(fdt_getprop(qemu, cpu, "mmu-type", nullptr));
  std::vector<std::string> extensions;
  for (int i = 0; i < fdt_stringlist_count(qemu, cpu, "riscv,isa-extensions"); i++)
    extensions.push_back(fdt_stringlist_get(qemu, cpu, "riscv,isa-extensions", i, nullptr));

  std::vector<std::unique_ptr<FakeHart>> harts;
  std::vector<RiscvHartPort> ports;
  for (unsigned i = 0; i < c.harts; i++) {
    harts.emplace_back(std::make_unique<FakeHart>(i));
    RiscvHartPort port = harts.back()->port();
    port.isa = isa;
    port.isa_extensions = extensions;
    port.mmu_type = mmu;
    ports.push_back(port);
  }
  config.dumpdtb = folder + "/ours.dtb";
  {
    VirtBoard board(*as, system);
    const Status status = board.init(config, ports);
    ASSERT_TRUE(status.ok()) << status.error().message;
    std::vector<std::string> expected, got;
    flatten(qemu, 0, "/", kAbsent, &expected);
    flatten(board.dtb().data(), 0, "/", {}, &got);
    EXPECT_EQ(got, expected);
    // dumpdtb= wrote the same bytes.
    Result<FileImage> ours = FileImage::open(config.dumpdtb);
    ASSERT_TRUE(ours.ok());
    ASSERT_EQ(ours->size(), board.dtb().size());
    EXPECT_EQ(memcmp(ours->data(), board.dtb().data(), ours->size()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(machine, DeviceTree,
                         ::testing::Values(Case{"one_hart", 1, 128, "rv64", false, false}, Case{"two_harts", 2, 512, "rv64", true, true},
                                           Case{"no_mmu", 1, 128, "rv64,sv57=off,sv48=off,sv39=off,zicbom=off,zicboz=off,zicbop=off", true, false},
                                           Case{"five_harts", 5, 1024, "rv64,h=off,zbc=off,zicbop=off", true, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace monochord
