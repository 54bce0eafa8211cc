"""The dialects and traps of tables as text: what `dayfly import` reads, beside what DuckDB and pandas read of the same
bytes, with the same settings. Where one of them reads something else, the table says what and why, and a difference that
is none any more fails as one does that is new. The table is printed at the end and stays in build/import-dialects.txt.

A reading is the names of the columns and then the rows: text in quotes, ~ null, dates and times as ISO 8601 in UTC, the
rest as it is; or "refused"."""
import dataclasses
import datetime
import gzip

import duckdb
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ROOT


@dataclasses.dataclass
class Row:
    name: str
    content: object  # text, bytes, or a packing and its pieces
    ours: str
    duckdb: tuple = ()  # (its reading, why it differs)
    pandas: tuple = ()
    flags: tuple = ()
    file: str = "in.csv"


def values(*cells):
    """A table with a cell per row in column a."""
    return "u,a\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells, 1))


NAMES = "columns without a name are called otherwise"
GUESSES = "goes on with a guess; here such rows are told with their place, and --bad-rows says what becomes of them"
DATES_ARE_TOLD = "leaves dates text unless told which columns are"
EMPTY = "takes the empty text for null as well, so that one cannot be told from the other"
WORDS_ARE_NULL = "takes a list of words for null; --null does when told, and a note says which word was in the way"
UNKNOWN_FORM = "does not know the form"
RENAMED = "makes them different; which of the two is meant is not ours to guess"
STRUCTS = "keeps structs; here members are columns of their own, which queries can name"

