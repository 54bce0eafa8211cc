"""Rows that `where` and the timeframe drop are not read where the file can tell: by statistics, bloom filters, dictionaries and
page indexes. Here for each of them and each type: that --explain says so, and that no answer changes by it.

DAYFLY_SKIPPING_CASES sets how many random queries the property test asks, each with every kind switched off in turn."""
import datetime
import decimal
import json
import os
import pathlib
import subprocess

import pyarrow
import pyarrow.parquet
import pytest

from conftest import ROOT, Dayfly

CASES = int(os.environ.get("DAYFLY_SKIPPING_CASES", 600))
BATCH = pathlib.Path(os.environ.get("DAYFLY_FUNNEL_BATCH", ROOT / "build/debug/tests/funnel_batch"))
ROWS = 16000
KINDS = ["statistics", "bloom", "dictionary", "pages"]

# ---- values of each type: the n-th in order, and how a filter writes it ----

DAY = datetime.date(1990, 1, 1)
MOMENT = datetime.datetime(2015, 5, 1)


def integer(n):
    return n - 5000


TYPES = {
    # name: type, the n-th value, the n-th value in a filter
    "int32": (pyarrow.int32(), integer, integer),
    "int64": (pyarrow.int64(), lambda n: integer(n) * 10**14, lambda n: integer(n) * 10**14),
    "uint64": (pyarrow.uint64(), lambda n: 2**63 - 5000 + n, lambda n: 2**63 - 5000 + n),
    "double": (pyarrow.float64(), lambda n: integer(n) / 4, lambda n: integer(n) / 4),
    "float": (pyarrow.float32(), lambda n: integer(n) / 4, lambda n: integer(n) / 4),
    "string": (pyarrow.string(), lambda n: f"{n:06}", lambda n: f"{n:06}"),
    # longer than what the writers keep of a bound
    "long_string": (pyarrow.string(), lambda n: "ab" * 10 + f"{n:06}" + "z" * 120, lambda n: "ab" * 10 + f"{n:06}" + "z" * 120),
    "timestamp": (pyarrow.timestamp("us"), lambda n: MOMENT + datetime.timedelta(seconds=n), lambda n: (MOMENT + datetime.timedelta(seconds=n)).isoformat() + "Z"),
    "date": (pyarrow.date32(), lambda n: DAY + datetime.timedelta(days=n), lambda n: str(DAY + datetime.timedelta(days=n))),
    "decimal": (pyarrow.decimal128(9, 2), lambda n: decimal.Decimal(integer(n)) / 100, lambda n: integer(n) / 100),
    "wide_decimal": (pyarrow.decimal128(30, 2), lambda n: decimal.Decimal(integer(n)) / 100, lambda n: integer(n) / 100),
}
ORDERED = list(TYPES)


def table_of(columns, rng, rows=ROWS):
    """u and t, which cannot be compressed away, and the columns given as {name: (type, values)}."""
    made = {
        "u": pyarrow.array([rng.randrange(2**40) * 97 + i % 7 for i in range(rows)], pyarrow.int64()),
        "t": pyarrow.array([1_430_000_000_000 + i * 1000 for i in range(rows)], pyarrow.int64()),
        "noise": pyarrow.array([rng.random() for _ in range(rows)], pyarrow.float64()),
    }
    return pyarrow.table({**made, **{name: pyarrow.array(values, kind) for name, (kind, values) in columns.items()}})


def with_nulls(values, rng):
    """Single nulls, and a stretch of nothing else."""
    return [None if rng.random() < 0.1 or 4000 <= i < 7000 else value for i, value in enumerate(values)]


def write_pages(table, file, **options):
    """One row group, pages of 500 rows with indexes."""
    options = {"max_rows_per_page": 500, "write_batch_size": 500, "write_page_index": True, "row_group_size": len(table), **options}
    pyarrow.parquet.write_table(table, file, **options)


# ---- asking ----


