"""What a process costs: CPU, wall clock, greatest resident memory, bytes read. And rounds: whoever is compared runs in turns
(A B C, A B C, …), so that a machine which is busy for a while is busy for all of them."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import typing

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent


class Cost(typing.NamedTuple):
    cpu_s: float
    wall_s: float
    memory_bytes: float
    read_bytes: float


def run(command, environment=None):
    """(Cost, standard output) of one process, CPU being user and system time of all of it. Greatest memory is counted from
    the fork on, so this process must stay small: no pyarrow here."""
    command = list(map(str, command))
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    output = process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall_s = time.monotonic() - started
    read_bytes = bytes_of(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: {' '.join(command)[:400]} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss * 1024, read_bytes), output


def bytes_of(pid):
    """What the process, ended and not yet waited for, had read by read(2)."""
    with open(f"/proc/{pid}/io", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def ours(command, numbers):
    """A contestant: a function that gives (Cost, tuple of numbers). The whole process counts, from fork to exit."""

    def once():
        cost, output = run(command)
        return cost, tuple(numbers(json.loads(output)))

    return once


def peer(program, question, form, folder, theirs, python=sys.executable):
    """The same of a peer, of which only the query counts (peer.py): neither its interpreter's start nor its imports."""

    def once():
        whole, output = run([python, "-W", "ignore", HERE / "peer.py", program, question, form, folder])
        told = json.loads(output.splitlines()[-1])
        cost = Cost(told["cpu_s"], told["wall_s"], whole.memory_bytes, told["read_bytes"])
        return cost, tuple(theirs(told["answer"]))

    return once


def medians(costs):
    return Cost(*(statistics.median(values) for values in zip(*costs)))


def rounds(contestants, times):
    """Name → (median Cost, spread of CPU, answer), of dictionary name → (function, rounds it takes part in at most). A
    spread is (greatest - least) / median."""
    costs, answers = {name: [] for name in contestants}, {}
    for turn in range(times):
        for name, (once, at_most) in contestants.items():
            if turn >= at_most:
                continue
            cost, answer = once()
            if answers.setdefault(name, answer) != answer:
                sys.exit(f"bench: {name} says {answers[name]}, then {answer}")
            costs[name].append(cost)
    return {name: (medians(found), spread(found), answers[name]) for name, found in costs.items() if found}


def spread(costs):
    times = [cost.cpu_s for cost in costs]
    return (max(times) - min(times)) / statistics.median(times)


def warm(files):
    """Into the page cache, for whoever comes first."""
    for begin in range(0, len(files), 1000):
        subprocess.run(["cat", *files[begin : begin + 1000]], stdout=subprocess.DEVNULL, check=True)


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "commit": commit or "unknown",
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 2),
    }