TABLE = [
    # ---- the shape of the text ----
    Row("plain", values("x", "y"), "u a | 1 'x' | 2 'y'"),
    Row("no line break at the end", "u,a\n1,x", "u a | 1 'x'"),
    Row("CRLF", "u,a\r\n1,x\r\n2,y\r\n", "u a | 1 'x' | 2 'y'"),
    Row("CR alone", "u,a\r1,x\r2,y\r", "u a | 1 'x' | 2 'y'"),
    Row("LF and CRLF mixed", "u,a\n1,x\r\n2,y\n", "u a | 1 'x' | 2 'y'", duckdb=("refused", "its strict mode wants one kind of line break")),
    Row("byte order mark", "\ufeffu,a\n1,x\n", "u a | 1 'x'"),
    Row("empty lines between rows", "u,a\n1,x\n\n\n2,y\n", "u a | 1 'x' | 2 'y'"),
    Row("a header alone", "u,a\n", "u a"),
    Row("an empty file", "", "refused", duckdb=("column0", "a table of one column without rows")),
    Row("one column", "u\n1\n2\n", "u | 1 | 2"),
    Row("tabs", "u\ta\n1\tx y\n", "u a | 1 'x y'", file="in.tsv"),
    Row("semicolons", "u;a\n1;x,y\n", "u a | 1 'x,y'", flags=("--delimiter", ";")),
    Row("pipes", "u|a\n1|x\n", "u a | 1 'x'", flags=("--delimiter", "|")),
    Row(
        "no header", "1,x\n2,y\n", "c1 c2 | 1 'x' | 2 'y'",
        duckdb=("column0 column1 | 1 'x' | 2 'y'", NAMES),
        pandas=("0 1 | 1 'x' | 2 'y'", NAMES),
        flags=("--no-header",),
    ),
    Row(
        "no header, all text", "b,x\na,y\n", "c1 c2 | 'a' 'y' | 'b' 'x'",
        duckdb=("column0 column1 | 'a' 'y' | 'b' 'x'", NAMES),
        pandas=("0 1 | 'a' 'y' | 'b' 'x'", NAMES),
        flags=("--no-header",),
    ),
    Row("gzip of two members", ("gzip", "u,a\n1,x\n", "2,y\n"), "u a | 1 'x' | 2 'y'", file="in.csv.gz"),
    Row(
        "zstd of two frames", ("zstd", "u,a\n1,x\n", "2,y\n"), "u a | 1 'x' | 2 'y'",
        pandas=("refused", "wants a module of its own for zstd"),
        file="in.csv.zst",
    ),
    Row(
        "a .gz that is plain text", "u,a\n1,x\n", "u a | 1 'x'",
        duckdb=("refused", "believes the name; the first bytes tell better"),
        pandas=("refused", "believes the name; the first bytes tell better"),
        file="in.csv.gz",
    ),
    Row("gzip that is cut", ("gzip, cut", "u,a\n" + "1,x\n" * 2000), "refused", file="in.csv.gz"),
    # ---- headers ----
    Row("a column without a name", ",u\n0,1\n", "c1 u | 0 1", duckdb=("column0 u | 0 1", NAMES), pandas=("Unnamed: 0 u | 0 1", NAMES)),
    Row(
        "a delimiter at the end of all rows", "u,a,\n1,x,\n", "u a c3 | 1 'x' ~",
        duckdb=("u a column2 | 1 'x' ~", NAMES),
        pandas=("u a Unnamed: 2 | 1 'x' ~", NAMES),
    ),
    Row("names twice", "u,a,a\n1,x,y\n", "refused", duckdb=("u a a_1 | 1 'x' 'y'", RENAMED), pandas=("u a a.1 | 1 'x' 'y'", RENAMED)),
    Row(
        "names that differ in case", "u,a,A\n1,x,y\n", "u a A | 1 'x' 'y'",
        duckdb=("u a A_1 | 1 'x' 'y'", "its names are the same whatever their case"),
    ),
    Row(
        "names with quotes, dots and blanks", 'u,"a ""b""",c.d," e "\n1,x,y,z\n', 'u a "b" c.d  e  | 1 \'x\' \'y\' \'z\'',
        duckdb=('u a "b" c.d e | 1 \'x\' \'y\' \'z\'', "cuts blanks off names, as --trim does"),
    ),
    # ---- quotes ----
    Row("delimiters and breaks in quotes", 'u,a\n1,"x,\ny"\n', "u a | 1 'x,\\ny'"),
    Row("CRLF in quotes", 'u,a\r\n1,"x\r\ny"\r\n', "u a | 1 'x\\r\\ny'"),
    Row("doubled quotes", 'u,a\n1,"a""b"\n2,""""\n', 'u a | 1 \'a"b\' | 2 \'"\''),
    Row(
        "the empty text is no null", 'u,a\n1,""\n2,\n3,x\n', "u a | 1 '' | 2 ~ | 3 'x'",
        duckdb=("u a | 1 ~ | 2 ~ | 3 'x'", EMPTY),
        pandas=("u a | 1 ~ | 2 ~ | 3 'x'", EMPTY),
    ),
    Row("numbers in quotes", 'u,a\n1,"5"\n2,"6"\n', "u a | 1 5 | 2 6"),
    Row("a quote inside a field", 'u,a\n1,a"b\n', "refused", duckdb=('u a | 1 \'a"b\'', GUESSES), pandas=('u a | 1 \'a"b\'', GUESSES)),
    Row("text behind a closing quote", 'u,a\n1,"a"b\n', "refused", duckdb=('u a | 1 \'"a"b\'', GUESSES), pandas=("u a | 1 'ab'", GUESSES)),
    Row("a quote never closed", 'u,a\n1,"x\n2,y\n', "refused", duckdb=('u a | 1 \'"x\' | 2 \'y\'', GUESSES)),
    Row("a blank before quotes", 'u,a\n1, "x"\n', "refused", duckdb=("u a | 1 'x'", GUESSES), pandas=('u a | 1 \' "x"\'', GUESSES)),
    Row("a blank before quotes, trimmed", 'u,a\n1, "x"\n', "u a | 1 'x'", flags=("--trim",)),
    Row(
        "a backslash before a quote", 'u,a\n1,"a\\"b"\n', "refused",
        duckdb=('u a | 1 \'a"b\'', "sniffs that a backslash escapes"),
        pandas=('u a | 1 \'a\\\\b"\'', GUESSES),
    ),
    Row("a backslash at the end of a field", 'u,a\n1,"a\\"\n', "u a | 1 'a\\\\'"),
    Row("single quotes", values("'x'"), 'u a | 1 "\'x\'"', duckdb=("u a | 1 'x'", "sniffs that these are the quotes")),
    # ---- ragged rows, bytes ----
    Row("a field too few", "u,a\n1,x\n2\n", "refused", duckdb=("u,a | '1,x' | '2'", GUESSES), pandas=("u a | 1 'x' | 2 ~", GUESSES)),
    Row("a field too many", "u,a\n1,x\n2,y,z\n", "refused", duckdb=("column0 column1 column2 | 2 'y' 'z'", GUESSES)),
    Row(
        "a delimiter at the end of rows only", "u,a\n1,x,\n2,y,\n", "refused",
        duckdb=("u a | 1 'x' | 2 'y'", GUESSES),
        pandas=("index u a | 1 'x' ~ | 2 'y' ~", GUESSES),
    ),
    Row(
        "bad rows left out", "u,a\n1,x\n2\n3,y,z\n4,v\n", "u a | 1 'x' | 4 'v'",
        pandas=("u a | 1 'x' | 2 ~ | 4 'v'", "fills short rows with nulls"),
        flags=("--bad-rows", "skip"),
    ),
    Row("Latin-1", b'u,a\n1,caf\xe9\n', "refused"),
    Row("UTF-16", b'\xff\xfeu\x00,\x00a\x00\n\x001\x00,\x00x\x00\n\x00', "refused"),
    Row("a zero byte", "u,a\n1,x\x00y\n", "u a | 1 'x\\x00y'"),
    Row("emoji and accents", values("é€😀"), "u a | 1 'é€😀'"),
    Row("a comment line", "u,a\n#1,x\n2,y\n", "u a | '#1' 'x' | '2' 'y'", duckdb=("u a | 2 'y'", "sniffs that # begins a comment")),
    # ---- numbers ----
    Row("whole numbers", values(1, -2, 0), "u a | 1 1 | 2 -2 | 3 0"),
    Row("a zip code", values(10115, "01067"), "u a | 1 '10115' | 2 '01067'", pandas=("u a | 1 10115 | 2 1067", "loses the zeros in front")),
    Row("a plus sign", values("+49301234", "+1"), "u a | 1 '+49301234' | 2 '+1'", pandas=("u a | 1 49301234 | 2 1", "loses the sign")),
    Row("ends of int64", values(9223372036854775807, -9223372036854775808), "u a | 1 9223372036854775807 | 2 -9223372036854775808"),
    Row("up to 2^64 - 1", values(1, 18446744073709551615), "u a | 1 1 | 2 18446744073709551615"),
    Row(
        "2^64", values(18446744073709551616), "u a | 1 '18446744073709551616'",
        duckdb=("u a | 1 18446744073709551616", "has integers of 128 bits; Parquet has none"),
    ),
    Row(
        "below -2^63", values(-9223372036854775809), "u a | 1 '-9223372036854775809'",
        duckdb=("u a | 1 -9223372036854775809", "has integers of 128 bits; Parquet has none"),
    ),
    Row("decimals", values("1.5", "-.5", "5."), "u a | 1 1.5 | 2 -0.5 | 3 5.0"),
    Row("exponents", values("1e5", "1E-3"), "u a | 1 100000.0 | 2 0.001"),
    Row("whole numbers and decimals", values(1, "2.5"), "u a | 1 1.0 | 2 2.5"),
    Row(
        "2^53 + 1 beside decimals", values(9007199254740993, "0.5"), "u a | 1 '9007199254740993' | 2 '0.5'",
        duckdb=("u a | 1 9007199254740992.0 | 2 0.5", "loses the last digit"),
        pandas=("u a | 1 9007199254740992.0 | 2 0.5", "loses the last digit"),
    ),
    Row("many digits", values("0.12345678901234567890123"), "u a | 1 0.12345678901234568"),
    Row(
        "an exponent beyond doubles", values("1e400"), "u a | 1 '1e400'",
        duckdb=("u a | 1 inf", "loses the number"),
        pandas=("u a | 1 inf", "loses the number"),
    ),
    Row("hexadecimal", values("0x10"), "u a | 1 '0x10'", duckdb=("u a | 1 16", "0x10 may be an address or an id")),
    Row("thousands", values('"1,234"', '"5,678"'), "u a | 1 '1,234' | 2 '5,678'"),
    Row("underscores", values("1_000"), "u a | 1 '1_000'"),
    Row("percent and currency", values("5%", "$5"), "u a | 1 '5%' | 2 '$5'"),
    Row(
        "blanks around numbers", values(" 1", " 2"), "u a | 1 ' 1' | 2 ' 2'",
        duckdb=("u a | 1 1 | 2 2", "cuts blanks, as --trim does"),
        pandas=("u a | 1 1 | 2 2", "cuts blanks, as --trim does"),
    ),
    Row("blanks around numbers, trimmed", values(" 1", " 2"), "u a | 1 1 | 2 2", flags=("--trim",)),
    Row(
        "NaN and inf among numbers", values("1.5", "NaN", "-inf"), "u a | 1 1.5 | 2 nan | 3 -inf",
        pandas=("u a | 1 1.5 | 2 ~ | 3 -inf", "its nulls and NaN are one"),
    ),
    Row(
        "NaN alone", values("NaN"), "u a | 1 'NaN'",
        duckdb=("u a | 1 nan", "a name as well as a number: a number only among numbers"),
        pandas=("u a | 1 ~", WORDS_ARE_NULL),
    ),
    Row("a type that the last row changes", values(1, 2, 3, "x"), "u a | 1 '1' | 2 '2' | 3 '3' | 4 'x'"),
    # ---- nulls and booleans ----
    Row("NULL", values(1, "NULL"), "u a | 1 '1' | 2 'NULL'", pandas=("u a | 1 1 | 2 ~", WORDS_ARE_NULL)),
    Row("NA, told", values(1, "NA"), "u a | 1 1 | 2 ~", flags=("--null", "NA")),
    Row("NA", values(1, "NA"), "u a | 1 '1' | 2 'NA'", pandas=("u a | 1 1 | 2 ~", WORDS_ARE_NULL)),
    Row("N/A", values("x", "N/A"), "u a | 1 'x' | 2 'N/A'", pandas=("u a | 1 'x' | 2 ~", WORDS_ARE_NULL)),
    Row("backslash N", values(1, "\\N"), "u a | 1 '1' | 2 '\\\\N'"),
    Row("None", values("x", "None"), "u a | 1 'x' | 2 'None'", pandas=("u a | 1 'x' | 2 ~", WORDS_ARE_NULL)),
    Row("a column of nulls", values("", ""), "u a | 1 ~ | 2 ~"),
    Row("true and false", values("true", "false", "TRUE"), "u a | 1 true | 2 false | 3 true"),
    Row(
        "t and f", values("t", "f"), "u a | 1 't' | 2 'f'",
        duckdb=("u a | 1 true | 2 false", "takes letters for booleans; --type a=bool takes true, false, 0 and 1"),
    ),
    Row(
        "yes and no", values("yes", "no"), "u a | 1 'yes' | 2 'no'",
        duckdb=("u a | 1 true | 2 false", "takes words for booleans; so does nobody else who reads the file later"),
    ),
    Row("true and 1", values("true", 1), "u a | 1 'true' | 2 '1'"),
    # ---- dates and times ----
    Row(
        "ISO dates", values("2024-02-29", "1969-12-31"), "u a | 1 2024-02-29 | 2 1969-12-31",
        pandas=("u a | 1 '2024-02-29' | 2 '1969-12-31'", DATES_ARE_TOLD),
    ),
    Row("slashes, the year first", values("2024/01/02"), "u a | 1 2024-01-02", pandas=("u a | 1 '2024/01/02'", DATES_ARE_TOLD)),
    Row("digits missing", values("2024-1-2"), "u a | 1 2024-01-02", pandas=("u a | 1 '2024-1-2'", DATES_ARE_TOLD)),
    Row("a day that is none", values("2023-02-29"), "u a | 1 '2023-02-29'"),
    Row(
        "the day first, as a later row tells", values("01/02/2024", "13/02/2024"), "u a | 1 2024-02-01 | 2 2024-02-13",
        pandas=("u a | 1 '01/02/2024' | 2 '13/02/2024'", DATES_ARE_TOLD),
    ),
    Row(
        "the month first, as a later row tells", values("01/02/2024", "02/13/2024"), "u a | 1 2024-01-02 | 2 2024-02-13",
        pandas=("u a | 1 '01/02/2024' | 2 '02/13/2024'", DATES_ARE_TOLD),
    ),
    Row(
        "day or month first", values("01/02/2024"), "u a | 1 '01/02/2024'",
        duckdb=("u a | 1 2024-02-01", "guesses that the day is first; a note asks for --dates here"),
    ),
    Row(
        "day or month first, told", values("01/02/2024"), "u a | 1 2024-01-02",
        pandas=("u a | 1 2024-01-02T00:00:00", "has no dates, only timestamps"),
        flags=("--dates", "mdy"),
    ),
    Row(
        "both orders", values("13/02/2024", "02/13/2024"), "u a | 1 '13/02/2024' | 2 '02/13/2024'",
        duckdb=("refused", "sniffs the one order and fails at the other"),
    ),
    Row("dots", values("01.02.2024"), "u a | 1 2024-02-01", pandas=("u a | 1 '01.02.2024'", DATES_ARE_TOLD)),
    Row(
        "names of months", values("2 Jan 2024", "13-Feb-2024"), "u a | 1 2024-01-02 | 2 2024-02-13",
        duckdb=("u a | 1 '2 Jan 2024' | 2 '13-Feb-2024'", UNKNOWN_FORM),
        pandas=("u a | 1 '2 Jan 2024' | 2 '13-Feb-2024'", DATES_ARE_TOLD),
    ),
    Row(
        "timestamps", values("2024-01-02T03:04:05", "2024-01-02 03:04:05.25"), "u a | 1 2024-01-02T03:04:05 | 2 2024-01-02T03:04:05.250000",
        pandas=("u a | 1 '2024-01-02T03:04:05' | 2 '2024-01-02 03:04:05.25'", DATES_ARE_TOLD),
    ),
    Row(
        "timestamps with zones", values("2024-01-02T03:04:05Z", "2024-01-02 03:04:05+02:00"), "u a | 1 2024-01-02T03:04:05 | 2 2024-01-02T01:04:05",
        pandas=("u a | 1 '2024-01-02T03:04:05Z' | 2 '2024-01-02 03:04:05+02:00'", DATES_ARE_TOLD),
    ),
    Row(
        "nanoseconds", values("2024-01-02T03:04:05.123456789"), "u a | 1 2024-01-02T03:04:05.123456789",
        duckdb=("u a | 1 2024-01-02T03:04:05.123456", "cuts them off"),
        pandas=("u a | 1 '2024-01-02T03:04:05.123456789'", DATES_ARE_TOLD),
    ),
    Row(
        "dates and timestamps", values("2024-01-02", "2024-01-02T03:04:05"), "u a | 1 2024-01-02T00:00:00 | 2 2024-01-02T03:04:05",
        duckdb=("u a | 1 '2024-01-02' | 2 '2024-01-02T03:04:05'", "has no type for both"),
        pandas=("u a | 1 '2024-01-02' | 2 '2024-01-02T03:04:05'", DATES_ARE_TOLD),
    ),
    Row("minutes only", values("2024-01-02 03:04"), "u a | 1 2024-01-02T03:04:00", pandas=("u a | 1 '2024-01-02 03:04'", DATES_ARE_TOLD)),
    Row("half days", values("1/13/2024 3:04:05 PM"), "u a | 1 2024-01-13T15:04:05", pandas=("u a | 1 '1/13/2024 3:04:05 PM'", DATES_ARE_TOLD)),
    Row(
        "mails and HTTP", values('"Tue, 02 Jan 2024 03:04:05 GMT"'), "u a | 1 2024-01-02T03:04:05",
        duckdb=("u a | 1 'Tue, 02 Jan 2024 03:04:05 GMT'", UNKNOWN_FORM),
        pandas=("u a | 1 'Tue, 02 Jan 2024 03:04:05 GMT'", DATES_ARE_TOLD),
    ),
    Row(
        "a web server's log", values("10/Oct/2000:13:55:36 -0700"), "u a | 1 2000-10-10T20:55:36",
        duckdb=("u a | 1 '10/Oct/2000:13:55:36 -0700'", UNKNOWN_FORM),
        pandas=("u a | 1 '10/Oct/2000:13:55:36 -0700'", DATES_ARE_TOLD),
    ),
    Row("24:00 and leap seconds", values("2024-01-02T24:00:00", "2016-12-31T23:59:60Z"), "u a | 1 '2024-01-02T24:00:00' | 2 '2016-12-31T23:59:60Z'"),
    Row("times of day", values("12:30:15"), "u a | 1 '12:30:15'", duckdb=("u a | 1 12:30:15", "has a type for them; as text they order the same")),
    Row("seconds since 1970", values(1700000000), "u a | 1 1700000000"),
    Row("year 1", values("0001-01-01"), "u a | 1 0001-01-01", pandas=("u a | 1 '0001-01-01'", DATES_ARE_TOLD)),
    # ---- NDJSON ----
    Row("JSON: types", '{"u":1,"a":1.5,"b":true,"c":"x","d":null}\n', "u a b c d | 1 1.5 true 'x' ~", file="in.ndjson"),
    Row(
        "JSON: 1 and 1.0", '{"u":1,"a":1}\n{"u":2,"a":1.0}\n', "u a | 1 1.0 | 2 1.0",
        pandas=("u a | 1 1 | 2 1", "takes whole doubles for integers"),
        file="in.ndjson",
    ),
    Row(
        "JSON: numbers and text", '{"u":1,"a":1}\n{"u":2,"a":"x"}\n', "u a | 1 '1' | 2 'x'",
        duckdb=('u a | 1 \'1\' | 2 \'"x"\'', "makes JSON text of both, so that strings keep their quotes"),
        pandas=("u a | 1 1 | 2 'x'", "keeps objects of Python"),
        file="in.ndjson",
    ),
    Row("JSON: numbers in quotes", '{"u":1,"a":"5"}\n', "u a | 1 '5'", file="in.ndjson"),
    Row("JSON: 2^64 - 1", '{"u":1,"a":18446744073709551615}\n', "u a | 1 18446744073709551615", file="in.ndjson"),
    Row(
        "JSON: 2^70", '{"u":1,"a":1180591620717411303424}\n', "u a | 1 '1180591620717411303424'",
        duckdb=("u a | 1 1.1805916207174113e+21", "rounds to a double"),
        pandas=("refused", "fails"),
        file="in.ndjson",
    ),
    Row("JSON: members missing", '{"u":1}\n{"a":5,"u":2}\n', "u a | 1 ~ | 2 5", file="in.ndjson"),
    Row(
        "JSON: objects inside", '{"u":1,"a":{"b":1,"c":{"d":"x"}}}\n', "u a.b a.c.d | 1 1 'x'",
        duckdb=("u a | 1 {b: 1, c: {d: 'x'}}", STRUCTS),
        pandas=("u a | 1 {b: 1, c: {d: 'x'}}", STRUCTS),
        file="in.ndjson",
    ),
    Row(
        "JSON: lists", '{"u":1,"a":[1,2]}\n', "u a | 1 '[1,2]'",
        duckdb=("u a | 1 [1, 2]", "keeps lists; here they are their JSON text"),
        pandas=("u a | 1 [1, 2]", "keeps lists; here they are their JSON text"),
        file="in.ndjson",
    ),
    Row(
        "JSON: a member twice", '{"u":1,"a":1,"a":2}\n', "u a | 1 2",
        duckdb=("refused", "refuses it; the last counts, as in most parsers"),
        file="in.ndjson",
    ),
    Row("JSON: escapes and surrogates", '{"u":1,"a":"\\u00e9\\ud83d\\ude00\\n"}\n', "u a | 1 'é😀\\n'", file="in.ndjson"),
    Row(
        "JSON: half a surrogate", '{"u":1,"a":"\\ud83d"}\n', "u a | 1 '?'",
        duckdb=("refused", "refuses it"),
        pandas=("u a | 1 ''", "keeps what is no character"),
        file="in.ndjson",
    ),
    Row("JSON: dates", '{"u":1,"a":"2024-01-02"}\n', "u a | 1 2024-01-02", pandas=("u a | 1 '2024-01-02'", DATES_ARE_TOLD), file="in.ndjson"),
    Row(
        "JSON: timestamps", '{"u":1,"a":"2024-01-02T03:04:05Z"}\n', "u a | 1 2024-01-02T03:04:05",
        pandas=("u a | 1 '2024-01-02T03:04:05Z'", DATES_ARE_TOLD),
        file="in.ndjson",
    ),
    Row("JSON: NaN", '{"u":1,"a":NaN}\n', "refused", duckdb=("u a | 1 nan", "is no JSON"), pandas=("u a | 1 ~", "is no JSON"), file="in.ndjson"),
    Row("JSON: a line cut", '{"u":1,"a":1}\n{"u":2,"a"\n', "refused", file="in.ndjson"),
    Row("JSON: an empty line", '{"u":1}\n\n{"u":2}\n', "u | 1 | 2", file="in.ndjson"),
    Row("JSON: a list of objects", '[{"u":1},\n{"u":2}]\n', "refused", file="in.json"),
]


