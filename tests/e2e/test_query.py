"""dayfly query: where the question comes from, what the answer looks like, and how a wrong one is told."""
import json
import subprocess

import pytest

from conftest import PROGRAM, members
from test_cli import STEPS, shop, words_of  # noqa: F401 (a fixture)

COLUMNS = ["--user", "visitorid", "--time", "timestamp"]
BUYERS = {"query": {"conditions": [{"filter": ["event", "==", "buy"]}], "aggregations": [{"column": "event", "type": "countPerValue"}]}}


def ask(dayfly, shop, query, *flags, status=0):  # noqa: F811
    return dayfly.run("query", shop, *COLUMNS, "-q", query if isinstance(query, str) else json.dumps(query), *flags, status=status)


def test_the_answer_has_the_members_of_the_original_in_its_order(dayfly, shop):  # noqa: F811
    text = ask(dayfly, shop, BUYERS).stdout
    assert list(members(text)) == ["success", "requestId", "stats", "query"]
    answer = json.loads(text)
    assert answer["success"] is True
    assert answer["query"]["matchingGroups"] == 50 and answer["query"]["matchingGroupRows"] == 150
    (aggregation,) = answer["query"]["aggregations"]
    assert list(aggregation) == ["column", "type", "value", "top", "name"]
    assert aggregation["value"] == {"buy": 50, "cart": 50, "view": 50}
    assert list(answer["stats"]) == ["totalTime", "invoker", "worker", "dataset"]
    assert list(answer["stats"]["worker"])[:8] == ["coldTasks", "warmTasks", "invokeLatency", "loadTime", "totalTime", "scannedRows", "scannedGroups", "cache"]
    assert list(answer["stats"]["invoker"])[:5] == ["enqueueTime", "pollTime", "totalTasks", "failedTasks", "taskSuccessOverTime"]


def test_statistics_add_up(dayfly, shop):  # noqa: F811
    stats = json.loads(ask(dayfly, shop, BUYERS).stdout)["stats"]
    tasks = stats["invoker"]["totalTasks"]
    assert sum(stats["invoker"]["taskSuccessOverTime"].values()) == tasks == stats["worker"]["cache"]["source"]
    assert stats["worker"]["coldTasks"] + stats["worker"]["warmTasks"] == tasks
    for timing in ("invokeLatency", "loadTime", "totalTime"):
        times = stats["worker"][timing]
        assert list(times) == ["mean", "min", "percentiles", "max"]
        assert 0 <= times["min"] <= times["percentiles"]["50%"] <= times["max"] and times["min"] <= times["mean"] <= times["max"]
        assert list(times["percentiles"]) == ["50%"], "fewer than 20 tasks"
    assert stats["invoker"]["enqueueTime"] + stats["invoker"]["pollTime"] <= stats["totalTime"]


def test_funnel_prints_the_same_object_for_the_same_question(dayfly, shop):  # noqa: F811
    steps = [{"filter": ["event", "==", step.split("'")[1]]} for step in STEPS]
    asked = members(ask(dayfly, shop, {"funnel": {"sequence": steps}}).stdout)
    told = members(dayfly.run("funnel", shop, *words_of(), "-o", "json").stdout)
    assert list(asked) == list(told)
    assert (asked["query"], asked["funnel"]) == (told["query"], told["funnel"])


def test_a_query_comes_from_a_file_from_a_word_or_from_standard_input(dayfly, shop):  # noqa: F811
    (dayfly.folder / "query.json").write_text(json.dumps(BUYERS, indent=2))
    expected = members(ask(dayfly, shop, BUYERS).stdout)["query"]
    for words in (["-f", "query.json"], ["--file=query.json"]):
        assert members(dayfly.run("query", shop, *COLUMNS, *words).stdout)["query"] == expected
    for words in (["-"], ["-f", "-"]):
        done = subprocess.run([PROGRAM, "query", shop, *COLUMNS, *words], input=json.dumps(BUYERS), text=True, capture_output=True,
                              env=dayfly.environment, cwd=dayfly.folder, timeout=60, check=True)
        assert members(done.stdout)["query"] == expected


