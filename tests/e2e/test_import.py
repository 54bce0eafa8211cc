"""dayfly import: what other readers of CSV and JSON read from the same bytes, mistakes with their place, spilling, and
that the files of an import appear together or not at all."""
import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from conftest import PROGRAM

from lambda_fixtures import BUCKET
from test_terminal import Terminal


def write(dayfly, name, content):
    path = dayfly.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(folder):
    """The rows of all parts, in the order of the files."""
    return [row for path in sorted(pathlib.Path(folder).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def imported(dayfly, content, *flags, name="in.csv", user="u"):
    write(dayfly, name, content)
    target = dayfly.folder / "out"
    done = dayfly.run("import", name, "-o", target, "--user", user, "--parts", 1, *flags)
    return pq.read_table(target / "part-00000.parquet"), done


def refused(dayfly, content, *flags, name="in.csv", status=None):
    """What an import says that must fail and leave nothing."""
    write(dayfly, name, content)
    done = dayfly.run("import", name, "-o", "out", "--user", "u", *flags, status=status)
    assert done.returncode not in (0, 139, 134), done.stderr
    assert not (dayfly.folder / "out").exists()
    assert not [path for path in os.listdir(dayfly.folder) if path.startswith(".")]
    return done.stderr


def files(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


# ---- equal to what others read ----


def hostile_text(rng):
    return "".join(rng.choice(['a', 'B', ' ', ',', '"', '""', '\n', '\r\n', ';', "'", 'é', '€', '😀', '\t', '\\', '0', '-', '1.5']) for _ in range(rng.randrange(0, 8)))


def hostile_table(rng, rows):
    table = [["u", "n", "text", "more, \"quoted\""]]
    for number in range(rows):
        table.append([f"u{rng.randrange(20)}", number, hostile_text(rng), hostile_text(rng) or "x"])
    return table


@pytest.mark.parametrize("round_number", range(12))
def test_hostile_quoting_reads_as_pythons_csv_module_reads_it(dayfly, rng, round_number):
    for _ in range(round_number):
        rng.random()
    out = io.StringIO(newline="")
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    ends = rng.choice(["\n", "\r\n"])
    delimiter = rng.choice([",", ";", "\t", "|"])
    csv.writer(out, quoting=quoting, lineterminator=ends, delimiter=delimiter).writerows(hostile_table(rng, 300))
    text = out.getvalue()
    if rng.random() < 0.5:
        text = text[: -len(ends)]
    table, _ = imported(dayfly, text, "--delimiter", delimiter, "--type", "text=string", "--type", 'more, "quoted"=string')
    header, *expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert table.column_names == header
    found = sorted(table.to_pylist(), key=lambda row: row["n"])
    for row, wanted in zip(found, expected, strict=True):
        assert [row["u"], str(row["n"]), row["text"] or "", row[header[3]]] == wanted


TYPED = """u,whole,real,flag,day,moment,word,big,zeros,none
1,1,1.5,true,2024-02-29,2024-01-02 03:04:05,x,18446744073709551615,007,
2,-9223372036854775808,-2e10,false,1969-12-31,1969-12-31 23:59:59.999999,,0,1,
3,,,,,,"",,,
4,9223372036854775807,7,true,9999-12-31,2024-01-02T03:04:05,true,1,2,
"""


def test_types_are_those_of_duckdb_and_so_are_the_values(dayfly):
    table, _ = imported(dayfly, TYPED)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "u": "int64", "whole": "int64", "real": "double", "flag": "bool", "day": "date32[day]", "moment": "timestamp[us, tz=UTC]",
        "word": "string", "big": "uint64", "zeros": "string", "none": "null",
    }  # fmt: skip
    theirs = duckdb.connect().execute(
        f"select * from read_csv('{dayfly.folder}/in.csv', columns={{'u': 'bigint', 'whole': 'bigint', 'real': 'double', 'flag': 'boolean',"
        " 'day': 'date', 'moment': 'timestamp', 'word': 'varchar', 'big': 'ubigint', 'zeros': 'varchar', 'none': 'varchar'},"
        " allow_quoted_nulls=false) order by u"
    ).fetchall()
    ours = [tuple(v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for v in row.values()) for row in table.to_pylist()]
    assert ours == theirs


def test_random_typed_tables_read_as_pyarrow_reads_them(dayfly, rng):
    makers = {
        "i": lambda: str(rng.randrange(-(2**63), 2**63)),
        "f": lambda: repr(rng.uniform(-1e6, 1e6) * 10 ** rng.randrange(-30, 30)),
        "b": lambda: rng.choice(["true", "false"]),
        "d": lambda: f"{rng.randrange(1, 9999):04}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "t": lambda: f"{rng.randrange(1700, 2200)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}",
    }
    lines = ["u,n," + ",".join(makers)]
    for number in range(3000):
        lines.append(f"{rng.randrange(50)},{number}," + ",".join("" if rng.random() < 0.1 else make() for make in makers.values()))
    table, _ = imported(dayfly, "\n".join(lines))
    kinds = {"i": pa.int64(), "f": pa.float64(), "b": pa.bool_(), "d": pa.date32(), "t": pa.timestamp("us", tz="UTC")}
    theirs = pa.csv.read_csv(
        dayfly.folder / "in.csv", convert_options=pa.csv.ConvertOptions(column_types={k: v for k, v in kinds.items() if k != "t"})
    )
    theirs = theirs.set_column(theirs.column_names.index("t"), "t", theirs["t"].cast(pa.timestamp("us")).cast(kinds["t"]))
    assert table.schema.types == theirs.schema.types
    assert table.sort_by("n").to_pylist() == theirs.sort_by("n").to_pylist()


def test_a_type_that_the_last_row_changes_is_seen(dayfly):
    rows = "".join(f"{i},{i},{i}\n" for i in range(50000))
    table, _ = imported(dayfly, "u,a,b\n" + rows + "1,x,2.5\n")
    assert [str(t) for t in table.schema.types] == ["int64", "string", "double"]
    assert "49999" in table["a"].to_pylist()


def test_ndjson_members_become_columns(dayfly):
    lines = [
        {"u": "a", "t": "2024-01-02T03:04:05Z", "p": {"x": 1, "y": {"z": "q"}}, "tags": ["a", 1, None]},
        {"u": "b", "p": {"x": 2.5}, "mixed": 1},
        {"t": None, "u": "a", "mixed": "text", "ok": True, "n": "5"},
    ]
    table, _ = imported(dayfly, "\n".join(map(json.dumps, lines)), name="in.ndjson")
    assert {f.name: str(f.type) for f in table.schema} == {
        "u": "string", "t": "timestamp[us, tz=UTC]", "p.x": "double", "p.y.z": "string", "tags": "string", "mixed": "string", "ok": "bool", "n": "string",
    }  # fmt: skip
    rows = {(row["u"], row["mixed"]): row for row in table.to_pylist()}
    assert rows["a", None]["tags"] == '["a",1,null]' and rows["a", None]["p.x"] == 1 and rows["a", None]["p.y.z"] == "q"
    assert rows["b", "1"]["p.x"] == 2.5 and rows["b", "1"]["t"] is None
    assert rows["a", "text"]["ok"] is True and rows["a", "text"]["n"] == "5"


def test_ndjson_reads_as_pythons_json_module_reads_it(dayfly, rng):
    lines = [{"u": rng.randrange(9), "n": n, "s": hostile_text(rng) + "\u0001\\/", "f": rng.uniform(-1, 1)} for n in range(500)]
    table, _ = imported(dayfly, "\r\n".join(json.dumps(line, ensure_ascii=rng.random() < 0.5) for line in lines), name="in.jsonl")
    assert sorted(table.to_pylist(), key=lambda row: row["n"]) == lines


# ---- where bytes come from ----


def test_gzip_zstd_bom_and_stdin_give_the_same_bytes(dayfly):
    plain = ("u,t\n" + "".join(f"{i % 7},{1000 - i}\n" for i in range(5000))).encode()
    zstd = pa.compress(plain, codec="zstd", asbytes=True)
    write(dayfly, "a.csv", plain)
    write(dayfly, "b.csv.gz", gzip.compress(plain[:100]) + gzip.compress(plain[100:]))
    write(dayfly, "c.csv.zst", zstd + pa.compress(b"", codec="zstd", asbytes=True))
    write(dayfly, "d.csv", b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    write(dayfly, "e.dat", gzip.compress(plain))
    for name in ("a.csv", "b.csv.gz", "c.csv.zst", "d.csv", "e.dat"):
        dayfly.run("import", name, "-o", name[0], "--user", "u", "--time", "t", "--parts", 3)
    for word in ("-", "/dev/stdin"):
        process = dayfly.start("import", word, "-o", "stdin" + word[-1], "--user", "u", "--time", "t", "--parts", 3, stdin=subprocess.PIPE)
        process.communicate(gzip.compress(plain), timeout=60)
        assert process.returncode == 0
    for name in ("b", "c", "d", "e", "stdin-", "stdinn"):
        assert files(dayfly.folder / name) == files(dayfly.folder / "a"), name


def test_folders_globs_and_files_with_other_columns(dayfly):
    write(dayfly, "in/2024/a.csv", "u,a\n1,x\n")
    write(dayfly, "in/2024/b.tsv", "a\tu\tb\ny\t2\t5\n")
    write(dayfly, "in/c.ndjson", '{"u": 3, "b": 6}\n')
    write(dayfly, "in/readme.md", "not,a,table\n")
    dayfly.run("import", "in", "-o", "out", "--user", "u", "--parts", 1)
    assert load(dayfly.folder / "out") == [{"u": 1, "a": "x", "b": None}, {"u": 2, "a": "y", "b": 5}, {"u": 3, "a": None, "b": 6}]
    dayfly.run("import", "in/*/*.csv", "in/2024/a.csv", "-o", "one", "--user", "u", "--parts", 1)
    assert load(dayfly.folder / "one") == [{"u": 1, "a": "x"}]
    assert "nothing to import" in dayfly.run("import", "temporary", "-o", "none", "--user", "u", status=None).stderr


def test_the_dialect_can_be_told(dayfly):
    table, _ = imported(dayfly, "5;NA;007\n6;-;8\n", "--delimiter", ";", "--no-header", "--null", "NA", "--null", "-", "--type", "c3=int", user="c1")
    assert table.to_pylist() == [{"c1": 5, "c2": None, "c3": 7}, {"c1": 6, "c2": None, "c3": 8}]
    write(dayfly, "x.csv", "u;v\n1;2\n")
    wrong = dayfly.run("import", "x.csv", "-o", "no", "--user", "u", status=None)
    assert "there is no column 'u'; there are: u;v" in wrong.stderr and "--delimiter ';'" in wrong.stderr


def test_from_s3_and_to_s3(dayfly, s3):
    s3.clear("import/")
    plain = b"u,t\n" + b"".join(b"%d,%d\n" % (i % 5, i) for i in range(2000))
    s3.s3.put_object(Bucket=BUCKET, Key="import/in/a.csv.gz", Body=gzip.compress(plain))
    write(dayfly, "a.csv", plain)
    flags = ["--user", "u", "--time", "t", "--parts", 2]
    dayfly.run("import", "a.csv", "-o", "local", *flags)
    dayfly.run("import", f"s3://{BUCKET}/import/in/", "-o", f"s3://{BUCKET}/import/out", *flags, environment=s3.environment())
    assert s3.keys_below("import/out") == ["import/out/part-00000.parquet", "import/out/part-00001.parquet"]
    for name, content in files(dayfly.folder / "local").items():
        assert s3.s3.get_object(Bucket=BUCKET, Key=f"import/out/{name}")["Body"].read() == content
    again = dayfly.run("import", "a.csv", "-o", f"s3://{BUCKET}/import/out", *flags, environment=s3.environment(), status=None)
    assert again.returncode != 0 and "is not empty" in again.stderr
    s3.s3.put_object(Bucket=BUCKET, Key="import/bad.csv", Body=plain + b"1\n")
    failed = dayfly.run("import", f"s3://{BUCKET}/import/bad.csv", "-o", f"s3://{BUCKET}/import/none", *flags, environment=s3.environment(), status=None)
    assert "line 2002, column 2" in failed.stderr and s3.keys_below("import/none") == []


# ---- mistakes ----


@pytest.mark.parametrize(
    "content, flags, place, words",
    [
        ("u,a\n1,2\n1\n", [], "line 3, column 2", "1 field, where the header has 2"),
        ("u,a\n1,2,3\n", [], "line 2, column 5", "3 fields, where the header has 2"),
        ('u,a\n1,"x\ny"\n1,z"\n', [], "line 4, column 4", "a quote inside a field"),
        ('u,a\n"x\ny"z,1\n', [], "line 3, column 3", "text behind a closing quote"),
        ('u,a\n1,"x\n1,2\n', [], "line 2, column 3", "never closed"),
        (b"u,a\n1,ok\n1,caf\xe9\n", [], "line 3, column 6", "not UTF-8"),
        ("u,a\n1,2\n1,x\n", ["--type", "a=int"], "line 3, column 3", "'x' is no int"),
        ("u,a\n1,2024-02-30\n", ["--type", "a=date"], "line 2, column 3", "is no date"),
        ("u,u\n", [], "line 1, column 3", "a second column 'u'"),
        ("u\n1\n".encode("utf-16-le"), [], "line 1, column 1", "is this UTF-16?"),
        ("u\n1\n".encode("utf-32"), [], "line 1, column 1", "UTF-32"),
        ('u,a\n1, "x"\n', [], "line 2, column 4", "--trim takes blanks around fields away"),
        ("u,a\n1,01/02/2024\n", ["--type", "a=date"], "line 2, column 3", "--dates dmy or --dates mdy"),
        ("u,a\n1,01/02/2024\n", ["--time", "a"], "line 2, column 3", "--dates dmy or --dates mdy"),
        ("u,a\n1,13/02/2024\n1,02/13/2024\n", ["--time", "a"], "line 3, column 3", "has the day first"),
        ("u,a\n1,13/02/2024\n", ["--type", "a=date", "--dates", "mdy"], "line 2, column 3", "is no date"),
        ("u," + "x" * 40_000_000 + "\n", ["--memory", "64M"], "line 1, column 1", "a row of more than 4194304 bytes"),
        ("u," + ",".join(f"c{i}" for i in range(16384)) + "\n", [], "in.csv", "too many columns: at most 16384"),
        ("u,t\n1,5\n1,soon\n", ["--time", "t"], "line 3, column 3", "no time"),
        ("u,a\n", ["--time", "when"], "--time", "there is no column 'when'"),
        ("u,a\n", ["--type", "b=int"], "--type", "there is no column 'b'"),
        ("", [], "in.csv", "empty"),
        ("u\n1\n".encode("utf-16"), [], "line 1, column 1", "UTF-16"),
        (gzip.compress(b"u,a\n1,2\n" * 1000)[:-20], [], "in.csv", "cut"),
        (gzip.compress(b"u,a\n1,2\n")[:-8] + b"\xff" * 8, [], "in.csv", "damaged gzip"),
        (gzip.compress(b"u,a\n1,2\n") + b"behind", [], "in.csv", "damaged gzip"),
        (pa.compress(b"u,a\n1,2\n" * 1000, codec="zstd", asbytes=True)[:-5], [], "in.csv", "cut"),
        (bz2.compress(b"u,a\n1,2\n"), [], "in.csv", "this is bzip2"),
        (lzma.compress(b"u,a\n1,2\n"), [], "in.csv", "this is xz"),
        (b"PK\3\4\x14\0", [], "in.csv", "a zip archive or a spreadsheet"),
        (b"PAR1\x15\0\x15", [], "in.csv", "this is Parquet"),
    ],
    ids=lambda value: value[:24] if isinstance(value, (str, bytes)) else None,
)
def test_mistakes_are_told_with_file_line_and_column(dayfly, content, flags, place, words):
    said = refused(dayfly, content, *flags)
    assert place in said and words in said, said


@pytest.mark.parametrize(
    "content, place, words",
    [
        ('{"u":1}\n{"u":2\n{"u":3}\n', "line 2, column", "not JSON"),
        ('{"u":1}\n[1]\n', "line 2, column 1", "an array"),
        ('[{"u":1},\n{"u":2}]\n', "line 1", "jq -c '.[]'"),
        ('{"u":1} {"u":2}\n', "line 1, column", "text after the end"),
        ('{"u":' + "[" * 70 + "]" * 70 + "}\n", "line 1, column", "deeper than 64"),
        (b'{"u":1}\n{"u":"\xff"}\n', "line 2, column 7", "not UTF-8"),
    ],
)
def test_mistakes_of_ndjson(dayfly, content, place, words):
    said = refused(dayfly, content, name="in.ndjson")
    assert "'in.ndjson'" in said and place in said and words in said, said


@pytest.mark.parametrize("flags, words", [(["--type", "a"], "--type is COLUMN=TYPE"), (["--delimiter", ";;"], "--delimiter"), (["--parts", "0"], "--parts"), (["--memory", "1M"], "at least 16M")])
def test_wrong_flags(dayfly, flags, words):
    assert words in refused(dayfly, "u,a\n1,2\n", *flags)


@pytest.mark.parametrize(
    "cells, said",
    [
        (["1", "2", "NA", "4"], "column 'a' is a string because of 1 of its 4 values: 'NA' ('in.csv': line 4, column 3); else it would be an integer (--null 'NA' makes it null)"),
        (["2024-01-01", "soon", "2024-01-02", "later", "2024-01-03"], "because of 2 of its 5 values, the first: 'soon' ('in.csv': line 3, column 3); else it would be a date"),
        (["true", "1"], "column 'a' is a string, since no other type holds both 'true' ('in.csv': line 2, column 3) and '1' ('in.csv': line 3, column 3)"),
        (["01/02/2024"], "column 'a' is a string, since '01/02/2024' ('in.csv': line 2, column 3) could have the day or the month first: --dates dmy or --dates mdy"),
        (["13/02/2024", "02/13/2024"], "'13/02/2024' ('in.csv': line 2, column 3) has the day first and '02/13/2024' ('in.csv': line 3, column 3) the month"),
    ],
    ids=str,
)
def test_what_makes_a_column_a_string_is_told_with_its_place(dayfly, cells, said):
    table, done = imported(dayfly, "u,a\n" + "".join(f"1,{cell}\n" for cell in cells))
    assert table["a"].to_pylist() == cells and said in done.stderr


def test_text_among_text_and_what_was_asked_for_is_not_told(dayfly):
    _, done = imported(dayfly, "u,a,b\n1,x,1\n2,5,y\n3,z,3\n", "--type", "b=string")
    assert done.stderr == ""


def test_ten_thousand_columns(dayfly):
    names = ["u", *(f"c{i}" for i in range(9999))]
    rows = [[number * i % 7 for i in range(1, 10001)] for number in range(1, 40)]
    table, _ = imported(dayfly, ",".join(names) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), "--memory", "64M")
    assert table.column_names == names
    assert sorted(zip(*(column.to_pylist() for column in table.columns), strict=True)) == sorted(map(tuple, rows))


@pytest.mark.parametrize("limit", [(), ("--memory", "32M")], ids=["default memory", "32M"])
def test_a_line_of_100_mb_is_a_bad_row_and_a_field_of_megabytes_is_one(dayfly, limit):
    field = "x" * (1_500_000 if limit else 20_000_000)
    table, done = imported(dayfly, f"u,a\n1,2\n2,{field}\n" + "x" * 100_000_000 + '\n3,"open\n4,5\n', "--bad-rows", "skip", *limit)
    assert sorted(table.to_pylist(), key=lambda row: row["u"]) == [{"u": 1, "a": "2"}, {"u": 2, "a": field}, {"u": 4, "a": "5"}]
    assert "2 bad rows were left out" in done.stdout


BAD = b'u,a\n1,1\n2\n3,"x"y\n4,\xff\n5,five\n6,6\n'


def test_bad_rows_can_be_skipped_and_kept(dayfly):
    table, done = imported(dayfly, BAD, "--bad-rows", "skip", "--type", "a=int")
    assert table.to_pylist() == [{"u": 1, "a": 1}, {"u": 6, "a": 6}]
    assert "4 bad rows were left out" in done.stdout
    done = dayfly.run("import", "in.csv", "-o", "kept", "--user", "u", "--bad-rows", "bad.txt", "--type", "a=int", "--parts", 1)
    assert "see 'bad.txt'" in done.stdout
    kept = (dayfly.folder / "bad.txt").read_bytes()
    assert [line for line in kept.split(b"\n") if not line.startswith(b"#")] == [b"2", b'3,"x"y', b"4,\xff", b"5,five", b""]
    assert [re.match(rb"# in.csv:(\d+):(\d+): ", line).groups() for line in kept.split(b"\n") if line.startswith(b"#")] == [
        (b"3", b"2"), (b"4", b"6"), (b"5", b"3"), (b"6", b"3"),
    ]  # fmt: skip
    assert files(dayfly.folder / "kept") == files(dayfly.folder / "out")


def test_a_row_without_a_user_stays_and_is_told(dayfly):
    table, done = imported(dayfly, "u,a\n1,2\n,3\n")
    assert "1 row has no user" in done.stdout
    assert sorted(table["a"].to_pylist()) == [2, 3]


# ---- order, users, memory ----


def events(rows, users):
    return "u,t,n,text\n" + "".join(f"user-{i * 7919 % users},{i * 104729 % 1000},{i},{'x' * (i % 50)}\n" for i in range(rows))


def test_users_are_whole_sorted_and_a_funnel_takes_them_so(dayfly):
    write(dayfly, "in.csv", events(20000, 400))
    dayfly.run("import", "in.csv", "-o", "out", "--user", "u", "--time", "t", "--parts", 5)
    seen = set()
    for path in sorted((dayfly.folder / "out").glob("*.parquet")):
        rows = pq.read_table(path).to_pylist()
        users = {row["u"] for row in rows}
        assert not users & seen
        seen |= users
        keys = [(row["u"].encode(), row["t"], row["n"]) for row in rows]
        assert keys == sorted(keys)
    assert len(seen) == 400
    said = dayfly.run("funnel", "out", "--user", "u", "--time", "t", "--step", "n >= 0", "--explain").stdout
    assert re.search(r"users +whole", said) and re.search(r"exchange +none", said), said


def test_little_memory_spills_and_gives_the_same_rows(dayfly):
    write(dayfly, "in.csv", events(400000, 5000))
    dayfly.run("import", "in.csv", "-o", "little", "--user", "u", "--time", "t", "--memory", "16M", "--parts", 3)
    dayfly.run("import", "in.csv", "-o", "again", "--user", "u", "--time", "t", "--memory", "16M", "--parts", 3)
    dayfly.run("import", "in.csv", "-o", "much", "--user", "u", "--time", "t", "--parts", 3)
    assert files(dayfly.folder / "little") == files(dayfly.folder / "again")
    for part in sorted(os.listdir(dayfly.folder / "much")):
        assert pq.read_table(dayfly.folder / "little" / part).equals(pq.read_table(dayfly.folder / "much" / part))
    assert os.listdir(dayfly.folder / "temporary") == []


MEGABYTES = int(os.environ.get("DAYFLY_IMPORT_MB", 200))  # `make soak` says 5000
SANITIZED = "asan" in os.environ.get("DAYFLY", "")  # its own memory and time say nothing


def write_large(path):
    block = b"".join(b"user-%d-@,%d,view-%d,\"a text, which is quoted\",%d.5\n" % (i % 997, i * 7919 % 100000, i % 13, i) for i in range(20000))
    with open(path, "wb") as file:
        file.write(b"u,t,event,text,price\n")
        while file.tell() < MEGABYTES * 1_000_000:
            file.write(block.replace(b"@", b"%d" % (file.tell() % 50)))


def test_200_mb_within_64_mb_of_memory(dayfly):
    write_large(dayfly.folder / "in.csv")
    process = dayfly.start("import", "in.csv", "-o", "out", "--user", "u", "--time", "t", "--memory", "64M", stdout=subprocess.PIPE)
    peak_kb, before = 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    while process.poll() is None:
        with contextlib.suppress(OSError, AttributeError):
            peak_kb = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text()).group(1))
        time.sleep(0.02)
    said = process.communicate()[0].decode()
    assert process.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{MEGABYTES} MB: {peak_kb / 1024:.0f} MiB of memory, {used_s:.1f} s of one core")
    # The program itself and what malloc keeps come on top of the limit.
    assert SANITIZED or 0 < peak_kb < 80 * 1024
    assert SANITIZED or used_s < 40 * MEGABYTES / 200
    theirs, ours = (
        duckdb.connect().execute(f"select count(*), count(distinct u), sum(t), sum(price) from '{dayfly.folder}/{name}'").fetchone()
        for name in ("in.csv", "out/*.parquet")
    )
    (dayfly.folder / "in.csv").unlink()  # pytest keeps folders
    assert ours == theirs
    assert f"imported {ours[0]:,} rows" in said


