#!/usr/bin/env python3
"""monochord-trace's exports, read by parsers of their own and held against what the guest model did."""
import base64
import collections
import json
import os
import re
import struct
import subprocess
import zlib

import trace_maker
from trace_case import INTERRUPTS, TraceCase, event_text, main
from trace_maker import M64, Guest

GUEST = Guest(31)
EVENTS = GUEST.make(5000)
KERNEL = Guest(32)  # never leaves to user mode: its handlers nest without any that is lost
KERNEL_EVENTS = KERNEL.make(3000, with_user=False)


# --- VCD ----------------------------------------------------------------------------------------------------------------

def parse_vcd(text):
    """{"scope.name": [(time, value)...]} with the values as strings; the first is what $dumpvars says."""
    names, scopes, changes, now, in_head = {}, [], {}, None, True
    for row in text.splitlines():
        words = row.split()
        if in_head:
            if words[0] == "$scope":
                scopes.append(words[2])
            elif words[0] == "$upscope":
                scopes.pop()
            elif words[0] == "$var":
                assert words[5] == "$end" and words[3] not in names, row
                names[words[3]] = ".".join([*scopes, words[4]])
                changes[names[words[3]]] = []
            elif words[0] == "$enddefinitions":
                assert not scopes
                in_head = False
        elif row[0] == "#":
            assert now is None or int(row[1:]) > now, f"{row} after #{now}"
            now = int(row[1:])
        elif row[0] == "b":
            changes[names[words[1]]].append((now, words[0][1:]))
        elif row[0] in "01x":
            changes[names[row[1:]]].append((now, row[0]))
        else:
            assert row in ("$dumpvars", "$end"), row
    return changes


def timeline(pairs, first=None):
    """Changes only, of (time, value) in order."""
    out = []
    last = first
    for time, value in pairs:
        if value != last:
            out.append((time, value))
        last = value
    return out


