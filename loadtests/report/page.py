"""The page: everything a report says, computed and worded once. The formats only print it.

Every number is a `Figure`: its value for programs and its text for people. Names and messages are as recorded;
each printer makes them safe for its own format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadtests.judge.verdict import Verdict
from loadtests.report.block import Block
from loadtests.report.chart import Unit
from loadtests.report.latency import Latency
from loadtests.report.wording import ABSENT, Figure, Sign

__all__ = [
    "ClauseRow",
    "Curve",
    "FailureRow",
    "Gauge",
    "Generator",
    "HealthFacts",
    "LoadFacts",
    "MessageFacts",
    "OperationRow",
    "Page",
    "ResourceRow",
    "RunFacts",
    "ScenarioPage",
    "Series",
    "Slow",
    "Spread",
    "ThresholdRow",
]

_THIN = "* too few samples for that percentile to rest on at 95% confidence"

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What was odd about messages though their executions ended; `reach` is of broadcasts, received over expected."""

    late: Figure
    duplicated: Figure
    out_of_order: Figure
    unexpected: Figure
    expected: Figure
    received: Figure
    reach: Figure

    @property
    def summary(self) -> str:
        """One line of all counts."""
        text = (
            f"{self.late.text} late, {self.duplicated.text} duplicated, {self.out_of_order.text} out of order, "
            f"{self.unexpected.text} unexpected"
        )
        if not self.expected.value:
            return text
        return f"{text}, reach {self.reach.text} ({self.received.text} of {self.expected.text} copies)"


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One operation over the steady interval, or the total of a scenario.

    `requests` = `ok` + `failed`: those that ended. `offered` also counts `dropped` (never sent) and `cut_off`
    (unfinished when the run ended). `response` and `service` are of OK answers; `all_outcomes` is the response
    time of OK and failed together, `phases` the histograms beside these (connect, first byte, …). `messages` only
    where messages are exchanged over held connections.
    """

    name: str
    journey: bool
    offered: Figure
    requests: Figure
    ok: Figure
    failed: Figure
    failed_share: Figure
    dropped: Figure
    cut_off: Figure
    failures: Mapping[str, Figure]
    throughput: Figure
    response: Latency
    service: Latency
    all_outcomes: Latency
    phases: Mapping[str, Latency]
    messages: MessageFacts | None = None


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """One threshold and what became of it; `unit` is that of report.json.

    `quantile` where it is about response times of the whole scenario at that quantile.
    """

    text: str
    sign: Sign
    clause: str | None
    operation: str | None
    unit: str
    comparison: str
    observed: Figure
    limit: Figure
    interval: tuple[Figure | None, Figure | None] | None
    samples: Figure
    needed: Figure
    why: str
    quantile: float | None = None

    @property
    def interval_text(self) -> str:
        """Both ends, the one there is, or a dash."""
        low, high = self.interval or (None, None)
        if low is not None and high is not None:
            return f"{low.text} … {high.text}"
        if low is not None:
            return f"≥ {low.text}"
        return ABSENT if high is None else f"≤ {high.text}"


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What was asked of the target and what was sent; `lag` (actual minus intended start) by p50, p99, max."""

    model: str
    offered_per_s: Figure
    achieved_per_s: Figure
    offered: Figure
    dropped: Figure
    lag: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """Whether the generator's side can be believed, and the figures behind it."""

    valid: bool
    reasons: Sequence[str]
    warnings: Sequence[str]
    cpu: Figure
    gc_pause_max: Figure
    loop_lag_max: Figure
    core_wait: Figure
    processes: str


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One gauge of the target or the generator over the steady interval."""

    source: str
    name: str
    label: str
    mean: Figure
    max: Figure
    samples: int


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failed execution, as sampled."""

    operation: str
    kind: str
    at: Figure
    message: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge of the target or of this machine, step by step; `unit` is that of report.json."""

    source: str
    name: str
    label: str
    unit: Unit
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Generator:
    """The generator step by step: the busiest engine process, all executions in flight, its own lateness in ms."""

    cpu: Sequence[float | None]
    in_flight: Sequence[float | None]
    lag_p99_ms: Sequence[float | None]
    loop_lag_max_ms: Sequence[float | None]
    gc_pause_max_ms: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """The run over time in steps of `step_s` seconds: rates per second, response times of OK answers in ms.

    `None` where no window (rates) or no answer (response times) is there: a gap, not a zero. `ok` and `failed` go by
    when they ended, `failures` by kind and by when they were due. `open_connections` at the end of each step, only
    where connections are held.
    """

    step_s: int
    second: Sequence[int]
    offered: Sequence[float | None]
    ok: Sequence[float | None]
    failed: Sequence[float | None]
    dropped: Sequence[float | None]
    failures: Mapping[str, Sequence[float | None]]
    p50_ms: Sequence[float | None]
    p90_ms: Sequence[float | None]
    p95_ms: Sequence[float | None]
    p99_ms: Sequence[float | None]
    max_ms: Sequence[float | None]
    gauges: Sequence[Gauge]
    generator: Generator
    open_connections: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """One histogram as a line: the time in ms at each quantile."""

    label: str
    quantiles: Sequence[float]
    ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Spread:
    """OK answers by the step in which they were due and by response time: `counts[step][row]` between `edges_ms`."""

    step_s: int
    second: Sequence[int]
    edges_ms: Sequence[float]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Slow:
    """One operation among the slowest; `p99s` over the steps of the series, `time_share` of all time spent waiting."""

    row: OperationRow
    time_share: Figure
    p99s: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class ScenarioPage:
    """One scenario: the outcome and why, then the evidence. `steady_s` and `length_s` are seconds after its start."""

    name: str
    driver: str
    sign: Sign
    why: str
    started_at: str
    status: str
    stop_reason: str | None
    length_s: float
    steady_s: tuple[float, float]
    steady_text: str
    load: LoadFacts
    health: HealthFacts
    thresholds: Sequence[ThresholdRow]
    operations: Sequence[OperationRow]
    total: OperationRow
    resources: Sequence[ResourceRow]
    failures: Sequence[FailureRow]
    failures_left_out: int
    series: Series
    curves: Sequence[Curve] = ()
    spread: Spread | None = None
    slowest: Sequence[Slow] = ()
    blocks: Sequence[Block] = ()
    sends: bool = True
    """Whether anything was to be executed; else connections were only held."""

    @property
    def rows(self) -> Sequence[tuple[str, OperationRow]]:
        """The table of operations and their total, each with what it is called there: journeys and requests differ."""
        journeys = any(row.journey for row in self.operations)
        named = [(f"{row.name} (journey)" if row.journey else row.name, row) for row in self.operations]
        return [*named, ("total of the requests" if journeys else "total", self.total)]


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One clause of the guide: its outcome, or not measured, and the thresholds it rests on."""

    name: str
    group: str
    demand: str
    sign: Sign
    evidence: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run this is."""

    id: str
    started_at: str
    started_text: str
    status: str
    build: str
    comparability: str
    duration: Figure
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report. `plan_yaml` is the resolved plan with its secrets masked.

    `source` is what it was made of, for the formats that count by themselves: a row a second would weigh too much here.
    """

    sign: Sign
    why: str
    run: RunFacts
    scenarios: Sequence[ScenarioPage]
    clauses: Sequence[ClauseRow]
    plan_yaml: str
    machine: Facts
    versions: Facts
    version: str
    source: Verdict = field(repr=False, compare=False)

    @property
    def thin_note(self) -> str | None:
        """What `*` behind a percentile means, when there is one."""
        rows = [row for scenario in self.scenarios for row in (*scenario.operations, scenario.total)]
        texts = [one.text for row in rows for one in row.response.figures.values()]
        texts += [
            text
            for scenario in self.scenarios
            for block in scenario.blocks
            for table in block.tables
            for row in table.rows
            for text in row
        ]
        return _THIN if any(text.endswith("*") for text in texts) else None
