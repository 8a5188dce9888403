"""What programs are made of beside random instructions: pieces that are biased to what breaks translators. Each piece is a function of the program
that it adds itself to; SHAPES says which pieces a shape mixes, and how often."""
from encoding import (ALU, COUNTERS, FP, MEPC, MIE, MIP, MSTATUS, SATP, SEPC, SPECIAL_IMMEDIATES, SSTATUS, i_type, put, r_type, s_type)
from program import (DATA, DATA_VA, LEAF_A_PAGE, LEAF_B_PAGE, MIDDLE_A_PAGE, PAGES, PINNED, TABLES, CODE_WINDOW, IMAGE_WINDOW,
                     Label)

NOP, FENCE_I, ECALL, SRET, MRET = 0x13, 0x100f, 0x73, 0x10200073, 0x30200073
SFENCE, SINVAL, W_INVAL, INVAL_IR = 0x12000073, 0x16000073, 0x18000073, 0x18100073
LOADS = ((0x03, 0, 1), (0x03, 1, 2), (0x03, 2, 4), (0x03, 3, 8), (0x03, 3, 8), (0x03, 4, 1), (0x03, 5, 2), (0x03, 6, 4), (0x07, 2, 4), (0x07, 3, 8))
STORES = ((0x23, 0, 1), (0x23, 1, 2), (0x23, 2, 4), (0x23, 3, 8), (0x23, 3, 8), (0x27, 2, 4), (0x27, 3, 8))


# --- arithmetic -----------------------------------------------------------------------------------------------------
def few_registers(p):
    """Two or three registers, mostly of one kind (pinned or not), and x0."""
    picked = p.temps(p.rng.choice((1, 2, 2, 3)))
    return picked + picked + [0]


def alu_row(p, registers, rows=None):
    name, _, fmt, mask, value = p.rng.choice(rows or [r for r in p.table if r[4] & 0x7f in ALU])
    word = p.random_bits(mask, value)
    pick = lambda: p.rng.choice(registers)
    word = put(word, rd=pick())
    if value & 0x7f not in (0x37, 0x17):
        word = put(word, rs1=pick())
    if fmt == 'r':
        word = put(word, rs2=pick())
    elif fmt == 'i' and p.rng.random() < 0.7:
        word = word & 0xfffff | (p.rng.choice(SPECIAL_IMMEDIATES) & 0xfff) << 20
    elif fmt == 'u' and p.rng.random() < 0.5:
        word = word & 0xfff | p.rng.choice((0, 1, 0x7ffff, 0x80000, 0xfffff, 0x40000, 0x80800)) << 12
    p.used.add(name)
    p.emit(word)


def aliasing(p):
    registers = few_registers(p)
    for _ in range(p.rng.randrange(2, 7)):
        alu_row(p, registers)
    if p.rng.random() < 0.4:
        compare_and_branch(p, registers)


def constants(p):
    """A value known at translation time, and uses of it."""
    rng = p.rng
    a, b = p.temps(2)
    with p.together():
        kind = rng.randrange(4)
        if kind == 0:
            p.emit(0x37 | a << 7 | rng.choice((0, 1, 0x7ffff, 0x80000, 0xfffff, rng.getrandbits(20))) << 12)
        elif kind == 1:
            p.emit(0x17 | a << 7 | rng.choice((0, 1, 0xfffff, rng.getrandbits(20))) << 12)
        else:
            p.emit(i_type(0x13, 0, a, 0, rng.choice(SPECIAL_IMMEDIATES)))
        for _ in range(rng.randrange(0, 4)):
            p.emit(rng.choice((i_type(0x13, 0, a, a, rng.choice(SPECIAL_IMMEDIATES)), i_type(0x1b, 0, a, a, rng.choice(SPECIAL_IMMEDIATES)),
                               i_type(0x13, 1, a, a, rng.choice((1, 12, 31, 32, 63))), i_type(0x13, 4, a, a, rng.choice(SPECIAL_IMMEDIATES)),
                               i_type(0x13, 5, a, a, rng.choice((1, 31, 32, 63, 0x400 + 1, 0x400 + 63))))))
    for _ in range(rng.randrange(1, 4)):
        alu_row(p, [a, a, b, 0])
    if rng.random() < 0.5:
        compare_and_branch(p, [a, a, b, 0])


def constant_address(p):
    """A load or store whose address is known at translation time."""
    rng = p.rng
    a, b = p.temps(2)
    page = rng.randrange(PAGES if p.paged else 6)
    with p.together():
        p.load_constant(a, (DATA_VA if p.paged else DATA) + page * 4096 + rng.choice((0, 8, 2048, 4096 - 8, 4096 - 4, 4096 - 1, 2047)))
        for _ in range(rng.randrange(1, 4)):
            access(p, a, rng.choice((-8, 0, 0, 8, 4, 1)), b)


def widths(p):
    """Chains of what narrows and extends: a translator knows how many bits count."""
    rng = p.rng
    a, b = p.temps(2)
    word = [(i_type(0x1b, 0, d, s, 0)) for d in (a, b) for s in (a, b)]                                                      # sext.w
    word += [r_type(0x3b, 0, f, d, s, t) for f in (0, 0x20) for d in (a, b) for s in (a, b) for t in (a, b, 0)]              # addw, subw
    word += [r_type(0x3b, 0, 4, d, s, 0) for d in (a, b) for s in (a, b)]                                                    # zext.w
    word += [r_type(0x3b, f, 0, d, s, t) for f in (1, 5) for d in (a, b) for s in (a, b) for t in (a, b)]                    # sllw, srlw
    word += [i_type(0x13, 1, a, b, 32), i_type(0x13, 5, a, a, 32), i_type(0x13, 5, b, a, 0x400 + 32), i_type(0x13, 7, a, b, 0xff)]
    word += [i_type(0x13, 1, a, a, 0x600 + 4), i_type(0x13, 1, b, a, 0x600 + 5), r_type(0x3b, 4, 4, a, b, 0)]                # sext.b, sext.h, zext.h
    word += [i_type(0x1b, 0, a, b, rng.choice(SPECIAL_IMMEDIATES)), i_type(0x1b, 5, a, b, 0x400 + 31), i_type(0x1b, 5, b, a, 0)]
    for _ in range(rng.randrange(2, 7)):
        p.emit(rng.choice(word))
        if rng.random() < 0.15:
            opcode, funct3, _ = rng.choice(LOADS[:8])
            p.emit(i_type(opcode, funct3, rng.choice((a, b)), p.bases[0], rng.randrange(-32, 32)))
    alu_row(p, [a, b, a])
    if rng.random() < 0.5:
        compare_and_branch(p, [a, b, 0])


