"""What a newcomer types works: the commands that the documents and `make demo` show, `make help`, and the pages that are
made from the program's own tables."""
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from conftest import PROGRAM, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def shell_lines(text):
    """Lines of the ```sh blocks; a backslash at the end joins the next; what follows ` # ` is a remark."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"\s+# .*", "", line).strip()


def documented_commands():
    """Those that stand by themselves; tests/e2e/test_docs_examples.py runs the others block by block."""
    return [
        pytest.param(line, id=f"{path.name}: {line[:60]}")
        for path in DOCUMENTS
        if path.name not in ("guide.md", "query-language.md")
        for line in shell_lines(path.read_text())
        if line.startswith("build/release/dayfly ")
    ]


@pytest.fixture
def first_folder(tmp_path, retail):
    """A folder that looks like a clone after `make demo`, with fewer shoppers."""
    (tmp_path / "build/release").mkdir(parents=True)
    (tmp_path / "build/release/dayfly").symlink_to(PROGRAM)
    (tmp_path / "build/demo").symlink_to(retail["users"])
    return tmp_path


def run(command, folder):
    done = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert done.stdout or "--output-file" in command
    return done.stdout


@pytest.mark.parametrize("command", documented_commands())
def test_commands_of_the_documents_work(first_folder, command):
    run(command, first_folder)


def test_readme_shows_commands():
    assert len([line for line in shell_lines((ROOT / "README.md").read_text()) if "dayfly funnel" in line]) >= 1


def test_the_demo_shows_a_funnel_and_the_commands_that_it_proposes_work(first_folder):
    (first_folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/demo.sh", first_folder / "scripts")
    shown = run("scripts/demo.sh", first_folder)
    assert "19,401" in shown or "19401" in shown
    commands = [line.strip() for line in shown.partition("To try next:")[2].splitlines() if line.strip()]
    assert len(commands) == 3
    for command in commands:
        run(command, first_folder)


def make(*words):
    return subprocess.run(["make", "-C", ROOT, "--no-print-directory", *words], capture_output=True, text=True, check=True).stdout


def test_make_help_lists_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split()
    assert re.findall(r"^make (\S+) +\S", make("help"), re.MULTILINE) == phony
    wanted = "build demo test test-all bench fuzz soak check-fresh format lint help".split()
    assert set(wanted) <= set(phony)


def test_words_of_make_that_documents_name_exist():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split()
    named = {
        (path.name, word)
        for path in DOCUMENTS
        for word in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE)
    }
    assert {word for _, word in named} <= set(phony), named
    assert ("README.md", "demo") in named and ("README.md", "test") in named


def test_the_page_of_options_is_what_the_program_prints(dayfly):
    page = (ROOT / "docs/configuration.md").read_text()
    assert dayfly.run("config", "--markdown").stdout == page, "build/release/dayfly config --markdown >docs/configuration.md"


def test_ci_ends_with_the_count_and_calls_only_words_of_the_readme():
    script = (ROOT / ".ci/run").read_text()
    words = re.search(r"^for word in (.*); do", script, re.MULTILINE).group(1).split()
    readme = (ROOT / "README.md").read_text()
    assert all(f"make {word}" in readme for word in words)
    assert pathlib.Path(ROOT / ".ci/run").stat().st_mode & 0o100
