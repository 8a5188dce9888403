"""The ways to run a guest whose costs are compared, and what issue 4 asks of them."""
from collections import namedtuple

# `over` is the way that the ratio is to. `{file}` in `options` is a file of its own, `{of:NAME}` that of another way. `limits`: the most that the
# ratio may be, by workload. `work`: of which workload alone.
Way = namedtuple('Way', 'name engine title options over limits work', defaults=[None])

# Issue 4's "timers, irqs and traps". -trace adds up.
TRACED = ('timer_*', 'irq_line', 'interrupt_*', 'exception_taken', 'trap_entered', 'mret', 'sret')
TRACE = ' '.join(f'-trace {pattern},file={{file}}' for pattern in TRACED)
ICOUNT = '-icount shift=0,sleep=off'

WAYS = [
    Way('plain', 'monochord', 'real time', '', None, {}),
    Way('again', 'monochord', 'real time, once more', '', 'plain', {}),
    Way('record', 'monochord', '`-record`', '-record {file}', 'plain', {'boot': 1.05, 'programs': 1.05}),
    Way('replay', 'monochord', '`-replay`', '-replay {of:record}', 'record', {}),
    Way('trace', 'monochord', '`-trace` timers, irqs, traps', TRACE, 'plain', {'boot': 1.10}),
    Way('icount', 'monochord', '`-icount shift=0,sleep=off`', ICOUNT, 'plain', {'programs': 1.05}),
    Way('icount-3', 'monochord', '`-icount shift=3,sleep=off`', '-icount shift=3,sleep=off', 'plain', {'programs': 1.05}),
    Way('icount-again', 'monochord', '`shift=0`, once more', ICOUNT, 'icount', {}),
    Way('icount-record', 'monochord', '`shift=0,rr=record`', ICOUNT + ',rr=record,rrfile={file}', 'icount', {'boot': 1.05, 'programs': 1.05}),
    Way('icount-replay', 'monochord', '`shift=0,rr=replay`', ICOUNT + ',rr=replay,rrfile={of:icount-record}', 'icount-record', {}),
    Way('icount-trace', 'monochord', '`shift=0`, `-trace` timers, irqs, traps', f'{ICOUNT} {TRACE}', 'icount', {'boot': 1.10}),
    Way('icount-trace-all', 'monochord', "`shift=0`, `-trace '*'`", ICOUNT + ' -trace *,file={file}', 'icount', {}),
    Way('qemu', 'qemu', 'QEMU, real time', '', None, {}),
    Way('qemu-icount', 'qemu', 'QEMU, `-icount shift=0,sleep=off`', ICOUNT, 'qemu', {}),
    Way('qemu-record', 'qemu', 'QEMU, `shift=0,sleep=off,rr=record`', ICOUNT + ',rr=record,rrfile={file}', 'qemu', {}, 'boot'),
]

# What the guest does besides booting and powering off. The programs are short: where others use the host, too, some run of each is left alone.
Workload = namedtuple('Workload', 'name title programs')
WORKLOADS = [
    Workload('boot', 'boot', ()),
    Workload('programs', 'programs', ('sieve', 'switch', 'hash', 'pointers', 'fft', 'syscall')),
]

REPEATS = 2  # of each program in a run

# The largest that the trace of a boot may be, in MB.
TRACE_MB_MAX = 20
