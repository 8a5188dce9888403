#!/usr/bin/env python3
"""Debian's kernel boots to a shell and powers off while the interpreter repeats what generated code does (--check).

usage: lockstep.py [--every unit|N] [--initrd shell|small] [--accel KEYS]

  --every unit     compare after each unit of generated code (the default), or every N instructions with units chained
  --initrd shell   the installer's files instead of busybox and modules alone
  --accel KEYS     of -accel tcg, e.g. x-tlb-entries=16
"""
import argparse
import time

from machine import Machine, check, debian_arguments, passed


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    parser.add_argument('--every', default='unit')
    parser.add_argument('--initrd', choices=('shell', 'small'), default='small')
    parser.add_argument('--accel', default='')
    return parser.parse_args()


def main():
    args = parse_arguments()
    machine = Machine(debian_arguments(initrd=args.initrd) + ['-accel', ','.join(filter(None, ['tcg', args.accel])), f'--check={args.every}', '--stats'])
    for milestone in ('OpenSBI', 'Linux version', 'Run /monochord/init'):
        machine.expect_exact(milestone, timeout=1800)
        print(f'{time.monotonic() - machine.started:7.1f} s  {milestone}', flush=True)
    machine.wait_for_shell()
    check(' 6.12.' in machine.run('uname -a', 120), 'uname -a does not name the kernel')
    machine.send('poweroff -f\r')
    status = machine.exit_status()
    check(status == 0, f'exit status {status}')
    passed(f'boot, shell and poweroff under --check={args.every}: no difference in {time.monotonic() - machine.started:.0f} s')


main()
