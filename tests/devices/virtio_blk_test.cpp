// virtio-blk requests against VIRTIO 1.2, section 5.2.6.
#include "tests/devices/virtio_driver.h"

namespace monochord {
namespace {

class Blk : public VirtioFixture {
 protected:
  void begin(MemoryDisk& d, const PropertyList& properties = {}, uint64_t wanted = ~uint64_t{0}) {
    make(false, d, properties);
    start(wanted);
  }
  uint8_t* data() { return ram_bytes + (kData - kRam); }
  MemoryDisk disk{1 << 20};  // 2048 sectors
};

TEST_F(Blk, reads_and_writes_the_sectors_that_are_named) {
  begin(disk);
  EXPECT_EQ(request(VirtioBlk::kIn, 2040, 8 * 512, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), disk.bytes.data() + 2040 * 512, 8 * 512), 0);
  memset(data(), 0x5a, 1024);
  EXPECT_EQ(request(VirtioBlk::kOut, 7, 1024, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.bytes[7 * 512], 0x5a);
  EXPECT_EQ(disk.bytes[9 * 512 - 1], 0x5a);
  EXPECT_NE(disk.bytes[9 * 512], 0x5a);
}

TEST_F(Blk, a_request_larger_than_the_bounce_buffer) {
  begin(disk);
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 1 << 20, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), disk.bytes.data(), 1 << 20), 0);
  for (int i = 0; i < 1 << 20; i++) data()[i] = i * 13;
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 1 << 20, false), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), disk.bytes.data(), 1 << 20), 0);
}

TEST_F(Blk, header_data_and_status_may_be_cut_anywhere) {
  begin(disk);
  // Header in two pieces, 512 bytes of data as 100 + 412, of which the last carries the status, too.
  header(VirtioBlk::kIn, 9);
  put_desc(desc, 0, kRequests, 7, kNext, 1);
  put_desc(desc, 1, kRequests + 7, 9, kNext, 2);
  put_desc(desc, 2, kData, 100, kWrite | kNext, 3);
  put_desc(desc, 3, kData + 0x1000, 413, kWrite, 0);
  offer(0);
  kick();
  EXPECT_EQ(used_index(), 1);
  EXPECT_EQ(memcmp(data(), disk.bytes.data() + 9 * 512, 100), 0);
  EXPECT_EQ(memcmp(data() + 0x1000, disk.bytes.data() + 9 * 512 + 100, 412), 0);
  EXPECT_EQ(data()[0x1000 + 412], VirtioBlk::kOk);
  // Header and data to write in one buffer.
  header(VirtioBlk::kOut, 11);
  memset(ram_bytes + (kRequests - kRam) + 16, 0x77, 512);
  put_desc(desc, 0, kRequests, 16 + 512, kNext, 1);
  put_desc(desc, 1, kData, 1, kWrite, 0);
  offer(0);
  kick();
  EXPECT_EQ(data()[0], VirtioBlk::kOk);
  EXPECT_EQ(disk.bytes[11 * 512 + 511], 0x77);
}

TEST_F(Blk, requests_outside_the_disk_or_not_in_whole_blocks_fail) {
  begin(disk);
  EXPECT_EQ(request(VirtioBlk::kIn, 2048, 512, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kIn, 2047, 1024, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kIn, UINT64_MAX, 512, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kIn, uint64_t{1} << 55, 512, true), VirtioBlk::kIoErr);  // times 512 is 0
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 511, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kOut, 2048, 512, false), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 100, false), VirtioBlk::kIoErr);
  EXPECT_EQ(disk.reads + disk.writes, 0);
  EXPECT_EQ(request(VirtioBlk::kIn, 2047, 512, true), VirtioBlk::kOk);
}

TEST_F(Blk, errors_of_the_host_are_io_errors_and_the_next_request_works) {
  begin(disk);
  disk.error = EIO;
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), VirtioBlk::kIoErr);
  disk.error = ENOSPC;
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kFlush, 0, 0, false), VirtioBlk::kIoErr);
  disk.error = 0;
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kOk);
  EXPECT_FALSE(broken());
}

TEST_F(Blk, requests_that_are_done_are_traced_with_their_status) {
  begin(disk);
  const TraceProbe probe("io_complete");
  request(VirtioBlk::kIn, 0, 512, true);
  disk.error = EIO;
  request(VirtioBlk::kIn, 0, 512, true);
  ASSERT_EQ(probe.lines.size(), 2u);
  EXPECT_TRUE(probe.lines[0].starts_with("io_complete device=virtio-blk-device request=") && probe.lines[0].ends_with(" status=0")) << probe.lines[0];
  EXPECT_TRUE(probe.lines[1].ends_with(" status=1")) << probe.lines[1];
}

