"""What our writer can write, read equal by pyarrow, DuckDB, Polars and fastparquet, value by value.

What is in the matrix: parquet_write_matrix.py. Its table is printed at the end and stays in
build/parquet-write-matrix.txt. Here are also what the footer says, what other readers skip by our indexes and filters,
and scans of wanted rows. Helpers and tools: test_parquet.py."""
import itertools
import json
import random
import subprocess

import duckdb
import polars
import pytest

import parquet_write_matrix
from parquet_matrix import ROWS, lists, table
from parquet_write_matrix import COPY, FAMILIES
from test_parquet import ROOT, assert_same, dump, exact, pa, plain, pq, rows

CODECS, PAGES, ENCODINGS = ["none", "snappy", "zstd"], [1, 2], ["dictionary", "plain", "delta"]
SIZES = [[], ["--row-group-rows", 100, "--page-bytes", 300]]
EXTRAS = [[], ["--bloom"], ["--no-indexes"], ["--bloom", "--sorted-by", "int64", "--set", "dayfly.groups=whole"]]
WRITTEN = [
    [*flags, *EXTRAS[number % 4]]
    for number, flags in enumerate(
        ["--codec", codec, "--pages", pages, "--encoding", encoding, *size]
        for codec, pages, encoding, size in itertools.product(CODECS, PAGES, ENCODINGS, SIZES)
    )
]


