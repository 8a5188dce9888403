// PMP against a model that knows one byte at a time, written from 3.7.1 of the Privileged manual.
#include <random>

#include "tests/tcg/hart_fixture.h"

namespace monochord {
namespace {

class PmpTest : public HartTest {
 protected:
  static constexpr unsigned kPmpcfg0 = 0x3a0, kPmpaddr0 = 0x3b0;

  uint8_t cfg(unsigned i) { return static_cast<uint8_t>(csrr(kPmpcfg0 + (i / 8) * 2) >> (8 * (i % 8))); }
  void set_cfg(unsigned i, uint8_t value) {
    const unsigned csr = kPmpcfg0 + (i / 8) * 2;
    const unsigned shift = 8 * (i % 8);
    csrw(csr, (csrr(csr) & ~(uint64_t{0xff} << shift)) | (uint64_t{value} << shift));
  }

  // Whether entry i matches the byte at addr.
  bool matches(unsigned i, uint64_t addr) {
    const uint64_t pmpaddr = csrr(kPmpaddr0 + i);
    switch ((cfg(i) >> 3) & 3) {
      case 0: return false;
      case 1: return addr >= (i == 0 ? 0 : csrr(kPmpaddr0 + i - 1) * 4) && addr < pmpaddr * 4;
      case 2: return addr / 4 == pmpaddr;
      default: {
        unsigned trailing = 0;  // y...y01...1 with n ones: 2^(n+3) bytes
        while (trailing < 54 && ((pmpaddr >> trailing) & 1)) trailing++;
        if (trailing == 54) return true;
        const unsigned bits = trailing + 3;
        return bits >= 56 || (addr >> bits) == (pmpaddr * 4) >> bits;
      }
    }
  }
  bool model(uint64_t addr, unsigned size, AccessType type, uint8_t priv) {
    for (unsigned i = 0; i < 16; i++) {
      unsigned matching = 0;
      for (unsigned byte = 0; byte < size; byte++) matching += matches(i, addr + byte);
      if (matching == 0) continue;
      if (matching != size) return false;
      if (priv == kPrivM && !(cfg(i) & 0x80)) return true;
      return (cfg(i) & (type == AccessType::kLoad ? 1 : type == AccessType::kStore ? 2 : 4)) != 0;
    }
    return priv == kPrivM;
  }
};

TEST_F(PmpTest, AgreesWithTheByteModel) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 400; round++) {
    start(full_cpu_config());
    for (unsigned i = 0; i < 16; i++) {
      uint64_t pmpaddr = (kRamBase + random() % 512) >> 2;
      if (random() % 3 == 0) pmpaddr |= (uint64_t{1} << (random() % 8)) - 1;
      if (random() % 40 == 0) pmpaddr = (uint64_t{1} << 54) - 1;
      if (random() % 40 == 0) pmpaddr = (uint64_t{1} << 53) - 1;
      csrw(kPmpaddr0 + i, pmpaddr);
    }
    for (unsigned i = 0; i < 16; i++)
      if (random() % 3 != 0) set_cfg(i, static_cast<uint8_t>(random()));
    for (int probe = 0; probe < 100; probe++) {
      const unsigned size = 1u << (random() % 4);
      const uint64_t addr = kRamBase + random() % 520 - 4;
      const AccessType type = static_cast<AccessType>(random() % 3);
      for (const uint8_t priv : {kPrivU, kPrivS, kPrivM})
        ASSERT_EQ(pmp_check(state(), addr, size, type, priv), model(addr, size, type, priv)) << round << std::hex << " " << addr << " " << size;
    }
  }
}

TEST_F(PmpTest, WithoutEntriesOnlyMachineModeGetsThrough) {
  EXPECT_TRUE(pmp_check(state(), kRamBase, 8, AccessType::kStore, kPrivM));
  EXPECT_FALSE(pmp_check(state(), kRamBase, 8, AccessType::kLoad, kPrivS));
}

TEST_F(PmpTest, LockedEntriesStayUntilReset) {
  csrw(kPmpaddr0 + 2, 0x100);
  csrw(kPmpaddr0 + 3, 0x200);
  set_cfg(3, 0x80 | 0x08 | 1);  // locked TOR: locks pmpaddr3 and its lower end, pmpaddr2
  EXPECT_EQ(write_and_read(kPmpaddr0 + 3, 0x300), 0x200u);
  EXPECT_EQ(write_and_read(kPmpaddr0 + 2, 0x300), 0x100u);
  EXPECT_EQ(write_and_read(kPmpaddr0 + 4, 0x300), 0x300u);
  set_cfg(3, 0);
  EXPECT_EQ(cfg(3), 0x89);
  EXPECT_FALSE(pmp_check(state(), 0x400, 4, AccessType::kStore, kPrivM));  // binds M mode, too
  EXPECT_TRUE(pmp_check(state(), 0x400, 4, AccessType::kLoad, kPrivM));
  hart().reset();
  EXPECT_EQ(cfg(3), 0);
  EXPECT_EQ(write_and_read(kPmpaddr0 + 3, 0x300), 0x300u);
}

TEST_F(PmpTest, ALockedNapotEntryDoesNotLockTheAddressBelow) {
  set_cfg(3, 0x80 | 0x18 | 1);
  EXPECT_EQ(write_and_read(kPmpaddr0 + 2, 0x300), 0x300u);
}

TEST_F(PmpTest, ReservedCombinationsAndBitsAreNotStored) {
  set_cfg(0, 0x7f);
  EXPECT_EQ(cfg(0), 0x1f);
  set_cfg(0, 0x1a);  // W without R: 3.7.1 reserves it
  EXPECT_EQ(cfg(0), 0x1f);
  set_cfg(0, 0x1e);
  EXPECT_EQ(cfg(0), 0x1f);
  set_cfg(0, 0x1c);
  EXPECT_EQ(cfg(0), 0x1c);
}

TEST_F(PmpTest, AChangedEntryHoldsAtOnce) {
  const auto readable = [&](uint64_t addr) { return pmp_check(state(), addr, 8, AccessType::kLoad, kPrivS); };
  open_pmp();
  EXPECT_TRUE(readable(kRamBase));
  set_cfg(0, 0x18);
  EXPECT_FALSE(readable(kRamBase));
  set_cfg(0, 0x19);
  EXPECT_TRUE(readable(kRamBase));
  csrw(kPmpaddr0, (kRamBase >> 2) | 0x1ff);  // the first page
  EXPECT_TRUE(readable(kRamBase));
  EXPECT_FALSE(readable(kRamBase + kPage));
  csrw(kPmpaddr0, ((kRamBase + kPage) >> 2) | 0x1ff);
  EXPECT_FALSE(readable(kRamBase));
  EXPECT_TRUE(readable(kRamBase + kPage));
  hart().reset();
  EXPECT_FALSE(readable(kRamBase + kPage));
}

TEST_F(PmpTest, OnlyEvenConfigurationRegistersExist) {
  for (unsigned csr : {0x3a1u, 0x3a3u, 0x3a4u, 0x3c0u}) EXPECT_TRUE(illegal(csrr_access(csr)));
}

}  // namespace
}  // namespace monochord
