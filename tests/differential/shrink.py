"""Makes a program that differs smaller: pieces become nops while it still differs."""
import copy

from generate import Image
from machines import difference, run

VARIANTS = 64


def without(program, text, groups):
    """The program's bytes with the items of these groups as nops, data too: nothing jumps over it any more. Everything stays where it is."""
    out = bytearray(text)
    for i, item in enumerate(program.code):
        at, end = program.starts[i], program.starts[i + 1]
        if item.group in groups:
            out[at:end] = b'\x13\0\0\0' if item.size == 4 else b'\x01\0' * ((end - at) // 2)
    return bytes(out)


def try_all(program, text, candidates, executors, runtime, folder, seconds):
    """Runs variants in one image; returns those that differ."""
    image = Image()
    for groups in candidates:
        variant = copy.copy(program)
        image.at = (image.at + 4095 & ~4095) + program.start_offset
        image.add(variant, without(program, text, groups))
        image.records.append(variant.record_at(image.places[-1]))
    path = folder / 'shrink'
    image.write(runtime, path)
    found, problems = run(executors, path, folder, seconds)
    if problems:
        return []
    return [c for i, c in enumerate(candidates) if difference(executors, found, i, image.programs[i])]


def shrink(program, text, executors, runtime, folder, seconds):
    """The groups that can go, or None where the program alone, in an image of its own, does not differ."""
    attempt = lambda candidates: try_all(program, text, candidates, executors, runtime, folder, seconds)
    gone = frozenset()
    if not attempt([gone]):
        return None
    groups = [g for g in dict.fromkeys(item.group for item in program.code) if g not in program.fixed]
    size = max(1, len(groups) // 2)
    while True:
        left = [g for g in groups if g not in gone]
        chunks = [left[i:i + size] for i in range(0, len(left), size)]
        worked = []
        for i in range(0, len(chunks), VARIANTS):
            worked += attempt([gone | frozenset(c) for c in chunks[i:i + VARIANTS]])
        if worked:
            # All of them at once often works, too; else the largest prefix that does.
            union = [worked[0]]
            for w in worked[1:]:
                union.append(union[-1] | w)
            both = attempt(union[:VARIANTS])
            gone = max(both or worked, key=len)
        elif size == 1:
            return gone
        else:
            size = max(1, size // 2)
