"""Hostile Parquet files under the program: inspect, inspect --verify and funnel.

Each ends within 5 seconds (of CPU, as tests may share their machine; it is killed after 60 by the clock), in the memory that --memory allows, with a status of the closed list, and says which file, row
group and column is wrong and what of it. The forgeries are made by parquet_forge.py; the same lies told to the reader
alone, byte by byte: tests/unit/format/test_parquet_lies.c."""
import functools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import struct
import subprocess
import tempfile
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import PROGRAM
from parquet_forge import BYTES, I32, STRUCT, Forgery, Run, build, put, varint

SANITIZED = b"__asan_init" in PROGRAM.read_bytes()
MEMORY = "64M"
RESIDENT_MAX_KIB = (700 if SANITIZED else 110) << 10  # the limit, the program, its threads' stacks and what libraries take
SECONDS_MAX = 5
STEPS = ["--user", "user", "--time", "time", "--step", "event = 'view'", "--step", "event = 'buy'"]
COLUMNS = ["user", "time", "event", "price"]
CODECS = {"none": 0, "snappy": 1, "gzip": 2, "brotli": 4, "zstd": 6, "lz4": 7}


def events(count=600):
    rng = random.Random(5)
    columns = {
        "user": [None if i % 50 == 7 else rng.randrange(90) for i in range(count)],
        "time": range(count),
        "event": [rng.choice(["view", "cart", "buy"]) for _ in range(count)],
        "price": [rng.random() for _ in range(count)],
    }
    return pa.table(columns, pa.schema({"user": pa.int64(), "time": pa.timestamp("ms"), "event": pa.string(), "price": pa.float64()}))


