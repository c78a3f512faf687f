"""Which scenarios of a plan are meant by names on the command line, and how a suite shortens them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from loadtests.errors import UsageError
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import ClosedLoad, OpenLoad, Plan, Scenario, Suite
from loadtests.plan.suggest import nearest
from loadtests.plan.thresholds import format_threshold, parse_threshold, write_duration

__all__ = ["narrowed", "select"]

_DEFAULT = "default"
_WARMUP_PART = 4
"""Warm-up takes at most this part of a shortened scenario, and the spawning of users at most half."""


def select(plan: Plan, names: Sequence[str]) -> list[Scenario]:
    """The scenarios meant by names of scenarios and suites, in order, each once; see `narrowed`."""
    return list(narrowed(plan, names).scenarios.values())


def narrowed(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan with only the scenarios meant, as long as their suite has them run.

    No names mean the suite `default` where there is one, else every scenario. A suite's `duration` shortens longer
    scenarios in proportion (all stages alike); a scenario named twice goes by its first mention. The documents of the
    plan returned say the same as its scenarios, so that a stored run is read back as it was made.
    """
    durations: dict[str, int | None] = {}
    for name in names or _default_names(plan):
        for scenario, duration_ns in _meant(plan, name):
            durations.setdefault(scenario, duration_ns)
    changes = {
        name: _shortening(plan.scenarios[name], plan.document["scenarios"][name], duration_ns)
        for name, duration_ns in durations.items()
    }
    rest = plan_from_document(_edited(plan.unmasked, changes), source=plan.source)
    return replace(rest, document=_edited(plan.document, changes))


def _default_names(plan: Plan) -> list[str]:
    return [_DEFAULT] if _DEFAULT in plan.suites or _DEFAULT in plan.scenarios else list(plan.scenarios)


def _meant(plan: Plan, name: str) -> list[tuple[str, int | None]]:
    if name in plan.scenarios:
        return [(name, None)]
    if name in plan.suites:
        suite: Suite = plan.suites[name]
        return [(scenario, suite.duration_ns) for scenario in suite.scenarios]
    valid = [*plan.scenarios, *plan.suites]
    near = nearest(name, valid)
    hint = "" if near is None else f"; did you mean {near}?"
    raise UsageError(f"{plan.source} has no scenario or suite {name}; it has {', '.join(valid)}{hint}")


def _edited(document: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document with the scenarios in `changes` only, each with its changed entries, and no suites."""
    rest = {key: part for key, part in document.items() if key not in ("scenarios", "suites")}
    return {
        **rest,
        "scenarios": {name: {**document["scenarios"][name], **changed} for name, changed in changes.items()},
    }


def _shortening(scenario: Scenario, written: Mapping[str, Any], duration_ns: int | None) -> dict[str, Any]:
    """The entries of a scenario's document that change when it is to last `duration_ns` at most."""
    if duration_ns is None or duration_ns >= scenario.load.duration_ns:
        return {}
    load = _scaled_load(scenario, written["load"], duration_ns)
    warmup_ns = min(scenario.warmup_ns, duration_ns // _WARMUP_PART)
    steady_ns = _steady_after(scenario, duration_ns, warmup_ns)
    changed: dict[str, Any] = {"load": load, "warmup": write_duration(warmup_ns)}
    if scenario.thresholds:
        changed["thresholds"] = [_within(text, steady_ns) for text in written["thresholds"]]
    return changed


def _scaled_load(scenario: Scenario, written: Mapping[str, Any], duration_ns: int) -> dict[str, Any]:
    if "stages" in written:
        return {**written, "stages": _scaled_stages(scenario, written["stages"], duration_ns)}
    load = {**written, "duration": write_duration(duration_ns)}
    connections = scenario.load.connections
    if connections is not None:
        if connections.spawn_ns > duration_ns // 2:
            load["spawn_rate"] = f"{connections.count * 2 * 10**9 / duration_ns:.6f}/s"
    elif isinstance(scenario.load, ClosedLoad):
        if scenario.load.ramp_ns > duration_ns // 2:
            load["spawn_rate"] = f"{scenario.load.users * 2 * 10**9 / duration_ns:.6f}/s"
    elif scenario.load.ramp_ns:
        load["ramp"] = write_duration(_scaled(scenario.load.ramp_ns, scenario, duration_ns))
    return load


def _scaled_stages(scenario: Scenario, written: Sequence[Mapping[str, Any]], duration_ns: int) -> list[dict[str, Any]]:
    """Every stage in proportion; the last takes what rounding leaves, so that the sum is exact."""
    assert isinstance(scenario.load, OpenLoad)
    lengths = [_scaled(stage.duration_ns, scenario, duration_ns) for stage in scenario.load.stages]
    lengths[-1] = duration_ns - sum(lengths[:-1])
    return [
        {**stage, "over" if stage.get("over") is not None else "for": write_duration(length)}
        for stage, length in zip(written, lengths, strict=True)
    ]


def _scaled(length_ns: int, scenario: Scenario, duration_ns: int) -> int:
    return max(1, length_ns * duration_ns // scenario.load.duration_ns)


def _steady_after(scenario: Scenario, duration_ns: int, warmup_ns: int) -> int:
    """Length of the steady interval once shortened."""
    if isinstance(scenario.load, ClosedLoad) or scenario.load.connections is not None:
        ramp_ns = min(scenario.load.ramp_ns, duration_ns // 2)
    else:
        ramp_ns = _scaled(scenario.load.ramp_ns, scenario, duration_ns) if scenario.load.ramp_ns else 0
    return duration_ns - max(warmup_ns, ramp_ns)


def _within(text: str, steady_ns: int) -> str:
    """The sentence, its sliding window cut to the steady interval where that has become shorter."""
    threshold = parse_threshold(text)
    if threshold.sliding_ns is None or threshold.sliding_ns <= steady_ns:
        return text
    return format_threshold(replace(threshold, sliding_ns=steady_ns // 10**9 * 10**9 or steady_ns))
