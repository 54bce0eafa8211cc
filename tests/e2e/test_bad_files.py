"""Files that cannot be read: the query fails and says the way out, or, with --on-bad-file skip, its answer is that over
the other files, whoever computes it and whichever stage finds out."""
import json
import os
import shutil

import pyarrow
import pyarrow.parquet
import pytest

from conftest import members
from lambda_fixtures import STEPS, result_of

WAYS = [[*groups, "--threads", threads] for groups in ([], ["--groups", "whole"], ["--groups", "spread"]) for threads in (1, 2)]
FILES = 8


# ---- files and what can be wrong with them ----


def write(path, rows, **columns):
    """Rows of several row groups, all of whose bytes are under a checksum."""
    table = pyarrow.table({"visitorid": [v for v, _, _ in rows], "timestamp": [t for _, t, _ in rows], "event": [e for _, _, e in rows], **columns})
    pyarrow.parquet.write_table(table, path, row_group_size=100, use_dictionary=False, compression="none", write_page_checksum=True)


def make_files(folder, rng):
    """Users of every file are in others too."""
    folder.mkdir(parents=True)
    names = ["view", "addtocart", "transaction"]
    for i in range(FILES):
        rows = [(rng.randrange(200), 1_430_622_004_000 + rng.randrange(10_000_000), rng.choice(names)) for _ in range(rng.randrange(300, 500))]
        write(folder / f"{i}.parquet", rows)
    return sorted(folder.glob("*.parquet"))


def cut(path, rng):
    size = path.stat().st_size
    os.truncate(path, rng.randrange(size))


def empty(path, _):
    path.write_bytes(b"")


def other_bytes(path, rng):
    path.write_bytes(rng.randbytes(1000))


def flip_in_a_page(path, rng, column="visitorid"):
    """One bit of what pages of the user column hold, in any row group."""
    footer = pyarrow.parquet.read_metadata(path)
    group = footer.row_group(rng.randrange(footer.num_row_groups))
    chunk = next(group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == column)
    content = bytearray(path.read_bytes())
    at = chunk.data_page_offset + chunk.total_compressed_size - 1 - rng.randrange(400)
    content[at] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def flip_in_the_last_row_group(path, rng):
    """Its other row groups have been counted by then."""
    footer = pyarrow.parquet.read_metadata(path)
    chunk = footer.row_group(footer.num_row_groups - 1).column(0)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def footer_lies(path, rng):
    content = bytearray(path.read_bytes())
    content[-8:-4] = rng.randrange(len(content), 1 << 32).to_bytes(4, "little")
    path.write_bytes(content)


def no_user(path, _):
    pyarrow.parquet.write_table(pyarrow.table({"who": [1], "timestamp": [2], "event": ["view"]}), path)


def user_of_no_use(path, _):
    pyarrow.parquet.write_table(pyarrow.table({"visitorid": [1.5], "timestamp": [2], "event": ["view"]}), path)


def time_of_no_use(path, _):
    pyarrow.parquet.write_table(pyarrow.table({"visitorid": [1], "timestamp": [True], "event": ["view"]}), path)


DAMAGES = {
    damage.__name__: damage
    for damage in (cut, empty, other_bytes, flip_in_a_page, flip_in_the_last_row_group, footer_lies, no_user, user_of_no_use, time_of_no_use)
}
KINDS = {"no_user": "invalid", "user_of_no_use": "invalid", "time_of_no_use": "invalid"}


@pytest.fixture
def files(tmp_path, rng):
    return make_files(tmp_path / "data", rng)


def skipped(text):
    return json.loads(text)["stats"]["skippedFiles"]


def assert_answer_of_the_others(dayfly, files, bad, *flags):
    """bad: {path: kind}"""
    text = dayfly.funnel_text(files[0].parent, STEPS, "--on-bad-file", "skip", *flags)
    good = dayfly.funnel_text([path for path in files if path not in bad], STEPS, *flags)
    assert result_of(text) == result_of(good)
    told = skipped(text)
    assert told["count"] == len(bad)
    assert [(file["uri"], file["kind"]) for file in told["files"]] == [(str(path), bad[path]) for path in sorted(bad)]
    for file in told["files"]:
        assert os.path.basename(file["uri"]) in file["message"]
    assert dayfly.left_behind() == []
    return text


