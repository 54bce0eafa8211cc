"""Faults between a coordinator, its workers and S3: the right answer, or one error of the right kind, in time; no process and
no object is left.

DAYFLY_FAULT_QUERIES: how many queries run under random faults (24; `make test-all` and `make soak` run 200)."""
import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from lambda_fixtures import BOOTSTRAP, BUCKET, STEPS, Emulator, result_of, script, stats_of, wait_until
from proxy import HARMFUL, Proxy, random_faults

# Without these a permanent fault is waited for, or hidden by threads of the coordinator, as it should be outside of tests.
STRICT = {"DAYFLY_JOB_FALLBACK": "false", "DAYFLY_JOB_RETRY_DELAY": "10ms"}
QUICK = {"DAYFLY_JOB_RETRY_DELAY": "10ms"}
QUERIES = int(os.environ.get("DAYFLY_FAULT_QUERIES", 24))


@pytest.fixture
def emulator_of(tmp_path, s3):
    """Starts an emulator with one function, "worker", and tells its URL; ends it with the test, which fails if a process is left."""
    with contextlib.ExitStack() as stack:

        def start(path, *flags, s3_url=None):
            start.emulator = stack.enter_context(Emulator(tmp_path, {"worker": path}, *flags, environment=s3.environment(s3_url)))
            return start.emulator.url

        yield start


# ---- who cannot be asked ----


def test_an_endpoint_that_refuses(cloud, shops):
    cloud.fails("unavailable", shops["users"][1], lambda_url="http://127.0.0.1:1", message="function 'worker'", DAYFLY_JOB_ATTEMPTS="2",
                **STRICT)  # fmt: skip


def test_an_endpoint_that_refuses_falls_back_to_threads(cloud, shops, expected):
    assert cloud.answer(shops["users"][1], lambda_url="http://127.0.0.1:1", DAYFLY_JOB_ATTEMPTS="1", **QUICK) == expected["users"]
    cloud.assert_nothing_left()


def test_a_function_that_is_absent(cloud, shops):
    cloud.fails("not_found", shops["users"][1], lambda_function="nobody", message="nobody.*--function")


