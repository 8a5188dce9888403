#!/usr/bin/env python3
"""A guest that re-arms its timer every nanosecond, one whose trap vector faults for ever, one that computes, one that sleeps for ever and one that prints
for ever leave the emulator alive: it answers SIGTERM, Ctrl-A x, the monitor and GDB; SIGTERM also when nobody reads what it prints."""
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from machine import BINARY, Machine, bare_arguments, check, passed

SAYS = {'nanosecond_timer': 're-arming', 'trap_loop': 'trapping', 'spin': 'spinning', 'asleep': 'asleep', 'flood': 'abcdef'}


def start(name, *options):
    machine = Machine(bare_arguments(name, '-nographic', *options), timeout=20)
    machine.expect_exact(SAYS[name])
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
    with tempfile.TemporaryDirectory() as folder:
        machine = start(name, '-gdb', f'unix:{folder}/gdb')
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(f'{folder}/gdb')
        for command in ('?', 's'):
            client.sendall(packet(command))
            reply = b''
            while b'T05' not in reply:
                reply += client.recv(4096)
            client.sendall(b'+')
        client.sendall(packet('k'))
        check(machine.exit_status(10) == 0, f'{name}: GDB\'s kill did not end it')


def survives_a_client_that_does_not_wait():
    """Steps are sent without waiting for the replies: none may be taken inside the one before, or the (here small) stack ends."""
    small_stack = 256 << 10
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([BINARY, *bare_arguments('spin', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-gdb', f'unix:{folder}/gdb')],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (small_stack, small_stack)))
        time.sleep(1)
        client = socket.socket(socket.AF_UNIX)
        client.connect(f'{folder}/gdb')
        client.setblocking(False)
        steps = packet('s') * 4000
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and process.poll() is None:
            readable, writable, _ = select.select([client], [client], [], 0.1)
            try:
                if readable:
                    client.recv(1 << 20)
                if writable:
                    client.send(steps)
            except ConnectionError:
                break
        check(process.poll() is None, f'a GDB client that does not wait ended it with {process.returncode}')
        process.send_signal(signal.SIGTERM)
        try:
            check(process.wait(10) == 0, f'a GDB client that does not wait: SIGTERM gave {process.returncode}')
        finally:
            process.kill()
    passed('a GDB client that does not wait for replies: answers sigterm')


def answers_when_nobody_reads():
    """The pipe is full after a moment, and stays so."""
    process = subprocess.Popen([BINARY, *bare_arguments('flood', '-display', 'none', '-serial', 'stdio')], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    time.sleep(1)
    check(process.poll() is None, f'a full pipe ended it with status {process.returncode}')
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        sys.exit('with a full pipe it does not answer SIGTERM')
    finally:
        process.stdout.close()
    check(process.returncode == 0, f'with a full pipe SIGTERM gave status {process.returncode}')
    passed('flood, and nobody reads: answers sigterm')


def answers_when_nobody_reads_the_log():
    process = subprocess.Popen([BINARY, *bare_arguments('trap_loop', '-display', 'none', '-serial', 'null', '-d', 'int')], stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    try:
        check(process.wait(10) == 0, f'with a full log pipe SIGTERM gave status {process.returncode}')
    except subprocess.TimeoutExpired:
        sys.exit('with a full log pipe it does not answer SIGTERM')
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    passed('trap_loop, and nobody reads its log: answers sigterm')


def main():
    for name in SAYS:
        # A flood has to be read all the time, else it blocks the emulator, as a pipe blocks any program.
        tests = (answers_sigterm, answers_ctrl_a_x) if name == 'flood' else (answers_sigterm, answers_ctrl_a_x, answers_the_monitor, answers_gdb)
        for test in tests:
            test(name)
            passed(f'{name}: {test.__name__.replace("_", " ")}')
    survives_a_client_that_does_not_wait()
    answers_when_nobody_reads()
    answers_when_nobody_reads_the_log()


if __name__ == '__main__':
    main()
