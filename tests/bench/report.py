"""The table, on the terminal and in README.md."""
import math
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from building import COMPILERS, GUESTS, HERE
from engines import QEMU
from suite import BOOTS, FIGURES, GEOMETRIC_MEAN_AT_LEAST, PROGRAMS

ENGINES = ('native', 'qemu', 'monochord')
BEGIN, END = '<!-- results: made by tests/bench/run --update -->', '<!-- end of results -->'


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return 'unknown'


def circumstances(args):
    cpu = re.search(r'^model name\s*: (.*)$', Path('/proc/cpuinfo').read_text(), re.M)
    revision = first_line('git', '-C', str(HERE), 'describe', '--always', '--dirty', '--abbrev=12')
    return {
        'date': time.strftime('%Y-%m-%d'),
        'host': f'{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} CPUs',
        'guest kernel': f'Debian {(GUESTS / "debian/release").read_text().strip()}',
        'QEMU': first_line(QEMU, '--version'),
        'Monochord': f'revision {revision}',
        'compilers': '; '.join(first_line(command[0], '--version') for command in COMPILERS.values()),
        'runs': f'median of {args.runs}',
        'load of the host at the start': f'{os.getloadavg()[0]:.2f}',
        'options': ' '.join(['-M virt -smp 1 -m 512M', *(f'and for {name} {words}' for name, words in
                                                        (('Monochord', args.monochord_args), ('QEMU', args.qemu_args)) if words)]),
    }


def median(samples, what):
    return statistics.median(sample[what] for sample in samples) if samples else None


def ratio(above, below):
    return above / below if above and below else None


class Row:
    """One program's medians and ratios."""

    def __init__(self, program, samples):
        self.program = program
        self.cpu = {engine: median(samples.get(engine), 'cpu') for engine in ENGINES}
        self.wall = {engine: median(samples.get(engine), 'wall') for engine in ENGINES}
        self.gain = ratio(self.cpu['qemu'], self.cpu['monochord'])
        self.to_native = {engine: ratio(self.cpu[engine], self.cpu['native']) for engine in ('qemu', 'monochord')}

    @property
    def met(self):
        return None if self.gain is None else self.gain >= self.program.at_least


def geometric_mean(numbers):
    numbers = list(numbers)
    return math.exp(sum(map(math.log, numbers)) / len(numbers)) if numbers and all(numbers) else None


def rows_of(results):
    return [Row(program, results['programs'][program.name]) for program in PROGRAMS + BOOTS if program.name in results['programs']]


def number(value, digits=3):
    """So many digits that count, never an exponent; '-' for what was not measured."""
    if value is None:
        return '-'
    if value == 0:
        return '0'
    return f'{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}'


def verdict(met):
    return {True: 'yes', False: '**no**', None: '-'}[met]


def program_table(results):
    rows = rows_of(results)
    table = [['program', 'native s', 'QEMU s', 'Monochord s', 'QEMU wall s', 'Monochord wall s', 'QEMU/native', 'Monochord/native',
              'QEMU ÷ Monochord', 'at least', 'met']]
    for row in rows:
        table.append([row.program.title, *(number(row.cpu[engine]) for engine in ENGINES), *(number(row.wall[engine]) for engine in ENGINES[1:]),
                      *(number(row.to_native[engine]) for engine in ENGINES[1:]), number(row.gain), f'{row.program.at_least:g}', verdict(row.met)])
    cpu = [row for row in rows if row.program.kind == 'cpu']
    if cpu:
        mean = geometric_mean(row.gain for row in cpu)
        complete = len(cpu) == sum(program.kind == 'cpu' for program in PROGRAMS)
        table.append([f'geometric mean of {"the" if complete else "these"} {len(cpu)} CPU programs', '', '', '', '', '',
                      *(number(geometric_mean(row.to_native[engine] for row in cpu)) for engine in ENGINES[1:]), number(mean),
                      f'{GEOMETRIC_MEAN_AT_LEAST:g}', verdict(mean >= GEOMETRIC_MEAN_AT_LEAST if mean and complete else None)])
    return table


def figure_table(results):
    table = [['figure', 'unit', 'QEMU', 'Monochord', 'at most', 'met']]
    for figure in FIGURES:
        values = {engine: statistics.median(found) for engine, found in results['figures'].get(figure.name, {}).items() if found}
        if not values:
            continue
        ours, limit = values.get('monochord'), values.get('qemu') if figure.limit == 'qemu' else figure.limit
        met = None if ours is None or limit is None else ours <= limit
        limit = "QEMU's" if figure.limit == 'qemu' else f'{limit:g}'
        table.append([figure.title, figure.unit, number(values.get('qemu')), number(ours), limit, verdict(met)])
    return table


def other_table(results):
    """Monochord beside the one of --against."""
    table, ratios = [['program', 'Monochord s', 'other s', 'other ÷ Monochord']], []
    for program in PROGRAMS + BOOTS:
        samples = results['programs'].get(program.name, {})
        ours, other = (median(samples.get(engine), 'cpu') for engine in ('monochord', 'other'))
        if other is not None:
            table.append([program.title, number(ours), number(other), number(ratio(other, ours), 4)])
            if program.kind == 'cpu':
                ratios.append(ratio(other, ours))
    if ratios:
        table.append([f'geometric mean of {len(ratios)} CPU programs', '', '', number(geometric_mean(ratios), 4)])
    return table


def plain(table):
    """Columns for a terminal; the first one stands left, the numbers right."""
    cells = [[cell.replace('*', '').replace('`', '') for cell in line] for line in table]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return '\n'.join('  '.join([f'{line[0]:{widths[0]}}', *(f'{cell:>{width}}' for cell, width in zip(line[1:], widths[1:]))]) for line in cells)


def markdown(table):
    lines = ['| ' + ' | '.join(line) + ' |' for line in table]
    return '\n'.join([lines[0], '|---' + '|--:' * (len(table[0]) - 1) + '|', *lines[1:]])


def tables(results):
    return [table for table in (program_table(results), other_table(results), figure_table(results)) if len(table) > 1]


def print_report(results):
    print()
    for table in tables(results):
        print(plain(table), '\n')
    for name, value in results['circumstances'].items():
        print(f'{name}: {value}')
    for failure in results['failures']:
        print(f'FAILED {failure}')


def replace_section(file, begin, end, circumstances_, failures, tables_):
    """What stands between two lines of a file becomes the facts, what failed and the tables."""
    text = file.read_text()
    before, after = text[:text.index(begin)], text[text.index(end):]
    facts = '\n'.join(f'- {name}: {value}' for name, value in circumstances_.items())
    failed = ''.join(f'- **failed**: {failure.splitlines()[0]}\n' for failure in failures)
    body = '\n\n'.join([f'{facts}\n{failed}'.strip(), *map(markdown, tables_)])
    file.write_text(f'{before}{begin}\n{body}\n{after}')


def update_readme(results):
    replace_section(HERE / 'README.md', BEGIN, END, results['circumstances'], results['failures'], tables(results))
