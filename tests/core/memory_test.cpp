// The memory map: who answers at an address, with which access, and what a whole buffer may touch.
#include "core/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "memory_fixture.h"

namespace monochord {
namespace {

// A device that remembers the last access and answers with a value of its own.
struct Probe {
  static MemTxResult read(void* opaque, uint64_t offset, unsigned size, uint64_t* value) {
    Probe& self = *static_cast<Probe*>(opaque);
    self.calls++;
    self.offset = offset;
    self.size = size;
    *value = self.answer;
    return self.result;
  }
  static MemTxResult write(void* opaque, uint64_t offset, unsigned size, uint64_t value) {
    Probe& self = *static_cast<Probe*>(opaque);
    self.calls++;
    self.offset = offset;
    self.size = size;
    self.written = value;
    return self.result;
  }
  MemoryRegionOps ops{&read, &write, 1, 8, false};
  MemTxResult result = MemTxResult::kOk;
  int calls = 0;
  uint64_t offset = 0, answer = 0x1122334455667788, written = 0;
  unsigned size = 0;
};

struct IoMachine {
  explicit IoMachine(unsigned size_min = 1, unsigned size_max = 8, bool unaligned = false) {
    probe.ops.size_min = size_min;
    probe.ops.size_max = size_max;
    probe.ops.unaligned = unaligned;
    root.init_container("system", UINT64_MAX);
    io.init_io("probe", &probe.ops, &probe, 0x100);
    root.add_subregion(0x10000000, io);
    as = std::make_unique<AddressSpace>("memory", root);
  }
  Probe probe;
  MemoryRegion root, io;
  std::unique_ptr<AddressSpace> as;
};

TEST(AddressSpace, RamKeepsWhatWasWrittenLittleEndian) {
  RamMachine m(0x10000);
  ASSERT_EQ(m.as.write(0x80000010, 8, 0x0807060504030201), MemTxResult::kOk);
  EXPECT_EQ(m.bytes(0x80000010, 8), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  uint64_t value = 0;
  for (auto [size, expected] : {std::pair<unsigned, uint64_t>{1, 0x03}, {2, 0x0403}, {4, 0x06050403}}) {
    ASSERT_EQ(m.as.read(0x80000012, size, &value), MemTxResult::kOk);
    EXPECT_EQ(value, expected);
  }
}

TEST(AddressSpace, AWriteOfASizeChangesNoOtherByte) {
  RamMachine m(0x1000);
  for (unsigned size : {1u, 2u, 4u, 8u}) {
    m.as.write(0x80000000, 8, 0);
    m.as.write(0x80000008, 8, 0);
    ASSERT_EQ(m.as.write(0x80000004, size, UINT64_MAX), MemTxResult::kOk);
    const std::vector<uint8_t> bytes = m.bytes(0x80000000, 16);
    for (unsigned i = 0; i < 16; i++) EXPECT_EQ(bytes[i], i >= 4 && i < 4 + size ? 0xff : 0) << "size " << size << " byte " << i;
  }
}

TEST(AddressSpace, NobodyThereIsADecodeErrorAndReadsZero) {
  RamMachine m(0x1000);
  for (uint64_t addr : {uint64_t{0}, uint64_t{0x7fffffff}, uint64_t{0x80001000}, UINT64_MAX, UINT64_MAX - 7}) {
    uint64_t value = 1;
    EXPECT_EQ(m.as.read(addr, 1, &value), MemTxResult::kDecodeError) << addr;
    EXPECT_EQ(value, 0u);
    EXPECT_EQ(m.as.write(addr, 1, 1), MemTxResult::kDecodeError) << addr;
    EXPECT_EQ(m.as.translate(addr).region, nullptr);
  }
}

TEST(AddressSpace, AnAccessThatCrossesTheEndOfARangeIsRefused) {
  RamMachine m(0x1000);
  uint64_t value;
  EXPECT_EQ(m.as.read(0x80000ff8, 8, &value), MemTxResult::kOk);
  EXPECT_EQ(m.as.read(0x80000ff9, 8, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as.write(0x80000fff, 2, 0), MemTxResult::kDecodeError);
}

TEST(AddressSpace, StoresToRomAreDropped) {
  RamMachine m(0x1000);
  m.rom.data()[4] = 0x5a;
  EXPECT_EQ(m.as.write(0x1004, 1, 0xff), MemTxResult::kOk);
  uint64_t value;
  EXPECT_EQ(m.as.read(0x1004, 1, &value), MemTxResult::kOk);
  EXPECT_EQ(value, 0x5au);
  EXPECT_EQ(m.as.dma_write(0x1004, "x", 1), MemTxResult::kDecodeError);
  EXPECT_EQ(m.rom.data()[4], 0x5a);
  EXPECT_EQ(m.as.rom_write(0x1004, "x", 1), MemTxResult::kOk);
  EXPECT_EQ(m.rom.data()[4], 'x');
}

TEST(IoRegion, GetsOffsetSizeAndOnlyTheBytesOfTheAccess) {
  IoMachine m;
  uint64_t value;
  ASSERT_EQ(m.as->read(0x10000010, 2, &value), MemTxResult::kOk);
  EXPECT_EQ(m.probe.offset, 0x10u);
  EXPECT_EQ(m.probe.size, 2u);
  EXPECT_EQ(value, 0x7788u);
  ASSERT_EQ(m.as->write(0x10000020, 4, UINT64_MAX), MemTxResult::kOk);
  EXPECT_EQ(m.probe.offset, 0x20u);
  EXPECT_EQ(m.probe.written, 0xffffffffu);
}

TEST(IoRegion, SizesOutsideItsRangeNeverReachTheDevice) {
  IoMachine m(4, 4);
  uint64_t value;
  for (unsigned size : {1u, 2u, 8u}) {
    EXPECT_EQ(m.as->read(0x10000000, size, &value), MemTxResult::kDecodeError) << size;
    EXPECT_EQ(m.as->write(0x10000000, size, 0), MemTxResult::kDecodeError) << size;
  }
  EXPECT_EQ(m.probe.calls, 0);
  EXPECT_EQ(m.as->read(0x10000000, 4, &value), MemTxResult::kOk);
  EXPECT_EQ(m.probe.calls, 1);
}

TEST(IoRegion, SizesThatNoMachineHasAreRefused) {
  IoMachine m;
  uint64_t value;
  for (unsigned size : {0u, 3u, 5u, 6u, 7u, 16u}) EXPECT_EQ(m.as->read(0x10000000, size, &value), MemTxResult::kDecodeError) << size;
  EXPECT_EQ(m.probe.calls, 0);
}

TEST(IoRegion, UnalignedAccessesOnlyReachADeviceThatTakesThem) {
  IoMachine strict, loose(1, 8, true);
  uint64_t value;
  EXPECT_EQ(strict.as->read(0x10000002, 4, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(strict.probe.calls, 0);
  EXPECT_EQ(loose.as->read(0x10000002, 4, &value), MemTxResult::kOk);
  EXPECT_EQ(loose.probe.offset, 2u);
  EXPECT_EQ(loose.as->read(0x100000fd, 4, &value), MemTxResult::kDecodeError) << "beyond its end";
}

TEST(IoRegion, TheDevicesOwnErrorReachesTheCaller) {
  IoMachine m;
  m.probe.result = MemTxResult::kError;
  uint64_t value;
  EXPECT_EQ(m.as->read(0x10000000, 4, &value), MemTxResult::kError);
  EXPECT_EQ(m.as->write(0x10000000, 4, 0), MemTxResult::kError);
}

TEST(IoRegion, WithoutAFunctionRefuses) {
  IoMachine m;
  m.probe.ops.read = nullptr;
  m.probe.ops.write = nullptr;
  uint64_t value;
  EXPECT_EQ(m.as->read(0x10000000, 4, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as->write(0x10000000, 4, 0), MemTxResult::kDecodeError);
}

// --- tree and flat view ------------------------------------------------------------------------------------------

struct Bytes {
  explicit Bytes(size_t size) : data(size) {}
  std::vector<uint8_t> data;
};

TEST(FlatView, HigherPriorityCoversAndTheRestShowsThrough) {
  Bytes low(0x300), high(0x100);
  MemoryRegion root, below, above;
  root.init_container("root", 0x1000);
  below.init_ram("below", low.data.data(), 0x300);
  above.init_ram("above", high.data.data(), 0x100);
  root.add_subregion(0x100, below, 0);
  root.add_subregion(0x200, above, 1);
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 3u);
  EXPECT_EQ(as.translate(0x1ff).region, &below);
  EXPECT_EQ(as.translate(0x200).region, &above);
  EXPECT_EQ(as.translate(0x2ff).region, &above);
  EXPECT_EQ(as.translate(0x300).region, &below);
  EXPECT_EQ(as.translate(0x300).offset, 0x200u);
  EXPECT_EQ(as.translate(0x1f0).remaining, 0x10u);
}

TEST(FlatView, AmongEqualPrioritiesTheNewerChildCovers) {
  Bytes a(0x100), b(0x100);
  MemoryRegion root, first, second;
  root.init_container("root", 0x1000);
  first.init_ram("first", a.data.data(), 0x100);
  second.init_ram("second", b.data.data(), 0x100);
  root.add_subregion(0, first);
  root.add_subregion(0x80, second);
  AddressSpace as("memory", root);
  EXPECT_EQ(as.translate(0x7f).region, &first);
  EXPECT_EQ(as.translate(0x80).region, &second);
}

TEST(FlatView, ANegativePriorityIsABackground) {
  Bytes a(0x1000), b(0x10);
  MemoryRegion root, background, front;
  root.init_container("root", 0x1000);
  background.init_ram("background", a.data.data(), 0x1000);
  front.init_ram("front", b.data.data(), 0x10);
  root.add_subregion(0x500, front);
  root.add_subregion(0, background, -1000);
  AddressSpace as("memory", root);
  EXPECT_EQ(as.translate(0x500).region, &front);
  EXPECT_EQ(as.translate(0x510).region, &background);
}

TEST(FlatView, AContainerCutsItsChildren) {
  Bytes a(0x1000);
  MemoryRegion root, window, ram;
  root.init_container("root", UINT64_MAX);
  window.init_container("window", 0x100);
  ram.init_ram("ram", a.data.data(), 0x1000);
  window.add_subregion(0x80, ram);
  root.add_subregion(0x4000, window);
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 1u);
  EXPECT_EQ(as.flat_view()[0].start, 0x4080u);
  EXPECT_EQ(as.flat_view()[0].size, 0x80u);
}

TEST(FlatView, AnAliasShowsAWindowOfItsTarget) {
  Bytes a(0x1000);
  MemoryRegion root, ram, alias;
  root.init_container("root", UINT64_MAX);
  ram.init_ram("ram", a.data.data(), 0x1000);
  alias.init_alias("half", ram, 0x800, 0x400);
  root.add_subregion(0x80000000, ram);
  root.add_subregion(0x1000, alias);
  AddressSpace as("memory", root);
  EXPECT_EQ(as.translate(0xfff).region, nullptr);
  EXPECT_EQ(as.translate(0x1000).offset, 0x800u);
  EXPECT_EQ(as.translate(0x13ff).offset, 0xbffu);
  EXPECT_EQ(as.translate(0x1400).region, nullptr);
  as.write(0x1008, 4, 0xcafe);
  uint64_t value;
  as.read(0x80000808, 4, &value);
  EXPECT_EQ(value, 0xcafeu);
}

TEST(FlatView, AnAliasMayPutTheStartOfItsTargetBelowZero) {
  Bytes a(0x1000);
  MemoryRegion root, ram, alias;
  root.init_container("root", UINT64_MAX);
  ram.init_ram("ram", a.data.data(), 0x1000);
  alias.init_alias("tail", ram, 0xf00, 0x1000);  // reaches beyond its target
  root.add_subregion(0x10, alias);
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 1u);
  EXPECT_EQ(as.flat_view()[0].start, 0x10u);
  EXPECT_EQ(as.flat_view()[0].size, 0x100u);
  EXPECT_EQ(as.flat_view()[0].offset, 0xf00u);
}

TEST(FlatView, NothingWrapsAroundAtTheEndOfTheSpace) {
  Bytes a(0x2000);
  MemoryRegion root, ram;
  root.init_container("root", UINT64_MAX);
  ram.init_ram("ram", a.data.data(), 0x2000);
  root.add_subregion(UINT64_MAX - 0xfff, ram);  // its second half would lie beyond 2^64
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 1u);
  EXPECT_EQ(as.translate(0).region, nullptr);
  EXPECT_EQ(as.translate(UINT64_MAX - 1).offset, 0xffeu);
  EXPECT_EQ(as.translate(UINT64_MAX).region, nullptr) << "the last byte is nobody's";
  uint64_t value;
  EXPECT_EQ(as.read(UINT64_MAX - 3, 4, &value), MemTxResult::kDecodeError);
  uint8_t buffer[64];
  EXPECT_EQ(as.dma_read(UINT64_MAX - 7, buffer, 64), MemTxResult::kDecodeError);
  EXPECT_EQ(as.dma_write(UINT64_MAX - 7, buffer, 64), MemTxResult::kDecodeError);
}

TEST(FlatView, ChangesShowAfterUpdateAndBumpTheGeneration) {
  Bytes a(0x100);
  MemoryRegion root, ram;
  root.init_container("root", UINT64_MAX);
  ram.init_ram("ram", a.data.data(), 0x100);
  AddressSpace as("memory", root);
  const uint64_t before = as.generation();
  root.add_subregion(0x100, ram);
  EXPECT_EQ(as.translate(0x100).region, nullptr);
  as.update();
  EXPECT_EQ(as.translate(0x100).region, &ram);
  EXPECT_GT(as.generation(), before);
  root.remove_subregion(ram);
  as.update();
  EXPECT_TRUE(as.flat_view().empty());
  root.add_subregion(0x200, ram);
  as.update();
  EXPECT_EQ(as.translate(0x200).region, &ram);
}

TEST(FlatView, PiecesOfOneRegionAreJoined) {
  Bytes a(0x200);
  MemoryRegion root, ram, left, right;
  root.init_container("root", 0x1000);
  ram.init_ram("ram", a.data.data(), 0x200);
  left.init_alias("left", ram, 0, 0x100);
  right.init_alias("right", ram, 0x100, 0x100);
  root.add_subregion(0, left);
  root.add_subregion(0x100, right);
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 1u);
  EXPECT_EQ(as.flat_view()[0].size, 0x200u);
}

TEST(FlatView, NeighboursThatAreNotOnePieceStayApart) {
  Bytes a(0x200);
  MemoryRegion root, ram, left, right;
  root.init_container("root", 0x1000);
  ram.init_ram("ram", a.data.data(), 0x200);
  left.init_alias("second half", ram, 0x100, 0x100);
  right.init_alias("first half", ram, 0, 0x100);
  root.add_subregion(0, left);
  root.add_subregion(0x100, right);
  AddressSpace as("memory", root);
  ASSERT_EQ(as.flat_view().size(), 2u);
  EXPECT_EQ(as.translate(0xff).offset, 0x1ffu);
  EXPECT_EQ(as.translate(0x100).offset, 0u);
}

TEST(MemoryRegionDeathTest, OurOwnMistakesAreCaught) {
  MemoryRegion a, b, alias;
  a.init_container("a", 0x1000);
  EXPECT_DEATH(a.init_container("again", 1), "initialised once");
  EXPECT_DEATH(a.add_subregion(0, b), "initialised first");
  b.init_container("b", 0x1000);
  a.add_subregion(0, b);
  EXPECT_DEATH(a.add_subregion(0x100, b), "one place");
  EXPECT_DEATH(b.add_subregion(0, a), "inside itself");
  alias.init_alias("circle", a, 0, 0x1000);
  b.add_subregion(0, alias);
  EXPECT_DEATH(AddressSpace("memory", a), "circle");
}

// --- buffers -----------------------------------------------------------------------------------------------------

TEST(Dma, CrossesNeighbouringRanges) {
  Bytes a(0x100), b(0x100);
  MemoryRegion root, one, two;
  root.init_container("root", UINT64_MAX);
  one.init_ram("one", a.data.data(), 0x100);
  two.init_ram("two", b.data.data(), 0x100);
  root.add_subregion(0x1000, one);
  root.add_subregion(0x1100, two);
  AddressSpace as("memory", root);
  const std::vector<uint8_t> sent = pattern_bytes(0x80);
  ASSERT_EQ(as.dma_write(0x10c0, sent.data(), sent.size()), MemTxResult::kOk);
  std::vector<uint8_t> got(0x80);
  ASSERT_EQ(as.dma_read(0x10c0, got.data(), got.size()), MemTxResult::kOk);
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(std::equal(sent.begin() + 0x40, sent.end(), b.data.begin()));
}

TEST(Dma, StopsAtAHoleAndHasWrittenWhatCameBefore) {
  RamMachine m(0x1000);
  const std::vector<uint8_t> sent = pattern_bytes(0x20);
  EXPECT_EQ(m.as.dma_write(0x80000ff0, sent.data(), sent.size()), MemTxResult::kDecodeError);
  EXPECT_EQ(m.bytes(0x80000ff0, 0x10), std::vector<uint8_t>(sent.begin(), sent.begin() + 0x10));
  EXPECT_EQ(m.as.dma_write(UINT64_MAX - 4, sent.data(), sent.size()), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as.dma_write(0x80000000, sent.data(), 0), MemTxResult::kOk);
  EXPECT_EQ(m.as.dma_write(0x5000, sent.data(), 0), MemTxResult::kOk) << "no bytes need no memory";
}

TEST(Dma, NeverReachesADevice) {
  IoMachine m;
  uint8_t buffer[8] = {};
  EXPECT_EQ(m.as->dma_read(0x10000000, buffer, 8), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as->dma_write(0x10000000, buffer, 8), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as->debug_read(0x10000000, buffer, 8), MemTxResult::kDecodeError);
  EXPECT_EQ(m.as->rom_write(0x10000000, buffer, 8), MemTxResult::kDecodeError);
  EXPECT_EQ(m.probe.calls, 0);
}

struct Heard {
  static void hook(void* opaque, uint64_t addr, uint64_t size) { static_cast<Heard*>(opaque)->writes.push_back({addr, size}); }
  std::vector<std::pair<uint64_t, uint64_t>> writes;
};
using Writes = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(WriteHook, HearsOfDmaAndLoadersButNotOfAHartsStore) {
  RamMachine m(0x1000);
  Heard first, second;
  m.as.add_write_hook(&Heard::hook, &first);
  m.as.add_write_hook(&Heard::hook, &second);
  m.as.write(0x80000000, 4, 1);
  EXPECT_TRUE(first.writes.empty());
  m.as.dma_write(0x80000010, "abc", 3);
  m.as.rom_write(0x1000, "abcd", 4);
  m.as.dma_write(0x5000, "abc", 3);  // nothing written, nothing told
  EXPECT_EQ(first.writes, (Writes{{0x80000010, 3}, {0x1000, 4}}));
  EXPECT_EQ(second.writes, first.writes);
}

TEST(WriteHook, HearsEveryAddressWhereTheBytesAreToBeSeen) {
  RamMachine m(0x1000);
  MemoryRegion alias;
  alias.init_alias("alias", m.ram_region, 0x100, 0x100);
  m.root.add_subregion(0x40000000, alias);
  m.as.update();
  Heard heard;
  m.as.add_write_hook(&Heard::hook, &heard);
  std::vector<uint8_t> bytes(0x20);
  m.as.dma_write(0x800000f0, bytes.data(), 0x20);
  std::sort(heard.writes.begin(), heard.writes.end());
  EXPECT_EQ(heard.writes, (Writes{{0x40000000, 0x10}, {0x800000f0, 0x20}}));
  heard.writes.clear();
  m.as.dma_write(0x400000f8, bytes.data(), 8);
  std::sort(heard.writes.begin(), heard.writes.end());
  EXPECT_EQ(heard.writes, (Writes{{0x400000f8, 8}, {0x800001f8, 8}}));
}

// --- info mtree ----------------------------------------------------------------------------------------------------

TEST(Mtree, ShowsTreeAndFlatViewInTheFormOfQemu) {
  Bytes a(0x8000), b(0x1000);
  Probe probe;
  MemoryRegion root, ram, rom, io, alias;
  root.init_container("system", UINT64_MAX);
  ram.init_ram("virt.ram", a.data.data(), 0x8000);
  rom.init_rom("virt.mrom", b.data.data(), 0x1000);
  io.init_io("serial", &probe.ops, &probe, 8);
  alias.init_alias("virt.low", ram, 0x4000, 0x1000);
  root.add_subregion(0x80000000, ram);
  root.add_subregion(0x1000, rom);
  root.add_subregion(0x10000000, io, 1);
  root.add_subregion(0x40000000, alias);
  AddressSpace as("memory", root);
  EXPECT_EQ(as.mtree(),
            "address-space: memory\n"
            "  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n"
            "    0000000000001000-0000000000001fff (prio 0, rom): virt.mrom\n"
            "    0000000010000000-0000000010000007 (prio 1, i/o): serial\n"
            "    0000000040000000-0000000040000fff (prio 0, ram): alias virt.low @virt.ram 0000000000004000-0000000000004fff\n"
            "    0000000080000000-0000000080007fff (prio 0, ram): virt.ram\n"
            "\n"
            "FlatView #0\n"
            " AS \"memory\", root: system\n"
            " Root memory region: system\n"
            "  0000000000001000-0000000000001fff (prio 0, rom): virt.mrom\n"
            "  0000000010000000-0000000010000007 (prio 0, i/o): serial\n"
            "  0000000040000000-0000000040000fff (prio 0, ram): virt.ram @0000000000004000\n"
            "  0000000080000000-0000000080007fff (prio 0, ram): virt.ram\n");
}

TEST(Mtree, ATargetOutsideTheTreeIsShownByItself) {
  Bytes a(0x1000);
  MemoryRegion root, ram, alias;
  root.init_container("system", UINT64_MAX);
  ram.init_ram("hidden", a.data.data(), 0x1000);
  alias.init_alias("shown", ram, 0, 0x1000);
  root.add_subregion(0, alias);
  AddressSpace as("memory", root);
  EXPECT_NE(as.mtree().find("\nmemory-region: hidden\n  0000000000000000-0000000000000fff (prio 0, ram): hidden\n"), std::string::npos);
}

}  // namespace
}  // namespace monochord
