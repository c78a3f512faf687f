"""What a scenario's schedule means in figures: totals, shares, and whether its thresholds will get enough samples.

An open load is known beforehand. A closed one depends on the answers, by Little's law:

    users = rate × (latency + think time)

so its figures are given for an assumed latency, which the summary names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from loadtests.plan.model import ClosedLoad, OpenLoad, Operation, Scenario, Threshold
from loadtests.plan.profile import Curve, operation_shares
from loadtests.plan.protocol.http import HttpOperation
from loadtests.plan.protocol.websocket import WebsocketOperation
from loadtests.plan.thresholds import samples_needed

__all__ = ["OperationShare", "Outlook", "ScheduleSummary", "closed_rate", "outlooks", "schedule_summary"]

_SLICES = 40
_ASSUMED_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class OperationShare:
    """How often an operation is started: its share, and how many times in the whole and in the steady interval."""

    name: str
    share: float
    offered: float
    steady: float


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """A schedule in figures. Counts are exact for constant arrivals, expected for Poisson and closed loads.

    `levels` is the mean rate (closed: the number of users) in each of 40 equal slices of the duration.
    `assumed_latency_ns` is `None` for open loads.
    """

    duration_ns: int
    steady_ns: tuple[int, int]
    offered: float
    steady_offered: float
    peak_rate: float
    operations: tuple[OperationShare, ...]
    levels: tuple[float, ...]
    assumed_latency_ns: int | None = None


_OF_CONNECTIONS = ("connect", "connect failures", "connection drops", "ping", "push")
_OF_PUSHES = ("push", "lost", "duplicated", "out of order")
_OF_COPIES = ("delivery", "reach")


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many samples a threshold can expect and how many it needs to be shown at all; `None` where it has no count.

    With a sliding window both are of one window.
    """

    threshold: Threshold
    samples: int | None
    needed: int | None

    @property
    def suffices(self) -> bool:
        """Whether the plan gives the threshold enough to be judged on."""
        return self.needed is None or self.samples is None or self.samples >= self.needed


def schedule_summary(scenario: Scenario) -> ScheduleSummary:
    """The figures of the scenario's schedule."""
    load = scenario.load
    if isinstance(load, OpenLoad):
        return _open(scenario, load)
    return _closed(scenario, load)


def closed_rate(load: ClosedLoad, latency_ns: int) -> float:
    """Executions a second of all users together, when one takes `latency_ns`; infinite when nothing takes time."""
    think_ns = 0.0 if load.think_ns is None else sum(load.think_ns) / 2
    cycle_ns = max(latency_ns, load.pacing_ns) if load.pacing_ns is not None else latency_ns + think_ns
    return load.users * 1e9 / cycle_ns if cycle_ns else float("inf")


def outlooks(scenario: Scenario, summary: ScheduleSummary) -> tuple[Outlook, ...]:
    """What each threshold of the scenario can expect."""
    return tuple(
        Outlook(threshold, _samples(threshold, scenario, summary), samples_needed(threshold))
        for threshold in scenario.thresholds
    )


