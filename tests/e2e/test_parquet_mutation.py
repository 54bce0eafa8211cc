"""Files with some bytes changed: an error, or the same answer, or a file that could not know (footer and headers have no
checksum, pages may have one); never a crash, a hang or more memory than allowed.

Changed are single bytes, runs of bytes, lengths (cut, doubled, with a hole), and numbers of the Thrift structs in footer
and page headers. DAYFLY_MUTATIONS and DAYFLY_MUTATED_FILES say how many (2,000 in all of 20 files; in `make soak` 2,000
of each of 50). One parquet_dump reads all of a file's mutations: memory and time are measured of each. That of
DAYFLY_TEST_TOOLS is taken, else that of build/asan where it is built, else of build/debug. Helpers: parquet_matrix.py."""
import collections
import os
import random

import pytest

from conftest import ROOT, SEED
from parquet_matrix import CODECS, NULLS, TYPES, Dump, table
from test_parquet import DUMP, pq

ASAN = ROOT / "build/asan/tests/parquet_dump"
PROGRAM = ASAN if ASAN.exists() and "DAYFLY_TEST_TOOLS" not in os.environ else DUMP

FILES = int(os.environ.get("DAYFLY_MUTATED_FILES", 20))
MUTATIONS = int(os.environ.get("DAYFLY_MUTATIONS", 2000 // FILES))
MEMORY = 64 << 20  # what parquet_dump is allowed
SANITIZED = PROGRAM.exists() and b"__asan_init" in PROGRAM.read_bytes()
RSS_MAX_KIB = (400 if SANITIZED else 100) << 10  # with the program itself; sanitizers keep what was freed for a while
CPU_MAX_MS = 5000
ENDS = {0, 1, 2, 3}  # fine, exhausted, invalid, corrupt or unsupported


def varint(data, at):
    """(value, behind it) of an unsigned number."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def as_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def numbers(data, at, kind=12, found=None):
    """(begin, end) of all numbers, sizes and counts in a value of Thrift's compact protocol, and where it ends."""
    found = [] if found is None else found
    if kind in (1, 2):
        return found, at
    if kind == 3:
        return found, at + 1
    if kind in (4, 5, 6):
        end = varint(data, at)[1]
        found.append((at, end))
        return found, end
    if kind == 7:
        return found, at + 8
    if kind == 8:
        size, end = varint(data, at)
        found.append((at, end))
        return found, end + size
    if kind in (9, 10):
        head, count, end = data[at], data[at] >> 4, at + 1
        if count == 15:
            count, end = varint(data, at + 1)
            found.append((at + 1, end))
        for _ in range(count):
            end = end + 1 if head & 15 in (1, 2) else numbers(data, end, head & 15, found)[1]
        return found, end
    assert kind == 12, kind
    while data[at]:
        field = data[at]
        at = at + 1 if field >> 4 else varint(data, at + 1)[1]
        at = numbers(data, at, field & 15, found)[1]
    return found, at + 1


NUMBERS = [0, 1, 2, 3, 4, 63, 64, 127, 128, 255, 2**31 - 1, 2**31, 2**32, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]


def with_number(rng, data, begin, end):
    """The number there is another one; the footer's length is put right, or sometimes not."""
    old = varint(data, begin)[0]
    new = rng.choice([*NUMBERS, old + 1, max(old - 1, 0), old + 2, max(old - 2, 0), old * 2, rng.getrandbits(rng.randint(1, 64))])
    changed = data[:begin] + as_varint(new % 2**64) + data[end:]
    footer = int.from_bytes(data[-8:-4], "little")
    if begin >= len(data) - 8 - footer and rng.random() < 0.9:
        changed = changed[:-8] + (footer + len(changed) - len(data)).to_bytes(4, "little") + changed[-4:]
    return changed


def header_numbers(path, data):
    metadata = pq.ParquetFile(path).metadata
    found = numbers(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))[0]
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            for offset in {chunk.dictionary_page_offset, chunk.data_page_offset} - {None, 0}:
                numbers(data, offset, 12, found)
    return found


def mutated(rng, data, places):
    kind = rng.randrange(8)
    if kind < 3:
        return with_number(rng, data, *rng.choice(places))
    if kind == 3:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    if kind == 4:
        at = rng.randrange(len(data))
        del changed[at : at + rng.choice([1, 2, 4, 100])]
    elif kind == 5:
        at = rng.randrange(len(data))
        changed[at:at] = rng.randbytes(rng.choice([1, 2, 4, 100]))
    elif kind == 6:
        at, size = rng.randrange(len(data)), rng.choice([2, 8, 64])
        changed[at : at + size] = rng.choice([bytes, lambda n: b"\xff" * n, rng.randbytes])(len(changed[at : at + size]))
    else:
        for _ in range(rng.choice([1, 1, 1, 3])):
            changed[rng.randrange(len(data))] = rng.choice([0, 1, 255, 128, rng.randrange(256)])
    return bytes(changed)


def sanitized_dump(*flags):
    """Little of what was freed is kept, so that the memory of one file does not count for the next."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=16:allocator_may_return_null=1"]))
    return Dump("--memory", MEMORY, *flags, program=PROGRAM, environment={**os.environ, "ASAN_OPTIONS": options})


def write(rng, number, path):
    names = rng.sample(list(TYPES), 6)
    nulls, as_list = rng.choice(list(NULLS)), number % 4 == 3
    given = table(rng, nulls, as_list, names, count=120)
    checked = number % 2 == 0
    pq.write_table(given, path, compression=CODECS[number % len(CODECS)], data_page_version=["1.0", "2.0"][number // 2 % 2], use_dictionary=number % 3 > 0,
                   row_group_size=[120, 50][number % 5 == 1], data_page_size=[200, 10_000][number % 7 == 2], write_batch_size=30,
                   write_page_checksum=checked, write_page_index=number % 3 == 1)
    return checked


class Judge:
    """Reads files, and says what happened that must not happen."""

    def __init__(self, *flags):
        self.dump, self.ends, self.most_kib, self.most_ms = sanitized_dump(*flags), collections.Counter(), 0, 0

    def read(self, path):
        """(output, end); fails when it is not whole"""
        lines, end, died = self.dump.read(path)
        assert not died and end["status"] == 0, died or end
        return lines

    def problem(self, path, right=None):
        """A sentence or None. `right`: the only answer that there may be."""
        lines, end, died = self.dump.read(path)
        if died:
            return f"{path}: {died}"
        self.most_kib, self.most_ms = max(self.most_kib, end["residentKib"]), max(self.most_ms, end["cpuMs"])
        if end["residentKib"] > RSS_MAX_KIB or end["peakBytes"] > MEMORY or end["cpuMs"] > CPU_MAX_MS:
            return f"{path}: it took too much: {end}"
        if end["accountBytes"] != 0 or end["status"] not in ENDS or (end["status"] != 0 and not end["error"]):
            return f"{path}: {end}"
        same = "the same answer" if lines == right else "rows"
        self.ends[end["kind"] or same] += 1
        if right is not None and end["status"] == 0 and lines != right:
            return f"{path}: another answer, though the checksums fit"
        return None

    def close(self):
        ended = self.dump.close()
        assert not ended, ended
        print(f"{dict(self.ends)}, at most {self.most_kib} KiB and {self.most_ms} ms")


@pytest.mark.parametrize("number", range(2))
def test_mutated_indexes_end_in_an_error_or_in_rows(tmp_path, number):
    """Rows that are wanted, by offset indexes that lie: those have no checksum, so rows may be wrong, but nothing else."""
    rng = random.Random(SEED + number)
    source, path = tmp_path / "source.parquet", tmp_path / "mutated.parquet"
    given = table(rng, "some", False, rng.sample(list(TYPES), 4), count=300)
    pq.write_table(given, source, data_page_size=200, write_batch_size=20, write_page_index=True, use_dictionary=number == 0)
    data = source.read_bytes()
    chunks = [pq.ParquetFile(source).metadata.row_group(0).column(i) for i in range(4)]
    end = max(max(c.data_page_offset, c.dictionary_page_offset or 0) for c in chunks)
    begin = next(at for at in range(end, len(data)) if at >= sum(c.total_compressed_size for c in chunks) + 4)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    wanted = "0:5-9,0:100-101,0:250-290"
    judge = Judge("--wanted", wanted)
    judge.read(source)
    for _ in range(MUTATIONS):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            changed[rng.randrange(begin, footer)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        path.write_bytes(changed)
        problem = judge.problem(path)
        assert not problem, f"DAYFLY_TEST_SEED={SEED}: {problem}"
    judge.close()


def pages_only(original, footer_begin):
    """Whether only bytes of pages were changed, which checksums would notice; headers and footer are without."""
    def kept(data):
        return len(data) == len(original) and data[footer_begin:] == original[footer_begin:] and not any(
            data[begin:end] != original[begin:end] for begin, end in kept.headers)
    return kept


def headers(path, data):
    """(begin, end) of all page headers."""
    metadata, found = pq.ParquetFile(path).metadata, []
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            offset = min({chunk.dictionary_page_offset, chunk.data_page_offset} - {None, 0})
            end = offset + chunk.total_compressed_size
            while offset < end:
                behind = numbers(data, offset)[1]
                found.append((offset, behind))
                offset = behind + compressed_size(data, offset)
    return found


def compressed_size(data, offset):
    """Field 3 of a page header, the third number: each of the first three is a small signed one."""
    (_, _), (_, _), (begin, _) = numbers(data, offset)[0][:3]
    return varint(data, begin)[0] >> 1


@pytest.mark.parametrize("number", range(FILES))
def test_mutated_files_end_in_an_error_or_the_same_answer(tmp_path, number):
    rng = random.Random(SEED * 1000 + number)
    source = tmp_path / "source.parquet"
    checked = write(rng, number, source)
    data = source.read_bytes()
    places = header_numbers(source, data)
    judge = Judge()
    original = judge.read(source)
    kept = pages_only(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    kept.headers = headers(source, data)
    for at in range(MUTATIONS):
        changed = mutated(random.Random(SEED * 1_000_000 + number * 10_000 + at), data, places)
        path = tmp_path / "mutated.parquet"
        path.write_bytes(changed)
        problem = judge.problem(path, original if checked and kept(changed) else None)
        assert not problem, f"DAYFLY_TEST_SEED={SEED}, file {number}, mutation {at}: {problem}"
    judge.close()
