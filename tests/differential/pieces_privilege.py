"""Pieces of programs (see shapes.py): address spaces, modes, counters."""
from encoding import COUNTERS, ECALL, MEPC, MIE, MIP, MRET, MSTATUS, NOP, SATP, SEPC, SRET, SSTATUS, i_type, put, r_type, s_type
from pieces_fp import fp_run
from pieces_memory import access, group
from pieces_values import aliasing, piece, random_rows
from program import CODE_WINDOW, DATA, DATA_VA, IMAGE_WINDOW, LEAF_A_PAGE, LEAF_B_PAGE, MIDDLE_A_PAGE, TABLES, Label

SFENCE, SINVAL, W_INVAL, INVAL_IR = 0x12000073, 0x16000073, 0x18000073, 0x18100073


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


def look_edit_look(p):
    """A page is looked at in one space or both, changed, fenced precisely, and looked at again: what forgets too little shows."""
    rng = p.rng
    page = rng.randrange(16)
    both = page in p.global_pages
    space = rng.randrange(2)
    a, v, t = p.temps(3)
    flags = rng.choice((0xc7, 0xc7, 0xd7, 0xc3, 0, 0x07)) | (0x20 if both else 0)

    def look():
        p.load_constant(a, DATA_VA + page * 4096 + rng.choice((0, 64, 2048, 4088)))
        for _ in range(rng.randrange(1, 3)):
            access(p, a, 0, t)

    def go_to(which):
        p.emit(i_type(0x73, 1, 0, p.space_registers[which], SATP))

    with p.together():
        if rng.random() < 0.5:
            p.emit(0x37 | a << 7 | 0x40 << 12)               # SUM, so that both kinds of pages can be looked at
            p.emit(i_type(0x73, rng.choice((2, 2, 3)), 0, a, SSTATUS))
        go_to(space)
        look()
        if rng.random() < 0.6:
            go_to(1 - space)
            if rng.random() < 0.5:
                look()
        p.load_constant(v, (DATA >> 2) + rng.randrange(16) * 0x400 + flags)
        for table in ((0, 1) if both else (space,)):
            p.emit(0x37 | t << 7 | (DATA_VA + (LEAF_B_PAGE if table else LEAF_A_PAGE) * 4096))
            p.emit(s_type(0x23, 3, t, v, page * 8))
        fence(p, a, None if both else (p.asid_b if space else p.asid_a), page, True)
        if rng.random() < 0.5:
            p.emit(0x37 | a << 7 | 0x40 << 12)
            p.emit(i_type(0x73, rng.choice((2, 3)), 0, a, SSTATUS))
        go_to(space)
        look()


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
        p.load_address(a, (DATA_VA if p.translated else DATA) + rng.randrange(16) * 4096 + rng.choice((0, 8, 2048, 4096 - 8, 4096 - 4)))
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


def counter(p):
    p.emit(i_type(0x73, 2, p.temps(1)[0], 0, p.rng.choice(COUNTERS if p.mode == 3 else COUNTERS[:2] * 3 + COUNTERS)))


def write_counter(p):
    if p.mode == 3:
        p.emit(i_type(0x73, p.rng.choice((1, 2, 3)), p.reg(), p.any_reg(), p.rng.choice(COUNTERS[2:])))