def compare_and_branch(p, registers=None):
    rng = p.rng
    registers = registers or few_registers(p)
    pick = lambda: rng.choice(registers)
    if rng.random() < 0.6:
        d = pick()
        p.emit(rng.choice((r_type(0x33, 2, 0, d, pick(), pick()), r_type(0x33, 3, 0, d, pick(), pick()), i_type(0x13, 3, d, pick(), 1),
                           r_type(0x33, 3, 0, d, 0, pick()), i_type(0x13, 2, d, pick(), rng.choice(SPECIAL_IMMEDIATES)),
                           r_type(0x33, 0, 0x20, d, pick(), pick()), i_type(0x13, 7, d, pick(), 1 << rng.randrange(11)))))
        with p.together():
            p.forward('b', 4, rng.choice((0x63, 0x1063, 0x1063, 0x4063, 0x5063)) | d << 15)
    else:
        p.forward('b', 4, rng.choice((0x63, 0x1063, 0x4063, 0x5063, 0x6063, 0x7063)) | pick() << 15 | pick() << 20)


def fusible(p):
    """Pairs that a translator makes one of, also with the register in between that is not the same."""
    rng = p.rng
    a, b = p.temps(2)
    c = rng.choice((a, a, a, b))
    kind = rng.randrange(6)
    n = rng.choice((32, 32, 48, 56, 16, 1, 63, rng.randrange(64)))
    m = n if rng.random() < 0.7 else rng.randrange(64)
    s = rng.choice((a, b, 0))
    with p.together():
        if kind < 2:
            p.emit(i_type(0x13, 1, a, s, n))
            p.emit(i_type(0x13, 5, c, a, m | (0x400 if kind else 0)))
        elif kind == 2:
            p.emit(i_type(0x13, 1, a, s, rng.choice((1, 2, 3, 3, 4))))
            p.emit(r_type(0x33, 0, 0, c, a, rng.choice((a, b, s))))
        elif kind == 3:
            p.emit(0x37 | a << 7 | rng.getrandbits(20) << 12)
            p.emit(i_type(rng.choice((0x13, 0x1b)), 0, c, a, rng.choice(SPECIAL_IMMEDIATES)))
        elif kind == 4:
            p.emit(rng.choice((r_type(0x3b, 0, 0, a, s, b), i_type(0x1b, 1, a, s, 5), r_type(0x3b, 0, 1, a, s, b))))
            p.emit(i_type(0x13, rng.choice((1, 5)), c, a, 32))
            p.emit(i_type(0x13, rng.choice((1, 5)), c, c, 32))
        else:
            label = Label()
            pair = len(p.code)
            p.add('hi', 4, 0x17 | a << 7, label)
            opcode, funct3, _ = rng.choice(LOADS[:8])
            p.add('lo_i', 4, i_type(opcode, funct3, c, a, 0), label, pair)
            p.add('j', 4, 0x6f, 1)
            p.place(label)
            p.add('bytes', 8, rng.randbytes(8))
    if rng.random() < 0.5:
        alu_row(p, [a, b, c])


# --- memory ---------------------------------------------------------------------------------------------------------
def access(p, base, offset, temp=None):
    rng = p.rng
    if rng.random() < 0.5:
        opcode, funct3, _ = rng.choice(LOADS)
        rd = rng.randrange(32) if opcode == 7 else rng.choice((p.reg(), temp or p.reg()))
        if opcode == 3 and rd == base:
            rd = 0
        p.emit(i_type(opcode, funct3, rd, base, offset))
    else:
        opcode, funct3, _ = rng.choice(STORES)
        p.emit(s_type(opcode, funct3, base, rng.randrange(32), offset))


def group(p):
    """A structure off one register, as compilers make them; sometimes over the edge of a page or where only some accesses are allowed."""
    rng = p.rng
    base = rng.choice(p.bases)
    away = -(p.base_values[base] & 4095)
    edges = [e for e in (away, away + 4096) if -2040 < e < 2040]
    start = rng.choice([rng.randrange(-256, 200)] * 2 + [e - rng.choice((4, 8, 16, 12)) for e in edges]) & ~(0 if rng.random() < 0.2 else 7)
    offsets = [start + 4 * i for i in range(rng.choice((2, 4, 8)))] + [start + rng.randrange(32)]
    for _ in range(rng.randrange(3, 10)):
        r = rng.random()
        if r < 0.8:
            access(p, base, rng.choice(offsets))
        elif r < 0.9:
            alu_row(p, few_registers(p))
        else:
            p.emit(i_type(0x03, 3, p.reg(), base, rng.choice(offsets)))
            p.emit(s_type(0x23, 3, base, p.any_reg(), rng.choice(offsets)))


