#include "devices/sifive_test.h"

#include "core/main_loop.h"

namespace monochord {

std::span<const Reg<SifiveTest>> SifiveTest::registers() {
  static constexpr Reg<SifiveTest> kRegs[] = {
      {0x00, "FINISH", &SifiveTest::read_finish, &SifiveTest::write_finish},
  };
  return kRegs;
}

void SifiveTest::write_finish(uint64_t value) {
  const int code = (value >> 16) & 0xffff;
  switch (value & 0xffff) {
    case kPass:
    case kFail:
      qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, code);
      break;
    case kReset:
      qemu_system_reset_request(ShutdownCause::kGuestReset);
      break;
    default:
      qemu_log_mask(kLogGuestError, "%s: write of 0x%llx, which asks for nothing", kInfo.name, (unsigned long long)value);
  }
}

}  // namespace monochord
