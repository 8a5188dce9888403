#!/usr/bin/env python3
"""build/monochord-static as /init, the only program under Debian's amd64 kernel: PID 1 without /proc and with no libc but its own runs a guest.

usage: pid1_in_qemu.py [--debian]

Without options a bare-metal guest that prints and powers off with status 7. --debian: Debian's riscv64 kernel to a command and power-off
(four minutes: the emulator itself is emulated).
"""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import GUESTS, OWN_GUESTS, ROOT, STATIC, Machine, check, need, need_programs, passed


def initramfs(out, files):
    adds = [word for name, path in files.items() for word in ('--add', f'{path}:{name}')]
    subprocess.run([ROOT / 'tools/guests/mkinitramfs', '--out', out, '--bare', *adds], check=True)
    return str(out)


def start(folder, files, arguments, memory, timeout):
    """Words behind `--` on the kernel's command line are the arguments of init; one that has a space can't be given."""
    kernel = GUESTS / 'amd64/vmlinuz'
    need(kernel, *files.values())
    need_programs('qemu-system-x86_64')
    initrd = initramfs(Path(folder) / 'initrd.gz', {'init': STATIC, **files})
    words = 'console=ttyS0 panic=-1 quiet -- ' + arguments
    # Without KVM: a virtual machine on a virtual machine does not always run.
    return Machine(['-accel', 'tcg', '-cpu', 'max', '-m', memory, '-nographic', '-no-reboot', '-kernel', str(kernel), '-initrd', initrd,
                    '-append', words], binary='/usr/bin/qemu-system-x86_64', timeout=timeout)


def bare_metal(folder):
    hello = OWN_GUESTS / 'hello.elf'
    machine = start(folder, {'hello.elf': hello}, '-bios none -kernel /hello.elf -nographic', '512M', 120)
    machine.expect_exact('hello from the guest')
    # The kernel has nobody left to run: it says with which status PID 1 ended.
    machine.expect_exact('Attempted to kill init! exitcode=0x00000700')
    machine.exit_status()
    passed(f'/init printed "hello from the guest" and ended with its status 7 after {time.monotonic() - machine.started:.1f} s')


def debian(folder):
    # The kernel's command line can't carry -append's spaces: the guest's words come through its device tree.
    files = {name: GUESTS / path for name, path in (('fw.bin', 'fw_dynamic.bin'), ('linux', 'debian/linux'), ('initrd.gz', 'debian/initrd-small.gz'))}
    tree = Path(folder) / 'machine.dtb'
    need(STATIC, *files.values())
    words = 'console=ttyS0 rdinit=/monochord/init monochord.cmd="uname -a"'
    subprocess.run([STATIC, '-M', f'virt,dumpdtb={tree}', '-m', '256M', '-bios', str(files['fw.bin']), '-kernel', str(files['linux']),
                    '-initrd', str(files['initrd.gz']), '-append', words], check=True, stdin=subprocess.DEVNULL)
    machine = start(folder, {**files, 'machine.dtb': tree},
                    '-m 256M -bios /fw.bin -kernel /linux -initrd /initrd.gz -dtb /machine.dtb -nographic', '1G', 3600)
    machine.expect_exact('OpenSBI')
    machine.expect_exact('monochord: running: uname -a')
    machine.expect(r'Linux .* 6\.12\..* riscv64')
    machine.expect_exact('Attempted to kill init! exitcode=0x00000000')
    machine.exit_status()
    passed(f'/init booted Debian and powered off with status 0 after {time.monotonic() - machine.started:.1f} s')


def main():
    check(sys.argv[1:] in ([], ['--debian']), __doc__.split('\n\n')[1])
    need(STATIC)
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ['--debian']:
            debian(folder)
        else:
            bare_metal(folder)


if __name__ == '__main__':
    main()
