#!/usr/bin/env python3
"""An idle guest at the shell costs under 1 % of a host core: CPU time over ten seconds of doing nothing."""
import time

from machine import PROMPT, Machine, check, debian_arguments, passed

SECONDS = 10


def main():
    machine = Machine(debian_arguments(initrd='small'))
    machine.expect_exact('monochord: shell on', timeout=120)
    machine.expect_exact(PROMPT)
    time.sleep(5)  # what the kernel still has to do after the boot
    before = machine.cpu_seconds()
    time.sleep(SECONDS)
    share = 100 * (machine.cpu_seconds() - before) / SECONDS
    machine.kill()
    check(share < 1.0, f'idle costs {share:.2f} % of a core')
    passed(f'idle: {share:.2f} % of a core over {SECONDS} s')


if __name__ == '__main__':
    main()
