"""What the documents say about the tree is true: functions, files, folders and links that they name are there."""
import pathlib
import re
import subprocess
import sys

import layers

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = ROOT / "docs/architecture.md"


def sources():
    return {str(path.relative_to(ROOT)): path.read_text() for path in layers.files_of(ROOT / "src")}


def defines(text, function):
    """A definition, not a declaration or a call: starts its line, and its body opens behind the parameters."""
    return re.search(rf"^\w[^;{{}}()=]*\b{function}\([^;{{}}]*\)\s*\n\{{", text, re.MULTILINE) is not None


def named_functions(text):
    return re.findall(r"`(\w+)\(\)`", text)


def chapter(text, title):
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/architecture.md has no chapter '{title}'"
    return found.group(1)


def test_a_definition_is_told_from_a_declaration_and_a_call():
    assert defines("static int\nf(int a,\n  int b)\n{\n}\n", "f")
    assert defines("int df_x(void)\n{\n", "df_x")
    assert not defines("int f(int a);\nint g(void)\n{\n    return f(1);\n}\n", "f")
    assert not defines("int long_f(void)\n{\n", "f")


def test_functions_that_documents_name_are_defined():
    texts = sources().values()
    missing = [
        f"{path.name}: {name}()"
        for path in DOCUMENTS
        for name in named_functions(path.read_text())
        if not any(defines(text, name) for text in texts)
    ]
    assert missing == []


def test_the_way_of_a_parameter_goes_through_every_layer_it_needs():
    """The chapter's lines are `function()` (file): the function is defined in that very file."""
    text = chapter(ARCHITECTURE.read_text(), "One parameter's way")
    pairs = re.findall(r"`(\w+)\(\)`\s+\((src/[\w/.]+)\)", text)
    assert len(pairs) >= 20
    assert len(pairs) == len(named_functions(text)), "each function is named with its file, once"
    files = sources()
    assert [f"{name}() in {path}" for name, path in pairs if path not in files or not defines(files[path], name)] == []
    assert {path.split("/")[1] for _, path in pairs} >= {"cli", "job", "engine", "invoke", "worker", "format", "store"}


def test_paths_that_documents_name_are_there():
    missing = []
    for path in DOCUMENTS:
        for name in re.findall(r"(?<![\w/.-])((?:src|tests|scripts|docs|bench|\.ci)/[\w./-]*\w)", path.read_text()):
            if not (ROOT / name).exists():
                missing.append(f"{path.name}: {name}")
    assert missing == []


def test_links_lead_somewhere():
    missing = [
        f"{path.name}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert missing == []


def test_architecture_has_a_line_for_each_layer_that_is_there():
    text = chapter(ARCHITECTURE.read_text(), "Layers")
    for layer in layers.LAYERS:
        files = [path for path in layers.files_of(ROOT / "src") if path.relative_to(ROOT / "src").parts[0] == layer]
        assert f"src/{layer}/" in text or not files, f"src/{layer}/ is not described"
    listed = re.findall(r"src/(\w+)/", text)
    assert listed == sorted(set(listed), key=layers.LAYERS.index), "in the order of tests/layers.py"


def test_the_table_of_coverage_lists_the_items():
    """And every test that tests/coverage.txt names is in the tree."""
    done = subprocess.run([sys.executable, ROOT / "scripts/coverage_table.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts = {}
    for path in (ROOT / "tests").rglob("test_*"):
        if path.suffix in (".c", ".py"):
            texts[path.stem] = texts.get(path.stem, "") + path.read_text()
    named = re.findall(r"(?:tests/[\w/]*/)?(test_\w+)(?:\.py)?::(\w+)", (ROOT / "tests/coverage.txt").read_text())
    assert len(named) > 100
    assert sorted({f"{file}::{name}" for file, name in named if name not in texts.get(file, "")}) == []