class Vcd(TraceCase):
    def changes(self, events, **options):
        done = self.run_tool("export", "--vcd", self.make("x.trace", events, **options))
        self.assertIn("$timescale 1 ns $end", done.out)
        return parse_vcd(done.out)

    def test_signals_are_what_the_guest_did(self):
        found = self.changes(EVENTS)

        def check(name, pairs, before):
            self.assertEqual(found.pop(name), [(EVENTS[0].ns, before), *timeline(pairs, before)], name)

        for sink, irq in {(e.label, e.numbers[0]) for e in EVENTS if e.name == "irq_line"}:
            mine = [e for e in EVENTS if e.name == "irq_line" and (e.label, e.numbers[0]) == (sink, irq)]
            check(f"lines.{sink}.{irq}", [(e.ns, str(e.numbers[1])) for e in mine], "0")
        for timer in {e.label for e in EVENTS if e.name == "timer_armed"}:
            check(f"timers.{timer}", [(e.ns, "1" if e.name == "timer_armed" else "0") for e in EVENTS
                                      if e.label == timer and e.name in ("timer_armed", "timer_fired", "timer_cancelled")], "0")
        for cause in {e.numbers[1] for e in EVENTS if e.name == "interrupt_pending"}:
            check(f"hart0.pending_{INTERRUPTS[cause].replace(' ', '_')}", [(e.ns, "1" if e.name == "interrupt_pending" else "0") for e in EVENTS
                  if e.name in ("interrupt_pending", "interrupt_cleared") and e.numbers[1] == cause], "0")
        check("hart0.wfi", [(e.ns, "1" if e.name == "wfi_entered" else "0") for e in EVENTS if e.name.startswith("wfi")], "0")
        check("hart0.privilege", [(e.ns, f"{s[0]:02b}") for e, s in zip(EVENTS, GUEST.states)], "11")
        for name, place in (("global_MIE", 1), ("global_SIE", 2)):
            check(f"hart0.{name}", [(e.ns, str(int(s[place]))) for e, s in zip(EVENTS, GUEST.states)], "x")
        for cause in (3, 7, 11):
            check(f"hart0.enable_{INTERRUPTS[cause].replace(' ', '_')}", [(EVENTS[0].ns, "1")], "x")
        for cause in (1, 5, 9):  # mie = 0x888 first, then sie = 0x222
            check(f"hart0.enable_{INTERRUPTS[cause].replace(' ', '_')}", [(EVENTS[0].ns, "0"), (EVENTS[3].ns, "1")], "x")
        self.assertEqual(list(found), ["hart0.handler_depth"])

    def test_handler_depth_is_that_of_the_guests_stack(self):
        # Depth counts from the trap's first event; the guest's stack grows after its second.
        depths, at = [], 0
        for event, state in zip(KERNEL_EVENTS, KERNEL.states):
            at = at + 1 if event.name in ("interrupt_taken", "exception_taken") else state[3]
            depths.append((event.ns, f"{at:08b}"))
        self.assertEqual(self.changes(KERNEL_EVENTS)["hart0.handler_depth"], [(KERNEL_EVENTS[0].ns, "0" * 8), *timeline(depths, "0" * 8)])

    def test_user_mode_is_in_no_handler(self):
        # The model's kernel switches tasks: returns that match no trap. In user mode the stack is empty all the same.
        changes = self.changes(EVENTS)["hart0.handler_depth"]
        for event, state, after in zip(EVENTS, GUEST.states, EVENTS[1:]):
            if state[0] == trace_maker.U and after.ns > event.ns:
                self.assertEqual([value for time, value in changes if time <= event.ns][-1], "0" * 8)

    def test_a_clock_that_is_moved_back_and_strange_names(self):
        event = trace_maker.Event
        events = [event("irq_line", "a b[1]\n", [1, 1], 1, 500), event("irq_line", "a b[1]\n", [1, 0], 2, 100), 
                  event("irq_line", None, [0, 1], 3, -5),
                  event("irq_line", "a b[1]\n", [1, 1], 4, 700)]
        found = self.changes(events, flags=1)
        self.assertEqual(found["lines.a_b_1__x0a.1"], [(500, "0"), (500, "1"), (500, "0"), (700, "1")])

    def in_gtkwave(self):
        self.run_tool("export", "--vcd", "-o", self.path("x.vcd"), self.make("x.trace", EVENTS))
        subprocess.run(["vcd2fst", self.path("x.vcd"), self.path("x.fst")], check=True, capture_output=True, timeout=60)
        back = subprocess.run(["fst2vcd", self.path("x.fst")], check=True, capture_output=True, text=True, timeout=60).stdout
        self.assertEqual(len(re.findall(r"^\$var ", back, re.M)), len(self.changes(EVENTS)))


# --- Perfetto -----------------------------------------------------------------------------------------------------------

