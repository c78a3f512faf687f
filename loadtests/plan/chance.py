"""Seeded chance as a pure function of (seed, index): no state to carry, so shards and restarts agree with the whole.

SplitMix64 (Steele, Lea, Flood 2014): the index-th output of a generator that walks by the golden ratio from a mixed
seed. It passes BigCrush, and its index-th number costs the same as its first.
"""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draws", "derive_seed", "drawing", "uniform", "uniforms"]

_WALK = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = 0xFFFFFFFFFFFFFFFF
_UNIT = 2.0**-53


def uniform(seed: int, index: int) -> float:
    """The index-th number in [0, 1) of that seed."""
    return (_mixed(_mixed(seed) + (index + 1) * _WALK) >> 11) * _UNIT


def drawing(seed: int) -> Callable[[int], float]:
    """`uniform` of that seed as a function of the index, for the load loop: in half the time."""
    begin = _mixed(seed) + _WALK

    def draw(index: int) -> float:
        state = (begin + index * _WALK) & _MASK
        state = ((state ^ (state >> 30)) * _FIRST) & _MASK
        state = ((state ^ (state >> 27)) * _SECOND) & _MASK
        return ((state ^ (state >> 31)) >> 11) * _UNIT

    return draw


class Draws:
    """The numbers of one seed in a row, for the load loop: `draw()` gives the next in [0, 1), from `next` on."""

    __slots__ = ("_draw", "next")

    def __init__(self, seed: int) -> None:
        self._draw = drawing(seed)
        self.next = 0

    def draw(self) -> float:
        """`uniform(seed, self.next)`."""
        index = self.next
        self.next = index + 1
        return self._draw(index)


def uniforms(seed: int, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """`uniform` for many indices at once, equal to it bit for bit."""
    state = indices.astype(np.uint64)
    state += np.uint64(1)
    state *= np.uint64(_WALK)
    state += np.uint64(_mixed(seed))
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * _UNIT


def derive_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each use (`operations`, a feeder's name, …), so that uses do not move in step."""
    return _mixed((seed & _MASK) ^ (zlib.crc32(purpose.encode()) << 32 | len(purpose)))


def _mixed(state: int) -> int:
    state &= _MASK
    state = ((state ^ (state >> 30)) * _FIRST) & _MASK
    state = ((state ^ (state >> 27)) * _SECOND) & _MASK
    return state ^ (state >> 31)
