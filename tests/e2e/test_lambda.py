"""The answer is the same bytes whoever computes and wherever the data lies: threads and `bootstrap` workers, disk and S3,
users whole and spread, partial results in answers and in objects."""
import base64
import json
import os

import boto3
import pyarrow
import pyarrow.parquet
import pytest

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
    assert set(members(done.stdout)) == {"success", "stats", "query", "funnel"}
