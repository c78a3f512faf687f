"""The history: a trend over 1,000 runs by the command as a user calls it; what recording adds to the end of a run."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadtests.history.address import Address
from loadtests.history.merging import keep
from loadtests.history.recording import record
from loadtests.history.store import History
from loadtests.judge.judgement import judge_run
from loadtests.judge.verdict import Verdict
from loadtests.plan.loader import plan_from_document
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, ProcessEnd, Run, ScenarioRun
from loadtests.result.window import COMPLETED_OK, OFFERED, OK, RESPONSE_OK, SERVICE_OK, Tally, Window

_RUNS = 1_000
_GOAL_S = 1.0
_MOST_STARTS = 6.0
"""A bound wide enough for a busy machine, in starts of an interpreter that imports the same libraries."""
_RATE = 20


def _verdict(operations: int, seconds: int) -> Verdict:
    names = [f"operation{number}" for number in range(operations)]
    document = {
        "version": 1,
        "scenarios": {
            "api": {
                "driver": "null",
                "load": {"rate": f"{_RATE * operations}/s", "duration": f"{seconds}s"},
                "operations": [{"name": name, "law": "5ms"} for name in names],
                "thresholds": ["p95 < 1s", "errors < 1%"],
            }
        },
    }
    plan = plan_from_document(document, source="a benchmark")
    random = np.random.default_rng(1)

    def tally() -> Tally:
        times = Histogram.of_us(random.lognormal(8.5, 0.4, _RATE).astype(np.int64))
        return Tally({OFFERED: _RATE, OK: _RATE, COMPLETED_OK: _RATE}, {RESPONSE_OK: times, SERVICE_OK: times})

    windows = [Window("api", "0", at, at, {name: tally() for name in names}) for at in range(seconds)]
    scenario = ScenarioRun(
        scenario=plan.scenarios["api"],
        started_at="2026-01-01T00:00:00+00:00",
        status="complete",
        ended_s=float(seconds),
        processes=(ProcessEnd("0", clean=True, windows=seconds),),
        expected_processes=1,
        windows=windows,
    )
    environment = Environment({"cores": 2}, {"python": "3.11"})
    run = Run("run", "2026-01-01T00:00:00+00:00", "complete", plan, (scenario,), environment, "b1", "0" * 12)
    return judge_run(run)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of 1,000 runs of four operations."""
    file = tmp_path_factory.mktemp("history") / "history.db"
    history, one = History.open(Address.of_file(file)), keep(_verdict(4, 20))
    for number in range(_RUNS):
        at = one.started_at + timedelta(hours=number)
        history.add(replace(one, id=f"run-{number:04d}", started_at=at, build=f"1.{number // 5}"))
    return file


def _called(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def _fastest(function: Callable[[], object], rounds: int = 3) -> float:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return min(found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("by", ["run", "build"])
def test_trend_over_a_thousand_runs(benchmark: BenchmarkFixture, thousand: Path, by: str) -> None:
    """`loadtests history api`, from the start of its process to its end, beside a process that only imports."""
    command = ["-m", "loadtests", "history", "api", "--by", by, "--database", str(thousand)]
    benchmark.pedantic(_called(*command), rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
    if benchmark.stats is None:
        return
    start = _fastest(_called("-c", "import click, numpy, rich.console, rich.table, sqlalchemy.orm"))
    took = benchmark.stats.stats.median
    benchmark.extra_info |= {"s": round(took, 2), "goal_s": _GOAL_S, "starts": round(took / start, 1)}
    assert took / start < _MOST_STARTS


def test_record_a_run(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Merging five minutes of twenty operations and writing them to SQLite, beside judging the same run."""
    verdict = _verdict(20, 300)
    address = Address.of_file(tmp_path / "history.db")
    benchmark.pedantic(lambda: record(verdict, address, replace=True), rounds=3, warmup_rounds=1)  # type: ignore[no-untyped-call]
    if benchmark.stats is None:
        return
    judging = _fastest(lambda: _verdict_again(verdict))
    took = benchmark.stats.stats.median
    benchmark.extra_info |= {"s": round(took, 2), "of_judging": round(took / judging, 2)}


def _verdict_again(verdict: Verdict) -> Verdict:
    fresh = tuple(replace(scenario) for scenario in verdict.run.scenarios)
    return judge_run(replace(verdict.run, scenarios=fresh))
