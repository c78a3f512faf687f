"""Whether the generator did what the plan asked: only then do the figures speak of the target.

Every limit is in the table below. A reason makes the run INVALID and never blames the target; a warning does not.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from loadtests.judge.evidence import is_of_whole_run
from loadtests.judge.verdict import Health
from loadtests.judge.wording import amount, counted
from loadtests.plan.model import OpenLoad, Threshold
from loadtests.plan.profile import due_times
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import (
    CPU_WARNINGS,
    CUT_OFF,
    DROPPED,
    LOST_PUSHES,
    NAMES_BEYOND,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    TASK_ERRORS,
    UNTIMED,
    Tally,
    Window,
)

__all__ = [
    "CPU_BUSY",
    "CPU_EXHAUSTED",
    "LAG_FLOOR_NS",
    "LAG_SHARE",
    "LEAST_ACHIEVED",
    "LONGEST_PAUSE_NS",
    "P99_LAG_FLOOR_NS",
    "UNJUDGED_SHARE",
    "examine",
    "unjudged",
]

LEAST_ACHIEVED = 0.99
"""Of the arrivals due in the steady interval, the share that must have been fired (dropped ones were)."""
LONGEST_PAUSE_NS = 500_000_000
"""A generator that stood still this long, once, bunched its arrivals: the load was not the plan's."""
P99_LAG_FLOOR_NS = 10_000_000
"""Start lag p99 that is always allowed; above it, up to `LAG_SHARE` of the tightest latency limit."""
LAG_FLOOR_NS = 1_000_000
"""Start lag allowed at a threshold's own quantile, whatever its limit: the tick of the event loop's timers."""
LAG_SHARE = 0.1
"""The part of a latency limit that the generator's own lateness may take up, at the same quantile."""
CPU_EXHAUSTED = 0.95
"""CPU of one engine process, as a share of a core, from which the generator is the bottleneck."""
CPU_BUSY = 0.80
"""The same, from which a warning is due."""
UNJUDGED_SHARE = 0.01
"""Share of drops, of failures, or of connections lost or never made, above which a scenario cannot pass unless a
threshold speaks of them."""


@dataclass(frozen=True, slots=True)
class _Observed:
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


def examine(run: ScenarioRun) -> Health:
    """The health of the generator over the steady interval of `run`."""
    seen = _observed(run)
    cpu = max(_cpu_by_process(run).values(), default=None)
    reasons = [
        *_ended_badly(run),
        *_missing(run),
        *_paused(seen),
        *_missed_schedule(seen),
        *_missed_connections(seen),
        *_late(seen),
        *_late_to_connect(seen),
        *_starved(cpu),
    ]
    offered, elapsed = seen.executions.count(OFFERED), seen.elapsed_s
    due = offered if seen.due is None else seen.due
    dropped = seen.executions.count(DROPPED)
    lag = seen.lag
    return Health(
        reasons=tuple(reasons),
        warnings=(*_lost(seen), *_busy(cpu), *_dropped(seen), *_oddities(seen)),
        offered=due,
        dropped=dropped,
        offered_per_s=due / elapsed if elapsed else 0.0,
        achieved_per_s=(offered - dropped) / elapsed if elapsed else 0.0,
        lag_p50_ns=_ns(lag.quantile_us(0.5)),
        lag_p99_ns=_ns(lag.quantile_us(0.99)),
        lag_max_ns=_ns(lag.max_us),
        cpu=cpu,
        gc_pause_max_ns=_ns(seen.later.histogram("gc pause").max_us),
        loop_lag_max_ns=_ns(seen.later.histogram("loop lag").max_us),
    )


def unjudged(run: ScenarioRun, thresholds: Sequence[Threshold]) -> list[str]:
    """What is too bad to pass in silence: drops or failures over 1% that no threshold speaks of."""
    executions = run.steady(_executions(run))
    found = []
    drops, offered = executions.count(DROPPED), executions.count(OFFERED)
    if drops > UNJUDGED_SHARE * offered and not any(threshold.metric == "drops" for threshold in thresholds):
        held = run.scenario.driver == "websocket"  # there a drops threshold speaks of connections
        judge = "no threshold can judge that here" if held else "no drops threshold judges them"
        found.append(
            f"{amount(drops / offered, 'ratio')} of the arrivals were dropped and {judge}: "
            "the latencies are those of the admitted ones only"
        )
    judged = {threshold.operation for threshold in thresholds if threshold.metric in ("errors", "success")}
    rest = [] if None in judged else [name for name in run.total_names() if name not in judged]
    tally = run.steady(rest)
    if tally.failed > UNJUDGED_SHARE * (tally.failed + tally.count(OK)):
        share = amount(tally.failed / (tally.failed + tally.count(OK)), "ratio")
        found.append(f"{share} of the executions failed and no errors threshold judges them")
    return [*found, *_unjudged_connections(run, {threshold.metric for threshold in thresholds})]


