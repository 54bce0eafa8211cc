"""dayfly repartition: the same rows as before, users whole, files sorted, the same bytes whoever does the work, all files
at once or none."""
import contextlib
import datetime
import decimal
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lambda_fixtures import BUCKET, STEPS

USER, TIME = "visitorid", "timestamp"


def repartitioned(dayfly, source, *flags, target="out", user=USER, time=TIME, **options):
    words = ["repartition", source, "-o", target, "--user", user]
    dayfly.run(*words, *(["--time", time] if time else []), *flags, **options)
    return dayfly.folder / target


def refused(dayfly, source, *flags, status, target="out", user=USER, time=TIME):
    """What a run says that must fail and leave nothing."""
    before = sorted(dayfly.folder.rglob("*"))
    words = ["repartition", source, "-o", target, *(["--user", user] if user else []), *(["--time", time] if time else [])]
    done = dayfly.run(*words, *flags, status=status)
    assert sorted(dayfly.folder.rglob("*")) == before
    return done.stderr


def tables(folder):
    return [pq.read_table(path, partitioning=None) for path in sorted(pathlib.Path(folder).rglob("*.parquet"))]


def plain(value):
    """Something that compares and sorts: NaN is itself, and -0.0 is not 0.0."""
    return repr(value)


def multiset(some, columns=None):
    rows = []
    for table in some:
        columns = columns or table.column_names
        present = [table.column(name).to_pylist() if name in table.column_names else [None] * len(table) for name in columns]
        rows += [tuple(map(plain, row)) for row in zip(*present, strict=True)]
    return sorted(rows)


def key(value):
    return (value is None, value)


def check_sorted(folder, user=USER, time=TIME):
    """Each file by (user, time), nulls last; no user in two files."""
    seen = {}
    for number, table in enumerate(tables(folder)):
        users = table.column(user).to_pylist()
        times = table.column(time).to_pylist() if time else [0] * len(users)
        order = [(key(one)[0], one if one is not None else 0, *key(when)) for one, when in zip(users, times, strict=True)]
        order = [(a, b if not a else 0, c, d if not c else 0) for a, b, c, d in order]
        assert order == sorted(order)
        for one in set(users):
            assert seen.setdefault(one, number) == number, f"{one} is in files {seen[one]} and {number}"
            assert one is not None or number == 0


