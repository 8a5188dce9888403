# Tests of the privileged half of a hart.
add_executable(tcg-riscv-tests
  ${CMAKE_CURRENT_LIST_DIR}/config_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/csr_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/mmu_model_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/mmu_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/pmp_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/sstc_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/trap_test.cpp)
target_link_libraries(tcg-riscv-tests PRIVATE monochord-tcg monochord-port-virtual GTest::gtest_main)
gtest_discover_tests(tcg-riscv-tests PROPERTIES LABELS unit DISCOVERY_MODE PRE_TEST)
