"""What validity looks at: the generator's side of a run, summed over the seconds it is asked about."""

from dataclasses import dataclass

import numpy as np

from loadtests.plan.model import OpenLoad
from loadtests.plan.profile import due_times
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import CORE_WAIT_NS, OFFERED, Tally

__all__ = [
    "Observed",
    "core_wait_by_process",
    "cpu_by_process",
    "executions",
    "lost_as_allowed",
    "nanoseconds",
    "observed",
    "of_those_left",
]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the steady interval holds; `later` also what came after it, `due` the arrivals by the plan (open loads).

    `whole` is the generator's over the whole run, `connections` those held: they are made before the interval begins.
    """

    run: ScenarioRun
    total: Tally
    executions: Tally
    generator: Tally
    later: Tally
    whole: Tally
    connections: Tally
    due: int | None

    @property
    def elapsed_s(self) -> float:
        return max(self.run.judged_s, 1e-9) if self.run.seconds() else 0.0

    @property
    def lag(self) -> Histogram:
        """Start lag of the steady interval; where connections are all there is, that of starting them."""
        return (self.generator if self.run.scenario.operations else self.whole).histogram("start lag")


def observed(run: ScenarioRun) -> Observed:
    """Everything that the reasons and the warnings are drawn from."""
    seconds = run.seconds()
    generator = {second: Tally.merge(found) for second, found in run.generator_by_second().items()}
    return Observed(
        run=run,
        total=run.steady(run.total_names()),
        executions=run.steady(executions(run)),
        generator=pooled(generator, seconds),
        later=Tally.merge(tally for second, tally in generator.items() if second >= seconds.start),
        whole=Tally.merge(generator.values()),
        connections=pooled(run.connections_by_second(), run.recorded_seconds()),
        due=_due(run, seconds) if isinstance(run.scenario.load, OpenLoad) else None,
    )


def executions(run: ScenarioRun) -> list[str]:
    """The names whose offers are the schedule's arrivals: the plan's operations, a journey as a whole."""
    if run.scenario.discovers:
        return run.total_names()
    return [operation.name for operation in run.scenario.operations]


def _due(run: ScenarioRun, seconds: range, *, shard: int = 0, shards: int = 1) -> int:
    """Arrivals that the schedule (or a shard of it) has due in these seconds, up to the end of arrivals."""
    start_ns, end_ns = seconds.start * 10**9, round(min(seconds.stop, run.steady_s[1]) * 1e9)
    due = 0
    for times in due_times(run.scenario, shard=shard, shards=shards):
        first, last = np.searchsorted(times, [start_ns, end_ns])
        due += int(last - first)
        if last < times.size:
            break
    return due


def lost_as_allowed(run: ScenarioRun) -> dict[str, float]:
    """The workers lost during the run, by when (seconds after the start); none when more were lost than may be."""
    lost = {end.worker: end.lost_s for end in run.processes if end.worker is not None and end.lost_s is not None}
    return lost if len(lost) <= run.scenario.allow_lost_workers else {}


def of_those_left(run: ScenarioRun) -> tuple[int, int]:
    """(fired, due) in the steady interval, by the processes that were not lost; process i has shard i."""
    left = {end.process: shard for shard, end in enumerate(run.processes) if end.worker is None}
    seconds, names = run.seconds(), executions(run)
    fired = sum(
        window.operations[name].count(OFFERED)
        for window in run.windows
        if window.process in left and window.second in seconds
        for name in names
        if name in window.operations
    )
    shards = len(run.processes)
    return fired, sum(_due(run, seconds, shard=shard, shards=shards) for shard in left.values())


def cpu_by_process(run: ScenarioRun) -> dict[str, float]:
    """CPU of each engine process over the steady interval, as a share of a core."""
    return _share_by_process(run, "cpu_ns")


def core_wait_by_process(run: ScenarioRun) -> dict[str, float]:
    """The share of the steady interval in which each engine process was ready to run and had no core.

    Those of a run that did not note it are left out.
    """
    noted = {window.process for window in run.windows if CORE_WAIT_NS in window.generator.counters}
    return {process: share for process, share in _share_by_process(run, CORE_WAIT_NS).items() if process in noted}


def _share_by_process(run: ScenarioRun, counter: str) -> dict[str, float]:
    spent: dict[str, list[int]] = {}
    seconds = run.seconds()
    for window in run.windows:
        if window.second in seconds:
            found = spent.setdefault(window.process, [0, 0])
            found[0] += window.generator.count(counter)
            found[1] += window.generator.count("elapsed_ns")
    return {process: part / elapsed for process, (part, elapsed) in spent.items() if elapsed}


def nanoseconds(time_us: int | None) -> int | None:
    """A time of a histogram in ns."""
    return None if time_us is None else time_us * 1000
