"""A trend as a page: what is drawn, what is not, and how it looks in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest
from browsing import CHROMIUM, browse, measured_narrow

from loadtests.history.trend import Break, Level, Point, Trend, found_changes
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.report.trend import page_of_trend
from loadtests.report.trend_html import charts_of_trend, render_trend

ODD = "<script>alert(1)</script>" + "x" * 300


def point(number: int, p95_ms: float, *, outcome: Outcome = Outcome.PASS, failed: int = 0, **odd: str) -> Point:
    figure = QuantileFigure(p95_ms * 1e6, p95_ms * 0.9e6, None if number == 1 else p95_ms * 1.1e6)
    return Point(
        run_id=odd.get("run_id", f"run-{number}"),
        started_at=datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=number),
        build=odd.get("build", f"1.{number // 2}"),
        branch=odd.get("branch"),
        outcome=outcome,
        why=odd.get("why", "the threshold holds"),
        comparability="a",
        quantiles={"p50": figure, "p95": figure, "p99": figure},
        ok=1_000 - failed,
        failed=failed,
        offered=1_000,
        dropped=0,
        completed_ok=1_000 - failed,
        judged_s=10.0,
    )


def trend(points: "list[Point]", *, breaks: "list[Break] | None" = None) -> Trend:
    levels = [Level("p95", "p95 < 14ms", 14e6), Level("failed", "errors < 1%", 0.01)]
    return Trend("api", None, "response time", points, found_changes(points), breaks or [], levels)


@pytest.fixture
def stepped() -> Trend:
    """Twenty runs; a step of 30% after the tenth, an invalid and a failed run, the rule changed at the sixteenth."""
    points = [point(number, 10.0 if number < 10 else 13.0) for number in range(20)]
    points[4] = point(4, 40.0, outcome=Outcome.INVALID)
    points[12] = point(12, 13.0, outcome=Outcome.FAIL, failed=30)
    return trend(points, breaks=[Break(16, ("machine.cores 2 → 4",))])


def test_a_percentile_is_drawn_with_its_bounds_its_limit_and_its_changes(stepped: Trend) -> None:
    """In ms; a mark between the runs where the level changed, and where they were made differently."""
    charts = {chart.title: chart for chart in charts_of_trend(page_of_trend(stepped))}
    chart = charts["p95 response time"]
    observed, low, high, *_ = chart.courses
    assert (observed.values[0], low.values[0], high.values[0]) == pytest.approx((10.0, 9.0, 11.0))
    assert high.values[1] is None
    assert (chart.bands[0].low, chart.bands[0].high) == (1, 2)
    assert [(mark.at, mark.text) for mark in chart.uprights] == [(9.5, "+30%"), (15.5, "made differently")]
    assert [(mark.at, mark.text) for mark in chart.levels] == [(14.0, "p95 < 14ms")]
    assert list(chart.names[:3]) == ["1.0", "1.0", "1.1"]


def test_a_run_that_cannot_be_believed_breaks_the_line(stepped: Trend) -> None:
    """It is a dot in its own colour; a failed run is one on the line."""
    chart = charts_of_trend(page_of_trend(stepped))[1]
    by_label = {course.label: course.values for course in chart.courses}
    assert [by_label[name][4] for name in ("p95", "lower bound", "upper bound")] == [None] * 3
    assert [index for index, value in enumerate(by_label["of an invalid run"]) if value is not None] == [4]
    assert by_label["of an invalid run"][4] == pytest.approx(40.0)
    assert [index for index, value in enumerate(by_label["of a failed run"]) if value is not None] == [12]


def test_failures_have_a_chart_where_there_are_any(stepped: Trend) -> None:
    titles = [chart.title for chart in charts_of_trend(page_of_trend(stepped))]
    assert titles[3:] == ["Failures, share of executions", "Good answers per second"]
    without = charts_of_trend(page_of_trend(trend([point(number, 10.0) for number in range(3)])))
    assert [chart.title for chart in without][3:] == ["Good answers per second"]


def test_names_and_reasons_are_text_and_nothing_more() -> None:
    """A build, branch, run or reason that looks like a script is shown, not run."""
    odd = dict.fromkeys(("run_id", "build", "branch", "why"), ODD)
    text = render_trend(page_of_trend(trend([point(0, 1.0, **odd)])))
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
def test_the_page_stands_in_a_browser_wide_and_narrow(stepped: Trend, tmp_path) -> None:
    """No complaint on the console, nothing loaded, every chart painted; at 390 px only boxes inside it scroll."""
    text = render_trend(page_of_trend(stepped))
    page = tmp_path / "trend.html"
    page.write_text(text, encoding="utf-8")
    seen = browse(page, tmp_path)
    assert "CONSOLE" not in seen.stderr
    assert seen.stdout.count("<canvas") == len(charts_of_trend(page_of_trend(stepped)))
    odd = render_trend(page_of_trend(trend([point(0, 1.0, **dict.fromkeys(("run_id", "build", "why"), ODD))])))
    narrow = measured_narrow({"stepped": text, "odd": odd}, tmp_path)
    assert {name: (one["width"], one["loaded"]) for name, one in narrow.items()} == {
        "stepped": (390, 0),
        "odd": (390, 0),
    }
