"""The command line: help, settings, answers, and above all what happens when something is wrong.

Every failure must be one message on standard error that names the thing, the exit code of its kind, nothing on standard
output, and nothing left behind."""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import PROGRAM, members

STEPS = ["event = 'view'", "event = 'cart'", "event = 'buy'"]


# Code under a sanitizer is many times slower; what it frees, it poisons.
SANITIZED = any(mark in PROGRAM.read_bytes() for mark in (b"__asan_init", b"__tsan_init")) if PROGRAM.exists() else False
PATIENCE = 30 if SANITIZED else 1


def shop_table(users, first_user=0):
    """Each user views, every second one puts into the cart, every fourth one buys."""
    rows = []
    for user in range(first_user, first_user + users):
        rows.append((user, 1000, "view", 1.5, True))
        if user % 2 == 0:
            rows.append((user, 2000, "cart", None, False))
        if user % 4 == 0:
            rows.append((user, 3000, "buy", 99.0, None))
    names = ["visitorid", "timestamp", "event", "price", "available"]
    table = pa.table({name: list(column) for name, column in zip(names, zip(*rows))})
    return table.append_column("rating", pa.array([4.5] * len(rows), pa.float32()))


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """Two files, 100 users whole in each: 200, 100, 50 get through the steps."""
    folder = tmp_path_factory.mktemp("shop")
    for part in range(2):
        pq.write_table(shop_table(100, 100 * part), folder / f"part-{part}.parquet")
    return folder


