# Tests of the floating-point unit. MPFR (libmpfr-dev) judges the soft float; qemu-riscv64 (qemu-user) with a guest program (gcc-riscv64-linux-gnu)
# judges the whole unit. Where one of them is missing its test is left out with a message; tools/setup installs them.
# The unit is built here on its own: it needs nothing of the rest of tcg.
include(${CMAKE_SOURCE_DIR}/tcg/fpu.cmake)
add_library(fpu-alone STATIC ${TCG_FPU_SOURCES})
target_link_libraries(fpu-alone PUBLIC monochord-rules)

add_executable(fpu_test ${CMAKE_CURRENT_LIST_DIR}/fpu_special_test.cpp ${CMAKE_CURRENT_LIST_DIR}/fpu_host_test.cpp)
find_path(MPFR_INCLUDE_DIR mpfr.h)
find_library(MPFR_LIBRARY mpfr)
find_library(GMP_LIBRARY gmp)
if(MPFR_INCLUDE_DIR AND MPFR_LIBRARY AND GMP_LIBRARY)
  target_sources(fpu_test PRIVATE ${CMAKE_CURRENT_LIST_DIR}/fpu_mpfr_test.cpp)
  target_include_directories(fpu_test PRIVATE ${MPFR_INCLUDE_DIR})
  target_link_libraries(fpu_test PRIVATE ${MPFR_LIBRARY} ${GMP_LIBRARY})
else()
  message(STATUS "MPFR not found (libmpfr-dev): the soft float is tested without it")
endif()
target_link_libraries(fpu_test PRIVATE fpu-alone GTest::gtest_main)
target_precompile_headers(fpu_test REUSE_FROM test-prelude)
unit_tests(fpu_test 120 NO_PRETTY_TYPES)

add_executable(fpu_bench EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/fpu_bench.cpp)
target_link_libraries(fpu_bench PRIVATE fpu-alone)

find_program(RISCV64_LINUX_GCC riscv64-linux-gnu-gcc)
find_program(QEMU_RISCV64 NAMES qemu-riscv64 qemu-riscv64-static)
if(RISCV64_LINUX_GCC AND QEMU_RISCV64)
  set(FPU_GUEST ${CMAKE_CURRENT_BINARY_DIR}/fpu_guest.elf)
  add_custom_command(
    OUTPUT ${FPU_GUEST}
    COMMAND ${RISCV64_LINUX_GCC} -std=gnu11 -O1 -static -Wall -Wextra -o ${FPU_GUEST} ${CMAKE_CURRENT_LIST_DIR}/fpu_guest.c
    DEPENDS ${CMAKE_CURRENT_LIST_DIR}/fpu_guest.c ${CMAKE_CURRENT_LIST_DIR}/fpu_ops.h
    COMMENT "Building the floating-point guest for riscv64")
  add_custom_target(fpu_guest ALL DEPENDS ${FPU_GUEST})
  add_executable(fpu_qemu_test ${CMAKE_CURRENT_LIST_DIR}/fpu_qemu_test.cpp)
  target_link_libraries(fpu_qemu_test PRIVATE fpu-alone)
  add_dependencies(fpu_qemu_test fpu_guest)
  add_test(NAME FpuAgainstQemu COMMAND fpu_qemu_test ${QEMU_RISCV64} ${FPU_GUEST})
  set_tests_properties(FpuAgainstQemu PROPERTIES LABELS system TIMEOUT 400)
else()
  message(STATUS "riscv64-linux-gnu-gcc or qemu-riscv64 not found (gcc-riscv64-linux-gnu, qemu-user): no test of the floating-point unit against QEMU")
endif()
