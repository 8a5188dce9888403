"""Makes a program that differs smaller: pieces become nops while it still differs."""
import copy
import time

from generate import Image
from machines import difference, run

VARIANTS, PATIENCE, BUDGET = 64, 4, 150      # programs an image; seconds for one that may not end, and for all of them


def without(program, text, groups):
    """The program's bytes with the items of these groups as nops, data too: nothing jumps over it any more. Everything stays where it is."""
    out = bytearray(text)
    for i, item in enumerate(program.code):
        at, end = program.starts[i], program.starts[i + 1]
        if item.group in groups:
            out[at:end] = b'\x13\0\0\0' if item.size == 4 else b'\x01\0' * ((end - at) // 2)
    return bytes(out)


class Shrinker:
    """`pair`: the executors that disagree. `stuck`: one of them does not get to the end, so each variant runs in an image of its own."""

    def __init__(self, program, pair, runtime, folder, seconds, stuck):
        self.program, self.pair, self.runtime, self.path, self.seconds, self.stuck = program, pair, runtime, folder / 'shrink', seconds, stuck
        self.until = time.time() + BUDGET

    def attempt(self, candidates):
        """Those of the candidates (sets of groups that go) that still differ."""
        if self.stuck:
            return [c for c in candidates if time.time() < self.until and self.run([c], PATIENCE)]
        return self.run(candidates, self.seconds)

    def run(self, candidates, seconds):
        image = Image()
        for groups in candidates:
            variant = copy.copy(self.program)
            image.at = (image.at + 4095 & ~4095) + variant.start_offset
            image.add(variant, without(variant, variant.plain, groups))
            image.records.append(variant.record_at(image.places[-1]))
        image.write(self.runtime, self.path)
        found, problems = run(self.pair, self.path, self.path.parent, seconds)
        if self.stuck:
            return candidates if len(problems) == 1 else []
        if problems:
            return []
        return [c for i, c in enumerate(candidates) if difference(self.pair, found, i, image.programs[i])]

    def shrink(self):
        """The groups that can go, or None where the program alone, in an image of its own, does not differ."""
        gone = frozenset()
        if not self.attempt([gone]):
            return None
        groups = [g for g in dict.fromkeys(item.group for item in self.program.code) if g not in self.program.fixed]
        size = max(1, len(groups) // 2)
        while True:
            left = [g for g in groups if g not in gone]
            chunks = [frozenset(left[i:i + size]) for i in range(0, len(left), size)]
            before = gone
            if self.stuck:
                for chunk in chunks:
                    gone = (self.attempt([gone | chunk]) or [gone])[0]
            else:
                worked = []
                for i in range(0, len(chunks), VARIANTS):
                    worked += self.attempt([gone | c for c in chunks[i:i + VARIANTS]])
                if worked:
                    # All of them at once often works, too; else the largest prefix that does.
                    union = [worked[0]]
                    for w in worked[1:]:
                        union.append(union[-1] | w)
                    gone = max(self.attempt(union[:VARIANTS]) or worked, key=len)
            if gone == before or time.time() > self.until:
                if size == 1 or time.time() > self.until:
                    return gone
                size = max(1, size // 2)
