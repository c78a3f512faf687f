"""Reading `thresholds`: sentences held against what their scenario can show."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.metrics import metric_named
from loadtests.plan.model import DISCOVERING, ClosedLoad, Operation, Threshold
from loadtests.plan.protocol.http import HttpOperation
from loadtests.plan.reading.base import Claimed
from loadtests.plan.reading.drivers import DRIVERS
from loadtests.plan.suggest import nearest
from loadtests.plan.thresholds import ThresholdError, format_threshold, parse_threshold, write_duration
from loadtests.plan.yamlfile import Place

__all__ = ["read_thresholds", "recorded_names"]


def read_thresholds(findings: Findings, value: Any, place: Place, claimed: Claimed) -> tuple[Threshold, ...]:
    """The thresholds that could be read; those that cannot hold anything here are mistakes."""
    reader = DRIVERS[claimed.driver]
    found: list[Threshold] = []
    for position, entry in enumerate(findings.sequence(value, place, of="sentences such as p99 < 2s")):
        here = (*place, position)
        if not isinstance(entry, str):
            findings.note(here, "expected a sentence such as p99 < 2s; put it in quotes if it holds a colon")
            continue
        try:
            threshold = parse_threshold(entry)
        except ThresholdError as error:
            findings.note(here, error.rule, near=error.nearest)
            continue
        threshold = replace(threshold, metric=reader.synonyms.get(threshold.metric, threshold.metric))
        rule, near = _objection(threshold, claimed)
        if rule is None and format_threshold(threshold) in map(format_threshold, found):
            rule = "says the same as an earlier threshold"
        if rule is not None:
            findings.note(here, rule, near=near)
        found.append(threshold)
    return tuple(found)


def recorded_names(operations: Sequence[Operation]) -> list[str]:
    """The names under which a scenario records: operations, and `journey/step` for each step."""
    names = []
    for operation in operations:
        names.append(operation.name)
        if isinstance(operation, HttpOperation):
            names += [f"{operation.name}/{step.name}" for step in operation.steps]
    return names


def _objection(threshold: Threshold, claimed: Claimed) -> tuple[str | None, str | None]:
    """What speaks against a threshold here, and the nearest spelling that might be meant."""
    metric, operation = threshold.metric, threshold.operation
    known = metric_named(metric)
    assert known is not None
    if operation is not None and known.whole:
        return f"{metric} is measured for the whole scenario, not for one operation", None
    named = None if claimed.driver in DISCOVERING else claimed.operations
    if operation is not None and named is not None and not _is_recorded(operation, named):
        names = recorded_names(named)
        return f"there is no operation {operation}; there is {', '.join(names)}", nearest(operation, names)
    if known.drivers is not None and claimed.driver not in known.drivers:
        article = "an" if known.drivers[0].startswith("a") else "a"
        return f"only {article} {' or '.join(known.drivers)} scenario measures {metric}", None
    rule = DRIVERS[claimed.driver].objection(threshold, claimed)
    if rule is not None:
        return rule, None
    if metric == "drops" and isinstance(claimed.load, ClosedLoad):
        return "a closed load waits for its answers and never drops, so this could not fail", None
    if metric.startswith("target ") and claimed.target is not None and not _has_gauge(metric, claimed):
        needs = (
            "target.metrics" if metric in ("target pool", "target lock wait") else "target.metrics or target.process"
        )
        return f"nothing measures {metric}: give {needs}", None
    if threshold.sliding_ns is not None and claimed.steady_ns is not None and threshold.sliding_ns > claimed.steady_ns:
        return f"the window is longer than the steady interval of {write_duration(claimed.steady_ns)}", None
    return None, None


def _is_recorded(name: str, operations: Sequence[Operation]) -> bool:
    if name in recorded_names(operations):
        return True
    owner = name.partition("/")[0]
    return any(isinstance(one, HttpOperation) and one.journey is not None and one.name == owner for one in operations)


def _has_gauge(metric: str, claimed: Claimed) -> bool:
    target = claimed.target
    if target is None or metric in DRIVERS[claimed.driver].gauges:
        return True
    if metric in ("target pool", "target lock wait"):
        return target.metrics is not None
    return target.metrics is not None or target.process is not None
