"""Reading `thresholds`: sentences held against what their scenario can show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.model import ClosedLoad, OpenLoad, Operation, Target, Threshold
from loadtests.plan.protocol.http import HttpOperation
from loadtests.plan.protocol.websocket import WebsocketOperation, WebsocketSettings
from loadtests.plan.suggest import nearest
from loadtests.plan.thresholds import ThresholdError, format_threshold, parse_threshold, write_duration
from loadtests.plan.yamlfile import Place

__all__ = ["Claimed", "read_thresholds", "recorded_names"]

_WHOLE_SCENARIO = ("lag", "ping", "push", "connect failures", "connection drops")
_CONNECTING = ("connect", "first byte")
_OF_WEBSOCKETS = (
    *("ping", "push", "delivery", "first event", "connect failures", "connection drops"),
    *("lost", "duplicated", "out of order", "reach"),
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What thresholds speak of. A part that could not be read is `None`: then nothing is held against it."""

    driver: str
    operations: Sequence[Operation] | None
    load: OpenLoad | ClosedLoad | None
    steady_ns: int | None
    target: Target | None
    websocket: WebsocketSettings = WebsocketSettings()


def read_thresholds(findings: Findings, value: Any, place: Place, claimed: Claimed) -> tuple[Threshold, ...]:
    """The thresholds that could be read; those that cannot hold anything here are mistakes."""
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
        if claimed.driver == "websocket" and threshold.metric == "drops":  # there the word is about connections
            threshold = replace(threshold, metric="connection drops")
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
    if operation is not None and (metric in _WHOLE_SCENARIO or metric.startswith("target ")):
        return f"{metric} is measured for the whole scenario, not for one operation", None
    if operation is not None and claimed.operations is not None and not _is_recorded(operation, claimed.operations):
        names = recorded_names(claimed.operations)
        return f"there is no operation {operation}; there is {', '.join(names)}", nearest(operation, names)
    if metric in _CONNECTING and claimed.driver == "null":
        return f"the null driver connects to nothing, so it cannot measure {metric}", None
    if claimed.driver == "websocket" or metric in _OF_WEBSOCKETS:
        rule = _websocket_objection(threshold, claimed)
        if rule is not None:
            return rule, None
    if metric == "drops" and isinstance(claimed.load, ClosedLoad):
        return "a closed load waits for its answers and never drops, so this could not fail", None
    if metric.startswith("target ") and claimed.target is not None and not _has_gauge(metric, claimed.target):
        needs = (
            "target.metrics" if metric in ("target pool", "target lock wait") else "target.metrics or target.process"
        )
        return f"nothing measures {metric}: give {needs}", None
    if threshold.sliding_ns is not None and claimed.steady_ns is not None and threshold.sliding_ns > claimed.steady_ns:
        return f"the window is longer than the steady interval of {write_duration(claimed.steady_ns)}", None
    return None, None


def _websocket_objection(threshold: Threshold, claimed: Claimed) -> str | None:
    """What speaks against a threshold on connections and messages here."""
    metric, settings = threshold.metric, claimed.websocket
    if claimed.driver != "websocket":
        return f"only a websocket scenario measures {metric}"
    messages = [one for one in claimed.operations or () if isinstance(one, WebsocketOperation)]
    expects = {one.expect for one in messages if threshold.operation in (None, one.name)}
    pushed = settings.pushes.number is not None and not claimed.operations
    objections = {
        "first byte": "a websocket scenario measures round trips and first events, no first bytes",
        "ping": None if settings.ping_ns else "no pings are sent: give websocket.ping",
        "push": None if settings.pushes.sent else "nothing tells when a push was sent: give websocket.pushes.sent",
        "delivery": None if "broadcast" in expects else "no operation expects a broadcast",
        "reach": None if "broadcast" in expects else "no operation expects a broadcast",
        "first event": None if "events" in expects else "no operation expects events",
        "lost": "nothing is expected back, so nothing can be lost" if expects == {"nothing"} else None,
    }
    if threshold.sliding_ns is not None and metric in ("connect", "connect failures", "connection drops"):
        return "connections are judged over the whole run: take the for away"
    if metric == "connect" and threshold.operation is not None:
        return "connect is measured for the whole scenario, not for one operation"
    if metric in ("duplicated", "out of order") and settings.match.source == "order" and not pushed:
        return "replies that are matched by order cannot show it: give websocket.match a json or a regex"
    if claimed.operations is not None and not claimed.operations and not _of_connections(metric, pushed=pushed):
        return "there are no operations: connections are only held"
    return None if claimed.operations is None and metric != "ping" else objections.get(metric)


def _of_connections(metric: str, *, pushed: bool) -> bool:
    """Whether a metric has figures though no message is sent."""
    if metric in ("lost", "duplicated", "out of order"):
        return pushed
    return metric in ("connect", "connect failures", "connection drops", "ping", "push", "lag") or "target" in metric


def _is_recorded(name: str, operations: Sequence[Operation]) -> bool:
    if name in recorded_names(operations):
        return True
    owner = name.partition("/")[0]
    return any(isinstance(one, HttpOperation) and one.journey is not None and one.name == owner for one in operations)


def _has_gauge(metric: str, target: Target) -> bool:
    if metric in ("target pool", "target lock wait"):
        return target.metrics is not None
    return target.metrics is not None or target.process is not None
