# The floating-point unit. tcg/CMakeLists.txt includes this and adds TCG_FPU_SOURCES to its library.
set(TCG_FPU_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/fpu/fpu.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fpu/soft_float.cpp)
# An expression must never become a fused multiply-add by itself, and the compiler must not fold or move arithmetic as if rounding were fixed.
# (MXCSR itself changes only inside single asm statements that hold their instruction too; see fpu/host_x86.h.)
set_source_files_properties(${TCG_FPU_SOURCES} PROPERTIES COMPILE_OPTIONS "-ffp-contract=off;-frounding-math;-ftrapping-math")
