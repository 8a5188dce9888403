#!/usr/bin/env python3
"""The seccomp filter of the boot tests does kill: a program that forks, and one whose thread waits for another, die of SIGSYS; one that does neither lives."""
import signal
import subprocess
import sys

from machine import NO_CLONE, check, need, passed

WAITS = '''
import ctypes
word = ctypes.c_int(0)
ctypes.CDLL(None).syscall(202, ctypes.byref(word), 0, 0, None, None, 0)  # futex(FUTEX_WAIT) while the word has that value
'''


def status(*command):
    return subprocess.run([NO_CLONE, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode


def main():
    need(NO_CLONE)
    check(status('/bin/true') == 0, '/bin/true does not live under the filter')
    check(status('/bin/sh', '-c', '/bin/true; /bin/true') == -signal.SIGSYS, 'a shell that forks lives under the filter')
    check(status(sys.executable, '-c', WAITS) == -signal.SIGSYS, 'a program that waits in a futex lives under the filter')
    passed('fork and a waiting futex end in SIGSYS')


if __name__ == '__main__':
    main()
