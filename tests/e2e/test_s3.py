"""S3 as the place of data, read by threads: moto checks the signatures, the proxy makes the faults.

What workers meet there is in test_lambda_faults.py."""
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from lambda_fixtures import BOOTSTRAP, BUCKET, STEPS, Emulator, free_port, result_of, wait_until
from proxy import Proxy, random_faults

ODD_KEYS = ["with blank", "plus+and&amp", "percent%20", "naïve-ключ", "quote'\"", "a=b/c=d", "tilde~(1)"]


def test_keys_with_odd_characters_are_found_and_read(cloud, shops):
    folder, _ = shops["users"]
    files = sorted(folder.glob("*.parquet"))
    for number, name in enumerate(ODD_KEYS):
        key = f"odd/{number}/{name}/part {name}.parquet"
        cloud.s3.s3.put_object(Bucket=BUCKET, Key=key, Body=files[number % len(files)].read_bytes())
    try:
        for number, name in enumerate(ODD_KEYS):
            uri = f"s3://{BUCKET}/odd/{number}/{name}/"
            assert cloud.answer(uri, lambda_function=None) == cloud.answer(files[number % len(files)], lambda_function=None), name
    finally:
        cloud.s3.clear("odd/")


def test_what_is_hidden_or_no_parquet_is_left_out(cloud, shops, expected):
    _, uri = shops["users"]
    for name in ("_SUCCESS", ".hidden.parquet", "_temporary/part.parquet", "readme.txt"):
        cloud.s3.s3.put_object(Bucket=BUCKET, Key=f"shop-users/{name}", Body=b"no Parquet")
    try:
        assert cloud.answer(uri, lambda_function=None) == expected["users"]
        assert cloud.answer(uri) == expected["users"]
    finally:
        for name in ("_SUCCESS", ".hidden.parquet", "_temporary/part.parquet", "readme.txt"):
            cloud.s3.s3.delete_object(Bucket=BUCKET, Key=f"shop-users/{name}")


def test_one_object_and_a_glob_of_objects(cloud, shops, expected):
    folder, uri = shops["users"]
    one = sorted(folder.glob("*.parquet"))[0]
    assert cloud.answer(uri + one.name, lambda_function=None) == cloud.answer(one, lambda_function=None)
    assert cloud.answer(uri + "*.parquet", lambda_function=None) == expected["users"]
    assert cloud.answer(f"s3://{BUCKET}/shop-u*s", lambda_function=None) == expected["users"]


def test_the_answer_can_be_written_to_s3(cloud, shops, expected):
    _, uri = shops["users"]
    cloud.run(uri, STEPS, "--output-file", f"s3://{BUCKET}/answers/one.json", lambda_function=None)
    body = cloud.s3.s3.get_object(Bucket=BUCKET, Key="answers/one.json")["Body"].read()
    assert result_of(body.decode()) == expected["users"]


# ---- refusals ----


def test_a_wrong_key_is_told_as_such(cloud, shops):
    cloud.fails("unauthenticated", shops["users"][1], lambda_function=None, AWS_SECRET_ACCESS_KEY="wrong",
                message="AWS_SECRET_ACCESS_KEY")  # fmt: skip
    cloud.fails("unauthenticated", shops["users"][1], lambda_function=None, AWS_ACCESS_KEY_ID="AKIANOBODY")


def test_no_key_at_all_says_which_variables_are_missing(cloud, shops):
    cloud.fails("unauthenticated", shops["users"][1], lambda_function=None, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                message="AWS_ACCESS_KEY_ID")  # fmt: skip


def test_a_user_without_the_permission_is_denied(cloud, shops):
    iam = cloud.s3.client("iam")
    iam.create_user(UserName="lambda-user-without-rights")
    key = iam.create_access_key(UserName="lambda-user-without-rights")["AccessKey"]
    cloud.fails("denied", shops["users"][1], lambda_function=None, AWS_ACCESS_KEY_ID=key["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])  # fmt: skip


@pytest.mark.parametrize("uri", ["s3://no-such-bucket-here/x/", f"s3://{BUCKET}/nothing/here/", f"s3://{BUCKET}/nothing.parquet"])
def test_what_is_not_there_is_not_found(cloud, uri):
    cloud.fails("not_found", uri, lambda_function=None, message=uri.rstrip("/"))


def test_an_endpoint_that_refuses_is_unavailable(cloud, shops):
    cloud.fails("unavailable", shops["users"][1], lambda_function=None, s3_url="http://127.0.0.1:1")


def test_a_damaged_object_is_corrupt(cloud):
    cloud.s3.s3.put_object(Bucket=BUCKET, Key="damaged/a.parquet", Body=b"PAR1" + b"\0" * 100 + b"PAR1")
    cloud.fails("corrupt", f"s3://{BUCKET}/damaged/", lambda_function=None)


# ---- an object that changes ----


@pytest.mark.parametrize("worker", [None, "worker"], ids=["threads", "workers"])
def test_an_object_replaced_in_mid_query_is_a_conflict(cloud, shops, worker):
    """It is listed, and other bytes of the same length lie there when its columns are read."""
    file = sorted(shops["users"][0].glob("*.parquet"))[0]
    uri = f"s3://{BUCKET}/replaced/{worker}.parquet"
    key = f"replaced/{worker}.parquet"
    body = bytearray(file.read_bytes())
    cloud.s3.s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(body))
    body[1000] ^= 1
    replaced = []

    def choose(request):
        if request.method == "GET" and request.target.partition("?")[0].endswith(".parquet") and not replaced:
            replaced.append(cloud.s3.s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(body)))

    with Proxy(cloud.s3.url, choose) as proxy:
        with Emulator(cloud.dayfly.folder, {"worker": BOOTSTRAP}, environment=cloud.s3.environment(proxy.url)) as own:
            cloud.fails("conflict", uri, lambda_function=worker, s3_url=proxy.url, lambda_url=own.url, message="replaced")
    assert replaced


