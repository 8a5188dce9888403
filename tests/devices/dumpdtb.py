#!/usr/bin/env python3
"""`monochord -M virt,dumpdtb=` against QEMU's with the same command line: equal node by node and property by property, in order, but for the nodes of
devices that are not here and the random seed.

usage: dumpdtb.py MONOCHORD
"""
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ABSENT = {'/fw-cfg@10100000', '/flash@20000000', '/soc/pci@30000000', '/platform-bus@4000000', '/pmu'}
OURS = 'rv64,h=off,zbc=off,zfa=off,zawrs=off,zicbop=off,zihintntl=off,svvptc=off'
CASES = [
    # QEMU's -cpu, ours, the rest
    (OURS, 'rv64', ['-m', '256']),
    (OURS, OURS, ['-m', '1G']),
    (OURS + ',zicond=on,svinval=on,svpbmt=on,svnapot=on,svadu=on,svade=on', OURS + ',zicond=on,svinval=on,svpbmt=on,svnapot=on,svadu=on,svade=on', []),
    (OURS + ',zba=off,zbb=off,zbs=off,sstc=off,zicbom=off,zicboz=off,svadu=off', 'rv64,zba=off,zbb=off,zbs=off,sstc=off,zicbom=off,zicboz=off,svadu=off', []),
    (OURS + ',sv57=off', 'rv64,sv57=off', []),
    (OURS + ',sv57=off,sv48=off', 'rv64,sv57=off,sv48=off', []),
]


def lines(path, leave_out):
    """The nodes and properties of a flattened tree (Devicetree Specification v0.4, chapter 5), as text in the order of the blob."""
    blob = path.read_bytes()
    magic, _, struct_offset, strings = struct.unpack_from('>4I', blob)
    assert magic == 0xd00dfeed
    at, names, out = struct_offset, [], []
    while True:
        token, = struct.unpack_from('>I', blob, at)
        at += 4
        path_now = '/' + '/'.join(names[1:])
        skipped = any(path_now == p or path_now.startswith(p + '/') for p in leave_out)
        if token == 1:
            end = blob.index(b'\0', at)
            names.append(blob[at:end].decode())
            at = (end + 4) & ~3
            path_now = '/' + '/'.join(names[1:])
            if not any(path_now == p or path_now.startswith(p + '/') for p in leave_out):
                out.append(path_now)
        elif token == 2:
            names.pop()
        elif token == 3:
            size, name_at = struct.unpack_from('>2I', blob, at)
            value = blob[at + 8:at + 8 + size]
            name = blob[strings + name_at:blob.index(b'\0', strings + name_at)].decode()
            if not skipped:
                out.append(f'{path_now}:{name} = {"(random)" if name == "rng-seed" else value.hex()}')
            at += 8 + (size + 3 & ~3)
        elif token == 9:
            return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if shutil.which('qemu-system-riscv64') is None:
        sys.exit('qemu-system-riscv64 is missing; tools/setup installs it')
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, 'qemu.dtb'), Path(folder, 'monochord.dtb')
        for qemu_cpu, our_cpu, rest in CASES:
            for program, cpu, path in (('qemu-system-riscv64', qemu_cpu, theirs), (sys.argv[1], our_cpu, ours)):
                run = subprocess.run([program, '-M', f'virt,dumpdtb={path}', '-cpu', cpu, '-display', 'none', '-bios', 'none', *rest],
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                if run.returncode != 0:
                    sys.exit(f'{program} -cpu {cpu}: status {run.returncode}: {run.stderr.strip()}')
            expected, got = lines(theirs, ABSENT), lines(ours, set())
            if expected != got:
                for line in expected:
                    if line not in got:
                        print(f'only QEMU: {line}')
                for line in got:
                    if line not in expected:
                        print(f'only ours: {line}')
                sys.exit(f'the trees differ with -cpu {our_cpu}')
            print(f'-cpu {our_cpu}: {len(got)} nodes and properties are equal')


if __name__ == '__main__':
    main()
