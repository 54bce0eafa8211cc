"""The matrix of Parquet files that our writer can write: types x shapes x encodings x codecs x page versions x nulls x
row groups x indexes, filters, sorting columns and metadata.

cases() is all of it, file by file; read_equal() has parquet_copy (tests/tools) write them from sources of pyarrow, and
compares what pyarrow, DuckDB, Polars and fastparquet read with the source, value by value: sign of zero, NaN, nulls and
empty lists told apart. The columns of a family are one file. EXEMPT says what a reader cannot read of any writer, or of
no writer like ours; each exemption is tried, and one that is not needed fails."""
import collections
import dataclasses
import functools
import itertools
import pathlib
import random
import subprocess

import duckdb
import polars
import pyarrow.compute as pc

from parquet_matrix import TYPES, column, lists
from parquet_write_fastparquet import NS, Worker, is_list, whole
from test_parquet import TOOLS, pa, pq

COPY = TOOLS / "parquet_copy"
READERS = ["pyarrow", "DuckDB", "Polars", "fastparquet"]
FAMILIES = {
    "numbers": ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "half", "float", "double"],
    "bytes": ["string", "binary", "fixed", "uuid"],
    "times": ["date32", "time_ms", "time_us", "time_ns", "ms", "us", "ns"],
    "decimals": ["decimal5", "decimal9", "decimal18", "decimal19", "decimal38", "null"],
}
SHAPES = ["flat", "required", "list", "list of required"]
ENCODINGS = ["dictionary", "dictionary that falls back", "plain", "delta"]
CODECS, PAGES, NULLS, GROUPS = ["none", "snappy", "zstd"], [1, 2], ["none", "some", "all"], ["one", "several"]
EXTRAS = {
    "indexes": [],
    "without indexes": ["--no-indexes"],
    "indexes, filters": ["--bloom"],
    "filters, sorting, metadata": ["--no-indexes", "--bloom", "--sorted-by", "*", "--set", "dayfly.groups=whole"],
}
ROW_COUNTS = [120, 120, 1, 120, 0, 120, 400]


@dataclasses.dataclass(frozen=True)
class Case:
    """What the table counts. `rows` goes round, as do the extras."""

    family: str
    shape: str
    encoding: str
    codec: str
    pages: int
    nulls: str
    groups: str
    extras: str
    rows: int

    def flags(self):
        encoding = self.encoding.split()[0]
        extras = [FAMILIES[self.family][0] if word == "*" else word for word in EXTRAS[self.extras]]
        if "list" in self.shape and "--sorted-by" in extras:  # lists have no order
            extras.remove("--sorted-by")
            extras.remove(FAMILIES[self.family][0])
        flags = ["--codec", self.codec, "--pages", self.pages, "--encoding", encoding, *extras]
        flags += ["--dictionary-bytes", 150] if "falls" in self.encoding else []
        return flags + (["--row-group-rows", 50, "--page-bytes", 100] if self.groups == "several" else [])


DIMENSIONS = ["family", "shape", "encoding", "codec", "pages", "nulls", "groups", "extras", "rows"]