def files(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def write(dayfly, path, table, **options):
    path = dayfly.folder / path
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def verified(dayfly, folder):
    for path in sorted(folder.iterdir()):
        dayfly.run("inspect", path, "--verify")


# ---- the same rows ----


@pytest.mark.parametrize("layout", ["users", "days", "one"])
@pytest.mark.parametrize("parts", [1, 3, 16])
def test_rows_stay_users_are_whole_and_files_are_sorted(dayfly, retail, layout, parts):
    out = repartitioned(dayfly, retail[layout], "--parts", parts)
    assert [path.name for path in sorted(out.iterdir())] == [f"part-{number:05}.parquet" for number in range(parts)]
    assert multiset(tables(out)) == multiset(tables(retail[layout]))
    check_sorted(out)
    verified(dayfly, out)
    assert dayfly.left_behind() == []


@pytest.mark.parametrize("layout", ["days", "one"])
def test_a_funnel_answers_the_same_and_finds_users_whole(dayfly, retail, layout):
    out = repartitioned(dayfly, retail[layout], "--parts", 5)
    assert dayfly.funnel(out, STEPS) == dayfly.funnel(retail[layout], STEPS)
    steps = [word for step in STEPS for word in ("--step", step)]
    explained = json.loads(dayfly.run("funnel", out, "--user", USER, "--time", TIME, *steps, "--explain", "-o", "json").stdout)
    assert "every file says so" in json.dumps(explained)
    text = dayfly.run("funnel", out, "--user", USER, "--time", TIME, *steps, "--explain").stdout
    assert "whole: every file says so" in " ".join(text.split())


def test_the_layout_says_its_order_and_row_groups_have_a_page_index(dayfly, retail):
    out = repartitioned(dayfly, retail["one"], "--parts", 1, "--row-group-rows", 10000, "--codec", "zstd")
    file = pq.ParquetFile(out / "part-00000.parquet")
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert set(sizes[:-1]) == {10000} and 0 < sizes[-1] <= 10000
    names = file.schema_arrow.names
    for i in range(file.num_row_groups):
        group = file.metadata.row_group(i)
        assert [(c.column_index, c.descending, c.nulls_first) for c in group.sorting_columns] == [
            (names.index(USER), False, False), (names.index(TIME), False, False)]  # fmt: skip
        assert group.column(0).has_column_index and group.column(0).has_offset_index
        assert group.column(0).compression == "ZSTD"
    assert file.metadata.metadata[b"dayfly.groups"] == b"whole"


# ---- all types ----


def everything(rows):
    """A table of all types, each column with nulls, and lists of them."""
    day, second = datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 12, 30, 15, 123456)
    makers = {
        "i8": (pa.int8(), lambda i: i % 256 - 128),
        "i16": (pa.int16(), lambda i: i * 7 % 65536 - 32768),
        "i32": (pa.int32(), lambda i: i * 40503 % (1 << 32) - (1 << 31)),
        "i64": (pa.int64(), lambda i: i * 0x9E3779B97F4A7C15 % (1 << 64) - (1 << 63)),
        "u8": (pa.uint8(), lambda i: i % 256),
        "u16": (pa.uint16(), lambda i: i * 7 % 65536),
        "u32": (pa.uint32(), lambda i: i * 2654435761 % (1 << 32)),
        "u64": (pa.uint64(), lambda i: i * 0x9E3779B97F4A7C15 % (1 << 64)),
        "f16": (pa.float16(), lambda i: float(i % 100) / 4),
        "f32": (pa.float32(), lambda i: [1.5, float("nan"), -0.0, float("inf"), 3.25][i % 5]),
        "f64": (pa.float64(), lambda i: [0.1, float("nan"), -0.0, -float("inf"), 1e300][i % 5]),
        "bool": (pa.bool_(), lambda i: i % 3 == 0),
        "text": (pa.string(), lambda i: ["", "é€😀", "a\0b", "x" * 300][i % 4]),
        "binary": (pa.binary(), lambda i: bytes([i % 256, 255, 0])),
        "fixed": (pa.binary(5), lambda i: bytes([i % 256] * 5)),
        "date": (pa.date32(), lambda i: day + datetime.timedelta(i)),
        "t_ms": (pa.time32("ms"), lambda i: datetime.time(1, 2, 3, 4000)),
        "t_us": (pa.time64("us"), lambda i: datetime.time(23, 59, 59, 999999 - i % 1000)),
        "ts_ms": (pa.timestamp("ms", "UTC"), lambda i: second.replace(microsecond=0) + datetime.timedelta(seconds=i)),
        "ts_us": (pa.timestamp("us"), lambda i: second + datetime.timedelta(microseconds=i)),
        "ts_ns": (pa.timestamp("ns"), lambda i: i * 1000),
        "d9": (pa.decimal128(9, 2), lambda i: decimal.Decimal(i % 1000) / 100),
        "d18": (pa.decimal128(18, 4), lambda i: decimal.Decimal(-i) / 10000),
        "d38": (pa.decimal128(38, 10), lambda i: decimal.Decimal("12345678901234567890.0123456789") * (i % 7 - 3)),
    }
    columns, names = [], []
    for number, (name, (type_, make)) in enumerate(makers.items()):
        values = [None if (i + number) % 11 == 0 else make(i) for i in range(rows)]
        columns.append(pa.array(values, type_) if name != "ts_ns" else pa.array(values, pa.int64()).cast(type_))
        names.append(name)
        lists = [None if i % 13 == 0 else [None if (i + j) % 5 == 0 else make(i + j) for j in range(i % 4)] for i in range(rows)]
        if name != "ts_ns":
            columns.append(pa.array(lists, pa.list_(type_)))
            names.append(f"list_{name}")
    columns += [pa.array([None] * rows, pa.null()), pa.array([f"user-{i * 7919 % 97}" if i % 31 else None for i in range(rows)])]
    columns += [pa.array([i * 104729 % 1009 if i % 29 else None for i in range(rows)], pa.int64())]
    columns += [pa.array([{"b": i, "c": str(i)} for i in range(rows)])]
    return pa.table(columns, [*names, "nothing", "user", "time", "a"])