TEST_F(Blk, a_read_only_disk_says_so_and_refuses_writes) {
  MemoryDisk ro(1 << 20, true);
  begin(ro);
  EXPECT_TRUE(features & virtio_bit(VirtioBlk::kRo));
  const std::vector<uint8_t> before = ro.bytes;
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kIoErr);
  EXPECT_EQ(ro.writes, 1);  // the backend was asked, so that it tells the user
  EXPECT_EQ(ro.bytes, before);
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), VirtioBlk::kOk);
}

TEST_F(Blk, get_id_is_the_serial_number_in_20_bytes) {
  begin(disk, {{"serial", "abc"}});
  memset(data(), 0xff, 32);
  EXPECT_EQ(request(VirtioBlk::kGetId, 0, 20, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), "abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21), 0);
}

TEST_F(Blk, get_id_of_a_long_serial_number_or_into_a_short_buffer) {
  begin(disk, {{"serial", "0123456789012345678901234"}});
  memset(data(), 0xff, 32);
  EXPECT_EQ(request(VirtioBlk::kGetId, 0, 20, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), "01234567890123456789\xff", 21), 0);
  memset(data(), 0xff, 32);
  EXPECT_EQ(request(VirtioBlk::kGetId, 0, 4, true), VirtioBlk::kOk);
  EXPECT_EQ(memcmp(data(), "0123\xff", 5), 0);
}

TEST_F(Blk, unknown_requests_are_unsupported) {
  begin(disk);
  EXPECT_EQ(request(2, 0, 512, true), VirtioBlk::kUnsupp);  // SCSI
  EXPECT_EQ(request(99, 0, 512, true), VirtioBlk::kUnsupp);
  EXPECT_FALSE(broken());
}

TEST_F(Blk, flush_reaches_the_backend) {
  begin(disk);
  EXPECT_EQ(request(VirtioBlk::kFlush, 0, 0, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.flushes, 1);
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.flushes, 1);  // write back
}

TEST_F(Blk, without_a_write_cache_every_write_is_flushed) {
  begin(disk);
  EXPECT_EQ(read(kSlot + 0x120, 1), 1u);
  write(kSlot + 0x120, 1, 0);
  EXPECT_EQ(read(kSlot + 0x120, 1), 0u);
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.flushes, 1);
  write(kSlot + 0x120, 1, 1);
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.flushes, 1);
  start(0);  // a driver that knows neither flush nor the cache
  EXPECT_EQ(request(VirtioBlk::kOut, 0, 512, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.flushes, 2);
}

TEST_F(Blk, discard_and_write_zeroes) {
  begin(disk);
  const auto range = [&](uint64_t sector, uint32_t count, uint32_t flags) {
    write(kData, 8, sector);
    write(kData + 8, 4, count);
    write(kData + 12, 4, flags);
  };
  disk.bytes[4 * 512] = 1;
  range(4, 2, 1);
  EXPECT_EQ(request(VirtioBlk::kWriteZeroes, 0, 16, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.bytes[4 * 512], 0);
  EXPECT_EQ(disk.bytes[6 * 512 - 1], 0);
  EXPECT_NE(disk.bytes[6 * 512 + 1], 0);
  range(4, 2, 0);
  EXPECT_EQ(request(VirtioBlk::kDiscard, 0, 16, false), VirtioBlk::kOk);
  EXPECT_EQ(disk.discards, 1);
  EXPECT_EQ(request(VirtioBlk::kDiscard, 0, 32, false), VirtioBlk::kUnsupp);  // one range a request
  EXPECT_EQ(request(VirtioBlk::kDiscard, 0, 8, false), VirtioBlk::kUnsupp);
  range(4, 2, 1);
  EXPECT_EQ(request(VirtioBlk::kDiscard, 0, 16, false), VirtioBlk::kUnsupp);
  range(4, 2, 2);
  EXPECT_EQ(request(VirtioBlk::kWriteZeroes, 0, 16, false), VirtioBlk::kUnsupp);
  range(2047, 2, 0);
  EXPECT_EQ(request(VirtioBlk::kDiscard, 0, 16, false), VirtioBlk::kIoErr);
  range(0, 0x400000, 0);
  EXPECT_EQ(request(VirtioBlk::kWriteZeroes, 0, 16, false), VirtioBlk::kIoErr);
  EXPECT_EQ(disk.discards, 1);
}

TEST_F(Blk, large_logical_blocks_bound_every_request) {
  begin(disk, {{"logical_block_size", "4096"}, {"physical_block_size", "8192"}});
  EXPECT_EQ(reg(0x114), 4096u);
  EXPECT_EQ(read(kSlot + 0x118, 1), 1u);
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kIn, 1, 4096, true), VirtioBlk::kIoErr);
  EXPECT_EQ(request(VirtioBlk::kIn, 8, 4096, true), VirtioBlk::kOk);
}

