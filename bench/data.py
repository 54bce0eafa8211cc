"""make bench-data: the files that the bench reads, each set made once and kept in build/bench (DATA there; README.md of this
folder says what is in them). `python bench/data.py quick` makes those of `make bench-quick` only.

A set is made aside and renamed, so that a set that is there is whole."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
DATA = ROOT / "build/bench"
DAYFLY = pathlib.Path(os.environ.get("DAYFLY", ROOT / "build/release/dayfly")).resolve()
USERS = int(os.environ.get("BENCH_USERS", 4_000_000))

QUICK = ["users", "sorted", "strings", "days", "one", "small"]
ALL = [*QUICK, "many", "users5", "users20"]


def folder_of(name):
    """Where a set lies, made or not. The number of users is in its name, so that BENCH_USERS never mixes sizes."""
    return DATA / f"{name}-{USERS}"


def files_of(name):
    return sorted(folder_of(name).rglob("*.parquet"))


def generate(folder, users, *flags):
    subprocess.run([DAYFLY, "generate", "retail", "-o", folder, "--users", str(users), *map(str, flags)], stdout=subprocess.DEVNULL, check=True)


def rewrite(folder, source, change, **writing):
    """Every file of a set read by pyarrow, changed and written."""
    import pyarrow.parquet as parquet

    folder.mkdir()
    for file in files_of(source):
        parquet.write_table(change(parquet.read_table(file)), folder / file.name, compression="snappy", **writing)


def has_command(name):
    return subprocess.run([DAYFLY, name, "--help"], capture_output=True, check=False).returncode == 0


def make_sorted(folder):
    """By `dayfly repartition`, whose files these rows of the table are about; by pyarrow where this dayfly has none."""
    if has_command("repartition"):
        source = [folder_of("users"), "-o", folder, "--user", "visitorid", "--time", "timestamp", "--parts", 16]
        subprocess.run([DAYFLY, "repartition", *map(str, source)], stdout=subprocess.DEVNULL, check=True)
        return
    import pyarrow.parquet as parquet

    rewrite(folder, "users", lambda table: table.sort_by([("visitorid", "ascending"), ("timestamp", "ascending")]),
            use_dictionary=["event", "categoryid"], write_page_index=True,
            sorting_columns=[parquet.SortingColumn(1), parquet.SortingColumn(0)])  # fmt: skip


def make_strings(folder):
    """Ids "v0000017", written as pyarrow writes if nobody asks for anything: dictionary first, plain after its first MiB."""
    import pyarrow
    import pyarrow.compute as compute

    def with_strings(table):
        digits = compute.utf8_lpad(table["visitorid"].cast(pyarrow.string()), 7, "0")
        return table.set_column(table.schema.get_field_index("visitorid"), "visitorid", compute.binary_join_element_wise("v", digits, ""))

    rewrite(folder, "users", with_strings)


def make_users20(folder):
    """Four times the users of `users5`, with ids of their own, and of its columns only those of a funnel: 3 GB instead of 10."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    folder.mkdir()
    for file in files_of("users5"):
        table = parquet.read_table(file, columns=["timestamp", "visitorid", "event"])
        for copy in range(4):
            ids = compute.add(table["visitorid"], copy * 5 * USERS)
            part = table.set_column(1, table.schema.field("visitorid"), ids)
            parquet.write_table(part, folder / f"{file.stem}-{copy}.parquet", compression="snappy", use_dictionary=["event"], write_page_index=True)


MAKE = {
    "users": lambda folder: generate(folder, USERS, "--parts", 16),
    "sorted": make_sorted,
    "strings": make_strings,
    "days": lambda folder: generate(folder, USERS, "--by", "day"),
    "one": lambda folder: generate(folder, USERS, "--parts", 1),
    "small": lambda folder: generate(folder, USERS * 11 // 10_000, "--parts", 1),
    "many": lambda folder: generate(folder, USERS, "--parts", 3000),
    "users5": lambda folder: generate(folder, 5 * USERS, "--parts", 64),
    "users20": make_users20,
}


def stale(name):
    """Sorted by another writer, and now dayfly can."""
    if name != "sorted" or not files_of(name) or not has_command("repartition"):
        return False
    import pyarrow.parquet as parquet

    return not parquet.read_metadata(files_of(name)[0]).created_by.startswith("dayfly")


def make(names):
    DATA.mkdir(parents=True, exist_ok=True)
    for name in names:
        folder = folder_of(name)
        if stale(name):
            shutil.rmtree(folder)
        if folder.exists():
            continue
        print(f"making {folder.relative_to(ROOT)} …", flush=True)
        aside = folder.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)
        MAKE[name](aside)
        aside.rename(folder)


ROWS_SCRIPT = "import sys, pyarrow.parquet as p; print(sum(p.read_metadata(file.rstrip()).num_rows for file in sys.stdin))"


@functools.cache
def rows_of(name):
    """Asked of another process: a child's greatest resident memory begins with that of its parent, and pyarrow is large."""
    files = "\n".join(map(str, files_of(name)))
    return int(subprocess.run([sys.executable, "-c", ROWS_SCRIPT], input=files, stdout=subprocess.PIPE, text=True, check=True).stdout)


def show(names):
    print(f"{'set':<24} {'files':>6} {'rows':>13} {'MB':>8}")
    total = 0
    for name in names:
        size = sum(file.stat().st_size for file in files_of(name))
        total += size
        print(f"{folder_of(name).name:<24} {len(files_of(name)):>6} {rows_of(name):>13,} {size / 1e6:>8.0f}")
    print(f"{'':<24} {'':>6} {'':>13} {total / 1e6:>8.0f}")


def main():
    names = QUICK if sys.argv[1:] == ["quick"] else ALL
    make(names)
    show(names)


if __name__ == "__main__":
    main()
