"""The report of a comparison in every format, read by what reads such a format."""

import json
from collections.abc import Callable
from dataclasses import replace

import junitparser
import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from benchmarks.statistics.drawn import Truth, draw_record
from loadtests.judge.comparison.calibration import calibrated
from loadtests.judge.comparison.compare import compare
from loadtests.judge.comparison.margins import Terms
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord
from loadtests.report.comparison import FORMATS, ComparisonPage, page_of, write_comparison
from loadtests.report.comparison.forest import WIDTH, interval_of
from loadtests.report.comparison.jsondoc import document, schema_text

Draw = Callable[..., list[RunRecord]]


@pytest.fixture
def draw() -> Draw:
    """So many runs of a build, slower by a factor; the same ones each time."""
    import numpy as np

    def drawn(build: str, count: int, slowdown: float = 1.0, *, failing: float = 0.0) -> list[RunRecord]:
        truth = Truth(rate=50, seconds=20, spread=0.01, slowdown=slowdown, failing=failing)
        return [draw_record(np.random.default_rng([7, n]), truth, name=f"{build}-{n}") for n in range(count)]

    return drawn


@pytest.fixture
def regressed(draw: Draw) -> ComparisonPage:
    """Seven pairs, a tenth slower."""
    return page_of(compare(Operand("old", draw("old", 7)), Operand("new", draw("new", 7, 1.1)), paired=True))


@pytest.fixture(params=["regressed", "one against one", "unlike", "calibrated", "too few pairs"])
def page(request: pytest.FixtureRequest, draw: Draw) -> ComparisonPage:
    """A comparison of each sort."""
    base, candidate = draw("old", 7), draw("new", 7, 1.1)
    if request.param == "regressed":
        return page_of(compare(Operand("old", base), Operand("new", candidate), paired=True))
    if request.param == "one against one":
        return page_of(compare(Operand("old", base[:1]), Operand("new", candidate[:1])))
    if request.param == "unlike":
        other = [replace(each, facts={"machine.cpu": "a <b>|`bad` name"}) for each in candidate]
        return page_of(compare(Operand("old", base), Operand("new", other), terms=Terms(unlike=True)))
    if request.param == "calibrated":
        made = calibrated(draw("cal", 5), made_at="2026-01-01T00:00:00+00:00")
        given = {made.comparability: made}
        return page_of(compare(Operand("old", base[:1]), Operand("new", candidate[:1]), calibrations=given))
    return page_of(compare(Operand("old", base[:3]), Operand("new", candidate[:3]), paired=True))


def test_the_json_document_keeps_to_its_schema(page: ComparisonPage) -> None:
    schema = json.loads(schema_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(FORMATS["json"].render(page)))


def test_the_json_document_has_the_change_as_a_number(regressed: ComparisonPage) -> None:
    """The truth is 10%; the runs of both builds share their noise, so it is found exactly."""
    found = {metric["name"]: metric for metric in document(regressed)["scenarios"][0]["metrics"]}
    assert found["p95"]["change"] == pytest.approx(0.1, abs=0.002)
    assert found["p95"]["interval"] == pytest.approx([0.1, 0.1], abs=0.003)
    assert found["p95"]["candidate"] == pytest.approx(1.1 * found["p95"]["base"], rel=0.002)
    assert (found["p95"]["unit"], found["failures"]["unit"], found["failures"]["scale"]) == (
        "ms",
        "ratio",
        "difference",
    )


def test_junit_has_a_failure_for_each_metric_that_got_worse(regressed: ComparisonPage) -> None:
    read = junitparser.JUnitXml.fromstring(FORMATS["junit"].render(regressed))
    suite = next(iter(read))
    failed = {case.name for case in suite if any(isinstance(part, junitparser.Failure) for part in case.result)}
    assert failed == {"p50", "p95", "p99"}
    assert (read.tests, read.failures, suite.skipped) == (5, 3, 0)


def test_what_shows_nothing_is_skipped_in_junit_and_never_green(draw: Draw) -> None:
    page = page_of(compare(Operand("old", draw("old", 1)), Operand("new", draw("new", 1, 1.1))))
    read = junitparser.JUnitXml.fromstring(FORMATS["junit"].render(page))
    assert (read.tests, read.skipped, read.failures) == (5, 5, 0)


def test_markdown_is_tables_that_github_would_draw(page: ComparisonPage) -> None:
    """Each table has the heads once and as many rows as there are metrics; names with markup stay as they are."""
    text = FORMATS["markdown"].render(page)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    rows = sum(token.type == "tr_open" for token in tokens)
    tables = sum(token.type == "table_open" for token in tokens)
    assert rows - tables == sum(len(part.rows) for part in page.scenarios)
    assert text.startswith(f"## {page.sign}")
    assert "<b>" not in text


def test_every_page_says_the_verdict_and_why_first(page: ComparisonPage) -> None:
    for name, form in FORMATS.items():
        text = form.render(page)
        assert page.sign.key in text.lower()
        if name == "html":
            assert text.index("verdict " + page.sign.key) < text.index("What decides")
            assert "<b>" not in text


def test_the_line_of_a_change_puts_zero_in_the_middle_and_the_margins_around_it(regressed: ComparisonPage) -> None:
    for row in regressed.scenarios[0].rows:
        drawn = interval_of(row)
        assert drawn is not None
        assert drawn.zero == WIDTH / 2
        assert sum(drawn.margins) == pytest.approx(WIDTH, abs=0.11)
        assert drawn.ends[0] <= drawn.change <= drawn.ends[1]
        assert all(0 <= at <= WIDTH for at in (*drawn.ends, *drawn.margins, drawn.change))


def test_all_formats_are_written_or_none(regressed: ComparisonPage, tmp_path) -> None:
    paths = write_comparison(regressed, tmp_path / "made")
    assert sorted(path.name for path in paths) == sorted(
        ["comparison.json", "comparison.html", "comparison.md", "junit.xml"]
    )
    assert all(path.stat().st_size > 500 for path in paths)
