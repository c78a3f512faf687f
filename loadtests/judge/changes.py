"""Where a series of runs changes its level: E-divisive, with a permutation test. Advisory: no verdict rests on it.

Matteson and James (2014): of all ways to cut a series in two, take the one whose parts differ most by the energy
distance (Székely and Rizzo 2005), test that against the same series in random order, and go on within both parts. No
distribution is assumed. The second part need not run to the end, or a change that is soon undone would be lost in what
follows; it may end at each quarter of the series.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ChangePoint", "change_points"]

_RISK = 0.01
_PERMUTATIONS = 199
_BATCH = 20
_DIRECT = 16
_ENDS = 4

Floats = NDArray[np.float64]
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The level changes with the value at `index`: from `before` to `after`, means of the stretches on both sides.

    They are geometric means, and `change` is `after / before - 1`, where changes are ratios; else arithmetic means and
    their difference. `p_value` is how often the series in random order has a cut as clear.
    """

    index: int
    before: float
    after: float
    change: float
    p_value: float


def change_points(
    values: Sequence[float],
    *,
    scale: Scale = "ratio",
    least_segment: int = 4,
    least_change: float = 0.05,
    seed: int = 0,
) -> tuple[ChangePoint, ...]:
    """The change points of a series, oldest value first; the same for the same seed.

    On the scale `ratio` values are above zero and `least_change` is relative; on `difference` it is in their unit.
    Stretches between change points hold at least `least_segment` values. A smaller change than `least_change` is none.
    """
    if least_segment < 2:
        raise ValueError(f"a segment needs at least 2 values to have a spread, got {least_segment}")
    series = np.asarray(values, np.float64)
    if scale == "ratio":
        if (series <= 0.0).any():
            raise ValueError("ratios need values above zero; use the scale of differences")
        series = np.log(series)
    floor = math.log1p(least_change) if scale == "ratio" else least_change
    random = np.random.default_rng(seed)
    if series.size < 2 * least_segment:
        return ()
    found = _large_ones(series, dict(_cuts(series, 0, least_segment, random)), floor)
    levels = _levels(series, found)
    cuts = zip(found, levels, levels[1:], strict=False)
    return tuple(_point(cut, before, after, found[cut], scale) for cut, before, after in cuts)


def _large_ones(series: Floats, found: Mapping[int, float], floor: float) -> dict[int, float]:
    """The cuts, in order, without those between levels closer than `floor`; the smallest change goes first.

    Only once all are known: half of a bump is a small change of the whole.
    """
    kept = dict(sorted(found.items()))
    while kept:
        changes = np.abs(np.diff(_levels(series, kept)))
        if changes.min() >= floor:
            break
        del kept[list(kept)[int(changes.argmin())]]
    return kept


def _levels(series: Floats, cuts: Iterable[int]) -> list[float]:
    edges = [0, *cuts, series.size]
    return [float(series[start:end].mean()) for start, end in pairwise(edges)]


def _point(index: int, before: float, after: float, p_value: float, scale: Scale) -> ChangePoint:
    if scale == "difference":
        return ChangePoint(index, before, after, after - before, p_value)
    return ChangePoint(index, math.exp(before), math.exp(after), math.expm1(after - before), p_value)


def _cuts(series: Floats, offset: int, least: int, random: np.random.Generator) -> Iterator[tuple[int, float]]:
    """(index, p value) of every cut within the series, whose first value has the index `offset`."""
    if series.size < 2 * least or float(np.ptp(series)) == 0.0:
        return
    cuts, clearness = _best_cuts(series[None, :], least)
    cut = int(cuts[0])
    p_value = _p_value(series, float(clearness[0]), least, random)
    if p_value > _RISK:
        return
    yield offset + cut, p_value
    yield from _cuts(series[:cut], offset, least, random)
    yield from _cuts(series[cut:], offset + cut, least, random)


