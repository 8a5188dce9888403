#!/bin/sh
# Installs the timer libraries to a temporary prefix, builds the example projects against them from copies (nothing of the source tree is in reach)
# and runs their tests: in C11 and in C++20, with each of gcc and clang that is there, and every warning an error. The walk-through of
# timer/README.md is a third project: it must print what the page says.
# Usage: package_test.sh BUILD_FOLDER C_EXAMPLE CPP_EXAMPLE TIMER_README
set -eu
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# quietly LOG COMMAND...: shows the log of a command that failed
quietly() {
  log=$work/$1.log
  shift
  "$@" > "$log" 2>&1 || { cat "$log"; exit 1; }
}

# The library alone configures without what the emulator needs.
quietly alone cmake -S "$(dirname "$4")/.." -B "$work/alone" -DMONOCHORD_TIMER_ONLY=ON -DCMAKE_BUILD_TYPE=Release
if grep -iE '^[a-z_]*(zlib|fdt|gtest|capstone)' "$work/alone/CMakeCache.txt"; then
  echo "the timer library alone looks for what only the emulator needs"
  exit 1
fi

quietly install cmake --install "$build" --component timer --prefix "$work/prefix"
cp -R "$2" "$work/c"
cp -R "$3" "$work/cpp"

# block LANGUAGE: the first block of code of that language in the section about testing.
block() {
  awk -v fence='```'"$1" '
    /^## / { section = /^## Testing/ }
    inside && $0 == "```" { exit }
    inside { print }
    section && $0 == fence { inside = 1 }' "$readme"
}
readme=$4
mkdir "$work/readme"
block cmake > "$work/readme/CMakeLists.txt"
block c > "$work/readme/lamp_test.c"
block text > "$work/readme/expected"

compilers=0
for pair in gcc:g++ clang:clang++; do
  command -v "${pair%:*}" > /dev/null && command -v "${pair#*:}" > /dev/null || continue
  compilers=$((compilers + 1))
  for example in c cpp readme; do
    out=$work/$example-${pair%:*}
    echo "== $example with ${pair%:*}"
    quietly configure env CC="${pair%:*}" CXX="${pair#*:}" CFLAGS="-Wall -Wextra -Wpedantic -Werror" CXXFLAGS="-Wall -Wextra -Wpedantic -Werror" \
      cmake -S "$work/$example" -B "$out" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
    quietly build cmake --build "$out"
    # Every include path is the prefix's.
    if grep -o -e '-\(I\|isystem\) *[^ ]*' "$out/compile_commands.json" | grep -v "$work/prefix/"; then
      echo "an include path leads out of the package"
      exit 1
    fi
    if [ "$example" = readme ]; then
      "$out/lamp_test" | diff "$work/readme/expected" - || { echo "the walk-through prints something else"; exit 1; }
      continue
    fi
    (cd "$out" && quietly ctest ctest --output-on-failure && grep 'tests passed' "$work/ctest.log")
  done
done
[ "$compilers" -gt 0 ] || { echo "neither gcc nor clang is there"; exit 1; }