def moving_base(p):
    """A copy of a base that changes within the group, or is the destination of a load."""
    rng = p.rng
    base = rng.choice(p.bases)
    a, b = p.temps(2)
    with p.together():
        p.emit(i_type(0x13, 0, a, base, rng.choice((0, 0, 8, -8, 64))))
        for _ in range(rng.randrange(2, 8)):
            access(p, a, rng.choice((0, 8, 16, 24, 4, 12, 1)), b)
            if rng.random() < 0.35:
                p.emit(i_type(0x13, 0, a, a, rng.choice((8, 8, 16, -8, 4, 1))))
        if rng.random() < 0.6:
            opcode, funct3, _ = rng.choice(LOADS[:8])
            p.emit(i_type(opcode, funct3, a, a, rng.choice((0, 8))))        # base and destination
            p.emit(r_type(0x33, 0, 0, b, a, a))


def fault_in_a_run(p):
    """What is before a fault is visible, what is behind it isn't yet; the handler skips the instruction."""
    registers = few_registers(p)
    for _ in range(p.rng.randrange(1, 4)):
        alu_row(p, registers)
    base = p.bases[p.rng.choice((3, 3, 1))]
    access(p, base, p.offset(), registers[0])
    for _ in range(p.rng.randrange(1, 4)):
        alu_row(p, registers)


def atomics(p):
    rng = p.rng
    base = p.bases[rng.choice((0, 0, 1, 1, 3))]
    a, b = p.temps(2)
    kind = rng.random()
    width = rng.choice((2, 3))
    rows = [r for r in p.table if r[4] & 0x7f == 0x2f and not r[0].startswith(('lr', 'sc'))]
    if kind < 0.35:
        for _ in range(rng.randrange(1, 4)):
            name, _, _, mask, value = rng.choice(rows)
            p.used.add(name)
            p.emit(put(p.random_bits(mask, value), rd=rng.choice((a, b, 0)), rs1=base, rs2=rng.choice((a, a, b, 0, base))))
    elif kind < 0.5:                                          # the address is operand, too, or is lost
        name, _, _, mask, value = rng.choice(rows)
        with p.together():
            p.emit(i_type(0x13, 0, a, base, rng.choice((0, 0, 8, -8))))
            p.emit(put(p.random_bits(mask, value), rd=rng.choice((a, b)), rs1=a, rs2=rng.choice((a, b))))
    else:                                                    # lr, something that does not trap, sc
        base = p.bases[0]
        with p.together():
            p.emit(i_type(0x13, 0, a, base, rng.choice((0, 0, 8, 16))))
            p.emit(0x1000002f | width << 12 | a << 15 | b << 7 | rng.getrandbits(2) << 25)
            for _ in range(rng.randrange(0, 3)):
                r = rng.random()
                if r < 0.3:
                    p.emit(s_type(0x23, width, a, b, 0))     # the same value: it may still succeed
                elif r < 0.5:
                    p.emit(s_type(0x23, rng.randrange(4), a, rng.randrange(32), rng.choice((0, 0, 4, 8))))
                elif r < 0.8:
                    p.emit(i_type(0x13, 0, b, b, 1))
                else:
                    p.emit(i_type(0x03, 3, b, a, 0))
            other = base if rng.random() < 0.2 else a
            p.emit(0x1800002f | width << 12 | other << 15 | rng.choice((b, b, a, 0)) << 20 | rng.choice((b, a, 0, b)) << 7)


# --- floating point -------------------------------------------------------------------------------------------------
def fp_run(p):
    """Operations on few registers, so that results meet; now and then a result is looked at at once."""
    rng = p.rng
    registers = [rng.randrange(32) for _ in range(rng.randrange(2, 6))]
    pick = lambda: rng.choice(registers)
    rows = [r for r in p.table if r[4] & 0x7f in FP]
    if rng.random() < 0.6:
        fmt = rng.choice(('_s', '_d'))
        rows = [r for r in rows if fmt in r[0]]
    for _ in range(rng.randrange(2, 9)):
        name, _, kind, mask, value = rng.choice(rows)
        p.used.add(name)
        word = p.random_bits(mask, value)
        if kind in ('f_to_x', 'f_to_x_rm', 'fcmp'):
            word = put(word, rd=p.reg(), rs1=pick())
        elif kind in ('x_to_f', 'x_to_f_rm'):
            word = put(word, rd=pick())
        else:
            word = put(word, rd=pick(), rs1=pick())
        if mask >> 20 & 31 == 0:
            word = put(word, rs2=pick())
        if mask >> 12 & 7 == 0:
            word = put(word, rm=rng.choice((0, 1, 2, 3, 4, 7, 7, 7, 7, 7, 7, 5) if rng.random() < 0.95 else (5, 6)))
        if value & 0x7f != 0x53:
            word = put(word, rs3=pick())
        p.emit(word)
        r = rng.random()
        if r < 0.12:
            p.emit(s_type(0x27, rng.choice((2, 3)), p.bases[0], pick(), p.offset() & ~7))
        elif r < 0.2:
            p.emit(put(rng.choice((0xe0000053, 0xe2000053, 0xe0001053, 0xe2001053)), rd=p.reg(), rs1=pick()))     # fmv.x, fclass
        elif r < 0.25:
            p.emit(i_type(0x07, rng.choice((2, 3)), pick(), p.bases[0], p.offset() & ~7))


def fp_state(p):
    """fflags, frm and fcsr between operations; sometimes with values that are no rounding mode."""
    rng = p.rng
    csr = rng.choice((1, 1, 2, 2, 3))
    if rng.random() < 0.5:
        value = rng.choice((0, 1, 2, 3, 4)) if csr == 2 and rng.random() < 0.8 else rng.randrange(32)
        p.emit(i_type(0x73, rng.choice((5, 5, 6, 7)), p.reg(), value, csr))
    else:
        p.emit(i_type(0x73, rng.choice((1, 2, 3, 2)), p.reg(), rng.choice((0, p.any_reg())), csr))


