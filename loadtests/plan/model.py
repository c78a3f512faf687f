"""The values a plan file means: frozen, complete, in base units.

Durations are integer nanoseconds (`_ns`), rates are per second, shares are 0..1. `None` means "not given".
Nothing after the loader checks these again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.law import Law

__all__ = [
    "Abort",
    "Arrivals",
    "Body",
    "Check",
    "ClosedLoad",
    "Extract",
    "Feeder",
    "HttpOperation",
    "HttpSettings",
    "NullOperation",
    "OpenLoad",
    "Operation",
    "Plan",
    "Request",
    "Scenario",
    "Stage",
    "Step",
    "Suite",
    "Target",
    "Threshold",
    "Tls",
]

Arrivals = Literal["constant", "poisson"]
DriverName = Literal["null", "http"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One piece of a rate profile: a linear move to `rate` over the time, or (`ramp` false) a hold at it."""

    rate: float
    duration_ns: int
    ramp: bool


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """Arrivals that never wait for responses. `rate` + `ramp` in the file becomes two stages here.

    The rate before the first stage is 0, so a first stage with `ramp` climbs from 0.
    """

    stages: tuple[Stage, ...]
    arrivals: Arrivals = "constant"
    max_in_flight: int = 2000

    @property
    def duration_ns(self) -> int:
        """Length of the whole profile."""
        return sum(stage.duration_ns for stage in self.stages)

    @property
    def ramp_ns(self) -> int:
        """Length of the leading climb from zero; recorded, not judged."""
        return self.stages[0].duration_ns if self.stages[0].ramp else 0


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """`users` loops, each waiting for its answer, then thinking (uniform in `think_ns`) or keeping a pace."""

    users: int
    duration_ns: int
    spawn_rate: float | None = None
    think_ns: tuple[int, int] | None = None
    pacing_ns: int | None = None

    @property
    def ramp_ns(self) -> int:
        """Time until the last user has started; recorded, not judged."""
        return 0 if self.spawn_rate is None else round((self.users - 1) / self.spawn_rate * 1e9)


@dataclass(frozen=True, slots=True)
class Check:
    """What makes an answer good. Without `status`, any status below 400 is good.

    `json` maps a dotted path to the value it must equal (values may hold `{{name}}`).
    """

    status: tuple[int, ...] | None = None
    json: Mapping[str, Any] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A request body; `value` is the JSON document, the form mapping, the raw text, or a file's bytes (sent as is)."""

    kind: Literal["json", "form", "raw", "file"]
    value: Any


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as a template: `path` (origin-form or absolute URL), header values and body may hold `{{name}}`.

    `auth` is (scheme, credentials): `("basic", "user:password")` or `("bearer", token)`; it may hold `{{name}}` too.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    auth: tuple[str, str] | None = None
    check: Check = Check()
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Extract:
    """Takes a value from an answer for later steps: by JSON path, header name, or regex (group 1, else the match)."""

    source: Literal["json", "header", "regex"]
    expression: str


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a journey; recorded as the operation `<journey>/<step>`.

    `think_ns` is waited before the request is due, and is in no step's latency.
    """

    name: str
    request: Request
    extract: Mapping[str, Extract] = field(default_factory=dict)
    think_ns: tuple[int, int] | None = None
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class HttpOperation:
    """Exactly one of `request`, `steps`, `journey` (`module:function`) is set."""

    name: str
    weight: float = 1.0
    request: Request | None = None
    steps: tuple[Step, ...] = ()
    journey: str | None = None
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class NullOperation:
    """Answers by `law` with no I/O; every k-th (`fail_every`) execution fails with kind `dialled`."""

    name: str
    law: Law
    weight: float = 1.0
    fail_every: int | None = None
    timeout_ns: int | None = None


Operation = HttpOperation | NullOperation


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Per-scenario HTTP behaviour: `keep_alive` false closes after each answer; `cookies` keeps a jar per user."""

    keep_alive: bool = True
    cookies: bool | None = None
    """`None`: on for journeys, off for single requests."""


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

    `metric` is the canonical metric name without its quantile: `latency` for pNN, else `mean`, `max`, `errors`,
    `success`, `timeouts`, `drops`, `throughput`, `connect`, `first byte`, `lag`, `target cpu`, `target memory`,
    `target pool`, `target lock wait`. `quantile` is 0.99 for p99, `None` for metrics without one.
    `limit` is ns for times, 0..1 for shares, per second for throughput, bytes for memory; `unit` names which.
    """

    text: str
    metric: str
    comparison: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Literal["ns", "ratio", "per_s", "bytes"]
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
    http: HttpSettings = HttpSettings()

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
