"""report.html in a real browser: nothing is loaded or complained of, and a narrow screen does not scroll sideways."""

import html
import json
import re
import subprocess
from pathlib import Path

import made_verdicts as made
import pytest
from browsing import CHROMIUM, FLAGS, browse, measured_narrow, without_policy

import loadtests.report
from loadtests.report.compose import page_of
from loadtests.report.html import render
from loadtests.report.wording import figure

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


def odd():
    """A page whose names, messages and reasons have no place to break."""
    long = "x" * 300
    run = made.scenario_run(made.scenario(long, operations=(long, "<script>")))
    return made.verdict(run=run, why=long, thresholds=[made.threshold(long, why=long)])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("narrow")
    texts = {kind: render(page_of(verdict)) for kind, verdict in (made.every() | {"odd": odd()}).items()}
    texts["too wide"] = texts["pass"].replace("<main", '<div style="width: 700px">wide</div><main')
    return measured_narrow(texts, directory)


@pytest.mark.parametrize("kind", [*made.every(), "odd"])
def test_a_narrow_screen_does_not_scroll_sideways(measured, kind):
    """At 390 px, with everything unfolded, the page is as wide as the screen; only boxes inside it scroll."""
    assert measured[kind]["view"] == 390
    assert measured[kind]["width"] == 390
    assert measured[kind]["inner"] > 0


def test_the_measurement_notices_a_page_that_is_too_wide(measured):
    """The check above can fail."""
    assert measured["too wide"]["width"] > 700


def test_nothing_is_loaded(measured):
    """The page is all there is."""
    assert {one["loaded"] for one in measured.values()} == {0}


USE = """<script>
const all = selector => [...document.querySelectorAll(selector)];
const press = key => all(".plot")[0].dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const paper = () => getComputedStyle(document.body).backgroundColor;
const found = {
  figures: all("figure.chart").length,
  painted: all("figure.chart canvas").filter(one => one.getContext("2d").getImageData(0, 0, one.width, one.height)
    .data.some(value => value)).length,
};
press("Home"); press("ArrowRight"); press("ArrowRight");
found.said = document.querySelector("[aria-live]").textContent;
found.moments = all(".moment").map(one => one.textContent);
found.names = all(".legend")[0].textContent;
const before = paper();
document.querySelector(".scheme").click();
found.papers = [before, paper()];
const button = document.querySelector(".legend button");
button.click();
found.pressed = button.getAttribute("aria-pressed");
all("figure.chart details")[0].open = true;
setTimeout(() => {
  found.rows = document.querySelectorAll("figure.chart details tbody")[0].rows.length;
  document.body.dataset.found = JSON.stringify(found);
}, 100);
</script></body>"""


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """What a reader finds who walks along the first chart, opens its table, and switches to dark."""
    directory = tmp_path_factory.mktemp("used")
    page = directory / "report.html"
    text = without_policy(render(page_of(made.failing())))
    page.write_text(text.replace("</body>", USE), encoding="utf-8")
    return json.loads(html.unescape(re.search(r'data-found="([^"]*)"', browse(page, directory).stdout)[1]))


def test_every_chart_is_painted(used):
    """A canvas for each figure, and something on it."""
    assert used["figures"] == used["painted"] >= 8


def test_a_chart_can_be_walked_along_with_the_keyboard(used):
    """The third second, its values said aloud with their units."""
    assert used["said"].startswith("2 s: p50 ")
    assert "ms, p90 " in used["said"]


def test_all_charts_over_time_follow_the_cursor(used):
    """Each legend shows the same moment; only the chart over quantiles has no part in it."""
    assert set(used["moments"]) == {"2 s", ""}
    assert used["moments"].count("") == 1


def test_a_chart_is_a_table_too(used):
    assert used["rows"] == 20


def test_the_reader_chooses_light_or_dark(used):
    light, dark = used["papers"]
    assert light != dark


def test_a_line_can_be_hidden(used):
    assert used["pressed"] == "false"


SAID = {
    "ms": [0, 0.0025, 0.85, 1, 5.024, 12.34, 123.4, 1250, 59_900, 119_000, 125_000, 3_725_000],
    "ratio": [0, 0.00004, 0.0005, 0.01, 0.1327, 0.5, 0.99996, 0.999999, 1],
    "per_s": [0, 0.25, 1.5, 46.53, 99, 399.6, 1000, 12_345],
    "bytes": [0, 512, 1500, 39_500_000, 2_000_000_000, 1.25e12],
}


def test_a_chart_says_numbers_as_the_rest_of_the_page_does(tmp_path):
    """The script's words and those of Python, side by side."""
    page = tmp_path / "words.html"
    script = (Path(loadtests.report.__file__).parent / "assets" / "words.js").read_text(encoding="utf-8")
    found = f"{script}\nconst said = {{}}, all = {json.dumps(SAID)};\n"
    found += "for (const unit in all) said[unit] = all[unit].map(loadtestsWords.SAY[unit]);\n"
    found += "document.body.dataset.found = JSON.stringify(said);"
    page.write_text(f"<!doctype html><meta charset=utf-8><body><script>{found}</script>", encoding="utf-8")
    said = json.loads(html.unescape(re.search(r'data-found="([^"]*)"', browse(page, tmp_path).stdout)[1]))
    assert said == {unit: [said_by_python(value, unit) for value in values] for unit, values in SAID.items()}


def said_by_python(value, unit):
    return figure(value * 1e6 if unit == "ms" else value, "ns" if unit == "ms" else unit).text


def test_the_page_can_be_printed(tmp_path):
    """On paper it is a few pages long: nothing runs out of one, and no page is empty."""
    page, paper = tmp_path / "report.html", tmp_path / "paper.pdf"
    page.write_text(render(page_of(made.failing())), encoding="utf-8")
    flags = [flag for flag in FLAGS if flag != "--dump-dom"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={paper}", page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=50, check=True)
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type ?/Page\b", content)) <= 12


def test_the_browser_has_nothing_to_complain_of(tmp_path):
    """No message on the console: no error, nothing refused, nothing against the page's policy, which lets it draw."""
    page = tmp_path / "report.html"
    page.write_text(render(page_of(made.failing())), encoding="utf-8")
    seen = browse(page, tmp_path)
    assert "✘ FAIL" in seen.stdout
    assert seen.stdout.count("<canvas") == seen.stdout.count("<figure") >= 8
    assert "CONSOLE" not in seen.stderr


def test_the_console_is_listened_to(tmp_path):
    """The check above can fail: a script in the page is refused by its policy, and the console says so."""
    page = tmp_path / "report.html"
    page.write_text(render(page_of(made.verdict())).replace("</body>", "<script>1</script></body>"), encoding="utf-8")
    assert "CONSOLE" in browse(page, tmp_path).stderr
