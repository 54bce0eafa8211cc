"""dayfly datasets: registration with its checks and its schema, the catalogue under crashes and company, queries by name."""
import json
import os
import signal
import subprocess
import time

import pyarrow
import pyarrow.parquet
import pytest

from conftest import members

EVENTS = {"query": {"aggregations": [{"column": "event"}]}, "funnel": {"sequence": [{"filter": ["event", "==", "view"]}, {"filter": ["event", "==", "transaction"]}]}}


@pytest.fixture
def catalogue(dayfly):
    dayfly.environment["DAYFLY_DATA"] = str(dayfly.folder / "data")
    return dayfly


def add(dayfly, name, path, *flags, status=0):
    return dayfly.run("datasets", "add", name, path, "--user", "visitorid", "--time", "timestamp", *flags, status=status)


def shown(dayfly, name):
    return json.loads(dayfly.run("datasets", "show", name).stdout)


def write(file, **columns):
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), file)


def users_file(file, first, count=20, **more):
    write(file, u=list(range(first, first + count)), t=list(range(count)), **more)


def test_a_registered_data_set_answers_as_its_path_does(catalogue, retail):
    for layout in ("users", "days", "one"):
        add(catalogue, layout, retail[layout], "--skip-uniques")
        by_name = catalogue.run("query", layout, "-q", json.dumps(EVENTS)).stdout
        by_path = catalogue.run("query", retail[layout], "--user", "visitorid", "--time", "timestamp", "-q", json.dumps(EVENTS)).stdout
        for member in ("query", "funnel"):
            assert members(by_name)[member] == members(by_path)[member]
    chart = catalogue.run("funnel", "users", "--step", "event=view", "--step", "event=transaction").stdout
    assert "19,401" in chart


def test_list_show_and_remove(catalogue, retail):
    assert catalogue.run("datasets", "list").stdout == "No datasets registered yet\n"
    add(catalogue, "shop", retail["users"])
    listed = catalogue.run("datasets", "list").stdout
    assert "shop" in listed and "visitorid" in listed and " 8 " in listed
    (info,) = json.loads(catalogue.run("datasets", "list", "-o", "json").stdout)
    assert (info["id"]["name"], info["totalParts"], info["groupIdColumn"], info["timestampColumn"]) == ("shop", 8, "visitorid", "timestamp")
    assert info["basepath"] == str(retail["users"])
    catalogue.run("datasets", "remove", "shop")
    assert catalogue.run("datasets", "list").stdout == "No datasets registered yet\n"
    gone = catalogue.run("datasets", "show", "shop", status=4)
    assert "Dataset shop not found" in gone.stderr
    assert len(list(retail["users"].glob("*.parquet"))) == 8  # the files are untouched


def test_the_schema_has_statistics_categoricals_and_the_time_range(catalogue, retail):
    add(catalogue, "shop", retail["users"], "--validation", "all")
    schema = shown(catalogue, "shop")["schema"]
    assert (schema["minTimestamp"], schema["maxTimestamp"]) == (1430623579758, 1452217061347)
    assert schema["potentialCategoricals"] == ["event"]
    types = {name: column["coltype"] for name, column in schema["columns"].items()}
    assert types == {"timestamp": "INT", "visitorid": "INT", "event": "STRING", "itemid": "INT", "transactionid": "FLOAT",
                     "categoryid": "STRING", "available": "BOOL", "price": "FLOAT", "cryptic_attrs": "STRING"}  # fmt: skip
    event = schema["columns"]["event"]["colattrs"]
    assert event["categorical"] and list(event["catTopValues"]) == ["view", "addtocart", "transaction"]
    assert event["catTopValues"]["view"] == pytest.approx(47420 / 50008, abs=0.01)
    visitor = schema["columns"]["visitorid"]["colattrs"]
    assert (visitor["numericMin"], visitor["numericMax"], visitor["categorical"]) == (0, 19999, False)
    assert schema["columns"]["price"]["nulls"] == 3087
    assert shown(catalogue, "shop")["parts"]["totalParts"] == 8


def test_categoricals_of_pandas_are_known_as_such(catalogue, tmp_path):
    table = pyarrow.table({"u": [1, 2], "t": [1, 2], "c": pyarrow.array(["x", "y"])})
    note = {"columns": [{"name": "c", "pandas_type": "categorical"}], "index_columns": []}
    pyarrow.parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(note)}), tmp_path / "c.parquet")
    catalogue.run("datasets", "add", "c", tmp_path / "c.parquet", "--user", "u", "--time", "t")
    schema = shown(catalogue, "c")["schema"]
    assert (schema["sourceCategoricals"], schema["columns"]["c"]["dtypeName"]) == (["c"], "category")


