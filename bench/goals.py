"""The rows of the table, and what must hold of each: musts are ratios of CPU per row, measured in the same run."""
import typing

WHOLE = ("--groups", "whole")
PEERS = ("DuckDB", "chDB", "Polars", "original")

# Flags that let a query keep and use the group index of a part, and those that keep it from that ("first time"). Empty as
# long as dayfly has no such index: its row is left out.
GROUP_CACHE = ()
FIRST_TIME = ()


class Goal(typing.NamedTuple):
    against: str  # a peer, or "memory MB"
    must: float  # a ratio at least, or so many megabytes at most
    aim: float = None


class Row(typing.NamedTuple):
    key: str
    title: str
    data: str  # set of data.py
    question: str
    peers: tuple
    goals: tuple = ()
    flags: tuple = WHOLE
    warm_up: bool = False  # a first run, not counted, leaves behind what the others use
    quick: bool = True


UNSORTED = "DuckDB, unsorted files"
ROWS = [
    Row("funnel", "funnel of 3", "users", "funnel of three", PEERS, (Goal("DuckDB", 3, 5), Goal("original", 20))),
    # Held against what DuckDB takes for files as people have them; its time for the sorted ones is shown, too.
    Row("sorted", "… files sorted by user, time", "sorted", "funnel of three", ("DuckDB", UNSORTED, "chDB", "Polars"), (Goal(UNSORTED, 8, 12),)),
    Row("cached", "… cached group index", "users", "funnel of three", ("DuckDB",), (Goal("DuckDB", 8, 12),), warm_up=True),
    Row("strings", "… string ids", "strings", "funnel of three", PEERS, (Goal("DuckDB", 3, 4.5),)),
    Row("condition", "one condition", "users", "one condition", PEERS, (Goal("DuckDB", 2, 3),)),
    Row("aggregations", "2 conditions, 3 aggregations", "users", "aggregations", PEERS, (Goal("DuckDB", 3, 4),)),
    Row("decoding", "decoding 3 columns", "users", "decoding", ("DuckDB", "chDB", "Polars", "pyarrow"), (Goal("DuckDB", 2, 3),)),
    Row("auto", "funnel, no promise", "users", "funnel of three", ("DuckDB",), (Goal("DuckDB", 2, 4),), ("--groups", "auto")),
    Row("spread", "… as if users were spread", "users", "funnel of three", ("DuckDB",), (Goal("DuckDB", 2, 4),), ("--groups", "spread")),
    Row("days", "… files by day", "days", "funnel of three", ("DuckDB", "chDB", "Polars"), (Goal("DuckDB", 2, 4),), ("--groups", "auto")),
    Row("one", "… one file", "one", "funnel of three", ("DuckDB",), (Goal("DuckDB", 3, 5), Goal("memory MB", 400, 100))),
    Row("users5", "funnel of 3, 49 M rows", "users5", "funnel of three", PEERS, (Goal("DuckDB", 3, 5), Goal("original", 20), Goal("memory MB", 150, 60)), quick=False),
    Row("day", "funnel within a day", "users", "within a day", ("DuckDB",), quick=False),
    Row("any", "funnel in any order", "users", "any order", ("DuckDB",), quick=False),
    Row("breakdown", "funnel with a breakdown", "users", "breakdown", ("DuckDB",), quick=False),
]  # fmt: skip

# Per row of files that other rows are compared with: CPU of the same question may differ by so much (issue's 15 %).
LINEAR_WITHIN = 1.15
TWO_THREADS = 1.9  # times faster than one, by the wall clock
SMALL_MS = {"inspect": 5, "funnel": 10}


def rows(quick):
    return [row for row in ROWS if (row.quick or not quick) and (row.key != "cached" or GROUP_CACHE)]