@pytest.mark.parametrize("flags", [[], ["--codec", "zstd", "--row-group-rows", "100"], ["--codec", "none"]], ids=" ".join)
def test_every_type_keeps_its_values_and_its_type(dayfly, flags):
    table = everything(1000)
    write(dayfly, "in/1.parquet", table.slice(0, 600), row_group_size=150)
    write(dayfly, "in/2.parquet", table.slice(600))
    out = repartitioned(dayfly, "in", "--parts", 3, *flags, user="user", time="time")
    flat = table.flatten()
    assert multiset(tables(out), flat.column_names) == multiset([flat])
    for part in tables(out):
        for name in flat.column_names:
            before, after = flat.schema.field(name).type, part.schema.field(name).type
            assert after == before or pa.types.is_decimal(before), name
    check_sorted(out, "user", "time")
    verified(dayfly, out)


KEYS = {
    "int32": (pa.int32(), lambda i: i * 7919 % 83 - 40),
    "uint64": (pa.uint64(), lambda i: (1 << 63) + i * 7919 % 83 - 40),
    "string": (pa.string(), lambda i: "common-prefix-" * (i % 3) + str(i * 7919 % 83)),
    "binary": (pa.binary(), lambda i: bytes([0] * (i % 10)) + bytes([i * 7 % 5])),
    "fixed": (pa.binary(9), lambda i: b"prefix--" + bytes([i * 7919 % 83])),
    "date": (pa.date32(), lambda i: datetime.date(1970, 1, 10) - datetime.timedelta(i % 30)),
    "timestamp": (pa.timestamp("us"), lambda i: datetime.datetime(1970, 1, 10) - datetime.timedelta(hours=i % 50)),
    "decimal": (pa.decimal128(12, 3), lambda i: decimal.Decimal(i * 7919 % 83 - 40) / 8),
}
TIMES = {
    "int64": (pa.int64(), lambda i: i * 104729 % 1009 - 500),
    "uint64": (pa.uint64(), lambda i: (1 << 63) + i * 104729 % 1009 - 500),
    "float": (pa.float64(), lambda i: (i * 104729 % 1009 - 500) / 8),
    "date": (pa.date32(), lambda i: datetime.date(1970, 1, 10) - datetime.timedelta(i * 7 % 30)),
    "timestamp": (pa.timestamp("ns"), lambda i: datetime.datetime(1970, 1, 1) - datetime.timedelta(seconds=i * 7919 % 83 - 40)),
}


@pytest.mark.parametrize("user", KEYS)
@pytest.mark.parametrize("when", TIMES)
def test_users_and_times_of_every_type_are_sorted(dayfly, user, when):
    columns = {}
    for name, (type_, make), hole in (("u", KEYS[user], 17), ("t", TIMES[when], 19)):
        columns[name] = pa.array([make(i) if i % hole else None for i in range(700)], type_)
    columns["row"] = pa.array(range(700))
    write(dayfly, "in.parquet", pa.table(columns), row_group_size=100)
    out = repartitioned(dayfly, "in.parquet", "--parts", 4, user="u", time="t")
    assert multiset(tables(out)) == multiset([pa.table(columns)])
    check_sorted(out, "u", "t")
    for part in tables(out):  # what ties keeps its order
        rows = part.to_pylist()
        for a, b in zip(rows, rows[1:]):
            assert (a["u"], a["t"]) != (b["u"], b["t"]) or a["row"] < b["row"]


# ---- many files as one ----