def test_users_in_two_files_are_found_however_many_there_are(catalogue, tmp_path, retail):
    refused = add(catalogue, "days", retail["days"], "--validation", "all", status=2)
    assert "Group IDs are not unique across files" in refused.stderr and "--skip-uniques" in refused.stderr
    assert catalogue.run("datasets", "list").stdout == "No datasets registered yet\n"
    for i in range(40):
        users_file(tmp_path / f"many/{i:02}.parquet", i * 20)
    catalogue.run("datasets", "add", "many", tmp_path / "many", "--user", "u", "--time", "t", "--validation", "all")
    assert shown(catalogue, "many")["dataset"]["groups"] == "whole"
    users_file(tmp_path / "many/99.parquet", 799)
    refused = catalogue.run("datasets", "add", "many", tmp_path / "many", "--user", "u", "--time", "t", "--validation", "all", status=2)
    assert "820 in the 41 files that were looked at, 819 of them distinct (799, …)" in refused.stderr
    assert shown(catalogue, "many")["dataset"]["totalParts"] == 40  # what was there stays


def test_string_users_are_compared_too_and_within_little_memory(catalogue, tmp_path):
    for i in range(4):
        names = [f"user{n}" for n in range(i * 40_000, i * 40_000 + 40_000)]
        write(tmp_path / f"s/{i}.parquet", u=names, t=list(range(40_000)))
    words = ("datasets", "add", "s", tmp_path / "s", "--user", "u", "--time", "t", "--validation", "all", "--memory", "8M")
    catalogue.run(*words)
    write(tmp_path / "s/9.parquet", u=["user77777"], t=[1])
    refused = catalogue.run(*words, status=2)
    assert "160001 in the 5 files that were looked at, 160000 of them distinct ('user77777', …)" in refused.stderr


def test_a_sample_proves_nothing_about_the_other_files(catalogue, tmp_path):
    for i in range(40):
        users_file(tmp_path / f"d/{i:02}.parquet", 0 if i == 39 else i * 20)
    done = catalogue.run("datasets", "add", "d", tmp_path / "d", "--user", "u", "--time", "t", "--validation", "single")
    assert "queries find out" in done.stdout
    answer = json.loads(catalogue.run("query", "d", "-q", "{}").stdout)
    assert answer["query"] == {"matchingGroups": 780, "matchingGroupRows": 800}


@pytest.mark.parametrize(
    "columns, flags, message",
    [
        ({"x": [1], "t": [1]}, [], "Column 'u' not in dataset"),
        ({"u": [1], "x": [1]}, [], "Column 't' not in dataset"),
        ({"u": [1.5], "t": [1]}, [], "a float"),
        ({"u": [True], "t": [1]}, [], "a boolean"),
        ({"u": [1], "t": [True]}, [], "a boolean"),
        ({"u": [1], "t": ["x"]}, [], "a string"),
        ({"u": [1, None], "t": [1, 2]}, [], "the user column 'u' has nulls"),
        ({"u": [1, 2], "t": [1, None]}, [], "the time column 't' has nulls"),
        ({"u": [1], "t": [1]}, ["--validation", "some"], "register.validation"),
        ({"u": [1], "t": [1]}, ["--pattern", "*.nothing"], "no *.nothing below"),
    ],
)
def test_what_cannot_be_registered_is_told_and_not_registered(catalogue, tmp_path, columns, flags, message):
    write(tmp_path / "bad/a.parquet", **columns)
    done = catalogue.run("datasets", "add", "bad", tmp_path / "bad", "--user", "u", "--time", "t", *flags, status=None)
    assert done.returncode in (2, 4)
    assert message in done.stderr
    assert catalogue.run("datasets", "list").stdout == "No datasets registered yet\n"


def test_schemas_that_differ_are_told_with_both_files(catalogue, tmp_path):
    users_file(tmp_path / "d/a.parquet", 0, c=[1] * 20)
    users_file(tmp_path / "d/b.parquet", 20, c=["x"] * 20)
    refused = catalogue.run("datasets", "add", "d", tmp_path / "d", "--user", "u", "--time", "t", status=2)
    assert "Schemas differ! Column 'c' is an integer in" in refused.stderr
    assert "a.parquet" in refused.stderr and "b.parquet" in refused.stderr


