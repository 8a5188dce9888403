find_package(ZLIB REQUIRED)  # the loader tests pack files themselves
find_path(FDT_INCLUDE_DIR libfdt.h REQUIRED)
find_library(FDT_LIBRARY fdt REQUIRED)
add_executable(core-memory-tests
  check_test.cpp
  device_test.cpp
  fdt_test.cpp
  loader_fuzz_test.cpp
  loader_test.cpp
  log_test.cpp
  memory_property_test.cpp
  memory_test.cpp
  symbols_test.cpp
  trace_test.cpp)
target_link_libraries(core-memory-tests PRIVATE monochord-core ZLIB::ZLIB ${FDT_LIBRARY} GTest::gtest_main)
target_precompile_headers(core-memory-tests REUSE_FROM test-prelude)
unit_tests(core-memory-tests 120)
