"""Kept runs for the tests: made from small runs whose every second is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from loadtests.history.kept import KeptRun
from loadtests.history.merging import keep
from loadtests.judge.judgement import judge_run
from loadtests.plan.loader import plan_from_document
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, ProcessEnd, ResourceSample, Run, ScenarioRun
from loadtests.result.rundir import RunWriter
from loadtests.result.window import COMPLETED_OK, FAILED, OFFERED, OK, RESPONSE_OK, SERVICE_OK, Tally, Window

MACHINE = Environment({"cpu": "a cpu", "cores": 2, "memory_bytes": 2**33}, {"python": "CPython 3.11.7"})
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 10**9

At = Callable[[int], Tally | Mapping[str, Tally]]


def document(
    *names: str, rate: int = 50, seconds: int = 12, thresholds: Sequence[str] = ("p95 < 20ms", "errors < 10%")
) -> dict[str, object]:
    """A plan of null scenarios with two operations and a warm-up of two seconds."""
    scenario = {
        "driver": "null",
        "load": {"rate": f"{rate}/s", "duration": f"{seconds}s"},
        "warmup": "2s",
        "operations": [{"name": "get", "law": "5ms"}, {"name": "put", "law": "5ms"}],
        "thresholds": list(thresholds),
    }
    return {"version": 1, "target": {}, "scenarios": dict.fromkeys(names or ("api",), scenario)}


def answers(second: int, *, middle_us: float = 5_000.0, amount: int = 50, failed: int = 0, seed: int = 0) -> Tally:
    """Good answers of one second, log-normal around `middle_us`, and so many time-outs."""
    random = np.random.default_rng([seed, second])
    times = np.round(middle_us * np.exp(random.normal(0.0, 0.2, amount))).astype(np.int64)
    counters = {OFFERED: amount + failed, OK: amount, COMPLETED_OK: amount}
    if failed:
        counters[FAILED + "timeout"] = failed
    found = Histogram.of_us(times)
    return Tally(counters, {RESPONSE_OK: found, SERVICE_OK: found})


def generator() -> Tally:
    lag = Histogram.of_us(np.full(100, 100, np.int64))
    return Tally({"cpu_ns": SECOND // 4, "elapsed_ns": SECOND}, {"start lag": lag})


def run(
    *names: str,
    number: int = 0,
    at: At | None = None,
    build: str = "b1",
    branch: str | None = "main",
    middle_us: float = 5_000.0,
    environment: Environment = MACHINE,
    status: str = "complete",
    **planned: object,
) -> Run:
    """The run numbered `number`, an hour after the one before; `at` is what its operations did in a second."""
    plan = plan_from_document(document(*names, **planned), source="a test")  # type: ignore[arg-type]
    started = BEGIN + timedelta(hours=number)

    def usual(second: int) -> dict[str, Tally]:
        return {name: answers(second, middle_us=middle_us, amount=25, seed=number) for name in ("get", "put")}

    made = Run(
        id=f"{started:%Y%m%d-%H%M%S}-{'-'.join(plan.scenarios)}",
        started_at=started.isoformat(),
        status=status,  # type: ignore[arg-type]
        plan=plan,
        scenarios=(),
        environment=environment,
        build=build,
        branch=branch,
        comparability="0123456789ab",
        path="reports/one",
        warnings=("a warning",),
    )
    return replace(made, scenarios=tuple(_scenario(made, name, at or usual) for name in plan.scenarios))


def _scenario(of: Run, name: str, at: At) -> ScenarioRun:
    scenario = of.plan.scenarios[name]
    seconds = range(scenario.load.duration_ns // SECOND)
    windows = []
    for second in seconds:
        found = at(second)
        operations = {"get": found} if isinstance(found, Tally) else dict(found)
        windows.append(Window(name, "0", second, second, operations, generator()))
    return ScenarioRun(
        scenario=scenario,
        started_at=of.started_at,
        status=of.status,
        ended_s=float(len(seconds)),
        processes=(ProcessEnd("0", clean=True, windows=len(windows)),),
        expected_processes=1,
        windows=tuple(windows),
        resources=tuple(ResourceSample(name, float(second), "target", {"cpu": 0.5}) for second in seconds),
    )


def kept(*names: str, **changes: object) -> KeptRun:
    """What is kept of `run`."""
    return keep(judge_run(run(*names, **changes)))  # type: ignore[arg-type]


def stored(directory: Path, *, build: str = "b1", seconds: int = 3) -> Path:
    """A run directory of `api`; the run's id is its name."""
    one = run(seconds=seconds, thresholds=["p95 < 1s"])
    (scenario,) = one.scenarios
    with RunWriter.create(directory, one.plan, run_id=directory.name, build=build, environment=MACHINE) as writer:
        writer.begin_scenario("api", 1, started_at=scenario.started_at)
        for window in scenario.windows:
            writer.window(window)
        writer.end_scenario("api", "complete", ended_s=float(seconds), processes=scenario.processes)
        writer.finish("complete")
    return directory
