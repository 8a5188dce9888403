#!/usr/bin/env python3
"""monochord-trace and files that are not what they should be: each damage is refused with one line that tells file, offset and what."""
import struct
import zlib

import trace_maker
from trace_case import TraceCase, line, main, squeezed
from trace_maker import CHUNK, HEADER, Event, Writer, chain_hash, own_events, schema_text, varint

GUEST = trace_maker.Guest(11)
EVENTS = GUEST.make(400)
SCHEMA = len(schema_text(own_events()).encode())
FIRST = HEADER + SCHEMA  # where the first chunk begins


def plain():
    writer = Writer(chunk_events=100)
    for event in EVENTS:
        writer.add(event)
    return bytearray(writer.finish())


def patched(content, offset, new):
    content[offset:offset + len(new)] = new
    return content


def fix_header(content):
    size = struct.unpack_from("<I", content, 28)[0]
    return patched(content, 32, struct.pack("<I", zlib.crc32(bytes(content[:32] + content[HEADER:HEADER + size]))))


def fix_chunk(content, at=FIRST):
    return patched(content, at + 60, struct.pack("<I", zlib.crc32(bytes(content[at:at + 60]))))


def header_with(offset, form, value):
    return fix_header(patched(plain(), offset, struct.pack(form, value)))


def chunk_with(offset, form, value):
    return fix_chunk(patched(plain(), FIRST + offset, struct.pack(form, value)))


def with_schema(text):
    """A file of that schema without events."""
    schema = text.encode()
    header = b"MONOTRC\0" + struct.pack("<IIQII", 1, 0, 1, 0, len(schema))
    return header + struct.pack("<I", zlib.crc32(header + schema)) + schema


def with_payload(raw, events, flags=0, stored=None, raw_bytes=None):
    """A file, not closed, of one chunk with that payload and right sums."""
    stored = raw if stored is None else stored
    head = struct.pack("<IIIIIIQQqQI", 0x4B4E4843, flags, len(stored), len(raw) if raw_bytes is None else raw_bytes, events, zlib.crc32(stored),
                       0, 0, 0, chain_hash(trace_maker.SEED, raw), 0)
    return bytes(plain()[:FIRST]) + head + struct.pack("<I", zlib.crc32(head)) + stored


def index_at(content):
    return struct.unpack_from("<Q", content, len(content) - 16)[0]


def index_with(offset, form, value, fix=True):
    content = plain()
    at = index_at(content)
    patched(content, at + offset, struct.pack(form, value))
    if fix:
        patched(content, len(content) - 20, struct.pack("<I", zlib.crc32(bytes(content[at:-20]))))
    return content


VM_STARTED = [row[0] for row in own_events()].index("vm_started")
FIRED = [row[0] for row in own_events()].index("timer_fired")
RETURNED = [row[0] for row in own_events()].index("timer_returned")
START = bytes([VM_STARTED, 0, 0])

