"""Pieces of programs (see shapes.py): loads, stores, AMO, LR and SC."""
from encoding import LOADS, NOP, STORES, i_type, put, r_type, s_type
from pieces_values import alu_row, few_registers
from program import DATA, DATA_VA, PAGES, Label


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


def constant_address(p):
    """A load or store whose address is known at translation time."""
    rng = p.rng
    a, b = p.temps(2)
    page = rng.randrange(PAGES if p.paged else 6)
    with p.together():
        p.load_address(a, (DATA_VA if p.paged else DATA) + page * 4096 + rng.choice((0, 8, 2048, 4096 - 8, 4096 - 4, 4096 - 1, 2047)))
        for _ in range(rng.randrange(1, 4)):
            access(p, a, rng.choice((-8, 0, 0, 8, 4, 1)), b)


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


def walk(p):
    """A pointer through the data pages, often over their edges: what remembers a page for an access misses again and again."""
    rng = p.rng
    if p.depth >= len(p.counters):
        return
    counter = p.counters[p.depth]
    a, b = p.temps(2)
    stride = rng.choice((8, 8, 4, 1, 64, 252, 1000, 2040, 2047))
    times = min(rng.choice((4, 10, 40, 150)), 0x9000 // stride)
    start = Label()
    with p.together():
        p.emit(i_type(0x13, 0, a, p.bases[0], rng.choice((0, 0, 1, 2040))))
        p.emit(i_type(0x13, 0, counter, 0, times))
        p.place(start)
        p.emit(NOP)
        for _ in range(rng.randrange(1, 5)):
            access(p, a, rng.choice((0, 8, 16, -8, 4, 1)), b)
        p.emit(i_type(0x13, 0, a, a, stride))
        p.emit(i_type(0x13, 0, counter, counter, -1))
        p.add('b', 4, 0x63 | 4 << 12 | counter << 20, start)


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
