# Static binaries against musl with clang and libc++'s headers: no thread, no locale, no exception, no shared library.
#
#   cmake -S . -B build/static -DCMAKE_TOOLCHAIN_FILE=tools/static/toolchain.cmake \
#         -DCMAKE_PROJECT_INCLUDE=$PWD/tools/static/project.cmake -DMONOCHORD_STATIC_BUILD=ON
#
# is what tools/static/CMakeLists.txt does. Debian's libc++.a is compiled for glibc, so nothing of it is linked: what the
# headers leave to it (operator new, a prime table, digits) is in runtime/. libgcc.a divides 128-bit integers.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
set(static_dir ${CMAKE_CURRENT_LIST_DIR})

get_filename_component(repo_dir ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(MONOCHORD_DEPS "${repo_dir}/build/deps" CACHE PATH "What tools/setup built")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MONOCHORD_DEPS)

set(CMAKE_C_COMPILER clang-14)
set(CMAKE_CXX_COMPILER clang++-14)
execute_process(COMMAND clang-14 -dumpmachine OUTPUT_VARIABLE triple OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "^([^-]*)-.*" "\\1" cpu "${triple}")
execute_process(COMMAND clang-14 -print-libgcc-file-name OUTPUT_VARIABLE libgcc OUTPUT_STRIP_TRAILING_WHITESPACE)
set(musl_include /usr/include/${cpu}-linux-musl)
set(musl_lib /usr/lib/${cpu}-linux-musl)

# musl has no kernel headers; the host's are reached through a folder that holds nothing else.
set(kernel_include ${CMAKE_BINARY_DIR}/kernel-include)
file(MAKE_DIRECTORY ${kernel_include})
file(CREATE_LINK /usr/include/linux ${kernel_include}/linux SYMBOLIC)
file(CREATE_LINK /usr/include/asm-generic ${kernel_include}/asm-generic SYMBOLIC)
file(CREATE_LINK /usr/include/${cpu}-linux-gnu/asm ${kernel_include}/asm SYMBOLIC)

string(JOIN " " common_flags
  -Wno-unused-command-line-argument -nostdlibinc -fno-pic -fno-exceptions -fno-asynchronous-unwind-tables -fno-stack-protector)
string(JOIN " " after "-isystem ${musl_include}" "-idirafter ${kernel_include}")
set(CMAKE_C_FLAGS_INIT "${common_flags} ${after}")
string(JOIN " " CMAKE_CXX_FLAGS_INIT
  "${common_flags} -nostdinc++ -fno-rtti -fno-threadsafe-statics -D_LIBCPP_DISABLE_EXTERN_TEMPLATE"
  "-isystem ${static_dir}/config -isystem /usr/lib/llvm-14/include/c++/v1 ${after}")
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-static -nostdlib -Wl,--gc-sections -Wl,-z,noexecstack ${musl_lib}/crt1.o ${musl_lib}/crti.o")
set(CMAKE_C_STANDARD_LIBRARIES "${musl_lib}/libc.a ${libgcc} ${musl_lib}/libc.a ${musl_lib}/crtn.o")
set(CMAKE_CXX_STANDARD_LIBRARIES "${CMAKE_C_STANDARD_LIBRARIES}")

set(CMAKE_FIND_ROOT_PATH ${MONOCHORD_DEPS}/musl)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
