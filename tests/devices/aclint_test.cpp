// ACLINT against the RISC-V ACLINT specification and the numbered behaviours 99-103.
#include "devices/aclint.h"

#include <random>

#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kTimer = 0x2004000, kMtime = kTimer + 0x7ff8, kSwi = 0x2000000;

class Aclint : public DeviceFixture {
 protected:
  void make(unsigned harts, uint32_t hz = 10'000'000) {
    mtimer = std::make_unique<AclintMtimer>(harts, hz);
    map(kTimer, *mtimer);
    probes = std::vector<LineProbe>(harts);
    for (unsigned i = 0; i < harts; i++) probes[i].watch(mtimer->irq(i));
  }
  void write_timecmp(unsigned hart, uint64_t value) { write(kTimer + 8 * hart, 8, value); }
  uint64_t mtime() { return read(kMtime, 8); }

  std::unique_ptr<AclintMtimer> mtimer;
  std::vector<LineProbe> probes;
};

TEST_F(Aclint, a_software_interrupt_is_traced_with_both_harts) {
  AclintMswi mswi(2);
  map(kSwi, mswi);
  const TraceProbe probe("ipi");
  write(kSwi + 4, 4, 1);
  write(kSwi + 4, 4, 0);
  write(kSwi + 8, 4, 1);  // nobody
  EXPECT_EQ(probe.lines, (std::vector<std::string>{"ipi from=-1 to=1"})) << "no hart runs";
  unmap(mswi);
}

TEST_F(Aclint, B99_mtimecmp_past_interrupts_at_once) {
  make(1);
  advance_ns(1000);  // mtime 10
  write_timecmp(0, UINT64_MAX);
  EXPECT_EQ(probes[0].level, 0);
  write_timecmp(0, 11);
  EXPECT_EQ(probes[0].level, 0);
  write_timecmp(0, 10);  // equal counts
  EXPECT_EQ(probes[0].level, 1);
  EXPECT_EQ(deadline("aclint.mtimer0"), -1);
  write_timecmp(0, 11);
  EXPECT_EQ(probes[0].level, 0);
}

TEST_F(Aclint, B100_mtimecmp_future_interrupts_at_the_exact_ns) {
  make(1);
  advance_ns(1050);  // half a tick past 10
  write_timecmp(0, 25);
  EXPECT_EQ(deadline("aclint.mtimer0"), 2500);
  advance_ns(2499 - 1050);
  EXPECT_EQ(probes[0].level, 0);
  EXPECT_EQ(mtime(), 24u);
  advance_ns(1);
  EXPECT_EQ(probes[0].level, 1);
  EXPECT_EQ(mtime(), 25u);
}

