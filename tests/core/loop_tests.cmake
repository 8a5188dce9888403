add_executable(core-loop-tests
  bql_test.cpp
  bottom_half_test.cpp
  fd_handler_test.cpp
  guest_time_test.cpp
  replay_test.cpp
  run_loop_test.cpp
  schedule_test.cpp
  work_queue_test.cpp)
# Tests ask whether the libraries allocate.
target_link_options(core-loop-tests PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
target_link_libraries(core-loop-tests PRIVATE monochord-port monochord-port-virtual GTest::gtest_main)
target_precompile_headers(core-loop-tests REUSE_FROM test-prelude)
unit_tests(core-loop-tests 120)

# Mutated recordings; a million by hand.
find_package(ZLIB REQUIRED)
add_executable(replay_fuzz replay_fuzz.cpp)
target_link_libraries(replay_fuzz PRIVATE monochord-port monochord-port-virtual ZLIB::ZLIB)
add_test(NAME core.replay_fuzz COMMAND replay_fuzz --runs 5000)
set_tests_properties(core.replay_fuzz PROPERTIES LABELS unit TIMEOUT 120)
