"""Reads a binary trace (core/trace_format.h) for the tests: written from the description of the form alone, and strict: whatever is wrong raises."""
import struct
import zlib
from collections import namedtuple

Event = namedtuple('Event', 'sequence instructions ns name label numbers')
SEED = 0xcbf29ce484222325
MASK = (1 << 64) - 1


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError('cut off')
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                if value > MASK:
                    raise ValueError('a number of more than 64 bits')
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1 ^ -(value & 1)) & MASK


def rolling_hash(value, payload):
    payload = payload + bytes(-len(payload) % 8)
    for word, in struct.iter_unpack('<Q', payload):
        value = (value ^ word) * 0x100000001b3 & MASK
        value ^= value >> 29
    return value


class Trace:
    """`stream`, `mask`, `ring`, `events`; hashes are looked at only where `hashes` (slow)."""

    def __init__(self, path, hashes=True):
        data = open(path, 'rb').read()
        magic, version, stream, self.mask, flags, size, crc = struct.unpack_from('<8sIIQIII', data)
        schema = data[36:36 + size]
        if magic != b'MONOTRC\0' or version != 1 or zlib.crc32(data[:32] + schema) != crc:
            raise ValueError('not a trace, or a damaged header')
        self.stream, self.ring = ('guest', 'host')[stream], bool(flags & 1)
        rows = [line.split('|') for line in schema.decode().splitlines()]
        self.kinds = [(name, of, label, [field.split(':') for field in fields.split()]) for name, of, label, fields in rows]
        at, end, magic = len(data), *struct.unpack('<Q8s', data[-16:])
        if magic != b'MONOEND\0':
            raise ValueError('not closed')
        self.events, chunks, at, running = [], [], 36 + size, SEED
        while data[at:at + 4] == b'CHNK':
            offset = at
            _, packed, stored, raw, count, crc, first, instruction, ns, hashed, _, header_crc = struct.unpack_from('<IIIIIIQQqQII', data, at)
            if zlib.crc32(data[at:at + 60]) != header_crc:
                raise ValueError('a damaged chunk header')
            payload = data[at + 64:at + 64 + stored]
            at += 64 + stored
            if zlib.crc32(payload) != crc:
                raise ValueError('a damaged chunk')
            payload = zlib.decompress(payload) if packed else payload
            if len(payload) != raw or raw > 1 << 16:
                raise ValueError('a chunk of a wrong size')
            if hashes:
                running = rolling_hash(running, payload)
                if running != hashed:
                    raise ValueError('a wrong hash')
            running = hashed
            if chunks and first != self.events[-1].sequence + 1:
                raise ValueError('a gap between chunks')
            chunks.append((offset, first, instruction, ns, hashed))
            self.read_chunk(payload, count, first, instruction, ns)
        index = b'INDX' + struct.pack('<I', len(chunks)) + b''.join(struct.pack('<QQQqQ', *chunk) for chunk in chunks)
        if end != at or data[at:-16] != index + struct.pack('<I', zlib.crc32(index)):
            raise ValueError('a wrong index')
        self.chunks = len(chunks)

    def read_chunk(self, payload, count, sequence, instruction, ns):
        source, labels, last = Bytes(payload), [None], {}
        for _ in range(count):
            kind = source.take(1)[0]
            name, _, labelled, fields = self.kinds[kind]
            instruction += source.varint()
            ns = ns + source.zigzag() & MASK
            label = None
            if labelled:
                number = source.varint()
                if number == len(labels):
                    labels.append(source.take(source.varint()).decode())
                label = labels[number]
            numbers = {}
            for i, (field, form) in enumerate(fields):
                value = last[kind, i] = last.get((kind, i), 0) + source.zigzag() & MASK
                numbers[field] = value - (1 << 64) if form in 'dt' and value >> 63 else value
            self.events.append(Event(sequence, instruction, ns - (1 << 64) if ns >> 63 else ns, name, label, numbers))
            sequence += 1
        if source.at != len(payload):
            raise ValueError('bytes behind the last event of a chunk')

    def text(self):
        """As -trace without file= prints it."""
        clocks = ('realtime', 'virtual', 'host', 'virtual_rt')
        lines = []
        for e in self.events:
            _, _, label, fields = next(kind for kind in self.kinds if kind[0] == e.name)
            words = [f'{label}={e.label}'] if label else []
            for field, form in fields:
                value = e.numbers[field]
                words.append(f'{field}=' + {'x': hex(value), 't': f'{value}ns', 'c': clocks[value & 3]}.get(form, str(value)))
            lines.append(' '.join([str(e.instructions), f'{e.ns}ns', e.name, *words]))
        return lines