def copy(source, path, *flags):
    done = subprocess.run([COPY, source, path, *map(str, flags)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_thousands_of_times_what_we_write_is_read_equal_by_four_readers(tmp_path, request):
    """Each test session that has it ends with the table, with and without -s."""
    chosen = parquet_write_matrix.cases()
    assert len(chosen) * 4 >= 5000 and {case.family for case in chosen} == set(FAMILIES)
    shown = parquet_write_matrix.read_equal(chosen, tmp_path, all_exemptions=True)
    (ROOT / "build/parquet-write-matrix.txt").write_text(shown)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + shown)


@pytest.mark.parametrize("as_list", [False, True])
def test_our_reader_sees_what_pyarrow_sees(tmp_path, as_list):
    given = table(random.Random(7), "some", as_list)
    pq.write_table(given, tmp_path / "source.parquet", store_schema=False)
    for flags in WRITTEN[::5]:
        flags = [flag for flag in flags if flag not in ("--sorted-by", "int64")] if as_list else flags
        copy(tmp_path / "source.parquet", tmp_path / "ours.parquet", *flags)
        assert_same(tmp_path / "ours.parquet", pq.ParquetFile(tmp_path / "source.parquet").read())


@pytest.mark.parametrize("as_list", [False, True])
def test_bytes_are_reproducible(tmp_path, as_list):
    """However the rows are cut: by the pages and row groups of the source, or into calls of one row."""
    given = table(random.Random(5), "some", as_list, count=150)
    pq.write_table(given, tmp_path / "source.parquet")
    pq.write_table(given, tmp_path / "pages.parquet", row_group_size=17, data_page_size=100)
    for flags in WRITTEN:
        flags = [flag for flag in flags if flag not in ("--sorted-by", "int64")] if as_list else flags
        copy(tmp_path / "source.parquet", tmp_path / "a.parquet", *flags)
        copy(tmp_path / "pages.parquet", tmp_path / "b.parquet", *flags, "--call-rows", 1)
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes(), flags


def test_a_dictionary_that_is_full_is_followed_by_plain_values_or_deltas(tmp_path):
    given = table(random.Random(5), "some", False, ["int64", "string", "uuid", "double"], count=2000)
    given = given.append_column("list", lists(pa.int64(), lambda rng: rng.randint(0, 10**6), random.Random(6), "some", 2000))
    pq.write_table(given, tmp_path / "source.parquet")
    for pages in PAGES:
        copy(tmp_path / "source.parquet", tmp_path / "ours.parquet", "--pages", pages, "--dictionary-bytes", 2000, "--page-bytes", 500)
        group = pq.ParquetFile(tmp_path / "ours.parquet").metadata.row_group(0)
        for at in range(group.num_columns):
            assert {"PLAIN", "RLE_DICTIONARY"} <= set(group.column(at).encodings)
            assert group.column(at).has_dictionary_page
        assert_same(tmp_path / "ours.parquet", given)


@pytest.mark.parametrize("pages", PAGES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_footer_says_what_was_asked_for(tmp_path, encoding, pages):
    pq.write_table(table(random.Random(5), "some", False), tmp_path / "source.parquet")
    path = tmp_path / "ours.parquet"
    copy(tmp_path / "source.parquet", path, "--codec", "zstd", "--pages", pages, "--encoding", encoding, "--bloom", "--sorted-by", "int64", "--set", "dayfly.groups=whole")
    metadata = pq.ParquetFile(path).metadata
    assert metadata.metadata[b"dayfly.groups"] == b"whole"
    assert [(one.column_index, one.descending) for one in metadata.row_group(0).sorting_columns] == [(4, False)]
    for at in range(metadata.num_columns):
        column = metadata.row_group(0).column(at)
        name = column.path_in_schema
        assert column.compression == "ZSTD" and column.has_offset_index
        assert column.has_column_index == (column.statistics.has_min_max or column.statistics.null_count == ROWS), name
        assert (column.bloom_filter_offset is None) == (name == "bool")
        if name != "bool":
            assert ("RLE_DICTIONARY" in column.encodings) == (encoding == "dictionary"), name
            integer = name.startswith(("int", "uint", "date", "time", "ms", "us", "ns")) or name in ("decimal5", "decimal9", "decimal18")
            assert ("DELTA_BINARY_PACKED" in column.encodings) == (encoding == "delta" and integer), name


def test_pyarrow_and_duckdb_and_polars_skip_by_our_indexes_and_filters(tmp_path):
    path = tmp_path / "ours.parquet"
    count = 20_000
    given = pa.table({"id": range(count), "word": [f"word {i // 3}" for i in range(count)], "long": ["x" * 70 + str(i) for i in range(count)]})
    pq.write_table(given, tmp_path / "source.parquet")
    for encoding in ENCODINGS:
        copy(tmp_path / "source.parquet", path, "--encoding", encoding, "--page-bytes", 1000, "--row-group-rows", 5000, "--bloom")
        for name, value in [("id", 12345), ("id", -1), ("word", "word 4711"), ("word", "word x"), ("long", "x" * 70 + "777"), ("long", "x" * 71)]:
            wanted = given[name].to_pylist().count(value)
            text = value if name == "id" else f"'{value}'"
            assert duckdb.connect().sql(f"select count(*) from '{path}' where {name} = {text}").fetchall() == [(wanted,)]
            assert polars.scan_parquet(path).filter(polars.col(name) == value).collect().height == wanted
            assert pq.read_table(path, filters=[(name, "==", value)]).num_rows == wanted


def test_duckdb_excludes_row_groups_by_our_bloom_filters(tmp_path):
    path = tmp_path / "ours.parquet"
    given = pa.table({"id": [i * 2 for i in range(4000)] * 3})
    pq.write_table(given, tmp_path / "source.parquet")
    copy(tmp_path / "source.parquet", path, "--bloom", "--row-group-rows", 4000)
    probe = lambda value: [row[-1] for row in duckdb.connect().sql(f"from parquet_bloom_probe('{path}', 'id', {value})").fetchall()]
    assert probe(4002) == [False] * 3
    assert sum(all(probe(value)) for value in range(1, 401, 10)) > 35


# ---- rows that are wanted ----


def ranges(rng, counts):
    """Some rows of some row groups, in order."""
    found = []
    for group, count in enumerate(counts):
        at = rng.randrange(count)
        while at < count and len(found) < 200:
            end = min(count, at + rng.choice([1, 2, 30, 200]))
            found.append((group, at, end))
            at = end + rng.choice([0, 1, 50, 300])
        if rng.random() < 0.2:
            found = [one for one in found if one[0] != group]
    return found or [(0, 0, 1)]


@pytest.mark.parametrize("writer", ["pyarrow", "ourselves"])
def test_wanted_rows_of_all_types_and_lists_come_and_less_is_read(tmp_path, writer):
    rng = random.Random(11)
    flat = table(rng, "some", False, count=3000)
    nested = table(rng, "some", True, ["int64", "string"], count=3000)
    given = flat.append_column("list_a", nested["int64"]).append_column("list_b", nested["string"])
    path = tmp_path / "wanted.parquet"
    for number in range(12):
        version, dictionary = ["1.0", "2.0"][number % 2], number % 3 > 0
        pq.write_table(given, path if writer == "pyarrow" else tmp_path / "source.parquet", row_group_size=1000, data_page_size=500, write_batch_size=20,
                       data_page_version=version, use_dictionary=dictionary, write_page_index=number % 4 != 3, write_page_checksum=True)
        if writer == "ourselves":
            copy(tmp_path / "source.parquet", path, "--row-group-rows", 1000, "--page-bytes", 400, "--pages", 1 + number % 2, "--encoding", ENCODINGS[number % 3])
        wanted = ranges(rng, [1000, 1000, 1000])
        done = dump(path, "--wanted", ",".join(f"{group}:{begin}-{end}" for group, begin, end in wanted))
        found = [json.loads(line) for line in done.stdout.splitlines()]
        indexes = [group * 1000 + row for group, begin, end in wanted for row in range(begin, end)]
        expected = given.take(indexes)
        assert len(found) == len(indexes)
        for name in given.column_names:
            assert exact([row[name] for row in found]) == exact(plain(expected[name].combine_chunks())), (number, name)
    one = dump(path, "--wanted", "1:500-501", "--columns", "int64,string").stderr
    everything = dump(path, "--wanted", "0:0-1000,1:0-1000,2:0-1000", "--columns", "int64,string").stderr
    if writer == "ourselves":
        assert int(one.split()[-1]) * 10 < int(everything.split()[-1])
    assert rows(path)[1] == 3000
