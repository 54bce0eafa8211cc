"""A layer includes only itself and what stands above it in the list; an engine includes no other engine.

Runs with pytest (`make lint`, `make test`) and by itself: python3 tests/layers.py."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]

# From the bottom up, as in docs/architecture.md.
LAYERS = "base net aws store format engine worker invoke catalog job deploy emulator api cli main".split()

# Engines say what to compute; who runs it stands after them in the list, and so is forbidden already. Formats, stores
# and protocols are siblings too, but may share: only engines must not know of each other.
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


def files_of(source):
    return sorted(path for path in source.rglob("*") if path.suffix in (".c", ".h"))


def included_layers(path, source):
    """(text of the include, path below src/) of each include of our own; an include of a neighbour may lack the folder."""
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        for candidate in (source / name, path.parent / name):
            if candidate.resolve().is_file():
                yield name, candidate.resolve().relative_to(source.resolve())
                break
        else:
            yield name, None


def violations(source):
    found = [
        f"src/{entry.name}: not a layer; the list is: {' '.join(LAYERS)}"
        for entry in sorted(source.iterdir())
        if entry.name not in LAYERS
    ]
    for path in files_of(source):
        here = path.relative_to(source)
        if here.parts[0] not in LAYERS:
            continue
        for name, target in included_layers(path, source):
            if target is None:
                found.append(f'src/{here}: includes "{name}", which is not there')
            elif target.parts[0] not in LAYERS:
                found.append(f'src/{here}: includes "{name}" of a folder that is not a layer')
            elif LAYERS.index(target.parts[0]) > LAYERS.index(here.parts[0]):
                found.append(f'src/{here}: includes "{name}", which stands after {here.parts[0]} in the list of layers')
            elif crosses_engines(here, target):
                found.append(f'src/{here}: includes "{name}" of another engine')
    return found


def crosses_engines(here, target):
    def engine(path):
        return path.parts[1] if path.parts[0] == "engine" and len(path.parts) > 2 else None

    # engine.h itself, which lies in no engine's folder, is for all of them, and knows none of them.
    return here.parts[0] == "engine" and engine(target) is not None and engine(here) != engine(target)


def test_each_file_includes_only_from_layers_before_its_own():
    source = ROOT / "src"
    assert len(files_of(source)) > 40
    assert violations(source) == []


def plant(source, files):
    for name, text in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


CLEAN = {
    "base/buf.h": "",
    "engine/engine.h": '#include "base/buf.h"\n',
    "engine/funnel/plan.h": "",
    "engine/funnel/run.c": '#include "plan.h"\n#include "engine/engine.h"\n#include <stdio.h>\n',
    "engine/search/run.h": "",
    "worker/executor.h": '#include "engine/engine.h"\n',
}


def test_a_planted_violation_is_found(tmp_path):
    plant(tmp_path, CLEAN)
    assert violations(tmp_path) == []
    for name, line, words in [
        ("base/up.c", '#include "engine/engine.h"', "stands after base"),
        ("engine/funnel/up.c", '  #  include "worker/executor.h"', "stands after engine"),
        ("engine/funnel/aside.c", '#include "engine/search/run.h"', "another engine"),
        ("engine/funnel/by_path.c", '#include "../search/run.h"', "another engine"),
        ("engine/knows_all.c", '#include "engine/funnel/plan.h"', "another engine"),
        ("engine/funnel/lost.c", '#include "base/gone.h"', "not there"),
        ("util/new.c", "", "src/util: not a layer"),
    ]:
        plant(tmp_path, {name: line + "\n"})
        found = violations(tmp_path)
        assert len(found) == 1 and words in found[0], (name, found)
        (tmp_path / name).unlink()
        if name.startswith("util/"):
            (tmp_path / "util").rmdir()


if __name__ == "__main__":
    problems = violations(ROOT / "src")
    print("\n".join(problems) or "layers: fine")
    sys.exit(1 if problems else 0)


def test_engines_know_no_way_to_a_worker():
    """An engine says what to compute. How a part reaches a worker, and where objects lie, is nobody's business there."""
    words = re.compile(r"lambda|\bs3\b|envelope|invoke|bootstrap|runtime api|http", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "src" / "engine").rglob("*.[ch]"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert found == []