def test_directories_become_columns(dayfly):
    for number, place in enumerate(["day=2020-01-01/hour=7", "day=2020-01-02/hour=8", "day=__HIVE_DEFAULT_PARTITION__/hour=9", "day=a%2Fb/hour=10"]):
        write(dayfly, f"in/{place}/x.parquet", pa.table({"u": [1, 2, number], "t": [1, 2, 3]}))
    out = repartitioned(dayfly, "in", "--parts", 2, user="u", time="t")
    rows = [row for table in tables(out) for row in table.to_pylist()]
    assert {(row["day"], row["hour"]) for row in rows} == {("2020-01-01", 7), ("2020-01-02", 8), (None, 9), ("a/b", 10)}
    assert len(rows) == 12
    assert tables(out)[0].schema.field("hour").type == pa.int64()
    by_day = repartitioned(dayfly, "in", user="hour", time="t", target="by-hour")  # a directory is the user
    check_sorted(by_day, "hour", "t")


def test_columns_go_by_name_and_widen_where_that_is_exact(dayfly):
    one = pa.table({"u": pa.array([1, 2], pa.int32()), "n": pa.array([1, -2], pa.int8()), "only": ["a", None], "none": pa.nulls(2), "w": pa.array([7, 8], pa.uint16())})
    two = pa.table({"extra": [0.5, 1.5], "n": pa.array([1 << 40, 3], pa.int64()), "u": pa.array([1, 1 << 50], pa.int64()), "none": ["x", "y"], "w": pa.array([70000, 1], pa.uint32())})
    write(dayfly, "in/1.parquet", one)
    write(dayfly, "in/2.parquet", two)
    out = repartitioned(dayfly, "in", "--parts", 2, user="u", time=None)
    names = ["u", "n", "only", "none", "w", "extra"]
    assert tables(out)[0].column_names == names
    assert multiset(tables(out), names) == multiset([one, two], names)
    assert [tables(out)[0].schema.field(name).type for name in names] == [pa.int64(), pa.int64(), pa.string(), pa.string(), pa.uint32(), pa.float64()]


def test_lists_that_are_always_empty_take_the_type_of_others_or_stay_so(dayfly):
    first, second = pa.table({"u": [1, 2], "l": [[], [None]]}), pa.table({"u": [1, 3], "l": [["a"], None]})
    write(dayfly, "in/1.parquet", first)
    out = repartitioned(dayfly, "in", "--parts", 2, user="u", time=None, target="empty")
    assert multiset(tables(out)) == multiset([first])
    write(dayfly, "in/2.parquet", second)
    out = repartitioned(dayfly, "in", "--parts", 2, user="u", time=None)
    assert multiset(tables(out)) == multiset([first, second])
    assert tables(out)[0].schema.field("l").type == pa.list_(pa.string())
    verified(dayfly, out)


DIFFERENT = {
    "int-string": ([1], ["a"], "an integer in .*1.parquet and a string in .*2.parquet"),
    "int-float": ([1], [0.5], "an integer .* and a float"),
    "floats": (pa.array([1], pa.float32()), [0.5], "a float of 32 bits .* and a float of 64 bits"),
    "units": (pa.array([1], pa.timestamp("ms")), pa.array([1], pa.timestamp("us")), "a timestamp in ms"),
    "zones": (pa.array([1], pa.timestamp("ms")), pa.array([1], pa.timestamp("ms", "UTC")), "of local time"),
    "lists": ([1], [[1]], "an integer .* and a list of integers"),
    "unsigned": (pa.array([1], pa.uint64()), [1], "unsigned"),
    "decimals": (pa.array([decimal.Decimal(1)], pa.decimal128(9, 2)), pa.array([decimal.Decimal(1)], pa.decimal128(9, 3)), "decimal"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_types_that_differ_name_both_files(dayfly, name):
    first, second, message = DIFFERENT[name]
    write(dayfly, "in/1.parquet", pa.table({"u": [1], "x": first}))
    write(dayfly, "in/2.parquet", pa.table({"u": [1], "x": second}))
    said = refused(dayfly, "in", status=2, user="u", time=None)
    assert "column 'x' is" in said and "1.parquet" in said and "2.parquet" in said and re.search(message, said), said
    out = repartitioned(dayfly, "in", "--columns", "u", user="u", time=None)  # the way out
    assert multiset(tables(out)) == [("1",), ("1",)]


def test_columns_that_cannot_be_written_are_named_with_a_way_out(dayfly):
    table = pa.table({"u": [1, 2], "t": [1, 2], "x": ["a", "b"], "m": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())), "ll": [[[1]], [[2]]]})
    write(dayfly, "in.parquet", table)
    said = refused(dayfly, "in.parquet", status=3, user="u", time="t")
    assert "--columns" in said and "--skip-unsupported" in said and "'ll" in said and "'m" in said
    out = repartitioned(dayfly, "in.parquet", "--skip-unsupported", user="u", time="t")
    assert tables(out)[0].column_names == ["u", "t", "x"]
    out = repartitioned(dayfly, "in.parquet", "--columns", "x", user="u", time="t", target="chosen")
    assert tables(out)[0].column_names == ["u", "t", "x"]
    assert "no file has a column 'y'" in refused(dayfly, "in.parquet", "--columns", "x,y", status=2, user="u", time="t", target="other")


