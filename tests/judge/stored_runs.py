"""Run directories as a run leaves them, written without driving anything."""

from collections.abc import Callable
from pathlib import Path

from synthetic_runs import generator, ms, tally

from loadtests.plan.loader import plan_from_document
from loadtests.result.run import Environment, ProcessEnd
from loadtests.result.rundir import RunWriter
from loadtests.result.window import Tally, Window

MACHINE = Environment({"cpu": "a cpu", "cores": 2, "memory_bytes": 2**33}, {"python": "CPython 3.11.7"})


def document(name: str = "api", *, rate: int = 20, seconds: int = 6) -> dict[str, object]:
    """A plan of one null scenario."""
    load = {"rate": f"{rate}/s", "duration": f"{seconds}s"}
    scenario = {
        "driver": "null",
        "load": load,
        "operations": [{"name": "get", "law": "5ms"}],
        "thresholds": ["p95 < 6ms"],
    }
    return {"version": 1, "target": {}, "scenarios": {name: scenario}}


def steady(second: int) -> Tally:
    """Twenty answers in 5 to 5.19 ms."""
    return tally(ms(*(5 + 0.01 * n for n in range(20))), completed=20)


def stored_run(
    where: Path,
    at: Callable[[int], Tally] = steady,
    *,
    run_id: str | None = None,
    build: str = "b1",
    name: str = "api",
    seconds: int = 6,
    rate: int = 20,
    environment: Environment = MACHINE,
    status: str = "complete",
    lag_us: int = 100,
) -> Path:
    """A run directory of one scenario whose operation `get` did `at(second)`; its id is the directory's name."""
    plan = plan_from_document(document(name, rate=rate, seconds=seconds), source="a test")
    with RunWriter.create(where, plan, run_id=run_id or where.name, build=build, environment=environment) as writer:
        writer.begin_scenario(name, 1, started_at="2026-01-01T00:00:00+00:00")
        for second in range(seconds):
            own = generator(lag_us=(lag_us,) * rate)
            writer.window(Window(name, "0", second, second, {"get": at(second)}, own))
        ends = [ProcessEnd("0", clean=True, windows=seconds)]
        writer.end_scenario(name, status, ended_s=float(seconds), processes=ends)
        writer.finish(status)
    return where
