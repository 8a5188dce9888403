// The device tree builder, read back by libfdt itself and by dtc.
#include "core/fdt.h"

#include <gtest/gtest.h>

#include <cstring>

#include "memory_fixture.h"

extern "C" {
#include <libfdt.h>
}

namespace monochord {
namespace {

std::string property(const std::vector<uint8_t>& blob, const char* path, const char* name) {
  const int node = fdt_path_offset(blob.data(), path);
  EXPECT_GE(node, 0) << path;
  int size = 0;
  const void* data = fdt_getprop(blob.data(), node, name, &size);
  EXPECT_NE(data, nullptr) << path << " " << name;
  return data == nullptr ? "?" : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

std::string text_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  pclose(pipe);
  return text;
}

bool has_dtc() { return system("command -v dtc >/dev/null 2>&1") == 0; }

TEST(Fdt, PropertiesHaveTheBytesOfTheSpecification) {
  FdtBuilder fdt;
  fdt.set_cells("/a", "cells", {1, 0x80000000});
  fdt.set_u64("/a", "wide", 0x0102030405060708);
  fdt.set_u64s("/a", "wides", std::array<uint64_t, 2>{1, 2});
  fdt.set_string("/a", "text", "riscv,clint0");
  fdt.set_strings("/a", "texts", std::array<std::string, 2>{"sifive,test1", "syscon"});
  fdt.set_bytes("/a", "bytes", std::array<uint8_t, 3>{9, 8, 7});
  fdt.set_empty("/a", "flag");
  const std::vector<uint8_t> blob = fdt.finish();
  ASSERT_EQ(fdt_check_full(blob.data(), blob.size()), 0);
  EXPECT_EQ(property(blob, "/a", "cells"), std::string("\0\0\0\1\x80\0\0\0", 8));
  EXPECT_EQ(property(blob, "/a", "wide"), "\1\2\3\4\5\6\7\x8");
  EXPECT_EQ(property(blob, "/a", "wides"), std::string("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 16));
  EXPECT_EQ(property(blob, "/a", "text"), std::string("riscv,clint0\0", 13));
  EXPECT_EQ(property(blob, "/a", "texts"), std::string("sifive,test1\0syscon\0", 20));
  EXPECT_EQ(property(blob, "/a", "bytes"), "\x9\x8\x7");
  EXPECT_EQ(property(blob, "/a", "flag"), "");
}

TEST(Fdt, MissingParentsAreMadeAndNamesAreExact) {
  FdtBuilder fdt;
  fdt.add_node("/soc/plic@c000000/child");
  EXPECT_TRUE(fdt.has_node("/soc"));
  EXPECT_TRUE(fdt.has_node("/soc/plic@c000000/child"));
  EXPECT_FALSE(fdt.has_node("/soc/plic")) << "libfdt alone would take plic@c000000 for it";
  fdt.add_node("/soc/plic");
  EXPECT_TRUE(fdt.has_node("/soc/plic"));
  fdt.add_node("/soc/plic");  // once more changes nothing
  const std::vector<uint8_t> blob = fdt.finish();
  const int soc = fdt_path_offset(blob.data(), "/soc");
  int children = 0;
  for (int n = fdt_first_subnode(blob.data(), soc); n >= 0; n = fdt_next_subnode(blob.data(), n)) children++;
  EXPECT_EQ(children, 2);
}

TEST(Fdt, ALaterValueReplacesAnEarlierOne) {
  FdtBuilder fdt;
  fdt.set_string("/chosen", "bootargs", "a much longer command line than the second one");
  fdt.set_string("/chosen", "bootargs", "short");
  EXPECT_EQ(property(fdt.finish(), "/chosen", "bootargs"), std::string("short\0", 6));
}

TEST(Fdt, GrowsAsFarAsItMust) {
  FdtBuilder fdt;
  for (int i = 0; i < 2000; i++) fdt.set_string(stringf("/soc/device@%d", i), "compatible", stringf("vendor,device-number-%d", i));
  fdt.set_bytes("/blob", "data", std::vector<uint8_t>(300000, 0x5a));
  const std::vector<uint8_t> blob = fdt.finish();
  ASSERT_EQ(fdt_check_full(blob.data(), blob.size()), 0);
  for (int i = 0; i < 2000; i += 199)
    EXPECT_EQ(property(blob, stringf("/soc/device@%d", i).c_str(), "compatible"), stringf("vendor,device-number-%d", i) + '\0');
  EXPECT_EQ(property(blob, "/blob", "data"), std::string(300000, 0x5a));
}

TEST(Fdt, FinishPacksAndTheBuilderGoesOn) {
  FdtBuilder fdt;
  fdt.set_empty("/a", "x");
  const std::vector<uint8_t> first = fdt.finish();
  EXPECT_LT(first.size(), 200u);
  EXPECT_EQ(fdt_totalsize(first.data()), first.size());
  fdt.set_empty("/b", "x");
  EXPECT_GE(fdt_path_offset(fdt.finish().data(), "/b"), 0);
  EXPECT_LT(fdt_path_offset(first.data(), "/b"), 0);
}

TEST(Fdt, AnEmptyTreeIsATree) {
  const std::vector<uint8_t> blob = FdtBuilder().finish();
  EXPECT_EQ(fdt_check_full(blob.data(), blob.size()), 0);
}

TEST(Fdt, PhandlesAreGivenOnceAndAreDistinct) {
  FdtBuilder fdt;
  const uint32_t plic = fdt.phandle("/soc/plic@c000000");
  const uint32_t cpu = fdt.phandle("/cpus/cpu@0/interrupt-controller");
  EXPECT_NE(plic, cpu);
  EXPECT_NE(plic, 0u);
  fdt.set_cells("/x", "y", {1, 2, 3});
  EXPECT_EQ(fdt.phandle("/soc/plic@c000000"), plic);
  const std::vector<uint8_t> blob = fdt.finish();
  EXPECT_EQ(fdt_node_offset_by_phandle(blob.data(), plic), fdt_path_offset(blob.data(), "/soc/plic@c000000"));
  EXPECT_EQ(fdt_get_phandle(blob.data(), fdt_path_offset(blob.data(), "/cpus/cpu@0/interrupt-controller")), cpu);
}

TEST(Fdt, AGivenTreeKeepsItsPhandlesAndGetsFreshOnes) {
  FdtBuilder original;
  original.set_cells("/high", "phandle", {0xfffffffe});
  original.set_cells("/one", "phandle", {1});
  Result<FdtBuilder> fdt = FdtBuilder::from_blob(original.finish());
  ASSERT_TRUE(fdt.ok()) << fdt.error().message;
  EXPECT_EQ(fdt->phandle("/high"), 0xfffffffeu);
  const uint32_t fresh = fdt->phandle("/new");
  EXPECT_EQ(fresh, 2u) << "the first one that nobody has";
}

TEST(Fdt, WhatIsNoTreeGivesOneLine) {
  const auto refused = [](std::vector<uint8_t> bytes, const char* word) {
    Result<FdtBuilder> fdt = FdtBuilder::from_blob(bytes);
    ASSERT_FALSE(fdt.ok()) << word;
    EXPECT_NE(fdt.error().message.find(word), std::string::npos) << fdt.error().message;
    EXPECT_EQ(fdt.error().message.find('\n'), std::string::npos);
  };
  FdtBuilder builder;
  builder.set_string("/a", "b", "some text that makes it longer");
  const std::vector<uint8_t> good = builder.finish();
  refused({}, "not a device tree");
  refused({1, 2, 3}, "not a device tree");
  refused(std::vector<uint8_t>(100), "not a device tree");
  std::vector<uint8_t> bad = good;
  bad.resize(bad.size() - 1);
  refused(bad, "cut off");
  bad = good;
  bad[bad.size() / 2 & ~3u] ^= 0xff;  // a structure tag or a length
  bad[11] = 0xff;                     // off_dt_struct
  refused(bad, "damaged");
  refused(std::vector<uint8_t>(FdtBuilder::kSizeMax + 1), "more than");
  EXPECT_TRUE(FdtBuilder::from_blob(good).ok());
}

TEST(Fdt, TrailingBytesBehindATreeDoNotMatter) {
  FdtBuilder builder;
  builder.set_empty("/a", "x");
  std::vector<uint8_t> padded = builder.finish();
  padded.resize(padded.size() + 1000, 0xee);
  EXPECT_TRUE(FdtBuilder::from_blob(padded).ok());
}

TEST(Fdt, DtcReadsWhatWeWrite) {
  if (!has_dtc()) GTEST_SKIP() << "dtc is not installed";
  FdtBuilder fdt;
  fdt.set_cells("/", "#address-cells", {2});
  fdt.set_cells("/", "#size-cells", {2});
  fdt.set_string("/", "compatible", "riscv-virtio");
  fdt.set_string("/memory@80000000", "device_type", "memory");
  fdt.set_cells("/memory@80000000", "reg", {0, 0x80000000, 0, 0x8000000});
  TempFolder folder;
  const std::string path = folder.file("tree.dtb", fdt.finish());
  const std::string text = text_of("dtc -I dtb -O dts " + path + " 2>&1");
  EXPECT_NE(text.find("compatible = \"riscv-virtio\";"), std::string::npos) << text;
  EXPECT_NE(text.find("reg = <0x00 0x80000000 0x00 0x8000000>;"), std::string::npos) << text;
  EXPECT_EQ(text.find("Warning"), std::string::npos) << text;
}

TEST(Fdt, ATreeFromDtcCanBeEdited) {
  if (!has_dtc()) GTEST_SKIP() << "dtc is not installed";
  TempFolder folder;
  const std::string source = folder.file("in.dts",
                                         "/dts-v1/; /memreserve/ 0x1000 0x2000;\n"
                                         "/ { #address-cells = <1>; #size-cells = <1>; model = \"m\";\n"
                                         "  intc: controller@10 { reg = <0x10 4>; interrupt-controller; #interrupt-cells = <1>; };\n"
                                         "  dev@20 { reg = <0x20 4>; interrupt-parent = <&intc>; interrupts = <3>; }; chosen { }; };\n");
  for (const char* version : {"17", "16"}) {
    ASSERT_EQ(system(("dtc -q -V " + std::string(version) + " -I dts -O dtb -o " + folder.path() + "/in.dtb " + source).c_str()), 0);
    FILE* file = fopen((folder.path() + "/in.dtb").c_str(), "rb");
    std::vector<uint8_t> blob(65536);
    blob.resize(fread(blob.data(), 1, blob.size(), file));
    fclose(file);
    Result<FdtBuilder> fdt = FdtBuilder::from_blob(blob);
    ASSERT_TRUE(fdt.ok()) << fdt.error().message;
    fdt->set_string("/chosen", "bootargs", "console=ttyS0");
    const uint32_t controller = fdt->phandle("/controller@10");
    EXPECT_NE(fdt->phandle("/dev@20"), controller);
    const std::string text = text_of("dtc -q -I dtb -O dts " + folder.file("out.dtb", fdt->finish()));
    EXPECT_NE(text.find("bootargs = \"console=ttyS0\";"), std::string::npos) << text;
    EXPECT_NE(text.find(stringf("interrupt-parent = <0x%02x>;", controller)), std::string::npos) << text;
    EXPECT_NE(text.find("/memreserve/\t0x0000000000001000 0x0000000000002000;"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace monochord
