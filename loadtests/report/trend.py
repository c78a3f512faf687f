"""A trend as people read it: every figure worded once, for the terminal, the page and the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests.history.trend import Break, Change, Point, Trend
from loadtests.judge.quantiles import QuantileFigure
from loadtests.report.wording import ABSENT, Figure, Sign, count, figure, sign

__all__ = ["TrendPage", "TrendRow", "page_of_trend"]

_UNITS = {"failed": "ratio", "throughput": "per_s"}
_SUBJECTS = {"failed": "failures"}
_SPARE_ID = 15  # `20260124-231500`: the moment that an id of ours begins with is enough to name it
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One run. `changes` says by how much which metrics changed level with it, `differs` what is new in its making."""

    run_id: str
    short: str
    when: str
    build: str
    branch: str
    sign: Sign
    why: str
    figures: Mapping[str, Figure]
    bounds: Mapping[str, str]
    requests: Figure
    failed: Figure
    throughput: Figure
    changes: Mapping[str, str]
    differs: str | None


@dataclass(frozen=True, slots=True)
class TrendPage:
    """A trend in words. `rows` go from the oldest to the newest; `changes` are sentences."""

    name: str
    of: str
    headline: str
    rows: Sequence[TrendRow]
    changes: Sequence[str]
    breaks: Sequence[str]
    trend: Trend

    @property
    def newest(self) -> TrendRow:
        """The last run."""
        return self.rows[-1]


def page_of_trend(trend: Trend) -> TrendPage:
    """The words of a trend; pure."""
    points = trend.points
    breaks = {found.index: found for found in trend.breaks}
    name = trend.scenario if trend.operation is None else f"{trend.scenario}, {trend.operation}"
    return TrendPage(
        name=name,
        of=trend.of,
        headline=_headline(points),
        rows=tuple(_row(point, trend.changes_at(i), breaks.get(i)) for i, point in enumerate(points)),
        changes=tuple(_change(found, points) for found in map(trend.changes_at, range(len(points))) if found),
        breaks=tuple(_break(found, points[found.index]) for found in trend.breaks),
        trend=trend,
    )


def _headline(points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    builds = f"of build {last.build}" if first.build == last.build else f"of builds {first.build} to {last.build}"
    runs = sum(point.runs for point in points)
    if runs == 1:
        return f"1 run, {_when(first)} UTC, {builds}"
    merged = f", merged by build into {len(points):,}" if runs > len(points) else ""
    return f"{runs:,} runs{merged}, {_when(first)} to {_when(last)} UTC, {builds}"


def _row(point: Point, changes: Sequence[Change], differs: Break | None) -> TrendRow:
    return TrendRow(
        run_id=point.run_id,
        short=_short(point),
        when=_when(point),
        build=point.build,
        branch=point.branch or ABSENT,
        sign=sign(point.outcome),
        why=point.why,
        figures={label: figure(found.observed, "ns") for label, found in point.quantiles.items()},
        bounds={label: _bounds(found) for label, found in point.quantiles.items()},
        requests=count(point.ok + point.failed),
        failed=figure(point.failed_share, "ratio"),
        throughput=figure(point.throughput, "per_s"),
        changes={change.metric: _by(change) for change in changes},
        differs=None if differs is None else _named(differs),
    )


def _bounds(found: QuantileFigure) -> str:
    low, high = (figure(end, "ns").text for end in (found.low, found.high))
    if found.low is None or found.high is None:
        return ABSENT if found.low is found.high else f"≤ {high}" if found.low is None else f"≥ {low}"
    unit = high.rpartition(" ")[2]
    return f"{low.removesuffix(f' {unit}')} … {high}"


def _change(changes: Sequence[Change], points: Sequence[Point]) -> str:
    """All that changed with one run, in a sentence."""
    index = changes[0].index
    point, before = points[index], points[index - 1].build
    build = point.build if before == point.build else f"{point.build} (before it {before})"
    return f"with run {point.run_id} of build {build}: {', '.join(map(_moved, changes))}"


def _moved(change: Change) -> str:
    unit = _UNITS.get(change.metric, "ns")
    before, after = (figure(value, unit).text for value in (change.found.before, change.found.after))
    return f"{_SUBJECTS.get(change.metric, change.metric)} {before} → {after} ({_by(change)})"


def _by(change: Change) -> str:
    amount = change.found.change
    if change.metric == "failed":
        return f"{amount * 100:+.2g} points"
    return f"{amount * 100:+.0f}%" if abs(amount) >= 0.1 else f"{amount * 100:+.1f}%"


def _break(found: Break, point: Point) -> str:
    return f"from run {point.run_id} on, runs were made differently: {_named(found)}"


def _named(found: Break) -> str:
    shown = list(found.differs[:_MOST_NAMED])
    more = len(found.differs) - len(shown)
    return "; ".join([*shown, *([f"and {more} more"] if more else [])]) or "the hash of what was asked for differs"


def _when(point: Point) -> str:
    return f"{point.started_at:%Y-%m-%d %H:%M}"


def _short(point: Point) -> str:
    begin = f"{point.started_at:%Y%m%d-%H%M%S}"
    return begin if point.run_id.startswith(begin) and len(begin) == _SPARE_ID else point.run_id
