#!/bin/sh
# libmonochord-timer.a needs libc (and the compiler's 128-bit division) and nothing else: what its objects leave undefined is defined by one of them, or in the list below.
# Usage: symbols_test.sh LIBRARY
set -eu
allowed='abort|calloc|free|memchr|memcpy|memset|memmove|memcmp|ppoll|__ppoll_chk|snprintf|__snprintf_chk|strcspn|strlen|strncmp|strtol|__isoc23_strtol|write|__errno_location|__stack_chk_fail|__udivti3|__divti3|__umodti3|_GLOBAL_OFFSET_TABLE_'
defined=$(mktemp)
trap 'rm -f "$defined"' EXIT
nm --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u > "$defined"
grep -qx qemu_clock_run_all_timers "$defined"  # the list is not empty by mistake
foreign=$(nm --undefined-only "$1" | awk '$1 == "U" { print $2 }' | sort -u | grep -vxF -f "$defined" | grep -vxE "$allowed" || true)
if [ -n "$foreign" ]; then
  echo "the timer library needs symbols from outside:"
  echo "$foreign"
  exit 1
fi
