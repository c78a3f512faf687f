"""Runs made in pairs, judged by an exact test: no distribution is assumed, and no number of pairs is too small to tell.

Both runs of a pair were made one after the other in random order, so if the builds are alike each difference could as
well have had the other sign. Of all 2^k ways to flip the signs, the share with a mean at least as large is the p value
(Fisher 1935). The shifts that this test does not reject are bounded by means of subsets of the differences (Hartigan
1969), so bound and test never disagree. With k pairs no p value is below 1 / 2^k.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.comparison.estimate import Basis, Estimate, share_bounds
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.record import RunRecord
from loadtests.judge.statistics import RISK

__all__ = ["MOST_PAIRS", "estimate_pairs", "fewest_pairs", "sign_flip"]

MOST_PAIRS = 20
"""Every way to flip the signs is looked at; more than 2^20 would be slow, and no surer."""

Floats = NDArray[np.float64]


def fewest_pairs(metrics: int, *, risk: float = RISK) -> int:
    """The fewest pairs with which one of so many metrics looked at together can be shown to have changed."""
    return math.ceil(math.log2(max(1, metrics) / risk))


def estimate_pairs(metric: Metric, base: Sequence[RunRecord], candidate: Sequence[RunRecord]) -> Estimate | None:
    """The change of one metric over pairs, in order; `None` where some run has no such figure.

    A share's bounds are no narrower than its counts allow: no failure in any pair is not known to be none at all.
    """
    differences = [_difference(metric, *pair) for pair in zip(base, candidate, strict=True)]
    known = np.array([each for each in differences if each is not None], np.float64)
    if known.size < len(differences):
        return None
    found = sign_flip(known)
    counted = None if metric.is_ratio else share_bounds(metric, base, candidate)
    if counted is None:
        return found
    return Estimate(
        found.change,
        None if found.low is None else min(found.low, counted[0]),
        None if found.high is None else max(found.high, counted[1]),
        found.p_up,
        found.p_down,
        Basis.PAIRS,
        found.spread,
        found.freedom,
    )


def sign_flip(differences: Floats) -> Estimate:
    """The mean of the differences with exact one-sided p values and 95% bounds; too few pairs give no bound."""
    k = differences.size
    means = _subset_means(differences)
    ascending = np.sort(means)
    out = math.floor(RISK * 2**k + 1e-9)
    low, high = (float(ascending[out - 1]), float(ascending[-out])) if out else (None, None)
    spread = float(differences.std(ddof=1)) if k > 1 else None
    up, down = (_p_value(means, sign) for sign in (1.0, -1.0))
    return Estimate(float(differences.mean()), low, high, up, down, Basis.PAIRS, spread, float(k - 1))


def _p_value(means: Floats, sign: float) -> float:
    """A flip of signs leaves the sum as large exactly when the values flipped add up to nothing above zero."""
    tolerance = 1e-12 * float(np.abs(means).max())
    return float(1 + np.count_nonzero(sign * means <= tolerance)) / (means.size + 1)


def _subset_means(values: Floats) -> Floats:
    """The mean of every subset but the empty one, in no particular order."""
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1.0])
    means: Floats = sums[1:] / sizes[1:]
    return means


def _difference(metric: Metric, base: RunRecord, candidate: RunRecord) -> float | None:
    if metric.is_ratio:
        first, second = metric.value(base), metric.value(candidate)
        return None if first is None or second is None else math.log(second / first)
    (hits_a, trials_a), (hits_b, trials_b) = (metric.shares(metric.tally(each)) for each in (base, candidate))
    return hits_b / trials_b - hits_a / trials_a if trials_a and trials_b else None
