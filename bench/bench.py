"""make bench: Dayfly beside its peers, one table (goals.py says of what). `bench.py quick`: 10 million rows, two minutes. What is
measured and how: README.md of this folder. Fails when answers differ, never for a time."""
import json
import os
import pathlib
import resource
import statistics
import sys

import data
import draw
import goals
import measure
import questions

ROOT = data.ROOT
DAYFLY = data.DAYFLY
SCAN = pathlib.Path(os.environ.get("PARQUET_SCAN", DAYFLY.parent / "parquet_scan"))
ORIGINAL = pathlib.Path(os.environ.get("ORIGINAL", ROOT / "build/bench-original"))
RESULTS = ROOT / "build/results"
QUICK = sys.argv[1:] == ["quick"]
RUNS = int(os.environ.get("BENCH_RUNS", 3 if QUICK else 5))
# Peers that take seconds: how often they are run at most, so that the bench ends.
SLOW_RUNS = {"chDB": 1, "Polars": 1, "original": 1, "pyarrow": 1} if QUICK else {"chDB": 3, "Polars": 3, "original": 1, "pyarrow": 3}


# ---- who takes part ----


def our_command(row, threads=1):
    if row.question == "decoding":
        return [SCAN, *data.files_of(row.data)]
    query = json.dumps(questions.QUESTIONS[row.question].query)
    cache = goals.GROUP_CACHE if row.warm_up else goals.FIRST_TIME
    return [DAYFLY, "query", data.folder_of(row.data), "--user", "visitorid", "--time", "timestamp", "-q", query, "--compact",
            "--threads", threads, *row.flags, *cache]  # fmt: skip


def forms_of(program, question):
    """Formulations of a question, the likely fastest first."""
    if program in ("original", "pyarrow"):
        return ["its engine"] if program == "original" else ["read_table"]
    if program == "Polars":
        return questions.POLARS[question]
    return list(questions.QUESTIONS[question].sql[program])


def python_of(program):
    """The interpreter that has its packages, or None."""
    if program != "original":
        return sys.executable
    python = ORIGINAL / "bin/python"
    return python if python.exists() else None


def peers_of(row):
    """A quick bench asks the original, which takes most of the time, only where a goal is about it."""
    return [name for name in row.peers if not QUICK or name != "original" or any(goal.against == name for goal in row.goals)]


def contestants_of(row):
    """(Peer, formulation) → contestant. `DuckDB, unsorted files` is DuckDB with the set that the sorted one was made of."""
    found = {}
    question = questions.QUESTIONS[row.question]
    for name in peers_of(row):
        program = name.split(",")[0]
        python = python_of(program)
        if not python:
            continue
        folder = data.folder_of("users" if name == goals.UNSORTED else row.data)
        for form in forms_of(program, row.question):
            # What answers another question is shown once, beside the rest.
            theirs = tuple if (program, form) in questions.OTHER_QUESTION else question.theirs
            found[name, form] = measure.peer(program, row.question, form, folder, theirs, python)
    return found


def measured(row):
    """(Peer, formulation) → (Cost, spread, answer); ours is ("dayfly", ""). The first turn tries all formulations of a peer (a
    quick bench only the likely fastest), the others the fastest of each."""
    dayfly = measure.ours(our_command(row), questions.QUESTIONS[row.question].ours)
    if row.warm_up:
        dayfly()
    peers = contestants_of(row)
    if QUICK:
        peers = {name: peers[name] for name in fastest_by(peers, lambda name: list(peers).index(name)).values()}
    tried = {name: once() for name, once in peers.items()}
    best = fastest_by(tried, lambda name: tried[name][0].cpu_s)
    turns = {("dayfly", ""): (dayfly, RUNS)}
    turns |= {name: (peers[name], SLOW_RUNS.get(name[0].split(",")[0], RUNS)) for name in best.values()}
    results = measure.rounds(turns, RUNS) if not QUICK else quick_rounds(turns, tried)
    return results | {name: (cost, 0.0, answer) for name, (cost, answer) in tried.items() if name not in results}


def quick_rounds(turns, tried):
    """As measure.rounds; what a slow peer took when it was tried is its only run."""
    fast = {name: turn for name, turn in turns.items() if name[0].split(",")[0] not in SLOW_RUNS}
    return measure.rounds(fast, RUNS) | {name: (tried[name][0], 0.0, tried[name][1]) for name in turns if name not in fast}


def fastest_by(names, key):
    """Peer → its (peer, formulation) of least key, formulations that answer another question left out."""
    best = {}
    for name in names:
        other = (name[0].split(",")[0], name[1]) in questions.OTHER_QUESTION
        if not other and (name[0] not in best or key(name) < key(best[name[0]])):
            best[name[0]] = name
    return best


