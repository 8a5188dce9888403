"""Where a program can run: natively, in QEMU, in Monochord. Times are taken on the host while the program waits on its two markers."""
import atexit
import ctypes
import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections import namedtuple

from building import GUESTS, compiled, initramfs, need

Sample = namedtuple('Sample', 'cpu wall checksum bits')
QEMU = 'qemu-system-riscv64'
MEMORY_MIB = 512


class Failure(Exception):
    """What went wrong with one program in one place; the others go on."""


def cpu_clock(pid):
    """The clock of all threads of a process, in nanoseconds (those of /proc/PID/stat are 10 ms long)."""
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(ctypes.c_int(pid), ctypes.byref(clock)) != 0:
        raise Failure('it has ended')
    return clock.value


class Console:
    """A process whose standard input and output we hold."""

    def __init__(self, command):
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                                        start_new_session=True)
        atexit.register(self.kill)  # however we end
        self.clock = cpu_clock(self.process.pid)
        self.pending = b''

    @property
    def pid(self):
        return self.process.pid

    def cpu(self):
        return time.clock_gettime(self.clock)

    def send(self, text):
        try:
            self.process.stdin.write(text.encode())
        except BrokenPipeError:
            raise Failure('it ended') from None

    def expect(self, pattern, seconds):
        """Waits for a regular expression (of bytes) and returns its match; what follows it stays."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.pending)
            if found:
                self.pending = self.pending[found.end():]
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failure(f'nothing for {seconds:.0f} s{self._last_words()}')
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise Failure(f'it ended with status {self.process.wait()}{self._last_words()}')
            self.pending = (self.pending + piece)[-100000:]

    def _last_words(self):
        lines = self.pending.decode(errors='replace').replace('\r', '').split('\n')
        return ''.join(f'\n    {line}' for line in lines[-6:] if line.strip())

    def kill(self):
        atexit.unregister(self.kill)
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def answer(console, seconds):
    """After @begin: starts the program; returns its @end line's four words and the time by our clocks."""
    cpu, wall = console.cpu(), time.monotonic()
    console.send('\n')
    found = console.expect(rb'@(end|fail) ([^\r\n]*)\r?\n', seconds)
    wall, cpu = time.monotonic() - wall, console.cpu() - cpu
    if found[1] == b'fail':
        raise Failure(found[2].decode())
    return found[2].decode().split(), cpu, wall


class Native:
    name = 'native'

    def run(self, program, seconds):
        console = Console([compiled(program.source, 'host'), *program.arguments.split()])
        try:
            console.expect(rb'@begin', seconds)
            words, _, _ = answer(console, seconds)
        finally:
            console.kill()
        # The program's own account has its children in it.
        return Sample(int(words[2]) / 1e9, int(words[3]) / 1e9, words[0], words[1])

    def close(self):
        pass


class Emulator:
    """A machine under Debian's kernel that stays while one program after the other runs in it."""

    def __init__(self, name, binary, arguments, programs):
        self.name, self.binary, self.arguments, self.programs = name, binary, shlex.split(arguments), programs
        self.console = None

    def command(self, options):
        """The words that both emulators take alike, then what the user wants of this one."""
        return [self.binary, '-M', 'virt', '-smp', '1', '-m', f'{MEMORY_MIB}M', '-nographic', *map(str, options), *self.arguments]

    def debian(self, initrd, words):
        need(GUESTS / 'fw_dynamic.bin', GUESTS / 'debian/linux', initrd)
        return self.command(['-bios', GUESTS / 'fw_dynamic.bin', '-kernel', GUESTS / 'debian/linux', '-initrd', initrd,
                             '-append', f'console=ttyS0 {words}'])

    def programs_command(self):
        return self.debian(initramfs(self.programs), 'rdinit=/init quiet')

    def run(self, program, seconds):
        if self.console is None:
            print(f'booting {self.name}', flush=True)
            self.console = Console(self.programs_command())
            self._guarded(lambda: self.console.expect(rb'@ready', seconds))
        return self._guarded(lambda: self._run(program, seconds))

    def _run(self, program, seconds):
        self.console.send(f'{program.source} {program.arguments}\n')
        found = self.console.expect(rb'@(begin|fail|status)[^\n]*', seconds)
        if found[1] != b'begin':
            raise Failure(found[0].decode().strip())
        words, cpu, wall = answer(self.console, seconds)
        self.console.expect(rb'@status 0\r?\n', seconds)
        return Sample(cpu, wall, words[0], words[1])

    def _guarded(self, action):
        """After a failure nobody knows what the guest does: the next program gets a new one."""
        try:
            return action()
        except Failure:
            self.close()
            raise

    def close(self):
        if self.console is not None:
            self.console.kill()
            self.console = None
