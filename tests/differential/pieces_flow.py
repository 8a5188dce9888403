"""Pieces of programs (see shapes.py): control flow, and code that changes."""
from encoding import FENCE_I, LOADS, NOP, SPECIAL_IMMEDIATES, STORES, i_type, r_type, s_type
from pieces_memory import access
from pieces_values import alu_row, few_registers, piece
from program import CODE_VA, CODE_WINDOW, DATA_VA, Label



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
        piece(p, pieces)
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
            p.load_constant(a, (p.tail_page << 12) + CODE_VA - rng.choice((0, 0, 2, 2, 4, -2, -8)))     # the page behind the last
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
    """Each round changes an instruction that ran before: all of it, its upper half, its last byte, or two short ones at once."""
    rng = p.rng
    if not p.counters:
        return
    counter = p.counters[-1]
    slot, start = Label(), Label()
    a, v, k, d = p.temps(4)
    kind = rng.randrange(4)
    if kind == 3:
        kept, p.reserved = p.reserved, p.reserved | {a, v, k}
        first, second = (p.compressed(plain=True) | p.compressed(plain=True) << 16 for _ in range(2))
        p.reserved = kept
        begin, step, width = first, first ^ second, 2
    else:
        first = i_type(0x13, rng.choice((0, 4, 6)), d, rng.randrange(32), rng.randrange(0, 100))
        shift, width = ((0, 2), (16, 1), (24, 0))[kind]
        begin, step = first >> shift, max(1 << 20 >> shift, 1)
    with p.together():
        p.load_constant(v, begin)
        p.load_constant(k, step)
        p.emit(i_type(0x13, 0, counter, 0, rng.randrange(2, 6)))
        p.place(start)
        if rng.random() < 0.3:
            p.emit(1, 2)
        p.place(slot)
        p.emit(first if rng.random() < 0.7 else NOP)
        if rng.random() < 0.5:
            p.emit(NOP)
        p.address_of(a, slot)
        p.emit(s_type(0x23, width, a, v, (0, 2, 3, 0)[kind]))
        p.emit(r_type(0x33, 4 if kind == 3 else 0, 0, v, v, k))
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
