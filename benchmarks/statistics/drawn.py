"""Runs drawn from a known truth, as the records a comparison takes.

Response times are lognormal, p95 about twice the median, as a service's are. Every run is slower or faster than the
last by a lognormal factor (`spread`, the standard deviation of its logarithm), and so is every second, by one that
remembers the second before (`memory`, the lag-1 autocorrelation).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.record import RunRecord
from loadtests.law import parse_law
from loadtests.plan.model import OpenLoad, Scenario, Stage
from loadtests.plan.protocol.null import NullOperation
from loadtests.result.histogram import Histogram
from loadtests.result.run import ProcessEnd, ScenarioRun
from loadtests.result.window import COMPLETED_OK, FAILED, OFFERED, OK, RESPONSE_OK, Tally, Window

__all__ = ["Truth", "autoregression", "draw_record", "draw_run"]

_SECOND = 10**9
_START = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Truth:
    """What runs are drawn from. `median_us` times `slowdown`; `failing` is the share of requests that fail."""

    median_us: float = 20_000.0
    shape: float = 0.45
    rate: int = 50
    seconds: int = 60
    spread: float = 0.03
    unrest: float = 0.0
    memory: float = 0.0
    failing: float = 0.002
    slowdown: float = 1.0


def autoregression(random: np.random.Generator, count: int, memory: float, *, rows: int = 1) -> NDArray[np.float64]:
    """Series of unit variance with that lag-1 autocorrelation, (rows, count)."""
    noise = random.normal(size=(rows, count))
    found = np.empty_like(noise)
    found[:, 0] = noise[:, 0]
    for at in range(1, count):
        found[:, at] = memory * found[:, at - 1] + np.sqrt(1.0 - memory**2) * noise[:, at]
    return found


def draw_record(random: np.random.Generator, truth: Truth, *, name: str, started_at: str = _START) -> RunRecord:
    """One run, merged; without windows."""
    tally = _tally(_times(random, truth, truth.rate * truth.seconds), _failing(random, truth, truth.seconds))
    return _record(name, truth, tally, started_at)


def draw_run(random: np.random.Generator, truth: Truth, *, name: str, started_at: str = _START) -> RunRecord:
    """One run second by second."""
    unrest = autoregression(random, truth.seconds, truth.memory)[0] * truth.unrest
    times = _times(random, truth, (truth.seconds, truth.rate)) * np.exp(unrest)[:, None]
    tallies = [_tally(row, _failing(random, truth, 1)) for row in times]
    record = _record(name, truth, Tally.merge(tallies), started_at)
    return replace(record, windows=_windows(truth, tallies))


def _times(random: np.random.Generator, truth: Truth, size: int | tuple[int, int]) -> NDArray[np.float64]:
    run = random.normal(0.0, truth.spread)
    times: NDArray[np.float64] = truth.median_us * truth.slowdown * np.exp(random.normal(run, truth.shape, size))
    return times


def _failing(random: np.random.Generator, truth: Truth, seconds: int) -> int:
    return int(random.binomial(truth.rate * seconds, truth.failing))


def _tally(times_us: NDArray[np.float64], failed: int) -> Tally:
    good = times_us[failed:]
    counters = {OFFERED: times_us.size, OK: good.size, COMPLETED_OK: good.size, FAILED + "status_5xx": failed}
    histogram = Histogram.of_us(np.round(good).astype(np.int64))
    return Tally({key: number for key, number in counters.items() if number}, {RESPONSE_OK: histogram})


def _record(name: str, truth: Truth, tally: Tally, started_at: str) -> RunRecord:
    return RunRecord(
        run_id=name,
        build=name.partition("-")[0],
        started_at=started_at,
        scenario="api",
        steady_s=float(truth.seconds),
        operations={"get": tally},
        total=tally,
        connections=Tally(),
        thresholds=(),
        facts={"machine.cpu": "drawn"},
    )


def _windows(truth: Truth, tallies: list[Tally]) -> ScenarioRun:
    scenario = Scenario(
        name="api",
        driver="null",
        load=OpenLoad((Stage(float(truth.rate), truth.seconds * _SECOND, ramp=False),)),
        operations=(NullOperation("get", parse_law("5ms")),),
    )
    windows = [Window("api", "0", second, second, {"get": tally}) for second, tally in enumerate(tallies)]
    ends = (ProcessEnd("0", clean=True, windows=len(windows)),)
    return ScenarioRun(scenario, _START, "complete", float(truth.seconds), ends, 1, windows)
