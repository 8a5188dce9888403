#!/usr/bin/env python3
"""monochord-trace's commands on files whose contents the maker knows: show, stats, diff, pack, and the command line itself."""
import collections
import json
import math
import os
import random
import subprocess

import trace_maker
from trace_case import TABLE, TOOL, TraceCase, event_text, line, main, squeezed
from trace_maker import M, S, Event, Guest

GUEST = Guest(21)
EVENTS = GUEST.make(4000)


class Show(TraceCase):
    def show(self, *arguments):
        return squeezed(self.run_tool("show", *arguments).out)

    def expected(self, keep=lambda e: True):
        return [line(i, e) for i, e in enumerate(EVENTS) if keep(e)]

    def test_every_event_is_a_line(self):
        for options in ({}, {"chunk_events": 1}, {"chunk_events": 100, "deflate": True}):
            self.assertEqual(self.show(self.make("x.trace", EVENTS, **options)), self.expected())

    def test_filters(self):
        path = self.make("x.trace", EVENTS, chunk_events=300)
        middle = EVENTS[2000]
        late = EVENTS[3000]
        self.assertEqual(self.show(path, "--from", f"{middle.ns}ns"), self.expected(lambda e: e.ns >= middle.ns))
        self.assertEqual(self.show(path, "--from", "1.5ms", "--to", "0.003s"), self.expected(lambda e: 1_500_000 <= e.ns <= 3_000_000))
        self.assertEqual(self.show(path, "--to=2000us"), self.expected(lambda e: e.ns <= 2_000_000))
        self.assertEqual(self.show(path, "--to", f"{middle.ns}ns"), self.expected(lambda e: e.ns <= middle.ns))
        a, b = middle.instruction, late.instruction
        self.assertEqual(self.show(path, "--insn", f"{a}..{b}"), self.expected(lambda e: a <= e.instruction <= b))
        self.assertEqual(self.show(path, f"--insn={hex(a)}.."), self.expected(lambda e: a <= e.instruction))
        self.assertEqual(self.show(path, "--insn", f"..{a}"), self.expected(lambda e: e.instruction <= a))
        self.assertEqual(self.show("--event", "timer_*", "--event", "?ret", path),
                         self.expected(lambda e: e.name.startswith("timer_") or e.name in ("mret", "sret")))
        self.assertEqual(self.show(path, "--hart", "0"), self.expected(lambda e: ("hart", "d") in TABLE[e.name][3]))
        self.assertEqual(self.show(path, "--hart", "1"), [])
        self.assertEqual(self.show(path, "--first", "7"), self.expected()[:7])
        self.assertEqual(self.show(path, "--last", "7", "--event", "mret"), self.expected(lambda e: e.name == "mret")[-7:])
        self.assertEqual(self.show(path, "--last", "99999999"), self.expected())
        self.assertEqual(self.show(path, "--first", "0"), [])

    def test_labels_are_made_printable(self):
        path = self.make("x.trace", [Event("timer_returned", "a\nb\x1b[0m\xff", [1], 0, 0), Event("timer_returned", None, [1], 0, 0)])
        self.assertEqual(self.show(path), ["0 0 0ns timer_returned timer=a\\x0ab\\x1b[0m\\xff clock=virtual",
            "1 0 0ns timer_returned timer=? clock=virtual"])

    def test_extreme_numbers_come_through(self):
        top = trace_maker.M64
        events = [Event("marker", None, [0, top], 0, -(1 << 63)), Event("marker", None, [-1, 0], top, (1 << 63) - 1),
                  Event("marker", None, [1 << 63, 1], top, 0)]
        self.assertEqual(self.show(self.make("x.trace", events)), [line(i, e) for i, e in enumerate(events)])

    def test_the_host_stream_is_put_in_by_instruction_count(self):
        host = [Event("alarm_raised", None, [], e.instruction, e.ns) for e in EVENTS[::40]]
        path = self.make("two.trace", EVENTS)
        self.make("two.trace.host", host, stream=1)
        lines = self.show(path, "--with-host")
        self.assertEqual([x[6:] for x in lines if x.startswith("guest ")], self.expected())
        self.assertEqual([x[5:] for x in lines if x.startswith("host ")], [line(i, e) for i, e in enumerate(host)])
        counts = [int(x.split()[2]) for x in lines]
        self.assertEqual(counts, sorted(counts))
        self.assertIn("two.trace.host.host", self.refused("show", path + ".host", "--with-host"))


