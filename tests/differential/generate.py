#!/usr/bin/env python3
"""Writes a bare-metal image of random programs for the differential test (see README.md).

What makes a program safe to compare: it only branches forward or counts its rounds, its memory accesses go to the data pages (anywhere at all only
for loads under Sv39 outside M mode) and to itself, and nothing that QEMU judges reads time or counters.
"""
import argparse
import random
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from encoding import load_table  # noqa: E402
from program import Program  # noqa: E402
from shapes import SHAPES, build  # noqa: E402

HERE = Path(__file__).resolve().parent
ORIGIN, TABLE, TEXT, TEXT_END = 0x80000000, 0x80100000, 0x80200000, 0x80700000
PAGE_END = bytes.fromhex('01001300')                         # c.nop, and the first half of an instruction that goes on in the next page


class Image:
    """Programs with their places in memory."""

    def __init__(self):
        self.programs, self.texts, self.places, self.records = [], [], [], []
        self.at = TEXT

    def fits(self, program, text):                           # the page behind a spread program is not the program's
        pages = len(text) // 4096 + 1
        return not program.spread or pages <= program.tail_page

    def add(self, program, text):
        if program.spread:
            self.at = (self.at + 4095) & ~4095
            text = text + b'\x73\0\0\0\x13\0\0\0'
            text += bytes(-(len(text) + 4) % 4096) + PAGE_END
            size = len(text)
            text += bytes(program.tail_page * 4096 - size)
            if program.paged:
                shuffled = bytearray(len(text))
                for i, page in enumerate(program.order):
                    shuffled[page * 4096:page * 4096 + 4096] = text[i * 4096:i * 4096 + 4096]
                text = bytes(shuffled)
        else:
            self.at = (self.at + 15) & ~15
            text += b'\x73\0\0\0\x13\0\0\0'
        self.places.append(self.at)
        self.texts.append(text)
        self.programs.append(program)
        self.at += len(text)
        if self.at > TEXT_END:
            sys.exit('generate.py: the programs of an image need too much room: fewer programs or shorter ones')

    def write(self, runtime, out, first=0, last=None):
        """The runtime's bytes, the record table and the texts, as one ELF segment. Runs programs first..last-1."""
        body = bytearray(runtime)
        body += bytes(TABLE - ORIGIN - len(body))
        body += struct.pack('<QQ', first, len(self.programs) if last is None else last)
        for record in self.records:
            body += record
        body += bytes(TEXT - ORIGIN - len(body))
        for place, text in zip(self.places, self.texts):
            body += bytes(place - ORIGIN - len(body))
            body += text
        ident = b'\x7fELF\x02\x01\x01' + bytes(9)
        header = ident + struct.pack('<HHIQQQIHHHHHH', 2, 243, 1, ORIGIN, 64, 0, 5, 64, 56, 1, 0, 0, 0)
        header += struct.pack('<IIQQQQQQ', 1, 7, 4096, ORIGIN, ORIGIN, len(body), len(body), 4096)
        Path(out).write_bytes(header + bytes(4096 - len(header)) + body)


def runtime(folder):
    """Assembles it; returns its bytes."""
    elf, flat = Path(folder) / 'runtime', Path(folder) / 'runtime.bin'
    subprocess.run(['riscv64-linux-gnu-gcc', '-march=rv64gc', '-mabi=lp64d', '-nostdlib', '-nostartfiles', '-static', '-Wl,--build-id=none',
                    '-Wl,--no-warn-rwx-segments', '-T', str(HERE / 'link.ld'), '-o', str(elf), str(HERE / 'runtime.S')], check=True)
    subprocess.run(['riscv64-linux-gnu-objcopy', '-O', 'binary', str(elf), str(flat)], check=True)
    return flat.read_bytes() + bytes(16384)                  # .bss


def draw(seed, count, length, shape=None):
    """The image of a seed, and the names of the table's lines that no program has."""
    rng, table, used = random.Random(seed), load_table(), set()
    image = Image()
    for _ in range(count):
        own = rng.getrandbits(64)
        while True:
            program = Program(random.Random(own), table, used)
            build(program, length, shape)
            start = 0 if program.spread else image.at + 15 & 0xff0
            text = program.layout(start)
            if image.fits(program, text):
                break
            own += 1
        program.plain, program.start_offset = text, start
        image.add(program, text)
        program.choose_values()
        image.records.append(program.record_at(image.places[-1]))
    return image, {row[0] for row in table} - used


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--programs', type=int, default=256)
    parser.add_argument('--length', type=int, default=48, help='instructions a program, about')
    parser.add_argument('--shape', choices=list(SHAPES), help='only programs of this shape')
    parser.add_argument('output')
    args = parser.parse_args()
    image, missing = draw(args.seed, args.programs, args.length, args.shape)
    image.write(runtime(Path(args.output).resolve().parent), args.output)
    if missing:
        print('not drawn in this image:', ' '.join(sorted(missing)))


if __name__ == '__main__':
    main()