def _unjudged_connections(run: ScenarioRun, judged: set[str]) -> Iterator[str]:
    held = pooled(run.connections_by_second(), run.recorded_seconds())
    made, lost, failed = held.count(OK), sum(held.lost_connections.values()), held.failed
    if failed > UNJUDGED_SHARE * (made + failed) and "connect failures" not in judged:
        share = amount(failed / (made + failed), "ratio")
        yield f"{share} of the connections could not be made and no connect failures threshold judges them"
    if lost > UNJUDGED_SHARE * made and "connection drops" not in judged:
        share = amount(lost / made, "ratio")
        yield f"{share} of the connections dropped before their time and no drops threshold judges them"


def _observed(run: ScenarioRun) -> _Observed:
    seconds = run.seconds()
    generator = {second: Tally.merge(found) for second, found in run.generator_by_second().items()}
    return _Observed(
        run=run,
        total=run.steady(run.total_names()),
        executions=run.steady(_executions(run)),
        generator=pooled(generator, seconds),
        later=Tally.merge(tally for second, tally in generator.items() if second >= seconds.start),
        whole=Tally.merge(generator.values()),
        connections=pooled(run.connections_by_second(), run.recorded_seconds()),
        due=_due(run, seconds) if isinstance(run.scenario.load, OpenLoad) else None,
    )


def _executions(run: ScenarioRun) -> list[str]:
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


def _ended_badly(run: ScenarioRun) -> Iterator[str]:
    if run.status == "running":
        yield "the run was never finished: its coordinator ended before it could say how"
    if run.status == "interrupted":
        after = "" if run.ended_s is None else f" after {amount(run.ended_s * 1e9, 'ns')}"
        yield f"the run was interrupted{after}: {run.stop_reason or 'it was stopped by hand'}"
    if not run.seconds():
        start, end = run.steady_s
        yield f"the steady interval is empty: it would start at {start:g} s, and the arrivals ended at {end:g} s"


def _missing(run: ScenarioRun) -> Iterator[str]:
    """Processes that died, were never there, or whose windows did not all arrive; faults they noticed themselves."""
    allowed = lost_as_allowed(run)
    lost = {end.worker: end.reason for end in run.processes if end.worker is not None}
    yield from (reason or f"{worker} was lost" for worker, reason in lost.items() if worker not in allowed)
    for end in run.processes:
        if not end.clean and end.worker is None:
            yield f"engine process {end.process} died: {end.reason or 'for an unknown reason'}"
        for fault, times in sorted(end.faults.items()):
            yield f"engine process {end.process} could not do its work: {fault} ({counted(times, 'times')})"
    absent = run.expected_processes - len(run.processes)
    if absent > 0 and run.status != "running":
        yield f"{absent} of {counted(run.expected_processes, 'engine processes')} never reported"
    said = {end.process: end.windows for end in run.processes}
    by_process: dict[str, list[Window]] = {process: [] for process in said}
    for window in run.windows:
        by_process.setdefault(window.process, []).append(window)
    for process, windows in sorted(by_process.items()):
        sequences = {window.sequence for window in windows}
        expected = max(said.get(process) or 0, max(sequences, default=-1) + 1)
        if len(sequences) < expected:
            yield f"{expected - len(sequences):,} of {expected:,} windows of engine process {process} are missing"
        if len(sequences) < len(windows):
            yield f"{len(windows) - len(sequences):,} windows of engine process {process} came twice"


def _missed_schedule(seen: _Observed) -> Iterator[str]:
    fired, due = seen.executions.count(OFFERED), seen.due
    if due and lost_as_allowed(seen.run):  # what those who are left had to do
        fired, due = _of_those_left(seen.run)
    if due and fired < LEAST_ACHIEVED * due:
        share = amount(fired / due, "ratio", beside=LEAST_ACHIEVED)
        yield f"the generator fired {fired:,} of the {due:,} arrivals that were due ({share}; 99% are required)"
    if not fired and not seen.due and seen.run.seconds() and seen.run.scenario.operations:
        yield "nothing was offered in the steady interval"


