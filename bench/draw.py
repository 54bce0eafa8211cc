"""The table as a picture: CPU per row of each question, Dayfly's bar and the fastest of each peer. `draw.py` takes what the last
bench kept (build/results/bench.json), writes docs/performance.svg and the tables between the marks of docs/performance.md.

Bars are as long as the square root says, or the shortest could not be seen beside the longest; the numbers stand beside
them."""
import html
import json
import math
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
COLOURS = {"dayfly": "#c2410c", "DuckDB": "#475569", "chDB": "#64748b", "Polars": "#94a3b8", "pyarrow": "#94a3b8", "original": "#cbd5e1"}
WIDTH, LEFT, RIGHT = 900, 260, 170
BAR, GAP, BETWEEN = 15, 3, 16
TOP = 56


def bars_of(entry):
    """One line per program, its fastest form."""
    best = {}
    for line in entry["lines"]:
        name = line["program"]
        if not line["other_question"] and (name not in best or line["cpu_ns_per_row"] < best[name]["cpu_ns_per_row"]):
            best[name] = line
    return sorted(best.values(), key=lambda line: (line["program"] != "dayfly", line["cpu_ns_per_row"]))


def text(x, y, words, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(words)}</text>'


def group(entry, bars, y, longest):
    parts = [text(LEFT - 12, y + BAR * 0.8, entry["title"].replace("… ", "funnel, "), 'text-anchor="end" font-weight="600"')]
    for line in bars:
        length = max(2.0, (WIDTH - LEFT - RIGHT) * math.sqrt(line["cpu_ns_per_row"] / longest))
        colour = COLOURS.get(line["program"].split(",")[0], "#94a3b8")
        parts.append(f'<rect x="{LEFT}" y="{y:.0f}" width="{length:.0f}" height="{BAR}" rx="2" fill="{colour}"/>')
        label = f"{line['cpu_ns_per_row']:.1f} ns  {line['program']}" + ("" if line["program"] == "dayfly" else f", {line['ratio']:.1f} ×")
        parts.append(text(LEFT + length + 6, y + BAR * 0.8, label))
        y += BAR + GAP
    return parts, y + BETWEEN


def picture(result):
    entries = [(entry, bars_of(entry)) for entry in result["rows"]]
    longest = max(line["cpu_ns_per_row"] for _, bars in entries for line in bars)
    parts, y = [], TOP
    for entry, bars in entries:
        drawn, y = group(entry, bars, y, longest)
        parts += drawn
    machine = result["machine"]
    below = f"{machine['cpu']}, one thread, commit {machine['commit']}, {machine['date']}; the shorter the better; length is the square root"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1e293b">',
        f'<rect width="{WIDTH}" height="{y:.0f}" fill="#ffffff"/>',
        text(20, 24, "CPU time per row", 'font-size="16" font-weight="700"'),
        text(20, 42, below, 'fill="#64748b"'),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


# ---- tables of docs/performance.md ----


def ratio_of(bars, program):
    found = [line for line in bars if line["program"] == program]
    return f"{found[0]['ratio']:.1f} ×" if found else ""


def said(goal):
    if goal["found"] is None:
        return f"{goal['must']:g}: not measured"
    unit = " MB at most" if goal["against"] == "memory MB" else " × " + goal["against"]
    words = f"{goal['must']:g}{unit}: {'holds' if goal['must_holds'] else 'missed'}"
    return words if goal["aim"] is None else f"{words}; aim {goal['aim']:g}: {'holds' if goal['aim_holds'] else 'missed'}"


def main_table(result):
    peers = ["DuckDB", "chDB", "Polars", "pyarrow", "original"]
    yield "| question | rows | s | CPU ns per row | million rows/s per core | " + " | ".join(peers) + " | memory MB | read MB | must |"
    yield "|---|---|---|---|---|" + "---|" * len(peers) + "---|---|---|"
    for entry in result["rows"]:
        bars = bars_of(entry)
        own = bars[0]
        cells = [entry["title"], f"{entry['rows'] / 1e6:.1f} M", f"{own['wall_s']:.2f}", f"{own['cpu_ns_per_row']:.1f}",
                 f"{own['rows_per_second_per_core'] / 1e6:.0f}", *(ratio_of(bars, peer) for peer in peers), f"{own['memory_bytes'] / 1e6:.0f}",
                 f"{own['read_bytes'] / 1e6:.0f}", "<br>".join(said(goal) for goal in entry["goals"])]  # fmt: skip
        yield "| " + " | ".join(cells) + " |"


def small_table(result):
    if "small" not in result:
        return
    threads = result["two_threads"]
    yield "| what | found | must |"
    yield "|---|---|---|"
    yield f"| two threads against one, wall clock | {threads['found']:.2f} × | {threads['must']:g} × |"
    for one in result["small"]:
        name = {"inspect": "`dayfly inspect` of a small file", "funnel": "a funnel on 10,000 rows"}[one["command"]]
        yield f"| {name}, start to output | {one['wall_ms']:.1f} ms | {one['must']:g} ms |"


def linear_table(result):
    yield "| rows | files | threads | CPU ns per row | spread of 5 | to the first line | memory MB |"
    yield "|---|---|---|---|---|---|---|"
    for one in result.get("linear", []):
        yield (f"| {one['rows']:,} | {one['files']:,} | {one['threads']} | {one['cpu_ns_per_row']:.1f} | {one['spread']:.0%} | {one['ratio']:.2f} | "
               f"{one['memory_bytes'] / 1e6:.0f} |")  # fmt: skip


def where(result):
    machine = result["machine"]
    yield "![CPU time per row, Dayfly beside its peers](performance.svg)"
    yield ""
    yield (f"Commit {machine['commit']}, {machine['date']}: {machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_bytes'] / 2**30:.0f} GiB; "
           f"load when it began {machine['load']}, medians of {result['runs']}.")  # fmt: skip


def between_marks(document, name, lines):
    begin, end = f"<!-- {name}: written by bench/draw.py -->\n", f"<!-- {name}: end -->\n"
    head, rest = document.split(begin)
    return head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def main():
    result = json.loads((ROOT / "build/results/bench.json").read_text())
    (ROOT / "docs/performance.svg").write_text(picture(result))
    page = ROOT / "docs/performance.md"
    document = page.read_text()
    for name, table in (("machine", where), ("table", main_table), ("small", small_table), ("linear", linear_table)):
        document = between_marks(document, name, table(result))
    page.write_text(document)


if __name__ == "__main__":
    main()