def test_a_wrong_key(cloud, shops, tmp_path, s3):
    """The coordinator's is right, the workers' is wrong: they say so, and it is not tried again."""
    wrong = {**s3.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    with Emulator(tmp_path, {"worker": BOOTSTRAP}, environment=wrong) as own:
        cloud.fails("unauthenticated", shops["users"][1], lambda_url=own.url, message="AWS_SECRET_ACCESS_KEY")


def test_a_key_that_lambda_refuses(cloud, shops):
    answer = 'HTTP/1.1 403 Forbidden\r\nX-Amzn-ErrorType: InvalidSignatureException\r\nContent-Length: 2\r\n\r\n{}'
    with Proxy(cloud.emulator.url, lambda request: f"raw={answer}") as proxy:
        cloud.fails("unauthenticated", shops["users"][1], lambda_url=proxy.url, message="AWS_ACCESS_KEY_ID")
    assert len(proxy.faults) <= 4


def test_a_missing_bucket_and_a_missing_object(cloud):
    cloud.fails("not_found", "s3://no-such-bucket-here/x/")
    cloud.fails("not_found", f"s3://{BUCKET}/nothing/")


def test_an_object_that_vanishes_after_it_was_listed(cloud, shops, emulator_of):
    """Listed by the coordinator, deleted before the first worker reads it."""
    body = sorted(shops["users"][0].glob("*.parquet"))[0].read_bytes()
    key = "vanishing/a.parquet"
    cloud.s3.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    gone = []

    def choose(request):
        if request.is_invoke and not gone:
            gone.append(cloud.s3.s3.delete_object(Bucket=BUCKET, Key=key))

    with Proxy(cloud.emulator.url, choose) as proxy:
        cloud.fails("not_found", f"s3://{BUCKET}/vanishing/", lambda_url=proxy.url, message="vanishing/a.parquet")
    assert gone


def test_a_result_prefix_that_cannot_be_written(cloud, shops):
    cloud.fails("not_found", shops["days"][1], STEPS, "--groups", "spread", "--result-prefix", "s3://no-such-bucket-here/r/",
                results=False, **STRICT)  # fmt: skip


def test_a_result_prefix_that_the_worker_does_not_allow(cloud, shops, emulator_of):
    url = emulator_of(BOOTSTRAP, "--env", "DAYFLY_WORKER_OUTPUT_PREFIXES=s3://elsewhere/,s3://other/")
    cloud.fails("denied", shops["users"][1], lambda_url=url, message="s3://elsewhere/")


# ---- functions that are none of ours, or not for long ----


FAKE = """#!/usr/bin/env python3
import http.client, json, os, signal, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime"
def post(path, body, headers={}):
    api.request("POST", base + path, body, headers)
    return api.getresponse().read()
%(init)s
while True:
    api.request("GET", base + "/invocation/next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
%(handler)s
"""


def fake(folder, handler="    pass", init=""):
    """A function in ten lines of Python that does something wrong."""
    return script(folder, FAKE % {"handler": handler, "init": init})


def crashing(folder, share):
    """The worker, but this share of its copies dies before it starts."""
    return script(folder, f'#!/bin/sh\n[ "$(od -An -N1 -tu1 /dev/urandom)" -lt {int(256 * share)} ] && exit 9\nexec {BOOTSTRAP}\n')


@pytest.mark.parametrize(
    "text, message",
    [("#!/bin/sh\nexit 3\n", "exit status 3"), ("#!/bin/sh\nkill -9 $$\n", "killed"), ("#!/no/such/interpreter\n", "bootstrap")],
    ids=["exits", "is-killed", "cannot-start"],
)
def test_a_crash_before_the_first_event(cloud, shops, emulator_of, tmp_path, text, message):
    kind = "invalid" if "no/such" in text else "unavailable"
    cloud.fails(kind, shops["users"][1], lambda_url=emulator_of(script(tmp_path, text)), message=message, **STRICT)


def test_an_init_error_is_told_with_its_words(cloud, shops, emulator_of, tmp_path):
    init = """post("/init/error", json.dumps({"errorMessage": "no database", "errorType": "Runtime.Init", "stackTrace": []}),
     {"Lambda-Runtime-Function-Error-Type": "Runtime.Init"})
sys.exit(1)"""
    cloud.fails("unavailable", shops["users"][1], lambda_url=emulator_of(fake(tmp_path, init=init)), message="no database", **STRICT)


def test_a_crash_in_the_handler(cloud, shops, emulator_of, tmp_path):
    url = emulator_of(fake(tmp_path, "    os.kill(os.getpid(), signal.SIGSEGV)"))
    cloud.fails("unavailable", shops["users"][1], lambda_url=url, message="signal: ", **STRICT)


def test_an_error_of_the_handler_is_told_with_its_words(cloud, shops, emulator_of, tmp_path):
    handler = """    post(f"/invocation/{request}/error", json.dumps({"errorMessage": "seven is wrong", "errorType": "ValueError"}))"""
    cloud.fails("internal", shops["users"][1], lambda_url=emulator_of(fake(tmp_path, handler)), message="seven is wrong", **STRICT)


def test_crashing_workers_are_replaced(cloud, shops, expected, emulator_of, tmp_path):
    """A third of the copies die before their first event."""
    url = emulator_of(crashing(tmp_path, 0.33))
    environment = {"DAYFLY_JOB_ATTEMPTS": "20", "DAYFLY_LAMBDA_PARTS_PER_INVOCATION": "1", **STRICT}
    for _ in range(3):
        assert cloud.answer(shops["days"][1], lambda_url=url, **environment) == expected["days"]
    cloud.assert_nothing_left()


def test_workers_killed_in_mid_query_are_replaced(cloud, shops, expected, emulator_of, s3):
    """Their reads are slow; all of them are killed while they read."""
    with Proxy(s3.url, lambda request: "delay=0.2" if "parquet" in request.target else None) as slow:
        url = emulator_of(BOOTSTRAP, s3_url=slow.url)
        killed = []

        def kill():
            wait_until(lambda: len(slow.faults) > 3)
            killed.extend(emulator_of.emulator.workers())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        done = cloud.run(shops["users"][1], lambda_url=url, **STRICT)
        killer.join()
        assert killed and stats_of(done.stdout)["retries"] > 0
        assert result_of(done.stdout) == expected["users"]
    cloud.assert_nothing_left()


def test_a_function_that_takes_longer_than_it_may(cloud, shops, emulator_of, tmp_path):
    url = emulator_of(fake(tmp_path, "    time.sleep(60)"), "--timeout", 1)
    cloud.fails("timeout", shops["users"][1], lambda_url=url, DAYFLY_JOB_ATTEMPTS="2", message="timed out after 1", within_s=10,
                **STRICT)  # fmt: skip


def test_a_worker_answers_before_its_own_deadline(cloud, shops, emulator_of, s3):
    """Silent reads; the function's timeout is two seconds: the worker says which part was not done, and lives on."""
    with Proxy(s3.url, lambda request: "silent" if "parquet" in request.target else None) as proxy:
        url = emulator_of(BOOTSTRAP, "--timeout", 2, s3_url=proxy.url)
        error = cloud.fails("timeout", shops["one"][1], lambda_url=url, DAYFLY_JOB_ATTEMPTS="1", within_s=10, **STRICT)
        assert "Task timed out" not in error


def test_a_query_that_may_not_take_so_long(cloud, shops, emulator_of, tmp_path):
    url = emulator_of(fake(tmp_path, "    time.sleep(60)"))
    cloud.fails("timeout", shops["users"][1], STEPS, "--timeout", "1s", lambda_url=url, within_s=5)


# ---- answers that are none ----

GARBAGE = {
    "no JSON": ("no JSON at all", "corrupt"),
    "cut JSON": ('{"dayfly": 1, "results": [', "corrupt"),
    "a number": ("7", "corrupt"),
    "an empty object": ("{}", "corrupt"),
    "wrong types": ('{"dayfly": 1, "results": {"index": 0}}', "corrupt"),
    "broken base64": ('{"dayfly": 1, "results": [{"index": 0, "data": "!!!"}]}', "corrupt"),
    "a partial of nobody": ('{"dayfly": 1, "results": [{"index": 0, "data": "AAAAAAAA"}]}', "corrupt|unsupported"),
    "another version": ('{"dayfly": 2, "results": []}', "unsupported"),
    "nothing": ("", "corrupt"),
    "deep": ("[" * 100000, "corrupt"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_as_an_answer(cloud, shops, name):
    body, kinds = GARBAGE[name]
    with Proxy(cloud.emulator.url, lambda request: f"body={body}") as proxy:
        started = time.monotonic()
        done = cloud.run(shops["one"][1], lambda_url=proxy.url, status=None, **STRICT)
    failure = json.loads(done.stdout)
    assert failure["errorKind"] in kinds.split("|") and done.returncode == 3, done.stderr
    assert time.monotonic() - started < 5
    cloud.assert_nothing_left()


def test_an_answer_without_some_parts_is_asked_for_again(cloud, shops, expected):
    def rewrite(body):
        answer = json.loads(body)
        answer["results"] = answer["results"][1:]
        return json.dumps(answer).encode()

    with Proxy(cloud.emulator.url, lambda request: ("rewrite", rewrite) if request.number == 0 else None) as proxy:
        done = cloud.run(shops["users"][1], lambda_url=proxy.url, **STRICT)
    assert result_of(done.stdout) == expected["users"]
    assert stats_of(done.stdout)["retries"] >= 1


def test_results_of_parts_that_nobody_asked_for_are_dropped(cloud, shops, expected):
    def rewrite(body):
        answer = json.loads(body)
        answer["results"] += [{**answer["results"][0], "index": 4000000000}, answer["results"][0]]
        return json.dumps(answer).encode()

    with Proxy(cloud.emulator.url, lambda request: ("rewrite", rewrite)) as proxy:
        done = cloud.run(shops["users"][1], lambda_url=proxy.url, status=None, **STRICT)
    assert json.loads(done.stdout).get("errorKind") == "corrupt" or result_of(done.stdout) == expected["users"]


def test_an_envelope_of_another_version_is_unsupported(emulator):
    status, error, answer = emulator.invoke("worker", b'{"dayfly": 2, "engine": "funnel", "parts": []}')
    assert (status, error) == (200, None)
    assert json.loads(answer)["error"]["kind"] == "unsupported"


@pytest.mark.parametrize("event", [b"7", b'"x"', b"[]", b'{"dayfly": 1}', b'{"dayfly": 1, "engine": "nothing", "parts": [{}]}', b'{"dayfly": "x"}'])
def test_events_that_are_no_envelope_do_not_end_the_worker(emulator, event):
    emulator.invoke("worker", b'{"op": "ping"}')
    before = emulator.workers()
    _, error, answer = emulator.invoke("worker", event)
    assert error == "Unhandled" or json.loads(answer)["error"]["kind"] in ("invalid", "unsupported")
    assert emulator.invoke("worker", b'{"op": "ping"}')[:2] == (200, None)
    assert emulator.workers() == before


# ---- stragglers ----


def test_a_straggler_is_hedged(cloud, shops, expected):
    """The first answer takes 20 s; another attempt has it before."""
    with Proxy(cloud.emulator.url, lambda request: "delay=20" if request.number == 0 else None) as proxy:
        started = time.monotonic()
        done = cloud.run(shops["users"][1], lambda_url=proxy.url, DAYFLY_JOB_HEDGE_AFTER="200ms", **STRICT)
        assert time.monotonic() - started < 5
    assert result_of(done.stdout) == expected["users"]
    assert stats_of(done.stdout)["hedges"] >= 1
    cloud.assert_nothing_left()


def test_a_late_answer_is_dropped_and_counted(cloud, shops, expected):
    """Batch 0 has four parts. Its answer comes when the hedge of one has been answered and those of the others have not."""
    first_hedge_answered = threading.Event()
    invokes = []

    def hold(body):
        first_hedge_answered.wait(10)
        time.sleep(0.3)  # so that the hedge's answer, which is on its way, comes first
        return body

    def release(body):
        first_hedge_answered.set()
        return body

    def choose(request):
        invokes.append(request)
        return {0: ("rewrite", hold), 1: ("rewrite", release)}.get(len(invokes) - 1, "delay=2" if len(invokes) <= 4 else None)

    with Proxy(cloud.emulator.url, choose) as proxy:
        done = cloud.run(shops["users"][1], lambda_url=proxy.url, DAYFLY_JOB_HEDGE_AFTER="100ms", **STRICT)
    stats = stats_of(done.stdout)
    assert result_of(done.stdout) == expected["users"]
    assert stats["hedges"] >= 1 and stats["droppedAnswers"] >= 1, stats
    cloud.assert_nothing_left()


def test_a_silent_endpoint_is_hedged_too(cloud, shops, expected):
    with Proxy(cloud.emulator.url, lambda request: "silent" if request.number == 0 else None) as proxy:
        assert cloud.answer(shops["users"][1], lambda_url=proxy.url, DAYFLY_JOB_HEDGE_AFTER="200ms", **STRICT) == expected["users"]


def test_an_endpoint_that_stays_silent_ends_at_the_deadline(cloud, shops):
    with Proxy(cloud.emulator.url, lambda request: "silent") as proxy:
        cloud.fails("timeout", shops["users"][1], STEPS, "--timeout", "1500ms", lambda_url=proxy.url, within_s=5)


# ---- connections and statuses ----


@pytest.mark.parametrize("fault", HARMFUL)
def test_a_fault_on_every_second_invocation_does_not_change_the_answer(cloud, shops, expected, fault):
    environment = {"DAYFLY_LAMBDA_PARTS_PER_INVOCATION": "2", "DAYFLY_JOB_ATTEMPTS": "15", **STRICT}
    with Proxy(cloud.emulator.url, lambda request: fault if request.number % 2 == 0 else None) as proxy:
        answer = cloud.answer(shops["days"][1], lambda_url=proxy.url, **environment)
    assert answer == expected["days"] and len(proxy.faults) >= 3
    cloud.assert_nothing_left()


@pytest.mark.parametrize("fault, kind", [("status=500", "unavailable"), ("status=503", "unavailable"), ("cut-before", "unavailable"),
                                         ("cut-in", "unavailable"), ("cut-after", "unavailable"), ("truncate", "unavailable"),
                                         ("status=429", "throttled"), ("raw=hello\r\n\r\n", "corrupt")])  # fmt: skip
def test_a_fault_that_stays_is_one_error(cloud, shops, fault, kind):
    with Proxy(cloud.emulator.url, lambda request: fault) as proxy:
        cloud.fails(kind, shops["one"][1], lambda_url=proxy.url, DAYFLY_JOB_ATTEMPTS="2", **STRICT)


@pytest.mark.parametrize("fault", HARMFUL)
def test_a_fault_between_workers_and_s3_does_not_change_the_answer(cloud, shops, expected, emulator_of, s3, fault):
    """Each fourth request: reading inputs, sections and partials, writing them."""
    with Proxy(s3.url, lambda request: fault if request.number % 4 == 0 else None) as proxy:
        url = emulator_of(BOOTSTRAP, s3_url=proxy.url)
        answer = cloud.answer(shops["users"][1], STEPS, "--groups", "spread", "--inline-bytes", 1, lambda_url=url, **STRICT)
    assert answer == expected["users"] and len(proxy.faults) >= 3
    cloud.assert_nothing_left()


def test_an_interrupt_ends_the_query_and_leaves_nothing(cloud, shops, emulator_of, s3):
    with Proxy(s3.url, lambda request: "delay=0.5" if "parquet" in request.target else None) as slow:
        url = emulator_of(BOOTSTRAP, s3_url=slow.url)
        words = [word for step in STEPS for word in ("--step", step)]
        running = cloud.dayfly.start(
            "funnel", shops["days"][1], "--user", "visitorid", "--time", "timestamp", *words, "--invoke", "lambda", "--function",
            "worker", "--result-prefix", f"s3://{BUCKET}/{cloud.prefix}/", "--inline-bytes", "1",
            environment=cloud.environment(lambda_url=url), stderr=subprocess.PIPE,
        )  # fmt: skip
        assert wait_until(lambda: slow.faults)
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        assert running.returncode == 130
        assert time.monotonic() - started < 5
    cloud.assert_nothing_left()


# ---- all at once ----


def test_ten_percent_of_invocations_failing_do_not_change_the_answer(cloud, shops, expected, rng):
    chance = random.Random(rng.random())
    with Proxy(cloud.emulator.url, random_faults(chance, 0.1)) as proxy:
        for _ in range(5):
            answer = cloud.answer(shops["days"][1], lambda_url=proxy.url, DAYFLY_LAMBDA_PARTS_PER_INVOCATION="1", **QUICK)
            assert answer == expected["days"]
    assert proxy.count > 30
    cloud.assert_nothing_left()


def test_queries_under_random_faults_are_right_or_fail_in_time(cloud, shops, expected, emulator_of, s3, rng, capfd):
    """Faults on the way to Lambda, from the workers to S3 and from the coordinator to S3, and copies that die."""
    seed = rng.getrandbits(32)
    chance = random.Random(seed)
    share = {"lambda": 0.0, "s3": 0.0}
    kinds = [*HARMFUL, "delay=0.3"]

    def faults(which):
        own = random.Random(chance.random())
        return lambda request: own.choice(kinds) if own.random() < share[which] else None

    counts = {"right": 0, "failed": 0, "wrong": 0, "hung": 0}
    failures = {}
    started = time.monotonic()
    with Proxy(s3.url, faults("s3")) as to_s3, Proxy(emulator_of(crashing(cloud.dayfly.folder, 0.1), s3_url=to_s3.url), faults("lambda")) as to_lambda:
        for number in range(QUERIES):
            share.update({"lambda": chance.choice([0, 0.1, 0.3]), "s3": chance.choice([0, 0.05, 0.15])})
            layout = chance.choice(sorted(shops))
            flags = ["--timeout", "20s", *chance.choice([[], ["--inline-bytes", 1], ["--inline-bytes", 100]])]
            flags += chance.choice([[], ["--groups", "spread"]])
            path = chance.choice(shops[layout])
            environment = {"DAYFLY_LAMBDA_PARTS_PER_INVOCATION": str(chance.choice([1, 2, 10])), "DAYFLY_JOB_HEDGE_AFTER": "500ms", **QUICK}
            try:
                done = cloud.run(path, STEPS, *flags, s3_url=to_s3.url, lambda_url=to_lambda.url, status=None, timeout_s=30, **environment)
            except subprocess.TimeoutExpired:
                counts["hung"] += 1
                continue
            if done.returncode == 0:
                counts["right" if result_of(done.stdout) == expected[layout] else "wrong"] += 1
            else:
                failure = json.loads(done.stdout)
                failures.setdefault(failure["errorKind"], failure["errorMessage"])
                counts["failed" if failure["errorKind"] in ("unavailable", "throttled", "timeout", "internal") else "wrong"] += 1
    share.update({"lambda": 0, "s3": 0})
    # An attempt that was given up may still write when its job has swept; it sees that the lease is gone and takes it back.
    patience = time.monotonic() + 10
    while (left := cloud.s3.keys_below(cloud.prefix)) and time.monotonic() < patience:
        time.sleep(0.2)
    with capfd.disabled():
        print(f"\n{QUERIES} queries under random faults (seed {seed}, DAYFLY_TEST_SEED repeats it): {counts['wrong']} wrong, "
              f"{counts['hung']} hung, {counts['failed']} failed with an error, {counts['right']} right; {len(to_lambda.faults)} faults of "
              f"{to_lambda.count} invocations, {len(to_s3.faults)} of {to_s3.count} S3 requests, {len(left)} objects left; {time.monotonic() - started:.0f} s")  # fmt: skip
    assert (counts["wrong"], counts["hung"]) == (0, 0), failures
    assert counts["right"] >= QUERIES * 0.8, failures
    assert (left, cloud.dayfly.left_behind()) == ([], [])
