"""ratios.svg: QEMU's time divided by Monochord's, a bar for each program on a log scale, with the acceptance line across it."""
import math
from html import escape

from building import HERE
from report import geometric_mean, number, rows_of
from suite import GEOMETRIC_MEAN_AT_LEAST

LEFT, WIDTH, RIGHT, TOP, STEP, BAR = 255, 540, 65, 56, 22, 14
STYLE = '''text{font:12px sans-serif;fill:#222}.axis{fill:#666}.grid{stroke:#ddd}.one{stroke:#444}.met{fill:#2f7d4f}.missed{fill:#c0504d}
.line{stroke:#111;stroke-width:2.5}@media (prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}.axis{fill:#aaa}.grid{stroke:#333}
.one{stroke:#bbb}.line{stroke:#fff}}'''


def write_plot(results):
    bars = [(row.program.title.replace('`', ''), row.gain, row.program.at_least) for row in rows_of(results) if row.gain]
    cpu = [row.gain for row in rows_of(results) if row.program.kind == 'cpu' and row.gain]
    if cpu:
        bars.append(('geometric mean of the CPU programs', geometric_mean(cpu), GEOMETRIC_MEAN_AT_LEAST))
    if bars:
        (HERE / 'ratios.svg').write_text(drawing(bars))


def drawing(bars):
    least = min(0.5, *(gain for _, gain, _ in bars))
    most = max(20, *(gain for _, gain, _ in bars))

    def across(value):
        return LEFT + WIDTH * math.log(value / least) / math.log(most / least)

    bottom = TOP + STEP * len(bars)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {bottom + 14}" role="img">',
           f'<style>{STYLE}</style>', '<title>QEMU ÷ Monochord, host CPU seconds</title>',
           '<text x="8" y="18">QEMU ÷ Monochord in host CPU seconds; the black line across a bar is what is asked for</text>']
    for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        for tick in (10.0 ** power * step for step in (1, 2, 5)):
            if least <= tick <= most:
                x = across(tick)
                out.append(f'<line class="{"one" if tick == 1 else "grid"}" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>')
                out.append(f'<text class="axis" x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{tick:g}</text>')
    for at, (title, gain, at_least) in enumerate(bars):
        y, x, one, line = TOP + STEP * at + (STEP - BAR) / 2, across(gain), across(1), across(at_least)
        out.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(title)}</text>')
        verdict, wide = 'met' if gain >= at_least else 'missed', max(abs(x - one), 1)
        out.append(f'<rect class="{verdict}" x="{min(x, one):.1f}" y="{y}" width="{wide:.1f}" height="{BAR}"/>')
        out.append(f'<line class="line" x1="{line:.1f}" y1="{y - 2}" x2="{line:.1f}" y2="{y + BAR + 2}"/>')
        out.append(f'<text x="{LEFT + WIDTH + RIGHT - 8}" y="{y + 11}" text-anchor="end">{number(gain)}</text>')
    return '\n'.join([*out, '</svg>', ''])