def test_empty_files_no_rows_and_more_files_than_users(dayfly):
    empty = pa.table({"u": pa.array([], pa.int64()), "t": pa.array([], pa.int64())})
    write(dayfly, "in/1.parquet", empty)
    out = repartitioned(dayfly, "in", "--parts", 3, user="u", time="t", target="none")
    assert [len(table) for table in tables(out)] == [0, 0, 0]
    verified(dayfly, out)
    write(dayfly, "in/2.parquet", pa.table({"u": [5, None, 5], "t": [2, 1, None]}))
    out = repartitioned(dayfly, "in", "--parts", 20, user="u", time="t", target="few")
    assert sorted(len(table) for table in tables(out))[-3:] in ([0, 1, 2], [0, 0, 3])
    assert multiset(tables(out)) == multiset([pa.table({"u": [5, None, 5], "t": [2, 1, None]})])
    answer = json.loads(dayfly.run("repartition", "in", "-o", "json", "--user", "u", "--time", "t", "--parts", 20, "--json").stdout)
    told = answer["repartition"]
    assert (told["rows"], told["users"], told["rowsWithoutUser"], told["files"], told["sourceFiles"]) == (3, 1, 1, 20, 2)
    assert told["bytes"] == sum(path.stat().st_size for path in (dayfly.folder / "json").iterdir())


# ---- the same bytes ----


@pytest.fixture(scope="session")
def crowd(session_dayfly):
    """150,000 rows, more than 16 MB of memory have room for, in one file of many row groups and in several files."""
    rows = 150000
    table = pa.table({
        "u": pa.array([f"{i * 7919 % 50021:x}-of-many-users" for i in range(rows)]),
        "t": pa.array([i * 104729 % 1000003 for i in range(rows)], pa.timestamp("ms")),
        "text": pa.array([f"{i * 31 % 1000} is what somebody did there" for i in range(rows)]),
        "n": pa.array([i * 2654435761 % (1 << 32) for i in range(rows)]),
    })  # fmt: skip
    folder = session_dayfly.folder / "crowd"
    (folder / "some").mkdir(parents=True)
    pq.write_table(table, folder / "one.parquet", row_group_size=20000)
    for number in range(7):
        pq.write_table(table.slice(number * 22500, 22500), folder / f"some/{number}.parquet")
    return folder


def test_bytes_do_not_depend_on_memory_threads_or_how_the_source_is_cut(dayfly, crowd):
    expected = files(repartitioned(dayfly, crowd / "one.parquet", "--parts", 2, user="u", time="t", target="expected"))
    for number, (source, *flags) in enumerate([
        ("one.parquet", "--memory", "16M", "--threads", 1),
        ("one.parquet", "--memory", "16M", "--threads", 2),
        ("some", "--memory", "32M"),
        ("some", "--threads", 1),
        ("some", "--threads", 2),
    ]):  # fmt: skip
        out = repartitioned(dayfly, crowd / source, "--parts", 2, *flags, user="u", time="t", target=f"out-{number}", timeout_s=400)
        assert files(out) == expected, flags
        assert dayfly.left_behind() == []


