"""A matrix of Parquet files by other writers, read equal to pyarrow, value by value.

What is in it: parquet_matrix.py. The table of what was read is printed at the end and stays in build/parquet-matrix.txt
(`make parquet-table` makes it alone and shows it). Helpers and parquet_dump: test_parquet.py."""
import itertools
import json
import math
import os
import random
import subprocess

import duckdb
import fastparquet
import polars
import pytest

import parquet_matrix
from parquet_matrix import CODECS, ENCODINGS, NULLS, ROWS, TYPES, lists, options_of, table, text
from test_parquet import CORRUPT, DUMP, ROOT, EXHAUSTED, assert_same, dump, exact, pa, plain, pq, refused, rows


def test_thousands_of_files_by_four_writers_read_equal(tmp_path, request):
    """Each test session that has it ends with the table, with and without -s."""
    chosen = parquet_matrix.cases()
    assert len(chosen) >= 3000 and {case.writer for case in chosen} == {"pyarrow", "DuckDB", "Polars", "fastparquet"}
    shown = parquet_matrix.read_equal(chosen, tmp_path)
    (ROOT / "build/parquet-matrix.txt").write_text(shown)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + shown)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("as_list", [False, True])
def test_pyarrow_files_of_all_types_encodings_codecs_and_nulls_read_equal(tmp_path, version, as_list):
    files = values = 0
    seen = {}
    for number, (encoding, codec, nulls) in enumerate(itertools.product(ENCODINGS, CODECS, NULLS)):
        rng = random.Random(number)
        options, names = options_of(encoding, TYPES, as_list)
        if encoding == "RLE" and version == "1.0":
            options, names = {"use_dictionary": False}, ["bool"]
        given = table(rng, nulls, as_list, names)
        path = tmp_path / "matrix.parquet"
        pq.write_table(
            given, path, compression=codec, data_page_version=version, write_batch_size=50, version="2.6",
            row_group_size=[ROWS, 150][number % 2], data_page_size=[400, 100_000][number // 2 % 2],
            write_page_checksum=number % 3 == 0, store_decimal_as_integer=number % 5 == 0 and encoding in ("dictionary", "PLAIN"),
            **options,
        )
        assert_same(path, given)
        files += 1
        values += given.num_rows * given.num_columns
        seen[encoding] = seen.get(encoding, 0) + given.num_columns
    print(f"\npages {version}, {'lists' if as_list else 'flat'}: {files} files, {values} values, columns by encoding {seen}")


def test_decimals_stored_as_integers_read_equal(tmp_path):
    path = tmp_path / "decimals.parquet"
    given = table(random.Random(3), "some", False, ["decimal5", "decimal9", "decimal18", "decimal19"])
    for encoding in ["PLAIN", "DELTA_BINARY_PACKED"]:
        pq.write_table(given, path, store_decimal_as_integer=True, use_dictionary=False,
                       column_encoding={name: encoding for name in ["decimal5", "decimal9", "decimal18"]})
        assert_same(path, given)


def test_structs_read_equal_and_nulls_of_ancestors_make_null(tmp_path):
    rng = random.Random(5)
    names = ["bool", "int64", "string", "half", "decimal38"]
    for version, nulls, dictionary in itertools.product(["1.0", "2.0"], NULLS, [True, False]):
        inner = table(rng, nulls, False, names).to_struct_array().combine_chunks()
        fields = [pa.field(name, TYPES[name][0]) for name in names]
        gone = pa.array([rng.random() < NULLS[nulls] for _ in range(ROWS)])
        inner = pa.StructArray.from_arrays([inner.field(name) for name in names], fields=fields, mask=gone)
        tags = lists(pa.string(), text, rng, nulls, ROWS)
        outer = pa.StructArray.from_arrays([inner, tags], names=["inner", "tags"], mask=pa.array([rng.random() < NULLS[nulls] / 2 for _ in range(ROWS)]))
        path = tmp_path / "structs.parquet"
        pq.write_table(pa.table({"outer": outer}), path, data_page_version=version, use_dictionary=dictionary, data_page_size=500, write_batch_size=20)
        assert_same(path, pa.table({"outer": outer}).flatten().flatten())


def test_required_columns_and_required_lists_read_equal(tmp_path):
    elements = pa.list_(pa.field("element", pa.int64(), nullable=False))
    schema = pa.schema([
        pa.field("id", pa.int64(), nullable=False), pa.field("a", elements, nullable=False), pa.field("b", elements),
        pa.field("c", pa.list_(pa.int64()), nullable=False),
        pa.field("s", pa.struct([pa.field("x", pa.float32(), nullable=False)]), nullable=False),
    ])
    data = [{"id": i, "a": list(range(i % 4)), "b": None if i % 3 == 0 else [i] * (i % 2), "c": [None, i][: i % 3], "s": {"x": i / 2}} for i in range(999)]
    given = pa.Table.from_pylist(data, schema)
    path = tmp_path / "required.parquet"
    for version in ["1.0", "2.0"]:
        pq.write_table(given, path, data_page_version=version, data_page_size=300, write_batch_size=30)
        assert_same(path, given.flatten())


def test_rows_of_lists_longer_than_pages_and_batches_read_equal(tmp_path):
    rng = random.Random(9)
    lengths = [0, 70_000, 1, 0, 9_000, 2] + [rng.randint(0, 3) for _ in range(10_000)]
    path = tmp_path / "long.parquet"
    for dictionary, version, kind in itertools.product([True, False], ["1.0", "2.0"], [pa.string(), pa.int32()]):
        values = [[(f"v{i % 7}" if kind == pa.string() else i % 7) for i in range(n)] for n in lengths]
        given = pa.table({"id": range(len(lengths)), "x": pa.array(values, pa.list_(kind))})
        pq.write_table(given, path, use_dictionary=dictionary, data_page_version=version, data_page_size=4000, compression="zstd")
        assert_same(path, given)


def test_a_list_whose_dictionary_falls_back_in_mid_row_reads_equal(tmp_path):
    path = tmp_path / "fallback.parquet"
    values = [[f"value {i}-{j}" for j in range(3 + 500 * (i % 50 == 0))] for i in range(3000)]
    given = pa.table({"x": values})
    pq.write_table(given, path, dictionary_pagesize_limit=20_000, data_page_size=3_000, write_batch_size=100)
    encodings = pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    assert "PLAIN" in encodings and any("DICTIONARY" in encoding for encoding in encodings)
    assert_same(path, given)


def test_int96_timestamps_are_nanoseconds_and_those_out_of_range_are_named(tmp_path):
    path = tmp_path / "int96.parquet"
    times = [0, 1, -1, 1_600_000_000_123_456_789, -9_000_000_000_000_000_000, 9_223_372_036_854_775_807, None]
    for dictionary in [True, False]:
        given = pa.table({"t": pa.array(times, pa.timestamp("ns")), "id": range(7)})
        pq.write_table(given, path, use_deprecated_int96_timestamps=True, use_dictionary=dictionary)
        assert_same(path, given)
    far = pa.table({"t": pa.array([253402300799], pa.timestamp("s")), "id": [1]})
    pq.write_table(far, path, use_deprecated_int96_timestamps=True, use_dictionary=False)
    refused(path, "INT96", "column 't'", columns="t")
    assert rows(path, "--columns", "id")[0] == {"id": [1]}


def test_columns_that_are_not_read_are_named_and_the_rest_is_read(tmp_path):
    path = tmp_path / "refused.parquet"
    given = pa.table({
        "good": [1, 2],
        "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        "lists": pa.array([[[1], []], []]),
        "structs": pa.array([[{"x": 1}], []]),
        "maps": pa.array([[[("a", 1)]], []], pa.list_(pa.map_(pa.string(), pa.int64()))),
    })
    pq.write_table(given, path)
    schema = {column["name"]: column["unsupported"] for column in map(json.loads, dump(path, "--schema").stdout.splitlines())}
    assert schema == {
        "good": None, "map.key_value.key": "a map", "map.key_value.value": "a map", "lists.list.element.list.element": "a list of lists",
        "structs.list.element.x": "a list of structs", "maps.list.element.key_value.key": "a list of maps",
        "maps.list.element.key_value.value": "a list of maps",
    }
    assert rows(path)[0] == {"good": [1, 2]}
    refused(path, "a list of lists", columns="lists.list.element.list.element")


def test_types_are_told(tmp_path):
    path = tmp_path / "types.parquet"
    given = table(random.Random(1), "none", False).append_column("null", pa.nulls(ROWS)).append_column("tags", lists(pa.int8(), TYPES["int8"][1], random.Random(2), "some", ROWS))
    pq.write_table(given, path)
    types = {column["name"]: (column["type"], column["bits"]) for column in map(json.loads, dump(path, "--schema").stdout.splitlines())}
    assert types == {
        "bool": ("a boolean", 0), "int8": ("an integer", 8), "int16": ("an integer", 16), "int32": ("an integer", 32), "int64": ("an integer", 64),
        "uint8": ("an integer", 16), "uint16": ("an integer", 32), "uint32": ("an integer", 64), "uint64": ("an unsigned 64-bit integer", 64),
        "half": ("a float", 16), "float": ("a float", 32), "double": ("a float", 64), "string": ("a string", 0), "large_string": ("a string", 0),
        "binary": ("binary", 0), "fixed": ("binary", 0), "uuid": ("a UUID", 0), "date32": ("a date", 0), "time_ms": ("a time of day in ms", 0),
        "time_us": ("a time of day in us", 0), "time_ns": ("a time of day in ns", 0), "ms": ("a timestamp in ms", 0), "us": ("a timestamp in us", 0),
        "ns": ("a timestamp in ns", 0), "decimal5": ("a decimal(5,2)", 0), "decimal9": ("a decimal(9,0)", 0), "decimal18": ("a decimal(18,4)", 0),
        "decimal19": ("a decimal(19,4)", 0), "decimal38": ("a decimal(38,10)", 0), "null": ("always null", 0), "tags": ("a list of integers", 8),
    }


@pytest.mark.parametrize("as_integer", [False, True])
def test_bounds_are_those_of_the_values_in_every_type(tmp_path, as_integer):
    path = tmp_path / "bounds.parquet"
    given = table(random.Random(7), "some", False, count=200)
    pq.write_table(given, path, row_group_size=50, store_decimal_as_integer=as_integer)
    for line in dump(path, "--schema").stdout.splitlines():
        found = json.loads(line)
        values = plain(given[found["name"]])
        for group, (bounds, nulls) in enumerate(zip(found["bounds"], found["nulls"])):
            part = values[group * 50 : group * 50 + 50]
            assert nulls == part.count(None), found["name"]
            part = [value for value in part if value is not None and value == value]
            if bounds is None:
                assert not part, (found["name"], group)
            elif 0.0 in bounds:
                assert bounds == [min(part), max(part)], (found["name"], group)
            else:
                assert exact(bounds) == exact([min(part), max(part)]), (found["name"], group)


def test_bounds_that_cannot_be_trusted_are_not_told(tmp_path):
    path = tmp_path / "bounds.parquet"
    given = pa.table({"nan": [math.nan, math.nan], "zero": [0.0, 0.0], "list": [[1], [2]], "t": pa.array([1, 2], pa.timestamp("ns"))})
    pq.write_table(given, path, use_deprecated_int96_timestamps=True)
    found = {column["name"]: column["bounds"] for column in map(json.loads, dump(path, "--schema").stdout.splitlines())}
    assert found["nan"] == found["list"] == found["t"] == [None]
    assert exact(found["zero"][0]) == ["-0.0", "0.0"]


def test_mutated_files_of_lists_and_all_encodings_end_with_an_error_or_an_answer(tmp_path):
    seed = int(os.environ.get("DAYFLY_TEST_SEED", "1"))
    rng = random.Random(seed)
    path = tmp_path / "mutated.parquet"
    for number, encoding in enumerate(ENCODINGS):
        as_list = number % 2 == 0
        options, names = options_of(encoding, TYPES, as_list)
        given = table(random.Random(number), "some", as_list, names, 60)
        pq.write_table(given, path, compression=CODECS[number % 6], data_page_version=["1.0", "2.0"][number % 2], data_page_size=100, write_batch_size=10, **options)
        whole = path.read_bytes()
        for _ in range(40):
            broken = bytearray(whole)
            for _ in range(rng.choice([1, 1, 2, 8])):
                broken[rng.randrange(len(broken))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
            path.write_bytes(broken)
            done = subprocess.run([DUMP, "--memory", "67108864", path], capture_output=True, timeout=20, check=False)
            assert done.returncode in (0, CORRUPT, EXHAUSTED), f"seed {seed}: {done.returncode}: {done.stderr!r}"


def polars_table(rng, nulls):
    names = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double", "string", "binary", "date32", "ms", "ns", "decimal9"]
    return table(rng, nulls, False, names, 3000).append_column("tags", lists(pa.string(), text, rng, nulls, 3000))


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("nulls", NULLS)
def test_polars_files_of_all_codecs_read_equal(tmp_path, codec, nulls):
    path = tmp_path / "polars.parquet"
    polars.from_arrow(polars_table(random.Random(3), nulls)).write_parquet(path, compression=codec, row_group_size=2000, data_page_size=3000)
    assert_same(path, pq.read_table(path))


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"])
@pytest.mark.parametrize("nulls", NULLS)
def test_duckdb_files_of_all_codecs_read_equal(tmp_path, codec, nulls, version):
    path = tmp_path / "duckdb.parquet"
    connection = duckdb.connect()
    connection.register("sample", polars_table(random.Random(5), nulls))
    columns = "*, uint64::HUGEINT AS huge, gen_random_uuid() AS id, INTERVAL 1 DAY AS days"
    connection.execute(f"COPY (SELECT {columns} FROM sample) TO '{path}' (FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE 2048, PARQUET_VERSION {version})")
    # pyarrow does not read all of DuckDB's DELTA_BINARY_PACKED, so DuckDB says what is right.
    columns = "* EXCLUDE (days, ms, id), epoch_ms(ms) AS ms, replace(id::VARCHAR, '-', '') AS id"
    given = connection.execute(f"SELECT {columns} FROM '{path}'").to_arrow_table()
    assert "days" not in rows(path)[0]  # INTERVAL is not read
    assert_same(path, given)


@pytest.mark.parametrize("codec,times", [(codec, "int64") for codec in ["UNCOMPRESSED", "GZIP", "BROTLI", "ZSTD", "LZ4", "LZ4_RAW"]] + [("SNAPPY", "int96")])
@pytest.mark.parametrize("nulls", NULLS)
def test_fastparquet_files_read_equal(tmp_path, codec, nulls, times):
    path = tmp_path / "fast.parquet"
    names = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float", "double", "string", "ns"]
    if nulls != "none":  # frames without types of their own for nulls have few
        names = ["float", "double", "ns"] + ["string"] * (nulls == "some")
    frame = table(random.Random(9), nulls, False, names).to_pandas()
    fastparquet.write(str(path), frame, compression=codec, row_group_offsets=300, times=times, object_encoding="utf8" if "string" in names else "infer")
    assert_same(path, pq.read_table(path))


@pytest.mark.parametrize("name", ["string", "binary", "int32", "bool"])
def test_fastparquet_files_whose_nulls_were_inferred_read_as_they_were_written(tmp_path, name):
    """It writes a bool for an enum then. pyarrow skips that, and takes levels of strings for values."""
    path, given = tmp_path / "fast.parquet", table(random.Random(4), "none", False, [name], 60)
    kind = {"string": "utf8", "binary": "bytes"}.get(name, "infer")
    fastparquet.write(str(path), given.to_pandas(), has_nulls="infer", object_encoding=kind, write_index=False)
    assert_same(path, given)
