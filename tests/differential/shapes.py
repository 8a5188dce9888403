"""Shapes: which pieces a program mixes, and how often. A piece is a function of the program that it adds itself to; all are biased to what breaks
translators."""
from encoding import NOP
from pieces_flow import (backward, call, data_beside_code, function, gap, into_the_middle, jump_table, loop, self_modifying, self_modifying_loop,
                         wild_jump)
from pieces_fp import fp_off, fp_run, fp_state
from pieces_memory import atomics, constant_address, fault_in_a_run, group, moving_base, walk
from pieces_privilege import (counter, edit_middle_table, edit_page_table, interrupt, lone_fence, look_edit_look, modify_privilege, round_trip,
                              sret_piece, switch_mode, switch_space, toggle_status, write_counter)
from pieces_values import aliasing, compare_and_branch, constants, fusible, piece, random_rows, widths
from program import PINNED, Label

EVERYWHERE = {random_rows: 3, aliasing: 2}
FLOW = {loop: 3, call: 3, jump_table: 2, into_the_middle: 2, backward: 1, compare_and_branch: 2, constants: 1, fusible: 1, group: 2, wild_jump: 1}
NOT_IN_FUNCTIONS = (loop, walk, switch_mode, round_trip, sret_piece, wild_jump)
SHAPES = {       # shape: (weight, pieces)
    'straight': (3, None),
    'values': (3, {aliasing: 4, constants: 3, constant_address: 1, widths: 3, compare_and_branch: 3, fusible: 4, loop: 1, random_rows: 2}),
    'flow': (4, {**EVERYWHERE, **FLOW}),
    'memory': (4, {**EVERYWHERE, walk: 2, group: 5, moving_base: 4, fault_in_a_run: 3, constant_address: 2, loop: 2, atomics: 1, widths: 1}),
    'fp': (4, {random_rows: 1, fp_run: 8, fp_state: 3, fp_off: 1, loop: 2, group: 1, aliasing: 1}),
    'code': (3, {**EVERYWHERE, self_modifying: 4, self_modifying_loop: 2, data_beside_code: 4, loop: 2, call: 1, group: 1}),
    'vm': (4, {aliasing: 2, group: 4, moving_base: 1, walk: 1, switch_space: 5, edit_page_table: 4, look_edit_look: 4, edit_middle_table: 2,
               lone_fence: 1, toggle_status: 3, switch_mode: 2, round_trip: 2, sret_piece: 2, loop: 2, fault_in_a_run: 1, call: 1,
               constant_address: 2}),
    'mode': (2, {**EVERYWHERE, switch_mode: 2, round_trip: 3, sret_piece: 3, modify_privilege: 3, interrupt: 1, group: 2, loop: 1, fp_off: 1}),
    'atomic': (2, {atomics: 8, group: 2, loop: 2, aliasing: 1, random_rows: 1}),
    'count': (1, {**EVERYWHERE, counter: 5, write_counter: 1, loop: 2, call: 1, fusible: 1, group: 1, fp_run: 1}),
    'mix': (3, {**EVERYWHERE, **FLOW, group: 3, moving_base: 1, walk: 1, fault_in_a_run: 1, fp_run: 3, fp_state: 1, self_modifying: 1,
                data_beside_code: 1, atomics: 1, widths: 1, constant_address: 1}),
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
            function(p, {k: v for k, v in pieces.items() if k not in NOT_IN_FUNCTIONS})
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
