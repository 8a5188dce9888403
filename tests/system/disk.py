#!/usr/bin/env python3
"""A raw ext4 image in Debian's kernel, with the virtio_blk and ext4 modules of its own package: read, written, unmounted, and e2fsck finds nothing.

usage: disk.py legacy|modern|root|errors

  legacy, modern   the transport (-global virtio-mmio.force-legacy=)
  root             the image is the guest's root file system, with an init of its own
  errors           a read-only image, a full host disk and an image that was cut off while it was used: I/O errors for the guest, a line for the user
"""
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import BINARY, GUESTS, Machine, check, debian_arguments, make_initrd, need, need_programs, passed

WRITES = '''
set -e
mount -t ext4 /dev/vda /mnt
cat /mnt/greeting
sha256sum /mnt/folder/random
dd if=/dev/urandom of=/mnt/new bs=64k count=64 2>/dev/null
echo "new: $(sha256sum /mnt/new)"
mkdir /mnt/made
i=0
while [ $i -lt 200 ]; do echo "file $i" >/mnt/made/$i; i=$((i+1)); done
rm /mnt/made/1*
mv /mnt/made/7 /mnt/seven
ln -s seven /mnt/link
dd if=/dev/zero of=/mnt/folder/random bs=1000 seek=100 count=1 conv=notrunc 2>/dev/null
umount /mnt
mount -t ext4 -o ro /dev/vda /mnt
cat /mnt/link
sha256sum /mnt/new
umount /mnt
echo "features: $(cat /sys/bus/virtio/devices/virtio*/features)"
'''

ERRORS = '''
disk() { grep -l "^$1" /sys/block/vd*/serial | cut -d/ -f4; }
ro=/dev/$(disk readonly) full=/dev/$(disk full) cut=/dev/$(disk cut)
echo "disks: $ro $full $cut"
mount -t ext4 -o ro $ro /mnt && cat /mnt/greeting
mount -o remount,rw /mnt; echo "remount: $?"
touch /mnt/x; echo "touch: $?"
umount /mnt
dd if=/dev/zero of=$ro bs=4096 count=1 conv=fsync; echo "write to the read-only disk: $?"
dd if=/dev/zero of=$full bs=1M count=16 conv=fsync; echo "write to the full disk: $?"
dd if=$full of=/dev/null bs=4096 count=1; echo "read of the full disk: $?"
echo "cut it off"
read line
dd if=$cut of=/dev/null bs=4096 count=1 skip=1000; echo "read of what was cut off: $?"
echo "the guest goes on"
'''


ROOT_INIT = '''#!/bin/sh
PATH=/bin
echo "init is PID $$"
df /
echo written by the guest >/note
sync
mount -o remount,ro /
poweroff -f
'''


def make_image(path, folder):
    """An ext4 image with a text and a megabyte of random bytes, which are returned."""
    content = random.Random(1).randbytes(1 << 20)
    (folder / 'folder').mkdir(parents=True)
    (folder / 'greeting').write_text('hello from the host\n')
    (folder / 'folder/random').write_bytes(content)
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-d', folder, path, '48M'], check=True, stdout=subprocess.DEVNULL)
    return content


def start(folder, script, drives, *options):
    """`drives`: serial -> text for -drive."""
    test = Path(folder) / 'test.sh'
    test.write_text(script)
    initrd = make_initrd(Path(folder) / 'initrd.gz', 'small', {'monochord/test.sh': test})
    arguments = debian_arguments('monochord.modules=virtio_mmio,virtio_blk,ext4 monochord.cmd="sh /monochord/test.sh"', initrd=initrd)
    for serial, drive in drives.items():
        arguments += ['-drive', f'if=none,format=raw,id={serial},{drive}', '-device', f'virtio-blk-device,drive={serial},serial={serial}']
    return Machine(arguments + list(options))


def ends_well(machine):
    machine.expect_exact('monochord: running', timeout=120)
    machine.expect(r'monochord: status (\d+)', timeout=120)
    output, status = machine.child.before.replace('\r', ''), machine.match.group(1)
    check(status == '0', f'the guest\'s script ended with {status}:\n{output}')
    check(machine.exit_status() == 0, 'the emulator did not end with status 0')
    return output


def writes_and_checks(transport, folder):
    image = folder / 'disk.img'
    content = make_image(image, folder / 'content')
    machine = start(folder, WRITES, {'disk': f'file={image}'}, '-global', f'virtio-mmio.force-legacy={"on" if transport == "legacy" else "off"}')
    output = ends_well(machine)
    check('hello from the host' in output, f'the guest did not read the file:\n{output}')
    check(hashlib.sha256(content).hexdigest() in output, 'what the guest read differs from what the host wrote')
    features = re.search(r'^features: ([01]{64})', output, re.M)
    check(features, f'no feature bits:\n{output}')
    check((features.group(1)[32] == '1') == (transport == 'modern'), f'the guest drove the other transport: VERSION_1 is {features.group(1)[32]}')
    new = re.search(r'^new: ([0-9a-f]{64})', output, re.M).group(1)
    check(output.count(new) == 2, 'what the guest wrote differs after it mounted the disk again')

    fsck = subprocess.run(['e2fsck', '-fn', image], capture_output=True, text=True)
    check(fsck.returncode == 0, f'e2fsck -fn: status {fsck.returncode}:\n{fsck.stdout}{fsck.stderr}')
    subprocess.run(['debugfs', '-R', f'dump /new {folder}/new', image], check=True, capture_output=True)
    check(hashlib.sha256((folder / 'new').read_bytes()).hexdigest() == new, 'what the guest wrote differs from what the host finds')
    subprocess.run(['debugfs', '-R', f'dump /folder/random {folder}/random', image], check=True, capture_output=True)
    check((folder / 'random').read_bytes() == content[:100000] + bytes(1000) + content[101000:], 'the overwritten file is not what it should be')
    passed(f'{transport}: ext4 mounted, read, written, unmounted; e2fsck -fn finds nothing, the host reads what the guest wrote')


