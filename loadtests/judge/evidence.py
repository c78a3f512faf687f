"""What a threshold is held against: one row per second, read off the tallies it speaks of.

Rows add up over windows, processes and operations, so a live watch and the final verdict count the same way.

Held connections are made during the ramp, which is not judged otherwise. So what is said of making and losing them
(`connect`, `connect failures`, `connection drops`) is said of the whole run; their pings and pushes go by the steady
interval, like all messages.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.dependence import Dependence
from loadtests.plan.model import Scenario, Threshold
from loadtests.result.histogram import Histogram, lowest_equivalent_us
from loadtests.result.run import ResourceSample, ScenarioRun
from loadtests.result.window import (
    CHECKED,
    COMPLETED_OK,
    DROPPED,
    DUPLICATED,
    EXPECTED,
    FAILED,
    GOOD,
    IDENTIFIED,
    LOST_PUSHES,
    MIXED_UP,
    NUMBER_NS,
    OFFERED,
    OK,
    OUT_OF_ORDER,
    POOL_BUSY,
    POOL_OPEN,
    PUSHES,
    RECEIVED,
    REFUSED,
    RESPONSE_OK,
    RIGHT,
    SERVICE_OK,
    Tally,
)

__all__ = [
    "COUNTED_CONNECTIONS",
    "Evidence",
    "Kind",
    "Row",
    "Source",
    "add_rows",
    "claimed_share",
    "claims_less",
    "gather",
    "histogram_name",
    "is_counted",
    "is_of_whole_run",
    "kind_of",
    "row_of",
    "row_of_sample",
    "rows_of",
    "scale_of",
    "source_of",
]

Kind = Literal["share", "peak", "mean", "rate"]
Source = Literal["operations", "connections", "generator", "target"]
Row = tuple[float, float, float, float, float]
"""`share` and `peak`: hits, trials, still open, failed, good. `mean`: total, count, still open, failed, good.
`rate`: completed, offered, 0, 0, 0.

A hit is what the share counts: an answer over the limit, a failure, a drop. Still open are executions of which no end
is known (cut off, or running): each may yet be a hit or not, and a verdict has to hold either way. Failed and good ones
matter where there is no trial at all: only if none was good is that the target's doing.
"""

NO_ROW: Row = (0.0, 0.0, 0.0, 0.0, 0.0)
_WIDTH = len(NO_ROW)

_TARGET_FIGURES = {
    "target cpu": ("cpu", 1.0),
    "target memory": ("memory_bytes", 1.0),
    "target pool": ("pool", 1.0),
    "target lock wait": ("lock_wait_s", 1e9),
    "queue": ("queued", 1.0),
}
_GENERATOR_METRICS = frozenset({"lag", "pool"})
_HOLDING = frozenset({"websocket", "database"})
"""Drivers whose connections are made before they are used, and counted on their own."""

COUNTED_CONNECTIONS = frozenset({"connect failures", "connection drops"})
"""Shares whose trials are all the connections there were, not a sample of them."""

_MESSAGES = {"lost": FAILED + "lost", "duplicated": DUPLICATED, "out of order": OUT_OF_ORDER}
_PUSHES = {"lost": LOST_PUSHES, "duplicated": DUPLICATED, "out of order": OUT_OF_ORDER}
_OF_EXECUTIONS = {"refusals": REFUSED, "goodput": GOOD}
_OF_COMPARED = {"accuracy": (RIGHT, CHECKED), "mixed up": (MIXED_UP, IDENTIFIED), "reach": (RECEIVED, EXPECTED)}
_COUNTED = {"errors", "success", "timeouts", "drops", *_MESSAGES, *COUNTED_CONNECTIONS, *_OF_EXECUTIONS, *_OF_COMPARED}
_PEAKS = {"max", "target memory", "queue", "parallel"}
_OF_CONNECTIONS = {"ping", "push", *COUNTED_CONNECTIONS}
_OF_ANSWERS = {"latency", "mean", "max"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One threshold's rows over consecutive seconds: `rows` is (seconds, 5).

    `tallies` are what the rows were read from, as many; none for the target's figures.
    `peaks` are the extremes of a `peak` threshold by second, in its unit; `None` for a second without any.
    `dependence` is given where the seconds were merged and it cannot be told from the rows any more.
    """

    threshold: Threshold
    rows: NDArray[np.float64]
    tallies: Sequence[Tally] = ()
    peaks: Sequence[float | None] = ()
    dependence: Dependence | None = None

    def span(self, start: int, length: int) -> "Evidence":
        """The `length` seconds from row `start` on."""
        part = slice(start, start + length)
        return Evidence(self.threshold, self.rows[part], self.tallies[part], self.peaks[part])