# ---- without leave ----


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_file_fails_the_query_and_the_way_out_is_said(dayfly, files, rng, damage):
    DAMAGES[damage](files[5], rng)
    kind = KINDS.get(damage, "corrupt")
    done = dayfly.run("funnel", files[0].parent, "--user", "visitorid", "--time", "timestamp", "--step", STEPS[0], "-o", "json",
                      status=2 if kind == "invalid" else 3)  # fmt: skip
    answer = json.loads(done.stdout)
    assert (answer["success"], answer["errorKind"]) == (False, kind)
    assert answer["errorMessage"].count("--on-bad-file skip") == 1
    assert "5.parquet" in answer["errorMessage"] and done.stderr.count("\n") == 1


# ---- with it ----


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_left_out_whole(dayfly, files, rng, damage):
    DAMAGES[damage](files[3], rng)
    for way in WAYS:
        assert_answer_of_the_others(dayfly, files, {files[3]: KINDS.get(damage, "corrupt")}, *way)


def test_random_damage_gives_the_answer_of_the_others(dayfly, tmp_path, rng):
    for round_ in range(4):
        files = make_files(tmp_path / str(round_), rng)
        bad = {path: rng.choice(list(DAMAGES)) for path in rng.sample(files, rng.randrange(1, FILES))}
        for path, damage in bad.items():
            DAMAGES[damage](path, rng)
        for way in WAYS:
            assert_answer_of_the_others(dayfly, files, {path: KINDS.get(damage, "corrupt") for path, damage in bad.items()}, *way)


def test_a_chart_comes_with_a_warning_that_names_the_first(dayfly, files, rng):
    words = ["funnel", "data", "--user", "visitorid", "--time", "timestamp", "--step", STEPS[0], "--on-bad-file", "skip"]
    clean = dayfly.run(*words)
    assert "warning" not in clean.stderr
    for path in files[1:6]:
        cut(path, rng)
    done = dayfly.run(*words)
    lines = done.stderr.splitlines()
    assert lines[0] == "dayfly: warning: left out 5 files that cannot be read:"
    assert [f"{i}.parquet" in line for i, line in enumerate(lines[1:4], 1)] == [True] * 3
    assert lines[4].startswith("dayfly:   and 2 more") and len(lines) == 5
    report = dayfly.run(*words, "--explain").stdout
    assert "bad files   5 left out" in report and all(f"data/{i}.parquet" in report for i in range(1, 6))
    assert dayfly.run(*words, "-o", "csv").stdout == dayfly.run("funnel", files[0], *files[6:], *words[2:-2], "-o", "csv").stdout


def test_when_no_file_can_be_read_the_first_is_named(dayfly, files, rng):
    for path in files:
        cut(path, rng)
    for flags in ([], ["--groups", "whole"]):
        words = ["funnel", files[0].parent, "--user", "visitorid", "--time", "timestamp", "--step", STEPS[0], "--on-bad-file", "skip", *flags]
        done = dayfly.run(*words, status=3)
        assert f"none of the {FILES} files can be read; the first: " in done.stderr and "0.parquet" in done.stderr


def test_columns_are_taken_from_the_first_file_that_can_be_read(dayfly, files, rng):
    cut(files[0], rng)
    words = ["funnel", files[0].parent, "--step", STEPS[0], "-o", "csv"]
    assert "0.parquet" in dayfly.run(*words, status=3).stderr
    done = dayfly.run(*words, "--on-bad-file", "skip")
    assert "taking column 'visitorid' as the user" in done.stderr
    assert done.stdout == dayfly.run("funnel", *files[1:], *words[2:]).stdout


