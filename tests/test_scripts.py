"""The scripts that judge the others: a failure that they overlook would make every other check worthless."""
import pathlib
import subprocess
import sys

SCRIPTS = pathlib.Path(__file__).parents[1] / "scripts"
CMOCKA = """[ RUN      ] test_one
[       OK ] test_one
[ RUN      ] test_two
{two}
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] test_two
"""


def count(folder, *stopped):
    run = subprocess.run(
        [sys.executable, SCRIPTS / "count_results.py", folder, *stopped], capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout.splitlines()


def write(folder, name, *cases):
    (folder / name).write_text("<testsuite>" + "".join(cases) + "</testsuite>")


def test_cases_of_c_programs_and_of_pytest_are_summed_up(tmp_path):
    passed = CMOCKA.split("[  FAILED  ] 1")[0].format(two="[       OK ] test_two")
    write(tmp_path, "a.xml", f'<testcase name="t" status="run"><system-out>{passed}</system-out></testcase>')
    write(tmp_path, "b.xml", '<testcase name="x"/>', '<testcase name="y"><skipped/></testcase>')
    assert count(tmp_path) == (0, ["skipped: b: y", "3 passed, 0 failed"])


def test_failures_are_named_and_make_the_status(tmp_path):
    output = CMOCKA.format(two="[  FAILED  ] test_two")
    write(tmp_path, "a.xml", f'<testcase name="t" status="fail"><failure/><system-out>{output}</system-out></testcase>')
    write(tmp_path, "b.xml", '<testcase classname="c" name="x"><error/></testcase>')
    assert count(tmp_path) == (1, ["failed: a: t: test_two", "failed: b: c.x", "1 passed, 2 failed"])


def test_a_c_program_that_crashes_after_its_last_passed_case_has_failed(tmp_path):
    output = "[       OK ] test_one\n[ RUN      ] test_two\n"
    write(tmp_path, "a.xml", f'<testcase name="t" status="fail"><failure/><system-out>{output}</system-out></testcase>')
    assert count(tmp_path) == (1, ["failed: a: t", "1 passed, 1 failed"])


def test_a_word_that_stopped_without_a_failed_test_counts(tmp_path):
    write(tmp_path, "a.xml", '<testcase name="x"/>')
    assert count(tmp_path, "make demo") == (1, ["failed: make demo", "1 passed, 1 failed"])


def test_nothing_at_all_and_a_broken_file_are_failures(tmp_path):
    assert count(tmp_path) == (1, ["0 passed, 0 failed"])
    (tmp_path / "a.xml").write_text("<testsuite>")
    assert count(tmp_path)[0] == 1


def test_the_last_step_that_fails_ends_a_script_and_is_recorded(tmp_path):
    (tmp_path / "scripts").mkdir()
    for name in ("steps.sh", "record.py"):
        (tmp_path / "scripts" / name).write_text((SCRIPTS / name).read_text())
    script = ". scripts/steps.sh; step good true; step 'not good' false; step never true"
    run = subprocess.run(["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "never" not in run.stdout
    assert count(tmp_path / "build/results") == (1, ["failed: step-not-good: steps.not good", "1 passed, 1 failed"])


# ---- the table of what is promised ----


def cover(folder, lines, *flags):
    """Status and output of coverage_table.py over these items; C programs are scripts in the folder."""
    (folder / "items.txt").write_text("# a comment\n" + "\n".join(lines) + "\n")
    words = ["--programs", folder, "--items", folder / "items.txt", "--table", folder / "table.md", *flags]
    run = subprocess.run([sys.executable, SCRIPTS / "coverage_table.py", *words], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def program(folder, name, output, status=0):
    (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {status}\n")
    (folder / name).chmod(0o755)


def test_items_whose_tests_passed_are_a_table_that_is_checked_without_running(tmp_path):
    program(tmp_path, "test_c", CMOCKA.split("[  FAILED  ] 1")[0].format(two="[       OK ] test_two"))
    lines = ["A | one | test_c::test_one test_c::test_two", "A | two | tests/layers.py::test_each_file_includes_only_from_layers_before_its_own", "B | none | - it has no part in this"]
    status, output = cover(tmp_path, lines)
    assert status == 0 and "2 passed; 1 without a part here" in output, output
    table = (tmp_path / "table.md").read_text()
    assert "| one | `test_c::test_one`<br>`test_c::test_two` | passed |" in table and "## B" in table
    assert cover(tmp_path, lines, "--check") == (0, "")
    assert cover(tmp_path, lines[:2], "--check")[0] == 1
    assert cover(tmp_path, [lines[0].replace("one |", "another |"), *lines[1:]], "--check")[0] == 1


def test_an_item_whose_test_failed_or_is_not_there_makes_the_status(tmp_path):
    program(tmp_path, "test_c", CMOCKA.format(two="[  FAILED  ] test_two"), 1)
    program(tmp_path, "test_crash", "[       OK ] test_one\n[ RUN      ] test_two", 139)
    for test, result in {
        "test_c::test_two": "failed", "test_c::test_three": "not there", "test_none::test_one": "not there", "test_crash::test_two": "not there",
        "tests/layers.py::test_none": "not there", "tests/none.py::test_one": "not there",
    }.items():  # fmt: skip
        status, output = cover(tmp_path, ["A | good | test_c::test_one", f"A | bad | test_c::test_one {test}"])
        assert status == 1 and f"1 {result}, 1 passed" in output, output


def test_lines_that_are_no_items_are_told(tmp_path):
    for line in ("A | one", "A | one | two", "A |  | test_c::test_one", "A | one | ../x.py::test_one"):
        status, output = cover(tmp_path, [line])
        assert status == 1 and "items.txt:2: " in output, output
