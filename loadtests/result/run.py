"""A run as a value: what was asked, where, what happened, and whether all of it is there."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.plan.model import Plan, Scenario
from loadtests.result.database import DatabaseNotes
from loadtests.result.window import CONNECTIONS, Tally, Window

__all__ = ["Environment", "FailureSample", "ProcessEnd", "ResourceSample", "Run", "RunStatus", "ScenarioRun", "pooled"]

RunStatus = Literal["running", "complete", "interrupted", "aborted"]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run was made: the figures that make two runs comparable, or not."""

    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """Figures of the target or the generator's machine at one moment, `at_s` seconds after the scenario's start.

    `source` is `target`, `generator` or `database`; `values` by name: `cpu` (share of one instance's limit),
    `memory_bytes`, `pool` (share in use), `lock_wait_s`, `queued` and `running` (executions of agents); of a database
    `sessions_<state>` as they are, `lock_waiting` and `lock_longest_s` at their highest, all others what was counted
    since the sample before. Waits for locks that have ended stand in the second in which they began: `lock_waits`,
    `lock_wait_total_s`, `lock_wait_max_s`, also by `.<mode>`.
    """

    scenario: str
    at_s: float
    source: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FailureSample:
    """One failed execution, kept so that a person can see what came back; secrets masked, length bounded."""

    scenario: str
    operation: str
    kind: str
    at_s: float
    message: str
    process: str = "0"


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How one engine process ended. `windows` is how many it says it sent; `None` when it died before saying.

    `reason` is a sentence for a person when `clean` is false; `faults` are generator faults it noticed itself
    (no more file descriptors, no more ephemeral ports) with their counts. When it went with its whole machine,
    `worker` names that and `lost_s` says when, in seconds after the start.
    """

    process: str
    clean: bool
    windows: int | None = None
    reason: str | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    worker: str | None = None
    lost_s: float | None = None


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """One scenario of a run, with everything it recorded. `started_at` is ISO 8601 UTC."""

    scenario: Scenario
    started_at: str
    status: RunStatus
    ended_s: float | None
    """When arrivals ended, seconds after the start; shorter than planned when aborted or interrupted."""
    processes: Sequence[ProcessEnd]
    expected_processes: int
    windows: Sequence[Window]
    resources: Sequence[ResourceSample] = ()
    failures: Sequence[FailureSample] = ()
    stop_reason: str | None = None
    notes: DatabaseNotes = DatabaseNotes()
    _kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Answers already worked out; windows do not change, so neither do they."""

    @property
    def steady_s(self) -> tuple[float, float]:
        """The judged interval [from, to) in seconds; `to` is earlier than planned when the run ended early.

        A run that was killed ends with the last second that was recorded.
        """
        start, end = (ns / 1e9 for ns in self.scenario.steady_ns)
        if self.ended_s is not None:
            return start, min(end, self.ended_s)
        return start, min(end, float(self.recorded_seconds().stop)) if self.status == "running" else end

    def seconds(self) -> range:
        """Window seconds that lie in the steady interval (a partly warm second is left out)."""
        start, end = self.steady_s
        first = -int(-start // 1)
        return range(first, max(first, -int(-end // 1)))

    @property
    def judged_s(self) -> float:
        """Length of the judged interval in seconds, from its first whole second to its end."""
        seconds = self.seconds()
        return max(0.0, min(self.steady_s[1], float(seconds.stop)) - seconds.start) if seconds else 0.0

    def operation_names(self) -> list[str]:
        """Every operation seen, in plan order first; held connections are none."""
        if "names" not in self._kept:
            planned = self.scenario.recorded_names()
            seen = {name for window in self.windows for name in window.operations} - {CONNECTIONS}
            self._kept["names"] = [name for name in planned if name in seen] + sorted(seen.difference(planned))
        return list(self._kept["names"])

    def total_names(self) -> list[str]:
        """The operations that add up to the scenario's total: all but a journey's whole (its steps count)."""
        return [name for name in self.operation_names() if not self.is_journey(name)]

    def is_journey(self, name: str) -> bool:
        """Whether `name` stands for a whole journey whose steps are recorded apart, as `name/step`."""
        prefix = name + "/"
        return not self.scenario.discovers and any(other.startswith(prefix) for other in self.operation_names())

    def by_second(self, names: Iterable[str]) -> dict[int, Tally]:
        """One tally per second over the given operations and all processes, ascending.

        Every second that any window speaks of is there, empty when none of the operations was seen in it.
        """
        wanted = frozenset(names)
        if wanted not in self._kept:
            seconds, by_name = self._indexed()
            parts = [by_name[name] for name in sorted(wanted.intersection(by_name))]
            self._kept[wanted] = {
                second: _sum([tally for found in parts for tally in found.get(second, ())]) for second in seconds
            }
        return dict(self._kept[wanted])

    def steady(self, names: Iterable[str]) -> Tally:
        """The sum of the operations over the judged interval."""
        wanted = frozenset(names)
        if ("steady", wanted) not in self._kept:
            if len(wanted) == 1:
                (name,) = wanted
                by_second = self._indexed()[1].get(name, {})
                parts = [tally for second in self.seconds() for tally in by_second.get(second, ())]
            else:
                parts = [self.steady([one]) for one in sorted(wanted)]
            self._kept["steady", wanted] = _sum(parts)
        tally: Tally = self._kept["steady", wanted]
        return tally

    def _indexed(self) -> tuple[list[int], dict[str, dict[int, list[Tally]]]]:
        """All seconds, ascending, and the tallies of every operation by second, as they came."""
        if "index" not in self._kept:
            seconds: set[int] = set()
            by_name: dict[str, dict[int, list[Tally]]] = {}
            for window in self.windows:
                seconds.add(window.second)
                for name, tally in window.operations.items():
                    by_name.setdefault(name, {}).setdefault(window.second, []).append(tally)
            self._kept["index"] = sorted(seconds), by_name
        index: tuple[list[int], dict[str, dict[int, list[Tally]]]] = self._kept["index"]
        return index

    def connections_by_second(self) -> dict[int, Tally]:
        """The tally of the held connections per second, as `by_second`; empty tallies where none are held."""
        return self.by_second([CONNECTIONS])

    @property
    def holds_connections(self) -> bool:
        """Whether connections are held and counted on their own."""
        if "holds" not in self._kept:
            self._kept["holds"] = any(CONNECTIONS in window.operations for window in self.windows)
        return bool(self._kept["holds"])

    def recorded_seconds(self) -> range:
        """All seconds from the start to the last that any window speaks of, ramp and warm-up included."""
        seconds, _ = self._indexed()
        return range(seconds[-1] + 1 if seconds else 0)

    def generator_by_second(self) -> dict[int, list[Tally]]:
        """The generator tallies of each second, one per window, ascending."""
        found: dict[int, list[Tally]] = {}
        for window in self.windows:
            found.setdefault(window.second, []).append(window.generator)
        return dict(sorted(found.items()))

    def steady_gauges(self) -> dict[tuple[str, str], list[float]]:
        """Every finite value sampled in the judged interval, by source and gauge, in the order of sampling."""
        start, end = self.steady_s
        found: dict[tuple[str, str], list[float]] = {}
        for sample in self.resources:
            if start <= sample.at_s < end:
                for name, value in sample.values.items():
                    if math.isfinite(value):
                        found.setdefault((sample.source, name), []).append(value)
        return found


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run: one or more scenarios, the plan they came from, and where they ran."""

    id: str
    started_at: str
    status: RunStatus
    plan: Plan
    scenarios: Sequence[ScenarioRun]
    environment: Environment
    build: str
    comparability: str
    path: str | None = None
    warnings: Sequence[str] = ()
    branch: str | None = None


def _sum(tallies: Sequence[Tally]) -> Tally:
    return tallies[0] if len(tallies) == 1 else Tally.merge(tallies)


def pooled(tallies: Mapping[int, Tally], seconds: range) -> Tally:
    """The sum of the tallies whose second lies in `seconds`."""
    return Tally.merge(tally for second, tally in tallies.items() if second in seconds)
