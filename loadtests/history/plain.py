"""The parts of a kept run as plain data, as both the database's JSON columns and baseline files hold them.

Fields that a later version added are absent in what an earlier one wrote, and read as `None` or as their default; those
that an earlier version does not know it passes over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from loadtests.history.kept import KeptGauge, KeptOperation
from loadtests.judge.dependence import Dependence
from loadtests.judge.verdict import Health
from loadtests.result.run import ProcessEnd
from loadtests.result.window import Tally

__all__ = [
    "PARTS",
    "dependence_from",
    "dependence_to",
    "gauges_from",
    "gauges_to",
    "health_from",
    "health_to",
    "parts_of",
    "processes_from",
    "processes_to",
    "with_total",
]

PARTS = ("steady", "rest")
"""The two halves of an operation's counts."""

Plain = dict[str, Any]


def parts_of(operation: KeptOperation) -> dict[str, Tally]:
    """Its counts by part, those that hold anything; none of a total, which is the sum of the others."""
    if operation.role == "total":
        return {}
    found = {"steady": operation.steady, "rest": operation.rest}
    return {part: tally for part, tally in found.items() if tally.counters or tally.histograms}


def with_total(operations: Sequence[KeptOperation]) -> tuple[KeptOperation, ...]:
    """The operations with the counts of their total filled in; a journey counts by its steps."""
    merged = Tally.merge(found.steady for found in operations if found.role == "operation")
    return tuple(_filled(found, merged) if found.role == "total" else found for found in operations)


def _filled(total: KeptOperation, merged: Tally) -> KeptOperation:
    return KeptOperation(total.name, total.role, merged, quantiles=total.quantiles, dependence=total.dependence)


def health_to(health: Health) -> Plain:
    """The generator's health."""
    return asdict(health) | {"reasons": list(health.reasons), "warnings": list(health.warnings)}


def health_from(data: Mapping[str, Any]) -> Health:
    """The health that `health_to` wrote."""
    known = {field.name: data.get(field.name) for field in fields(Health)}
    return Health(**known | {"reasons": tuple(data["reasons"]), "warnings": tuple(data["warnings"])})


def processes_to(expected: int, ends: Sequence[ProcessEnd]) -> Plain:
    """How many engine processes there were to be, and how each ended."""
    return {"expected": expected, "ends": [asdict(end) | {"faults": dict(end.faults)} for end in ends]}


def processes_from(data: Mapping[str, Any]) -> tuple[int, tuple[ProcessEnd, ...]]:
    """What `processes_to` wrote."""
    known = {field.name for field in fields(ProcessEnd)}
    ends = ({name: value for name, value in end.items() if name in known} for end in data["ends"])
    return data["expected"], tuple(ProcessEnd(**end) for end in ends)


def gauges_to(gauges: Sequence[KeptGauge]) -> list[Any]:
    """Gauges of the target and the generator's machine."""
    return [asdict(gauge) for gauge in gauges]


def gauges_from(data: Sequence[Mapping[str, Any]]) -> tuple[KeptGauge, ...]:
    """What `gauges_to` wrote."""
    return tuple(KeptGauge(**gauge) for gauge in data)


def dependence_to(found: Mapping[str, Dependence]) -> Plain:
    """Dependence by histogram or metric, as [share, worth] pairs."""
    return {name: [list(mark) for mark in dependence.marks] for name, dependence in found.items()}


def dependence_from(data: Mapping[str, Any]) -> dict[str, Dependence]:
    """What `dependence_to` wrote."""
    return {name: Dependence(tuple((share, worth) for share, worth in marks)) for name, marks in data.items()}
