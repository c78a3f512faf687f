"""What is kept of a run: its verdict, its environment, and its windows merged per operation. Counts stay exact.

The same stands in the database, one set of rows a run, and in a baseline, one file a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from loadtests.judge.dependence import Dependence
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Health, Outcome
from loadtests.result.run import Environment, ProcessEnd, RunStatus
from loadtests.result.window import Tally

__all__ = [
    "QUANTILES",
    "KeptGauge",
    "KeptOperation",
    "KeptRun",
    "KeptScenario",
    "KeptThreshold",
    "Role",
]

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""The quantiles that are kept with their bounds, to be listed without unpacking histograms."""

Role = Literal["operation", "journey", "connections", "generator", "total"]


@dataclass(frozen=True, slots=True)
class KeptOperation:
    """One operation of a scenario, or its held connections, its generator, or the total of its operations.

    `steady` is what was due in the judged interval, `rest` all else; the rest is kept of connections and generator
    only, of which some claims are about the whole run. `quantiles` are of the response time of OK answers, of
    connections of the time to connect; empty where there was none. `dependence` goes by histogram or metric.
    """

    name: str
    role: Role
    steady: Tally
    rest: Tally = field(default_factory=Tally)
    quantiles: Mapping[str, QuantileFigure] = field(default_factory=dict)
    dependence: Mapping[str, Dependence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptThreshold:
    """What a threshold said of the run when it was recorded; figures in the threshold's base unit."""

    text: str
    clause: str | None
    outcome: Outcome
    observed: float | None
    limit: float
    unit: str
    low: float | None
    high: float | None
    samples: int
    needed: int | None
    why: str


@dataclass(frozen=True, slots=True)
class KeptGauge:
    """One gauge of the target or the generator's machine over the judged interval."""

    source: str
    name: str
    mean: float
    max: float
    samples: int


@dataclass(frozen=True, slots=True)
class KeptScenario:
    """One scenario. `judged_s` is the length of the interval that was judged.

    `comparability` is of this scenario alone: two runs agree in it whatever else they ran.
    """

    name: str
    driver: str
    outcome: Outcome
    why: str
    status: RunStatus
    started_at: datetime
    ended_s: float | None
    stop_reason: str | None
    judged_s: float
    comparability: str
    health: Health
    expected_processes: int
    processes: Sequence[ProcessEnd]
    operations: Sequence[KeptOperation]
    thresholds: Sequence[KeptThreshold] = ()
    gauges: Sequence[KeptGauge] = ()

    @property
    def total(self) -> KeptOperation:
        """All operations together, steps of journeys included."""
        return next(found for found in self.operations if found.role == "total")

    def of_role(self, role: Role) -> KeptOperation | None:
        """The one that stands for the held connections, or for the generator."""
        return next((found for found in self.operations if found.role == role), None)

    def operation(self, name: str) -> KeptOperation | None:
        """The operation of that name, if it was seen."""
        named = (found for found in self.operations if found.name == name)
        return next((found for found in named if found.role in ("operation", "journey")), None)


@dataclass(frozen=True, slots=True)
class KeptRun:
    """One run. `plan` is its resolved plan with secrets masked; `path` where its directory was."""

    id: str
    started_at: datetime
    build: str
    branch: str | None
    status: RunStatus
    outcome: Outcome
    why: str
    comparability: str
    path: str | None
    plan: Mapping[str, Any]
    environment: Environment
    warnings: Sequence[str]
    scenarios: Sequence[KeptScenario]

    def scenario(self, name: str) -> KeptScenario | None:
        """The scenario of that name, if it was run."""
        return next((found for found in self.scenarios if found.name == name), None)
