"""The answers are right, and the same bytes however the data is cut and whoever computes.

Right: golden answers of the original engine; a tiny evaluator in Python that says the meaning in ten lines; DuckDB."""
import itertools
import json
import math
import zlib

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

import golden
from conftest import members
from golden import value

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


# ---- the golden questions in JSON, and the worked examples ----

COLUMNS = ["--user", "visitorid", "--time", "timestamp"]
# Every cut of CUTS meets every one of these over the questions, and every question six of them at least.
SETTINGS = [(1, "64M"), (2, "0"), (8, "64M"), (1, "0"), (2, "64M"), (8, "0")]


def ask(dayfly, path, query, *flags, columns=COLUMNS):
    """The bytes of query and funnel as `dayfly query` prints them, and both read."""
    text = dayfly.run("query", path, *columns, "-q", json.dumps(query), *flags).stdout
    printed = members(text)
    return (printed["query"], printed.get("funnel")), golden.asked(json.loads(text))


@pytest.mark.parametrize("name", golden.QUESTIONS)
def test_golden_questions_have_their_answers_and_the_same_bytes_however_asked(dayfly, retail, name):
    query, expected = golden.QUESTIONS[name]
    texts = {}
    for number, (layout, groups) in enumerate(CUTS, list(golden.QUESTIONS).index(name)):
        threads, memory = SETTINGS[number % len(SETTINGS)]
        way = (layout, groups, threads, memory)
        texts[way], answer = ask(dayfly, retail[layout], query, "--groups", groups, "--threads", threads, "--memory", memory)
        assert list(golden.differences(answer, expected)) == [], way
    assert len(set(texts.values())) == 1, texts
    assert dayfly.left_behind() == []


@pytest.mark.parametrize("layout, groups", CUTS)
def test_all_threads_and_memories_answer_a_question_with_everything(dayfly, retail, layout, groups):
    query, expected = golden.QUESTIONS["Q14"]
    texts = set()
    for threads, memory in SETTINGS:
        text, answer = ask(dayfly, retail[layout], query, "--groups", groups, "--threads", threads, "--memory", memory)
        assert list(golden.differences(answer, expected)) == []
        texts.add(text)
    assert len(texts) == 1


def test_a_golden_answer_that_differs_is_seen():
    """Whoever compares must be able to fail."""
    _, expected = golden.QUESTIONS["Q2"]
    for change in ({"view": 6605905.1, "addtocart": 240531.768, "transaction": 125145.61200000001}, {"view": 1.0}):
        changed = json.loads(json.dumps(expected))
        changed["query"]["aggregations"][3]["value"] = change
        assert list(golden.differences(changed, expected)) != []
    changed = json.loads(json.dumps(expected))
    changed["query"]["matchingGroups"] = 20000.0
    assert list(golden.differences(changed, expected)) != []
    upside_down = {"value": {"a": 1, "b": 2}}
    assert list(golden.differences(upside_down, upside_down)) != []


EXAMPLE_ROWS = [
    (int(g), int(t), None if e == "-" else e, None if p == "-" else float(p))
    for g, t, e, p in (
        row.split(",")
        for row in """1,10,view,1.0 1,20,cart,- 1,30,buy,5.0 2,10,view,2.0 2,10,cart,2.0 2,11,buy,0.5 3,30,buy,- 3,20,cart,- 3,10,view,-
                      4,5,cart,7.0 4,6,view,-1.0 4,7,-,0.0 5,1,view,- 5,1,view,3.0 5,2,view,-""".split()
    )
]
E_IS = {name: {"filter": ["e", "==", name]} for name in ("view", "cart", "buy")}
E_ISNT_VIEW = {"filter": ["e", "!=", "view"], "target": ["count", "==", 2]}
P_ABOVE = {number: {"filter": ["p", ">", number]} for number in (0, 6, 100)}
THREE_CONDITIONS = [E_IS["buy"], E_IS["view"], P_ABOVE[6]]
VIEWS_OF_2 = [{"column": "e", "op": "==", "value": "view"}, {"column": "p", "op": ">=", "value": 2}]


def groups_and_rows(*pairs):
    """Of all users, then of each step."""
    (first, *steps) = pairs
    return {**golden.answer(*first), **(golden.funnel(*steps) if steps else {})}


