# Tests of the privileged half of a hart.
add_executable(tcg-riscv-tests
  ${CMAKE_CURRENT_LIST_DIR}/config_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/csr_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/mmu_model_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/mmu_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/pmp_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/sstc_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/tlb_model_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/trap_test.cpp)
target_link_libraries(tcg-riscv-tests PRIVATE monochord-tcg monochord-port-virtual GTest::gtest_main)
target_precompile_headers(tcg-riscv-tests REUSE_FROM test-prelude)
unit_tests(tcg-riscv-tests 120)

add_executable(tlb_bench EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/tlb_bench.cpp)
target_link_libraries(tlb_bench PRIVATE monochord-tcg monochord-port monochord-port-virtual GTest::gtest)

# Random page tables on Monochord and QEMU: 3.7 and 12.3 of the Privileged manual against another implementation.
find_program(QEMU_SYSTEM_RISCV64 qemu-system-riscv64)
find_program(RISCV64_LINUX_AS riscv64-linux-gnu-as)
if(QEMU_SYSTEM_RISCV64 AND RISCV64_LINUX_AS AND TARGET monochord)
  add_test(NAME TranslationAgainstQemu
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/translation_qemu.py --monochord $<TARGET_FILE:monochord> --qemu ${QEMU_SYSTEM_RISCV64} --worlds 2)
  set_tests_properties(TranslationAgainstQemu PROPERTIES LABELS system TIMEOUT 400)
else()
  message(STATUS "qemu-system-riscv64 or riscv64-linux-gnu-as not found: no test of translation against QEMU")
endif()
