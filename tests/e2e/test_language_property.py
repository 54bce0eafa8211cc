"""Random small data, random queries over the whole language: the answer is that of tests/e2e/naive.py, which tries every
chain; and it is the same bytes however the data is cut and however little memory there is.

DAYFLY_LANGUAGE_CASES sets how many cases the first test runs (20,000 in `make test-all`); one funnel_batch process answers all
of them."""
import collections
import datetime
import itertools
import json
import os
import pathlib
import subprocess
import zlib

import pyarrow
import pyarrow.parquet
import pytest

import naive
from conftest import ROOT, SEED

CASES = int(os.environ.get("DAYFLY_LANGUAGE_CASES", 4000))
QUERIES_PER_DATASET = 50
BATCH = pathlib.Path(os.environ.get("DAYFLY_FUNNEL_BATCH", ROOT / "build/debug/tests/funnel_batch"))
BASE = 1430622000000 - 1430622000000 % 86_400_000

# ---- data ----

SCHEMAS = [
    # user, time: how the same values may be stored
    (pyarrow.int64(), pyarrow.int64()),
    (pyarrow.string(), pyarrow.timestamp("ms")),
    (pyarrow.int32(), pyarrow.timestamp("ms", tz="UTC")),
    (pyarrow.large_string(), pyarrow.int64()),
    (pyarrow.uint64(), pyarrow.uint64()),
]


def maybe(rng, value, share=0.15):
    return None if rng.random() < share else value


def random_row(rng, user_is_text, spacing, users=5):
    user = rng.randrange(users)
    return {
        "u": maybe(rng, f"user{user}" if user_is_text else user, 0.05),
        "t": maybe(rng, BASE + rng.randrange(12) * spacing, 0.06),
        "e": maybe(rng, rng.choice(["view", "cart", "buy", "viöw", ""])),
        "n": maybe(rng, rng.choice([0, 1, 2, 7, -3, 2**53 + 1, -(2**63)])),
        "p": maybe(rng, rng.choice([0.0, -0.0, 0.1, 2.5, 1e300, -7.25, float("nan")])),
        "b": maybe(rng, rng.random() < 0.5),
        "tags": maybe(rng, [rng.choice(["x", "y", "z", None]) for _ in range(rng.randrange(4))]),
        "d": maybe(rng, rng.choice(["", "a", "a|b", "b|a|c", "|", "ab"])),
        "day": maybe(rng, datetime.date(2015, 5, 1) + datetime.timedelta(days=rng.randrange(4))),
        "when": maybe(rng, datetime.datetime(2015, 5, 1) + datetime.timedelta(microseconds=rng.choice([0, 1, 500_000, 86_400_000_000]))),
    }


COLUMN_TYPES = {
    "e": pyarrow.string(), "n": pyarrow.int64(), "p": pyarrow.float64(), "b": pyarrow.bool_(), "tags": pyarrow.list_(pyarrow.string()),
    "d": pyarrow.string(), "day": pyarrow.date32(), "when": pyarrow.timestamp("us"),
}  # fmt: skip


def write(rows, schema, file, rng):
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({name: pyarrow.array([row[name] for row in rows], type=kind) for name, kind in schema.items()})
    pyarrow.parquet.write_table(
        table, file, row_group_size=rng.choice([1, 3, 7, 1000]) + len(rows) // 20, use_dictionary=rng.random() < 0.5, data_page_size=rng.choice([64, 1 << 20])
    )


