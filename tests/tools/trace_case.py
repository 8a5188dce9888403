"""What the tests of monochord-trace share: running it, and the text of events by an implementation of its own."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import trace_maker  # noqa: E402

TOOL = os.path.join(os.environ.get("MONOCHORD_BUILD_DIR", os.path.join(trace_maker.ROOT, "build")), "monochord-trace")
INTERRUPTS = {1: "S software", 3: "M software", 5: "S timer", 7: "M timer", 9: "S external", 11: "M external"}
EXCEPTIONS = {0: "fetch misaligned", 1: "fetch access", 2: "illegal instruction", 3: "breakpoint", 4: "load misaligned", 5: "load access",
              6: "store misaligned", 7: "store access", 8: "ecall from U", 9: "ecall from S", 11: "ecall from M", 12: "fetch page", 13: "load page",
              15: "store page"}
CLOCKS = ["realtime", "virtual", "host", "virtual_rt"]
TABLE = {row[0]: row for row in trace_maker.own_events()}


def signed(value):
    value &= trace_maker.M64
    return value - (1 << 64) if value >> 63 else value


def number_text(form, value):
    if form == "x":
        return hex(value & trace_maker.M64)
    if form == "t":
        return f"{signed(value)}ns"
    if form == "c":
        return CLOCKS[value] if 0 <= value < 4 else "?"
    return str(signed(value))


def event_text(event):
    _, _, label, fields = TABLE[event.name]
    words = [event.name]
    if label:
        words.append(f"{label}={'?' if event.label is None else event.label}")
    for (name, form), value in zip(fields, event.numbers):
        text = number_text(form, value)
        names = {}
        if name == "cause":
            names = EXCEPTIONS if event.name == "exception_taken" else INTERRUPTS if event.name.startswith("interrupt_") else {}
        words.append(f"{name}={text}" + (f"({names[value]})" if value in names else ""))
    return " ".join(words)


def line(sequence, event):
    """`show`'s line with one blank between its columns."""
    return f"{sequence} {event.instruction} {event.ns}ns {event_text(event)}"


def squeezed(text):
    return [" ".join(x.split()) for x in text.splitlines()]


class TraceCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder_object = tempfile.TemporaryDirectory()
        cls.folder = cls.folder_object.name

    @classmethod
    def tearDownClass(cls):
        cls.folder_object.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as out:
            out.write(content)
        return self.path(name)

    def make(self, name, events, closed=True, **options):
        trace_maker.write(self.path(name), events, closed, **options)
        return self.path(name)

    def run_tool(self, *arguments, status=0, **options):
        done = subprocess.run([TOOL, *arguments], capture_output=True, timeout=120, check=False, **options)
        done.out, done.err = done.stdout.decode("latin-1"), done.stderr.decode("latin-1")
        self.assertEqual(done.returncode, status, f"{arguments}: {done.err[:500]} {done.out[:300]}")
        return done

    def refused(self, *arguments):
        """The one line on stderr of a run that ends with status 2."""
        done = self.run_tool(*arguments, status=2)
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertTrue(done.err.startswith("monochord-trace: "), done.err)
        return done.err


def main():
    if not os.path.exists(TOOL):
        sys.exit(f"no {TOOL}: build it, or set MONOCHORD_BUILD_DIR")
    unittest.main()