# ---- the bytes ----


def packed(content):
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    how, *pieces = content
    if how == "zstd":
        return b"".join(pa.compress(piece.encode(), codec="zstd", asbytes=True) for piece in pieces)
    members = b"".join(gzip.compress(piece.encode(), mtime=0) for piece in pieces)
    return members[:-12] if how == "gzip, cut" else members


# ---- readings ----


def in_utc(value):
    if value.tzinfo is None:
        return value
    return value.tz_convert("UTC") if isinstance(value, pandas.Timestamp) else value.astimezone(datetime.timezone.utc)


def shown(value):
    if value is None or value is pandas.NA or value is pandas.NaT:
        return "~"
    if isinstance(value, str):
        return repr(value)
    if type(value).__name__ in ("bool", "bool_"):
        return str(bool(value)).lower()
    if isinstance(value, datetime.datetime):
        return in_utc(value).isoformat().removesuffix("+00:00")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def reading(names, rows):
    return " ".join(map(str, names)) + "".join(sorted(" | " + " ".join(map(shown, row)) for row in rows))


def option(row, flag):
    return row.flags[row.flags.index(flag) + 1] if flag in row.flags else None


def read_by_dayfly(dayfly, row):
    user = "c1" if "--no-header" in row.flags else "u"
    done = dayfly.run("import", row.file, "-o", "out", "--user", user, "--parts", 1, *row.flags, status=None)
    assert done.returncode in (0, 2, 3), done.stderr
    if done.returncode:
        return "refused"
    table = pq.read_table(dayfly.folder / "out/part-00000.parquet")
    return reading(table.column_names, [found.values() for found in table.to_pylist()])