class Dataset:
    """Some rows, cut in three ways: one file, neighbouring rows in files (users spread), whole users in files."""

    def __init__(self, folder, rng, rows_max=32, users=5):
        user, time = rng.choice(SCHEMAS)
        self.user_is_text = user in (pyarrow.string(), pyarrow.large_string())
        spacing = rng.choice([60_000, 900_000, 3_600_000, 43_200_000])
        self.rows = [random_row(rng, self.user_is_text, spacing, users) for _ in range(rng.randrange(1, rows_max))]
        if rng.random() < 0.3:  # users in order, as import and repartition write them: then there is a way without a table
            self.rows.sort(key=lambda row: (row["u"] is None, row["u"] or 0 if not self.user_is_text else row["u"] or ""))
        schema = {"u": user, "t": time, **COLUMN_TYPES}
        self.folders = {"one": folder / "one", "spread": folder / "spread", "users": folder / "users"}
        write(self.rows, schema, self.folders["one"] / "all.parquet", rng)
        cuts = sorted(rng.randrange(len(self.rows) + 1) for _ in range(rng.randrange(1, 4)))
        for i, (low, high) in enumerate(zip([0, *cuts], [*cuts, len(self.rows)])):
            write(self.rows[low:high], schema, self.folders["spread"] / f"{i}.parquet", rng)
        own = collections.defaultdict(list)
        for row in self.rows:
            own[zlib.crc32(str(row["u"]).encode()) % 8].append(row)
        for i in own:
            write(own[i], schema, self.folders["users"] / f"{i:03}.parquet", rng)

    def request(self, layout, query, without=()):
        dataset = {"paths": [str(self.folders[layout])], "user": "u", "time": "t", "timestampUnit": "ms"}
        dataset["groups"] = {"one": "auto", "spread": "spread", "users": "whole"}[layout]
        return {"dataset": dataset, **query, **({"without": list(without)} if without else {})}


# ---- queries ----

EVENTS = ["view", "cart", "buy", "viöw", "", "vi", "none"]
LENGTHS = ["0s", "1m", "15m", "30m", "1h", "2h", "12h", "1d", "2d", "1w", 3_600_000, 900_001]


def number(rng):
    return rng.choice([0, 1, 2, 7, -3, 2**53 + 1, 2**53, 2**70, -(2**63), 0.5, 5.5])


def random_leaf(rng):
    kind = rng.randrange(12)
    compare = rng.choice(["==", "!=", ">", ">=", "<", "<="])
    if kind < 4:
        return {"column": "e", "op": "==", "value": rng.choice(EVENTS[:3])}
    if kind == 4:
        op = rng.choice([compare, "contains", "not contains", "starts with", "ends with"])
        return {"column": "e", "op": op, "value": rng.choice(EVENTS)}
    if kind == 5:
        return {"column": "n", "op": compare, "value": number(rng)}
    if kind == 6:
        return {"column": "p", "op": compare, "value": rng.choice([0, 0.1, 2.5, -7.25, 1e300])}
    if kind == 7:
        column = rng.choice(["e", "n", "b"])
        values = {"e": EVENTS, "n": [0, 1, 7, 5.5], "b": [True, False]}[column]
        return {"column": column, "op": rng.choice(["in", "not in"]), "value": rng.sample(values, rng.randrange(len(values)))}
    if kind == 8:
        return {"column": rng.choice(list(COLUMN_TYPES)), "op": rng.choice(["is null", "is not null"])}
    if kind == 9:
        if rng.random() < 0.4:
            return {"column": "e", "op": "regex", "value": rng.choice(["^v", "a", "i.w$", "^$", "[bc]"])}
        return {"column": "b", "op": rng.choice(["==", "!="]), "value": rng.random() < 0.5}
    if kind == 10:
        op = rng.choice(["has", "has any", "has all", "empty", "not empty"])
        split = rng.random() < 0.5
        leaf = {"column": "d" if split else "tags", "op": op}
        if split:
            leaf["delimiter"] = "|"
        items = ["a", "b", "", "ab"] if split else ["x", "y", "q"]
        if op == "has":
            leaf["value"] = rng.choice(items)
        elif op.startswith("has"):
            leaf["value"] = rng.sample(items, rng.randrange(1, 3))
        return leaf
    column = rng.choice(["day", "when"])
    value = rng.choice(["2015-05-01", "2015-05-02", "2015-05-02T12:00:00Z", "2015-05-01T02:00:00+02:00", "2015-05-01T00:00:00.5Z"])
    return {"column": column, "op": compare, "value": value}