@pytest.mark.parametrize("place", ["disk", "S3"])
def test_workers_write_the_same_bytes_as_threads(cloud, shops, place):
    folder, uri = shops["days"]
    source = folder if place == "disk" else uri
    target = "by-workers" if place == "disk" else f"s3://{BUCKET}/by-workers-{uuid.uuid4().hex[:8]}/"
    words = ["--user", USER, "--time", TIME, "--parts", 3]
    cloud.dayfly.run("repartition", folder, "-o", "by-threads", *words)
    prefix = f"s3://{BUCKET}/{cloud.prefix}/"
    done = cloud.dayfly.run("repartition", source, "-o", target, *words, "--invoke", "lambda", "--function", "worker",
                            "--result-prefix", prefix, "--json", environment=cloud.environment())  # fmt: skip
    assert json.loads(done.stdout)["stats"]["worker"]["coldTasks"] + json.loads(done.stdout)["stats"]["worker"]["warmTasks"] > 5
    expected = files(cloud.dayfly.folder / "by-threads")
    if place == "disk":
        assert files(cloud.dayfly.folder / "by-workers") == expected
        assert sorted(os.listdir(cloud.dayfly.folder)) == ["by-threads", "by-workers", "temporary"]
    else:
        assert objects(cloud.s3, target) == expected
        assert uploads(cloud.s3, target) == []
        cloud.s3.clear(target.removeprefix(f"s3://{BUCKET}/"))
    cloud.assert_nothing_left()


# ---- all at once or nothing ----


def started(dayfly, source, target, *flags, environment=None):
    return dayfly.start("repartition", source, "-o", target, "--user", "u", "--time", "t", "--parts", 4, *flags,
                        environment=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip


def ended(process, *signals, after_s):
    time.sleep(after_s)
    for one in signals:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(one)
    process.stderr.read()
    process.stderr.close()
    return process.wait(60)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_a_run_that_is_ended_at_any_moment_shows_nothing_and_the_next_succeeds(dayfly, crowd, rng, how):
    expected = files(repartitioned(dayfly, crowd / "some", "--parts", 4, user="u", time="t", target="expected"))
    started_at = time.monotonic()
    repartitioned(dayfly, crowd / "some", "--parts", 4, user="u", time="t", target="timed")
    whole_s = time.monotonic() - started_at
    for _ in range(6):
        process = started(dayfly, crowd / "some", "out")
        status = ended(process, getattr(signal, how), after_s=rng.random() * whole_s)
        names = sorted(os.listdir(dayfly.folder))
        if "out" in names:  # it was faster than the signal: then all of it is there
            assert files(dayfly.folder / "out") == expected
            shutil.rmtree(dayfly.folder / "out")
        else:
            assert status == {"SIGKILL": -9, "SIGINT": 130}.get(how, status) != 0
        if how != "SIGKILL":
            assert [name for name in names if name != "out"] == ["expected", "temporary", "timed"]
        assert dayfly.left_behind() == []
    process = started(dayfly, crowd / "some", "out")
    ended(process, signal.SIGKILL, after_s=whole_s / 2)
    shutil.rmtree(dayfly.folder / "out", ignore_errors=True)
    assert files(repartitioned(dayfly, crowd / "some", "--parts", 4, user="u", time="t")) == expected
    assert sorted(os.listdir(dayfly.folder)) == ["expected", "out", "temporary", "timed"]


def test_a_run_that_is_alive_is_left_alone_by_another(dayfly, crowd):
    process = started(dayfly, crowd / "some", "out", "--threads", 1)
    while process.poll() is None and not [name for name in os.listdir(dayfly.folder) if name.startswith(".out")]:
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    write(dayfly, "in.parquet", pa.table({"u": [1], "t": [1]}))
    out = repartitioned(dayfly, "in.parquet", user="u", time="t")
    assert len(tables(out)[0]) == 1
    process.send_signal(signal.SIGCONT)
    message = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 1 and "somebody else" in message, message
    assert len(tables(out)[0]) == 1
    assert sorted(os.listdir(dayfly.folder)) == ["in.parquet", "out", "temporary"]


# ---- S3 ----


def prefix_of(target):
    return target.removeprefix(f"s3://{BUCKET}/")


def objects(s3, target):
    prefix = prefix_of(target)
    return {name.removeprefix(prefix): s3.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in s3.keys_below(prefix)}


def uploads(s3, target):
    answer = s3.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix_of(target))
    return [upload["Key"] for upload in answer.get("Uploads", [])]


