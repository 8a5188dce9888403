# The privileged half of a hart: configuration, CSRs, traps, MMU, PMP, Sstc. tcg/CMakeLists.txt includes this.
set(TCG_RISCV_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/riscv/config.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/csr.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/csr_counters.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/mmu.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/pmp.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/stimer.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/trap.cpp)
