"""Where the CPU of one query goes, stage by stage, as a table for docs/performance.md: `perf` samples the program, and each
symbol belongs to a stage. `build/bench-venv/bin/python bench/stages.py [users|sorted|strings|days]`; needs perf and the data of
make bench-data. The shares add up to all samples of the process, the nanoseconds to its CPU per row."""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

import data
import questions

STAGES = [
    ("read: from the page cache", r"_copy_to_iter|copy_page|filemap|pread|vfs_read|folio|ext4|xas_|generic_file|iov_iter"),
    ("memory: page faults, allocation", r"page_fault|clear_page|handle_mm|unmap|mmap|_int_malloc|_int_free|malloc|free|munmap|anonymous_page|memcg|charge|alloc_|zap_|rmap|lru|pte|brk|unlink_chunk|madvise|calloc"),
    ("checksums", r"crc32"),
    ("decompression", r"snappy|zstd|ZSTD|HUF|LZ4|inflate"),
    ("levels, encodings", r"df_rle|unpack|next_run|df_plain|df_convert|df_delta|dictionary|df_parquet|levels|df_codes_below|df_split|bit_packed|advance|take_page|vector_spread"),
    ("filters", r"df_funnel_filter|df_funnel_test|match_codes|df_funnel_code|masks|df_funnel_batch|df_funnel_tree|df_funnel_set|lookup"),
    ("exchange: sections", r"scatter|record|section|pile|df_spill|block_take"),
    ("portions: rows to their users' place", r"partition|df_funnel_keys_hash|XXH|place_|judge_portion|portions"),
    ("users: codes", r"df_funnel_small|df_funnel_groups|reserve_slots"),
    ("collecting and judging", r"df_funnel_greedy|df_funnel_judge|collect|df_funnel_walk|df_funnel_list|df_funnel_sum|df_funnel_count|chain|sorting|df_funnel_rows"),
    ("values of aggregations", r"measure|df_funnel_values|df_funnel_table|number_at|df_funnel_real|pairs"),
    ("counting, merging, answer", r"tally|result|merge|absorb|df_json|df_buf"),
    ("copies and clears of the C library", r"mem(cpy|move|set|cmp)"),
]  # fmt: skip


def command(name):
    groups = "auto" if name == "days" else "whole"
    query = json.dumps(questions.QUESTIONS["funnel of three"][0])
    return [str(data.DAYFLY), "query", str(data.folder_of(name)), "--user", "visitorid", "--time", "timestamp", "-q", query, "--threads", "1",
            "--groups", groups]  # fmt: skip


def cpu_ns_per_row(name, runs=5):
    import pyarrow.parquet

    rows = sum(pyarrow.parquet.read_metadata(file).num_rows for file in data.files_of(name))
    used = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(name), stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return sorted(used)[runs // 2] * 1e9 / rows


def samples(name):
    """Share of each symbol, of five runs together."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "perf.data"
        script = " && ".join([" ".join(f"'{word}'" for word in command(name)) + " >/dev/null"] * 5)
        subprocess.run(["perf", "record", "-q", "-F", "4999", "-o", file, "sh", "-c", script], check=True, stderr=subprocess.DEVNULL)
        text = subprocess.run(["perf", "report", "-q", "-i", file, "--comm", "dayfly", "--no-children", "-F", "overhead,symbol", "--stdio"],
                              check=True, capture_output=True, text=True).stdout  # fmt: skip
    for line in text.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(.+?)\s*$", line)
        if found:
            yield float(found[1]), found[2] == "k", found[3]


def stage_of(kernel, symbol):
    for stage, pattern in STAGES:
        if re.search(pattern, symbol):
            return stage
    return "kernel: system calls, scheduling" if kernel else "all else"


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "users"
    shares = {}
    for share, kernel, symbol in samples(name):
        stage = stage_of(kernel, symbol)
        shares[stage] = shares.get(stage, 0) + share
        if stage == "all else" and share > 0.5:
            print(f"no stage for {symbol}: {share} %", file=sys.stderr)
    whole, total = sum(shares.values()), cpu_ns_per_row(name)
    print(f"{name}: {total:.1f} ns of CPU per row, load {os.getloadavg()[0]:.1f}\n\n| stage | share | ns per row |\n|---|---:|---:|")
    for stage, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        print(f"| {stage} | {100 * share / whole:.1f} % | {total * share / whole:.1f} |")
    print(f"| all | 100 % | {total:.1f} |")


if __name__ == "__main__":
    main()
