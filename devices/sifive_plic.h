// PLIC: up to 95 sources with 7 priorities to N contexts (hart 0 M, hart 0 S, hart 1 M, ...).
//
//   0x000000 + 4*source               priority, 0..7 (0: never)
//   0x001000 + 4*word                 pending bits (read only)
//   0x002000 + 0x80*context + 4*word  enable bits
//   0x200000 + 0x1000*context         threshold; +4 claim (read) and complete (write)
//
// Rules
// - Sources are levels. A rising level makes the source pending; it stays pending until a context claims it, also when the level falls first.
// - A claim takes the enabled pending source of the highest priority above the threshold (the lowest number among equals), clears its pending
//   bit and blocks the source until any context completes it. A source whose level is still up at completion is pending again at once.
//   (The specification's gateway. QEMU 10 leaves out the last rule, because its devices repeat each raise; our IrqLines tell changes only.)
// - Completing a source that isn't claimed does nothing but the check of the level; completing is not tied to the context that claimed.
// - State changes first, then update(), the only place that drives the lines.
// Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0; SiFive FU540 manual, chapter PLIC.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/device.h"

namespace monochord {

class SifivePlic final : public Device {
 public:
  static constexpr DeviceInfo kInfo{"riscv.sifive.plic", "SiFive platform-level interrupt controller", "plic",
                                    "sifive,plic-1.0.0\nriscv,plic0", 0x600000, 4, 4};
  static constexpr unsigned kSources = 95;  // numbers 1..95
  static constexpr unsigned kPriorityMax = 7;
  static constexpr uint64_t kPendingBase = 0x1000, kEnableBase = 0x2000, kEnableStride = 0x80, kContextBase = 0x200000, kContextStride = 0x1000;

  explicit SifivePlic(unsigned contexts);
  // The line of a context to its hart.
  IrqLine& irq(unsigned context) { return lines_[context]; }
  // Connects a device's line to source `number`.
  void connect(IrqLine& line, unsigned number);
  // Source `number` goes up and down again.
  void pulse(unsigned number);
  void reset() override;
  std::string register_rows() const override;
  void fdt(FdtBuilder& fdt, const std::string& node) const override;

 private:
  static constexpr unsigned kWords = (kSources + 1 + 31) / 32;
  using Bits = std::array<uint32_t, kWords>;
  struct Context {
    uint32_t threshold = 0;
    Bits enable{};
  };
  struct State {
    std::array<uint32_t, kSources + 1> priority{};
    Bits pending{}, claimed{};
    std::vector<Context> contexts;
  };

  static MemTxResult read(void* opaque, uint64_t offset, unsigned size, uint64_t* value);
  static MemTxResult write(void* opaque, uint64_t offset, unsigned size, uint64_t value);
  static void source_changed(void* opaque, int source, int level);
  static constexpr MemoryRegionOps kOps{&read, &write, kInfo.access_size_min, kInfo.access_size_max, false};
  unsigned best(const Context& context) const;  // 0: none
  unsigned claim(Context& context);
  void complete(unsigned source);
  void update();

  const unsigned contexts_;
  State state_;
  Bits level_{};  // the inputs; not state that a reset clears
  std::unique_ptr<IrqLine[]> lines_;
};

}  // namespace monochord
