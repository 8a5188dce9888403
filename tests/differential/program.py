"""One random program: a list of items, labels between them, and what the runtime must set up for it (a record)."""
import struct
from contextlib import contextmanager

from encoding import (ALU, FP, CSR_ABSENT, CSR_READ, CSR_WRITE, MSTATUS, SATP, SENVCFG, SEPC, SIE, SPECIAL_F32, SPECIAL_F64,
                      SPECIAL_INTS, SSTATUS, STVEC, TABLE, branch_offset, c_branch_offset, c_jump_offset, high_part, i_type, jump_offset, put,
                      r_type, s_type)

DATA, DATA_VA, PAGES, LEAFS = 0x80800000, 0x40000000, 16, 32
TABLES, CODE_VA, CODE_WINDOW, IMAGE_WINDOW = 0x80700000, 0x40200000, 0x100000, 0x40000000
ALIAS_PAGE, LEAF_A_PAGE, LEAF_B_PAGE, MIDDLE_A_PAGE, TEXT_PAGE = 16, 20, 21, 22, 24      # pages of the data area behind the 16 of data
PINNED = (1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16)                                        # what the JIT keeps in host registers
RECORD_SIZE = 1200
# PTE flags of the data pages, for S programs (U programs see bit U inverted): V R W X U G A D = bits 0..7
PAGE_FLAGS = [0xc7] * 6 + [
    0xc3,                      # 6 read only
    0x00,                      # 7 not there
    0x87,                      # 8 A clear
    0x47,                      # 9 D clear
    0xd7,                      # 10 the other mode's
    0xc5,                      # 11 W without R: reserved
    0xc9,                      # 12 X only
    0x40000000000000c7,        # 13 PBMT = 2
    0x01,                      # 14 pointer at the last level
    0xc7]                      # 15 plain


class Label:
    def __init__(self):
        self.index = None


class Item:
    """A piece of the program. `kind` says how `word` is completed once addresses are known:
    raw; b, j, cj, cb: the distance to `target`; hi, lo_i, lo_s: auipc to `target` and what takes its low part (`pair`: index of the auipc);
    alias, alias_lo: lui and store of where the data area shows `target`; offset: 32 bits with the distance of `target` from the entry;
    gap: up to the offset `word` in a page; bytes: `word` is a bytes object."""
    __slots__ = ('kind', 'size', 'word', 'target', 'pair', 'limit', 'group')

    def __init__(self, kind, size, word, target=None, pair=None, limit=None, group=None):
        self.kind, self.size, self.word, self.target, self.pair, self.limit, self.group = kind, size, word, target, pair, limit, group


