#!/usr/bin/env python3
"""The layers of the project and a few rules of its style, checked on the sources.

    check_layers.py [ROOT]       checks the tree; prints a line a finding; exit status 1 where there are any
    check_layers.py --self-test  plants one breach of every rule in a tree of its own and looks whether each is found

          tests, tools
               |
        port/posix  port/virtual
               |
          devices      tcg
               \\        /
                 core
                  |
                timer

An include goes down or stays; never up, never sideways. Includes are seen through: a relative path, a path from the root and the
public headers of timer (<qemu/...>, <hw/...>, <timer/...>) all lead to a room.
"""
import os
import re
import sys
import tempfile

# Room -> rooms that it may include beside itself. The first entry that a path begins with is its room.
MAY_INCLUDE = {
    "timer": [],
    "core": ["timer"],
    "tcg": ["core", "timer"],
    "devices": ["core", "timer"],
    "port/posix": ["port", "core", "timer"],
    "port/virtual": ["port", "core", "timer"],
    "port": ["core", "timer"],
    "tools": ["port/posix", "port/virtual", "port", "devices", "tcg", "core", "timer"],
    "tests": ["tools", "port/posix", "port/virtual", "port", "devices", "tcg", "core", "timer"],
}
PUBLIC_TIMER = ("qemu/", "hw/", "timer/", "monochord/")  # what <...> may name of ours
SOURCES = (".h", ".hpp", ".c", ".cpp", ".inc")

# Code that runs on one thread without exceptions, RTTI and iostreams, also in the static build.
PLAIN_ROOMS = ("timer/", "core/", "tcg/", "devices/", "port/", "tools/monochord/")
BANNED_HEADERS = set(
    "any atomic cassert assert.h condition_variable exception filesystem format fstream future iomanip ios iostream istream "
    "locale memory_resource mutex ostream pthread.h random regex semaphore shared_mutex sstream stdexcept stop_token streambuf "
    "syncstream system_error thread threads.h typeindex typeinfo".split())
BANNED_WORDS = [
    (r"\b(throw|catch)\b", "exceptions"),
    (r"\btry\s*\{", "exceptions"),
    (r"\b(dynamic_cast|typeid)\b", "RTTI"),
    (r"\bstd::(thread|jthread|mutex|atomic|shared_ptr|async|promise|future|condition_variable)\b", "threads"),
    (r"\bpthread_\w+", "threads"),
    (r"\bthread_local\b", "threads"),
    (r"\bstd::(cout|cerr|cin|clog|endl|[io]?stringstream|[io]?fstream)\b", "iostreams"),
    (r"\bstd::(function|regex|filesystem|random_device|mt19937\w*)\b", "a part of the library that stays out"),
    (r"\bassert\s*\(", "assert (CHECK is on in every build)"),
    (r"\b(longjmp|siglongjmp|setjmp|sigsetjmp)\b", "non-local jumps"),
]

LINES_MAX = 600
# Tables and emitters are read by row. A new name here needs a reason.
LONG_FILES = {
    "tcg/riscv/insn32.inc",  # the instruction table
    "tcg/riscv/csr.inc",     # the CSR table
    "tcg/emit/emit.h",       # the list of all that a body may ask, for the JIT
}


def room_of(path):
    for room in sorted(MAY_INCLUDE, key=len, reverse=True):
        if path == room or path.startswith(room + "/"):
            return room
    return None


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|' + r"(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)


def without_comments(text):
    """Comments become blanks; string literals stay (an include's path is one)."""
    return TOKENS.sub(lambda m: blank(m) if m.group(0).startswith("/") else m.group(0), text)


def without_literals(text):
    return TOKENS.sub(blank, text)


def target_of(root, path, opening, name):
    """The path from the root that an include leads to, or None where it leaves the project."""
    if opening == "<":
        return "timer/include/" + name if name.startswith(PUBLIC_TIMER) else None
    near = os.path.normpath(os.path.join(os.path.dirname(path), name))
    if os.path.exists(os.path.join(root, near)):
        return near
    return os.path.normpath(name)


def check_includes(root, path, code):
    own = room_of(path)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', code, re.M):
        target = target_of(root, path, match.group(1), match.group(2))
        room = room_of(target) if target else None
        if room is None or room == own or room in MAY_INCLUDE[own]:
            continue
        way = "up" if own in MAY_INCLUDE[room] else "sideways"
        yield code.count("\n", 0, match.start()) + 1, f"{own} may not include {match.group(2)}: {room} lies {way}"


def check_words(path, code):
    for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", code, re.M):
        if match.group(1) in BANNED_HEADERS:
            yield code.count("\n", 0, match.start()) + 1, f"<{match.group(1)}> stays out of the emulation libraries"
    bare = without_literals(code)
    for pattern, what in BANNED_WORDS:
        for match in re.finditer(pattern, bare):
            yield bare.count("\n", 0, match.start()) + 1, f"'{match.group(0)}': no {what} in the emulation libraries"


