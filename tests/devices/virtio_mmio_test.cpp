// virtio-mmio registers and the split virtqueue against VIRTIO 1.2. Values that a device chooses (features, config) were read off QEMU 10.0.2.
#include "tests/devices/virtio_driver.h"

namespace monochord {
namespace {

class VirtioMmioTest : public VirtioFixture, public ::testing::WithParamInterface<bool> {
 protected:
  MemoryDisk disk{1 << 20};
};
INSTANTIATE_TEST_SUITE_P(transport, VirtioMmioTest, ::testing::Values(true, false),
                         [](const auto& info) { return info.param ? "legacy" : "modern"; });

TEST_P(VirtioMmioTest, identifies_itself) {
  make(GetParam(), disk);
  EXPECT_EQ(reg(0x00), 0x74726976u);
  EXPECT_EQ(reg(0x04), GetParam() ? 1u : 2u);
  EXPECT_EQ(reg(0x08), 2u);
  EXPECT_EQ(reg(0x0c), 0x554d4551u);
  EXPECT_EQ(reg(0x34), 1024u);
  set(0x30, 1);
  EXPECT_EQ(reg(0x34), 0u);  // one queue
  // QEMU offers 0x31006ed4 (legacy) and 0x101'30006e54; SCSI (7) and RING_RESET (40) are not here.
  EXPECT_EQ(offered(), GetParam() ? 0x31006e54u : 0x130006e54u);
  EXPECT_EQ(reg(0xb0), 0xffffffffu);  // no shared memory
}

TEST_P(VirtioMmioTest, config_space_in_any_size) {
  make(GetParam(), disk);
  EXPECT_EQ(read(kSlot + 0x100, 8), 2048u);
  EXPECT_EQ(reg(0x10c), 254u);
  EXPECT_EQ(read(kSlot + 0x112, 1), 16u);
  EXPECT_EQ(read(kSlot + 0x113, 1), 63u);
  EXPECT_EQ(reg(0x114), 512u);
  EXPECT_EQ(read(kSlot + 0x120, 1), 1u);
  EXPECT_EQ(read(kSlot + 0x122, 2), 1u);
  EXPECT_EQ(reg(0x124), 0x3fffffu);
  EXPECT_EQ(reg(0x1fc), 0xffffffffu);  // behind its end
}

TEST_P(VirtioMmioTest, an_empty_slot_has_device_id_0) {
  VirtioMmio empty(GetParam());
  map(0x10001000, empty);
  EXPECT_EQ(read(0x10001000, 4), 0x74726976u);
  EXPECT_EQ(read(0x10001004, 4), GetParam() ? 1u : 2u);
  for (uint64_t offset = 8; offset < 0x200; offset += 4) {
    if (offset == 0xc) continue;
    EXPECT_EQ(read(0x10001000 + offset, 4), 0u) << std::hex << offset;
    write(0x10001000 + offset, 4, 1);
  }
  empty.reset();
  unmap(empty);
}

TEST_P(VirtioMmioTest, registers_take_words_only) {
  make(GetParam(), disk);
  EXPECT_EQ(read(kSlot, 1), 0u);
  EXPECT_EQ(read(kSlot, 2), 0u);
  write(kSlot + 0x70, 1, 1);
  EXPECT_EQ(reg(0x70), 0u);
}

TEST_P(VirtioMmioTest, completes_a_request_and_interrupts) {
  make(GetParam(), disk);
  start(0);
  EXPECT_EQ(request(VirtioBlk::kIn, 3, 512, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(ram_bytes + (kData - kRam), disk.bytes.data() + 3 * 512, 512), 0);
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(reg(0x60), 1u);
  EXPECT_EQ(read(used + 4, 4), 0u);
  EXPECT_EQ(read(used + 8, 4), 513u);
  set(0x64, 1);
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(reg(0x60), 0u);
}

TEST_P(VirtioMmioTest, no_interrupt_while_the_driver_says_so) {
  make(GetParam(), disk);
  start(0);
  write(avail, 2, 1);  // VIRTQ_AVAIL_F_NO_INTERRUPT
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), VirtioBlk::kOk);
  EXPECT_EQ(line.level, 0);
}

TEST_P(VirtioMmioTest, with_event_index_it_interrupts_when_the_index_passes_the_event) {
  make(GetParam(), disk);
  start(virtio_bit(kVirtioRingEventIdx));
  const uint64_t used_event = avail + 4 + 2 * kNum, avail_event = used + 4 + 8 * kNum;
  write(used_event, 2, 2);  // not before the third
  for (int i = 0; i < 3; i++) {
    request(VirtioBlk::kIn, 0, 512, true);
    EXPECT_EQ(read(avail_event, 2), i + 1u);  // the device wants to hear of the next one
    if (i == 0) set(0x64, 1);                 // the first after a start always interrupts
    EXPECT_EQ(line.level, i == 2);
  }
}

TEST_P(VirtioMmioTest, indirect_descriptors) {
  make(GetParam(), disk);
  start(virtio_bit(kVirtioRingIndirectDesc));
  header(VirtioBlk::kIn, 5);
  put_desc(kIndirect, 0, kRequests, 16, kNext, 1);
  put_desc(kIndirect, 1, kData, 512, kNext | kWrite, 2);
  put_desc(kIndirect, 2, kData + 0x1000, 512, kNext | kWrite, 3);
  put_desc(kIndirect, 3, kRequests + 0x20, 1, kWrite, 0);
  put_desc(desc, 4, kIndirect, 64, kIndirectFlag, 0);
  offer(4);
  kick();
  EXPECT_EQ(status(), VirtioBlk::kOk);
  EXPECT_EQ(read(used + 4, 4), 4u);
  EXPECT_EQ(memcmp(ram_bytes + (kData - kRam), disk.bytes.data() + 5 * 512, 512), 0);
  EXPECT_EQ(memcmp(ram_bytes + (kData + 0x1000 - kRam), disk.bytes.data() + 6 * 512, 512), 0);
}

TEST_P(VirtioMmioTest, the_ring_goes_round_many_times) {
  make(GetParam(), disk);
  start();
  for (int i = 0; i < 70'000; i++) {  // past the 16-bit indices
    ASSERT_EQ(request(VirtioBlk::kFlush, 0, 0, false), VirtioBlk::kOk) << i;
  }
  EXPECT_EQ(disk.flushes, 70'000);
}

TEST_P(VirtioMmioTest, a_reset_by_status_0_stops_the_queue_and_heals_a_broken_device) {
  make(GetParam(), disk);
  start();
  write(avail + 2, 2, 1000);
  kick();
  EXPECT_TRUE(broken());
  EXPECT_EQ(request(VirtioBlk::kFlush, 0, 0, false), -1);
  set(0x70, 0);
  EXPECT_EQ(reg(0x70), 0u);
  EXPECT_EQ(reg(0x60), 0u);
  EXPECT_EQ(line.level, 0);
  EXPECT_FALSE(broken());
  kick();  // no queue yet
  start();
  EXPECT_EQ(request(VirtioBlk::kFlush, 0, 0, false), VirtioBlk::kOk);
}

TEST_F(VirtioFixture, legacy_says_where_the_queue_is_and_lets_it_go) {
  MemoryDisk disk(1 << 20);
  make(true, disk);
  start();
  EXPECT_EQ(reg(0x40), kRing / 4096);
  set(0x40, 0);
  EXPECT_EQ(reg(0x40), 0u);
  kick();
  EXPECT_FALSE(broken());
}

TEST_F(VirtioFixture, legacy_page_size_outlives_a_reset_by_status_0) {
  MemoryDisk disk(1 << 20);
  make(true, disk);
  set(0x28, 4096);  // as Linux does: once, before its first reset
  set(0x70, 0);
  set(0x70, kVirtioAcknowledge | kVirtioDriver);
  set(0x30, 0);
  set(0x38, kNum);
  set(0x3c, 4096);
  set(0x40, kRing / 4096);
  EXPECT_EQ(mmio->device()->queue(0).desc(), kRing);
  mmio->reset();  // of the machine
  set(0x30, 0);
  set(0x40, 1);
  EXPECT_EQ(mmio->device()->queue(0).desc(), 1u);
}

TEST_F(VirtioFixture, modern_refuses_features_that_it_did_not_offer_or_without_version_1) {
  MemoryDisk disk(1 << 20);
  make(false, disk);
  const auto accepted = [&](uint64_t f) {
    set(0x70, 0);
    set(0x70, 3);
    set(0x24, 0);
    set(0x20, f);
    set(0x24, 1);
    set(0x20, f >> 32);
    set(0x70, 3 | kVirtioFeaturesOk);
    return (reg(0x70) & kVirtioFeaturesOk) != 0;
  };
  EXPECT_TRUE(accepted(virtio_bit(kVirtioVersion1)));
  EXPECT_FALSE(accepted(0));
  EXPECT_FALSE(accepted(virtio_bit(kVirtioVersion1) | virtio_bit(50)));
  EXPECT_FALSE(accepted(virtio_bit(kVirtioVersion1) | virtio_bit(7)));
  EXPECT_TRUE(accepted(offered()));
}

TEST_F(VirtioFixture, registers_of_the_other_version_are_not_there) {
  MemoryDisk disk(1 << 20);
  make(false, disk);
  set(0x30, 0);
  set(0x40, 0x80010);  // QueuePFN
  EXPECT_EQ(reg(0x40), 0u);
  EXPECT_EQ(reg(0x44), 0u);
}

TEST_F(VirtioFixture, queue_sizes_are_powers_of_two_up_to_1024) {
  MemoryDisk disk(1 << 20);
  make(false, disk);
  for (uint32_t bad : {0u, 3u, 2048u, 0xffffffffu}) {
    set(0x38, bad);
    EXPECT_EQ(mmio->device()->queue(0).num(), 256u) << bad;
  }
  set(0x38, 1024);
  EXPECT_EQ(mmio->device()->queue(0).num(), 1024u);
}

// --- what a hostile or broken driver does: the device stops, nothing else does --------------------------------------------------


class VirtioHostile : public VirtioFixture {
 protected:
  MemoryDisk disk{1 << 20};
  void prepare(bool legacy = false) {
    make(legacy, disk);
    start();
    header(VirtioBlk::kIn, 0);
  }
  void expect_broken() {
    kick();
    EXPECT_TRUE(broken());
    EXPECT_EQ(used_index(), 0u);
    EXPECT_EQ(reg(0x70) & kVirtioNeedsReset, is_legacy ? 0 : kVirtioNeedsReset);
    EXPECT_EQ(reg(0x60) & 2, is_legacy ? 0u : 2u);  // a configuration interrupt tells a modern driver
  }
};

// Behind the table stands a chain that would be right, so that only the check of the index can refuse it.
TEST_F(VirtioHostile, head_or_next_right_behind_the_table) {
  for (const bool as_head : {true, false}) {
    make(false, disk);
    start();
    avail = kRing + 0x400;
    set(0x44, 0);
    set64(0x90, avail);
    set(0x44, 1);
    header(VirtioBlk::kFlush, 0);
    put_desc(desc, 0, kRequests, 16, kNext, kNum + 1);
    put_desc(desc, kNum, kRequests, 16, kNext, 1);
    put_desc(desc, kNum + 1, kRequests + 0x20, 1, kWrite, 0);
    put_desc(desc, 1, kRequests + 0x20, 1, kWrite, 0);
    offer(as_head ? kNum : 0);
    expect_broken();
    EXPECT_EQ(disk.flushes, 0);
    unmap(*mmio);
    mmio.reset();
    line = {};
  }
}
TEST_F(VirtioHostile, available_index_too_far) {
  prepare();
  write(avail + 2, 2, kNum + 1);
  expect_broken();
}
TEST_F(VirtioHostile, next_outside_the_table) {
  prepare();
  put_desc(desc, 0, kRequests, 16, kNext, kNum);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_loop) {
  prepare();
  put_desc(desc, 0, kRequests, 16, kNext, 1);
  put_desc(desc, 1, kRequests, 16, kNext, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_loop_in_an_indirect_table) {
  prepare();
  put_desc(kIndirect, 0, kRequests, 16, kNext, 0);
  put_desc(desc, 0, kIndirect, 16, kIndirectFlag, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, nested_indirect_tables) {
  prepare();
  put_desc(kIndirect, 0, kIndirect, 16, kIndirectFlag, 0);
  put_desc(desc, 0, kIndirect, 16, kIndirectFlag, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, an_indirect_table_of_half_a_descriptor) {
  prepare();
  put_desc(desc, 0, kIndirect, 24, kIndirectFlag, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, an_indirect_table_of_4_gib) {
  prepare();
  for (int i = 0; i < 2000; i++) put_desc(kIndirect, i, kRequests, 16, kNext, i + 1);
  put_desc(desc, 0, kIndirect, 0xfffffff0, kIndirectFlag, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_buffer_to_read_behind_one_to_write) {
  prepare();
  put_desc(desc, 0, kRequests + 0x20, 1, kWrite | kNext, 1);
  put_desc(desc, 1, kRequests, 16, 0, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_buffer_of_no_bytes) {
  prepare();
  put_desc(desc, 0, kRequests, 0, 0, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, buffers_that_are_not_ram) {
  for (uint64_t address : {uint64_t{0}, uint64_t{kSlot}, kRam + kRamSize - 8, ~uint64_t{0} - 3}) {
    prepare();
    put_desc(desc, 0, kRequests, 16, kNext, 1);
    put_desc(desc, 1, address, 512, kNext | kWrite, 2);
    put_desc(desc, 2, kRequests + 0x20, 1, kWrite, 0);
    offer(0);
    expect_broken();
    EXPECT_EQ(disk.reads, 0);
    unmap(*mmio);
    mmio.reset();
    line = {};
  }
}
TEST_F(VirtioHostile, a_ring_that_is_not_ram) {
  make(false, disk);
  start();
  for (uint64_t address : {uint64_t{0}, uint64_t{0x2000000}, ~uint64_t{0} - 1, kRam + kRamSize - 1}) {
    set(0x70, 0);
    set(0x30, 0);
    set64(0x80, address);
    set64(0x90, address);
    set64(0xa0, address);
    set(0x44, 1);
    kick();
    EXPECT_TRUE(broken()) << std::hex << address;
  }
}
TEST_F(VirtioHostile, a_request_without_header) {
  prepare();
  put_desc(desc, 0, kRequests, 15, kNext, 1);
  put_desc(desc, 1, kRequests + 0x20, 1, kWrite, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_request_without_status) {
  prepare();
  put_desc(desc, 0, kRequests, 16, 0, 0);
  offer(0);
  expect_broken();
}
TEST_F(VirtioHostile, a_legacy_device_breaks_without_needs_reset) {
  prepare(true);
  offer(kNum);
  expect_broken();
}
TEST_F(VirtioHostile, notifications_of_queues_that_are_not_there) {
  prepare();
  for (uint32_t queue : {1u, 7u, 8u, 0xffffffffu}) set(0x50, queue);
  EXPECT_FALSE(broken());
  for (uint32_t queue : {1u, 8u, 0xffffffffu}) {
    set(0x30, queue);
    set(0x38, 8);
    set(0x44, 1);
    set64(0x80, kRing);
    EXPECT_EQ(reg(0x44), 0u);
  }
}

}  // namespace
}  // namespace monochord
