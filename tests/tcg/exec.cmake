# Tests of decoder, executors, TLB and the execution loop.
add_executable(tcg-exec-tests
  ${CMAKE_CURRENT_LIST_DIR}/accel_variant.cpp
  ${CMAKE_CURRENT_LIST_DIR}/alarm_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/decode_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/dump_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/gdb_registers_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/interp_interrupt_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/interp_memory_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/interp_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_edges_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_fp_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_int_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_links_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_memory_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_random_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_torture_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jit_tools_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/lockstep_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/random_code_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/self_modifying_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/tlb_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/trace_events_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/two_hart_test.cpp)
target_link_libraries(tcg-exec-tests PRIVATE monochord-tcg monochord-port monochord-port-virtual GTest::gtest_main)
target_precompile_headers(tcg-exec-tests REUSE_FROM test-prelude)
set(skipped JitTorture.*)
set(variants interp one_insn_no_chain no_chain no_slots no_groups no_follow look tiny_tlb tiny_cache check_unit check_1000)
if(MONOCHORD_SANITIZE)
  # Single steps through instrumented code find nothing more, nor do most variants.
  unit_tests(tcg-exec-tests 120 TEST_FILTER "-${skipped}")
  set(variants interp)
else()
  unit_tests(tcg-exec-tests 120)
endif()

# The same program on what else there is: the interpreter, and the JIT with parts of it switched off or made small. Without chaining more time goes by
# with the BQL held, so where alarms run says nothing there.
set(interp interp)
set(one_insn_no_chain tcg,one-insn-per-tb=on,x-chain=off)
set(no_chain tcg,x-chain=off)
set(no_slots tcg,x-slots=off)
set(no_groups tcg,x-groups=off)
set(no_follow tcg,x-follow=off)
set(look tcg,x-look=on)
set(tiny_tlb tcg,x-tlb-entries=16)
set(tiny_cache tcg,x-units=8)
set(check_unit tcg,check=unit)
set(check_1000 tcg,check=1000)
set(skipped_interp Jit*:*/Jit*:Dump*:PerfMap*)
set(skipped_no_chain JitTorture.*:Alarms.MostRunInTheHandler*)
set(skipped_one_insn_no_chain ${skipped_no_chain})
# With x-strict-fencei the two see what each fetched first.
set(skipped_check_unit ${skipped_no_chain}:JitEdges.WithStrictFencei*)
set(skipped_check_1000 ${skipped_check_unit})
foreach(variant ${variants})
  set(not ${skipped})
  if(DEFINED skipped_${variant})
    set(not ${skipped_${variant}})
  endif()
  add_test(NAME TcgExecTests.${variant} COMMAND tcg-exec-tests --gtest_brief=1 --gtest_filter=-${not})
  set_tests_properties(TcgExecTests.${variant} PROPERTIES LABELS unit ENVIRONMENT "MONOCHORD_TEST_ACCEL=${${variant}}" TIMEOUT 300)
endforeach()

if(NOT MONOCHORD_SANITIZE)
  add_executable(tcg-decode-objdump-test ${CMAKE_CURRENT_LIST_DIR}/decode_objdump_test.cpp)
  target_link_libraries(tcg-decode-objdump-test PRIVATE monochord-tcg monochord-port-virtual GTest::gtest_main)
  gtest_discover_tests(tcg-decode-objdump-test PROPERTIES LABELS system DISCOVERY_MODE PRE_TEST)
endif()

# Handlers hand over by jumps (x86-64, optimised, no sanitizer).
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MONOCHORD_SANITIZE)
  add_test(NAME InterpreterDispatch
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_dispatch $<FILTER:$<TARGET_OBJECTS:monochord-tcg>,INCLUDE,interp/handlers>)
  set_tests_properties(InterpreterDispatch PROPERTIES LABELS unit)
endif()
