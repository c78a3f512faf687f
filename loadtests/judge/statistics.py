"""Exact bounds on a share: the binomial's, for counts that may be real numbers once dependence is taken off them.

A claim is settled at 95% confidence, one-sided (`RISK`). The bounds are Clopper and Pearson's (1934): quantiles of the
beta distribution, which is defined for real counts too, so a sample of n dependent requests can be judged as the
n / design effect independent ones that it is worth (Korn and Graubard 1998).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

__all__ = [
    "RISK",
    "beta_quantile",
    "holm",
    "lower_bound",
    "normal_quantile",
    "regularised_beta",
    "samples_to_settle",
    "student_quantile",
    "student_tail",
    "surely_above",
    "surely_below",
    "two_sided_bounds",
    "upper_bound",
]

RISK = 0.05
"""The chance of a wrong PASS, and of a wrong FAIL, that a verdict may take: 95% confidence, one-sided."""

_TINY = 1e-300
_PRECISION = 1e-15
_MOST_SAMPLES = 10**8


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the share of the beta(a, b) distribution below `x`.

    The continued fraction DLMF 8.17.22 on the side of the mean where it converges fast, and the reflection
    I_x(a, b) = 1 - I_(1-x)(b, a) on the other; evaluated forwards by the modified Lentz method.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x),
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(x, a, b) / a
    return 1.0 - front * _continued_fraction(1.0 - x, b, a) / b


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x at which `regularised_beta(x, a, b)` is `probability`: Newton's steps, kept in a shrinking bracket."""
    low, high, x = 0.0, 1.0, a / (a + b)
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        if not 0.0 < x < 1.0:  # closer to the edge than a float can say
            break
        error = regularised_beta(x, a, b) - probability
        low, high = (low, x) if error > 0.0 else (x, high)
        exponent = constant + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x)
        step = x - error / math.exp(exponent) if -700.0 < exponent < 700.0 else -1.0
        previous, x = x, step if low < step < high else (low + high) / 2.0
        if abs(x - previous) <= 1e-14 * x:
            break
    return x


def upper_bound(hits: float, trials: float, *, risk: float = RISK) -> float:
    """The largest share that `hits` of `trials` leave possible at `risk`; 1 when nothing missed."""
    return 1.0 if hits >= trials else beta_quantile(1.0 - risk, hits + 1.0, trials - hits)


def lower_bound(hits: float, trials: float, *, risk: float = RISK) -> float:
    """The smallest share that `hits` of `trials` leave possible at `risk`; 0 when nothing hit."""
    return 0.0 if hits <= 0.0 else beta_quantile(risk, hits, trials - hits + 1.0)


def two_sided_bounds(hits: float, trials: float, *, risk: float = RISK) -> tuple[float, float]:
    """Both bounds so that together they miss the truth at most at `risk`, half of it on each side."""
    return lower_bound(hits, trials, risk=risk / 2.0), upper_bound(hits, trials, risk=risk / 2.0)


def surely_below(share: float, hits: float, trials: float, *, risk: float = RISK) -> bool:
    """Whether the upper bound lies below `share`; the same answer, without computing the bound."""
    return hits < trials and regularised_beta(share, hits + 1.0, trials - hits) > 1.0 - risk


def surely_above(share: float, hits: float, trials: float, *, risk: float = RISK) -> bool:
    """Whether the lower bound lies above `share`; the same answer, without computing the bound."""
    return hits > 0.0 and regularised_beta(share, hits, trials - hits + 1.0) < risk


def samples_to_settle(observed: float, share: float, *, risk: float = RISK) -> int | None:
    """How many independent samples would tell the share `observed` from `share`, if it stays what it is.

    `None` when they are equal, or so close that 10^8 samples would not do.
    """

    def settled(trials: int) -> bool:
        settles = surely_below if observed < share else surely_above
        return settles(share, observed * trials, trials, risk=risk)

    if observed == share:
        return None
    enough = 1
    while not settled(enough):
        enough *= 2
        if enough > _MOST_SAMPLES:
            return None
    low, high = enough // 2, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def normal_quantile(risk: float) -> float:
    """The z that a standard normal exceeds with probability `risk`."""
    return -NormalDist().inv_cdf(risk)


def student_quantile(risk: float, freedom: float) -> float:
    """The t that Student's distribution with (real) `freedom` exceeds with probability `risk` < 0.5."""
    x = beta_quantile(2.0 * risk, freedom / 2.0, 0.5)
    return math.sqrt(freedom * (1.0 - x) / x)


def student_tail(t: float, freedom: float) -> float:
    """The probability that Student's distribution with (real) `freedom` exceeds `t`."""
    if math.isinf(t):
        return 0.0 if t > 0.0 else 1.0
    tail = regularised_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0
    return tail if t >= 0.0 else 1.0 - tail


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for being looked at together, in their order (Holm 1979).

    The chance that any true null hypothesis has an adjusted value at or below a risk is at most that risk, whatever
    depends on what.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    ascending = sorted(range(len(p_values)), key=lambda position: p_values[position])
    for rank, position in enumerate(ascending):
        highest = max(highest, min(1.0, p_values[position] * (len(p_values) - rank)))
        adjusted[position] = highest
    return adjusted


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, 200 + 20 * math.isqrt(int(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for coefficient in (even, odd):
            c = _away_from_zero(1.0 + coefficient / c)
            d = 1.0 / _away_from_zero(1.0 + coefficient * d)
            fraction *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return fraction


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
