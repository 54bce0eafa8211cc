"""Funnels as SVG and HTML, looked at by headless Chromium: bars are as long as their numbers say, and every text is inside
of the frame and beside the others, with few steps and many, with names that are far too long.

Part of `make test-all`: Chromium is too large a package for `make test`."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from conftest import Dayfly  # noqa: E402
from test_outputs import NAMES, ladder, reached, words_of  # noqa: E402, F401 (a fixture)

MEASURE = """
<script>
window.addEventListener('load', () => {
  const svg = document.querySelector('svg.df-funnel');
  const box = e => { const b = e.getBBox(); return {x: b.x, y: b.y, width: b.width, height: b.height, text: e.textContent,
                                                    kind: e.getAttribute('class'), count: Number(e.dataset.count)}; };
  const view = svg.viewBox.baseVal, frame = svg.getBoundingClientRect();
  const result = {width: view.width, height: view.height, shown: {width: frame.width, height: frame.height},
                  texts: [...svg.querySelectorAll('text')].map(box), bars: [...svg.querySelectorAll('.df-bar')].map(box),
                  colours: [...svg.querySelectorAll('.df-bar, text')].map(e => getComputedStyle(e).fill),
                  page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth};
  document.documentElement.innerHTML = '<body><pre id="' + 'measured">' + JSON.stringify(result).replaceAll('<', '\\\\u003c') + '</pre></body>';
});
</script>
"""


@pytest.fixture(scope="session")
def dayfly(tmp_path_factory):
    return Dayfly(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "Chromium is not there: scripts/setup.sh browser"
    profile = tmp_path_factory.mktemp("chromium")

    def run(*flags, page):
        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        return subprocess.run([*words, *flags, page.as_uri()], capture_output=True, timeout=120, check=True).stdout.decode()

    return run


def measure(chromium, folder, markup, *flags):
    page = folder / "measured.html"
    page.write_text(markup + MEASURE, encoding="utf-8")
    dom = chromium(*flags, "--virtual-time-budget=5000", "--dump-dom", page=page)
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[:2000]
    text = found.group(1).replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<")
    return json.loads(text)


def check_picture(picture, steps):
    bars, texts = picture["bars"], picture["texts"]
    assert [bar["count"] for bar in bars] == [reached(step) for step in range(1, steps + 1)]
    for bar in bars:
        assert bar["width"] == pytest.approx(bars[0]["width"] * bar["count"] / 1200, abs=0.01)
        assert 0 <= bar["x"] and bar["x"] + bar["width"] <= picture["width"]
    assert len(texts) == 2 * steps + 2  # title, label and count per step, foot
    for text in texts:
        assert text["width"] > 5, text
        assert text["x"] >= 0 and text["x"] + text["width"] <= picture["width"], text
        assert text["y"] >= 0 and text["y"] + text["height"] <= picture["height"], text
    labels = [text for text in texts if text["kind"] == "df-label"]
    counts = [text for text in texts if text["kind"] == "df-count"]
    for step, (label, count, bar) in enumerate(zip(labels, counts, bars), 1):
        assert label["text"].startswith(f"{step} ") and f"{reached(step):,}" in count["text"]
        assert label["x"] + label["width"] < count["x"], "a label that runs into its numbers"
        assert label["y"] + label["height"] <= bar["y"] + 4, "a bar over its label"
        if step < steps:
            assert bar["y"] + bar["height"] <= labels[step]["y"] + 2, "a bar over the next label"
    assert any("…" in label["text"] for label in labels), "names that are too long are cut"


@pytest.mark.parametrize("durations", [[], ["--durations"]], ids=["plain", "durations"])
@pytest.mark.parametrize("steps", [3, 12])
def test_svg_in_a_page(dayfly, ladder, chromium, tmp_path, steps, durations):  # noqa: F811
    svg = dayfly.run(*words_of(ladder, steps, NAMES), *durations, "-o", "svg").stdout
    page = "<!DOCTYPE html><meta charset='utf-8'><body>" + svg.partition("?>")[2]
    check_picture(measure(chromium, tmp_path, page), steps)


@pytest.mark.parametrize("steps", [3, 12])
def test_svg_is_an_image_by_itself(dayfly, ladder, chromium, tmp_path, steps):  # noqa: F811
    file = tmp_path / "funnel.svg"
    dayfly.run(*words_of(ladder, steps, NAMES), "-o", "svg", "--output-file", file)
    dom = chromium("--dump-dom", page=file)
    assert "parsererror" not in dom and dom.count('class="df-bar"') == steps
    page = tmp_path / "image.html"
    page.write_text(f"<!DOCTYPE html><body><img id=i src='{file.as_uri()}'><pre id=o></pre>"
                    "<script>onload = () => { o.textContent = i.complete + ' ' + i.naturalWidth + ' ' + i.naturalHeight }</script>")
    size = re.search(r'<pre id="o">(.*?)</pre>', chromium("--allow-file-access-from-files", "--dump-dom", page=page)).group(1)
    assert size == f"true 800 {52 + 50 * steps + 36}"


@pytest.mark.parametrize("steps", [3, 12])
def test_html_fits_wide_and_narrow_windows(dayfly, ladder, chromium, tmp_path, steps):  # noqa: F811
    html = dayfly.run(*words_of(ladder, steps, NAMES), "--by", "country", "--trend", "day", "--durations", "-o", "html").stdout
    # The page's own policy lets no script run, that of the test neither.
    html, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    assert policies == 1
    for size in ("1400,900", "500,900"):
        picture = measure(chromium, tmp_path, html, f"--window-size={size}")
        check_picture(picture, steps)
        assert picture["shown"]["width"] <= picture["window"], "the picture shrinks with the window"
        assert picture["page"] <= picture["window"], "wide tables scroll by themselves"


def test_html_runs_no_script(dayfly, ladder, chromium, tmp_path):  # noqa: F811
    html = dayfly.run(*words_of(ladder, 3), "-o", "html").stdout
    with pytest.raises(AssertionError):
        measure(chromium, tmp_path, html)