class Perfetto(TraceCase):
    def setUp(self):
        self.items = json.loads(self.run_tool("export", "--perfetto", self.make("x.trace", KERNEL_EVENTS)).out)["traceEvents"]
        self.tracks = {(i["pid"], i["tid"]): i["args"]["name"] for i in self.items if i["name"] == "thread_name"}

    @staticmethod
    def ns(value):
        return round(value * 1000)

    def slices(self, track, name=None):
        return collections.Counter((self.ns(i["ts"]), self.ns(i["dur"])) for i in self.items
                                   if i["ph"] == "X" and self.tracks[i["pid"], i["tid"]] == track and name in (None, i["name"]))

    def test_handlers_lines_and_sleep_are_slices(self):
        e = KERNEL_EVENTS
        whole = [(begin, end) for begin, end, *_ in KERNEL.episodes]
        self.assertEqual(self.slices("hart 0"), collections.Counter((e[a].ns, e[b].ns - e[a].ns) for a, b in whole))
        sleeps = [(x.ns, next(y.ns for y in e[i:] if y.name == "wfi_left") - x.ns) for i, x in enumerate(e) if x.name == "wfi_entered"]
        self.assertEqual(self.slices("hart 0 asleep"), collections.Counter(sleeps))
        for irq in (8, 10):
            ups = [x.ns for x in e if x.name == "irq_line" and x.label == "plic" and x.numbers == [irq, 1]]
            downs = [x.ns for x in e if x.name == "irq_line" and x.label == "plic" and x.numbers == [irq, 0]]
            self.assertEqual(self.slices(f"plic.{irq}"), collections.Counter((a, b - a) for a, b in zip(ups, downs)))
        fired = collections.Counter(x.label for x in e if x.name == "timer_fired")
        for timer, count in fired.items():
            self.assertEqual(sum(self.slices(timer, "fired").values()), count)

    def test_flows_lead_from_arming_to_return(self):
        flows = collections.defaultdict(list)
        for item in self.items:
            if item["ph"] in "stf":
                flows[item["id"]].append((item["ph"], self.ns(item["ts"]), self.tracks[item["pid"], item["tid"]]))
        armed, expected = {}, []
        for x in KERNEL_EVENTS:
            if x.name == "timer_armed":
                armed[x.label] = x.ns
            elif x.name == "timer_fired":
                expected.append((x.label, armed[x.label], x.ns))
        self.assertEqual(len(flows), len(expected))
        ends = {(KERNEL_EVENTS[a].ns, KERNEL_EVENTS[b].ns) for a, b, interrupt, _ in KERNEL.episodes if interrupt}
        for (timer, armed_ns, fired_ns), flow in zip(expected, (flows[i] for i in sorted(flows))):
            self.assertEqual(flow[:2], [("s", armed_ns, timer), ("t", fired_ns, timer)])
            self.assertEqual([x[0] for x in flow], ["s", "t", "t", "f"])
            self.assertIn((flow[2][1], flow[3][1]), ends)


# --- the page -----------------------------------------------------------------------------------------------------------

def page_data(page):
    text = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', page).group(1)
    return zlib.decompress(base64.b64decode(text, validate=True))


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
    assert shift == 0


def unzigzag(value):
    return value >> 1 ^ (M64 if value & 1 else 0)


def decode(blob):
    """(meta, [(sequence, name, label, numbers, instruction, ns)])"""
    assert blob[:4] == b"MTP1"
    size = struct.unpack_from("<I", blob, 4)[0]
    meta = json.loads(blob[8:8 + size])
    at, columns = 8 + size, {}
    for name, length in meta["columns"]:
        columns[name] = blob[at:at + length] if name == "type" else varints(blob[at:at + length])
        at += length
    assert at == len(blob)
    last, events, sequence, instruction, ns = collections.defaultdict(int), [], 0, 0, 0
    for number in columns["type"]:
        kind = meta["types"][number]
        sequence += next(columns["sequence"])
        instruction = instruction + next(columns["instruction"]) & M64
        ns = ns + unzigzag(next(columns["ns"])) & M64
        label = None
        if kind["label"]:
            place = next(columns["label"])
            label = meta["labels"][place - 1] if place else None
        numbers = []
        for name, _ in kind["fields"]:
            key = f"{kind['name']}.{name}"
            last[key] = last[key] + unzigzag(next(columns[key])) & M64
            numbers.append(last[key])
        events.append((sequence, kind["name"], label, numbers, instruction, ns))
    assert all(next(column, None) is None for name, column in columns.items() if name != "type")
    return meta, events


def small_elf(code, address):
    """An executable of one segment, with a symbol `loop` 16 bytes into it."""
    strings, names = b"\0loop\0", b"\0"
    at = 64 + 56
    symbols_at = at + len(code)
    strings_at = symbols_at + 48
    sections_at = strings_at + len(strings)
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, address, 64, sections_at, 0, 64, 56, 1, 64, 4, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, at, address, address, len(code), len(code), 4)
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, address + 16, len(code) - 16)

    def section(kind, flags, where, offset, size, link=0, entry=0):
        return struct.pack("<IIQQQQIIQQ", 0, kind, flags, where, offset, size, link, 0, 1, entry)
    sections = (section(0, 0, 0, 0, 0) + section(1, 6, address, at, len(code)) + section(2, 0, 0, symbols_at, 48, 3, 24) +
                section(3, 0, 0, strings_at, len(strings)))
    return head + segment + code + symbols + strings + sections + names


