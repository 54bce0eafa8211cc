"""The answers are right, and the same bytes however the data is cut and whoever computes.

Right: golden answers of the original engine; a tiny evaluator in Python that says the meaning in ten lines; DuckDB."""
import itertools
import math
import zlib

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from conftest import members

VIEW, CART, BUY = "event = 'view'", "event = 'addtocart'", "event = 'transaction'"
ALL = (20000, 50008)

GOLDEN = {
    "Q11": ([VIEW, CART, BUY], [(19401, 49408), (552, 5209), (328, 4024)]),
    "Q12": ([VIEW] * 5, [(19401, 49408), (5417, 35073), (2901, 29771), (1889, 26475), (1343, 24068)]),
    "Q21": ([VIEW] * 2, [(19401, 49408), (5417, 35073)]),
}
# Files by day with --groups whole would be a broken promise, so they are not here.
CUTS = [("users", "whole"), ("users", "spread"), ("users", "auto"), ("one", "whole"), ("one", "spread"), ("one", "auto"),
        ("days", "spread"), ("days", "auto")]  # fmt: skip


@pytest.mark.parametrize("layout, groups", CUTS)
@pytest.mark.parametrize("name", GOLDEN)
def test_answers_are_golden_and_the_same_bytes_for_all_threads_and_memories(dayfly, retail, name, layout, groups):
    steps, expected = GOLDEN[name]
    texts = set()
    for threads, memory in itertools.product((1, 2, 8), ("64M", "0")):
        flags = ["--threads", threads, "--groups", groups, "--memory", memory]
        printed = members(dayfly.funnel_text(retail[layout], steps, *flags))
        texts.add((printed["query"], printed["funnel"]))
    assert len(texts) == 1
    assert dayfly.funnel(retail[layout], steps, "--groups", groups) == [ALL, *expected]
    # Across layouts too: what is printed is a function of the numbers alone.
    whole = members(dayfly.funnel_text(retail["users"], steps, "--groups", "whole"))
    assert texts == {(whole["query"], whole["funnel"])}
    assert dayfly.left_behind() == []


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("settings", [{}, {"use_dictionary": False, "compression": "none"}], ids=["default", "plain"])
def test_files_written_by_pyarrow_give_the_golden_answers(dayfly, retail, tmp_path, name, settings):
    steps, expected = GOLDEN[name]
    folder = tmp_path / "rewritten"
    folder.mkdir()
    for file in sorted(retail["users"].glob("*.parquet")):
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(file), folder / file.name, row_group_size=1500, **settings)
    for groups in ("whole", "spread", "auto"):
        assert dayfly.funnel(folder, steps, "--groups", groups) == [ALL, *expected]


def test_pyarrow_and_duckdb_read_what_generate_writes(retail):
    for folder in retail.values():
        pattern = str(folder / "**/*.parquet")
        rows, users, total = duckdb.sql(
            f"select count(*), count(distinct visitorid), sum(timestamp::hugeint) % 18446744073709551616 from read_parquet('{pattern}')"
        ).fetchall()[0]
        assert (rows, users, total) == (50008, 20000, 71866135787883037)
        tables = [pyarrow.parquet.read_table(file) for file in folder.rglob("*.parquet")]
        assert sum(table.num_rows for table in tables) == 50008
        assert sum(table["price"].null_count for table in tables) == 3087


# ---- against DuckDB ----


def sql_of(step):
    column, operator, value = step
    if operator == "!=":
        return f"({column} is null or {column} <> {value})"
    return f"({column} {operator} {value})"


def duckdb_funnel(pattern, steps):
    parts = [f"events as (select * from read_parquet('{pattern}'))"]
    for k, step in enumerate(steps):
        later = f"join s{k - 1} using (visitorid) where events.timestamp > s{k - 1}.t and" if k else "where"
        parts.append(f"s{k} as (select visitorid, min(events.timestamp) t from events {later} {sql_of(step)} group by visitorid)")
    counts = " union all ".join(
        f"select {k} k, (select count(*) from s{k}) g, (select count(*) from events semi join s{k} using (visitorid)) r"
        for k in range(len(steps))
    )
    return [tuple(row) for row in duckdb.sql(f"with {', '.join(parts)} select g, r from ({counts}) order by k").fetchall()]


@pytest.mark.parametrize(
    "steps",
    [
        [("event", "=", "'view'"), ("price", ">=", "50"), ("event", "=", "'transaction'")],
        [("available", "=", "true"), ("available", "=", "false"), ("available", "!=", "true")],
        [("price", "<", "1.3"), ("price", "!=", "13.2")],
        [("categoryid", "!=", "'0'"), ("categoryid", "=", "'5'")],
        [("itemid", "<", "1000"), ("itemid", ">", "400000"), ("itemid", "<=", "200000"), ("transactionid", "!=", "7")],
        [("cryptic_attrs", "!=", "'x'"), ("timestamp", ">=", "1436000000000")],
    ],
)
def test_duckdb_counts_the_same(dayfly, retail, steps):
    expected = duckdb_funnel(str(retail["users"] / "*.parquet"), steps)
    text = [" ".join(step) for step in steps]
    for layout in retail.values():
        assert dayfly.funnel(layout, text)[1:] == expected


# ---- against the meaning, on small strange data ----

OPERATORS = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def matches(row, step):
    column, operator, value = step
    found = row[column]
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return operator == "!="
    return OPERATORS[operator](found, value)


