"""The floor all costs are put beside, measured in the same process just before: one `array.append`.

A ratio to it says how much work something is on any machine; nanoseconds say so only on this one.
"""

import time
from array import array
from collections.abc import Callable
from itertools import repeat

from pytest_benchmark.fixture import BenchmarkFixture

__all__ = ["append_ns", "note", "timed"]

_TIMES = 100_000
_ROUNDS = 5


def append_ns() -> float:
    """Nanoseconds of one `array.append` of an int64 in a plain loop: the best of a few rounds."""
    return min(_one_round() for _ in range(_ROUNDS)) / _TIMES


def note(benchmark: BenchmarkFixture, items: int) -> None:
    """Put ns per item and its ratio to the floor into the benchmark's `extra_info`; `items` per call."""
    stats = benchmark.stats
    if stats is None:  # --benchmark-disable
        return
    each, floor = stats.stats.median * 1e9 / items, append_ns()
    benchmark.extra_info |= {"ns_each": round(each, 1), "floor_ns": round(floor, 1), "of_floor": round(each / floor, 1)}


def timed(
    benchmark: BenchmarkFixture,
    function: Callable[..., object],
    *,
    setup: Callable[[], tuple[object, ...]],
    rounds: int,
) -> None:
    """Time `function(*setup())`, with fresh arguments for every round and two rounds to warm up."""
    benchmark.pedantic(function, setup=lambda: (setup(), {}), rounds=rounds, warmup_rounds=2)  # type: ignore[no-untyped-call]


def _one_round() -> int:
    append = array("q").append
    value = time.monotonic_ns()
    began = time.perf_counter_ns()
    for _ in repeat(None, _TIMES):
        append(value)
    return time.perf_counter_ns() - began
