"""Parquet files of foreign origin, found inside packages of the Python registry, and of npm's where npm is installed: read
equal to pyarrow, or refused with the sentence that the list below gives.

The packages are fetched when the test runs, into build/data/packages; pyarrow is installed anyway. Writers: parquet-mr
1.6 (legacy lists), parquet-cpp 1.3 and 1.5, Arrow 5 and 8 through Dask; from npm Spark (parquet-mr 1.8), Impala 1.3 and
the first parquet-mr. Helpers: test_parquet.py."""
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from conftest import ROOT
from test_parquet import exact, pa, plain, pq, refused, rows


STRUCTS, LISTS = "a list of structs", "a list of lists"
RECORDS = {f"list{depth}{'.array' * depth}.{name}": STRUCTS for depth in (1, 2, 3) for name in ("one", "two", "three")}
RECORDS_LIST = {name + (".array" if name.endswith("three") else ""): STRUCTS for name in RECORDS}
DEPTHS = {"list2.array.array": STRUCTS, "list3.array.array.array": STRUCTS}
WHATEVER = {"whatever.r0.array.r1.array.r2.array": STRUCTS}
MULTILINE = {"multiline.list.item.list.item": LISTS}

# (package, version, member, {column that is refused: with what sentence})
FILES = [
    ("awkward", "2.14.0", "tests/samples/list-depths-records-list.parquet", RECORDS_LIST),
    ("awkward", "2.14.0", "tests/samples/list-depths-records.parquet", RECORDS),
    ("awkward", "2.14.0", "tests/samples/list-depths-simple.parquet", {}),
    ("awkward", "2.14.0", "tests/samples/list-depths-strings.parquet", DEPTHS),
    ("awkward", "2.14.0", "tests/samples/list-depths.parquet", DEPTHS),
    ("awkward", "2.14.0", "tests/samples/list-lengths.parquet", {"list3.array.array.array": STRUCTS}),
    ("awkward", "2.14.0", "tests/samples/nonnullable-depths.parquet", WHATEVER),
    ("awkward", "2.14.0", "tests/samples/nullable-depths.parquet", WHATEVER),
    ("awkward", "2.14.0", "tests/samples/nullable-levels.parquet", {}),
    ("awkward", "2.14.0", "tests/samples/nullable-list-depths-records-list.parquet", RECORDS_LIST),
    ("awkward", "2.14.0", "tests/samples/nullable-list-depths-records.parquet", RECORDS),
    ("awkward", "2.14.0", "tests/samples/nullable-list-depths-strings.parquet", DEPTHS),
    ("awkward", "2.14.0", "tests/samples/nullable-list-depths.parquet", DEPTHS),
    ("awkward", "2.14.0", "tests/samples/nullable-record-primitives-simple.parquet", {}),
    ("awkward", "2.14.0", "tests/samples/nullable-record-primitives.parquet", {}),
    ("awkward", "2.14.0", "tests/samples/record-primitives.parquet", {}),
    ("awkward", "2.14.0", "tests/samples/zero-record-batches.parquet", {}),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_5.0.0.parq/part.0.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_5.0.0.parq/part.1.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_repart_5.0.0.parq/part.0.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_repart_5.0.0.parq/part.1.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/serial_5.0.0.parq", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_8.0.0.parq/part.0.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_8.0.0.parq/part.1.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_repart_8.0.0.parq/part.0.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/dask_repart_8.0.0.parq/part.1.parquet", MULTILINE),
    ("spatialpandas", "0.5.0", "spatialpandas/tests/test_data/serial_8.0.0.parq", MULTILINE),
    *(("node-parquet", "0.2.7", f"deps/parquet-cpp/data/{name}.parquet", {}) for name in [
        "fixed_length_decimal", "fixed_length_decimal_legacy", "int32_decimal", "int64_decimal",  # Spark
        "alltypes_dictionary", "alltypes_plain", "alltypes_plain.snappy",  # Impala
    ]),
    ("pyarrow", None, "tests/data/parquet/v0.7.1.parquet", {}),
    ("pyarrow", None, "tests/data/parquet/v0.7.1.all-named-index.parquet", {}),
    ("pyarrow", None, "tests/data/parquet/v0.7.1.some-named-index.parquet", {}),
    ("pyarrow", None, "tests/data/parquet/v0.7.1.column-metadata-handling.parquet", {}),
]


