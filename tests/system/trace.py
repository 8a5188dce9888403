#!/usr/bin/env python3
"""-trace: the same events as text and as a file, the host's in a file of their own, the last ones when a run fails; what can go wrong at the end.

usage: trace.py [PROGRAM]      for example build/monochord-static
"""
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from machine import BINARY, OWN_GUESTS, check, need, passed
from trace_reader import Trace

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else BINARY
BOTH = ('tcg', 'interp')


def run(guest, *options, status=0, **more):
    command = [PROGRAM, '-bios', 'none', '-display', 'none', '-serial', 'null', '-kernel', str(OWN_GUESTS / f'{guest}.elf'), *options]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **more)
    check(result.returncode == status, f'{options}: exit status {result.returncode}, not {status}: {result.stderr[-2000:]}')
    return result.stderr.decode().splitlines()


def numbers(trace, name):
    return [event.numbers for event in trace.events if event.name == name]


def a_run_as_a_file(path, accel):
    file = path / f'{accel}.trace'
    check(run('traced', '-accel', accel, '-trace', f'*,file={file}') == [], 'a trace in a file prints nothing')
    trace, host = Trace(file), Trace(f'{file}.host')
    check((trace.stream, host.stream, trace.ring) == ('guest', 'host', False), 'streams')
    check([n['value'] for n in numbers(trace, 'marker')] == [1, 2, 3, 4], f'markers: {numbers(trace, "marker")}')
    count = Counter(event.name for event in trace.events)
    wanted = dict(machine_reset=1, machine_shutdown=1, interrupt_taken=4, exception_taken=1, trap_entered=5, mret=5, ipi=1, timer_fired=3, timer_returned=3,
                  marker=4, clock_enabled=2)
    check({name: count[name] for name in wanted} == wanted, f'events: {count}')
    check(count['wfi_entered'] == count['wfi_left'] <= 3, f'wfi: {count}')
    taken = numbers(trace, 'interrupt_taken')
    check([n['cause'] for n in taken] == [3, 7, 7, 7] and taken[0]['distance'] == 0, f'interrupts: {taken}')
    writes = [(event.label, event.numbers['old'], event.numbers['new']) for event in trace.events if event.name == 'csr_write']
    check([w[0] for w in writes] == ['mtvec', 'mie', 'mstatus'] and writes[1][1:] == (0, 0x88) and writes[2][2] ^ writes[2][1] == 8, f'CSRs: {writes}')
    armed = {event.label for event in trace.events if event.name == 'timer_armed'}
    check(armed == {'aclint.mtimer0'}, f'timers: {armed}')
    for event in trace.events:
        check(event.name != 'timer_fired' or event.ns - event.numbers['deadline'] >= event.numbers['late'] >= 0, f'late: {event}')
    # What lies between pending and taken, by the stamps alone.
    for at, event in enumerate(trace.events):
        if event.name == 'interrupt_taken':
            pending = next(e for e in reversed(trace.events[:at]) if e.name == 'interrupt_pending' and e.numbers['cause'] == event.numbers['cause'])
            check(event.instructions - pending.instructions == event.numbers['distance'], f'distance: {event} after {pending}')
    for events in (trace.events, host.events):
        check([e.sequence for e in events] == list(range(len(events))), 'sequence numbers')
        check(all(a.instructions <= b.instructions for a, b in zip(events, events[1:])), 'instructions go back')
    check({'vm_started', 'vm_stopped', 'alarm_armed'} <= {e.name for e in host.events}, f'host: {Counter(e.name for e in host.events)}')
    return trace


