#!/usr/bin/env python3
"""Writes trace files: an implementation of core/trace_format.h of its own, for tests, and a model of a guest whose interrupts are known.

    trace_maker.py OUT [--events N] [--seed N] [--chunk-events N] [--deflate]

As a module: Writer makes a file from events, Guest makes events. Nothing here is shared with the programs that it tests.
"""
import argparse
import os
import random
import re
import struct
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER, CHUNK, END = 36, 64, 16
PAYLOAD_MAX, LABELS_MAX, SEED = 64 << 10, 1024, 0xCBF29CE484222325
M64 = (1 << 64) - 1


def own_events():
    """The table of core/trace_events.inc: [(name, stream, label, [(field, format)])]."""
    with open(os.path.join(ROOT, "core", "trace_events.inc"), encoding="utf-8") as file:
        text = file.read()
    rows = re.findall(r'^TRACE_EVENT\((\w+), k(\w+), "(\w*)", "([^"]*)"', text, re.M)
    return [(name, stream.lower(), label, [tuple(f.split(":")) for f in fields.split()]) for name, stream, label, fields in rows]


def schema_text(events):
    return "".join(f"{name}|{stream}|{label}|{' '.join(':'.join(f) for f in fields)}\n" for name, stream, label, fields in events)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(difference):
    """Of a difference modulo 2^64."""
    difference &= M64
    return (difference << 1 & M64) ^ (M64 if difference >> 63 else 0)


def chain_hash(value, payload):
    padded = payload + bytes(-len(payload) % 8)
    for (word,) in struct.iter_unpack("<Q", padded):
        value = (value ^ word) * 0x100000001B3 & M64
        value ^= value >> 29
    return value


class Event:
    __slots__ = ("name", "label", "numbers", "instruction", "ns")

    def __init__(self, name, label, numbers, instruction, ns):
        self.name, self.label, self.numbers, self.instruction, self.ns = name, label, numbers, instruction, ns


class Writer:
    """file = Writer(...); file.add(event)...; file.finish() gives the bytes. Chunks end after `chunk_events`, or when one is full."""

    def __init__(self, table=None, mask=None, stream=0, flags=0, chunk_events=10**9, deflate=False, first_sequence=0):
        self.table = table or own_events()
        self.number = {row[0]: i for i, row in enumerate(self.table)}
        self.mask = (1 << len(self.table)) - 1 if mask is None else mask
        self.chunk_events, self.deflate = chunk_events, deflate
        schema = schema_text(self.table).encode()
        header = b"MONOTRC\0" + struct.pack("<IIQII", 1, stream, self.mask, flags, len(schema))
        self.out = bytearray(header + struct.pack("<I", zlib.crc32(header + schema)) + schema)
        self.index = []
        self.hash = SEED
        self.sequence = self.chunk_sequence = first_sequence
        self.payload = bytearray()
        self.count = 0

    def begin(self, event):
        self.chunk_sequence = self.sequence
        self.first = (event.instruction, event.ns)
        self.last = [event.instruction, event.ns]
        self.labels = {}
        self.values = [[0] * len(row[3]) for row in self.table]

    def add(self, event):
        if self.count == 0:
            self.begin(event)
        number = self.number[event.name]
        row = self.table[number]
        p = self.payload
        p.append(number)
        p += varint(event.instruction - self.last[0])
        p += varint(zigzag(event.ns - self.last[1]))
        self.last = [event.instruction, event.ns]
        if row[2]:
            if event.label is None:
                p.append(0)
            elif event.label in self.labels:
                p += varint(self.labels[event.label])
            else:
                self.labels[event.label] = len(self.labels) + 1
                text = event.label.encode("latin-1")
                p += varint(len(self.labels)) + varint(len(text)) + text
        values = self.values[number]
        for i, value in enumerate(event.numbers):
            value &= M64
            p += varint(zigzag(value - values[i]))
            values[i] = value
        self.sequence += 1
        self.count += 1
        if self.count == self.chunk_events or len(p) > PAYLOAD_MAX - 512 or len(self.labels) == LABELS_MAX:
            self.end_chunk()

    def end_chunk(self):
        if self.count == 0:
            return
        raw = bytes(self.payload)
        stored = zlib.compress(raw) if self.deflate else raw
        self.hash = chain_hash(self.hash, raw)
        head = struct.pack("<IIIIIIQQqQI", 0x4B4E4843, 1 if self.deflate else 0, len(stored), len(raw), self.count, zlib.crc32(stored),
                           self.chunk_sequence, self.first[0], self.first[1], self.hash, 0)
        self.index.append((len(self.out), self.chunk_sequence, *self.first, self.hash))
        self.out += head + struct.pack("<I", zlib.crc32(head)) + stored
        self.payload = bytearray()
        self.count = 0

    def finish(self, closed=True):
        self.end_chunk()
        if closed:
            at = len(self.out)
            index = b"INDX" + struct.pack("<I", len(self.index)) + b"".join(struct.pack("<QQQqQ", *entry) for entry in self.index)
            self.out += index + struct.pack("<I", zlib.crc32(index)) + struct.pack("<Q", at) + b"MONOEND\0"
        return bytes(self.out)


