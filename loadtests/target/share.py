"""Shares kept by counting, not by chance: 2% is one in any 50. Pure arithmetic, and how a share is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from loadtests.units import parse_ratio

__all__ = ["Share", "Split", "parse_share", "passes_whole", "total_of"]

_FINEST_SHARE = 1_000_000
_EVERY = re.compile(r"\s*every\s+([1-9][0-9]{0,8})\s*")


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of every `of` things, spread evenly; `text` as it was dialled."""

    hits: int
    of: int
    text: str

    def before(self, index: int) -> int:
        """How many of the things 0..index-1 are hit."""
        return index * self.hits // self.of

    def takes(self, index: int) -> bool:
        """Whether thing `index` is hit."""
        return passes_whole(index, self.hits, self.of)


class Split:
    """Which of several shares takes a thing, at most one of them; shares of the whole, exact together.

    Each share is counted over the things those before it left over, of which it takes share / (1 - those before).
    A share of None takes nothing. Raises `ValueError` for more than 100% together.
    """

    __slots__ = ("_of_rest",)

    def __init__(self, shares: Sequence[Share | None]) -> None:
        if total_of(shares) > 1:
            raise ValueError("expected at most 100% together")
        self._of_rest: list[tuple[int, int, int]] = []
        left = Fraction(1)
        for position, share in enumerate(shares):
            if share is None or not share.hits:
                continue
            part = Fraction(share.hits, share.of)
            self._of_rest.append((position, (part / left).numerator, (part / left).denominator))
            left -= part

    def taker(self, index: int) -> int | None:
        """The position of the share that takes thing `index`; None when it is left alone."""
        for position, hits, of in self._of_rest:
            if passes_whole(index, hits, of):
                return position
            index -= index * hits // of
        return None


def passes_whole(index: int, hits: int, of: int) -> bool:
    """Whether the running sum hits/of passes a whole number at `index`."""
    return (index * hits) % of + hits >= of


def total_of(shares: Sequence[Share | None]) -> Fraction:
    """All shares together; 1 is everything."""
    return sum((Fraction(share.hits, share.of) for share in shares if share is not None), Fraction(0))


def parse_share(text: str) -> Share:
    """The share written in `text`, such as 2%, 0.02 or `every 50` (the 50th, the 100th and so on)."""
    if (found := _EVERY.fullmatch(text)) is not None:
        return Share(1, int(found[1]), text)
    share = Fraction(parse_ratio(text)).limit_denominator(_FINEST_SHARE)
    return Share(share.numerator, share.denominator, text)
