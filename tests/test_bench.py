"""The bench judges right: what holds, what is missed, which formulation counts, what goes into docs/performance.md."""
import pathlib
import sys
import xml.etree.ElementTree

import pytest

BENCH = pathlib.Path(__file__).parents[1] / "bench"
sys.path.insert(0, str(BENCH))
sys.dont_write_bytecode = True

import bench  # noqa: E402
import draw  # noqa: E402
import goals  # noqa: E402
import measure  # noqa: E402
import questions  # noqa: E402


def line(program, form, cpu_s, other=False, ours_s=1.0):
    return {"program": program, "form": form, "wall_s": cpu_s, "cpu_s": cpu_s, "spread": 0.0, "cpu_ns_per_row": cpu_s * 10, "read_bytes": 1e6,
            "rows_per_second_per_core": 1e8 / cpu_s, "ratio": cpu_s / ours_s, "memory_bytes": 50e6, "other_question": other}  # fmt: skip


LINES = [line("dayfly", "", 1.0), line("DuckDB", "slow", 5.0), line("DuckDB", "fast", 3.5), line("chDB", "windowFunnel", 0.5, other=True), line("chDB", "grouped", 4.0)]


def test_a_ratio_is_that_of_the_fastest_formulation():
    found = bench.verdict(goals.Goal("DuckDB", 3, 5), LINES)
    assert (found["found"], found["must_holds"], found["aim_holds"]) == (3.5, True, False)


def test_a_formulation_of_another_question_is_never_the_peer():
    assert bench.verdict(goals.Goal("chDB", 3), LINES)["found"] == 4.0
    assert [one["form"] for one in draw.bars_of({"lines": LINES})] == ["", "fast", "grouped"]


def test_memory_holds_below_its_limit():
    found = bench.verdict(goals.Goal("memory MB", 60, 40), LINES)
    assert (found["found"], found["must_holds"], found["aim_holds"]) == (50, True, False)


def test_a_peer_that_was_not_measured_is_neither_held_nor_missed():
    found = bench.verdict(goals.Goal("original", 20), LINES)
    assert found["found"] is None and "must_holds" not in found
    assert "not measured" in bench.said(found) and "not measured" in draw.said(found)


def test_the_fastest_of_each_peer_goes_on():
    times = {("DuckDB", "a"): 2, ("DuckDB", "b"): 1, ("chDB", "windowFunnel"): 0, ("chDB", "grouped"): 3}
    assert bench.fastest_by(times, times.get) == {"DuckDB": ("DuckDB", "b"), "chDB": ("chDB", "grouped")}


def test_answers_are_equal_to_the_last_whole_number():
    assert questions.equal((3881830, 1.0), (3881830, 1.0 + 1e-12))
    assert not questions.equal((3881830,), (3881831,))
    assert not questions.equal((1,), (1, 2))
    assert not questions.equal((1.0,), (1.001,))


def test_contestants_take_turns_and_must_repeat_themselves():
    order = []

    def contestant(name, answers):
        def once():
            order.append(name)
            return measure.Cost(float(len(order)), 0, 0, 0), answers.pop()

        return once

    found = measure.rounds({"a": (contestant("a", [(1,)] * 3), 3), "b": (contestant("b", [(2,)] * 3), 2)}, 3)
    assert order == ["a", "b", "a", "b", "a"]
    assert found["a"][0].cpu_s == 3.0 and found["a"][2] == (1,)
    with pytest.raises(SystemExit, match="says"):
        measure.rounds({"a": (contestant("a", [(1,), (2,)]), 2)}, 2)


def test_a_process_is_measured_with_what_it_read(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    cost, output = measure.run(["cat", tmp_path / "file"])
    assert len(output) == 1_000_000 and cost.read_bytes >= 1_000_000 and cost.memory_bytes > 0 and cost.wall_s > 0
    with pytest.raises(SystemExit, match="ended with"):
        measure.run(["false"])


def test_every_row_has_a_question_that_its_peers_can_answer():
    for row in goals.ROWS:
        assert all(bench.forms_of(name.split(",")[0], row.question) for name in row.peers), row.key
        assert {goal.against for goal in row.goals} <= {*row.peers, "memory MB"}, row.key


def result():
    entry = {"key": "funnel", "title": "funnel of 3", "rows": 9_849_598, "lines": LINES, "goals": [bench.verdict(goals.Goal("DuckDB", 3, 5), LINES)]}
    return {"machine": {"cpu": "A & B", "cpus": 2, "memory_bytes": 2**34, "commit": "abc", "date": "2026-01-01", "load": 0.1}, "runs": 5, "rows": [entry],
            "two_threads": {"found": 1.95, "must": 1.9}, "small": [{"command": "inspect", "wall_ms": 1.5, "must": 5}], "linear": []}  # fmt: skip


def test_the_picture_is_well_formed_and_names_everyone():
    tree = xml.etree.ElementTree.fromstring(draw.picture(result()))
    words = " ".join(tree.itertext())
    assert all(name in words for name in ("funnel of 3", "dayfly", "DuckDB, 3.5 ×", "A & B", "abc"))


def test_tables_are_put_between_their_marks_and_nothing_else_changes():
    page = (BENCH.parent / "docs/performance.md").read_text()
    once = page
    for name, table in (("machine", draw.where), ("table", draw.main_table), ("small", draw.small_table), ("linear", draw.linear_table)):
        once = draw.between_marks(once, name, table(result()))
    assert "| funnel of 3 | 9.8 M | 1.00 | 10.0 | 100 | 3.5 × | 4.0 × |" in once
    assert "3 × DuckDB: holds; aim 5: missed" in once
    assert once.count("<!--") == page.count("<!--")
    again = once
    for name, table in (("machine", draw.where), ("table", draw.main_table), ("small", draw.small_table), ("linear", draw.linear_table)):
        again = draw.between_marks(again, name, table(result()))
    assert again == once
