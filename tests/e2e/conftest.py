"""The program as its users have it: a process, files, what it prints and how it ends.

DAYFLY names another binary than build/release/dayfly (the sanitizers' ones, for example).
DAYFLY_TEST_SEED repeats the random data of a run that failed."""
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = pathlib.Path(os.environ.get("DAYFLY", ROOT / "build/release/dayfly")).resolve()
SEED = int(os.environ.get("DAYFLY_TEST_SEED", int(time.time())))


# Who starts the tests in the background of a script has SIGINT ignored, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    return [f"DAYFLY={PROGRAM}", f"DAYFLY_TEST_SEED={SEED}"]


def members(text):
    """{name: its bytes as printed} of the JSON object in text, in order: for comparing answers byte by byte."""
    decoder = json.JSONDecoder()
    found = {}
    at = text.index("{") + 1
    while True:
        at = skip_blanks(text, at)
        if text[at] == "}":
            return found
        name, at = decoder.raw_decode(text, at)
        start = skip_blanks(text, skip_blanks(text, at) + 1)
        _, at = decoder.raw_decode(text, start)
        found[name] = text[start:at]
        at = skip_blanks(text, at)
        if text[at] == ",":
            at += 1


def skip_blanks(text, at):
    while text[at] in " \t\r\n":
        at += 1
    return at


class Dayfly:
    """Runs the program in a folder of its own, with nothing of the caller's environment that it would read."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "temporary").mkdir(exist_ok=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAYFLY", "AWS_", "LC_", "LANG", "COLUMNS"))}
        self.environment.update(TMPDIR=str(folder / "temporary"), LC_ALL="C.UTF-8")

    def run(self, *words, status=0, environment=None, timeout_s=120):
        """The finished process; its output is text. status: the exit code that it must have, None for any."""
        done = subprocess.run(
            [PROGRAM, *map(str, words)],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if status is not None and done.returncode != status:
            pytest.fail(f"dayfly {' '.join(map(str, words))}\nended with {done.returncode}, not {status}:\n{done.stderr}")
        return done

    def start(self, *words, environment=None, **options):
        """The running process, for those who send it signals."""
        return subprocess.Popen(
            [PROGRAM, *map(str, words)], cwd=self.folder, env={**self.environment, **(environment or {})}, **options
        )

    def funnel_text(self, paths, steps, *flags, user="visitorid", time="timestamp"):
        """What `dayfly funnel -o json` prints."""
        paths = [paths] if isinstance(paths, (str, pathlib.Path)) else paths
        words = [word for step in steps for word in ("--step", step)]
        return self.run("funnel", *paths, "--user", user, "--time", time, *words, "-o", "json", *flags).stdout

    def funnel(self, *arguments, **options):
        """(matching groups, matching rows) of all users, then of each step."""
        answer = json.loads(self.funnel_text(*arguments, **options))
        return [(step["matchingGroups"], step["matchingGroupRows"]) for step in [answer["query"], *answer["funnel"]["sequence"]]]

    def left_behind(self):
        """Files in the temporary folder: there must be none after any end."""
        return sorted(str(path) for path in (self.folder / "temporary").rglob("*"))


@pytest.fixture(scope="session", autouse=True)
def _program_is_there():
    if not PROGRAM.exists():
        pytest.exit(f"{PROGRAM} is not there: run make first", returncode=1)


@pytest.fixture
def dayfly(tmp_path):
    return Dayfly(tmp_path)


@pytest.fixture(scope="session")
def session_dayfly(tmp_path_factory):
    return Dayfly(tmp_path_factory.mktemp("session"))


@pytest.fixture
def rng():
    print(f"DAYFLY_TEST_SEED={SEED}")
    return random.Random(SEED)


@pytest.fixture(scope="session")
def retail(session_dayfly):
    """rr-synth(1, 20000, 8) of the golden answers in three layouts: {"users": 8 files, "days": one file per day, "one": one file}."""
    layouts = {"users": ["--parts", 8], "days": ["--by", "day"], "one": ["--parts", 1]}
    folders = {}
    for name, flags in layouts.items():
        folders[name] = session_dayfly.folder / f"retail-{name}"
        session_dayfly.run("generate", "retail", "-o", folders[name], "--users", 20000, "--seed", 1, *flags)
    return folders


# At the end: these need what is above.
from lambda_fixtures import cloud, emulator, expected, s3, shops  # noqa: E402, F401