@pytest.fixture(scope="session")
def crowd(tmp_path_factory):
    """A scan that takes a while: 64 names of one file of 3 M rows."""
    folder = tmp_path_factory.mktemp("crowd")
    rows = 3_000_000
    table = pa.table(
        {
            "visitorid": pa.array([i // 3 for i in range(rows)]),
            "timestamp": pa.array([i * 7919 % 1_000_003 for i in range(rows)]),
            "event": pa.array(["view", "cart", "buy"] * (rows // 3)).dictionary_encode(),
        }
    )
    pq.write_table(table, folder / "0.parquet", row_group_size=500_000)
    for copy in range(1, 64):
        os.link(folder / "0.parquet", folder / f"{copy}.parquet")
    return folder


def words_of(steps=STEPS, user="visitorid", time="timestamp"):
    return ["--user", user, "--time", time, *(word for step in steps for word in ("--step", step))]


def fails(dayfly, *words, status, says, **options):
    """The message of the failure, after checking its form."""
    done = dayfly.run(*words, status=status, **options)
    assert done.stdout == ""
    assert done.stderr.startswith("dayfly: ")
    assert done.stderr.count("dayfly: ") == 1, "one error, told once"
    for text in [says] if isinstance(says, str) else says:
        assert text in done.stderr
    assert dayfly.left_behind() == []
    return done.stderr


# ---- help and version ----


def commands(dayfly):
    listed = dayfly.run("help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def test_alone_it_shows_what_can_be_done(dayfly):
    alone = dayfly.run()
    assert alone.stdout == dayfly.run("--help").stdout == dayfly.run("help").stdout == dayfly.run("-h").stdout
    assert "dayfly generate retail" in alone.stdout and "dayfly funnel" in alone.stdout
    assert alone.stderr == ""


def test_every_command_explains_itself(dayfly):
    assert {"funnel", "query", "generate", "config", "completion", "help", "version"} <= set(commands(dayfly))
    for command in commands(dayfly):
        text = dayfly.run("help", command).stdout
        assert text == dayfly.run(command, "--help").stdout == dayfly.run(command, "--bogus", "-h").stdout
        assert text.startswith(f"Usage: dayfly {command}")
        assert max(map(len, text.splitlines())) <= 80


def test_version_tells_version_and_compiler(dayfly):
    text = dayfly.run("version").stdout
    assert text == dayfly.run("--version").stdout
    assert text.startswith("dayfly 0.")
    assert "gcc" in text or "clang" in text


def test_start_is_quick(dayfly):
    times = []
    for _ in range(15):
        begin = time.monotonic()
        dayfly.run("version")
        times.append(time.monotonic() - begin)
    assert min(times) < 0.02 * PATIENCE


@pytest.mark.parametrize(
    "words, says",
    [
        (["funnle"], ["no command 'funnle'", "try: dayfly funnel"]),
        (["help", "funnle"], ["no command 'funnle'", "try: dayfly funnel"]),
        (["zzzzzzzz"], ["no command 'zzzzzzzz'", "try: dayfly help"]),
        (["--threads", "2"], ["the command comes before its flags", "'--threads'"]),
        (["version", "now"], ["'version' takes flags only", "'now'"]),
        (["help", "funnel", "config"], ["at most 1", "'config'"]),
        (["config", "--treads=2"], ["no flag --treads", "did you mean --threads?", "try: dayfly config --help"]),
    ],
)
def test_wrong_words_are_told_with_what_is_near(dayfly, words, says):
    fails(dayfly, *words, status=2, says=says)


# ---- settings ----


def settings(dayfly, *words, environment=None):
    listed = json.loads(dayfly.run("config", "-o", "json", *words, environment=environment).stdout)
    return {row["name"]: (row["value"], row["source"]) for row in listed}


def test_a_setting_comes_from_flag_then_environment_then_file_then_default(dayfly):
    assert settings(dayfly)["log.level"] == ("warning", "default")
    (dayfly.folder / "dayfly.yaml").write_text("threads: 3\nlog:\n  level: info\n")
    assert settings(dayfly)["threads"] == ("3", "dayfly.yaml")
    assert settings(dayfly)["log.level"] == ("info", "dayfly.yaml")
    assert settings(dayfly, environment={"DAYFLY_THREADS": "5"})["threads"] == ("5", "environment")
    assert settings(dayfly, "--threads=7", environment={"DAYFLY_THREADS": "5"})["threads"] == ("7", "flag")


def test_the_temporary_folder_is_also_called_tmpdir(dayfly):
    assert settings(dayfly, environment={"TMPDIR": "/somewhere"})["temporary.folder"] == ("/somewhere", "environment")


def test_the_file_of_settings_may_be_named(dayfly):
    other = dayfly.folder / "other.yaml"
    other.write_text("threads: 9\n")
    assert settings(dayfly, "--config", other)["threads"] == ("9", "dayfly.yaml")
    assert settings(dayfly, environment={"DAYFLY_CONFIG": str(other)})["threads"] == ("9", "dayfly.yaml")
    fails(dayfly, "config", "--config", "absent.yaml", status=4, says="'absent.yaml'")


@pytest.mark.parametrize(
    "text, says",
    [
        ("memroy:\n  limit: 2G\n", ["dayfly.yaml", "line 2", "memroy.limit", "memory.limit"]),
        ("threads: many\n", ["dayfly.yaml", "many"]),
        ("threads: [1\n", ["dayfly.yaml"]),
    ],
)
def test_a_wrong_file_of_settings_is_told_and_does_not_stop_help(dayfly, text, says):
    (dayfly.folder / "dayfly.yaml").write_text(text)
    fails(dayfly, "config", status=2, says=says)
    dayfly.run("help")
    dayfly.run("version")


def test_config_lists_every_option_in_all_forms(dayfly):
    names = settings(dayfly)
    assert {"memory.limit", "threads", "temporary.folder", "log.level", "job.timeout"} <= set(names)
    assert int(names["threads"][0]) >= 1
    page = dayfly.run("config", "--markdown").stdout
    table = dayfly.run("config").stdout
    for name in names:
        assert f"| `{name}`" in page
        assert any(line.startswith(name + " ") for line in table.splitlines())
    environment = {"DAYFLY_THREADS": "3", "DAYFLY_MEMORY_LIMIT": "77M"}
    assert page == dayfly.run("config", "--markdown", environment=environment).stdout, "nothing of the machine in the page"


# ---- answers ----


def test_a_funnel_as_a_chart(dayfly, shop):
    done = dayfly.run("funnel", shop, *words_of())
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "Which users did event = 'view', then event = 'cart', then event = 'buy'?"
    table = [line for line in lines if line[:2] in ("1 ", "2 ", "3 ")]
    assert [line.split("  ")[0] for line in table] == ["1 event = 'view'", "2 event = 'cart'", "3 event = 'buy'"]
    assert table[0].endswith("200   100.0 %")
    assert table[1].endswith("100    50.0 %    50.0 %  -100")
    assert table[2].endswith("50    25.0 %    50.0 %   -50")
    assert "350 rows · 200 users" in lines[-1]


def test_a_funnel_as_json_keeps_what_depends_on_the_run_in_stats(dayfly, shop):
    texts = [
        dayfly.funnel_text(paths, STEPS, *flags)
        for paths, flags in [
            (shop, ["--threads", 1]),
            (shop, ["--threads", 4, "--memory", "64M"]),
            (shop, ["--groups", "whole"]),
            (shop, ["--groups", "spread"]),
            ([shop / "part-1.parquet", shop / "part-0.parquet"], []),
        ]
    ]
    for text in texts:
        assert list(members(text)) == ["success", "requestId", "stats", "query", "funnel"]
        parts = members(text)
        assert (parts["query"], parts["funnel"]) == (members(texts[0])["query"], members(texts[0])["funnel"])
    answer = json.loads(texts[0])
    assert answer["success"] is True
    assert [step["matchingGroups"] for step in answer["funnel"]["sequence"]] == [200, 100, 50]
    assert answer["query"] == {"matchingGroups": 200, "matchingGroupRows": 350}
    stats = answer["stats"]
    assert stats["dataset"]["parts"] >= 2
    assert stats["dataset"]["totalSize"] == sum(path.stat().st_size for path in shop.iterdir())
    assert stats["worker"]["scannedRows"] == 350 and stats["worker"]["scannedGroups"] == 200
    assert stats["totalTime"] > 0 and answer["requestId"] and stats["invoker"]["failedTasks"] == 0


def test_columns_that_can_only_be_meant_are_taken_and_said(dayfly, shop):
    steps = [word for step in STEPS for word in ("--step", step)]
    done = dayfly.run("funnel", shop, *steps, "-o", "json")
    assert "'visitorid'" in done.stderr and "'timestamp'" in done.stderr
    assert [step["matchingGroups"] for step in json.loads(done.stdout)["funnel"]["sequence"]] == [200, 100, 50]
    assert dayfly.run("funnel", shop, *words_of(), "-o", "json").stderr == ""


def test_paths_may_be_listed_with_commas(dayfly, shop):
    whole = dayfly.funnel(shop, STEPS)
    assert dayfly.funnel(f"{shop}/part-0.parquet,{shop}/part-1.parquet", STEPS) == whole
    steps = [word for step in STEPS for word in ("--step", step)]
    shutil.copy(shop / "part-0.parquet", dayfly.folder / "a,b.parquet")  # a file that is there is no list
    assert "100 users" in dayfly.run("funnel", "a,b.parquet", *steps).stdout


def test_columns_that_cannot_be_guessed_are_asked_for(dayfly):
    pq.write_table(pa.table({"user_id": [1], "customer_id": [1], "ts": [1], "event": ["view"]}), dayfly.folder / "a.parquet")
    fails(dayfly, "funnel", "a.parquet", "--step", "event=view", status=2,
          says=["which column is the user?", "--user", "user_id, customer_id, ts, event"])
    pq.write_table(pa.table({"user_id": [1], "when": [1], "event": ["view"]}), dayfly.folder / "b.parquet")
    done = dayfly.run("funnel", "b.parquet", "--step", "event=view", status=2)
    assert "which column is the time?" in done.stderr and "--time" in done.stderr


def test_steps_on_every_kind_of_column(dayfly, shop):
    for step, users in [("price >= 50", 50), ("price < 50", 200), ("available = true", 200), ("visitorid != 7", 199),
                        ("event=view", 200), ("event = 'nothing'", 0), ("timestamp > 2000", 50), ("rating > 4", 200),
                        ("event in ('cart', 'buy')", 100), ("price is null", 100), ("not event = 'view'", 100),
                        ("event = 'view' and (price > 2 or available = true)", 200), ("event starts with 'b'", 50)]:
        assert dayfly.funnel(shop, [step])[1][0] == users, step


def test_the_answer_goes_into_a_file(dayfly, shop):
    target = dayfly.folder / "new" / "answer.json"
    done = dayfly.run("funnel", shop, *words_of(), "-o", "json", "--output-file", target)
    assert done.stdout == ""
    assert json.loads(target.read_text())["funnel"]["sequence"][2]["matchingGroups"] == 50
    dayfly.run("funnel", shop, *words_of(), "--output-file", target)
    assert "\033" not in target.read_text() and "Which users did" in target.read_text()
    assert [path.name for path in target.parent.iterdir()] == ["answer.json"]


def test_a_chart_of_all_that_can_be_asked(dayfly, shop):
    done = dayfly.run("funnel", shop, *words_of(STEPS[:2]), "--name", "basket", "--max-gap", "1h", "--without", "event = 'nothing'",
                      "--step", STEPS[2], "--within", "1d", "--durations", "--by", "available", "--trend", "day", "--where", "timestamp > 0",
                      "--users", "event = 'view'", "--time-unit", "s", "--from", 0, "--to", "2030-01-01")
    lines = done.stdout.splitlines()
    assert any(line.startswith("2 basket") and line.endswith("17 min") for line in lines), done.stdout
    assert any(line.startswith("by available") for line in lines) and any(line.startswith("1970-01-01") for line in lines)
    assert any(line.startswith("true") and "200  100  50" in line for line in lines), done.stdout


def test_explain_tells_how_it_was_answered(dayfly, shop):
    text = dayfly.run("funnel", shop, *words_of(), "--explain").stdout
    for word in ("users", "exchange", "columns", "files", "row groups", "stage 1"):
        assert any(line.startswith(word) for line in text.splitlines()), text
    assert "Which users" not in text
    report = json.loads(dayfly.run("funnel", shop, *words_of(), "--explain", "-o", "json").stdout)
    assert set(report["columns"]) == {"visitorid", "timestamp", "event"}
    assert report["files"] == {"read": 2, "skipped": 0} and report["stages"]
    spread = json.loads(dayfly.run("funnel", shop, *words_of(), "--groups", "spread", "--explain", "-o", "json").stdout)
    assert spread["users"] == "spread" and spread["exchange"]["sections"] >= 1 and spread["exchange"]["why"]
    whole = json.loads(dayfly.run("funnel", shop, *words_of(), "--groups", "whole", "--explain", "-o", "json").stdout)
    assert whole["users"] == "whole" and whole["exchange"] is None
    fails(dayfly, "funnel", shop, *words_of(), "--explain", "-o", "svg", status=2, says="--explain is text or json")


def test_a_guessed_unit_is_said_and_a_given_one_is_not(dayfly, shop):
    words = ["funnel", shop, *words_of(), "--within", "30m"]
    assert "taking column 'timestamp' as seconds (--time-unit says otherwise)" in dayfly.run(*words).stderr
    assert dayfly.run(*words, "--time-unit", "ms").stderr == ""


def test_a_cohort_is_exported(dayfly, shop):
    done = dayfly.run("funnel", shop, *words_of(), "--export", "reached:2=users.parquet", "--columns", "price")
    assert "100 users written to users.parquet" in done.stdout
    table = pq.read_table(dayfly.folder / "users.parquet")
    assert table.column_names[:3] == ["visitorid", "step1", "step2"] and table.num_rows == 100
    assert sorted(table["visitorid"].to_pylist()) == list(range(0, 200, 2))


# ---- wrong questions ----


@pytest.mark.parametrize(
    "words, says",
    [
        (["funnel", "{shop}", *words_of(["event = "])], ["step 1", "event = ", "\n", "^"]),
        (["funnel", "{shop}", *words_of(["event = 'view'", "price >> 3"])], ["step 2", "price >> 3", "^"]),
        (["funnel", "{shop}", *words_of(["event = 'view"])], ["step 1", "^"]),
        (["funnel", "{shop}", *words_of([""])], ["step 1"]),
        (["funnel", "{shop}", "--user", "visitorid"], ["needs steps", "try: --step"]),
        (["funnel", *words_of()], ["needs a PATH", "try: dayfly funnel --help"]),
        (["funnel", "{shop}", *words_of(), "--stpe", "x"], ["--stpe", "did you mean --step?"]),
        (["funnel", "{shop}", *words_of(), "--user=x"], ["--user is given twice"]),
        (["funnel", "{shop}", "--step"], ["--step needs a value: --step EXPR"]),
        (["funnel", "{shop}", *words_of(), "--groups", "half"], ["--groups is auto, whole or spread", "'half'"]),
        (["funnel", "{shop}", *words_of(), "-o", "xml"], ["--output is text, json, csv, svg or html", "'xml'"]),
        (["funnel", "{shop}", *words_of(), "--order", "any", "--durations"], ["--durations needs steps in an order", "try: --order loose"]),
        (["funnel", "{shop}", "--name", "x", *words_of()], ["--name x has no --step right before it"]),
        (["funnel", "{shop}", *words_of(), "--top", "3"], ["needs --by"]),
        (["funnel", "{shop}", *words_of(), "--export", "users.csv"], ["reached:2=users.parquet"]),
        (["funnel", "{shop}", *words_of(), "--within", "7 days"], ["--within", "'7 days'"]),
        (["funnel", "{shop}", *words_of(), "--max-gap", "soon"], ["step 3 --max-gap", "'soon'"]),
        (["funnel", "{shop}", *words_of(), "--from", "yesterday"], ["--from", "'yesterday'"]),
        (["funnel", "{shop}", *words_of(), "--from", "9", "--to", "9"], ["timeframe"]),
        (["funnel", "{shop}", *words_of(), "--by", "evnt"], ["--by", "evnt"]),
        (["funnel", "{shop}", *words_of(), "--where", "evnt = 'view'"], ["--where", "evnt"]),
        (["funnel", "{shop}", *words_of(), "--users", "evnt = 'view'"], ["--users 1", "evnt"]),
        (["funnel", "{shop}", "--without", "evnt=1", *words_of()], ["--without 1", "evnt"]),
        (["funnel", "{shop}", *words_of(), "--threads", "0"], ["--threads", "'0'"]),
        (["funnel", "{shop}", *words_of(), "--threads", "-1"], ["--threads", "'-1'"]),
        (["funnel", "{shop}", *words_of(), "--threads", "two"], ["--threads", "'two'"]),
        (["funnel", "{shop}", *words_of(), "--memory", "5Q"], ["--memory", "'5Q'", "64M"]),
        (["funnel", "{shop}", *words_of(), "--timeout", "5 parsecs"], ["--timeout", "'5 parsecs'"]),
        (["funnel", "{shop}", *words_of(["event=view", "evnt = 'view'"])], ["step 2", "evnt", "did you mean 'event'?"]),
        (["funnel", "{shop}", *words_of(user="visitrid")], ["visitrid", "did you mean 'visitorid'?"]),
        (["funnel", "{shop}", *words_of(time="when")], ["when", "timestamp"]),
        (["funnel", "{shop}", *words_of(["event > 5"])], ["step 1", "'event' is a string"]),
        (["funnel", "{shop}", *words_of(["price = 'much'"])], ["step 1", "'price' is a float", "'much'"]),
        (["funnel", "{shop}", *words_of(["available = 3"])], ["step 1", "'available' is a boolean"]),
        (["funnel", "{shop}", *words_of(time="event")], ["'event' is a string", "cannot be the time"]),
    ],
)
def test_wrong_questions(dayfly, shop, words, says):
    fails(dayfly, *(word.replace("{shop}", str(shop)) for word in words), status=2, says=says)


def test_words_that_are_not_utf8_are_refused(dayfly):
    fails(dayfly, "funnel", os.fsdecode(b"K\xe4se.parquet"), *words_of(), status=2, says=["K?se.parquet", "UTF-8"])


def test_the_caret_stands_under_the_mistake(dayfly, shop):
    message = fails(dayfly, "funnel", shop, *words_of(["price >> 3"]), status=2, says="step 1")
    lines = message.splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^")
    at = lines[caret - 1].index("price >> 3")
    assert lines[caret].index("^") - at in (6, 7)


def test_a_failure_as_json_names_its_kind(dayfly, shop):
    for words, status, kind in [
        (["absent", *words_of()], 4, "not_found"),
        ([shop, *words_of(["nothing = 1"])], 2, "invalid"),
        ([shop, *words_of(), "--memory", "5Q"], 2, "invalid"),
    ]:
        done = dayfly.run("funnel", *words, "-o", "json", status=status)
        answer = json.loads(done.stdout)
        assert list(answer) == ["success", "errorMessage", "errorKind"]
        assert answer["success"] is False and answer["errorKind"] == kind
        assert done.stderr.startswith(f"dayfly: {answer['errorMessage']}\n")


# ---- wrong data ----


def spoil(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("flags", [[], ["--groups", "whole"], ["--groups", "spread"]], ids=["auto", "whole", "spread"])
class TestWrongData:
    def test_missing_file(self, dayfly, flags):
        fails(dayfly, "funnel", "absent.parquet", *words_of(), *flags, status=4, says="absent.parquet")

    def test_missing_file_beside_a_good_one(self, dayfly, shop, flags):
        fails(dayfly, "funnel", shop, "absent.parquet", *words_of(), *flags, status=4, says="absent.parquet")

    def test_glob_without_a_match(self, dayfly, shop, flags):
        fails(dayfly, "funnel", f"{shop}/x*.parquet", *words_of(), *flags, status=4, says="x*.parquet")

    def test_folder_without_parquet(self, dayfly, flags):
        (dayfly.folder / "papers").mkdir()
        (dayfly.folder / "papers" / "notes.txt").write_text("nothing")
        fails(dayfly, "funnel", "papers", *words_of(), *flags, status=4, says=["papers", "*.parquet"])

    def test_file_that_is_no_parquet(self, dayfly, flags):
        spoil(dayfly.folder, "notes.parquet", b"nothing of the kind, but long enough to look at\n" * 100)
        fails(dayfly, "funnel", "notes.parquet", *words_of(), *flags, status=3, says="notes.parquet")

    def test_empty_file(self, dayfly, flags):
        spoil(dayfly.folder, "empty.parquet", b"")
        fails(dayfly, "funnel", "empty.parquet", *words_of(), *flags, status=3, says="empty.parquet")

    @pytest.mark.parametrize("left", [3, 4, 8, 11, 12, 500, -1, -8, -9])
    def test_truncated_file(self, dayfly, shop, flags, left):
        content = (shop / "part-0.parquet").read_bytes()
        spoil(dayfly.folder, "cut.parquet", content[:left])
        fails(dayfly, "funnel", "cut.parquet", *words_of(), *flags, status=3, says="cut.parquet")

    def test_damaged_file_beside_a_good_one(self, dayfly, shop, flags):
        shutil.copy(shop / "part-0.parquet", dayfly.folder / "a.parquet")
        spoil(dayfly.folder, "b.parquet", (shop / "part-1.parquet").read_bytes()[:-20])
        fails(dayfly, "funnel", ".", *words_of(), *flags, status=3, says="b.parquet")

    def test_column_of_a_kind_that_is_not_read(self, dayfly, shop, flags):
        attributes = pa.array([[("colour", "red")]] * 10, pa.map_(pa.string(), pa.string()))
        table = shop_table(10).slice(0, 10).append_column("attributes", attributes)
        pq.write_table(table, dayfly.folder / "map.parquet")
        fails(dayfly, "funnel", "map.parquet", *words_of(["attributes is null"]), *flags, status=None, says="attributes")

    def test_column_that_one_file_lacks(self, dayfly, shop, flags):
        shutil.copy(shop / "part-0.parquet", dayfly.folder / "a.parquet")
        pq.write_table(shop_table(10).drop_columns(["event"]), dayfly.folder / "b.parquet")
        fails(dayfly, "funnel", ".", *words_of(), *flags, status=2, says=["event", "b.parquet"])

    def test_store_that_is_not_known(self, dayfly, flags):
        fails(dayfly, "funnel", "ftp://host/a.parquet", *words_of(), *flags, status=3, says="ftp")


def test_a_damaged_page_is_told_with_its_place(dayfly, shop):
    content = bytearray((shop / "part-0.parquet").read_bytes())
    content[4:400] = b"\xff" * 396
    spoil(dayfly.folder, "bad.parquet", bytes(content))
    fails(dayfly, "funnel", "bad.parquet", *words_of(), status=3, says=["bad.parquet", "column"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(dayfly, shop):
    shutil.copy(shop / "part-0.parquet", dayfly.folder / "a.parquet")
    os.chmod(dayfly.folder / "a.parquet", 0)
    fails(dayfly, "funnel", "a.parquet", *words_of(), status=5, says="a.parquet")


def test_messages_cannot_play_with_the_terminal(dayfly):
    message = fails(dayfly, "funnel", "\033[2Jabsent\a", *words_of(), status=4, says="absent")
    assert "\033" not in message and "\a" not in message


# ---- a world that changes or is full ----


def wait_until_it_works(process):
    """Until it has used some CPU time: it is in the middle of the scan then."""
    for _ in range(500):
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 0.15:
            return
        assert process.poll() is None, "ended before it could be disturbed"
        time.sleep(0.01)


def start_funnel(dayfly, paths, *flags, **options):
    return dayfly.start("funnel", paths, *words_of(["event=view", "event=cart", "event=buy"]), *flags, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def copy_links(crowd, folder):
    folder.mkdir()
    for path in crowd.iterdir():
        os.link(path, folder / path.name)
    return folder


def test_files_that_vanish_in_mid_query(dayfly, crowd):
    folder = copy_links(crowd, dayfly.folder / "vanishing")
    process = start_funnel(dayfly, folder, "--groups", "whole", "--threads", "1")
    wait_until_it_works(process)
    shutil.rmtree(folder)
    out, message = process.communicate(timeout=60)
    assert process.returncode == 4 and out == ""
    assert message.startswith("dayfly: ") and "vanishing" in message and ".parquet" in message
    assert dayfly.left_behind() == []


def test_files_that_are_replaced_in_mid_query(dayfly, crowd, shop):
    folder = copy_links(crowd, dayfly.folder / "changing")
    process = start_funnel(dayfly, folder, "--groups", "whole", "--threads", "1")
    wait_until_it_works(process)
    for path in folder.iterdir():
        shutil.copy(shop / "part-0.parquet", dayfly.folder / "other")
        os.replace(dayfly.folder / "other", path)
    out, message = process.communicate(timeout=60)
    assert process.returncode == 1 and out == ""
    assert "changing" in message and ".parquet" in message
    assert dayfly.left_behind() == []


def test_a_query_out_of_time(dayfly, crowd):
    done = dayfly.run("funnel", crowd, *words_of(["event=view"]), "--groups", "whole", "--timeout", "200ms", status=6)
    assert "200 ms" in done.stderr or "200ms" in done.stderr
    assert dayfly.left_behind() == []


SPILLING = ["--groups", "spread", "--memory", "32M", "--threads", "2"]


def test_what_does_not_fit_the_memory_goes_to_the_temporary_folder_and_is_removed(dayfly, crowd):
    few = [crowd / f"{i}.parquet" for i in range(2)]
    text = dayfly.funnel_text(few, ["event=view", "event=cart"], *SPILLING)
    assert json.loads(text)["stats"]["invoker"]["spilledSections"] > 0, "the tests below need a query that spills"
    plain = dayfly.funnel_text(few, ["event=view", "event=cart"], "--groups", "spread")
    assert members(plain)["funnel"] == members(text)["funnel"]
    assert dayfly.left_behind() == []


def test_a_temporary_folder_that_is_not_there(dayfly, crowd):
    done = dayfly.run("funnel", crowd, *words_of(["event=view"]), *SPILLING, "--temporary-folder", "/nowhere/at/all", status=None)
    assert done.returncode in (1, 4) and "/nowhere/at/all" in done.stderr and done.stdout == ""


def test_a_full_temporary_folder(dayfly, crowd):
    """The limit of a file's size stands for the disk: writing fails in the middle."""
    done = subprocess.run(
        [*start_words(dayfly, crowd), *SPILLING],
        cwd=dayfly.folder,
        env=dayfly.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        restore_signals=False,  # Python ignores SIGXFSZ: write(2) fails instead
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16)),
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("dayfly: ") and str(dayfly.folder / "temporary") in done.stderr
    assert dayfly.left_behind() == []


def start_words(dayfly, paths):
    return [str(PROGRAM), "funnel", str(paths), *words_of(["event=view", "event=cart"])]


def may_mount():
    script = "mount -t tmpfs -o size=64k tmpfs /mnt"
    return shutil.which("unshare") and subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, check=False).returncode == 0


def test_a_full_disk_under_the_temporary_folder(dayfly, crowd):
    if not may_mount():
        pytest.skip("this machine lets nobody mount a small disk")
    small = dayfly.folder / "small"
    small.mkdir()
    script = 'mount -t tmpfs -o size=256k tmpfs "$0" && "$@"; status=$?; ls -A "$0"; exit $status'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, small, *start_words(dayfly, crowd), *SPILLING, "--temporary-folder", small],
        cwd=dayfly.folder, env=dayfly.environment, capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 1
    assert done.stdout == "", "nothing printed, nothing left on the disk"
    assert str(small) in done.stderr and "No space left" in done.stderr


# ---- output that cannot be written ----


def test_output_to_a_full_disk_is_an_error(dayfly, shop):
    for words in (["help"], ["config"], ["funnel", shop, *words_of()]):
        with open("/dev/full", "w") as full:
            process = dayfly.start(*words, stdout=full, stderr=subprocess.PIPE, text=True)
            message = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert "standard output" in message and "No space left" in message


def test_output_to_a_reader_that_has_gone_ends_quietly(dayfly, shop):
    for words in (["help"], ["config", "--markdown"], ["funnel", shop, *words_of()], ["funnel", shop, *words_of(), "-o", "json"]):
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = dayfly.start(*words, stdout=write_end, stderr=subprocess.PIPE, text=True)
        os.close(write_end)
        message = process.communicate(timeout=60)[1]
        assert message == ""
        assert process.returncode == 141


def test_output_that_is_closed_goes_into_no_other_file(dayfly, shop):
    process = dayfly.start("funnel", shop, *words_of(), stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "standard output" in message


def test_an_output_file_that_cannot_be_written_is_named(dayfly, shop):
    (dayfly.folder / "file").write_text("kept")
    done = dayfly.run("funnel", shop, *words_of(), "--output-file", "file/answer.json", status=None)
    assert done.returncode not in (0, 130) and "file/answer.json" in done.stderr
    assert (dayfly.folder / "file").read_text() == "kept"
    (dayfly.folder / "folder").mkdir()
    done = dayfly.run("funnel", shop, *words_of(), "--output-file", "folder", status=None)
    assert done.returncode not in (0, 130) and "folder" in done.stderr
    assert list((dayfly.folder / "folder").iterdir()) == []


# ---- Ctrl-C ----


def interrupt(dayfly, crowd, number, *flags):
    """Seconds from the signal to the end."""
    process = start_funnel(dayfly, crowd, *flags)
    wait_until_it_works(process)
    begin = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=30)
    took = time.monotonic() - begin
    out, message = process.communicate()
    assert process.returncode == 130
    assert dayfly.left_behind() == []
    return took, out, message


@pytest.mark.parametrize("flags", [["--groups", "whole"], SPILLING], ids=["scan", "exchange"])
def test_ctrl_c_in_the_middle_of_a_query_ends_it_within_100_ms(dayfly, crowd, flags):
    times = []
    for _ in range(5):
        took, out, message = interrupt(dayfly, crowd, signal.SIGINT, *flags)
        times.append(took)
        assert out == "" and message.startswith("dayfly: ") and "cancelled" in message
    # A busy machine may be late now and then, the program never: all but the luckiest would be if it waited for its scan.
    assert sorted(times)[1] < 0.1 * PATIENCE and max(times) < 2 * PATIENCE, times


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ends_are_as_clean_as_ctrl_c(dayfly, crowd, number):
    interrupt(dayfly, crowd, number, "--groups", "whole")


def test_ctrl_c_of_a_program_that_reads_json_is_told_as_json(dayfly, crowd):
    _, out, _ = interrupt(dayfly, crowd, signal.SIGINT, "--groups", "whole", "-o", "json")
    assert json.loads(out)["errorKind"] == "cancelled"


def test_ctrl_c_is_ignored_where_it_was_ignored_before(dayfly, shop):
    """What a job in the background of a script counts on."""
    process = dayfly.start("funnel", shop, *words_of(), stdout=subprocess.PIPE,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out