def is_the_root(folder):
    """A root file system of busybox alone, with links for the words that its init uses."""
    image, root = folder / 'root.img', folder / 'root'
    (root / 'bin').mkdir(parents=True)
    shutil.copy(GUESTS / 'debian/busybox', root / 'bin/busybox')
    (root / 'bin/busybox').chmod(0o755)
    for name in ('sh', 'cat', 'mount', 'poweroff', 'sync', 'df'):
        (root / 'bin' / name).symlink_to('busybox')
    (root / 'bin/init').write_text(ROOT_INIT)
    (root / 'bin/init').chmod(0o755)
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-d', root, image, '32M'], check=True, stdout=subprocess.DEVNULL)
    words = 'monochord.modules=virtio_mmio,virtio_blk,ext4 monochord.root=/dev/vda monochord.init=/bin/init'
    machine = Machine(debian_arguments(words) + ['-drive', f'file={image},format=raw,if=virtio'])
    machine.expect_exact('init is PID 1', timeout=120)
    machine.expect_exact('/dev/vda')
    check(machine.exit_status() == 0, 'the emulator did not end with status 0')
    fsck = subprocess.run(['e2fsck', '-fn', image], capture_output=True, text=True)
    check(fsck.returncode == 0, f'e2fsck -fn: status {fsck.returncode}:\n{fsck.stdout}{fsck.stderr}')
    note = subprocess.run(['debugfs', '-R', 'cat /note', image], check=True, capture_output=True, text=True).stdout
    check(note == 'written by the guest\n', f'the guest\'s file holds {note!r}')
    passed('a root disk: its init ran as PID 1 and wrote; e2fsck -fn finds nothing')


def line_of(output, text):
    found = re.search(rf'^{re.escape(text)}: (\d+)$', output, re.M)
    check(found, f'the guest did not print {text!r}:\n{output}')
    return int(found.group(1))


def errors(folder):
    tmpfs = folder / 'small'
    tmpfs.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4M', 'monochord-test', tmpfs], check=True)
    readonly, full, cut = folder / 'readonly.img', tmpfs / 'full.img', folder / 'cut.img'
    make_image(readonly, folder / 'content')
    before = hashlib.sha256(readonly.read_bytes()).digest()
    for image in (full, cut):
        with open(image, 'wb') as file:
            file.truncate(32 << 20)
    machine = start(folder, ERRORS, {'readonly': f'file={readonly},readonly=on', 'full': f'file={full}', 'cut': f'file={cut}'})
    machine.expect_exact('cut it off', timeout=120)
    output = machine.child.before.replace('\r', '')
    os.truncate(cut, 4096)
    machine.send('\r')
    output += ends_of(machine)

    check('hello from the host' in output, f'the read-only image was not read:\n{output}')
    for what in ('remount', 'touch', 'write to the read-only disk', 'write to the full disk', 'read of what was cut off'):
        check(line_of(output, what) != 0, f'{what}: no error:\n{output}')
    check(line_of(output, 'read of the full disk') == 0, 'the full disk can\'t be read any more')
    check(hashlib.sha256(readonly.read_bytes()).digest() == before, 'the read-only image has changed')
    for path, word in ((full, 'write error: No space left'), (cut, 'read error')):
        lines = [line for line in output.splitlines() if line.startswith('monochord: ') and str(path) in line]
        check(len(lines) == 1 and word in lines[0], f'not one line with {word!r} for the user: {lines}\n{output}')
        passed(f'  {lines[0]}')
    passed('read-only image, full host disk, image cut off: errors for the guest, a line for the user, and the guest goes on')

    subprocess.run(['mount', '-o', 'remount,ro', tmpfs], check=True)
    run = subprocess.run([BINARY, '-display', 'none', '-serial', 'null', '-drive', f'file={full},format=raw,if=virtio'], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=20)
    lines = run.stderr.strip().splitlines()
    check(run.returncode == 1 and len(lines) == 1 and str(full) in lines[0], f'an image that can\'t be written: status {run.returncode}, {lines}')
    passed(f'  {lines[0]}')


def ends_of(machine):
    machine.expect_exact('the guest goes on', timeout=60)
    output = machine.child.before.replace('\r', '')
    check(machine.exit_status() == 0, 'the emulator did not end with status 0')
    return output + machine.output


def main():
    what = sys.argv[1] if len(sys.argv) == 2 else ''
    check(what in ('legacy', 'modern', 'root', 'errors'), __doc__.split('\n\n')[1])
    need(GUESTS / 'debian/modules/ext4.ko.xz', GUESTS / 'debian/modules/virtio_blk.ko.xz')
    need_programs('mke2fs', 'e2fsck', 'debugfs', 'unshare')
    if what == 'errors' and 'MONOCHORD_OWN_MOUNTS' not in os.environ:
        # The small file system of this test is nobody else's business.
        user = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
        os.execvpe('unshare', ['unshare', *user, '--mount', sys.executable, *sys.argv], dict(os.environ, MONOCHORD_OWN_MOUNTS='1'))
    with tempfile.TemporaryDirectory() as folder:
        if what == 'root':
            return is_the_root(Path(folder))
        if what != 'errors':
            return writes_and_checks(what, Path(folder))
        try:
            errors(Path(folder))
        finally:
            subprocess.run(['umount', '--lazy', Path(folder) / 'small'], stderr=subprocess.DEVNULL)


if __name__ == '__main__':
    main()