def main():
    need(PROGRAM, OWN_GUESTS / 'traced.elf', OWN_GUESTS / 'hello.elf')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        traces = {accel: a_run_as_a_file(path, accel) for accel in BOTH}
        passed('a file has every event, in order, with the host\'s beside it')
        # Until time has a say: at the same instructions, with the same numbers.
        begin = {accel: [(e.instructions, e.name, e.label, e.numbers) for e in trace.events] for accel, trace in traces.items()}
        begin = {accel: events[:[(e[1], e[3].get('value')) for e in events].index(('marker', 3))] for accel, events in begin.items()}
        check(begin['tcg'] == begin['interp'] and len(begin['tcg']) > 15, f'{begin}')
        passed('interpreter and generated code give the same events at the same instructions')

        file = path / 'guest only'
        run('traced', '-trace', f'enable=timer_*,file={file}', '-trace', 'm?et')
        check({e.name for e in Trace(file).events} == {'timer_armed', 'timer_fired', 'timer_returned', 'mret'} and not Path(f'{file}.host').exists(),
              f'patterns add up, and nothing of the host was asked for: {os.listdir(path)}')
        (path / 'patterns').write_text('# what returns\n\n*ret\n timer_*  \n-timer_armed\n')
        run('traced', '-trace', f'events={path}/patterns,file={file}')
        check({e.name for e in Trace(file).events} == {'timer_fired', 'timer_returned', 'mret'}, 'events=')
        check(file.read_bytes().find(str(path).encode()) < 0 and file.read_bytes().find(b'monochord') < 0, 'a file says where it came from')
        passed('patterns add up; events= takes them from a file; F.host only where asked for')

        lines = run('hello', '-trace', 'mmio_write', status=7)
        run('hello', '-trace', f'mmio_write,file={file}', status=7)
        without_time = [line.split(' ')[:1] + line.split(' ')[2:] for line in lines]
        check(without_time == [line.split(' ')[:1] + line.split(' ')[2:] for line in Trace(file).text()], f'{lines}\nis not\n{Trace(file).text()}')
        check(run('hello', '-d', 'trace:mmio_write', '-D', str(path / 'log'), status=7) == [], '-D')
        check(len((path / 'log').read_text().splitlines()) == len(lines) > 10, '-d trace:')
        lines = run('traced', '-d', 'trace:marker,int', '-trace', f'mret,file={file}')
        check(sum('marker hart=0' in line for line in lines) == 4 and any('interrupt 7' in line for line in lines), f'{lines}')
        check({e.name for e in Trace(file).events} == {'mret'}, '-d trace: is text, beside a file')
        passed('text, through -D and -d trace: as well, says what the file says')

        file = path / 'ring'
        run('traced', '-trace', f'*,file={file},ring=20')
        check(not file.exists() and not Path(f'{file}.host').exists(), 'a run without failure leaves no ring')
        lines = run('hello', '-trace', f'*,file={file},ring=20', status=7)
        ring = Trace(file)
        check(ring.ring and 20 <= len(ring.events) <= 30 and ring.events[0].sequence > 0, f'ring: {len(ring.events)}')
        check(ring.events[-1].name == 'clock_enabled' and len(lines) == 2 and all('last events' in line for line in lines), f'{lines}')
        passed('ring= writes the last events when the run fails, and only then')

        # A deadly signal from outside, and the polite one.
        for number, wanted, ring in ((signal.SIGABRT, -signal.SIGABRT, 5), (signal.SIGABRT, -signal.SIGABRT, 0), (signal.SIGTERM, 0, 0)):
            file = path / f'{number}{ring}'
            process = subprocess.Popen([PROGRAM, '-bios', 'none', '-display', 'none', '-serial', 'stdio', '-kernel', str(OWN_GUESTS / 'asleep.elf'), '-trace',
                                        f'*,file={file}' + (f',ring={ring}' if ring else '')], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)  # an input that stays open, or its sleep would be a deadlock
            check(process.stdout.readline() == b'asleep\n', 'the guest')
            process.send_signal(number)
            check(process.wait(timeout=20) == wanted, f'{number!r}: {process.returncode}')
            process.stdout.close()
            process.stdin.close()
            trace = Trace(file)
            check(trace.events[-1].name in ('mmio_write', 'csr_write', 'wfi_entered', 'clock_enabled'), f'{number!r}: {trace.events[-1]}')
        passed('a crash and SIGTERM leave a whole file')

        # A disk that is full: a limit of 100 kB, without the signal that would come with it.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        lines = run('trap_loop', '-trace', f'exception_taken,file={path}/full', status=1, preexec_fn=limit)
        check(len(lines) == 1 and 'full' in lines[0] and 'File too large' in lines[0], f'{lines}')
        check((path / 'full').stat().st_size == 100_000, 'what could be written')
        passed('a full disk ends the run: one line, status 1')

        result = subprocess.run([PROGRAM, '-trace', 'help'], capture_output=True, timeout=20)
        events = [line.split()[0] for line in result.stdout.decode().splitlines()]
        check(result.returncode == 0 and {'timer_fired', 'alarm_deferred', 'marker'} <= set(events), f'-trace help: {result.stdout}')
        check(set(events) == {kind[0] for kind in traces['tcg'].kinds}, 'a file knows every event that help lists')
        passed('-trace help lists them all')


if __name__ == '__main__':
    sys.exit(main())
