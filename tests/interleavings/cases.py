"""The guests of this folder and how each must end under -icount shift=0,sleep=off."""
import os
import re
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('MONOCHORD_BUILD_DIR', ROOT / 'build'))
ELFS = Path(os.environ.get('MONOCHORD_INTERLEAVINGS', BUILD / 'tests/interleavings'))

# arguments: the guest's, for QEMU, too. own: Monochord's alone. line: what its last line on the console matches.
Case = namedtuple('Case', 'name arguments own status line seconds')

STRICT = ('-cpu', 'rv64,x-strict-fencei=on')

# name, options of Monochord's, last line of the bad guest, and of the good one
DEFECTS = (
    ('lost_wakeup', (), r'lost wakeup: round \d+ slept on for \d+ ticks', r'256 wakeups, none lost'),
    ('mtimecmp_halves', (), r'spurious interrupt: \d+ ticks before the deadline', r'\d+ deadlines, no spurious interrupt'),
    ('mtime_halves', (), r'time went back: round \d+ read 0 after 4294967295', r'256 readings, all in order'),
    ('shared_counter', (), r'counter (?P<is>\d+) of (?!(?P=is)$)\d+', r'counter (?P<is>\d+) of (?P=is)'),
    ('rearm_race', (), r'lost tick: the timer is dead after \d+ ticks', r'256 ticks, none lost'),
    ('tickless_idle', (), r'late event: that of round \d+ ran \d+ ticks late', r'256 events, all in time'),
    ('plic_twice', (), r'1 of 16 transmit interrupts: the line was claimed twice and never completed', r'16 of 16 transmit interrupts'),
    ('missing_fence_i', STRICT, r'8 of 8 calls ran the code from before the patch', r'8 calls of the patched code'),
)


def _bare(name, own, status, line):
    return Case(name, ('-bios', 'none', '-kernel', str(ELFS / f'{name}.elf')), own, status, line, 30)


def bare_cases():
    cases = []
    for name, own, bad, good in DEFECTS:
        cases += [_bare(f'{name}-bad', own, 1, bad), _bare(f'{name}-good', own, 0, good)]
    return cases + [_bare('two_tasks', (), 0, r'1000 switches, \d+ and \d+ rounds, checksum \d+'), _bare('race_loop', (), 0, r'counter 20 of 20')]


def debian_case():
    """Debian's kernel and the small initrd up to the prompt of a shell, which then finds the end of its input."""
    sys.path.insert(0, str(ROOT / 'tests/system'))
    import machine
    words = [word for word in machine.debian_arguments('monochord.cmd="sh -i </dev/null"') if word != '-nographic']
    return Case('debian', tuple(words), (), 0, r'.*reboot: Power down', 600)


def wrong(case, outcome):
    """What is not as it must be, or None."""
    if outcome.status != case.status:
        return f'status {outcome.status} instead of {case.status}: {outcome.line}'
    if not re.fullmatch(case.line, outcome.line):
        return f'last line {outcome.line!r} instead of {case.line!r}'
    return None
