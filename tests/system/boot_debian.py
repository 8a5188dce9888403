#!/usr/bin/env python3
"""Debian's riscv64 kernel with the installer's initrd reaches a shell on one thread, keeps time and powers off with status 0.

usage: boot_debian.py [--static] [--no-clone | --pid-namespace] [--initrd shell|small] [--quick]

  --static          build/monochord-static instead of build/monochord
  --no-clone        under a seccomp filter that kills it for clone, clone3, fork, vfork and a futex that waits
  --pid-namespace   as PID 1 of a PID namespace (root, or a kernel that lets users have namespaces)
  --initrd small    busybox and modules alone instead of the installer's files: boots in a third of the time
  --quick           without the clocks
"""
import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from machine import NO_CLONE, OWN_GUESTS, STATIC, Machine, check, debian_arguments, make_initrd, need, passed

BOOT_SECONDS_MAX = 40


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    parser.add_argument('--static', action='store_true')
    parser.add_argument('--no-clone', action='store_true')
    parser.add_argument('--pid-namespace', action='store_true')
    parser.add_argument('--initrd', choices=('shell', 'small'), default='shell')
    parser.add_argument('--quick', action='store_true')
    return parser.parse_args()


def launcher(args):
    if args.no_clone:
        need(NO_CLONE)
        return [NO_CLONE]
    if args.pid_namespace:
        user = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
        return ['unshare', *user, '--pid', '--fork', '--kill-child']
    return []


def reaches_the_shell(machine):
    machine.expect_exact('OpenSBI', timeout=60)
    seen = {machine.threads()}
    machine.expect_exact('Linux version', timeout=60)
    seen.add(machine.threads())
    machine.expect_exact('Run /monochord/init', timeout=120)
    seen.add(machine.threads())
    machine.wait_for_shell()
    seconds, cpu_seconds = time.monotonic() - machine.started, machine.cpu_seconds()
    seen.add(machine.threads())
    check(seen == {1}, f'numbers of threads seen during the boot: {sorted(seen)}')
    # The host may have other work to do: what counts is the time that we used.
    check(cpu_seconds < BOOT_SECONDS_MAX, f'boot to the prompt took {cpu_seconds:.1f} s of CPU time, more than {BOOT_SECONDS_MAX} s')
    passed(f'boot to the prompt: {seconds:.1f} s ({cpu_seconds:.1f} s of CPU time), one thread')


def commands_work(machine):
    uname = machine.run('uname -a')
    check(' 6.12.' in uname and 'riscv64' in uname, f'uname -a said {uname!r}')
    date = machine.run('date +%s')
    check(re.search(r'^\d+$', date, re.M) and abs(time.time() - int(re.findall(r'^\d+$', date, re.M)[-1])) < 10, f'date is not the host\'s: {date!r}')
    check('rv64imafdc' in machine.run('cat /proc/cpuinfo'), '/proc/cpuinfo shows no isa')
    passed(f'uname, date and /proc/cpuinfo work: {uname.strip().splitlines()[-1]}')


def control_c_interrupts(machine):
    machine.send('sleep 1000\r')
    time.sleep(1)
    machine.send('\x03')
    machine.expect_exact('# ', timeout=20)
    machine.run('true')
    passed('Ctrl-C interrupts sleep')


def number_of(machine, line, timeout=60):
    return [int(n) for n in re.findall(r'^(\d+)$', machine.run(line, timeout), re.M)]


def sleep_is_never_short(machine):
    begin, end = number_of(machine, '/monochord/clock; sleep 2; /monochord/clock')
    shortest = min(number_of(machine, 'for i in 1 2 3 4 5 6 7 8 9 10; do /monochord/clock sleep 0.1; done'))
    slept, = number_of(machine, '/monochord/clock sleep 2')
    check(end - begin >= 2_000_000_000, f'sleep 2 ended after {end - begin} ns of guest time')
    check(slept >= 2_000_000_000, f'nanosleep of 2 s ended after {slept} ns of guest time')
    check(shortest >= 100_000_000, f'nanosleep of 0.1 s ended after {shortest} ns of guest time')
    passed(f'sleep 2 took {(end - begin) / 1e9:.4f} s of guest time; nanosleep of 2 s {slept / 1e9:.6f} s; shortest of ten of 0.1 s {shortest / 1e9:.6f} s')


def clock_offset(machine):
    """Guest's clock minus the host's, and how wrong it may be at most, in ns: the guest read its clock between our question and its answer."""
    best = None
    for _ in range(60):
        asked = time.monotonic_ns()
        machine.send('\r')
        machine.expect(r'(\d+)\r*\n', timeout=20)
        answered = time.monotonic_ns()
        error = (answered - asked) / 2
        if best is None or error < best[1]:
            best = (int(machine.match.group(1)) - (asked + answered) / 2, error, (asked + answered) / 2)
    return best


def clocks_agree(machine, seconds=10):
    machine.send('/monochord/clock reply\r')
    machine.expect_exact('\n')
    offset, error, when = clock_offset(machine)
    time.sleep(seconds)
    later_offset, later_error, later = clock_offset(machine)
    machine.send('\x04')
    machine.expect_exact('# ')
    machine.run('true')
    span = later - when
    drift = abs(later_offset - offset) / span
    uncertainty = (error + later_error) / span
    check(drift + uncertainty < 0.001, f'clocks: drift {100 * drift:.4f} % +- {100 * uncertainty:.4f} % over {span / 1e9:.1f} s')
    passed(f'guest\'s and host\'s monotonic clocks: {100 * drift:.4f} % apart over {span / 1e9:.1f} s (known to {100 * uncertainty:.4f} %)')


def main():
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        initrd = args.initrd if args.quick else make_initrd(Path(folder) / 'initrd.gz', args.initrd, {'monochord/clock': OWN_GUESTS / 'clock'})
        machine = Machine(debian_arguments(initrd=initrd) + ['--stats'], binary=STATIC if args.static else None, launcher=launcher(args))
        reaches_the_shell(machine)
        commands_work(machine)
        if args.pid_namespace:
            pids = re.search(r'^NSpid:\s+(.*)$', Path(f'/proc/{machine.pid}/status').read_text(), re.M).group(1).split()
            check(pids[-1] == '1', f'not PID 1 in its namespace: {pids}')
            passed('it is PID 1')
        control_c_interrupts(machine)
        if not args.quick:
            sleep_is_never_short(machine)
            clocks_agree(machine)
        check(machine.threads() == 1, f'{machine.threads()} threads at the end')
        machine.send('poweroff -f\r')
        status = machine.exit_status()
        check(status == 0, f'poweroff -f ended the emulator with status {status}')
        speed = re.search(r'\d+ instructions in .*', machine.output)
        check(speed, f'--stats printed no instructions per second: {machine.output[-500:]!r}')
        passed(f'poweroff -f: status 0; {speed.group(0)}')


if __name__ == '__main__':
    sys.exit(main())
