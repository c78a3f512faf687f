"""What dependence between neighbouring requests costs, measured on windows once and kept with their merged counts.

Merged counts have lost the seconds, and with them what `series.effective_samples` takes off. How much it took off stays
known: the worth of one request, 1 when all are independent. For times it is measured at marks, the shares of answers
beyond p5 … p99.9; between two marks the smaller worth holds, so merged counts are no surer than windows were. Where
nothing, or everything, is a hit, all requests count in full, as they do with windows.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.series import effective_samples
from loadtests.result.histogram import Histogram

__all__ = ["MARKS", "Dependence", "dependence_of_counts", "dependence_of_times"]

MARKS = (0.05, 0.5, 0.9, 0.95, 0.99, 0.999)
"""The quantiles at which the dependence of times is measured."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dependence:
    """(share of hits, worth of one request) where it was measured, ascending by share."""

    marks: tuple[tuple[float, float], ...] = ()

    def worth(self, share: float) -> float:
        """The worth of one request when `share` of them are hits: the smaller of the two neighbouring marks'."""
        if not self.marks or not 0.0 < share < 1.0:
            return 1.0
        position = bisect_left(self.marks, (share,))
        return min(worth for _, worth in self.marks[max(0, position - 1) : position + 1])


def dependence_of_counts(hits: Floats, trials: Floats) -> Dependence:
    """That of one share, by rows of consecutive seconds."""
    total = float(trials.sum())
    return Dependence(((float(hits.sum()) / total, _worth(hits, trials)),)) if total else Dependence()


def dependence_of_times(seconds: Sequence[Histogram]) -> Dependence:
    """That of one histogram, by consecutive seconds."""
    pooled = Histogram.merge(seconds)
    if not pooled.total:
        return Dependence()
    trials = np.array([found.total for found in seconds], np.float64)
    rows = np.repeat(np.arange(len(seconds)), [found.indices.size for found in seconds])
    indices = np.concatenate([found.indices for found in seconds])
    counts = np.concatenate([found.counts for found in seconds]).astype(np.float64)
    running = np.cumsum(pooled.counts)
    marks: dict[float, float] = {}
    for quantile in MARKS:
        edge = pooled.indices[np.searchsorted(running, max(1, int(quantile * pooled.total + 0.5)))]
        hits = np.bincount(rows, np.where(indices > edge, counts, 0.0), minlength=len(seconds)).astype(np.float64)
        share = float(hits.sum()) / pooled.total
        if share > 0.0:
            marks[share] = _worth(hits, trials)
    return Dependence(tuple(sorted(marks.items())))


def _worth(hits: Floats, trials: Floats) -> float:
    return effective_samples(hits, trials) / float(trials.sum())
