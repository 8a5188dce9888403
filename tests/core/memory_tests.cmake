add_executable(core-memory-tests
  memory_test.cpp)
target_link_libraries(core-memory-tests PRIVATE monochord-core ZLIB::ZLIB GTest::gtest_main)
gtest_discover_tests(core-memory-tests PROPERTIES LABELS unit DISCOVERY_MODE PRE_TEST)