def kind_of(threshold: Threshold) -> Kind:
    """How the threshold's figure arises: a share of trials, a single extreme, a mean, or a rate over time."""
    if threshold.quantile is not None or threshold.metric in _COUNTED:
        return "share"
    if threshold.metric in _PEAKS:
        return "peak"
    return "rate" if threshold.metric == "throughput" else "mean"


def source_of(threshold: Threshold, scenario: Scenario) -> Source:
    """Whose figures the threshold speaks of.

    Where connections are held, `connect` is theirs; where nothing is sent over them, so are lost, duplicated and
    disordered messages: those the server pushed.
    """
    metric = threshold.metric
    if metric in _TARGET_FIGURES or metric == "deadlocks":
        return "target"
    if metric in _GENERATOR_METRICS:
        return "generator"
    held = metric == "connect" and scenario.driver in _HOLDING
    pushed = metric in _PUSHES and not scenario.operations
    return "connections" if metric in _OF_CONNECTIONS or held or pushed else "operations"


def is_of_whole_run(threshold: Threshold, scenario: Scenario) -> bool:
    """Whether the ramp and the warm-up count too: for making and losing held connections, and for deadlocks.

    Where they are all there is, the generator's lag is that of starting them.
    """
    if threshold.metric == "lag":
        return not scenario.operations
    if threshold.metric == "deadlocks":  # a server tells of them a second late
        return True
    of_making = threshold.metric == "connect" or threshold.metric in COUNTED_CONNECTIONS
    return of_making and source_of(threshold, scenario) == "connections"


def histogram_name(threshold: Threshold) -> str:
    """The histogram that holds the times the threshold speaks of."""
    if threshold.metric in _OF_ANSWERS:
        return SERVICE_OK if threshold.service else RESPONSE_OK
    return "start lag" if threshold.metric == "lag" else threshold.metric


def scale_of(threshold: Threshold) -> float:
    """How many ns of its histogram one unit of the threshold's limit is: times stand for themselves."""
    return 1.0 if threshold.unit == "ns" else float(NUMBER_NS)


def claims_less(threshold: Threshold) -> bool:
    """Whether the threshold holds when its figure is small."""
    return threshold.comparison in ("<", "<=")


def claimed_share(threshold: Threshold) -> float:
    """The share of hits that a `share` threshold is about: 1 - q for a quantile, else the limit itself."""
    return threshold.limit if threshold.quantile is None else 1.0 - threshold.quantile


def row_of(threshold: Threshold, tally: Tally, *, source: Source = "operations") -> Row:
    """What `tally`, one of `source`, adds to the threshold's row."""
    if threshold.metric == "throughput":
        return float(tally.count(COMPLETED_OK)), float(tally.count(OFFERED)), 0.0, 0.0, 0.0
    if threshold.metric == "pool":
        return tally.count(POOL_BUSY) / 1e9, tally.count(POOL_OPEN) / 1e9, 0.0, 0.0, 0.0
    if threshold.metric in _COUNTED:
        return _of_held(threshold.metric, tally) if source == "connections" else _counted(threshold.metric, tally)
    times = tally.histogram(histogram_name(threshold))
    still_open = _still_open(tally) if threshold.metric in _OF_ANSWERS else 0
    failed, good = _tried(threshold, tally, source)
    first = (times.mean_us or 0.0) * times.total * 1e3 if kind_of(threshold) == "mean" else _over(times, threshold)
    return float(first), float(times.total), float(still_open), float(failed), float(good)