def examples_with(target, **more):
    return golden.condition({**E_IS["cart"], "target": target, **more})


# number in the specification: (query, answer)
EXAMPLES = {
    "1": (golden.condition(E_ISNT_VIEW), groups_and_rows((4, 12))),
    "2a": (examples_with(["count", "<", 2]), groups_and_rows((4, 12))),
    "2b": (examples_with(["count", "<", 2], includeZero=True), groups_and_rows((5, 15))),
    "2c": (examples_with(["count", "==", 0]), groups_and_rows((1, 3))),
    "3a": (golden.condition({**E_IS["view"], "target": ["sum", "p", "<=", 0]}), groups_and_rows((2, 6))),
    "3b": (golden.condition({**E_IS["buy"], "target": ["sum", "p", "<", 1]}), groups_and_rows((2, 6))),
    "4": ({"funnel": {"sequence": list(E_IS.values())}}, groups_and_rows((5, 15), (5, 15), (2, 6), (2, 6))),
    "5": ({"funnel": {"sequence": [E_IS["view"]] * 3}}, groups_and_rows((5, 15), (5, 15), (1, 3), (0, 0))),
    "6a": (golden.condition(*THREE_CONDITIONS, relation="$0 or $1 and $2"), groups_and_rows((4, 12))),
    "6b": (golden.condition(*THREE_CONDITIONS, relation="($0 or $1) and $2"), groups_and_rows((1, 3))),
    "7": (
        golden.condition(P_ABOVE[0], aggregations=[{"column": "e"}, {"column": "e", "type": "sumPerValue", "otherColumn": "p"}]),
        golden.answer(
            4, 12, value("count", "e", 11), value("countPerValue", "e", {"view": 6, "cart": 3, "buy": 2}),
            value("groupsPerValue", "e", {"view": 4, "cart": 3, "buy": 2}), value("sumPerValue", "e", {"cart": 9.0, "buy": 5.5, "view": 5.0}),
        ),
    ),
    "8a": (golden.condition({"filters": VIEWS_OF_2}), groups_and_rows((2, 6))),
    "8b": (golden.condition(*({"filter": one} for one in VIEWS_OF_2)), groups_and_rows((4, 12))),
    # Cut in parts, the original adds the parts' means; ours is the mean whatever the parts.
    "9": (
        golden.aggregate({"column": "e", "type": "meanPerValue", "otherColumn": "p"}),
        golden.answer(5, 15, value("meanPerValue", "e", {"cart": 4.5, "buy": 2.75, "view": 1.25})),
    ),
    "10": (
        golden.condition({"filter": ["g", "==", 5]}, aggregations=[{"column": "e", "type": "countPerValue"}]),
        golden.answer(1, 3, value("countPerValue", "e", {"view": 3})),
    ),
    "11a": (
        golden.aggregate({"column": "p", "type": "countPerValue"}),
        golden.answer(
            5, 15, value("countPerValue", "p", {"2.0": 2, "-1.0": 1, "0.0": 1, "0.5": 1, "1.0": 1, "3.0": 1, "5.0": 1, "7.0": 1})
        ),
    ),
    "11b": (
        golden.aggregate({"column": "g", "type": "sumPerValue", "otherColumn": "t"}),
        golden.answer(5, 15, value("sumPerValue", "g", {"1": 60, "3": 60, "2": 31, "4": 18, "5": 4})),
    ),
    "12a": (
        {
            **golden.condition(E_IS["view"]),
            "funnel": {
                "sequence": [E_IS["buy"]], "stepAggregations": [{"column": "e", "type": "count"}],
                "endAggregations": [{"column": "e", "type": "countPerValue"}],
            },
        },
        {
            **golden.answer(5, 15),
            **golden.funnel((3, 9, [value("count", "e", 9)]), end=[value("countPerValue", "e", {"buy": 3, "cart": 3, "view": 3})]),
        },
    ),
    "12b": (
        {
            **golden.condition(P_ABOVE[100]),
            "funnel": {"sequence": [E_IS["view"], E_IS["cart"]], "endAggregations": [{"column": "e"}]},
        },
        {
            **golden.answer(0, 0),
            **golden.funnel((0, 0), (0, 0), end=[value("count", "e", 0), value("countPerValue", "e", {}), value("groupsPerValue", "e", {})]),
        },
    ),
}  # fmt: skip


