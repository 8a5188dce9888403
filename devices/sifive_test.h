// The test finisher: a guest ends the emulator, or resets the machine, by one store.
//   0x00  FINISH  0x5555 | code<<16: power off, exit status `code` (0 for plain 0x5555)
//                 0x3333 | code<<16: fail, exit status `code`
//                 0x7777: reset
//   0x08  MARKER  any value: the trace event `marker`, and nothing else. Our own; QEMU ignores it.
// Linux and OpenSBI reach it as syscon-poweroff and syscon-reboot. Main context (MMIO), BQL held: it only leaves a request to the loop.
// Source: SiFive test finisher as found in QEMU's virt and sifive_e device trees.
#pragma once

#include "core/device.h"

namespace monochord {

class SifiveTest final : public RegisterDevice<SifiveTest> {
 public:
  static constexpr DeviceInfo kInfo{"riscv.sifive.test", "SiFive test finisher: poweroff, reboot and exit status", "test",
                                    "sifive,test1\nsifive,test0\nsyscon", 0x1000, 2, 4};
  enum : uint32_t { kFail = 0x3333, kPass = 0x5555, kReset = 0x7777 };

  static std::span<const Reg<SifiveTest>> registers();
  void reset() override {}

 private:
  uint64_t read_finish() { return 0; }
  void write_finish(uint64_t value);
  uint64_t read_marker() { return 0; }
  void write_marker(uint64_t value);
};

}  // namespace monochord