@pytest.fixture
def target(s3):
    uri = f"s3://{BUCKET}/target-{uuid.uuid4().hex[:8]}/"
    yield uri
    s3.clear(prefix_of(uri))


def to_s3(dayfly, s3, source, target, *flags, status=0):
    return dayfly.run("repartition", source, "-o", target, "--user", USER, "--time", TIME, "--parts", 3, *flags,
                      status=status, environment=s3.environment())  # fmt: skip


def test_a_target_on_s3_gets_the_same_bytes_and_must_be_empty(dayfly, s3, retail, target):
    expected = files(repartitioned(dayfly, retail["users"], "--parts", 3))
    to_s3(dayfly, s3, retail["users"], target)
    assert objects(s3, target) == expected
    assert uploads(s3, target) == []
    assert "is not empty" in to_s3(dayfly, s3, retail["users"], target, status=1).stderr
    assert objects(s3, target) == expected
    assert "lies in" in to_s3(dayfly, s3, target, target + "below/", status=2).stderr


def test_a_failed_run_leaves_no_upload_on_s3(dayfly, s3, target):
    write(dayfly, "in/1.parquet", pa.table({USER: [1], TIME: [1]}))
    (dayfly.folder / "in/2.parquet").write_bytes(b"PAR1 this is none PAR1")
    to_s3(dayfly, s3, "in", target, status=3)
    assert objects(s3, target) == {} and uploads(s3, target) == []


@pytest.mark.parametrize("round_number", range(4))
def test_a_killed_run_on_s3_is_cleaned_up_by_the_next(dayfly, s3, retail, target, rng, round_number):
    expected = files(repartitioned(dayfly, retail["users"], "--parts", 3))
    process = dayfly.start("repartition", retail["users"], "-o", target, "--user", USER, "--time", TIME, "--parts", 3,
                           environment=s3.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    for _ in range(round_number):
        rng.random()
    marker = target + ".dayfly-publishing"
    while process.poll() is None and prefix_of(marker) not in s3.keys_below(prefix_of(target)):
        time.sleep(0.005)
    status = ended(process, signal.SIGKILL, after_s=rng.random() * 0.5)
    if status == 0:
        assert objects(s3, target) == expected
        return
    visible = [name for name in objects(s3, target) if not name.startswith(".")]
    to_s3(dayfly, s3, retail["users"], target)
    assert objects(s3, target) == expected, visible
    assert uploads(s3, target) == []


def half_published(s3, target, marker, names):
    """What a run leaves that was killed after it had completed the first of `names`."""
    s3.s3.put_object(Bucket=BUCKET, Key=prefix_of(target) + names[0], Body=b"half")
    s3.s3.create_multipart_upload(Bucket=BUCKET, Key=prefix_of(target) + names[1])
    marker["objects"] = [{"name": name, "bytes": 4} for name in names]
    s3.s3.put_object(Bucket=BUCKET, Key=prefix_of(target) + ".dayfly-publishing", Body=json.dumps(marker).encode())


def test_a_half_published_set_is_taken_back(dayfly, s3, retail, target):
    expected = files(repartitioned(dayfly, retail["users"], "--parts", 3))
    dead = {"machine": "another", "processes": "x", "process": 1, "started": "1", "begun_ms": int((time.time() - 2 * 86400) * 1000)}
    half_published(s3, target, dead, ["part-00000.parquet", "part-00001.parquet"])
    to_s3(dayfly, s3, retail["users"], target)
    assert objects(s3, target) == expected
    assert uploads(s3, target) == []


def test_who_may_be_alive_elsewhere_is_left_alone(dayfly, s3, retail, target):
    alive = {"machine": "another", "processes": "x", "process": 1, "started": "1", "begun_ms": int(time.time() * 1000)}
    half_published(s3, target, alive, ["part-00000.parquet", "part-00001.parquet"])
    assert "somebody else is writing" in to_s3(dayfly, s3, retail["users"], target, status=1).stderr
    assert sorted(objects(s3, target)) == [".dayfly-publishing", "part-00000.parquet"]
    assert uploads(s3, target) == [prefix_of(target) + "part-00001.parquet"]
    s3.s3.abort_multipart_upload(Bucket=BUCKET, Key=uploads(s3, target)[0], UploadId=s3.s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]["UploadId"])