def fp_off(p):
    """mstatus.FS to Off, Initial, Clean or Dirty; FP instructions trap while it is off."""
    if p.mode == 0:
        return
    rng = p.rng
    csr = rng.choice((SSTATUS, MSTATUS)) if p.mode == 3 else SSTATUS
    a, b = p.temps(2)
    state = rng.choice((0, 1, 2, 3, 3))
    with p.together():
        p.emit(0x37 | a << 7 | 6 << 12)
        p.emit(i_type(0x73, 3, 0, a, csr))
        if state:
            p.load_constant(a, state << 13)
            p.emit(i_type(0x73, 2, 0, a, csr))
    if rng.random() < 0.5:
        fp_run(p)


# --- control flow ---------------------------------------------------------------------------------------------------
def loop(p):
    """Bounded by a counter that nothing else writes. To jump in from above is allowed: the counter is never large."""
    rng = p.rng
    depth = p.depth
    if depth >= len(p.counters):
        return
    p.depth += 1
    counter = p.counters[depth]
    r = rng.random()
    times = rng.randrange(1, 5) if r < 0.7 or depth else rng.randrange(5, 40) if r < 0.93 else rng.randrange(70, 200)
    with p.together() as own:                                # one group: without it this is no loop, and still a program
        p.emit(i_type(0x13, 0, counter, 0, times))
    start = Label()
    p.place(start)
    for _ in range(rng.randrange(1, 5 if times < 40 else 3)):
        piece(p, p.pieces)
    p.depth -= 1
    with p.together(own):
        p.emit(i_type(0x13, 0, counter, counter, -1))
        if p.spread:
            p.emit(0x63 | 5 << 12 | 0 << 15 | counter << 20 | 8 << 7)         # bge x0, counter, over the jump
            p.add('j', 4, 0x6f, start)
        else:
            p.add('b', 4, 0x63 | 4 << 12 | 0 << 15 | counter << 20, start)    # blt x0, counter


def call(p):
    """One of the functions that stand before the program, or one that calls another."""
    rng = p.rng
    if not p.functions:
        return
    link, label = rng.choice(p.functions)
    kind = rng.random()
    with p.together():
        if kind < 0.5:
            p.add('j', 4, 0x6f | link << 7, label)
        elif kind < 0.75:
            pair = len(p.code)
            p.add('hi', 4, 0x17 | link << 7, label)
            p.add('lo_i', 4, i_type(0x67, 0, link, link, 0) | rng.getrandbits(1) << 20, label, pair)
        else:
            a, = p.temps(1)
            p.address_of(a, label)
            if rng.random() < 0.5:
                p.emit(a << 7 | 0x9002, 2) if link == 1 else p.emit(i_type(0x67, 0, link, a, 0))
            else:
                p.emit(i_type(0x67, 0, link, a, rng.randrange(2)))


def function(p, pieces):
    """The second kind calls the first, with the other link register; some come back to a place that is not behind the call."""
    rng = p.rng
    nested = [f for f in p.functions if f[0] == p.links[1]]
    link = p.links[0] if nested and rng.random() < 0.6 else p.links[1]
    label, outer = Label(), p.limit
    p.limit = Label()
    p.place(label)
    known = p.functions
    p.functions = nested if link == p.links[0] else []
    p.emit(NOP)
    for _ in range(rng.randrange(1, 4)):
        piece(p, {k: v for k, v in pieces.items() if k not in (loop, switch_mode, round_trip, sret_piece, wild_jump)})
    if link == p.links[0] and rng.random() < 0.7:
        call(p)
    p.place(p.limit)
    with p.together(fixed=True):
        r = rng.random()
        if link == 1 and r < 0.3:
            p.emit(0x8082, 2)                                # c.jr ra
        else:
            p.emit(i_type(0x67, 0, 0, link, rng.randrange(2) if r < 0.6 else 0))
    p.limit = outer
    p.functions = known + [(link, label)]


def jump_table(p):
    """An index of the program's own values picks one of several ways that meet again."""
    rng = p.rng
    a, b = p.temps(2)
    index = p.reg()
    bits = rng.choice((1, 2))
    labels = [Label() for _ in range(1 << bits)]
    table, out = Label(), Label()
    with p.together():
        p.emit(i_type(0x13, 7, b, index, (1 << bits) - 1))
        p.emit(i_type(0x13, 1, b, b, 2))
        p.address_of(a, table)
        p.emit(r_type(0x33, 0, 0, b, b, a))
        p.emit(i_type(0x03, 2, b, b, 0))
        pair = len(p.code)
        p.add('hi', 4, 0x17 | a << 7, p.start)
        p.add('lo_i', 4, i_type(0x13, 0, a, a, 0), p.start, pair)
        p.emit(r_type(0x33, 0, 0, a, a, b))
        p.emit(i_type(0x67, 0, p.reg(), a, 0))
        p.place(table)
        for label in labels:
            p.add('offset', 4, rng.choice((0, 0, 0, 1)), label)
    for label in rng.sample(labels, len(labels)):
        p.place(label)
        with p.together():
            p.emit(NOP)
        for _ in range(rng.randrange(1, 3)):
            alu_row(p, few_registers(p))
        if rng.random() < 0.7:
            p.add('j', 4, 0x6f, out)
    p.place(out)
    with p.together():
        p.emit(NOP)


def into_the_middle(p):
    """lui's upper half begins an instruction that the next halfword ends: both ways through are run."""
    rng = p.rng
    a, = p.temps(1)
    middle, whole = Label(), Label()
    inner = i_type(0x13, rng.choice((0, 2, 3, 4, 6, 7)), p.reg(), rng.randrange(32), 0) & 0xffff
    if rng.random() < 0.4:
        inner = p.compressed(plain=True)                     # or it is one of 16 bits
    times = len(p.counters) > 0 and rng.random() < 0.6
    with p.together():
        if times:
            p.emit(i_type(0x13, 0, p.counters[-1], 0, 2))
            p.place(whole)
        p.emit(r_type(0x33, 0, 0, a, a, 0))
        p.add('b', 4, rng.choice((0x63, 0x1063, 0x4063)) | p.any_reg() << 15 | p.any_reg() << 20, middle)
        p.emit((0x37 | (p.reg() << 7) | rng.getrandbits(4) << 12) & 0xffff, 2)
        p.place(middle)
        p.emit(inner, 2)
        p.emit(p.compressed(plain=True), 2)
        if times:
            p.emit(i_type(0x13, 0, p.counters[-1], p.counters[-1], -1))
            p.add('b', 4, 0x63 | 4 << 12 | p.counters[-1] << 20, whole)