def test_a_full_temporary_folder_is_told(dayfly):
    write(dayfly, "in.csv", events(200000, 5000))
    done = dayfly.run("import", "in.csv", "-o", "out", "--user", "u", "--memory", "16M", "--temporary-folder", "nowhere", status=None)
    assert done.returncode != 0 and "temporary folder 'nowhere'" in done.stderr and "--temporary-folder" in done.stderr
    assert not (dayfly.folder / "out").exists()


def test_progress_is_drawn_on_a_terminal_and_wiped(dayfly):
    write(dayfly, "in.csv", events(600000, 5000))
    terminal = Terminal(100)
    process = dayfly.start("import", "in.csv", "-o", "out", "--user", "u", "--time", "t", environment={"TERM": "xterm", "NO_COLOR": ""}, stdout=subprocess.DEVNULL, stderr=terminal.slave)
    drawn = terminal.read(process)
    assert process.returncode == 0, drawn
    read = [tuple(map(int, done)) for done in re.findall(r"stage 1 .*?(\d+)/(\d+) parts", drawn)]
    assert len(set(read)) > 1 and read == sorted(read), "one large file is no single step"
    assert "stage 2" in drawn and "stage 3" in drawn and drawn.endswith("\r\033[K"), repr(drawn[-80:])


# ---- all or nothing ----