def test_a_complete_set_whose_marker_was_left_is_kept(dayfly, s3, retail, target):
    to_s3(dayfly, s3, retail["users"], target)
    before = objects(s3, target)
    marker = {"machine": "another", "processes": "x", "process": 1, "started": "1", "begun_ms": 0,
              "objects": [{"name": name, "bytes": len(content)} for name, content in before.items()]}  # fmt: skip
    s3.s3.put_object(Bucket=BUCKET, Key=prefix_of(target) + ".dayfly-publishing", Body=json.dumps(marker).encode())
    assert "is not empty" in to_s3(dayfly, s3, retail["users"], target, status=1).stderr
    assert objects(s3, target) == before


# ---- mistakes ----


def test_mistakes_are_told_and_change_nothing(dayfly, retail):
    users = retail["users"]
    assert "-o FOLDER is missing" in dayfly.run("repartition", users, status=2).stderr
    assert "--parts must be" in refused(dayfly, users, "--parts", "0", status=2)
    assert "--parts must be" in refused(dayfly, users, "--parts", "10001", status=2)
    assert "--row-group-rows must be" in refused(dayfly, users, "--row-group-rows", "none", status=2)
    assert "at least 16M" in refused(dayfly, users, "--memory", "1M", status=2)
    assert "No such file" in refused(dayfly, "nowhere", status=4)
    assert "--user: column 'nobody' is not in" in refused(dayfly, users, status=2, user="nobody")
    assert "--time: column 'never' is not in" in refused(dayfly, users, status=2, time="never")
    assert "cannot tell users apart" in refused(dayfly, users, status=2, user="price")
    assert "two columns" in refused(dayfly, users, status=2, user=USER, time=USER)
    (dayfly.folder / "full").mkdir()
    (dayfly.folder / "full/file").write_text("mine")
    assert "is not empty ('file')" in refused(dayfly, users, status=1, target="full")
    assert "is a file" in refused(dayfly, users, status=2, target="full/file")
    write(dayfly, "in/1.parquet", pa.table({USER: [1], TIME: [1]}))
    assert "lies in" in refused(dayfly, "in", status=2, target="in/out")
    assert "lies in" in refused(dayfly, "in", status=2, target="in/./../in/out/deeper")
    failure = json.loads(dayfly.run("repartition", "nowhere", "-o", "x", "--user", "u", "--json", status=4).stdout)
    assert (failure["success"], failure["errorKind"]) == (False, "not_found")


def test_columns_that_can_only_be_meant_are_taken_and_no_time_is_fine(dayfly):
    write(dayfly, "in.parquet", pa.table({"user_id": [2, 1, 2, 1], "ts": [4, 3, 2, 1], "row": [0, 1, 2, 3]}))
    said = dayfly.run("repartition", "in.parquet", "-o", "guessed").stderr
    assert "'user_id' as the user" in said and "'ts' as the time" in said
    assert tables(dayfly.folder / "guessed")[0].column("row").to_pylist() == [3, 1, 2, 0]
    write(dayfly, "no-time.parquet", pa.table({"user_id": [2, 1, 2, 1], "row": [0, 1, 2, 3]}))
    assert "keep their order" in dayfly.run("repartition", "no-time.parquet", "-o", "untimed", "--user", "user_id").stderr
    assert tables(dayfly.folder / "untimed")[0].column("row").to_pylist() == [1, 3, 0, 2]


def test_a_file_that_is_damaged_or_replaced_fails_the_run_by_name(dayfly, retail):
    folder = dayfly.folder / "in"
    folder.mkdir()
    for path in sorted(retail["users"].glob("*.parquet"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    bad = sorted(folder.iterdir())[1]
    content = bytearray(bad.read_bytes())
    content[len(content) // 3] ^= 255
    bad.write_bytes(content)
    said = refused(dayfly, "in", status=3)
    assert bad.name in said
