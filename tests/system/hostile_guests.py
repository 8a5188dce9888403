#!/usr/bin/env python3
"""A guest that re-arms its timer every nanosecond, and one whose trap vector faults for ever, leave the emulator alive: it answers SIGTERM, Ctrl-A x,
the monitor and GDB."""
import os
import signal
import socket
import sys
import time

from machine import BUILD, Machine, check, passed

GUESTS = os.environ.get('MONOCHORD_TEST_GUESTS', str(BUILD / 'tests/guests'))


def start(name, *options):
    machine = Machine(['-bios', 'none', '-kernel', f'{GUESTS}/{name}.elf', '-nographic', *options], timeout=20)
    machine.expect_exact({'nanosecond_timer': 're-arming', 'trap_loop': 'trapping', 'spin': 'spinning'}[name])
    time.sleep(0.3)
    return machine


def answers_ctrl_a_x(name):
    machine = start(name)
    machine.send('\x01x')
    check(machine.exit_status(10) == 0, f'{name}: Ctrl-A x did not end it with status 0')


def answers_sigterm(name):
    machine = start(name)
    os.kill(machine.pid, signal.SIGTERM)
    check(machine.exit_status(10) == 0, f'{name}: SIGTERM did not end it')


def answers_the_monitor(name):
    machine = start(name)
    machine.send('\x01c')
    machine.expect_exact('(monochord) ')
    machine.send('info registers\r')
    machine.expect(r'pc\s+[0-9a-f]{16}')
    machine.expect_exact('(monochord) ')
    machine.send('quit\r')
    check(machine.exit_status(10) == 0, f'{name}: quit did not end it')


def packet(text):
    return f'${text}#{sum(text.encode()) & 255:02x}'.encode()


def answers_gdb(name):
    path = f'/tmp/monochord-gdb-{os.getpid()}'
    machine = start(name, '-gdb', f'unix:{path}')
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(path)
    client.sendall(packet('?'))
    reply = b''
    while b'T05' not in reply:
        reply += client.recv(4096)
    client.sendall(b'+' + packet('s'))
    reply = b''
    while b'T05' not in reply:
        reply += client.recv(4096)
    client.sendall(b'+' + packet('k'))
    check(machine.exit_status(10) == 0, f'{name}: GDB\'s kill did not end it')


def main():
    for name in ('nanosecond_timer', 'trap_loop', 'spin'):
        for test in (answers_sigterm, answers_ctrl_a_x, answers_the_monitor, answers_gdb):
            test(name)
            passed(f'{name}: {test.__name__.replace("_", " ")}')


if __name__ == '__main__':
    sys.exit(main())
