# Runs right after project() of a static build: the C++ runtime that replaces libc++.a, and who is linked with it.
if(TARGET static-runtime)
  return()
endif()
# Objects, not an archive: whatever the order of the libraries, what they leave open is there.
add_library(static-runtime OBJECT
  ${CMAKE_CURRENT_LIST_DIR}/runtime/memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/abi.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/libcxx.cpp)
target_compile_features(static-runtime PRIVATE cxx_std_20)
target_compile_options(static-runtime PRIVATE -Wall -Wextra)

# At the end of the top-level file, when the emulator has been described.
function(link_monochord_with_runtime)
  if(TARGET monochord)
    target_link_libraries(monochord PRIVATE static-runtime)
  endif()
endfunction()
cmake_language(DEFER CALL link_monochord_with_runtime)

# What the static tests run (tools/static/CMakeLists.txt).
add_executable(static-runtime-check ${CMAKE_CURRENT_LIST_DIR}/check/runtime_check.cpp)
target_compile_features(static-runtime-check PRIVATE cxx_std_20)
target_compile_options(static-runtime-check PRIVATE -Wall -Wextra -frounding-math)
target_link_libraries(static-runtime-check PRIVATE static-runtime)
add_executable(static-clone-control ${CMAKE_CURRENT_LIST_DIR}/check/clone_control.c)
