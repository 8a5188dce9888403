# The heart: mask levels, harts, queued work, bottom halves, fds, the run loop.
set(CORE_LOOP_SOURCES
  bql.cpp
  bottom_half.cpp
  cpu.cpp
  deadlock.cpp
  fd_handler.cpp
  guest_time.cpp
  host.cpp
  input_gate.cpp
  main_loop.cpp
  replay.cpp
  replay_file.cpp
  run_loop.cpp
  runstate.cpp
  schedule.cpp
  work_queue.cpp)
