"""What seconds that resemble their neighbours can tell: design effects and block bootstrap over windows.

Requests of one second share their fate (a pause, a full queue), and so do neighbouring seconds. A formula for
independent requests would be far too sure. Everything here works on one row per second instead.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.statistics import RISK, normal_quantile, student_quantile

__all__ = [
    "FEWEST_WINDOWS",
    "block_freedom",
    "block_length",
    "block_weights",
    "blocks_miss",
    "design_effect",
    "effective_samples",
    "ratio_interval",
]

FEWEST_WINDOWS = 5
"""Fewer rows than this give no interval for a mean or a rate."""

_RESAMPLES = 2_000
_AT_ONCE = 50
_MOST_MISSED = 0.75
_STRONGEST = 0.9
_FEWEST_TO_TELL = 15

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def block_length(values: Floats) -> int:
    """How many neighbouring rows to keep together: 1.1447 (a n)^(1/3), at least n^(1/3), at most n / 3.

    a = (2 r / (1 - r^2))^2 with r the lag-1 autocorrelation: the optimal rule for a Bartlett kernel (Andrews 1991) and
    for the moving-block bootstrap (Politis and White 2004), which agree, for a first-order autoregression.
    """
    n = values.size
    r = _autocorrelation(values)
    if r is None:
        return 1
    optimal = 1.1447 * math.cbrt(n * (2.0 * r / (1.0 - r * r)) ** 2)
    return max(1, min(math.ceil(max(optimal, math.cbrt(n))), n // 3))


def blocks_miss(values: Floats, block: int) -> float:
    """The part of the variance of a mean that blocks cannot see, below 1: what reaches beyond their ends.

    2 r / ((1 - r^2) block), the bias of a Bartlett estimate of a first-order autoregression (Andrews 1991); without it
    bounds on rows that remember each other (r = 0.7) held the truth 88 times in 100 instead of 95. Of fewer than 15
    rows none is taken to be missed: their autocorrelation cannot be told from chance.
    """
    r = _autocorrelation(values)
    return 0.0 if r is None or values.size < _FEWEST_TO_TELL else min(_MOST_MISSED, 2.0 * r / ((1.0 - r * r) * block))


def _autocorrelation(values: Floats) -> float | None:
    """Lag-1 autocorrelation, with a lean towards too much; `None` for rows that do not vary, or are too few.

    Counting noise weakens the autocorrelation at every lag alike, so the root of the lag-2 one is taken where it is
    larger, or where there clearly is any, their quotient. What estimating the mean and the autocorrelation itself takes
    away, about (1 + 4 r) / n, is put back (Kendall 1954).
    """
    n = values.size
    centred = values - values.mean() if n else values
    power = float(centred @ centred)
    if n < 3 or power == 0.0:
        return None
    first, second = (float(centred[lag:] @ centred[:-lag]) / power for lag in (1, 2))
    r = max(abs(first), math.sqrt(max(second, 0.0)))
    if first > 2.0 / math.sqrt(n):
        r = max(r, min(second / first, _STRONGEST))
    return min(r + (1.0 + 4.0 * r) / n, 0.97)


def design_effect(hits: Floats, trials: Floats) -> float:
    """How many requests say as much as one independent one: at least 1, at most all of them. One row per second.

    The variance of the ratio estimator sum(hits) / sum(trials) over rows, with Bartlett weights on the autocovariances
    up to `block_length` (Cochran, Sampling Techniques, 6.4; Newey and West 1987), over the binomial variance.
    1 when no request or every request is a hit; a single mixed row is worth one request, since nothing is known.
    """
    kept = trials > 0
    hits, trials = hits[kept], trials[kept]
    total = float(trials.sum())
    share = float(hits.sum()) / total if total else 0.0
    if not 0.0 < share < 1.0:
        return 1.0
    if hits.size < 2:
        return max(1.0, total)
    residuals = hits - share * trials
    block = block_length(residuals)
    variance = hits.size * _long_run_variance(residuals, block) / (1.0 - blocks_miss(residuals, block))
    return min(max(1.0, variance / (total * share * (1.0 - share))), max(1.0, total))


def effective_samples(hits: Floats, trials: Floats, *, risk: float = RISK) -> float:
    """How many independent requests these are worth: their number over the design effect, less what few rows cost.

    The second factor, (z / t)^2 with as many degrees of freedom as there are blocks, is Korn and Graubard's (1998): a
    design effect estimated from few rows is itself uncertain.
    """
    total = float(trials.sum())
    effect = design_effect(hits, trials)
    share = float(hits.sum()) / total if total else 0.0
    if not 0.0 < share < 1.0:
        return total
    rows = int((trials > 0).sum())
    residuals = (hits - share * trials)[trials > 0]
    worth = total / effect * _small_sample(rows, block_length(residuals), risk) ** -2
    return min(total, max(1.0, worth))


def ratio_interval(totals: Floats, counts: Floats, *, risk: float = RISK, seed: int = 0) -> tuple[float, float] | None:
    """Both one-sided bounds of sum(totals) / sum(counts), by moving-block bootstrap over rows; `None` for few rows.

    Resampling blocks of rows is a matrix of weights, `weights @ totals / weights @ counts` (Künsch 1989); what a block
    adds is the difference of two running sums, so the matrix is never made. Deviations
    are taken from the resamples' own mean, since the first and last rows are in fewer blocks, and widened from the
    normal to Student's distribution with as many degrees of freedom as there are blocks; that also carries them to a
    smaller `risk` than 2,000 resamples could show.
    """
    kept = counts > 0
    totals, counts = totals[kept], counts[kept]
    if totals.size < FEWEST_WINDOWS:
        return None
    observed = float(totals.sum() / counts.sum())
    deviations = totals - observed * counts
    if not deviations.any():
        return observed, observed
    block = block_length(deviations)
    ratios = np.concatenate(
        [
            _resampled(totals, starts, block) / _resampled(counts, starts, block)
            for starts in _starts(totals.size, block, resamples=_RESAMPLES, seed=seed)
        ]
    )
    low, high = np.quantile(ratios, [RISK, 1.0 - RISK]) - ratios.mean()
    widen = _small_sample(totals.size, block, risk) * normal_quantile(risk) / normal_quantile(RISK)
    widen *= math.sqrt(totals.size / (totals.size - block) / (1.0 - blocks_miss(deviations, block)))
    return observed + float(low) * widen, observed + float(high) * widen


def _long_run_variance(residuals: Floats, block: int) -> float:
    n = residuals.size
    variance = float(residuals @ residuals)
    for lag in range(1, block):
        variance += 2.0 * (1.0 - lag / block) * float(residuals[lag:] @ residuals[:-lag])
    return max(0.0, variance) / (n - block)


def _small_sample(rows: int, block: int, risk: float) -> float:
    """Student's over the normal quantile."""
    return student_quantile(risk, block_freedom(rows, block)) / normal_quantile(risk)


