"""comparison.html: the verdict, what changed by how much, both distributions over each other, what else differs."""

from loadtests.report.chart import Band, Chart, Course, Drawn, Mark
from loadtests.report.comparison.forest import interval_of
from loadtests.report.comparison.page import ComparisonPage, CurvePoints, ScenarioPart
from loadtests.report.document import document

__all__ = ["render"]

_WIDE = 8.0
"""From this ratio of the slowest to the fastest on, a linear axis would show the slowest only."""


def render(page: ComparisonPage) -> str:
    """The whole document."""
    parts = [(part, _charts(part), [(row, interval_of(row)) for row in part.rows]) for part in page.scenarios]
    return document("comparison.html.j2", page=page, parts=parts)


def _charts(part: ScenarioPart) -> list[Drawn]:
    return [] if part.curve is None else [_distributions(part.curve), _ratios(part.curve)]


def _distributions(curve: CurvePoints) -> Chart:
    values = [*curve.base_ms, *curve.candidate_ms]
    courses = [Course("base", curve.base_ms, "a"), Course("candidate", curve.candidate_ms, "b")]
    return Chart(
        "Response times by percentile",
        "ms",
        curve.quantiles,
        courses,
        axis="quantile",
        logarithmic=max(values) > _WIDE * min(values),
        note="All runs of a side merged. Every further nine takes as much room.",
    )


def _ratios(curve: CurvePoints) -> Chart:
    courses = [
        Course("change", curve.change, "b"),
        Course("at least", curve.low, "b", "dotted"),
        Course("at most", curve.high, "b", "dotted"),
    ]
    levels = [Mark(0.0, "no change", "soft"), Mark(curve.margin, "margin of p95", "inconclusive")]
    return Chart(
        "Change of the response time by percentile",
        "ratio",
        curve.quantiles,
        courses,
        axis="quantile",
        bands=[Band(1, 2, "b")],
        levels=levels,
        note="Candidate against base, with both one-sided 95% bounds.",
    )
