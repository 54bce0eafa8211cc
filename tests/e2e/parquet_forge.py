"""Parquet files that lie, made of whole ones: a file as a tree of Thrift structs and pages, changed, and written again.

A struct is {field id: (type, value)}, a list (type of its elements, [values]). What follows from the pages (sizes and
offsets of chunks) is reckoned anew, so that a file lies in the one place that was changed."""
import os
import subprocess
import sys
import tempfile

BOOLS, LONGS, BYTES, LIST, STRUCT = (1, 2), (4, 5, 6), 8, (9, 10), 12
I32, I64 = 5, 6


def get_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def zigzag(value):
    return varint((value << 1 ^ value >> 63) % 2**64)


def parse(data, at, kind=STRUCT):
    """(value, where it ends)"""
    if kind in BOOLS:
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in LONGS:
        value, at = get_varint(data, at)
        return value >> 1 ^ -(value & 1), at
    if kind == 7:
        return data[at : at + 8], at + 8
    if kind == BYTES:
        size, at = get_varint(data, at)
        return data[at : at + size], at + size
    if kind in LIST:
        head, count, at = data[at], data[at] >> 4, at + 1
        if count == 15:
            count, at = get_varint(data, at)
        values = []
        for _ in range(count):
            value, at = (data[at], at + 1) if head & 15 in BOOLS else parse(data, at, head & 15)
            values.append(value)
        return (head & 15, values), at
    assert kind == STRUCT, kind
    fields, number = {}, 0
    while data[at]:
        head = data[at]
        if head >> 4:
            number, at = number + (head >> 4), at + 1
        else:
            number, at = parse(data, at + 1, I32)
        value, at = parse(data, at, head & 15)
        fields[number] = (head & 15, value)
    return fields, at + 1


def build(value, kind=STRUCT):
    if kind == 3:
        return bytes([value])
    if kind in LONGS:
        return zigzag(value)
    if kind == 7:
        return value
    if kind == BYTES:
        return varint(len(value)) + value
    if kind in LIST:
        inner, values = value
        head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([0xF0 | inner]) + varint(len(values))
        return head + b"".join(bytes([one]) if inner in BOOLS else build(one, inner) for one in values)
    out, last = bytearray(), 0
    for number, (inner, one) in sorted(value.items()):
        if inner in BOOLS:
            inner = 1 if one else 2
        out += bytes([number - last << 4 | inner]) if 0 < number - last < 16 else bytes([inner]) + zigzag(number)
        out += b"" if inner in BOOLS else build(one, inner)
        last = number
    return bytes(out + b"\0")


def put(struct, number, value, kind=None):
    """Sets a field; a new one is an I64 or what `kind` says."""
    struct[number] = (kind or struct.get(number, (I64, 0))[0], value)


class Forgery:
    """pages[group][column] = [[header, body], …]; meta: FileMetaData."""

    def __init__(self, whole):
        footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
        self.meta, self.pages = parse(whole, footer)[0], []
        for group in self.groups():
            self.pages.append([self.pages_of(whole, column[3][1]) for column in group[1][1][1]])

    @staticmethod
    def pages_of(whole, chunk):
        at, pages = min(chunk[number][1] for number in (9, 11) if number in chunk), []
        end = at + chunk[7][1]
        while at < end:
            header, at = parse(whole, at)
            pages.append([header, whole[at : at + header[3][1]]])
            at += header[3][1]
        return pages

    def groups(self):
        return self.meta[4][1][1]

    def chunk(self, group, column):
        """Its ColumnMetaData."""
        return self.groups()[group][1][1][1][column][3][1]

    def body(self, group, column, page, body, uncompressed=None):
        """Another body, with its two sizes put right."""
        header = self.pages[group][column][page][0]
        put(header, 3, len(body))
        put(header, 2, len(body) if uncompressed is None else uncompressed)
        header.pop(4, None)
        self.pages[group][column][page][1] = body

    def bytes(self, lie=None, header_bytes=build):
        """The file. `lie` changes the footer after all is right; header_bytes writes page headers."""
        out = bytearray(b"PAR1")
        for group, columns in zip(self.groups(), self.pages):
            for column, pages in zip(group[1][1][1], columns):
                chunk, begin = column[3][1], len(out)
                for number in (4, 5, 6, 7):
                    column.pop(number, None)  # indexes are left out
                for at, (header, body) in enumerate(pages):
                    if at == 0 and 11 in chunk:
                        put(chunk, 11, len(out))
                    if at == (1 if 11 in chunk else 0):
                        put(chunk, 9, len(out))
                    out += header_bytes(header) + body
                put(chunk, 7, len(out) - begin)
        if lie:
            lie(self.meta)
        footer = build(self.meta)
        return bytes(out) + footer + len(footer).to_bytes(4, "little") + b"PAR1"


# A process inherits the peak of what it was forked from, so that a small one stands between.
MEASURE = """
import os, sys, time
began, child = time.monotonic(), os.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as out:
    out.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss} {time.monotonic() - began} {usage.ru_utime + usage.ru_stime}")
"""


class Run:
    """A finished process: status, out, err, the most memory it had, how long it took, and how long it computed."""

    def __init__(self, words, timeout_s=60, **options):
        with tempfile.TemporaryDirectory() as folder:
            told = os.path.join(folder, "told")
            os.chmod(folder, 0o777)
            done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, told, *map(str, words)], capture_output=True, timeout=timeout_s, check=False, **options)
            with open(told, encoding="ascii") as file:
                status, kib, seconds, cpu = file.read().split()
        self.words, self.status, self.resident_kib, self.seconds, self.cpu_seconds = words, int(status), int(kib), float(seconds), float(cpu)
        self.out, self.err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def __repr__(self):
        return f"{' '.join(map(str, self.words))}\nended with {self.status} after {self.seconds:.2f} s ({self.cpu_seconds:.2f} s of CPU) and {self.resident_kib} KiB\n{self.out[-1500:]}\n{self.err[-3000:]}"