def random_filter(rng, depth=0):
    kind = rng.random()
    if depth > 2 or kind < 0.7:
        leaf = random_leaf(rng)
        if rng.random() < 0.2 and set(leaf) == {"column", "op", "value"}:
            return [leaf["column"], leaf["op"], leaf["value"]]
        return leaf
    if kind < 0.8:
        return {"not": random_filter(rng, depth + 1)}
    return {rng.choice(["and", "or"]): [random_filter(rng, depth + 1) for _ in range(rng.randrange(1, 4))]}


def filter_member(rng):
    if rng.random() < 0.15:
        trees = [random_filter(rng, 1) for _ in range(rng.randrange(1, 3))]  # in a list of filters the short form has no place
        return {"filters": [dict(zip(("column", "op", "value"), one)) if isinstance(one, list) else one for one in trees]}
    return {"filter": random_filter(rng)}


def random_sequence(rng, steps_max):
    order = rng.choices(["loose", "strict", "any"], [6, 2, 2])[0]
    steps, positives = [], 0
    wanted = rng.randrange(1, steps_max + 1)
    while positives < wanted:
        if order != "any" and rng.random() < 0.15:
            steps.append({**filter_member(rng), "rowFound": False})
            continue
        step = filter_member(rng)
        if order != "any" and positives and rng.random() < 0.3:
            step["minGap" if rng.random() < 0.4 else "maxGap"] = rng.choice(LENGTHS)
        if rng.random() < 0.1:
            step["rowFound"] = True
        steps.append(step)
        positives += 1
    if order != "any" and rng.random() < 0.15:
        steps.append({**filter_member(rng), "rowFound": False})
    members = {"sequence": steps}
    if order != "loose" or rng.random() < 0.2:
        members["order"] = order
    if rng.random() < 0.4:
        members["maxDuration"] = rng.choice(LENGTHS)
    return members


def random_condition(rng):
    if rng.random() < 0.3:
        return random_sequence(rng, 3)
    condition = filter_member(rng)
    kind = rng.random()
    if kind < 0.4:
        op, count = rng.choice(["==", "!=", ">", ">=", "<", "<="]), rng.randrange(4)
        if (op, count) != ("<", 0):
            condition["target"] = ["count", op, count] if rng.random() < 0.5 else {"type": "count", "op": op, "value": count}
            if (op == "<=") or (op == "<" and count) or (op == ">=" and not count) or (op == "!=" and count):
                if rng.random() < 0.4:
                    condition["includeZero"] = rng.random() < 0.6
    elif kind < 0.7:
        column = rng.choice(["n", "p"])
        condition["target"] = ["sum", column, rng.choice(["==", "!=", ">", ">=", "<", "<="]), rng.choice([0, 1, 2.5, -3, 10])]
    return condition


def random_relation(rng, count):
    kind = rng.randrange(4)
    if kind < 2:
        return ["and", "or"][kind]
    text = f"${rng.randrange(count)}"
    for _ in range(rng.randrange(3)):
        text += f" {rng.choice(['and', 'or', '&&', '||'])} ${rng.randrange(count)}"
        if rng.random() < 0.3:
            text = f"({text})"
    return text


def random_aggregations(rng):
    wanted = []
    for _ in range(rng.randrange(1, 3)):
        kind = rng.choice([None, "count", "countPerValue", "groupsPerValue", "sumPerValue", "meanPerValue", "countDistinct", "min", "max", "sum", "mean", "quantiles"])
        column = rng.choice(["n", "p"] if kind in ("sum", "mean", "quantiles") else ["e", "n", "p", "b", "d", "day", "when"])
        one = {"column": column}
        if kind:
            one["type"] = kind
        if kind in ("sumPerValue", "meanPerValue"):
            one["otherColumn"] = rng.choice(["n", "p"])
        if (kind is None or kind in naive.MAPS) and rng.random() < 0.3:
            one["top"] = rng.randrange(1, 4)
        wanted.append(one)
    return wanted