def lost_as_allowed(run: ScenarioRun) -> dict[str, float]:
    """The workers lost during the run, by when (seconds after the start); none when more were lost than may be."""
    lost = {end.worker: end.lost_s for end in run.processes if end.worker is not None and end.lost_s is not None}
    return lost if len(lost) <= run.scenario.allow_lost_workers else {}


def _of_those_left(run: ScenarioRun) -> tuple[int, int]:
    """(fired, due) in the steady interval, by the processes that were not lost; process i has shard i."""
    left = {end.process: shard for shard, end in enumerate(run.processes) if end.worker is None}
    seconds, names = run.seconds(), _executions(run)
    fired = sum(
        window.operations[name].count(OFFERED)
        for window in run.windows
        if window.process in left and window.second in seconds
        for name in names
        if name in window.operations
    )
    shards = len(run.processes)
    return fired, sum(_due(run, seconds, shard=shard, shards=shards) for shard in left.values())


def _lost(seen: _Observed) -> Iterator[str]:
    """Workers that may be lost are a warning, with what was not offered for want of them."""
    for worker, at_s in lost_as_allowed(seen.run).items():
        yield f"{worker} was lost {at_s:.1f} s after the start, as the plan allows"
    if lost_as_allowed(seen.run) and seen.due is not None:
        fired = seen.executions.count(OFFERED)
        yield f"{seen.due - fired:,} of the {seen.due:,} arrivals that were due were never offered"


def _missed_connections(seen: _Observed) -> Iterator[str]:
    """Those of the plan that were due before the run ended; attempts to make lost ones anew only add to them."""
    run, held = seen.run, seen.run.scenario.load.connections
    if held is None:
        return
    end_ns = run.scenario.load.duration_ns if run.ended_s is None else run.ended_s * 1e9
    by_then = held.count if held.spawn_rate is None else math.ceil(end_ns / 1e9 * held.spawn_rate)
    due, tried = min(held.count, by_then), seen.connections.count(OFFERED)
    if tried < LEAST_ACHIEVED * due:
        share = amount(tried / due, "ratio", beside=LEAST_ACHIEVED)
        yield f"the generator opened {tried:,} of the {due:,} connections that were due ({share}; 99% are required)"


def _late(seen: _Observed) -> Iterator[str]:
    """Start lag is the generator's own lateness: from when an execution could have started to when it did."""
    latencies = [t for t in seen.run.scenario.thresholds if t.metric in ("latency", "mean", "max") and not t.service]
    tightest = min((threshold.limit for threshold in latencies), default=0.0)
    allowed = max(P99_LAG_FLOOR_NS, LAG_SHARE * tightest)
    p99 = None if _all_at_once(seen.run) else _at(seen.lag, 0.99)
    if p99 is not None and p99 > allowed:
        lag, most = amount(p99, "ns", beside=allowed), amount(allowed, "ns")
        yield f"the generator was late: start lag p99 is {lag}, at most {most} is allowed"
        return
    yield from _too_late_for(latencies, seen.lag)


def _all_at_once(run: ScenarioRun) -> bool:
    """Whether nothing but connections without a spawn rate is asked for: the last of them cannot start in time."""
    held = run.scenario.load.connections
    return not run.scenario.operations and held is not None and held.spawn_rate is None


def _late_to_connect(seen: _Observed) -> Iterator[str]:
    """As `_late`, for the making of held connections; what counts is its lateness over the whole run."""
    scenario = seen.run.scenario
    held = [t for t in scenario.thresholds if t.metric == "connect" and is_of_whole_run(t, scenario)]
    yield from _too_late_for(held, seen.whole.histogram("start lag"))


def _too_late_for(thresholds: Sequence[Threshold], lag: Histogram) -> Iterator[str]:
    for threshold in thresholds:
        quantile = 0.5 if threshold.metric == "mean" else threshold.quantile
        lag_ns = None if quantile is None else _at(lag, quantile)
        allowed = max(LAG_FLOOR_NS, LAG_SHARE * threshold.limit)
        if quantile is not None and lag_ns is not None and lag_ns > allowed:
            yield (
                f"the generator was too late to judge {threshold.text}: start lag p{quantile * 100:g} is "
                f"{amount(lag_ns, 'ns', beside=allowed)}, at most {amount(allowed, 'ns')} is allowed"
            )


