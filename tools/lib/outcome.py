"""Runs a machine without a terminal until it ends, and tells how it ended: exit status and the last line on its console."""
import os
import selectors
import signal
import subprocess
import time
from collections import namedtuple

TAIL = 64 << 10  # bytes of each output that are kept

# status: a number, "signal N" or "timeout". line: the console's last that isn't empty.
Outcome = namedtuple('Outcome', 'status line')


def last_line(data):
    lines = [line.strip() for line in data.decode('utf-8', 'replace').replace('\r', '\n').split('\n')]
    return next((line for line in reversed(lines) if line), '')


def run(command, seconds, while_running=lambda: True):
    """Gives (outcome, console, stderr, the seconds it took); of the outputs their last TAIL bytes. `while_running` is asked now and then."""
    begin = time.monotonic()
    # OSError, where the program can't be started, is the caller's.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    outputs = {process.stdout: b'', process.stderr: b''}
    timeout = False
    try:
        with selectors.DefaultSelector() as selector:
            for stream in outputs:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = begin + seconds - time.monotonic()
                if left <= 0 or not while_running():
                    timeout = True
                    break
                for key, _ in selector.select(min(left, 0.5)):
                    data = os.read(key.fileobj.fileno(), TAIL)
                    outputs[key.fileobj] = (outputs[key.fileobj] + data)[-TAIL:]
                    if not data:
                        selector.unregister(key.fileobj)
        if not timeout:
            try:
                process.wait(max(begin + seconds - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                timeout = True
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()
    status = process.returncode
    if timeout:
        status = 'timeout'
    elif status < 0:
        status = f'signal {-status} ({signal.strsignal(-status)})'
    console, errors = outputs[process.stdout], outputs[process.stderr]
    return Outcome(status, last_line(console)), console, errors, time.monotonic() - begin