def download(package, version, *flags):
    """The file of the package; it is kept in build/data."""
    folder = ROOT / "build/data/packages"
    folder.mkdir(parents=True, exist_ok=True)
    found = lambda: [path for path in folder.iterdir() if path.name.lower().startswith(f"{package}-{version}") and path.name.endswith((".whl", ".tar.gz", ".tgz"))]
    if not found() and package == "node-parquet":
        subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], check=True, timeout=300, cwd=folder, capture_output=True)
    if not found():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", *flags, "-d", folder, f"{package}=={version}"], check=True, timeout=300)
    return found()[0]


def member_of(package, version, member):
    if package == "pyarrow":
        return (pathlib.Path(importlib.util.find_spec("pyarrow").origin).parent / member).read_bytes()
    if package == "node-parquet":
        with tarfile.open(download(package, version)) as archive:
            return archive.extractfile(f"package/{member}").read()
    if package == "awkward":  # its samples are in the source package only
        with tarfile.open(download(package, version, "--no-binary", package)) as archive:
            return archive.extractfile(f"{package}-{version}/{member}").read()
    return zipfile.ZipFile(download(package, version, "--only-binary", ":all:")).read(member)


def is_fetchable(package, version):
    """npm is not needed for anything else: where it is missing, the rest of the list is long enough."""
    folder = ROOT / "build/data/packages"
    return package != "node-parquet" or shutil.which("npm") is not None or any(folder.glob(f"{package}-{version}*"))


def flat(table):
    """Fields of structs as columns of their own."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


@pytest.mark.parametrize("package,version,member,refusals", FILES, ids=lambda value: value if isinstance(value, str) else "")
def test_foreign_files_read_equal_or_are_refused(tmp_path, package, version, member, refusals):
    if not is_fetchable(package, version):
        pytest.skip("npm is not installed")
    path = tmp_path / pathlib.Path(member).name
    path.write_bytes(member_of(package, version, member))
    for column, sentence in refusals.items():
        refused(path, sentence, columns=column)
    given = flat(pq.read_table(path))
    found, count = rows(path)
    assert count == given.num_rows
    whole = {column.split(".array")[0].split(".list")[0] for column in refusals}
    compared = [name for name in given.column_names if not any(name == one or one.startswith(name + ".") or name.startswith(one + ".") for one in whole)]
    assert sorted(compared) == sorted(found) or count == 0, refusals
    for name in compared if count else []:
        assert exact(plain(given[name])) == exact(found[name]), name


def test_there_are_ten_files_at_least_and_each_is_whole(tmp_path, dayfly):
    fetchable = [one for one in FILES if is_fetchable(*one[:2])]
    assert len(fetchable) >= 10
    for number, (package, version, member, _) in enumerate(fetchable):
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(member_of(package, version, member))
        assert "all is well" in dayfly.run("inspect", "--verify", path).stdout


@pytest.mark.skipif(not is_fetchable("node-parquet", "0.2.7"), reason="npm is not installed")
def test_chunks_of_the_first_parquet_mr_that_are_longer_than_they_say_are_named(tmp_path):
    """It forgot the header of the dictionary when it added up (PARQUET-816); its other columns are read."""
    path = tmp_path / "nation.dict-malformed.parquet"
    path.write_bytes(member_of("node-parquet", "0.2.7", "deps/parquet-cpp/data/nation.dict-malformed.parquet"))
    refused(path, "column 'name', page 1: it has 45 bytes, only 30 are left of its column", columns="name", kind="corrupt")
