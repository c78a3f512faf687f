"""summary.md as GitHub shows it: tables that parse, cells that cannot break out, and a bounded size."""

import made_verdicts as made
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loadtests.report import markdown
from loadtests.report.compose import page_of
from loadtests.report.markdown import MOST_BYTES, cell, render
from loadtests.report.wording import visible


def parsed(text):
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)


def shown(text):
    """What a reader sees of one line of Markdown; any markup or HTML in it counts as a difference."""
    inline = next((token for token in parsed(text) if token.type == "inline"), None)
    return (
        ""
        if inline is None
        else "".join(f"<{c.type}>" if c.type not in TEXTUAL else c.content for c in inline.children)
    )


TEXTUAL = ("text", "text_special")


def tables(text):
    """Rows of cells of every table, as shown."""
    rows, found = [], []
    for token in parsed(text):
        if token.type == "table_open":
            rows = []
            found.append(rows)
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level > 2 and rows:
            rows[-1].append("".join(child.content for child in token.children))
    return found


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        pytest.param("pass", "## ✔ PASS", id="passed"),
        pytest.param("fail", "## ✘ FAIL", id="failed"),
        pytest.param("invalid", "## ! INVALID", id="invalid"),
        pytest.param("inconclusive", "## ? INCONCLUSIVE", id="inconclusive"),
    ],
)
def test_the_verdict_comes_first(kind, headline):
    """The first line has the word and the symbol."""
    assert render(page_of(made.every()[kind])).startswith(headline)


def test_thresholds_operations_and_clauses_are_tables():
    """Another Markdown parser reads every row with every cell."""
    thresholds, operations, _, clauses = tables(render(page_of(made.failing())))
    assert [row[:3] for row in thresholds[1:]] == [
        ["✔ PASS", "p50 < 200ms", "7 ms"],
        ["✘ FAIL", "p95 < 31ms", "31.004 ms"],
        ["✘ FAIL", "errors < 1%", "4.76%"],
        ["✔ PASS", "throughput >= 99/s", "100/s"],
    ]
    assert [row[:3] for row in operations[1:]] == [
        ["health", "750", "0 (0%)"],
        ["execute", "750", "75 (10%)"],
        ["total", "1,500", "75 (5%)"],
    ]
    assert {len(row) for row in operations} == {9}
    assert [row[2] for row in clauses[1:]] == ["✘ FAIL", "✔ PASS"]


def test_what_was_not_measured_is_named():
    """A clause without a threshold is listed as such."""
    assert "Not measured by this run: LOAD-WS" in render(page_of(made.verdict()))


def test_reasons_against_the_run_are_listed():
    """An invalid run says why, and its warnings."""
    text = render(page_of(made.invalid()))
    assert "- ! the engine process stood still for 2.03 s" in text
    assert "- ⚠ CPU of the generator was 93%" in text


@pytest.mark.parametrize(
    "text",
    [
        "a | b", "`code`", "<script>alert(1)</script>", "**bold** _em_ ~~gone~~", "[link](http://x)", "![i](x)",
        "&lt;b&gt; &amp;", "\\| \\", "# head", "1. list", "- item", ":smile:", "@team", "$x$", "> quote", "a\nb",
        "2) b", "+ c", "***", "=== x",
    ],
)  # fmt: skip
def test_markup_in_a_name_is_shown_as_it_is(text):
    """Neither Markdown nor HTML in a name has an effect."""
    assert shown(cell(text)) == visible(text)


@given(st.text(min_size=1, max_size=60))
def test_any_text_stays_in_its_cell(text):
    """A table with any text in it keeps its shape, and the text can be read in it."""
    made_table = f"| a | b |\n| :--- | :--- |\n| x{cell(text)}x | y |"
    assert tables(made_table)[0][1] == ["x" + visible(text) + "x", "y"]


def test_a_summary_is_never_larger_than_github_takes(monkeypatch):
    """What does not fit is left out, and that is said."""
    monkeypatch.setattr(markdown, "MOST_BYTES", 2000)
    text = render(page_of(made.failing()))
    assert len(text.encode()) <= 2000
    assert "left out" in text
    assert MOST_BYTES == 1024 * 1024


def test_several_scenarios_have_an_overview_first():
    """A table with a row each, before the first of them; one scenario needs none."""
    inner = [made.failing().scenarios[0], made.websocket().scenarios[0]]
    text = render(page_of(made.verdict_of(inner, inner[0].outcome, why="api: errors")))
    overview = tables(text)[0]
    assert overview[0] == ["Verdict", "Scenario", "Achieved", "Failed", "p50", "p95", "p99", "Why"]
    assert [row[1] for row in overview[1:]] == ["api", "chat"]
    assert text.index("| Scenario |") < text.index("### ")
    assert tables(render(page_of(made.failing())))[0][0][1] == "Threshold"


def test_the_first_samples_of_failures_are_shown():
    """Five of them: the rest is in report.html."""
    shown_samples = next(found for found in tables(render(page_of(made.failing()))) if found[0][-1] == "What came back")
    assert len(shown_samples) == 1 + 5
    assert shown_samples[1][-1] == "HTTP/1.1 503 upstream <b>busy</b> #0"
