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
