"""Whether the generator did what the plan asked: only then do the figures speak of the target.

Every limit is in the table below. A reason makes the run INVALID and never blames the target; a warning does not.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from loadtests.judge.caveats import caveats
from loadtests.judge.evidence import is_of_whole_run
from loadtests.judge.observed import (
    Observed,
    core_wait_by_process,
    cpu_by_process,
    lost_as_allowed,
    nanoseconds,
    observed,
    of_those_left,
)
from loadtests.judge.verdict import Health
from loadtests.judge.wording import amount, counted
from loadtests.plan.model import Threshold
from loadtests.result.histogram import Histogram, lowest_equivalent_us
from loadtests.result.run import ScenarioRun
from loadtests.result.window import (
    DROPPED,
    OFFERED,
    Window,
)

__all__ = [
    "CORE_WAITED",
    "CPU_BUSY",
    "CPU_EXHAUSTED",
    "LAG_FLOOR_NS",
    "LAG_SHARE",
    "LEAST_ACHIEVED",
    "LONGEST_PAUSE_NS",
    "P99_LAG_FLOOR_NS",
    "examine",
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
TURN_NS = 2_000_000
"""How often the generator notes its loop lag, when nothing keeps it from that (see `drive.health`)."""
CPU_EXHAUSTED = 0.95
"""CPU of one engine process, as a share of a core, from which the generator is the bottleneck."""
CPU_BUSY = 0.80
"""The same, from which a warning is due."""
CORE_WAITED = 0.05
"""Share of the time in which an engine process was ready to run and had no core, from which a warning is due."""


def examine(run: ScenarioRun) -> Health:
    """The health of the generator over the steady interval of `run`."""
    seen = observed(run)
    cpu = max(cpu_by_process(run).values(), default=None)
    core_wait = max(core_wait_by_process(run).values(), default=None)
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
        warnings=(*_busy(cpu), *_waited(core_wait), *caveats(seen)),
        offered=due,
        dropped=dropped,
        offered_per_s=due / elapsed if elapsed else 0.0,
        achieved_per_s=(offered - dropped) / elapsed if elapsed else 0.0,
        lag_p50_ns=nanoseconds(lag.quantile_us(0.5)),
        lag_p99_ns=nanoseconds(lag.quantile_us(0.99)),
        lag_max_ns=nanoseconds(lag.max_us),
        cpu=cpu,
        gc_pause_max_ns=nanoseconds(seen.later.histogram("gc pause").max_us),
        loop_lag_max_ns=nanoseconds(seen.later.histogram("loop lag").max_us),
        core_wait=core_wait,
    )


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


def _missed_schedule(seen: Observed) -> Iterator[str]:
    fired, due = seen.executions.count(OFFERED), seen.due
    if due and lost_as_allowed(seen.run):  # what those who are left had to do
        fired, due = of_those_left(seen.run)
    if due and fired < LEAST_ACHIEVED * due:
        share = amount(fired / due, "ratio", beside=LEAST_ACHIEVED)
        yield f"the generator fired {fired:,} of the {due:,} arrivals that were due ({share}; 99% are required)"
    if not fired and not seen.due and seen.run.seconds() and seen.run.scenario.operations:
        yield "nothing was offered in the steady interval"


def _missed_connections(seen: Observed) -> Iterator[str]:
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


def _late(seen: Observed) -> Iterator[str]:
    """Start lag is the generator's own lateness: from when an execution could have started to when it did.

    Users of Locust start when they get their turn, and so are answers read: there the turns' lateness counts.
    """
    latencies = [t for t in seen.run.scenario.thresholds if t.metric in ("latency", "mean", "max") and not t.service]
    tightest = min((threshold.limit for threshold in latencies), default=0.0)
    allowed = max(P99_LAG_FLOOR_NS, LAG_SHARE * tightest)
    name, lateness = ("loop lag", _met(seen)) if seen.run.scenario.discovers else ("start lag", seen.lag)
    p99 = None if _all_at_once(seen.run) else _at(lateness, 0.99)
    if p99 is not None and p99 > allowed:
        lag, most = amount(p99, "ns", beside=allowed), amount(allowed, "ns")
        yield f"the generator was late: {name} p99 is {lag}, at most {most} is allowed"
        return
    yield from _too_late_for(latencies, lateness, name)


def _met(seen: Observed) -> Histogram:
    """Loop lag as answers that come at any moment meet it: one of 100 ms lasts fifty turns, and counts so often."""
    lag = seen.generator.histogram("loop lag")
    turns = np.maximum(1, lowest_equivalent_us(lag.indices.astype(np.int64)) * 1000 // TURN_NS)
    return Histogram(lag.indices, lag.counts * turns)


def _all_at_once(run: ScenarioRun) -> bool:
    """Whether nothing but connections without a spawn rate is asked for: the last of them cannot start in time."""
    held = run.scenario.load.connections
    return not run.scenario.operations and held is not None and held.spawn_rate is None


def _late_to_connect(seen: Observed) -> Iterator[str]:
    """As `_late`, for the making of held connections; what counts is its lateness over the whole run."""
    scenario = seen.run.scenario
    held = [t for t in scenario.thresholds if t.metric == "connect" and is_of_whole_run(t, scenario)]
    yield from _too_late_for(held, seen.whole.histogram("start lag"))


def _too_late_for(thresholds: Sequence[Threshold], lag: Histogram, name: str = "start lag") -> Iterator[str]:
    for threshold in thresholds:
        quantile = 0.5 if threshold.metric == "mean" else threshold.quantile
        lag_ns = None if quantile is None else _at(lag, quantile)
        allowed = max(LAG_FLOOR_NS, LAG_SHARE * threshold.limit)
        if quantile is not None and lag_ns is not None and lag_ns > allowed:
            yield (
                f"the generator was too late to judge {threshold.text}: {name} p{quantile * 100:g} is "
                f"{amount(lag_ns, 'ns', beside=allowed)}, at most {amount(allowed, 'ns')} is allowed"
            )


def _at(lag: Histogram, quantile: float) -> float | None:
    lag_us = lag.quantile_us(quantile)
    return None if lag_us is None else lag_us * 1e3


def _paused(seen: Observed) -> Iterator[str]:
    """The longest time the generator stood still from the steady interval on; only the first sign of it is told."""
    for sign in ("start lag", "loop lag", "gc pause"):
        longest = nanoseconds(seen.later.histogram(sign).max_us)
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


def _waited(share: float | None) -> Iterator[str]:
    """A latency is met by it twice: when the execution is to start, and when its answer is to be read."""
    if share is not None and share >= CORE_WAITED:
        waited = amount(share, "ratio", beside=CORE_WAITED)
        yield (
            f"an engine process waited for a core {waited} of the time, while something else ran there (the "
            "target, the coordinator, other programs): what that added to latencies is in the figures; "
            "give it a core of its own"
        )
