# Runs right after project() of a static build: every executable gets the C++ runtime that replaces libc++.a.
if(TARGET static-runtime)
  return()
endif()
add_library(static-runtime STATIC
  ${CMAKE_CURRENT_LIST_DIR}/runtime/memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/abi.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/libcxx.cpp)
target_compile_features(static-runtime PRIVATE cxx_std_20)
target_compile_options(static-runtime PRIVATE -Wall -Wextra)
link_libraries(static-runtime)

# What the static tests run (tools/static/CMakeLists.txt).
add_executable(static-runtime-check ${CMAKE_CURRENT_LIST_DIR}/check/runtime_check.cpp)
target_compile_features(static-runtime-check PRIVATE cxx_std_20)
target_compile_options(static-runtime-check PRIVATE -Wall -Wextra -frounding-math)
add_executable(static-clone-control ${CMAKE_CURRENT_LIST_DIR}/check/clone_control.c)
