"""The language item by item, through `dayfly query` on files of a few rows: what data is taken, what each filter, sequence and
aggregation means, and what is said about a wrong one. tests/coverage.txt names these tests beside the items they show.

Data are written as text where that is short: "1:view@1 1:cart@2" are two rows, user 1's view at time 1 and cart at time 2."""
import datetime
import decimal
import json
import os
import random
import re
import shutil
import subprocess
import time
import uuid

import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest

import golden
from conftest import PROGRAM

UNITS = ["--time-unit", "s"]


def write(file, types=None, settings=None, **columns):
    """A Parquet file of these columns; returns its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = {name: pyarrow.array(values, (types or {}).get(name)) if isinstance(values, list) else values for name, values in columns.items()}
    pyarrow.parquet.write_table(pyarrow.table(made), file, **(settings or {}))
    return file


def columns_of(text):
    """The columns of rows written as USER:EVENT@TIME; a time of "-" is null."""
    rows = [word.replace("@", ":").split(":") for word in text.split()]
    return {
        "u": [int(user) for user, _, _ in rows], "e": [event for _, event, _ in rows],
        "t": [None if at == "-" else int(at) for _, _, at in rows],
    }  # fmt: skip


def events(file, text):
    return write(file, {"t": pyarrow.int64(), "u": pyarrow.int64()}, **columns_of(text))


def ask(dayfly, paths, query, *flags, user="u", time_column="t", status=0):
    """The result object."""
    paths = paths if isinstance(paths, list) else [paths]
    words = ["--user", user, "--time", time_column, "-q", query if isinstance(query, str) else json.dumps(query)]
    return json.loads(dayfly.run("query", *paths, *words, *flags, status=status).stdout)


def refusal(dayfly, path, query, *flags, status=2):
    return ask(dayfly, path, query, *flags, status=status)["errorMessage"]


def condition(filter_or_members, **members):
    if isinstance(filter_or_members, list) or "filter" not in filter_or_members and "filters" not in filter_or_members:
        filter_or_members = {"filter": filter_or_members}
    return {"query": {"conditions": [{**filter_or_members, **members}]}}


def funnel(*steps, **members):
    """Steps: the name of an event, or a step; a leading "!" makes it a negative one."""
    sequence = []
    for step in steps:
        if isinstance(step, str):
            name = step.removeprefix("!")
            step = {"filter": ["e", "==", name], **({"rowFound": False} if name != step else {})}
        sequence.append(step)
    return {"funnel": {"sequence": sequence, **members}}


def reached(answer):
    return [step["matchingGroups"] for step in answer["funnel"]["sequence"]]


def matching(answer):
    return answer["query"]["matchingGroups"], answer["query"]["matchingGroupRows"]


def aggregated(answer):
    return [one["value"] for one in answer["query"]["aggregations"]]


def both_ways(dayfly, path, query, *flags, **how):
    """The answer, found without and with an exchange: they must not differ."""
    whole, spread = (golden.asked(ask(dayfly, path, query, "--groups", groups, *flags, **how)) for groups in ("auto", "spread"))
    assert whole == spread
    return whole


# ---- data: where it lies ----


def test_a_file_a_folder_a_glob_and_several_of_them_are_data(dayfly, tmp_path):
    one = events(tmp_path / "d/a.parquet", "1:view@1")
    two = events(tmp_path / "d/deep/er/b.parquet", "2:view@1 2:view@2")
    (tmp_path / "d/notes.txt").write_text("no data")
    (tmp_path / "d/_SUCCESS").write_text("")
    for paths, expected in [
        (one, (1, 1)), (tmp_path / "d", (2, 3)), (f"{tmp_path}/d/*.parquet", (1, 1)), (f"{tmp_path}/d/deep/er/?.parquet", (1, 2)),
        ([one, two], (2, 3)), ([one, tmp_path / "d", one], (2, 3)), (f"{one},{two}", (2, 3)), (f"file://{one}", (1, 1)),
    ]:  # fmt: skip
        assert matching(ask(dayfly, paths, {})) == expected, paths


def test_one_large_file_is_split_by_its_row_groups(dayfly, tmp_path):
    """So that it uses every core; the answer is that of one core."""
    count = 2_500_000
    anything = pyarrow.Array.from_buffers(pyarrow.uint64(), count, [None, pyarrow.py_buffer(random.Random(1).randbytes(count * 8))])
    numbers = pyarrow.compute.shift_right(anything, pyarrow.scalar(2, pyarrow.uint64())).cast(pyarrow.int64())
    columns = {"u": pyarrow.compute.bit_wise_and(numbers, 2**18 - 1), "t": pyarrow.compute.bit_wise_and(numbers, 2**17 - 1), "n": numbers}
    file = write(tmp_path / "a.parquet", None, {"row_group_size": 250_000, "use_dictionary": False, "compression": "none"}, **columns)
    query = {"funnel": {"sequence": [{"filter": ["n", ">", 2**61]}, {"filter": ["n", "<", 2**60]}]}}
    told, reports = [], []
    for threads in (1, 8):
        told.append(golden.asked(ask(dayfly, file, query, "--threads", threads, *UNITS)))
        words = ["--user", "u", "--time", "t", "-q", json.dumps(query), "--threads", threads, *UNITS, "--explain", "-o", "json"]
        reports.append(json.loads(dayfly.run("query", file, *words).stdout))
    assert told[0] == told[1] and told[0]["query"]["matchingGroups"] > 200_000
    assert reports[0]["exchange"] is None
    assert reports[1]["exchange"]["sections"] > 1 and max(stage["parts"] for stage in reports[1]["stages"]) > 4


def test_files_that_say_that_users_are_whole_are_believed_only_where_it_holds(dayfly, retail, tmp_path):
    """Not for another column, not with files of another writing, not when others have cut them anew: no number is wrong for it."""

    def users(paths, user="visitorid"):
        return [matching(ask(dayfly, paths, {}, "--groups", groups, user=user, time_column="timestamp"))[0] for groups in ("auto", "spread")]

    assert users(retail["users"]) == [20000, 20000]
    assert users(retail["users"], "itemid") == [45150, 45150]
    dayfly.run("generate", "retail", "-o", tmp_path / "more", "--users", 10000, "--seed", 2, "--parts", 2)
    assert users([retail["users"], tmp_path / "more"]) == [20000, 20000]
    assert users([retail["users"], retail["one"]]) == [20000, 20000]
    shutil.copytree(retail["users"], tmp_path / "copy")
    assert users([retail["users"], tmp_path / "copy"]) == [20000, 20000]
    for n, file in enumerate(sorted(retail["users"].glob("*.parquet"))):
        rows = pyarrow.parquet.read_table(file)  # with its metadata, which write_table keeps
        write_table(rows.slice(0, 3000), tmp_path / f"cut/a{n}.parquet")
        write_table(rows.slice(3000), tmp_path / f"cut/b{n}.parquet")
    assert users(tmp_path / "cut") == [20000, 20000]


def test_folders_named_like_columns_are_columns(dayfly, tmp_path):
    for n, folder in enumerate(["day=2015-05-03/n=7", "day=2015-05-04/n=8", "day=a%20b/n=9", "day=__HIVE_DEFAULT_PARTITION__/n=10"]):
        write(tmp_path / "d" / folder / "x.parquet", u=[n, n], t=[1, 2], e=["a", "b"], n=[99, 99])
    for one, users in [
        (["day", "==", "2015-05-03"], {0}), (["day", ">", "2015-05-03"], {1, 2}), (["day", "==", "a b"], {2}), (["day", "is null"], {3}),
        (["day", "!=", "a b"], {0, 1, 3}), (["n", "==", 7], {0}), (["n", "in", [8, 9, 99]], {1, 2}), (["n", ">=", 9], {2, 3}),
    ]:  # fmt: skip
        assert chosen(dayfly, tmp_path / "d", one) == users, one
    asked = {"query": {"aggregations": [{"column": "n", "type": "sum"}, {"column": "day", "type": "countPerValue"}]},
             **funnel("a", "b", breakdown={"column": "n"})}  # fmt: skip
    answer = both_ways(dayfly, tmp_path / "d", asked)
    assert aggregated(answer) == [68, {"2015-05-03": 2, "2015-05-04": 2, "a b": 2}]
    assert [group["value"] for group in answer["funnel"]["groups"]] == [10, 7, 8, 9]
    report = json.loads(dayfly.run("query", tmp_path / "d", "--user", "u", "--time", "t", "-q", json.dumps(condition(["n", "==", 7])),
                                   "--explain", "-o", "json").stdout)  # fmt: skip
    assert report["files"]["read"] >= 1
    where = json.loads(dayfly.run("query", tmp_path / "d", "--user", "u", "--time", "t", "-q", json.dumps({"where": ["n", "==", 7]}),
                                  "--explain", "-o", "json").stdout)  # fmt: skip
    assert where["files"] == {"read": 1, "skipped": 3}


def test_a_value_of_folders_that_is_no_canonical_integer_makes_strings_of_all(dayfly, tmp_path):
    for n, value in enumerate(["7", "07", "x"]):
        write(tmp_path / f"k={value}/x.parquet", u=[n], t=[1])
    assert chosen(dayfly, tmp_path, ["k", "==", "07"]) == {1}
    assert "conditions[0].filter" in refusal(dayfly, tmp_path, condition(["k", "==", 7]))


# ---- data: users ----

USERS = {
    **{name: (getattr(pyarrow, name)(), [1, 1, 2, 2, None]) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")},
    "negative int64": (pyarrow.int64(), [-(2**63), -(2**63), 2**63 - 1, 2**63 - 1, None]),
    "uint64": (pyarrow.uint64(), [2**64 - 1, 2**64 - 1, 2**64 - 2, 2**64 - 2, None]),
    "string": (pyarrow.string(), ["", "", "é", "é", None]),
    "large string": (pyarrow.large_string(), ["a", "a", "b" * 5000, "b" * 5000, None]),
    "categorical": (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), ["a", "a", "b", "b", None]),
    "binary": (pyarrow.binary(), [b"\0\xff", b"\0\xff", b"\0", b"\0", None]),
    "uuid": (pyarrow.binary(16), [bytes(16), bytes(16), bytes(15) + b"\1", bytes(15) + b"\1", None]),
}


@pytest.mark.parametrize("name", USERS)
def test_users_of_every_type_and_rows_without_one_are_counted(dayfly, tmp_path, name):
    kind, users = USERS[name]
    rows = {"u": users, "t": [1, 2, 2, 1, 1], "e": ["view", "cart", "view", "cart", "view"]}
    write(tmp_path / "one.parquet", {"u": kind}, **rows)
    for file in range(2):
        write(tmp_path / f"two/{file}.parquet", {"u": kind}, **{column: values[file::2] for column, values in rows.items()})
    for path in (tmp_path / "one.parquet", tmp_path / "two"):
        answer = ask(dayfly, path, funnel("view", "cart"), *UNITS)
        assert (matching(answer), reached(answer)) == ((2, 4), [2, 1])
        assert answer["stats"]["worker"]["rowsWithoutGroup"] == 1


def test_a_user_is_the_same_in_columns_of_different_integer_widths(dayfly, tmp_path):
    for n, kind in enumerate([pyarrow.int8(), pyarrow.uint16(), pyarrow.int64(), pyarrow.uint32(), pyarrow.int16()]):
        write(tmp_path / f"{n}.parquet", {"u": kind}, u=[5, 7 if n % 2 else 9], t=[n, n], e=[f"e{n}", "x"])
    answer = ask(dayfly, tmp_path, funnel(*(f"e{n}" for n in range(5))), *UNITS)
    assert (matching(answer), reached(answer)) == ((3, 10), [1] * 5)


def test_users_that_cannot_be_are_refused_by_name(dayfly, tmp_path):
    for n, values in enumerate([[1.5], [True], [[1]], [{"a": 1}]]):
        file = write(tmp_path / f"{n}.parquet", u=values, t=[1])
        assert "'u'" in refusal(dayfly, file, {})
    write(tmp_path / "mixed/a.parquet", u=[1], t=[1])
    write(tmp_path / "mixed/b.parquet", u=["1"], t=[1])
    said = refusal(dayfly, tmp_path / "mixed", {}, status=None)
    assert "a.parquet" in said and "b.parquet" in said


def test_many_rows_per_text_user_are_no_categorical(dayfly, tmp_path):
    """D1, D27: the dictionary of the group column made users of all its values."""
    dayfly.environment["DAYFLY_DATA"] = str(tmp_path / "data")
    for name, kind in {"plain": pyarrow.string(), "categorical": pyarrow.dictionary(pyarrow.int16(), pyarrow.string())}.items():
        users = [f"user {n % 40}" for n in range(480)]
        steps = ["buy" if n >= 440 and n % 40 < 2 else "view" for n in range(480)]
        write(tmp_path / name / "a.parquet", {"u": kind}, u=users, t=list(range(480)), e=steps)
        dayfly.run("datasets", "add", f"known-{name}", tmp_path / name, "--user", "u", "--time", "t")
        told = {}
        for case, query in {"funnel": funnel("view", "buy"), "few": condition(["e", "==", "buy"], target=["count", "<", 5]),
                            "both": {**condition(["e", "==", "buy"]), **funnel("view", "buy")}}.items():  # fmt: skip
            told[case] = json.loads(dayfly.run("query", f"known-{name}", "-q", json.dumps(query)).stdout)
        assert reached(told["funnel"]) == [40, 2]
        assert matching(told["few"]) == (2, 24)
        assert (matching(told["both"]), reached(told["both"])) == ((2, 24), [2, 2])


# ---- data: times ----

EPOCH = datetime.datetime(2015, 5, 3, tzinfo=datetime.timezone.utc)


def moments(*seconds):
    return [EPOCH + datetime.timedelta(seconds=second) for second in seconds]


SECONDS = [0, 0, 10, 20]
TIMES = {
    **{f"timestamp[{unit}]": (pyarrow.timestamp(unit, "UTC"), moments(*SECONDS), {}) for unit in ("s", "ms", "us", "ns")},
    "timestamp without zone": (pyarrow.timestamp("us"), [moment.replace(tzinfo=None) for moment in moments(*SECONDS)], {}),
    "INT96": (pyarrow.timestamp("ns"), [moment.replace(tzinfo=None) for moment in moments(*SECONDS)], {"use_deprecated_int96_timestamps": True}),
    "seconds": (pyarrow.int64(), [1430611200 + second for second in SECONDS], {}),
    "milliseconds": (pyarrow.int64(), [(1430611200 + second) * 1000 for second in SECONDS], {}),
    "microseconds": (pyarrow.uint64(), [(1430611200 + second) * 10**6 for second in SECONDS], {}),
    "nanoseconds": (pyarrow.int64(), [(1430611200 + second) * 10**9 for second in SECONDS], {}),
    "seconds without statistics": (pyarrow.int32(), [1430611200 + second for second in SECONDS], {"write_statistics": False}),
    "floating seconds": (pyarrow.float64(), [1430611200.0 + second for second in SECONDS], {}),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_of_every_type_have_a_unit(dayfly, tmp_path, name):
    """Given by the type, or guessed by the size: so that "10s" are ten seconds."""
    kind, times, settings = TIMES[name]
    file = write(tmp_path / "a.parquet", {"t": kind}, settings, u=[1] * 4, t=times, e=["a", "b", "b", "c"])
    for within, expected in {"9s": [1, 0, 0], "10s": [1, 1, 0], "19999ms": [1, 1, 0], "20s": [1, 1, 1]}.items():
        assert reached(both_ways(dayfly, file, funnel("a", "b", "c", maxDuration=within))) == expected, within
    for low, high, rows in [("2015-05-03", "2015-05-03T00:00:10Z", 2), ("2015-05-03T02:00:10+02:00", "2016-01-01", 2), (None, "2015-05-03", 0)]:
        bounds = {name: value for name, value in {"from": low, "to": high}.items() if value}
        assert matching(ask(dayfly, file, {"timeframe": bounds}))[1] == rows, (low, high)


def test_dates_are_times(dayfly, tmp_path):
    days = [datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(1970, 1, 3)]
    file = write(tmp_path / "a.parquet", u=[1] * 3, t=days, e=["a", "b", "c"])
    assert reached(ask(dayfly, file, funnel("a", "b", "c", maxDuration="3d"))) == [1, 1, 1]
    assert reached(ask(dayfly, file, funnel("a", "b", "c", maxDuration="71h"))) == [1, 1, 0]
    assert reached(ask(dayfly, file, funnel("a", "b", "c", maxDuration=2))) == [1, 1, 0]
    assert matching(ask(dayfly, file, {"timeframe": {"from": -1, "to": 1}}))[1] == 2


def test_a_given_unit_stands_over_a_guess(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@0 1:b@60000")
    for unit, expected in {"ms": [1, 1], "s": [1, 0], "us": [1, 1], "ns": [1, 1]}.items():
        assert reached(ask(dayfly, file, funnel("a", "b", maxDuration="1m"), "--time-unit", unit)) == expected, unit
    assert reached(ask(dayfly, file, funnel("a", "b", maxDuration="1m"))) == [1, 0], "guessed to be seconds"
    assert reached(ask(dayfly, file, funnel("a", "b", maxDuration=60000))) == [1, 1], "plain numbers have the column's unit"


def test_times_beyond_2_53_are_exact(dayfly, tmp_path):
    """D16, and D18 for times: a step 1 ns later is later."""
    for n, (kind, at) in enumerate([(pyarrow.int64(), 1430622004384000001), (pyarrow.uint64(), 2**63 + 5), (pyarrow.int64(), -(2**63))]):
        file = write(tmp_path / f"{n}.parquet", {"t": kind}, u=[1, 1, 2, 2], t=[at, at + 1, at, at], e=["a", "b", "a", "b"])
        assert reached(both_ways(dayfly, file, funnel("a", "b"), "--time-unit", "ns")) == [2, 1]
        assert matching(both_ways(dayfly, file, {"timeframe": {"from": at + 1}}, "--time-unit", "ns")) == (1, 1)
    file = write(tmp_path / "ns.parquet", {"t": pyarrow.timestamp("ns")}, u=[1, 1], t=[1430622004384000001, 1430622004384000002], e=["a", "b"])
    assert reached(both_ways(dayfly, file, funnel("a", "b", maxDuration=1))) == [1, 1]
    assert reached(both_ways(dayfly, file, funnel("a", {"filter": ["e", "==", "b"], "minGap": 2}))) == [1, 0]


def test_a_row_without_time_reaches_the_first_step_alone_and_stands_in_no_timeframe(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@- 1:b@5 2:a@1 2:b@- 2:b@2 3:a@- 3:a@7 3:b@8")
    assert reached(both_ways(dayfly, file, funnel("a", "b"), *UNITS)) == [3, 2]
    assert matching(ask(dayfly, file, {"timeframe": {"from": -100, "to": 100}}, *UNITS)) == (3, 5)
    answer = both_ways(dayfly, file, funnel("a", "b", trend="day"), *UNITS)
    assert [bucket["sequence"][0]["matchingGroups"] for bucket in answer["funnel"]["trend"]] == [2]


def test_times_that_are_none_are_refused(dayfly, tmp_path):
    """D17: a boolean is no time."""
    for n, values in enumerate([[True], ["1"], [[1]], [decimal.Decimal("1.5")]]):
        assert "'t'" in refusal(dayfly, write(tmp_path / f"{n}.parquet", u=[1], t=values), {}), values


# ---- data: other columns ----

UUIDS = [uuid.UUID(int=n << 100) for n in range(3)]
# A row per user 0, 1, 2 …; the last is null.
VALUES = {
    "i": ([0, 1, -7, 2**53 + 1, 2**63 - 1, None], pyarrow.int64()),
    "small": ([0, 1, -7, 100, 127, None], pyarrow.int8()),
    "big": ([0, 1, 7, 2**63, 2**64 - 1, None], pyarrow.uint64()),
    "f": ([0.0, 0.1, -7.5, float("inf"), float("nan"), None], pyarrow.float64()),
    "single": ([0.0, 0.1, -7.5, 16777216.0, float("nan"), None], pyarrow.float32()),
    "half": (pyarrow.array([0.0, 0.1, -7.5, 2048.0, float("nan"), None], pyarrow.float64()).cast(pyarrow.float16()), None),
    "b": ([True, False, True, False, True, None], pyarrow.bool_()),
    "s": (["", "view", "viöw", "View", "a|b|c", None], pyarrow.string()),
    "cat": (["", "view", "viöw", "View", "a|b|c", None], pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
    "day": ([datetime.date(2015, 5, n) for n in range(1, 6)] + [None], pyarrow.date32()),
    "at": ([datetime.datetime(2015, 5, 1, n) for n in range(5)] + [None], pyarrow.timestamp("ms")),
    "dec": ([decimal.Decimal(text) for text in ("0.00", "0.10", "-7.50", "12345678901234567.89", "99.99")] + [None], pyarrow.decimal128(25, 2)),
    "id": ([UUIDS[0].bytes, UUIDS[1].bytes, UUIDS[2].bytes, UUIDS[1].bytes, UUIDS[0].bytes, None], pyarrow.uuid()),
    "tags": ([[], ["x"], ["x", "y"], ["y", None], [None], None], pyarrow.list_(pyarrow.string())),
    "numbers": ([[], [1], [1, 2], [2**53 + 1], [None], None], pyarrow.list_(pyarrow.int64())),
    "st": ([{"a": {"b": n}, "c": str(n)} for n in range(5)] + [None], pyarrow.struct([("a", pyarrow.struct([("b", pyarrow.int32())])), ("c", pyarrow.string())])),
    "map": ([[("k", 1)]] * 6, pyarrow.map_(pyarrow.string(), pyarrow.int64())),
}  # fmt: skip
# Names that the original pasted into expressions.
ODD_COLUMNS = ["index", "a#b", "a\\b", "a`b", "a b", "a'b", 'a"b', "__cond_x", "é", "and"]


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """Twice: dictionaries and one file; plain pages of few rows in three files."""
    folder = tmp_path_factory.mktemp("values")
    arrays = {name: pyarrow.array(column, kind) if kind else column for name, (column, kind) in VALUES.items()}
    arrays.update(u=pyarrow.array(range(6)), t=pyarrow.array(range(6)), **{name: pyarrow.array(range(6)) for name in ODD_COLUMNS})
    table = pyarrow.table(arrays)
    write_table(table, folder / "one/all.parquet")
    for n in range(3):
        write_table(table.slice(n * 2, 2), folder / f"three/{n}.parquet", use_dictionary=False, row_group_size=1)
    return folder


def write_table(table, file, **settings):
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, file, **settings)


def chosen(dayfly, path, one):
    """The users that have a row for which the filter is true, as integers."""
    members = {"filters": [one]} if isinstance(one, list) else {"filter": one}
    if isinstance(one, list):
        members = {"filter": one}
        if one[1] in ("is null", "is not null", "empty", "not empty") and len(one) == 2:
            members = {"filter": {"column": one[0], "op": one[1]}}
    query = condition(members)
    query["query"]["aggregations"] = [{"column": "u", "type": "groupsPerValue", "top": 10000}]
    (found,) = aggregated(ask(dayfly, path, query, *UNITS))
    return {int(key) for key in found}


NOT_5 = {0, 1, 2, 3, 4}
FILTERS = [
    # integers: exact whatever the width of the column and of the number; a fraction equals none
    (["i", "==", 2**53 + 1], {3}), (["i", "==", 2**53], set()), (["i", "!=", 2**53], {0, 1, 2, 3, 4, 5}), (["i", ">", 2**53], {3, 4}),
    (["i", "<", 2**70], NOT_5), (["i", ">=", -(2**70)], NOT_5), (["i", ">", 2**63 - 1], set()), (["i", ">=", 0.5], {1, 3, 4}), (["i", "==", 0.5], set()),
    (["i", "==", 2**63], set()), (["i", "<", 2**63], NOT_5), (["i", "!=", 2**63], {0, 1, 2, 3, 4, 5}), (["i", "==", 1.0], {1}),
    (["i", "in", [0, 1.5, -7, 2**70]], {0, 2}), (["i", "not in", [0]], {1, 2, 3, 4, 5}), (["i", "in", []], set()), (["i", "not in", []], {0, 1, 2, 3, 4, 5}),
    (["small", "<=", 100], {0, 1, 2, 3}), (["small", "==", 384], set()), (["small", "<", 1000], NOT_5),
    (["big", "==", 2**64 - 1], {4}), (["big", ">=", 2**63], {3, 4}), (["big", ">", -1], NOT_5), (["big", "in", [2**63, 7]], {2, 3}),
    # floats: NaN is null; constants have the width of the column
    (["f", "==", 0.1], {1}), (["f", "==", 0], {0}), (["f", "!=", 0], {1, 2, 3, 4, 5}), (["f", ">", 1e300], {3}), (["f", "<", 0], {2}), (["f", "is null"], {4, 5}),
    (["f", "is not null"], {0, 1, 2, 3}), (["f", "in", [0.1, -7.5]], {1, 2}), (["f", "not in", [0.1]], {0, 2, 3, 4, 5}),
    (["single", "==", 0.1], {1}), (["single", "in", [0.1]], {1}), (["single", ">", 0.1], {3}), (["single", "==", 16777217], {3}), (["half", "==", 0.1], {1}),
    (["half", "==", 2049], {3}), (["half", "is null"], {4, 5}),
    # booleans
    (["b", "==", True], {0, 2, 4}), (["b", "!=", True], {1, 3, 5}), (["b", "in", [False]], {1, 3}), (["b", "is null"], {5}),
    # dates and timestamps: text or the column's unit
    (["day", "==", "2015-05-03"], {2}), (["day", ">=", "2015-05-03T00:00:00Z"], {2, 3, 4}), (["day", ">", "2015-05-03T12:00:00Z"], {3, 4}), (["day", "==", 16558], {2}),
    (["day", "in", ["2015-05-01", 16559]], {0, 3}), (["day", "!=", "2015-05-03"], {0, 1, 3, 4, 5}), (["at", "<", "2015-05-01T02:00"], {0, 1}),
    (["at", "==", "2015-05-01T04:00:00+02:00"], {2}), (["at", "==", "2015-05-01"], {0}), (["at", ">=", 1430445600000], {2, 3, 4}),
    (["at", "==", "2015-05-01T00:00:00.0004Z"], set()), (["at", "<", "2015-05-01T00:00:00.0004Z"], {0}),
    # decimals, with all digits
    (["dec", "==", 0.1], {1}), (["dec", ">", 12345678901234567], {3}), (["dec", "<", 0], {2}), (["dec", "==", 99.990], {4}), (["dec", "==", 99.991], set()),
    (["dec", "in", [0, 99.99]], {0, 4}),
    # UUIDs
    (["id", "==", str(UUIDS[1])], {1, 3}), (["id", "!=", str(UUIDS[0])], {1, 2, 3, 5}), (["id", "in", [str(UUIDS[2])]], {2}), (["id", "is null"], {5}),
    # lists
    (["tags", "has", "x"], {1, 2}), (["tags", "has any", ["y", "z"]], {2, 3}), (["tags", "has all", ["x", "y"]], {2}), (["tags", "empty"], {0}),
    (["tags", "not empty"], {1, 2, 3, 4}), (["tags", "is null"], {5}), (["tags", "has any", []], set()), (["tags", "has all", []], NOT_5), (["numbers", "has", 1], {1, 2}),
    (["numbers", "has", 2**53 + 1], {3}), (["numbers", "has any", [2, 2**53]], {2}),
    # fields of structs
    (["st.a.b", ">=", 3], {3, 4}), (["st.c", "==", "2"], {2}), (["st.a.b", "is null"], {5}),
    # trees; logic has two values
    ({"and": [["i", ">=", 0], {"or": [["b", "==", False], ["s", "==", ""]]}]}, {0, 1, 3}), ({"not": ["i", ">", 0]}, {0, 2, 5}),
    ({"not": {"not": ["i", ">", 0]}}, {1, 3, 4}), ({"and": [{"not": {"column": "f", "op": "is null"}}, ["f", "!=", 0]]}, {1, 2, 3}),
]  # fmt: skip
TEXT_FILTERS = [
    (["==", "view"], {1}), (["!=", "view"], {0, 2, 3, 4, 5}), (["==", ""], {0}), (["contains", "iew"], {1, 3}), (["contains", ""], NOT_5), (["contains", "ö"], {2}),
    (["not contains", "iew"], {0, 2, 4, 5}), (["starts with", "vi"], {1, 2}), (["ends with", "w"], {1, 2, 3}), (["starts with", ""], NOT_5),
    (["regex", "^v.{2}w$"], {1, 2}), (["regex", "IEW"], set()), (["regex", "(?i)IEW"], {1, 3}), (["regex", r"\|"], {4}), (["in", ["view", "View", "x"]], {1, 3}),
    (["not in", ["view"]], {0, 2, 3, 4, 5}), (["in", []], set()), (["is null"], {5}), (["is not null"], NOT_5), ([">", "View"], {1, 2, 4}), (["<", "a"], {0, 3}),
    ([">=", "view"], {1, 2}), (["<=", ""], {0}),
]  # fmt: skip
DELIMITED = [
    ("has", "b", {4}), ("has", "", set()), ("has", "view", {1}), ("has", "a|b", set()), ("has any", ["c", "View"], {3, 4}), ("has all", ["c", "a"], {4}), ("empty", None, {0}),
    ("not empty", None, {1, 2, 3, 4}),
]  # fmt: skip


@pytest.mark.parametrize("layout", ["one", "three"])
def test_filters_on_every_type(dayfly, values, layout):
    wrong = []
    for one, users in FILTERS:
        found = chosen(dayfly, values / layout, one)
        wrong += [(one, sorted(found), sorted(users))] if found != users else []
    assert wrong == []


@pytest.mark.parametrize("column", ["s", "cat"])
@pytest.mark.parametrize("layout", ["one", "three"])
def test_filters_on_text_plain_and_categorical(dayfly, values, layout, column):
    wrong = []
    for one, users in TEXT_FILTERS:
        found = chosen(dayfly, values / layout, [column, *one])
        wrong += [(one, sorted(found), sorted(users))] if found != users else []
    for op, value, users in DELIMITED:
        leaf = {"column": column, "op": op, "delimiter": "|", **({} if value is None else {"value": value})}
        found = chosen(dayfly, values / layout, leaf)
        wrong += [(leaf, sorted(found), sorted(users))] if found != users else []
    assert wrong == []


def test_decimals_compare_with_all_their_digits(dayfly, values):
    for literal, users in {"12345678901234567.88": 1, "12345678901234567.89": 0, "1234567890123456788e-2": 1, "12345678901234567.889": 1}.items():
        query = json.dumps(condition(["dec", ">", "X"])).replace('"X"', literal)
        assert matching(ask(dayfly, values / "one", query, *UNITS))[0] == users, literal


def test_several_filters_are_one_and_and_trees_stand_among_them(dayfly, values):
    members = {"filters": [{"column": "i", "op": ">=", "value": 0}, {"or": [["b", "==", True], ["small", "==", 1]]}, {"column": "s", "op": "!=", "value": ""}]}
    query = condition(members)
    query["query"]["aggregations"] = [{"column": "u", "type": "groupsPerValue"}]
    assert set(aggregated(ask(dayfly, values / "one", query, *UNITS))[0]) == {"1", "4"}


def test_columns_of_any_name_and_constants_of_any_text_are_taken_literally(dayfly, values, tmp_path):
    """D7: nothing is pasted into an expression."""
    for column in ODD_COLUMNS:
        assert chosen(dayfly, values / "one", [column, ">=", 4]) == {4, 5}, column
    texts = ["a\\", "\\n", "a\nb", "'", '"', "`", '\\" or True #', "x' or '1'=='1", "%", "\x7f", "\U0001f600", "a\tb"]
    file = write(tmp_path / "a.parquet", u=list(range(len(texts))), t=[1] * len(texts), s=texts)
    for n, text in enumerate(texts):
        assert chosen(dayfly, file, ["s", "==", text]) == {n}, repr(text)
        assert n in chosen(dayfly, file, ["s", "contains", text])
    odd_time = write(tmp_path / "b.parquet", **{"the user": [1, 1], "the 'time'": [1, 2], "e": ["a", "b"]})
    assert reached(ask(dayfly, odd_time, funnel("a", "b"), *UNITS, user="the user", time_column="the 'time'")) == [1, 1]


def test_maps_and_nested_lists_are_named_and_the_rest_works(dayfly, values):
    said = refusal(dayfly, values / "one", condition(["map", "is null"]), status=None)
    assert "map" in said and "filter" in said
    assert matching(ask(dayfly, values / "one", {}, *UNITS)) == (6, 6)


def test_pandas_nullable_columns_are_null_as_all_others(dayfly, tmp_path):
    """D19."""
    table = pyarrow.table({"u": [1, 2], "t": [1, 1], "n": pyarrow.array([1, None], pyarrow.int64()), "b": pyarrow.array([True, None])})
    kinds = {"n": "Int64", "b": "boolean", "u": "int64", "t": "int64"}
    note = {"columns": [{"name": name, "field_name": name, "pandas_type": "int64", "numpy_type": kind} for name, kind in kinds.items()], "index_columns": []}
    pyarrow.parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(note)}), tmp_path / "a.parquet")
    assert chosen(dayfly, tmp_path / "a.parquet", ["n", "!=", 1]) == {2}
    assert chosen(dayfly, tmp_path / "a.parquet", ["b", "!=", True]) == {2}


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_few_texts_in_delta_encodings_are_registered_and_asked(dayfly, tmp_path, encoding):
    """D20."""
    dayfly.environment["DAYFLY_DATA"] = str(tmp_path / "data")
    settings = {"use_dictionary": False, "column_encoding": {"e": encoding}}
    for n in range(2):
        write(tmp_path / f"d/{n}.parquet", None, settings, u=[n * 9, n * 9] * 20, t=list(range(40)), e=["view", "buy"] * 20)
    dayfly.run("datasets", "add", "texts", tmp_path / "d", "--user", "u", "--time", "t")
    told = json.loads(dayfly.run("query", "texts", "-q", json.dumps(funnel("view", "buy", "view"))).stdout)
    assert reached(told) == [2, 2, 2]


def test_integers_with_nulls_keep_all_their_digits(dayfly, tmp_path):
    """D13, D23: neither in filters, nor in keys, sums, least and greatest do they pass through doubles."""
    big = 2**53 + 1
    for n, column in enumerate([[big, None, 7], [big, big, 7]]):
        write(tmp_path / f"{n}.parquet", u=[n] * 3, t=[1, 2, 3], i=column)
    asked = [{"column": "i", "type": kind} for kind in ("countPerValue", "min", "max", "sum", "countDistinct", "count")]
    answer = both_ways(dayfly, tmp_path, {"query": {"aggregations": asked}}, *UNITS)
    assert aggregated(answer) == [{str(big): 3, "7": 2}, 7, big, 3 * big + 14, 2, 5]


def test_a_part_whose_column_has_no_values_agrees_with_every_type(dayfly, tmp_path):
    """D22."""
    dayfly.environment["DAYFLY_DATA"] = str(tmp_path / "data")
    write(tmp_path / "a.parquet", {"i": pyarrow.null(), "b": pyarrow.bool_(), "s": pyarrow.null()}, u=[1], t=[1], i=[None], b=[None], s=[None])
    write(tmp_path / "b.parquet", u=[2], t=[1], i=[7], b=[True], s=["x"])
    for one, users in [(["i", "==", 7], {2}), (["i", "!=", 7], {1}), (["b", "==", True], {2}), (["s", "contains", "x"], {2}), (["s", "is null"], {1})]:
        assert chosen(dayfly, tmp_path, one) == users, one
    dayfly.run("datasets", "add", "d", tmp_path / "a.parquet", tmp_path / "b.parquet", "--user", "u", "--time", "t")


def test_files_that_differ_in_the_type_of_a_column_name_both(dayfly, tmp_path):
    write(tmp_path / "a.parquet", u=[1], t=[1], c=[1])
    write(tmp_path / "b.parquet", u=[2], t=[1], c=["x"])
    said = refusal(dayfly, tmp_path, {"query": {"aggregations": [{"column": "c", "type": "countPerValue"}]}}, status=None)
    assert "'c'" in said and "a.parquet" in said and "b.parquet" in said
    assert matching(ask(dayfly, tmp_path, {})) == (2, 2), "a column that nobody asks for hurts nobody"


# ---- conditions ----


def test_conditions_targets_and_names(dayfly, tmp_path):
    file = write(
        tmp_path / "a.parquet", {"p": pyarrow.float64(), "i": pyarrow.int64()}, u=[1, 1, 1, 2, 2, 3], t=[1, 2, 3, 1, 2, 1], e=["a", "a", "b", "a", "b", "b"],
        p=[0.1, 0.2, 5, None, 5, 5], i=[2**62, 2**62, 1, 3, 1, 1],
    )  # fmt: skip
    a = {"filter": ["e", "==", "a"]}
    for members, expected in [
        (a, 2), ({**a, "target": ["count", ">=", 2]}, 1), ({**a, "target": {"type": "count", "op": "==", "value": 1}}, 1), ({**a, "target": ["count", "==", 0]}, 1),
        ({**a, "target": ["count", "<", 2]}, 1), ({**a, "target": ["count", "<", 2], "includeZero": True}, 2), ({**a, "target": ["count", "!=", 2]}, 1),
        ({**a, "target": ["count", "<=", 0]}, 0), ({**a, "target": ["sum", "p", "==", 0.30000000000000004]}, 1), ({**a, "target": ["sum", "p", "<=", 0]}, 1),
        ({**a, "target": {"type": "sum", "column": "i", "op": "==", "value": 2**63}}, 1), ({**a, "target": ["sum", "i", ">", 2**63 - 1]}, 1),
        ({"sequence": [a, {"filter": ["e", "==", "b"]}], "maxDuration": 1}, 2), ({"sequence": [a, a, {"filter": ["e", "==", "b"]}]}, 1),
        ({"sequence": [{"filter": ["e", "==", "b"]}, {**a, "rowFound": False}]}, 3), ({"sequence": [{"filter": ["e", "==", "b"]}, a], "order": "any"}, 2),
    ]:  # fmt: skip
        answer = both_ways(dayfly, file, {"query": {"conditions": [{"name": "one", **members}], "relation": "$ONE"}}, *UNITS)
        assert matching(answer)[0] == expected, members


def test_sums_of_ten_tenths_and_of_single_precision(dayfly, tmp_path):
    """§4.4, D21: exact sums, rounded once to the column's width; a literal with a point has it too, an integer has not."""
    ten = write(tmp_path / "a.parquet", u=[1] * 10, t=list(range(10)), p=[0.1] * 10, q=pyarrow.array([0.1] * 10, pyarrow.float32()))
    assert matching(both_ways(dayfly, ten, condition({"filter": ["p", ">", 0]}, target=["sum", "p", "==", 1]), *UNITS))[0] == 1
    single = write(tmp_path / "b.parquet", {"q": pyarrow.float32()}, u=[1, 1], t=[1, 2], q=[16777216.0, 1.0])
    for literal, expected in {"16777217": 0, "16777216": 1, "16777216.0": 1, "16777217.0": 1}.items():
        query = json.dumps(condition({"filter": ["q", ">", 0]}, target=["sum", "q", "==", "X"])).replace('"X"', literal)
        assert matching(ask(dayfly, single, query, *UNITS))[0] == expected, literal


