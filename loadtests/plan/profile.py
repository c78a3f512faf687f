"""When each arrival is due: pure arithmetic on a load profile, no clock, no I/O.

The rate is piecewise linear, r(t); its integral is Λ(t), the number of arrivals due by t. Arrivals are unit steps
mapped through the inverse Λ⁻¹:

    constant   the i-th arrival (from 0) is due at Λ⁻¹(i), so their number is ⌈Λ(end)⌉ exactly
    poisson    the i-th arrival is due at Λ⁻¹(E₀ + … + Eᵢ) with unit exponentials E: an inhomogeneous Poisson process
               by time change (Çinlar 1975)

Λ⁻¹(x) is the last moment at which Λ is still x, so nothing is due while the rate is zero. Everything is a function of
the arrival's index, computed in blocks: memory does not grow with the length of the plan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from loadtests.plan.chance import derive_seed, uniforms
from loadtests.plan.model import OpenLoad, Operation, Scenario, Stage

__all__ = ["ArrivalChunk", "Curve", "arrivals", "due_times", "operation_shares", "user_operations"]

_BLOCK = 8192
_USER_BLOCK, _USER_BLOCK_AT_MOST = 64, 256
_SECOND_NS = 10**9
_FINEST_RATE = 3600 * 10**6
"""Rates are read as the nearest fraction with at most this denominator: 100/m is 5/3 a second, not 1.66666666667."""


@dataclass(frozen=True, slots=True)
class ArrivalChunk:
    """Consecutive arrivals of one shard, in order of time.

    `due_ns` int64 ns after the scenario's start; `index` int64, the arrival's number in the whole (unsharded)
    schedule; `operation` int16, position in `scenario.operations`. All of one length.
    """

    due_ns: NDArray[np.int64]
    index: NDArray[np.int64]
    operation: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One stage: from `start_ns` the rate goes linearly from `low` to `high` per second; `before` is Λ at its start."""

    start_ns: int
    duration_ns: int
    low: float
    high: float
    before: float

    def due_ns(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Λ⁻¹ within this piece. The quadratic is solved in the form that does not cancel (2c over b + √)."""
        done = counts - self.before
        if self.low == self.high:
            elapsed = done / self.low
        else:
            slope = (self.high - self.low) * _SECOND_NS / self.duration_ns
            root = np.sqrt(np.maximum(self.low * self.low + 2.0 * slope * done, 0.0))
            divisor = np.maximum(self.low + root, np.finfo(np.float64).tiny)
            elapsed = 2.0 * done / divisor
        return self.start_ns + np.minimum(np.rint(elapsed * _SECOND_NS), self.duration_ns - 1)


class Curve:
    """The integral Λ of a rate profile, and its inverse."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._pieces: list[_Piece] = []
        self._boundaries: list[float] = []
        total, start_ns, rate = Fraction(0), 0, Fraction(0)
        for stage in stages:
            target = Fraction(stage.rate).limit_denominator(_FINEST_RATE)
            low, rate = (rate if stage.ramp else target), target
            area = (low + rate) / 2 * Fraction(stage.duration_ns, _SECOND_NS)
            if area:
                self._pieces.append(_Piece(start_ns, stage.duration_ns, float(low), float(rate), float(total)))
                self._boundaries.append(float(total))
            total += area
            start_ns += stage.duration_ns
        self.exact_total = total
        self._stages = tuple(stages)

    @property
    def total(self) -> float:
        """Λ at the end: the number of arrivals the profile means (on average, for Poisson)."""
        return float(self.exact_total)

    def inverse(self, counts: NDArray[np.float64]) -> NDArray[np.int64]:
        """When Λ passes each of `counts` (ascending, in [0, total)), as ns after the start."""
        cuts = np.searchsorted(counts, self._boundaries[1:], side="left").tolist()
        edges = [0, *cuts, len(counts)]
        due = np.empty(len(counts), np.float64)
        for piece, begin, end in zip(self._pieces, edges, edges[1:], strict=False):
            if begin < end:
                due[begin:end] = piece.due_ns(counts[begin:end])
        return due.astype(np.int64)

    def until(self, at_ns: int) -> float:
        """Λ at that moment: arrivals due before it."""
        total, start_ns, rate = 0.0, 0, 0.0
        for stage in self._stages:
            low = rate if stage.ramp else stage.rate
            spent = min(max(at_ns - start_ns, 0), stage.duration_ns)
            share = spent / stage.duration_ns if stage.duration_ns else 0.0
            total += (low + (stage.rate - low) * share / 2) * spent / _SECOND_NS
            start_ns, rate = start_ns + stage.duration_ns, stage.rate
        return total


def arrivals(scenario: Scenario, *, shard: int = 0, shards: int = 1, chunk: int = 4096) -> Iterator[ArrivalChunk]:
    """The open-model schedule of one shard: every arrival whose index is `shard` modulo `shards`.

    The union over shards is the unsharded schedule, whatever `shards` is; chunks hold at most `chunk` arrivals.
    Seeded by `scenario.seed`.
    """
    load = scenario.load
    if not isinstance(load, OpenLoad):
        raise TypeError(f"scenario {scenario.name} has a closed load: its arrivals depend on the answers")
    curve = Curve(load.stages)
    choose = _Choice(scenario.operations, derive_seed(scenario.seed, "operations"))
    for first, counts in _blocks(load, curve, scenario.seed):
        skip = (shard - first) % shards
        for begin in range(skip, len(counts), chunk * shards):
            taken = counts[begin : begin + chunk * shards : shards]
            index = first + begin + shards * np.arange(len(taken), dtype=np.int64)
            yield ArrivalChunk(curve.inverse(taken), index, choose(index))


def due_times(scenario: Scenario, *, shard: int = 0, shards: int = 1) -> Iterator[NDArray[np.int64]]:
    """When the arrivals of one shard are due, in ns, some at a time: the moments that `arrivals` has too."""
    if not isinstance(scenario.load, OpenLoad):
        raise TypeError(f"scenario {scenario.name} has a closed load: its arrivals depend on the answers")
    curve = Curve(scenario.load.stages)
    for first, counts in _blocks(scenario.load, curve, scenario.seed):
        yield curve.inverse(counts[(shard - first) % shards :: shards])


def user_operations(scenario: Scenario, user: int) -> Iterator[int]:
    """The closed-model sequence of operation positions of one user, seeded by (`scenario.seed`, user); endless."""
    choose = _Choice(scenario.operations, derive_seed(scenario.seed, f"user {user}"))
    first, block = 0, _USER_BLOCK
    while True:
        yield from choose(np.arange(first, first + block, dtype=np.int64)).tolist()
        first, block = first + block, min(2 * block, _USER_BLOCK_AT_MOST)


def operation_shares(operations: Sequence[Operation]) -> tuple[float, ...]:
    """The share of arrivals each operation gets: its weight over the sum of weights."""
    total = sum(operation.weight for operation in operations)
    return tuple(operation.weight / total for operation in operations)


class _Choice:
    """Operations by weight, each a pure function of the arrival's index."""

    def __init__(self, operations: Sequence[Operation], seed: int) -> None:
        self._seed = seed
        self._upper = np.cumsum(operation_shares(operations))[:-1]

    def __call__(self, index: NDArray[np.int64]) -> NDArray[np.int16]:
        if not len(self._upper):
            return np.zeros(len(index), np.int16)
        drawn = uniforms(self._seed, index)
        return np.searchsorted(self._upper, drawn, side="right").astype(np.int16)


_Block = tuple[int, NDArray[np.float64]]
"""The index of the block's first arrival, and where each of its arrivals lies on the Λ axis."""


def _blocks(load: OpenLoad, curve: Curve, seed: int) -> Iterator[_Block]:
    return _poisson_blocks(curve, seed) if load.arrivals == "poisson" else _constant_blocks(curve)


def _constant_blocks(curve: Curve) -> Iterator[_Block]:
    count = -int(-curve.exact_total // 1)
    for first in range(0, count, _BLOCK):
        yield first, np.arange(first, min(first + _BLOCK, count), dtype=np.float64)


def _poisson_blocks(curve: Curve, seed: int) -> Iterator[_Block]:
    """Running sums in blocks of fixed size, so that rounding never depends on shards or chunks."""
    draw = np.random.Generator(np.random.Philox(derive_seed(seed, "arrivals")))
    first, reached, total = 0, 0.0, curve.total
    while reached < total:
        counts = reached + np.cumsum(draw.standard_exponential(_BLOCK))
        reached = float(counts[-1])
        yield first, counts if reached < total else counts[: int(np.searchsorted(counts, total, side="left"))]
        first += _BLOCK
