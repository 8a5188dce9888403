#!/usr/bin/env python3
"""tools/sweep over race_loop: an increment is lost exactly where the interrupt comes between the load and the store of the loop, and nowhere else.

usage: sweep_race_loop.py [MONOCHORD]      the emulator itself
       sweep_race_loop.py --self-test      tools/sweep alone, on a model of emulator and guest that is written here
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
SWEEP = HERE.parents[1] / 'tools/sweep'
sys.path[:0] = [str(HERE), str(HERE.parents[1] / 'tools/lib')]
import cases  # noqa: E402
import elf_symbols  # noqa: E402

GUEST = cases.ELFS / 'race_loop.elf'
LOOPS = 20

# An emulator that knows one guest: code that does nothing up to the loop, the loop, code that does nothing, the end.
MODEL = '''#!{python}
import sys, time
start, begin, end = {start}, {begin}, {end}
words = sys.argv[1:]
at = words[words.index('--interrupt-at') + 1] if '--interrupt-at' in words else None
if at and '{mode}' == 'refuses':
    sys.exit('model: I do not know --interrupt-at')
check = int(at.split('pc=')[1], 16) if at and 'pc=' in at else None
at = int(at.split()[0].split(':')[0]) if at else None
pc, word, register, left, taken, steps = start, 0, 0, {loops}, 0, 0
log = open(words[words.index('-D') + 1], 'w') if '-d' in words else None
while pc < end + 8:
    if steps == at:
        if check not in (None, pc) or '{mode}' == 'wanders':
            sys.exit('model: interrupt at %d: the hart is elsewhere: this is another run than the one that was meant' % at)
        if '{mode}' == 'unarmed' and pc < begin:
            sys.exit('model: interrupt at %d: no timer is armed there; sorry' % at)
        word, taken = word + 1, 1
        if '{mode}' == 'hangs' and pc == begin + 8:
            time.sleep(1000)
    if log:
        log.write('Trace 0: 0x%016x op%d x,y\\n' % (pc, (pc - start) // 4))
    at_loop = (pc - begin) // 4 if begin <= pc < end else None
    if at_loop == 0: register = word
    if at_loop == 1: register += 1
    if at_loop == 2: word = register
    if at_loop == 3: left -= 1
    pc = begin if at_loop == 4 and left else pc + 4
    steps += 1
print('counter', word, 'of', {loops} + taken)
sys.exit(word != {loops} + taken)
'''


def check(condition, message):
    if not condition:
        sys.exit(message)


def sweep(emulator, *words):
    """(exit status, stdout, stderr)"""
    done = subprocess.run([sys.executable, SWEEP, '--monochord', emulator, GUEST, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def lost_where_it_must_be(emulator, symbols):
    status, text, errors = sweep(emulator, '--symbol', 'armed..done', '--json')
    check(status == 1, f'sweep over the loop ended with status {status} instead of 1: {errors.strip()}')
    found = json.loads(text)
    begin, end = symbols.range_of('loop_begin..loop_end')
    check(end - begin == 20, 'the loop has five instructions')
    rows = found['boundaries']
    in_loop = [row for row in rows if begin <= row['pc'] < end]
    check(len(in_loop) == 5 * LOOPS and len(rows) > len(in_loop), f'{len(in_loop)} boundaries in the loop, {len(rows)} in all')
    for row in rows:
        loses = row['pc'] in (begin + 4, begin + 8)
        expected = {'status': 1, 'line': f'counter {LOOPS} of {LOOPS + 1}'} if loses else {'status': 0, 'line': f'counter {LOOPS + 1} of {LOOPS + 1}'}
        got = found['outcomes'][row['outcome']]
        check(got == expected, f'interrupt after instruction {row["after"]}, at {row["symbol"]} ({row["instruction"]}): {got} instead of {expected}')
    check(found['without_interrupt'] == {'status': 0, 'line': f'counter {LOOPS} of {LOOPS}'}, f'without an interrupt: {found["without_interrupt"]}')
    print(f'{len(rows)} boundaries: the update is lost at {2 * LOOPS}, before the addition and before the store, and nowhere else')


def one_visit(emulator, symbols):
    begin, _ = symbols.range_of('loop_begin..loop_end')
    status, text, errors = sweep(emulator, '--symbol', 'loop_begin..loop_end', '--visit', '3', '--json')
    rows = json.loads(text)['boundaries'] if status == 1 else []
    check([row['pc'] for row in rows] == [begin + 4 * i for i in range(5)], f'--visit 3: status {status}, {rows} {errors}')
    first = json.loads(sweep(emulator, '--symbol', 'loop_begin..loop_end', '--json')[1])['boundaries'][0]['after']
    check([row['after'] for row in rows] == list(range(first + 10, first + 15)), f'--visit 3 is not the third time: {rows}')
    print('--visit 3: the five boundaries of the third time')


def self_test(symbols, folder):
    begin, end = symbols.range_of('loop_begin..loop_end')

    def model(mode):
        path = Path(folder) / mode
        path.write_text(MODEL.format(python=sys.executable, start=symbols.by_name['_start'][0], begin=begin, end=end, loops=LOOPS, mode=mode))
        path.chmod(0o755)
        return str(path)

    works = model('works')
    lost_where_it_must_be(works, symbols)
    one_visit(works, symbols)
    status, text, _ = sweep(works, '--range', '1..3')
    check(status == 0 and '3 boundaries, 1 outcome\n' in text, f'all the same: status {status}\n{text}')
    status, text, _ = sweep(works, '--symbol', 'loop_begin..loop_end', '--visit', '1', '--irq', '10')
    marked = [line.split()[0] for line in text.splitlines() if line.endswith('*')]
    before = (begin - symbols.by_name['_start'][0]) // 4
    check(status == 1 and marked == [str(before + 1), str(before + 3)], f'marks at {marked}\n{text}')
    check('  B  status 1: counter 20 of 21  (2 boundaries)' in text, text)
    status, text, _ = sweep(model('hangs'), '--symbol', 'loop_begin..loop_end', '--visit', '2', '--timeout', '3')
    check(status == 1 and 'status timeout: (nothing on the console)  (1 boundary)' in text, f'a run that hangs: status {status}\n{text}')
    for words, says in ((('--symbol', 'nowhere'), 'has no symbol nowhere'), (('--range', '5..1'), '--range 5..1'), ((), 'one of the arguments'),
                        (('--symbol', 'loop_end..armed'), 'armed does not lie'), (('--symbol', 'digits_end'), 'never comes there'),
                        (('--range', '1..2', '--visit', '0'), '--visit must be above 0')):
        status, _, errors = sweep(works, *words)
        check(status == 2 and says in errors and 'Traceback' not in errors, f'{words}: status {status}, {errors}')
    status, _, errors = sweep(model('refuses'), '--range', '1..50')
    refused = errors.strip().endswith('refused: model: I do not know --interrupt-at')
    check(status == 2 and refused, f'an emulator that refuses: status {status}, {errors}')
    status, _, errors = sweep(model('wanders'), '--range', '1..50')
    check(status == 2 and 'this is another run' in errors, f'an emulator that does not repeat itself: status {status}, {errors}')
    unarmed = model('unarmed')
    status, text, errors = sweep(unarmed, '--range', f'1..{before}')
    check(status == 0 and '  A  status none: no timer is armed there; sorry  ' in text, f'no timer: status {status}\n{text}{errors}')
    status, _, errors = sweep(unarmed, '--range', '1..4')
    check(status == 2 and 'no interrupt could be placed: no timer' in errors, f'no timer anywhere: status {status}, {errors}')
    print('tools/sweep: table, marks, a run that hangs, wrong usage, an emulator that refuses')


def main():
    check(GUEST.exists(), f'{GUEST} is missing; build the target interleavings')
    symbols = elf_symbols.Symbols(GUEST)
    if sys.argv[1:] == ['--self-test']:
        with tempfile.TemporaryDirectory() as folder:
            self_test(symbols, folder)
        return
    emulator = sys.argv[1] if len(sys.argv) > 1 else os.environ.get('MONOCHORD', str(cases.BUILD / 'monochord'))
    lost_where_it_must_be(emulator, symbols)
    one_visit(emulator, symbols)


if __name__ == '__main__':
    main()
