"""coverage_table.py [--check] [--programs FOLDER] [--items FILE] [--table FILE]: what the query language promises, and which test shows it.

tests/coverage.txt has a line per item: section | item | tests. A test is `test_program::test_name` (cmocka, a program of
FOLDER, build/debug/tests if not said) or `tests/e2e/file.py::test_name` (pytest; all its parameters), several with a blank
between; an item that this program has no part of has `-` and the reason instead.

Runs the programs and tests named there, each once, prints a table with the result of each item and writes it to
docs/coverage.md. Exit status 1 when a test failed, was skipped, or is not there.
--check runs nothing: it fails when docs/coverage.md does not list the items of tests/coverage.txt with their tests."""
import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).parents[1]
ITEMS = ROOT / "tests/coverage.txt"
TABLE = ROOT / "docs/coverage.md"
CASE = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (\w+)\s*$", re.MULTILINE)
TEST = re.compile(r"(tests/[\w/]+\.py|test_\w+)::\w+")
HEAD = """# What is promised, and the test that shows it

Made by `make coverage-table` from `tests/coverage.txt`, which has an item per line: the query language of Funnel Rocket, and
what Dayfly adds to it. The result is that of the last run.
"""


@dataclasses.dataclass
class Item:
    section: str
    text: str
    tests: list
    reason: str  # why there is no test; empty when there are


def read_items(path):
    items = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 3 or not all(fields):
            raise SystemExit(f"{path.name}:{number}: expected section | item | tests, found {len(fields)} fields, or an empty one")
        section, item, shown = fields
        if shown.startswith("- "):
            items.append(Item(section, item, [], shown[2:]))
            continue
        wrong = [word for word in shown.split() if not TEST.fullmatch(word)]
        if wrong:
            raise SystemExit(f"{path.name}:{number}: '{wrong[0]}' is neither test_program::name nor tests/file.py::name")
        items.append(Item(section, item, shown.split(), ""))
    return items


# ---- running ----


def run_program(path):
    """{name of a case: its result}; a program that crashed has failed in all that it did not tell."""
    try:
        done = subprocess.run([path], cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    except FileNotFoundError:
        return {}
    except subprocess.TimeoutExpired:
        print(f"{path} did not end within 600 s", file=sys.stderr)
        return {}
    # cmocka repeats the failed ones in its summary.
    found = {match.group(2): {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[match.group(1)] for match in CASE.finditer(done.stdout + done.stderr)}
    if done.returncode != 0 and "failed" not in found.values():
        print(f"{path} ended with status {done.returncode}", file=sys.stderr)
    return found


def run_programs(tests, folder):
    results = {}
    for program in sorted({test.split("::")[0] for test in tests}):
        results.update({f"{program}::{name}": result for name, result in run_program(folder / program).items()})
    return results


def collected(files):
    """The tests that are in these files, without parameters: one that is not there would stop pytest altogether."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {line.split("[")[0] for line in done.stdout.splitlines() if "::" in line}


def name_of(case):
    """As the command line has it: classname is tests.e2e.test_golden, name has the parameters in brackets."""
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').split('[')[0]}"


def result_of(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def run_file(tests):
    """Of one file, in a process of its own, which may crash: then its tests are not there."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "coverage.xml"
        words = ["-q", "-p", "no:cacheprovider", "--tb=short", "--junitxml", str(report)]
        done = subprocess.run([sys.executable, "-m", "pytest", *words, *tests], cwd=ROOT, check=False)
        if not report.exists():
            print(f"pytest ended with status {done.returncode} over {tests[0].split('::')[0]}", file=sys.stderr)
            return []
        return [(name_of(case), result_of(case)) for case in ElementTree.parse(report).iter("testcase")]


def run_pytest(tests):
    """{file::name: result}; of a test with parameters the worst."""
    results, worst = {}, ["passed", "skipped", "failed"]
    there = sorted(set(tests) & collected(sorted({test.split("::")[0] for test in tests})))
    for file in dict.fromkeys(test.split("::")[0] for test in there):
        for name, result in run_file([test for test in there if test.startswith(file + "::")]):
            results[name] = max(results.get(name, "passed"), result, key=worst.index)
    return results


def run_all(items, programs):
    tests = {test for item in items for test in item.tests}
    in_python = {test for test in tests if test.startswith("tests/")}
    return {**run_programs(tests - in_python, programs), **run_pytest(in_python)}


# ---- the table ----


def outcome(item, results):
    """The worst result of the item's tests; `not there` when one has none."""
    order = ["passed", "skipped", "failed", "not there"]
    return max((results.get(test, "not there") for test in item.tests), key=order.index, default="-")


def row(item, result):
    shown = "<br>".join(f"`{test}`" for test in item.tests) or item.reason
    return f"| {item.text} | {shown} | {result} |"


def markdown(items, results):
    lines = [HEAD.rstrip("\n")]
    for section in dict.fromkeys(item.section for item in items):
        lines += ["", f"## {section}", "", "| item | test | result |", "|---|---|---|"]
        lines += [row(item, outcome(item, results)) for item in items if item.section == section]
    return "\n".join(lines) + "\n"


def without_results(text):
    return [re.sub(r"\| [^|]* \|$", "|", line) for line in text.splitlines()]


def print_table(items, results):
    for item in items:
        print(f"{outcome(item, results):9}  {item.section}: {item.text}")
        for test in item.tests or [item.reason]:
            print(f"{'':11}{test}")
    counts = {}
    for item in items:
        result = outcome(item, results)
        counts[result] = counts.get(result, 0) + 1
    none = counts.pop("-", 0)
    print(", ".join(f"{count} {result}" for result, count in sorted(counts.items())) + f"; {none} without a part here")


def check(items, table):
    if table.exists() and without_results(table.read_text()) == without_results(markdown(items, {})):
        return 0
    print(f"{table.name} does not list the items of tests/coverage.txt: run make coverage-table", file=sys.stderr)
    return 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/debug/tests")
    parser.add_argument("--items", type=pathlib.Path, default=ITEMS)
    parser.add_argument("--table", type=pathlib.Path, default=TABLE)
    arguments = parser.parse_args()
    items = read_items(arguments.items)
    if arguments.check:
        return check(items, arguments.table)
    results = run_all(items, arguments.programs.resolve())
    arguments.table.write_text(markdown(items, results))
    print_table(items, results)
    return 0 if all(outcome(item, results) in ("passed", "-") for item in items) else 1


if __name__ == "__main__":
    sys.exit(main())