def duckdb_call(path, row):
    if "json" in path.name:
        return f"read_json('{path}', format='newline_delimited', sample_size=-1)"
    settings = ["sample_size=-1"]
    settings += [f"delim='{option(row, '--delimiter')}'"] * ("--delimiter" in row.flags)
    settings += ["header=false"] * ("--no-header" in row.flags)
    settings += [f"nullstr=['', '{option(row, '--null')}']"] * ("--null" in row.flags)
    settings += ["ignore_errors=true"] * ("--bad-rows" in row.flags)
    settings += ["dateformat='%m/%d/%Y'"] * ("--dates" in row.flags)
    return f"read_csv('{path}', {', '.join(settings)})"


def read_by_duckdb(path, row):
    try:
        found = duckdb.connect().sql(f"select * from {duckdb_call(path, row)}")
        zoned = [name for name, kind in zip(found.columns, found.types, strict=True) if str(kind) == "TIMESTAMP WITH TIME ZONE"]
        for name in zoned:  # as Python's they would want one more module
            found = found.project(f"* replace (make_timestamp(epoch_us({name})) as {name})")
        return reading(found.columns, found.fetchall())
    except duckdb.Error:
        return "refused"


def pandas_settings(path, row):
    settings = {"sep": option(row, "--delimiter") or ("\t" if path.suffix == ".tsv" else ",")}
    settings |= {"header": None} if "--no-header" in row.flags else {}
    settings |= {"na_values": option(row, "--null")} if "--null" in row.flags else {}
    settings |= {"on_bad_lines": "skip"} if "--bad-rows" in row.flags else {}
    settings |= {"skipinitialspace": True} if "--trim" in row.flags else {}
    settings |= {"parse_dates": ["a"], "date_format": "%m/%d/%Y"} if "--dates" in row.flags else {}
    return settings