def _at(lag: Histogram, quantile: float) -> float | None:
    lag_us = lag.quantile_us(quantile)
    return None if lag_us is None else lag_us * 1e3


def _paused(seen: _Observed) -> Iterator[str]:
    """The longest time the generator stood still from the steady interval on; only the first sign of it is told."""
    for sign in ("start lag", "loop lag", "gc pause"):
        longest = _ns(seen.later.histogram(sign).max_us)
        if longest is not None and longest >= LONGEST_PAUSE_NS:
            yield f"the generator stood still for {amount(longest, 'ns')} (longest {sign})"
            return


def _starved(cpu: float | None) -> Iterator[str]:
    if cpu is not None and cpu > CPU_EXHAUSTED:
        share = amount(cpu, "ratio", beside=CPU_EXHAUSTED)
        yield f"the generator was the bottleneck: an engine process used {share} of a core; use more --processes"


def _busy(cpu: float | None) -> Iterator[str]:
    if cpu is not None and CPU_BUSY <= cpu <= CPU_EXHAUSTED:
        yield f"an engine process used {amount(cpu, 'ratio', beside=CPU_EXHAUSTED)} of a core; use more --processes"


def _dropped(seen: _Observed) -> Iterator[str]:
    """Drops are the plan's and the target's: by Little's law, rate x response time is what has to be in flight."""
    load, drops = seen.run.scenario.load, seen.executions.count(DROPPED)
    if not drops or not isinstance(load, OpenLoad):
        return
    rate = seen.executions.count(OFFERED) / seen.elapsed_s
    mean_us = Histogram.merge([seen.total.histogram(RESPONSE_OK), seen.total.histogram(RESPONSE_FAILED)]).mean_us
    law = ""
    if mean_us is not None:
        law = (
            f": at {amount(rate, 'per_s')} and {amount(mean_us * 1e3, 'ns')} on average, {rate * mean_us / 1e6:,.0f} "
            "would be in flight"
        )
    yield f"{counted(drops, 'arrivals')} found max_in_flight ({load.max_in_flight:,}) reached and were dropped{law}"


def _oddities(seen: _Observed) -> Iterator[str]:
    if seen.run.status == "aborted":
        yield f"the run was stopped early: {seen.run.stop_reason or 'a threshold was missed'}"
    cut = seen.total.count(CUT_OFF)
    if cut:
        yield f"{counted(cut, 'executions')} were still running when the run ended: verdicts on shares hold either way"
    pushes = pooled(seen.run.connections_by_second(), seen.run.seconds())
    if seen.run.scenario.operations and pushes.count(LOST_PUSHES):
        yield f"{counted(pushes.count(LOST_PUSHES), 'pushes')} never came; thresholds on lost speak of replies here"
    yield from _of_locust(seen.generator)
    clamped = sum(seen.total.histogram(name).clamped for name in (RESPONSE_OK, RESPONSE_FAILED))
    if clamped:
        yield f"{counted(clamped, 'times')} lay outside 1 µs to 1 h and were counted at the edge"


def _of_locust(generator: Tally) -> Iterator[str]:
    errors, untimed, beyond = (generator.count(name) for name in (TASK_ERRORS, UNTIMED, NAMES_BEYOND))
    if generator.count(CPU_WARNINGS):
        yield "Locust's own CPU was above 90%: its users were slower than the target; use more --processes"
    if errors:
        yield f"{counted(errors, 'tasks')} of the locustfile ended by an exception of its own"
    if untimed:
        yield f"{counted(untimed, 'requests')} came without a response time and are in no figure"
    if beyond:
        yield f"{counted(beyond, 'requests')} had further names and stand together: group them with name="


def _cpu_by_process(run: ScenarioRun) -> dict[str, float]:
    spent: dict[str, list[int]] = {}
    seconds = run.seconds()
    for window in run.windows:
        if window.second in seconds:
            found = spent.setdefault(window.process, [0, 0])
            found[0] += window.generator.count("cpu_ns")
            found[1] += window.generator.count("elapsed_ns")
    return {process: cpu / elapsed for process, (cpu, elapsed) in spent.items() if elapsed}


def _ns(time_us: int | None) -> int | None:
    return None if time_us is None else time_us * 1000
