"""A change with its bounds on one line, against its margin: positions in the units of an SVG view box."""

from dataclasses import dataclass

from loadtests.report.comparison.page import ChangeRow

__all__ = ["WIDTH", "Interval", "interval_of"]

WIDTH = 180.0
_EDGE = 6.0


@dataclass(frozen=True, slots=True)
class Interval:
    """x positions: no change, both margins, the change, and its bounds; an open end runs to the edge."""

    zero: float
    margins: tuple[float, float]
    change: float
    ends: tuple[float, float]
    low_open: bool
    high_open: bool


def interval_of(row: ChangeRow) -> Interval | None:
    """The line of a row; `None` where no change is known. Zero is in the middle, so that directions compare."""
    change, low, high, margin = row.change.value, row.low.value, row.high.value, row.margin.value
    if change is None or margin is None:
        return None
    reach = 1.15 * max(abs(value) for value in (change, low or 0.0, high or 0.0, margin))

    def place(value: float) -> float:
        return round(WIDTH / 2 + value / reach * (WIDTH / 2 - _EDGE), 1)

    return Interval(
        zero=place(0.0),
        margins=(place(-margin), place(margin)),
        change=place(change),
        ends=(_EDGE if low is None else place(low), WIDTH - _EDGE if high is None else place(high)),
        low_open=low is None,
        high_open=high is None,
    )
