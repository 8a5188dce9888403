// -d in_asm, exec and cpu, as far as the interpreter tells them.
#include "core/log.h"
#include "tcg/interp/interpreter.h"
#include "tcg/riscv/disas.h"

namespace monochord {

// -d exec and -d cpu show each instruction before it runs.
ExecExit Interpreter::exec_logged(int64_t budget_given) {
  for (int64_t left = budget_given; left > 0;) {
    const uint64_t pc = cpu_.state.pc;
    if (!cpu_.halted) {
      if (log_enabled(kLogExec)) {
        uint64_t paddr = 0;
        uint16_t low = 0, high = 0;
        uint32_t raw = 0;
        if (cpu_.debug_translate(pc, &paddr) && read_code(paddr, &low)) {
          raw = low;
          if (insn_length(low) == 4 && cpu_.debug_translate(pc + 2, &paddr) && read_code(paddr, &high)) raw |= uint32_t{high} << 16;
        }
        qemu_log_mask(kLogExec, "Trace %d: 0x%016llx %s", cpu_.cpu_index, static_cast<unsigned long long>(pc), disassemble(raw, pc).c_str());
      }
      if (log_enabled(kLogCpu)) {
        const std::string text = cpu_.dump_state();
        log_write(text.data(), text.size());
      }
    }
    const uint64_t before = instructions();
    const ExecExit why = exec(1);
    left -= static_cast<int64_t>(instructions() - before);
    if (why != ExecExit::kBudget) return why;
    if (cpu_.exit_request || cpu_.leave_after_insn) return left == 0 ? ExecExit::kBudget : ExecExit::kRequest;
  }
  return ExecExit::kBudget;
}

void Interpreter::log_in_asm(const Insn* first, unsigned slots) const {
  qemu_log_mask(kLogInAsm, "----------------\nIN: hart %d, priv %u", cpu_.cpu_index, cpu_.state.priv);
  uint64_t pc = pc_of(first);
  for (const Insn* insn = first; insn < first + slots;) {
    const uint32_t raw = raw_bits(insn);
    qemu_log_mask(kLogInAsm, "%s", disassemble_line(raw, pc).c_str());
    const unsigned length = insn_length(static_cast<uint16_t>(raw));
    insn += length / 2;
    pc += length;
  }
}

}  // namespace monochord