# ---- the table ----


def compare(row):
    data_files = data.files_of(row.data)
    measure.warm(data_files)
    rows = data.rows_of(row.data)
    results = measured(row)
    ours = results["dayfly", ""]
    lines = [line_of(name, result, rows, ours[0]) for name, result in results.items()]
    lines.sort(key=lambda line: (line["program"] != "dayfly", line["cpu_s"]))
    check(row, results)
    entry = {"key": row.key, "title": row.title, "data": data.folder_of(row.data).name, "question": row.question, "rows": rows,
             "lines": lines, "goals": [verdict(goal, lines) for goal in row.goals]}  # fmt: skip
    show(entry)
    for name in peers_of(row):
        if not python_of(name.split(",")[0]):
            print(f"{'':<30} {name:<34} not measured: scripts/setup.sh original, or ORIGINAL=FOLDER of a venv that has funnel-rocket")
    return entry


def check(row, results):
    ours = results["dayfly", ""][2]
    for name, (_, _, answer) in results.items():
        if (name[0], name[1]) not in questions.OTHER_QUESTION and not questions.equal(ours, answer):
            sys.exit(f"bench: {row.title}: {name[0]} ({name[1]}) says {answer}, dayfly {ours}")


def line_of(name, result, rows, ours):
    cost, spread, _ = result
    return {
        "program": name[0], "form": name[1], "wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "spread": spread, "cpu_ns_per_row": cost.cpu_s * 1e9 / rows,
        "rows_per_second_per_core": rows / cost.cpu_s, "ratio": cost.cpu_s / ours.cpu_s, "memory_bytes": cost.memory_bytes,
        "read_bytes": cost.read_bytes, "other_question": (name[0], name[1]) in questions.OTHER_QUESTION,
    }  # fmt: skip


def verdict(goal, lines):
    if goal.against == "memory MB":
        found = lines[0]["memory_bytes"] / 1e6
        return {"against": goal.against, "must": goal.must, "aim": goal.aim, "found": found, "must_holds": found <= goal.must, "aim_holds": found <= goal.aim}
    ratios = [line["ratio"] for line in lines if line["program"] == goal.against and not line["other_question"]]
    if not ratios:
        return {"against": goal.against, "must": goal.must, "aim": goal.aim, "found": None}
    found = min(ratios)
    return {"against": goal.against, "must": goal.must, "aim": goal.aim, "found": found, "must_holds": found >= goal.must,
            "aim_holds": None if goal.aim is None else found >= goal.aim}  # fmt: skip


def said(goal):
    name = goal["against"]
    kind = "at most" if name == "memory MB" else "×"
    if goal["found"] is None:
        return f"must {kind} {goal['must']:g} ({name}): not measured"
    text = f"{name} {goal['found']:.1f}{'' if kind == 'at most' else ' ×'}: must {goal['must']:g} {holds(goal['must_holds'])}"
    return text if goal["aim"] is None else f"{text}, aim {goal['aim']:g} {holds(goal['aim_holds'])}"


def holds(yes):
    return "holds" if yes else "MISSED"


def show(entry):
    for at, line in enumerate(entry["lines"]):
        name = line["program"] + (f", {line['form']}" if line["form"] else "") + (" (another question)" if line["other_question"] else "")
        ratio = f"{line['ratio']:.2f} ×" if at else ""
        print(f"{entry['title'] if at == 0 else '':<30} {name:<34} {line['wall_s']:>7.3f} {line['cpu_ns_per_row']:>8.1f} "
              f"{line['rows_per_second_per_core'] / 1e6:>8.1f} {ratio:>9} {line['memory_bytes'] / 1e6:>8.0f} {line['read_bytes'] / 1e6:>7.0f}", flush=True)  # fmt: skip
    for goal in entry["goals"]:
        print(f"{'':<30} → {said(goal)}", flush=True)


def heading():
    print(f"{'question':<30} {'program':<34} {'wall s':>7} {'ns/row':>8} {'Mrow/s':>8} {'ratio':>9} {'mem MB':>8} {'read MB':>7}")


# ---- what is not one question beside others ----


def two_threads():
    """Wall clock of one thread over that of two, turn by turn."""
    row = next(row for row in goals.ROWS if row.key == "funnel")
    turns = {threads: (measure.ours(our_command(row, threads), questions.QUESTIONS[row.question].ours), RUNS) for threads in (1, 2)}
    walls = {threads: result[0].wall_s for threads, result in measure.rounds(turns, RUNS).items()}
    found = walls[1] / walls[2]
    print(f"\ntwo threads: {walls[1]:.3f} s with one, {walls[2]:.3f} s with two: {found:.2f} ×; must {goals.TWO_THREADS} {holds(found >= goals.TWO_THREADS)}")
    return {"one_s": walls[1], "two_s": walls[2], "found": found, "must": goals.TWO_THREADS}


