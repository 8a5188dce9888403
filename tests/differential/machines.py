"""Runs an image on emulators and reads what it printed."""
import re
import subprocess
from pathlib import Path

# QEMU's rv64 with exactly our extensions.
CPU = ('rv64,h=off,zbc=off,zfa=off,zawrs=off,zicbop=off,zihintntl=off,svvptc=off,'
       'zicond=on,svinval=on,svpbmt=on,svnapot=on,svadu=on,svade=on')
DIRTY = '8000000000006000'


def command(emulator, image, extra):
    return [emulator, '-M', 'virt', '-cpu', CPU, '-m', '128M', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-bios', 'none',
            '-kernel', str(image)] + extra


def start(emulator, image, extra, output):
    return subprocess.Popen(command(emulator, image, extra), stdin=subprocess.DEVNULL,
                            stdout=open(output, 'wb'), stderr=open(str(output) + '.err', 'wb'))


def finish(process, name, output, seconds):
    """What went wrong, or None."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f'{name}: no end after {seconds} s'
    if process.returncode != 0:
        errors = Path(str(output) + '.err').read_text(errors='replace').strip().splitlines()
        return f'{name}: exit status {process.returncode}: {errors[-1] if errors else "no message"}'
    return None


def states(output):
    """Splits the output into programs: number -> list of lines. A program that did not print all is left out."""
    programs, current = {}, None
    for line in Path(output).read_text(errors='replace').replace('\r', '').splitlines():
        if line.startswith('P'):
            current = int(line[1:].strip() or '0', 16)
            programs[current] = []
        elif current is not None and line:
            programs[current].append(line.strip())
    return {number: lines for number, lines in programs.items() if any(line.startswith('m') for line in lines)}


def fields(lines):
    """Names every value of a dump: x1.., f0.., fcsr, status, trap0.cause.."""
    named = {}
    for line in lines:
        if line[0] == 'x':
            for i, v in enumerate(re.findall(r'x(\w+)', line)):
                named[f'x{i + 1}'] = v
        elif line[0] == 'f':
            for i, v in enumerate(re.findall(r'f([0-9a-f]{16})', line)):
                named[f'f{i}'] = v
        elif line[0] == 'c':
            named['fcsr'], named['mstatus.FS'] = re.findall(r'c(\w+)', line)[:2]
        elif line[0] == 't':
            for i, t in enumerate(re.findall(r't(\w+) (\w+) (\w+)', line)):
                named[f'trap{i}'] = f'cause {t[0].lstrip("0") or 0} at +0x{t[1].lstrip("0") or 0} tval {t[2]}'
        elif line[0] == 'm':
            named['memory'], named['page tables'], named['program'], named['S traps'] = re.findall(r'[maps]([0-9a-f]{16})', line)[:4]
    return named


def normalise(lines, word_at):
    """Takes out what QEMU does differently from the manual, or where the manual leaves a choice (README.md lists each with its chapter)."""
    named = fields(lines)
    for key, value in named.items():
        match = re.match(r'cause (\w+) at \+0x(\w+) tval (\w+)', value) if key.startswith('trap') else None
        if not match:
            continue
        cause, offset, word = match.group(1), int(match.group(2), 16), word_at(int(match.group(2), 16))
        if word is None:
            continue
        if word & 0x7f == 0x2f and cause == '4':
            # A misaligned AMO is a store (AMO) fault: "A" extension, chapter 13.4; QEMU says load.
            named[key] = value.replace('cause 4', 'cause 6')
        if (word & 0x707f == 0x200f or word & 0x707f == 0x73) and cause == '2':
            # tval of a cbo, mret, sret, wfi or sfence that is not allowed here: the instruction's bits or 0 (Privileged, 3.1.16); QEMU leaves
            # the bits of an earlier instruction in it.
            named[key] = f'cause 2 at +0x{offset:x}'
    return named


def is_wfi_at_the_end_of_a_page(ours, theirs):
    """QEMU 10 gives the trap of a wfi that is a page's last instruction the address one page on, and the program goes on elsewhere."""
    at = re.compile(r'cause 2 at \+0x([0-9a-f]+)(?: tval 0*10500073)?')
    for key in (key for key in theirs if key.startswith('trap') and ours.get(key) != theirs[key]):
        mine, other = at.fullmatch(ours.get(key, '')), at.fullmatch(theirs[key])
        return bool(mine and other and int(other[1], 16) == int(mine[1], 16) + 0x1000)
    return False


class Executor:
    """One way to run an image. `judge`: its results count against ours only after normalising, and not for every program."""

    def __init__(self, name, emulator, extra, judge=False):
        self.name, self.emulator, self.extra, self.judge = name, emulator, extra, judge


def run(executors, image, folder, seconds):
    """Each executor's states, and problems."""
    outputs = {e.name: Path(folder) / f'{Path(image).name}-{e.name}.txt' for e in executors}
    running = [(e, start(e.emulator, image, e.extra, outputs[e.name])) for e in executors]
    problems = {}
    for executor, process in running:
        problem = finish(process, executor.name, outputs[executor.name], seconds)
        if problem:
            problems[executor.name] = problem
    return {name: states(output) for name, output in outputs.items()}, problems


def difference(executors, found, number, program):
    """The first two executors that disagree about a program, and their values; None if all agree (or did not get that far)."""
    first = executors[0]
    for other in executors[1:]:
        a, b = found[first.name].get(number), found[other.name].get(number)
        if a is None or b is None or a == b:
            continue
        if not (first.judge or other.judge):
            return first, fields(a), other, fields(b)
        if program.only_ours:
            continue
        a, b = normalise(a, program.word_at), normalise(b, program.word_at)
        if a['mstatus.FS'] == DIRTY:
            # What writes flags only leaves FS as it was in QEMU; the manual allows Dirty any time (Privileged, 3.1.6.6).
            b['mstatus.FS'] = DIRTY
        if a != b and not is_wfi_at_the_end_of_a_page(a, b):
            return first, a, other, b
    return None
