"""The matrix of Parquet files that others write: types x encodings x codecs x page versions x nulls x nesting x row groups.

cases() is all of it, file by file; read_equal() writes them, has one parquet_dump read them all, and compares with what
pyarrow reads, value by value. One column a file, so that a failure names its cause; the product over types, encodings,
page versions, nulls and nesting is whole, while codecs, row groups, rows, page sizes and checksums go round in steps
that have no common divisor with it. Files of all columns at once: test_parquet_matrix.py."""
import collections
import dataclasses
import decimal
import functools
import itertools
import json
import math
import pathlib
import random
import subprocess
import tempfile
import threading
import typing
import uuid

import duckdb
import fastparquet
import pandas
import polars

from test_parquet import DUMP, exact, pa, plain, pq

ROWS = 350
REALS = [0.0, -0.0, math.nan, math.inf, -math.inf, 1.5, -2.25, 65504.0]
WORDS = ["view", "addtocart", "transaction", "", "ünï", "x" * 40]


def number(digits, scale):
    def make(rng):
        value = rng.randint(-(10**digits) + 1, 10**digits - 1) if rng.random() < 0.5 else rng.randint(-999, 999)
        return decimal.Decimal(value).scaleb(-scale, decimal.Context(prec=60))

    return make


def whole(bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda rng: rng.choice([low, high, rng.randint(low, high), rng.randint(max(low, -9), 9)])


def real(rng):
    return rng.choice(REALS) if rng.random() < 0.3 else float(rng.randint(-1000, 1000))


def text(rng):
    return rng.choice(WORDS) if rng.random() < 0.5 else f"prefix/{rng.randint(0, 99):04}/{rng.random()}"


INTEGERS = ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]
FLOATS = ["PLAIN", "BYTE_STREAM_SPLIT"]
FIXED = ["PLAIN", "BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY"]
STRINGS = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]

# name: (type, maker, encodings beside the dictionary)
TYPES = {
    "bool": (pa.bool_(), lambda rng: rng.random() < 0.3, ["PLAIN", "RLE"]),
    **{f"int{bits}": (getattr(pa, f"int{bits}")(), whole(bits, True), INTEGERS) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (getattr(pa, f"uint{bits}")(), whole(bits, False), INTEGERS) for bits in (8, 16, 32, 64)},
    "half": (pa.float16(), real, ["PLAIN", "BYTE_STREAM_SPLIT"]),
    "float": (pa.float32(), real, FLOATS),
    "double": (pa.float64(), real, FLOATS),
    "string": (pa.string(), text, STRINGS),
    "large_string": (pa.large_string(), text, STRINGS),
    "binary": (pa.binary(), lambda rng: rng.randbytes(rng.randint(0, 9)), STRINGS),
    "fixed": (pa.binary(5), lambda rng: rng.choice([b"abcde", b"abcdf", rng.randbytes(5)]), FIXED),
    "uuid": (pa.uuid(), lambda rng: uuid.UUID(int=rng.choice([7, rng.getrandbits(128)])).bytes, FIXED),
    "date32": (pa.date32(), lambda rng: rng.randint(-30000, 30000), INTEGERS),
    "time_ms": (pa.time32("ms"), lambda rng: rng.randint(0, 86399999), INTEGERS),
    "time_us": (pa.time64("us"), lambda rng: rng.randint(0, 86399999999), INTEGERS),
    "time_ns": (pa.time64("ns"), lambda rng: rng.randint(0, 86399999999999), INTEGERS),
    "ms": (pa.timestamp("ms"), lambda rng: rng.randint(-(2**41), 2**41), INTEGERS),
    "us": (pa.timestamp("us", tz="Europe/Berlin"), lambda rng: rng.randint(0, 2**51), INTEGERS),
    "ns": (pa.timestamp("ns", tz="UTC"), lambda rng: rng.randint(0, 2**61), INTEGERS),
    "decimal5": (pa.decimal128(5, 2), number(5, 2), FIXED),
    "decimal9": (pa.decimal128(9, 0), number(9, 0), FIXED),
    "decimal18": (pa.decimal128(18, 4), number(18, 4), FIXED),
    "decimal19": (pa.decimal128(19, 4), number(19, 4), FIXED),
    "decimal38": (pa.decimal128(38, 10), number(38, 10), FIXED),
}
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
NULLS = {"none": 0.0, "some": 0.3, "all": 1.0}