def check_file(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        text = file.read()
    code = without_comments(text)
    yield from check_includes(root, path, code)
    if path.startswith(PLAIN_ROOMS):
        yield from check_words(path, code)
        if path.endswith(".h") and not text.startswith("//"):
            yield 1, "a header opens with a comment: what it is for and its rules"
    lines = text.count("\n")
    if lines > LINES_MAX and path not in LONG_FILES:
        yield lines, f"{lines} lines; more than {LINES_MAX} are for tables and emitters (LONG_FILES in check_layers.py)"


def check_tree(root):
    found, files = [], 0
    for top in sorted({room.split("/")[0] for room in MAY_INCLUDE}):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(f for f in folders if not f.startswith((".", "build")))
            for name in sorted(names):
                if name.endswith(SOURCES):
                    path = os.path.relpath(os.path.join(folder, name), root)
                    files += 1
                    found += [f"{path}:{line}: {what}" for line, what in check_file(root, path)]
    return found, files


# --- self test ---------------------------------------------------------------------------------------------------------

GOOD = {
    "timer/include/qemu/timer.h": "// timers\n#include <stdint.h>\n",
    "timer/clock.cpp": '#include <qemu/timer.h>\n#include "timer/internal.h"\n',
    "timer/internal.h": "// inside\n",
    "core/memory.h": '// memory\n#include <vector>\n#include "timer/internal.h"\n',
    "core/words.cpp": '// throw, catch and assert( in a comment\nconst char* s = "throw std::thread"; /* typeid */ int x = 1\'000\'000;\n'
                      'const char* r = R"(dynamic_cast)"; char c = \'"\'; static_assert(true);\n',
    "tcg/cpu.cpp": '#include "core/memory.h"\n#include <qemu/timer.h>\n#include "helper.h"\n// #include "devices/uart.h"\n',
    "tcg/helper.h": "// beside it\n",
    "devices/uart.h": '// uart\n#include "core/memory.h"\n',
    "port/wire.h": "// shared by the ports\n",
    "port/posix/host.cpp": '#include "core/memory.h"\n#include "port/wire.h"\n',
    "tools/monochord/main.cpp": '#include "devices/uart.h"\n#include "tcg/helper.h"\n#include "port/wire.h"\n',
    "tools/trace/main.cpp": "#include <iostream>\n",
    "tests/core/memory_test.cpp": '#include <thread>\n#include "tools/monochord/options.h"\n#include "devices/uart.h"\n',
    "tcg/riscv/insn32.inc": "row\n" * 5000,
}
# path: (text, part of the one line that must be printed)
BAD = {
    "timer/up.cpp": ('#include "core/memory.h"\n', "timer may not include core/memory.h: core lies up"),
    "core/up.cpp": ('#include "devices/uart.h"\n', "core may not include devices/uart.h: devices lies up"),
    "core/relative.cpp": ('\n#  include "../tcg/helper.h"\n', "core/relative.cpp:2: core may not include ../tcg/helper.h: tcg lies up"),
    "devices/side.cpp": ('#include "tcg/helper.h"\n', "devices may not include tcg/helper.h: tcg lies sideways"),
    "tcg/side.cpp": ('#include "devices/uart.h"\n', "tcg may not include devices/uart.h: devices lies sideways"),
    "tcg/port.cpp": ('#include "port/posix/x.h"\n', "tcg may not include port/posix/x.h"),
    "port/posix/devices.cpp": ('#include "devices/uart.h"\n', "port/posix may not include devices/uart.h"),
    "port/virtual/side.cpp": ('#include "port/posix/x.h"\n', "port/virtual may not include port/posix/x.h: port/posix lies sideways"),
    "tools/monochord/tests.cpp": ('#include "tests/core/x.h"\n', "tools may not include tests/core/x.h: tests lies up"),
    "core/stream.cpp": ("#include <iostream>\n", "<iostream> stays out"),
    "tools/monochord/mutex.cpp": ("#include <mutex>\n", "<mutex> stays out"),
    "core/throw.cpp": ("void f() {\n  throw 1;\n}\n", "core/throw.cpp:2: 'throw': no exceptions"),
    "core/try.cpp": ("void f() { try { g(); }\n", "no exceptions"),
    "tcg/cast.cpp": ("auto* p = dynamic_cast<A*>(b);\n", "no RTTI"),
    "devices/thread.cpp": ("int x = pthread_self();\n", "no threads"),
    "devices/function.cpp": ("std::function<void()> f;\n", "stays out in the emulation"),
    "port/posix/assert.cpp": ("void f() { assert (1); }\n", "no assert"),
    "port/posix/jump.cpp": ("void f() { siglongjmp(b, 1); }\n", "no non-local jumps"),
    "devices/bare.h": ("#pragma once\n", "a header opens with a comment"),
    "tests/core/long_test.cpp": ("\n" * 601, "601 lines"),
}


def plant(root, path, text):
    os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as file:
        file.write(text)


def self_test():
    wrong = []
    with tempfile.TemporaryDirectory() as root:
        for path, text in GOOD.items():
            plant(root, path, text)
        found, files = check_tree(root)
        if files != len(GOOD):
            wrong.append(f"looked at {files} of {len(GOOD)} files")
        wrong += [f"a good tree: {line}" for line in found]
        for path, (text, expected) in BAD.items():
            plant(root, path, text)
            found, _ = check_tree(root)
            if len(found) != 1 or expected not in found[0] or not found[0].startswith(path + ":"):
                wrong.append(f"{path}: expected one line with \"{expected}\", got {found}")
            os.remove(os.path.join(root, path))
    for line in wrong:
        print(line)
    print(f"self test: {len(BAD)} planted breaches, {len(wrong)} failures")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(here))
    found, files = check_tree(root)
    for line in found:
        print(line)
    if files == 0:
        print(f"{root}: no sources there")
        return 1
    print(f"{files} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
