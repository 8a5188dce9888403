"""What every system test uses: the built programs, the guests, and an emulator on a pseudo terminal that can be typed at."""
import os
import signal
import sys
import time
from pathlib import Path

try:
    import pexpect
except ImportError:
    sys.exit('python3-pexpect is missing; tools/setup packages installs it')

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('MONOCHORD_BUILD_DIR', ROOT / 'build'))
GUESTS = Path(os.environ.get('MONOCHORD_GUESTS', BUILD / 'guests'))
BINARY = os.environ.get('MONOCHORD', str(BUILD / 'monochord'))
STATIC = str(BUILD / 'monochord-static')
PROMPT = '~ # '


def need(*paths):
    """Ends the test with one line when something isn't there."""
    for path in paths:
        if not Path(path).exists():
            sys.exit(f'{path} is missing; tools/setup makes the guests, cmake the programs')


def debian_arguments(extra_words='', memory='512M', initrd='shell'):
    # The installer's initrd with our init appended; `small` is the quick one with busybox and the modules alone.
    need(GUESTS / 'fw_dynamic.bin', GUESTS / 'debian/linux', GUESTS / f'debian/initrd-{initrd}.gz')
    return ['-m', memory, '-nographic', '-bios', str(GUESTS / 'fw_dynamic.bin'), '-kernel', str(GUESTS / 'debian/linux'),
            '-initrd', str(GUESTS / f'debian/initrd-{initrd}.gz'), '-append', f'console=ttyS0 rdinit=/monochord/init {extra_words}'.strip()]


class Machine:
    """An emulator on a pseudo terminal. `echo=True` shows what it prints."""

    def __init__(self, arguments, binary=None, launcher=(), timeout=120, env=None):
        command = [*launcher, binary or BINARY, *arguments]
        self.log = []
        self.child = pexpect.spawn(command[0], command[1:], timeout=timeout, encoding='utf-8', codec_errors='replace', dimensions=(50, 200), env=env)
        self.child.delaybeforesend = None
        if os.environ.get('VERBOSE'):
            self.child.logfile_read = sys.stdout
        self.started = time.monotonic()

    @property
    def pid(self):
        return self.child.pid

    def expect(self, pattern, timeout=-1):
        try:
            return self.child.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            tail = (self.child.before or '')[-3000:]
            self.kill()
            sys.exit(f'expected {pattern!r}, got {type(error).__name__} after:\n{tail}')

    def expect_exact(self, text, timeout=-1):
        try:
            return self.child.expect_exact(text, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            tail = (self.child.before or '')[-3000:]
            self.kill()
            sys.exit(f'expected {text!r}, got {type(error).__name__} after:\n{tail}')

    def send(self, text):
        self.child.send(text)

    def run(self, line, timeout=60):
        """Types a line at the guest's shell and returns what it printed."""
        self.send(line + '\r')
        self.expect_exact('\n', timeout)  # the echo of the line ends
        self.expect_exact(PROMPT, timeout)
        return self.child.before.replace('\r', '')

    def exit_status(self, timeout=60):
        """Waits for the end; the exit status, or minus the signal."""
        self.child.timeout = timeout
        try:
            self.child.expect(pexpect.EOF, timeout=timeout)
        except pexpect.TIMEOUT:
            tail = (self.child.before or '')[-2000:]
            self.kill()
            sys.exit(f'it did not end; the last it printed:\n{tail}')
        self.output = self.child.before
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus

    def cpu_seconds(self):
        fields = Path(f'/proc/{self.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def threads(self):
        return len(os.listdir(f'/proc/{self.pid}/task'))

    def kill(self):
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self.child.close(force=True)


def check(condition, message):
    if not condition:
        sys.exit(message)


def passed(text):
    print(text)
