// The machine of one command line: harts, board, disks, consoles, GDB. Built once, run once.
// Main context, BQL held throughout (run() gives it up while guest code runs).
#pragma once

#include <memory>
#include <vector>

#include "core/blockdev.h"
#include "core/input_gate.h"
#include "core/memory.h"
#include "devices/board_virt.h"
#include "tcg/riscv/cpu.h"
#include "tools/monochord/consoles.h"
#include "tools/monochord/gdbstub.h"
#include "tools/monochord/options.h"

namespace monochord {

class Machine {
 public:
  // Opens and loads everything, so that whatever is missing is an error before the guest runs.
  static Result<std::unique_ptr<Machine>> create(const Options& options);
  ~Machine();

  // Runs until the guest or the user ends it; returns the exit status.
  int run();

 private:
  explicit Machine(const Options& options) : options_(options) {}
  Status open_drives();
  Status attach_devices(VirtBoardConfig& config);
  Status build();
  void fill_random(void* buffer, size_t size);
  void load_symbols(const std::string& bios) const;
  static void on_debug(void* opaque, Cpu& cpu, ExecExit why);
  void print_stats(int64_t run_ns) const;

  struct Drive {
    std::string id;
    std::string interface;
    std::unique_ptr<BlockBackend> backend;
    bool used = false;
  };

  Options options_;
  uint64_t random_state_ = 0;  // -seed
  MemoryRegion system_;
  std::unique_ptr<AddressSpace> as_;
  std::vector<std::unique_ptr<RiscvCpu>> harts_;
  std::vector<Drive> drives_;
  std::unique_ptr<Consoles> consoles_;
  std::unique_ptr<InputGate> serial_input_;
  std::unique_ptr<VirtBoard> board_;
  std::vector<std::unique_ptr<GdbStub>> gdb_;
};

}  // namespace monochord