def _tried(threshold: Threshold, tally: Tally, source: Source) -> tuple[int, int]:
    """(failed, good): what was tried where there is no time at all."""
    if threshold.metric != "connect":
        return (0, 0) if source == "connections" else (tally.failed, tally.count(OK))
    if source == "connections":
        return tally.failed, tally.count(OK)
    return tally.count(FAILED + "connect"), 0  # good answers on connections made earlier do not excuse failed attempts


def row_of_sample(threshold: Threshold, sample: ResourceSample) -> Row:
    """What one sample of the target's resources adds; nothing when it lacks the figure."""
    if sample.source == "database":
        return _row_of_look(threshold.metric, sample.values)
    if threshold.metric not in _TARGET_FIGURES:
        return NO_ROW
    name, scale = _TARGET_FIGURES[threshold.metric]
    if sample.source != "target" or name not in sample.values:
        return NO_ROW
    value = sample.values[name] * scale
    if kind_of(threshold) == "mean":
        return value, 1.0, 0.0, 0.0, 0.0
    over = value > threshold.limit if threshold.comparison in ("<=", ">") else value >= threshold.limit
    return float(over), 1.0, 0.0, 0.0, 0.0


def is_counted(evidence: Evidence) -> bool:
    """Whether all there was has been counted, so that nothing is left to chance: deadlocks, and the waits for locks
    that a database told of itself."""
    metric = evidence.threshold.metric
    return metric == "deadlocks" or (metric == "target lock wait" and bool(evidence.rows[:, 4].any()))


def rows_of(rows: Mapping[int, Row], seconds: Iterable[int]) -> NDArray[np.float64]:
    """The rows of those seconds as one array, empty rows where nothing was recorded."""
    return np.array([rows.get(second, NO_ROW) for second in seconds], np.float64).reshape(-1, _WIDTH)


def add_rows(first: Row, second: Row) -> Row:
    """The row of both."""
    return (
        first[0] + second[0],
        first[1] + second[1],
        first[2] + second[2],
        first[3] + second[3],
        first[4] + second[4],
    )


def gather(threshold: Threshold, run: ScenarioRun) -> Evidence:
    """The threshold's evidence in its interval of `run`; a rate has only the seconds that are wholly in it."""
    scenario, seconds = run.scenario, run.seconds()
    if is_of_whole_run(threshold, scenario):
        seconds = run.recorded_seconds()
    if threshold.metric == "throughput":
        end_s = scenario.steady_ns[1] / 1e9 if run.status == "complete" else run.steady_s[1]
        seconds = range(seconds.start, max(seconds.start, math.floor(end_s)))
    source = source_of(threshold, scenario)
    if source == "target":
        return _of_target(threshold, run, seconds)
    tallies = _tallies(threshold, run, source)
    chosen = [tallies.get(second, Tally()) for second in seconds]
    rows = np.array([row_of(threshold, tally, source=source) for tally in chosen], np.float64).reshape(-1, _WIDTH)
    peaks = [_longest(threshold, tally) for tally in chosen] if kind_of(threshold) == "peak" else []
    return Evidence(threshold, rows, chosen, peaks)


def _tallies(threshold: Threshold, run: ScenarioRun, source: Source) -> dict[int, Tally]:
    if source == "generator":
        return {second: Tally.merge(found) for second, found in run.generator_by_second().items()}
    if source == "connections":
        return run.connections_by_second()
    return run.by_second(run.total_names() if threshold.operation is None else [threshold.operation])