class Stats(TraceCase):
    def check_histogram(self, found, values):
        self.assertEqual(found["count"], len(values))
        values = sorted(values)
        self.assertEqual((found["min"], found["max"]), (values[0], values[-1]))
        self.assertAlmostEqual(found["mean"], sum(values) / len(values), places=2)
        for percent in (50, 90, 99):
            true = values[max(1, math.ceil(len(values) * percent / 100)) - 1]
            self.assertLessEqual(true, found[f"p{percent}"])
            self.assertLessEqual(found[f"p{percent}"], true + true // 32 + 1)
        powers = collections.Counter(1 << v.bit_length() - 1 if v else 0 for v in values)
        self.assertEqual({a: b for a, b in found["log2"]}, dict(powers))

    def masked(self, is_masked):
        """Lengths of the intervals, from what the guest's state really was; the first one began before the trace."""
        lengths, since, known = [], None, False
        for event, state in zip(EVENTS, GUEST.states):
            now = is_masked(*state)
            if not now:
                known = True
            if now and since is None and known:
                since = event
            if not now and since is not None:
                lengths.append((event.instruction - since.instruction, event.ns - since.ns))
                since = None
        return lengths

    def test_numbers_are_those_of_the_guest(self):
        found = json.loads(self.run_tool("stats", "--json", self.make("x.trace", EVENTS, chunk_events=500)).out)
        self.assertEqual(found["events"], len(EVENTS))
        self.assertEqual(found["counts"], collections.Counter(e.name for e in EVENTS))
        fired = [e for e in EVENTS if e.name == "timer_fired"]
        self.check_histogram(found["late_ns"], [e.numbers[2] for e in fired])
        taken = [e for e in EVENTS if e.name == "interrupt_taken"]
        self.check_histogram(found["pending_instructions"], [e.numbers[3] for e in taken])
        since, waits = {}, []
        for event in EVENTS:
            if event.name == "interrupt_pending":
                since[event.numbers[1]] = event.ns
            elif event.name == "interrupt_taken":
                waits.append(event.ns - since[event.numbers[1]])
        self.check_histogram(found["pending_ns"], waits)
        self.assertEqual(found["taken_without_edge"], 0)
        by_m = self.masked(lambda privilege, mie, sie, _: privilege == M and not mie)
        by_s = self.masked(lambda privilege, mie, sie, _: privilege == M or (privilege == S and not sie))
        self.check_histogram(found["masked"]["m_instructions"], [a for a, _ in by_m])
        self.check_histogram(found["masked"]["m_ns"], [b for _, b in by_m])
        self.check_histogram(found["masked"]["s_instructions"], [a for a, _ in by_s])
        self.check_histogram(found["masked"]["s_ns"], [b for _, b in by_s])
        for name, timer in found["timers"].items():
            mine = [e for e in fired if e.label == name]
            self.assertEqual(timer["fired"], len(mine))
            self.assertEqual(timer["armed"], sum(e.name == "timer_armed" and e.label == name for e in EVENTS))
            self.assertAlmostEqual(timer["mean_period_ns"], (mine[-1].ns - mine[0].ns) / (len(mine) - 1) if len(mine) > 1 else 0, places=2)
        self.assertEqual(set(found["timers"]), {e.label for e in EVENTS if e.name.startswith("timer_") and e.label})

    def test_small_numbers_have_exact_percentiles(self):
        values = random.Random(1).sample(range(1, 61), 60)
        path = self.make("x.trace", [Event("timer_fired", "t", [1, 0, v], 0, 0) for v in values])
        found = json.loads(self.run_tool("stats", "--json", path).out)["late_ns"]
        self.assertEqual([found[k] for k in ("p50", "p90", "p99")], [30, 54, 60])

    def test_a_level_that_stays_up_is_no_new_edge(self):
        events = [Event("interrupt_pending", None, [0, 9], 1, 10), Event("interrupt_taken", None, [0, 9, 0, 1], 2, 15),
                  Event("interrupt_taken", None, [0, 9, 0, 7], 8, 90), Event("interrupt_pending", None, [1, 9], 9, 95),
                  Event("interrupt_taken", None, [0, 9, 0, 7], 9, 99)]
        found = json.loads(self.run_tool("stats", "--json", self.make("x.trace", events)).out)
        self.assertEqual((found["taken_without_edge"], found["pending_ns"]["count"], found["pending_ns"]["max"]), (2, 1, 5))

    def test_what_was_not_traced_is_not_derived(self):
        mask = sum(1 << i for i, name in enumerate(TABLE) if name != "csr_write")
        path = self.make("x.trace", [e for e in EVENTS if e.name != "csr_write"], mask=mask)
        self.assertIn("not derived: csr_write was not traced", self.run_tool("stats", path).out)
        self.assertIsNone(json.loads(self.run_tool("stats", "--json", path).out)["masked"])

    def test_text_and_an_empty_trace(self):
        text = self.run_tool("stats", self.make("x.trace", EVENTS)).out
        self.assertIn("riscv.stimer0", text)
        self.assertIn("####", text)
        self.assertIn("0 events", self.run_tool("stats", self.make("none.trace", [])).out)


class Diff(TraceCase):
    def changed(self, at):
        events = list(EVENTS)
        old = events[at]
        events[at] = Event(old.name, old.label, [*old.numbers[:-1], old.numbers[-1] ^ 1], old.instruction, old.ns)
        return events

    def test_equal_traces_however_they_are_written(self):
        path = self.make("a.trace", EVENTS, chunk_events=100)
        for i, options in enumerate(({"chunk_events": 100}, {"chunk_events": 77}, {"chunk_events": 100, "deflate": True}, {"closed": False})):
            self.assertEqual(self.run_tool("diff", path, self.make(f"b{i}.trace", EVENTS, **options)).out, "")

    def test_the_first_difference_and_what_is_around_it(self):
        for chunk in (100, 10**9):
            path = self.make("a.trace", EVENTS, chunk_events=chunk)
            for at in (0, 1, 99, 100, 101, 2345, len(EVENTS) - 1):
                other = self.changed(at)
                lines = squeezed(self.run_tool("diff", path, self.make("b.trace", other, chunk_events=chunk), "--context", "3", status=1).out)
                self.assertIn(f"first difference at event {at} ", lines[0])
                self.assertEqual([x for x in lines if x[0].isdigit()], [line(i, EVENTS[i]) for i in range(max(0, at - 3), at)])
                self.assertEqual([x[2:] for x in lines if x[0] == "-"], [line(i, EVENTS[i]) for i in range(at, min(len(EVENTS), at + 4))])
                self.assertEqual([x[2:] for x in lines if x[0] == "+"], [line(i, other[i]) for i in range(at, min(len(other), at + 4))])

    def test_one_that_ends_earlier(self):
        a, b = self.make("a.trace", EVENTS, chunk_events=64), self.make("b.trace", EVENTS[:1000], chunk_events=64)
        self.assertIn("B ends before event 1000 ", self.run_tool("diff", a, b, status=1).out)
        self.assertIn("A ends before event 1000 ", self.run_tool("diff", b, a, status=1).out)

    def test_headers_that_differ(self):
        a, b = self.make("a.trace", EVENTS), self.make("b.trace", EVENTS, mask=1 << 2)
        self.assertIn("the headers are not", self.run_tool("diff", a, b, status=1).out)

    def mainline(self, places, change=None, seed=5):
        """Two hundred steps of a program; `places` are the steps before which an interrupt comes. The program is the same whatever they are."""
        guest, program = Guest(seed), random.Random(3)
        guest.boot()
        guest.armed["riscv.stimer0"] = 1 << 60
        noise = random.Random(seed)
        for step in range(200):
            if step in places:
                guest.pend(3)  # and gone before it was taken
                guest.clear(3)
                guest.pend(9)
                guest.pc = 0x1000 + step * 4
                guest.run(noise.randrange(5))
                guest.pc = 0x1000 + step * 4
                guest.enter(S, True, 9)
                guest.run(noise.randrange(10, 50))
                if step % 3 == 0:
                    guest.firmware_call()
                guest.emit("mmio_write", [0xC201004, 4, step], "plic")
                guest.clear(9)
                guest.leave()
            guest.instruction += program.randrange(1, 9)
            guest.pc = 0x1000 + step * 4
            what, value = program.randrange(3), program.randrange(100)
            if step == change:
                value += 1
            if what == 0:
                guest.emit("marker", [0, value])
            elif what == 1:
                guest.emit("mmio_write", [0x10000000, 1, value], "ns16550a")
            else:
                guest.enter(M, False, 9, value)
                guest.instruction += 7
                guest.leave()
        return guest.events

    def test_mainlines_are_the_same_wherever_interrupts_came(self):
        a = self.make("a.trace", self.mainline({3, 50, 99, 150}))
        b = self.make("b.trace", self.mainline({3, 51, 120}, seed=6))
        self.run_tool("diff", a, b, status=1)
        text = self.run_tool("diff", "--align", "mainline", a, b).out
        self.assertIn("the same", text)
        self.assertIn("interrupts taken by the mainline: 4, of them 3 not at the same place", text)
        self.assertIn("A2: S external at epc 0x10c8", text)
        self.assertIn("B2: S external at epc 0x10cc", text)
        self.assertIn("B4: none", text)

    def test_a_mainline_that_did_something_else(self):
        a = self.make("a.trace", self.mainline({3, 50}))
        b = self.make("b.trace", self.mainline({70}, change=123, seed=6))
        text = self.run_tool("diff", "--align", "mainline", a, b, status=1).out
        self.assertIn("the mainlines differ", text)
        changed = [x for x in squeezed(text) if x[0] in "-+"]
        self.assertTrue(changed)
        self.assertIn("interrupts taken by the mainline: 2", text)


class Pack(TraceCase):
    def test_round_trips_are_byte_identical(self):
        for name, options in {"one": {}, "many": {"chunk_events": 50}, "tiny": {"chunk_events": 1}, 
                              "ring": {"flags": 1, "first_sequence": 9}}.items():
            path = self.make(name + ".trace", EVENTS, **options)
            with open(path, "rb") as file:
                content = file.read()
            packed, again = self.path("packed"), self.path("again")
            self.run_tool("pack", "-o", packed, path)
            self.run_tool("unpack", packed, "-o", again)
            with open(again, "rb") as file:
                self.assertEqual(file.read(), content)
            self.assertEqual(squeezed(self.run_tool("show", packed).out), squeezed(self.run_tool("show", path).out))
            if name == "one":
                self.assertLess(os.path.getsize(packed), len(content) / 2)
            os.chmod(path, 0o640)
            self.run_tool("pack", path)
            self.assertLessEqual(os.path.getsize(path), len(content))
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
            self.run_tool("pack", path)
            self.run_tool("unpack", path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), content)
        self.assertFalse([x for x in os.listdir(self.folder) if "." in x and not x.endswith(".trace")], "a temporary file stayed")

    def test_a_file_that_was_not_closed(self):
        path = self.make("open.trace", EVENTS, closed=False, chunk_events=100)
        with open(path, "rb") as file:
            content = file.read()
        self.run_tool("pack", path)
        self.run_tool("unpack", path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), content)
        torn = self.file("torn.trace", content[:-5])
        self.assertIn("would be lost", self.run_tool("pack", torn, status=2).err)
        with open(torn, "rb") as file:
            self.assertEqual(file.read(), content[:-5])
        self.run_tool("pack", torn, "-o", self.path("rest"))

    def test_a_link_stays_one(self):
        path, link = self.make("real.trace", EVENTS), self.path("link.trace")
        os.symlink(path, link)
        self.run_tool("pack", link)
        self.assertTrue(os.path.islink(link))
        self.run_tool("show", link)