class Page(TraceCase):
    def page(self, *arguments):
        return self.run_tool("export", "--html", *arguments).out

    def check_events(self, found, events, first=0):
        self.assertEqual(found, [(first + i, e.name, e.label, [n & M64 for n in e.numbers], e.instruction, e.ns & M64) for i, e in enumerate(events)])

    def test_its_data_are_the_events(self):
        meta, found = decode(page_data(self.page(self.make("x.trace", EVENTS, chunk_events=700, deflate=True))))
        self.check_events(found, EVENTS)
        self.assertEqual([meta[key] for key in ("events", "host", "ring", "closed", "name", "code")],
                         [len(EVENTS), False, False, True, "x.trace", None])
        _, found = decode(page_data(self.page(self.make("x.trace", EVENTS, flags=1, first_sequence=1 << 40, closed=False))))
        self.check_events(found, EVENTS, 1 << 40)
        _, found = decode(page_data(self.page(self.make("x.trace", []))))
        self.assertEqual(found, [])
        _, found = decode(page_data(self.page("--event", "mret", self.make("x.trace", EVENTS))))
        self.assertEqual([f[0] for f in found], [i for i, e in enumerate(EVENTS) if e.name == "mret"])

    def test_it_asks_for_nothing_from_outside(self):
        page = re.sub(r'id="data">[^<]*<', 'id="data"><', self.page(self.make("x.trace", EVENTS)))
        self.assertNotRegex(page, r"https?:|\bsrc\s*=|\bhref\s*=|@import|url\(|fetch\(|XMLHttp|import\(")
        self.assertNotIn("{{", page)

    def test_a_name_cannot_become_part_of_the_page(self):
        page = self.page(self.make("<script>&.trace", EVENTS[:50]))
        self.assertEqual(page.count("<script>"), 1)
        self.assertIn("<title>&lt;script&gt;&amp;.trace</title>", page)

    def test_code_around_interrupted_instructions(self):
        # nop, c.nop, and an addi whose number is its place: offsets and texts are known.
        code, texts = b"", {}
        for i in range(64):
            texts[trace_maker.CODE + len(code)] = f"addi a0,a0,{i}"
            code += struct.pack("<I", i << 20 | 0x50513)
        elf = self.file("guest.elf", small_elf(code, trace_maker.CODE))
        meta, _ = decode(page_data(self.page("--elf", elf, self.make("x.trace", KERNEL_EVENTS))))
        lines = {int(address, 16): text for address, text in meta["code"]["lines"]}
        self.assertTrue(lines)
        self.assertEqual(lines, {a: texts[a] for a in lines})
        epcs = {e.numbers[2] for e in KERNEL_EVENTS if e.name in ("interrupt_taken", "exception_taken")}
        self.assertLessEqual(epcs & set(texts), set(lines))
        for epc in epcs & set(texts):
            around = {a for a in texts if abs(a - epc) <= 32 and (a >= trace_maker.CODE + 16) == (epc >= trace_maker.CODE + 16)}
            self.assertLessEqual(around, set(lines))
            if epc >= trace_maker.CODE + 16:
                offset = epc - trace_maker.CODE - 16
                self.assertEqual(meta["code"]["symbols"][hex(epc)], "loop" if offset == 0 else f"loop+{hex(offset)}")

    def test_a_raw_file_gives_the_code_that_lies_there(self):
        trace = self.make("x.trace", KERNEL_EVENTS)
        code = struct.pack("<I", 0x00150513) * 4096  # addi a0, a0, 1
        raw = self.file("image", code)
        meta, _ = decode(page_data(self.page("--code", f"{raw}@{trace_maker.CODE:#x}", trace)))
        self.assertTrue(meta["code"]["lines"])
        self.assertEqual({text for _, text in meta["code"]["lines"]}, {"addi a0,a0,1"})
        for wrong in (raw, f"{raw}@", f"{raw}@here", f"{self.path('gone')}@0"):
            self.refused("export", "--html", "--code", wrong, trace)

    def test_damaged_elf_files_are_refused(self):
        good = small_elf(bytes(256), trace_maker.CODE)
        trace = self.make("x.trace", EVENTS[:50])
        for content, message in ((good[:70], "program headers"), (b"\x7fELF" + bytes(3), "not an ELF"), (good[:40], "not an ELF"),
                                 (good[:72] + b"\xff" * 8 + good[80:], "program headers")):
            self.assertIn(message, self.refused("export", "--html", "--elf", self.file("bad.elf", content), trace))

    def the_pages_program_reads_what_show_prints(self):
        found, e = self.in_node(KERNEL_EVENTS), KERNEL_EVENTS
        self.check_program(found, e)
        # User mode is mainline, also after a switch of tasks.
        returns = [i for i, x in enumerate(EVENTS) if x.name == "sret" and x.numbers[1] == trace_maker.U]
        self.assertLessEqual(set(returns), set(self.in_node(EVENTS)["mainline"]))

    def in_node(self, events):
        page = self.path("x.html")
        self.run_tool("export", "--html", "-o", page, self.make("x.trace", events))
        script = """
const page = require('fs').readFileSync(process.argv[1], 'utf8');
const program = page.match(/<script>\\n([^]*)<\\/script>/)[1] + '\\nglobalThis.parts = {readTrace, Model, eventText, compileQuery};';
(0, eval)(program);
parts.readTrace(page.match(/id="data">([^<]*)</)[1]).then(trace => {
  const model = new parts.Model(trace), texts = [], chains = [];
  for (let i = 0; i < trace.n; i++) texts.push(trace.sequence[i] + ' ' + trace.instruction[i] + ' ' + trace.ns[i] + ' ' + parts.eventText(trace, i));
  for (let i = 0; i < trace.n; i++) if (model.prev[i] >= 0) chains.push([model.prev[i], i]);
  const lanes = model.lanes.map(l => [l.group, l.name, l.spans ? l.spans.length : 0, l.ticks ? l.ticks.length : 0]);
  const count = query => { const match = parts.compileQuery(trace, query); let c = 0; for (let i = 0; i < trace.n; i++) c += match(i); return c; };
  const counts = ['mret', 'interrupt_taken s_timer', 'timer=riscv.stimer0', 'irq=8 level=1', '#77', '0xc201004'].map(count);
  const mainline = Array.from(model.lanes.find(l => l.name === 'mainline').spans.begin);
  console.log(JSON.stringify({texts, chains, lanes, counts, mainline}));
});"""
        done = subprocess.run(["node", "-e", script, page], capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def check_program(self, found, e):
        self.assertEqual(found["texts"], [f"{i} {x.instruction} {x.ns} {event_text(x)}" for i, x in enumerate(e)])
        chains = {tuple(x) for x in found["chains"]}
        returns = {(a, b) for a, b, interrupt, _ in KERNEL.episodes}
        self.assertLessEqual(returns, chains)
        taken = [(i, x) for i, x in enumerate(e) if x.name == "interrupt_taken"]
        pends = {(max(j for j in range(i) if e[j].name == "interrupt_pending" and e[j].numbers[1] == x.numbers[1]), i) for i, x in taken}
        self.assertLessEqual(pends, chains)
        lanes = {(group, name): (spans, ticks) for group, name, spans, ticks in found["lanes"]}
        fired = collections.Counter(x.label for x in e if x.name == "timer_fired")
        self.assertEqual({name: ticks for (group, name), (_, ticks) in lanes.items() if group == "timers"}, fired)
        names = [x.name for x in e]
        self.assertEqual(found["counts"], [
            names.count("mret"), sum(x.name == "interrupt_taken" and x.numbers[1] == 5 for x in e),
            sum(x.label == "riscv.stimer0" for x in e), sum(x.name == "irq_line" and x.numbers == [8, 1] for x in e), 1,
            sum(0xC201004 in x.numbers for x in e)])


# exports_in_other_programs has installed them.
if os.environ.get("MONOCHORD_OTHER_PROGRAMS"):
    Vcd.test_gtkwave_reads_it = Vcd.in_gtkwave
    Page.test_the_pages_program_reads_what_show_prints = Page.the_pages_program_reads_what_show_prints

if __name__ == "__main__":
    main()