def small_data():
    """From start to output, which is what somebody waits for who looks at a small file."""
    file = data.files_of("small")[0]
    steps = [word for event in questions.EVENTS for word in ("--step", f"event = '{event}'")]
    commands = {"inspect": [DAYFLY, "inspect", file], "funnel": [DAYFLY, "funnel", file, "--user", "visitorid", "--time", "timestamp", *steps, *goals.FIRST_TIME]}
    found = []
    print(f"\nsmall data ({data.rows_of('small'):,} rows), wall clock from start to output, median of 20")
    for name, command in commands.items():
        wall_ms = statistics.median(measure.run(command)[0].wall_s for _ in range(20)) * 1000
        print(f"  dayfly {name:<8} {wall_ms:>6.1f} ms; must {goals.SMALL_MS[name]} {holds(wall_ms <= goals.SMALL_MS[name])}", flush=True)
        found.append({"command": name, "wall_ms": wall_ms, "must": goals.SMALL_MS[name]})
    return found


def linear():
    """The same question for more rows, more threads, fewer and more files: CPU per row, in turns."""
    cases = [("users", 1), ("users5", 1), ("users20", 1), ("users", 2), ("one", 1), ("one", 2), ("many", 1), ("many", 2)]
    row = next(row for row in goals.ROWS if row.key == "funnel")
    turns, rows = {}, {}
    for name, threads in cases:
        measure.warm(data.files_of(name))
        rows[name] = data.rows_of(name)
        command = our_command(row._replace(data=name), threads)
        turns[name, threads] = (measure.ours(command, questions.QUESTIONS[row.question].ours), 5)
    results = measure.rounds(turns, 5)
    base = results["users", 1][0].cpu_s / rows["users"]
    print(f"\nfunnel of 3, CPU per row, median of 5; must be within {goals.LINEAR_WITHIN - 1:.0%} of the first line")
    print(f"{'rows':>13} {'files':>6} {'threads':>8} {'ns/row':>8} {'spread':>7} {'to first':>9} {'wall s':>7} {'mem MB':>7}")
    found = []
    for (name, threads), (cost, spread, _) in results.items():
        ratio = cost.cpu_s / rows[name] / base
        print(f"{rows[name]:>13,} {len(data.files_of(name)):>6} {threads:>8} {cost.cpu_s * 1e9 / rows[name]:>8.1f} {spread:>7.0%} {ratio:>9.2f} "
              f"{cost.wall_s:>7.2f} {cost.memory_bytes / 1e6:>7.0f} {holds(ratio <= goals.LINEAR_WITHIN)}", flush=True)  # fmt: skip
        found.append({"rows": rows[name], "files": len(data.files_of(name)), "threads": threads, "cpu_ns_per_row": cost.cpu_s * 1e9 / rows[name],
                      "spread": spread, "ratio": ratio, "memory_bytes": cost.memory_bytes})  # fmt: skip
    return found


def chosen():
    """BENCH_ONLY=funnel,sorted: these rows only (keys of goals.py), and nothing behind the table."""
    only = [key for key in os.environ.get("BENCH_ONLY", "").split(",") if key]
    unknown = set(only) - {row.key for row in goals.ROWS}
    if unknown:
        sys.exit(f"bench: BENCH_ONLY names {', '.join(sorted(unknown))}; there are {', '.join(row.key for row in goals.ROWS)}")
    return [row for row in goals.rows(QUICK and not only) if not only or row.key in only], not only


def main():
    rows, whole = chosen()
    machine = measure.machine()
    print(f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load']}, commit {machine['commit']}, {machine['date']}")
    print(f"one thread, files in the page cache, medians of {RUNS}" + (f" ({', '.join(SLOW_RUNS)}: one run)\n" if QUICK else "\n"))
    heading()
    result = {"machine": machine, "quick": QUICK, "runs": RUNS, "rows": []}
    for row in rows:
        result["rows"].append(compare(row))
        if whole:
            keep(result)  # what is measured is kept, should the rest be interrupted
    if whole:
        result |= {"two_threads": two_threads(), "small": small_data()}
        if not QUICK:
            result["linear"] = linear()
        keep(result)
    missed = [f"{entry['title']} ({goal['against']})" for entry in result["rows"] for goal in entry["goals"] if goal.get("must_holds") is False]
    print(f"\nmusts missed in the table: {', '.join(missed) or 'none'}; load at the end {os.getloadavg()[0]:.1f}")
    if whole:
        print("kept: build/results/bench.json, build/results/bench.svg")


def keep(result):
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "bench.svg").write_text(draw.picture(result))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
