"""Every example of the documents runs: the ```sh blocks of README.md, docs/guide.md and docs/query-language.md, and the
```json queries of docs/query-language.md, on the data that the documents speak of."""
import json
import re
import subprocess

import pytest

from conftest import PROGRAM, ROOT

GUIDE = ROOT / "docs/guide.md"
LANGUAGE = ROOT / "docs/query-language.md"
COLUMNS = ["--user", "visitorid", "--time", "timestamp"]


def blocks(path, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def numbered(path, kind):
    return [pytest.param(block, id=f"{path.name} {i}: {block.splitlines()[0][:60]}") for i, block in enumerate(blocks(path, kind), 1)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory, retail):
    """A folder that looks like a clone after `make demo`, with fewer shoppers."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/dayfly").symlink_to(PROGRAM)
    (folder / "build/demo").symlink_to(retail["users"])
    return folder


def run_block(clone, dayfly, block):
    """As a shell runs it; what make does has been done already."""
    script = "\n".join(line for line in block.splitlines() if not line.startswith("make "))
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=clone, env=dayfly.environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{block}\n{done.stderr}"
    return done


def test_readme_runs(clone, session_dayfly):
    assert blocks(ROOT / "README.md", "sh")
    for block in blocks(ROOT / "README.md", "sh"):
        run_block(clone, session_dayfly, block)


def test_the_guide_runs_from_its_first_block_to_its_last(clone, session_dayfly):
    found = blocks(GUIDE, "sh")
    assert len(found) >= 12
    for block in found:
        run_block(clone, session_dayfly, block)
    for name in ("carts.parquet", "lost.csv", "funnel.html", "funnel.svg", "dayfly.bash"):
        assert (clone / "build" / name).stat().st_size > 0


@pytest.mark.parametrize("block", numbered(LANGUAGE, "sh"))
def test_commands_of_the_language_run(clone, session_dayfly, block):
    assert run_block(clone, session_dayfly, block).stdout


@pytest.mark.parametrize("query", numbered(LANGUAGE, "json"))
def test_queries_of_the_language_are_answered(clone, session_dayfly, query):
    done = session_dayfly.run("query", clone / "build/demo", *COLUMNS, "-q", query)
    answer = json.loads(done.stdout)
    assert answer["success"] is True
    asked = json.loads(query)
    assert answer["query"]["matchingGroups"] > 0, "an example that matches nobody shows nothing"
    if "funnel" in asked:
        assert answer["funnel"]["sequence"][0]["matchingGroups"] > 0


def test_every_member_and_type_of_the_language_is_shown_in_a_query():
    shown = "\n".join(blocks(LANGUAGE, "json"))
    wanted = """timeframe where conditions relation aggregations sequence maxDuration order stepAggregations endAggregations breakdown top attribution
        trend durations sessionGap rowFound name minGap maxGap filter filters target includeZero otherColumn delimiter and or not""".split()
    assert [member for member in wanted if f'"{member}"' not in shown] == []


def test_every_flag_of_funnel_is_in_the_guide_or_in_no_need_of_it(session_dayfly):
    """What the guide leaves to --help, by name: so that a new flag is either shown or left out on purpose."""
    left_out = {"--data", "--name", "--min-gap", "--by-last", "--pattern", "--groups", "--user", "--time", "--temporary-folder", "--timeout", "--max-bytes", "--invoke",
                "--function", "--result-prefix", "--inline-bytes", "--config", "--log-level", "--log-format", "--ascii", "--help", "--order"}
    line = r"^(?: {6}|  -\w, )(--[a-z-]+)(?: [^ ]+)?(?: {2,}\S|$)"
    flags = set(re.findall(line, session_dayfly.run("help", "funnel").stdout, re.MULTILINE))
    shown = set(re.findall(r"--[a-z][a-z-]*", "\n".join(blocks(GUIDE, "sh")))) | ({"--output"} if "-o html" in GUIDE.read_text() else set())
    assert flags - shown <= left_out
