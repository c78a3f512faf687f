"""A scenario over its runs: figures with their bounds, where they changed level, where runs were made differently.

Change points are advisory: no verdict rests on them. They are looked for between runs that were made alike and could be
believed; what was INVALID says nothing about the target.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

from loadtests.judge.changes import ChangePoint, change_points
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome

__all__ = ["METRICS", "QUICK", "Break", "Change", "Level", "Point", "Trend", "found_breaks", "found_changes"]

QUICK = 300
"""So many of the newest runs are searched where the answer must come at once: most of a year of nights."""

_LEAST_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Point:
    """One run, or all `runs` of a build: response times by quantile in ns, and what became of the executions."""

    run_id: str
    started_at: datetime
    build: str
    branch: str | None
    outcome: Outcome
    why: str
    comparability: str
    quantiles: Mapping[str, QuantileFigure]
    ok: int
    failed: int
    offered: int
    dropped: int
    completed_ok: int
    judged_s: float
    runs: int = 1

    @property
    def failed_share(self) -> float | None:
        """Of the executions that ended; `None` where none did."""
        ended = self.ok + self.failed
        return self.failed / ended if ended else None

    @property
    def throughput(self) -> float | None:
        """Good answers per second."""
        return self.completed_ok / self.judged_s if self.judged_s else None

    @property
    def believed(self) -> bool:
        """Whether it says anything about the target."""
        return self.outcome is not Outcome.INVALID


@dataclass(frozen=True, slots=True)
class Change:
    """A level of `metric` (p50, p95, p99, failed, throughput) changes with the point at `index`."""

    metric: str
    index: int
    found: ChangePoint


@dataclass(frozen=True, slots=True)
class Break:
    """From the point at `index` on runs were made differently, and do not compare with those before."""

    index: int
    differs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A limit of the newest run on one of the metrics, in ns or as a share."""

    metric: str
    text: str
    limit: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A scenario's points, the oldest first; of one `operation`, or of all together."""

    scenario: str
    operation: str | None
    of: str
    points: Sequence[Point]
    changes: Sequence[Change] = ()
    breaks: Sequence[Break] = ()
    levels: Sequence[Level] = ()
    searched: int | None = None
    """So many of the newest points were searched for change points; all when `None`."""

    def changes_at(self, index: int) -> list[Change]:
        """What changes with the point at `index`."""
        return [change for change in self.changes if change.index == index]


METRICS: Mapping[str, Callable[[Point], float | None]] = {
    "p50": lambda point: _observed(point, "p50"),
    "p95": lambda point: _observed(point, "p95"),
    "p99": lambda point: _observed(point, "p99"),
    "failed": lambda point: point.failed_share,
    "throughput": lambda point: point.throughput,
}


def found_breaks(points: Sequence[Point], differences: Callable[[str, str], Sequence[str]]) -> list[Break]:
    """Where comparability changes from one point to the next; `differences` names how two runs differ."""
    return [
        Break(index, tuple(differences(before.run_id, after.run_id)))
        for index, (before, after) in enumerate(pairwise(points), start=1)
        if before.comparability != after.comparability
    ]


def found_changes(points: Sequence[Point], *, newest: int | None = None) -> list[Change]:
    """The change points of every metric among the newest points (or all), by position and metric."""
    found = [
        change
        for stretch in _alike(points, newest)
        for metric in METRICS
        for change in _changes(points, stretch, metric)
    ]
    return sorted(found, key=lambda change: (change.index, list(METRICS).index(change.metric)))


def _alike(points: Sequence[Point], newest: int | None) -> Iterator[list[int]]:
    """Positions of neighbouring points that were made alike, without those that cannot be believed."""
    first = 0 if newest is None else max(0, len(points) - newest)
    for _, stretch in groupby(range(first, len(points)), key=lambda index: points[index].comparability):
        yield [index for index in stretch if points[index].believed]


def _changes(points: Sequence[Point], stretch: Sequence[int], metric: str) -> Iterator[Change]:
    values = {index: METRICS[metric](points[index]) for index in stretch}
    known = {index: value for index, value in values.items() if value is not None}
    if metric == "failed":
        found = change_points(list(known.values()), scale="difference", least_change=_LEAST_SHARE)
    else:
        known = {index: value for index, value in known.items() if value > 0.0}
        found = change_points(list(known.values()))
    positions = list(known)
    yield from (Change(metric, positions[point.index], point) for point in found)


def _observed(point: Point, label: str) -> float | None:
    figure = point.quantiles.get(label)
    return None if figure is None else figure.observed
