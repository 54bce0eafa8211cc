"""The answer is the same bytes whoever computes and wherever the data lies: threads and `bootstrap` workers, disk and S3,
users whole and spread, partial results in answers and in objects."""
import base64
import json
import os

import boto3
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

import golden
from conftest import members
from lambda_fixtures import BOOTSTRAP, BUCKET, STEPS, Emulator, result_of, stats_of, wait_until
from proxy import Proxy

VIEW, CART, BUY = STEPS
# name: (layout, steps, flags)
FUNNELS = {
    "three-steps": ("users", [VIEW, CART, BUY], []),
    "one-file": ("one", [VIEW, CART, BUY], []),
    "by-day": ("days", [VIEW, CART, BUY], []),
    "promised-whole": ("users", [VIEW, VIEW], ["--groups", "whole"]),
    "taken-as-spread": ("users", [VIEW, CART], ["--groups", "spread"]),
    "one-file-spread": ("one", [VIEW, VIEW, VIEW], ["--groups", "spread"]),
    "one-step": ("days", [CART], []),
    "same-step-five-times": ("users", [VIEW] * 5, []),
    "floats": ("users", ["price >= 50", "price < 20.5", "price != 13.2"], []),
    "booleans": ("days", ["available = true", "available = false"], ["--groups", "spread"]),
    "texts": ("users", ["categoryid != '0'", "cryptic_attrs contains 'n'", "event not contains 'vie'"], []),
    "integers": ("days", ["itemid < 100000", "itemid > 400000", "transactionid != 7"], []),
    "nobody": ("users", ["event = 'nothing'", VIEW], []),
    "types": ("types", ["small > 3", "single <= 0.5", "name contains 'é'", "big >= 9000000000000000000"], []),
    "types-spread": ("types", ["flag = true", "small != 7", "big < 100"], ["--groups", "spread"]),
}


@pytest.fixture(scope="session")
def places(shops, session_dayfly, s3):
    """shops, and "types": columns of other types with nulls, users spread over two files of two row groups each."""
    folder = session_dayfly.folder / "types"
    folder.mkdir()
    for file in range(2):
        rows = range(file * 100, file * 100 + 200)
        table = pyarrow.table(
            {
                "visitorid": pyarrow.array([f"user-{row % 31}" if row % 41 else None for row in rows]),
                "timestamp": pyarrow.array([row * 37 % 1009 for row in rows], pyarrow.timestamp("ms")),
                "small": pyarrow.array([row % 11 - 3 if row % 5 else None for row in rows], pyarrow.int8()),
                "single": pyarrow.array([row % 7 / 4 if row % 9 else float("nan") for row in rows]),
                "big": pyarrow.array([row * (1 << 56) % ((1 << 64) - 1) for row in rows], pyarrow.uint64()),
                "flag": pyarrow.array([bool(row % 3) if row % 13 else None for row in rows]),
                "name": pyarrow.array(["né" if row % 2 else "n" for row in rows]).dictionary_encode(),
            }
        )
        pyarrow.parquet.write_table(table, folder / f"{file}.parquet", row_group_size=90)
    return {**shops, "types": (folder, s3.upload(folder, "types"))}


@pytest.mark.parametrize("name", FUNNELS)
def test_the_answer_is_the_same_bytes_whoever_computes_it(cloud, places, name):
    layout, steps, flags = FUNNELS[name]
    disk, on_s3 = places[layout]
    answers = {}
    for place, path in {"disk": disk, "S3": on_s3}.items():
        answers["threads", place] = cloud.answer(path, steps, *flags, lambda_function=None)
        for inline in ([], ["--inline-bytes", 100], ["--inline-bytes", 1]):
            answers["workers", place, *inline] = cloud.answer(path, steps, *flags, *inline)
            assert cloud.left_behind() == []
    assert len(answers) == 8
    assert len(set(answers.values())) == 1, answers
    if name == "nobody":
        assert json.loads(answers["threads", "disk"][0])["matchingGroups"] > 0  # all users; the steps have none


def test_answers_differ_where_the_questions_do(cloud, places):
    """Whoever compares bytes must be able to fail."""
    disk, _ = places["users"]
    assert cloud.answer(disk, [VIEW, CART]) != cloud.answer(disk, [CART, VIEW])


