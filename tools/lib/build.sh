# shellcheck shell=bash disable=SC2154 # repo_dir and build_dir come from common.sh
# Configuring and building with CMake, one build of a folder at a time.

# configure DIR OPTION...: with Ninja where it is there; a folder configured before keeps its generator.
configure() {
  local dir="$1" generator=()
  shift
  if [ ! -f "$dir/CMakeCache.txt" ] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
  quietly "configuring ${dir##*/}" cmake -S "$repo_dir" -B "$dir" "${generator[@]}" \
    -DMONOCHORD_DEPS="$build_dir/deps" "$@"
}

# build DIR [TARGET...]
build() {
  local dir="$1" targets=()
  shift
  [ $# -eq 0 ] || targets=(--target "$@")
  export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
  say "building ${targets[*]:+${targets[*]:1} }in $dir"
  if [ -t 1 ]; then
    cmake --build "$dir" "${targets[@]}" || die "the build in $dir failed"
  else
    quietly "building ${dir##*/}" cmake --build "$dir" "${targets[@]}"
  fi
}
