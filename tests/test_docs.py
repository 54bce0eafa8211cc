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


def test_the_page_of_parquet_names_each_source_of_its_folder_and_none_that_is_not_there():
    folder = ROOT / "src/format/parquet"
    named = set(re.findall(r"(?<![\w/.])(\w+\.[ch])\b", (folder / "README.md").read_text()))
    places = [folder, folder.parent, ROOT / "tests/unit/format", ROOT / "tests/fuzz"]
    assert sorted(name for name in named if not any((place / name).exists() for place in places)) == []
    assert sorted({path.name for path in folder.glob("*.c")} - named) == []


def test_each_decoder_of_parquet_is_called_by_the_unit_test_and_the_fuzz_target_that_its_page_names():
    text = (ROOT / "src/format/parquet/README.md").read_text()
    rows = re.findall(r"^\| ([\w., ]+) \| (test_[\w., ]+) \| (fuzz_\w+\.c) \|$", text, re.MULTILINE)
    calls = {"thrift.c": "df_thrift_take_i64", "plain.c": "df_plain_bytes", "rle.c": "df_rle_take", "bit_packed.c": "df_bit_packed_take|df_parquet_levels_init_bit_packed",
             "delta.c": "df_delta_take", "delta_length.c": "df_delta_length_take", "delta_strings.c": "df_delta_strings_write", "byte_stream_split.c": "df_byte_stream_split_join",
             "dictionary.c": "df_parquet_dictionary_decode", "levels.c": "df_parquet_levels_take", "codec.c": "df_parquet_codec_decompress", "snappy.c": "df_snappy_decompress", "lz4.c": "df_parquet_codec_decompress"}
    assert set(calls) <= {name for files, _, _ in rows for name in files.split(", ")}
    for files, tests, target in rows:
        fuzzed = (ROOT / "tests/fuzz" / target).read_text()
        tested = "".join((ROOT / "tests/unit/format" / test).read_text() for test in tests.split(", "))
        for call in [calls[name] for name in files.split(", ") if name in calls]:
            assert re.search(rf"\b({call})\(", fuzzed) and re.search(rf"\b({call})\(", tested), (call, target, tests)
        assert (ROOT / "tests/fuzz/corpus" / target[len("fuzz_") : -2]).is_dir(), target
