"""What is compared between builds: each metric, how it is read off a record, and in which direction it is worse.

Times and rates are compared by their ratio, shares (failures, drops, answers over a limit) by their difference: the
ratio of nothing to nothing is no number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtests.judge.record import RunRecord
from loadtests.plan.thresholds import write_duration
from loadtests.result.window import (
    COMPLETED_OK,
    DROPPED,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_FAILED,
    SERVICE_OK,
    Tally,
)

__all__ = ["GATED", "Metric", "Shares", "metrics_of"]

Kind = Literal["time", "rate", "share"]
Source = Literal["operation", "connections"]
Shares = tuple[float, float]
"""(hits, trials)"""

GATED: Mapping[Source, tuple[str, ...]] = {
    "operation": ("p50", "p95", "p99", "failures", "drops", "throughput"),
    "connections": ("connect p95", "connect failures", "connection drops"),
}
"""What decides a comparison unless asked otherwise, of all operations together; as far as a scenario has it."""

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FURTHER = 0.95
_OWN = frozenset({RESPONSE_OK, SERVICE_OK, RESPONSE_FAILED, SERVICE_FAILED})


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of one operation, or of all together (`None`).

    A time is a quantile of `histogram` in ns, or where `limit_ns` is given the share of it beyond that.
    """

    name: str
    kind: Kind
    operation: str | None = None
    source: Source = "operation"
    histogram: str = RESPONSE_OK
    quantile: float | None = None
    limit_ns: float | None = None

    @property
    def key(self) -> str:
        """`p95`, or `execute: p95`."""
        return self.name if self.operation is None else f"{self.operation}: {self.name}"

    @property
    def worse(self) -> int:
        """The sign of a change for the worse."""
        return -1 if self.kind == "rate" else 1

    @property
    def is_ratio(self) -> bool:
        """Whether changes are ratios rather than differences."""
        return self.kind != "share"

    def tally(self, record: RunRecord) -> Tally:
        """The tally it is read from."""
        return record.connections if self.source == "connections" else record.tally(self.operation)

    def value(self, record: RunRecord) -> float | None:
        """A time in ns or a rate per second; `None` when there is none, or none above zero."""
        tally = self.tally(record)
        if self.kind == "rate":
            return self.completed(tally) / record.steady_s or None if record.steady_s else None
        at_us = None if self.quantile is None else tally.histogram(self.histogram).quantile_us(self.quantile)
        return None if at_us is None else at_us * 1e3

    def figure(self, record: RunRecord) -> float | None:
        """What a person reads: the value, or the share."""
        if self.is_ratio:
            return self.value(record)
        hits, trials = self.shares(self.tally(record))
        return hits / trials if trials else None

    def completed(self, tally: Tally) -> int:
        """What a rate counts: good answers, in the seconds in which they came."""
        return tally.count(COMPLETED_OK)

    def shares(self, tally: Tally) -> Shares:
        """How many of how many."""
        if self.limit_ns is not None:
            times = tally.histogram(self.histogram)
            return float(times.count_over_us(self.limit_ns / 1e3)), float(times.total)
        if self.name.endswith("failures"):
            return float(tally.failed), float(tally.failed + tally.count(OK))
        if self.source == "connections":
            return float(sum(tally.lost_connections.values())), float(tally.count(OK))
        return float(tally.count(DROPPED)), float(tally.count(OFFERED))


def metrics_of(records: Sequence[RunRecord]) -> list[Metric]:
    """Everything that can be compared of a scenario's runs: of all operations together first, then each.

    A share of which nothing was seen in any run is left out, save failures; it can neither have changed nor hide it.
    """
    found = [*_of_operation(None, records), *_over_limits(records), *_of_connections(records)]
    names = list(dict.fromkeys(name for record in records for name in record.operations))
    if len(names) > 1:
        found += [metric for name in names for metric in _of_operation(name, records)]
    return [metric for metric in found if _seen(metric, records)]


def _of_operation(operation: str | None, records: Sequence[RunRecord]) -> Iterator[Metric]:
    for name, quantile in _QUANTILES.items():
        yield Metric(name, "time", operation, quantile=quantile)
    yield Metric("failures", "share", operation)
    yield Metric("drops", "share", operation)
    yield Metric("throughput", "rate", operation)
    further = {name for record in records for name in record.tally(operation).histograms} - _OWN
    for name in sorted(further):
        yield Metric(f"{name} p95", "time", operation, histogram=name, quantile=_FURTHER)


def _over_limits(records: Sequence[RunRecord]) -> Iterator[Metric]:
    """The share of answers over each latency limit that the runs' thresholds name."""
    seen = set()
    for threshold in (each for record in records for each in record.thresholds):
        if threshold.metric != "latency" or threshold.quantile is None:
            continue
        histogram = SERVICE_OK if threshold.service else RESPONSE_OK
        name = f"{'service ' if threshold.service else ''}over {write_duration(round(threshold.limit))}"
        metric = Metric(name, "share", threshold.operation, histogram=histogram, limit_ns=threshold.limit)
        if metric.key not in seen:
            seen.add(metric.key)
            yield metric


def _of_connections(records: Sequence[RunRecord]) -> Iterator[Metric]:
    if any(record.connections.count(OFFERED) for record in records):
        yield Metric("connect p95", "time", source="connections", histogram="connect", quantile=_FURTHER)
        yield Metric("connect failures", "share", source="connections")
        yield Metric("connection drops", "share", source="connections")


def _seen(metric: Metric, records: Sequence[RunRecord]) -> bool:
    if metric.is_ratio:
        return any(metric.value(record) is not None for record in records)
    hits, trials = (sum(part) for part in zip(*(metric.shares(metric.tally(each)) for each in records), strict=True))
    return trials > 0 and (hits > 0 or metric.name == "failures")
