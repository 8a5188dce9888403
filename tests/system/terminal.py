#!/usr/bin/env python3
"""The user's terminal is as it was after every way out and while the emulator is stopped; Ctrl-A's keys; a terminal that is closed ends it."""
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pexpect

from machine import BINARY, Machine, bare_arguments, check, need, passed

SHELL_PROMPT = 'PROMPT> '


class Shell:
    """A bash with job control on a terminal of its own, in which the emulator is a job."""

    def __init__(self):
        environment = dict(os.environ, PS1=SHELL_PROMPT, TERM='dumb')
        self.child = pexpect.spawn('bash', ['--norc', '--noprofile', '-i'], timeout=20, encoding='utf-8', env=environment)
        self.child.delaybeforesend = None
        self.child.expect_exact(SHELL_PROMPT)
        self.before = self.settings()

    def settings(self):
        """The terminal's settings as a program that the shell starts finds them. (While bash edits a line it has settings of its own.)"""
        return self.command('stty -g')

    def command(self, line):
        self.child.send(line + '\r')
        self.child.expect_exact('\n')
        self.child.expect_exact(SHELL_PROMPT)
        return self.child.before.replace('\r', '').strip()

    def start(self, guest, *options):
        self.child.send(' '.join([BINARY, *bare_arguments(guest, *options)]) + '\r')
        self.child.expect_exact({'spin': 'spinning', 'echo': 'q ends', 'hello': 'hello from the guest'}[guest])

    def emulator(self):
        """Process id of the job; the shell's only child."""
        children = open(f'/proc/{self.child.pid}/task/{self.child.pid}/children').read().split()
        check(len(children) == 1, f'the shell has {len(children)} children')
        return int(children[0])

    def expect(self, text):
        try:
            self.child.expect_exact(text)
        except (pexpect.TIMEOUT, pexpect.EOF):
            sys.exit(f'expected {text!r}, got: {self.child.before!r}')

    def restored(self, after):
        self.expect(SHELL_PROMPT)
        now = self.settings()
        check(now == self.before, f'after {after} the terminal is {now}, it was {self.before}')


def is_raw(shell):
    local = termios.tcgetattr(shell.child.fileno())[3]
    return not local & (termios.ICANON | termios.ECHO)


def wait_until(condition, what):
    deadline = time.monotonic() + 10
    while not condition():
        check(time.monotonic() < deadline, f'{what} did not happen')
        time.sleep(0.01)


def restored_after_every_end(shell):
    shell.start('hello', '-nographic')
    shell.restored('power-off')
    shell.start('spin', '-nographic')
    wait_until(lambda: is_raw(shell), 'raw mode')
    shell.child.send('\x01x')
    shell.restored('Ctrl-A x')
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV):
        shell.start('spin', '-nographic')
        wait_until(lambda: is_raw(shell), 'raw mode')
        os.kill(shell.emulator(), number)
        shell.restored(number.name)
    passed('restored after power-off, Ctrl-A x, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV')
    shell.start('spin', '-display', 'none', '-serial', 'stdio')
    wait_until(lambda: is_raw(shell), 'raw mode')
    shell.child.send('\x03')
    shell.restored('Ctrl-C with -serial stdio')
    shell.child.send(f'{BINARY} -bios none -kernel /no/such/file -nographic\r')
    shell.expect('/no/such/file')
    shell.expect('file')
    shell.restored('an error at the start')
    passed('restored after Ctrl-C of -serial stdio and after an error at the start')


def stops_and_goes_on(shell, stop, options):
    shell.start('echo', *options)
    wait_until(lambda: is_raw(shell), 'raw mode')
    stop()
    shell.expect('Stopped')
    shell.restored('the stop')
    shell.child.send('fg\r')
    shell.expect('echo.elf')
    wait_until(lambda: is_raw(shell), 'raw mode again')
    shell.child.send('w')
    shell.expect('w')
    shell.child.send('q')
    shell.restored('fg and the end')


def background_job_leaves_it_alone(shell):
    shell.child.send(' '.join([BINARY, *bare_arguments('spin', '-nographic')]) + ' </dev/null &\r')
    shell.expect('spinning')
    shell.expect('\n')
    check(shell.command('stty -g') == shell.before, 'a background job changed the terminal')
    os.kill(shell.emulator(), signal.SIGTERM)
    shell.expect('terminating')
    shell.command('wait')


def keys_of_control_a():
    machine = Machine(bare_arguments('echo', '-nographic'), timeout=20)
    machine.expect_exact('q ends')
    machine.send('\x01h')
    for key in ('C-a h', 'C-a x', 'C-a c'):
        machine.expect_exact(key)
    machine.send('a')
    machine.expect_exact('a')
    machine.send('\x01\x01')
    machine.expect_exact('\x01')  # the guest got one and sent it back
    machine.send('\x01c')
    machine.expect_exact('(monochord) ')
    machine.send('info status\r')
    machine.expect_exact('VM status: running')
    machine.expect_exact('(monochord) ')
    machine.send('stop\r')
    machine.expect_exact('(monochord) ')
    machine.send('info status\r')
    machine.expect_exact('VM status: paused')
    machine.send('cont\r')
    machine.expect_exact('(monochord) ')
    machine.expect_exact('(monochord) ')
    machine.send('\x01cz')
    machine.expect_exact('z')
    machine.send('\x01x')
    check(machine.exit_status(10) == 0, 'Ctrl-A x did not give status 0')
    passed('Ctrl-A h, c, x and Ctrl-A itself; the monitor stops and continues the guest')


def closed_terminal_ends_it():
    arguments = bare_arguments('spin', '-nographic')
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(BINARY, [BINARY, *arguments])
    output = b''
    while b'spinning' not in output:
        output += os.read(fd, 1000)
    os.close(fd)
    deadline = time.monotonic() + 10
    ended, status = 0, 0
    while ended == 0 and time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    if ended == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.exit('a closed terminal did not end it')
    check(not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGHUP, f'a closed terminal: wait status {status}')
    passed('a closed terminal ends it')


def main():
    need(BINARY)
    check(subprocess.run(['bash', '-c', ':']).returncode == 0, 'bash is missing')
    shell = Shell()
    restored_after_every_end(shell)
    stops_and_goes_on(shell, lambda: os.kill(shell.emulator(), signal.SIGTSTP), ['-nographic'])
    stops_and_goes_on(shell, lambda: shell.child.send('\x1a'), ['-display', 'none', '-serial', 'stdio'])
    passed('restored while stopped (SIGTSTP; Ctrl-Z of -serial stdio), raw again after fg')
    background_job_leaves_it_alone(shell)
    passed('a background job leaves the terminal alone')
    shell.child.close(force=True)
    keys_of_control_a()
    closed_terminal_ends_it()


if __name__ == '__main__':
    main()