def test_partial_results_over_the_limit_went_through_objects(cloud, places):
    """… as the keys say that S3 was asked for: otherwise the comparison above would compare the same thing twice."""
    _, on_s3 = places["users"]
    written = {}
    for inline in (1, 100, 1000000):
        with Proxy(cloud.s3.url) as proxy:
            with Emulator(cloud.dayfly.folder, {"worker": BOOTSTRAP}, environment=cloud.s3.environment(proxy.url)) as own:
                cloud.run(on_s3, STEPS, "--inline-bytes", inline, lambda_url=own.url)
        written[inline] = [request.target for request in proxy.requests if request.method == "PUT"]
    # Four files, two stages. At 100 bytes the largest partials of a batch go until the others fit.
    assert len(written[1]) == 8 and 1 <= len(written[100]) <= 8 and written[1000000] == []
    assert all(target.startswith(f"/{BUCKET}/{cloud.prefix}/") for target in written[1] + written[100])
    assert cloud.left_behind() == []


def test_results_go_through_a_local_folder_too(cloud, places):
    """A relative prefix and a relative path mean the coordinator's working directory, which is not the workers'."""
    disk, _ = places["days"]
    relative = os.path.relpath(disk, cloud.dayfly.folder)
    for inline in ([], ["--inline-bytes", 1]):
        answer = cloud.answer(relative, STEPS, "--groups", "spread", "--result-prefix", "results/", *inline, results=False)
        assert answer == cloud.answer(disk, STEPS, lambda_function=None)
        assert [path for path in (cloud.dayfly.folder / "results").rglob("*") if path.is_file()] == []


def test_globs_are_relative_to_the_caller_whatever_the_folder_is_called(cloud, places):
    folder = cloud.dayfly.folder / "odd [1] 100%25"
    folder.mkdir()
    (folder / "data").symlink_to(places["users"][0])
    cloud.dayfly.folder = folder
    assert cloud.answer("data/*.parquet", STEPS) == cloud.answer(places["users"][0], STEPS)


def test_the_job_counts_batches_and_no_failures(cloud, places):
    disk, _ = places["users"]
    stats = stats_of(cloud.run(disk).stdout)
    assert stats["batches"] >= 2
    assert (stats["failedTasks"], stats["retries"], stats["hedges"], stats["droppedAnswers"]) == (0, 0, 0, 0)


def test_an_exchange_without_a_place_says_what_to_set(cloud, places):
    cloud.fails("invalid", places["users"][0], STEPS, "--groups", "spread", results=False, message="--result-prefix")


# ---- the JSON language ----

# name: (layout, question, flags)
LANGUAGE = {
    "window": ("users", {"funnel": {"sequence": [golden.VIEW, golden.CART, golden.BUY], "maxDuration": "3d"}}, []),
    "gaps": ("days", {"funnel": {"sequence": [golden.VIEW, {**golden.CART, "minGap": "10m", "maxGap": "7d"}]}}, []),
    "any": ("days", {"funnel": {"sequence": [golden.BUY, golden.CART, golden.VIEW], "order": "any", "maxDuration": "12h"}}, []),
    "strict": ("users", {"funnel": {"sequence": [golden.VIEW, golden.CART], "order": "strict"}}, ["--groups", "spread"]),
    "without": ("days", {"funnel": {"sequence": [golden.VIEW, {**golden.CART, "rowFound": False}, golden.BUY]}}, []),
    "breakdown": ("days", {"funnel": {"sequence": [golden.VIEW, golden.CART], "breakdown": {"column": "categoryid", "top": 3}}}, []),
    "breakdown-last": ("users", {"funnel": {"sequence": [golden.VIEW, golden.CART], "breakdown": {"column": "available", "attribution": "last"}}}, []),
    "trend": ("days", {"funnel": {"sequence": [golden.VIEW, golden.BUY], "trend": "week"}}, []),
    "durations": ("users", {"funnel": {"sequence": [golden.VIEW, golden.CART, golden.BUY], "durations": True}}, []),
    "sessions": ("days", {"funnel": {"sequence": [golden.VIEW, golden.VIEW], "sessionGap": "30m"}}, []),
    "sessions-with-all": (
        "users",
        {"funnel": {"sequence": [golden.VIEW, golden.VIEW], "sessionGap": "2h", "maxDuration": "1h", "trend": "month", "durations": True,
                    "breakdown": {"column": "available"}}},
        ["--groups", "spread"],
    ),
    "conditions": (
        "days",
        {"query": {"conditions": [{**golden.VIEW, "target": ["count", ">", 3]}, {"sequence": [golden.VIEW, golden.BUY], "maxDuration": "9d"},
                                  {**golden.BUY, "target": ["sum", "price", ">", 20]}], "relation": "$0 or $1 and $2"}},
        [],
    ),
    "aggregations": (
        "days",
        {"query": {"aggregations": [{"column": "price", "type": "quantiles"}, {"column": "price", "type": "sum"}, {"column": "price", "type": "mean"},
                                    {"column": "itemid", "type": "countDistinct"}, {"column": "timestamp", "type": "max"},
                                    {"column": "cryptic_attrs", "type": "min"}, {"column": "categoryid", "top": 25}]}},
        [],
    ),
    "timeframe-and-where": (
        "days",
        {"timeframe": {"from": "2015-05-04", "to": "2015-05-07T12:00:00+02:00"}, "where": {"not": ["available", "==", True]},
         "funnel": {"sequence": [golden.VIEW, {"filter": {"or": [["event", "regex", "^add"], ["price", "in", [12.6, 13.2]]]}}]}},
        [],
    ),
    "nobody-at-all": ("users", {"where": ["event", "==", "none"], "funnel": {"sequence": [golden.VIEW, golden.CART], "durations": True, "trend": "day"}}, []),
    "lists-in-texts": (
        "users",
        {"query": {"conditions": [{"filter": {"and": [{"column": "cryptic_attrs", "op": "not empty", "delimiter": " "},
                                                      {"not": {"column": "cryptic_attrs", "op": "has any", "value": ["0", "n1.000"], "delimiter": " "}}]}}]}},
        [],
    ),
    "approximate": ("days", {"approximate": True, "query": {"aggregations": [{"column": "itemid", "type": "countDistinct"}]}}, []),
}  # fmt: skip


