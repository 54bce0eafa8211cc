"""Our Parquet reader and writer against other people's, value by value.

parquet_dump (tests/tools) prints what our reader sees as JSON lines; pyarrow, DuckDB and Polars say what is right.
DAYFLY_TEST_TOOLS is the folder of that program, build/debug/tests by default."""
import datetime
import decimal
import functools
import itertools
import json
import math
import os
import pathlib
import random
import subprocess

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption
import pytest

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = pathlib.Path(os.environ.get("DAYFLY_TEST_TOOLS", ROOT / "build/debug/tests")).resolve()
DUMP = TOOLS / "parquet_dump"
UNSUPPORTED, CORRUPT, EXHAUSTED, NOT_FOUND = 3, 3, 1, 4


def dump(path, *flags, status=0):
    """The finished process of parquet_dump."""
    done = subprocess.run([DUMP, *map(str, flags), path], capture_output=True, timeout=120, check=False)
    message = done.stderr.decode(errors="replace")
    assert done.returncode == status, f"{path}: ended with {done.returncode}, not {status}: {message}"
    return done


def rows(path, *flags):
    """{column: values} as our reader sees them."""
    lines = dump(path, *flags).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    names = list(found[0]) if found else []
    return {name: [row[name] for row in found] for name in names}, len(found)


def refused(path, *texts, columns=None, kind="unsupported"):
    flags = ["--columns", columns] if columns else []
    message = dump(path, *flags, status=3).stderr.decode()
    assert message.startswith(kind + ": "), message
    for text in (str(path), *texts):
        assert text in message, f"'{text}' is not in: {message}"


def unscaled(value, scale):
    return value if value is None else int(value.scaleb(scale, decimal.Context(prec=60)))


