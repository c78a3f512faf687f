"""Laws of latency: what a dialled server, a fault or the null driver takes to answer.

A law is an inverse distribution function: `at(u)` for u in [0, 1) is the time in nanoseconds.
The grammar, shared by the plan's `law`, the target's fault dial and the accuracy benchmark:

    law      = component ("," component)*
    component= time [share]            share such as 2%; one component may leave it out and takes the rest
    time     = DURATION                constant
             | DURATION ".." DURATION  uniform
             | "exp" DURATION          exponential with that mean

Examples: `5ms` · `5ms 98%, 100ms 2%` · `1ms..9ms` · `exp 5ms`.
"""

import math
import re
from dataclasses import dataclass

from loadtests.units import parse_duration_ns, parse_ratio

__all__ = ["Component", "Law", "parse_law", "spread"]

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Component:
    """One branch of a law, taken with probability `share`."""

    shape: str
    low_ns: int
    high_ns: int
    share: float

    def at(self, u: float) -> int:
        """The time at quantile `u` of this branch alone, in ns."""
        if self.shape == "exp":
            return round(-self.low_ns * math.log1p(-u))
        return self.low_ns + round(u * (self.high_ns - self.low_ns))


@dataclass(frozen=True, slots=True)
class Law:
    """A mixture of components whose shares add up to one."""

    components: tuple[Component, ...]
    text: str

    def at(self, u: float) -> int:
        """The time in ns for `u` in [0, 1): the branch by share, then the quantile within the branch."""
        for component in self.components:
            if u < component.share:
                return component.at(u / component.share)
            u -= component.share
        return self.components[-1].at(0.0)


def spread(index: int) -> float:
    """Low-discrepancy number in [0, 1) for the index-th draw (golden-ratio sequence).

    Any run of n draws gives each branch its share to within about one draw, with no state to carry, so a dialled
    2% is 2% even over few requests, and shards agree with the whole.
    """
    return (index * _GOLDEN) % 1.0


def parse_law(text: str) -> Law:
    """The law written in `text`; raises `ValueError` saying what was expected."""
    drafts = [_component(part.strip()) for part in text.split(",")]
    open_ended = [draft for draft in drafts if draft[1] is None]
    given = sum(share for _, share in drafts if share is not None)
    if len(open_ended) > 1:
        raise ValueError("expected at most one component without a share, e.g. 5ms, 100ms 2%")
    rest = 1.0 - given
    if rest < -1e-9 or (not open_ended and abs(rest) > 1e-9):
        raise ValueError("expected shares that add up to 100%")
    components = tuple(
        Component(shape, low, high, max(rest, 0.0) if share is None else share) for (shape, low, high), share in drafts
    )
    return Law(components, text)


def _component(text: str) -> tuple[tuple[str, int, int], float | None]:
    found = re.fullmatch(r"(?P<time>.+?)(?:\s+(?P<share>[\d.]+%))?", text)
    if found is None:
        raise ValueError("expected a latency law such as 5ms, or 5ms 98%, 100ms 2%, or exp 5ms, or 1ms..9ms")
    share = None if found["share"] is None else parse_ratio(found["share"])
    time = found["time"].strip()
    if time.startswith("exp "):
        mean = parse_duration_ns(time[4:])
        return ("exp", mean, mean), share
    low, dots, high = time.partition("..")
    low_ns = parse_duration_ns(low)
    high_ns = parse_duration_ns(high) if dots else low_ns
    if high_ns < low_ns:
        raise ValueError("expected a range from low to high, e.g. 1ms..9ms")
    return ("uniform", low_ns, high_ns), share
