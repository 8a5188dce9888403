#!/usr/bin/env python3
"""Debian stopped, continued and reset: -S and cont; while the machine is stopped its time stands still and the host has nothing to do; reboot, the
monitor's system_reset, -no-reboot."""
import re
import time

from machine import PROMPT, Machine, check, debian_arguments, passed


def monitor(machine, *commands):
    """Ctrl-A c, the commands, Ctrl-A c back; returns what they printed."""
    machine.send('\x01c')
    machine.expect_exact('(monochord) ')
    text = ''
    for command in commands:
        machine.send(command + '\r')
        machine.expect_exact('(monochord) ')
        text += machine.child.before
    machine.send('\x01c')
    return text


def uptime(machine):
    return float(re.search(r'^(\d+\.\d+) ', machine.run('cat /proc/uptime'), re.M).group(1))


def main():
    machine = Machine(debian_arguments() + ['-S'])
    check('paused (prelaunch)' in monitor(machine, 'info status', 'cont'), '-S did not wait')
    machine.wait_for_shell()
    passed('-S waits, cont starts')

    before = uptime(machine)
    monitor(machine, 'stop')
    cpu = machine.cpu_seconds()
    time.sleep(5)
    cpu = machine.cpu_seconds() - cpu
    monitor(machine, 'cont')
    machine.send('\r')
    machine.expect_exact(PROMPT)
    went_on = uptime(machine) - before
    check(went_on < 4, f'the guest\'s time went on by {went_on:.2f} s, 5 s of which it was stopped')
    check(cpu < 0.05, f'stopped it used {cpu:.2f} s of CPU time in 5 s')
    passed(f'stopped for 5 s: {went_on:.2f} s of guest time, {cpu:.2f} s of CPU time')

    machine.send('reboot -f\r')
    machine.expect_exact('OpenSBI')
    machine.wait_for_shell()
    machine.send('\x01c')
    machine.expect_exact('(monochord) ')
    machine.send('system_reset\r')
    machine.expect_exact('OpenSBI')
    machine.send('\x01c')
    machine.wait_for_shell()
    check(uptime(machine) < 60, 'a reset machine has an old clock')
    machine.send('poweroff -f\r')
    check(machine.exit_status() == 0, 'poweroff after two resets did not give status 0')
    passed('reboot -f and system_reset boot again')

    machine = Machine(debian_arguments('monochord.cmd="reboot -f"') + ['-no-reboot'])
    machine.expect_exact('monochord: running')
    check(machine.exit_status() == 0 and 'OpenSBI' not in machine.output, '-no-reboot did not end it with status 0')
    passed('-no-reboot ends it')


if __name__ == '__main__':
    main()
