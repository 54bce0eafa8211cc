"""What a funnel looks like: text at several widths, CSV, SVG and HTML. tests/browser looks at the last two in Chromium."""
import csv
import io
import re
import xml.etree.ElementTree as ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from test_terminal import on_terminal, width

SVG = "{http://www.w3.org/2000/svg}"
# What a step's name may look like at worst.
NAMES = ["W" * 120, "東京都の長い名前が続くステップ" * 6, "<b>&amp;\"'", "🛒" * 40, "plain", "a very long name " * 12]


@pytest.fixture(scope="session")
def ladder(tmp_path_factory):
    """1,200 users; user u does steps 1 to 12 as far as u allows: step k is reached by 1200 - 100 (k - 1)."""
    folder = tmp_path_factory.mktemp("ladder")
    rows = [(user, 1_600_000_000_000 + step * 60_000, f"e{step}", "US" if user % 3 else None) for user in range(1200) for step in range(1, 13) if user >= 100 * (step - 1)]
    columns = zip(*rows)
    pq.write_table(pa.table(dict(zip(["user_id", "time", "event", "country"], map(list, columns)))), folder / "a.parquet")
    return folder


def words_of(ladder, steps, names=()):
    words = ["funnel", ladder, "--user", "user_id", "--time", "time", "--time-unit", "ms"]
    for step in range(1, steps + 1):
        words += ["--step", f"event = 'e{step}'"]
        if step <= len(names):
            words += ["--name", names[step - 1]]
    return words


def reached(step):
    return 1200 - 100 * (step - 1)


# ---- text ----


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("steps", [3, 12])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_chart_fits_its_terminal(dayfly, ladder, columns, steps, ascii_only):
    words = words_of(ladder, steps, NAMES) + ["--durations", "--by", "country", "--trend", "day"]
    shown = on_terminal(dayfly, columns, *words, *(["--ascii"] if ascii_only else []), environment={"NO_COLOR": "1"})
    lines = shown.splitlines()
    assert max(map(width, lines)) <= columns
    assert max(map(width, lines)) > columns * 0.8, "it uses the room that is there"
    if ascii_only:
        assert shown.isascii()
    for step in range(1, steps + 1):
        line = next(line for line in lines if re.match(rf"\s*{step} ", line))
        assert f"{reached(step):,}" in line
    assert any(line.startswith("US") for line in lines) and any(line.startswith("null") for line in lines)


def test_bars_of_a_chart_are_as_long_as_their_numbers(dayfly, ladder):
    shown = on_terminal(dayfly, 200, *words_of(ladder, 12), "--ascii", environment={"NO_COLOR": "1"})
    bars = [line.count("#") for line in shown.splitlines() if "#" in line]
    assert len(bars) == 12
    for step, bar in enumerate(bars, 1):
        assert abs(bar - bars[0] * reached(step) / 1200) <= 0.51


def test_the_median_time_is_told(dayfly, ladder):
    shown = on_terminal(dayfly, 100, *words_of(ladder, 3), "--durations", environment={"NO_COLOR": "1"})
    assert [line.split()[-2:] for line in shown.splitlines() if re.match("[23] ", line)] == [["60", "s"], ["60", "s"]]


# ---- CSV ----


def test_csv_has_a_row_per_step_value_and_bucket(dayfly, ladder):
    text = dayfly.run(*words_of(ladder, 3, ["a,b"]), "--by", "country", "--trend", "day", "--durations", "-o", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["table"] for row in rows] == ["all"] * 3 + ["group"] * 3 + ["group-null"] * 3 + ["trend"] * 3
    for step, row in enumerate(rows[:3], 1):
        assert (int(row["step"]), int(row["users"])) == (step, reached(step))
        assert float(row["of_first"]) == pytest.approx(reached(step) / 1200)
    assert rows[0]["name"] == "a,b" and rows[0]["sessions"] == "" and rows[0]["of_previous"] == ""
    assert float(rows[2]["of_previous"]) == pytest.approx(1000 / 1100)
    assert float(rows[2]["from_start_p50"]) == pytest.approx(120_000, rel=0.01)
    assert float(rows[1]["from_previous_mean"]) == 60_000
    assert [row["value"] for row in rows[3::3]] == ["US", "", "2020-09-13"]
    assert sum(int(row["users"]) for row in rows if row["table"].startswith("group") and row["step"] == "2") == 1100


def test_csv_of_sessions(dayfly, ladder):
    text = dayfly.run(*words_of(ladder, 2), "--session-gap", "90s", "-o", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["users"], row["sessions"]) for row in rows] == [("1200", "1200"), ("1100", "1100")]


# ---- SVG and HTML ----


def check_bars(svg, steps):
    bars = [rect for rect in svg.iter(SVG + "rect") if rect.get("class") == "df-bar"]
    assert [int(bar.get("data-count")) for bar in bars] == [reached(step) for step in range(1, steps + 1)]
    full = float(bars[0].get("width"))
    for step, bar in enumerate(bars, 1):
        assert float(bar.get("width")) == pytest.approx(full * reached(step) / 1200)


@pytest.mark.parametrize("steps", [3, 12])
def test_svg_is_well_formed_and_its_bars_are_as_long_as_their_numbers(dayfly, ladder, steps):
    text = dayfly.run(*words_of(ladder, steps, NAMES), "-o", "svg").stdout
    svg = ElementTree.fromstring(text.encode())
    assert svg.tag == SVG + "svg"
    check_bars(svg, steps)
    assert not list(svg.iter(SVG + "script")) and "href" not in text and "url(" not in text


@pytest.mark.parametrize("steps", [3, 12])
def test_html_is_one_file_with_the_picture_and_the_numbers(dayfly, ladder, steps):
    text = dayfly.run(*words_of(ladder, steps, NAMES), "--by", "country", "--trend", "day", "-o", "html").stdout
    check_bars(ElementTree.fromstring(re.search(r"<svg .*</svg>", text, re.DOTALL).group(0)), steps)
    for outside in ("<script", "src=", "href=", "@import", "url("):
        assert outside not in text
    # Nothing from elsewhere but the names of standards.
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    table = text.partition('<table id="steps">')[2].partition("</table>")[0]
    assert table.count("<tr>") == steps + 1 and f"<td>{reached(steps):,}</td>" in table
    assert 'id="groups"' in text and 'id="trend"' in text and "&lt;b&gt;" in text


def test_an_output_file_is_written_whole_or_not_at_all(dayfly, ladder):
    page = dayfly.folder / "page.html"
    done = dayfly.run(*words_of(ladder, 3), "-o", "html", "--output-file", page)
    assert done.stdout == "" and page.read_text().endswith("</html>\n")
    page.write_text("before")
    dayfly.run(*words_of(ladder, 3), "--step", "nosuch = 1", "-o", "html", "--output-file", page, status=2)
    assert page.read_text() == "before"
    assert sorted(path.name for path in dayfly.folder.iterdir() if path.is_file()) == ["page.html"]
