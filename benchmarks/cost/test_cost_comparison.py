"""Comparing two sets of 20 runs from their directories, by the command as a user calls it."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, ProcessEnd
from loadtests.result.rundir import RunWriter
from loadtests.result.window import COMPLETED_OK, OFFERED, OK, RESPONSE_OK, SERVICE_OK, Tally, Window

_RUNS, _SECONDS, _OPERATIONS, _RATE = 20, 60, 3, 50
_GOAL_S = 2.0


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty runs of each build: a minute of three operations."""
    folder = tmp_path_factory.mktemp("reports")
    names = [f"operation{number}" for number in range(_OPERATIONS)]
    scenario = {
        "driver": "null",
        "load": {"rate": f"{_RATE * _OPERATIONS}/s", "duration": f"{_SECONDS}s"},
        "operations": [{"name": name, "law": "5ms"} for name in names],
        "thresholds": ["p95 < 1s"],
    }
    plan = plan_from_document({"version": 1, "scenarios": {"api": scenario}}, source="a benchmark")
    random = np.random.default_rng(1)
    for build in ("old", "new"):
        for number in range(_RUNS):
            _store(folder / f"{build}-{number}", plan, names, random, build=build)
    return folder


def _store(where: Path, plan: Plan, names: list[str], random: np.random.Generator, *, build: str) -> None:
    environment = Environment({"cores": 2}, {"python": "3.11"})
    with RunWriter.create(where, plan, run_id=where.name, build=build, environment=environment) as writer:
        writer.begin_scenario("api", 1, started_at="2026-01-01T00:00:00+00:00")
        for at in range(_SECONDS):
            writer.window(Window("api", "0", at, at, {name: _tally(random) for name in names}, _generator()))
        ends = [ProcessEnd("0", clean=True, windows=_SECONDS)]
        writer.end_scenario("api", "complete", ended_s=float(_SECONDS), processes=ends)
        writer.finish("complete")


def _tally(random: np.random.Generator) -> Tally:
    times = Histogram.of_us(random.lognormal(8.5, 0.4, _RATE).astype(np.int64))
    return Tally({OFFERED: _RATE, OK: _RATE, COMPLETED_OK: _RATE}, {RESPONSE_OK: times, SERVICE_OK: times})


def _generator() -> Tally:
    lag = Histogram.of_us(np.full(_RATE * _OPERATIONS, 100, np.int64))
    return Tally({"cpu_ns": 10**8, "elapsed_ns": 10**9}, {"start lag": lag})


def test_two_sets_of_twenty_runs_are_compared_in_two_seconds(reports: Path, benchmark: Any) -> None:
    """The whole command: 40 directories read, judged valid, compared, and the report written.

    CPU time, so that a neighbour does not count.
    """
    taken: list[float] = []

    def compared() -> None:
        command = [sys.executable, "-m", "loadtests", "compare", "old-*", "new-*", "-o", f"made-{len(taken)}"]
        before = _children_s()
        subprocess.run(command, cwd=reports, check=True, capture_output=True)
        taken.append(_children_s() - before)

    benchmark.pedantic(compared, rounds=3, warmup_rounds=1)
    benchmark.extra_info |= {"CPU s": round(min(taken), 2), "goal": _GOAL_S}
    assert min(taken) <= _GOAL_S


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
