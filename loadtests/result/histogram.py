"""Latency histograms in the HdrHistogram layout: 3 significant digits, 1 µs to 1 h, sparse, merged exactly.

Layout (HdrHistogram, Gil Tene): values in µs; bucket b covers [2^(b+10), 2^(b+11)) µs in 1,024 equal steps, values
below 2,048 µs have a counter each. `value_of(index_of(v))` differs from v by less than 0.1%.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COUNTERS",
    "HIGHEST_US",
    "LOWEST_US",
    "Histogram",
    "highest_equivalent_us",
    "index_of",
    "lowest_equivalent_us",
]

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
COUNTERS = 23_552
_HALF = 1_024
_HALF_BITS = 10
_MERGED_AT_ONCE = 256

IntArray = NDArray[np.int64]


def index_of(values_us: IntArray) -> IntArray:
    """Counter index of each value (µs, already within 1 µs .. 1 h); vectorised."""
    # frexp's exponent is the bit length: exact for integers below 2^53.
    exponent = np.frexp(values_us)[1].astype(np.int64)
    bucket = np.maximum(exponent - (_HALF_BITS + 1), 0)
    return (bucket << _HALF_BITS) + (values_us >> bucket)


def lowest_equivalent_us(index: IntArray) -> IntArray:
    """Smallest value in µs that is counted at `index`."""
    bucket = np.maximum((index >> _HALF_BITS) - 1, 0)
    lowest: IntArray = (index - (bucket << _HALF_BITS)) << bucket
    return lowest


def highest_equivalent_us(index: IntArray) -> IntArray:
    """Largest value in µs that is counted at `index`."""
    bucket = np.maximum((index >> _HALF_BITS) - 1, 0)
    highest: IntArray = ((index - (bucket << _HALF_BITS) + 1) << bucket) - 1
    return highest


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts by counter index, ascending and without zeros.

    `clamped` of the observations were out of range; each is counted at the edge of the range it left.
    """

    indices: NDArray[np.int32]
    counts: NDArray[np.int64] | NDArray[np.int32]
    clamped: int = 0

    @classmethod
    def empty(cls) -> Self:
        """The neutral element of `merge`."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int64))

    @classmethod
    def of_us(cls, values_us: IntArray) -> Self:
        """A histogram of values in µs; what lies outside 1 µs .. 1 h is clamped and counted."""
        inside = np.clip(values_us, LOWEST_US, HIGHEST_US)
        return cls.of_indices(index_of(inside), clamped=int(np.count_nonzero(inside != values_us)))

    @classmethod
    def of_ns(cls, values_ns: IntArray) -> Self:
        """As `of_us`, from ns rounded to the nearest µs."""
        return cls.of_us((values_ns + 500) // 1000)

    @classmethod
    def of_indices(cls, indices: IntArray, clamped: int = 0) -> Self:
        """A histogram of single observations given by counter index, in any order."""
        dense = np.bincount(indices)
        present = np.flatnonzero(dense)
        return cls(present.astype(np.int32), dense[present].astype(np.int64), clamped)

    @classmethod
    def merge(cls, parts: "Iterable[Histogram]") -> Self:
        """The exact sum of the parts; associative, commutative, with `empty` as neutral element."""
        kept = [part for part in parts if part.indices.size]
        if len(kept) == 1:
            return cls(kept[0].indices, kept[0].counts, kept[0].clamped)
        if not kept:
            return cls.empty()
        low, high = 0, COUNTERS - 1
        if len(kept) < _MERGED_AT_ONCE:  # else looking for both costs more than it saves
            low = min(int(part.indices[0]) for part in kept)
            high = max(int(part.indices[-1]) for part in kept)
        dense = np.zeros(1 + high - low, np.int64)
        for start in range(0, len(kept), _MERGED_AT_ONCE):
            block = kept[start : start + _MERGED_AT_ONCE]
            where = np.concatenate([part.indices for part in block]) - low
            np.add.at(dense, where, np.concatenate([part.counts for part in block], dtype=np.int64))
        present = np.flatnonzero(dense)
        return cls((present + low).astype(np.int32), dense[present], sum([part.clamped for part in kept]))

    @property
    def total(self) -> int:
        """Number of observations."""
        return int(self.counts.sum())

    @property
    def min_us(self) -> int | None:
        """Lowest value equivalent to the smallest observation; `None` when empty."""
        return int(lowest_equivalent_us(self.indices[:1].astype(np.int64))[0]) if self.indices.size else None

    @property
    def max_us(self) -> int | None:
        """Highest value equivalent to the largest observation; `None` when empty."""
        return int(highest_equivalent_us(self.indices[-1:].astype(np.int64))[0]) if self.indices.size else None

    @property
    def mean_us(self) -> float | None:
        """Mean of the counters' middles; `None` when empty."""
        if not self.indices.size:
            return None
        wide = self.indices.astype(np.int64)
        middles = (lowest_equivalent_us(wide) + highest_equivalent_us(wide) + 1) / 2
        exact = wide < 2 * _HALF
        middles[exact] = wide[exact]
        return float((middles * self.counts).sum() / self.counts.sum())

    def quantile_us(self, quantile: float) -> int | None:
        """Highest equivalent value of the observation at `quantile` (0..1); `None` when empty.

        Its rank is `quantile * total` rounded to the nearest, at least 1, as HdrHistogram counts it.
        """
        found = self.quantiles_us([quantile])
        return None if found is None else found[0]

    def quantiles_us(self, quantiles: Iterable[float]) -> list[int] | None:
        """`quantile_us` of each, at once; `None` when empty."""
        if not self.indices.size:
            return None
        running = np.cumsum(self.counts)
        ranks = np.array([int(quantile * float(running[-1]) + 0.5) for quantile in quantiles], np.int64)
        positions = np.searchsorted(running, np.clip(ranks, 1, running[-1]))
        found: list[int] = highest_equivalent_us(self.indices[positions].astype(np.int64)).tolist()
        return found

    def count_over_us(self, limit_us: float) -> int:
        """Observations whose counter lies above the one that holds `limit_us` (that is, provably larger than it)."""
        if not self.indices.size or limit_us >= HIGHEST_US:
            return 0
        limit = max(LOWEST_US, int(limit_us))
        bucket = max(limit.bit_length() - (_HALF_BITS + 1), 0)
        edge = (bucket << _HALF_BITS) + (limit >> bucket)  # as `index_of`, for one
        return int(self.counts[np.searchsorted(self.indices, edge, side="right") :].sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (
            np.array_equal(self.indices, other.indices)
            and np.array_equal(self.counts, other.counts)
            and self.clamped == other.clamped
        )

    __hash__ = None  # type: ignore[assignment]