def _p_value(series: Floats, observed: float, least: int, random: np.random.Generator) -> float:
    """The share of random orders, this one included, with a cut as clear; given up once it must exceed the risk."""
    as_clear, tried = 1, 1
    while tried <= _PERMUTATIONS and as_clear <= _RISK * (_PERMUTATIONS + 1):
        count = min(_BATCH, _PERMUTATIONS + 1 - tried)
        shuffled = random.permuted(np.tile(series, (count, 1)), axis=1)
        as_clear += int((_best_cuts(shuffled, least)[1] >= observed * (1.0 - 1e-12)).sum())
        tried += count
    return as_clear / tried


def _best_cuts(series: Floats, least: int) -> tuple[NDArray[np.int64], Floats]:
    """The clearest cut of each row, and how clear it is, over all ends that the second part may have."""
    n = series.shape[1]
    ends = sorted({max(2 * least, n * part // _ENDS) for part in range(1, _ENDS + 1)})
    below = _distances_to_earlier(series)
    found = [_clearness(below[:, :end], _distances_to_later(series[:, :end]), least) for end in ends]
    best = np.stack([each.max(axis=1) for each in found])
    cuts = np.stack([each.argmax(axis=1) + least for each in found])
    chosen = best.argmax(axis=0)
    rows = np.arange(series.shape[0])
    return cuts[chosen, rows], best[chosen, rows]


def _clearness(below: Floats, above: Floats, least: int) -> Floats:
    """The energy statistic of each cut of each row, (rows, cuts): n m / (n + m) (2 E|X-Y| - E|X-X'| - E|Y-Y'|).

    `below` and `above` are each value's distances to all earlier and to all later ones.
    """
    n = below.shape[1]
    sizes = np.arange(least, n - least + 1, dtype=np.float64)
    cuts = slice(least - 1, n - least)
    first = np.cumsum(below, axis=1)[:, cuts]  # all pairs among the first `size`
    touched = np.cumsum(below + above, axis=1)[:, cuts]  # and those between first and second, the former twice
    across = touched - 2.0 * first
    second = below.sum(axis=1)[:, None] - first - across
    rest = n - sizes
    energy = (
        2.0 * across / (sizes * rest) - first * 2.0 / (sizes * (sizes - 1.0)) - second * 2.0 / (rest * (rest - 1.0))
    )
    statistic: Floats = sizes * rest / n * energy
    return statistic


def _distances_to_later(series: Floats) -> Floats:
    later: Floats = _distances_to_earlier(series[:, ::-1])[:, ::-1]
    return later


def _distances_to_earlier(series: Floats) -> Floats:
    """For each value the sum of its distances to all values before it in its row, in n log² n steps.

    Divide and conquer: within blocks of 16 pair by pair, then block by block against its sorted left neighbour.
    """
    rows, n = series.shape
    width = _DIRECT * 2 ** max(0, math.ceil(math.log2(n / _DIRECT)))
    padded = np.zeros((rows, width))  # values after the end are before none that counts
    padded[:, :n] = series
    blocks = padded.reshape(-1, _DIRECT)
    pairs = np.abs(blocks[:, :, None] - blocks[:, None, :])
    sums = (pairs * np.tri(_DIRECT, k=-1)).sum(axis=2).reshape(rows, width)
    levels, ranks = np.unique(padded, return_inverse=True)
    ranks = ranks.reshape(rows, width)
    size = _DIRECT
    while size < width:
        halves = ranks.reshape(-1, 2, size)
        sums.reshape(-1, 2, size)[:, 1] += _distances_between(levels, halves[:, 0], halves[:, 1])
        size *= 2
    distances: Floats = sums[:, :n]
    return distances


def _distances_between(levels: Floats, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """For each value of `right` the sum of its distances to those of `left` in its row; both by rank in `levels`."""
    rows, size = left.shape
    ordered = np.sort(left, axis=1)
    shift = (np.arange(rows) * levels.size)[:, None]
    at_most = np.searchsorted((ordered + shift).ravel(), (right + shift).ravel(), side="right").reshape(rows, size)
    at_most -= (np.arange(rows) * size)[:, None]
    running = np.concatenate([np.zeros((rows, 1)), np.cumsum(levels[ordered], axis=1)], axis=1)
    smaller = np.take_along_axis(running, at_most, axis=1)
    larger = running[:, -1:] - smaller
    distances: Floats = levels[right] * (2 * at_most - size) - smaller + larger
    return distances