def _open(scenario: Scenario, load: OpenLoad) -> ScheduleSummary:
    curve, duration_ns = Curve(load.stages), load.duration_ns
    counted = float(-int(-curve.exact_total // 1)) if load.arrivals == "constant" else curve.total
    steady = curve.until(scenario.steady_ns[1]) - curve.until(scenario.steady_ns[0])
    edges = [curve.until(duration_ns * cut // _SLICES) for cut in range(_SLICES + 1)]
    slice_s = duration_ns / _SLICES / 1e9
    return ScheduleSummary(
        duration_ns=duration_ns,
        steady_ns=scenario.steady_ns,
        offered=counted,
        steady_offered=steady,
        peak_rate=max(stage.rate for stage in load.stages),
        operations=_operations(scenario.operations, counted, steady),
        levels=tuple((high - low) / slice_s for low, high in pairwise(edges)),
    )


def _closed(scenario: Scenario, load: ClosedLoad) -> ScheduleSummary:
    latency_ns = _assumed_latency(scenario)
    rate = closed_rate(load, latency_ns)
    steady = rate * (scenario.steady_ns[1] - scenario.steady_ns[0]) / 1e9
    offered = rate * (load.duration_ns - load.ramp_ns / 2) / 1e9
    middles = [load.duration_ns * (cut + 0.5) / _SLICES / 1e9 for cut in range(_SLICES)]
    spawned = [load.users if load.spawn_rate is None else min(load.users, 1 + at * load.spawn_rate) for at in middles]
    return ScheduleSummary(
        duration_ns=load.duration_ns,
        steady_ns=scenario.steady_ns,
        offered=offered,
        steady_offered=steady,
        peak_rate=rate,
        operations=_operations(scenario.operations, offered, steady),
        levels=tuple(map(float, spawned)),
        assumed_latency_ns=latency_ns,
    )


def _assumed_latency(scenario: Scenario) -> int:
    """The scenario's own limit on the median where it has one, else 100 ms; of agents, all the time they may take."""
    limits = [one.limit for one in scenario.thresholds if one.quantile == 0.5 and one.metric == "latency"]
    if limits:
        return max(1, round(limits[0]))
    if scenario.driver != "agent":
        return _ASSUMED_NS
    shares = zip(operation_shares(scenario.operations), scenario.operations, strict=True)
    return round(sum(share * scenario.timeout_of(one) for share, one in shares))


def _operations(operations: Sequence[Operation], offered: float, steady: float) -> tuple[OperationShare, ...]:
    shares = operation_shares(operations)
    return tuple(
        OperationShare(operation.name, share, offered * share, steady * share)
        for operation, share in zip(operations, shares, strict=True)
    )


def _samples(threshold: Threshold, scenario: Scenario, summary: ScheduleSummary) -> int | None:
    if samples_needed(threshold) is None:
        return None
    start, end = summary.steady_ns
    part = 1.0 if threshold.sliding_ns is None else min(1.0, threshold.sliding_ns / (end - start))
    connections = scenario.load.connections
    if connections is not None and (threshold.metric in _OF_CONNECTIONS or not scenario.operations):
        return _of_connections(threshold.metric, connections.count, scenario, (end - start) * part)
    offered = summary.steady_offered * _per_arrival(threshold, scenario) * part
    if connections is not None and threshold.metric in _OF_COPIES:
        offered *= connections.count
    return int(offered + 1e-6)


def _of_connections(metric: str, count: int, scenario: Scenario, length_ns: float) -> int | None:
    """Of connections that are held; how many messages the server pushes over them is its own affair."""
    if metric == "ping":
        ping_ns = scenario.websocket.ping_ns
        return None if ping_ns is None else count * int(length_ns // ping_ns)
    return None if metric in _OF_PUSHES else count


def _per_arrival(threshold: Threshold, scenario: Scenario) -> float:
    """How many outcomes that the threshold speaks of one arrival has on average."""
    shares = dict(zip((one.name for one in scenario.operations), operation_shares(scenario.operations), strict=True))
    if threshold.operation is not None:
        known = threshold.operation in shares
        return shares[threshold.operation if known else threshold.operation.partition("/")[0]]
    return sum(shares[one.name] * _recorded(one) for one in scenario.operations if _measures(one, threshold.metric))


def _measures(operation: Operation, metric: str) -> bool:
    """Whether executions of the operation have that metric; only some messages have events or copies."""
    expected = {"first event": "events", "delivery": "broadcast", "reach": "broadcast"}.get(metric)
    return expected is None or (isinstance(operation, WebsocketOperation) and operation.expect == expected)


def _recorded(operation: Operation) -> int:
    """How many outcomes of one execution count in the scenario's total: a journey's steps do, its whole does not."""
    return max(1, len(operation.steps)) if isinstance(operation, HttpOperation) else 1
