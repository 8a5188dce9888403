#!/usr/bin/env python3
"""What a user can get wrong: each gives one line on stderr that says what, where and what to do, exit status 1, and no crash.

usage: bad_input.py [PROGRAM]      for example build/monochord-static or build/sanitize/monochord
"""
import gzip
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import BINARY, OWN_GUESTS, check, need, passed

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else BINARY


# Root may read everything, unless it gives that up.
NO_PRIVILEGES = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] if os.geteuid() == 0 else []


def run(arguments, timeout=60, launcher=(), **more):
    return subprocess.run([*launcher, PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, **more)


def refused(arguments, *words, **more):
    result = run(arguments, **more)
    lines = result.stderr.decode(errors='replace').strip().splitlines()
    what = ' '.join(arguments)
    check(result.returncode == 1, f'{what}: exit status {result.returncode}, stderr {lines}')
    check(len(lines) == 1, f'{what}: {len(lines)} lines on stderr: {lines}')
    for word in words:
        check(word in lines[0], f'{what}: no {word!r} in: {lines[0]}')
    print('  ' + lines[0])


def busy(*arguments):
    """An emulator whose guest computes for ever."""
    process = subprocess.Popen([PROGRAM, *arguments, '-kernel', str(OWN_GUESTS / 'spin.elf')], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    time.sleep(0.5)
    return process


def sanitized():
    """AddressSanitizer reserves terabytes of addresses: a limit of them stops it before main()."""
    return b'__asan_init' in Path(PROGRAM).read_bytes()


def elf(segment_size, file_size, machine=243, klass=2, address=0x80000000, offset=0x1000):
    header = b'\x7fELF' + bytes([klass, 1, 1, 0]) + bytes(8)
    header += struct.pack('<HHIQQQIHHHHHH', 2, machine, 1, address, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack('<IIQQQQQQ', 1, 7, offset, address, address, file_size, segment_size, 0x1000)


def main():
    need(PROGRAM, OWN_GUESTS / 'hello.elf')
    hello = f'{OWN_GUESTS}/hello.elf'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / 'empty').write_bytes(b'')
        (path / 'truncated.elf').write_bytes(elf(0x10000, 0x10000) + bytes(100))
        (path / 'short.elf').write_bytes(b'\x7fELF\x02\x01\x01')
        (path / 'huge.elf').write_bytes(elf(1 << 40, 16, offset=0) + bytes(16))
        (path / 'arm.elf').write_bytes(elf(16, 16, machine=183) + bytes(0x2000))
        (path / 'rv32.elf').write_bytes(elf(16, 16, klass=1) + bytes(0x2000))
        (path / 'wrong.gz').write_bytes(gzip.compress(bytes(100000))[:60])
        with open(path / 'big', 'wb') as f:
            f.truncate(200 << 20)
        (path / 'locked').write_bytes(bytes(1 << 20))
        (path / 'locked').chmod(0)
        (path / 'disk').write_bytes(bytes(1 << 20))

        bare = ['-bios', 'none', '-display', 'none', '-serial', 'null']
        refused(bare + ['-kernel', str(path / 'missing')], 'missing')
        refused(bare + ['-kernel', str(path / 'locked')], 'locked', 'Permission denied', launcher=NO_PRIVILEGES)
        refused(bare + ['-kernel', folder], 'directory')
        refused(bare + ['-kernel', str(path / 'empty')], 'empty')
        refused(bare + ['-kernel', str(path / 'truncated.elf')], 'truncated.elf')
        refused(bare + ['-kernel', str(path / 'short.elf')], 'short.elf')
        refused(bare + ['-kernel', str(path / 'huge.elf')], 'huge.elf')
        refused(bare + ['-kernel', str(path / 'arm.elf')], 'arm.elf')
        refused(bare + ['-kernel', str(path / 'rv32.elf')], 'rv32.elf')
        refused(bare + ['-kernel', str(path / 'wrong.gz')], 'wrong.gz')
        refused(bare + ['-kernel', str(path / 'big')], 'big')
        refused(['-bios', str(path / 'missing')], 'missing')
        refused(['-bios', folder], 'directory')
        refused(bare + ['-kernel', hello, '-initrd', str(path / 'missing')], 'missing')
        refused(bare + ['-kernel', hello, '-initrd', str(path / 'big')], 'big')
        refused(bare + ['-kernel', hello, '-dtb', str(path / 'disk')], 'disk')
        refused(bare + ['-m', '0'], '-m')
        refused(bare + ['-m', '100000G', '-kernel', hello], '-m')
        if not sanitized():
            refused(bare + ['-m', '8G', '-kernel', hello], '-m', preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)))
        refused(['-M', 'sifive_u'], 'sifive_u', 'virt')
        refused(['-cpu', 'rv65'], 'rv65')
        refused(['-cpu', 'rv64,v=on'], 'v')
        refused(['-cpu', 'rv64,sstx=on'], 'sstx')
        refused(['-kernle', 'x'], '-kernel')
        refused(['-display', 'gtk'], 'display')
        refused(['-enable-kvm'], '-enable-kvm')
        refused(['-daemonize'], '-daemonize')
        refused(['-smp', '4'], '-smp')
        refused(['-d', 'inn_asm'], 'in_asm')
        refused(['-accel', 'tcg,one-insn-per-tb=perhaps'], 'one-insn-per-tb')
        refused(['-accel', 'tcg,tb-size=1G'], 'tb-size')
        refused(['-accel', 'interp', '-perfmap'], '-perfmap')
        refused(['-D', folder + '/no/such/log', '-d', 'int'], '/no/such/log')
        (path / 'patterns').write_text('# timers\n\ntimer_*\n-timer_armd\n')
        refused(['-trace', 'timr_armed'], 'timr_armed', 'timer_armed', '-trace help')
        refused(['-trace', 'timer_*,fil=x'], 'file')
        refused(['-trace', f'events={path}/patterns'], 'patterns', 'line 4', 'timer_armed')
        refused(['-trace', f'events={path}/missing'], 'missing')
        refused(['-trace', f'events={folder}'], folder)
        refused(['-trace', f'mret,file={path}/a', '-trace', f'file={path}/b'], 'one file')
        refused(['-trace', f'file={path}/a'], 'no event is on')
        refused(['-trace', 'mret,ring=5'], 'ring=', 'file=')
        refused(['-trace', f'mret,ring=0,file={path}/a'], 'ring=0')
        refused(['-d', 'trace:timr_armed,int'], 'timer_armed')
        refused(['-d', 'trace:mret,inn'], 'int')
        refused(bare + ['-kernel', hello, '-trace', f'mret,file={path}/no/dir/t'], '/no/dir/t')
        refused(bare + ['-kernel', hello, '-trace', f'mret,file={folder}'], 'directory')
        refused(bare + ['-kernel', hello, '-trace', f'mret,file={path}/locked'], 'locked', 'Permission denied', launcher=NO_PRIVILEGES)
        refused(bare + ['-kernel', hello, '-trace', 'mret,file=/dev/full'], '/dev/full', 'No space left')
        refused(['-icount', 'shift=11'], 'shift', '11')
        refused(['-icount', 'shift=auto,sleep=off'], 'auto', 'sleep')
        refused(['-icount', 'shift=0,align=on,sleep=off'], 'align', 'sleep')
        refused(['-icount', 'sleep=off'], 'shift')
        refused(['-icount', 'shift=0,rr=play,rrfile=x'], 'rr=play', 'replay')
        refused(['-icount', 'shift=0,rr=record'], 'rrfile')
        refused(['-icount', 'rr=record,rrfile=x'], 'shift')
        refused(['-seed', 'x'], '-seed')
        refused(['-icount', 'shift=auto', '-record', f'{path}/r'], 'auto')
        refused(['-record', f'{path}/r', '-replay', f'{path}/r'], 'one of them')
        refused(['-record', f'{path}/r', '-rtc', 'clock=host'], 'clock=vm')
        refused(['-record', f'{path}/r', '-s'], '-gdb')
        refused(bare + ['-kernel', hello, '-record', f'{path}/no/dir/r'], '/no/dir/r')
        refused(bare + ['-kernel', hello, '-record', '/dev/full'], '/dev/full', 'No space left')
        refused(bare + ['-kernel', hello, '-replay', f'{path}/missing'], 'missing')
        refused(bare + ['-kernel', hello, '-replay', f'{path}/disk'], 'no recording')
        refused(['-check-determinism', '3'], '-icount')
        refused(['-icount', 'shift=0', '-check-determinism', '1'], '2 to 1000')
        refused(['-interrupt-at', '5'], '-icount')
        refused(['-icount', 'shift=0', '-interrupt-at', 'five'], 'five')
        refused(['-icount', 'shift=0', '-interrupt-at', '5 visit=2'], 'pc=')
        refused(['-icount', 'shift=0', '-interrupt-at', f'file={path}/missing'], 'missing')
        (path / 'places').write_text('# here\n100 pc=0x80000000\n200:x\n')
        refused(['-icount', 'shift=0', '-interrupt-at', f'file={path}/places'], 'places:3', '200:x')
        refused(['-icount', 'shift=0', '-hold-interrupt', '9..5'], '9..5')
        refused(bare + ['-kernel', hello, '-icount', 'shift=0', '-interrupt-at', '1'], 'no timer is armed')
        refused(bare + ['-kernel', hello, '-icount', 'shift=0', '-interrupt-at', '1:96'], '96')
        refused(bare + ['-kernel', hello, '-icount', 'shift=0', '-interrupt-at', '100000:10'], 'never reached')
        refused(bare + ['-kernel', hello, '-icount', 'shift=0', '-interrupt-at', '2:10 pc=0x90000000'], '0x90000000')
        refused(['-drive', f'file={path}/locked,format=raw,if=none,id=d0'], 'locked', 'Permission denied', launcher=NO_PRIVILEGES)
        refused(['-drive', f'file={path}/gone,format=raw,if=none,id=d0'], 'gone')
        refused(['-drive', f'file={path}/disk,format=qcow2'], 'raw')
        refused(bare + ['-kernel', hello, '-device', 'virtio-blk-device,drive=nope'], 'nope')
        refused(bare + ['-kernel', hello, '-device', 'virtio-blk-devise'], 'virtio-blk-device')
        refused(bare + ['-kernel', hello, '-device', 'virtio-blk-device,nope=1,drive=d0', '-drive', f'file={path}/disk,if=none,id=d0'], 'nope')
        refused(bare + ['-kernel', hello, '-gdb', 'tcp::99999'], 'port')
        refused(['-serial', 'tty'], '-serial')
        refused(['-serial', f'file:{folder}/no/such/dir'], '-serial')
        refused(['-rtc', 'base=yesterday'], '-rtc')
        refused(['-pidfile', f'{folder}/no/dir/pid'] + bare + ['-kernel', hello], '-pidfile')
        refused(['-append', 'x'], '-append')
        refused(['disk.img'], 'disk.img')
        passed('wrong options, files and images: one line, status 1')

        # A disk that somebody else writes.
        holder = busy(*bare, '-drive', f'file={path}/disk,format=raw,if=virtio')
        refused(bare + ['-kernel', hello, '-drive', f'file={path}/disk,format=raw,if=virtio'], 'disk')
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            holder = holder or busy(*bare)
            holder.send_signal(number)
            lines = holder.communicate(timeout=20)[1].decode().strip().splitlines()
            check(holder.returncode == 0, f'{number!r} ended it with {holder.returncode}')
            check(len(lines) == 1 and str(int(number)) in lines[0], f'{number!r}: not one line that names it: {lines}')
            holder = None
        passed('SIGTERM, SIGINT and SIGHUP end it')

    # A closed and a full stdout: the guest runs to its end.
    for target in ('closed', '/dev/full'):
        stdout = None if target == 'closed' else open(target, 'wb')
        result = subprocess.run([PROGRAM, '-bios', 'none', '-kernel', hello, '-display', 'none', '-serial', 'stdio'], stdin=subprocess.DEVNULL, stdout=stdout,
                                stderr=subprocess.PIPE, timeout=20, preexec_fn=(lambda: os.close(1)) if target == 'closed' else None)
        check(result.returncode == 7, f'stdout {target}: exit status {result.returncode}: {result.stderr}')
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run([PROGRAM, '-bios', 'none', '-kernel', hello, '-display', 'none', '-serial', 'stdio'], stdin=subprocess.DEVNULL, stdout=write_end,
                            stderr=subprocess.PIPE, timeout=20)
    check(result.returncode == 7, f'a broken pipe as stdout: exit status {result.returncode}')
    passed('a closed, a full and a broken stdout do not stop the guest')
    result = run(['--help'])
    check(result.returncode == 0 and b'-kernel' in result.stdout, '--help')
    result = subprocess.run([PROGRAM, '--help'], stdout=open('/dev/full', 'wb'), stderr=subprocess.PIPE)
    check(result.returncode == 1 and b'stdout' in result.stderr, f'--help on a full disk: {result.returncode} {result.stderr}')
    result = run(['-bios', 'none', '-kernel', hello, '-display', 'none', '-serial', 'stdio'])
    check((result.returncode, result.stdout) == (7, b'hello from the guest\n'), f'hello: {result}')
    passed('the exit status is the test finisher\'s code')


if __name__ == '__main__':
    main()
