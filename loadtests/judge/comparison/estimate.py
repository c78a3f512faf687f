"""By how much a metric changed between two sets of runs, and how sure that is.

The run is the unit: what varies from run to run (memory layout, warm caches, neighbours on the machine) is not in any
run's windows (Kalibera and Jones 2013). So a time or a rate is one number a run, its logarithm, and the change is the
difference of the means. Its variance comes from

- the runs themselves, when there are enough: Welch's test with Satterthwaite's degrees of freedom; with a single run on
  one side, the spread of the other side's is taken for both;
- a calibration's spread of equal runs, pooled with theirs while they are few;
- the windows within the runs, when there is one on each side and no calibration: then nothing can be concluded.

Shares are merged counts, since a share may be zero. Each side has exact binomial bounds for as many independent trials
as it is worth, and the bounds of the difference follow from those (the MOVER of Zou and Donner 2008; Newcombe 1998).

All bounds are one-sided at 95%, as the thresholds' are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from loadtests.judge.comparison.metrics import Metric, Shares
from loadtests.judge.comparison.within import Spread, log_spread, worth
from loadtests.judge.record import RunRecord
from loadtests.judge.statistics import RISK, lower_bound, normal_quantile, student_quantile, student_tail, upper_bound

__all__ = ["Basis", "Estimate", "difference_bounds", "estimate", "share_bounds", "spread_between"]

ENOUGH = 8
"""Degrees of freedom from which the runs' own spread is used alone."""

_LEAST_P = 1e-6

_RESOLUTION = 0.0005**2
"""Times are known to 0.1%, so runs that agree to that are not known to agree better."""


class Basis(StrEnum):
    """What the bounds rest on."""

    RUNS = "runs"
    CALIBRATION = "calibration"
    PAIRS = "pairs"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class Estimate:
    """`change` is the log of a ratio, or a difference of shares; candidate against base.

    `p_up` and `p_down` are the one-sided p values of no change against a rise and against a fall. `spread` is the
    standard deviation of a single run (of a pair's difference, for pairs), known by `freedom`; `None` for shares
    without any hit.
    """

    change: float
    low: float | None
    high: float | None
    p_up: float
    p_down: float
    basis: Basis
    spread: float | None = None
    freedom: float = math.inf


def estimate(
    metric: Metric, base: Sequence[RunRecord], candidate: Sequence[RunRecord], *, calibrated: Spread | None = None
) -> Estimate | None:
    """The change of one metric; `None` where some run has no such figure, or nothing bounds it."""
    if not metric.is_ratio:
        return _of_shares(metric, base, candidate, calibrated)
    values = [[metric.value(record) for record in side] for side in (base, candidate)]
    logs = [[math.log(value) for value in side if value is not None] for side in values]
    if any(len(known) < len(side) for known, side in zip(logs, values, strict=True)):
        return None
    first, second = (np.array(side, np.float64) for side in logs)
    change = float(second.mean() - first.mean())
    own = spread_between([logs[0], logs[1]])
    if own is None and calibrated is None:
        return _of_windows(metric, base[0], candidate[0], change)
    single = [side[0] for side in (base, candidate) if len(side) == 1]
    within = [found.variance for record in single if (found := log_spread(metric, record)) is not None]
    if own is not None and min(first.size, second.size) > 1 and (calibrated is None or own.freedom >= ENOUGH):
        parts = [max(float(side.var(ddof=1)), _RESOLUTION) / side.size for side in (first, second)]
        variance = sum(parts)
        freedom = variance**2 / sum(
            part**2 / (side.size - 1) for part, side in zip(parts, (first, second), strict=True)
        )
        return _student(change, variance, freedom, spread=_per_run(variance, first.size, second.size), basis=Basis.RUNS)
    pooled = _pooled([found for found in (own, calibrated) if found is not None])
    per_run = max(pooled.variance, _RESOLUTION, *within, 0.0)
    variance = per_run * (1.0 / first.size + 1.0 / second.size)
    basis = Basis.RUNS if calibrated is None else Basis.CALIBRATION
    return _student(change, variance, pooled.freedom, spread=math.sqrt(per_run), basis=basis)


def spread_between(groups: Sequence[Sequence[float]]) -> Spread | None:
    """The variance between values of the same group, pooled over groups; `None` when every group has one value."""
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < 1:
        return None
    squares = sum(float(np.square(np.array(group) - np.mean(group)).sum()) for group in groups)
    return Spread(squares / freedom, float(freedom))


def difference_bounds(base: Shares, candidate: Shares, *, risk: float = RISK) -> tuple[float, float]:
    """One-sided bounds of the difference of two shares, (hits, trials) each as independent ones."""
    (low_a, p_a, high_a), (low_b, p_b, high_b) = (_bounded(side, risk) for side in (base, candidate))
    change = p_b - p_a
    return (
        change - math.hypot(p_b - low_b, high_a - p_a),
        change + math.hypot(high_b - p_b, p_a - low_a),
    )


def _bounded(side: Shares, risk: float) -> tuple[float, float, float]:
    hits, trials = side
    return lower_bound(hits, trials, risk=risk), hits / trials, upper_bound(hits, trials, risk=risk)


def _per_run(variance: float, first: int, second: int) -> float:
    return math.sqrt(variance / (1.0 / first + 1.0 / second))


def _pooled(spreads: Sequence[Spread]) -> Spread:
    freedom = sum(each.freedom for each in spreads)
    return Spread(sum(each.variance * each.freedom for each in spreads) / freedom, freedom)