def ask(cloud, path, question, *flags, workers=True):
    """The bytes of query and funnel as `dayfly query` prints them."""
    words = ["--user", "visitorid", "--time", "timestamp", "-q", json.dumps(question), *flags]
    if workers:
        words += ["--invoke", "lambda", "--function", "worker", "--result-prefix", f"s3://{BUCKET}/{cloud.prefix}/"]
    printed = members(cloud.dayfly.run("query", path, *words, environment=cloud.environment()).stdout)
    return printed["query"], printed.get("funnel")


@pytest.fixture(scope="module")
def dealt(retail, tmp_path_factory):
    """The golden data in three files over which users are spread."""
    folder = tmp_path_factory.mktemp("dealt")
    rows = pyarrow.concat_tables(map(pyarrow.parquet.read_table, sorted(retail["one"].glob("*.parquet")))).replace_schema_metadata(None)
    for file in range(3):
        pyarrow.parquet.write_table(rows.slice(file * 17000, 17000), folder / f"{file}.parquet", row_group_size=6000)
    return folder


@pytest.mark.parametrize("name", golden.QUESTIONS)
def test_golden_questions_have_the_same_bytes_from_workers(cloud, retail, dealt, name):
    question, expected = golden.QUESTIONS[name]
    number = list(golden.QUESTIONS).index(name)
    asked = [ask(cloud, retail["users"], question, workers=False), ask(cloud, retail["users"], question)]
    layout, groups = [("one", "auto"), ("dealt", "auto"), ("users", "spread"), ("one", "spread")][number % 4]
    inline = [[], ["--inline-bytes", 100]][number // 4 % 2]
    path = dealt if layout == "dealt" else retail[layout]
    asked.append(ask(cloud, path, question, "--groups", groups, *inline))
    assert len(set(asked)) == 1, asked
    query, funnel = asked[0]
    found = {"query": json.loads(query), **({"funnel": json.loads(funnel)} if funnel else {})}
    assert list(golden.differences(found, expected)) == []
    assert cloud.left_behind() == []


@pytest.mark.parametrize("name", LANGUAGE)
def test_the_language_has_the_same_bytes_from_workers(cloud, places, name):
    layout, question, flags = LANGUAGE[name]
    disk, on_s3 = places[layout]
    asked = {
        "threads": ask(cloud, disk, question, *flags, workers=False),
        "workers, disk": ask(cloud, disk, question, *flags),
        "workers, S3": ask(cloud, on_s3, question, *flags),
        "workers, objects": ask(cloud, on_s3, question, *flags, "--inline-bytes", 1),
    }
    assert len(set(asked.values())) == 1, asked
    assert (json.loads(asked["threads"][0])["matchingGroups"] > 0) == (name != "nobody-at-all")
    assert cloud.left_behind() == []


def test_more_values_than_a_partial_may_carry_are_exchanged_by_workers_too(cloud, s3):
    """150,000 values over two files, each of them in both: counted once, and the list has the right ones on top."""
    folder = cloud.dayfly.folder / "values"
    folder.mkdir()
    count = 150_000
    for file in range(2):
        values = [(row * 7919) % count for row in range(count)] + list(range(50 * file, 50 * file + 20))
        table = pyarrow.table({"visitorid": list(range(len(values))), "timestamp": list(range(len(values))), "v": values})
        pyarrow.parquet.write_table(table, folder / f"{file}.parquet")
    question = {"query": {"aggregations": [{"column": "v", "type": "countDistinct"}, {"column": "v", "type": "countPerValue", "top": 3}]}}
    asked = {workers: ask(cloud, folder, question, "--time-unit", "s", workers=workers) for workers in (False, True)}
    assert asked[True] == asked[False]
    distinct, top = json.loads(asked[True][0])["aggregations"]
    assert (distinct["value"], list(top["value"].items())) == (count, [("0", 3), ("1", 3), ("10", 3)])
    assert cloud.left_behind() == []


@pytest.mark.parametrize("layout", ["users", "days"])
@pytest.mark.parametrize("ending", [".parquet", ".csv", "/"])
def test_cohorts_written_by_workers_have_the_same_rows(cloud, places, layout, ending):
    disk, on_s3 = places[layout]

    def export(path, place, **how):
        export = {"step": 2, "which": "dropped", "columns": ["itemid"], "file": place}
        funnel = {"sequence": [golden.VIEW, golden.CART, golden.BUY], "export": export, "breakdown": {"column": "event"}}
        _, answer = ask(cloud, path, {"funnel": funnel}, **how)
        told = json.loads(answer)["export"]
        return told["rows"], told["files"]

    def rows_of(files):
        rows = []
        for file in files:
            name = file if "://" not in file else None
            data = (cloud.dayfly.folder / name).read_bytes() if name else cloud.s3.s3.get_object(Bucket=BUCKET, Key=file.split("/", 3)[3])["Body"].read()
            table = pyarrow.parquet.read_table(pyarrow.BufferReader(data)) if data[:4] == b"PAR1" else pyarrow.csv.read_csv(pyarrow.BufferReader(data))
            rows += [tuple(map(str, row.values())) for row in table.to_pylist()]
        return sorted(rows)

    count, files = export(disk, f"out{ending}", workers=False)
    expected = rows_of(files)
    assert len(expected) == count > 0
    place = f"cohort-{cloud.prefix}"
    for path in (disk, on_s3):
        found, files = export(path, f"s3://{BUCKET}/{place}{ending}")
        assert (found, rows_of(files)) == (count, expected)
        cloud.s3.clear(place)
    assert cloud.left_behind() == []


# ---- the emulator as other clients see it ----


def test_boto3_pings_a_worker(emulator):
    status, error, answer = emulator.invoke("worker", b'{"op": "ping"}')
    assert (status, error) == (200, None)
    assert json.loads(answer)


def test_an_event_of_no_known_shape_is_a_function_error_that_names_the_shapes(emulator):
    status, error, answer = emulator.invoke("worker", b'{"who": "are you"}')
    assert (status, error) == (200, "Unhandled")
    answer = json.loads(answer)
    assert answer["errorType"] == "Function.BadRequest" and '"op": "ping"' in answer["errorMessage"]


def test_the_log_of_an_invocation_comes_with_its_answer(emulator):
    client = emulator.client()
    answer = client.invoke(FunctionName="worker", Payload=b'{"who": "are you"}', LogType="Tail")
    assert b"event_failed" in base64.b64decode(answer["LogResult"])


def test_a_frozen_worker_answers_again(emulator):
    """Between invocations its process is stopped; the next one thaws it, and it is the same process."""
    emulator.invoke("worker", b'{"op": "ping"}')

    def state(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    before = emulator.workers()
    assert wait_until(lambda: all(state(pid) == "T" for pid in before))
    emulator.invoke("worker", b'{"op": "ping"}')
    assert emulator.workers() == before


def test_an_asynchronous_invocation_is_accepted_at_once(emulator):
    client = emulator.client()
    answer = client.invoke(FunctionName="worker", Payload=b'{"op": "ping"}', InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert client.invoke(FunctionName="worker", Payload=b"{}", InvocationType="DryRun")["StatusCode"] == 204


def test_whole_and_partial_names_and_qualifiers_reach_the_function(emulator):
    for name in ("worker", "123456789012:function:worker", "arn:aws:lambda:us-east-1:123456789012:function:worker"):
        assert emulator.invoke(name, b'{"op": "ping"}')[:2] == (200, None)
        assert emulator.invoke(name, b'{"op": "ping"}', Qualifier="$LATEST")[:2] == (200, None)


def test_more_than_its_copies_are_throttled(tmp_path, s3, shops, cloud):
    """429 narrows the window of requests in flight; the answer is right all the same."""
    with Emulator(tmp_path, {"worker": BOOTSTRAP}, "--concurrency", 1, environment=s3.environment()) as own:
        done = cloud.run(shops["days"][0], STEPS, lambda_url=own.url, DAYFLY_LAMBDA_PARTS_PER_INVOCATION="1")
        assert len(own.workers()) == 1
    assert result_of(done.stdout) == result_of(cloud.run(shops["days"][0], STEPS, lambda_function=None).stdout)
    assert stats_of(done.stdout)["throttledRequests"] > 0
    assert set(members(done.stdout)) == {"success", "requestId", "stats", "query", "funnel"}
