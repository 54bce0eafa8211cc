"""`dayfly inspect`: what it says of files is what pyarrow says of them; --verify finds what is damaged; hostile files end
in an error soon."""
import json
import random
import time

import pytest

from test_parquet import pa, pq
from test_parquet_matrix import CODECS, NULLS, table

CODEC_NAMES = {"none": "UNCOMPRESSED", "lz4": "LZ4_RAW"}


def write(path, number, count=300):
    rng = random.Random(number)
    given = table(rng, list(NULLS)[number % 3], number % 4 == 3, rng.sample(["bool", "int8", "uint64", "double", "string", "uuid", "date32", "time_us", "ns", "decimal38"], 5), count)
    pq.write_table(given, path, compression=CODECS[number % 6], data_page_version=["1.0", "2.0"][number % 2], use_dictionary=number % 3 > 0, row_group_size=120,
                   data_page_size=400, write_batch_size=40, write_page_index=number % 2 == 0, write_page_checksum=number % 4 != 1)
    return given


def said(dayfly, path, *flags, status=0):
    return json.loads(dayfly.run("inspect", path, "-o", "json", *flags, status=status).stdout)


@pytest.mark.parametrize("number", range(24))
def test_what_it_says_is_what_pyarrow_says(dayfly, tmp_path, number):
    path = tmp_path / "file.parquet"
    write(path, number)
    metadata, found = pq.ParquetFile(path).metadata, said(dayfly, path)
    assert (found["rows"], found["sizeBytes"]) == (metadata.num_rows, path.stat().st_size)
    assert [column["physical"] for column in found["columns"]] == [metadata.schema.column(i).physical_type for i in range(metadata.num_columns)]
    for group, row_group in enumerate(found["rowGroups"]):
        assert row_group["rows"] == metadata.row_group(group).num_rows
        for at, chunk in enumerate(row_group["chunks"]):
            right = metadata.row_group(group).column(at)
            assert chunk["codec"] == CODEC_NAMES.get(CODECS[number % 6], CODECS[number % 6].upper())
            assert set(chunk["encodings"]) == set(right.encodings)
            assert (chunk["values"], chunk["sizeBytes"], chunk["unpackedBytes"]) == (right.num_values, right.total_compressed_size, right.total_uncompressed_size)
            assert (chunk["dictionary"], chunk["columnIndex"], chunk["offsetIndex"]) == (right.has_dictionary_page, right.has_column_index, right.has_offset_index)
            if "nulls" in chunk:
                assert chunk["nulls"] == right.statistics.null_count
            if "minimum" in chunk and right.physical_type in ("INT32", "INT64") and right.statistics.logical_type.type in ("NONE", "INT"):
                assert (chunk["minimum"], chunk["maximum"]) == (str(right.statistics.min), str(right.statistics.max))


@pytest.mark.parametrize("number", range(8))
def test_pages_add_up(dayfly, tmp_path, number):
    path = tmp_path / "file.parquet"
    write(path, number)
    for row_group in said(dayfly, path, "--pages")["rowGroups"]:
        for chunk in row_group["chunks"]:
            pages = chunk["pages"]
            assert sum(page["headerBytes"] + page["sizeBytes"] for page in pages) == chunk["sizeBytes"]
            assert sum(page["values"] for page in pages if page["type"].startswith("DATA_PAGE")) == chunk["values"]
            assert {page["encoding"] for page in pages} <= {*chunk["encodings"], "PLAIN"}
            assert all(page["crc"] == (number % 4 != 1) for page in pages)
    text = dayfly.run("inspect", path, "--pages").stdout
    assert "page 0 at 4: " in text and ("crc" in text) == (number % 4 != 1)


def test_text_names_columns_types_and_bounds(dayfly, tmp_path):
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"id": pa.array([3, None, 7]), "day": pa.array([0, 1, 20000], pa.date32()), "tags": [["a"], [], None]}), path)
    text = dayfly.run("inspect", path).stdout
    assert "3 rows in 1 row groups" in text
    for part in ["id", "INT64", "an integer, may be null", "a date", "1970-01-01", "2024-10-04", "a list of strings", "RLE_DICTIONARY"]:
        assert part in text, text


@pytest.mark.parametrize("number", range(24))
def test_verify_finds_whole_files_whole(dayfly, tmp_path, number):
    path = tmp_path / "file.parquet"
    given = write(path, number)
    found = said(dayfly, path, "--verify")
    assert (found["findings"], found["damaged"], found["unsupported"]) == ([], 0, 0)
    assert found["rows"] == given.num_rows and found["chunks"] == 3 * given.num_columns
    if number % 4 != 3:  # flat
        assert found["values"] == given.num_rows * given.num_columns
        assert found["nulls"] == sum(column.null_count for column in given.columns)
    assert (found["checksums"] == found["pages"]) == (number % 4 != 1)
    assert "all is well" in dayfly.run("inspect", "--verify", path).stdout


