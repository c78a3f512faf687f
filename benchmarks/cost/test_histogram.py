"""What a histogram costs: per value bucketed, per merge, per payload written and read.

Each figure is printed with its ratio to the same work by the `hdrhistogram` library, or to a floor (the least numpy
work that could do it), timed in the same run on the same data; the ratios are what must hold, machines differ.
"""

from collections.abc import Callable
from timeit import repeat
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadtests.result import hlog
from loadtests.result.histogram import HIGHEST_US, Histogram

VALUES = 20_000
PER_WINDOW = 200
WINDOWS = 256


def latencies(count: int, *, seed: int = 1) -> NDArray[np.int64]:
    """Plausible latencies in ns: median 5 ms, a long tail."""
    return (np.random.default_rng(seed).lognormal(15.4, 0.5, count)).astype(np.int64)


def reference_of(values_us: NDArray[np.int64]) -> HdrHistogram:
    """The library's histogram of these µs."""
    made = HdrHistogram(1, HIGHEST_US, 3)
    for value in values_us.tolist():
        made.record_value(value)
    return made


@pytest.fixture(scope="module")
def windows() -> list[Histogram]:
    """One histogram per window, as a run of 256 seconds records them."""
    return [Histogram.of_ns(latencies(PER_WINDOW, seed=seed)) for seed in range(WINDOWS)]


def measure(
    benchmark: Any, ours: Callable[[], object], *, theirs: Callable[[], object], work: int, theirs_work: int
) -> float:
    """Times ours by the fixture and theirs beside it; notes ns per unit of each and returns theirs over ours."""
    benchmark(ours)
    own_s, other_s = (min(repeat(each, number=5, repeat=10)) / 5 for each in (ours, theirs))
    own_ns, other_ns = own_s / work * 1e9, other_s / theirs_work * 1e9
    benchmark.extra_info.update(ns=round(own_ns, 1), other_ns=round(other_ns, 1), ratio=round(other_ns / own_ns, 2))
    print(f"\n{benchmark.name}: {own_ns:,.0f} ns, the other {other_ns:,.0f} ns, {other_ns / own_ns:.2f} times faster")
    return other_ns / own_ns


def test_bucketing_a_value_costs_a_tenth_of_the_library(benchmark: Any) -> None:
    """From ns to counted, per value, against one `record_value` each."""
    values = latencies(VALUES)
    few = (values[:2_000] // 1000).tolist()
    target = HdrHistogram(1, HIGHEST_US, 3)

    def theirs() -> None:
        for value in few:
            target.record_value(value)

    ratio = measure(benchmark, lambda: Histogram.of_ns(values), theirs=theirs, work=VALUES, theirs_work=len(few))
    assert ratio > 10


def test_bucketing_a_value_stays_within_forty_times_the_floor_of_one_bincount(benchmark: Any) -> None:
    """The floor counts ready-made indices; ours also rounds, clamps and finds the index."""
    values = latencies(VALUES)
    indices = np.random.default_rng(2).integers(2_000, 9_000, VALUES)
    ratio = measure(
        benchmark, lambda: Histogram.of_ns(values), theirs=lambda: np.bincount(indices), work=VALUES, theirs_work=VALUES
    )
    assert ratio > 1 / 40


def test_merging_a_window_costs_a_tenth_of_the_library(benchmark: Any, windows: list[Histogram]) -> None:
    """Per histogram merged, 256 at once, against the library's `add`."""
    parts = [reference_of(latencies(PER_WINDOW, seed=seed) // 1000) for seed in range(8)]

    def theirs() -> None:
        whole = HdrHistogram(1, HIGHEST_US, 3)
        for part in parts:
            whole.add(part)

    ratio = measure(benchmark, lambda: Histogram.merge(windows), theirs=theirs, work=WINDOWS, theirs_work=len(parts))
    assert ratio > 10


def test_encoding_a_window_costs_no_more_than_by_the_library(benchmark: Any, windows: list[Histogram]) -> None:
    """Per payload of 200 values, from our sparse counters; the library needs a dense histogram made of them first."""
    window = windows[0]

    def theirs() -> bytes:
        dense = HdrHistogram(1, HIGHEST_US, 3)
        np.frombuffer(dense.counts, np.int64)[window.indices] = window.counts
        dense.set_internal_tacking_values(int(window.indices[0]), int(window.indices[-1]), window.total)
        payload: bytes = dense.encode()
        return payload

    assert hlog.decode(theirs()) == window
    ratio = measure(benchmark, lambda: hlog.encode(window), theirs=theirs, work=1, theirs_work=1)
    assert ratio > 1


def test_decoding_a_window_costs_no_more_than_by_the_library(benchmark: Any, windows: list[Histogram]) -> None:
    """Per payload of 200 values, 64 at once as the log is read: what makes a run of an hour open in seconds."""
    payloads = [hlog.encode(each) for each in windows[:64]]
    ratio = measure(
        benchmark,
        lambda: hlog.decode_many(payloads),
        theirs=lambda: HdrHistogram.decode(payloads[0]),
        work=len(payloads),
        theirs_work=1,
    )
    assert ratio > 1
