add_executable(core-loop-tests
  bql_test.cpp
  bottom_half_test.cpp
  fd_handler_test.cpp
  guest_time_test.cpp
  run_loop_test.cpp
  work_queue_test.cpp)
# Tests ask whether the libraries allocate.
target_link_options(core-loop-tests PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
target_link_libraries(core-loop-tests PRIVATE monochord-port monochord-port-virtual GTest::gtest_main)
target_precompile_headers(core-loop-tests REUSE_FROM test-prelude)
unit_tests(core-loop-tests 120)
