# shellcheck shell=bash disable=SC2034
# Shared by the scripts in tools/: where things are, how they speak, and one-at-a-time locks.
# Sourced, never run. Every script sets `set -euo pipefail` itself.

repo_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
readonly repo_dir
export PATH="$PATH:/usr/sbin:/sbin" # mke2fs and its like, which Debian keeps out of a user's path
readonly script_name="${0##*/}"
build_dir="${MONOCHORD_BUILD_DIR:-$repo_dir/build}"
# HOME may be unset or point nowhere (containers, CI): then the cache lies beside the build.
cache_dir="${XDG_CACHE_HOME:-${HOME:-$repo_dir/build}/.cache}/monochord"

say() { printf '%s: %s\n' "$script_name" "$*"; }

die() {
  printf '%s: %s\n' "$script_name" "$*" >&2
  exit 1
}

# need_root WHAT: asked before the work, so that the answer is one line and not in a log.
need_root() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "$1 needs root, and there is no sudo: run this once as root"
}

# as_root COMMAND...: runs it as root, through sudo where we are somebody else.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# quietly WHAT COMMAND...: output goes to a log; if it fails, the log's end and one line are shown.
quietly() {
  local what="$1" log="$build_dir/log/${1// /-}.log"
  shift
  mkdir -p "${log%/*}"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "$what failed; the whole output is in $log"
  fi
}

# make_writable DIR: creates it, or says in one line why that can't be.
make_writable() {
  mkdir -p "$1" 2>/dev/null || die "cannot create $1: run as its owner, or through sudo"
  [ -w "$1" ] || die "cannot write to $1 (owner: $(stat -c %U "$1")): run through sudo, or remove it"
}

# take_lock FILE WHAT: waits until no other run holds it; released when this process ends.
take_lock() {
  make_writable "${1%/*}"
  exec {lock_fd}>>"$1" || die "cannot open the lock $1"
  if ! flock -n "$lock_fd"; then
    say "waiting for another $2 to end"
    flock "$lock_fd"
  fi
}

# release_lock: before an exec, so that what we become does not hold it.
release_lock() { exec {lock_fd}>&-; }

# give_back DIR...: run through sudo, leave the files to the person who typed the command.
give_back() {
  [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" != 0 ] || return 0
  local dir
  for dir in "$@"; do
    [ ! -e "$dir" ] || chown -R -h --from=root "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$dir"
  done
}

# need_free_mib DIR MIB: a full disk is said before the work, not by a half-written file.
need_free_mib() {
  local free
  free="$(df -Pm "$1" | awk 'NR == 2 { print $4 }')"
  [ "$free" -ge "$2" ] || die "only $free MiB free in $1, this needs $2 MiB"
}

# is_stamped DIR RECIPE / stamp DIR RECIPE: a finished product remembers what made it.
is_stamped() { [ "$(cat "$1/.made-by" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$1/.made-by"; }
