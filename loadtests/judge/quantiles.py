"""A quantile and its interval: the two values between which the verdict's own test cannot decide.

The claim "pNN lies below X" is tested as "the share of answers over X is below 1 - q". Read backwards, the smallest X
for which it passes and the largest for which it is missed are order statistics of the answers, at the ranks that the
binomial bounds of the effective sample size give; dependence is taken off at each X anew.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.decision import Share, share_of
from loadtests.judge.dependence import Dependence
from loadtests.result.histogram import COUNTERS, Histogram, highest_equivalent_us, lowest_equivalent_us

__all__ = ["QuantileFigure", "quantile_figure"]

_US = 1_000.0


@dataclass(frozen=True, slots=True)
class QuantileFigure:
    """A quantile in ns. `low` or `high` is `None` where too few answers give no bound on that side."""

    observed: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Every second's answers in one array, so that a limit is looked up in all of them at once.

    `keys` ascend: the second's row times the number of counters, plus the counter; `before` is how many answers lie
    before each of them, and in all.
    """

    keys: NDArray[np.signedinteger[Any]]
    before: NDArray[np.signedinteger[Any]]
    trials: NDArray[np.float64]

    @classmethod
    def of(cls, seconds: Sequence[Histogram]) -> Self:
        """Those of the seconds in which there were any."""
        kept = [found for found in seconds if found.total]
        keys = np.concatenate([found.indices for found in kept], dtype=_integer(len(kept) * COUNTERS))
        start = 0
        for row, found in enumerate(kept):
            keys[start : start + found.indices.size] += row * COUNTERS
            start += found.indices.size
        trials = np.array([found.total for found in kept], np.int64)
        counts = [np.zeros(1, np.int64), *(found.counts for found in kept)]
        before = np.concatenate(counts, dtype=_integer(int(trials.sum())))
        np.cumsum(before, out=before)
        return cls(keys, before, trials.astype(np.float64))

    def beyond(self, edge: int) -> NDArray[np.float64]:
        """How many answers of each second lie in counters after `edge`."""
        starts = np.arange(self.trials.size + 1, dtype=self.keys.dtype) * COUNTERS
        ends = self.before[np.searchsorted(self.keys, starts[1:])]
        return (ends - self.before[np.searchsorted(self.keys, starts[:-1] + edge, side="right")]).astype(np.float64)


def _integer(most: int) -> type[np.signedinteger[Any]]:
    """The smaller of two types of integers, if `most` fits into it: an hour of answers is long enough to feel it."""
    return np.int32 if most < 2**31 else np.int64


@dataclass(frozen=True, slots=True)
class _Ordered:
    """All answers by counter, ascending; position -1 stands for a limit below all of them."""

    rows: _Rows
    indices: NDArray[np.int64]
    running: NDArray[np.int64]
    still_open: float
    dependence: Dependence | None

    def beyond(self, position: int) -> Share:
        """The share of answers in counters after `position`."""
        edge = int(self.indices[position]) if position >= 0 else -1
        hits, trials = self.rows.beyond(edge), self.rows.trials
        return share_of(hits, trials, still_open=self.still_open, dependence=self.dependence)

    def position_of(self, rank: int) -> int:
        """The position of the answer of that rank, counted from 1; -1 for rank 0."""
        return int(np.searchsorted(self.running, rank)) if rank > 0 else -1

    def highest_ns(self, position: int) -> float:
        return float(highest_equivalent_us(self.indices[position : position + 1])[0]) * _US

    def lowest_ns(self, position: int) -> float:
        return float(lowest_equivalent_us(self.indices[position : position + 1])[0]) * _US


def quantile_figure(
    seconds: Sequence[Histogram],
    quantile: float,
    *,
    over: int = 0,
    limit_ns: float = math.inf,
    still_open: float = 0.0,
    dependence: Dependence | None = None,
) -> QuantileFigure:
    """The quantile of all seconds' answers with both one-sided 95% bounds; there must be answers.

    `over` answers are beyond the limit: it tells on which side of the limit a counter that contains it was counted, so
    that no figure appears on the other side. `dependence` is for seconds that were merged.
    """
    pooled = Histogram.merge(seconds)
    ordered = _Ordered(
        _Rows.of(seconds),
        pooled.indices.astype(np.int64),
        np.cumsum(pooled.counts),
        still_open,
        dependence,
    )
    last, total = pooled.indices.size - 1, pooled.total
    within = ordered.position_of(total - over)

    def shown(position: int) -> float:
        highest = ordered.highest_ns(position)
        return ordered.lowest_ns(position) if position <= within and highest >= limit_ns else highest

    share = 1.0 - quantile
    rank = min(total, max(1, int(quantile * total + 0.5)))
    high = _first(lambda position: ordered.beyond(position).below(share), -1, last, hint=within)
    low = _first(lambda position: not ordered.beyond(position).above(share), -1, last, hint=within)
    return QuantileFigure(
        shown(ordered.position_of(rank)),
        None if low is None or low < 0 else ordered.lowest_ns(low),
        None if high is None else shown(max(high, 0)),
    )


def _first(holds: Callable[[int], bool], low: int, high: int, *, hint: int) -> int | None:
    """The first position in [low, high] from which `holds` stays true; `hint` is asked first, and honoured."""
    if holds(hint):
        high = hint
    elif hint >= high or not holds(high):
        return None
    else:
        low = hint + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