def _of_target(threshold: Threshold, run: ScenarioRun, seconds: range) -> Evidence:
    rows: dict[int, Row] = {}
    peaks: dict[int, float] = {}
    name, scale = _TARGET_FIGURES.get(threshold.metric, ("", 1.0))
    whole = is_of_whole_run(threshold, run.scenario)
    for sample in run.resources:
        second = math.floor(sample.at_s)
        if whole and seconds:  # what was told after the end belongs to the end
            second = min(second, seconds[-1])
        rows[second] = add_rows(rows.get(second, NO_ROW), row_of_sample(threshold, sample))
        if sample.source == "target" and name in sample.values:
            peaks[second] = max(peaks.get(second, -math.inf), sample.values[name] * scale)
    return Evidence(threshold, rows_of(rows, seconds), (), [peaks.get(second) for second in seconds])


def _row_of_look(metric: str, values: Mapping[str, float]) -> Row:
    """What a look at a database adds: `good` counts looks, so that no wait at all is told from no data."""
    looked = 1.0 if "lock_waiting" in values else 0.0
    if metric == "deadlocks":
        return values.get("deadlocks", 0.0), looked, 0.0, 0.0, looked
    if metric == "target lock wait":
        return values.get("lock_wait_total_s", 0.0) * 1e9, values.get("lock_waits", 0.0), 0.0, 0.0, looked
    return NO_ROW


def _longest(threshold: Threshold, tally: Tally) -> float | None:
    """The longest time, or highest number, in the threshold's unit, on the side of the limit where it was counted."""
    times = tally.histogram(histogram_name(threshold))
    if times.max_us is None:
        return None
    scale = 1e3 / scale_of(threshold)
    highest = times.max_us * scale
    if highest < threshold.limit or _over(times, threshold):
        return highest
    return float(lowest_equivalent_us(times.indices[-1:].astype(np.int64))[0]) * scale


def _counted(metric: str, tally: Tally) -> Row:
    if metric == "drops":
        return float(tally.count(DROPPED)), float(tally.count(OFFERED)), 0.0, 0.0, 0.0
    if metric in _OF_COMPARED:
        hit, trial = _OF_COMPARED[metric]
        return float(tally.count(hit)), float(tally.count(trial)), 0.0, 0.0, 0.0
    ended = tally.count(OK) + tally.failed
    further = _MESSAGES.get(metric) or _OF_EXECUTIONS.get(metric)
    if further is not None:
        return float(tally.count(further)), float(ended), float(_still_open(tally)), 0.0, 0.0
    hits = {"errors": tally.failed, "success": tally.count(OK), "timeouts": tally.count(FAILED + "timeout")}[metric]
    return float(hits), float(ended), float(_still_open(tally)), 0.0, 0.0


def _of_held(metric: str, tally: Tally) -> Row:
    """Of connections, or of what was pushed over them. One that was never established can neither drop nor be kept."""
    made, failed = tally.count(OK), tally.failed
    if metric == "connection drops":
        return float(sum(tally.lost_connections.values())), float(made), 0.0, float(failed), float(made)
    if metric == "connect failures":
        return float(failed), float(made + failed), float(_still_open(tally)), 0.0, 0.0
    pushed = tally.count(PUSHES) + tally.count(LOST_PUSHES)
    return float(tally.count(_PUSHES[metric])), float(pushed), 0.0, 0.0, 0.0


def _still_open(tally: Tally) -> int:
    """Executions without a known end. A window of late answers has no offers of its own, so it alone may be below 0."""
    return tally.count(OFFERED) - tally.count(OK) - tally.failed - tally.count(DROPPED)


def _over(times: Histogram, threshold: Threshold) -> int:
    """Times beyond the limit, as far as the histogram's resolution of 0.1% can tell.

    `< X` and `>= X` split at X itself, `<= X` and `> X` just above it.
    """
    limit_us = threshold.limit * scale_of(threshold) / 1e3
    if threshold.comparison in ("<", ">="):
        limit_us = math.ceil(limit_us) - 1
    return times.count_over_us(limit_us)