class Program:
    def __init__(self, rng, table, used):
        self.rng, self.table, self.used = rng, table, used
        self.shape, self.mode, self.paged = 'straight', rng.choice((0, 1, 1, 3, 3)), False
        self.spread = False          # text of several pages, shuffled where paging allows it
        self.only_ours = False       # what it shows QEMU does differently with good reason: compared between our executors only
        self.code, self.groups, self.fixed = [], 0, set()
        self.group = None
        self.glued = set()           # indices that no branch may lead to: they need what stands before them
        self.end = Label()
        self.limit = self.end        # forward branches stop here
        self.bases, self.counters, self.links = (2, 8, 9, 18), (), (1, 5)
        self.reserved = set(self.bases)
        self.fixed_values = {}       # register -> value at the start, where it is not random
        self.medeleg = 0
        self.counteren = 0
        self.fs = 3
        self.asid_a = self.asid_b = 0
        self.translated = False      # satp is on; in M mode without effect until something else accesses memory
        self.global_pages, self.any_asid = (), False
        self.order = ()              # which page of the text each page of addresses shows
        self.tail_flags = 0
        self.depth = 0               # of loops
        self.visits_user = False     # goes to U mode and back
        self.leaf_a = self.leaf_b = None

    # --- registers --------------------------------------------------------------------------------------------------
    def settle(self):
        """After mode, paging and registers are chosen: what addresses the base registers hold."""
        rng = self.rng
        area = DATA_VA if self.paged else DATA
        self.reserved = set(self.bases) | set(self.counters) | set(self.links if self.shape != 'straight' else ())
        self.base_values = dict(zip(self.bases, (
            area + rng.randrange(0, 5) * 4096 + 2048,
            area + rng.randrange(0, 5) * 4096 + rng.choice((2048, 0, 4096, 4096 - 8)),
            area + rng.randrange(0, 4) * 4096 + 2048 + rng.randrange(1, 8),
            area + rng.randrange(5, PAGES) * 4096 + rng.choice((2048, 0, 4096 - 4)) if self.paged else area + 0x3000)))
        self.low_bases = [b for b in self.bases if 8 <= b < 16]

    def reg(self):
        while True:
            r = self.rng.choice((0, 1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 28, 30, 31, self.rng.randrange(32)))
            if r not in self.reserved:
                return r

    def any_reg(self):
        return self.rng.choice((self.reg(), self.reg(), self.reg(), self.rng.randrange(32)))

    def temps(self, n):
        """n different registers, none of them x0 or reserved."""
        free = [r for r in range(1, 30 if self.medeleg else 32) if r not in self.reserved]      # S mode's handler takes x30 and x31
        pinned = [r for r in free if r in PINNED]
        picked = []
        while len(picked) < n:
            r = self.rng.choice(pinned if pinned and self.rng.random() < 0.5 else free)
            if r not in picked:
                picked.append(r)
        return picked

    def base(self, wild=False):
        # Anywhere at all: loads only, a store might hit the runtime.
        if wild and self.paged and self.rng.random() < 0.06:
            return self.rng.randrange(32)
        return self.rng.choice(self.bases)

    # --- items ------------------------------------------------------------------------------------------------------
    def add(self, kind, size, word, target=None, pair=None):
        if self.group is None:
            self.groups += 1
            group = self.groups
        else:
            group = self.group
            if self.group_started:
                self.glued.add(len(self.code))
            self.group_started = True
        self.code.append(Item(kind, size, word, target, pair, self.limit, group))

    def emit(self, value, size=4):
        self.add('raw', size, value)

    @contextmanager
    def together(self, group=None, fixed=False):
        """Items that only make sense in this order from the first on. A shrunk program has all items of a group or none (`group`: more items for one
        that began earlier); it keeps the `fixed` ones, or it might not end."""
        if self.group is not None:
            yield self.group
            return
        if group is None:
            self.groups += 1
            group = self.groups
        self.group, self.group_started = group, False
        if fixed:
            self.fixed.add(group)
        yield group
        self.group = None

    def place(self, label):
        label.index = len(self.code)

    def random_bits(self, mask, value):
        return (self.rng.getrandbits(32) & ~mask & 0xffffffff) | value

    def offset(self):
        r = self.rng.random()
        if r < 0.5:
            return self.rng.randrange(-256, 256) & ~7
        if r < 0.8:
            return self.rng.randrange(-2048, 2048) & ~7
        return self.rng.randrange(-2048, 2048)

    def load_constant(self, register, value):
        """lui and addi, or addi alone, of a value of 32 bits with sign."""
        value = (value & 0xffffffff ^ 0x80000000) - 0x80000000
        if -2048 <= value < 2048:
            self.emit(i_type(0x13, 0, register, 0, value))
            return
        self.emit(0x37 | register << 7 | high_part(value) << 12)
        low = value & 0xfff
        if low or self.rng.random() < 0.3:
            self.emit(i_type(0x1b, 0, register, register, low))

    def load_address(self, register, value):
        """As above, of 32 bits without sign."""
        self.load_constant(register, value)
        if value >> 31:
            if self.rng.random() < 0.5:
                self.emit(r_type(0x3b, 0, 4, register, register, 0))          # zext.w
            else:
                self.emit(i_type(0x13, 1, register, register, 32))
                self.emit(i_type(0x13, 5, register, register, 32))

    def address_of(self, register, label):
        pair = len(self.code)
        self.add('hi', 4, 0x17 | register << 7, label)
        self.add('lo_i', 4, i_type(0x13, 0, register, register, 0), label, pair)

    def forward(self, kind, size, word):
        """A branch or jump over some of what follows."""
        self.add(kind, size, word, self.rng.randrange(1, 7))

    # --- one random instruction of a table row ----------------------------------------------------------------------
    def row(self, row):
        name, _, _, mask, value = row
        opcode = value & 0x7f
        word = self.random_bits(mask, value)
        if opcode in ALU or opcode in FP:
            # In FP compares, moves and conversions to integers rd is an X register: keep the address registers out of it everywhere.
            free = lambda low, width: (mask >> low) & ((1 << width) - 1) == 0
            if free(7, 5):
                word = put(word, rd=self.reg())
            if free(12, 3) and opcode in FP and self.rng.random() < 0.8:
                word = put(word, rm=self.rng.choice((0, 1, 2, 3, 4, 7, 7, 7)))
            if free(20, 5) and free(15, 5) and self.rng.random() < 0.1:
                word = put(word, rs2=(word >> 15) & 31)
            self.emit(word)
        elif opcode in (0x03, 0x07):
            word = put(word & 0xfffff, rd=self.rng.randrange(32) if opcode == 0x07 else self.reg(), rs1=self.base(wild=True))
            self.emit(word | (self.offset() & 0xfff) << 20)
        elif opcode in (0x23, 0x27):
            self.emit(s_type(opcode, word >> 12 & 7, self.base(), self.any_reg(), self.offset()))
        elif opcode == 0x2f:
            self.atomic(name, word)
        elif opcode == 0x63:
            self.forward('b', 4, put(word, rs1=self.any_reg(), rs2=self.any_reg()))
        elif opcode == 0x6f:
            self.forward('j', 4, put(word, rd=self.reg()))
        elif opcode == 0x67:
            self.jalr(word)
        elif opcode == 0x0f:
            if (value >> 12) & 7 == 2:
                word = put(word, rs1=self.base())
            self.emit(word)
        elif opcode == 0x73:
            self.system(name, word)
        else:
            raise SystemExit(f'{TABLE}: {name}: opcode 0x{opcode:02x} has no rule in program.py')
        self.used.add(name)

    def jalr(self, word):
        link, = self.temps(1)
        skip = self.rng.randrange(1, 7)
        with self.together():
            pair = len(self.code)
            self.add('hi', 4, 0x17 | link << 7, skip + 1)
            self.add('lo_i', 4, put(word & 0xfffff, rd=self.reg(), rs1=link) | self.rng.getrandbits(1) << 20, skip, pair)

    def atomic(self, name, word):
        base = self.rng.choice((0, 1, 1, 1, 3, 2))
        word = put(word, rs1=self.bases[base], rs2=self.any_reg(), rd=self.reg())
        if name.startswith(('lr', 'sc')):
            if self.shape in ('mode', 'vm'):
                return                                       # lr may trap: whether sc without a reservation does is open
            base = self.bases[self.rng.choice((0, 1))]       # a misaligned sc: QEMU fails it where the manual wants a trap
            width = (word >> 12) & 7
            lr = 0x1000002f | width << 12 | base << 15 | self.reg() << 7
            sc = 0x1800002f | width << 12 | base << 15 | self.any_reg() << 20 | self.reg() << 7
            with self.together():
                self.emit(lr | self.rng.getrandbits(2) << 25)
                for _ in range(self.rng.randrange(4)):       # the constrained form: a few base integer instructions
                    self.emit(0x13 | self.reg() << 7 | self.any_reg() << 15 | self.rng.getrandbits(12) << 20)
                self.emit(sc | self.rng.getrandbits(2) << 25)
            if self.rng.random() < 0.3:
                self.emit(sc)                                # without a reservation: fails
        else:
            self.emit(word)

    def system(self, name, word):
        if (word >> 12) & 7 != 0:
            with self.together():
                self.csr(word)
        elif name in ('mret', 'sret', 'wfi', 'uret'):
            if self.mode == 0:
                self.emit(word)                              # illegal in U mode
        elif name == 'ecall' and self.shape != 'straight':
            self.emit(word)
            self.emit(0x13)                                  # not a lui by chance: that is a request to the runtime
        elif name in ('sfence_w_inval', 'sfence_inval_ir'):
            if self.mode != 0 and self.shape not in ('vm', 'mode'):     # QEMU 10 lets U mode do it; the manual doesn't
                self.emit(word)
        elif name.startswith(('sfence', 'sinval')):
            self.emit(put(word, rs1=self.rng.choice((0, 2, 8, 5)), rs2=self.rng.choice((0, 0, 6))))
        else:
            self.emit(word)

    def csr(self, word):
        csr = self.rng.choice(list(CSR_WRITE.values()))
        if (self.mode == 3 and csr == SIE) or (csr == STVEC and self.medeleg):
            csr = 0x140
        if self.rng.random() < 0.35:
            csr = self.rng.choice(list(CSR_READ.values()))
            if csr in (SSTATUS, MSTATUS) and self.shape in ('fp', 'mode'):
                csr = SATP                                   # QEMU and we may differ in FS
            word = (2 << 12) | 0x73 if self.rng.random() < 0.9 else word
            if csr < 0xc00 and csr not in CSR_ABSENT:
                word = (2 << 12) | 0x73                      # these may be written: only read them
            word = put(word & 0xfffff, rs1=0 if word >> 12 & 7 == 2 else self.any_reg())
        elif csr == SIE:
            word = (2 << 12) | 0x73                          # an enabled interrupt may come any time
        if csr in (SEPC, SENVCFG):
            word = self.legal_csr_value(csr, word)
        self.emit(put(word & 0xfffff, rd=self.reg()) | csr << 20)

    def legal_csr_value(self, csr, word):
        """Bit 0 of sepc and the reserved CBIE of senvcfg (10): QEMU 10 keeps what is written, the manual doesn't. So they get values without."""
        if csr == SEPC:
            value = self.rng.randrange(0, 2048, 2)
        else:
            clears = (word >> 12) & 3 == 3
            value = self.rng.randrange(2) | self.rng.choice((0, 0x30) if clears else (0, 0x10, 0x30)) | self.rng.choice((0, 0x40, 0x80, 0xc0))
        register, = self.temps(1)
        self.emit(i_type(0x13, 0, register, 0, value))
        return put(word & ~(4 << 12), rs1=register)

    def compressed(self, plain=False):
        """One of the 2^16; `plain`: neither branch nor memory access."""
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
                    if not self.low_bases or plain:
                        continue
                    if rs1q not in self.low_bases:
                        half = half & ~(7 << 7) | (rng.choice(self.low_bases) - 8) << 7
                    if funct3 in (2, 3) and rdq in self.reserved:
                        continue
                elif funct3 == 0 and rdq in self.reserved:
                    continue
                elif funct3 == 4:
                    continue                                 # Zcb: not in either side's set; an address register might be written
            elif quadrant == 1:
                if funct3 in (0, 1, 2, 3) and rd in self.reserved:
                    continue
                if funct3 == 4 and rs1q in self.reserved:
                    continue
                if funct3 in (5, 6, 7):
                    if plain:
                        continue
                    self.add('cj' if funct3 == 5 else 'cb', 2, half, rng.randrange(1, 5))
                    return None
            else:
                if funct3 in (0, 2, 3) and rd in self.reserved:
                    continue
                if plain and funct3 in (1, 2, 3, 5, 6, 7):
                    continue
                if funct3 == 4:
                    rs2 = (half >> 2) & 31
                    if rs2 == 0 and (rd != 0 or plain):
                        continue                             # c.jr, c.jalr: jalr is drawn from the table
                    if rd in self.reserved:
                        continue
            if plain:
                return half
            self.emit(half, 2)
            return None

    def reserved_encoding(self):
        """Mostly no instruction at all."""
        word = self.random_bits(0x7f, self.rng.choice(ALU + FP))
        self.emit(put(word, rd=self.reg()))

    # --- addresses --------------------------------------------------------------------------------------------------
    def resolve(self, index, item):
        if isinstance(item.target, Label):
            return item.target.index
        target = min(index + item.target + 1, item.limit.index)
        while target in self.glued:
            target += 1
        return target

    def layout(self, start):
        """The program's bytes, for a place `start` bytes into a page. An ecall behind them ends the program."""
        self.place(self.end)
        starts, at = [], 0
        for item in self.code:
            starts.append(at)
            at += (item.word - start - at) % 4096 if item.kind == 'gap' else item.size
        starts.append(at + at % 4)
        out = bytearray()
        for i, item in enumerate(self.code):
            kind, word = item.kind, item.word
            if kind == 'gap':
                out += self.rng.randbytes(starts[i + 1] - starts[i]) if i + 1 < len(self.code) else bytes(starts[i + 1] - starts[i])
                continue
            if kind == 'bytes':
                out += word
                continue
            if kind != 'raw':
                goal = starts[self.resolve(i, item)]
                d = goal - starts[item.pair if item.pair is not None else i]
                reach = {'b': 4094, 'j': 0xffffe, 'cj': 2046, 'cb': 254}.get(kind)
                if reach and abs(d) > reach:
                    assert not isinstance(item.target, Label), 'a branch with a label is too far from it'
                    d = item.size                            # to what follows, taken or not
                if kind == 'b':
                    word = branch_offset(word, d)
                elif kind == 'j':
                    word = jump_offset(word, d)
                elif kind == 'cj':
                    word = c_jump_offset(word, d)
                elif kind == 'cb':
                    word = c_branch_offset(word, d)
                elif kind == 'hi':
                    word |= high_part(d) << 12
                elif kind == 'lo_i':
                    word = (word + ((d & 0xfff) << 20)) & 0xffffffff
                elif kind == 'lo_s':
                    word |= s_type(0, 0, 0, 0, d)
                elif kind in ('alias', 'alias_lo'):
                    place = start + goal
                    shown = DATA_VA + TEXT_PAGE * 4096 + (self.order[place >> 12] << 12 if self.order else place & ~4095) + (place & 4095)
                    word |= high_part(shown) << 12 if kind == 'alias' else s_type(0, 0, 0, 0, shown)
                elif kind == 'offset':
                    word += goal
            out += word.to_bytes(item.size, 'little')
        out += b'\x01\x00' * ((starts[-1] - len(out)) // 2)  # c.nop
        self.starts = starts
        return bytes(out)

    # --- the record -------------------------------------------------------------------------------------------------
    def leaf(self, flags, pages, text):
        """A space's 32 PTEs: data, aliases of its first pages, the page tables, the program's text."""
        user = 0x10 if self.mode == 0 else 0
        entries = [(f ^ user) | (DATA >> 2) + p * 0x400 for f, p in zip(flags, pages)]
        entries += [0xc7 | user | (DATA >> 2) + i * 0x400 for i in range(4)]
        entries += [0xc7 | (TABLES + t) >> 2 for t in (0x2000, 0x5000, 0x1000)] + [0]
        return entries + [0xc7 | user | (text & ~4095) + i * 4096 >> 2 for i in range(8)]

    def choose_values(self):
        """Registers and settings, without what depends on where the program is."""
        rng = self.rng
        x = [rng.choice(SPECIAL_INTS) if rng.random() < 0.5 else rng.getrandbits(64) for _ in range(32)]
        for register in self.counters:
            x[register] = rng.randrange(4)
        for register, value in {**self.base_values, **self.fixed_values}.items():
            x[register] = value
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
        self.initial, self.initial_f = x, f
        self.envcfg = rng.choice((0, 1 << 61, 1 << 62, 3 << 61)) | rng.choice((0, 0xf0, 0x70, 0x10))
        self.initial_fcsr = rng.choice((0, 0, 0, 1 << 5, 2 << 5, 3 << 5, 4 << 5, rng.getrandbits(8)))
        self.status = rng.choice((0, 0, 1 << 18, 1 << 19, 3 << 18, 0 if self.shape == 'vm' else 1 << 20, 1 << 21))     # SUM, MXR, TVM, TW
        self.data_seed = rng.getrandbits(64) | 1

    def record_at(self, text):
        """What the runtime reads, for a program whose bytes are at `text`."""
        size = len(self.plain)
        shuffled = self.spread and self.paged
        window = CODE_WINDOW if shuffled else IMAGE_WINDOW
        entry = (CODE_VA if shuffled else text) + (window if self.mode == 0 and self.paged else 0)
        x = list(self.initial)
        for register in self.links:
            if register in self.reserved:
                x[register] = entry + size
        code = [0] * 8
        for i, page in enumerate(self.order):
            code[i] = 0xcf | (text >> 12) + page << 10
        if self.order:
            code[len(self.order)] = self.tail_flags | text >> 12 << 10
        plain = (PAGE_FLAGS, range(16))
        values = [entry, size, self.mode, self.satp(0) if self.translated else 0, self.envcfg, self.initial_fcsr, self.data_seed]
        values += [self.status | self.fs << 13] + x[1:] + self.initial_f
        values += [window - 1, text, size + 7 & ~7, window if self.translated else 0, self.links[0], self.medeleg, self.counteren]
        values += self.leaf(*(self.leaf_a or plain), text) + self.leaf(*(self.leaf_b or plain), text) + code
        packed = struct.pack(f'<{len(values)}Q', *values)
        assert len(packed) == RECORD_SIZE
        return packed

    def word_at(self, offset):
        """The 32 bits at a distance from the entry, as they were at first."""
        return int.from_bytes(self.plain[offset:offset + 4], 'little') if 0 <= offset < len(self.plain) else None

    def satp(self, space):
        return 8 << 60 | (self.asid_b if space else self.asid_a) << 44 | (TABLES + 0x3000 * space) >> 12
