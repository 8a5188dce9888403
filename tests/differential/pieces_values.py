"""Pieces of programs (see shapes.py): random instructions, and arithmetic of the kinds that a translator folds, fuses or narrows."""
from encoding import ALU, LOADS, SPECIAL_IMMEDIATES, i_type, put, r_type
from program import Label


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
