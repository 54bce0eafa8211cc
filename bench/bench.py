"""make bench: questions (bench/questions.py) beside DuckDB's answers, CPU per row on one thread. What is measured and how:
bench/README.md."""
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import questions

ROOT = pathlib.Path(__file__).parents[1]
DAYFLY = ROOT / "build/release/dayfly"
DATA = ROOT / "build/bench"
USERS = int(os.environ.get("BENCH_USERS", 4_000_000))
RUNS = int(os.environ.get("BENCH_RUNS", 3))
DUCKDB_SCRIPT = """
import duckdb, json, sys
duckdb.sql("set threads = 1; set enable_progress_bar = false")
print(json.dumps(duckdb.sql(sys.argv[1]).fetchall()[0], default=float))
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


def rows_of(folder):
    import pyarrow.parquet

    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in folder.rglob("*.parquet"))


def compare(title, name, folder, groups):
    rows = rows_of(folder)
    query = json.dumps(questions.QUESTIONS[name][0])
    command = [DAYFLY, "query", folder, "--user", "visitorid", "--time", "timestamp", "-q", query, "--threads", 1,
               "--groups", groups]  # fmt: skip
    ours = median_of(command, lambda output: questions.our_numbers(name, output))
    theirs = {
        form: median_of([sys.executable, "-c", DUCKDB_SCRIPT, sql], lambda output: questions.sql_numbers(name, output))
        for form, sql in questions.sql_texts(name, folder / "**/*.parquet").items()
    }
    fastest = min(theirs, key=lambda form: theirs[form][0])
    for form, result in theirs.items():
        if result[3] != ours[3]:
            sys.exit(f"bench: {name}: DuckDB ({form}) says {result[3]}, dayfly {ours[3]}")
    show(title, name, "dayfly", rows, ours, "")
    for form, result in theirs.items():
        remark = f"{result[0] / ours[0]:.2f} x" if form == fastest else ""
        show("", "", f"DuckDB, {form}", rows, result, remark)


def show(title, name, program, rows, result, remark):
    cpu_s, wall_s, memory_bytes, _ = result
    print(f"{title:<12} {name:<16} {program:<25} {cpu_s * 1e9 / rows:>10.1f} {wall_s:>8.2f} {memory_bytes / 1e6:>10.0f} {remark:>9}", flush=True)


def main():
    users, days = generate()
    print(f"{rows_of(users):,} rows, {USERS:,} users, one thread, median of {RUNS}\n")
    print(f"{'data':<12} {'question':<16} {'program':<25} {'CPU ns/row':>10} {'wall s':>8} {'memory MB':>10} {'ratio':>9}")
    # The page cache is warm for whoever comes second; a first reading that is not counted makes it warm for both.
    subprocess.run(["cat", *users.rglob("*.parquet"), *days.rglob("*.parquet")], stdout=subprocess.DEVNULL, check=True)
    for name in questions.QUESTIONS:
        compare("users whole", name, users, "whole")
    for name in ("funnel of three", "within a day"):
        compare("by day", name, days, "auto")
    print("\nratio: CPU time of DuckDB's fastest formulation over dayfly's")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