def cases():
    made = []
    product = itertools.product(FAMILIES, SHAPES, ENCODINGS, NULLS, PAGES, GROUPS, CODECS)
    for family, shape, encoding, nulls, pages, groups, codec in product:
        if (encoding == "delta" and family == "bytes") or ("required" in shape and nulls != "none"):
            continue
        number = len(made)
        made.append(Case(family, shape, encoding, codec, pages, nulls, groups, list(EXTRAS)[(number + number // 6) % 4], ROW_COUNTS[number % 7]))
    return made


def some_of(every, step):
    """Every step-th, and as many more as it takes to have each value of each dimension."""
    chosen, seen = [], set()
    for number, case in enumerate(every):
        new = {(dimension, getattr(case, dimension)) for dimension in DIMENSIONS} - seen
        if new or number % step == 0:
            chosen.append(case)
            seen |= new
    return chosen


@functools.lru_cache(maxsize=None)
def source(folder, family, shape, nulls, rows):
    """(path, the table in it): as Parquet has it, without the schema that pyarrow would hide in it."""
    rng = random.Random(f"{family} {shape} {nulls} {rows}")
    fields, columns = [], []
    for name in FAMILIES[family]:
        if name == "null" and "required" in shape:
            continue
        kind, make, _ = TYPES.get(name, (pa.null(), lambda rng: None, None))
        if "list" in shape:
            made = lists(kind, make, rng, nulls, rows)
            if shape == "list of required":
                kind = pa.list_(pa.field("element", kind, nullable=False))
                made = made.cast(kind)
            kind = made.type
        else:
            made = column(kind, make, rng, nulls, rows) if name != "null" else pa.nulls(rows)
        fields.append(pa.field(name, kind, nullable="required" not in shape))
        columns.append(made)
    path = pathlib.Path(folder) / f"source-{family}-{shape}-{nulls}-{rows}.parquet".replace(" ", "-")
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), path, store_schema=False, version="2.6")
    return path, pq.ParquetFile(path).read()


# ---- values in a form that is the same for every reader ----



def nanoseconds(values):
    bits = pa.int32() if pa.types.is_time32(values.type) else pa.int64()
    return pc.multiply_checked(values.cast(bits).cast(pa.int64()), NS[values.type.unit])


def bits_of(values):
    """Floats by their bits: zeros have signs, and NaN is one."""
    values = values.cast(pa.float64())
    return pc.if_else(pc.is_nan(values), float("nan"), values).view(pa.int64())


def scalars(values, kind):
    """`values` of some reader, `kind` as the source has it."""
    values = whole(values)
    found = values.type
    if isinstance(kind, pa.BaseExtensionType):  # UUID
        if pa.types.is_string(found):
            return pa.array([None if text is None else bytes.fromhex(text.replace("-", "")) for text in values.to_pylist()], pa.binary())
        return values.cast(pa.binary())
    if pa.types.is_null(kind):
        assert values.null_count == len(values), "there are values among nulls"
        return pa.nulls(len(values))
    if pa.types.is_floating(kind):
        assert pa.types.is_floating(found), found
        return bits_of(values)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        assert pa.types.is_timestamp(found) == pa.types.is_timestamp(kind), found
        assert not pa.types.is_timestamp(kind) or (kind.tz is None) == (found.tz is None), found
        return nanoseconds(values)
    if pa.types.is_string(kind):
        assert not pa.types.is_binary(found) and not pa.types.is_large_binary(found), found
        return values.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return values.cast(pa.binary())
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        assert pa.types.is_integer(found) == pa.types.is_integer(kind), found
        return values.cast(kind)
    assert found == kind, found
    return values


def canonical(values, kind):
    values = whole(values)
    if not is_list(kind):
        return [scalars(values, kind)]
    assert is_list(values.type), values.type
    return [values.value_lengths().cast(pa.int64()), scalars(values.flatten(), kind.value_type)]


def same(found, wanted):
    return len(found) == len(wanted) and all(a.equals(b) for a, b in zip(found, wanted))


# ---- readers: (the columns of these names, each as it can be compared) ----


def by_pyarrow(path, names, given):
    found = pq.ParquetFile(path, page_checksum_verification=True).read(columns=names)
    assert found.schema.equals(given.select(names).schema), f"another schema: {found.schema}"
    return {name: found[name] for name in names}


@functools.cache
def duck():
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    return connection


def by_duckdb(path, names, given):
    columns = ", ".join(f'"{name}"' for name in names)
    found = duck().sql(f"SELECT {columns} FROM '{path}'").to_arrow_table()
    return {name: found[name] for name in names}


def by_polars(path, names, given):
    found = polars.read_parquet(path, columns=names).to_arrow()
    return {name: found[name] for name in names}


READ = {"pyarrow": by_pyarrow, "DuckDB": by_duckdb, "Polars": by_polars}


# ---- what they cannot read ----

NARROW = {"int8", "int16", "uint8", "uint16"}
NO_DELTA = {"bool", "half", "float", "double", "decimal19", "decimal38"}


def has_delta(case, name):
    return case.encoding == "delta" and name not in NO_DELTA


def may_have_no_values(case, name):
    return case.nulls != "none" or "list" in case.shape or name == "null"


# (reader, why, which column of which case): all of one reader, which others do not share.
EXEMPT = [
    ("fastparquet", "deltas of more than 16 bits: it crashes or gives other values", lambda case, name: has_delta(case, name) and name not in NARROW),
    ("fastparquet", "deltas among nulls: not implemented in pages of version 2, a crash where there are no values", lambda case, name: has_delta(case, name) and case.nulls != "none"),
    ("fastparquet", "lists in pages of version 2: it takes their values for rows", lambda case, name: "list" in case.shape and case.pages == 2),
    ("fastparquet", "an uncompressed dictionary page of no values", lambda case, name: case.codec == "none" and "dictionary" in case.encoding and may_have_no_values(case, name)),
    ("fastparquet", "strings and fixed binary whose dictionary falls back", lambda case, name: "falls" in case.encoding and case.family == "bytes" and name != "binary"),
    ("fastparquet", "nulls where a page of version 2 is not the only one of its chunk", lambda case, name: case.pages == 2 and case.nulls == "some" and ("falls" in case.encoding or case.groups == "several")),
    ("fastparquet", "PLAIN strings in lists: all rows are null", lambda case, name: name == "string" and "list" in case.shape and case.encoding != "dictionary"),
]


def exemption(reader, case, name):
    """The number of the first that applies, or None."""
    return next((number for number, (who, _, applies) in enumerate(EXEMPT) if who == reader and applies(case, name)), None)


# ---- the files ----


def problem_of(reader, path, names, given, expected):
    """None when all of these columns are read equal."""
    try:
        found = READ[reader](path, names, given)
        for name in names:
            if not same(canonical(found[name], given.schema.field(name).type), expected[name]):
                return f"{name} has other values"
    except (AssertionError, LookupError, OSError, TypeError, ValueError, NotImplementedError, duckdb.Error, polars.exceptions.PolarsError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def write(folder, numbered):
    """One process for all. What each file says of itself is verified, and it is copied once more in other calls of the
    writer: the bytes must be the same, and so is what our reader reads."""
    jobs = folder / "jobs"
    with open(jobs, "w") as out:
        for number, case in numbered:
            given, _ = source(folder, case.family, case.shape, case.nulls, case.rows)
            flags = " ".join(map(str, case.flags()))
            print(given, folder / f"{number}.parquet", flags, "--verify", file=out)
            print(folder / f"{number}.parquet", folder / f"{number}.again", flags, "--call-rows", 7, file=out)
    done = subprocess.run([COPY, "--jobs", jobs], capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for number, case in numbered:
        again = folder / f"{number}.again"
        assert again.read_bytes() == (folder / f"{number}.parquet").read_bytes(), f"{case}: a copy of it has other bytes"
        again.unlink()


class Counts:
    def __init__(self):
        self.files = collections.Counter()
        self.values = collections.Counter()
        self.of = {dimension: collections.defaultdict(collections.Counter) for dimension in DIMENSIONS}
        self.types = collections.defaultdict(collections.Counter)
        self.tried, self.needed, self.wrong = collections.Counter(), collections.Counter(), []


def check(reader, ask, case, given, expected, counts):
    """`ask` tells what is wrong with some columns, or None."""
    exempt = {name: exemption(reader, case, name) for name in given.column_names}
    names = [name for name in given.column_names if exempt[name] is None]
    problem = ask(names) if names else None
    if problem:
        counts.wrong.append((reader, case, problem))
    elif names:
        counts.files[reader] += 1
        counts.values[reader] += sum(len(expected[name][-1]) for name in names)
        for dimension in DIMENSIONS:
            counts.of[dimension][str(getattr(case, dimension))][reader] += 1
        for name in names:
            counts.types[name][reader] += 1
    for name, number in exempt.items():
        if number is None:
            continue
        counts.tried[number] += 1
        if counts.needed[number] == 0 and ask([name]):
            counts.needed[number] += 1


def count_all(chosen, folder):
    folder, counts, worker = pathlib.Path(folder), Counts(), Worker()
    numbered = list(enumerate(chosen))
    for begin in range(0, len(numbered), 200):
        write(folder, numbered[begin : begin + 200])
        for number, case in numbered[begin : begin + 200]:
            path = folder / f"{number}.parquet"
            origin, given = source(folder, case.family, case.shape, case.nulls, case.rows)
            expected = {name: canonical(given[name], given.schema.field(name).type) for name in given.column_names}
            for reader in READERS:
                ask = lambda names, reader=reader: problem_of(reader, path, names, given, expected)
                if reader == "fastparquet":
                    ask = lambda names: worker.problem_of(path, origin, names)
                check(reader, ask, case, given, expected, counts)
            path.unlink()
    worker.close()
    return counts


def read_equal(chosen, folder, all_exemptions=False):
    """The table of what was read equal, as text; fails with the files that were not."""
    counts = count_all(chosen, folder)
    assert not counts.wrong, f"{len(counts.wrong)} of {len(chosen) * len(READERS)}, the first:\n" + "\n".join(map(str, counts.wrong[:10]))
    idle = [EXEMPT[number][:2] for number in range(len(EXEMPT)) if counts.needed[number] == 0]
    assert not all_exemptions or not idle, f"these exemptions are not needed: {idle}"
    return as_text(len(chosen), counts)


def as_text(files, counts):
    line = lambda cells: f"{cells[0]:<10}{cells[1]:<29}" + "".join(f"{cell:>13}" for cell in cells[2:])
    total = sum(counts.files.values())
    out = [f"{files} Parquet files of ours, {total} times read equal, {sum(counts.values.values())} values", ""]
    out += [line(["", "", *READERS]), line(["files", "", *(counts.files[reader] for reader in READERS)]), line(["values", "", *(counts.values[reader] for reader in READERS)])]
    for dimension, found in [*counts.of.items(), ("type", counts.types)]:
        out.append("")
        for number, (value, of) in enumerate(found.items()):
            out.append(line([dimension if number == 0 else "", value, *(of[reader] or "-" for reader in READERS)]))
    out += ["", "Not read, and tried:"]
    out += [f"  {who}, {counts.tried[number]} columns: {why}" for number, (who, why, _) in enumerate(EXEMPT)]
    return "\n".join(out) + "\n"
