"""report.html: one file, escaped, readable without colour, script or network."""

import base64
import hashlib
import html.parser
import re
from pathlib import Path

import made_verdicts as made
import pytest

import loadtests.report
from loadtests.report.bar import BAR_WIDTH, bar_of
from loadtests.report.compose import page_of
from loadtests.report.html import render
from loadtests.result.run import FailureSample

CSS = (Path(loadtests.report.__file__).parent / "assets" / "page.css").read_text(encoding="utf-8")
VOID = {"meta", "link", "br", "rect", "line", "path", "circle", "polyline"}


class Outline(html.parser.HTMLParser):
    """Tags with their attributes, the text of elements, and whether every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open, self.scripts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append((self.tags[-1][1].get("type"), data))
        else:
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def outline(kind="fail"):
    return Outline(render(page_of(made.every()[kind])))


@pytest.mark.parametrize("kind", list(made.every()))
def test_every_element_is_closed_in_order(kind):
    assert outline(kind).open == []


@pytest.mark.parametrize("kind", list(made.every()))
def test_nothing_in_the_page_leads_out_of_it(kind):
    """No address to load from, and a policy that forbids any; no script but the one whose digest the policy names."""
    found = outline(kind)
    assert all(attrs in ({}, {"type": "application/json"}) for attrs in found.all("script"))
    (script,) = [text for tag, text in found.scripts if not tag]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    addresses = [
        attrs[name] for _, attrs in found.tags for name in ("src", "href", "srcset", "action") if name in attrs
    ]
    assert set(addresses) == {"#content", "data:,"}
    assert "url(" not in CSS
    assert "@import" not in CSS
    policy = next(
        attrs["content"] for attrs in found.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert policy.endswith(f"script-src 'sha256-{digest}'")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param("pass", "✔ PASS", id="passed"),
        pytest.param("fail", "✘ FAIL", id="failed"),
        pytest.param("invalid", "! INVALID", id="invalid"),
        pytest.param("inconclusive", "? INCONCLUSIVE", id="inconclusive"),
    ],
)
def test_the_verdict_and_why_come_before_anything_else(kind, words):
    """After the heading, the first things said are the verdict's word and its reason."""
    said = [text for tag, text in outline(kind).texts if text and tag not in ("title", "style", "a", "button")]
    assert said[:3] == ["Load test report", words, made.every()[kind].why]


def test_tables_tell_a_screen_reader_what_is_a_heading():
    """Every th has a scope, every drawing a description, every section a name, and there are landmarks."""
    found = outline()
    assert all(attrs.get("scope") in ("col", "row", "rowgroup") for attrs in found.all("th"))
    assert all(attrs.get("aria-label") for attrs in found.all("svg") if attrs.get("role") == "img")
    assert all(attrs.get("role") == "img" or attrs.get("aria-hidden") for attrs in found.all("svg"))
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert all(attrs["aria-labelledby"] in ids for attrs in found.all("section"))
    assert {"header", "main", "footer", "h1", "h2", "h3"} <= {tag for tag, _ in found.tags}
    assert found.all("html") == [{"lang": "en"}]


def test_wide_things_scroll_by_keyboard_in_their_own_box():
    """Whatever may be wider than the page sits in a focusable, named box."""
    boxes = [attrs for _, attrs in outline().tags if "scroll" in attrs.get("class", "").split()]
    assert boxes
    assert all(attrs.get("tabindex") == "0" and attrs.get("aria-label") for attrs in boxes)


def test_what_came_back_is_shown_and_not_run():
    """A failure message with HTML in it is text."""
    found = outline()
    assert not found.all("b")
    assert any("<b>busy</b>" in text for tag, text in found.texts if tag == "td")


def test_the_plan_keeps_its_lines():
    """The plan is shown as written, line by line, though names elsewhere are on one line."""
    plan = next(text for tag, text in outline().texts if tag == "pre")
    assert plan.splitlines()[0] == "version: 1"


def test_an_empty_run_has_no_drawing_of_nothing():
    """Without data there is no chart and no bar, and no row of zeros for latencies."""
    found = outline("empty")
    assert not found.all("figure")
    assert not found.all("circle")