def random_funnel(rng, folder):
    funnel = random_sequence(rng, 4)
    positives = [step for step in funnel["sequence"] if step.get("rowFound", True)]
    for step in positives:
        if rng.random() < 0.1:
            step["name"] = f"step {rng.randrange(9)}"
    if rng.random() < 0.25:
        funnel["breakdown"] = {"column": rng.choice(["e", "n", "b", "p", "day"])}
        if rng.random() < 0.5:
            funnel["breakdown"]["top"] = rng.randrange(1, 4)
        if rng.random() < 0.5:
            funnel["breakdown"]["attribution"] = rng.choice(["first", "last"])
    if rng.random() < 0.2:
        funnel["trend"] = rng.choice(["hour", "day", "week", "month"])
    if rng.random() < 0.2 and funnel.get("order") != "any":
        funnel["durations"] = True
    if rng.random() < 0.2:
        funnel["sessionGap"] = rng.choice(LENGTHS)
    if rng.random() < 0.2:
        funnel["stepAggregations"] = random_aggregations(rng)
    if rng.random() < 0.2:
        funnel["endAggregations"] = random_aggregations(rng)
    if rng.random() < 0.08:
        step = rng.randrange(1, len(positives) + 1)
        which = "dropped" if step < len(positives) and rng.random() < 0.5 else "reached"
        file = folder / f"cohort{rng.randrange(10**9)}.parquet"
        funnel["export"] = {"step": step, "which": which, "columns": rng.sample(["e", "n", "b", "p"], rng.randrange(3)), "file": str(file)}
    return funnel


def random_query(rng, folder):
    query = {}
    if rng.random() < 0.8:
        query["funnel"] = random_funnel(rng, folder)
    asked = {}
    if rng.random() < 0.4:
        asked["conditions"] = [random_condition(rng) for _ in range(rng.randrange(1, 4))]
        if rng.random() < 0.5:
            asked["relation"] = random_relation(rng, len(asked["conditions"]))
    if rng.random() < 0.3:
        asked["aggregations"] = random_aggregations(rng)
    if asked:
        query["query"] = asked
    if rng.random() < 0.15:
        query["where"] = random_filter(rng)
    if rng.random() < 0.1:
        low = BASE + rng.randrange(4) * 3_600_000
        query["timeframe"] = {"from": low, "to": low + rng.randrange(1, 40) * 3_600_000}
    return query


OPTIMISATIONS = ["statistics", "pages", "bloom", "dictionary", "order", "entries", "radix", "vector"]


def random_without(rng):
    """Optimisations that are left out; without "minimums" small data is worth all of them, too."""
    if rng.random() < 0.2:
        return []
    return [name for name in OPTIMISATIONS if rng.random() < 0.25] + (["minimums"] if rng.random() < 0.7 else [])


# ---- asking and comparing ----


