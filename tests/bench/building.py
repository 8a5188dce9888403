"""Compiles the programs for the host and for riscv64, and packs the guest's initramfs, into build/bench."""
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get('MONOCHORD_BUILD_DIR', ROOT / 'build'))
GUESTS = Path(os.environ.get('MONOCHORD_GUESTS') or (BUILD if (BUILD / 'guests').is_dir() else ROOT / 'build') / 'guests')
OUT = BUILD / 'bench'

FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-static', '-s']
COMPILERS = {'host': ['gcc'], 'riscv64': ['riscv64-linux-gnu-gcc', '-march=rv64gc', '-mabi=lp64d']}


def need(*paths):
    for path in paths:
        if not Path(path).exists():
            sys.exit(f'{path} is missing; tools/setup makes the guests, the build makes the emulator')


def call(command):
    try:
        subprocess.run([str(word) for word in command], check=True)
    except FileNotFoundError:
        sys.exit(f'{command[0]} is missing; tools/setup packages installs it')
    except subprocess.CalledProcessError as error:
        sys.exit(f'{command[0]} failed with status {error.returncode}: {" ".join(str(word) for word in command)}')


def make(out, sources, command):
    """Runs `command` with a file's name behind it that becomes `out`, unless `out` is younger than its sources and this script."""
    out.parent.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in [*sources, Path(__file__)])
    if out.exists() and out.stat().st_mtime > newest:
        return out
    partial = out.with_name(f'{out.name}.{os.getpid()}')
    try:
        call([*command, '-o', partial])
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def compiled(source, target):
    """programs/SOURCE.c as a static program of `target`, host or riscv64."""
    file = HERE / f'programs/{source}.c'
    return make(OUT / target / source, [file, HERE / 'programs/bench.h'], [*COMPILERS[target], *FLAGS, file, '-lm'])


def bare_guest():
    """tests/guests/three_instructions.S as an ELF file."""
    guests = HERE.parent / 'guests'
    source, script = guests / 'three_instructions.S', guests / 'guest.ld'
    return make(OUT / 'three_instructions.elf', [source, script],
                [*COMPILERS['riscv64'], '-nostdlib', '-nostartfiles', '-static', '-Wl,--build-id=none', '-Wl,-z,norelro',
                 '-Wl,--no-warn-rwx-segments', f'-Wa,-I{guests}', '-T', script, source])


def initramfs(programs):
    """PID 1 (init.c) and the programs in /bench."""
    init = make(OUT / 'riscv64/init', [HERE / 'init.c'], [*COMPILERS['riscv64'], *FLAGS, HERE / 'init.c'])
    adds = [f'{init}:init'] + [f'{compiled(source, "riscv64")}:bench/{source}' for source in sorted({program.source for program in programs})]
    return packed('initrd.gz', ['--bare'], adds)


def latency_initramfs():
    """The small initrd of the system tests with Debian's cyclictest."""
    tests = GUESTS / 'rt-tests'
    need(GUESTS / 'debian/busybox', tests / 'bin/cyclictest')
    files = [path for path in sorted(tests.rglob('*')) if path.is_file() and not path.name.startswith('.')]
    adds = [f'{path}:{path.relative_to(tests)}' for path in files]
    return packed('initrd-latency.gz', ['--busybox', GUESTS / 'debian/busybox'], adds)


def packed(name, options, adds):
    out = OUT / f'{name}.{os.getpid()}'
    call([ROOT / 'tools/guests/mkinitramfs', '--out', out, *options, *[word for add in adds for word in ('--add', add)]])
    os.replace(out, OUT / name)
    return OUT / name