# --- geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "zoomed", "inside"),
    [
        pytest.param(made.threshold(), False, True, id="far below a limit from zero"),
        pytest.param(made.threshold(observed=3e9, interval=(2.9e9, 3.1e9)), False, False, id="above an upper limit"),
        pytest.param(made.throughput(), True, True, id="close above a lower limit is shown enlarged"),
        pytest.param(made.throughput(observed=98.0, interval=(97.0, 98.5)), True, False, id="below a lower limit"),
        pytest.param(made.share(), False, True, id="no errors at all"),
        pytest.param(made.share(limit=0.0, comparison="<=", interval=None), False, True, id="a limit of zero, kept"),
    ],
)
def test_a_bar_shows_the_observed_value_on_the_allowed_side_or_not(verdict, zoomed, inside):
    """The dot lies in the tinted stretch exactly when the observed value is allowed; all of it fits the drawing."""
    row = page_of(made.verdict(thresholds=[verdict])).scenarios[0].thresholds[0]
    bar = bar_of(row)
    assert bar.zoomed == zoomed
    assert (bar.allowed[0] <= bar.observed <= bar.allowed[1]) == inside
    places = [bar.limit, bar.observed, *bar.allowed, *(bar.interval or ())]
    assert all(0 <= place <= BAR_WIDTH for place in places)


@pytest.mark.parametrize(
    ("interval", "drawn"),
    [
        pytest.param((None, 1e9), "from the left", id="no lower bound"),
        pytest.param((1e9, None), "to the right", id="no upper bound"),
        pytest.param((1e9, 1.2e9), "between", id="both"),
        pytest.param(None, None, id="neither"),
    ],
)
def test_an_interval_open_on_one_side_runs_to_that_end_of_the_line(interval, drawn):
    verdict = made.threshold(observed=1.1e9 if interval and interval[0] else 0.9e9, interval=interval)
    bar = bar_of(page_of(made.verdict(thresholds=[verdict])).scenarios[0].thresholds[0])
    if drawn is None:
        assert bar.interval is None
        return
    ends = bar.interval[0] == bar.allowed[0], bar.interval[1] >= BAR_WIDTH - 7
    assert ends == (drawn == "from the left", drawn == "to the right")


def test_a_threshold_without_data_has_no_bar():
    row = page_of(made.empty()).scenarios[0].thresholds[0]
    assert bar_of(row) is None


# --- contrast ---------------------------------------------------------------------------------------------------------


def palettes():
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
    return {"light": {name: one for name, one, _ in found}, "dark": {name: other for name, _, other in found}}


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TONES = ("pass", "fail", "inconclusive", "invalid", "not_measured")


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(name):
    """4.5:1 for text on each surface it is put on, 3:1 for lines of a chart; in both colour schemes."""
    colours = palettes()[name]
    pairs = [
        ("ink", "card"),
        ("ink", "paper"),
        ("ink", "faint"),
        ("soft", "card"),
        ("soft", "paper"),
        ("soft", "faint"),
    ]
    pairs += [(tone, "card") for tone in TONES] + [(tone, f"{tone}-bg") for tone in TONES] + [("focus", "card")]
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
    lines = {
        (one, on): contrast(colours[one], colours[on])
        for one in ("a", "b", "c", "d", "e", "f", "soft", *TONES)
        for on in ("card", "shade")
    }
    assert {pair: ratio for pair, ratio in lines.items() if ratio < 3} == {}


def test_the_two_colour_schemes_differ():
    """The palette reader of these tests reads both."""
    found = palettes()
    assert found["light"]["card"] == "#ffffff"
    assert luminance(found["dark"]["card"]) < 0.05


# --- size -------------------------------------------------------------------------------------------------------------


def test_five_minutes_of_twenty_operations_fit_in_a_megabyte_and_a_half():
    """With every series, sample and chart, and nothing left out."""
    names = tuple(f"operation {number}" for number in range(20))
    one = made.scenario(operations=names, seconds=300)
    samples = [FailureSample("api", name, "status_5xx", 100.0, "x" * 5000) for name in names for _ in range(10)]
    run = made.scenario_run(one, failing=5, seconds=300, failures=samples)
    text = render(page_of(made.verdict(run=run)))
    assert len(text.encode()) < 1_500_000
    assert len(Outline(text).all("figure")) >= 8