class Batch:
    """One funnel_batch process."""

    def __init__(self, folder, threads=1, memory=0):
        assert BATCH.exists(), f"{BATCH} is not there: make test builds it"
        (folder / "temporary").mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [BATCH, str(threads), str(memory), folder / "temporary"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask_text(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"funnel_batch ended with {self.process.wait()} over {json.dumps(request)}"
        return line

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@pytest.fixture
def batch(tmp_path):
    made = Batch(tmp_path)
    yield made
    made.close()


QUANTILES = {"p25", "p50", "p75", "p90", "p99"}


def differences(found, expected, place=""):
    """Where two answers differ; quantiles may be 1 % off, everything else is exact, the order of maps included."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if set(found) != set(expected):
            yield f"{place}: members {sorted(found)}, expected {sorted(expected)}"
            return
        if place.endswith(".value") and not QUANTILES & set(expected) and list(found) != list(expected):
            yield f"{place}: order {list(found)}, expected {list(expected)}"
        for name, value in expected.items():
            if name in QUANTILES and value is not None and found[name] is not None:
                if abs(found[name] - value) > abs(value) * 0.01:
                    yield f"{place}.{name}: {found[name]}, expected {value} within 1 %"
            else:
                yield from differences(found[name], value, f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            yield f"{place}: {len(found)} entries, expected {len(expected)}"
        for i, (one, other) in enumerate(zip(found, expected)):
            yield from differences(one, other, f"{place}[{i}]")
    elif found != expected or isinstance(found, bool) != isinstance(expected, bool):
        yield f"{place}: {found!r}, expected {expected!r}"


def sortable(row):
    return [(value is not None, str(type(value)), str(value)) for value in row.values()]


def plain(value):
    if isinstance(value, datetime.datetime):
        return int((value.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(milliseconds=1))
    return value


def exported(answer, expected):
    """The rows of the exported file and those that were expected, both as sorted lists of dicts."""
    described = answer["funnel"].pop("export")
    cohort = expected["funnel"].pop("cohort")
    assert described["rows"] == len(cohort)
    (file,) = described["files"]
    rows = pyarrow.parquet.read_table(file).to_pylist()
    pathlib.Path(file).unlink()
    columns = list(cohort[0]) if cohort else list(rows[0]) if rows else []
    normal = lambda row: {name: plain(row[name]) for name in columns}
    return sorted(map(normal, rows), key=sortable), sorted(map(normal, cohort), key=sortable)


def check(batch, dataset, layout, query, without):
    request = dataset.request(layout, query, without)
    told = json.loads(batch.ask_text(request))
    assert "answer" in told, f"{told}\n{json.dumps(request)}"
    answer, expected = told["answer"], naive.evaluate(dataset.rows, query)
    if "export" in query.get("funnel", {}):
        found, wanted = exported(answer, expected)
        assert found == wanted, f"cohort of {json.dumps(request)}\n{json.dumps(dataset.rows, default=str)}"
    wrong = list(differences(answer, expected))
    assert not wrong, "\n".join(wrong[:10]) + f"\n{json.dumps(request)}\n" + json.dumps(dataset.rows, default=str)


def test_answers_are_those_of_every_chain_tried(batch, tmp_path, rng):
    cases = 0
    while cases < CASES:
        dataset = Dataset(tmp_path / f"data{cases}", rng)
        for _ in range(min(QUERIES_PER_DATASET, CASES - cases)):
            check(batch, dataset, rng.choice(["one", "spread", "users"]), random_query(rng, tmp_path), random_without(rng))
            cases += 1
    print(f"{cases} cases, seed {SEED}")


# Enough for the columns of a batch, and little for anything else: users are counted in passes, sections are spilled.
LITTLE_MEMORY = 12 << 20


def test_answers_are_the_same_bytes_however_the_data_is_cut(tmp_path, rng):
    ways = [Batch(tmp_path / "a", 1, 0), Batch(tmp_path / "b", 2, 64 << 20), Batch(tmp_path / "c", 1, LITTLE_MEMORY)]
    cases = min(CASES // 20, 500)
    for case in range(cases):
        if case % 20 == 0:
            large = case % 100 == 0
            dataset = Dataset(tmp_path / f"data{case}", rng, *((30_000, 20_000) if large else (200, 40)))
        query = random_query(rng, tmp_path)
        query.get("funnel", {}).pop("export", None)
        texts = {}
        for way, layout in itertools.product(ways, dataset.folders):
            without = random_without(rng)
            texts.setdefault(way.ask_text(dataset.request(layout, query, without)), (ways.index(way), layout, without))
        assert len(texts) == 1, f"{texts}\n{json.dumps(query)}"
    print(f"{cases} queries × 9 ways, seed {SEED}")
    for way in ways:
        way.close()
