"""S3 and Lambda for the tests: moto with signatures checked, and `dayfly emulate` with functions in it.

DAYFLY_BOOTSTRAP names another worker than the one beside the program."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid

import boto3
import botocore.config
import pytest

from conftest import PROGRAM, ROOT, Dayfly, members  # noqa: F401

BOOTSTRAP = pathlib.Path(os.environ.get("DAYFLY_BOOTSTRAP", PROGRAM.parent / "bootstrap")).resolve()
BUCKET = "dayfly-tests"
STEPS = ["event = 'view'", "event = 'addtocart'", "event = 'transaction'"]
EXIT = {"invalid": 2, "not_found": 4, "denied": 5, "unauthenticated": 5, "conflict": 1, "too_large": 2, "throttled": 1, "unavailable": 1,
        "timeout": 6, "corrupt": 3, "unsupported": 3, "exhausted": 1, "cancelled": 130, "internal": 1}  # fmt: skip
ONCE = botocore.config.Config(retries={"total_max_attempts": 1})


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


# ---- S3 ----


class S3:
    """moto: one user who may do everything, whose signatures are checked, and one bucket."""

    def __init__(self, log):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", self.url.rpartition(":")[2]],
            # So many requests are not checked, until reset-auth below.
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "1000000"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def _prepare(self):
        address = ("127.0.0.1", int(self.url.rpartition(":")[2]))

        def listens():
            with contextlib.suppress(OSError), socket.create_connection(address):
                return True

        assert wait_until(listens, 60), "moto did not start"
        self.keys = {"aws_access_key_id": "first", "aws_secret_access_key": "first"}
        iam = self.client("iam")
        iam.create_user(UserName="tester")
        key = iam.create_access_key(UserName="tester")["AccessKey"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(policy))
        reset = urllib.request.Request(f"{self.url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(reset).close()
        self.keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.s3 = self.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **self.keys)

    def environment(self, url=None):
        return {
            "AWS_ACCESS_KEY_ID": self.keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.keys["aws_secret_access_key"],
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": url or self.url,
        }

    def upload(self, folder, prefix):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{file.relative_to(folder)}", Body=file.read_bytes())
        return f"s3://{BUCKET}/{prefix}/"

    def keys_below(self, prefix):
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def clear(self, prefix):
        for key in self.keys_below(prefix):
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with open(tmp_path_factory.mktemp("moto") / "log", "wb") as log:
        server = S3(log)
        yield server
        server.stop()


# ---- Lambda ----


def processes_marked(mark):
    """Processes whose environment holds the mark, wherever in the tree they are."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


