# Decoder, executors, TLB and the hart itself. tcg/CMakeLists.txt includes this.
set(TCG_EXEC_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/exec/softmmu.cpp
    ${CMAKE_CURRENT_LIST_DIR}/exec/tlb.cpp
    ${CMAKE_CURRENT_LIST_DIR}/interp/code_cache.cpp
    ${CMAKE_CURRENT_LIST_DIR}/interp/handlers.cpp
    ${CMAKE_CURRENT_LIST_DIR}/interp/interpreter.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/cpu.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/decode.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/disas.cpp
    ${CMAKE_CURRENT_LIST_DIR}/riscv/gdb_registers.cpp)
