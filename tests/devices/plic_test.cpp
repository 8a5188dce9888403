// PLIC against the RISC-V PLIC specification.
#include "devices/sifive_plic.h"

#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kPlic = 0xc000000;

class Plic : public DeviceFixture {
 protected:
  Plic() : plic(4) {
    map(kPlic, plic);
    for (int i = 0; i < 4; i++) context[i].watch(plic.irq(i));
    for (unsigned i = 1; i <= SifivePlic::kSources; i++) plic.connect(source[i], i);
  }
  ~Plic() override { unmap(plic); }
  void priority(unsigned s, unsigned value) { write(kPlic + 4 * s, 4, value); }
  void enable(unsigned c, unsigned s) {
    const uint64_t address = kPlic + 0x2000 + 0x80 * c + s / 32 * 4;
    write(address, 4, read(address, 4) | 1u << s % 32);
  }
  void threshold(unsigned c, unsigned value) { write(kPlic + 0x200000 + 0x1000 * c, 4, value); }
  unsigned claim(unsigned c) { return read(kPlic + 0x200004 + 0x1000 * c, 4); }
  void complete(unsigned c, unsigned s) { write(kPlic + 0x200004 + 0x1000 * c, 4, s); }
  bool pending(unsigned s) { return read(kPlic + 0x1000 + s / 32 * 4, 4) >> s % 32 & 1; }

  SifivePlic plic;
  LineProbe context[4];
  IrqLine source[SifivePlic::kSources + 1];
};

TEST_F(Plic, a_source_interrupts_where_it_is_enabled_above_the_threshold) {
  source[10].raise();
  EXPECT_TRUE(pending(10));
  EXPECT_EQ(context[1].level, 0);
  enable(1, 10);
  EXPECT_EQ(context[1].level, 0);  // priority 0 never interrupts
  priority(10, 3);
  EXPECT_EQ(context[1].level, 1);
  EXPECT_EQ(context[0].level, 0);
  threshold(1, 3);  // strictly above
  EXPECT_EQ(context[1].level, 0);
  threshold(1, 2);
  EXPECT_EQ(context[1].level, 1);
}

TEST_F(Plic, claim_takes_the_highest_priority_then_the_lowest_number) {
  for (unsigned s : {64u, 33u, 5u, 95u}) {
    enable(0, s);
    priority(s, 2);
    source[s].raise();
  }
  priority(64, 7);
  EXPECT_EQ(claim(0), 64u);
  EXPECT_EQ(claim(0), 5u);
  EXPECT_EQ(claim(0), 33u);
  EXPECT_EQ(claim(0), 95u);
  EXPECT_EQ(claim(0), 0u);
  EXPECT_EQ(context[0].level, 0);
}

TEST_F(Plic, a_claimed_source_is_quiet_until_it_is_completed) {
  enable(0, 7);
  enable(1, 7);
  priority(7, 1);
  source[7].raise();
  EXPECT_EQ(context[0].level, 1);
  EXPECT_EQ(context[1].level, 1);
  EXPECT_EQ(claim(1), 7u);
  EXPECT_EQ(context[0].level, 0);  // one claim serves all
  EXPECT_EQ(claim(0), 0u);
  source[7].lower();
  source[7].raise();               // pending again, but still claimed
  EXPECT_TRUE(pending(7));
  EXPECT_EQ(context[0].level, 0);
  complete(1, 7);
  EXPECT_EQ(context[0].level, 1);
  EXPECT_EQ(claim(0), 7u);
}

TEST_F(Plic, a_level_that_is_still_up_at_completion_is_pending_again) {
  enable(0, 1);
  priority(1, 1);
  source[1].raise();
  EXPECT_EQ(claim(0), 1u);
  EXPECT_FALSE(pending(1));
  complete(0, 1);
  EXPECT_TRUE(pending(1));
  EXPECT_EQ(claim(0), 1u);
  source[1].lower();
  complete(0, 1);
  EXPECT_FALSE(pending(1));
  EXPECT_EQ(context[0].level, 0);
}

TEST_F(Plic, a_request_is_kept_when_the_level_falls_before_the_claim) {
  enable(0, 2);
  priority(2, 1);
  source[2].pulse();
  EXPECT_TRUE(pending(2));
  EXPECT_EQ(claim(0), 2u);
  complete(0, 2);
  EXPECT_EQ(claim(0), 0u);
}

TEST_F(Plic, completing_what_is_not_claimed_or_not_there_does_nothing) {
  enable(0, 3);
  priority(3, 1);
  complete(0, 3);
  complete(0, 0);
  complete(0, 96);
  complete(0, 0xffffffff);
  EXPECT_EQ(context[0].level, 0);
  source[3].raise();
  EXPECT_EQ(claim(0), 3u);
}

TEST_F(Plic, fields_keep_only_the_bits_that_they_have) {
  priority(1, 0xff);
  EXPECT_EQ(read(kPlic + 4, 4), 7u);
  write(kPlic, 4, 7);  // source 0 does not exist
  EXPECT_EQ(read(kPlic, 4), 0u);
  write(kPlic + 4 * 96, 4, 7);
  EXPECT_EQ(read(kPlic + 4 * 96, 4), 0u);
  threshold(2, 9);
  EXPECT_EQ(read(kPlic + 0x202000, 4), 1u);
  write(kPlic + 0x1000, 4, 0xffffffff);  // pending is read only
  EXPECT_EQ(read(kPlic + 0x1000, 4), 0u);
  write(kPlic + 0x200c, 4, 0xffffffff);  // sources from 96 on
  EXPECT_EQ(read(kPlic + 0x200c, 4), 0u);
  EXPECT_EQ(read(kPlic + 0x204000, 4), 0u);  // context 4 of 4
  uint64_t value;
  EXPECT_EQ(as->read(kPlic + 4, 8, &value), MemTxResult::kDecodeError);
  EXPECT_EQ(as->read(kPlic + 4, 1, &value), MemTxResult::kDecodeError);
}

TEST_F(Plic, reset_clears_everything_but_a_level_that_is_up) {
  enable(0, 4);
  priority(4, 1);
  source[4].raise();
  EXPECT_EQ(claim(0), 4u);
  plic.reset();
  EXPECT_EQ(context[0].level, 0);
  EXPECT_EQ(read(kPlic + 16, 4), 0u);
  EXPECT_TRUE(pending(4));
  source[4].lower();
  plic.reset();
  EXPECT_FALSE(pending(4));
}

}  // namespace
}  // namespace monochord
