"""The programs, and what issue 3 asks of each: QEMU's host CPU seconds divided by Monochord's, at least."""
from collections import namedtuple

# `name` is what --only takes, `source` the file in programs/, `arguments` the program's; `at_least` the acceptance figure.
Program = namedtuple('Program', 'name source arguments kind at_least title')


def _program(name, kind, at_least, title, source=None, arguments=''):
    return Program(name, source or name, arguments, kind, at_least, title)


PROGRAMS = [
    _program('integer', 'cpu', 1.3, 'integer loop'),
    _program('sieve', 'cpu', 10, 'sieve, 16 MB'),
    _program('quicksort', 'cpu', 2.5, 'quicksort'),
    _program('chase-64k', 'cpu', 1.05, 'pointer chase, 64 KiB', 'chase', '65536 80000000'),
    _program('chase-8m', 'cpu', 4.5, 'pointer chase, 8 MiB', 'chase', '8388608 4000000'),
    _program('copy', 'cpu', 2, 'copy'),
    _program('triad', 'cpu', 2, 'triad'),
    _program('recursion', 'cpu', 5, 'recursion'),
    _program('switch', 'cpu', 7, '`switch` interpreter'),
    _program('pointers', 'cpu', 10, 'function pointers'),
    _program('sha256', 'cpu', 1.3, 'SHA-256'),
    _program('lz', 'cpu', 1, 'LZ compression'),
    _program('hash', 'cpu', 1, 'hash table'),
    _program('atomics', 'cpu', 1.05, 'atomics'),
    _program('nbody', 'cpu', 6, 'nbody, f64'),
    _program('matmul', 'cpu', 6, 'matmul, f64'),
    _program('fft', 'cpu', 6, 'FFT, f64'),
    _program('f32', 'cpu', 6, 'image filter, f32'),
    _program('syscall', 'system', 2, 'null system call'),
    _program('clock', 'system', 1, '`clock_gettime`'),
    _program('pipe', 'system', 2, 'pipe ping-pong'),
    _program('fork', 'system', 2, 'fork and wait'),
    _program('exec', 'system', 2, 'fork and exec'),
    _program('mmap', 'system', 2, 'page touch after mmap'),
    _program('read', 'system', 2, 'file reads'),
]

# Boots to the shell's prompt: the initrd of tools/setup that each uses.
BOOTS = [
    Program('boot', 'small', '', 'boot', 2, 'boot to the shell'),
    Program('boot-installer', 'shell', '', 'boot', 2, "boot to the shell, Debian's installer"),
]

GEOMETRIC_MEAN_AT_LEAST = 3
QUICK = ('integer', 'sieve', 'sha256', 'nbody', 'syscall', 'fork')

# The other figures. A limit is the most that Monochord may have; `qemu` stands for no more than QEMU in the same run.
Figure = namedtuple('Figure', 'name title unit limit')
FIGURES = [
    Figure('bare', 'three instructions, start to power-off', 'ms', 10),
    Figure('memory-beside', 'resident beside the guest\'s RAM, Debian at the shell', 'MiB', 48),
    Figure('memory-whole', 'resident in all, the same', 'MiB', 'qemu'),
    Figure('idle', 'idle at the shell', '% of a core', 0.3),
    Figure('latency', 'cyclictest -t1 -p80 -i1000 -l5000, mean', 'µs', 'qemu'),
]
