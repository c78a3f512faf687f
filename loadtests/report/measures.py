"""The figures of one scenario for the page: operations, total, resources, failures.

Latencies come from merged histograms, never from averaged percentiles; all are of the steady interval.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from loadtests.report.latency import Latency, latency
from loadtests.report.page import (
    FailureRow,
    MessageFacts,
    OperationRow,
    ResourceRow,
    Slow,
)
from loadtests.report.series import GAUGES, operation_p99s
from loadtests.report.wording import count, figure, masked
from loadtests.result.histogram import Histogram
from loadtests.result.run import FailureSample, ScenarioRun
from loadtests.result.window import (
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    DUPLICATED,
    EXPECTED,
    LATE,
    NUMBERS,
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

__all__ = ["MOST_FAILURES", "failure_rows", "operation_rows", "resource_rows", "slowest", "total_row"]

MOST_FAILURES = 60
"""Failure samples a page shows per scenario."""

MOST_SLOW = 6
"""Operations among the slowest."""

_PER_KIND = 5
_MESSAGE_CHARACTERS = 2000
_NO_PHASES = frozenset({RESPONSE_OK, SERVICE_OK, RESPONSE_FAILED, SERVICE_FAILED}) | NUMBERS


def operation_rows(run: ScenarioRun) -> list[OperationRow]:
    """A row for every operation seen."""
    return [_row(run, name, (name,), journey=run.is_journey(name)) for name in run.operation_names()]


def total_row(run: ScenarioRun) -> OperationRow:
    """The scenario as one operation; a journey counts by its steps."""
    return _row(run, "total", run.total_names(), journey=False)


def _row(run: ScenarioRun, name: str, names: Iterable[str], *, journey: bool) -> OperationRow:
    seconds = run.seconds()
    tally = run.steady(names)
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
    others = {name: found for name, found in tally.histograms.items() if name not in _NO_PHASES and found.total}
    return {name: latency(others[name]) for name in sorted(others)}


def resource_rows(run: ScenarioRun) -> list[ResourceRow]:
    """Mean and maximum of every gauge sampled in the steady interval, the target's first."""
    found = {key: values for key, values in run.steady_gauges().items() if key[0] != "database"}  # a block of its own
    order = sorted(found, key=lambda key: (key[0] != "target", key))
    return [_resource(source, name, found[source, name]) for source, name in order]


def _resource(source: str, name: str, values: Sequence[float]) -> ResourceRow:
    label, unit, scale = GAUGES.get(name, (name, "number", 1.0))
    base, scale = ("ns", scale * 1e6) if unit == "ms" else (unit, scale)
    mean, highest = math.fsum(values) / len(values) * scale, max(values) * scale
    return ResourceRow(source, name, label, figure(mean, base), figure(highest, base), len(values))


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


def slowest(run: ScenarioRun, rows: Sequence[OperationRow]) -> list[Slow]:
    """The operations with the highest p99, the worst first; none where there is only one to look at."""
    timed = [row for row in rows if row.response.samples and not row.journey]
    if len(timed) < 2:
        return []
    spent = {row.name: (row.response.figures["mean"].value or 0.0) * row.response.samples for row in timed}
    worst = sorted(timed, key=lambda row: row.response.figures["p99"].value or 0.0, reverse=True)[:MOST_SLOW]
    p99s = operation_p99s(run, [row.name for row in worst])
    total = math.fsum(spent.values())
    return [Slow(row, figure(spent[row.name] / total if total else None, "ratio"), p99s[row.name]) for row in worst]
