"""What reading a plan has to know of a driver, and what the readers are given."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.plan.findings import Findings
from loadtests.plan.model import ClosedLoad, DriverName, OpenLoad, Operation, Target, Threshold
from loadtests.plan.yamlfile import Place

__all__ = ["Claimed", "Context", "DriverReader", "Fed", "no_objection"]

Fed = Collection[str]
"""Names that have a value when a template is filled in; `name.*` stands for any column of a table."""


@dataclass(frozen=True, slots=True)
class Context:
    """What operations and settings are read against: the mistakes, the names that have values, where files lie."""

    findings: Findings
    fed: Fed
    base: Path | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What thresholds speak of. A part that could not be read is `None`: then nothing is held against it."""

    driver: DriverName
    operations: Sequence[Operation] | None
    load: OpenLoad | ClosedLoad | None
    steady_ns: int | None
    target: Target | None
    settings: Any = None
    """The driver's settings; `None` where it has none."""


def no_objection(_threshold: Threshold, _claimed: Claimed) -> str | None:
    """A driver that has nothing further to say against thresholds."""
    return None


@dataclass(frozen=True, slots=True)
class DriverReader:
    """How the parts of a scenario that belong to one driver are read.

    `operation` reads one entry of `operations`. `settings` reads what stands under the driver's own name (`None` where
    nothing does) and may hold the operations, read before it, against it; a driver without settings has none.
    `objection` says what speaks against a threshold that the grammar allows. `addresses` are the keys of `target` that
    these operations need, and what for. `gauges` are metrics of the target that need nothing else. `synonyms` are
    metrics that mean another one here. `implied`: what a scenario does that names no operations. `holds`: its loads
    have connections that are held, as no others do. `idle`: it may run without operations.
    """

    operation: Callable[[Context, Any, Place], Operation | None]
    settings: Callable[[Context, Any, Place, Sequence[Operation]], Any] | None = None
    objection: Callable[[Threshold, Claimed], str | None] = no_objection
    addresses: Callable[[Sequence[Operation]], Mapping[str, str]] = field(default=lambda _: {})
    gauges: frozenset[str] = frozenset()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    implied: tuple[Operation, ...] = ()
    holds: bool = False
    idle: bool = False
