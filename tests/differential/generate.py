#!/usr/bin/env python3
"""Writes a bare-metal image of random programs for the differential test (see README.md).

Every 32-bit instruction of tcg/riscv/insn32.inc is drawn from its own line, so a new line is tested without a change here; compressed instructions
are drawn from all 2^16 encodings. What makes a program safe to compare: it only branches forward, its memory accesses go to the data pages
(anywhere at all only under Sv39 outside M mode), and nothing in it reads time.
"""
import argparse
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent.parent / 'tcg/riscv/insn32.inc'
DATA, DATA_VA, PAGES = 0x80800000, 0x40000000, 16
BASES = (2, 8, 9, 18)            # registers that hold addresses: no instruction writes them
RECORD_SIZE = 568
ALU = (0x13, 0x1b, 0x33, 0x3b, 0x37, 0x17, 0x53, 0x43, 0x47, 0x4b, 0x4f)

SPECIAL_INTS = [0, 1, 2, 3, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000, 0xffffffff7fffffff]
SPECIAL_F64 = [0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
               0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0x7ff4000000000000, 0xffffffffffffffff, 0x0000000000000001,
               0x000fffffffffffff, 0x0010000000000000, 0x8010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x3fe0000000000000,
               0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
               0x41efffffffe00000, 0x41f0000000000000, 0x43f0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000,
               0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x3690000000000000, 0x3ca0000000000000, 0x3fefffffffffffff,
               0x4000000000000000, 0x4008000000000000, 0x3fd5555555555555, 0x1ff0000000000000, 0x5ff0000000000000]
SPECIAL_F32 = [0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0x7fa00000, 0x00000001,
               0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x3f000000, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0x5effffff,
               0x4f800000, 0x4f7fffff, 0x5f800000, 0x5f7fffff, 0x33000000, 0x337fffff, 0x3f7fffff, 0x1f800000, 0x5fc00000, 0x3eaaaaab]

# CSRs that both sides define in full; the runtime resets what it must between programs. Read-only ones are read and, now and then, written (a trap).
CSR_WRITE = {'fflags': 1, 'frm': 2, 'fcsr': 3, 'sscratch': 0x140, 'sepc': 0x141, 'scause': 0x142, 'stval': 0x143, 'stvec': 0x105,
             'scounteren': 0x106, 'senvcfg': 0x10a, 'mcounteren': 0x306, 'mcause': 0x342, 'mtval': 0x343, 'sie': 0x104}
CSR_READ = {'mstatus': 0x300, 'sstatus': 0x100, 'misa': 0x301, 'mie': 0x304, 'medeleg': 0x302, 'mideleg': 0x303, 'menvcfg': 0x30a, 'mscratch': 0x340,
            'mvendorid': 0xf11, 'mhartid': 0xf14, 'satp': 0x180, 'mepc': 0x341, 'vstart': 8, 'none': 0x123, 'debug': 0x7b0, 'hstatus': 0x600,
            'pmpcfg0': 0x3a0, 'pmpcfg1': 0x3a1, 'pmpaddr1': 0x3b1, 'custom': 0x800, 'mstateen0': 0x30c, 'siselect': 0x150}


def load_table():
    rows = []
    for name, ext, fmt, bits in re.findall(r'^\s*INSN\w*\(\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,\s*"([^"]+)"', TABLE.read_text(), re.M):
        bits = bits.replace(' ', '')
        if len(bits) != 32:
            sys.exit(f'{TABLE}: {name}: {len(bits)} bits in the pattern')
        value = int(''.join('1' if b == '1' else '0' for b in bits), 2)
        mask = int(''.join('1' if b in '01' else '0' for b in bits), 2)
        rows.append((name, ext, fmt, mask, value))
    if not rows:
        sys.exit(f'{TABLE}: no instruction lines found')
    return rows