def write(path, events, closed=True, **options):
    writer = Writer(**options)
    for event in events:
        writer.add(event)
    with open(path, "wb") as file:
        file.write(writer.finish(closed))


# --- a guest ------------------------------------------------------------------------------------------------------------

U, S, M = 0, 1, 3
MIE, SIE, MPIE, SPIE = 1 << 3, 1 << 1, 1 << 7, 1 << 5
CODE = 0x80000000


class Guest:
    """A model of a hart with a kernel, a firmware and devices; emits the events that Monochord would. Deterministic by its seed. What it knows of the
    truth is in `episodes`: (first event, last event, interrupt?, cause) by sequence, in the order of their ends."""

    def __init__(self, seed=1, ns_per_instruction=2, timer_period=1_000_000, code=CODE):
        self.random = random.Random(seed)
        self.pace, self.period = ns_per_instruction, timer_period
        self.events, self.episodes = [], []
        self.instruction, self.ns = 1000, 5000
        self.privilege = M
        self.status = {MIE: False, SIE: False, MPIE: False, SPIE: False}
        self.stack = []
        self.pending_since = {}
        self.armed = {}
        self.states = []  # after each event: (privilege, MIE, SIE, depth of handlers)
        self.code = self.pc = code

    # the pieces
    def emit(self, name, numbers, label=None):
        if self.events:
            self.states.append(self.state())
        self.events.append(Event(name, label, numbers, self.instruction, self.ns))

    def run(self, instructions):
        self.instruction += instructions
        self.ns += instructions * self.pace
        self.pc = self.code + self.random.randrange(64) * 4

    def state(self):
        return self.privilege, self.status[MIE], self.status[SIE], len(self.stack)

    def bits(self):
        return sum(bit for bit, on in self.status.items() if on)

    def csr(self, name, new, old=0):
        self.emit("csr_write", [0, old, new], name)

    def write_status(self, bit, on, csr):
        old, mask = self.bits(), ~0 if csr == "mstatus" else SIE | SPIE
        self.csr(csr, (old | bit if on else old & ~bit) & mask, old & mask)
        self.status[bit] = on  # after the event, as everywhere: `states` is what holds after each

    def arm(self, timer, delay):
        if timer in self.armed and self.random.random() < .3:
            self.emit("timer_cancelled", [1, self.armed[timer]], timer)
        self.armed[timer] = self.ns + delay
        self.emit("timer_armed", [1, self.armed[timer]], timer)

    def fire(self, timer, raise_irq):
        deadline = self.armed.pop(timer)
        late = self.random.choice([0, 0, 0, 20, 1000])
        self.ns = max(self.ns, deadline + late)
        self.emit("timer_fired", [1, deadline, self.ns - deadline], timer)
        raise_irq()
        self.emit("timer_returned", [1], timer)

    def line(self, sink, number, level):
        self.emit("irq_line", [number, level], sink)

    def pend(self, cause):
        if cause not in self.pending_since:
            self.pending_since[cause] = (self.instruction, self.ns)
            self.emit("interrupt_pending", [0, cause])

    def clear(self, cause):
        if cause in self.pending_since:
            del self.pending_since[cause]
            self.emit("interrupt_cleared", [0, cause])

    def enter(self, to, interrupt, cause, tval=0):
        begin = len(self.events)
        if interrupt:
            self.emit("interrupt_taken", [0, cause, self.pc, self.instruction - self.pending_since[cause][0]])
        else:
            self.emit("exception_taken", [0, cause, self.pc, tval])
        self.emit("trap_entered", [0, self.privilege, to, CODE + 0x1000 * to])
        self.stack.append((begin, interrupt, cause, to, self.privilege, self.pc))
        self.privilege = to
        on, saved = (MIE, MPIE) if to == M else (SIE, SPIE)
        self.status[saved], self.status[on] = self.status[on], False

    def leave(self):
        begin, interrupt, cause, to, back, pc = self.stack[-1]
        self.episodes.append((begin, len(self.events), interrupt, cause))
        on, saved = (MIE, MPIE) if to == M else (SIE, SPIE)
        self.emit("mret" if to == M else "sret", [0, back, pc + (0 if interrupt else 4)])
        self.stack.pop()
        self.status[on], self.status[saved] = self.status[saved], True
        self.privilege = back

    # what happens
    def boot(self):
        self.csr("mie", 0x888)
        self.write_status(MPIE, True, "mstatus")
        self.run(500)
        self.emit("mret", [0, S, CODE])
        self.status[MIE], self.status[MPIE] = self.status[MPIE], True
        self.privilege = S
        self.run(800)
        self.csr("sie", 0x222)
        self.write_status(SIE, True, "sstatus")
        self.arm("riscv.stimer0", self.period)

    def timer_tick(self):
        self.fire("riscv.stimer0", lambda: self.pend(5))
        self.run(self.random.choice([0, 0, 0, 1, 3, 12, 40]))
        self.enter(S, True, 5)
        self.run(self.random.randrange(20, 200))
        self.csr("stimecmp", self.ns + self.period)
        self.clear(5)
        self.arm("riscv.stimer0", self.period)
        if self.random.random() < .15:
            self.firmware_call()
        if self.random.random() < .1:
            self.machine_timer()
        self.run(self.random.randrange(50, 1500))
        self.leave()

    def machine_timer(self):
        """An interrupt of M over whatever runs: nested where that is a handler of S."""
        self.arm("aclint.mtimer0", 100)
        self.fire("aclint.mtimer0", lambda: self.pend(7))
        self.enter(M, True, 7)
        self.run(self.random.randrange(10, 60))
        self.clear(7)
        self.run(10)
        self.leave()

    def firmware_call(self):
        self.run(5)
        self.enter(M, False, 9)
        self.run(self.random.randrange(20, 80))
        self.leave()

    def device(self):
        name, irq = self.random.choice([("virtio_blk.complete", 8), ("ns16550a.fifo_timeout", 10)])
        self.arm(name, self.random.randrange(200, 5000))

        def raise_irq():
            self.line("plic", irq, 1)
            self.line("riscv", 9, 1)
            self.pend(9)
        self.fire(name, raise_irq)
        self.run(self.random.randrange(0, 30))
        self.enter(S, True, 9)
        self.run(30)
        self.emit("mmio_read", [0xC201004, 4, irq], "plic")
        self.run(200)
        self.emit("mmio_write", [0x10008064 if irq == 8 else 0x10000000, 4, 1], "virtio_mmio0" if irq == 8 else "ns16550a")
        self.line("plic", irq, 0)
        self.line("riscv", 9, 0)
        self.clear(9)
        self.emit("mmio_write", [0xC201004, 4, irq], "plic")
        self.run(100)
        self.leave()

    def user(self):
        """From the kernel to a program and back with a system call or a fault."""
        self.emit("sret", [0, U, 0x10000 + self.random.randrange(256) * 2])
        self.status[SIE], self.status[SPIE] = self.status[SPIE], True
        self.privilege = U
        for _ in range(self.random.randrange(1, 4)):
            self.run(self.random.randrange(300, 20000))
            self.pc = 0x10000 + self.random.randrange(256) * 2
            if self.ns >= self.armed["riscv.stimer0"]:
                self.timer_tick()
                continue
            fault = self.random.random() < .3
            self.enter(S, False, 13 if fault else 8, 0x3F000000 if fault else 0)
            self.run(60)
            self.write_status(SIE, True, "sstatus")
            self.run(self.random.randrange(40, 3000))
            if self.random.random() < .2:
                self.switch_from_interrupt()
                continue
            self.write_status(SIE, False, "sstatus")
            self.run(20)
            if self.random.random() < .3:  # a fault in the kernel: its return leaves interrupts off
                self.enter(S, False, 13, 0x3F000008)
                self.run(30)
                self.leave()
                self.run(15)
            self.leave()
        # The kernel comes back by a system call whose return goes to another task: the frame is never left, as after a switch.
        self.enter(S, False, 8)
        begin, interrupt, cause, *_ = self.stack.pop()
        self.lost = (begin, interrupt, cause)
        self.write_status(SIE, True, "sstatus")

    def switch_from_interrupt(self):
        """An interrupt inside of a system call that returns to another task's user mode: both handlers are left by one return."""
        self.pend(1)
        self.enter(S, True, 1)
        self.clear(1)
        self.run(50)
        self.emit("sret", [0, U, 0x20000])
        del self.stack[-2:]
        self.status[SIE], self.status[SPIE] = self.status[SPIE], True
        self.privilege = U

    def idle(self):
        self.run(40)
        self.emit("wfi_entered", [0, CODE + 0x80])
        self.ns = max(self.ns, self.armed["riscv.stimer0"])
        self.fire("riscv.stimer0", lambda: self.pend(5))
        self.emit("wfi_left", [0, CODE + 0x84])
        self.enter(S, True, 5)
        self.run(self.random.randrange(100, 400))
        self.clear(5)
        self.arm("riscv.stimer0", self.period)
        self.leave()

    def step(self, with_user=True):
        if self.ns >= self.armed["riscv.stimer0"]:
            return self.timer_tick()
        what = self.random.random()
        if what < .35:
            self.device()
        elif what < .45:
            self.idle()
        elif what < .5:
            self.emit("marker", [0, self.random.randrange(16)])
            self.run(100)
        elif what < .7 and with_user:
            self.user()
        elif what < .75:
            self.emit("io_input", [self.random.randrange(1, 9), self.random.getrandbits(64)], "serial0")
        else:
            self.run(self.random.randrange(100, 30000))
            self.firmware_call()

    def make(self, count, with_user=True):
        self.boot()
        while len(self.events) < count:
            self.step(with_user)
        self.states.append(self.state())
        return self.events


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chunk-events", type=int, default=10**9)
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    write(options.out, Guest(options.seed).make(options.events), chunk_events=options.chunk_events, deflate=options.deflate)


if __name__ == "__main__":
    main()
