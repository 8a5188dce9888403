"""Pieces of programs (see shapes.py): floating point."""
from encoding import FP, MSTATUS, SSTATUS, i_type, put, s_type


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
