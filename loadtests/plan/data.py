"""What a feeder gives to an execution: a pure function of the execution's index.

The index is the execution's number in the whole run, so any number of processes feeds the same values.
Columns of one table share a seed, so all of them come from the same row.
"""

from collections.abc import Callable, Iterable, Mapping
from math import lcm

from loadtests.plan.chance import drawing, uniform
from loadtests.plan.model import Feeder

__all__ = ["recurs_after", "row", "rows", "value"]


def value(feeder: Feeder, index: int) -> str:
    """The text that execution `index` gets: in turn, starting over at the end, or drawn with replacement."""
    values = feeder.values
    if feeder.order == "random":
        return str(values[int(uniform(feeder.seed, index) * len(values))])
    return str(values[index % len(values)])


def row(data: Mapping[str, Feeder], names: Iterable[str], index: int) -> dict[str, str]:
    """The values of `names` for execution `index`; names without a feeder (extracted ones) are left out."""
    return {name: value(data[name], index) for name in names if name in data}


def rows(data: Mapping[str, Feeder], names: Iterable[str]) -> Callable[[int], dict[str, str]]:
    """`row` of those names as a function of the index alone, for the load loop."""
    feeders = [(name, _values(data[name])) for name in names if name in data]
    if len(feeders) == 1:
        name, of = feeders[0]
        return lambda index: {name: of(index)}
    return lambda index: {name: of(index) for name, of in feeders}


def _values(feeder: Feeder) -> Callable[[int], str]:
    """`value` of that feeder as a function of the index alone."""
    values, count = feeder.values, len(feeder.values)
    if feeder.order == "random":
        draw = drawing(feeder.seed)
        return lambda index: str(values[int(draw(index) * count)])
    return lambda index: str(values[index % count])


def recurs_after(data: Mapping[str, Feeder], names: Iterable[str]) -> int | None:
    """After how many executions all values of `names` come round again, in the same order; `None` where they do not.

    Values drawn at random do not, nor do names without a feeder.
    """
    feeders = [data.get(name) for name in names]
    if any(feeder is None or feeder.order == "random" for feeder in feeders):
        return None
    return lcm(*(len(feeder.values) for feeder in feeders if feeder is not None))
