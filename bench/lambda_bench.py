"""make bench, the workers' half: what a cold start costs, a warm round trip, and a query of 100 parts. How: bench/README.md."""
import http.client
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
DAYFLY = pathlib.Path(os.environ.get("DAYFLY", ROOT / "build/release/dayfly")).resolve()
BOOTSTRAP = pathlib.Path(os.environ.get("DAYFLY_BOOTSTRAP", DAYFLY.parent / "bootstrap")).resolve()
DATA = ROOT / "build/bench"
USERS = int(os.environ.get("BENCH_LAMBDA_USERS", 400_000))
STARTS = 30
PINGS = 200
PARTS = 100
CONCURRENCY = 10
EVENTS = ["view", "addtocart", "transaction"]

# fork, exec and exit with nothing in between, as little as a static program can do.
TRIVIAL = "int main(void) { return 0; }\n"


# ---- cold start ----


class NextCall:
    """A Runtime API that tells when `next` was asked for, and holds it."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]

    def wait(self):
        """The connection, after the whole head of the first request."""
        self.server.settimeout(20)
        connection, _ = self.server.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece:
                sys.exit("bench: bootstrap closed its connection before it asked")
            head += piece
        if not head.startswith(b"GET /2018-06-01/runtime/invocation/next "):
            sys.exit(f"bench: expected `next`, found {head[:60]!r}")
        return connection


def cpu_of_start(api):
    """(CPU seconds, wall seconds, resident bytes) of bootstrap from fork to its first `next`."""
    environment = {"AWS_LAMBDA_RUNTIME_API": api.address, "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
    started = time.monotonic()
    process = subprocess.Popen([BOOTSTRAP], env=environment)
    connection = api.wait()
    wall_s = time.monotonic() - started
    # It waits for the answer: nothing more is spent until it is killed.
    memory = next(int(line.split()[1]) * 1024 for line in open(f"/proc/{process.pid}/status", encoding="ascii") if line.startswith("VmRSS"))
    usage = ended(process, signal.SIGKILL)
    connection.close()
    return usage.ru_utime + usage.ru_stime, wall_s, memory


def ended(process, with_signal=None):
    if with_signal:
        os.kill(process.pid, with_signal)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def floor_of_start(folder):
    source, program = folder / "trivial.c", folder / "trivial"
    source.write_text(TRIVIAL)
    subprocess.run(["gcc", "-O2", "-static", "-o", program, source], check=True)
    usages = [ended(subprocess.Popen([program], env={})) for _ in range(STARTS)]
    return statistics.median(usage.ru_utime + usage.ru_stime for usage in usages)


def bench_cold_start(folder):
    api = NextCall()
    floor_s = floor_of_start(folder)
    starts = [cpu_of_start(api) for _ in range(STARTS)]
    cpu_s, wall_s, memory = (statistics.median(values) for values in zip(*starts))
    show("CPU to the first next", f"{(cpu_s - floor_s) * 1000:.2f} ms", f"{cpu_s * 1000:.2f} less {floor_s * 1000:.2f} of fork, exec and exit; median of {STARTS}")
    show("wall clock to it", f"{wall_s * 1000:.2f} ms", "from fork on")
    show("resident then", f"{memory / 1e6:.2f} MB", f"program {BOOTSTRAP.stat().st_size / 1e6:.2f} MB")


# ---- warm ----


class Emulator:
    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [DAYFLY, "emulate", "--listen", "127.0.0.1:0", "--function", f"worker={BOOTSTRAP}", "--concurrency", str(CONCURRENCY), *flags],
            env={**os.environ, "AWS_REGION": "us-east-1"},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ping(self, client):
        client.request("POST", "/2015-03-31/functions/worker/invocations", b'{"op": "ping"}')
        answer = client.getresponse()
        body = answer.read()
        if answer.status != 200 or answer.headers["X-Amz-Function-Error"]:
            sys.exit(f"bench: a ping was answered with {answer.status} {body!r}")


def bench_pings():
    for title, flags in (("warm round trip", []), ("… without freezing", ["--no-freeze"])):
        with Emulator(*flags) as emulator:
            client = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
            client.connect()
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            emulator.ping(client)
            times = []
            for _ in range(PINGS):
                started = time.monotonic()
                emulator.ping(client)
                times.append(time.monotonic() - started)
        times.sort()
        show(title, f"{statistics.median(times) * 1000:.2f} ms", f"ping, median of {PINGS}; 95 % below {times[PINGS * 95 // 100] * 1000:.2f} ms")


# ---- a query ----


def data():
    """PARTS files; made aside and renamed, so that what is there is whole."""
    folder = DATA / f"parts-{PARTS}-{USERS}"
    if not folder.exists():
        aside = folder.with_suffix(".part")
        subprocess.run(["rm", "-rf", aside], check=True)
        subprocess.run([DAYFLY, "generate", "retail", "-o", aside, "--users", str(USERS), "--parts", str(PARTS)], stdout=subprocess.DEVNULL, check=True)
        aside.rename(folder)
    return folder


def query(folder, url):
    """(wall seconds, the engine's CPU seconds, statistics, answer) of one query; url None: by threads."""
    words = [DAYFLY, "funnel", folder, "--user", "visitorid", "--time", "timestamp", "--groups", "whole", "-o", "json"]
    words += [word for event in EVENTS for word in ("--step", f"event = '{event}'")]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
    if url:
        words += ["--invoke", "lambda", "--function", "worker"]
        environment |= {"AWS_ENDPOINT_URL_LAMBDA": url, "DAYFLY_LAMBDA_PARTS_PER_INVOCATION": "10", "DAYFLY_LAMBDA_IN_FLIGHT": str(CONCURRENCY)}
    started = time.monotonic()
    done = subprocess.run(list(map(str, words)), env=environment, stdout=subprocess.PIPE, check=True, text=True)
    wall_s = time.monotonic() - started
    answer = json.loads(done.stdout)
    return wall_s, answer["stats"]["worker"]["cpuTime"], answer["stats"], (answer["query"], answer["funnel"])


def bench_query():
    folder = data()
    subprocess.run(["cat", *folder.rglob("*.parquet")], stdout=subprocess.DEVNULL, check=True)
    cpus = len(os.sched_getaffinity(0))
    by_threads = [query(folder, None) for _ in range(5)]
    cold, warm = [], []
    for _ in range(5):
        with Emulator() as emulator:
            cold.append(query(folder, emulator.url))
            warm.append(statistics_of([query(folder, emulator.url) for _ in range(5)]))
    answers = {json.dumps(run[3]) for run in [*by_threads, *cold, *warm]}
    if len(answers) != 1:
        sys.exit("bench: workers and threads do not answer the same")
    rows = by_threads[0][2]["worker"]["scannedRows"]
    print(f"\n{rows:,} rows in {PARTS} parts, funnel {' → '.join(EVENTS)}, {CONCURRENCY} workers at once on {cpus} CPUs, medians of 5")
    for title, runs in (("threads", by_threads), ("workers, cold", cold), ("workers, warm", warm)):
        wall_s, engine_s, stats, _ = statistics_of(runs)
        # The engine's CPU time runs on all CPUs at once; what is left of the wall clock is not the engine's.
        share = max(0.0, 1 - engine_s / cpus / wall_s)
        show(title, f"{wall_s * 1000:.1f} ms", f"engine {engine_s * 1000:.1f} ms of CPU; not the engine's: {share:.0%} of the wall clock; "
             f"{stats['invoker']['batches']} batches, {stats['invoker']['failedTasks']} attempts failed")  # fmt: skip


def statistics_of(runs):
    """The run of median wall clock."""
    return sorted(runs, key=lambda run: run[0])[len(runs) // 2]


def show(title, value, remark):
    print(f"{title:<24} {value:>12}   {remark}", flush=True)


def main():
    for program in (DAYFLY, BOOTSTRAP):
        if not program.exists():
            sys.exit(f"bench: {program} is not there: run make first")
    print("\nLambda workers (bootstrap), dayfly emulate")
    with tempfile.TemporaryDirectory() as name:
        bench_cold_start(pathlib.Path(name))
    bench_pings()
    bench_query()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
