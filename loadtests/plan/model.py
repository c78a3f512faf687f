"""The values a plan file means: frozen, complete, in base units.

Durations are integer nanoseconds (`_ns`), rates are per second, shares are 0..1. `None` means "not given".
Nothing after the loader checks these again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.plan.protocol.agent import AgentOperation, AgentSettings
from loadtests.plan.protocol.database import DatabaseOperation, DatabaseSettings
from loadtests.plan.protocol.http import HttpOperation, HttpSettings
from loadtests.plan.protocol.locust import Locustfile, LocustSettings
from loadtests.plan.protocol.null import NullOperation
from loadtests.plan.protocol.websocket import WebsocketOperation, WebsocketSettings

__all__ = [
    "DISCOVERING",
    "Abort",
    "Arrivals",
    "ClosedLoad",
    "Connections",
    "Feeder",
    "OpenLoad",
    "Operation",
    "Plan",
    "Scenario",
    "Stage",
    "Suite",
    "Target",
    "Threshold",
    "Tls",
]

Arrivals = Literal["constant", "poisson"]
DriverName = Literal["null", "http", "websocket", "database", "agent", "locust"]
DISCOVERING: frozenset[DriverName] = frozenset({"locust"})
"""Drivers whose operations no plan names: they are found in what is recorded."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One piece of a rate profile: a linear move to `rate` over the time, or (`ramp` false) a hold at it."""

    rate: float
    duration_ns: int
    ramp: bool


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections opened at `spawn_rate` (all at once without one) and held to the end; the first `senders` send.

    In an open load arrivals go round the senders that are open; in a closed load sender k is user k.
    """

    count: int
    spawn_rate: float | None = None
    senders: int = 0

    @property
    def spawn_ns(self) -> int:
        """Time until the last connection is due."""
        return 0 if self.spawn_rate is None else round((self.count - 1) / self.spawn_rate * 1e9)

    def due_ns(self, number: int) -> int:
        """When connection `number` (from 0) is due, after the start."""
        return 0 if self.spawn_rate is None else round(number / self.spawn_rate * 1e9)


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """Arrivals that never wait for responses. `rate` + `ramp` in the file becomes two stages here.

    The rate before the first stage is 0, so a first stage with `ramp` climbs from 0. With `connections` and no rate
    there is one stage at rate 0: they are only held.
    """

    stages: tuple[Stage, ...]
    arrivals: Arrivals = "constant"
    max_in_flight: int = 2000
    connections: Connections | None = None

    @property
    def duration_ns(self) -> int:
        """Length of the whole profile."""
        return sum(stage.duration_ns for stage in self.stages)

    @property
    def ramp_ns(self) -> int:
        """Length of the leading climb from zero; recorded, not judged."""
        climb_ns = self.stages[0].duration_ns if self.stages[0].ramp else 0
        return climb_ns if self.connections is None else max(climb_ns, self.connections.spawn_ns)


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """`users` loops, each waiting for its answer, then thinking (uniform in `think_ns`) or keeping a pace."""

    users: int
    duration_ns: int
    spawn_rate: float | None = None
    think_ns: tuple[int, int] | None = None
    pacing_ns: int | None = None
    connections: Connections | None = None

    @property
    def ramp_ns(self) -> int:
        """Time until the last user has started, and the last connection; recorded, not judged."""
        spawn_ns = 0 if self.spawn_rate is None else round((self.users - 1) / self.spawn_rate * 1e9)
        return spawn_ns if self.connections is None else max(spawn_ns, self.connections.spawn_ns)


Operation = HttpOperation | NullOperation | WebsocketOperation | DatabaseOperation | AgentOperation | Locustfile


@dataclass(frozen=True, slots=True)
class Feeder:
    """Values for one `{{name}}`; the value is a pure function of the execution's index (see `plan.data`)."""

    values: "Any"
    """A sequence supporting `len` and indexing: `range` or a tuple of strings."""
    order: Literal["sequence", "random"] = "sequence"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Abort:
    """Stops the run early once the threshold is missed, after `delay_ns` of the run have passed."""

    delay_ns: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """`[operation:] [service] metric (< | <= | > | >=) value [for 30s] [abort [after 10s]] [[CLAUSE]]`.

    `metric` is the canonical metric name without its quantile: `latency` for pNN, else a name that
    `plan.thresholds` lists. `quantile` is 0.99 for p99, `None` for metrics without one.
    `limit` is ns for times, 0..1 for shares, per second for rates, bytes for memory, or a plain number (`count`);
    `unit` names which.
    """

    text: str
    metric: str
    comparison: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Literal["ns", "ratio", "per_s", "bytes", "count"]
    quantile: float | None = None
    operation: str | None = None
    service: bool = False
    sliding_ns: int | None = None
    abort: Abort | None = None
    clause: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load profile against one protocol, with the operations it mixes and what must hold."""

    name: str
    driver: DriverName
    load: OpenLoad | ClosedLoad
    operations: tuple[Operation, ...]
    thresholds: tuple[Threshold, ...] = ()
    warmup_ns: int = 0
    timeout_ns: int = 10 * 10**9
    seed: int = 0
    data: Mapping[str, Feeder] = field(default_factory=dict)
    allow_lost_workers: int = 0
    """Machines of a distributed run that may be lost without making it INVALID."""
    http: HttpSettings = HttpSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    database: DatabaseSettings = DatabaseSettings()
    agent: AgentSettings = AgentSettings()
    locust: LocustSettings = LocustSettings()

    @property
    def discovers(self) -> bool:
        """Whether what is executed, and under which names, is only known once it is recorded."""
        return self.driver in DISCOVERING

    @property
    def steady_ns(self) -> tuple[int, int]:
        """The judged interval [from, to) after the scenario's start: past warm-up and ramp, to the end of arrivals."""
        return max(self.warmup_ns, self.load.ramp_ns), self.load.duration_ns

    def recorded_names(self) -> list[str]:
        """The names that executions are recorded under, as far as the plan knows: a journey's steps, then itself."""
        names: list[str] = []
        for operation in self.operations:
            steps = operation.steps if isinstance(operation, HttpOperation) else ()
            names += [*(f"{operation.name}/{step.name}" for step in steps), operation.name]
        return names

    @property
    def longest_timeout_ns(self) -> int:
        """The time after which nothing of this scenario is waited for any more."""
        return max((self.timeout_of(operation) for operation in self.operations), default=self.timeout_ns)

    def timeout_of(self, operation: Operation) -> int:
        """The time in ns after which an execution of `operation` is given up."""
        return self.timeout_ns if operation.timeout_ns is None else operation.timeout_ns


@dataclass(frozen=True, slots=True)
class Tls:
    """How the target's certificate is verified, and the client certificate shown to it."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """Where load goes and where the target's own figures come from."""

    http: str | None = None
    websocket: str | None = None
    database: str | None = None
    metrics: str | None = None
    process: int | str | None = None
    allow: tuple[str, ...] = ()
    instances: int = 1
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Suite:
    """Scenarios that run one after the other, optionally shortened to one duration."""

    name: str
    scenarios: tuple[str, ...]
    duration_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan file, resolved. `document` is the masked, resolved mapping that the run directory keeps.

    `unmasked` is the same with its secrets in the clear and the directory of its files: what an engine process is
    given through a pipe. **It must never be written to disk or shown.** `plan_from_document` reads either.
    """

    target: Target
    scenarios: Mapping[str, Scenario]
    suites: Mapping[str, Suite]
    document: Mapping[str, Any]
    secrets: tuple[str, ...] = field(default=(), repr=False)
    source: str = "scenarios.yaml"
    unmasked: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