def test_wrong_words_teach(catalogue):
    assert "expected add, list, show or remove, found 'ad'" in catalogue.run("datasets", "ad", status=2).stderr
    assert "expected NAME and at least one PATH" in catalogue.run("datasets", "add", "x", status=2).stderr
    assert "the NAME of one data set" in catalogue.run("datasets", "show", status=2).stderr
    unknown = catalogue.run("query", "shoop", "-q", "{}", status=4).stderr
    assert "Dataset shoop not found" in unknown and "datasets" in unknown


def test_files_that_vanish_after_registration_are_named(catalogue, tmp_path):
    for i in range(3):
        users_file(tmp_path / f"d/{i}.parquet", i * 20)
    catalogue.run("datasets", "add", "d", tmp_path / "d", "--user", "u", "--time", "t")
    (tmp_path / "d/1.parquet").unlink()
    gone = catalogue.run("query", "d", "-q", "{}", status=4)
    assert "1.parquet" in gone.stderr


def test_registrations_at_once_and_kills_leave_a_whole_catalogue(catalogue, tmp_path):
    for i in range(30):
        users_file(tmp_path / f"d/{i:02}.parquet", i * 20)
    words = [tmp_path / "d", "--user", "u", "--time", "t", "--validation", "first-last", "--threads", 1]
    running = [catalogue.start("datasets", "add", f"set{i}", *words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for i in range(8)]
    time.sleep(0.03)
    for process in running[::4]:
        process.send_signal(signal.SIGKILL)
    ended = [process.wait(60) for process in running]
    assert all(status == 0 for i, status in enumerate(ended) if i % 4), [process.stderr.read() for process in running]
    for process in running:
        process.stderr.close()
    names = {info["id"]["name"] for info in json.loads(catalogue.run("datasets", "list", "-o", "json").stdout)}
    assert names >= {f"set{i}" for i in range(8) if i % 4}
    for name in names:
        assert len(shown(catalogue, name)["parts"]["filenames"]) == 30
        assert json.loads(catalogue.run("query", name, "-q", "{}").stdout)["query"]["matchingGroups"] == 600


def test_tens_of_thousands_of_files(catalogue, tmp_path):
    users_file(tmp_path / "one.parquet", 0)
    (tmp_path / "many").mkdir()
    for i in range(20_000):
        os.link(tmp_path / "one.parquet", tmp_path / f"many/{i:05}.parquet")
    catalogue.run("datasets", "add", "many", tmp_path / "many", "--user", "u", "--time", "t", "--validation", "single")
    parts = shown(catalogue, "many")["parts"]
    assert (parts["totalParts"], len(parts["filenames"])) == (20_000, 20_000)
    answer = json.loads(catalogue.run("query", "many", "-q", "{}").stdout)
    assert answer["query"] == {"matchingGroups": 20, "matchingGroupRows": 400_000}


def test_the_data_folder_has_a_default_and_a_flag(dayfly, tmp_path):
    users_file(tmp_path / "a.parquet", 0)
    dayfly.environment.update(HOME=str(tmp_path / "home"))
    dayfly.environment.pop("XDG_DATA_HOME", None)
    dayfly.run("datasets", "add", "a", tmp_path / "a.parquet", "--user", "u", "--time", "t")
    assert (tmp_path / "home/.local/share/dayfly/catalog.sqlite").exists()
    dayfly.run("datasets", "add", "a", tmp_path / "a.parquet", "--user", "u", "--time", "t", "--data", tmp_path / "other")
    assert (tmp_path / "other/catalog.sqlite").exists()


def test_a_registered_name_goes_before_a_folder_of_that_name(catalogue, tmp_path):
    users_file(tmp_path / "d/a.parquet", 0)
    asked = catalogue.run("query", "d", "-q", "{}", status=2)  # not registered: the folder, whose columns say nothing
    assert "which column is the user" in asked.stderr
    assert not (tmp_path / "data").exists()  # and looking made no catalogue
    catalogue.run("datasets", "add", "d", "d", "--user", "u", "--time", "t")
    named = catalogue.run("query", "d", "-q", "{}")
    assert json.loads(named.stdout)["query"]["matchingGroups"] == 20
    assert "./d is the path" in named.stderr
