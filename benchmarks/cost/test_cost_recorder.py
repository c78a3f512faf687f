"""Recording: what the hot path pays per outcome, and what bucketing it in bulk costs beside one call per value."""

import time

import numpy as np
from hdrh.histogram import HdrHistogram
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.cost.floor import note, timed
from loadtests.drive.recorder import Recorder, Tape
from loadtests.result.window import Window

_VALUES = 10_000
_S = 1_000_000_000
_MOST_RECORD_FLOORS = 12
_LEAST_GAIN = 2.0
"""Bounds wide enough for a busy machine; a change that breaks them has changed the design, not the weather."""


def _filled(count: int) -> tuple[Recorder, Tape, list[Window]]:
    windows: list[Window] = []
    recorder = Recorder("cost", "0", emit=windows.append, sample=lambda _: None)
    recorder.begin(0)
    tape = recorder.tape("work")
    took = np.random.default_rng(1).lognormal(15.4, 0.5, count).astype(int).tolist()
    for index, latency in enumerate(took):
        due = index * _S // count
        tape.ok(due, due + 50_000, due + latency)
    return recorder, tape, windows


def test_record_one_good_outcome(benchmark: BenchmarkFixture) -> None:
    """`Tape.ok`: three appends and a call."""
    recorder = Recorder("cost", "0", emit=lambda _: None, sample=lambda _: None)
    recorder.begin(0)

    def fresh() -> tuple[Tape]:
        recorder.close()
        return (recorder.tape("work"),)

    def record(tape: Tape) -> None:
        ok = tape.ok
        for at in range(_VALUES):
            ok(at, at, at + 5_000_000)

    timed(benchmark, record, setup=fresh, rounds=40)
    note(benchmark, _VALUES)
    assert benchmark.extra_info.get("of_floor", 0) < _MOST_RECORD_FLOORS


def test_fold_outcomes_into_windows(benchmark: BenchmarkFixture) -> None:
    """From raw times to two histograms and the counters of a window, beside `hdrh.record_value` for both values."""
    timed(benchmark, Recorder.close, setup=lambda: _filled(_VALUES)[:1], rounds=20)
    note(benchmark, _VALUES)
    if benchmark.stats is None:
        return
    hdrh = 2 * _hdrh_record_ns()
    gain = hdrh / benchmark.extra_info["ns_each"]
    benchmark.extra_info |= {"hdrh_two_values_ns": round(hdrh, 1), "times_cheaper_than_hdrh": round(gain, 1)}
    assert gain > _LEAST_GAIN


def test_folding_loses_nothing() -> None:
    """What the benchmark folds is what was recorded: a fast way to drop values would be no gain."""
    recorder, _, windows = _filled(_VALUES)
    recorder.close()
    assert sum(window.operations["work"].count("ok") for window in windows) == _VALUES
    assert sum(window.operations["work"].histogram("response.ok").total for window in windows) == _VALUES


def _hdrh_record_ns() -> float:
    """One `record_value` of the hdrhistogram package, in the layout the suite uses."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    values = np.random.default_rng(1).lognormal(8.5, 0.5, _VALUES).astype(int).tolist()
    began = time.perf_counter_ns()
    for value in values:
        histogram.record_value(value)
    return (time.perf_counter_ns() - began) / _VALUES
