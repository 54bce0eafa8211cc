"""make bench: this funnel beside DuckDB's, CPU per row on one thread. What is measured and how: bench/README.md."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
DAYFLY = ROOT / "build/release/dayfly"
DATA = ROOT / "build/bench"
USERS = int(os.environ.get("BENCH_USERS", 4_000_000))
RUNS = int(os.environ.get("BENCH_RUNS", 3))
EVENTS = ["view", "addtocart", "transaction"]

# Chain: the earliest time of each step, joined to the next. Window: one pass that carries the times of a user along.
CHAIN = """
with events as (select visitorid u, timestamp t, event from read_parquet('{pattern}')),
s1 as (select u, min(t) t from events where event = 'view' group by u),
s2 as (select e.u, min(e.t) t from events e join s1 on e.u = s1.u and e.t > s1.t where event = 'addtocart' group by e.u),
s3 as (select e.u, min(e.t) t from events e join s2 on e.u = s2.u and e.t > s2.t where event = 'transaction' group by e.u)
select (select count(*) from s1), (select count(*) from s2), (select count(*) from s3)
"""
GROUPED = """
with users as (
  select min(timestamp) filter (event = 'view') t1,
         list(timestamp) filter (event = 'addtocart') carts,
         list(timestamp) filter (event = 'transaction') buys
  from read_parquet('{pattern}') group by visitorid),
second as (select t1, list_min(list_filter(carts, lambda t: t > t1)) t2, buys from users where t1 is not null),
third as (select t1, t2, list_min(list_filter(buys, lambda t: t > t2)) t3 from second)
select count(t1), count(t2), count(t3) from third
"""
DUCKDB_SCRIPT = """
import duckdb, sys
duckdb.sql("set threads = 1; set enable_progress_bar = false")
print(*duckdb.sql(sys.argv[1]).fetchall()[0])
"""


def generate():
    """Once; made aside and renamed, so that what is there is whole."""
    for name, flags in [("users", ["--parts", "16"]), ("days", ["--by", "day"])]:
        folder = DATA / f"{name}-{USERS}"
        if not folder.exists():
            print(f"making {folder.relative_to(ROOT)} …", flush=True)
            aside = folder.with_suffix(".part")
            subprocess.run(["rm", "-rf", aside], check=True)
            subprocess.run([DAYFLY, "generate", "retail", "-o", aside, "--users", str(USERS), *flags],
                           stdout=subprocess.DEVNULL, check=True)  # fmt: skip
            aside.rename(folder)
        yield folder


def measure(command):
    """(CPU seconds, wall seconds, greatest resident bytes, output) of one run."""
    started = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: {command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss * 1024, output


def median_of(command, counts_of):
    runs = [measure(command) for _ in range(RUNS)]
    counts = {counts_of(run[3]) for run in runs}
    if len(counts) != 1:
        sys.exit(f"bench: answers differ between runs: {counts}")
    return [statistics.median(values) for values in list(zip(*runs))[:3]] + [counts.pop()]


def dayfly_counts(output):
    return tuple(step["matchingGroups"] for step in json.loads(output)["funnel"]["sequence"])


def duckdb_counts(output):
    return tuple(map(int, output.split()))


def rows_of(folder):
    import pyarrow.parquet

    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in folder.rglob("*.parquet"))


def compare(title, folder, groups):
    rows = rows_of(folder)
    steps = [word for event in EVENTS for word in ("--step", f"event = '{event}'")]
    command = [DAYFLY, "funnel", folder, "--user", "visitorid", "--time", "timestamp", *steps, "-o", "json",
               "--threads", 1, "--groups", groups]  # fmt: skip
    ours = median_of(command, dayfly_counts)
    # The page cache is warm for whoever comes second; a first run that is not counted makes it warm for both.
    theirs = {
        name: median_of([sys.executable, "-c", DUCKDB_SCRIPT, sql.format(pattern=folder / "**/*.parquet")], duckdb_counts)
        for name, sql in [("chain", CHAIN), ("grouped", GROUPED)]
    }
    fastest = min(theirs, key=lambda name: theirs[name][0])
    for name, result in theirs.items():
        if result[3] != ours[3]:
            sys.exit(f"bench: DuckDB ({name}) counts {result[3]}, dayfly {ours[3]}")
    show(title, "dayfly", rows, ours, "")
    for name, result in theirs.items():
        remark = f"{result[0] / ours[0]:.2f} x" if name == fastest else ""
        show("", f"DuckDB, {name}", rows, result, remark)


def show(title, program, rows, result, remark):
    cpu_s, wall_s, memory_bytes, _ = result
    print(f"{title:<14} {program:<16} {cpu_s * 1e9 / rows:>10.1f} {wall_s:>8.2f} {memory_bytes / 1e6:>10.0f} {remark:>9}", flush=True)


def main():
    users, days = generate()
    print(f"{rows_of(users):,} rows, {USERS:,} users, funnel {' → '.join(EVENTS)}, one thread, median of {RUNS}\n")
    print(f"{'data':<14} {'program':<16} {'CPU ns/row':>10} {'wall s':>8} {'memory MB':>10} {'ratio':>9}")
    subprocess.run(["cat", *users.rglob("*.parquet"), *days.rglob("*.parquet")], stdout=subprocess.DEVNULL, check=True)
    compare("users whole", users, "whole")
    compare("by day", days, "auto")
    print("\nratio: CPU time of DuckDB's faster formulation over dayfly's")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
