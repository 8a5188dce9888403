"""The symbols of an RV64 ELF file."""
import struct

SYMTAB = 2


class ElfError(Exception):
    pass


def _unpack(form, data, at):
    try:
        return struct.unpack_from(form, data, at)
    except (struct.error, OverflowError):
        raise ElfError('it is cut off') from None


def _name(data, at):
    end = data.find(b'\0', at) if at < len(data) else -1
    return data[at:end].decode('ascii', 'replace') if at <= end else ''


class Symbols:
    """Names with a place in memory: name -> (address, size)."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            data = file.read()
        if data[:6] != b'\x7fELF\x02\x01':
            raise ElfError('it is no 64-bit little-endian ELF file')
        (sections_at,) = _unpack('<Q', data, 40)
        entry_size, count = _unpack('<HH', data, 58)
        self.by_name = {}
        headers = [_unpack('<IIQQQQIIQQ', data, sections_at + i * entry_size) for i in range(count if sections_at else 0)]
        for _, kind, _, _, offset, size, link, _, _, each in headers:
            if kind != SYMTAB or each < 24 or link >= len(headers):
                continue
            names = headers[link][4]
            for at in range(offset, min(offset + size, len(data)) - 23, each):
                name, _, _, section, value, symbol_size = _unpack('<IBBHQQ', data, at)
                text = _name(data, names + name) if name else ''
                if text and 0 < section < 0xff00 and not text.startswith('$'):
                    self.by_name.setdefault(text, (value, symbol_size))
        self.sorted = sorted((value, text) for text, (value, _) in self.by_name.items())

    def range_of(self, text):
        """NAME: from it to its end, or to the next symbol where it has no size; NAME..NAME2: up to the second, without it."""
        first, dots, second = text.partition('..')
        begin, size = self._find(first)
        if dots:
            end = self._find(second)[0]
        elif size:
            end = begin + size
        else:
            end = next((value for value, _ in self.sorted if value > begin), begin + 4)
        if end <= begin:
            raise ElfError(f'{second} does not lie behind {first}')
        return begin, end

    def _find(self, name):
        if name not in self.by_name:
            near = ', '.join(sorted(self.by_name)[:12])
            raise ElfError(f'it has no symbol {name or "without a name"}; there are {near or "none at all"}')
        return self.by_name[name]

    def describe(self, address):
        """"loop_begin+0x4"."""
        best = ''
        for value, text in self.sorted:
            if value > address:
                break
            best = text if value == address else f'{text}+{address - value:#x}'
        return best
