#!/usr/bin/env python3
"""gdb-multiarch in batch mode: a breakpoint in Debian's kernel, three single steps, registers, detach, and the guest boots on; Ctrl-C, memory; single
steps of a small guest give the registers that QEMU gives."""
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from machine import Machine, bare_arguments, check, debian_arguments, need_programs, passed

KERNEL_ENTRY = 0x80200000
RAM = 0x80000000
STEPS = 60


def gdb(path, *commands):
    """The process, which attaches to the emulator and does `commands`."""
    words = ['set pagination off', 'set confirm off', 'set architecture riscv:rv64', f'target remote {path}', *commands]
    return subprocess.Popen(['gdb-multiarch', '-nx', '-batch', *[word for c in words for word in ('-ex', c)]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def output_of(process):
    try:
        return process.communicate(timeout=120)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return 'GDB did not end; it printed: ' + process.communicate()[0]


def wait_for(path):
    deadline = time.monotonic() + 20
    while not path.exists():
        check(time.monotonic() < deadline, f'the emulator did not make {path}')
        time.sleep(0.02)


def breakpoint_in_the_kernel(path):
    machine = Machine(debian_arguments() + ['-S', '-gdb', f'unix:{path}'])
    wait_for(path)
    text = output_of(gdb(path, f'hbreak *{KERNEL_ENTRY:#x}', 'continue', 'printf "at %lx\\n", (long)$pc', 'stepi', 'stepi', 'stepi',
                         'printf "then %lx\\n", (long)$pc', 'info registers', 'info registers satp', f'x/2i {KERNEL_ENTRY:#x}', 'delete', 'detach'))
    check(f'at {KERNEL_ENTRY:x}' in text, f'the breakpoint was not reached:\n{text}')
    check(re.search(r'then [0-9a-f]+', text) and f'then {KERNEL_ENTRY:x}' not in text, f'stepping did not move:\n{text}')
    check(re.search(r'^a1\s+0x', text, re.M) and re.search(r'^satp\s+0x0\s', text, re.M), f'no registers:\n{text}')
    machine.wait_for_shell()
    machine.send('\x01x')
    check(machine.exit_status() == 0, 'Ctrl-A x after GDB went away')
    passed('breakpoint in the kernel, three steps, registers, detach; the guest booted on')


def control_c(path):
    machine = Machine(bare_arguments('spin', '-nographic', '-gdb', f'unix:{path}'))
    machine.expect_exact('spinning')
    process = gdb(path, 'continue', 'printf "pc %lx\\n", (long)$pc', f'set {{int}}{RAM + 0x1000:#x} = 0x12345678', f'x/1wx {RAM + 0x1000:#x}',
                  'set $s1 = 77', 'stepi', 'info registers s1', 'detach')
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    text = output_of(process)
    check(re.search(rf'pc {RAM:x}'[:-2], text), f'Ctrl-C did not stop the guest:\n{text}')
    check('0x12345678' in text, f'memory was not written:\n{text}')
    check(re.search(r'^s1\s+0x4[de]\s', text, re.M), f'a register was not written:\n{text}')
    os.kill(machine.pid, signal.SIGTERM)
    check(machine.exit_status() == 0, 'SIGTERM after GDB went away')
    passed('Ctrl-C stops a running guest; memory and registers are written')


def steps(path):
    names = ['pc', 'ra', 'sp'] + [f't{i}' for i in range(7)] + [f'a{i}' for i in range(8)]
    line = 'printf "' + ' '.join('%lx' for _ in names) + '\\n", ' + ', '.join(f'(long)${name}' for name in names)
    # Firmware tables and the device tree differ in place: what a register holds of them is set to 0 at the start.
    zero = [f'set ${name} = 0' for name in names if name != 'pc']
    text = output_of(gdb(path, f'hbreak *{RAM:#x}', 'continue', 'delete', *zero, *(['stepi', line] * STEPS), 'kill'))
    return re.findall(r'^[0-9a-f]+(?: [0-9a-f]+){%d}$' % (len(names) - 1), text, re.M), text


def steps_as_in_qemu(folder):
    arguments = bare_arguments('hello', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-S')
    ours, theirs = folder / 'ours', folder / 'theirs'
    machine = Machine(arguments + ['-gdb', f'unix:{ours}'])
    wait_for(ours)
    qemu = subprocess.Popen(['qemu-system-riscv64', '-M', 'virt', *arguments, '-gdb', f'unix:{theirs},server=on,wait=off'],
                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(theirs)
        expected, text = steps(theirs)
    finally:
        qemu.kill()
        qemu.wait()
    check(len(expected) == STEPS, f'QEMU gave {len(expected)} of {STEPS} steps:\n{text}')
    seen, text = steps(ours)
    check(len(seen) == STEPS, f'{len(seen)} of {STEPS} steps:\n{text}')
    for number, (mine, theirs_at) in enumerate(zip(seen, expected)):
        check(mine == theirs_at, f'step {number + 1}: {mine}\nQEMU:   {theirs_at}')
    machine.exit_status(20)
    passed(f'{STEPS} single steps: pc and registers as QEMU gives them')


def main():
    need_programs('gdb-multiarch', 'qemu-system-riscv64')
    with tempfile.TemporaryDirectory() as folder:
        steps_as_in_qemu(Path(folder))
        control_c(Path(folder) / 'c')
        breakpoint_in_the_kernel(Path(folder) / 'kernel')


if __name__ == '__main__':
    main()
