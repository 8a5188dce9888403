#include "devices/sifive_test.h"

#include "core/cpu.h"
#include "core/main_loop.h"
#include "core/trace.h"

namespace monochord {

std::span<const Reg<SifiveTest>> SifiveTest::registers() {
  static constexpr Reg<SifiveTest> kRegs[] = {
      {0x00, "FINISH", &SifiveTest::read_finish, &SifiveTest::write_finish},
      {0x08, "MARKER", &SifiveTest::read_marker, &SifiveTest::write_marker},
  };
  return kRegs;
}

void SifiveTest::write_marker(uint64_t value) { trace_marker(current_cpu != nullptr ? current_cpu->cpu_index : -1, value); }

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