def backward(p):
    """Blocks that are not in the order in which they run, each entered by a jump."""
    rng = p.rng
    order = rng.sample(range(3), 3)
    labels = [Label() for _ in range(4)]
    with p.together(fixed=True):
        p.add('j', 4, 0x6f, labels[0])
    for n in order:
        p.place(labels[n])
        with p.together(fixed=True):
            p.emit(NOP)
        saved, p.limit = p.limit, Label()
        for _ in range(rng.randrange(1, 3)):
            alu_row(p, few_registers(p))
        if rng.random() < 0.5:
            access(p, rng.choice(p.bases), p.offset())
        p.place(p.limit)
        with p.together(fixed=True):
            p.add('j', 4, 0x6f | (rng.choice((0, 0, p.reg())) << 7), labels[n + 1])
        p.limit = saved
    p.place(labels[3])
    with p.together(fixed=True):
        p.emit(NOP)


def gap(p):
    """On to the end of the page, so that what follows crosses it, some of it in the middle of an instruction."""
    over = Label()
    with p.together(fixed=True):
        p.add('j', 4, 0x6f, over)
        p.add('gap', 0, p.rng.choice((4094, 4092, 4090, 4088, 4084, 4080, 4072, 0, 2)))
        p.place(over)
        p.emit(NOP if p.rng.random() < 0.5 else i_type(0x13, 0, p.reg(), p.any_reg(), p.rng.choice(SPECIAL_IMMEDIATES)))


def wild_jump(p):
    """To where no code is; the runtime goes on behind it, where the link register points."""
    rng = p.rng
    link = p.links[0]
    a, = p.temps(1)
    with p.together():
        kind = rng.randrange(4)
        if kind == 0:
            p.emit(i_type(0x67, 0, link, 0, rng.choice((-2048, -4, 0x100, 0x7fe, 0x101))))
            return
        if kind == 1:
            p.emit(i_type(0x13, 0, a, 0, rng.choice((1, -1, 3))))
            p.emit(i_type(0x13, 1, a, a, rng.choice((38, 39, 44, 56, 62, 63))))
        elif kind == 2 and p.paged and p.spread:
            p.load_constant(a, (p.tail_page << 12) + 0x40200000 - rng.choice((0, 0, 2, 2, 4, -2, -8)))     # the page behind the last
            if p.mode == 0:
                p.emit(0x37 | link << 7 | CODE_WINDOW >> 12 << 12)
                p.emit(r_type(0x33, 0, 0, a, a, link))
            p.emit(i_type(0x67, 0, link, a, 0))
            return
        elif p.paged:
            p.load_constant(a, DATA_VA + rng.choice((0, 0x2000, 0x7000, 0xc000 if rng.random() < 0.1 else 0)))
        else:
            return
        p.emit(i_type(0x67, 0, link, a, rng.randrange(-8, 8)))


# --- code that changes ----------------------------------------------------------------------------------------------
def new_instruction(p):
    """32 bits that may stand in a slot."""
    rng = p.rng
    if rng.random() < 0.25:
        return p.compressed(plain=True) | p.compressed(plain=True) << 16
    return i_type(0x13, rng.choice((0, 0, 2, 3, 4, 6, 7)), p.reg(), rng.randrange(32), rng.choice(SPECIAL_IMMEDIATES))


def store_code(p, address, value, temp, slot):
    """sw, or the two halves; through the program's own address or through the data area's mapping of it."""
    rng = p.rng
    pair = len(p.code)
    kind = rng.random()
    if kind < 0.3 and p.paged:
        p.add('alias', 4, 0x37 | address << 7, slot)
        p.add('alias_lo', 4, s_type(0x23, 2, address, value, 0), slot)
    elif kind < 0.7:
        p.add('hi', 4, 0x17 | address << 7, slot)
        p.add('lo_s', 4, s_type(0x23, 2, address, value, 0), slot, pair)
    else:
        p.address_of(address, slot)
        p.emit(s_type(0x23, 1, address, value, 0))
        p.emit(i_type(0x13, 5, temp, value, 16))
        p.emit(s_type(0x23, 1, address, temp, 2))


def self_modifying(p):
    """Stores an instruction over a later slot and runs it; at once, behind a jump, or behind fence.i."""
    rng = p.rng
    slot = Label()
    a, v, t = p.temps(3)
    kind = rng.choice(('fence', 'fence', 'jump', 'jump', 'jalr') + (('now',) if p.only_ours else ()))
    with p.together():
        p.load_constant(v, new_instruction(p))
        store_code(p, a, v, t, slot)
        if kind == 'fence':
            for _ in range(rng.randrange(2)):
                p.emit(i_type(0x13, 0, p.reg(), p.any_reg(), 1))
            p.emit(FENCE_I)
        elif kind == 'jump':
            p.add('j', 4, 0x6f, slot)
            if rng.random() < 0.5:
                p.add('bytes', 4, NOP.to_bytes(4, 'little'))
        elif kind == 'jalr':
            p.address_of(a, slot)
            p.emit(i_type(0x67, 0, 0, a, 0))
        p.place(slot)
        p.emit(rng.choice((NOP, 0x00010001, new_instruction(p))))
        if rng.random() < 0.3:
            p.emit(NOP)


