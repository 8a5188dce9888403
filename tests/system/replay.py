#!/usr/bin/env python3
"""Recordings of Debian with typed input come back: the same console, exit status and guest stream, byte by byte, from JIT, interpreter and static binary.

usage: replay.py [--runs N] [--initrd shell|small] [--icount] [--quick]

  --runs N       so many recordings, each replayed (default 10)
  --initrd       shell: the installer's files and busybox (default); small: quick
  --icount       with -icount shift=0 instead of in real time
  --quick        one recording in real time and one with -icount, small, and what a replay refuses: what CI runs
"""
import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import BINARY, STATIC, Machine, bare_arguments, check, debian_arguments, passed

LINES = ('echo $((6 * 7))', 'cat /proc/interrupts', 'ls /bin | wc -l', 'sleep 0.2; cat /proc/uptime', 'dd if=/dev/zero of=/tmp/x bs=64k count=50 2>&1',
         'for i in 1 2 3; do sleep 0.05; date; done', 'cat /proc/sys/kernel/random/uuid')


def typed(machine, random_source):
    """A person's pace, now and then faster than the guest answers."""
    for line in random_source.sample(LINES, 4):
        for key in line + '\r':
            machine.send(key)
            time.sleep(random_source.choice((0, 0.001, 0.02)))
        machine.expect_exact('~ # ')
    machine.send('poweroff -f\r')


def record(arguments, folder, random_source, icount):
    recording, trace = folder / 'recording', folder / 'recorded.trace'
    how = ['-icount', f'shift=0,rr=record,rrfile={recording}'] if icount else ['-record', str(recording)]
    machine = Machine([*arguments, *how, '-trace', f'*,file={trace}'])
    console = open(folder / 'console', 'w', encoding='utf-8', newline='')
    machine.child.logfile_read = console
    machine.wait_for_shell()
    typed(machine, random_source)
    status = machine.exit_status()
    console.close()
    return recording, trace, Path(folder / 'console').read_bytes(), status


def replay(arguments, recording, folder, binary, *options):
    trace = folder / 'replayed.trace'
    begun = time.monotonic()
    result = subprocess.run([binary, *arguments, '-replay', str(recording), '-trace', f'*,file={trace}', *options], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=300)
    return trace, result, time.monotonic() - begun


def comes_back(arguments, folder, random_source, icount, variants):
    recording, trace, console, status = record(arguments, folder, random_source, icount)
    check(status == 0, f'the recording ended with status {status}')
    took = ''
    for name, binary, options in variants:
        replayed, result, seconds = replay(arguments, recording, folder, binary, *options)
        message = result.stderr.decode(errors='replace')[-2000:]
        check(result.returncode == status, f'{name}: status {result.returncode}, recorded {status}: {message}')
        # The pseudo terminal made CR LF of the emulator's LF while it was not raw.
        check(result.stdout.replace(b'\r', b'') == console.replace(b'\r', b''), f'{name}: another console')
        check(replayed.read_bytes() == trace.read_bytes(), f'{name}: another guest stream: {compare(trace, replayed)}')
        took += f', {name} {seconds:.1f} s'
    return f'{recording.stat().st_size} bytes, {trace.stat().st_size} of trace{took}'


def compare(a, b):
    program = Path(BINARY).with_name('monochord-trace')
    return subprocess.run([program, 'diff', str(a), str(b)], capture_output=True, timeout=60).stdout.decode()[-2000:]


def refuses(arguments, folder):
    recording = folder / 'recording'
    bytes_ = recording.read_bytes()
    bad = folder / 'bad'
    cases = [('cut short', bytes_[:-20], arguments), ('a byte changed', bytes_[:3000] + bytes([bytes_[3000] ^ 1]) + bytes_[3001:], arguments),
             ('no recording', b'hello', arguments), ('empty', b'', arguments)]
    cases += [('another machine', bytes_, [a if a != '512M' else '256M' for a in arguments]),
              ('another command line', bytes_, [a if 'console=' not in a else a + ' x' for a in arguments]),
              ('another time', bytes_, [*arguments, '-icount', 'shift=2'])]
    for what, content, with_arguments in cases:
        bad.write_bytes(content)
        result = subprocess.run([BINARY, *with_arguments, '-replay', str(bad)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        lines = result.stderr.decode().splitlines()
        check(result.returncode == 1 and len(lines) == 1 and 'bad' in lines[0], f'{what}: status {result.returncode}, {lines}')
    passed(f'{len(cases)} recordings that do not fit are refused with a line')


def ends_from_outside(folder):
    """SIGTERM ends a recording whole: its replay ends where it was."""
    arguments = bare_arguments('spin', '-nographic')
    recording = folder / 'ended'
    process = subprocess.Popen([BINARY, *arguments, '-record', str(recording), '-trace', f'*,file={folder / "a"}'], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.terminate()
    process.communicate(timeout=60)
    result = subprocess.run([BINARY, *arguments, '-replay', str(recording), '-trace', f'*,file={folder / "b"}'], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=60)
    check(result.returncode == process.returncode == 0, f'status {result.returncode}, recorded {process.returncode}: {result.stderr[-500:]}')
    check((folder / 'a').read_bytes() == (folder / 'b').read_bytes(), f'another guest stream: {compare(folder / "a", folder / "b")}')
    passed('a recording that SIGTERM ended replays to that instruction')


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    parser.add_argument('--runs', type=int, default=10)
    parser.add_argument('--initrd', choices=('shell', 'small'), default='shell')
    parser.add_argument('--icount', action='store_true')
    parser.add_argument('--quick', action='store_true')
    args = parser.parse_args()
    variants = [('replay', BINARY, ()), ('interpreter', BINARY, ('-accel', 'interp'))]
    if Path(STATIC).exists():
        variants.append(('static', STATIC, ()))
    seed = random.randrange(1 << 32)
    print(f'typing as by seed {seed}', flush=True)
    random_source = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.quick:
            arguments = debian_arguments('quiet', initrd='small')
            for icount in (True, False):
                passed(('icount: ' if icount else 'real time: ') + comes_back(arguments, folder, random_source, icount, variants[:1]))
            refuses(arguments, folder)
            ends_from_outside(folder)
            return
        arguments = debian_arguments(initrd=args.initrd)
        for run in range(1, args.runs + 1):
            passed(f'{run} of {args.runs}: {comes_back(arguments, folder, random_source, args.icount, variants)}')


if __name__ == '__main__':
    sys.exit(main())
