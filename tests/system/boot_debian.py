#!/usr/bin/env python3
"""Debian's riscv64 kernel with the installer's initrd reaches a shell, keeps time and powers off with status 0.

usage: boot_debian.py [--binary PROGRAM] [--launcher PROGRAM] [--initrd shell|small] [--quick]

--launcher runs the emulator through a program that execs it (no-clone installs the seccomp filter). --quick leaves the ten-second clock comparison out.
"""
import argparse
import re
import time

from machine import BINARY, PROMPT, Machine, check, debian_arguments, passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--binary', default=BINARY)
    parser.add_argument('--launcher', default=None)
    parser.add_argument('--initrd', default='shell')
    parser.add_argument('--quick', action='store_true')
    args = parser.parse_args()
    machine = Machine(debian_arguments(initrd=args.initrd) + ['--stats'], binary=args.binary, launcher=[args.launcher] if args.launcher else [])
    machine.expect_exact('OpenSBI', timeout=30)
    check(machine.threads() == 1, f'{machine.threads()} threads at the start of the boot')
    machine.expect_exact('monochord: shell on', timeout=120)
    machine.expect_exact(PROMPT)
    boot_seconds = time.monotonic() - machine.started
    check(machine.threads() == 1, f'{machine.threads()} threads at the shell')
    passed(f'boot to the prompt: {boot_seconds:.1f} s, one thread')

    uname = machine.run('uname -a')
    check('riscv64' in uname, f'uname -a said {uname!r}')
    check(abs(time.time() - int(machine.run('date +%s').split()[-1])) < 10, 'date is not the host\'s')
    check('isa' in machine.run('cat /proc/cpuinfo'), '/proc/cpuinfo shows no isa')
    passed('uname, date and /proc/cpuinfo work')

    # Guest time around the sleep: two reads of the monotonic clock, in hundredths.
    uptimes = machine.run('cut -d" " -f1 /proc/uptime; sleep 2; cut -d" " -f1 /proc/uptime')
    before, after = [float(x) for x in re.findall(r'^(\d+\.\d\d)$', uptimes, re.M)]
    check(after - before >= 1.99, f'sleep 2 ended after {after - before:.2f} s')  # /proc/uptime is cut to 0.01 s on both sides
    passed(f'sleep 2 took {after - before:.2f} s of guest time')

    # Ctrl-C interrupts.
    machine.send('sleep 1000\r')
    time.sleep(1)
    machine.send('\x03')
    machine.expect_exact(PROMPT, timeout=10)
    passed('Ctrl-C interrupts sleep')

    if not args.quick:
        compare_clocks(machine)
    machine.send('poweroff -f\r')
    status = machine.exit_status()
    check(status == 0, f'poweroff -f ended the emulator with status {status}')
    passed('poweroff -f: status 0')
    for line in machine.output.splitlines():
        if 'instructions in' in line:
            passed(line.strip())


def compare_clocks(machine):
    """A line a second from the guest, stamped here as it arrives. The least delay of each end is what the comparison stands on."""
    machine.send('i=0; while [ $i -lt 40 ]; do cut -d" " -f1 /proc/uptime; usleep 300000; i=$((i+1)); done; echo en""d\r')
    samples = []
    for _ in range(40):
        machine.expect(r'(\d+\.\d\d)\r?\n', timeout=20)
        samples.append((time.monotonic(), float(machine.child.match.group(1))))
    machine.expect_exact('end')
    machine.expect_exact(PROMPT)
    # Delays only ever make the host's stamp late: the least lateness near both ends tells the drift.
    early = min(h - g for h, g in samples[:10])
    late = min(h - g for h, g in samples[-10:])
    span = samples[-1][1] - samples[0][1]
    drift = abs(late - early) / span
    # /proc/uptime has a resolution of 10 ms, which over 12 s is 0.08 %.
    check(drift < 0.002, f'the clocks drifted {100 * drift:.3f} % over {span:.1f} s')
    passed(f'guest and host clock: {100 * drift:.3f} % over {span:.1f} s (resolution 0.08 %)')


if __name__ == '__main__':
    main()
