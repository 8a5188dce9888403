"""The instruction table, encodings, and values that are worth trying."""
import re
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent.parent / 'tcg/riscv/insn32.inc'
ALU = (0x13, 0x1b, 0x33, 0x3b, 0x37, 0x17)
FP = (0x53, 0x43, 0x47, 0x4b, 0x4f)

SPECIAL_INTS = [0, 1, 2, 3, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000, 0xffffffff7fffffff]
SPECIAL_IMMEDIATES = [-2048, -2047, -1024, -256, -128, -1, 0, 1, 2, 7, 8, 31, 32, 63, 127, 128, 255, 256, 1023, 1024, 2046, 2047]
SPECIAL_F64 = [0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
               0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0x7ff4000000000000, 0xffffffffffffffff, 0x0000000000000001,
               0x000fffffffffffff, 0x0010000000000000, 0x8010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x3fe0000000000000,
               0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
               0x41efffffffe00000, 0x41f0000000000000, 0x43f0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000,
               0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x3690000000000000, 0x3ca0000000000000, 0x3fefffffffffffff,
               0x4000000000000000, 0x4008000000000000, 0x3fd5555555555555, 0x1ff0000000000000, 0x5ff0000000000000, 0xfff4000000000123,
               0x7ff8000000000456, 0xfff0000000000001, 0x800fffffffffffff, 0x8000000000000001]
SPECIAL_F32 = [0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0x7fa00000, 0x00000001,
               0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x3f000000, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0x5effffff,
               0x4f800000, 0x4f7fffff, 0x5f800000, 0x5f7fffff, 0x33000000, 0x337fffff, 0x3f7fffff, 0x1f800000, 0x5fc00000, 0x3eaaaaab, 0xffa00123,
               0x7fc00456, 0x80000001, 0x807fffff]

# CSRs that both sides define in full; the runtime resets what it must between programs. Read-only ones are read and, now and then, written (a trap).
CSR_WRITE = {'fflags': 1, 'frm': 2, 'fcsr': 3, 'sscratch': 0x140, 'sepc': 0x141, 'scause': 0x142, 'stval': 0x143, 'stvec': 0x105,
             'scounteren': 0x106, 'senvcfg': 0x10a, 'mcounteren': 0x306, 'mcause': 0x342, 'mtval': 0x343, 'sie': 0x104}
CSR_READ = {'mstatus': 0x300, 'sstatus': 0x100, 'misa': 0x301, 'mie': 0x304, 'medeleg': 0x302, 'mideleg': 0x303, 'menvcfg': 0x30a, 'mscratch': 0x340,
            'mvendorid': 0xf11, 'mhartid': 0xf14, 'satp': 0x180, 'mepc': 0x341, 'vstart': 8, 'none': 0x123, 'debug': 0x7b0, 'hstatus': 0x600,
            'pmpcfg0': 0x3a0, 'pmpcfg1': 0x3a1, 'pmpaddr1': 0x3b1, 'custom': 0x800, 'mstateen0': 0x30c, 'siselect': 0x150}
CSR_ABSENT = (0x123, 0x7b0, 0x600, 0x800, 0x30c, 0x150, 8)
SEPC, SENVCFG, STVEC, SIE, SATP, SSTATUS = 0x141, 0x10a, 0x105, 0x104, 0x180, 0x100
MSTATUS, MEPC, MIE, MIP = 0x300, 0x341, 0x304, 0x344
COUNTERS = (0xc00, 0xc02, 0xb00, 0xb02)          # cycle, instret, mcycle, minstret

NOP, FENCE_I, ECALL, SRET, MRET = 0x13, 0x100f, 0x73, 0x10200073, 0x30200073
# opcode, funct3, bytes; integer ones first
LOADS = ((0x03, 0, 1), (0x03, 1, 2), (0x03, 2, 4), (0x03, 3, 8), (0x03, 3, 8), (0x03, 4, 1), (0x03, 5, 2), (0x03, 6, 4), (0x07, 2, 4), (0x07, 3, 8))
STORES = ((0x23, 0, 1), (0x23, 1, 2), (0x23, 2, 4), (0x23, 3, 8), (0x23, 3, 8), (0x27, 2, 4), (0x27, 3, 8))

FIELDS = {'rd': (7, 5), 'rs1': (15, 5), 'rs2': (20, 5), 'rs3': (27, 5), 'rm': (12, 3), 'funct3': (12, 3)}


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


def put(word, **fields):
    for name, v in fields.items():
        low, width = FIELDS[name]
        word = word & ~(((1 << width) - 1) << low) | (v << low)
    return word


def i_type(opcode, funct3, rd, rs1, imm):
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (imm & 0xfff) << 20


def s_type(opcode, funct3, rs1, rs2, imm):
    return opcode | (imm & 0x1f) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5 & 0x7f) << 25


def r_type(opcode, funct3, funct7, rd, rs1, rs2):
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25


def branch_offset(word, d):
    return word & 0x01fff07f | (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7


def jump_offset(word, d):
    return word & 0xfff | (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d >> 12 & 0xff) << 12


def c_jump_offset(half, d):
    return half & 0xe003 | (d >> 11 & 1) << 12 | (d >> 4 & 1) << 11 | (d >> 8 & 3) << 9 | (d >> 10 & 1) << 8 | (d >> 6 & 1) << 7 | \
        (d >> 7 & 1) << 6 | (d >> 1 & 7) << 3 | (d >> 5 & 1) << 2


def c_branch_offset(half, d):
    return half & 0xe383 | (d >> 8 & 1) << 12 | (d >> 3 & 3) << 10 | (d >> 6 & 3) << 5 | (d >> 1 & 3) << 3 | (d >> 5 & 1) << 2


def high_part(value):
    """Bits 31..12 for lui or auipc, rounded for the signed low part that follows."""
    return (value + 0x800) >> 12 & 0xfffff
