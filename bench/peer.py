"""One question answered once by one peer, in a process of its own: what it said and what it took, as JSON.

    peer.py PROGRAM QUESTION FORM FOLDER

Time of the query only: an interpreter's start and a library's import are no part of it. One thread."""
import json
import os
import pathlib
import resource
import sys
import time

import questions


def duckdb(question, form, files):
    import duckdb as library

    library.sql("set threads = 1; set enable_progress_bar = false; select 1")
    sql = questions.sql_of("DuckDB", question, form, f"{files[0].parent}/*.parquet")
    return lambda: questions.flat(library.sql(sql).fetchall())


def chdb(question, form, files):
    from chdb import session

    one = session.Session()
    one.query("set max_threads = 1")
    one.query("select 1")
    sql = questions.sql_of("chDB", question, form, f"{files[0].parent}/*.parquet")

    def run():
        answer = json.loads(one.query(sql + " settings output_format_json_quote_64bit_integers = 0", "JSONCompact").data())
        return questions.flat(answer["data"])

    return run


def polars(question, form, files):
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars_forms

    return lambda: polars_forms.FORMS[question][form](files)


def pyarrow(_question, _form, files):
    """Decoding only, to columns of Arrow; what is looked at afterwards takes no time worth the name."""
    import pyarrow as arrow
    import pyarrow.compute as compute
    import pyarrow.dataset  # which read_table imports at its first call
    import pyarrow.parquet as parquet

    arrow.set_cpu_count(1)
    sums = [compute.sum, compute.sum, lambda events: compute.sum(compute.equal(events, "view"))]

    def run():
        parts = []
        for file in files:
            table = parquet.read_table(file, columns=["visitorid", "timestamp", "event"], use_threads=False)
            parts.append([one(table[name]).as_py() for one, name in zip(sums, ["visitorid", "timestamp", "event"])])
        return tuple(map(sum, zip(*parts)))

    return run


def original(question, _form, files):
    import original_engine
    import pyarrow.dataset

    return original_engine.prepare(questions.QUESTIONS[question].query, files)


PROGRAMS = {"DuckDB": duckdb, "chDB": chdb, "Polars": polars, "pyarrow": pyarrow, "original": original}


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def read_bytes():
    """What went through read(2); a file that is mapped is not seen by it."""
    with open("/proc/self/io", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def main():
    program, question, form, folder = sys.argv[1:]
    run = PROGRAMS[program](question, form, sorted(pathlib.Path(folder).rglob("*.parquet")))
    bytes_before, cpu_before, wall_before = read_bytes(), spent(), time.monotonic()
    answer = run()
    result = {"cpu_s": spent() - cpu_before, "wall_s": time.monotonic() - wall_before, "start_cpu_s": cpu_before}
    print(json.dumps(result | {"read_bytes": read_bytes() - bytes_before, "answer": list(answer)}, default=float), flush=True)
    os._exit(0)  # tearing down is not what is measured, and chDB is slow at it


if __name__ == "__main__":
    main()