def self_modifying_loop(p):
    """Each round changes an instruction that ran before."""
    rng = p.rng
    if not p.counters:
        return
    counter = p.counters[-1]
    slot, start = Label(), Label()
    a, v, k, d = p.temps(4)
    with p.together():
        p.load_constant(v, i_type(0x13, rng.choice((0, 4, 6)), d, rng.randrange(32), rng.randrange(-100, 100)))
        p.emit(0x37 | k << 7 | 0x100 << 12)
        p.emit(i_type(0x13, 0, counter, 0, rng.randrange(2, 6)))
        p.place(start)
        p.place(slot)
        p.emit(NOP)
        if rng.random() < 0.5:
            p.emit(NOP)
        pair = len(p.code)
        p.add('hi', 4, 0x17 | a << 7, slot)
        p.add('lo_s', 4, s_type(0x23, 2, a, v, 0), slot, pair)
        p.emit(r_type(0x33, 0, 0, v, v, k))
        if rng.random() < 0.3:
            p.emit(FENCE_I)
        p.emit(i_type(0x13, 0, counter, counter, -1))
        p.add('b', 4, 0x63 | 4 << 12 | counter << 20, start)


def data_beside_code(p):
    """Data in the page of the code, also in the same 64 bytes: stores to it change no instruction."""
    rng = p.rng
    label, out = Label(), Label()
    a, b = p.temps(2)
    size = rng.choice((8, 16, 64))
    with p.together():
        p.add('j', 4, 0x6f, out)
        p.place(label)
        p.add('bytes', size, rng.randbytes(size))
        p.place(out)
        p.address_of(a, label)
        for _ in range(rng.randrange(2, 6)):
            opcode, funct3, width = rng.choice(LOADS[:8] + STORES[:5])
            offset = rng.randrange(0, size - width + 1)
            if opcode == 3:
                p.emit(i_type(3, funct3, b, a, offset))
            else:
                p.emit(s_type(0x23, funct3, a, p.any_reg(), offset))


# --- privilege and address spaces ------------------------------------------------------------------------------------
def switch_space(p):
    rng = p.rng
    register, other = p.space_registers[rng.choice((0, 1))], p.temps(2)
    if rng.random() < 0.25 and p.any_asid:
        a, b = other
        with p.together():
            p.emit(i_type(0x13, 0, a, 0, rng.randrange(1, 64)))
            p.emit(i_type(0x13, 1, a, a, 44))
            p.emit(r_type(0x33, 4, 0, b, a, register))
            p.emit(i_type(0x73, 1, rng.choice((0, a)), b, SATP))
        return
    p.emit(i_type(0x73, 1, rng.choice((0, other[0])), register, SATP))


def fence(p, address, asid, page, precise):
    """A fence that covers an edit of `page` in the space with this ASID."""
    rng = p.rng
    va, space = 0, 0
    if precise and rng.random() < 0.6:
        va = address
        p.load_constant(va, DATA_VA + page * 4096 + rng.choice((0, 8, 4095)))
    if asid is not None and not p.any_asid and rng.random() < 0.6:
        space = p.temps(1)[0]
        while space == va:
            space = p.temps(1)[0]
        p.emit(i_type(0x13, 0, space, 0, asid))
    if not p.visits_user and rng.random() < 0.4:             # QEMU 10 executes the outer two in U mode, where they are illegal
        p.emit(W_INVAL)
        p.emit(put(SINVAL, rs1=va, rs2=space))
        p.emit(INVAL_IR)
    else:
        p.emit(put(SFENCE, rs1=va, rs2=space))


def edit_page_table(p):
    """A new PTE for one page of one space, or for a page that is global in both, and a fence."""
    rng = p.rng
    near = [(p.base_values[b] - DATA_VA >> 12) + rng.choice((0, 0, 1)) for b in p.bases]
    page = rng.choice(near + [rng.randrange(16)]) % 16
    a, v, t = p.temps(3)
    both = page in p.global_pages
    flags = rng.choice((0xc7, 0xc7, 0xc7, 0xd7, 0xc3, 0, 0x87, 0x47, 0x07, 0xc9, 0xd3, 0xc5, 0x01)) | (0x20 if both else 0)
    space = rng.randrange(2)
    with p.together():
        p.load_constant(v, (DATA >> 2) + rng.randrange(16) * 0x400 + flags)
        for table in ((0, 1) if both else (space,)):
            p.emit(0x37 | t << 7 | (DATA_VA + (LEAF_B_PAGE if table else LEAF_A_PAGE) * 4096))
            if rng.random() < 0.4:
                p.emit(i_type(0x03, 3, a, t, page * 8))
            p.emit(s_type(0x23, 3, t, v, page * 8))
        fence(p, a, None if both else (p.asid_b if space else p.asid_a), page, True)
    if rng.random() < 0.8:
        p.emit(i_type(0x03, 3, p.reg(), rng.choice(p.bases), p.offset()))


def edit_middle_table(p):
    """Space A gets the other space's leaf table, or its own again."""
    rng = p.rng
    if not p.any_asid:
        return
    a, v, t = p.temps(3)
    with p.together():
        p.load_constant(v, (TABLES + rng.choice((0x2000, 0x5000)) >> 2) | 1)
        p.emit(0x37 | t << 7 | (DATA_VA + MIDDLE_A_PAGE * 4096))
        p.emit(s_type(0x23, 3, t, v, 0))
        fence(p, a, None, 0, False)


def lone_fence(p):
    """One that nothing needs."""
    registers = (0, p.rng.choice(p.bases), p.reg())
    p.emit(put(p.rng.choice((SFENCE, SFENCE, SINVAL)), rs1=p.rng.choice(registers), rs2=p.rng.choice((0, 0, p.reg()))))