class CommandLine(TraceCase):
    def test_help_and_version(self):
        self.assertIn("usage:", self.run_tool("--help").out)
        self.assertRegex(self.run_tool("--version").out, r"^monochord-trace \d+\.\d+\.\d+\n$")
        for command in ("show", "stats", "diff", "export", "pack", "unpack"):
            self.assertIn(f"usage: monochord-trace {command}", self.run_tool(command, "--help").out)
        self.run_tool(status=2)

    def test_wrong_usage_is_one_line(self):
        path = self.make("x.trace", EVENTS[:10])
        for arguments, message in (
                (["sho"], "did you mean 'show'"), (["show", "--evnt", "x", path], "did you mean '--event'"),
                (["show"], "needs 1 file name, and got 0"),
                (["show", path, path], "got 2"), (["diff", path], "needs 2 file names"), (["show", path, "--from", "12"], "not a time"),
                (["show", path, "--from", "1.2.3s"], "not a time"), (["show", path, "--from", "99999999999999999999s"], "not a time"),
                (["show", path, "--from", "9999999999999s"], "not a time"), (["show", path, "--insn", "a..b"], "not a range"),
                (["show", path, "--hart", "x"], "not a number"), (["show", path, "--event", "timer_fird"], "did you mean 'timer_fired'"),
                (["show", path, "--from"], "needs a value, TIME"), (["show", path, "--with-host=1"], "takes no value"),
                (["show", path, "--first", "1", "--last", "1"], "together"), (["show", path, "--first", "-1"], "need a number"),
                (["diff", path, path, "--context", "x"], "--context"), (["diff", path, path, "--align", "x"], "only 'mainline'"),
                (["export", path], "--html, --vcd and --perfetto"), (["export", "--vcd", "--html", path], "--html, --vcd and --perfetto"),
                (["export", "--vcd", "--elf", path, path], "--html only"), (["export", "--html", "--elf", path, path], "not an ELF file"),
                (["show", self.path("missing")], "No such file"), (["show", self.folder], "not a regular file"), 
                (["show", "/dev/zero"], "not a regular file"),
                (["export", "--vcd", path, "-o", self.path("no/such/dir")], "cannot write"), (["pack", "-o"], "needs a value")):
            with self.subTest(arguments=arguments):
                self.assertIn(message, self.refused(*arguments))

    def test_a_full_disk_is_one_line(self):
        path = self.make("x.trace", EVENTS)
        other = self.make("y.trace", EVENTS[:9])
        for arguments in (["--help"], ["show", "--help"], ["show", path], ["stats", path], ["export", "--vcd", path], ["export", "--html", path],
                          ["export", "--perfetto", path], ["diff", path, other]):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([TOOL, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (2, "monochord-trace: cannot write standard output: No space left on device\n"))

    def test_a_closed_pipe_ends_it_quietly(self):
        path = self.make("x.trace", EVENTS * 1)
        for arguments in (["show", path], ["export", "--vcd", path]):
            read, write = os.pipe()
            with subprocess.Popen([TOOL, *arguments], stdout=write, stderr=subprocess.PIPE) as process:
                os.close(write)
                os.read(read, 100)
                os.close(read)
                _, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, err), (2, b""))

    def test_text_is_as_the_emulator_prints_it(self):
        # The form itself is held by tests/core/trace_test.cpp; this one holds the oracle's to the same sentence.
        self.assertEqual(event_text(Event("timer_fired", "aclint.mtimer0", [1, 1000, -20], 0, 0)),
                         "timer_fired timer=aclint.mtimer0 clock=virtual deadline=1000ns late=-20ns")


if __name__ == "__main__":
    main()
