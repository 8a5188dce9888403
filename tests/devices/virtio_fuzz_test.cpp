// A driver that writes random rings, registers and requests: nothing outside its own memory is touched, nothing crashes or hangs, and after a reset
// the device works. Run under AddressSanitizer it also proves that no host memory but the guest's is reached.
#include <random>

#include "tests/devices/virtio_driver.h"

namespace monochord {
namespace {

class Fuzz : public VirtioFixture, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(seed, Fuzz, ::testing::Range(0, 8));

TEST_P(Fuzz, random_rings_never_harm) {
  std::mt19937_64 random(GetParam());
  const bool legacy = GetParam() % 2;
  const bool delayed = GetParam() % 4 >= 2;
  MemoryDisk disk(64 << 10);
  make(legacy, disk, {{"x-complete-delay", delayed ? "500" : "0"}});
  int completed = 0, broke = 0;

  const auto address = [&]() -> uint64_t {
    switch (random() % 12) {
      case 0: return random();                                   // anywhere
      case 1: return kRam + kRamSize - random() % 64;            // across the end of memory
      case 2: return ~uint64_t{0} - random() % 64;               // across the end of all
      case 3: return kSlot + random() % 0x200;                   // the device itself
      case 4: return kRing + random() % 8192;                    // the ring itself
      default: return kData + random() % 0x10000;
    }
  };
  const auto fill_table = [&](uint64_t table, unsigned entries) {
    for (unsigned i = 0; i < entries; i++) {
      const bool sane = random() % 3 != 0;
      const uint32_t size = random() % 8 == 0 ? static_cast<uint32_t>(random()) : 1 + random() % 2048;
      uint16_t flags = random() % 6 == 0 ? random() % 8 : (i + 1 < entries && random() % 2 ? kNext : 0);
      if (i > 0 && random() % 2) flags |= kWrite;
      const uint16_t next = sane ? (i + 1) % entries : random();
      put_desc(table, i, i == 0 && sane ? kRequests : address(), i == 0 && sane ? 16 : size, flags, next);
    }
  };

  for (int round = 0; round < 3000; round++) {
    if (round % 5 == 0 || broken()) {
      broke += broken();
      start(random());
      if (!is_legacy && random() % 8 == 0) {  // rings anywhere
        set(0x44, 0);
        set64(0x80, address());
        set64(0x90, address());
        set64(0xa0, address());
        set(0x44, 1);
      }
      if (is_legacy && random() % 8 == 0) set(0x40, random());
    }
    header(random() % 15, random() % 4 ? random() % 130 : random());
    fill_table(desc, kNum);
    fill_table(kIndirect, 4);
    if (random() % 4 == 0) put_desc(desc, random() % kNum, kIndirect, 16 * (random() % 6), kIndirectFlag, 0);
    const bool right = random() % 3 == 0;
    if (right) {
      put_desc(desc, 0, kRequests, 16, kNext, 1);
      put_desc(desc, 1, kData, 512, kNext | kWrite, 2);
      put_desc(desc, 2, kRequests + 0x20, 1, kWrite, 0);
    }
    const uint16_t before = used_index();
    offer(right ? 0 : random() % 8 == 0 ? random() : random() % kNum);
    if (random() % 16 == 0) write(avail + 2, 2, random());
    if (random() % 16 == 0) set(random() % 0x30 * 4, random());
    if (random() % 16 == 0) write(kSlot + 0x100 + random() % 0x80, 1, random());
    kick();
    if (random() % 2) advance_ns(static_cast<int64_t>(random() % 2000));
    completed += used_index() != before;
    set(0x64, 3);
  }
  EXPECT_GT(completed, 100);  // the fuzz is not all noise
  EXPECT_GT(broke, 100);
  advance_ns(10'000);
  start();
  const int status_now = request(VirtioBlk::kIn, 0, 512, true);
  advance_ns(1000);
  EXPECT_TRUE(status_now == VirtioBlk::kOk || (delayed && status() == VirtioBlk::kOk));
}

}  // namespace
}  // namespace monochord