def toggle_status(p):
    """SUM or MXR around accesses."""
    rng = p.rng
    a, = p.temps(1)
    with p.together():
        p.emit(0x37 | a << 7 | rng.choice((0x40, 0x80, 0xc0)) << 12)
        p.emit(i_type(0x73, rng.choice((2, 3)), rng.choice((0, 0, a)), a, SSTATUS))
    for _ in range(rng.randrange(1, 4)):
        access(p, rng.choice(p.bases), p.offset())


def switch_mode(p):
    """An ecall that asks the runtime to go on in another mode."""
    mode = p.rng.choice((1, 1, 2, 2, 3) if not p.paged else (1, 1, 2))
    with p.together():
        p.emit(ECALL)
        p.emit(0x37 | mode << 12)


def round_trip(p):
    """Down for a few instructions, and back up."""
    if p.group is not None:
        return
    up = 2 if p.mode == 1 or p.paged else 3
    with p.together():
        p.emit(ECALL)
        p.emit(0x37 | p.rng.choice((1, 1, 2)) << 12)
    for _ in range(p.rng.randrange(1, 4)):
        piece(p, {aliasing: 2, group: 2, fp_run: 1, random_rows: 1})
    with p.together():
        p.emit(ECALL)
        p.emit(0x37 | up << 12)


def sret_piece(p):
    """sret or mret of the program's own, to the next instruction in the same or in a lower mode."""
    rng = p.rng
    if p.mode == 0 or p.shape not in ('vm', 'mode'):
        return
    a, b = p.temps(2)
    out = Label()
    machine = p.mode == 3
    lower = rng.random() < 0.6
    with p.together():
        p.address_of(a, out)
        mode = rng.choice((0, 1)) if lower and machine else 0 if lower else p.mode
        if mode == 0 and p.translated:
            p.emit(0x37 | b << 7 | (CODE_WINDOW if p.spread else IMAGE_WINDOW))
            p.emit(r_type(0x33, 0, 0, a, a, b))
        p.emit(i_type(0x73, 1, 0, a, MEPC if machine else SEPC))
        if machine:
            p.load_constant(b, 0x1800)
            p.emit(i_type(0x73, 3, 0, b, MSTATUS))
            if mode:
                p.load_constant(b, mode << 11)
                p.emit(i_type(0x73, 2, 0, b, MSTATUS))
        else:
            p.emit(i_type(0x13, 0, b, 0, 0x100))
            p.emit(i_type(0x73, 3 if lower else 2, 0, b, SSTATUS))
        p.emit(MRET if machine else SRET)
        p.place(out)
        p.emit(NOP)


def modify_privilege(p):
    """M mode's accesses through another mode's translation."""
    rng = p.rng
    if p.mode != 3:
        return
    a, b = p.temps(2)
    with p.together():
        p.load_constant(b, 0x1800)
        p.emit(i_type(0x73, 3, 0, b, MSTATUS))
        mode = rng.choice((0, 1, 1))
        p.load_constant(a, (DATA_VA if p.translated else DATA) + rng.randrange(16) * 4096 + rng.choice((0, 8, 2048, 4096 - 8, 4096 - 4)))
        p.load_constant(b, 1 << 17 | mode << 11)
        p.emit(i_type(0x73, 2, 0, b, MSTATUS))
        for _ in range(rng.randrange(1, 4)):
            access(p, a, rng.choice((0, 4, 8, 1)), b if b != a else 0)
        p.load_constant(b, 1 << 17)
        p.emit(i_type(0x73, 3, 0, b, MSTATUS))


def interrupt(p):
    """A software interrupt for M mode: it comes before the next instruction, or with the next lower mode."""
    if p.mode == 3:
        writes = [i_type(0x73, 6, 0, 2, MIE), i_type(0x73, 6, 0, 2, MIP)] + [i_type(0x73, 6, 0, 8, MSTATUS)] * p.rng.randrange(2)
        for word in p.rng.sample(writes, len(writes)):
            p.emit(word)


# --- counters -------------------------------------------------------------------------------------------------------
def counter(p):
    p.emit(i_type(0x73, 2, p.temps(1)[0], 0, p.rng.choice(COUNTERS if p.mode == 3 else COUNTERS[:2] * 3 + COUNTERS)))


def write_counter(p):
    if p.mode == 3:
        p.emit(i_type(0x73, p.rng.choice((1, 2, 3)), p.reg(), p.any_reg(), p.rng.choice(COUNTERS[2:])))


# --- programs -------------------------------------------------------------------------------------------------------
def random_rows(p):
    for _ in range(p.rng.randrange(1, 4)):
        r = p.rng.random()
        if r < 0.25:
            p.compressed()
        elif r < 0.29:
            p.reserved_encoding()
        else:
            p.row(p.rng.choice(p.table))


def piece(p, pieces):
    p.rng.choices(list(pieces), list(pieces.values()))[0](p)