def test_verify_names_row_group_column_and_page_of_damage(dayfly, tmp_path):
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"a": range(1000), "b": range(1000)}), path, row_group_size=500, use_dictionary=False, write_page_checksum=True, compression="none")
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
    path.write_bytes(data)
    found = said(dayfly, path, "--verify", status=3)
    assert [(one["rowGroup"], one["column"], one["kind"]) for one in found["findings"]] == [(1, "b", "corrupt")] and found["damaged"] == 1
    assert "page 0: its checksum is" in found["findings"][0]["message"]
    done = dayfly.run("inspect", "--verify", path, status=3)
    assert "row group 1, column 'b', page 0" in done.stdout and "damaged in 1 place" in done.stderr


def replaced(path, old, new, count=1):
    data = path.read_bytes()
    assert data.count(old) >= count
    at = -1
    for _ in range(count):
        at = data.rindex(old, 0, at if at >= 0 else len(data))
    path.write_bytes(data[:at] + new + data[at + len(old) :])


@pytest.mark.parametrize("lie,sentence", [("statistics", "outside of the bounds of its row group"), ("nulls", "nulls, its statistics say"),
                                          ("column index", "outside of the bounds of its page"), ("rows", "it says that there are")])
def test_verify_finds_metadata_that_lies(dayfly, tmp_path, lie, sentence):
    path = tmp_path / "file.parquet"
    given = pa.table({"x": pa.array(["kkkk", "zzzz", None, None, None, "mmmm"])})
    pq.write_table(given, path, write_page_index=lie == "column index", use_dictionary=False, compression="none", write_statistics=True)
    if lie == "statistics":  # the greatest value is said to be less; the last places are the deprecated and the new statistics
        data = path.read_bytes()
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        path.write_bytes(data[:footer] + data[footer:].replace(b"zzzz", b"nnnn"))
    elif lie == "column index":
        data = path.read_bytes()
        chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
        begin, footer = chunk.data_page_offset + chunk.total_compressed_size, len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        path.write_bytes(data[:begin] + data[begin:footer].replace(b"zzzz", b"nnnn") + data[footer:])
    elif lie == "nulls":  # field 3 of Statistics: 3 nulls become 1
        data = path.read_bytes()
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        path.write_bytes(data[:footer] + data[footer:].replace(b"\x36\x06", b"\x36\x02"))
    else:
        replaced(path, b"\x16\x0c", b"\x16\x0a")
    found = said(dayfly, path, "--verify", status=3)
    assert any(sentence in one["message"] for one in found["findings"]), found


def test_columns_that_are_not_read_are_no_damage(dayfly, tmp_path):
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"a": [1], "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}), path)
    found = said(dayfly, path, "--verify")
    assert found["damaged"] == 0 and found["unsupported"] == 2
    assert "a map is not read" in found["findings"][0]["message"]


def hostile(whole):
    """{name: bytes} of files that are none, or lie."""
    footer = int.from_bytes(whole[-8:-4], "little")
    rng = random.Random(1)
    return {
        "empty": b"", "short": b"PAR1", "text": b"no parquet at all, but long enough to be one", "magic": whole[:-1] + b"2", "encrypted": whole[:-4] + b"PARE",
        "cut": whole[: len(whole) // 2], "no head": whole[8:], "long footer": whole[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1",
        "long footer 2": whole[:-8] + (2**32 - 1).to_bytes(4, "little") + b"PAR1", "no footer": whole[:-8] + bytes(4) + b"PAR1",
        "zeros": whole[: -8 - footer] + bytes(footer) + whole[-8:], "noise": whole[: -8 - footer] + rng.randbytes(footer) + whole[-8:],
        "nested": whole[: -8 - footer] + b"\x1c" * footer + whole[-8:], "lists": whole[: -8 - footer] + b"\x19\xfc\xff\xff\xff\xff\x0f" * 100 + (700).to_bytes(4, "little") + b"PAR1",
        "fields": b"PAR1" + b"\x15\x00" * 1_000_000 + (2_000_000).to_bytes(4, "little") + b"PAR1",
    }


@pytest.mark.parametrize("flags", [[], ["-o", "json"], ["--pages"], ["--verify"], ["--verify", "-o", "json"]])
def test_hostile_files_end_in_an_error_that_names_them_within_5_seconds(dayfly, tmp_path, flags):
    source = tmp_path / "whole.parquet"
    write(source, 1)
    for name, data in hostile(source.read_bytes()).items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(data)
        began = time.monotonic()
        done = dayfly.run("inspect", path, *flags, status=None, timeout_s=20)
        assert done.returncode == 3 and str(path) in done.stderr, (name, done)
        assert time.monotonic() - began < 5, name
        if "json" in flags:
            assert "corrupt" in done.stdout or "unsupported" in done.stdout
            json.loads(done.stdout)


def test_missing_files_and_folders_are_named(dayfly, tmp_path):
    assert "nothing.parquet" in dayfly.run("inspect", tmp_path / "nothing.parquet", status=4).stderr
    assert dayfly.run("inspect", tmp_path, status=None).returncode not in (0, -6, -11)
