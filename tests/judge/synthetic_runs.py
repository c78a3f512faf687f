"""Builds small runs by hand: what every second held is said, and nothing else is in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from loadtests.law import parse_law
from loadtests.plan.model import ClosedLoad, Connections, OpenLoad, Plan, Scenario, Stage, Target, Threshold
from loadtests.plan.protocol.null import NullOperation
from loadtests.plan.thresholds import parse_threshold
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, ProcessEnd, Run, ScenarioRun
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    CONNECTIONS,
    CUT_OFF,
    DROPPED,
    FAILED,
    LOST_CONNECTION,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_OK,
    Tally,
    Window,
)

SECOND = 10**9


def scenario(*thresholds: str, rate: float = 100.0, seconds: float = 20.0, **changes: object) -> Scenario:
    """An open scenario of one operation `get` at a constant rate, judged from its first second on."""
    made = Scenario(
        name="api",
        driver="null",
        load=OpenLoad((Stage(rate, round(seconds * SECOND), ramp=False),)),
        operations=(NullOperation("get", parse_law("5ms")),),
        thresholds=tuple(parse_threshold(text) for text in thresholds),
    )
    return replace(made, **changes)


def closed(users: int = 10, seconds: float = 20.0, **changes: object) -> ClosedLoad:
    return ClosedLoad(users, round(seconds * SECOND), **changes)


def ms(*times: float) -> np.ndarray:
    """Times in ms as µs, the histograms' unit."""
    return np.round(np.array(times, np.float64) * 1000).astype(np.int64)


def tally(
    times_us: Sequence[int] | np.ndarray = (),
    *,
    failed: Mapping[str, int] | None = None,
    dropped: int = 0,
    cut_off: int = 0,
    completed: int | None = None,
    **histograms: Sequence[int] | np.ndarray,
) -> Tally:
    """One operation in one second: good answers of these response times, and so many of the other ends."""
    times, failures = np.asarray(times_us, np.int64), dict(failed or {})
    bad = sum(failures.values())
    counters = {
        OFFERED: len(times) + bad + dropped + cut_off,
        OK: len(times),
        DROPPED: dropped,
        CUT_OFF: cut_off,
        COMPLETED_OK: len(times) if completed is None else completed,
        COMPLETED_FAILED: bad,
        **{FAILED + kind: number for kind, number in failures.items()},
    }
    found = {RESPONSE_OK: times, SERVICE_OK: times, RESPONSE_FAILED: np.full(bad, 1_000_000)}
    found |= {name.replace("_", " "): np.asarray(values, np.int64) for name, values in histograms.items()}
    return Tally(
        {name: number for name, number in counters.items() if number},
        {name: Histogram.of_us(values) for name, values in found.items() if len(values)},
    )


def generator(
    *,
    lag_us: Sequence[int] | np.ndarray = (100,) * 100,
    cpu: float = 0.3,
    counters: Mapping[str, int] | None = None,
    **histograms: Sequence[int],
) -> Tally:
    """One healthy second of the generator, unless said otherwise."""
    found = {"start lag": lag_us, **{name.replace("_", " "): values for name, values in histograms.items()}}
    return Tally(
        {"cpu_ns": round(cpu * SECOND), "elapsed_ns": SECOND, **(counters or {})},
        {name: Histogram.of_us(np.asarray(values, np.int64)) for name, values in found.items()},
    )


def scenario_run(
    of: Scenario,
    at: Callable[[int], Tally | Mapping[str, Tally]],
    *,
    generator_at: Callable[[int], Tally] = lambda _: generator(),
    **changes: object,
) -> ScenarioRun:
    """A complete run of one engine process: `at(second)` is what `get` (or each named operation) did in it."""
    seconds = range(-(-of.load.duration_ns // SECOND))
    windows = []
    for second in seconds:
        found = at(second)
        operations = {"get": found} if isinstance(found, Tally) else dict(found)
        windows.append(Window(of.name, "0", len(windows), second, operations, generator_at(second)))
    made = ScenarioRun(
        scenario=of,
        started_at="2026-01-01T00:00:00Z",
        status="complete",
        ended_s=of.load.duration_ns / SECOND,
        processes=(ProcessEnd("0", clean=True, windows=len(windows)),),
        expected_processes=1,
        windows=tuple(windows),
    )
    return replace(made, **changes)


def connections(
    made: int,
    *,
    lost: Mapping[str, int] | None = None,
    failed: Mapping[str, int] | None = None,
    cut_off: int = 0,
    counters: Mapping[str, int] | None = None,
    **histograms: Sequence[int] | np.ndarray,
) -> Tally:
    """The connections due in one second: so many established, of these lost by cause, and so many of the other ends."""
    failures = dict(failed or {})
    found = {
        OFFERED: made + sum(failures.values()) + cut_off,
        OK: made,
        CUT_OFF: cut_off,
        **{LOST_CONNECTION + cause: number for cause, number in (lost or {}).items()},
        **{FAILED + kind: number for kind, number in failures.items()},
        **(counters or {}),
    }
    return Tally(
        {name: number for name, number in found.items() if number},
        {name: Histogram.of_us(np.asarray(values, np.int64)) for name, values in histograms.items() if len(values)},
    )


def held(*thresholds: Threshold, count: int = 500, spawn_rate: float | None = 100.0, **changes: object) -> Scenario:
    """A WebSocket scenario of 20 s that holds connections and sends nothing over them."""
    made = Scenario(
        name="ws",
        driver="websocket",
        load=OpenLoad((Stage(0.0, 20 * SECOND, ramp=False),), connections=Connections(count, spawn_rate)),
        operations=(),
        thresholds=thresholds,
    )
    return replace(made, **changes)


def held_run(of: Scenario, at: Callable[[int], Tally | None], **changes: object) -> ScenarioRun:
    """A run of `of` in which only connections were recorded: `at(second)` those due in it."""
    found = {second: at(second) for second in range(20)}
    return scenario_run(of, lambda s: {} if found[s] is None else {CONNECTIONS: found[s]}, **changes)


def share_threshold(metric: str, limit: float = 0.01, comparison: str = "<", **changes: object) -> Threshold:
    """A share threshold by its canonical metric."""
    text = f"{metric.removeprefix('connection ')} {comparison} {limit * 100:g}%"
    return replace(Threshold(text, metric, comparison, limit, "ratio"), **changes)


def time_threshold(metric: str, limit_ms: float, *, quantile: float = 0.95, **changes: object) -> Threshold:
    """A quantile threshold by its canonical metric."""
    text = f"{metric} p{quantile * 100:g} < {limit_ms:g}ms"
    return replace(Threshold(text, metric, "<", limit_ms * 1e6, "ns", quantile), **changes)


def whole_run(*scenarios: ScenarioRun, status: str = "complete", instances: int = 1) -> Run:
    """A run that holds these scenarios."""
    plan = Plan(Target(instances=instances), {run.scenario.name: run.scenario for run in scenarios}, {}, {})
    return Run(
        id="run",
        started_at="2026-01-01T00:00:00Z",
        status=status,
        plan=plan,
        scenarios=scenarios,
        environment=Environment({}, {}),
        build="unknown",
        comparability="",
    )


def threshold_of(text: str) -> Threshold:
    return parse_threshold(text)