class Batch:
    """One funnel_batch process that explains."""

    def __init__(self, folder, threads=1):
        assert BATCH.exists(), f"{BATCH} is not there: make test builds it"
        (folder / "temporary").mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [BATCH, str(threads), "0", folder / "temporary", "explain"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request):
        """(answer as text, explain)."""
        found = self.ask_anything(request)
        assert "answer" in found, (found, request)
        return json.dumps(found["answer"]), found["explain"]

    def ask_anything(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"funnel_batch ended with {self.process.wait()} over {json.dumps(request)}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    made = Batch(tmp_path_factory.mktemp("batch"))
    yield made
    made.close()


def request_of(file, where=None, **more):
    dataset = {"paths": [str(file)], "user": "u", "time": "t", "timestampUnit": "ms", "groups": "whole"}
    funnel = {"sequence": [{"filter": ["noise", "<", 0.5]}, {"filter": ["noise", ">=", 0.5]}]}
    return {"dataset": dataset, "funnel": funnel, **({"where": where} if where else {}), **more}


def skipped_alike(batch, request):
    """The explain of the request, after the answer was compared with one that skips nothing."""
    plain, nothing = batch.ask({**request, "without": ["all"]})
    assert nothing["skippedBy"] == {kind: 0 for kind in KINDS} and nothing["pages"] == {"read": 0, "skipped": 0}
    answer, explain = batch.ask(request)
    assert answer == plain, request
    return explain


def between(column, low, high):
    return {"and": [{"column": column, "op": ">=", "value": low}, {"column": column, "op": "<", "value": high}]}


# ---- each kind over each type ----


@pytest.mark.parametrize("nulls", [False, True], ids=["values", "nulls"])
@pytest.mark.parametrize("name", ORDERED)
def test_statistics_skip_row_groups(batch, tmp_path, rng, name, nulls):
    kind, value, written = TYPES[name]
    values = [value(i) for i in range(ROWS)]
    table = table_of({"c": (kind, with_nulls(values, rng) if nulls else values)}, rng)
    pyarrow.parquet.write_table(table, tmp_path / "f.parquet", row_group_size=1000)
    explain = skipped_alike(batch, request_of(tmp_path / "f.parquet", between("c", written(8100), written(9100))))
    assert explain["rowGroups"] == {"read": 2, "skipped": 14}
    assert explain["skippedBy"] == {"statistics": 14, "bloom": 0, "dictionary": 0, "pages": 0}


@pytest.mark.parametrize("nulls", [False, True], ids=["values", "nulls"])
@pytest.mark.parametrize("name", ORDERED)
def test_page_indexes_leave_ranges_of_rows(batch, tmp_path, rng, name, nulls):
    kind, value, written = TYPES[name]
    values = [value(i) for i in range(ROWS)]
    table = table_of({"c": (kind, with_nulls(values, rng) if nulls else values)}, rng)
    write_pages(table, tmp_path / "f.parquet", use_dictionary=False, data_page_version=rng.choice(["1.0", "2.0"]))
    request = request_of(tmp_path / "f.parquet", between("c", written(8100), written(9100)))
    explain = skipped_alike(batch, request)
    assert explain["pages"] == {"read": 3, "skipped": 29}
    assert explain["rowGroups"] == {"read": 1, "skipped": 0}
    _, without = batch.ask({**request, "without": ["pages"]})
    assert explain["stages"][-1]["readBytes"] * 3 < without["stages"][-1]["readBytes"]
    nowhere = skipped_alike(batch, request_of(tmp_path / "f.parquet", {"and": [between("c", written(100), written(900)), between("c", written(9100), written(9900))]}))
    assert nowhere["skippedBy"]["pages"] == 1 and nowhere["rowGroups"] == {"read": 0, "skipped": 1}


def test_page_indexes_of_bools_and_nulls(batch, tmp_path, rng):
    table = table_of(
        {
            "b": (pyarrow.bool_(), [8000 <= i < 9000 for i in range(ROWS)]),
            "n": (pyarrow.int64(), [i if i < 3000 or i >= 6000 else None for i in range(ROWS)]),
            "s": (pyarrow.string(), [None if i < 12000 else f"text {i}" for i in range(ROWS)]),
        },
        rng,
    )
    write_pages(table, tmp_path / "f.parquet", use_dictionary=False)
    for where, read in [
        (["b", "==", True], 2),
        ({"not": {"column": "b", "op": "==", "value": False}}, 2),
        ({"column": "n", "op": "is null"}, 6),
        ({"column": "s", "op": "is not null"}, 8),
        (["s", "contains", "text"], 8),
        ({"or": [{"column": "b", "op": "==", "value": True}, {"column": "n", "op": "<", "value": 900}]}, 8),
    ]:
        explain = skipped_alike(batch, request_of(tmp_path / "f.parquet", where))
        assert explain["pages"]["read"] == read, (where, explain)
        assert explain["pages"]["skipped"] > 0


@pytest.mark.parametrize("kind", [pyarrow.int64(), pyarrow.timestamp("ms"), pyarrow.uint64(), pyarrow.float64()], ids=str)
def test_a_timeframe_leaves_ranges_of_rows(batch, tmp_path, rng, kind):
    table = table_of({}, rng)
    seconds = kind == pyarrow.float64()
    times = [1_430_000_000 + i if seconds else 1_430_000_000_000 + i * 1000 for i in range(ROWS)]
    table = table.set_column(1, "t", pyarrow.array(times, kind))
    write_pages(table, tmp_path / "f.parquet", use_dictionary=False)
    request = request_of(tmp_path / "f.parquet", timeframe={"from": "2015-04-25T22:13:20.000Z", "to": "2015-04-25T23:00:00Z"})
    if seconds:
        del request["dataset"]["timestampUnit"]
    explain = skipped_alike(batch, request)
    assert explain["pages"] == {"read": 6, "skipped": 26}, explain


@pytest.mark.parametrize("name", ORDERED)
def test_bloom_filters_skip_row_groups(batch, tmp_path, rng, name):
    """Even values in every row group, in no order: an odd one is inside all bounds, and in none."""
    kind, value, written = TYPES[name]
    order = [i * 2 for i in range(ROWS)]
    rng.shuffle(order)
    values = with_nulls([value(n) for n in order], rng)
    there = next(n for n, value in zip(order, values) if value is not None)
    table = table_of({"c": (kind, values)}, rng)
    bloom = {"c": {"ndv": 5000, "fpp": 0.001}}
    pyarrow.parquet.write_table(table, tmp_path / "f.parquet", row_group_size=4000, use_dictionary=False, bloom_filter_options=bloom)
    odd = [written(9001), written(12001)]
    for where in [["c", "==", odd[0]], {"column": "c", "op": "in", "value": odd}, {"and": [{"column": "noise", "op": ">", "value": 0.1}, {"column": "c", "op": "==", "value": odd[1]}]}]:
        explain = skipped_alike(batch, request_of(tmp_path / "f.parquet", where))
        assert explain["skippedBy"] == {"statistics": 0, "bloom": 4, "dictionary": 0, "pages": 0}, (where, explain)
    present = skipped_alike(batch, request_of(tmp_path / "f.parquet", ["c", "==", written(there)]))
    assert present["rowGroups"]["read"] >= 1
    unasked = skipped_alike(batch, request_of(tmp_path / "f.parquet", ["c", "!=", odd[0]]))
    assert unasked["skippedBy"]["bloom"] == 0


def test_bloom_filters_of_lists(batch, tmp_path, rng):
    tags = pyarrow.list_(pyarrow.string())
    table = table_of({"tags": (tags, [rng.choice([None, [], [f"tag{i % 50 * 2:03}", None]]) for i in range(ROWS)])}, rng)
    pyarrow.parquet.write_table(
        table, tmp_path / "f.parquet", row_group_size=4000, use_dictionary=False, bloom_filter_options={"tags.list.element": {"ndv": 100, "fpp": 0.001}}
    )
    for op, value, skipped in [("has", "tag007", 4), ("has any", ["tag007", "tag009"], 4), ("has all", ["tag006", "tag009"], 4), ("has any", ["tag006", "tag009"], 0)]:
        explain = skipped_alike(batch, request_of(tmp_path / "f.parquet", {"column": "tags", "op": op, "value": value}))
        assert explain["skippedBy"]["bloom"] == skipped, (op, value, explain)


@pytest.mark.parametrize("name", ORDERED)
def test_dictionaries_skip_row_groups(batch, tmp_path, rng, name):
    kind, value, written = TYPES[name]
    values = [value(rng.randrange(50) * 2) for _ in range(ROWS)]
    table = table_of({"c": (kind, with_nulls(values, rng))}, rng)
    write_pages(table, tmp_path / "f.parquet", use_dictionary=["c"], row_group_size=8000)
    wanted = 0 if name == "wide_decimal" else 2  # 128 bits are never handed on as codes
    for where in [["c", "==", written(7)], {"column": "c", "op": "in", "value": [written(9), written(11)]}]:
        explain = skipped_alike(batch, request_of(tmp_path / "f.parquet", where))
        assert explain["skippedBy"]["dictionary"] == wanted, (where, explain)


def test_dictionaries_settle_any_test_of_values(batch, tmp_path, rng):
    table = table_of({"e": (pyarrow.string(), [rng.choice(["view", "cart", "buy|now", None]) for _ in range(ROWS)])}, rng)
    write_pages(table, tmp_path / "f.parquet", use_dictionary=["e"])
    for where in [["e", "contains", "xx"], ["e", "regex", "^vi$"], ["e", "ends with", "by"], {"column": "e", "op": "has", "value": "later", "delimiter": "|"}]:
        assert skipped_alike(batch, request_of(tmp_path / "f.parquet", where))["skippedBy"]["dictionary"] == 1, where
    for where in [["e", "regex", "^vi"], {"column": "e", "op": "is null"}, ["e", "not contains", "xx"], {"column": "e", "op": "has", "value": "now", "delimiter": "|"}]:
        assert skipped_alike(batch, request_of(tmp_path / "f.parquet", where))["skippedBy"]["dictionary"] == 0, where


# ---- files of others, and ours ----


def test_bloom_filters_of_duckdb(batch, tmp_path, rng):
    duckdb = pytest.importorskip("duckdb")
    file = tmp_path / "f.parquet"
    duckdb.sql(
        f"COPY (SELECT hash(i) >> 2 AS u, 1430000000000 + i AS t, random() AS noise, ((hash(i) % 500) * 2)::BIGINT AS c,"
        f" 'k' || ((hash(i + 1) % 500) * 2) AS s FROM range(20000) r(i)) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 10000)"
    )
    for where in [["c", "==", 501], ["s", "==", "k501"], {"column": "s", "op": "in", "value": ["k501", "k503"]}]:
        explain = skipped_alike(batch, request_of(file, where))
        assert explain["skippedBy"]["bloom"] + explain["skippedBy"]["dictionary"] == explain["rowGroups"]["skipped"] > 0, (where, explain)
        assert explain["rowGroups"]["read"] == 0, (where, explain)


def test_page_indexes_of_files_that_we_wrote(dayfly, tmp_path, rng):
    with open(tmp_path / "in.csv", "w") as file:
        file.write("u,t,noise,c,s\n")
        for i in range(150_000):
            file.write(f"{i},{1430000000000 + i},{rng.random()},{i},{'x' * 20}{i:07}{rng.randrange(10**9):060}\n")
    dayfly.run("import", "in.csv", "-o", "ours", "--user", "u", "--time", "t", "--parts", 1)
    words = ["funnel", "ours", "--user", "u", "--time", "t", "--time-unit", "ms", "--step", "noise < 0.5", "--where"]
    for where in [f"s starts with '{'x' * 20}0050'", f"s >= '{'x' * 20}01' and s < '{'x' * 20}011' and c > 7"]:  # bounds are cut
        explain = json.loads(dayfly.run(*words, where, "--explain", "-o", "json").stdout)
        assert explain["pages"]["skipped"] > explain["pages"]["read"] > 0, (where, explain)
        answers = [
            json.loads(dayfly.run(*words, where, "-o", "json", environment={"DAYFLY_FUNNEL_WITHOUT": without}).stdout)
            for without in ["", "all"]
        ]
        assert answers[0]["query"] == answers[1]["query"] and answers[0]["funnel"] == answers[1]["funnel"]
        assert answers[0]["query"]["matchingGroupRows"] > 0


# ---- how it is told ----


def test_explain_tells_in_words_what_was_skipped(dayfly, tmp_path, rng):
    table = table_of({"e": (pyarrow.string(), ["view"] * ROWS), "c": (pyarrow.int64(), list(range(ROWS)))}, rng)
    write_pages(table, tmp_path / "f.parquet", use_dictionary=["e"], row_group_size=8000)
    words = ["funnel", "f.parquet", "--user", "u", "--time", "t", "--time-unit", "ms", "--step", "noise < 0.5", "--explain", "--where"]
    pages = dayfly.run(*words, "c < 1000").stdout
    assert "pages       2 read, 14 skipped\n" in pages and "row groups  1 read, 1 skipped\n" in pages, pages
    both = dayfly.run(*words, "c < 8000 and e contains 'ie' and e regex 'x'").stdout
    assert "row groups  0 read, 2 skipped\n" in both and "skipped: 1 by statistics, 1 by dictionaries\n" in both, both
    off = dayfly.run(*words, "c < 1000", environment={"DAYFLY_FUNNEL_WITHOUT": "statistics, pages"}).stdout
    assert "row groups  2 read, 0 skipped\n" in off and "pages" not in off, off
    wrong = dayfly.run(*words, "c < 1000", environment={"DAYFLY_FUNNEL_WITHOUT": "page"}, status=2).stderr
    assert "funnel.without: 'page' is no optimisation; there are statistics, pages, bloom" in wrong


# ---- damage ----


def index_bytes(file):
    """(where they begin, where they end): everything between the data and the footer."""
    bytes_ = file.read_bytes()
    metadata = pyarrow.parquet.read_metadata(file)
    chunks = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    return max(chunk.data_page_offset + chunk.total_compressed_size for chunk in chunks), len(bytes_) - 8 - int.from_bytes(bytes_[-8:-4], "little")


def test_hostile_indexes_hide_rows_at_worst(batch, tmp_path, rng):
    """Indexes with some bytes changed: an answer of no more rows than there are, or an error that names the file."""
    table = table_of({"c": (pyarrow.int64(), list(range(ROWS))), "k": (pyarrow.int64(), [rng.randrange(5000) * 2 for _ in range(ROWS)])}, rng)
    file, bad = tmp_path / "f.parquet", tmp_path / "bad.parquet"
    write_pages(table, file, use_dictionary=False, bloom_filter_options={"k": {"ndv": 100}})
    begin, end = index_bytes(file)
    request = request_of(bad, {"and": [between("c", 6000, 11000), {"not": {"column": "k", "op": "==", "value": 5001}}]})
    bad.write_bytes(file.read_bytes())
    most = json.loads(batch.ask(request)[0])["query"]["matchingGroupRows"]
    assert most == 5000
    for _ in range(200):
        changed = bytearray(file.read_bytes())
        for _ in range(rng.choice([1, 1, 3, 40])):
            changed[rng.randrange(begin, end)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        bad.write_bytes(changed)
        found = batch.ask_anything(request)
        if "error" in found:
            assert found["error"]["kind"] in ("corrupt", "unsupported") and "bad.parquet" in found["error"]["message"], found
        else:
            assert found["answer"]["query"]["matchingGroupRows"] <= most, found


def test_damaged_indexes_are_not_used(batch, tmp_path, rng):
    """Column indexes and bloom filters of zeros: all rows are read."""
    values = list(range(ROWS))
    table = table_of({"c": (pyarrow.int64(), values), "k": (pyarrow.int64(), [rng.randrange(5000) * 2 for _ in range(ROWS)])}, rng)
    file = tmp_path / "f.parquet"
    write_pages(table, file, use_dictionary=False, bloom_filter_options={"k": {"ndv": 5000}})
    whole = file.read_bytes()
    wheres = [between("c", 8100, 9100), ["k", "==", 5001]]
    before = [batch.ask(request_of(file, where))[0] for where in wheres]
    begin, end = index_bytes(file)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(whole[:begin] + bytes(end - begin) + whole[end:])
    for where, answer in zip(wheres, before):
        again, explain = batch.ask(request_of(bad, where))
        assert again == answer and explain["pages"]["skipped"] == 0 and explain["skippedBy"]["bloom"] == 0


# ---- the property ----

COLUMNS = ["int32", "int64", "uint64", "double", "float", "string", "timestamp", "date", "decimal", "wide_decimal"]


def arranged(rng, rows):
    """Numbers of values: in order, in stretches, or in none."""
    span = rng.choice([3, 40, 500, 10_000])
    numbers = [rng.randrange(span) for _ in range(rows)]
    how = rng.choice(["sorted", "falling", "clustered", "random"])
    if how in ("sorted", "falling"):
        numbers.sort(reverse=how == "falling")
    if how == "clustered":
        numbers = [min(span - 1, (i // 700 * 37) % span + rng.randrange(3)) for i in range(rows)]
    return numbers


class RandomFile:
    def __init__(self, file, rng):
        self.rows = rng.randrange(3000, 9000)
        self.names = rng.sample(COLUMNS, 4)
        columns = {"b": (pyarrow.bool_(), [n > 1 for n in arranged(rng, self.rows)])}
        self.numbers = {}
        for name in self.names:
            numbers = [2 * n for n in arranged(rng, self.rows)]  # odd ones are missed between others
            share = rng.choice([0, 0, 0.1])
            columns[name] = (TYPES[name][0], [None if rng.random() < share else TYPES[name][1](n) for n in numbers])
            self.numbers[name] = numbers
        columns["tags"] = (pyarrow.list_(pyarrow.string()), [[f"tag{n % 40 * 2}"] * (n % 3) if n % 7 else None for n in arranged(rng, self.rows)])
        table = table_of(columns, rng, self.rows)
        users = pyarrow.array([rng.randrange(400) for _ in range(self.rows)], pyarrow.int64())
        times = sorted(rng.randrange(20_000_000) for _ in range(self.rows)) if rng.random() < 0.7 else [rng.randrange(20_000_000) for _ in range(self.rows)]
        table = table.set_column(0, "u", users).set_column(1, "t", pyarrow.array([1_430_000_000_000 + time for time in times], pyarrow.int64()))
        write_pages(
            table,
            file,
            max_rows_per_page=rng.choice([100, 300, 700]),
            write_batch_size=100,
            row_group_size=rng.choice([self.rows, 2500]),
            use_dictionary=rng.random() < 0.6,
            data_page_version=rng.choice(["1.0", "2.0"]),
            write_statistics=rng.random() < 0.8,
            write_page_index=rng.random() < 0.9,
            bloom_filter_options={name: {"ndv": 2000} for name in self.names} if rng.random() < 0.6 else None,
            compression=rng.choice(["none", "snappy", "zstd"]),
        )

    def leaf(self, rng):
        kind = rng.random()
        name = rng.choice(self.names)
        written = TYPES[name][2]
        n = rng.choice([rng.choice(self.numbers[name]), rng.choice(self.numbers[name]) + 1, rng.randrange(20_001), -1])
        if kind < 0.55:
            return {"column": name, "op": rng.choice(["==", "!=", "<", "<=", ">", ">=", "=="]), "value": written(max(n, 0))}
        if kind < 0.7:
            return {"column": name, "op": rng.choice(["in", "in", "not in"]), "value": [written(rng.choice(self.numbers[name]) + rng.choice([0, 1, 1])) for _ in range(rng.randrange(1, 4))]}
        if kind < 0.78:
            return {"column": name, "op": rng.choice(["is null", "is not null"])}
        if kind < 0.85:
            return {"column": "b", "op": "==", "value": rng.random() < 0.5}
        if kind < 0.92 or "string" not in self.names:
            op = rng.choice(["has", "has any", "has all"])
            tags = [f"tag{rng.randrange(80)}" for _ in range(2)]
            return {"column": "tags", "op": op, "value": tags[0] if op == "has" else tags}
        return {"column": "string", "op": rng.choice(["starts with", "contains", "not contains", "regex"]), "value": rng.choice(["0000", "00001", "7", "999"])}

    def filter(self, rng, depth=0):
        kind = rng.random()
        if depth > 2 or kind < 0.5:
            return self.leaf(rng)
        if kind < 0.6:
            return {"not": self.filter(rng, depth + 1)}
        return {rng.choice(["and", "and", "or"]): [self.filter(rng, depth + 1) for _ in range(rng.randrange(1, 4))]}

    def query(self, rng, file):
        request = request_of(file, self.filter(rng) if rng.random() < 0.9 else None)
        request["dataset"]["groups"] = rng.choice(["whole", "spread", "auto"])
        if rng.random() < 0.4:
            low = 1_430_000_000_000 + rng.randrange(20_000_000)
            request["timeframe"] = {"from": low, "to": low + rng.randrange(1, 6_000_000)}
        if rng.random() < 0.3:
            request["funnel"]["order"] = "strict"
        if rng.random() < 0.3:
            request["query"] = {"aggregations": [{"column": rng.choice(self.names), "type": rng.choice(["count", "countPerValue", "countDistinct", "min"])}]}
        if rng.random() < 0.2:
            request["funnel"]["breakdown"] = {"column": "b", "attribution": rng.choice(["first", "last"])}
        return request


def test_skipping_never_changes_an_answer(batch, tmp_path, rng):
    """Each query with nothing skipped, with everything, and with each kind alone."""
    skipped = dict.fromkeys([*KINDS, "ranges"], 0)
    for case in range(CASES):
        file = tmp_path / f"{case // 40}.parquet"
        if case % 40 == 0:
            data = RandomFile(file, rng)
        request = data.query(rng, file)
        plain, _ = batch.ask({**request, "without": ["all"]})
        alone = KINDS[case % 4]
        for without in [[], [kind for kind in KINDS if kind != alone]]:
            answer, explain = batch.ask({**request, "without": without})
            assert answer == plain, f"case {case}: {json.dumps({**request, 'without': without})}"
            for kind in KINDS:
                skipped[kind] += explain["skippedBy"][kind] > 0
            skipped["ranges"] += explain["pages"]["skipped"] > 0
    print(f"{CASES} cases; some were skipped by: {skipped}")
    if CASES >= 500:
        assert min(skipped.values()) >= 5, skipped
