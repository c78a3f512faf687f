"""The figures of one scenario for the page: operations, total, resources, failures, and the course over time.

Latencies come from merged histograms, never from averaged percentiles; all but the course are of the steady interval.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from loadtests.report.latency import Latency, latency
from loadtests.report.page import (
    FailureRow,
    MessageFacts,
    OperationRow,
    ResourceRow,
    Series,
)
from loadtests.report.wording import count, figure, masked
from loadtests.result.histogram import Histogram
from loadtests.result.run import FailureSample, ScenarioRun, pooled
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    DROPPED_AT,
    DUPLICATED,
    EXPECTED,
    LATE,
    OFFERED,
    OK,
    OUT_OF_ORDER,
    RECEIVED,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_FAILED,
    SERVICE_OK,
    UNEXPECTED,
    Tally,
)

__all__ = ["MOST_FAILURES", "failure_rows", "operation_rows", "resource_rows", "series", "total_row"]

MOST_FAILURES = 60
"""Failure samples a page shows per scenario."""

_PER_KIND = 5
_MESSAGE_CHARACTERS = 2000
_MOST_POINTS = 600
_OWN_ROWS = frozenset({RESPONSE_OK, SERVICE_OK, RESPONSE_FAILED, SERVICE_FAILED})
_GAUGES = {
    "cpu": ("CPU, share of one instance", "ratio", 1.0),
    "memory_bytes": ("memory", "bytes", 1.0),
    "pool": ("pool in use", "ratio", 1.0),
    "machine_cpu": ("CPU of the whole machine", "ratio", 1.0),
    "machine_memory": ("memory in use on the machine", "ratio", 1.0),
    "lock_wait_s": ("lock wait", "ns", 1e9),
}


def operation_rows(run: ScenarioRun) -> list[OperationRow]:
    """A row for every operation seen."""
    return [_row(run, name, (name,), journey=run.is_journey(name)) for name in run.operation_names()]


def total_row(run: ScenarioRun) -> OperationRow:
    """The scenario as one operation; a journey counts by its steps."""
    return _row(run, "total", run.total_names(), journey=False)


def _row(run: ScenarioRun, name: str, names: Iterable[str], *, journey: bool) -> OperationRow:
    seconds = run.seconds()
    tally = pooled(run.by_second(names), seconds)
    ok, failed = tally.count(OK), tally.failed
    ended = ok + failed
    response = tally.histogram(RESPONSE_OK)
    return OperationRow(
        name=name,
        journey=journey,
        offered=count(tally.count(OFFERED)),
        requests=count(ended),
        ok=count(ok),
        failed=count(failed),
        failed_share=figure(failed / ended if ended else None, "ratio"),
        dropped=count(tally.count(DROPPED)),
        cut_off=count(tally.count(CUT_OFF)),
        failures={kind: count(number) for kind, number in tally.failures.items()},
        throughput=figure(tally.count(COMPLETED_OK) / len(seconds) if seconds else None, "per_s"),
        response=latency(response),
        service=latency(tally.histogram(SERVICE_OK)),
        all_outcomes=latency(Histogram.merge([response, tally.histogram(RESPONSE_FAILED)])),
        phases=_phases(tally),
        messages=_messages(tally) if run.scenario.driver == "websocket" else None,
    )


def _messages(tally: Tally) -> MessageFacts:
    expected, received = tally.count(EXPECTED), tally.count(RECEIVED)
    return MessageFacts(
        late=count(tally.count(LATE)),
        duplicated=count(tally.count(DUPLICATED)),
        out_of_order=count(tally.count(OUT_OF_ORDER)),
        unexpected=count(tally.count(UNEXPECTED)),
        expected=count(expected),
        received=count(received),
        reach=figure(received / expected if expected else None, "ratio"),
    )


def _phases(tally: Tally) -> dict[str, Latency]:
    others = {name: found for name, found in tally.histograms.items() if name not in _OWN_ROWS and found.total}
    return {name: latency(others[name]) for name in sorted(others)}


def resource_rows(run: ScenarioRun) -> list[ResourceRow]:
    """Mean and maximum of every gauge sampled in the steady interval, the target's first."""
    found = run.steady_gauges()
    order = sorted(found, key=lambda key: (key[0] != "target", key))
    return [_resource(source, name, found[source, name]) for source, name in order]


def _resource(source: str, name: str, values: Sequence[float]) -> ResourceRow:
    label, unit, scale = _GAUGES.get(name, (name, "number", 1.0))
    mean, highest = math.fsum(values) / len(values) * scale, max(values) * scale
    return ResourceRow(source, name, label, figure(mean, unit), figure(highest, unit), len(values))


def failure_rows(samples: Sequence[FailureSample], *, secrets: tuple[str, ...]) -> list[FailureRow]:
    """The first few samples of every operation and kind, in order of time, bounded in number and length."""
    seen: Counter[tuple[str, str]] = Counter()
    rows: list[FailureRow] = []
    for sample in sorted(samples, key=lambda one: one.at_s):
        seen[sample.operation, sample.kind] += 1
        if seen[sample.operation, sample.kind] <= _PER_KIND and len(rows) < MOST_FAILURES:
            message = _shortened(masked(sample.message, secrets))
            rows.append(FailureRow(sample.operation, sample.kind, figure(sample.at_s * 1e9, "ns"), message))
    return rows


def _shortened(message: str) -> str:
    return message if len(message) <= _MESSAGE_CHARACTERS else message[:_MESSAGE_CHARACTERS] + " …"


def series(run: ScenarioRun) -> Series:
    """The whole run over time, warm-up included, in some hundred steps at most; a longer run has longer steps."""
    by_second = run.by_second(run.total_names())
    length = max(by_second, default=-1) + 1
    step = max(1, -(-length // _MOST_POINTS))
    starts = range(0, length, step)
    merged = [_step(by_second, start, step) for start in starts]
    return Series(
        step_s=step,
        second=tuple(starts),
        offered=tuple(_rate(tally, OFFERED, step) for tally in merged),
        ok=tuple(_rate(tally, COMPLETED_OK, step) for tally in merged),
        failed=tuple(_rate(tally, COMPLETED_FAILED, step) for tally in merged),
        p50_ms=tuple(_quantile_ms(tally, 0.5) for tally in merged),
        p99_ms=tuple(_quantile_ms(tally, 0.99) for tally in merged),
        open_connections=_open_connections(run, starts, step) if run.holds_connections else (),
    )


def _open_connections(run: ScenarioRun, starts: range, step: int) -> tuple[int, ...]:
    """Established less dropped, at the end of each step; an attempt counts from the second in which it was due."""
    by_second, now, found = run.connections_by_second(), 0, []
    for start in starts:
        tally = _step(by_second, start, step)
        now += 0 if tally is None else tally.count(OK) - tally.count(DROPPED_AT)
        found.append(now)
    return tuple(found)


def _step(by_second: Mapping[int, Tally], start: int, step: int) -> Tally | None:
    present = [by_second[second] for second in range(start, start + step) if second in by_second]
    return Tally.merge(present) if present else None


def _rate(tally: Tally | None, counter: str, step: int) -> float | None:
    return None if tally is None else tally.count(counter) / step


def _quantile_ms(tally: Tally | None, quantile: float) -> float | None:
    found = None if tally is None else tally.histogram(RESPONSE_OK).quantile_us(quantile)
    return None if found is None else found / 1000