def storage(kind):
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def array(kind, values):
    made = pa.array(values, storage(kind))
    return pa.ExtensionArray.from_storage(kind, made) if isinstance(kind, pa.BaseExtensionType) else made


def column(kind, make, rng, nulls, count):
    share = NULLS[nulls]
    run = [0, False]

    def is_null():
        if run[0] == 0:  # runs, so that levels have them, too
            run[:] = [rng.choice([1, 1, 2, 9, 40, 150]), rng.random() < share]
        run[0] -= 1
        return run[1]

    values = [None if is_null() else make(rng) for _ in range(count)]
    if kind == pa.float16():
        return pa.array(values, pa.float32()).cast(kind)
    return array(kind, values)


def lists(kind, make, rng, nulls, count):
    """Lists of all lengths; nulls among lists and among elements."""
    lengths = [rng.choice([0, 1, 1, 2, 3, 40 if rng.random() < 0.05 else 1]) for _ in range(count)]
    elements = column(kind, make, rng, nulls, sum(lengths))
    offsets = list(itertools.accumulate(lengths, initial=0))
    gone = [nulls != "none" and rng.random() < NULLS[nulls] for _ in range(count)]
    marks = pa.array([None if is_gone else offset for is_gone, offset in zip([*gone, False], offsets)], pa.int32())
    return pa.ListArray.from_arrays(marks, elements)


def table(rng, nulls, as_list, names=TYPES, count=ROWS):
    make = lists if as_list else column
    return pa.table({name: make(TYPES[name][0], TYPES[name][1], rng, nulls, count) for name in names})


