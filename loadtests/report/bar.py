"""Drawings of one line: a threshold's interval against its limit, and how far an operation's times reach.

Only positions are computed here, in the units of an SVG view box; the template draws them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.report.page import Slow, ThresholdRow

__all__ = ["BAR_WIDTH", "Bar", "Range", "bar_of", "ranges_of"]

BAR_WIDTH = 168.0
_BAR_EDGE = 6.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A threshold on a line: the allowed side, the interval, the observed value and the limit, as x positions.

    An interval that is open on one side runs to that end of the line.
    `zoomed`: the line does not begin at zero, because all of it lies close together.
    """

    limit: float
    allowed: tuple[float, float]
    observed: float | None
    interval: tuple[float, float] | None
    zoomed: bool


def bar_of(row: ThresholdRow) -> Bar | None:
    """The bar of a threshold, or none when nothing was observed."""
    limit, observed = row.limit.value, row.observed.value
    if limit is None or observed is None:
        return None
    ends = _ends(row)
    present = [limit, observed, *(end for end in ends or () if end is not None)]
    low, high = min(present), max(present)
    zoomed = high > 0 and (high - low) < 0.25 * high
    room = 0.35 * (high - low) or 0.1 * high or 1.0
    start, stop = (low - room, high + room) if zoomed else (0.0, max(high * 1.15, 1e-12))

    def place(value: float) -> float:
        return round(_BAR_EDGE + (value - start) / (stop - start) * (BAR_WIDTH - 2 * _BAR_EDGE), 1)

    below = row.comparison in ("<", "<=")
    allowed = (place(start), place(limit)) if below else (place(limit), place(stop))
    interval = None
    if ends is not None:
        first, last = ends
        interval = place(start if first is None else first), place(stop if last is None else last)
    return Bar(place(limit), allowed, place(observed), interval, zoomed)


def _ends(row: ThresholdRow) -> tuple[float | None, float | None] | None:
    low, high = (None if end is None else end.value for end in row.interval or (None, None))
    return None if low is None and high is None else (low, high)


@dataclass(frozen=True, slots=True)
class Range:
    """One operation's p50, p99 and max as x positions on a logarithmic line that all of them share."""

    slow: Slow
    p50: float
    p99: float
    most: float


def ranges_of(slowest: Sequence[Slow]) -> list[Range]:
    """The slowest operations on one scale, so that their lengths can be compared."""
    columns = [[one.row.response.figures[name].value or 0.0 for name in ("p50", "p99", "max")] for one in slowest]
    values = [value for column in columns for value in column if value > 0]
    if not values:
        return []
    low, high = math.log(min(values)), math.log(max(values))

    def place(value: float) -> float:
        share = (math.log(max(value, min(values))) - low) / (high - low) if high > low else 0.5
        return round(_BAR_EDGE + share * (BAR_WIDTH - 2 * _BAR_EDGE), 1)

    return [Range(one, *map(place, column)) for one, column in zip(slowest, columns, strict=True)]