def test_queries_and_settings_say_it_too(dayfly, files, rng):
    flip_in_a_page(files[2], rng)
    aggregations = '"query": {"aggregations": [{"column": "event", "type": "countPerValue"}]}'
    words = ["query", files[0].parent, "--user", "visitorid", "--time", "timestamp", "-q"]
    good = dayfly.run("query", *files[:2], *files[3:], *words[2:], "{" + aggregations + "}").stdout
    asked = [
        dayfly.run(*words, '{"onBadFile": "skip", ' + aggregations + "}"),
        dayfly.run(*words, "{" + aggregations + "}", "--on-bad-file", "skip"),
        dayfly.run(*words, "{" + aggregations + "}", environment={"DAYFLY_DATA_ON_BAD_FILE": "skip"}),
    ]
    for done in asked:
        assert members(done.stdout)["query"] == members(good)["query"]
        assert skipped(done.stdout)["count"] == 1 and "2.parquet" in done.stderr
    assert "skippedFiles" not in json.loads(good)["stats"]
    # What the query says stands over a setting.
    refused = dayfly.run(*words, '{"onBadFile": "fail", ' + aggregations + "}", environment={"DAYFLY_DATA_ON_BAD_FILE": "skip"}, status=3)
    assert "2.parquet" in refused.stderr
    assert "onBadFile" in dayfly.run(*words, '{"onBadFile": "never", ' + aggregations + "}", status=2).stderr
    assert "--on-bad-file" in dayfly.run(*words, "{" + aggregations + "}", "--on-bad-file", "never", status=2).stderr


def test_files_of_a_registration_that_are_gone_are_left_out(dayfly, files):
    data = ["--data", dayfly.folder / "catalogue"]
    dayfly.run("datasets", "add", "shop", files[0].parent, "--user", "visitorid", "--time", "timestamp", "--skip-uniques", *data)
    expected = dayfly.funnel_text([path for path in files if path not in (files[1], files[4])], STEPS)
    files[1].unlink()
    files[4].unlink()
    words = ["funnel", "shop", *data, *[word for step in STEPS for word in ("--step", step)], "-o", "json"]
    failed = dayfly.run(*words, status=4)
    assert "1.parquet" in failed.stderr and "--on-bad-file skip" in failed.stderr
    text = dayfly.run(*words, "--on-bad-file", "skip").stdout
    assert result_of(text) == result_of(expected)
    told = [(os.path.basename(file["uri"]), file["kind"]) for file in skipped(text)["files"]]
    assert told == [("1.parquet", "not_found"), ("4.parquet", "not_found")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read_are_left_out(dayfly, files):
    files[2].chmod(0)
    assert_answer_of_the_others(dayfly, files, {files[2]: "denied"})


# ---- workers that are processes of their own ----


def test_workers_leave_out_the_same_files(cloud, tmp_path, rng):
    files = make_files(tmp_path / "cloud", rng)
    for path, damage in zip(files[1:5], (cut, flip_in_the_last_row_group, empty, no_user)):
        damage(path, rng)
    uri = cloud.s3.upload(files[0].parent, "bad-files")
    good = tmp_path / "good"
    good.mkdir()
    for path in (files[0], *files[5:]):
        shutil.copy(path, good)
    for flags in ([], ["--groups", "whole"], ["--groups", "spread"]):
        expected = result_of(cloud.dayfly.funnel_text(good, STEPS, *flags))
        for place in (files[0].parent, uri):
            for function in ("worker", None):
                text = cloud.run(place, STEPS, "--on-bad-file", "skip", *flags, lambda_function=function).stdout
                assert result_of(text) == expected
                assert [(file["uri"].rpartition("/")[2], file["kind"]) for file in skipped(text)["files"]] == [
                    ("1.parquet", "corrupt"), ("2.parquet", "corrupt"), ("3.parquet", "corrupt"), ("4.parquet", "invalid"),
                ]  # fmt: skip
    cloud.fails("corrupt", uri, message="--on-bad-file skip")
    cloud.s3.clear("bad-files/")


def test_a_worker_that_is_not_there_is_no_fault_of_a_file(cloud, tmp_path, rng):
    files = make_files(tmp_path / "cloud", rng)
    done = cloud.run(files[0].parent, STEPS, "--on-bad-file", "skip", lambda_function="nobody", status=None)
    failure = json.loads(done.stdout)
    assert (failure["success"], failure["errorKind"]) == (False, "not_found")
    assert "can be read" not in failure["errorMessage"] and "--on-bad-file" not in failure["errorMessage"]