@functools.cache
def whole(dictionary=True, codec="none", version="1.0", groups=3):
    out = pa.BufferOutputStream()
    pq.write_table(events(), out, row_group_size=600 // groups, use_dictionary=dictionary, compression=codec, data_page_version=version, write_page_checksum=True)
    return out.getvalue().to_pybytes()


def forged(*arguments, **options):
    return Forgery(whole(*arguments, **options))


def run(command, path, **options):
    words = {"inspect": ["inspect", path], "pages": ["inspect", "--pages", path], "verify": ["inspect", "--verify", path], "funnel": ["funnel", path, *STEPS, "--threads", "2"]}[command]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DAYFLY", "AWS_"))}
    return Run([PROGRAM, *words, "--memory", MEMORY], env={**environment, "LC_ALL": "C.UTF-8"}, **options)


def bounded(done):
    """What holds of every end."""
    assert done.status in (0, 1, 2, 3, 4, 5, 6), done
    assert done.cpu_seconds < SECONDS_MAX * (4 if SANITIZED else 1), done
    assert done.resident_kib < RESIDENT_MAX_KIB, done
    assert "Sanitizer" not in done.err and "runtime error" not in done.err, done
    return done


def refused(path, commands, *parts, status=3):
    """All of these commands end with the status and say the parts."""
    for command in commands:
        done = bounded(run(command, path))
        said = done.out + done.err
        assert done.status == status, done
        assert str(path) in said, done
        for part in parts:
            assert re.search(part, said), f"'{part}' is not in what it said: {done}"


def written(tmp_path, data):
    path = tmp_path / "hostile.parquet"
    path.write_bytes(data)
    return path


ALL, READING = ["inspect", "pages", "verify", "funnel"], ["verify", "funnel"]


# ---- the frame ----

@functools.cache
def places():
    """{name: offset} where a file can end."""
    data = whole()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    chunk = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(1).column(0)
    return {"nothing": 0, "in the first magic": 2, "behind the first magic": 4, "in a page header": chunk.data_page_offset + 3, "in a page": chunk.data_page_offset + 40,
            "where the footer begins": footer, "in the footer": footer + 50, "before the length": len(data) - 8, "in the length": len(data) - 6, "before the magic": len(data) - 4, "in the magic": len(data) - 1}


@pytest.mark.parametrize("place", ["nothing", "in the first magic", "behind the first magic", "in a page header", "in a page", "where the footer begins", "in the footer", "before the length", "in the length", "before the magic", "in the magic"])
def test_cut_files_are_no_parquet_files(tmp_path, place):
    path = written(tmp_path, whole()[: places()[place]])
    refused(path, ALL[:3], "is not a Parquet file")
    refused(path, ["funnel"], "is not a Parquet file")


@pytest.mark.parametrize("off", ["zero", "one less", "one more", "as the file", "2^31 - 1", "2^32 - 1"])
def test_footers_whose_length_lies(tmp_path, off):
    data = whole()
    right = int.from_bytes(data[-8:-4], "little")
    length = {"zero": 0, "one less": right - 1, "one more": right + 1, "as the file": len(data), "2^31 - 1": 2**31 - 1, "2^32 - 1": 2**32 - 1}[off]
    refused(written(tmp_path, data[:-8] + length.to_bytes(4, "little") + b"PAR1"), ALL, "damaged footer")


def with_footer(footer):
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def nested_schema(depth):
    element = build({3: (I32, 1), 4: (BYTES, b"n"), 5: (I32, 1)})
    leaf = build({1: (I32, 1), 3: (I32, 1), 4: (BYTES, b"leaf")})
    return b"\x15\x02\x19\xfc" + varint(depth + 1) + element * depth + leaf + b"\x16\x00\x19\x0c\x00"


BOMBS = {
    "structs in structs": b"\x1c" * 2_000_000,
    "lists in lists": b"\x19\xf9" + b"\xff\xff\xff\x0f\xf9" * 300_000,
    "a schema 500,000 deep": nested_schema(500_000),
    "2^31 - 1 children": build({1: (I32, 1), 2: (9, (STRUCT, [{4: (BYTES, b"root"), 5: (I32, 2**31 - 1)}])), 3: (6, 0), 4: (9, (STRUCT, []))}),
    "a list of 2^40": b"\x15\x02\x19\xfc" + varint(2**40) + b"\0" * 100,
    "a list of 2^32 - 1": b"\x15\x02\x19\xfc" + varint(2**32 - 1) + b"\0" * 100,
    "a name of 2^40 bytes": b"\x15\x02\x19\x1c\x48" + varint(2**40) + b"name",
    "a million fields": b"\x15\x02" * 1_000_000 + b"\0",
    "random bytes": random.Random(3).randbytes(100_000),
    "nothing but ends": b"\0" * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_footers_that_explode_when_they_are_read(tmp_path, name):
    refused(written(tmp_path, with_footer(BOMBS[name])), ALL, "damaged footer")


def a_million(element):
    """A list that long, of one struct's bytes: the head says how many."""
    return b"\xfc" + varint(1_000_000) + element * 1_000_000


def with_list(old, new):
    """The footer's bytes with another list."""
    data = whole()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert data[footer:].count(old) == 1
    made = data[footer:-8].replace(old, new)
    return data[:footer] + made + len(made).to_bytes(4, "little") + b"PAR1"


def test_a_million_keys_in_the_metadata_are_read_or_refused(tmp_path):
    keys = build(Forgery(whole()).meta[5][1], 9)
    path = written(tmp_path, with_list(keys, a_million(build({1: (BYTES, b"key"), 2: (BYTES, b"value")}))))
    for command in ALL:
        done = bounded(run(command, path))
        assert done.status == 0 or (done.status == 1 and "memory.limit" in done.err), done


def test_a_million_row_groups_without_columns_are_refused(tmp_path):
    groups = build(Forgery(whole()).meta[4][1], 9)
    path = written(tmp_path, with_list(groups, a_million(build({1: (9, (STRUCT, [])), 2: (6, 0), 3: (6, 0)}))))
    for command in ALL:
        done = bounded(run(command, path))
        assert done.status in (1, 3) and str(path) in done.err, done


# ---- what the footer says of chunks and rows ----

def lie_in_chunk(number, value, group=1, column=0):
    return lambda meta: put(meta[4][1][1][group][1][1][1][column][3][1], number, value)


LIES = {
    "a size beyond the file": (lie_in_chunk(7, 2**40), r"column 'user' of row group 1"),
    "a negative size": (lie_in_chunk(7, -1), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
    "an offset beyond the file": (lie_in_chunk(9, 2**40), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
    "a negative offset": (lie_in_chunk(9, -5), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
    "2^40 values": (lie_in_chunk(5, 2**40), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
    "negative values": (lie_in_chunk(5, -1), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
    "2^40 rows in a row group": (lambda meta: put(meta[4][1][1][1], 3, 2**40), r"row group 1|rows"),
    "negative rows in a row group": (lambda meta: put(meta[4][1][1][1], 3, -1), r"row group 1"),
    "2^40 rows in the file": (lambda meta: put(meta, 3, 2**40), r"rows"),
    "negative rows in the file": (lambda meta: put(meta, 3, -600), r"rows"),
    "a row group without its chunks": (lambda meta: meta[4][1][1][1][1][1][1].pop(), r"row group 1"),
    "a row group with a chunk too many": (lambda meta: meta[4][1][1][1][1][1][1].append(meta[4][1][1][1][1][1][1][0]), r"row group 1"),
    "a chunk of another type": (lie_in_chunk(1, 6), r"row group 1, column 'user'|column 'user' of row group 1|column 'user' is.*row group 1"),
}


@pytest.mark.parametrize("name", LIES)
def test_footers_whose_numbers_lie(tmp_path, name):
    lie, sentence = LIES[name]
    refused(written(tmp_path, forged().bytes(lie)), READING, sentence)


def test_an_unknown_codec_is_named(tmp_path):
    for codec in (3, 99, -1):
        refused(written(tmp_path, forged(codec="snappy").bytes(lie_in_chunk(4, codec))), ["funnel"], r"column 'user'.*(LZO|codec)")


def test_overlapping_chunks_are_corrupt(tmp_path):
    """Two columns in the same bytes, or one that begins inside of another."""
    def same_place(meta):
        chunks = [column[3][1] for column in meta[4][1][1][1][1][1][1]]
        for number in (7, 9, 11):
            if number in chunks[0]:
                put(chunks[1], number, chunks[0][number][1])

    def inside(meta):
        chunks = [column[3][1] for column in meta[4][1][1][1][1][1][1]]
        put(chunks[0], 7, chunks[0][7][1] + 30)

    for lie in (same_place, inside):
        refused(written(tmp_path, forged(False).bytes(lie)), ALL, r"column 'time' of row group 1 begins at byte \d+, inside of column 'user' of row group 1")


# ---- what pages say ----

def change_page(number, value, group=1, column=0, page=0, inner=None, kind=None):
    def change(forgery):
        header = forgery.pages[group][column][page][0]
        put(header[inner][1] if inner else header, number, value, kind)

    return change


def with_body(body, group=1, column=0, page=0):
    return lambda forgery: forgery.body(group, column, page, body(forgery.pages[group][column][page][1]))


def flipped(body):
    return body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]


USER = r"row group 1, column 'user'.*page"
PAGE_LIES = {
    # name: (dictionary, change, sentence)
    "a wrong checksum": (False, change_page(4, 12345, kind=I32), USER + ".*checksum"),
    "a flipped bit": (False, lambda forgery: forgery.pages[1][0][0].__setitem__(1, flipped(forgery.pages[1][0][0][1])), USER + ".*checksum"),
    "a negative compressed size": (False, change_page(3, -1), USER),
    "a negative size": (False, change_page(2, -1), USER),
    "a size of 2^31 - 1": (False, change_page(3, 2**31 - 1), USER),
    "an uncompressed size of 2^31 - 1": (False, change_page(2, 2**31 - 1), USER),
    "more values than the chunk": (False, change_page(1, 2**31 - 1, inner=5), USER),
    "negative values": (False, change_page(1, -1, inner=5), USER),
    "no values": (False, change_page(1, 0, inner=5), r"row group 1, column 'user'"),
    "an unknown page type, and nothing else": (False, change_page(1, 9), r"row group 1, column 'user'"),
    "levels longer than the page": (False, with_body(lambda body: struct.pack("<I", 2**31) + body[4:]), USER + ".*level"),
    "levels that end early": (False, with_body(lambda body: struct.pack("<I", 1) + b"\x02" + body[4 + int.from_bytes(body[:4], "little") :]), USER),
    "levels that are all null": (False, with_body(lambda body: struct.pack("<I", 3) + b"\x90\x03\x00" + body[4 + int.from_bytes(body[:4], "little") :]), USER),
    "a page cut short": (False, with_body(lambda body: body[:-8]), USER),
    "a page with bytes too many": (False, with_body(lambda body: body + b"\1" * 64), USER),
    "an empty page": (False, with_body(lambda body: b""), USER),
    "codes beyond the dictionary": (True, with_body(lambda body: struct.pack("<I", 2) + b"\x90\x03"[:2] + b"\x01" + b"\x20" + b"\x90\x03" + struct.pack("<I", 90000), page=1), USER),
    "codes of 77 bits": (True, with_body(lambda body: body[:5] + b"\x01" * 0 + body[5:].replace(body[4 + int.from_bytes(body[:4], "little") :][:1], b"\x4d", 1), page=1), USER),
    "a dictionary of 2^31 - 1 values": (True, change_page(1, 2**31 - 1, inner=7), r"row group 1, column 'user'.*dictionary"),
    "a dictionary of negative values": (True, change_page(1, -1, inner=7), r"row group 1, column 'user'"),
    "a dictionary with fewer bytes": (True, with_body(lambda body: body[:-4]), r"row group 1, column 'user'.*dictionary"),
    "two dictionaries": (True, lambda forgery: forgery.pages[1][0].insert(1, forgery.pages[1][0][0]), r"row group 1, column 'user'"),
    "no dictionary": (True, lambda forgery: (forgery.pages[1][0].pop(0), forgery.chunk(1, 0).pop(11)), r"row group 1, column 'user'.*dictionary"),
}


@pytest.mark.parametrize("name", PAGE_LIES)
def test_pages_that_lie_are_named(tmp_path, name):
    dictionary, change, sentence = PAGE_LIES[name]
    forgery = forged(dictionary)
    change(forgery)
    refused(written(tmp_path, forgery.bytes()), READING, sentence)


def test_an_unknown_encoding_is_unsupported(tmp_path):
    forgery = forged(False)
    change_page(2, 77, inner=5)(forgery)
    refused(written(tmp_path, forgery.bytes()), ["funnel"], USER + ".*encoding")


@pytest.mark.parametrize("count", [1_000_000, 6_000_000])
def test_page_headers_of_millions_of_fields_are_read_or_refused_soon(tmp_path, count):
    forgery = forged(False)
    unknown = b"\x05\xc8\x01\x02"  # field 100, again and again

    def header_bytes(header, marked=forgery.pages[1][0][0][0]):
        made = build(header)
        return made[:-1] + unknown * count + b"\0" if header is marked else made

    path = written(tmp_path, forgery.bytes(header_bytes=header_bytes))
    for command in ["pages", *READING]:
        done = bounded(run(command, path))
        refusal = re.search(r"row group 1, column 'user'.*page 0", done.out + done.err)
        assert done.status == 0 if count == 1_000_000 else (done.status in (1, 3) and refusal), done


# ---- decompression ----

BOMB_BYTES = 256 << 20


@functools.cache
def bomb(codec):
    return bytes(pa.compress(bytes(BOMB_BYTES), codec="lz4_raw" if codec == "lz4" else codec, asbytes=True))


def with_bomb(codec, announced, body):
    """A page of zeros in the place of another: so many values that it fits what it announces."""
    forgery = forged(False, codec)
    forgery.body(1, 0, 0, body, announced)
    count = announced // 8
    put(forgery.pages[1][0][0][0][5][1], 1, count)
    for column in range(4):
        put(forgery.chunk(1, column), 5, count)
    put(forgery.groups()[1], 3, count)
    put(forgery.meta, 3, 400 + count)
    return forgery.bytes()


@pytest.mark.parametrize("codec", ["snappy", "gzip", "brotli", "zstd", "lz4"])
def test_real_bombs_do_not_take_more_memory_than_allowed(tmp_path, codec):
    path = written(tmp_path, with_bomb(codec, BOMB_BYTES, bomb(codec)))
    done = bounded(run("verify", path))
    assert done.status in (1, 3) and "row group 1, column '" in done.out + done.err, done
    done = bounded(run("funnel", path))
    assert done.status in (1, 3) and str(path) in done.err and "column 'user'" in done.err, done


@pytest.mark.parametrize("codec", ["snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("announced", [1 << 30, 2**31 - 1])
def test_claims_of_gigabytes_in_a_kilobyte(tmp_path, codec, announced):
    body = bytes(pa.compress(random.Random(1).randbytes(1024), codec="lz4_raw" if codec == "lz4" else codec, asbytes=True))
    forgery = forged(False, codec)
    forgery.body(1, 0, 0, body, announced)
    put(forgery.chunk(1, 0), 6, 10 << 30)
    path = written(tmp_path, forgery.bytes())
    for command in READING:
        done = bounded(run(command, path))
        assert done.status in (1, 3) and re.search(USER, done.out + done.err), done


@pytest.mark.parametrize("codec", ["snappy", "gzip", "brotli", "zstd", "lz4"])
def test_bombs_that_say_they_are_small_are_corrupt(tmp_path, codec):
    forgery = forged(False, codec)
    forgery.body(1, 0, 0, bomb(codec), 1640)
    refused(written(tmp_path, forgery.bytes()), READING, USER)


@pytest.mark.parametrize("codec", ["snappy", "gzip", "brotli", "zstd", "lz4"])
def test_garbage_for_compressed_data_is_corrupt(tmp_path, codec):
    forgery = forged(False, codec)
    forgery.body(1, 0, 0, random.Random(2).randbytes(700), 1640)
    refused(written(tmp_path, forgery.bytes()), READING, USER)


# ---- nothing in it ----

def answer(path, *flags):
    done = bounded(Run([PROGRAM, "funnel", path, *STEPS, "-o", "json", *flags]))
    assert done.status == 0, done
    return json.loads(done.out)["query"]["matchingGroupRows"]


def test_no_rows_and_no_row_groups_are_valid_and_answer_nothing(tmp_path):
    path = tmp_path / "none.parquet"
    pq.write_table(events(0), path)
    assert pq.ParquetFile(path).metadata.num_row_groups <= 1
    assert answer(path) == 0
    with pq.ParquetWriter(path, events().schema) as writer:
        writer.write_table(events(0))
        writer.write_table(events(0))
    assert answer(path) == 0
    with pq.ParquetWriter(path, events().schema):
        pass
    assert pq.ParquetFile(path).metadata.num_row_groups == 0
    assert answer(path) == 0
    for command in ALL[:3]:
        done = bounded(run(command, path))
        assert done.status == 0 and "0 rows" in done.out, done


def test_no_columns_are_shown_and_a_column_that_is_asked_for_is_missing(tmp_path):
    path = tmp_path / "none.parquet"
    pq.write_table(pa.table({}), path)
    for command in ALL[:3]:
        assert bounded(run(command, path)).status == 0
    done = bounded(run("funnel", path))
    assert done.status in (2, 3) and "user" in done.err and str(path) in done.err, done


# ---- folders and file systems ----

@pytest.fixture
def open_folder():
    """A folder that other users may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory(prefix="dayfly-hostile-") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


def test_a_folder_with_a_mix_is_read_as_far_as_its_pattern_goes(tmp_path):
    folder = tmp_path / "mix"
    (folder / "deeper").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.parquet").write_bytes(whole())
    right = answer(folder)
    (folder / "notes.txt").write_text("no parquet file")
    (folder / "empty.txt").touch()
    (folder / "_SUCCESS").touch()
    (folder / "deeper" / "README").write_text("text")
    (folder / "loop.parquet").symlink_to("loop.parquet")
    (folder / "deeper" / "up").symlink_to(folder)
    done = bounded(run("funnel", folder))
    assert done.status in (2, 4) and "loop.parquet" in done.err, done  # a file that was asked for
    (folder / "loop.parquet").unlink()
    assert answer(folder) == right
    (folder / "a.parquet").mkdir()  # a folder with the name of a file holds nothing
    assert answer(folder) == right
    (folder / "empty.parquet").touch()
    done = bounded(run("funnel", folder))
    assert done.status == 3 and "empty.parquet" in done.err and "is not a Parquet file" in done.err, done


def test_files_that_are_none_are_named(tmp_path):
    for path in [tmp_path / "loop.parquet", tmp_path / "dangling.parquet"]:
        path.symlink_to(path.name if "loop" in path.name else "nowhere")
        for command in ALL:
            done = bounded(run(command, path))
            assert done.status in (1, 2, 4) and path.name in done.err, done
    folder = tmp_path / "folder.parquet"
    folder.mkdir()
    for command in ALL[:3]:
        done = bounded(run(command, folder))
        assert done.status in (1, 2, 3, 4) and folder.name in done.err, done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else, who has no permission")
def test_what_may_not_be_read_is_denied_and_named(open_folder):
    program = open_folder / "dayfly"
    shutil.copy2(PROGRAM, program)
    secret, folder = open_folder / "secret.parquet", open_folder / "locked"
    secret.write_bytes(whole())
    secret.chmod(0o600)
    folder.mkdir(mode=0o700)
    (folder / "a.parquet").write_bytes(whole())
    for words in (["inspect", secret], ["inspect", "--verify", secret], ["funnel", secret, *STEPS], ["funnel", folder, *STEPS], ["funnel", folder / "a.parquet", *STEPS]):
        done = bounded(Run([program, *words], user=65534, group=65534, extra_groups=[], cwd=open_folder, env={"LC_ALL": "C.UTF-8"}))
        assert done.status == 5 and ("secret.parquet" in done.err or "locked" in done.err), done


def test_a_file_that_changes_while_it_is_read_is_an_answer_of_one_version_or_an_error(tmp_path):
    """Replaced, written over in place, cut, made longer, again and again, under funnels and verifications."""
    path, stop = tmp_path / "changing.parquet", threading.Event()
    versions = [whole(), whole(False, "zstd"), whole(groups=1)]
    path.write_bytes(versions[0])
    right = answer(path)

    def change():
        rng = random.Random(8)
        while not stop.is_set():
            data, way = rng.choice(versions), rng.randrange(4)
            if way == 0:
                (tmp_path / "aside").write_bytes(data)
                os.replace(tmp_path / "aside", path)
            elif way == 1:
                path.write_bytes(data)
            elif way == 2:
                os.truncate(path, rng.randrange(len(data)))
            else:
                path.write_bytes(data + data)
            time.sleep(0.002)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        ends = []
        for number in range(40):
            words = ["inspect", "--verify", path] if number % 4 == 3 else ["funnel", path, *STEPS, "-o", "json"]
            done = bounded(Run([PROGRAM, *words]))
            ends.append(done.status)
            assert done.status in (0, 1, 3), done
            assert done.status == 0 or str(path) in done.err, done
            if done.status == 0 and words[0] == "funnel":
                assert json.loads(done.out)["query"]["matchingGroupRows"] == right, done
    finally:
        stop.set()
        thread.join()
    print({status: ends.count(status) for status in sorted(set(ends))})


# ---- a full disk ----

def export_to(target, **options):
    return bounded(Run([PROGRAM, "funnel", target.parent / "events.parquet", *STEPS, "--export", f"reached:1={target}"], **options))


@pytest.mark.parametrize("kind", ["users.parquet", "users.csv", "users.ndjson"])
def test_an_export_onto_a_full_disk_fails_and_leaves_nothing(tmp_path, kind):
    pq.write_table(pa.table({"user": range(50_000), "time": range(50_000), "event": ["view"] * 50_000}), tmp_path / "events.parquet")
    assert export_to(tmp_path / kind).status == 0
    (tmp_path / kind).unlink()
    done = export_to(tmp_path / kind, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.status == 1 and kind in done.err, done
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.parquet"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_an_export_onto_a_small_file_system_says_that_the_disk_is_full(tmp_path):
    pq.write_table(pa.table({"user": range(50_000), "time": range(50_000), "event": ["view"] * 50_000}), tmp_path / "all.parquet")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False).returncode != 0:
        pytest.skip("this container may not mount")
    try:
        done = bounded(Run([PROGRAM, "funnel", tmp_path / "all.parquet", *STEPS, "--export", f"reached:1={small / 'users.csv'}"]))
        assert done.status == 1 and "the disk is full" in done.err and "users.csv" in done.err, done
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_an_answer_onto_a_full_device_fails(tmp_path):
    path = written(tmp_path, whole())
    done = bounded(Run(["/bin/sh", "-c", f"exec {PROGRAM} inspect --pages {path} > /dev/full"]))
    assert done.status == 1 and done.err, done
