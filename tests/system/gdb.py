#!/usr/bin/env python3
"""gdb-multiarch in batch mode: a breakpoint in Debian's kernel, three single steps, registers, detach; the guest then boots on."""
import os
import re
import shutil
import subprocess
import sys

from machine import Machine, check, debian_arguments, passed

KERNEL_ENTRY = 0x80200000


def main():
    if shutil.which('gdb-multiarch') is None:
        sys.exit('gdb-multiarch is missing; tools/setup packages installs it')
    path = f'/tmp/monochord-gdb-{os.getpid()}'
    machine = Machine(debian_arguments(initrd='small') + ['-S', '-gdb', f'unix:{path}'])
    commands = ['set pagination off', 'set architecture riscv:rv64', f'target remote {path}', f'hbreak *{KERNEL_ENTRY:#x}', 'continue',
                'printf "at %lx\\n", (long)$pc', 'stepi', 'stepi', 'stepi', 'printf "then %lx\\n", (long)$pc', 'info registers', 'info registers satp',
                f'x/2i {KERNEL_ENTRY:#x}', 'delete', 'detach']
    arguments = ['gdb-multiarch', '-nx', '-batch'] + [word for c in commands for word in ('-ex', c)]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    text = run.stdout + run.stderr
    check(f'at {KERNEL_ENTRY:x}' in text, f'the breakpoint was not reached:\n{text}')
    check(re.search(r'then [0-9a-f]+', text) and f'then {KERNEL_ENTRY:x}' not in text, f'stepping did not move:\n{text}')
    check(re.search(r'^a1\s+0x', text, re.M), f'no registers:\n{text}')
    machine.expect_exact('monochord: shell on', timeout=120)
    machine.send('\x01x')
    machine.exit_status()
    passed('breakpoint, three steps, registers, detach; the guest booted on')


if __name__ == '__main__':
    main()