def plain(column):
    """The values of an Arrow column as parquet_dump prints them."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.storage)
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        elements, offsets = plain(column.values), column.offsets.to_pylist()
        return [elements[offsets[i] : offsets[i + 1]] if valid else None for i, valid in enumerate(column.is_valid().to_pylist())]
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind) or pa.types.is_duration(kind):
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return column.cast(pa.int32()).to_pylist()
    if pa.types.is_decimal(kind):
        return [unscaled(value, kind.scale) for value in column.to_pylist()]
    if pa.types.is_float16(kind):
        return [value if value is None else float(value) for value in column.to_pylist()]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [value if value is None else value.hex() for value in column.to_pylist()]
    return column.to_pylist()


def exact(values):
    """Equal lists have equal values: NaN equals NaN, and 0.0 is not -0.0."""
    return [repr(value) if isinstance(value, float) else exact(value) if isinstance(value, list) else value for value in values]


def assert_same(path, table, *flags):
    found, count = rows(path, *flags)
    assert count == table.num_rows, path
    for name in table.column_names if count else []:
        wanted, got = exact(plain(table[name])), exact(found[name])
        if wanted != got:
            at = next(i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1])
            pytest.fail(f"{path}: column {name}, row {at}: expected {wanted[at]!r}, got {got[at]!r}")


def sample_table(count, nulls, seed):
    """All types that are read, `count` rows; nulls: none, some, all."""
    rng = random.Random(seed)
    small_words = ["view", "addtocart", "transaction", "", "ünï", "x" * 40]
    reals = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e300, 5e-324, 0.1]
    makers = {
        "flag": (pa.bool_(), lambda: rng.random() < 0.3),
        "int8": (pa.int8(), lambda: rng.randint(-128, 127)),
        "int32": (pa.int32(), lambda: rng.randint(-(2**31), 2**31 - 1)),
        "int64": (pa.int64(), lambda: rng.randint(-(2**63), 2**63 - 1)),
        "few": (pa.int64(), lambda: rng.randint(-3, 3)),
        "uint32": (pa.uint32(), lambda: rng.randint(0, 2**32 - 1)),
        "uint64": (pa.uint64(), lambda: rng.randint(0, 2**64 - 1)),
        "double": (pa.float64(), lambda: rng.choice(reals) if rng.random() < 0.2 else rng.gauss(0, 1e6)),
        "word": (pa.string(), lambda: rng.choice(small_words)),
        "text": (pa.string(), lambda: "é" * rng.randint(0, 3) + str(rng.random())),
        "bytes": (pa.binary(), lambda: rng.randbytes(rng.randint(0, 9))),
        "day": (pa.date32(), lambda: rng.randint(-30000, 30000)),
        "ms": (pa.timestamp("ms"), lambda: rng.randint(0, 2**41)),
        "us": (pa.timestamp("us", tz="UTC"), lambda: rng.randint(0, 2**51)),
        "ns": (pa.timestamp("ns"), lambda: rng.randint(0, 2**61)),
        "clock": (pa.time64("us"), lambda: rng.randint(0, 86399999999)),
    }
    share = {"none": 0.0, "some": 0.25, "all": 1.0}[nulls]
    fields, arrays = [], []
    for name, (kind, make) in makers.items():
        run = [0, False]

        def is_null():
            if run[0] == 0:  # runs, so that levels have them, too
                run[:] = [rng.choice([1, 1, 2, 9, 70, 600]), rng.random() < share]
            run[0] -= 1
            return run[1]

        values = [None if nulls != "none" and is_null() else make() for _ in range(count)]
        fields.append(pa.field(name, kind, nullable=nulls != "none"))
        arrays.append(pa.array(values, kind))
    fields.append(pa.field("null", pa.null()))
    arrays.append(pa.nulls(count))
    return pa.table(arrays, schema=pa.schema(fields))


# ---- what others write, we read ----

MATRIX = list(
    itertools.product(
        [True, False], ["snappy", "none"], ["none", "some", "all"], [0, 1, 1500], [None, 400], [None, 2000], [False, True]
    )
)


def test_a_matrix_of_pyarrow_files_reads_equal_value_by_value(tmp_path):
    values = 0
    for number, (dictionary, codec, nulls, count, group, page, checksum) in enumerate(MATRIX):
        table = sample_table(count, nulls, number)
        path = tmp_path / "matrix.parquet"
        pq.write_table(
            table, path, use_dictionary=dictionary, compression=codec, row_group_size=group or max(count, 1),
            data_page_size=page, data_page_version="1.0", write_page_checksum=checksum, write_batch_size=100,
        )
        assert_same(path, table)
        values += table.num_rows * table.num_columns
    print(f"{len(MATRIX)} files, {values} values")


@pytest.mark.parametrize(
    "count,dictionary,codec,nulls", [(100_000, True, "snappy", "some"), (30_000, False, "none", "none"), (30_000, True, "none", "all")]
)
def test_large_pyarrow_files_read_equal(tmp_path, count, dictionary, codec, nulls):
    table = sample_table(count, nulls, 7)
    path = tmp_path / "large.parquet"
    pq.write_table(table, path, use_dictionary=dictionary, compression=codec, row_group_size=count // 3 + 1, data_page_version="1.0")
    assert_same(path, table)


def test_a_dictionary_that_falls_back_to_plain_in_mid_chunk_reads_equal(tmp_path):
    table = pa.table({"text": [f"value {i % 40_000}" for i in range(100_000)], "id": list(range(100_000))})
    path = tmp_path / "fallback.parquet"
    pq.write_table(table, path, dictionary_pagesize_limit=50_000, data_page_size=8_000, write_batch_size=500)
    encodings = pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    assert "PLAIN" in encodings and any("DICTIONARY" in encoding for encoding in encodings)
    assert_same(path, table)


def test_the_older_format_version_reads_equal(tmp_path):
    table = sample_table(3000, "some", 11).drop_columns(["ns", "null"])
    path = tmp_path / "old.parquet"
    pq.write_table(table, path, version="1.0", coerce_timestamps="ms", allow_truncated_timestamps=True)
    assert_same(path, pq.read_table(path))


@pytest.mark.parametrize("codec", ["snappy", "uncompressed"])
@pytest.mark.parametrize("nulls", ["none", "some", "all"])
def test_polars_files_read_equal(tmp_path, codec, nulls):
    table = sample_table(20_000, nulls, 3).drop_columns(["null"])
    path = tmp_path / "polars.parquet"
    polars.from_arrow(table).write_parquet(path, compression=codec, row_group_size=7000, data_page_size=4000)
    assert_same(path, pq.read_table(path))


@pytest.mark.parametrize("codec", ["snappy", "uncompressed"])
@pytest.mark.parametrize("nulls", ["none", "some", "all"])
def test_duckdb_files_read_equal(tmp_path, codec, nulls):
    path = tmp_path / "duckdb.parquet"
    connection = duckdb.connect()
    connection.register("sample", sample_table(20_000, nulls, 5).drop_columns(["null"]))
    connection.execute(f"COPY sample TO '{path}' (FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE 7000)")
    assert_same(path, pq.read_table(path))


def test_a_small_memory_limit_suffices_for_a_large_row_group_of_small_pages(tmp_path):
    path = tmp_path / "wide.parquet"
    count = 300_000
    table = pa.table({"a": range(count), "b": range(count), "text": [f"{i:060}" for i in range(count)]})
    pq.write_table(table, path, use_dictionary=False, compression="none", data_page_size=64 * 1024)
    assert pq.ParquetFile(path).metadata.row_group(0).total_byte_size > 20_000_000
    assert_same(path, table, "--memory", 4 * 1024 * 1024)


# ---- what is not read ----

def test_an_encrypted_footer_is_unsupported(tmp_path):
    path = tmp_path / "encrypted.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    whole = path.read_bytes()
    path.write_bytes(b"PARE" + whole[4:-4] + b"PARE")
    refused(path, "encrypted footer")


def test_an_encrypted_column_is_named_and_the_others_are_read(tmp_path):
    class Keys(encryption.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            return key_bytes.hex()

        def unwrap_key(self, wrapped_key, master_key_identifier):
            return bytes.fromhex(wrapped_key.decode() if isinstance(wrapped_key, bytes) else wrapped_key)

    factory = encryption.CryptoFactory(lambda connection: Keys())
    settings = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["secret"]}, plaintext_footer=True)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    path = tmp_path / "column.parquet"
    with pq.ParquetWriter(path, pa.schema([("secret", pa.int64()), ("open", pa.int64())]), encryption_properties=properties) as writer:
        writer.write_table(pa.table({"secret": [1, 2], "open": [3, 4]}))
    refused(path, "encryption", "column 'secret'", columns="secret")
    assert rows(path, "--columns", "open")[0] == {"open": [3, 4]}


# ---- what is broken ----

def test_files_that_are_not_parquet_or_cut_off_are_corrupt(tmp_path):
    path = tmp_path / "broken.parquet"
    pq.write_table(sample_table(50, "some", 1), path)
    whole = path.read_bytes()
    for content in [b"", b"PAR1", b"hello, world, this is text", whole[:-1], whole[:-4], whole[: len(whole) // 2], whole[:-8] + b"\xff\xff\xff\x7fPAR1"]:
        path.write_bytes(content)
        refused(path, kind="corrupt")
    assert "no.parquet" in dump(tmp_path / "no.parquet", status=NOT_FOUND).stderr.decode()


def test_a_flipped_bit_in_a_page_with_checksum_is_corrupt_and_located(tmp_path):
    path = tmp_path / "crc.parquet"
    table = pa.table({"a": range(1000), "price": [float(i) for i in range(1000)]})
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none", row_group_size=500)
    whole = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    whole[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(whole)
    refused(path, "checksum", "row group 1", "column 'price'", "page 0", kind="corrupt")


def test_mutated_files_end_with_an_error_or_an_answer_and_never_with_a_crash(tmp_path):
    seed = int(os.environ.get("DAYFLY_TEST_SEED", "1"))
    rng = random.Random(seed)
    path = tmp_path / "mutated.parquet"
    for number in range(4):
        pq.write_table(sample_table(300, "some", number), path, use_dictionary=number % 2 == 0, compression="snappy" if number < 2 else "none", data_page_size=500, write_batch_size=50)
        whole = path.read_bytes()
        for _ in range(60):
            broken = bytearray(whole)
            for _ in range(rng.choice([1, 1, 2, 8])):
                at = rng.randrange(len(broken)) if rng.random() < 0.5 else rng.randrange(len(broken) * 2 // 3, len(broken))
                broken[at] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
            path.write_bytes(broken)
            done = subprocess.run([DUMP, "--memory", "67108864", path], capture_output=True, timeout=20, check=False)
            assert done.returncode in (0, CORRUPT, EXHAUSTED), f"seed {seed}: {done.returncode}: {done.stderr!r}"


# ---- what we write, others read ----

@functools.cache
def sample_rows(count, nulls):
    """The formulas of tests/tools/parquet_dump.c."""
    def text(i):
        return "" if i % 11 == 0 else (bytes([i % 256]) + str(i).encode()).hex()

    makers = {
        "flag": lambda i: i % 3 == 0,
        "small": lambda i: i * 7919 % 1000 - 500,
        "day": lambda i: i % 20000,
        "big": lambda i: i * 1000003 - 12345678901,
        "ms": lambda i: 1600000000000 + i,
        "us": lambda i: 1600000000000000 + i,
        "ns": lambda i: 1600000000000000000 + i,
        "real": lambda i: math.nan if i % 13 == 0 else i / 8 - 1000,
        "word": lambda i: f"word{i % 5}",
        "text": lambda i: f"text number {i}",
        "bytes": text,
        "nothing": lambda i: 1600000000000000000 + i,
        "tiny": lambda i: i % 256 - 128,
        "unsigned": lambda i: 2**64 - 1 - i % 1000,
        "single": lambda i: math.nan if i % 13 == 0 else i / 8 - 1000,
        "clock": lambda i: i * 1000003 % 86400000000,
        "clock_s": lambda i: i % 86400 * 1000,  # seconds are written as milliseconds
        "seconds": lambda i: (1600000000 + i) * 1000,
        "cents": lambda i: i * 7 % 1000 - 500,
        "wide": lambda i: i * 1000000007 * 1000000007 - 5,
        "uuid": lambda i: f"{i % 77:016}".encode().hex(),
        "null": lambda i: None,
    }
    return {
        name: [None if nulls and (number == 11 or (i + number) % 7 == 0) else make(i) for i in range(count)]
        for number, (name, make) in enumerate(makers.items())
    }


WRITTEN_TYPES = {
    "flag": pa.bool_(), "small": pa.int32(), "day": pa.date32(), "big": pa.int64(), "ms": pa.timestamp("ms", "UTC"), "us": pa.timestamp("us", "UTC"),
    "ns": pa.timestamp("ns", "UTC"), "real": pa.float64(), "word": pa.string(), "text": pa.string(), "bytes": pa.binary(), "nothing": pa.int64(),
    "tiny": pa.int8(), "unsigned": pa.uint64(), "single": pa.float32(), "clock": pa.time64("us"), "clock_s": pa.time32("ms"),
    "seconds": pa.timestamp("ms", "UTC"), "cents": pa.decimal128(12, 2), "wide": pa.decimal128(30, 3), "uuid": pa.uuid(), "null": pa.null(),
}


WRITTEN = [
    (count, group, page, codec, encoding, nulls)
    for count, group, page in [(0, 0, 0), (1, 0, 0), (5000, 700, 1000), (5000, 0, 300)]
    for codec in ["snappy", "none"]
    for encoding in [[], ["--plain"]]
    for nulls in [True, False]
] + [(90_000, 30_000, 0, "snappy", [], True), (90_000, 0, 0, "none", ["--plain"], False)]


def write_sample(path, count, group, page, codec, encoding, nulls):
    flags = ["--rows", count, "--row-group-rows", group, "--page-bytes", page, "--codec", codec, *encoding]
    dump(path, "--write-sample", *flags, *([] if nulls else ["--no-nulls"]))


@pytest.mark.parametrize("count,group,page,codec,encoding,nulls", WRITTEN)
def test_what_we_write_is_read_equal_by_pyarrow_and_by_us(tmp_path, count, group, page, codec, encoding, nulls):
    path = tmp_path / "ours.parquet"
    write_sample(path, count, group, page, codec, encoding, nulls)
    table = pq.read_table(path, page_checksum_verification=True)
    wanted = sample_rows(count, nulls)
    assert table.column_names == list(wanted) and table.num_rows == count
    assert {field.name: field.type for field in table.schema} in (WRITTEN_TYPES, {**WRITTEN_TYPES, "uuid": pa.binary(16)})
    for name, values in wanted.items():
        assert exact(plain(table[name])) == exact(values), name
    found, found_count = rows(path)
    assert found_count == count
    for name in wanted if count else []:
        assert exact(found[name]) == exact(wanted[name]), name


@pytest.mark.parametrize("count,group,page,codec,encoding,nulls", WRITTEN)
def test_what_we_write_is_read_equal_by_polars(tmp_path, count, group, page, codec, encoding, nulls):
    path = tmp_path / "ours.parquet"
    write_sample(path, count, group, page, codec, encoding, nulls)
    table = polars.read_parquet(path).to_arrow()
    factors = {"clock": 1000, "clock_s": 1_000_000}  # its times of day are nanoseconds
    for name, values in sample_rows(count, nulls).items():
        values = [value * factors[name] if name in factors and value is not None else value for value in values]
        assert exact(plain(table[name])) == exact(values), name


@pytest.mark.parametrize("count,group,page,codec,encoding,nulls", WRITTEN)
def test_what_we_write_is_read_equal_by_duckdb(tmp_path, count, group, page, codec, encoding, nulls):
    path = tmp_path / "ours.parquet"
    write_sample(path, count, group, page, codec, encoding, nulls)
    wanted = sample_rows(count, nulls)
    names = ["flag", "small", "big", "real", "word", "text", "nothing", "tiny", "unsigned", "single"]
    extra = """epoch_ms(ms), epoch_us(us), epoch_ns(ns), day - DATE '1970-01-01', hex(bytes), epoch_ms(seconds),
        (cents * 100)::BIGINT, (wide * 1000)::HUGEINT, replace(uuid::VARCHAR, '-', ''), "null", epoch_us(clock), epoch_ms(clock_s)"""
    found = duckdb.connect().execute(f"SELECT {', '.join(names)}, {extra} FROM read_parquet('{path}')").fetchall()
    assert len(found) == count
    for at, name in enumerate([*names, "ms", "us", "ns", "day", "bytes", "seconds", "cents", "wide", "uuid", "null", "clock", "clock_s"]):
        values = [row[at] for row in found]
        if name == "bytes":
            values = [value if value is None else value.lower() for value in values]
        assert exact(values) == exact(wanted[name]), name


def test_duckdb_and_pyarrow_trust_our_statistics(tmp_path):
    path = tmp_path / "ours.parquet"
    write_sample(path, 5000, 700, 1000, "snappy", [], True)
    group = pq.ParquetFile(path).metadata.row_group(0)
    statistics = {group.column(i).path_in_schema: group.column(i).statistics for i in range(group.num_columns)}
    wanted = {name: [v for v in values[:700] if v is not None and v == v] for name, values in sample_rows(5000, True).items()}
    for name in ["flag", "small", "big", "real", "word", "text", "tiny", "unsigned", "single"]:
        assert (statistics[name].min, statistics[name].max) == (min(wanted[name]), max(wanted[name])), name
        assert statistics[name].null_count == 100
    assert statistics["day"].max - datetime.date(1970, 1, 1) == datetime.timedelta(days=max(wanted["day"]))
    assert not statistics["nothing"].has_min_max
    found = duckdb.connect().execute(f"SELECT count(*) FROM read_parquet('{path}') WHERE big = {1000003 * 4000 - 12345678901}").fetchone()
    assert found == (1,)


def test_metadata_and_origin_are_written(tmp_path):
    path = tmp_path / "ours.parquet"
    write_sample(path, 10, 0, 0, "snappy", [], True)
    metadata = pq.ParquetFile(path).metadata
    assert metadata.metadata[b"dayfly.groups"] == b"whole"
    assert metadata.created_by.startswith("dayfly version ")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    for path in (one, two):
        write_sample(path, 20_000, 7000, 3000, "snappy", [], True)
    assert one.read_bytes() == two.read_bytes()