DAMAGE = {
    "empty": (b"", "not a trace file"),
    "text": (b"hello\n" * 100, "not a trace file"),
    "header cut": (bytes(plain()[:20]), "header is cut off"),
    "schema cut": (bytes(plain()[:FIRST - 5]), "schema is cut off"),
    "header bit": (patched(plain(), 17, b"\x55"), "CRC of header and schema"),
    "schema bit": (patched(plain(), HEADER + 5, b"#"), "CRC of header and schema"),
    "version": (header_with(8, "<I", 2), "version 2"),
    "stream": (header_with(12, "<I", 7), "stream 7"),
    "flags": (header_with(24, "<I", 0x80), "flags 0x80"),
    "schema size": (header_with(28, "<I", 1 << 30), "a schema of 1073741824 bytes"),
    "schema line": (with_schema("a|guest|\n"), "line 1 of its schema"),
    "schema name": (with_schema("a|guest||x:d\nb c|guest||\n"), "line 2 of its schema"),
    "schema twice": (with_schema("a|guest||\na|guest||\n"), "names a once more"),
    "schema field": (with_schema("a|guest||x\n"), "a field that is not name:format"),
    "schema fields": (with_schema("a|guest||" + " ".join(f"x{i}:d" for i in range(9)) + "\n"), "more than 8"),
    "schema events": (with_schema("".join(f"a{i}|guest||\n" for i in range(65))), "more than 64 events"),
    "schema end": (with_schema("a|guest||"), "does not end with a line"),
    "chunk magic": (patched(plain(), FIRST, b"X"), "no chunk begins here"),
    "chunk header bit": (patched(plain(), FIRST + 24, b"\x99"), "CRC of a chunk's header"),
    "payload bit": (patched(plain(), FIRST + CHUNK + 40, b"\xff\xff"), "CRC of a chunk is wrong"),
    "chunk flags": (chunk_with(4, "<I", 2), "flags that are unknown"),
    "chunk reserved": (chunk_with(56, "<I", 1), "flags that are unknown"),
    "chunk sizes": (chunk_with(12, "<I", 5), "two sizes"),
    "chunk raw": (chunk_with(12, "<I", 1 << 31), "larger than a chunk can be"),
    "chunk stored": (chunk_with(8, "<I", 1 << 31), "larger than a chunk can be"),
    "chunk events": (chunk_with(16, "<I", 1 << 31), "more events than bytes"),
    "chunk sequence": (chunk_with(24, "<Q", 5), "do not agree"),
    "chunk hash": (chunk_with(48, "<Q", 5), "do not agree"),
    "index bit": (index_with(20, "<B", 0x77, fix=False), "CRC of the index"),
    "index entry": (index_with(8, "<Q", 12345), "do not agree"),
    "index count": (index_with(4, "<I", 1), "does not fit"),
    "index huge": (index_with(4, "<I", 0xFFFFFFFF), "does not fit"),
    "index place": (patched(plain(), len(plain()) - 16, struct.pack("<Q", 1 << 60)), "there is none"),
    "index inside": (patched(plain(), len(plain()) - 16, struct.pack("<Q", FIRST)), "there is none"),
    "unknown event": (with_payload(bytes([60, 0, 0]), 1), "a number that the schema does not have"),
    "too few": (with_payload(START + bytes([VM_STARTED, 0]), 1), "holds more than its events"),
    "cut event": (with_payload(START + bytes([FIRED, 0, 0]), 2), "cut off"),
    "cut chunk": (with_payload(bytes([FIRED, 0, 0, 0, 0, 0, 0]), 2), "ends before it"),
    "long number": (with_payload(bytes([VM_STARTED]) + b"\xff" * 10 + b"\x01", 1), "too large"),
    "large number": (with_payload(bytes([VM_STARTED]) + b"\xff" * 9 + b"\x02\0", 1), "too large"),
    "label unknown": (with_payload(bytes([RETURNED, 0, 0, 7, 0]), 1), "a label that is not in the table"),
    "label next but one": (with_payload(bytes([RETURNED, 0, 0, 2, 0, 0]), 1), "a label that is not in the table"),
    "label long": (with_payload(bytes([RETURNED, 0, 0, 1]) + varint(256) + b"x" * 256 + b"\0", 1), "a label is too long"),
    "label cut": (with_payload(bytes([RETURNED, 0, 0, 1]) + varint(50) + b"x", 1), "a label is too long"),
    "label huge": (with_payload(bytes([RETURNED, 0, 0, 1]) + b"\xff" * 9 + b"\x01", 1), "a label is too long"),
    "labels": (with_payload(b"".join(bytes([RETURNED, 0, 0]) + varint(i + 1) + b"\0\0" for i in range(1025)), 1025), "more labels"),
    "no zlib": (with_payload(START * 9, 9, flags=1, stored=b"nothing"), "cannot be inflated"),
    "zlib short": (with_payload(START * 9, 9, flags=1, stored=zlib.compress(START * 8)), "cannot be inflated"),
    "zlib bomb": (with_payload(START, 1, flags=1, stored=zlib.compress(bytes(1 << 22))), "cannot be inflated"),
    "zlib rest": (with_payload(START, 1, flags=1, stored=zlib.compress(START) + b"xx"), "cannot be inflated"),
}


def unclosed(change):
    writer = Writer(chunk_events=100)
    for event in EVENTS:
        writer.add(event)
    second = writer.index[1][0]
    content = bytearray(writer.finish(closed=False))
    change(content, second)
    return fix_chunk(content, second)


DAMAGE["sequence gap"] = (unclosed(lambda c, at: patched(c, at + 24, struct.pack("<Q", 99))), "do not go on")
DAMAGE["hash"] = (unclosed(lambda c, at: patched(c, at + 48, struct.pack("<Q", 99))), "the hash of a chunk")