def test_compact_is_one_line_of_the_same(dayfly, shop):  # noqa: F811
    text = ask(dayfly, shop, BUYERS, "--compact").stdout
    assert text.count("\n") == 1 and text.endswith("}\n") and '": ' not in text
    assert json.loads(text)["query"] == json.loads(ask(dayfly, shop, BUYERS).stdout)["query"]


def test_an_empty_query_counts_everybody(dayfly, shop):  # noqa: F811
    assert json.loads(ask(dayfly, shop, "{}").stdout)["query"] == {"matchingGroups": 200, "matchingGroupRows": 350}


def test_the_answer_goes_into_a_file(dayfly, shop):  # noqa: F811
    done = ask(dayfly, shop, BUYERS, "--output-file", "answer.json")
    assert done.stdout == ""
    assert json.loads((dayfly.folder / "answer.json").read_text())["query"]["matchingGroups"] == 50


def test_explain_instead_of_an_answer(dayfly, shop):  # noqa: F811
    assert ask(dayfly, shop, BUYERS, "--explain").stdout.startswith("users ")
    report = json.loads(ask(dayfly, shop, BUYERS, "--explain", "-o", "json").stdout)
    assert "event" in report["columns"]


@pytest.mark.parametrize(
    "query, says",
    [
        ("", ["-q: ", "line 1"]),
        ('{"query": }', ["-q: line 1, column 11"]),
        ("[1]", ["a query is an object", "an array"]),
        ('{"blah": 1}', ["blah"]),
        ('{"dataset": {"paths": ["/etc"]}}', ["'dataset' has no place in a query"]),
        ('{"funnel": {"sequence": [{"filter": ["event", "~", "view"]}]}}', ["funnel.sequence[0].filter"]),
        ('{"query": {"conditions": [{"filter": ["evnt", "==", "view"]}]}}', ["evnt"]),
        ('{"query": {"relation": "$7", "conditions": [{"filter": ["event", "==", "view"]}]}}', ["7"]),
    ],
)
def test_a_wrong_query_is_told_on_both_outputs(dayfly, shop, query, says):  # noqa: F811
    done = ask(dayfly, shop, query, status=2)
    answer = json.loads(done.stdout)
    assert list(answer) == ["success", "errorMessage", "errorKind"]
    assert answer["success"] is False and answer["errorKind"] == "invalid"
    assert done.stderr.startswith(f"dayfly: {answer['errorMessage']}\n")
    for text in says:
        assert text in answer["errorMessage"]


@pytest.mark.parametrize(
    "words, status, says",
    [
        (["{shop}", *COLUMNS], 2, ["where is the query?", "try: -q"]),
        (["{shop}", *COLUMNS, "-q", "{}", "-f", "x"], 2, ["one query at a time"]),
        (["{shop}", *COLUMNS, "-f", "absent.json"], 4, ["absent.json"]),
        (["-", *COLUMNS], 2, ["which data?"]),
        (["-q", "{}"], 2, ["'query' needs a PATH"]),
        (["absent.parquet", *COLUMNS, "-q", "{}"], 4, ["absent.parquet"]),
        (["{shop}", *COLUMNS, "-q", "{}", "-o", "text"], 2, ["-o text is for --explain"]),
        (["{shop}", "nosuchname", "-q", "{}"], 4, ["nosuchname"]),
    ],
)
def test_wrong_words(dayfly, shop, words, status, says):  # noqa: F811
    done = dayfly.run("query", *(word.replace("{shop}", str(shop)) for word in words), status=status)
    for text in says:
        assert text in done.stderr


def test_a_failure_is_one_line_when_answers_are(dayfly, shop):  # noqa: F811
    done = ask(dayfly, shop, "[1]", "--compact", status=2)
    assert done.stdout.count("\n") == 1 and json.loads(done.stdout)["success"] is False
