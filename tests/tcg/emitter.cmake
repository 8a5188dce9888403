# The x86-64 emitter. xbyak (libxbyak-dev, headers only) is its oracle, here and nowhere else; tools/setup installs it.
# Not under the sanitizers: its thousands of instantiations take minutes to compile there.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND NOT MONOCHORD_SANITIZE)
  find_path(XBYAK_INCLUDE_DIR xbyak/xbyak.h)
  if(XBYAK_INCLUDE_DIR)
    add_executable(tcg-emitter-tests
      ${CMAKE_CURRENT_LIST_DIR}/emitter_test.cpp
      ${CMAKE_CURRENT_LIST_DIR}/emitter_integer_test.cpp
      ${CMAKE_CURRENT_LIST_DIR}/emitter_fp_test.cpp
      ${CMAKE_SOURCE_DIR}/core/check.cpp)
    target_include_directories(tcg-emitter-tests PRIVATE ${CMAKE_SOURCE_DIR})
    target_include_directories(tcg-emitter-tests SYSTEM PRIVATE ${XBYAK_INCLUDE_DIR})
    target_link_libraries(tcg-emitter-tests PRIVATE GTest::gtest_main)
    target_compile_options(tcg-emitter-tests PRIVATE -O1)  # thousands of instantiations
    unit_tests(tcg-emitter-tests 120)

    add_executable(emitter_bench EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/emitter_bench.cpp ${CMAKE_SOURCE_DIR}/core/check.cpp)
    target_include_directories(emitter_bench PRIVATE ${CMAKE_SOURCE_DIR})
    target_include_directories(emitter_bench SYSTEM PRIVATE ${XBYAK_INCLUDE_DIR})
  else()
    message(STATUS "xbyak not found (libxbyak-dev): no test of the x86-64 emitter")
  endif()
endif()
