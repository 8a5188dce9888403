// What the CSR functions of csr.inc look like; for csr*.cpp and pmp.cpp only. `csr` is the number, for functions that serve several.
// Write functions get the whole new value and keep what the CSR can hold (WARL). Main context; the BQL is held where csr.inc says so.
#pragma once

#include "tcg/riscv/bits.h"
#include "tcg/riscv/cpu.h"

namespace monochord::csr {

uint64_t read_counter(const RiscvCpu& cpu, unsigned csr);
void write_counter(RiscvCpu& cpu, unsigned csr, uint64_t value);
uint64_t read_time(const RiscvCpu& cpu, unsigned csr);
uint64_t read_mcountinhibit(const RiscvCpu& cpu, unsigned csr);
void write_mcountinhibit(RiscvCpu& cpu, unsigned csr, uint64_t value);
uint64_t read_mhpmevent(const RiscvCpu& cpu, unsigned csr);
void write_mhpmevent(RiscvCpu& cpu, unsigned csr, uint64_t value);
uint64_t read_mcounteren(const RiscvCpu& cpu, unsigned csr);
void write_mcounteren(RiscvCpu& cpu, unsigned csr, uint64_t value);
uint64_t read_scounteren(const RiscvCpu& cpu, unsigned csr);
void write_scounteren(RiscvCpu& cpu, unsigned csr, uint64_t value);
// Whether the counter-enable registers open counter `csr` (0xc00...) at the current privilege.
bool counter(const RiscvCpu& cpu, unsigned csr);

uint64_t read_pmpcfg(const RiscvCpu& cpu, unsigned csr);
void write_pmpcfg(RiscvCpu& cpu, unsigned csr, uint64_t value);
uint64_t read_pmpaddr(const RiscvCpu& cpu, unsigned csr);
void write_pmpaddr(RiscvCpu& cpu, unsigned csr, uint64_t value);

}  // namespace monochord::csr