def write_examples(folder, cut):
    """The fifteen rows in files. cut: (name, rows -> list of files, each a list of rows; further settings)."""
    _, files_of, kinds, settings = cut
    folder.mkdir(parents=True)
    for number, rows in enumerate(files_of(EXAMPLE_ROWS)):
        columns = dict(zip("gtep", zip(*rows) if rows else [[]] * 4))
        table = pyarrow.table({name: pyarrow.array(columns[name], kinds.get(name, kind)) for name, kind in EXAMPLE_TYPES.items()})
        pyarrow.parquet.write_table(table, folder / f"{number:02}.parquet", **settings)


EXAMPLE_TYPES = {"g": pyarrow.int64(), "t": pyarrow.int64(), "e": pyarrow.string(), "p": pyarrow.float64()}
CATEGORICAL = {"e": pyarrow.dictionary(pyarrow.int8(), pyarrow.string())}
EXAMPLE_CUTS = [
    ("one", lambda rows: [rows], {}, {}),
    ("categorical", lambda rows: [rows], CATEGORICAL, {}),
    ("row-groups", lambda rows: [rows], {"g": pyarrow.int32()}, {"row_group_size": 1, "use_dictionary": False}),
    ("two-parts", lambda rows: [rows[:6], rows[6:]], {}, {"row_group_size": 4}),
    ("user-by-user", lambda rows: [[row for row in rows if row[0] == user] for user in range(1, 6)], {}, {}),
    ("row-by-row", lambda rows: [[row] for row in rows], {"t": pyarrow.int16()}, {}),
    # Every user in three files, and an empty one between them.
    ("dealt-out", lambda rows: [rows[0::3], [], rows[2::3], rows[1::3]], CATEGORICAL, {}),
]
WHOLE_CUTS = {"one", "categorical", "row-groups", "two-parts", "user-by-user"}


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for cut in EXAMPLE_CUTS:
        write_examples(folder / cut[0], cut)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples_are_answered_as_written_however_the_rows_are_cut(dayfly, examples, name):
    query, expected = EXAMPLES[name]
    texts = {}
    for number, (cut, *_) in enumerate(EXAMPLE_CUTS, list(EXAMPLES).index(name)):
        for groups in ["auto", "whole" if cut in WHOLE_CUTS and number % 2 else "spread"]:
            threads, memory = SETTINGS[number % len(SETTINGS)]
            flags = ["--time-unit", "s", "--groups", groups, "--threads", threads, "--memory", memory]
            texts[cut, groups], answer = ask(dayfly, examples / cut, query, *flags, columns=["--user", "g", "--time", "t"])
            assert list(golden.differences(answer, expected)) == [], (cut, groups)
    assert len(set(texts.values())) == 1, texts


def test_parts_without_rows_and_relations_that_ignore_are_no_errors(dayfly, examples, tmp_path):
    columns = ["--user", "g", "--time", "t"]
    write_examples(tmp_path / "empty", ("empty", lambda rows: [[], []], {}, {}))
    for name, (query, _) in EXAMPLES.items():
        _, answer = ask(dayfly, tmp_path / "empty", query, columns=columns)
        assert answer["query"]["matchingGroups"] == answer["query"]["matchingGroupRows"] == 0, name
        assert all(step["matchingGroups"] == 0 for step in answer.get("funnel", {"sequence": []})["sequence"])
    nobody = [P_ABOVE[100], {"filter": ["e", "==", "none"]}]
    for relation in ("and", "or", "$0 or $1", "$1"):
        _, answer = ask(dayfly, examples / "one", golden.condition(*nobody, relation=relation), columns=columns)
        assert answer == golden.answer(0, 0)
    for relation, expected in {"$0": (3, 9), "$1": (5, 15)}.items():
        _, answer = ask(dayfly, examples / "one", golden.condition(E_IS["buy"], E_IS["view"], relation=relation), columns=columns)
        assert answer == golden.answer(*expected)


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
