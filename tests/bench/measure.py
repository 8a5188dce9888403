"""What is measured besides the programs: boots, the start of a bare guest, resident memory, idling, timer latency."""
import os
import re
import select
import signal
import time
from pathlib import Path

from building import GUESTS, bare_guest, latency_initramfs
from engines import MEMORY_MIB, Console, Failure, Sample

PROMPT = rb'~ # '
SHELL = rb'monochord: shell on'


def at_the_shell(emulator, initrd, seconds):
    console = Console(emulator.debian(initrd, 'rdinit=/monochord/init'))
    try:
        console.expect(SHELL, seconds)
        console.expect(PROMPT, seconds)
    except Failure:
        console.kill()
        raise
    return console


def boot(emulator, program, seconds):
    """From the start of the process to the shell's prompt."""
    console = at_the_shell(emulator, GUESTS / f'debian/initrd-{program.source}.gz', seconds)
    sample = Sample(console.cpu(), time.monotonic() - console.started, '', '')
    console.kill()
    return sample


def bare(emulator, seconds):
    """Milliseconds from the start of the process to its end; the guest is three instructions that power off."""
    words = emulator.command(['-bios', 'none', '-kernel', bare_guest()])
    silence = [(os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)]
    started = time.monotonic()
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=silence)
    end = os.pidfd_open(pid)
    in_time = select.select([end], [], [], seconds)[0]
    took = time.monotonic() - started
    os.close(end)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not in_time or status != 0:
        raise Failure(f'it ended with wait status {status}' if in_time else f'no end after {seconds:.0f} s')
    return took * 1000


def mappings(pid):
    """[first address, address behind, resident KiB] of each."""
    found = []
    for line in Path(f'/proc/{pid}/smaps').read_text().splitlines():
        range_ = re.match(r'([0-9a-f]+)-([0-9a-f]+) ', line)
        if range_:
            found.append([int(range_[1], 16), int(range_[2], 16), 0])
        elif line.startswith('Rss:'):
            found[-1][2] = int(line.split()[1])
    return found


def ram_mappings(pieces):
    """Those that are the guest's RAM: neighbours that are exactly as long together (Monochord maps the kernel's file into it)."""
    for first in range(len(pieces)):
        for last in range(first, len(pieces)):
            length = pieces[last][1] - pieces[first][0]
            if length == MEMORY_MIB << 20:
                return pieces[first:last + 1]
            if length > MEMORY_MIB << 20 or (last + 1 < len(pieces) and pieces[last + 1][0] != pieces[last][1]):
                break
    raise Failure(f'no {MEMORY_MIB} MiB of neighbouring mappings in the emulator')


def memory(console):
    """(resident beside the guest's RAM, resident in all) in MiB."""
    pieces = mappings(console.pid)
    whole = sum(piece[2] for piece in pieces)
    ram = sum(piece[2] for piece in ram_mappings(pieces))
    return (whole - ram) / 1024, whole / 1024


def idle(console, seconds=10):
    """Percent of a core over `seconds` of nothing to do."""
    time.sleep(5)  # what the kernel still has to do after the boot
    before, started = console.cpu(), time.monotonic()
    time.sleep(seconds)
    return 100 * (console.cpu() - before) / (time.monotonic() - started)


def memory_and_idle(emulator, seconds):
    console = at_the_shell(emulator, GUESTS / 'debian/initrd-small.gz', seconds)
    try:
        beside, whole = memory(console)
        return {'memory-beside': beside, 'memory-whole': whole, 'idle': idle(console)}
    finally:
        console.kill()


def latency(emulator, seconds):
    """The mean of cyclictest in microseconds."""
    console = at_the_shell(emulator, latency_initramfs(), seconds)
    try:
        console.send('cyclictest -q -t1 -p80 -i1000 -l5000; echo "status $?"\n')
        found = console.expect(rb'(T: 0 [^\n]*Avg: *(\d+)[^\n]*\n|status \d+)', seconds)
        if found[2] is None:
            raise Failure(f'cyclictest: {found[0].decode()}')
        console.expect(rb'status 0', seconds)
        return int(found[2])
    finally:
        console.kill()
