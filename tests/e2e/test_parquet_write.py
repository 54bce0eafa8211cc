"""What our writer can write, read equal by pyarrow, DuckDB, Polars and fastparquet, value by value.

types x encodings x codecs x page versions x nulls x row groups x indexes: files of pyarrow go through parquet_copy
(tests/tools), which reads them with our reader and writes them with our writer. Helpers: test_parquet.py."""
import itertools
import json
import random
import subprocess

import pytest

from test_parquet import DUMP, TOOLS, assert_same, dump, exact, pa, plain, pq, rows
from test_parquet_matrix import ROWS, table

duckdb = pytest.importorskip("duckdb")
COPY = TOOLS / "parquet_copy"
pytestmark = pytest.mark.skipif(not COPY.exists() or not DUMP.exists(), reason=f"{COPY} is not built")

CODECS, PAGES, ENCODINGS, NULLS = ["none", "snappy", "zstd"], [1, 2], ["dictionary", "plain", "delta"], ["none", "some", "all"]
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


UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def common(column):
    """Values in a form that is the same for every reader: times as nanoseconds."""
    kind = column.type
    factor = UNITS[kind.unit] if pa.types.is_time(kind) or pa.types.is_timestamp(kind) else 1
    return exact([value if value is None else value * factor for value in plain(column)] if factor > 1 else plain(column))


def assert_equal(found, given, what, but=()):
    for name in given.column_names:
        if name not in but:
            wanted, got = common(given[name]), common(found[name])
            assert wanted == got, (what, name, next((i, *pair) for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1]))


def by_duckdb(path, given):
    relation = duckdb.connect().sql(f"select * replace (encode(uuid::varchar) as uuid) from '{path}'").to_arrow_table()
    found = [None if value is None else bytes.fromhex(value.decode().replace("-", "")) for value in relation["uuid"].to_pylist()]
    return relation.set_column(relation.column_names.index("uuid"), "uuid", pa.array(found, pa.binary()))


def by_fastparquet(path, given):
    """Numbers as they are, NaN and null are one to it, decimals are floats: left out."""
    fastparquet = pytest.importorskip("fastparquet")
    names = [name for name in given.column_names if not name.startswith(("decimal", "time", "date"))]
    frame = fastparquet.ParquetFile(str(path)).to_pandas(columns=names)
    for name in names:
        values = [None if value is None or value != value else value for value in plain(given[name])]
        found = frame[name]
        if pa.types.is_timestamp(given[name].type):
            found = [None if value is None else value // UNITS[given[name].type.unit] for value in nanoseconds(found)]
        elif found.dtype == object:
            found = [value.hex() if isinstance(value, bytes) else value for value in found]
        else:
            found = found.astype(object).where(found.notna(), None).tolist()
        assert exact(list(found)) == exact(values), (path, name)


def can_fastparquet(flags, nulls):
    """What it reads of no writer: wide deltas, nulls in several pages of version 2, an uncompressed dictionary of no values."""
    codec, pages, encoding, small = flags[1], flags[3], flags[5], "--page-bytes" in flags
    if encoding == "delta" or (pages == 2 and small and nulls != "none"):
        return False
    return codec != "none" or encoding != "dictionary" or nulls == "none"


def nanoseconds(series):
    return [None if missing else value for missing, value in zip(series.isna(), series.astype("datetime64[ns]").astype("int64"))]


@pytest.mark.parametrize("nulls", NULLS)
@pytest.mark.parametrize("reader", ["ourselves", "pyarrow", "duckdb", "polars", "fastparquet"])
def test_what_we_write_is_read_equal(tmp_path, reader, nulls):
    polars = pytest.importorskip("polars") if reader == "polars" else None
    fastparquet = pytest.importorskip("fastparquet") if reader == "fastparquet" else None
    given = table(random.Random(NULLS.index(nulls)), nulls, False)
    pq.write_table(given, tmp_path / "source.parquet")
    given = pq.read_table(tmp_path / "source.parquet")
    path = tmp_path / "ours.parquet"
    files = 0
    for flags in WRITTEN:
        copy(tmp_path / "source.parquet", path, *flags)
        if reader == "ourselves":
            assert_same(path, given)
        elif reader == "pyarrow":
            assert_equal(pq.read_table(path, page_checksum_verification=True), given, flags)
        elif reader == "duckdb":
            short = given.set_column(given.column_names.index("time_ns"), "time_ns", given["time_ns"].cast(pa.time64("us"), safe=False))
            assert_equal(by_duckdb(path, given), short, flags)  # its times of day are microseconds
        elif reader == "polars":
            assert_equal(polars.read_parquet(path).to_arrow(), given, flags)
        elif fastparquet and can_fastparquet(flags, nulls):
            by_fastparquet(path, given)
        else:
            continue
        files += 1
    print(f"\n{reader}, nulls: {nulls}: {files} files, {files * given.num_columns * ROWS} values")


def test_bytes_are_reproducible(tmp_path):
    pq.write_table(table(random.Random(5), "some", False), tmp_path / "source.parquet")
    pq.write_table(table(random.Random(5), "some", False), tmp_path / "pages.parquet", row_group_size=17, data_page_size=100)
    for flags in WRITTEN:
        copy(tmp_path / "source.parquet", tmp_path / "a.parquet", *flags)
        copy(tmp_path / "pages.parquet", tmp_path / "b.parquet", *flags)
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes(), flags


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
    polars = pytest.importorskip("polars")
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
    lists = table(rng, "some", True, ["int64", "string"], count=3000)
    given = flat if writer == "ourselves" else flat.append_column("list_a", lists["int64"]).append_column("list_b", lists["string"])
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
