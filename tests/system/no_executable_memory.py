#!/usr/bin/env python3
"""A host that forbids memory which is written and run (PR_SET_MDWE, Linux 6.3): a line says so, and the guest runs on the interpreter.

usage: no_executable_memory.py [BINARY...]
"""
import ctypes
import subprocess
import sys

from machine import BINARY, OWN_GUESTS, STATIC, check, need, passed

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


def forbid():
    ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


def main():
    guest = OWN_GUESTS / 'three_instructions.elf'
    binaries = sys.argv[1:] or [BINARY, STATIC]
    need(guest, *binaries)
    try_it = f'import ctypes; raise SystemExit(ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0) != 0)'
    if subprocess.run([sys.executable, '-c', try_it]).returncode != 0:
        passed('this kernel has no PR_SET_MDWE: nothing tried')
        return
    for binary in binaries:
        ran = subprocess.run([binary, '-bios', 'none', '-display', 'none', '-serial', 'null', '-kernel', guest, '-stats'], preexec_fn=forbid, capture_output=True,
                             text=True, timeout=60)
        check(ran.returncode == 0, f'{binary}: exit status {ran.returncode}: {ran.stderr}')
        said = [line for line in ran.stderr.splitlines() if 'memory that code can be written to' in line]
        check(len(said) == 1 and said[0].endswith('guest code is interpreted'), f'{binary} said: {ran.stderr}')
        check('the JIT does not run' in ran.stderr, f'{binary}: {ran.stderr}')
    passed('without memory for code: one line, and the interpreter')


main()
