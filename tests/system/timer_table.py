#!/usr/bin/env python3
"""The table of every timer of the machine in tests/README.md, from the monitor's `info timers`: owner, clock, callback.

usage: timer_table.py            prints the table
       timer_table.py --update   writes it into tests/README.md
       timer_table.py --check    fails when tests/README.md shows another one
"""
import re
import sys
import tempfile
from pathlib import Path

from machine import BINARY, ROOT, Machine, bare_arguments, check, need, passed

README = ROOT / 'tests/README.md'
BEGIN, END = '<!-- timers: made by tests/system/timer_table.py --update -->\n', '<!-- end of timers -->\n'


def timers():
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / 'disk.img'
        disk.write_bytes(bytes(1 << 20))
        machine = Machine(bare_arguments('spin', '-nographic', '-drive', f'file={disk},format=raw,if=virtio'), timeout=20)
        machine.expect_exact('spinning')
        machine.send('\x01c')
        machine.expect_exact('(monochord) ')
        machine.send('info timers\r')
        machine.expect_exact('callback')
        machine.expect_exact('(monochord) ')
        text = machine.child.before.replace('\r', '')
        machine.send('\x01x')
        check(machine.exit_status() == 0, 'Ctrl-A x did not end it')
    found = re.findall(r'^(\S+)\s+(REALTIME|VIRTUAL|HOST|VIRTUAL_RT)\s.*\s(\S+)$', text, re.M)
    rows = [(name.rsplit('.', 1)[0], name, clock, callback) for name, clock, callback in found]
    for _, name, _, callback in rows:
        check('.' in name and '::' in callback, f'{name}: the timer or its callback {callback} has no name of its own')
    lines = [line for line in text.splitlines() if ' ' in line.strip()]
    check(rows and len(rows) == len(lines), f'lines that are no timers:\n{text}')
    return sorted(rows)


def table():
    lines = ['| owner | timer | clock | callback |', '|---|---|---|---|']
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in timers()]) + '\n'


def main():
    mode = sys.argv[1] if len(sys.argv) == 2 else ''
    check(mode in ('', '--update', '--check') and len(sys.argv) <= 2, __doc__.split('\n\n')[1])
    need(BINARY)
    made = table()
    if mode == '':
        print(made, end='')
        return
    text = README.read_text()
    check(BEGIN in text and END in text, f'{README} has no place for the table')
    head, rest = text.split(BEGIN)
    shown, tail = rest.split(END)
    if mode == '--update':
        README.write_text(head + BEGIN + made + END + tail)
        return
    check(shown == made, f'tests/README.md shows another table; tests/system/timer_table.py --update writes it. It should be:\n{made}')
    passed(f'the table in tests/README.md shows all {made.count(chr(10)) - 2} timers')


if __name__ == '__main__':
    main()