class Emulator:
    """`dayfly emulate` from `with` to its end, which checks that it leaves no process."""

    def __init__(self, folder, functions, *flags, environment=None):
        self.mark = f"DAYFLY_TEST_MARK={uuid.uuid4()}"
        words = [word for name, path in functions.items() for word in ("--function", f"{name}={path}")]
        self.log = open(folder / f"emulator-{self.mark[-8:]}.log", "w+b")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DAYFLY", "AWS_"))}
        self.process = subprocess.Popen(
            [PROGRAM, "emulate", "--listen", "127.0.0.1:0", "--env", self.mark, *words, *map(str, flags)],
            env={**inherited, "AWS_REGION": "us-east-1", **(environment or {})},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        line = self.process.stdout.readline()
        self.url = line.removeprefix("listening on ").strip()
        if not self.url.startswith("http://"):
            self.process.kill()
            self.process.wait()
            pytest.fail(f"the emulator said {line!r} and {self.written()!r}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail("the emulator did not end")
        self.process.stdout.close()
        left = processes_marked(self.mark)
        written = self.written()
        self.log.close()
        if kind is None:
            assert not re.search("Sanitizer|runtime error:", written), written
            assert not left, f"processes left by the emulator: {left}"
            assert status in (0, 130, -signal.SIGTERM), f"the emulator ended with {status}:\n{written}"

    def written(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def workers(self):
        return processes_marked(self.mark)

    def client(self):
        return boto3.client("lambda", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b", config=ONCE)

    def invoke(self, name, payload=b"{}", **options):
        """(status, function error or None, answer) as boto3 sees it."""
        answer = self.client().invoke(FunctionName=name, Payload=payload, **options)
        return answer["StatusCode"], answer.get("FunctionError"), answer["Payload"].read()


class Cloud:
    """The program with an S3 and a Lambda, and the small data that the tests ask about."""

    def __init__(self, folder, s3, emulator):
        self.s3, self.emulator = s3, emulator
        self.dayfly = Dayfly(folder)
        self.prefix = f"results-{uuid.uuid4().hex[:8]}"

    def environment(self, s3_url=None, lambda_url=None, **more):
        return {**self.s3.environment(s3_url), "AWS_ENDPOINT_URL_LAMBDA": lambda_url or self.emulator.url, **more}

    def run(self, path, steps=STEPS, *flags, lambda_function="worker", user="visitorid", time_column="timestamp", s3_url=None,
            lambda_url=None, status=0, timeout_s=60, results=True, **environment):  # fmt: skip
        """The finished process of a query on workers; lambda_function None: on threads."""
        words = [word for step in steps for word in ("--step", step)]
        if lambda_function:
            words += ["--invoke", "lambda", "--function", lambda_function]
        if results:
            words += ["--result-prefix", f"s3://{BUCKET}/{self.prefix}/"]
        return self.dayfly.run(
            "funnel", path, "--user", user, "--time", time_column, *words, "-o", "json", *flags,
            status=status, timeout_s=timeout_s, environment=self.environment(s3_url, lambda_url, **environment),
        )  # fmt: skip

    def answer(self, *arguments, **options):
        """The bytes of the result without its statistics."""
        return result_of(self.run(*arguments, **options).stdout)

    def fails(self, kind, path, *arguments, message="", within_s=30, **options):
        """Fails with this kind and its exit code, in time, with one message and nothing left behind; returns stderr."""
        started = time.monotonic()
        done = self.run(path, *arguments, status=None, **options)
        took_s = time.monotonic() - started
        failure = json.loads(done.stdout)
        assert (failure["success"], failure["errorKind"], done.returncode) == (False, kind, EXIT[kind]), done.stderr
        assert len(re.findall("^dayfly: ", done.stderr, re.MULTILINE)) == 1, done.stderr
        assert re.search(message, failure["errorMessage"]), failure["errorMessage"]
        assert took_s < within_s, f"took {took_s:.1f} s"
        self.assert_nothing_left()
        return done.stderr

    def left_behind(self):
        return self.dayfly.left_behind() + self.s3.keys_below(self.prefix)

    def assert_nothing_left(self):
        assert self.left_behind() == []


def result_of(text):
    printed = members(text)
    return printed["query"], printed["funnel"]


def stats_of(text):
    return json.loads(text)["stats"]["invoker"]


@pytest.fixture(scope="session")
def emulator(s3, tmp_path_factory):
    if not BOOTSTRAP.exists():
        pytest.exit(f"{BOOTSTRAP} is not there: run make first", returncode=1)
    with Emulator(tmp_path_factory.mktemp("emulator"), {"worker": BOOTSTRAP}, environment=s3.environment()) as started:
        yield started


@pytest.fixture
def cloud(tmp_path, s3, emulator):
    return Cloud(tmp_path, s3, emulator)


@pytest.fixture(scope="session")
def shops(session_dayfly, s3):
    """{layout: (folder, its URI on S3)}: "users" 4 files of whole users, "days" 6 files over which users are spread, "one" file."""
    made = {}
    for name, flags in {"users": ["--parts", 4], "days": ["--by", "day"], "one": ["--parts", 1]}.items():
        folder = session_dayfly.folder / f"shop-{name}"
        session_dayfly.run("generate", "retail", "-o", folder, "--users", 2000, "--seed", 7, *flags)
        for file in sorted(folder.rglob("*.parquet"))[6:]:
            file.unlink()
        made[name] = folder, s3.upload(folder, f"shop-{name}")
    return made


@pytest.fixture(scope="session")
def expected(shops, session_dayfly):
    """The answer of the funnel STEPS by threads from disk, per layout: what everything else must equal."""
    return {name: result_of(session_dayfly.funnel_text(folder, STEPS)) for name, (folder, _) in shops.items()}


def script(folder, text, name="bootstrap"):
    """A function that is a script; every one gets a folder of its own."""
    place = folder / f"function-{uuid.uuid4().hex[:8]}"
    place.mkdir()
    file = place / name
    file.write_text(text)
    file.chmod(0o755)
    return file