def read_by_pandas(path, row):
    try:
        if "json" in path.name:
            table = pandas.read_json(path, lines=True, dtype_backend="numpy_nullable")
        else:
            table = pandas.read_csv(path, dtype_backend="numpy_nullable", **pandas_settings(path, row))
    except (ValueError, OSError, EOFError, ImportError):
        return "refused"
    if not isinstance(table.index, pandas.RangeIndex):
        table = table.reset_index()
    return reading(table.columns, [[table.iloc[y, x] for x in range(table.shape[1])] for y in range(len(table))])


# ---- the table ----

OUTCOMES = {}


@pytest.fixture(scope="module", autouse=True)
def _the_table_is_printed():
    yield
    same = sum(not row.duckdb and not row.pandas for row in OUTCOMES.values())
    lines = []
    for row in OUTCOMES.values():
        lines.append(f"{row.name:42} {row.ours!s:60.60}")
        for name, other in (("DuckDB", row.duckdb), ("pandas", row.pandas)):
            if other:
                lines.append(f"{'':10} {name:31} {other[0]!s:60.60}   {other[1]}")
    lines.append(
        f"{len(OUTCOMES)} dialects and traps: {same} are read alike by all three, DuckDB reads {sum(bool(row.duckdb) for row in OUTCOMES.values())}"
        f" and pandas {sum(bool(row.pandas) for row in OUTCOMES.values())} otherwise, as declared"
    )
    text = "\n".join(lines)
    print("\n" + text)
    if len(OUTCOMES) == len(TABLE) and (ROOT / "build").is_dir():
        (ROOT / "build/import-dialects.txt").write_text(text + "\n")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_dialect_is_read_as_the_table_says(dayfly, row):
    path = dayfly.folder / row.file
    path.write_bytes(packed(row.content))
    assert read_by_dayfly(dayfly, row) == row.ours
    for found, declared in ((read_by_duckdb(path, row), row.duckdb), (read_by_pandas(path, row), row.pandas)):
        assert not declared or (declared[0] != row.ours and declared[1]), "a difference that is none, or without a reason"
        assert found == (declared[0] if declared else row.ours)
    OUTCOMES[row.name] = row


def test_the_table_is_long_enough_and_its_names_differ():
    assert len({row.name for row in TABLE}) == len(TABLE) >= 60