def evaluate(rows, steps):
    """Greedy earliest match; equal times never chain; a row without time can only be step 1; rows without user are not there."""
    users = {}
    for row in rows:
        if row["u"] is not None:
            users.setdefault(row["u"], []).append(row)
    counts = [[len(users), sum(map(len, users.values()))]] + [[0, 0] for _ in steps]
    for own in users.values():
        last = -math.inf
        for k, step in enumerate(steps):
            hits = [row["t"] for row in own if matches(row, step)]
            later = [t for t in hits if t is not None and t > last]
            if not later and not (k == 0 and hits):
                break
            counts[k + 1][0] += 1
            counts[k + 1][1] += len(own)
            last = min(later, default=math.inf)
    return [tuple(count) for count in counts]


def test_the_evaluator_gives_the_worked_examples():
    examples = """1,10,view 1,20,cart 1,30,buy 2,10,view 2,10,cart 2,11,buy 3,30,buy 3,20,cart 3,10,view
                  4,5,cart 4,6,view 4,7, 5,1,view 5,1,view 5,2,view"""
    rows = [
        {"u": int(u), "t": int(t), "e": e or None} for u, t, e in (word.split(",") for word in examples.split())
    ]
    steps = [("e", "=", name) for name in ("view", "cart", "buy")]
    assert evaluate(rows, steps) == [(5, 15), (5, 15), (2, 6), (2, 6)]
    assert evaluate(rows, steps[:1] * 3) == [(5, 15), (5, 15), (1, 3), (0, 0)]


# Beyond 2^53 doubles skip integers; the ends of int64 break clumsy differences.
TIMES = [
    lambda rng: rng.randrange(12),
    lambda rng: rng.randrange(-6, 6),
    lambda rng: (1 << 60) + rng.randrange(6),
    lambda rng: rng.choice([-(1 << 63), (1 << 63) - 1, (1 << 63) - 2, 0, -1, 1 - (1 << 63)]),
]


def random_rows(rng):
    users = rng.choice([1, 3, 20, 200])
    text_users = rng.random() < 0.4
    time = rng.choice(TIMES)
    missing = rng.choice([0, 0, 0.1, 0.5])

    def maybe(value):
        return None if rng.random() < missing else value

    def user():
        number = rng.randrange(users)
        return f"user {number}" if text_users else rng.choice([number, number, -number - (1 << 62)])

    return [
        {
            "u": maybe(user()),
            "t": maybe(time(rng)),
            "e": maybe(rng.choice(["view", "cart", "buy", "", "büy"])),
            "p": maybe(rng.choice([0.0, -0.0, 1.5, -1.5, 1e300, math.nan])),
            "q": maybe(rng.randrange(-3, 4)),
            "b": maybe(rng.random() < 0.5),
        }
        for _ in range(rng.choice([1, 2, 30, 600, 3000]))
    ], text_users


def random_step(rng):
    column = rng.choice("eeepqbt")
    if column == "e":
        return column, rng.choice(["=", "=", "!="]), rng.choice(["view", "cart", "buy", "", "büy", "none"])
    if column == "b":
        return column, rng.choice(["=", "!="]), rng.random() < 0.5
    value = rng.choice([-1.5, 0.0, 1.5]) if column == "p" else rng.randrange(-3, 4)
    return column, rng.choice(list(OPERATORS)), value


def text_of(step):
    column, operator, value = step
    if isinstance(value, bool):
        return f"{column} {operator} {str(value).lower()}"
    return f"{column} {operator} '{value}'" if isinstance(value, str) else f"{column} {operator} {value}"


def write_files(rng, rows, text_users, folder):
    """Cuts the rows into files anyhow, or each user whole into one; returns whether users are whole."""
    folder.mkdir()
    file_count = rng.choice([1, 1, 2, 7])
    whole = rng.random() < 0.4
    files = [[] for _ in range(file_count)]
    for row in rows:
        files[zlib.crc32(repr(row["u"]).encode()) % file_count if whole else rng.randrange(file_count)].append(row)
    schema = pyarrow.schema(
        [
            ("u", pyarrow.string() if text_users else pyarrow.int64()),
            ("t", pyarrow.int64()),
            ("e", pyarrow.string()),
            ("p", pyarrow.float64()),
            ("q", rng.choice([pyarrow.int32(), pyarrow.int64()])),
            ("b", pyarrow.bool_()),
        ]
    )
    for index, part in enumerate(files):
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(part, schema=schema),
            folder / f"{index}.parquet",
            row_group_size=rng.choice([1, 10, 1000, 1 << 20]) if len(part) < 1000 else 1000,
            use_dictionary=rng.random() < 0.5,
            compression=rng.choice(["snappy", "none"]),
            data_page_size=rng.choice([64, 1 << 20]),
            write_statistics=rng.random() < 0.7,
        )
    return whole or file_count == 1


@pytest.mark.parametrize("round_number", range(60))
def test_random_small_data_is_answered_as_the_meaning_says(dayfly, rng, tmp_path, round_number):
    rng.seed(rng.getrandbits(64) + round_number)
    rows, text_users = random_rows(rng)
    steps = [random_step(rng) for _ in range(rng.choice([1, 2, 3, 6]))]
    whole = write_files(rng, rows, text_users, tmp_path / "data")
    expected = evaluate(rows, steps)
    for groups in ["auto", "spread"] + ["whole"] * whole:
        flags = ["--groups", groups, "--threads", rng.choice([1, 2, 8])]
        answer = dayfly.funnel(tmp_path / "data", map(text_of, steps), *flags, user="u", time="t")
        assert answer == expected, (groups, steps)
    assert dayfly.left_behind() == []