class Damage(TraceCase):
    def test_each_damage_is_refused_by_every_command(self):
        other = self.make("good.trace", EVENTS)
        for what, (content, message) in DAMAGE.items():
            path = self.file("bad.trace", bytes(content))
            for command in (["show"], ["stats"], ["export", "--vcd"], ["export", "--html"], ["export", "--perfetto"],
                ["pack", "-o", self.path("out")]):
                with self.subTest(what=what, command=command):
                    # The note about a missing index may come first where there is one.
                    done = self.run_tool(*command, path, status=2)
                    self.assertEqual(done.err.count("\n"), 1, done.err)
                    self.assertIn(message, done.err)
                    self.assertIn(path, done.err)
                    self.assertEqual(done.out, "")
            with self.subTest(what=what, command="diff"):
                self.assertIn(message, self.run_tool("diff", path, path, status=2).err)
                self.run_tool("diff", other, path, status=2)

    def test_a_packed_file_in_place_survives_damage(self):
        content = bytes(DAMAGE["payload bit"][0])
        path = self.file("stays.trace", content)
        self.refused("pack", path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), content)

    def test_every_flipped_byte_of_a_closed_file_is_noticed(self):
        writer = Writer(chunk_events=30)
        for event in EVENTS[:90]:
            writer.add(event)
        content = writer.finish()
        # Every 7th byte: some 700 runs would take too long.
        for offset in range(0, len(content), 7):
            damaged = bytearray(content)
            damaged[offset] ^= 0x10
            path = self.file("flip.trace", bytes(damaged))
            with self.subTest(offset=offset):
                if offset >= len(content) - 8:  # the end mark itself: then it is a file that was not closed, and its chunks are good
                    self.assertIn("was not closed", self.run_tool("show", path).err)
                else:
                    self.refused("show", path)


class NotClosed(TraceCase):
    def test_whole_chunks_are_read_wherever_the_file_ends(self):
        writer = Writer(chunk_events=100)
        for event in EVENTS:
            writer.add(event)
        content = writer.finish()
        ends = [entry[0] for entry in writer.index] + [index_at(content)]
        cuts = [ends[0], ends[1] - 1, ends[1], ends[1] + 2, ends[1] + 20, ends[1] + CHUNK, ends[2] - 7, ends[-1], ends[-1] + 2, ends[-1] + 9,
                len(content) - 16, len(content) - 1]
        for cut in cuts:
            path = self.file("cut.trace", content[:cut])
            with self.subTest(cut=cut):
                done = self.run_tool("show", path)
                self.assertEqual(done.err.count("\n"), 1)
                self.assertIn("was not closed", done.err)
                whole = sum(end <= cut for end in ends[1:]) * 100
                self.assertEqual(squeezed(done.out), [line(i, e) for i, e in enumerate(EVENTS[:whole])])

    def test_a_ring_begins_anywhere(self):
        path = self.make("ring.trace", EVENTS, flags=1, first_sequence=5000, chunk_events=50)
        self.assertEqual(squeezed(self.run_tool("show", path).out), [line(i + 5000, e) for i, e in enumerate(EVENTS)])


class OtherVersions(TraceCase):
    def test_the_files_schema_decides(self):
        table = [("new_event", "guest", "who", [("a", "d"), ("b", "x"), ("c", "t"), ("d", "c"), ("e", "d"), ("f", "d")]),
                 ("interrupt_taken", "guest", "", [("cause", "d"), ("hart", "d")])]
        events = [Event("new_event", "me", [-5, 255, -1, 1, 1 << 63, 3], 10, 20), Event("interrupt_taken", None, [5, 0], 11, 22),
                  Event("new_event", None, [0, 0, 0, 9, 0, 0], 12, -22)]
        path = self.make("other.trace", events, table=table)
        self.assertEqual(squeezed(self.run_tool("show", path).out),
                         ["0 10 20ns new_event who=me a=-5 b=0xff c=-1ns d=virtual e=-9223372036854775808 f=3",
                          "1 11 22ns interrupt_taken cause=5 hart=0",
                          "2 12 -22ns new_event who=? a=0 b=0x0 c=0ns d=? e=0 f=0"])
        for form in ("--vcd", "--html", "--perfetto"):
            self.run_tool("export", form, path)
        self.run_tool("stats", path)


if __name__ == "__main__":
    main()