def test_a_folder_that_has_something_is_refused_and_an_empty_one_taken(dayfly):
    write(dayfly, "in.csv", "u\n1\n")
    (dayfly.folder / "empty").mkdir()
    dayfly.run("import", "in.csv", "-o", "empty/", "--user", "u", "--parts", 2)
    assert sorted(files(dayfly.folder / "empty")) == ["part-00000.parquet", "part-00001.parquet"]
    before = files(dayfly.folder / "empty")
    assert "is not empty" in dayfly.run("import", "in.csv", "-o", "empty", "--user", "u", status=None).stderr
    assert "is a file" in dayfly.run("import", "in.csv", "-o", "in.csv", "--user", "u", status=None).stderr
    assert files(dayfly.folder / "empty") == before
    dayfly.run("import", "in.csv", "-o", "deep/er/out", "--user", "u", "--parts", 1)
    assert load(dayfly.folder / "deep/er/out") == [{"u": 1}]


def test_the_working_directory_can_be_the_target(dayfly):
    write(dayfly, "in.csv", "u\n1\n")
    (dayfly.folder / "here").mkdir()
    done = subprocess.run(
        [PROGRAM, "import", "../in.csv", "-o", ".", "--user", "u", "--parts", "2"],
        cwd=dayfly.folder / "here", env=dayfly.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(dayfly.folder / "here")) == ["part-00000.parquet", "part-00001.parquet"]