class Program:
    """Instructions as (size, value or function of the distance to the end)."""

    def __init__(self, rng, table, used):
        self.rng, self.table, self.used = rng, table, used
        self.mode = rng.choice((0, 1, 1, 3, 3))
        self.paged = self.mode != 3 and rng.random() < 0.75
        self.code = []
        self.glued = set()           # indices that no branch may lead to: they need what stands before them

    def reg(self):
        while True:
            r = self.rng.choice((0, 1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 28, 30, 31, self.rng.randrange(32)))
            if r not in BASES:
                return r

    def any_reg(self):
        return self.rng.choice((self.reg(), self.reg(), self.reg(), self.rng.randrange(32)))

    def base(self, wild=False):
        # Anywhere at all: loads only, a store might hit the runtime.
        if wild and self.paged and self.rng.random() < 0.06:
            return self.rng.randrange(32)
        return self.rng.choice(BASES)

    def emit(self, value, size=4):
        self.code.append((size, value))

    def random_bits(self, mask, value):
        return (self.rng.getrandbits(32) & ~mask & 0xffffffff) | value

    def put(self, word, **fields):
        for name, v in fields.items():
            low, width = {'rd': (7, 5), 'rs1': (15, 5), 'rs2': (20, 5), 'rs3': (27, 5), 'rm': (12, 3)}[name]
            word = word & ~(((1 << width) - 1) << low) | (v << low)
        return word

    def offset(self):
        r = self.rng.random()
        if r < 0.5:
            return self.rng.randrange(-256, 256) & ~7
        if r < 0.8:
            return self.rng.randrange(-2048, 2048) & ~7
        return self.rng.randrange(-2048, 2048)

    # --- one random instruction of each class -----------------------------------------------------------------------
    def row(self, row):
        name, _, _, mask, value = row
        opcode = value & 0x7f
        word = self.random_bits(mask, value)
        free = lambda low, width: (mask >> low) & ((1 << width) - 1) == 0
        if opcode in ALU:
            # In FP compares, moves and conversions to integers rd is an X register: keep the address registers out of it everywhere.
            if free(7, 5):
                word = self.put(word, rd=self.reg())
            if free(12, 3) and opcode in (0x53, 0x43, 0x47, 0x4b, 0x4f) and self.rng.random() < 0.8:
                word = self.put(word, rm=self.rng.choice((0, 1, 2, 3, 4, 7, 7, 7)))
            if free(20, 5) and free(15, 5) and self.rng.random() < 0.1:
                word = self.put(word, rs2=(word >> 15) & 31)
            self.emit(word)
        elif opcode in (0x03, 0x07):
            word = self.put(word & 0xfffff, rd=self.rng.randrange(32) if opcode == 0x07 else self.reg(), rs1=self.base(wild=True))
            self.emit(word | (self.offset() & 0xfff) << 20)
        elif opcode in (0x23, 0x27):
            imm = self.offset() & 0xfff
            word = self.put(word, rs1=self.base(), rs2=self.any_reg())
            self.emit(word & 0x01fff07f | (imm & 0x1f) << 7 | (imm >> 5) << 25)
        elif opcode == 0x2f:
            self.atomic(name, word)
        elif opcode == 0x63:
            self.branch(self.put(word, rs1=self.any_reg(), rs2=self.any_reg()), 'b')
        elif opcode == 0x6f:
            self.branch(self.put(word, rd=self.reg()), 'j')
        elif opcode == 0x67:
            link = self.rng.choice((5, 6, 7, 28))
            self.emit(0x17 | link << 7)                      # auipc link, 0
            self.glued.add(len(self.code))
            self.branch(self.put(word, rd=self.reg(), rs1=link), 'r')
        elif opcode == 0x0f:
            if (value >> 12) & 7 == 2:
                word = self.put(word, rs1=self.base())
            self.emit(word)
        elif opcode == 0x73:
            self.system(name, mask, word)
        else:
            sys.exit(f'{TABLE}: {name}: opcode 0x{opcode:02x} has no rule in generate.py')
        self.used.add(name)

    def atomic(self, name, word):
        base = self.rng.choice((2, 8, 8, 8, 18, 9))
        word = self.put(word, rs1=base, rs2=self.any_reg(), rd=self.reg())
        if name.startswith('lr') or name.startswith('sc'):
            base = self.rng.choice((2, 8))                   # a misaligned sc: QEMU fails it where the manual wants a trap
            width = (word >> 12) & 7
            lr = 0x1000002f | width << 12 | base << 15 | self.reg() << 7
            sc = 0x1800002f | width << 12 | base << 15 | self.any_reg() << 20 | self.reg() << 7
            self.emit(lr | self.rng.getrandbits(2) << 25)
            for _ in range(self.rng.randrange(4)):           # the constrained form: a few base integer instructions
                self.emit(0x13 | self.reg() << 7 | self.any_reg() << 15 | self.rng.getrandbits(12) << 20)
            self.emit(sc | self.rng.getrandbits(2) << 25)
            if self.rng.random() < 0.3:
                self.emit(sc)                                # without a reservation: fails
        else:
            self.emit(word)

    def system(self, name, mask, word):
        funct3 = (word >> 12) & 7
        if funct3 != 0:
            csr = self.rng.choice(list(CSR_WRITE.values()))
            if self.mode == 3 and csr == 0x104:
                csr = 0x140
            if self.rng.random() < 0.35:
                csr = self.rng.choice(list(CSR_READ.values()))
                word = (2 << 12) | 0x73 if self.rng.random() < 0.9 else word
                if csr < 0xc00 and csr not in (0x123, 0x7b0, 0x600, 0x800, 0x30c, 0x150, 8):
                    word = (2 << 12) | 0x73                  # these may be written: only read them
                word = self.put(word & 0xfffff, rs1=0 if word >> 12 & 7 == 2 else self.any_reg())
            elif csr == 0x104:
                word = (2 << 12) | 0x73                      # sie: an enabled interrupt may come any time
            if csr in (0x141, 0x10a):
                word = self.legal_csr_value(csr, word)
            self.emit(self.put(word & 0xfffff, rd=self.reg()) | csr << 20)
        elif name in ('mret', 'sret', 'wfi', 'uret'):
            if self.mode == 0:
                self.emit(word)                              # illegal in U mode
        elif name in ('sfence_w_inval', 'sfence_inval_ir'):
            if self.mode != 0:                               # QEMU 10 lets U mode do it; the manual doesn't
                self.emit(word)
        elif name.startswith(('sfence', 'sinval')):
            self.emit(self.put(word, rs1=self.rng.choice((0, 2, 8, 5)), rs2=self.rng.choice((0, 0, 6))))
        else:
            self.emit(word)

    def legal_csr_value(self, csr, word):
        """Bit 0 of sepc and the reserved CBIE of senvcfg (10): QEMU 10 keeps what is written, the manual doesn't. So they get values without."""
        if csr == 0x141:
            value = self.rng.randrange(0, 2048, 2)
        else:
            clears = (word >> 12) & 3 == 3
            value = self.rng.randrange(2) | self.rng.choice((0, 0x30) if clears else (0, 0x10, 0x30)) | self.rng.choice((0, 0x40, 0x80, 0xc0))
        register = self.rng.choice((5, 6, 7, 28))
        self.emit(0x13 | register << 7 | value << 20)        # addi register, x0, value
        self.glued.add(len(self.code))
        return self.put(word & ~(4 << 12), rs1=register)

    def branch(self, word, kind):
        skip = self.rng.randrange(1, 7)
        index = len(self.code)
        self.code.append((4, ('to', kind, word, index + skip + 1)))

    def compressed(self):
        rng = self.rng
        while True:
            half = rng.getrandbits(16)
            quadrant, funct3 = half & 3, half >> 13
            rd, rdq = (half >> 7) & 31, 8 + ((half >> 2) & 7)
            rs1q = 8 + ((half >> 7) & 7)
            if quadrant == 3:
                continue
            if quadrant == 0:
                if funct3 in (1, 2, 3, 5, 6, 7):
                    if rs1q not in BASES:
                        half = half & ~(7 << 7) | rng.choice((0, 1)) << 7
                    if funct3 in (2, 3) and rdq in BASES:
                        continue
                elif funct3 == 0 and rdq in BASES:
                    continue
                elif funct3 == 4:
                    continue                                 # Zcb: not in either side's set; an address register might be written
            elif quadrant == 1:
                if funct3 in (0, 1, 2, 3) and rd in BASES:
                    continue
                if funct3 == 4 and rs1q in BASES:
                    continue
                if funct3 in (5, 6, 7):
                    self.code.append((2, ('to', 'cj' if funct3 == 5 else 'cb', half, len(self.code) + 1 + rng.randrange(1, 5))))
                    return
            else:
                if funct3 in (0, 2, 3) and rd in BASES:
                    continue
                if funct3 == 4:
                    rs2 = (half >> 2) & 31
                    if rs2 == 0 and rd != 0:
                        continue                             # c.jr, c.jalr: jalr is drawn from the table
                    if rd in BASES:
                        continue
            self.emit(half, 2)
            return

    def self_modifying(self):
        """Stores a random addi over a later slot, fence.i, runs it."""
        target = 0x13 | self.reg() << 7 | self.any_reg() << 15 | self.rng.getrandbits(12) << 20
        t, v = 5, 6
        high = (target + 0x800) >> 12 & 0xfffff
        self.glued.update(range(len(self.code) + 1, len(self.code) + 5))
        self.emit(0x17 | t << 7)                             # auipc t, 0
        self.emit(0x37 | v << 7 | high << 12)                # lui v
        self.emit(0x1b | v << 7 | v << 15 | (target & 0xfff) << 20)  # addiw v, v, low
        self.emit(0x23 | 2 << 12 | t << 15 | v << 20 | (20 & 31) << 7)  # sw v, 20(t)
        self.emit(0x0000100f)                                # fence.i
        self.emit(0x13)                                      # the slot: nop

    def build(self, length):
        rows = self.table
        while len(self.code) < length:
            r = self.rng.random()
            if r < 0.18:
                self.compressed()
            elif r < 0.20 and (not self.paged or self.mode == 1):
                self.self_modifying()
            elif r < 0.23:
                word = self.random_bits(0x7f, self.rng.choice(ALU))   # mostly reserved encodings
                self.emit(self.put(word, rd=self.reg()))
            else:
                self.row(self.rng.choice(rows))

    def layout(self):
        """Resolves forward branches; returns bytes. The last instruction is the ecall that ends the program."""
        starts, at = [], 0
        for size, _ in self.code:
            starts.append(at)
            at += size
        end = at + (-at % 4)
        starts.append(end)
        out = bytearray()
        for i, (size, value) in enumerate(self.code):
            if isinstance(value, tuple):
                _, kind, word, target = value
                while target in self.glued:
                    target += 1
                goal = starts[min(target, len(self.code))]
                d = goal - starts[i]
                if kind == 'b':
                    word = word & 0x01fff07f | (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7
                elif kind == 'j':
                    word = word & 0xfff | (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12
                elif kind == 'r':
                    word = word & 0xfffff | ((d + 4) | self.rng.getrandbits(1)) << 20
                elif kind == 'cj':
                    word = word & 0xe003 | (d >> 11 & 1) << 12 | (d >> 4 & 1) << 11 | (d >> 8 & 3) << 9 | (d >> 10 & 1) << 8 | (d >> 6 & 1) << 7 | \
                        (d >> 7 & 1) << 6 | (d >> 1 & 7) << 3 | (d >> 5 & 1) << 2
                else:
                    word = word & 0xe383 | (d >> 8 & 1) << 12 | (d >> 3 & 3) << 10 | (d >> 6 & 3) << 5 | (d >> 1 & 3) << 3 | (d >> 5 & 1) << 2
                value = word
            out += value.to_bytes(size, 'little')
        while len(out) < end:
            out += (1).to_bytes(2, 'little')                 # c.nop
        return bytes(out)

    def record(self):
        """Registers and settings of the program table, without the addresses."""
        rng = self.rng
        x = [rng.choice(SPECIAL_INTS) if rng.random() < 0.5 else rng.getrandbits(64) for _ in range(32)]
        area = DATA_VA if self.paged else DATA
        x[2] = area + rng.randrange(0, 5) * 4096 + 2048
        x[8] = area + rng.randrange(0, 5) * 4096 + rng.choice((2048, 0, 4096, 4096 - 8))
        x[9] = area + rng.randrange(0, 4) * 4096 + 2048 + rng.randrange(1, 8)
        x[18] = area + rng.randrange(5, PAGES) * 4096 + rng.choice((2048, 0, 4096 - 4)) if self.paged else area + 0x3000
        f = []
        for _ in range(32):
            r = rng.random()
            if r < 0.35:
                f.append(rng.choice(SPECIAL_F64))
            elif r < 0.65:
                f.append(0xffffffff00000000 | rng.choice(SPECIAL_F32))
            elif r < 0.75:
                f.append(0xffffffff00000000 | rng.getrandbits(32))
            elif r < 0.85:
                f.append(rng.getrandbits(1) << 63 | rng.randrange(1000, 1050) << 52 | rng.getrandbits(52))
            else:
                f.append(rng.getrandbits(64))
        envcfg = rng.choice((0, 1 << 61, 1 << 62, 3 << 61)) | rng.choice((0, 0xf0, 0x70, 0x10))
        fcsr = rng.choice((0, 0, 0, 1 << 5, 2 << 5, 3 << 5, 4 << 5, rng.getrandbits(8)))
        status = rng.choice((0, 0, 1 << 18, 1 << 19, 3 << 18, 1 << 20, 1 << 21))    # SUM, MXR, TVM, TW
        return [self.mode, int(self.paged), envcfg, fcsr, rng.getrandbits(64) | 1, status] + x[1:] + f


def image(seed, count, length, out):
    rng = random.Random(seed)
    table, used = load_table(), set()
    lines = ['.section .programs, "awx"', '.align 4', '.option norvc']
    records = ['.section .data', '.align 3', '.globl program_table, program_count', f'program_count: .dword {count}', 'program_table:']
    for n in range(count):
        program = Program(random.Random(rng.getrandbits(64)), table, used)
        program.build(length)
        code = program.layout()
        lines += ['.align 4', f'p{n}: .byte ' + ','.join(str(b) for b in code), f'e{n}: ecall', 'nop']
        values = program.record()
        records.append(f'.dword p{n}, e{n}, ' + ', '.join(hex(v) for v in values))
        assert (2 + len(values)) * 8 == RECORD_SIZE
    source = Path(str(out) + '.S')
    source.write_text('\n'.join(lines + records) + '\n')
    subprocess.run(['riscv64-linux-gnu-gcc', '-march=rv64gc', '-mabi=lp64d', '-nostdlib', '-nostartfiles', '-static', '-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments',
                    '-T', str(HERE / 'link.ld'), '-o', str(out), str(HERE / 'runtime.S'), str(source)], check=True)
    return {row[0] for row in table} - used


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--programs', type=int, default=256)
    parser.add_argument('--length', type=int, default=48, help='instructions a program')
    parser.add_argument('output')
    args = parser.parse_args()
    missing = image(args.seed, args.programs, args.length, args.output)
    if missing:
        print('not drawn in this image:', ' '.join(sorted(missing)))


if __name__ == '__main__':
    main()