ENCODINGS = ["dictionary", "PLAIN", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT", "RLE"]


def options_of(encoding, names, as_list):
    """Write options, and the columns that can have this encoding."""
    if encoding == "dictionary":
        return {"use_dictionary": True}, [name for name in names if name != "bool"]
    fitting = [name for name in names if encoding in TYPES[name][2]]
    path = "{}.list.element" if as_list else "{}"
    return {"use_dictionary": False, "column_encoding": {path.format(name): encoding for name in fitting}}, fitting




# ---- one file of the matrix ----

NESTINGS = ["flat", "required", "list", "struct", "list in struct"]
ROW_COUNTS = [60, 60, 1, 60, 0, 60, 300]


@dataclasses.dataclass(frozen=True)
class Case:
    """What the table counts, and how the file is written."""

    writer: str
    type: str
    encoding: str
    codec: str
    pages: str
    nulls: str
    nesting: str
    groups: str
    rows: int
    write: typing.Callable = dataclasses.field(compare=False, repr=False)


DIMENSIONS = ["type", "encoding", "codec", "pages", "nulls", "nesting", "groups", "rows"]


@functools.lru_cache(maxsize=None)
def sample(name, nulls, nesting, count):
    """A table of one column x, or of the struct s with x in it."""
    rng = random.Random(f"{name} {nulls} {nesting} {count}")
    kind, make, _ = TYPES[name]
    values = lists(kind, make, rng, nulls, count) if "list" in nesting else column(kind, make, rng, nulls, count)
    if nesting == "required":
        return pa.table([values], schema=pa.schema([pa.field("x", kind, nullable=False)]))
    if "struct" in nesting:
        gone = pa.array([rng.random() < NULLS[nulls] / 2 for _ in range(count)], pa.bool_())
        return pa.table({"s": pa.StructArray.from_arrays([values], names=["x"], mask=gone)})
    return pa.table({"x": values})


LEAF = {"flat": "x", "required": "x", "list": "x.list.element", "struct": "s.x", "list in struct": "s.x.list.element"}


def rotating():
    """0, 1, 2, … and what goes round with it: (codec, several row groups, rows)."""
    for number in itertools.count():
        yield number, CODECS[number % 6], number % 11 % 2 == 1, ROW_COUNTS[number % 7]


def nullings(nesting):
    return ["none"] if nesting == "required" else NULLS


def pyarrow_cases():
    turn = rotating()
    product = ((name, encoding) for name in TYPES for encoding in (["dictionary"] if name != "bool" else []) + TYPES[name][2])
    for (name, encoding), pages, nesting in itertools.product(product, ["1.0", "2.0"], NESTINGS):
        if encoding == "RLE" and pages == "1.0":
            continue  # booleans are RLE in pages of version 2 only
        for nulls in nullings(nesting):
            number, codec, several, count = next(turn)

            def write(path, name=name, encoding=encoding, pages=pages, nesting=nesting, nulls=nulls, number=number, codec=codec, several=several, count=count):
                way = {"use_dictionary": True} if encoding == "dictionary" else {"use_dictionary": False, "column_encoding": {LEAF[nesting]: encoding}}
                pq.write_table(
                    sample(name, nulls, nesting, count), path, compression=codec, data_page_version=pages, version="2.6", write_batch_size=20,
                    row_group_size=25 if several else 1000, data_page_size=[200, 100_000][number % 3 == 0], write_page_checksum=number % 5 < 2,
                    write_page_index=number % 13 < 4, **way,
                )

            yield Case("pyarrow", name, encoding, codec, pages, nulls, nesting, "several" if several else "one", count, write)


POLARS_TYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double", "string", "binary", "date32", "time_ns", "ms", "us", "ns", "decimal9", "decimal18", "decimal38"]


def polars_cases():
    turn = rotating()
    for name, nesting, nulls, several in itertools.product(POLARS_TYPES, ["flat", "list", "struct", "list in struct"], NULLS, [False, True]):
        number, codec, _, count = next(turn)

        def write(path, name=name, nesting=nesting, nulls=nulls, number=number, codec=codec, several=several, count=count):
            frame = polars.from_arrow(sample(name, nulls, nesting, count))
            frame.write_parquet(path, compression="uncompressed" if codec == "none" else codec, row_group_size=25 if several else 1000,
                                data_page_size=[200, 100_000][number % 2], statistics=number % 3 > 0)

        yield Case("Polars", name, "its choice", codec, "1.0", nulls, nesting, "several" if several else "one", count, write)


DUCKDB_TYPES = {
    **{name: None for name in ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double", "string", "binary", "date32", "time_us", "ms", "us", "ns", "decimal5", "decimal9", "decimal18", "decimal38"]},
    "hugeint": ("int64", "HUGEINT"), "uuid": ("int64", "UUID"), "enum": ("bool", "ENUM('true', 'false')"), "json": ("int32", "JSON"),
}


@functools.cache
def duck():
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    return connection


def duck_value(name):
    """The column's type as DuckDB has it, made of a sample's type."""
    _, made = DUCKDB_TYPES[name] or (name, None)
    if name == "uuid":
        return lambda x: f"md5({x}::VARCHAR)::UUID"
    return (lambda x: f"{x}::VARCHAR::{made}") if made else (lambda x: x)


def duck_columns(name, nesting):
    value = duck_value(name)
    if nesting == "flat":
        return f"{value('x')} AS x"
    if nesting == "list":
        return f"list_transform(x, lambda e: {value('e')}) AS x"
    return f"CASE WHEN s IS NULL THEN NULL ELSE struct_pack(x := {value('s.x')}) END AS s"


def duckdb_cases():
    turn = rotating()
    for name, nesting, nulls, pages in itertools.product(DUCKDB_TYPES, ["flat", "list", "struct"], NULLS, ["V1", "V2"]):
        number, codec, several, count = next(turn)
        count = 5000 if several else count  # its row groups have 2,048 rows at least

        def write(path, name=name, nesting=nesting, nulls=nulls, number=number, codec=codec, pages=pages, count=count):
            source, _ = DUCKDB_TYPES[name] or (name, None)
            given = sample(source, nulls, nesting, count)  # noqa: F841: DuckDB finds it by its name
            connection = duck()
            connection.register("given", given)
            codec = {"none": "uncompressed", "lz4": "lz4_raw"}.get(codec, codec)
            connection.execute(f"COPY (SELECT {duck_columns(name, nesting)} FROM given) TO '{path}' (FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE 2048, PARQUET_VERSION {pages})")
            connection.unregister("given")

        yield Case("DuckDB", name, f"its choice, {pages}", codec, "1.0" if pages == "V1" else "2.0", nulls, nesting, "several" if several else "one", count, write)


FASTPARQUET_TYPES = {
    **{name: name.capitalize() for name in ["int8", "int16", "int32", "int64"]},
    **{name: f"UInt{name[4:]}" for name in ["uint8", "uint16", "uint32", "uint64"]},
    "bool": "boolean", "float": None, "double": None, "string": None, "binary": None, "ns": None,
}


def has_levels(name, nulls):
    """Not asked to infer it for strings, which pyarrow cannot read then: test_parquet_matrix.py."""
    return nulls == "some" or name in ("string", "binary")


def fastparquet_cases():
    turn = rotating()
    codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4", "LZ4_RAW"]
    for name, codec, nulls, times in itertools.product(FASTPARQUET_TYPES, codecs, ["none", "some"], ["int64", "int96"]):
        if times == "int96" and name != "ns":
            continue
        _, _, several, count = next(turn)
        count = max(count, 1)

        def write(path, name=name, codec=codec, nulls=nulls, times=times, several=several, count=count):
            values = sample(name, nulls, "flat", count)["x"].to_pandas()
            if nulls == "some" and FASTPARQUET_TYPES[name]:
                values = pandas.array(sample(name, nulls, "flat", count)["x"].to_pylist(), dtype=FASTPARQUET_TYPES[name])
            kind, levels = {"string": "utf8", "binary": "bytes"}.get(name, "infer"), has_levels(name, nulls)
            fastparquet.write(str(path), pandas.DataFrame({"x": values}), compression=codec, row_group_offsets=25 if several else 1000, times=times,
                              object_encoding=kind, has_nulls=levels, write_index=False)

        yield Case("fastparquet", name, times if name == "ns" else "PLAIN", codec.lower().replace("uncompressed", "none"), "1.0", nulls, "flat" if has_levels(name, nulls) else "required", "several" if several else "one", count, write)


def cases():
    return [*pyarrow_cases(), *duckdb_cases(), *polars_cases(), *fastparquet_cases()]


def some_of(every, step):
    """Every step-th case, and as many more as it takes to have each value of each dimension by each of its writers."""
    chosen, seen = [], set()
    for number, case in enumerate(every):
        new = {(case.writer, dimension, getattr(case, dimension)) for dimension in DIMENSIONS} - seen
        if new or number % step == 0:
            chosen.append(case)
            seen |= new
    return chosen


# ---- reading them ----

class Dump:
    """One parquet_dump for many files. A file on which it crashes or hangs fails, and the next has a new one."""

    def __init__(self, *flags, program=DUMP, environment=None, timeout_s=30):
        self.command, self.environment, self.timeout_s = [program, "--many", *map(str, flags)], environment, timeout_s
        self.process = self.errors = None

    def start(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=self.environment)

    def read(self, path):
        """(its lines, how it ended as a dict, a sentence when the process did not survive)"""
        if not self.process:
            self.start()
        timer = threading.Timer(self.timeout_s, self.process.kill)
        timer.start()
        found = []
        try:
            self.process.stdin.write(f"{path}\n".encode())
            self.process.stdin.flush()
            while (line := self.process.stdout.readline()) and not line.startswith(b"!"):
                found.append(line)
        except BrokenPipeError:
            line = b""
        timer.cancel()
        return (found, json.loads(line[1:]), None) if line else (found, None, self.close())

    def close(self):
        """None, or how badly it ended; leaks are told at the end."""
        if not self.process:
            return None
        self.process.stdin.close()
        code = self.process.wait(self.timeout_s)
        self.process.stdout.close()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")
        self.errors.close()
        self.process = None
        return f"parquet_dump ended with {code}: {said[-3000:]}" if code != 0 or said else None


def flat(given):
    """Fields of structs as columns of their own, named as our reader names them."""
    while any(pa.types.is_struct(field.type) for field in given.schema):
        given = given.flatten()
    return given


def right_answer(case, path):
    """(what pyarrow reads, "pyarrow"); some of DuckDB's pages of version 2 it does not read: then what DuckDB reads."""
    try:
        return flat(pq.ParquetFile(path).read()), "pyarrow"
    except OSError:
        if case.writer != "DuckDB":
            raise
        return flat(duck().sql(f"SELECT * FROM '{path}'").to_arrow_table()), "DuckDB"


def difference(case, given, found, end):
    """A sentence when they differ."""
    if end["status"] != 0 or end["accountBytes"] != 0:
        return f"{case}: {end}"
    found = [json.loads(row) for row in found]
    if len(found) != given.num_rows:
        return f"{case}: {given.num_rows} rows, found {len(found)}"
    for name in given.column_names if found else []:
        wanted, got = exact(plain(given[name])), exact([row[name] for row in found])
        if wanted != got:
            at = next(i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1])
            return f"{case}: column {name}, row {at}: expected {wanted[at]!r}, got {got[at]!r}"
    return None


def read_equal(chosen, folder):
    """The table of what was read equal, as text; fails with the files that were not."""
    path, wrong = pathlib.Path(folder) / "matrix.parquet", []
    counts = {dimension: collections.defaultdict(collections.Counter) for dimension in DIMENSIONS}
    writers, judges, values = collections.Counter(), collections.Counter(), collections.Counter()
    dump = Dump()
    for case in chosen:
        case.write(path)
        given, judge = right_answer(case, path)
        found, end, ended = dump.read(path)
        problem = f"{case}: {ended}" if ended else difference(case, given, found, end)
        if problem:
            wrong.append(problem)
            continue
        writers[case.writer] += 1
        judges[judge] += 1
        values[case.writer] += given.num_rows * given.num_columns
        for dimension in DIMENSIONS:
            counts[dimension][str(getattr(case, dimension))][case.writer] += 1
    ended = dump.close()
    assert not ended, ended
    assert not wrong, f"{len(wrong)} of {len(chosen)} files, the first: " + "\n".join(wrong[:10])
    return as_text(writers, values, judges, counts)


def as_text(writers, values, judges, counts):
    names = list(writers)
    line = lambda cells: f"{cells[0]:<10}{cells[1]:<25}" + "".join(f"{cell:>13}" for cell in cells[2:])
    out = [f"{sum(writers.values())} Parquet files, {sum(values.values())} values, read equal to {', '.join(f'{who} ({n} files)' for who, n in judges.items())}",
           "", line(["", "", *names, "files"]), line(["files", "", *writers.values(), sum(writers.values())]), line(["values", "", *values.values(), sum(values.values())])]
    for dimension, found in counts.items():
        out.append("")
        for number, (value, of) in enumerate(found.items()):
            out.append(line([dimension if number == 0 else "", value, *(of[name] or "-" for name in names), sum(of.values())]))
    return "\n".join(out) + "\n"
