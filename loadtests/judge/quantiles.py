"""A quantile and its interval: the two values between which the verdict's own test cannot decide.

The claim "pNN lies below X" is tested as "the share of answers over X is below 1 - q". Read backwards, the smallest X
for which it passes and the largest for which it is missed are order statistics of the answers, at the ranks that the
binomial bounds of the effective sample size give; dependence is taken off at each X anew.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.decision import Share, share_of
from loadtests.judge.dependence import Dependence
from loadtests.result.histogram import Histogram, highest_equivalent_us, lowest_equivalent_us

__all__ = ["QuantileFigure", "quantile_figure"]

_US = 1_000.0


@dataclass(frozen=True, slots=True)
class QuantileFigure:
    """A quantile in ns. `low` or `high` is `None` where too few answers give no bound on that side."""

    observed: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Ordered:
    """All answers by counter, ascending; position -1 stands for a limit below all of them."""

    seconds: Sequence[Histogram]
    indices: NDArray[np.int64]
    running: NDArray[np.int64]
    still_open: float
    dependence: Dependence | None

    def beyond(self, position: int) -> Share:
        """The share of answers in counters after `position`."""
        edge = int(self.indices[position]) if position >= 0 else -1
        hits = [int(h.counts[np.searchsorted(h.indices, edge, side="right") :].sum()) for h in self.seconds]
        trials = np.array([h.total for h in self.seconds], np.float64)
        return share_of(np.array(hits, np.float64), trials, still_open=self.still_open, dependence=self.dependence)

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
        [found for found in seconds if found.total],
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