@pytest.mark.parametrize(
    "relation, users",
    [
        (None, {3}), ("and", {3}), ("or", {1, 2, 3}), ("&&", {3}), ("  OR ", {1, 2, 3}), ("$0", {1, 3}), ("$0and$1", {3}), ("$x||$1", {1, 2, 3}),
        ("$X and ($1 or $0)", {1, 3}), ("(((($1))))", {2, 3}), ("$0 or $1 and $1", {1, 2, 3}), ("$00", {1, 3}),
    ],
)  # fmt: skip
def test_relations(dayfly, tmp_path, relation, users):
    file = events(tmp_path / "a.parquet", "1:a@1 2:b@1 3:a@1 3:b@1 4:c@1")
    query = {"conditions": [{"filter": ["e", "==", "a"], "name": "x"}, {"filter": ["e", "==", "b"]}], "aggregations": [{"column": "u", "type": "groupsPerValue"}]}
    found = ask(dayfly, file, {"query": {**query, **({"relation": relation} if relation else {})}}, *UNITS)
    assert {int(key) for key in aggregated(found)[0]} == users


def test_a_thousand_conditions_are_answered(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@1 2:b@1")
    conditions = [{"filter": ["e", "==", "a" if n == 999 else f"none {n}"]} for n in range(1000)]
    assert matching(ask(dayfly, file, {"query": {"conditions": conditions, "relation": "or"}})) == (1, 1)


# ---- sequences and funnels ----

A, B = {"filter": ["e", "==", "a"]}, {"filter": ["e", "==", "b"]}
SEQUENCES = {
    "equal times never chain": ("1:a@1 1:b@1", funnel("a", "b"), [1, 0]),
    "any order of rows": ("1:b@2 1:a@1", funnel("a", "b"), [1, 1]),
    "a row serves one step": ("1:a@1", funnel("a", "a"), [1, 0]),
    "many ties": ("1:p0@1 1:p1@2 1:p2@2 1:p3@2 1:p1@3 1:p2@3 1:p3@3 1:p1@4 1:p2@4 1:p3@4", funnel("p0", "p1", "p2", "p3"), [1, 1, 1, 1]),
    "within": ("1:a@0 1:b@5 2:a@0 2:b@6", funnel("a", "b", maxDuration=5), [2, 1]),
    "within, a later start": ("1:a@0 1:a@4 1:b@6 1:c@8", funnel("a", "b", "c", maxDuration=4), [1, 1, 1]),
    "within nothing": ("1:a@0 1:b@1", funnel("a", "b", maxDuration=0), [1, 0]),
    "within, one step": ("1:a@0", funnel("a", maxDuration=0), [1]),
    "greedy would miss": ("1:a@0 1:b@1 1:b@9 1:c@10", funnel("a", "b", {"filter": ["e", "==", "c"], "maxGap": 2}), [1, 1, 1]),
    "least gap": ("1:a@0 1:b@1 1:b@5 2:a@0 2:b@4", funnel("a", {**B, "minGap": 5}), [2, 1]),
    "greatest gap": ("1:a@0 1:a@3 1:b@5 2:a@0 2:b@5", funnel("a", {**B, "maxGap": 2}), [2, 1]),
    "gap of text": ("1:a@0 1:b@60", funnel("a", {**B, "minGap": "1m", "maxGap": "60s"}), [1, 1]),
    "lengths below the unit": ("1:a@0 1:b@1", funnel("a", {**B, "maxGap": "500ms"}), [1, 0]),
    "without between": ("1:a@0 1:x@1 1:b@2 2:a@0 2:b@2 2:x@3", funnel("a", "!x", "b"), [2, 1]),
    "without between, at the ends": ("1:a@0 1:x@0 1:x@2 1:b@2", funnel("a", "!x", "b"), [1, 1]),
    "without between, a later start": ("1:a@0 1:x@1 1:a@2 1:b@3", funnel("a", "!x", "b"), [1, 1]),
    "without before": ("1:x@0 1:a@1 2:a@1 2:x@1 2:x@2", funnel("!x", "a"), [1]),
    "without after": ("1:a@0 1:b@1 1:x@2 2:a@0 2:b@1 2:x@1", funnel("a", "b", "!x"), [2, 1]),
    "without after, within": ("1:a@0 1:b@1 1:x@9 2:a@0 2:b@1 2:x@4", funnel("a", "b", "!x", maxDuration=5), [2, 1]),
    "two without": ("1:a@0 1:x@1 1:b@2 2:a@0 2:y@1 2:b@2 3:a@0 3:b@2", funnel("a", "!x", "!y", "b"), [3, 1]),
    "strict": ("1:a@0 1:b@1 2:a@0 2:x@1 2:b@2 3:a@0 3:b@1 3:x@1", funnel("a", "b", order="strict"), [3, 1]),
    "strict, ties of the first": ("1:a@0 1:x@0 1:b@1", funnel("a", "b", order="strict"), [1, 0]),
    "any": ("1:b@0 1:a@1 2:a@0 3:b@0", funnel("a", "b", order="any"), [2, 1]),
    "any within": ("1:b@0 1:a@9 2:b@0 2:a@3", funnel("a", "b", order="any", maxDuration=3), [2, 1]),
    "any, one row for two": ("1:a@0", funnel("a", {"filter": ["t", "==", 0]}, order="any"), [1, 1]),
    "any, at the same time": ("1:a@0 1:b@0", funnel("a", "b", order="any", maxDuration=0), [1, 1]),
    "one step": ("1:a@0 2:b@0", funnel("a"), [1]),
    "sessions": ("1:a@0 1:b@9 1:b@100 1:a@101 1:b@102", funnel("a", "b", sessionGap=10), [2, 2]),
    "sessions, cut within": ("1:a@0 1:b@11", funnel("a", "b", sessionGap=10), [1, 0]),
    "sessions and without": ("1:a@0 1:b@1 1:x@50", funnel("a", "b", "!x", sessionGap=10), [1, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(dayfly, tmp_path, name):
    rows, query, expected = SEQUENCES[name]
    file = events(tmp_path / "a.parquet", rows)
    assert reached(both_ways(dayfly, file, query, *UNITS)) == expected
    assert reached(both_ways(dayfly, file, query, "--memory", "64M", "--threads", 8, *UNITS)) == expected


def test_names_and_users_of_steps(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@0 1:a@100 1:b@101 2:a@0 2:b@1")
    query = funnel(A, {**B, "name": "the end"}, "!x", sessionGap=10)
    sequence = both_ways(dayfly, file, query, *UNITS)["funnel"]["sequence"]
    assert [(step.get("name"), step["matchingGroups"], step["matchingUsers"], step["matchingGroupRows"]) for step in sequence] == [
        (None, 3, 2, 5), ("the end", 2, 2, 4),
    ]  # fmt: skip


CHAINS = "1:a@0 1:a@10 1:b@15 1:b@40 2:a@0 2:b@100 3:a@5 4:b@1"


def test_durations_are_of_the_chain_that_ends_first_and_starts_last(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", CHAINS)
    first, second = both_ways(dayfly, file, funnel("a", "b", durations=True), *UNITS)["funnel"]["sequence"]
    assert "timeFromStart" not in first and second["timeFromStart"] == second["timeFromPrevious"]
    times = second["timeFromStart"]
    assert list(times) == ["mean", "p25", "p50", "p75", "p90", "p99"]
    assert times["mean"] == 52.5
    for name, value in {"p25": 5, "p50": 5, "p75": 100, "p90": 100, "p99": 100}.items():
        assert times[name] == pytest.approx(value, rel=0.01)
    nobody = both_ways(dayfly, file, funnel("a", "c", durations=True), *UNITS)["funnel"]["sequence"][1]
    assert set(nobody["timeFromStart"].values()) == {None}


def steps_of(entry):
    return [step["matchingGroups"] for step in entry["sequence"]]


def test_breakdowns_first_and_last_top_other_and_null(dayfly, tmp_path):
    rows = columns_of("1:a@0 1:b@1 2:a@0 2:b@1 3:a@0 4:a@0 5:a@0 6:a@0")
    file = write(tmp_path / "a.parquet", **rows, c=["x", "y", "x", "z", "w", None, "v", "v"])
    groups = both_ways(dayfly, file, funnel("a", "b", breakdown={"column": "c"}), *UNITS)["funnel"]["groups"]
    assert [(entry["value"], steps_of(entry)) for entry in groups] == [("v", [2, 0]), ("x", [2, 2]), (None, [1, 0]), ("w", [1, 0])]
    assert [step["matchingGroupRows"] for step in groups[1]["sequence"]] == [4, 4]
    last = both_ways(dayfly, file, funnel("a", "b", breakdown={"column": "c", "attribution": "last"}), *UNITS)["funnel"]["groups"]
    assert [(entry["value"], steps_of(entry)) for entry in last] == [("v", [2, 0]), (None, [1, 0]), ("w", [1, 0]), ("y", [1, 1]), ("z", [1, 1])]
    cut = both_ways(dayfly, file, funnel("a", "b", breakdown={"column": "c", "top": 1}), *UNITS)["funnel"]["groups"]
    assert [(entry.get("value"), entry.get("other"), steps_of(entry)) for entry in cut] == [("v", None, [2, 0]), (None, True, [4, 2])]


def test_breakdown_values_are_numbers_booleans_and_iso_text(dayfly, values):
    shown = {"i": 0, "f": 0.0, "b": True, "s": "", "day": "2015-05-01", "at": "2015-05-01T00:00:00Z", "id": str(UUIDS[0]), "st.c": "0"}
    for column, value in shown.items():
        groups = ask(dayfly, values / "one", {"funnel": {"sequence": [{"filter": ["u", "==", 0]}], "breakdown": {"column": column}}}, *UNITS)["funnel"]["groups"]
        assert [entry["value"] for entry in groups] == [value] and type(groups[0]["value"]) is type(value), column


TRENDS = {
    "hour": (["2015-05-03T14:59:59Z", "2015-05-03T16:00:00Z"], ["2015-05-03T14:00:00Z", "2015-05-03T15:00:00Z", "2015-05-03T16:00:00Z"]),
    "day": (["2015-05-03T23:59:59Z", "2015-05-05T00:00:00Z"], ["2015-05-03", "2015-05-04", "2015-05-05"]),
    "week": (["2015-05-03T23:59:59Z", "2015-05-04T00:00:00Z"], ["2015-04-27", "2015-05-04"]),
    "month": (["2015-12-31T23:59:59Z", "2016-02-29T00:00:00Z"], ["2015-12", "2016-01", "2016-02"]),
}  # fmt: skip


@pytest.mark.parametrize("bucket", TRENDS)
def test_trends_have_every_bucket_from_the_first_to_the_last(dayfly, tmp_path, bucket):
    texts, buckets = TRENDS[bucket]
    starts = [datetime.datetime.fromisoformat(text) for text in texts]
    rows = [(n, "a", start) for n, start in enumerate(starts)] + [(1, "b", starts[1] + datetime.timedelta(days=99))]
    file = write(tmp_path / "a.parquet", u=[row[0] for row in rows], e=[row[1] for row in rows], t=[row[2] for row in rows])
    trend = both_ways(dayfly, file, funnel("a", "b", trend=bucket))["funnel"]["trend"]
    assert [entry["bucket"] for entry in trend] == buckets
    assert [steps_of(entry) for entry in trend] == [[1, 0], *[[0, 0]] * (len(buckets) - 2), [1, 1]]


def test_cohorts_have_users_times_breakdown_and_columns(dayfly, tmp_path):
    rows = columns_of("1:a@0 1:a@10 1:b@15 2:a@0 3:a@5 4:b@1")
    file = write(tmp_path / "a.parquet", **rows, c=["x", "y", "z", None, "w", "v"])

    def exported(name, **export):
        members = {"file": name, "columns": ["c", "e"], **export}
        asked = funnel("a", "b", breakdown={"column": "c"}, export=members)
        told = ask(dayfly, file, asked, *UNITS)["funnel"]["export"]
        assert told == {"step": export["step"], "which": export.get("which", "reached"), "rows": told["rows"], "files": [name]}
        return sorted(pyarrow.parquet.read_table(dayfly.folder / name).to_pylist(), key=lambda row: row["u"])

    assert exported("reached.parquet", step=2) == [{"u": 1, "step1": 10, "step2": 15, "breakdown": "y", "c": "z", "e": "b"}]
    first = exported("first.parquet", step=1)
    assert [(row["u"], row["step1"], row["step2"], row["c"]) for row in first] == [(1, 10, 15, "y"), (2, 0, None, None), (3, 5, None, "w")]
    assert [row["u"] for row in exported("dropped.parquet", step=1, which="dropped")] == [2, 3]
    for ending in ("csv", "ndjson"):
        ask(dayfly, file, funnel("a", "b", export={"step": 1, "file": f"out.{ending}"}), *UNITS)
    assert sorted(json.loads(line)["u"] for line in (dayfly.folder / "out.ndjson").read_text().splitlines()) == [1, 2, 3]
    assert len((dayfly.folder / "out.csv").read_text().splitlines()) == 4
    assert "export" in refusal(dayfly, file, funnel("a", "b", export={"step": 2, "which": "dropped", "file": "x.parquet"}))
    assert not (dayfly.folder / "x.parquet").exists()


def test_conditions_choose_the_users_of_a_funnel_and_where_drops_rows(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@0 1:b@1 1:x@2 2:a@0 2:b@1 3:x@0")
    answer = both_ways(dayfly, file, {**condition(["e", "==", "x"]), **funnel("a", "b")}, *UNITS)
    assert (matching(answer), reached(answer)) == ((2, 4), [1, 1])
    answer = both_ways(dayfly, file, {"where": ["e", "!=", "b"], **funnel("a", "b")}, *UNITS)
    assert (matching(answer), reached(answer)) == ((3, 4), [2, 0])
    assert matching(both_ways(dayfly, file, {"where": {"or": [["e", "==", "a"], ["e", "==", "b"]]}}, *UNITS)) == (2, 4)


def test_timeframes_hide_rows_from_everything(dayfly, tmp_path):
    file = events(tmp_path / "a.parquet", "1:a@-5 1:b@5 2:a@0 2:b@9 3:a@10")
    for bounds, expected in [({"from": -5, "to": 6}, (2, 3)), ({"from": 0}, (3, 4)), ({"to": 0}, (1, 1)), ({}, (3, 5)), ({"from": "1969-12-31T23:59:55Z", "to": "1970-01-01"}, (1, 1))]:
        assert matching(both_ways(dayfly, file, {"timeframe": bounds}, *UNITS)) == expected, bounds
    assert reached(both_ways(dayfly, file, {"timeframe": {"from": 0}, **funnel("a", "b")}, *UNITS)) == [2, 1]


# ---- aggregations ----


def test_aggregations_of_every_type(dayfly, tmp_path):
    file = write(
        tmp_path / "a.parquet", {"p": pyarrow.float64(), "i": pyarrow.int64()}, u=[1, 1, 2, 2, 3], t=[1, 2, 3, 4, 5], e=["a", "b", "a", None, "a"],
        p=[0.1, 0.2, None, float("nan"), 0.3], i=[2**63 - 1, 2**63 - 1, None, -1, 5], d=[datetime.date(2015, 5, n) for n in range(1, 6)],
        w=[datetime.datetime(2015, 5, 3, 10, 20, 30, n) for n in (0, 500_000, 1, 2, 3)], b=[True, False, True, True, True],
    )  # fmt: skip
    asked = {
        ("e", "count"): 4, ("e", "countPerValue"): {"a": 3, "b": 1}, ("e", "groupsPerValue"): {"a": 3, "b": 1}, ("e", "countDistinct"): 2, ("e", "min"): "a", ("e", "max"): "b",
        ("e", "sumPerValue", "p"): {"a": 0.4, "b": 0.2}, ("e", "sumPerValue", "i"): {"a": 2**63 + 4, "b": 2**63 - 1}, ("e", "meanPerValue", "p"): {"a": 0.2, "b": 0.2},
        ("p", "sum"): 0.6, ("p", "mean"): 0.6 / 3, ("p", "count"): 3, ("p", "min"): 0.1, ("p", "max"): 0.3, ("p", "countDistinct"): 3, ("i", "sum"): 2**64 + 2,
        ("d", "min"): "2015-05-01", ("d", "max"): "2015-05-05", ("w", "min"): "2015-05-03T10:20:30Z", ("w", "max"): "2015-05-03T10:20:30.500Z", ("b", "min"): False,
        ("b", "countPerValue"): {"True": 4, "False": 1}, ("p", "countPerValue"): {"0.1": 1, "0.2": 1, "0.3": 1}, ("i", "max"): 2**63 - 1,
    }  # fmt: skip
    aggregations = [{"column": key[0], "type": key[1], **({"otherColumn": key[2]} if len(key) > 2 else {})} for key in asked]
    found = aggregated(both_ways(dayfly, file, {"query": {"aggregations": aggregations}}, *UNITS))
    wrong = [(key, value, expected) for (key, expected), value in zip(asked.items(), found) if value != expected or list(differing(value, expected))]
    assert wrong == []


def differing(value, expected):
    """Order of maps and types: 1 is not 1.0 and not true."""
    if type(value) is not type(expected) or (isinstance(value, dict) and list(value) != list(expected)):
        yield value


def test_quantiles_are_within_one_percent(dayfly, tmp_path):
    numbers = list(range(1, 10001))
    file = write(tmp_path / "a.parquet", u=numbers, t=numbers, v=numbers)
    (found,) = aggregated(both_ways(dayfly, file, {"query": {"aggregations": [{"column": "v", "type": "quantiles"}]}}, *UNITS))
    assert list(found) == ["p25", "p50", "p75", "p90", "p99"]
    for name, value in found.items():
        assert value == pytest.approx(int(name[1:]) * 100, rel=0.01)


def test_aggregations_over_nothing(dayfly, tmp_path):
    file = write(tmp_path / "a.parquet", u=[1], t=[1], v=[1.5], s=["x"])
    kinds = {"count": 0, "countDistinct": 0, "sum": 0, "countPerValue": {}, "groupsPerValue": {}, "mean": None, "min": None, "max": None}
    query = condition(["s", "==", "none"])
    query["query"]["aggregations"] = [{"column": "v", "type": kind} for kind in [*kinds, "quantiles"]]
    *found, quantiles = aggregated(both_ways(dayfly, file, query, *UNITS))
    assert found == list(kinds.values())
    assert quantiles is None or set(quantiles.values()) == {None}


def test_top_lists_are_exact_and_ties_stand_by_their_keys(dayfly, tmp_path):
    for n in range(3):
        # In every file others are frequent; "z" is nowhere among the first twenty, and the most frequent of all.
        texts = [f"{n}-{k:02}" for k in range(40) for _ in range(3)] + ["z"] * 2 + ["b", "a", "é", "B"]
        write(tmp_path / f"{n}.parquet", u=[n * 1000 + k for k in range(len(texts))], t=[1] * len(texts), s=texts)
    asked = [{"column": "s", "type": "countPerValue", "top": 3, "name": "first"}, {"column": "s", "type": "countPerValue", "top": 200}, {"column": "s", "type": "countPerValue"}]
    first, everything, default = both_ways(dayfly, tmp_path, {"query": {"aggregations": asked}}, *UNITS)["query"]["aggregations"]
    assert list(first["value"].items()) == [("z", 6), ("0-00", 3), ("0-01", 3)]
    assert (first["name"], first["top"], default["top"], len(default["value"])) == ("first", 3, 10, 10)
    assert len(everything["value"]) == 125
    assert list(everything["value"])[-4:] == ["B", "a", "b", "é"] or list(everything["value"]) == golden.in_order(everything["value"])


def test_keys_of_maps(dayfly, tmp_path):
    file = write(
        tmp_path / "a.parquet", {"x": pyarrow.float32()}, u=[1] * 4, t=[1] * 4, f=[1.0, 0.1, 1e16, 1e-5], x=[0.1, 0.5, 1e16, 2.0], i=[10, -3, 0, 7], b=[True, False, True, False], s=["", "a", "B", "é"],
    )  # fmt: skip
    asked = [{"column": column, "type": "countPerValue"} for column in "fxibs"]
    found = [set(value) for value in aggregated(ask(dayfly, file, {"query": {"aggregations": asked}}, *UNITS))]
    assert found == [{"1.0", "0.1", "1e+16", "1e-05"}, {"0.10000000149011612", "0.5", "1.0000000272564224e+16", "2.0"}, {"10", "-3", "0", "7"}, {"True", "False"}, {"", "a", "B", "é"}]


def test_approximate_answers_say_so(dayfly, tmp_path):
    count = 150_000
    file = write(tmp_path / "a.parquet", u=list(range(count)), t=[1] * count, v=[n * 7919 for n in range(count)])
    asked = {"query": {"aggregations": [{"column": "v", "type": "countDistinct"}]}}
    (exact,) = ask(dayfly, file, asked, *UNITS)["query"]["aggregations"]
    assert exact["value"] == count and "approximate" not in exact
    (rough,) = ask(dayfly, file, {**asked, "approximate": True}, *UNITS)["query"]["aggregations"]
    assert rough["approximate"] is True and rough["maxError"] > 0
    assert rough["value"] == pytest.approx(count, rel=0.05)


def test_no_answer_has_a_nan(dayfly, tmp_path):
    """D4: null instead, also where a column has no value at all and a data set no row."""

    def strict(text):
        def refuse(word):
            raise AssertionError(word)

        return json.loads(text, parse_constant=refuse)

    dayfly.environment["DAYFLY_DATA"] = str(tmp_path / "data")
    write(tmp_path / "d/a.parquet", {"v": pyarrow.float64()}, u=[1, 2], t=[1, 2], v=[None, float("nan")], e=["x", "y"])
    write(tmp_path / "empty/a.parquet", {"u": pyarrow.int64(), "t": pyarrow.int64(), "v": pyarrow.float64()}, u=[], t=[], v=[])
    kinds = [{"column": "v", "type": kind} for kind in ("mean", "min", "max", "sum", "quantiles", "countPerValue")]
    for folder in ("d", "empty"):
        more = [{"column": "e", "type": "meanPerValue", "otherColumn": "v"}] if folder == "d" else []
        words = ["--user", "u", "--time", "t", "-q", json.dumps({"query": {"aggregations": kinds + more}}), *UNITS]
        found = aggregated(strict(dayfly.run("query", tmp_path / folder, *words).stdout))
        assert found[:4] == [None, None, None, 0]
        assert folder == "empty" or found[6] in ({}, {"x": None, "y": None})
        dayfly.run("datasets", "add", folder, tmp_path / folder, "--user", "u", "--time", "t")
        strict(dayfly.run("datasets", "show", folder).stdout)


def test_registering_a_hundred_good_files_never_says_that_users_are_not_unique(dayfly, tmp_path):
    """D2: a file was drawn twice."""
    dayfly.environment["DAYFLY_DATA"] = str(tmp_path / "data")
    for n in range(100):
        write(tmp_path / f"d/{n:03}.parquet", u=[n], t=[1])
    for n in range(12):
        dayfly.run("datasets", "add", f"d{n}", tmp_path / "d", "--user", "u", "--time", "t", "--validation", "sample")


def test_a_wrong_column_is_told_at_once(dayfly, tmp_path):
    """D10: what is certain to fail again is not tried again."""
    for n in range(4):
        events(tmp_path / f"{n}.parquet", f"{n}:a@1")
    started = time.monotonic()
    assert "conditions[0]" in refusal(dayfly, tmp_path, condition(["evnt", "==", "a"]))
    assert time.monotonic() - started < 2


# ---- what is wrong ----

STEP = {"filter": ["e", "==", "a"]}
WRONG = [
    # the place as the message has it, what is wrong there; of members that nobody knows also their name
    ("request: 'blah' was", {"blah": 1}), ("timeframe: 'form' was", {"timeframe": {"form": 1}}), ("timeframe.from", {"timeframe": {"from": 1.5}}), ("timeframe.to", {"timeframe": {"to": "soon"}}),
    ("timeframe", {"timeframe": {"from": 5, "to": 5}}), ("where.op", {"where": {"column": "e"}}), ("where.and[1].op", {"where": {"and": [["e", "==", "a"], {"column": "e", "op": "=", "value": "a"}]}}),
    ("query: 'conditons' was", {"query": {"conditons": []}}), ("query.conditions", {"query": {"conditions": {}}}), ("query.conditions[0]", {"query": {"conditions": [{}]}}),
    ("query.conditions[0].filter", condition({"filter": ["e", "=="]})), ("query.conditions[0].filter", condition({"filter": ["e", "==", "a", 1]})),
    ("query.conditions[0].filter[1]", condition({"filter": ["e", "~", "a"]})), ("query.conditions[0].filter[0]", condition({"filter": ["none", "==", "a"]})),
    ("query.conditions[0].filter[2]", condition({"filter": ["e", "==", 5]})), ("query.conditions[0].filter[2]", condition({"filter": ["n", "==", "x"]})),
    ("query.conditions[0].filter[2][1]", condition({"filter": ["e", "in", ["a", None]]})), ("query.conditions[0].filter.value", condition({"filter": {"column": "e", "op": "is null", "value": 1}})),
    ("query.conditions[0].filter: 'blah' was", condition({"filter": {"column": "e", "op": "==", "value": "a", "blah": 1}})),
    ("query.conditions[0].filter[1]", condition({"filter": ["n", "contains", "a"]})), ("query.conditions[0].filter[1]", condition({"filter": ["n", "has", 1]})),
    ("query.conditions[0].filter.delimiter", condition({"filter": {"column": "e", "op": "==", "value": "a", "delimiter": "|"}})),
    ("query.conditions[0].filters", condition({"filters": []})), ("query.conditions[0].filters[1].or[0].not.op", condition({"filters": [{"column": "e", "op": "==", "value": "a"}, {"or": [{"not": {"column": "e", "op": "?", "value": 1}}]}]})),
    ("query.conditions[0].filter[2]", condition({"filter": ["e", "regex", "a(b"]})), ("query.conditions[0].filter[2]", condition({"filter": ["d", "==", "2015-13-01"]})),
    ("query.conditions[0].filter.and", condition({"filter": {"and": []}})), ("query.conditions[0].target", condition(STEP, target=["count"])),
    ("query.conditions[0].target[2]", condition(STEP, target=["count", ">", -1])), ("query.conditions[0].target[2]", condition(STEP, target=["count", ">", "1"])),
    ("query.conditions[0].target[1]", condition(STEP, target=["count", "contains", 1])), ("query.conditions[0].target[1]", condition(STEP, target=["sum", "e", ">", 1])),
    ("query.conditions[0].target.type", condition(STEP, target={"type": "avg", "op": ">", "value": 1})), ("query.conditions[0].includeZero", condition(STEP, includeZero=True, target=["count", ">", 1])),
    ("query.conditions[0].includeZero", condition(STEP, includeZero=False, target=["count", "==", 0])), ("query.conditions[0].includeZero", condition(STEP, includeZero=True, target=["sum", "n", ">", 1])),
    ("query.conditions[0].name", condition(STEP, name="1x")), ("query.conditions[0].name", condition(STEP, name="AND")),
    ("query.conditions[1].name", {"query": {"conditions": [{**STEP, "name": "x"}, {**STEP, "name": "x"}]}}), ("query.conditions[1].name", {"query": {"conditions": [{**STEP, "name": "x"}, {**STEP, "name": "X"}]}}),
    ("query.relation", {"query": {"conditions": [STEP], "relation": "$1"}}), ("query.relation", {"query": {"conditions": [STEP], "relation": "$0 and"}}), ("query.relation", {"query": {"relation": "and"}}),
    ("query.aggregations", {"query": {"aggregations": {"columns": []}}}), ("query.aggregations[0].column", {"query": {"aggregations": [{"column": "none"}]}}),
    ("query.aggregations[0].type", {"query": {"aggregations": [{"column": "e", "type": "avg"}]}}), ("query.aggregations[0].otherColumn", {"query": {"aggregations": [{"column": "e", "type": "sumPerValue"}]}}),
    ("query.aggregations[0].otherColumn", {"query": {"aggregations": [{"column": "e", "type": "count", "otherColumn": "n"}]}}), ("query.aggregations[0].top", {"query": {"aggregations": [{"column": "e", "type": "countPerValue", "top": 0}]}}),
    ("query.aggregations[0].top", {"query": {"aggregations": [{"column": "e", "type": "countPerValue", "top": 10001}]}}), ("query.aggregations[0].column", {"query": {"aggregations": [{"column": "e", "type": "sum"}]}}),
    ("query.aggregations[0].name", {"query": {"aggregations": [{"column": "e", "name": "x"}]}}),
    ("funnel.sequence", {"funnel": {}}), ("funnel.sequence", {"funnel": {"sequence": []}}), ("funnel.sequence[1]: 'filtre' was", funnel(STEP, {"filtre": 1})),
    ("funnel.sequence[1].filter[1]", funnel(STEP, {"filter": ["e", "~", "a"]})), ("funnel.sequence[2].filter.column", funnel(STEP, "!x", {"filter": {"column": "none", "op": "==", "value": 1}})),
    ("funnel.sequence[0].rowFound", funnel({**STEP, "rowFound": 1})), ("funnel.sequence[0].minGap", funnel({**STEP, "minGap": 1})), ("funnel.sequence[1].maxGap", funnel(STEP, {**STEP, "maxGap": "1 day"})),
    ("funnel.sequence[1].maxGap", funnel(STEP, {**STEP, "maxGap": -1})), ("funnel.sequence[1].maxGap", funnel(STEP, {**STEP, "maxGap": 1.5})), ("funnel.sequence[1].minGap", funnel(STEP, {**STEP, "minGap": 2, "maxGap": 1})),
    ("funnel.sequence[1].maxGap", funnel(STEP, {**STEP, "rowFound": False, "maxGap": 1}, STEP)), ("funnel.sequence[1].name", funnel(STEP, {**STEP, "name": 5})),
    ("funnel.sequence", funnel({**STEP, "rowFound": False})), ("funnel.sequence[1].rowFound", funnel(STEP, {**STEP, "rowFound": False}, order="any")), ("funnel.sequence[1].maxGap", funnel(STEP, {**STEP, "maxGap": 1}, order="any")),
    ("funnel.order", funnel(STEP, order="some")), ("funnel.maxDuration", funnel(STEP, maxDuration=-1)), ("funnel.maxDuration", funnel(STEP, maxDuration="5x")), ("funnel.durations", funnel(STEP, durations=1)),
    ("funnel.durations", funnel(STEP, STEP, durations=True, order="any")), ("funnel.trend", funnel(STEP, trend="year")), ("funnel.sessionGap", funnel(STEP, sessionGap="x")), ("funnel.breakdown.column", funnel(STEP, breakdown={})),
    ("funnel.breakdown.column", funnel(STEP, breakdown={"column": "none"})), ("funnel.breakdown.column", funnel(STEP, breakdown={"column": "l"})), ("funnel.breakdown.top", funnel(STEP, breakdown={"column": "e", "top": 0})),
    ("funnel.breakdown.attribution", funnel(STEP, breakdown={"column": "e", "attribution": "middle"})), ("funnel.export.step", funnel(STEP, export={"step": 2, "file": "x.csv"})),
    ("funnel.export.which", funnel(STEP, export={"step": 1, "which": "dropped", "file": "x.csv"})), ("funnel.export.file", funnel(STEP, export={"step": 1})), ("funnel.export.file", funnel(STEP, export={"step": 1, "file": "x.doc"})),
    ("funnel.export.columns[0]", funnel(STEP, export={"step": 1, "file": "x.csv", "columns": ["none"]})), ("funnel.stepAggregations[0].column", funnel(STEP, stepAggregations=[{"column": "none"}])),
    ("funnel.endAggregations[0].type", funnel(STEP, endAggregations=[{"column": "e", "type": 1}])), ("query.conditions[0].sequence[1].filter[0]", {"query": {"conditions": [{"sequence": [STEP, {"filter": ["none", "==", 1]}]}]}}),
    ("query.conditions[0].maxDuration", {"query": {"conditions": [{"sequence": [STEP], "maxDuration": "x"}]}}), ("query.conditions[0].order", {"query": {"conditions": [{"sequence": [STEP], "order": "x"}]}}),
    ("query.conditions[0]: 'target' was", {"query": {"conditions": [{"sequence": [STEP], "target": ["count", ">", 1]}]}}), ("approximate", {"approximate": "yes"}), ("query", {"query": []}), ("funnel", {"funnel": None}),
]  # fmt: skip


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    return write(tmp_path_factory.mktemp("typed") / "a.parquet", u=[1], t=[1], e=["a"], n=[1], d=[datetime.date(2015, 5, 3)], l=[[1]])


@pytest.mark.parametrize("half", [0, 1])
def test_a_wrong_member_at_each_place_is_told_with_its_path(dayfly, typed, half):
    wrong = []
    for place, query in WRONG[half::2]:
        done = dayfly.run("query", typed, "--user", "u", "--time", "t", "-q", json.dumps(query), *UNITS, status=None)
        said = json.loads(done.stdout).get("errorMessage", "an answer")
        told = re.escape(place) + ("" if " " in place else ": ")
        if done.returncode != 2 or not re.search(f"(^|: ){told}", said):
            wrong.append((place, done.returncode, said, query))
    assert wrong == [], "\n".join(map(str, wrong))
    assert list(dayfly.folder.glob("x*")) == []


@pytest.mark.parametrize(
    "query, says",
    [
        ({"blah": 1}, "'blah' was unexpected"),
        ({"query": {"aggregations": {"columns": []}}}, "is not of type 'array'"),
        ({"query": {"conditions": [STEP], "relation": "$7"}}, "Condition no. 7 does not exist"),
        ({"query": {"conditions": [STEP], "relation": "$x"}}, "Condition named x does not exist"),
        ({"query": {"conditions": [STEP], "relation": "$0 xor $0"}}, "Query relation is invalid around 'xor $0'"),
        ({"query": {"conditions": [STEP], "relation": " "}}, "cannot be an empty string"),
        (condition(["none", "==", 1]), "Column 'none' not in dataset"),
        (condition({}), "not valid under any of the given schemas"),
    ],
)
def test_words_of_the_original(dayfly, typed, query, says):
    if says.startswith("not valid"):
        query = {"query": {"conditions": [{}]}}
    assert says in refusal(dayfly, typed, query, *UNITS)


def asked_on_input(dayfly, file, text, timeout_s=60):
    words = [PROGRAM, "query", file, "--user", "u", "--time", "t", *UNITS, "-"]
    return subprocess.run(words, input=text, text=True, capture_output=True, env=dayfly.environment, cwd=dayfly.folder, timeout=timeout_s, check=False)


def test_limits_of_steps_nesting_and_size(dayfly, typed):
    """D25, and beyond the limits: an error at once, never a crash."""
    for count, status in {10_000: 0, 10_001: 2}.items():
        done = asked_on_input(dayfly, typed, json.dumps({"funnel": {"sequence": [STEP] * count}}))
        assert done.returncode == status, done.stderr[:500]
    assert "10000" in done.stderr
    for text, says in [
        ('{"query":' * 20_000 + "{}" + "}" * 20_000, "deep"), ('{"where":' + '{"not":' * 20_000 + "[]" + "}" * 20_001, "deep"),
        ("[" * 1_000_000, "deep"), ('{"timeframe": {"from": NaN}}', "line 1"), ('{"where": ["n", "==", NaN]}', "line 1"), ('{"where": ["n", "==", Infinity]}', "line 1"),
    ]:  # fmt: skip
        started = time.monotonic()
        done = asked_on_input(dayfly, typed, text)
        assert done.returncode == 2 and says in done.stderr, (text[:40], done.stderr[:300])
        assert time.monotonic() - started < 5
    nested = {"not": STEP["filter"]}
    for _ in range(100):
        nested = {"not": nested}
    assert "64" in refusal(dayfly, typed, {"where": nested})
    done = asked_on_input(dayfly, typed, '{"blah": "' + "x" * 101_000_000 + '"}')
    assert done.returncode == 2 and len(done.stderr) < 2000
    assert dayfly.left_behind() == []


def test_regular_expressions_that_blow_up_end_with_an_error(dayfly, tmp_path):
    file = write(tmp_path / "a.parquet", u=[1], t=[1], s=["a" * 200 + "!"])
    started = time.monotonic()
    said = refusal(dayfly, file, condition(["s", "regex", "^(a|aa)+$"]), *UNITS, status=None)
    assert "conditions[0].filter" in said and time.monotonic() - started < 20
    assert "conditions[0].filter" in refusal(dayfly, file, condition(["s", "regex", "(" * 5000]), *UNITS)


def test_pipes_and_endless_devices_are_refused_as_data(dayfly, tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    for path in (tmp_path / "pipe.parquet", "/dev/zero"):
        started = time.monotonic()
        done = dayfly.run("query", path, "--user", "u", "--time", "t", "-q", "{}", status=None)
        assert done.returncode not in (0, 1) and str(path) in done.stderr, (done.returncode, done.stderr)
        assert time.monotonic() - started < 5


def test_secrets_are_not_printed(dayfly):
    """D15."""
    environment = {"AWS_SECRET_ACCESS_KEY": "verysecretindeed", "AWS_SESSION_TOKEN": "verysecrettoken"}
    done = dayfly.run("config", environment=environment)
    assert "verysecret" not in done.stdout + done.stderr
