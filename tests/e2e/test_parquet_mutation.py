"""Files with some bytes changed: an error, or the same answer, or a file that could not know; never a crash, a hang or
more memory than allowed.

Changed are single bytes, runs of bytes, lengths (cut, doubled, with a hole), and numbers of the Thrift structs in footer
and page headers. DAYFLY_MUTATIONS and DAYFLY_MUTATED_FILES say how many (2,000 in all of 20 files; in `make soak` 2,000
of each of 50). parquet_dump of build/asan is taken where it is built; helpers: test_parquet.py."""
import concurrent.futures
import os
import random
import resource
import subprocess
import tempfile
import threading

import pytest

from conftest import ROOT, SEED
from test_parquet import DUMP, pa, pq
from test_parquet_matrix import CODECS, NULLS, TYPES, table

ASAN = ROOT / "build/asan/tests/parquet_dump"
PROGRAM = ASAN if ASAN.exists() and "DAYFLY_TEST_TOOLS" not in os.environ else DUMP
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")

FILES = int(os.environ.get("DAYFLY_MUTATED_FILES", 20))
MUTATIONS = int(os.environ.get("DAYFLY_MUTATIONS", 2000 // FILES))
MEMORY = 64 << 20  # what parquet_dump is allowed
SANITIZED = PROGRAM.exists() and b"__asan_init" in PROGRAM.read_bytes()
RSS_MAX_KIB = (600 if SANITIZED else 160) << 10  # with the program itself; sanitizers keep what was freed for a while
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


def run(path, *flags):
    """(exit code, what it printed, what it said, the most memory it had in KiB)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([PROGRAM, "--memory", str(MEMORY), *flags, path], stdout=out, stderr=err)
        timer = threading.Timer(20, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this one alone
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        return process.returncode, out.read(), err.read(), usage.ru_maxrss


def write(rng, number, path):
    names = rng.sample(list(TYPES), 6)
    nulls, as_list = rng.choice(list(NULLS)), number % 4 == 3
    given = table(rng, nulls, as_list, names, count=120)
    checked = number % 2 == 0
    pq.write_table(given, path, compression=CODECS[number % len(CODECS)], data_page_version=["1.0", "2.0"][number // 2 % 2], use_dictionary=number % 3 > 0,
                   row_group_size=[120, 50][number % 5 == 1], data_page_size=[200, 10_000][number % 7 == 2], write_batch_size=30,
                   write_page_checksum=checked, write_page_index=number % 3 == 1)
    return checked


def judge(path, kept, checked, original, data, *flags):
    """A sentence when what happened must not happen."""
    code, out, err, memory_kib = run(path, *flags)
    ours_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # what a process had before it became another counts, too
    if memory_kib > max(RSS_MAX_KIB, ours_kib + 1024):
        return f"it took {memory_kib} KiB"
    if code not in ENDS or b"Sanitizer" in err or b"runtime error" in err:
        return f"ended with {code}: {err.decode(errors='replace')[-2000:]}"
    if code != 0 and not err:
        return f"ended with {code} and said nothing"
    if code == 0 and out != original and checked and kept(data):
        return "another answer, though the checksums fit"
    return None


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
    assert run(source, "--wanted", wanted)[0] == 0
    for _ in range(MUTATIONS):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            changed[rng.randrange(begin, footer)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        path.write_bytes(changed)
        problem = judge(path, None, False, b"", changed, "--wanted", wanted)
        assert not problem, f"DAYFLY_TEST_SEED={SEED}: {problem}"


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
    code, original, err, _ = run(source)
    assert code == 0, err
    kept = pages_only(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    kept.headers = headers(source, data)
    ends = {}

    def one(at):
        changed = mutated(random.Random(SEED * 1_000_000 + number * 10_000 + at), data, places)
        path = tmp_path / f"mutated-{at}.parquet"
        path.write_bytes(changed)
        problem = judge(path, kept, checked, original, changed)
        if not problem:
            path.unlink()
        return at, problem

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for at, problem in pool.map(one, range(MUTATIONS)):
            if problem:
                ends[at] = problem
    assert not ends, f"DAYFLY_TEST_SEED={SEED}, file {number}: {len(ends)} mutations, the first: {next(iter(ends.items()))}"