def _of_windows(metric: Metric, base: RunRecord, candidate: RunRecord, change: float) -> Estimate | None:
    found = [log_spread(metric, record) for record in (base, candidate)]
    spreads = [each for each in found if each is not None]
    if len(spreads) < 2:
        return Estimate(change, None, None, 1.0, 1.0, Basis.WINDOWS)
    variance = sum(each.variance for each in spreads) + _RESOLUTION
    freedom = variance**2 / sum((each.variance + _RESOLUTION / 2) ** 2 / each.freedom for each in spreads)
    return _student(change, variance, freedom, spread=math.sqrt(variance / 2.0), basis=Basis.WINDOWS)


def _student(change: float, variance: float, freedom: float, *, spread: float, basis: Basis) -> Estimate:
    error = math.sqrt(variance)
    reach = student_quantile(RISK, freedom) * error
    t = change / error
    return Estimate(
        change,
        change - reach,
        change + reach,
        student_tail(t, freedom),
        student_tail(-t, freedom),
        basis,
        spread,
        freedom,
    )


def share_bounds(
    metric: Metric, base: Sequence[RunRecord], candidate: Sequence[RunRecord]
) -> tuple[float, float] | None:
    """Both one-sided bounds of the difference of a share, by merged counts; `None` where a run counted nothing."""
    sides = _worths(metric, base, candidate, None)
    return None if sides is None else difference_bounds(*sides)


def _of_shares(
    metric: Metric, base: Sequence[RunRecord], candidate: Sequence[RunRecord], calibrated: Spread | None
) -> Estimate | None:
    sides = _worths(metric, base, candidate, calibrated)
    if sides is None:
        return None
    first, second = sides
    change = second[0] / second[1] - first[0] / first[1]
    low, high = difference_bounds(first, second)
    several = max(len(base), len(candidate)) > 1
    basis = Basis.RUNS if several else Basis.WINDOWS if calibrated is None else Basis.CALIBRATION
    spread = _share_spread(first, second, len(base), len(candidate))
    up, down = (_p_value(first, second, sign) for sign in (1, -1))
    return Estimate(change, low, high, up, down, basis, spread)


def _worths(
    metric: Metric, base: Sequence[RunRecord], candidate: Sequence[RunRecord], calibrated: Spread | None
) -> tuple[Shares, Shares] | None:
    """Both sides' hits and trials as independent ones."""
    counted = [[metric.shares(metric.tally(record)) for record in side] for side in (base, candidate)]
    if any(not trials for side in counted for _, trials in side):
        return None
    overdispersion = _overdispersion(counted) if max(len(base), len(candidate)) > 1 else None
    first, second = (
        _worth(metric, records, side, overdispersion, calibrated)
        for records, side in zip((base, candidate), counted, strict=True)
    )
    return first, second


@dataclass(frozen=True, slots=True)
class _Overdispersion:
    """How many times the variance of runs' shares is the binomial's, and by how many degrees of freedom."""

    factor: float
    freedom: float


def _overdispersion(counted: Sequence[Sequence[Shares]]) -> _Overdispersion | None:
    """Pearson's statistic over its degrees of freedom, runs within sides; at least 1. `None` where nothing was hit."""
    statistic, freedom = 0.0, 0
    for side in counted:
        hits, trials = np.array(side, np.float64).T
        share = hits.sum() / trials.sum()
        freedom += hits.size - 1
        if 0.0 < share < 1.0:
            statistic += float((np.square(hits - share * trials) / (trials * share * (1.0 - share))).sum())
    return _Overdispersion(max(1.0, statistic / freedom), float(freedom)) if statistic > 0.0 else None


def _worth(
    metric: Metric,
    records: Sequence[RunRecord],
    counted: Sequence[Shares],
    overdispersion: _Overdispersion | None,
    calibrated: Spread | None,
) -> Shares:
    """The side's hits and trials as independent ones."""
    hits, trials = (sum(part) for part in zip(*counted, strict=True))
    share = hits / trials
    if len(records) == 1:
        hits, trials = worth(metric, records[0])
    part = 1.0
    if overdispersion is not None:
        part = _independent(1.0 / overdispersion.factor, overdispersion.freedom)
    elif calibrated is not None and calibrated.variance > 0.0 and 0.0 < share < 1.0:
        binomial = share * (1.0 - share) / trials * len(records)
        part = _independent(binomial / calibrated.variance, calibrated.freedom)
    return hits * part, trials * part


def _independent(part: float, freedom: float) -> float:
    """At most 1; and less for a spread that is known by few runs (Korn and Graubard 1998)."""
    return min(1.0, part) * (normal_quantile(RISK) / student_quantile(RISK, freedom)) ** 2


def _share_spread(first: Shares, second: Shares, runs_a: int, runs_b: int) -> float | None:
    shares = [(side[0] + 0.5) / (side[1] + 1.0) for side in (first, second)]
    variance = sum(p * (1.0 - p) / side[1] for p, side in zip(shares, (first, second), strict=True))
    return _per_run(variance, runs_a, runs_b) if first[0] + second[0] > 0 else None


def _p_value(first: Shares, second: Shares, sign: int) -> float:
    """The risk at which the bound on the side of zero is zero, to 1%; 1 for no change to that side."""
    if sign * (second[0] / second[1] - first[0] / first[1]) <= 0.0:
        return 1.0

    def beyond(risk: float) -> bool:
        bounds = difference_bounds(first, second, risk=risk)
        return bounds[0] > 0.0 if sign > 0 else bounds[1] < 0.0

    low, high = (_LEAST_P, RISK) if beyond(RISK) else (RISK, 0.5)
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high