@pytest.mark.parametrize("wait_s", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_ended_leaves_nothing_visible(dayfly, wait_s, how):
    write(dayfly, "in.csv", events(1000000, 50000))
    process = dayfly.start("import", "in.csv", "-o", "out", "--user", "u", "--time", "t", "--memory", "24M", stderr=subprocess.PIPE)
    time.sleep(wait_s)
    process.send_signal(how)
    said = process.communicate(timeout=60)[1].decode()
    if process.returncode == 0:
        pytest.skip("it was faster")
    assert not (dayfly.folder / "out").exists()
    assert os.listdir(dayfly.folder / "temporary") == []
    if how == signal.SIGINT and process.returncode != -signal.SIGINT:  # that: it had not begun yet
        assert process.returncode == 130 and "nothing was kept" in said
        assert not [name for name in os.listdir(dayfly.folder) if name.startswith(".")]


def test_the_user_and_the_time_are_guessed_and_said(dayfly):
    write(dayfly, "in.csv", "user_id,timestamp\nb,2\nb,1\n")
    done = dayfly.run("import", "in.csv", "-o", "out", "--parts", 1)
    assert "the user is column 'user_id'" in done.stderr and "the time is column 'timestamp'" in done.stderr
    assert [row["timestamp"] for row in load(dayfly.folder / "out")] == [1, 2]
    assert "imported 2 rows of 1 input into 1 part" in done.stdout and "user_id    a string  (the user)" in done.stdout


def test_a_header_alone_makes_empty_files(dayfly):
    table, done = imported(dayfly, "u,t\n", "--time", "t")
    assert table.num_rows == 0 and [str(t) for t in table.schema.types] == ["string", "timestamp[us, tz=UTC]"]
    assert "imported 0 rows" in done.stdout
