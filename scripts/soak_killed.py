"""Runs of the program that are interrupted (SIGINT, SIGTERM) or killed (SIGKILL) at random moments.

Interrupted: it ends within 100 ms with status 130 and leaves nothing in its temporary folder.
Killed: the next run, over the same folders, gives the right answer; files that generate left under their final names
are whole."""
import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

DAYFLY = pathlib.Path(__file__).parents[1] / "build/release/dayfly"
# A sanitizer or a busy machine is slower than the promise; the promise itself is tested end to end.
END_LIMIT_S = 0.1
STEPS = ["--step", "event = 'view'", "--step", "event = 'view'", "--step", "event = 'transaction'"]


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def funnel(data, temporary):
    return [DAYFLY, "funnel", data, "--user", "visitorid", "--time", "timestamp", *STEPS, "-o", "json",
            "--groups", "spread", "--memory", "16M", "--temporary-folder", temporary]  # fmt: skip


def answer_of(data, temporary):
    done = subprocess.run(funnel(data, temporary), capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"a run after killed ones failed: {done.stderr}")
    answer = json.loads(done.stdout)
    return answer["query"], answer["funnel"]


def stop_at(command, moment_s, number):
    """(exit status, seconds from the signal to the end) of a run that gets a signal after a while."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(moment_s)
    process.send_signal(number)
    sent = time.monotonic()
    return process.wait(timeout=60), time.monotonic() - sent


def interrupt(rng, data, temporary, whole_s):
    number = rng.choice([signal.SIGINT, signal.SIGTERM])
    status, took_s = stop_at(funnel(data, temporary), rng.random() * whole_s, number)
    check(status in (0, 130, 143, -number), f"signal {number}: ended with {status}")
    check(took_s < END_LIMIT_S, f"signal {number}: took {took_s * 1000:.0f} ms to end")
    if status >= 0:  # a signal before main is the system's affair
        left = [str(path) for path in temporary.rglob("*")]
        check(not left, f"signal {number}: left {left}")


def kill(rng, data, temporary, whole_s, expected):
    stop_at(funnel(data, temporary), rng.random() * whole_s, signal.SIGKILL)
    check(answer_of(data, temporary) == expected, "a run after a killed one answers differently")


def kill_generate(rng, folder, temporary, whole_s):
    target = folder / f"killed-{rng.getrandbits(32)}"
    command = [DAYFLY, "generate", "retail", "-o", target, "--users", "100000", "--parts", "16"]
    stop_at(command, rng.random() * whole_s, signal.SIGKILL)
    if list(target.glob("*.parquet")):
        answer_of(target, temporary)
    subprocess.run(["rm", "-rf", target], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    end = time.monotonic() + options.seconds
    counts = {"interrupted": 0, "killed": 0, "generate killed": 0}
    with tempfile.TemporaryDirectory(prefix="dayfly-soak-") as name:
        folder = pathlib.Path(name)
        data, temporary = folder / "data", folder / "temporary"
        temporary.mkdir()
        subprocess.run([DAYFLY, "generate", "retail", "-o", data, "--users", "200000", "--by", "day"],
                       stdout=subprocess.DEVNULL, check=True)  # fmt: skip
        started = time.monotonic()
        expected = answer_of(data, temporary)
        whole_s = time.monotonic() - started
        while time.monotonic() < end:
            what = rng.choice(list(counts))
            counts[what] += 1
            if what == "interrupted":
                # What killed runs have left is not this run's.
                subprocess.run(["find", temporary, "-mindepth", "1", "-delete"], check=True)
                interrupt(rng, data, temporary, whole_s)
            elif what == "killed":
                kill(rng, data, temporary, whole_s, expected)
            else:
                kill_generate(rng, folder, temporary, whole_s)
    print(f"interrupted and killed runs: {counts}, seed {options.seed}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"soak: {failure}")