EVERYWHERE = {random_rows: 3, aliasing: 2}
FLOW = {loop: 3, call: 3, jump_table: 2, into_the_middle: 2, backward: 1, compare_and_branch: 2, constants: 1, fusible: 1, group: 2, wild_jump: 1}
SHAPES = {       # shape: (weight, pieces)
    'straight': (3, None),
    'values': (3, {aliasing: 4, constants: 3, constant_address: 1, widths: 3, compare_and_branch: 3, fusible: 4, loop: 1, random_rows: 2}),
    'flow': (4, {**EVERYWHERE, **FLOW}),
    'memory': (4, {**EVERYWHERE, group: 5, moving_base: 4, fault_in_a_run: 3, constant_address: 2, loop: 2, atomics: 1, widths: 1}),
    'fp': (4, {random_rows: 1, fp_run: 8, fp_state: 3, fp_off: 1, loop: 2, group: 1, aliasing: 1}),
    'code': (3, {**EVERYWHERE, self_modifying: 4, self_modifying_loop: 2, data_beside_code: 4, loop: 2, call: 1, group: 1}),
    'vm': (4, {aliasing: 2, group: 4, moving_base: 1, switch_space: 5, edit_page_table: 5, edit_middle_table: 2, lone_fence: 1, toggle_status: 3,
               switch_mode: 2, round_trip: 2, sret_piece: 2, loop: 2, fault_in_a_run: 1, call: 1, constant_address: 2}),
    'mode': (2, {**EVERYWHERE, switch_mode: 2, round_trip: 3, sret_piece: 3, modify_privilege: 3, interrupt: 1, group: 2, loop: 1, fp_off: 1}),
    'atomic': (2, {atomics: 8, group: 2, loop: 2, aliasing: 1, random_rows: 1}),
    'count': (1, {**EVERYWHERE, counter: 5, write_counter: 1, loop: 2, call: 1, fusible: 1, group: 1, fp_run: 1}),
    'mix': (3, {**EVERYWHERE, **FLOW, group: 3, moving_base: 1, fault_in_a_run: 1, fp_run: 3, fp_state: 1, self_modifying: 1, data_beside_code: 1,
                atomics: 1, widths: 1, constant_address: 1}),
}


def choose(p, shape):
    """Mode, paging, registers: what a shape asks for."""
    rng = p.rng
    p.shape = shape
    p.functions, p.space_registers = [], ()
    if shape == 'vm':
        p.mode = 1
    elif shape == 'mode':
        p.mode = rng.choice((1, 3, 3))
    p.paged = shape == 'vm' or (p.mode != 3 and rng.random() < 0.75)
    p.translated = p.paged or (shape == 'mode' and rng.random() < 0.7)
    if shape == 'straight':
        p.settle()
        return
    p.spread = shape in ('flow', 'code', 'mix', 'values', 'vm') and rng.random() < 0.5
    p.only_ours = shape == 'count' or (shape == 'code' and rng.random() < 0.3)
    if shape == 'count':
        p.counteren = 7
    if shape == 'fp' and p.mode and rng.random() < 0.5:
        p.fs = rng.choice((0, 1, 2, 2))
    if shape in ('mode', 'vm') and rng.random() < 0.5:
        p.medeleg = rng.choice((1 << 8, 1 << 3 | 1 << 8, 1 << 13 | 1 << 15, 1 << 3 | 1 << 8 | 1 << 13 | 1 << 15))
    # x2 stays the base of c.lwsp and its like; the others come from pinned registers and from the rest.
    pool = [r for r in range(3, 30) if r not in (5,)]
    rng.shuffle(pool)
    low = [r for r in pool if r in PINNED]
    chosen = [2] + [low.pop() if rng.random() < 0.6 else next(r for r in pool if r not in PINNED)]
    for r in pool:
        if r not in chosen and len(chosen) < 4:
            chosen.append(r)
    p.bases = tuple(chosen)
    rest = [r for r in pool if r not in chosen]
    p.counters = tuple(rest[:rng.choice((2, 3))])
    p.links = rng.choice(((1, 5), (1, 5), (5, 1), tuple(rest[3:5])))
    if shape == 'vm':
        p.space_registers = tuple(rest[5:7])
        p.asid_a, p.asid_b = rng.choice(((1, 2), (0, 1), (5, 1029), (2047, 3)))
        p.any_asid = rng.random() < 0.3
        p.visits_user = rng.random() < 0.6
        p.global_pages = tuple(rng.sample(range(16), rng.choice((0, 2, 6))))
        flags = lambda: [rng.choice((0xc7, 0xc7, 0xc7, 0xd7, 0xc3, 0, 0x87, 0x47, 0xc9)) for _ in range(16)]
        pages_a, pages_b = [rng.randrange(16) for _ in range(16)], [rng.randrange(16) for _ in range(16)]
        flags_a, flags_b = flags(), flags()
        for g in p.global_pages:
            flags_a[g] = flags_b[g] = flags_a[g] | 0x20
            pages_b[g] = pages_a[g]
        p.leaf_a, p.leaf_b = (flags_a, pages_a), (flags_b, pages_b)
    p.settle()
    p.reserved |= set(p.space_registers)
    if shape == 'vm':
        p.fixed_values = {p.space_registers[0]: p.satp(0), p.space_registers[1]: p.satp(1)}


def build(p, length, shape=None):
    """Draws a shape, unless one is given, and the program."""
    rng = p.rng
    shape = shape or rng.choices(list(SHAPES), [s[0] for s in SHAPES.values()])[0]
    choose(p, shape)
    pieces = p.pieces = SHAPES[shape][1]
    if shape == 'vm' and not p.visits_user:
        pieces = p.pieces = {k: v for k, v in pieces.items() if k not in (switch_mode, round_trip, sret_piece)}
    p.start = Label()
    p.place(p.start)
    p.tail_page = 0
    if pieces is None:
        while len(p.code) < length:
            r = rng.random()
            if r < 0.18:
                p.compressed()
            elif r < 0.20:
                self_modifying(p)
            elif r < 0.23:
                p.reserved_encoding()
            else:
                p.row(rng.choice(p.table))
        return
    if p.spread:
        p.tail_page = rng.choice((3, 4))
        p.tail_flags = rng.choice((0, 0xc7, 0xc1))
        if p.paged:
            p.order = rng.sample(range(p.tail_page), p.tail_page)
    main = Label()
    if call in pieces and rng.random() < 0.8:
        with p.together(fixed=True):
            p.add('j', 4, 0x6f, main)
        for _ in range(rng.randrange(1, 4)):
            function(p, pieces)
    p.place(main)
    with p.together(fixed=True):
        p.emit(NOP)
    gaps = p.tail_page - 1 if p.spread else 0
    for part in range(gaps + 1):
        began = len(p.code)
        while len(p.code) - began < length / (gaps + 1):
            piece(p, pieces)
        if part < gaps:
            gap(p)