# ---- faults on the way ----

PASSING = ["status=500", "status=503", "status=429", "cut-before", "cut-in", "cut-after", "cut-answer", "truncate", "delay=0.3"]


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_does_not_change_the_answer(cloud, shops, expected, fault):
    """Each third request gets it, so that listing, footers and columns all meet it."""
    with Proxy(cloud.s3.url, lambda request: fault if request.number % 3 == 0 else None) as proxy:
        assert cloud.answer(shops["users"][1], lambda_function=None, s3_url=proxy.url) == expected["users"]
    assert len(proxy.faults) >= 3


@pytest.mark.parametrize("fault, kind", [("status=503", "throttled"), ("status=500", "unavailable"), ("cut-answer", "unavailable"),
                                         ("raw=no HTTP at all\r\n\r\n", "corrupt"), ("status=418", "invalid")])  # fmt: skip
def test_a_fault_that_stays_is_one_error(cloud, shops, fault, kind):
    with Proxy(cloud.s3.url, lambda request: fault) as proxy:
        cloud.fails(kind, shops["users"][1], lambda_function=None, s3_url=proxy.url)


def test_garbage_instead_of_a_listing_is_corrupt(cloud, shops):
    for body in ("no XML", "<a><b></a>", "<?xml version='1.0'?><Other/>"):
        with Proxy(cloud.s3.url, lambda request: f"body={body}") as proxy:
            cloud.fails("corrupt", shops["users"][1], lambda_function=None, s3_url=proxy.url)


def test_silence_ends_at_the_deadline(cloud, shops):
    with Proxy(cloud.s3.url, lambda request: "silent" if "parquet" in request.target else None) as proxy:
        cloud.fails("timeout", shops["users"][1], STEPS, "--timeout", "1s", lambda_function=None, s3_url=proxy.url, within_s=4)


def test_silence_while_listing_ends_at_the_deadline_too(cloud, shops):
    with Proxy(cloud.s3.url, lambda request: "silent") as proxy:
        cloud.fails("timeout", shops["users"][1], STEPS, "--timeout", "1s", lambda_function=None, s3_url=proxy.url, within_s=4)


def test_an_interrupt_in_a_silent_read_ends_the_query(cloud, shops):
    with Proxy(cloud.s3.url, lambda request: "silent" if "parquet" in request.target else None) as proxy:
        words = ["funnel", shops["users"][1], "--user", "visitorid", "--time", "timestamp", "--step", STEPS[0]]
        running = cloud.dayfly.start(*words, environment=cloud.environment(proxy.url), stderr=subprocess.PIPE)
        assert wait_until(lambda: proxy.faults)
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        assert running.returncode == 130
        assert time.monotonic() - started < 3
    cloud.assert_nothing_left()


def test_random_faults_leave_the_answer_or_one_error(cloud, shops, expected, rng):
    for _ in range(5):
        layout = rng.choice(sorted(shops))
        chance = random.Random(rng.random())
        with Proxy(cloud.s3.url, random_faults(chance, 0.2)) as proxy:
            done = cloud.run(shops[layout][1], lambda_function=None, s3_url=proxy.url, status=None)
        assert done.returncode == 1 or result_of(done.stdout) == expected[layout], done.stderr
        cloud.assert_nothing_left()


def test_the_proxy_runs_by_hand(cloud, shops, expected):
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, pathlib.Path(__file__).with_name("proxy.py"), "--listen", listen, "--to",
               cloud.s3.url, "--fault", "status=503@0.2", "--fault", "delay=0.05@0.2", "--seed", "1"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as proxy:
        try:
            assert listen in proxy.stdout.readline()
            assert cloud.answer(shops["users"][1], lambda_function=None, s3_url=f"http://{listen}") == expected["users"]
        finally:
            proxy.terminate()
        assert "passed on" in proxy.stdout.read()


@pytest.mark.parametrize(
    "flags, variable",
    [
        (["s3://bucket/shop/"], "AWS_ENDPOINT_URL_S3"),
        (["shop", "--invoke", "lambda", "--function", "worker"], "AWS_ENDPOINT_URL_LAMBDA"),
    ],
)
def test_aws_itself_needs_tls_and_the_error_names_the_way_out(dayfly, retail, flags, variable):
    words = [retail["users"] if word == "shop" else word for word in flags]
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
    done = dayfly.run("funnel", *words, "--user", "visitorid", "--time", "timestamp", "--step", "event=view", status=3, environment=environment)
    assert "needs TLS" in done.stderr and variable in done.stderr
