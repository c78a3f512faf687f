"""A trend as one page: percentiles with their bounds over the runs, failures, throughput, and every run in a table."""

from collections.abc import Callable, Iterator, Sequence

from loadtests import __version__
from loadtests.history.trend import METRICS
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.report.chart import Band, Chart, Course, Mark
from loadtests.report.document import document
from loadtests.report.trend import TrendPage

__all__ = ["charts_of_trend", "render_trend"]

_TONES = {"p50": "a", "p95": "b", "p99": "d"}
_MS = 1e6


def render_trend(page: TrendPage) -> str:
    """The whole document; needs no network and no other file."""
    return document("trend.html.j2", page=page, charts=charts_of_trend(page), version=__version__)


def charts_of_trend(page: TrendPage) -> tuple[Chart, ...]:
    """One chart a percentile, since their bounds would hide each other; failures where there are any; throughput."""
    charts = [_percentile(page, label) for label in _TONES if any(label in row.figures for row in page.rows)]
    if any(point.failed for point in page.trend.points):
        charts.append(_plain(page, "failed", "Failures, share of executions", "fail"))
    if any(point.throughput for point in page.trend.points):
        charts.append(_plain(page, "throughput", "Good answers per second", "a"))
    return tuple(charts)


def _percentile(page: TrendPage, label: str) -> Chart:
    """Lines only through runs that can be believed; the others are dots beside them."""
    points = page.trend.points
    figures = [point.quantiles.get(label) for point in points]
    believed = [found if point.believed else None for point, found in zip(points, figures, strict=True)]
    observed = _course(believed, lambda found: found.observed)
    low, high = _course(believed, lambda found: found.low), _course(believed, lambda found: found.high)
    doubted = [None if point.believed else found for point, found in zip(points, figures, strict=True)]
    failed = [found if point.outcome is Outcome.FAIL else None for point, found in zip(points, figures, strict=True)]
    dots = [
        Course("of a failed run", _course(failed, lambda found: found.observed), "fail", "dots"),
        Course("of an invalid run", _course(doubted, lambda found: found.observed), "invalid", "dots"),
    ]
    tone = _TONES[label]
    return Chart(
        title=f"{label} {page.of}",
        unit="ms",
        x=range(len(points)),
        axis="named",
        names=_names(page),
        courses=[
            Course(label, observed, tone),
            Course("lower bound", low, tone, "dotted"),
            Course("upper bound", high, tone, "dotted"),
            *(course for course in dots if any(value is not None for value in course.values)),
        ],
        bands=[Band(1, 2, tone)],
        uprights=list(_uprights(page, label)),
        levels=[Mark(level.limit / _MS, level.text, "ink") for level in page.trend.levels if level.metric == label],
        link="runs",
        note="; ".join(["with 95% bounds", *(level.text for level in page.trend.levels if level.metric == label)]),
    )


def _plain(page: TrendPage, metric: str, title: str, tone: str) -> Chart:
    points = page.trend.points
    return Chart(
        title=title,
        unit="ratio" if metric == "failed" else "per_s",
        x=range(len(points)),
        axis="named",
        names=_names(page),
        courses=[Course(metric, [METRICS[metric](point) for point in points], tone)],
        uprights=list(_uprights(page, metric)),
        levels=[Mark(level.limit, level.text, "ink") for level in page.trend.levels if level.metric == metric],
        link="runs",
    )


def _names(page: TrendPage) -> list[str]:
    return [row.build for row in page.rows]


def _course(
    figures: Sequence[QuantileFigure | None], of: Callable[[QuantileFigure], float | None]
) -> list[float | None]:
    """One end of each figure in ms, a gap where there is none."""
    found = [None if figure is None else of(figure) for figure in figures]
    return [None if value is None else value / _MS for value in found]


def _uprights(page: TrendPage, metric: str) -> Iterator[Mark]:
    """Between the runs where the level changed, or where they were made differently."""
    for index, row in enumerate(page.rows):
        if metric in row.changes:
            yield Mark(index - 0.5, row.changes[metric], "inconclusive")
        if row.differs:
            yield Mark(index - 0.5, "made differently", "soft")