TEST_F(Blk, an_image_that_ends_inside_a_sector_loses_that_part) {
  MemoryDisk odd(512 * 3 + 100);
  begin(odd);
  EXPECT_EQ(reg(0x100), 3u);
  EXPECT_EQ(request(VirtioBlk::kIn, 3, 512, true), VirtioBlk::kIoErr);
}

TEST_F(Blk, an_empty_image_has_no_sectors) {
  MemoryDisk empty(0);
  begin(empty);
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), VirtioBlk::kIoErr);
}

// A disk whose every flush offers the next request: what a driver reaches that lets requests write into its own available ring.
struct EndlessDisk final : MemoryDisk {
  using MemoryDisk::MemoryDisk;
  int flush() override {
    served++;
    if (avail_index != nullptr) avail_index[0]++;
    return 0;
  }
  uint8_t* avail_index = nullptr;
  unsigned served = 0;
};

TEST_F(Blk, a_ring_that_never_ends_does_not_keep_the_machine_in_one_store) {
  EndlessDisk endless(1 << 20);
  begin(endless);
  endless.avail_index = ram_bytes + (avail + 2 - kRam);
  request(VirtioBlk::kFlush, 0, 0, false);
  EXPECT_EQ(endless.served, kNum);
  EXPECT_FALSE(broken());
  unmap(*mmio);  // before its disk goes
  mmio.reset();
}

// --- at a fixed delay ----------------------------------------------------------------------------------------------------

TEST_F(Blk, with_a_delay_a_request_completes_at_its_exact_virtual_ns) {
  begin(disk, {{"x-complete-delay", "50000"}});
  EXPECT_EQ(request(VirtioBlk::kIn, 0, 512, true), -1);
  EXPECT_EQ(deadline("virtio_blk.complete"), 50'000);
  EXPECT_EQ(status(), 0xee);
  advance_ns(49'999);
  EXPECT_EQ(used_index(), 0);
  EXPECT_EQ(line.level, 0);
  advance_ns(1);
  EXPECT_EQ(used_index(), 1);
  EXPECT_EQ(status(), VirtioBlk::kOk);
  EXPECT_EQ(line.level, 1);
}

TEST_F(Blk, delayed_requests_complete_in_order_each_at_its_time) {
  begin(disk, {{"x-complete-delay", "1000"}});
  request(VirtioBlk::kIn, 0, 512, true);
  advance_ns(400);
  request(VirtioBlk::kIn, 1, 512, true);
  advance_ns(600);
  EXPECT_EQ(used_index(), 1);
  EXPECT_EQ(deadline("virtio_blk.complete"), 1400);
  advance_ns(400);
  EXPECT_EQ(used_index(), 2);
  EXPECT_EQ(deadline("virtio_blk.complete"), -1);
}

TEST_F(Blk, a_reset_forgets_requests_in_flight) {
  begin(disk, {{"x-complete-delay", "1000"}});
  request(VirtioBlk::kIn, 0, 512, true);
  start();
  advance_ns(2000);
  EXPECT_EQ(used_index(), 0);
  EXPECT_EQ(line.level, 0);
  request(VirtioBlk::kIn, 0, 512, true);
  set(0x44, 0);  // the queue is stopped and started again
  set(0x44, 1);
  advance_ns(2000);
  EXPECT_EQ(used_index(), 0);
}

TEST_F(Blk, more_requests_in_flight_than_entries_break_the_device) {
  begin(disk, {{"x-complete-delay", "1000"}});
  for (unsigned i = 0; i < kNum; i++) EXPECT_EQ(request(VirtioBlk::kFlush, 0, 0, false), -1);
  EXPECT_FALSE(broken());
  request(VirtioBlk::kFlush, 0, 0, false);
  EXPECT_TRUE(broken());
  advance_ns(2000);
  EXPECT_EQ(used_index(), 0);
}

}  // namespace
}  // namespace monochord
