"""What every system test uses: the built programs, the guests, and an emulator on a pseudo terminal that can be typed at.

The environment says where things are (ctest sets it): MONOCHORD_BUILD_DIR the build folder, MONOCHORD_GUESTS what tools/setup made,
MONOCHORD the emulator to test. MONOCHORD_PATIENCE multiplies every timeout, for slow hosts and builds (sanitizers: 10). VERBOSE=1 shows what the
emulator prints. What is missing fails a test with one line.
"""
import atexit
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

try:
    import pexpect
except ImportError:
    sys.exit('python3-pexpect is missing; tools/setup packages installs it')

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('MONOCHORD_BUILD_DIR', ROOT / 'build'))
GUESTS = Path(os.environ.get('MONOCHORD_GUESTS') or (BUILD if (BUILD / 'guests').is_dir() else ROOT / 'build') / 'guests')
OWN_GUESTS = Path(os.environ.get('MONOCHORD_TEST_GUESTS', BUILD / 'tests/guests'))
BINARY = os.environ.get('MONOCHORD', str(BUILD / 'monochord'))
STATIC = str(BUILD / 'monochord-static')
NO_CLONE = str(BUILD / 'no-clone')
PROMPT = '~ # '
PATIENCE = float(os.environ.get('MONOCHORD_PATIENCE', 1))


def check(condition, message):
    if not condition:
        sys.exit(message)


def passed(text):
    print(text, flush=True)


def need(*paths):
    """Ends the test with one line when something isn't there."""
    for path in paths:
        check(Path(path).exists(), f'{path} is missing; tools/setup makes the guests, the build makes the programs')


def need_programs(*names):
    for name in names:
        check(subprocess.run(['sh', '-c', 'command -v "$1"', 'sh', name], stdout=subprocess.DEVNULL).returncode == 0,
              f'{name} is missing; tools/setup installs it')


def bare_arguments(guest, *options):
    """One of our own guests of tests/guests, without firmware."""
    need(OWN_GUESTS / f'{guest}.elf')
    return ['-bios', 'none', '-kernel', str(OWN_GUESTS / f'{guest}.elf'), *options]


def debian_arguments(extra_words='', memory='512M', initrd='small'):
    """`initrd`: `shell` is the Debian installer's with our init appended, `small` the quick one with busybox and the modules alone, or a path."""
    path = Path(initrd) if '/' in str(initrd) else GUESTS / f'debian/initrd-{initrd}.gz'
    need(GUESTS / 'fw_dynamic.bin', GUESTS / 'debian/linux', path)
    return ['-M', 'virt', '-m', memory, '-nographic', '-bios', str(GUESTS / 'fw_dynamic.bin'), '-kernel', str(GUESTS / 'debian/linux'),
            '-initrd', str(path), '-append', f'console=ttyS0 rdinit=/monochord/init {extra_words}'.strip()]


def make_initrd(out, kind, files):
    """initrd-shell or initrd-small once more, with files of the host: {name in the guest: path here}."""
    debian = GUESTS / 'debian'
    need(debian / 'modules', debian / 'busybox', debian / 'initrd.gz', *files.values())
    base = ['--base', debian / 'initrd.gz'] if kind == 'shell' else ['--busybox', debian / 'busybox']
    adds = [word for name, path in files.items() for word in ('--add', f'{path}:{name}')]
    subprocess.run([ROOT / 'tools/guests/mkinitramfs', '--out', out, *base, '--modules', debian / 'modules', *adds], check=True)
    return str(out)


def processes_below(pid):
    """The process and all its descendants."""
    found = [pid]
    for process in found:
        try:
            for task in os.listdir(f'/proc/{process}/task'):
                found += map(int, Path(f'/proc/{process}/task/{task}/children').read_text().split())
        except OSError:
            pass  # it has ended
    return found


class Machine:
    """An emulator on a pseudo terminal. `launcher`: words that stand before the program and end in running it."""

    def __init__(self, arguments, binary=None, launcher=(), timeout=120, env=None):
        binary = binary or BINARY
        need(binary)
        command = [*launcher, binary, *arguments]
        self.name = Path(binary).name
        self.child = pexpect.spawn(command[0], command[1:], timeout=timeout * PATIENCE, encoding='utf-8', codec_errors='replace', dimensions=(50, 200), env=env)
        self.child.delaybeforesend = None
        self.output = ''
        if os.environ.get('VERBOSE'):
            self.child.logfile_read = sys.stdout
        self.started = time.monotonic()
        atexit.register(self.kill)  # whatever ends the test

    @property
    def pid(self):
        """The emulator's own, also behind a launcher that stays (unshare)."""
        for process in processes_below(self.child.pid):
            try:
                if Path(f'/proc/{process}/comm').read_text().strip() == self.name[:15]:
                    return process
            except OSError:
                pass
        return self.child.pid

    def expect(self, pattern, timeout=-1):
        return self._expect(self.child.expect, pattern, timeout)

    def expect_exact(self, text, timeout=-1):
        return self._expect(self.child.expect_exact, text, timeout)

    def _expect(self, wait, what, timeout):
        try:
            return wait(what, timeout=timeout if timeout < 0 else timeout * PATIENCE)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            tail = (self.child.before or '')[-3000:]
            self.kill()
            sys.exit(f'expected {what!r}, got {type(error).__name__} after:\n{tail}')

    @property
    def match(self):
        return self.child.match

    def send(self, text):
        self.child.send(text)

    def run(self, line, timeout=60):
        """Types a line at the guest's shell and returns what it printed."""
        self.send(line + '\r')
        self.expect_exact('\n', timeout)  # the echo of the line ends
        self.expect_exact(PROMPT, timeout)
        return self.child.before.replace('\r', '').replace('\x1b[6n', '')

    def wait_for_shell(self, timeout=120):
        self.expect_exact('monochord: shell on', timeout)
        self.expect_exact(PROMPT, timeout)

    def exit_status(self, timeout=60):
        """Waits for the end; the exit status, or minus the signal. `output` is what came last."""
        try:
            self.child.expect(pexpect.EOF, timeout=timeout * PATIENCE)
        except pexpect.TIMEOUT:
            tail = (self.child.before or '')[-2000:]
            self.kill()
            sys.exit(f'it did not end; the last it printed:\n{tail}')
        self.output = self.child.before.replace('\r', '')
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus

    def cpu_seconds(self):
        fields = Path(f'/proc/{self.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def threads(self):
        return len(os.listdir(f'/proc/{self.pid}/task'))

    def kill(self):
        if self.child.closed:
            return
        for process in reversed(processes_below(self.child.pid)):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.close(force=True)