// At frequencies that do not divide 1e9 the deadline is the first ns at which mtime shows the value: never a tick early, never one late.
TEST_F(Aclint, B100_deadline_is_the_first_ns_at_any_frequency) {
  for (uint32_t hz : {10'000'000u, 3'333'333u, 32'768u, 1u, 1'000'000'000u, 4'000'000'000u}) {
    AclintMtimer timer(1, hz);
    std::mt19937_64 random(hz);
    for (int i = 0; i < 2000; i++) {
      virtual_timer_host_set_ns(static_cast<int64_t>(random() % 1'000'000'000'000));
      const uint64_t target = timer.read_time() + 1 + random() % 1'000'000;
      const int64_t ns = timer.virtual_deadline_ns(target);
      virtual_timer_host_set_ns(ns);
      ASSERT_GE(timer.read_time(), target) << hz << " Hz";
      virtual_timer_host_set_ns(ns - 1);
      ASSERT_LT(timer.read_time(), target) << hz << " Hz";
    }
  }
}

TEST_F(Aclint, B101_mtimecmp_all_ones_never_interrupts) {
  make(1);
  write_timecmp(0, UINT64_MAX);
  EXPECT_EQ(deadline("aclint.mtimer0"), INT64_MAX);
  EXPECT_EQ(probes[0].level, 0);
  // 634 years that wrap 64-bit ns arithmetic must not become 49.
  write_timecmp(0, 200'000'000'000'000'000);
  EXPECT_EQ(deadline("aclint.mtimer0"), INT64_MAX);
}

TEST_F(Aclint, B102_mtime_write_compares_for_every_hart_again) {
  make(3);
  write_timecmp(0, 1000);
  write_timecmp(1, 2000);
  write_timecmp(2, 3000);
  write(kMtime, 8, 2500);
  EXPECT_EQ(probes[0].level, 1);
  EXPECT_EQ(probes[1].level, 1);
  EXPECT_EQ(probes[2].level, 0);
  EXPECT_EQ(deadline("aclint.mtimer2"), 500 * 100);
  write(kMtime, 8, 0);
  EXPECT_EQ(probes[0].level, 0);
  EXPECT_EQ(probes[1].level, 0);
  EXPECT_EQ(deadline("aclint.mtimer0"), 1000 * 100);
  // Half by half.
  write(kMtime + 4, 4, 1);
  EXPECT_EQ(mtime() >> 32, 1u);
  EXPECT_EQ(probes[2].level, 1);
  // A listener (the harts' stimecmp) hears of each jump.
  int heard = 0;
  mtimer->add_listener({[](void* opaque) { ++*static_cast<int*>(opaque); }, &heard});
  write(kMtime, 8, 7);
  EXPECT_EQ(heard, 1);
}

// The hart's own part, deleting its timer, is tested where the hart is.
TEST_F(Aclint, B103_time_source_says_never_for_all_ones) {
  make(1);
  const TimeSource source = mtimer->time_source();
  EXPECT_EQ(source.frequency_hz, 10'000'000u);
  EXPECT_EQ(source.virtual_deadline_ns(source.opaque, UINT64_MAX), INT64_MAX);
  EXPECT_EQ(source.virtual_deadline_ns(source.opaque, 5), 500);
  advance_ns(700);
  EXPECT_EQ(source.read(source.opaque), 7u);
  EXPECT_EQ(source.virtual_deadline_ns(source.opaque, 5), 700);
}

TEST_F(Aclint, deadline_counts_from_a_written_mtime_also_across_the_wrap) {
  make(1);
  advance_ns(10'000);
  write(kMtime, 8, UINT64_MAX - 9);
  write_timecmp(0, UINT64_MAX);
  EXPECT_EQ(deadline("aclint.mtimer0"), 10'000 + 900);
  advance_ns(900);
  EXPECT_EQ(probes[0].level, 1);
}

TEST_F(Aclint, reset_puts_mtime_to_0_and_keeps_mtimecmp) {
  make(1);
  EXPECT_EQ(probes[0].level, 0);
  mtimer->reset();
  EXPECT_EQ(probes[0].level, 1);  // mtimecmp is 0 at power-on
  write_timecmp(0, 50);
  advance_ns(5000);
  EXPECT_EQ(probes[0].level, 1);
  mtimer->reset();
  EXPECT_EQ(mtime(), 0u);
  EXPECT_EQ(read(kTimer, 8), 50u);
  EXPECT_EQ(probes[0].level, 0);
  EXPECT_EQ(deadline("aclint.mtimer0"), 10'000);
}

TEST_F(Aclint, accesses_are_4_or_8_bytes_and_aligned) {
  make(2);
  write(kTimer, 4, 0x11111111);
  write(kTimer + 4, 4, 0x22222222);
  EXPECT_EQ(read(kTimer, 8), 0x2222222211111111u);
  EXPECT_EQ(read(kTimer + 4, 4), 0x22222222u);
  EXPECT_EQ(read(kTimer + 8, 8), 0u);
  uint64_t value;
  EXPECT_EQ(as->read(kTimer, 1, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(as->read(kTimer, 2, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(as->write(kTimer + 4, 8, 1), MemTxResult::kDecodeError);
  // Behind the last hart and before mtime is nothing.
  EXPECT_EQ(read(kTimer + 16, 8), 0u);
  write(kTimer + 16, 8, 1);
}

TEST_F(Aclint, msip_drives_the_line_of_its_hart_only) {
  AclintMswi mswi(2);
  map(kSwi, mswi);
  LineProbe probe[2];
  probe[0].watch(mswi.irq(0));
  probe[1].watch(mswi.irq(1));
  write(kSwi + 4, 4, 0xffffffff);
  EXPECT_EQ(probe[0].level, 0);
  EXPECT_EQ(probe[1].level, 1);
  EXPECT_EQ(read(kSwi + 4, 4), 1u);  // bit 0 only
  write(kSwi + 4, 4, 0xfffffffe);
  EXPECT_EQ(probe[1].level, 0);
  write(kSwi + 8, 4, 1);  // no such hart
  EXPECT_EQ(read(kSwi + 8, 4), 0u);
  write(kSwi, 4, 1);
  mswi.reset();
  EXPECT_EQ(probe[0].level, 0);
  uint64_t value;
  EXPECT_EQ(as->read(kSwi, 8, &value), MemTxResult::kDecodeError);
  unmap(mswi);
}

}  // namespace
}  // namespace monochord