def block_freedom(rows: int, block: int) -> float:
    """The degrees of freedom of a Bartlett estimate on that many rows: 1.5 n / block, less one."""
    return max(1.0, min(rows - 1.0, 1.5 * rows / block - 1.0))


def block_weights(rows: int, block: int, *, resamples: int, seed: int = 0) -> Floats:
    """How often each row occurs in each resample of whole blocks; shape (resamples, rows)."""
    starts = np.concatenate([*_starts(rows, block, resamples=resamples, seed=seed)])
    picked = (starts[:, :, None] + np.arange(block)).reshape(resamples, -1)[:, :rows]
    offsets = picked + rows * np.arange(resamples)[:, None]
    return np.bincount(offsets.ravel(), minlength=rows * resamples).reshape(resamples, rows).astype(np.float64)


def _starts(rows: int, block: int, *, resamples: int, seed: int) -> Iterator[Integers]:
    """The first row of every block, a few resamples at a time: (resamples, blocks). The last block is cut to fit."""
    random = np.random.default_rng([seed, rows, block])
    for done in range(0, resamples, _AT_ONCE):
        count = min(_AT_ONCE, resamples - done)
        yield random.integers(0, rows - block + 1, size=(count, math.ceil(rows / block)))


def _resampled(values: Floats, starts: Integers, block: int) -> Floats:
    """The sum of the values in each resample, which has as many rows as there are."""
    running = np.concatenate(([0.0], np.cumsum(values)))
    last = values.size - block * (starts.shape[1] - 1)
    whole: Floats = (running[starts[:, :-1] + block] - running[starts[:, :-1]]).sum(axis=1)
    rest: Floats = running[starts[:, -1] + last] - running[starts[:, -1]]
    return whole + rest
