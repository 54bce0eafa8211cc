"""Sums up the JUnit files of a folder (build/results): names what failed, ends with `N passed, N failed`.

A C test program is one test case for CTest; its cases are in its output, as cmocka prints them, and are counted singly.
A program that failed without a failed case (it crashed, or hung) counts as one more failure.
Exit status 1 when something failed or nothing passed."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r"^\[\s*(OK|FAILED)\s*\] (\w+)\s*$", re.MULTILINE)


def cases_of(case):
    """(name, passed) of everything that one <testcase> stands for; passed is None when it was skipped."""
    name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
    bad = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
    if case.find("skipped") is not None:
        return [(name, None)]
    output = case.findtext("system-out") or ""
    # cmocka repeats the failed ones in its summary.
    single = {found.group(2): found.group(1) == "OK" for found in CASE.finditer(output)}
    results = [(f"{case.get('name')}: {inner}", passed) for inner, passed in single.items()]
    if not results or (bad and all(passed for _, passed in results)):
        results.append((name, not bad))
    return results


def main(folder):
    results = []
    for path in sorted(pathlib.Path(folder).glob("**/*.xml")):
        try:
            suite = ElementTree.parse(path).iter("testcase")
            results += [(f"{path.stem}: {name}", passed) for case in suite for name, passed in cases_of(case)]
        except ElementTree.ParseError as error:
            results.append((f"{path.name} cannot be read: {error}", False))
    for name, passed in results:
        if passed is None:
            print(f"skipped: {name}")
    failed = [name for name, passed in results if passed is False]
    for name in failed:
        print(f"failed: {name}")
    passed_count = sum(1 for _, passed in results if passed)
    return passed_count, failed


if __name__ == "__main__":
    passed_count, failed = main(sys.argv[1])
    # .ci/run names a word of the Makefile that stopped; it counts when no test says why.
    if len(sys.argv) > 2 and not failed:
        print(f"failed: {sys.argv[2]}")
        failed = sys.argv[2:3]
    print(f"{passed_count} passed, {len(failed)} failed")
    sys.exit(1 if failed or not passed_count else 0)
